/** What BigQuery says when it refuses something: the parts of `errorResult`, and the status of an HTTP answer. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
  readonly location?: string;
  readonly status: number;
  /** Further entries of `status.errors` of a job. */
  readonly details?: readonly { readonly reason: string; readonly message: string; readonly location?: string }[];
}

const statuses: Readonly<Record<string, number>> = {
  accessDenied: 403,
  billingNotEnabled: 403,
  rateLimitExceeded: 403,
  quotaExceeded: 403,
  duplicate: 409,
  notFound: 404,
  notImplemented: 501,
  backendError: 503,
  internalError: 500,
  jobBackendError: 400,
  jobRateLimitExceeded: 400,
};

/** An error that is answered to the client, with the HTTP status that goes with its reason. */
export function refusal(reason: string, message: string, more: Partial<Refusal> = {}): Error & { refusal: Refusal } {
  const refused: Refusal = { reason, message, status: statuses[reason] ?? 400, ...more };
  return Object.assign(new Error(message), { refusal: refused });
}

/** A syntax error, as the analyzer of GoogleSQL words it. */
export function syntaxError(message: string): Error & { refusal: Refusal } {
  return refusal("invalidQuery", `Syntax error: ${message}`, { location: "query" });
}

/** An error of a statement that can be parsed. */
export function queryError(message: string): Error & { refusal: Refusal } {
  return refusal("invalidQuery", message, { location: "query" });
}

/** The refusal that an error carries; an error that carries none is a fault of this server or of DuckDB. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Error && "refusal" in error) return error.refusal as Refusal;
  const message = error instanceof Error ? error.message : String(error);
  const sentence =
    /^(Invalid Input|Out of Range|Conversion|Binder|Constraint|Parser|Catalog|TransactionContext)[A-Za-z ]* Error: ([^]*)$/u.exec(
      message,
    );
  const said = (sentence?.[2] ?? message).split("\n\nLINE ", 1)[0] ?? message;
  if (/onflict|has been altered/u.test(said) && sentence?.[1] === "TransactionContext") {
    return { reason: "invalidQuery", message: `Transaction is aborted due to concurrent update. ${said}`, status: 400 };
  }
  const isQuery = sentence !== null;
  return { reason: isQuery ? "invalidQuery" : "internalError", message: said, status: isQuery ? 400 : 500 };
}
