import { BillhouseError } from "../../errors.ts";
import { apiErrorOf } from "./api/api-error.ts";
import type { Table } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import type { Connection, Settings } from "./api/client.ts";
import { createParameters, part, runStatement, selectParts, type TextRow } from "./api/jobs.ts";
import {
  createPermanentTable,
  dropTable,
  encryption,
  type Field,
  fieldsOf,
  findDataset,
  findTable,
  removeExpiration,
  tableAccess,
  type TableReference,
  type TableResource,
} from "./api/tables.ts";
import { type PreparedTables, referenceTo } from "./companion-tables.ts";
import { readCurrent } from "./ledger.ts";
import { exactNumber, isNested } from "./sql/casts.ts";
import { allPartitions } from "./sql/months.ts";
import { identifier, nativeTypeOf, rebuildNames, shownTable, tableName } from "./sql/names.ts";

/** The changes in the table that is built beside the old one. */
export interface Rebuild {
  readonly timePartitioning?: object;
  readonly requirePartitionFilter?: boolean;
  /** Named but undefined: the rows are not clustered. */
  readonly clustering?: { readonly fields: readonly string[] } | undefined;
  /** A column that gets another type, and the SQL of its values. */
  readonly column?: { readonly name: string; readonly type: string; readonly value: string };
}

/**
 * Builds a new table beside the old one, proves that both have the same content, and swaps their names. `prove` checks
 * the new table before that. A killed process leaves the old table in place, or both under other names, from
 * which `finishRebuild` restores the table. The rebuilt table is dropped only while the other one exists.
 * Returns what the new table lacks: see `MigrationOutcome.lost`.
 * Errors: PARTITION_EXPIRED when the dataset deletes tables or partitions by age, WAREHOUSE_LOCKED when another process
 * wrote to the table meanwhile, ROW_COUNT_MISMATCH, SUM_MISMATCH.
 */
export async function rebuild(
  settings: Settings,
  table: Table,
  companions: PreparedTables,
  change: Rebuild,
  prove: (built: TableReference) => Promise<void> = async () => undefined,
): Promise<readonly string[]> {
  const { connection } = settings;
  const reference = referenceTo(settings, table);
  const old = companions.table;
  if (old === null) return [];
  await refuseDefaultExpiration(settings, reference);
  const names = rebuildNames(reference);
  const built = { ...reference, tableId: names.built };
  const aside = { ...reference, tableId: names.old };
  await dropTable(connection, built);
  const lost = await findAccess(connection, old.tableReference);
  const before = await readCurrent(settings, table, companions, null);
  const requireUntouched = async (now: TableResource | null): Promise<void> => {
    const after = await readCurrent(settings, table, companions, null);
    if (
      after.commitLock === before.commitLock &&
      after.newestLoadId === before.newestLoadId &&
      now?.numRows === old.numRows
    )
      return;
    throw new BillhouseError(
      "WAREHOUSE_LOCKED",
      `Another run wrote to ${table.dataset}.${table.name} at the same time.`,
      {
        hint: "The table was not changed. Migrate again when the other run has finished.",
      },
    );
  };
  try {
    await createPermanentTable(settings, built, resourceOf(settings, old, change));
    await copyRows(settings, old, built, change, companions.location);
    const same = fieldsOf(old).filter(({ name }) => fold(name) !== fold(change.column?.name ?? ""));
    const counts = await Promise.all(
      [old.tableReference, built].map((each) => countRows(settings, old, each, same, companions.location)),
    );
    // Rows of another writer would make the figures differ, too.
    await requireUntouched(await findTable(connection, reference));
    requireEqual(table, counts[0], counts[1]);
    await prove(built);
    requireAllRows(table, old, counts[0]);
    await removeExpiration(settings, reference);
    await renameTable(settings, reference, names.old, companions.location);
    const replaced = await findTable(connection, aside);
    // If the old table no longer exists, the new one, which has the same rows, replaces it.
    if (replaced !== null) {
      await removeExpiration(settings, aside);
      try {
        // From here on other processes cannot find it under its name or write to it.
        await requireUntouched(replaced);
      } catch (error) {
        await renameTable(settings, aside, reference.tableId, companions.location);
        throw error;
      }
    }
  } catch (error) {
    await dropBeside(connection, built, [reference, aside]).catch(() => undefined);
    throw error;
  }
  await renameTable(settings, built, reference.tableId, companions.location);
  await removeExpiration(settings, reference);
  await dropBeside(connection, aside, [reference]);
  return lost;
}

