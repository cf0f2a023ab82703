import type { AzureCredentials, GoogleCredentials } from "../model.ts";
import { keepKey, keepSecret } from "../secrets.ts";
import { isTable, type Layer } from "./layers.ts";

/** A configured login to Google Cloud. */
export interface WrittenCredentials {
  /** A whole key; null where the machine's default credentials are to be used. */
  readonly key: GoogleCredentials | null;
  /** The project in which jobs run, which may be the only key; null without it. */
  readonly projectId: string | null;
}

/** Where dlt looks for credentials, the most specific place first (dlt's documentation, "How dlt looks for values"). */
export const credentialPlaces: readonly (readonly string[])[] = [
  ["destination", "bigquery", "credentials"],
  ["destination", "credentials"],
  ["credentials"],
];

/** Keys that only one kind of credentials has. */
const marks: Readonly<Record<string, readonly string[]>> = {
  service_account: ["client_email", "private_key"],
  authorized_user: ["client_id", "client_secret", "refresh_token"],
};

/**
 * The credentials for Google Cloud that stand in the files of dlt or in the environment: a table of keys, or the text of
 * a key file. A later layer wins key by key. The login reports whether a key is complete. Found keys are
 * masked in all later output.
 */
export function googleCredentials(layers: readonly Layer[]): WrittenCredentials {
  for (const place of credentialPlaces) {
    const values = valuesAt(place, layers);
    keepKey(Object.fromEntries(values));
    if (values.size === 0) continue;
    const [type] = Object.entries(marks).find(([, keys]) => keys.some((key) => values.has(key))) ?? [];
    const key = type === undefined ? null : { ...Object.fromEntries(values), type };
    return { key, projectId: values.get("project_id") ?? null };
  }
  return { key: null, projectId: null };
}

/** The key to Azure Blob Storage in the variables that Azure's own tools use; null without one. */
export function azureCredentials(environment: Readonly<Record<string, string | undefined>>): AzureCredentials | null {
  const connectionString = environment["AZURE_STORAGE_CONNECTION_STRING"] || null;
  const sasToken = environment["AZURE_STORAGE_SAS_TOKEN"] || null;
  for (const text of [connectionString ?? "", sasToken ?? ""]) {
    keepSecret(text);
    for (const [, secret = ""] of text.matchAll(/(?:AccountKey|\bsig)=([^;&]+)/giu)) {
      keepSecret(secret);
      keepSecret(decoded(secret));
    }
  }
  return connectionString === null && sasToken === null ? null : { connectionString, sasToken };
}

/**
 * Masks the variables of other programs in all later output: logins to clouds, which the SDKs
 * find themselves, and to the proxies of the network.
 */
export function keepVariables(environment: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value = ""] of Object.entries(environment)) {
    if (secretVariables.has(name)) keepSecret(value);
    const login = /^(?:https?|all)_proxy$/iu.test(name) ? /^(?:\w+:\/\/)?([^/?#\s]+)@/u.exec(value)?.[1] : undefined;
    for (const part of login === undefined ? [] : [login, ...login.split(/:(.*)/su).slice(1)]) {
      keepSecret(part);
      keepSecret(decoded(part));
    }
  }
}

const secretVariables: ReadonlySet<string> = new Set([
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  "AZURE_CLIENT_SECRET",
  "AZURE_CLIENT_CERTIFICATE_PASSWORD",
  "AZURE_PASSWORD",
]);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function valuesAt(place: readonly string[], layers: readonly Layer[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const setting of layers.flat()) {
    // A variable has the rest of the path in its key: `credentials__private_key`.
    const path = setting.path.flatMap((name) => name.split("__"));
    if (path.slice(0, place.length).join(".") !== place.join(".")) continue;
    const key = path.slice(place.length).join(".");
    const table = key === "" ? parsed(setting.value) : { [key]: setting.value };
    for (const [name, value] of Object.entries(table)) {
      if (typeof value === "string" && value !== "")
        values.set(name, name === "private_key" ? unescaped(value) : value);
    }
  }
  return values;
}

function parsed(value: unknown): Record<string, unknown> {
  if (isTable(value)) return value;
  try {
    const document: unknown = typeof value === "string" ? JSON.parse(value) : {};
    return isTable(document) ? document : {};
  } catch {
    // The login reports what is missing; the text itself is not repeated.
    if (typeof value === "string") keepSecret(value);
    return {};
  }
}

/** Environment variables often carry a key on one line, with its line ends written as `\n`. */
function unescaped(key: string): string {
  return `${key.replaceAll("\\n", "\n").trimEnd()}\n`;
}
