import { BillhouseError } from "../../../errors.ts";
import type { Table } from "../../../model.ts";
import type { LoadPackage } from "../../../state/package.ts";
import { reachPoint } from "../../points.ts";
import { backOff, finishJob } from "../api/jobs.ts";
import { type Current, readCurrent } from "../ledger.ts";
import { guardStatements, moved, packageStatements, transaction } from "./packages.ts";
import { createParameters, type Parameters } from "../api/parameters.ts";
import { queryConfiguration, type QuerySettings } from "../api/statements.ts";
import { isPassing, type Refusal, refusalOfJob, refusedError } from "../api/api-error.ts";
import type { Surroundings } from "../companion-tables.ts";

/** Something to commit together with a package. */
export interface Commit<P extends LoadPackage> {
  readonly table: Table;
  readonly around: Surroundings;
  readonly location: string;
  /** Begins the ids of the jobs: what an earlier process gave to BigQuery under it is the same commit. */
  readonly jobPrefix: string;
  readonly labels: Readonly<Record<string, string>> & { readonly billhouse: string };
  /** The month that is replaced, and the load of it that was the newest when the work began; null for a package alone. */
  readonly replaced: { readonly billingMonth: string; readonly loadId: string | null } | null;
  /** Statements that stand before those of the package. */
  readonly statements: (parameters: Parameters) => readonly string[];
  /** Makes the package for the state as it is now. */
  readonly settle: (current: Current) => Promise<P>;
}

/** What was committed. */
export interface Committed<P extends LoadPackage> {
  /** What `settle` made. */
  readonly load: P;
  /** The newest of the month then (of a package alone, its own): another process may have committed the same load before. */
  readonly loadId: string;
}

const tries = 8;

/**
 * Commits all or nothing. When somebody else commits in between, the package is made anew and tried again.
 * Errors: WAREHOUSE_LOCKED when another writer loaded the month meanwhile, or when others are always faster; what
 * `settle` throws; a refusal for anything else that stops the script.
 */
export async function commitPackage<P extends LoadPackage>(
  settings: QuerySettings,
  commit: Commit<P>,
): Promise<Committed<P>> {
  const { connection } = settings;
  const { table, around, replaced, location, labels } = commit;
  let lost = 0;
  const own = new Map<string, P>();
  for (let attempt = 0; ; attempt += 1) {
    const current = await readCurrent(settings, table, around, replaced?.billingMonth ?? null);
    // A script that ended in a transient error can have committed before. The lease holds the load_id of the last commit.
    const left = own.get((replaced === null ? current.lease : current.monthLoadId) ?? "");
    if (left !== undefined) return { load: left, loadId: left.loadId };
    if (replaced !== null && current.monthLoadId !== replaced.loadId) {
      throw loadedMeanwhile(table, replaced.billingMonth);
    }
    const load = await commit.settle(current);
    own.set(load.loadId, load);
    connection.throwIfClosing();
    const parameters = createParameters();
    const sql = transaction([
      ...guardStatements(settings, table, current, load, parameters),
      ...commit.statements(parameters),
      ...packageStatements(settings, table, load, around, parameters),
    ]);
    reachPoint("before-commit");
    const configuration = queryConfiguration(settings, { sql, parameters, location, labels });
    const onInserted = (): void => reachPoint("job-inserted");
    const { job, isOwn } = await finishJob(connection, `${commit.jobPrefix}_${attempt}`, {
      location,
      configuration,
      onInserted,
    });
    const refusal = refusalOfJob(job.status ?? {});
    const committed =
      refusal !== undefined ? null : isOwn ? load.loadId : await replacedBy(settings, commit, load.loadId);
    if (committed !== null) {
      reachPoint("after-commit");
      return { load, loadId: committed };
    }
    // A job of an earlier process that failed says nothing about this one.
    if (refusal === undefined || !isOwn) continue;
    if (!isLost(refusal) && !isPassing(refusal)) throw refusedError(refusal);
    lost += 1;
    if (lost === tries) throw isLost(refusal) ? overtaken(table) : refusedError(refusal);
    await backOff(connection, lost);
  }
}

/** The load_id that the job of an earlier process has left; null when it was taken away again. */
async function replacedBy(
  settings: QuerySettings,
  { table, around, replaced }: Commit<LoadPackage>,
  ownLoadId: string,
): Promise<string | null> {
  if (replaced === null) return ownLoadId;
  const { monthLoadId } = await readCurrent(settings, table, around, replaced.billingMonth);
  return monthLoadId === replaced.loadId ? null : monthLoadId;
}

/** Whether a script was stopped because another writer was at the same table. */
export function isLost({ message }: Refusal): boolean {
  return (
    message.includes(moved.lease) ||
    message.includes(moved.state) ||
    /aborted due to concurrent update|could not serialize access/i.test(message)
  );
}

/** The error for a month that another run has loaded since ours began. */
export function loadedMeanwhile(table: Table, month: string): BillhouseError {
  return new BillhouseError(
    "WAREHOUSE_LOCKED",
    `Another run has loaded ${month} of ${table.dataset}.${table.name} meanwhile.`,
    { hint: "Run again when the other run has ended: nothing of this load was kept." },
  );
}

/** The error for a table that was prepared and is no more. */
export function tableGone({ dataset, name }: Pick<Table, "dataset" | "name">): BillhouseError {
  return new BillhouseError(
    "WAREHOUSE_NOT_FOUND",
    `The table ${dataset}.${name} was deleted while this run loads it.`,
    {
      hint: "Find out who deletes tables of the dataset, then run again: all months are loaded into a new table.",
    },
  );
}

/** The error for a commit that others forestalled each time. */
export function overtaken({ dataset }: Table): BillhouseError {
  return new BillhouseError("WAREHOUSE_LOCKED", `Others wrote to ${dataset} again and again at the same time.`, {
    hint: "Run again when the other runs have ended: nothing of this load was kept.",
  });
}
