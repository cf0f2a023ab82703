import type { RegisteredColumn, Table } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import {
  columnsTable,
  columnsToAdd,
  keepsReceipts,
  leaseTable,
  loadsTable,
  pipelineStateTable,
  receiptsTable,
  type StateColumn,
  type StateTable,
  trackingTableOf,
} from "../../state/tables.ts";
import { reachPoint } from "../points.ts";
import type { SchemaChange } from "../warehouse.ts";
import { makeDataset } from "./api/datasets.ts";
import { createForEver, describe, encryption, extendTable, noTimes } from "./definitions.ts";
import { isLost, overtaken } from "./commit/commits.ts";
import { backOff } from "./api/jobs.ts";
import { prepareKept } from "./previous/kept.ts";
import { checkLimits } from "./sql/name-rules.ts";
import { nativeTypes, type TableReference } from "./sql/names.ts";
import { transaction } from "./commit/packages.ts";
import { createParameters } from "./api/parameters.ts";
import { finishRebuild } from "./migrate/renaming.ts";
import { type QuerySettings, runStatement, type Statement } from "./api/statements.ts";
import { refusalOf } from "./api/api-error.ts";
import { lookAround, nameOf, referenceTo, type Surroundings } from "./companion-tables.ts";
import { columnsOf, type Field, findTable, type TableResource } from "./api/tables.ts";

/** What making tables needs to know besides the connection. */
export interface SchemaSettings extends QuerySettings {
  /** Where datasets are made. */
  readonly location: string;
}

/** Makes the table and the tables beside it what the next loads need. */
export async function prepareTable(settings: SchemaSettings, table: Table, change: SchemaChange): Promise<void> {
  const before = columnsOf((await lookAround(settings, table)).table).map(({ name }) => name);
  checkLimits(table, change, before);
  const around = await prepareState(settings, table);
  const reference = referenceTo(settings, table);
  const isAway = around.table !== null && around.table.tableReference.tableId !== table.name;
  if (isAway) await finishRebuild(settings, table);
  const descriptions = new Map(change.registered.map((row) => [fold(row.columnName), row.sourceName.slice(0, 1024)]));
  const added = change.added.map(({ name, type }) => describe({ name, type: nativeTypes[type] }, descriptions));
  // Before the columns are there: what is stopped in between has left columns of which the next run knows that they are
  // new. The other way round there would be columns of which nothing is known.
  await register(settings, table, change.registered, around);
  if (around.table === null) await createBill(settings, reference, added, change);
  else await extendTable(settings, reference, added, descriptions);
  if (change.keepsPrevious) {
    const bill = await findTable(settings.connection, reference);
    if (bill !== null) await prepareKept(settings, table, bill, change.partitionColumn, around.location);
  }
}

/**
 * Makes the tables that billhouse and dlt keep beside the billing tables; with `migrate`, a tracking table that somebody
 * else made gets the columns for our receipts too. Gives what is there then.
 */
export async function prepareState(
  settings: SchemaSettings,
  table: Table,
  options: { readonly migrate?: boolean } = {},
): Promise<Surroundings & { readonly location: string }> {
  const before = await lookAround(settings, table);
  const location = before.location ?? (await makeDataset(settings, table, settings.location));
  const apart = before.tracking !== null && !keepsReceipts(columnsOf(before.tracking));
  const wanted: readonly (readonly [StateTable, TableResource | null])[] = [
    [loadsTable, before.loads],
    [pipelineStateTable, before.states],
    [columnsTable, before.registry],
    [leaseTable, before.lease],
    [trackingTableOf(table), before.tracking],
    ...(apart ? ([[receiptsTable, before.receipts]] as const) : []),
  ];
  const changed = await Promise.all(
    wanted.map(([state, present]) => prepareStateTable(settings, table, state, present, options)),
  );
  const after = changed.includes(true) ? await lookAround(settings, table) : before;
  if (before.lease === null) await makeLease(settings, table, location);
  return { ...after, location };
}

async function prepareStateTable(
  settings: SchemaSettings,
  table: Table,
  wanted: StateTable,
  present: TableResource | null,
  options: { readonly migrate?: boolean },
): Promise<boolean> {
  const reference = referenceTo(settings, table, wanted.name);
  if (present === null) {
    const resource = { schema: { fields: wanted.columns.map(stateField) }, ...encryption(settings) };
    await createForEver(settings, reference, resource);
    return true;
  }
  const missing = columnsToAdd(wanted, columnsOf(present), options).map(stateField);
  if (missing.length > 0) await extendTable(settings, reference, missing, new Map());
  return missing.length > 0;
}

/** The one row of the lease. Two rows, which two first runs at once could make, do no harm: they always change together. */
async function makeLease(settings: SchemaSettings, table: Table, location: string): Promise<void> {
  const lease = nameOf(settings, table, leaseTable.name);
  const sql = `INSERT INTO ${lease} (load_id) SELECT '' AS load_id FROM (SELECT 1 AS one) AS x WHERE NOT EXISTS (SELECT 1 FROM ${lease} AS l)`;
  await commit(settings, { sql, parameters: createParameters(), location, labels: labelsOf(table) });
}

async function createBill(
  settings: SchemaSettings,
  reference: TableReference,
  fields: readonly Field[],
  { partitionColumn, usageColumn }: SchemaChange,
): Promise<void> {
  const partition = fields.find(({ name }) => fold(name) === fold(partitionColumn));
  if (partition === undefined || !["DATE", "TIMESTAMP", "DATETIME"].includes(partition.type)) {
    throw noTimes(reference, partitionColumn, partition?.type ?? "missing column");
  }
  const usage = fields.find(({ name }) => usageColumn !== null && fold(name) === fold(usageColumn));
  await createForEver(settings, reference, {
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
 * Rows of the registry are written once and never changed; the descriptions of the columns only repeat them. Runs that
 * register at the same time come one after the other, because two transactions cannot both change the lease.
 */
async function register(
  settings: SchemaSettings,
  table: Table,
  registered: readonly RegisteredColumn[],
  around: Surroundings & { readonly location: string },
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
    `UPDATE ${nameOf(settings, table, leaseTable.name)} SET load_id = load_id WHERE TRUE`,
    `ASSERT NOT EXISTS (SELECT 1 FROM ${joined} WHERE EXISTS (${rowOfAnother})) AS '${takenMeanwhile}'`,
    `INSERT INTO ${registry} (table_name, source_name, column_name, type, first_execution)
    SELECT ${name} AS table_name, v0, v1, v2, v3 FROM ${joined} WHERE NOT EXISTS (${rowOfSource})`,
  ]);
  const statement = { sql, parameters, location: around.location, labels: labelsOf(table) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await commit(settings, statement);
    } catch (error) {
      const refusal = refusalOf(error);
      const isTaken = refusal?.message.includes(takenMeanwhile) === true;
      const lost = refusal !== undefined && isLost(refusal);
      if (isTaken || (lost && attempt === tries)) throw overtaken(table);
      if (!lost) throw error;
      await backOff(settings.connection, attempt);
    }
  }
}

const tries = 8;

/** What the script says when another run has given a name to another source column since this run planned its columns. */
const takenMeanwhile = "billhouse: another run has named columns";

async function commit(settings: QuerySettings, statement: Statement): Promise<void> {
  reachPoint("before-commit");
  await runStatement(settings, statement);
  reachPoint("after-commit");
}

function labelsOf(table: Table): { billhouse: string; table: string } {
  return { billhouse: "prepare", table: table.name };
}