/** The access roles and row access policies of a table itself, as text. */
async function findAccess(connection: Connection, reference: TableReference): Promise<readonly string[]> {
  try {
    const { roles, rowPolicies } = await tableAccess(connection, reference);
    return [
      ...roles.map(({ role, members }) => `${role} of ${members.join(", ")}`),
      ...rowPolicies.map((name) => `the row access policy ${name}`),
    ];
  } catch (error) {
    if (apiErrorOf(error) === undefined || connection.closing.aborted) throw error;
    return [
      "access roles and row access policies of the table, if there were any: this account lacks the permission to read them",
    ];
  }
}

/** A row access policy hides rows from this account, which would not be copied. Error: ROW_COUNT_MISMATCH. */
export function requireAllRows({ dataset, name }: Table, { numRows }: TableResource, counted: TextRow = {}): void {
  if (numRows === undefined || counted["rows"] === numRows) return;
  throw new BillhouseError(
    "ROW_COUNT_MISMATCH",
    `${dataset}.${name} has ${numRows} rows, but this account can read only ${counted["rows"] ?? "0"} of them.`,
    {
      hint: "The table was not changed. Give this account access to all rows in the row access policies of the table, then migrate again.",
    },
  );
}

/** Drops a table whose content another one also has, if one of those others exists. */
async function dropBeside(
  connection: Connection,
  table: TableReference,
  others: readonly TableReference[],
): Promise<void> {
  const found = await Promise.all(others.map((other) => findTable(connection, other)));
  if (found.some((other) => other !== null)) await dropTable(connection, table);
}

/**
 * A renamed table keeps its creation time and gets the age limit of its dataset again, so that BigQuery may delete it at
 * once: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#alter_table_rename_to_statement
 * Error: PARTITION_EXPIRED.
 */
async function refuseDefaultExpiration(settings: Settings, { projectId, datasetId, tableId }: TableReference) {
  const dataset = await findDataset(settings, projectId, datasetId);
  const limits = [
    ["table", dataset?.defaultTableExpirationMs],
    ["partition", dataset?.defaultPartitionExpirationMs],
  ].flatMap(([what, age]) => (age === undefined || age === "0" ? [] : [`--default_${what}_expiration 0`]));
  if (limits.length === 0) return;
  throw new BillhouseError(
    "PARTITION_EXPIRED",
    `The dataset ${datasetId} deletes tables or partitions by their age. ${tableId} is renamed in this step and keeps its creation time, so BigQuery could delete it at once.`,
    {
      hint: `Run \`bq update ${limits.join(" ")} ${projectId}:${datasetId}\`, then run again. The default can be set again afterwards: it applies to new tables.`,
    },
  );
}

function resourceOf(settings: Settings, old: TableResource, change: Rebuild): object {
  const { column } = change;
  const fields = fieldsOf(old).map((field): Field => {
    if (column === undefined || fold(field.name) !== fold(column.name)) return field;
    const { name, mode, description, policyTags } = field;
    return {
      name,
      type: column.type,
      ...(mode === undefined ? {} : { mode }),
      ...(description === undefined ? {} : { description }),
      ...(policyTags === undefined ? {} : { policyTags }),
    };
  });
  const { timePartitioning, requirePartitionFilter } = "timePartitioning" in change ? change : old;
  const { clustering } = "clustering" in change ? change : old;
  const { labels, description } = old;
  return {
    schema: { fields },
    ...(timePartitioning === undefined ? {} : { timePartitioning }),
    ...(requirePartitionFilter === undefined ? {} : { requirePartitionFilter }),
    ...(clustering === undefined ? {} : { clustering }),
    ...(labels === undefined ? {} : { labels }),
    ...(description === undefined ? {} : { description }),
    ...encryption(settings),
  };
}

