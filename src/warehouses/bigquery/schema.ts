import { BillhouseError, quoted } from "../../errors.ts";
import type { RegisteredColumn, Table, TableColumn } from "../../model.ts";
import { fold, longestName } from "../../schema/names.ts";
import {
  columnsTable,
  columnsToAdd,
  keepsReceipts,
  commitLockTable,
  loadsTable,
  pipelineStateTable,
  receiptsTable,
  type StateColumn,
  type StateTable,
  trackingTableOf,
} from "../../state/tables.ts";
import { reachPoint } from "../points.ts";
import type { SchemaChange } from "../warehouse.ts";
import { apiErrorOf } from "./api/api-error.ts";
import type { Settings } from "./api/client.ts";
import { createParameters, runStatement, type Statement } from "./api/jobs.ts";
import {
  createPermanentTable,
  describe,
  encryption,
  extendTable,
  type Field,
  findTable,
  makeDataset,
  type TableReference,
  type TableResource,
} from "./api/tables.ts";
import { isConflict, requireTrue, tooManyConflicts, transaction } from "./commit.ts";
import {
  type CompanionTables,
  findCompanions,
  nameOf,
  type PreparedTables,
  referenceTo,
  stateDataset,
} from "./companion-tables.ts";
import { finishRebuild } from "./rebuild.ts";
import { notATimeColumn } from "./sql/months.ts";
import { columnsOf, nativeTypes } from "./sql/names.ts";

/** Prepares the table and its companion tables for the next loads. */
export async function prepareTable(settings: Settings, table: Table, change: SchemaChange): Promise<void> {
  await changeTable(settings, table, change, await beginChange(settings, table, change));
}

/**
 * Creates what is required before rows are staged: the dataset and the companion tables. Returns the existing tables.
 * Error: LIMIT_EXCEEDED.
 */
export async function beginChange(settings: Settings, table: Table, change: SchemaChange): Promise<PreparedTables> {
  return settings.queue(async () => {
    const before = await findCompanions(settings, table);
    const names = columnsOf(before.table).map(({ name }) => name);
    checkLimits(table, change, names);
    const companions = await prepareState(settings, table, { before });
    const isAway = companions.table !== null && companions.table.tableReference.tableId !== table.name;
    if (companions.table !== null && !isAway) return companions;
    await finishRebuild(settings, table);
    return { ...companions, table: await findTable(settings.connection, referenceTo(settings, table)) };
  });
}

/** The columns of the table after a change. */
export function columnsAfter(before: TableResource | null, change: SchemaChange | null): readonly TableColumn[] {
  const present = columnsOf(before);
  const names = new Set(present.map(({ name }) => fold(name)));
  const added = (change?.added ?? []).filter(({ name }) => !names.has(fold(name)));
  return [...present, ...added.map(({ name, type }) => ({ name, type, nativeType: nativeTypes[type] }))];
}

/** Whether a change creates the table or adds columns to it. */
export function changesTable(before: TableResource | null, change: SchemaChange): boolean {
  return before === null || columnsAfter(before, change).length > columnsOf(before).length;
}

/** Creates or extends the table, registers its columns, and returns the existing tables. */
export async function changeTable(
  settings: Settings,
  table: Table,
  change: SchemaChange,
  companions: PreparedTables,
): Promise<PreparedTables> {
  const reference = referenceTo(settings, table);
  const descriptions = new Map(change.registered.map((row) => [fold(row.columnName), row.sourceName.slice(0, 1024)]));
  const added = change.added.map(({ name, type }) => describe({ name, type: nativeTypes[type] }, descriptions));
  // Registered before the columns exist: if this is interrupted, the next run knows that these columns are new. The other
  // way round there could be columns that are not registered.
  await register(settings, table, change.registered, companions);
  // Another month of the same run may have created it meanwhile.
  const present = companions.table ?? (await findTable(settings.connection, reference));
  if (present === null) await createBillingTable(settings, reference, added, change);
  else await extendTable(settings, reference, added, descriptions);
  reachPoint("prepared");
  return { ...companions, table: await findTable(settings.connection, reference) };
}

