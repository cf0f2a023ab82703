import { fold } from "../../../schema/names.ts";
import { createForEver, encryption } from "../definitions.ts";
import { BillhouseError } from "../../../errors.ts";
import type { Table } from "../../../model.ts";
import { exactNumber, isNested } from "../sql/casts.ts";
import { readCurrent } from "../ledger.ts";
import { allPartitions } from "../sql/months.ts";
import { identifier, rebuildNames, type TableReference, tableName } from "../sql/names.ts";
import { createParameters } from "../api/parameters.ts";
import { askForParts, part, type QuerySettings, runStatement, type TextRow } from "../api/statements.ts";
import { prepareState, type SchemaSettings } from "../schema.ts";
import { renameTable } from "./renaming.ts";
import { referenceTo } from "../companion-tables.ts";
import { dropTable, type Field, fieldsOf, findTable, nativeTypeOf, type TableResource } from "../api/tables.ts";

/** What is different in the table that is built beside the old one. */
export interface Rebuilding {
  readonly timePartitioning?: object;
  readonly requirePartitionFilter?: boolean;
  /** Undefined when it is named: the rows are not clustered. */
  readonly clustering?: { readonly fields: readonly string[] } | undefined;
  /** A column that gets another type, and the SQL of its values. */
  readonly column?: { readonly name: string; readonly type: string; readonly value: string };
}

/**
 * Builds a table anew beside the old one, proves that it holds the same, and lets the two change places. `prove` looks
 * at the new table before that. A process that is killed leaves the old table in place, or both under other names, of
 * which `finishRebuild` makes a table again.
 * Errors: WAREHOUSE_LOCKED when somebody wrote to the table meanwhile, ROW_COUNT_MISMATCH, SUM_MISMATCH.
 */
export async function rebuild(
  settings: SchemaSettings,
  table: Table,
  change: Rebuilding,
  prove: (built: TableReference) => Promise<void> = async () => undefined,
): Promise<void> {
  const { connection } = settings;
  const around = await prepareState(settings, table);
  const reference = referenceTo(settings, table);
  const old = around.table;
  if (old === null) return;
  const names = rebuildNames(reference);
  const built = { ...reference, tableId: names.built };
  const aside = { ...reference, tableId: names.old };
  await dropTable(connection, built);
  const before = await readCurrent(settings, table, around, null);
  const requireUntouched = async (place: TableReference): Promise<void> => {
    const after = await readCurrent(settings, table, around, null);
    const now = await findTable(connection, place);
    if (after.lease === before.lease && after.newestLoadId === before.newestLoadId && now?.numRows === old.numRows)
      return;
    throw new BillhouseError("WAREHOUSE_LOCKED", `Another run wrote to ${table.dataset}.${table.name} meanwhile.`, {
      hint: "The table is as it was. Migrate again when the other run has ended.",
    });
  };
  try {
    await createForEver(settings, built, resourceOf(settings, old, change));
    await copyRows(settings, old, built, change, around.location);
    const same = fieldsOf(old).filter(({ name }) => fold(name) !== fold(change.column?.name ?? ""));
    const counts = await Promise.all(
      [old.tableReference, built].map((each) => countRows(settings, old, each, same, around.location)),
    );
    proveEqual(table, counts[0], counts[1]);
    await prove(built);
    await requireUntouched(reference);
    await renameTable(settings, reference, names.old, around.location);
    try {
      // From here on nobody finds it under its name: what was written until now is all there is.
      await requireUntouched(aside);
    } catch (error) {
      await renameTable(settings, aside, reference.tableId, around.location);
      throw error;
    }
  } catch (error) {
    await dropTable(connection, built).catch(() => undefined);
    throw error;
  }
  await renameTable(settings, built, reference.tableId, around.location);
  await dropTable(connection, aside);
}

function resourceOf(settings: QuerySettings, old: TableResource, change: Rebuilding): object {
  const { column } = change;
  const fields = fieldsOf(old).map((field): Field => {
    if (column === undefined || fold(field.name) !== fold(column.name)) return field;
    const { name, mode, description } = field;
    return {
      name,
      type: column.type,
      ...(mode === undefined ? {} : { mode }),
      ...(description === undefined ? {} : { description }),
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
  settings: QuerySettings,
  old: TableResource,
  built: TableReference,
  { column }: Rebuilding,
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

/** Rows of a table; of each column the values, and the sum of numbers. */
async function countRows(
  settings: QuerySettings,
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
  const parts = await askForParts(settings, { sql, parameters: createParameters(), location, labels });
  return parts.get("counts")?.[0] ?? {};
}

function proveEqual(table: Table, old: TextRow = {}, built: TextRow = {}): void {
  const title = `${table.dataset}.${table.name}`;
  const hint = "The table is as it was. This is a fault of billhouse or of the database: report it with both figures.";
  for (const [name, figure] of Object.entries(old)) {
    const now = built[name] ?? null;
    if (now === figure) continue;
    const code = name.startsWith("sum") ? "SUM_MISMATCH" : "ROW_COUNT_MISMATCH";
    throw new BillhouseError(
      code,
      `${title} would have ${now ?? "nothing"} where it has ${figure ?? "nothing"} (${name}).`,
      { hint },
    );
  }
}
