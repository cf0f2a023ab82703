import { BillhouseError } from "../../errors.ts";
import { summedColumns, type Table } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import { type LoadPackage, packageRows } from "../../state/package.ts";
import { commitLockTable, loadsTable, pipelineStateTable, receiptsTable } from "../../state/tables.ts";
import { reachPoint } from "../points.ts";
import type { MonthColumns, MonthMeasures, MonthReplacement } from "../warehouse.ts";
import { type ApiError, apiErrorOf, apiErrorOfJob, apiFailure, isTransient } from "./api/api-error.ts";
import type { Settings } from "./api/client.ts";
import { createParameters, finishJob, type Parameters, queryConfiguration } from "./api/jobs.ts";
import type { TableResource } from "./api/tables.ts";
import { type CompanionTables, nameOf } from "./companion-tables.ts";
import { type Current, newestLoadIds, readCurrent } from "./ledger.ts";
import { totalsOf } from "./measure.ts";
import { exactNumber } from "./sql/casts.ts";
import { type PeriodColumn, tableMonth } from "./sql/months.ts";
import { columnsOf, identifier, stagingPrefix, tableName } from "./sql/names.ts";

/** Something to commit together with a package. */
export interface Commit<P extends LoadPackage> {
  readonly table: Table;
  readonly companions: CompanionTables;
  readonly location: string;
  /** The prefix of the job ids: a job of an earlier process with this prefix is the same commit. */
  readonly jobPrefix: string;
  readonly labels: Readonly<Record<string, string>> & { readonly billhouse: string };
  /** The month that is replaced, and its newest load when the work began; null for a package without rows. */
  readonly replaced: { readonly billingMonth: string; readonly loadId: string | null } | null;
  /** Statements that run before those of the package. */
  readonly statements: (parameters: Parameters) => readonly string[];
  /** Returns the package for the current state. */
  readonly settle: (current: Current) => Promise<P>;
}

/** What was committed. */
export interface Committed<P extends LoadPackage> {
  /** The result of `settle`. */
  readonly load: P;
  /**
   * The newest load of the month after the commit (for a package without rows, its own): another process may have
   * committed the same load before.
   */
  readonly loadId: string;
}

const maxAttempts = 8;

/**
 * Commits all or nothing. If another process commits in between, `settle` returns a new package and the commit is tried
 * again.
 * Errors: WAREHOUSE_LOCKED when another writer has loaded the month since, or commits first in every attempt; the errors
 * of `settle`; an API error for anything else that stops the script.
 */
export async function commitPackage<P extends LoadPackage>(
  settings: Settings,
  commit: Commit<P>,
): Promise<Committed<P>> {
  const { connection } = settings;
  const { table, companions, replaced, location, labels } = commit;
  let conflictCount = 0;
  const own = new Map<string, P>();
  for (let attempt = 0; ; attempt += 1) {
    const current = await readCurrent(settings, table, companions, replaced?.billingMonth ?? null);
    // A script that ended in a transient error can have committed before. The lock holds the load_id of the last commit.
    const earlier = own.get((replaced === null ? current.commitLock : current.monthLoadId) ?? "");
    if (earlier !== undefined) return { load: earlier, loadId: earlier.loadId };
    if (replaced !== null && current.monthLoadId !== replaced.loadId) {
      throw loadedByAnotherRun(table, replaced.billingMonth);
    }
    const load = await commit.settle(current);
    own.set(load.loadId, load);
    connection.throwIfClosing();
    const parameters = createParameters();
    const sql = transaction([
      ...guardStatements(settings, table, current, load, parameters),
      ...commit.statements(parameters),
      ...packageStatements(settings, table, load, companions, parameters),
    ]);
    reachPoint("before-commit");
    const configuration = queryConfiguration(settings, { sql, parameters, location, labels });
    const onInserted = (): void => reachPoint("job-inserted");
    const { job, isOwn } = await finishJob(connection, `${commit.jobPrefix}_${attempt}`, {
      location,
      configuration,
      onInserted,
    });
    const apiError = apiErrorOfJob(job.status ?? {});
    const committed =
      apiError !== undefined ? null : isOwn ? load.loadId : await committedBefore(settings, commit, load.loadId);
    if (committed !== null) {
      reachPoint("after-commit");
      return { load, loadId: committed };
    }
    // A failed job of an earlier process does not affect this one.
    if (apiError === undefined || !isOwn) continue;
    if (!isConflict(apiError) && !isTransient(apiError)) throw apiFailure(apiError);
    conflictCount += 1;
    if (conflictCount === maxAttempts) throw isConflict(apiError) ? tooManyConflicts(table) : apiFailure(apiError);
    await connection.backOff(conflictCount);
  }
}

