import { BillhouseError, messageOf } from "../../errors.ts";
import { withoutSecrets } from "../../secrets.ts";
import { isNetworkError, isTransientStatus } from "../../retry.ts";
import type { Client } from "./client.ts";

/** The HTTP status that the service answered with, where it answered. */
export function statusOf(error: unknown): number | undefined {
  return (error as { readonly statusCode?: number } | null)?.statusCode;
}

/** The service's own word for what went wrong: `BlobNotFound`. An answer to HEAD has it in a header only. */
export function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { code, details } = error as {
    readonly code?: unknown;
    readonly details?: { readonly errorCode?: unknown };
  };
  const found = details?.errorCode ?? code;
  return typeof found === "string" ? found : "";
}

/** Whether a failure passes when one waits. */
export function isTransient(error: unknown): boolean {
  if (error instanceof BillhouseError || isCredentialFailure(error)) return false;
  const status = statusOf(error);
  if (status !== undefined && status >= 300) return isTransientStatus(status);
  // The SDK's words for an answer that ends too early, or that is no XML to its end.
  return (
    isNetworkError(error) ||
    codeOf(error) === "PARSE_ERROR" ||
    /^(?:Data corruption failure: received less|aborted|The operation was aborted)/u.test(messageOf(error))
  );
}

/** What an explanation needs to know of a client. */
type Known = Pick<Client, "url" | "account" | "name">;

/**
 * What a failed request means to a person, where the caller has not dealt with it: STORAGE_DENIED with the role that is
 * missing, CREDENTIALS_INVALID, STORAGE_NOT_FOUND, STORAGE_UNAVAILABLE. Any other error is given back, without what it
 * holds of the request.
 */
export function explain(client: Known, error: unknown, key = ""): unknown {
  if (error instanceof BillhouseError) return error;
  const code = codeOf(error);
  const status = statusOf(error);
  if (isTransient(error)) return unavailable(client.url, error);
  if (code === "ContainerNotFound") return noContainer(client, error);
  if (code === "BlobArchived" || code === "BlobBeingRehydrated") return archived(client, error, key);
  if (isCredentialFailure(error)) return invalidCredentials(error, "There is no login to Azure that works here.");
  if (keyFailures.has(code) || messageOf(error).startsWith("Server failed to authenticate") || status === 401) {
    const sentence = `Azure does not take the key, the signature or the login that billhouse has for the account ${client.account}.`;
    return invalidCredentials(error, sentence);
  }
  if (status === 403 || code === "PublicAccessNotPermitted") return denied(client, error, code);
  return withoutSecrets(error) ?? error;
}

/** The error for a service that is not reached, or does not come to itself while it is waited for. */
export function unavailable(url: string, cause: unknown): BillhouseError {
  const status = statusOf(cause);
  const reason = status !== undefined && status >= 300 ? `status ${status}` : codeOf(cause);
  const shown = reason === "" ? "" : ` (${reason})`;
  return new BillhouseError("STORAGE_UNAVAILABLE", `Azure Blob Storage does not answer for ${url}${shown}.`, {
    hint:
      reason === "ENOTFOUND"
        ? "Check the name of the account in bucket_url: there is no server of that name, or no network."
        : "It was asked several times. Run again later; if it lasts, look at the network and at https://azure.status.microsoft/.",
    cause: withoutSecrets(cause),
  });
}

/** The error for an answer that Azure Blob Storage does not give. */
export function foreign(url: string): BillhouseError {
  return new BillhouseError("STORAGE_UNAVAILABLE", `What answers for ${url} is not Azure Blob Storage.`, {
    hint: "Look whether a proxy or a sign-in page of the network stands in between.",
  });
}

/** The error for credentials that are not there, or that Azure does not take. */
export function invalidCredentials(cause: unknown, sentence: string): BillhouseError {
  return new BillhouseError("CREDENTIALS_INVALID", sentence, {
    hint: "Run `az login`, or set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_SAS_TOKEN to a key that is valid.",
    // A login that fails says so in the words of each way that was tried.
    cause: withoutSecrets(cause),
  });
}

const keyFailures = new Set([
  "AuthenticationFailed",
  "InvalidAuthenticationInfo",
  "KeyBasedAuthenticationNotPermitted",
  "NoAuthenticationInformation",
]);

const credentialFailures =
  /^(?:CredentialUnavailableError|AuthenticationError|AggregateAuthenticationError|AuthenticationRequiredError)$/u;

function isCredentialFailure(error: unknown): boolean {
  return error instanceof Error && credentialFailures.test(error.name);
}

function denied(client: Known, cause: unknown, code: string): BillhouseError {
  const scope = `$(az storage account show --name ${client.account} --query id --output tsv)/blobServices/default/containers/${client.name}`;
  const grant = `az role assignment create --role "Storage Blob Data Reader" --assignee <account> --scope ${scope}`;
  const shown = code === "" ? "" : ` (${code})`;
  return new BillhouseError(
    "STORAGE_DENIED",
    `The account that runs billhouse lacks the role Storage Blob Data Reader on ${client.url}${shown}.`,
    {
      hint: `Run \`${grant}\`, or ask the owner to do so; a signature (SAS) needs the permissions read and list. The firewall of the storage account refuses in the same words.`,
      cause: withoutSecrets(cause),
    },
  );
}

function noContainer(client: Known, cause: unknown): BillhouseError {
  return new BillhouseError("STORAGE_NOT_FOUND", `There is no container ${client.url}.`, {
    hint: `Check the names in bucket_url: \`az storage container list --account-name ${client.account} --auth-mode login\` shows the containers of the account.`,
    cause: withoutSecrets(cause),
  });
}

function archived(client: Known, cause: unknown, key: string): BillhouseError {
  return new BillhouseError(
    "STORAGE_DENIED",
    `The file ${key} in ${client.url} lies in the archive tier, from where it cannot be read.`,
    {
      hint: "Set its access tier to Hot or Cool, and run again when Azure has moved it. A lifecycle rule of the account puts files there.",
      cause: withoutSecrets(cause),
    },
  );
}
