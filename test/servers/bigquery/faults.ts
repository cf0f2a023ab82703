import { refusal } from "./failures.ts";
/** A request, as the log of the server keeps it. */
export interface Asked {
  /** `jobs.insert`, `tables.patch` ...; `unknown` for what the server does not know. */
  readonly name: string;
  readonly method: string;
  /** The path without `/bigquery/v2`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** What goes wrong: with the request, or with the job that it starts. */
export type FaultKind =
  | "503"
  | "500"
  | "429"
  | "rateLimitExceeded"
  | "quotaExceeded"
  /** The connection ends before anything is done. */
  | "reset"
  /** The connection ends when everything is done. */
  | "lost"
  /** Everything is done, and the answer says that it was there before: of a request that a layer below sent twice. */
  | "duplicate"
  | "jobRateLimitExceeded"
  | "jobBackendError"
  | "backendError"
  | "internalError"
  | "jobQuotaExceeded"
  /** The job is RUNNING until it is released, and then does its work. */
  | "stay-running"
  /** The job does its work, and then ends with a backendError. */
  | "fail-afterwards";

/** A fault that a test wants. */
export interface Fault {
  /** The name of the request: `jobs.insert`, `tables.*`, `*`. */
  readonly on: string;
  readonly when?: (request: Asked) => boolean;
  /** How often; once when left out. */
  readonly times?: number;
  readonly kind: FaultKind;
}

/** A fault that was ordered. */
export interface OrderedFault {
  /** How often it has happened. */
  readonly happened: number;
  /** Ends it, and lets jobs that stay running do their work. */
  release(): void;
}

interface Order extends Fault {
  left: number;
  happened: number;
  readonly released: Promise<void>;
}

/** The faults of one server. */
export interface Faults {
  order(fault: Fault): OrderedFault;
  /** The fault that hits a request, which is then used up by one. */
  take(
    request: Asked,
    kinds: readonly FaultKind[],
  ): { readonly kind: FaultKind; readonly released: Promise<void> } | undefined;
  releaseAll(): void;
}

/** Faults that hit the connection or the answer of a request. */
export const requestKinds: readonly FaultKind[] = [
  "503",
  "500",
  "429",
  "rateLimitExceeded",
  "quotaExceeded",
  "reset",
  "lost",
  "duplicate",
];

/** Faults that hit the job of a request. */
export const jobKinds: readonly FaultKind[] = [
  "jobRateLimitExceeded",
  "jobBackendError",
  "backendError",
  "internalError",
  "jobQuotaExceeded",
  "stay-running",
  "fail-afterwards",
];

/** No faults yet. */
export function createFaults(): Faults {
  const orders: Order[] = [];
  const releases: (() => void)[] = [];
  return {
    order(fault) {
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      const order: Order = { ...fault, left: fault.times ?? 1, happened: 0, released };
      orders.push(order);
      releases.push(release);
      return {
        get happened() {
          return order.happened;
        },
        release() {
          order.left = 0;
          release();
        },
      };
    },
    take(request, kinds) {
      const order = orders.find(
        ({ on, when, left, kind }) =>
          left > 0 &&
          kinds.includes(kind) &&
          (on === "*" || on === request.name || (on.endsWith(".*") && request.name.startsWith(on.slice(0, -1)))) &&
          (when === undefined || when(request)),
      );
      if (order === undefined) return undefined;
      order.left--;
      order.happened++;
      return order;
    },
    releaseAll() {
      for (const release of releases) release();
    },
  };
}

/** What a fault says, in an answer or as the `errorResult` of a job (documented: error-messages). */
export function faultError(kind: FaultKind): Error {
  const message: Partial<Record<FaultKind, readonly [reason: string, message: string, status?: number]>> = {
    "503": ["backendError", "Error encountered during execution. Retrying may solve the problem.", 503],
    "500": ["internalError", "An internal error occurred and the request could not be completed.", 500],
    "429": [
      "rateLimitExceeded",
      "Exceeded rate limits: too many api requests per user per method for this user_method.",
      429,
    ],
    rateLimitExceeded: [
      "rateLimitExceeded",
      "Exceeded rate limits: too many table update operations for this table. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas",
    ],
    quotaExceeded: [
      "quotaExceeded",
      "Quota exceeded: Your table exceeded quota for imports or query appends per table. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas",
    ],
    jobQuotaExceeded: [
      "quotaExceeded",
      "Quota exceeded: Your table exceeded quota for imports or query appends per table. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas",
    ],
    jobRateLimitExceeded: [
      "jobRateLimitExceeded",
      "Exceeded rate limits: too many concurrent jobs. Retry the job with a new jobId.",
    ],
    jobBackendError: ["jobBackendError", "Error encountered during job execution. Retry the job with a new jobId."],
    backendError: ["backendError", "Error encountered during execution. Retrying may solve the problem."],
    "fail-afterwards": ["backendError", "Error encountered during execution. Retrying may solve the problem."],
    duplicate: ["duplicate", "Already Exists", 409],
    internalError: [
      "internalError",
      "An internal error occurred and the request could not be completed. This is usually caused by a transient issue.",
    ],
  };
  const [reason = "internalError", words = kind, status] = message[kind] ?? [];
  return refusal(reason, words, status === undefined ? {} : { status });
}
