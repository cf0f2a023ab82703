import { setTimeout as sleep } from "node:timers/promises";

import type { BillhouseError } from "../errors.ts";

/** How long a failing service is waited for. Times are milliseconds. */
export interface Patience {
  /** How often one request is made again; of a download, without having got a byte in between. */
  readonly retries: number;
  /** Each delay is that many times the one before; the first is that many seconds. Up to a quarter is added by chance. */
  readonly multiplier: number;
  readonly longestDelay: number;
  /** Without an answer for so long, a request for facts counts as failed. */
  readonly answer: number;
  /** Without an answer or a byte for so long, a download counts as broken. */
  readonly silence: number;
}

/** Waits about 45 seconds for a service that answers with failures, and two minutes for one that is silent. */
export const ordinaryPatience: Patience = {
  retries: 7,
  multiplier: 1.5,
  longestDelay: 10_000,
  answer: 60_000,
  silence: 60_000,
};

/** A service that can fail for a while. */
export interface Service {
  readonly patience: Patience;
  /** Whether a failure passes when one waits. */
  readonly isPassing: (error: unknown) => boolean;
  /** The error when it did not. */
  readonly unavailable: (cause: unknown) => BillhouseError;
}

/**
 * The answer to a request that changes nothing, made again while it fails in a way that passes. The SDKs retry, too, but
 * not all that passes, and some wait for ever for a server that has fallen silent: their own retries are switched off.
 */
export async function ask<T>(service: Service, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
  let idle = 0;
  for (;;) {
    try {
      return await answerWithin(service.patience.answer, request);
    } catch (error) {
      if (!isSilence(error) && !service.isPassing(error)) throw error;
      idle += failuresIn(service.patience, error);
      await waitBeforeRetry(service, idle, false, error);
    }
  }
}

/**
 * Waits before a request is made again, `idle` failures after the last success. A connection that breaks after it has
 * served is rarely a sign of load: then the delays are short. Error: STORAGE_UNAVAILABLE after the last attempt.
 */
export async function waitBeforeRetry(
  service: Service,
  idle: number,
  hasServed: boolean,
  cause: unknown,
): Promise<void> {
  const { retries, multiplier, longestDelay } = service.patience;
  if (idle > retries) throw service.unavailable(cause);
  const delay = hasServed ? 200 * multiplier ** (idle - 1) : 1000 * multiplier ** idle;
  await sleep(Math.min(longestDelay, delay) * (1 + Math.random() / 4));
}

/** For how many failures one counts. Silence has taken its time already: two in a row are the end. */
export function failuresIn(patience: Patience, error: unknown): number {
  return isSilence(error) ? Math.ceil((patience.retries + 1) / 2) : 1;
}

/** What comes within `time` milliseconds. When that has run out, the signal is aborted and the error is a silence. */
export async function answerWithin<T>(time: number, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const end = new AbortController();
  const silence = new Promise<never>((_, reject) => {
    end.signal.addEventListener("abort", () => {
      reject(Object.assign(new Error("There was no answer"), { code: silent }));
    });
  });
  const timer = setTimeout(() => end.abort(), time);
  try {
    return await Promise.race([request(end.signal), silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an error is that of `answerWithin`. */
export function isSilence(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === silent;
}

const silent = "ETIMEDOUT";

/** Whether an error says that the service was not reached, or did not answer to the end. */
export function isNetworkFailure(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { code, name, cause, errors } = error as Readonly<Record<string, unknown>>;
  if (networkCodes.test(String(code)) || name === "TimeoutError" || isNetworkFailure(cause)) return true;
  return Array.isArray(errors) && errors.some(isNetworkFailure);
}

/** Whether an HTTP status tells of a state that passes. 501 does not: it is a request that the service does not know. */
export function isPassingStatus(status: unknown): boolean {
  return typeof status === "number" && (status === 408 || status === 429 || (status >= 500 && status !== 501));
}

const networkCodes =
  /^(?:E(?:AI_AGAIN|CONN\w+|HOST\w+|NET\w+|NOTFOUND|PIPE|PROTO|TIMEDOUT)|ERR_STREAM_PREMATURE_CLOSE|ERR_SSL_\w+|REQUEST_SEND_ERROR)$/u;
