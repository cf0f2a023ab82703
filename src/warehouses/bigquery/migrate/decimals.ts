import { BillhouseError } from "../../../errors.ts";
import type { Table } from "../../../model.ts";
import {
  type ColumnTotals,
  type ConvertibleColumn,
  proveConversion,
  refuseMisfits,
} from "../../../schema/conversion.ts";
import { fractionDigits } from "../../../schema/decimals.ts";
import { fold } from "../../../schema/names.ts";
import { createSum } from "../../../schema/sums.ts";
import { columnsTable } from "../../../state/tables.ts";
import type { MigrationOutcome } from "../../warehouse.ts";
import { bignumericScale, exactNumber, longText, numberText } from "../sql/casts.ts";
import { allPartitions } from "../sql/months.ts";
import { identifier, nativeTypes, type TableReference, tableName } from "../sql/names.ts";
import { createParameters, type Parameters } from "../api/parameters.ts";
import { askForParts, part, type QuerySettings, runStatement } from "../api/statements.ts";
import { rebuild } from "./rebuild.ts";
import { prepareState, type SchemaSettings } from "../schema.ts";
import { lookAround, nameOf } from "../companion-tables.ts";
import { type Field, fieldsOf, nativeTypeOf, type TableResource } from "../api/tables.ts";

/**
 * Makes a column of floats or text the exact decimal type, and its registry row says so too. A float becomes the number
 * that its shortest text names, blank text NULL. BigQuery changes no such type: the table is rebuilt.
 * Errors: VALUE_INVALID, TYPE_MISMATCH, and those of `rebuild`.
 */
export async function makeDecimal(settings: SchemaSettings, table: Table, name: string): Promise<MigrationOutcome> {
  const { table: resource, location, registry } = await lookAround(settings, table);
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
        hint: "The table is as it was. Load into a new table if these are amounts.",
      },
    );
  }
  await prepareState(settings, table);
  const old = await measure(settings, resource, field, location);
  refuseMisfits(title, nativeTypes.decimal, old);
  const value = exactNumber(filledText(field), "STRING");
  const column = { name: field.name, type: nativeTypes.decimal, value };
  await rebuild(settings, table, { column }, async (built) => {
    const now = await measureBuilt(settings, resource, built, field.name, location);
    proveConversion(title, old, now, bignumericScale);
  });
  await register();
  return { roundedValues: old.rounded };
}

function filledText(field: Field): string {
  const text = numberText(identifier(field.name), field);
  // Blanks as JavaScript's trim knows them, as far as a bill may hold them.
  return nativeTypeOf(field) === "STRING" ? `NULLIF(TRIM(${text}, CODE_POINTS_TO_STRING([32, 9, 13, 10])), '')` : text;
}

async function measure(
  settings: QuerySettings,
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
  const groups = await ask(settings, sql, createParameters(), table.tableReference.tableId, location);
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
  settings: QuerySettings,
  table: TableResource,
  built: TableReference,
  name: string,
  location: string,
): Promise<ColumnTotals> {
  const column = identifier(name);
  const cells = { rows: "COUNT(*)", values: `COUNT(${column})`, sum: `SUM(${column})` };
  const sql = part("built", cells, `${tableName(built)} AS t${allPartitions(table)}`);
  const [row = {}] = await ask(settings, sql, createParameters(), table.tableReference.tableId, location);
  return { rows: Number(row["rows"]), values: Number(row["values"]), sum: row["sum"] ?? "0" };
}

async function ask(
  settings: QuerySettings,
  sql: string,
  parameters: Parameters,
  table: string,
  location: string,
): Promise<readonly Readonly<Record<string, string | null>>[]> {
  const parts = await askForParts(settings, { sql, parameters, location, labels: { billhouse: "migrate", table } });
  return [...parts.values()].flat();
}

async function registerDecimal(settings: QuerySettings, table: Table, column: string, location: string): Promise<void> {
  const parameters = createParameters();
  const mine = `table_name = ${parameters.text(table.name)} AND LOWER(column_name) = LOWER(${parameters.text(column)})`;
  const sql = `UPDATE ${nameOf(settings, table, columnsTable.name)} SET type = 'decimal' WHERE ${mine} AND type != 'decimal'`;
  await runStatement(settings, { sql, parameters, location, labels: { billhouse: "migrate", table: table.name } });
}
