import { maskSecrets } from "../secrets.ts";

/**
 * A copy of an error for `cause`, without what SDKs hang on theirs: requests, answers and their headers hold signatures
 * and tokens. Name, words, stack, code, status and the number of the request stay.
 */
export function withoutSecrets(error: unknown): unknown {
  // The words of a JSON error quote what was read, which may be a key.
  if (!(error instanceof Error) || error instanceof SyntaxError) return undefined;
  const { code, status, statusCode, requestId, $metadata: metadata } = error as unknown as SdkError;
  const cause = withoutSecrets(error.cause);
  const copy = new Error(maskSecrets(error.message), cause === undefined ? undefined : { cause });
  copy.name = error.name;
  copy.stack = maskSecrets(error.stack ?? "");
  const facts = {
    code,
    status: status ?? statusCode ?? metadata?.httpStatusCode,
    requestId: requestId ?? metadata?.requestId,
  };
  return Object.assign(copy, Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)));
}

interface SdkError {
  readonly code?: unknown;
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly requestId?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
}
