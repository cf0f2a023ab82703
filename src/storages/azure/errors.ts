import { BillhouseError, messageOf } from "../../errors.ts";
import { isNetworkError, isTransientStatus } from "../../retry.ts";
import { withoutSecrets } from "../../secrets.ts";

/** A container, as errors name it. */
export interface Container {
  /** `az://account/container` */
  readonly url: string;
  readonly account: string;
  readonly container: string;
}

/** The HTTP status in an error of the SDK; undefined when the service did not answer. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { readonly statusCode?: number } | null)?.statusCode;
  return status === undefined || status < 300 ? undefined : status;
}

/** Whether the same request may succeed later. */
export function isTransient(error: unknown): boolean {
  if (isCredentialFailure(error)) return false;
  const status = statusOf(error);
  if (status !== undefined) return isTransientStatus(status);
  // The SDK's messages for an answer that is cut off or is not complete XML.
  return (
    isNetworkError(error) ||
    codeOf(error) === "PARSE_ERROR" ||
    /^(?:Data corruption failure: received less|aborted|The operation was aborted)/u.test(messageOf(error))
  );
}

/**
 * The error for a failed request that is not transient: STORAGE_DENIED with the missing role, CREDENTIALS_INVALID,
 * STORAGE_NOT_FOUND; undefined for any other. `key` as in `ObjectService.explain`.
 */
export function explain(container: Container, error: unknown, key: string | undefined): BillhouseError | undefined {
  const code = codeOf(error);
  const status = statusOf(error);
  if (code === "ContainerNotFound") return noContainer(container, error);
  if (code === "BlobArchived" || code === "BlobBeingRehydrated") return archived(container, error, key ?? "");
  if (isCredentialFailure(error)) return invalidCredentials(error, "This machine is not logged in to Azure.");
  if (keyFailures.has(code) || messageOf(error).startsWith("Server failed to authenticate") || status === 401) {
    const sentence = `Azure rejects the key, the signature or the login that billhouse has for the account ${container.account}.`;
    return invalidCredentials(error, sentence);
  }
  return status === 403 || code === "PublicAccessNotPermitted" ? denied(container, error, code) : undefined;
}

/** The error for credentials that are missing, or that Azure rejects: CREDENTIALS_INVALID. */
export function invalidCredentials(cause: unknown, sentence: string): BillhouseError {
  return new BillhouseError("CREDENTIALS_INVALID", sentence, {
    hint: "Run `az login`, or set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_SAS_TOKEN to a key that is valid.",
    // The cause lists each way of logging in that failed.
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

function denied(container: Container, cause: unknown, code: string): BillhouseError {
  const scope = `$(az storage account show --name ${container.account} --query id --output tsv)/blobServices/default/containers/${container.container}`;
  const grant = `az role assignment create --role "Storage Blob Data Reader" --assignee <account> --scope ${scope}`;
  const shown = code === "" ? "" : ` (${code})`;
  return new BillhouseError(
    "STORAGE_DENIED",
    `The account that runs billhouse lacks the role Storage Blob Data Reader on ${container.url}${shown}.`,
    {
      hint: `Run \`${grant}\`, or ask the owner to do so; a signature (SAS) needs the permissions read and list. The firewall of the storage account gives the same error.`,
      cause: withoutSecrets(cause),
    },
  );
}

function noContainer(container: Container, cause: unknown): BillhouseError {
  return new BillhouseError("STORAGE_NOT_FOUND", `There is no container ${container.url}.`, {
    hint: `Check the names in bucket_url: \`az storage container list --account-name ${container.account} --auth-mode login\` shows the containers of the account.`,
    cause: withoutSecrets(cause),
  });
}

function archived(container: Container, cause: unknown, key: string): BillhouseError {
  return new BillhouseError(
    "STORAGE_DENIED",
    `The file ${key} in ${container.url} is in the archive tier and cannot be read from there.`,
    {
      hint: "Set its access tier to Hot or Cool, and run again once Azure has moved it. Change the account's lifecycle rule that archives bills.",
      cause: withoutSecrets(cause),
    },
  );
}

/** The service's own code: `BlobNotFound`. An answer to HEAD has it in a header only. */
function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { code, details } = error as {
    readonly code?: unknown;
    readonly details?: { readonly errorCode?: unknown };
  };
  const found = details?.errorCode ?? code;
  return typeof found === "string" ? found : "";
}
