import { openStorage } from "../../../src/storages/index.ts";
import type { TestBucket } from "../../conformance/storage.ts";
import { setAwsVariables } from "../../servers/s3-environment.ts";
import type { Lent } from "../google/project.ts";

/**
 * Makes an empty bucket on moto, filled by plain HTTP and read by the real SDK, which logs in as a user without rights:
 * moto looks at rights only while it is asked to (https://docs.getmoto.org/en/latest/docs/iam.html).
 */
export async function motoBucket(endpoint: string, name: string): Promise<Lent<TestBucket>> {
  await send(`${endpoint}/${name}`, "PUT");
  const restores: (() => unknown)[] = [];
  setAwsVariables(
    { after: (restore) => void restores.push(restore as () => unknown) },
    await userWithoutRights(endpoint, name),
  );
  const options = { endpoint, payer: null, googleCredentials: null, azureCredentials: null };
  const address = (key: string): string => `${endpoint}/${name}/${key.split("/").map(encodeURIComponent).join("/")}`;
  // So many requests pass before rights count.
  const freeRequests = (count: string): Promise<string> => send(`${endpoint}/moto-api/reset-auth`, "POST", count);
  return {
    subject: {
      open: () => openStorage(`s3://${name}`, options),
      openMissing: () => openStorage(`s3://${name}-missing`, options),
      put: async (key, bytes) => void (await send(address(key), "PUT", bytes)),
      remove: async (key) => void (await send(address(key), "DELETE")),
      async whileDenied(work) {
        await freeRequests("0");
        try {
          await work();
        } finally {
          await freeRequests("inf");
        }
      },
    },
    close: async () => {
      for (const restore of restores) await restore();
    },
  };
}

/** The login of a new user to whom nothing is granted. */
async function userWithoutRights(
  endpoint: string,
  name: string,
): Promise<{ readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string }> {
  await askIam(endpoint, `Action=CreateUser&UserName=${name}`);
  const made = await askIam(endpoint, `Action=CreateAccessKey&UserName=${name}`);
  const [, id = ""] = /<AccessKeyId>(.+)<\/AccessKeyId>/u.exec(made) ?? [];
  const [, secret = ""] = /<SecretAccessKey>(.+)<\/SecretAccessKey>/u.exec(made) ?? [];
  return { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret };
}

function askIam(endpoint: string, query: string): Promise<string> {
  const form = { "content-type": "application/x-www-form-urlencoded" };
  return send(`${endpoint}/`, "POST", `${query}&Version=2010-05-08`, { ...signedFor("iam"), ...form });
}

/** moto finds the service that a request is for by the scope of its signature, and checks no more while rights do not count. */
function signedFor(service: "iam" | "s3"): Readonly<Record<string, string>> {
  const scope = `Credential=any/20250101/us-east-1/${service}/aws4_request`;
  return { authorization: `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=0` };
}

async function send(
  url: string,
  method: string,
  body?: string | Uint8Array,
  headers: Readonly<Record<string, string>> = { ...signedFor("s3"), "content-type": "application/octet-stream" },
): Promise<string> {
  const content = body === undefined ? {} : { body: typeof body === "string" ? body : Uint8Array.from(body) };
  const answer = await fetch(url, { method, headers, ...content });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text.slice(0, 500)}`);
  return text;
}