async function copyRows(
  settings: Settings,
  old: TableResource,
  built: TableReference,
  { column }: Rebuild,
  location: string,
): Promise<void> {
  const names = fieldsOf(old).map(({ name }) => identifier(name));
  const values = fieldsOf(old).map(({ name }) =>
    column !== undefined && fold(name) === fold(column.name)
      ? `${column.value} AS ${identifier(name)}`
      : identifier(name),
  );
  const rows = `SELECT ${values.join(", ")} FROM ${tableName(old.tableReference)} AS t${allPartitions(old)}`;
  const sql = `INSERT INTO ${tableName(built)} (${names.join(", ")}) ${rows}`;
  const labels = { billhouse: "migrate", table: old.tableReference.tableId };
  await runStatement(settings, { sql, parameters: createParameters(), location, labels });
}

/** The number of rows of a table; the number of values and the sum of each column. */
async function countRows(
  settings: Settings,
  old: TableResource,
  reference: TableReference,
  fields: readonly Field[],
  location: string,
): Promise<TextRow> {
  const counts = fields
    .filter((field) => !isNested(field))
    .flatMap((field, index) => {
      const column = identifier(field.name);
      const type = nativeTypeOf(field);
      const values = [[`values${index}`, `COUNT(${column})`]];
      if (!/^(INT64|NUMERIC|BIGNUMERIC|FLOAT64)/.test(type)) return values;
      return [...values, [`sum${index}`, `SUM(${exactNumber(column, type)})`]];
    });
  const cells = Object.fromEntries([["rows", "COUNT(*)"], ...counts]) as Record<string, string>;
  const sql = part("counts", cells, `${tableName(reference)} AS t${allPartitions(old)}`);
  const labels = { billhouse: "migrate", table: old.tableReference.tableId };
  const parts = await selectParts(settings, { sql, parameters: createParameters(), location, labels });
  return parts.get("counts")?.[0] ?? {};
}

function requireEqual(table: Table, old: TextRow = {}, built: TextRow = {}): void {
  const title = `${table.dataset}.${table.name}`;
  const hint = "The table was not changed. This is a bug in billhouse or in BigQuery: report it with both values.";
  for (const [name, figure] of Object.entries(old)) {
    const now = built[name] ?? null;
    if (now === figure) continue;
    const code = name.startsWith("sum") ? "SUM_MISMATCH" : "ROW_COUNT_MISMATCH";
    throw new BillhouseError(
      code,
      `${title} would have ${now ?? "nothing"} instead of ${figure ?? "nothing"} (${name}).`,
      { hint },
    );
  }
}

/**
 * Finishes a rebuild that was interrupted between its two renames, and drops the tables that it left.
 * Errors: PARTITION_EXPIRED as `rebuild`; WAREHOUSE_NOT_FOUND when only the rebuilt table exists.
 */
export async function finishRebuild(settings: Settings, table: Table): Promise<void> {
  const { connection } = settings;
  const reference = referenceTo(settings, table);
  const names = rebuildNames(reference);
  const old = { ...reference, tableId: names.old };
  const built = { ...reference, tableId: names.built };
  const [present, replaced, rebuilt] = await Promise.all(
    [reference, old, built].map((each) => findTable(connection, each)),
  );
  if (present !== null) return dropTable(connection, old);
  if (replaced !== null && replaced !== undefined) {
    await refuseDefaultExpiration(settings, reference);
    // It is unknown whether the old table was written to before it was renamed, so it is the complete one.
    await renameTable(settings, old, reference.tableId, replaced.location ?? "");
    await removeExpiration(settings, reference);
    return dropBeside(connection, built, [reference]);
  }
  if (rebuilt !== null) throw onlyRebuilt(table, built);
  return undefined;
}

function onlyRebuilt({ dataset, name }: Table, built: TableReference): BillhouseError {
  return new BillhouseError(
    "WAREHOUSE_NOT_FOUND",
    `The table ${dataset}.${name} is missing, but ${shownTable(built)}, which an interrupted migration built from it, exists.`,
    {
      hint: `If that table is complete, run \`ALTER TABLE ${tableName(built)} RENAME TO ${identifier(name)}\` in BigQuery; otherwise drop it. Then run again.`,
    },
  );
}

/** Renames a table. */
export async function renameTable(
  settings: Settings,
  from: TableReference,
  name: string,
  location: string,
): Promise<void> {
  const sql = `ALTER TABLE ${tableName(from)} RENAME TO ${identifier(name)}`;
  const labels = { billhouse: "migrate", table: name };
  await runStatement(settings, { sql, parameters: createParameters(), location, labels });
}
