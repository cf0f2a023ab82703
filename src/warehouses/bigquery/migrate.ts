import { BillhouseError } from "../../errors.ts";
import type { Table } from "../../model.ts";
import { type ColumnTotals, type ConvertibleColumn, proveConversion, refuseMisfits } from "../../schema/conversion.ts";
import { fractionDigits } from "../../schema/decimals.ts";
import { fold } from "../../schema/names.ts";
import { createSum } from "../../schema/sums.ts";
import { columnsTable, commitLockTable, receiptsTable, trackingTableName } from "../../state/tables.ts";
import { hasReceiptKeys, movedColumns, trackingSteps } from "../separate-receipts.ts";
import type { MigrationOutcome, MigrationStep, Partitioning, PendingStep } from "../warehouse.ts";
import type { Settings } from "./api/client.ts";
import { createParameters, type Parameters, part, runStatement, selectParts } from "./api/jobs.ts";
import { type Field, fieldsOf, type TableReference, type TableResource } from "./api/tables.ts";
import { requireTrue, transaction } from "./commit.ts";
import { type CompanionTables, findCompanions, nameOf } from "./companion-tables.ts";
import { finishRebuild, rebuild } from "./rebuild.ts";
import { prepareState } from "./schema.ts";
import { bignumericScale, exactNumber, longText, numberText } from "./sql/casts.ts";
import { allPartitions } from "./sql/months.ts";
import { columnsOf, identifier, nativeTypeOf, nativeTypes, tableName } from "./sql/names.ts";

/** The pending steps for a table: see `Migration.pendingSteps`. */
export async function pendingSteps(
  settings: Settings,
  table: Table,
  partitioning: Partitioning,
): Promise<readonly PendingStep[]> {
  const companions = await findCompanions(settings, table);
  return [
    ...(await receiptSteps(settings, table, companions)),
    ...partitioningSteps(companions.table, table, partitioning),
  ];
}

/** Runs one step: see `Migration.migrate`. */
export async function migrate(settings: Settings, table: Table, step: MigrationStep): Promise<MigrationOutcome> {
  await finishRebuild(settings, table);
  if (step.step === "tracking-columns") await moveReceipts(settings, table);
  if (step.step === "decimals") return makeDecimal(settings, table, step.column);
  return step.step === "partitioning" ? partition(settings, table, step) : { roundedValues: 0 };
}

async function receiptSteps(
  settings: Settings,
  table: Table,
  companions: CompanionTables,
): Promise<readonly PendingStep[]> {
  const moved = await countSeparateReceipts(settings, table, companions);
  return trackingSteps(table, columnsOf(companions.tracking), moved);
}

async function moveReceipts(settings: Settings, table: Table): Promise<void> {
  const pending = await receiptSteps(settings, table, await findCompanions(settings, table));
  if (pending.length === 0) return;
  const companions = await prepareState(settings, table, { migrate: true });
  const moved = await countSeparateReceipts(settings, table, companions);
  if (moved === 0) return;
  const target = nameOf(settings, table, trackingTableName(table));
  const source = nameOf(settings, table, receiptsTable.name);
  const commitLock = nameOf(settings, table, commitLockTable.name);
  const parameters = createParameters();
  const same = sameLoad(table, parameters);
  // As for readers: values in the tracking row take precedence.
  const values = movedColumns(columnsOf(companions.receipts), columnsOf(companions.tracking))
    .map(identifier)
    .map((name) => `${name} = COALESCE(t.${name}, r.${name})`);
  const sql = transaction([
    // Two writers cannot both change the commit lock, so other commits cannot come in between.
    `UPDATE ${commitLock} SET load_id = load_id WHERE TRUE`,
    `UPDATE ${target} AS t SET ${values.join(", ")} FROM ${source} AS r WHERE ${same}`,
    requireTrue(`@@row_count = ${parameters.integer(moved)}`, "billhouse: other receipts would move than were counted"),
    `DELETE FROM ${source} AS r WHERE EXISTS (SELECT 1 FROM ${target} AS t WHERE ${same})`,
    requireTrue(`@@row_count = ${parameters.integer(moved)}`, "billhouse: other receipts would go than were moved"),
  ]);
  const labels = { billhouse: "migrate", table: table.name };
  await runStatement(settings, { sql, parameters, location: companions.location, labels });
}

