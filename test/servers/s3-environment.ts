import type { TestContext } from "node:test";

import { testKey } from "./s3-signature.ts";

/** The variables under which the SDK looks for a login and a region. */
const names = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_PROFILE",
  "AWS_REGION",
  "AWS_DEFAULT_REGION",
  "AWS_ENDPOINT_URL",
  "AWS_ENDPOINT_URL_S3",
  "AWS_CONFIG_FILE",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_EC2_METADATA_DISABLED",
] as const;

/** The key of the strict server, as a user has it in the environment. */
export const testLogin: AwsVariables = {
  AWS_ACCESS_KEY_ID: testKey.accessKeyId,
  AWS_SECRET_ACCESS_KEY: testKey.secretAccessKey,
};

/** Variables of the environment that the SDK reads. */
export type AwsVariables = Partial<Record<(typeof names)[number], string>>;

/** Makes this a machine with these variables and no file of AWS, until the test is over. */
export function setAwsVariables(t: Pick<TestContext, "after">, variables: AwsVariables): void {
  const isolated: AwsVariables = {
    AWS_CONFIG_FILE: "/nonexistent/config",
    AWS_SHARED_CREDENTIALS_FILE: "/nonexistent/credentials",
    AWS_EC2_METADATA_DISABLED: "true",
    ...variables,
  };
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  t.after(() => assign(before));
  assign(Object.fromEntries(names.map((name) => [name, isolated[name]])));
}

function assign(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
