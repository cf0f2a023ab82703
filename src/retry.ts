import { setTimeout as pause } from "node:timers/promises";

/** When a failed request is sent again. Times are milliseconds. */
export interface RetryPolicy {
  /** How often a request is sent again; for a download, counted since the last byte that arrived. */
  readonly retries: number;
  /** The delay before the first retry. Each one after it is `multiplier` times as long; up to a quarter is added at random. */
  readonly firstDelay: number;
  readonly multiplier: number;
  readonly longestDelay: number;
  /** A request without an answer, or a download without a byte, fails after this time. */
  readonly timeout: number;
}

/** The policy of every service: about 45 seconds of retries, or two timeouts of a minute. */
export const retryPolicy: RetryPolicy = {
  retries: 7,
  firstDelay: 1500,
  multiplier: 1.5,
  longestDelay: 10_000,
  timeout: 60_000,
};

/** A service whose requests are retried. */
export interface RetriedService {
  readonly policy: RetryPolicy;
  /** Whether the same request may succeed later. Timeouts are always transient and never passed to it. */
  readonly isTransient: (error: unknown) => boolean;
  /** Waits between two attempts; may throw to give up. A timer by default. */
  readonly sleep?: (milliseconds: number) => Promise<unknown>;
}

/**
 * The answer to a request that is safe to repeat; transient errors are retried. The
 * SDKs' own retries are switched off: they miss some transient errors, and some of them wait forever for a silent server.
 * Throws the error of the last attempt.
 */
export async function retry<T>(service: RetriedService, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
  for (let failures = 0; ;) {
    try {
      return await withTimeout(service.policy.timeout, request);
    } catch (error) {
      failures = await waitToRetry(service, failures, error);
    }
  }
}

/**
 * Waits before the next attempt, and returns the failures counted so far, this one included. A timeout counts as half of
 * the retries, because it has taken its time already. `Retry-After` prolongs the delay, up to the policy's timeout.
 * Throws `error` when it is not transient, or when no retries are left.
 */
export async function waitToRetry(
  { policy, isTransient, sleep = pause }: RetriedService,
  failuresBefore: number,
  error: unknown,
): Promise<number> {
  const failures = failuresBefore + (isTimeout(error) ? Math.ceil((policy.retries + 1) / 2) : 1);
  if (failures > policy.retries || !(isTimeout(error) || isTransient(error))) throw error;
  await sleep(Math.max(backoff(policy, failures), Math.min(retryAfterOf(error), policy.timeout)));
  return failures;
}

/** The delay before the next attempt after so many failures in a row, counted from 1, in milliseconds. */
export function backoff({ firstDelay, multiplier, longestDelay }: RetryPolicy, failures: number): number {
  return Math.min(longestDelay, firstDelay * multiplier ** (failures - 1)) * (1 + Math.random() / 4);
}

/** The result, if it arrives within `timeout` milliseconds; otherwise the signal is aborted and a timeout is raised. */
export async function withTimeout<T>(timeout: number, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const end = new AbortController();
  const expired = new Promise<never>((_, reject) => {
    end.signal.addEventListener("abort", () => {
      reject(Object.assign(new Error(`No answer came within ${timeout / 1000} seconds`), { code: timedOut }));
    });
  });
  const timer = setTimeout(() => end.abort(), timeout);
  try {
    return await Promise.race([request(end.signal), expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an error is that of `withTimeout`, or the operating system's own timeout. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === timedOut;
}

const timedOut = "ETIMEDOUT";

/** Whether an error, or one that caused it, says that the service was unreachable or the connection broke. */
export function isNetworkError(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { code, name, cause, errors } = error as Readonly<Record<string, unknown>>;
  if (networkCodes.test(String(code)) || name === "TimeoutError" || isNetworkError(cause)) return true;
  return Array.isArray(errors) && errors.some(isNetworkError);
}

const networkCodes =
  /^(?:E(?:AI_AGAIN|CONN\w+|HOST\w+|NET\w+|NOTFOUND|PIPE|PROTO|TIMEDOUT)|ERR_STREAM_PREMATURE_CLOSE|ERR_SSL_\w+|REQUEST_SEND_ERROR|UND_ERR_\w+)$/u;

/** Whether an HTTP status is transient. 501 is not: the service does not know the request. */
export function isTransientStatus(status: unknown): boolean {
  return typeof status === "number" && (status === 408 || status === 429 || (status >= 500 && status !== 501));
}

/**
 * Milliseconds that the service asks to wait for (`Retry-After`, in seconds or as a date: RFC 9110, section 10.2.3), or 0.
 * SDKs keep the answer in `response` or `$response` of their errors, its headers as an object or behind `get`.
 */
function retryAfterOf(error: unknown): number {
  const { response, $response = response } = (error ?? {}) as Readonly<Record<string, Answer | undefined>>;
  const headers = $response?.headers;
  const value = typeof headers?.get === "function" ? headers.get("retry-after") : headers?.["retry-after"];
  if (typeof value !== "string" || value === "") return 0;
  const milliseconds = /^\d+$/u.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(milliseconds) ? 0 : Math.max(milliseconds, 0);
}

interface Answer {
  readonly headers?: { readonly get?: (name: string) => unknown } & Readonly<Record<string, unknown>>;
}
