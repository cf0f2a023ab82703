import { maskSecrets, withoutSecrets } from "../../../secrets.ts";

/** Why BigQuery refused a request, or why a job failed, in its own words. */
export interface Refusal {
  /** HTTP status; null for a failed job, and where no answer came at all. */
  readonly status: number | null;
  /** `notFound`, `rateLimitExceeded`, `invalidQuery`, ...; `network` where no answer came. */
  readonly reason: string;
  readonly message: string;
  /** Of a failed load: the file, as `gs://bucket/key`. */
  readonly location: string | null;
  /** What else is told, as the row of a file that stopped a load. */
  readonly details: readonly ErrorProto[];
}

/** An error as the REST API writes it. */
export interface ErrorProto {
  readonly reason?: string;
  readonly message?: string;
  readonly location?: string;
}

/** An error that carries a refusal. It never reaches a person: `translateFailure` makes a BillhouseError of it. */
export type RefusedError = Error & { readonly refusal: Refusal };

/** Makes an error of a refusal. What the SDK hangs on its errors, requests and their tokens, stays behind. */
export function refusedError(refusal: Refusal, cause?: unknown): RefusedError {
  const plain = withoutSecrets(cause);
  return Object.assign(new Error(maskSecrets(refusal.message), plain === undefined ? undefined : { cause: plain }), {
    refusal,
  });
}

/** The refusal that an error carries, or undefined. */
export function refusalOf(error: unknown): Refusal | undefined {
  return error instanceof Error && "refusal" in error ? (error as RefusedError).refusal : undefined;
}

/** The refusal in an error of the SDK: an answer of the API, or none. */
export function refusalOfAnswer(error: unknown): Refusal {
  const { code, errors, message } = error as { code?: unknown; errors?: readonly ErrorProto[]; message?: string };
  const [first] = errors ?? [];
  const status = typeof code === "number" ? code : null;
  return {
    status,
    reason: first?.reason ?? (status === null ? "network" : `http ${status}`),
    message: first?.message ?? message ?? "No answer came.",
    location: first?.location ?? null,
    details: errors?.slice(1) ?? [],
  };
}

/** The refusal in a job that is done, or undefined when the job came to a good end. */
export function refusalOfJob(status: {
  errorResult?: ErrorProto;
  errors?: readonly ErrorProto[];
}): Refusal | undefined {
  const { errorResult } = status;
  if (errorResult === undefined) return undefined;
  return {
    status: null,
    reason: errorResult.reason ?? "unknown",
    message: errorResult.message ?? "The job failed.",
    location: errorResult.location ?? null,
    details: status.errors ?? [],
  };
}

const passingReasons: ReadonlySet<string> = new Set([
  "network",
  "backendError",
  "internalError",
  "jobBackendError",
  "jobInternalError",
  "jobRateLimitExceeded",
  "rateLimitExceeded",
  "userRateLimitExceeded",
]);

/** Whether the same may go well in a moment. */
export function isPassing({ status, reason }: Refusal): boolean {
  return passingReasons.has(reason) || (status !== null && [408, 429, 500, 502, 503, 504].includes(status));
}

/** Whether a table or dataset is not there; a project that is not there is another matter. */
export function isAbsence(refusal: Refusal | undefined): boolean {
  return refusal?.status === 404 && !/not found: project/i.test(refusal.message);
}