/**
 * Creates the companion tables of billhouse and dlt; with `migrate`, a tracking table of another
 * tool gets the columns for receipts too. `before` is what `findCompanions` has found, if nothing has changed since. Returns the existing tables.
 */
export async function prepareState(
  settings: Settings,
  table: Table,
  options: { readonly migrate?: boolean; readonly before?: CompanionTables } = {},
): Promise<PreparedTables> {
  const before = options.before ?? (await findCompanions(settings, table));
  const isHere = before.location !== null && stateDataset(settings, table) === table.dataset;
  const location = isHere ? before.location : await makeDataset(settings, table, before.location ?? settings.location);
  const apart = before.tracking !== null && !keepsReceipts(columnsOf(before.tracking));
  const wanted: readonly (readonly [StateTable, TableResource | null])[] = [
    [loadsTable, before.loads],
    [pipelineStateTable, before.states],
    [columnsTable, before.registry],
    [commitLockTable, before.commitLock],
    [trackingTableOf(table), before.tracking],
    ...(apart ? ([[receiptsTable, before.receipts]] as const) : []),
  ];
  const changed = await Promise.all(
    wanted.map(([state, present]) => prepareStateTable(settings, table, state, present, options)),
  );
  const after = changed.includes(true) ? await findCompanions(settings, table) : before;
  if (before.commitLock === null) await createCommitLock(settings, table, location);
  return { ...after, location };
}

async function prepareStateTable(
  settings: Settings,
  table: Table,
  wanted: StateTable,
  present: TableResource | null,
  options: { readonly migrate?: boolean },
): Promise<boolean> {
  const reference = referenceTo(settings, table, wanted.name);
  if (present === null) {
    const resource = { schema: { fields: wanted.columns.map(stateField) }, ...encryption(settings) };
    await createPermanentTable(settings, reference, resource);
    return true;
  }
  const missing = columnsToAdd(wanted, columnsOf(present), options).map(stateField);
  if (missing.length > 0) await extendTable(settings, reference, missing, new Map());
  return missing.length > 0;
}

/**
 * The one row of the commit lock. Two rows, which two concurrent first runs could insert, do no harm: they always change
 * together.
 */
async function createCommitLock(settings: Settings, table: Table, location: string): Promise<void> {
  const commitLock = nameOf(settings, table, commitLockTable.name);
  const sql = `INSERT INTO ${commitLock} (load_id) SELECT '' AS load_id FROM (SELECT 1 AS one) AS x WHERE NOT EXISTS (SELECT 1 FROM ${commitLock} AS l)`;
  await commit(settings, { sql, parameters: createParameters(), location, labels: labelsOf(table) });
}

async function createBillingTable(
  settings: Settings,
  reference: TableReference,
  fields: readonly Field[],
  { partitionColumn, usageColumn }: SchemaChange,
): Promise<void> {
  const partition = fields.find(({ name }) => fold(name) === fold(partitionColumn));
  if (partition === undefined || !["DATE", "TIMESTAMP", "DATETIME"].includes(partition.type)) {
    throw notATimeColumn(reference, partitionColumn, partition?.type ?? "missing column");
  }
  const usage = fields.find(({ name }) => usageColumn !== null && fold(name) === fold(usageColumn));
  await createPermanentTable(settings, reference, {
    schema: { fields },
    timePartitioning: { type: "MONTH", field: partition.name },
    ...(usage === undefined || usage === partition ? {} : { clustering: { fields: [usage.name] } }),
    ...encryption(settings),
  });
}

function stateField({ name, type, nullable, length }: StateColumn): Field {
  return {
    name,
    type: nativeTypes[type],
    mode: nullable ? "NULLABLE" : "REQUIRED",
    ...(length === undefined ? {} : { maxLength: String(length) }),
  };
}

/**
 * Rows of the registry are written once and never changed; column descriptions only repeat them. Runs that
 * register at the same time wait for each other, because two transactions cannot both change the commit lock.
 */
