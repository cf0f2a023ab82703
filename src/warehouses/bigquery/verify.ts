import type { TableColumn } from "../../model.ts";
import type { MonthReplacement } from "../warehouse.ts";
import { exactMoment, exactNumber, longText, numberText } from "./casts.ts";
import { fold } from "./names.ts";
import { monthCondition, type PeriodColumn } from "./months.ts";
import { createParameters, type Parameters } from "./parameters.ts";
import { askForParts, part, type QuerySettings, type TextRow } from "./queries.ts";
import { columnFor, relationOf, type Staged, tableValue } from "./sources.ts";

/** Rows of one staging table that are alike: in currency, in what is wrong with their period, in a very long amount. */
export interface RowGroup {
  readonly staged: Staged;
  readonly rows: number;
  readonly state: "in" | "out" | "missing" | "unreadable";
  /** One of the periods, as delivered. */
  readonly period: string;
  readonly currency: string;
  /** One for each cost column. */
  readonly costs: readonly CostGroup[];
  readonly firstUsage: string | null;
  readonly lastUsage: string | null;
}

/** What such rows hold of a cost column. */
export interface CostGroup {
  /** Rows with an amount. */
  readonly values: number;
  /** The delivered text that all of them share, when it may have more digits than a BIGNUMERIC; else null. */
  readonly long: string | null;
  /** Sum of the delivered text, exact unless `long`. */
  readonly sum: string;
  /** Sum of what the table keeps. */
  readonly kept: string;
  /** Values that the table keeps otherwise than they were delivered. */
  readonly changed: number;
  /** Values that are no numbers, and one of them. */
  readonly unreadable: number;
  readonly example: string;
}

/** Asks, with one question, what the staging tables hold: all that has to be known before rows are replaced. */
export async function measureStaged(
  settings: QuerySettings,
  staged: readonly Staged[],
  replacement: MonthReplacement,
  period: PeriodColumn,
  table: readonly TableColumn[],
  location: string,
): Promise<readonly RowGroup[]> {
  if (staged.length === 0) return [];
  const { costColumns } = replacement;
  const parameters = createParameters();
  const tables = staged.map((each, index) => rowsOf(each, index, replacement, period, table, parameters));
  const costs = costColumns.map((_, index): Record<string, string> => {
    const [text, exact, kept] = [`v.text${index}`, `v.exact${index}`, `v.kept${index}`];
    return {
      [`long${index}`]: `v.long${index}`,
      [`values${index}`]: `COUNT(${text})`,
      [`sum${index}`]: `SUM(${exact})`,
      [`kept${index}`]: `SUM(${kept})`,
      [`changed${index}`]: `COUNTIF(${kept} IS DISTINCT FROM ${exact})`,
      [`unreadable${index}`]: `COUNTIF(${text} IS NOT NULL AND ${exact} IS NULL)`,
      [`example${index}`]: `MIN(IF(${exact} IS NULL, ${text}, NULL))`,
    };
  });
  const keys = ["v.source", "v.currency", "v.state", ...costColumns.map((_, index) => `v.long${index}`)];
  const cells = {
    source: "v.source",
    currency: "v.currency",
    state: "v.state",
    rows: "COUNT(*)",
    period: "MIN(v.period)",
    first: `FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%SZ', MIN(v.used))`,
    last: `FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%SZ', MAX(v.used))`,
    ...Object.assign({}, ...costs),
  } as Record<string, string>;
  const sql = part("group", cells, `(${tables.join(" UNION ALL ")}) AS v GROUP BY ${keys.join(", ")}`);
  const labels = { billhouse: "verify", table: replacement.table.name, month: replacement.billingMonth };
  const parts = await askForParts(settings, { sql, parameters, location, labels });
  return (parts.get("group") ?? []).flatMap((row) => {
    const found = staged[Number(row["source"])];
    return found === undefined ? [] : [rowGroup(row, found, costColumns)];
  });
}

function rowGroup(row: TextRow, staged: Staged, costColumns: readonly string[]): RowGroup {
  const count = (name: string): number => Number(row[name] ?? 0);
  return {
    staged,
    rows: count("rows"),
    state: row["state"] as RowGroup["state"],
    period: row["period"] ?? "",
    currency: row["currency"] ?? "",
    firstUsage: row["first"] ?? null,
    lastUsage: row["last"] ?? null,
    costs: costColumns.map((_, index) => ({
      values: count(`values${index}`),
      long: row[`long${index}`] ?? null,
      sum: row[`sum${index}`] ?? "0",
      kept: row[`kept${index}`] ?? "0",
      changed: count(`changed${index}`),
      unreadable: count(`unreadable${index}`),
      example: row[`example${index}`] ?? "",
    })),
  };
}

/** SELECT of what has to be known of each row of a staging table. */
function rowsOf(
  staged: Staged,
  index: number,
  replacement: MonthReplacement,
  period: PeriodColumn,
  table: readonly TableColumn[],
  parameters: Parameters,
): string {
  const { costColumns, currencyColumn, usageColumn, stamped, billingMonth } = replacement;
  const { columns } = staged;
  const safe = (name: string | null): string | undefined => {
    const column = columnFor(columns, name);
    return column === undefined ? undefined : tableValue(column, "SAFE_CAST", parameters);
  };
  const periodText = stamped ? undefined : columnFor(columns, period.name);
  const moment = safe(stamped ? null : period.name);
  const state =
    periodText === undefined || moment === undefined
      ? "'in'"
      : `CASE WHEN ${periodText.value} IS NULL THEN 'missing' WHEN ${moment} IS NULL THEN 'unreadable'
        WHEN ${monthCondition(moment, period, billingMonth)} THEN 'in' ELSE 'out' END`;
  const used = safe(usageColumn);
  const usageType = typeIn(table, usageColumn);
  const currency = safe(currencyColumn);
  const costs = costColumns.map((name, position) => {
    const column = columnFor(columns, name);
    const named = (text: string, long: string, exact: string, kept: string): string =>
      `${text} AS text${position}, ${long} AS long${position}, ${exact} AS exact${position}, ${kept} AS kept${position}`;
    const nothing = "CAST(NULL AS STRING)";
    if (column === undefined) {
      return named(nothing, nothing, "CAST(NULL AS BIGNUMERIC)", "CAST(NULL AS BIGNUMERIC)");
    }
    const text = `NULLIF(${numberText(column.value, column.field)}, '')`;
    const kept = exactNumber(tableValue(column, "SAFE_CAST", parameters), column.nativeType);
    return named(text, longText(text), exactNumber(text, "STRING"), kept);
  });
  return `SELECT '${index}' AS source, ${state} AS state,
    ${periodText === undefined ? "''" : `CAST(${periodText.value} AS STRING)`} AS period,
    ${currency === undefined ? "''" : `COALESCE(CAST(${currency} AS STRING), '')`} AS currency,
    ${used === undefined ? "CAST(NULL AS TIMESTAMP)" : exactMoment(used, usageType)} AS used${costs.map((cost) => `, ${cost}`).join("")}
    FROM ${relationOf([staged])}`;
}

function typeIn(table: readonly TableColumn[], name: string | null): string {
  return table.find((column) => name !== null && fold(column.name) === fold(name))?.nativeType ?? "STRING";
}
