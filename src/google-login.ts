import type { GoogleAuth } from "google-auth-library";
import type { GoogleCredentials } from "./model.ts";
import { isNetworkError, isTransientStatus } from "./retry.ts";
import { keepKey, keepToken } from "./secrets.ts";

/** Makes a client of Google Cloud log in with a key; with null it uses the default credentials of the machine. */
export function useKey(auth: GoogleAuth, key: GoogleCredentials | null): void {
  // The option `credentials` does the same, and prints a warning that is not meant for the user.
  if (key !== null) auth.jsonContent = withType(key);
}

/** A key from a configuration may lack its type (service account or user). */
function withType(key: GoogleCredentials): GoogleCredentials {
  if (key["type"] !== undefined) return key;
  return { ...key, type: key["refresh_token"] === undefined ? "service_account" : "authorized_user" };
}

/**
 * The headers of an authorized request. The library caches the token until it expires. Requesting it before the request
 * itself distinguishes an invalid key from a denied request. Throws the library's error: see `isUnreached`.
 */
export async function authorize(auth: GoogleAuth): Promise<Headers> {
  try {
    const headers = await auth.getRequestHeaders();
    keepToken(headers.get("authorization"));
    return headers;
  } catch (error) {
    keepKey(auth.jsonContent ?? {});
    throw error;
  }
}

/** The account whose permissions count, of a client that is authorized. */
export async function accountOf(auth: GoogleAuth): Promise<string> {
  const { client_email: account } = await auth.getCredentials();
  return account ?? "the user of the application default credentials";
}

/** The identity at a configured endpoint. */
export const anonymous = "anonymous: a configured endpoint gets no credentials";

/** Whether an error says that Google, or its token service, is unreachable or unavailable. */
export function isUnreached(error: unknown): boolean {
  const { name, response } = (error ?? {}) as {
    readonly name?: unknown;
    readonly response?: { readonly status?: unknown };
  };
  return isNetworkError(error) || isTransientStatus(response?.status) || name === "FetchError";
}