/** The load_id that the job of an earlier process committed; null if it was removed again. */
async function committedBefore(
  settings: Settings,
  { table, companions, replaced }: Commit<LoadPackage>,
  ownLoadId: string,
): Promise<string | null> {
  if (replaced === null) return ownLoadId;
  const { monthLoadId } = await readCurrent(settings, table, companions, replaced.billingMonth);
  return monthLoadId === replaced.loadId ? null : monthLoadId;
}

/** Whether a script was stopped because another writer changed the same table. */
export function isConflict({ message }: ApiError): boolean {
  return (
    message.includes(conflicts.commitLock) ||
    message.includes(conflicts.state) ||
    /aborted due to concurrent update|could not serialize access/i.test(message)
  );
}

/** The error for a month that another run has loaded since this one began. */
export function loadedByAnotherRun(table: Table, month: string): BillhouseError {
  return new BillhouseError(
    "WAREHOUSE_LOCKED",
    `Another run loaded ${month} of ${table.dataset}.${table.name} at the same time.`,
    { hint: "Run again when the other run has finished: this load was rolled back." },
  );
}

/** The error for a table that was deleted after it was prepared. */
export function tableDeleted({ dataset, name }: Pick<Table, "dataset" | "name">): BillhouseError {
  return new BillhouseError(
    "WAREHOUSE_NOT_FOUND",
    `The table ${dataset}.${name} was deleted while this run was loading it.`,
    {
      hint: "Make sure that nothing deletes tables of the dataset, then run again: all months are loaded into a new table.",
    },
  );
}

/** The error for a commit that lost every attempt to another process. */
export function tooManyConflicts({ dataset }: Table): BillhouseError {
  return new BillhouseError("WAREHOUSE_LOCKED", `Other runs kept writing to ${dataset} at the same time.`, {
    hint: "Run again when the other runs have finished: this load was rolled back.",
  });
}

/** The messages of a script if another process committed first. */
export const conflicts = {
  commitLock: "billhouse: the commit lock has changed",
  state: "billhouse: the state has changed",
} as const;

/**
 * Statements that stop a transaction when anything was committed since `current` was read. The commit lock is updated, which
 * two transactions cannot both do; packages written by dlt are detected by the newest load_id.
 */
export function guardStatements(
  settings: Settings,
  table: Table,
  current: Current,
  load: LoadPackage,
  parameters: Parameters,
): readonly string[] {
  const commitLock = nameOf(settings, table, commitLockTable.name);
  const loadId = parameters.text(load.loadId);
  const newest = parameters.text(current.newestLoadId);
  const take =
    current.commitLock === null
      ? `INSERT INTO ${commitLock} (load_id) SELECT ${loadId} AS load_id FROM (SELECT 1 AS one) AS x WHERE NOT EXISTS (SELECT 1 FROM ${commitLock} AS l)`
      : `UPDATE ${commitLock} SET load_id = ${loadId} WHERE load_id = ${parameters.text(current.commitLock)}`;
  return [
    take,
    requireTrue("@@row_count > 0", conflicts.commitLock),
    requireTrue(
      `(SELECT MAX(x.id) FROM (${newestLoadIds(settings, table)}) AS x) IS NOT DISTINCT FROM ${newest}`,
      conflicts.state,
    ),
  ];
}