async function register(
  settings: Settings,
  table: Table,
  registered: readonly RegisteredColumn[],
  companions: PreparedTables,
): Promise<void> {
  if (registered.length === 0) return;
  const parameters = createParameters();
  const registry = nameOf(settings, table, columnsTable.name);
  const lists = (["sourceName", "columnName", "type", "firstExecution"] as const).map((key, position) => {
    const list = parameters.texts(registered.map((row) => row[key]));
    return `UNNEST(${list}) AS v${position} WITH OFFSET AS o${position}`;
  });
  const joined = lists.map((list, position) => (position === 0 ? list : `JOIN ${list} ON o${position} = o0`)).join(" ");
  const name = parameters.text(table.name);
  const rowOfSource = `SELECT 1 FROM ${registry} AS r WHERE r.table_name = ${name} AND r.source_name = v0`;
  const rowOfAnother = `SELECT 1 FROM ${registry} AS r WHERE r.table_name = ${name} AND r.source_name != v0 AND LOWER(r.column_name) = LOWER(v1)`;
  const sql = transaction([
    `UPDATE ${nameOf(settings, table, commitLockTable.name)} SET load_id = load_id WHERE TRUE`,
    requireTrue(`NOT EXISTS (SELECT 1 FROM ${joined} WHERE EXISTS (${rowOfAnother}))`, takenMeanwhile),
    `INSERT INTO ${registry} (table_name, source_name, column_name, type, first_execution)
    SELECT ${name} AS table_name, v0, v1, v2, v3 FROM ${joined} WHERE NOT EXISTS (${rowOfSource})`,
  ]);
  const statement = { sql, parameters, location: companions.location, labels: labelsOf(table) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await commit(settings, statement);
    } catch (error) {
      const apiError = apiErrorOf(error);
      const isTaken = apiError?.message.includes(takenMeanwhile) === true;
      const isLost = apiError !== undefined && isConflict(apiError);
      if (isTaken || (isLost && attempt === maxAttempts)) throw tooManyConflicts(table);
      if (!isLost) throw error;
      await settings.connection.backOff(attempt);
    }
  }
}

const maxAttempts = 8;

/**
 * The message of the script if another run has assigned a column name to another source column since this run planned its
 * columns.
 */
const takenMeanwhile = "billhouse: another run has named columns";

async function commit(settings: Settings, statement: Statement): Promise<void> {
  reachPoint("before-commit");
  await runStatement(settings, statement);
  reachPoint("after-commit");
}

function labelsOf(table: Table): { billhouse: string; table: string } {
  return { billhouse: "prepare", table: table.name };
}

const maxColumns = 10_000;

const reservedPrefix =
  /^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP)/i;

/** Checks limits before anything is changed; `present` are the names of the table's columns. Error: LIMIT_EXCEEDED. */
export function checkLimits(table: Table, { added }: SchemaChange, present: readonly string[]): void {
  const title = `${table.dataset}.${table.name}`;
  const columns = new Set([...present, ...added.map(({ name }) => name)].map(fold)).size;
  if (columns > maxColumns) {
    throw new BillhouseError(
      "LIMIT_EXCEEDED",
      `${title} would have ${columns} columns; BigQuery allows ${maxColumns}.`,
      {
        hint: "Remove tags or attributes from the export, so that it has fewer columns.",
      },
    );
  }
  for (const { name } of added) {
    const reason =
      Array.from(name).length > longestName
        ? `is longer than ${longestName} characters`
        : reservedPrefix.test(name)
          ? "begins with a prefix that BigQuery reserves"
          : /[!"$()*,./;?@[\\\]^`{}~\p{Cc}]/u.test(name)
            ? "contains a character that BigQuery does not allow"
            : fold(name) === fold(table.name)
              ? "is the name of the table, which BigQuery confuses"
              : undefined;
    if (reason === undefined) continue;
    throw new BillhouseError(
      "LIMIT_EXCEEDED",
      `${title} cannot get the column ${quoted(name, 300)}: the name ${reason}.`,
      {
        hint: "Rename the column in the export, or load into a table with another name.",
      },
    );
  }
}