async function countSeparateReceipts(settings: Settings, table: Table, companions: CompanionTables): Promise<number> {
  if (companions.receipts === null || companions.location === null || !hasReceiptKeys(columnsOf(companions.tracking)))
    return 0;
  const parameters = createParameters();
  const found = `SELECT 1 FROM ${nameOf(settings, table, trackingTableName(table))} AS t WHERE ${sameLoad(table, parameters)}`;
  const from = `${nameOf(settings, table, receiptsTable.name)} AS r WHERE EXISTS (${found})`;
  const sql = part("apart", { count: "COUNT(*)" }, from);
  const labels = { billhouse: "migrate", table: table.name };
  const parts = await selectParts(settings, { sql, parameters, location: companions.location, labels });
  return Number(parts.get("apart")?.[0]?.["count"] ?? 0);
}

function sameLoad(table: Table, parameters: Parameters): string {
  return `r.table_name = ${parameters.text(table.name)} AND t._dlt_load_id = r.load_id AND t.billing_month = r.billing_month`;
}

function partitioningSteps(resource: TableResource | null, table: Table, wanted: Partitioning): PendingStep[] {
  if (resource === null || !canPartition(resource, wanted) || isPartitioned(resource, wanted)) return [];
  const usage = usageColumn(resource, wanted);
  const clusters = usage === undefined ? "" : `, in which rows are clustered by ${usage}`;
  const what = `Months become partitions of ${table.dataset}.${table.name}${clusters}: the table is rebuilt beside the old one, and the two are swapped.`;
  return [{ step: { step: "partitioning", ...wanted }, what }];
}

async function partition(settings: Settings, table: Table, wanted: Partitioning): Promise<MigrationOutcome> {
  const { table: resource } = await findCompanions(settings, table);
  if (resource === null || !canPartition(resource, wanted) || isPartitioned(resource, wanted)) {
    return { roundedValues: 0 };
  }
  const usage = usageColumn(resource, wanted);
  const { requirePartitionFilter } = resource.timePartitioning ?? resource;
  const field = columnNamed(resource, wanted.partitionColumn)?.name ?? wanted.partitionColumn;
  const lost = await rebuild(settings, table, await prepareState(settings, table), {
    timePartitioning: { type: "MONTH", field },
    ...(requirePartitionFilter === true ? { requirePartitionFilter } : {}),
    clustering: usage === undefined ? undefined : { fields: [usage] },
  });
  return { roundedValues: 0, ...(lost.length === 0 ? {} : { lost }) };
}

function isPartitioned({ timePartitioning }: TableResource, { partitionColumn }: Partitioning): boolean {
  return timePartitioning?.type === "MONTH" && fold(timePartitioning.field ?? "") === fold(partitionColumn);
}

function canPartition(resource: TableResource, { partitionColumn }: Partitioning): boolean {
  return ["DATE", "TIMESTAMP", "DATETIME"].includes(columnNamed(resource, partitionColumn)?.nativeType ?? "");
}

function usageColumn(
  resource: TableResource,
  { usageColumn: name, partitionColumn }: Partitioning,
): string | undefined {
  const column = name === null ? undefined : columnNamed(resource, name);
  const isOther = column !== undefined && fold(column.name) !== fold(partitionColumn);
  return isOther && ["DATE", "TIMESTAMP", "DATETIME", "STRING"].includes(column.nativeType) ? column.name : undefined;
}

function columnNamed(resource: TableResource, name: string): ReturnType<typeof columnsOf>[number] | undefined {
  return columnsOf(resource).find((column) => fold(column.name) === fold(name));
}

/**
 * Converts a column of floats or text, and its registry row, to the exact decimal type. A float becomes the number
 * of its shortest text, blank text NULL. BigQuery cannot change such types: the table is rebuilt.
 * Errors: VALUE_INVALID, TYPE_MISMATCH, and those of `rebuild`.
 */