/** Statements that write the rows of a package, in the order in which dlt may see them. */
export function packageStatements(
  settings: Settings,
  table: Table,
  load: LoadPackage,
  companions: CompanionTables,
  parameters: Parameters,
): readonly string[] {
  const present = new Map(
    (["loads", "states", "receipts", "tracking"] as const).map((key) => [key, columnsOf(companions[key])]),
  );
  const keyOf = (name: string): "loads" | "states" | "receipts" | "tracking" =>
    name === loadsTable.name
      ? "loads"
      : name === pipelineStateTable.name
        ? "states"
        : name === receiptsTable.name
          ? "receipts"
          : "tracking";
  return packageRows(load, table, present.get("tracking") ?? []).map((row) => {
    const types = new Map((present.get(keyOf(row.table.name)) ?? []).map(({ name, nativeType }) => [name, nativeType]));
    const entries = Object.entries(row.values);
    const columns = entries.map(([name]) => identifier(name)).join(", ");
    // Every value is bound as text and cast to the type of its column: a JSON number would arrive as a float.
    const values = entries.map(([name, value]) => {
      const place = parameters.text(value === null ? null : String(value));
      const type = types.get(name) ?? "STRING";
      return type === "STRING" ? place : `CAST(${place} AS ${type})`;
    });
    return `INSERT INTO ${nameOf(settings, table, row.table.name)} (${columns}) VALUES (${values.join(", ")})`;
  });
}

/** Statements as the script of one transaction. */
export function transaction(statements: readonly string[]): string {
  return ["BEGIN TRANSACTION", ...statements, "COMMIT TRANSACTION", ""].join(";\n");
}

/**
 * A statement that stops the script with this message unless a condition is true; NULL also stops it. ASSERT is not among
 * the statements that are documented for transactions, RAISE stops a script anywhere:
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/procedural-language#raise
 */
export function requireTrue(condition: string, message: string): string {
  return `IF (${condition}) IS NOT TRUE THEN RAISE USING MESSAGE = '${message}'; END IF`;
}

/** The messages of the script if the table's content differs from the measurements. */
export const assertions = {
  inserted: "billhouse: other rows were inserted than were counted",
  held: "billhouse: the table holds other rows than were inserted",
  sum: "billhouse: the table sums up to another amount",
} as const;

/** A statement that inserts rows into the table, and how many. */
export interface Insertion {
  readonly sql: string;
  readonly rows: number;
}

/** Statements that replace the rows of the month, and compare the table with the measurements of the new rows. */
export function swapStatements(
  month: MonthColumns,
  table: TableResource,
  period: PeriodColumn,
  insertions: readonly Insertion[],
  measures: MonthMeasures,
  parameters: Parameters,
): readonly string[] {
  const target = tableName(table.tableReference);
  const inMonth = tableMonth(period, month.billingMonth);
  const types = new Map(columnsOf(table).map(({ name, nativeType }) => [fold(name), nativeType]));
  const inserts = insertions.flatMap(({ sql, rows }) => [
    sql,
    requireTrue(`@@row_count = ${parameters.integer(rows)}`, assertions.inserted),
  ]);
  const totals = totalsOf(measures);
  const sums = summedColumns(month).flatMap((name, index) => {
    const type = types.get(fold(name));
    if (type === undefined) return [];
    const held = `COALESCE(SUM(${exactNumber(identifier(name), type)}), CAST('0' AS BIGNUMERIC))`;
    return [`${held} = CAST(${parameters.text(totals[index] ?? "0")} AS BIGNUMERIC)`];
  });
  // One statement, because each is billed and takes its time.
  const areEqual = `(SELECT ${sums.join(" AND ")} FROM ${target} WHERE ${inMonth})`;
  const count = `(SELECT COUNT(*) FROM ${target} WHERE ${inMonth})`;
  return [
    `DELETE FROM ${target} WHERE ${inMonth}`,
    ...inserts,
    requireTrue(`${count} = ${parameters.integer(measures.rows)}`, assertions.held),
    ...(sums.length === 0 ? [] : [requireTrue(areEqual, assertions.sum)]),
  ];
}

