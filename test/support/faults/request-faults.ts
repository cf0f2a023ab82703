import type { Asked, FaultKind } from "../../servers/bigquery/faults.ts";
import type { BigqueryServer } from "../../servers/bigquery/server.ts";
import type { End, Fault, Trial } from "./fault.ts";
import { google, steps, type Step } from "./steps.ts";

const passing: readonly End[] = ["at once"];
const lasting: readonly End[] = ["reported"];
const untilSummary = steps.slice(0, steps.indexOf("publish"));

/** Requests to BigQuery that go wrong, and jobs, from a step on. */
export const requestFaults: readonly Fault[] = [
  asked(
    "lost insert",
    "A job is accepted, and the connection breaks before the response.",
    "jobs.insert",
    "lost",
    1,
    passing,
  ),
  asked("lost look", "The connection breaks when the status of a job is read.", "jobs.get", "lost", 1, passing),
  asked(
    "lost result",
    "The connection breaks when the rows of a query are read.",
    "queries.get",
    "lost",
    1,
    passing,
    before("summary"),
  ),
  asked("lost table list", "The connection breaks when tables are listed.", "tables.list", "lost", 1, passing, steps),
  asked(
    "lost patch",
    "A table is changed, and the connection breaks before the response.",
    "tables.patch",
    "lost",
    1,
    passing,
    before("delete"),
  ),
  asked(
    "lost drop",
    "A table is deleted, and the connection breaks before the response.",
    "tables.delete",
    "lost",
    1,
    passing,
    before("summary"),
  ),
  asked(
    "taken twice",
    "A job is accepted, and the response is that it already existed (409).",
    "jobs.insert",
    "duplicate",
    1,
    passing,
  ),
  asked("500s", "BigQuery answers with status 500, three times.", "*", "500", 3, passing, steps),
  asked("503s", "BigQuery answers with status 503, three times.", "*", "503", 3, passing, steps),
  asked(
    "rate limit",
    "BigQuery answers with rateLimitExceeded, three times.",
    "*",
    "rateLimitExceeded",
    3,
    passing,
    steps,
  ),
  asked("long 503s", "BigQuery answers with status 503 from now on.", "*", "503", Infinity, lasting, steps),
  asked("quota", "BigQuery answers with quotaExceeded from now on.", "jobs.insert", "quotaExceeded", Infinity, lasting),
  asked(
    "job fails",
    "Two jobs end with a backendError before they do anything.",
    "jobs.insert",
    "backendError",
    2,
    passing,
  ),
  // A load job that fails leaves nothing: https://docs.cloud.google.com/bigquery/docs/batch-loading-data
  asked(
    "script fails late",
    "Two scripts end with a backendError when their work is done.",
    "jobs.insert",
    "fail-afterwards",
    2,
    passing,
    untilSummary,
    isQuery,
  ),
  asked("jobs fail", "All jobs end with a backendError from now on.", "jobs.insert", "backendError", Infinity, lasting),
  asked(
    "job quota",
    "All jobs end with quotaExceeded from now on.",
    "jobs.insert",
    "jobQuotaExceeded",
    Infinity,
    lasting,
  ),
  {
    ...asked("slow job", "A job stays RUNNING for a second.", "jobs.insert", "stay-running", 1, passing),
    arm({ world, strike, repair }) {
      let ordered: ReturnType<BigqueryServer["fault"]> | undefined;
      strike(() => {
        ordered = serverOf(world).fault({ on: "jobs.insert", kind: "stay-running" });
        setTimeout(() => ordered?.release(), 1000);
      });
      repair(() => (ordered?.happened ?? 0) > 0);
    },
  },
];

/** Steps before another one. */
function before(step: Step): readonly Step[] {
  return steps.slice(0, steps.indexOf(step));
}

function asked(
  name: string,
  does: string,
  on: string,
  kind: FaultKind,
  times: number,
  ends: readonly End[],
  at: readonly Step[] = untilSummary,
  when: (request: Asked) => boolean = () => true,
): Fault {
  const arm = ({ world, strike, repair }: Trial): void => {
    let ordered: ReturnType<BigqueryServer["fault"]> | undefined;
    strike(() => void (ordered = serverOf(world).fault({ on, kind, times, when })));
    repair(() => {
      ordered?.release();
      return (ordered?.happened ?? 0) > 0;
    });
  };
  return {
    name,
    does,
    places: [google],
    ends,
    steps: at,
    otherwise: "there are no such requests then",
    arm,
  };
}

function isQuery({ body }: Asked): boolean {
  return (body as { readonly configuration?: { readonly query?: unknown } }).configuration?.query !== undefined;
}

/** The server of a place with BigQuery. */
export function serverOf({ bigquery }: Trial["world"]): BigqueryServer {
  if (bigquery === null) throw new TypeError("This place does not use BigQuery.");
  return bigquery;
}
