/** What a request asks of the server. */
export type GcsRequestKind = "list" | "metadata" | "media" | "upload" | "session" | "chunk" | "delete" | "refused";

/** One request as the server understood it. */
export interface GcsRequest {
  readonly kind: GcsRequestKind;
  readonly method: string;
  /** Without the query, as sent. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bucket: string;
  /** Empty for a listing. */
  readonly key: string;
}

/**
 * How a request fails:
 * - a number: an answer with that status; 403 is that of a project whose billing account is closed
 * - `reset`: the connection breaks before there is an answer
 * - `reset-after-bytes`, `stall-after-bytes`: it breaks, or falls silent, after `bytes` bytes of an object
 * - `stall`: there is never an answer
 * - `late`: there is one after `delay` milliseconds
 * - `corrupt`: one bit of the object's bytes is turned
 * - `page`: something that stands in between answers with a page of its own and status 200
 * - `ignore-range`, `ignore-condition`: the server overlooks that part of the request
 */
export type GcsFaultKind =
  | 403
  | 408
  | 416
  | 429
  | 500
  | 502
  | 503
  | 504
  | "reset"
  | "reset-after-bytes"
  | "stall"
  | "late"
  | "stall-after-bytes"
  | "corrupt"
  | "page"
  | "ignore-range"
  | "ignore-condition";

/** A scripted fault, and which requests meet it. */
export interface GcsFault {
  readonly kind: GcsFaultKind;
  /** Requests that meet it; what is not said is not looked at. All by default. */
  readonly match?:
    | Partial<Pick<GcsRequest, "kind" | "method" | "path" | "bucket" | "key">>
    | ((request: GcsRequest) => boolean);
  /** How many matching requests meet it: 1 by default. */
  readonly times?: number;
  /** How many matching requests pass before: 0 by default. */
  readonly after?: number;
  /** For the kinds that end in `after-bytes`. */
  readonly bytes?: number;
  /** For `late`. */
  readonly delay?: number;
}

/** The faults of a server, each used up as requests meet it. */
export interface GcsFaults {
  add(fault: GcsFault): void;
  /** The fault that a request meets, or undefined. */
  meet(request: GcsRequest): GcsFault | undefined;
}

/** An empty script. */
export function makeFaults(): GcsFaults {
  const script: { readonly fault: GcsFault; after: number; times: number }[] = [];
  return {
    add: (fault) => void script.push({ fault, after: fault.after ?? 0, times: fault.times ?? 1 }),
    meet(request) {
      for (const entry of script) {
        if (entry.times === 0 || !isMatch(entry.fault, request)) continue;
        if (entry.after > 0) {
          entry.after -= 1;
          continue;
        }
        entry.times -= 1;
        return entry.fault;
      }
      return undefined;
    },
  };
}

function isMatch({ match }: GcsFault, request: GcsRequest): boolean {
  if (match === undefined) return true;
  if (typeof match === "function") return match(request);
  const fields = ["kind", "method", "path", "bucket", "key"] as const;
  return fields.every((field) => match[field] === undefined || match[field] === request[field]);
}