/** Whether the next run resumes from the staging tables: after an interruption or a transient error. */
export function isResumable(error: unknown): boolean {
  return (error instanceof BillhouseError && error.code === "INTERRUPTED") || isTransient(apiErrorOf(error));
}

/**
 * Commits a month whose rows are staged, after all previously queued commits. `describe` finds the value of `source`
 * that stopped the script. Errors: as `commitPackage`, WAREHOUSE_LOCKED when another run has dropped the staging tables,
 * ROW_COUNT_MISMATCH and SUM_MISMATCH, and those of `describe`.
 */
export async function commitMonth<P extends LoadPackage>(
  settings: Settings,
  month: Pick<MonthReplacement, "table" | "billingMonth" | "replaces">,
  commit: Pick<Commit<P>, "companions" | "location" | "statements" | "settle">,
  { purpose, identity }: { readonly purpose: "swap" | "restore"; readonly identity: string },
  source: "the files" | "the earlier rows",
  describe: (error: unknown) => Promise<BillhouseError | undefined>,
): Promise<Committed<P>> {
  const { table, billingMonth, replaces } = month;
  return settings.queue(async () => {
    try {
      return await commitPackage(settings, {
        ...commit,
        table,
        jobPrefix: `billhouse_${purpose}_${identity}`,
        labels: { billhouse: purpose, table: table.name, month: billingMonth },
        replaced: { billingMonth, loadId: replaces },
      });
    } catch (error) {
      const reason = await explainMissingStaging(settings, error, month, commit.companions);
      throw await explainSwap(reason, month, source, () => describe(reason));
    }
  });
}

/** A run that loads a month drops the staging tables of other runs: that is how the slower run notices first. */
export async function explainMissingStaging(
  settings: Settings,
  error: unknown,
  { table, billingMonth, replaces }: Pick<MonthReplacement, "table" | "billingMonth" | "replaces">,
  companions: CompanionTables,
): Promise<unknown> {
  const apiError = apiErrorOf(error);
  if (apiError?.reason !== "notFound" || !apiError.message.includes(stagingPrefix)) return error;
  const { monthLoadId } = await readCurrent(settings, table, companions, billingMonth);
  if (monthLoadId !== replaces) return loadedByAnotherRun(table, billingMonth);
  return new BillhouseError(
    "WAREHOUSE_LOCKED",
    `Another run dropped the staging tables for ${billingMonth} of ${table.dataset}.${table.name}.`,
    { hint: "Run again when the other run has finished: this load was rolled back.", cause: error },
  );
}

/** The error for the check that stopped the script, or for the value that `describe` finds. */
async function explainSwap(
  error: unknown,
  { table, billingMonth }: Pick<MonthReplacement, "table" | "billingMonth">,
  source: "the files" | "the earlier rows",
  describe: () => Promise<BillhouseError | undefined>,
): Promise<unknown> {
  const apiError = apiErrorOf(error);
  if (apiError === undefined) return error;
  const hint = "Nothing was changed. This is a bug in billhouse or in BigQuery: report it with the name of the export.";
  const title = `${billingMonth} of ${table.dataset}.${table.name}`;
  if (apiError.message.includes(assertions.inserted) || apiError.message.includes(assertions.held)) {
    return new BillhouseError("ROW_COUNT_MISMATCH", `The inserted rows of ${title} differ from the counted ones.`, {
      hint,
      cause: error,
    });
  }
  if (apiError.message.includes(assertions.sum)) {
    return new BillhouseError("SUM_MISMATCH", `The cost of ${title} differs between the table and ${source}.`, {
      hint,
      cause: error,
    });
  }
  if (apiError.reason !== "invalidQuery" && apiError.reason !== "invalid") return error;
  return (await describe()) ?? error;
}
