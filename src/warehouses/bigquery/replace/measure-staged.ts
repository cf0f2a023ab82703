import type { CostLine } from "../../../model.ts";
import type { MonthReplacement } from "../../warehouse.ts";
import { exactNumber, longText, numberText } from "../sql/casts.ts";
import { measuredCells, usageSpan } from "../sql/cells.ts";
import { monthCondition, type PeriodColumn } from "../sql/months.ts";
import { createParameters, type Parameters } from "../api/parameters.ts";
import { askForParts, part, type QuerySettings, type TextRow } from "../api/statements.ts";
import { columnFor, relationOf, type Staged, tableValue } from "./sources.ts";
import { summaryOf, summaryPart } from "../summaries.ts";

/** What staging tables hold. */
export interface StagedMeasures {
  readonly groups: readonly RowGroup[];
  /** See `MonthMeasures.summary`. */
  readonly summary: readonly CostLine[];
}

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
  /** Rows without the id of an invoice. */
  readonly uninvoiced: number;
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
  location: string,
): Promise<StagedMeasures> {
  if (staged.length === 0) return { groups: [], summary: [] };
  const { costColumns } = replacement;
  const parameters = createParameters();
  const tables = staged.map((each, index) => rowsOf(each, index, replacement, period, parameters));
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
    uninvoiced: "COUNTIF(v.uninvoiced)",
    ...usageSpan,
    ...Object.assign({}, ...costs),
  } as Record<string, string>;
  const groups = part("group", cells, `v GROUP BY ${keys.join(", ")}`);
  const selects = costColumns.length === 0 ? [groups] : [groups, summaryPart("v.state = 'in'")];
  const sql = `WITH v AS (${tables.join(" UNION ALL ")}) ${selects.join(" UNION ALL ")}`;
  const labels = { billhouse: "verify", table: replacement.table.name, month: replacement.billingMonth };
  const parts = await askForParts(settings, { sql, parameters, location, labels });
  return {
    groups: (parts.get("group") ?? []).flatMap((row) => {
      const found = staged[Number(row["source"])];
      return found === undefined ? [] : [rowGroup(row, found, costColumns)];
    }),
    summary: summaryOf(parts.get("line")),
  };
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
    uninvoiced: count("uninvoiced"),
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
  parameters: Parameters,
): string {
  const { costColumns, stamped, billingMonth } = replacement;
  const { columns } = staged;
  const periodColumn = stamped ? undefined : columnFor(columns, period.name);
  const moment = periodColumn === undefined ? undefined : tableValue(periodColumn, "SAFE_CAST", parameters);
  const state =
    periodColumn === undefined || moment === undefined
      ? "'in'"
      : `CASE WHEN ${periodColumn.value} IS NULL THEN 'missing' WHEN ${moment} IS NULL THEN 'unreadable'
        WHEN ${monthCondition(moment, period, billingMonth)} THEN 'in' ELSE 'out' END`;
  const costs = costColumns.map((name, position) => {
    const column = columnFor(columns, name);
    if (column === undefined) {
      const nothing = "CAST(NULL AS STRING)";
      return { [`text${position}`]: nothing, [`long${position}`]: nothing, [`exact${position}`]: noNumber };
    }
    const text = `NULLIF(${numberText(column.value, column.field)}, '')`;
    return {
      [`text${position}`]: text,
      [`long${position}`]: longText(text),
      [`exact${position}`]: exactNumber(text, "STRING"),
    };
  });
  const measured = measuredCells(replacement, (name) => {
    const column = columnFor(columns, name);
    if (column === undefined) return undefined;
    return { sql: tableValue(column, "SAFE_CAST", parameters), nativeType: column.nativeType };
  });
  const cells = {
    source: `'${index}'`,
    state,
    period: periodColumn === undefined ? "''" : `CAST(${periodColumn.value} AS STRING)`,
    ...Object.assign({}, ...costs),
    ...measured,
  } as Record<string, string>;
  const list = Object.entries(cells).map(([name, sql]) => `${sql} AS ${name}`);
  return `SELECT ${list.join(", ")} FROM ${relationOf([staged])}`;
}

const noNumber = "CAST(NULL AS BIGNUMERIC)";