export async function makeDecimal(settings: Settings, table: Table, name: string): Promise<MigrationOutcome> {
  const { table: resource, location, registry } = await findCompanions(settings, table);
  const field = fieldsOf(resource).find((each) => fold(each.name) === fold(name));
  if (resource === null || location === null || field === undefined) return { roundedValues: 0 };
  const register = async (): Promise<void> => {
    if (registry !== null) await registerDecimal(settings, table, field.name, location);
  };
  if (/^(BIG)?NUMERIC/.test(nativeTypeOf(field))) {
    await register();
    return { roundedValues: 0 };
  }
  const title = `The column ${field.name} of ${table.dataset}.${table.name}`;
  if (!["STRING", "FLOAT64", "INT64"].includes(nativeTypeOf(field))) {
    throw new BillhouseError(
      "TYPE_MISMATCH",
      `${title} is a ${nativeTypeOf(field)}, which cannot become a ${nativeTypes.decimal}.`,
      {
        hint: "The table was not changed. Load into a new table if these are amounts.",
      },
    );
  }
  const companions = await prepareState(settings, table);
  const old = await measureColumn(settings, resource, field, location);
  refuseMisfits(title, nativeTypes.decimal, old);
  const value = exactNumber(filledText(field), "STRING");
  const column = { name: field.name, type: nativeTypes.decimal, value };
  const lost = await rebuild(settings, table, companions, { column }, async (built) => {
    proveConversion(title, old, await measureBuilt(settings, resource, built, field.name, location), bignumericScale);
  });
  await register();
  return { roundedValues: old.rounded, ...(lost.length === 0 ? {} : { lost }) };
}

function filledText(field: Field): string {
  const text = numberText(identifier(field.name), field);
  // The blanks of JavaScript's trim that may occur in a bill.
  return nativeTypeOf(field) === "STRING" ? `NULLIF(TRIM(${text}, CODE_POINTS_TO_STRING([32, 9, 13, 10])), '')` : text;
}

async function measureColumn(
  settings: Settings,
  table: TableResource,
  field: Field,
  location: string,
): Promise<ConvertibleColumn> {
  const text = filledText(field);
  const exact = exactNumber(text, "STRING");
  const rows = `SELECT ${text} AS v, ${exact} AS n, ${longText(text)} AS long FROM ${tableName(table.tableReference)} AS t${allPartitions(table)}`;
  const cells = {
    long: "x.long",
    rows: "COUNT(*)",
    values: "COUNT(x.v)",
    sum: "SUM(x.n)",
    misfits: "COUNTIF(x.v IS NOT NULL AND x.n IS NULL)",
    example: "MIN(IF(x.n IS NULL, x.v, NULL))",
  };
  const sql = part("group", cells, `(${rows}) AS x GROUP BY x.long`);
  const groups = await selectRows(settings, sql, createParameters(), table.tableReference.tableId, location);
  const sum = createSum();
  let [count, values, rounded, misfits, example] = [0, 0, 0, 0, ""];
  for (const group of groups) {
    const found = Number(group["values"]);
    const wrong = Number(group["misfits"]);
    const long = group["long"] ?? null;
    count += Number(group["rows"]);
    values += found;
    misfits += wrong;
    if (wrong > 0) example = group["example"] ?? "";
    if (long === null) sum.add(group["sum"] ?? "0");
    else for (let times = 0; times < found - wrong; times += 1) sum.add(long);
    if (long !== null && (fractionDigits(long) ?? 0) > bignumericScale) rounded += found - wrong;
  }
  return { rows: count, values, sum: sum.total(), rounded, misfits, example };
}

async function measureBuilt(
  settings: Settings,
  table: TableResource,
  built: TableReference,
  name: string,
  location: string,
): Promise<ColumnTotals> {
  const column = identifier(name);
  const cells = { rows: "COUNT(*)", values: `COUNT(${column})`, sum: `SUM(${column})` };
  const sql = part("built", cells, `${tableName(built)} AS t${allPartitions(table)}`);
  const [row = {}] = await selectRows(settings, sql, createParameters(), table.tableReference.tableId, location);
  return { rows: Number(row["rows"]), values: Number(row["values"]), sum: row["sum"] ?? "0" };
}

async function selectRows(
  settings: Settings,
  sql: string,
  parameters: Parameters,
  table: string,
  location: string,
): Promise<readonly Readonly<Record<string, string | null>>[]> {
  const parts = await selectParts(settings, { sql, parameters, location, labels: { billhouse: "migrate", table } });
  return [...parts.values()].flat();
}

async function registerDecimal(settings: Settings, table: Table, column: string, location: string): Promise<void> {
  const parameters = createParameters();
  const mine = `table_name = ${parameters.text(table.name)} AND LOWER(column_name) = LOWER(${parameters.text(column)})`;
  const sql = `UPDATE ${nameOf(settings, table, columnsTable.name)} SET type = 'decimal' WHERE ${mine} AND type != 'decimal'`;
  await runStatement(settings, { sql, parameters, location, labels: { billhouse: "migrate", table: table.name } });
}
