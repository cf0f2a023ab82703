import { run } from "../../../src/index.ts";
import { tableOf } from "../../../src/pipeline/months/select.ts";
import { summaryPackage } from "../../../src/state/package.ts";
import { openWarehouse } from "../../../src/warehouses/index.ts";
import { googleProject, stagingBucket } from "../google.ts";
import type { BigqueryServer } from "../../servers/bigquery/server.ts";
import type { GcsFaultKind, GcsRequestKind } from "../../servers/gcs-faults.ts";
import type { End, Fault, Trial } from "./fault.ts";
import { serverOf } from "./request-faults.ts";
import { google, staged, steps, type Step } from "./steps.ts";

const passing: readonly End[] = ["at once"];
const lasting: readonly End[] = ["reported"];
const either: readonly End[] = ["at once", "reported"];
const untilSummary = steps.slice(0, steps.indexOf("publish"));
const noJob = "publishing does not run a job";
const untilCommit = steps.slice(0, steps.indexOf("summary"));
const committed = "the months are committed by then";

/** What others do in BigQuery while a run is at work, and what it may not do any more. */
export const bigqueryFaults: readonly Fault[] = [
  denied("no jobs", "The permission to run jobs is revoked.", "bigquery.jobs.create", untilSummary, noJob),
  denied("no reading", "The permission to read tables is revoked.", "bigquery.tables.getData", untilSummary, noJob),
  denied(
    "no writing",
    "The permission to write rows is revoked.",
    "bigquery.tables.updateData",
    untilCommit,
    committed,
  ),
  {
    ...always("no login", "The login of the run expires (401).", lasting),
    arm({ world, strike, wait, repair }) {
      strike(() => void (serverOf(world).requireToken = "another"));
      // Submitted jobs continue; the login is restored long after they have ended.
      wait(() => Promise.all([...serverOf(world).jobs.values()].map(({ done }) => done)));
      repair(() => void (serverOf(world).requireToken = null));
    },
  },
  {
    ...always("staging gone", "The staging tables are deleted.", either),
    steps: ["measure", "look", "commit", "delete", "insert"],
    otherwise: "there are none",
    arm: ({ world, strike }) => strike(() => takeAway(serverOf(world), /^_billhouse_staging_/u)),
  },
  {
    ...always("tables gone", "All tables of the dataset are deleted.", [...either, "unseen"]),
    foreign: "loads",
    arm: ({ world, strike }) => strike(() => takeAway(serverOf(world), /./u)),
  },
  {
    ...always("another writer", "Another process commits a run summary.", passing),
    foreign: "runs",
    arm(trial) {
      const counts = { totalRows: 0, manifestsProcessed: 0, manifestsSkipped: 0 };
      together(trial, async ({ config }) => {
        const [pipeline] = config.pipelines;
        if (pipeline === undefined) throw new TypeError("There is one pipeline.");
        const table = tableOf(pipeline, "assembly_id");
        const other = await openWarehouse(config.warehouse, "write");
        await other.append(table, (current) => summaryPackage(current, table, counts, new Date()));
        await other.close();
      });
    },
  },
  {
    ...always("two runs", "Another run of the same export starts.", either),
    foreign: "runs",
    arm(trial) {
      together(trial, async ({ config }) => {
        for await (const event of run(config)) void event;
      });
    },
  },
  uploading(
    "upload breaks",
    "The connection breaks while a file is uploaded to the staging bucket.",
    "session",
    "reset",
    1,
    passing,
  ),
  uploading("upload 503", "The staging bucket answers with status 503, once.", "session", 503, 1, passing),
  uploading("upload denied", "The staging bucket refuses the file.", "session", 403, Infinity, lasting),
];

function always(name: string, does: string, ends: readonly End[]): Omit<Fault, "arm"> {
  return { name, does, places: [google], steps, otherwise: "", ends };
}

function denied(name: string, does: string, permission: string, at: readonly Step[], otherwise: string): Fault {
  const arm = ({ world, strike, repair }: Trial): void => {
    strike(() => serverOf(world).deny(permission));
    repair(() => serverOf(world).allow(permission));
  };
  return { ...always(name, does, either), steps: at, otherwise, arm };
}

function uploading(
  name: string,
  does: string,
  kind: GcsRequestKind,
  fault: GcsFaultKind,
  times: number,
  ends: readonly End[],
): Fault {
  const arm = ({ world, strike, repair }: Trial): void => {
    const match = { kind, bucket: stagingBucket };
    let repaired = false;
    strike(() =>
      world.staging?.fault({
        kind: fault,
        match: (request) => !repaired && request.kind === kind && request.bucket === match.bucket,
        times,
      }),
    );
    repair(() => {
      repaired = true;
      return (world.staging?.count(kind) ?? 0) > 0;
    });
  };
  return { name, does, places: [staged], steps: ["read"], otherwise: "nothing is uploaded then", ends, arm };
}

/** Starts other work when the run reaches the step; both continue at the same time. */
function together({ world, strike, wait }: Trial, work: (world: Trial["world"]) => Promise<void>): void {
  let other: Promise<void> | undefined;
  strike(() => {
    other = work(world);
    other.catch(() => undefined);
  });
  wait(async () => other);
}

function takeAway(server: BigqueryServer, names: RegExp): void {
  const tables = server.catalog.datasets.get(`${googleProject}:billing_data`)?.tables;
  for (const name of tables?.keys() ?? []) if (names.test(name)) tables?.delete(name);
}
