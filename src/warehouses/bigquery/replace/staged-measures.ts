import { BillhouseError } from "../../../errors.ts";
import { type CostLine, type Evidence, summedColumns } from "../../../model.ts";
import { type DecimalSum, fractionDigits } from "../../../schema/decimals.ts";
import { invalidValue, missingPeriod } from "../../../schema/invalid-rows.ts";
import type { AccountCosts, DeliveredMeasures, MonthReplacement, TableMeasures } from "../../warehouse.ts";
import { type ApiError, apiErrorOf } from "../api/api-error.ts";
import type { Settings } from "../api/client.ts";
import { createParameters, type Parameters, part, runNewJob, selectParts, type TextRow } from "../api/jobs.ts";
import { dropTable } from "../api/tables.ts";
import {
  accountsOf,
  type CurrencyGroup,
  monthMeasures,
  storedSums,
  summaryOf,
  sumsByCurrency,
  totalRows,
} from "../measure.ts";
import { bignumericScale, exactNumber, isNested, longText, numberText } from "../sql/casts.ts";
import { accountsPart, countsOfUninvoiced, measuredCells, summaryPart, usageSpan } from "../sql/measured-cells.ts";
import { monthCondition, monthText, type PeriodColumn } from "../sql/months.ts";
import { nativeTypeOf } from "../sql/names.ts";
import {
  columnFor,
  relationOf,
  type StagedColumn,
  stagedPeriod,
  type StagedTable,
  tableValue,
  titleOfGroup,
} from "./sources.ts";
import { allText, fileOf, loadConfiguration, positionOf } from "./staging.ts";

/** The content of staging tables. */
export interface StagedMeasures {
  readonly groups: readonly RowGroup[];
  /** See `MonthMeasures.summary`. */
  readonly summary: readonly CostLine[];
  /** See `MonthMeasures.accounts`. */
  readonly accounts: readonly AccountCosts[];
}

/** Rows of one staging table with the same currency, kind of period and very long amount. */
export interface RowGroup extends CurrencyGroup {
  readonly staged: StagedTable;
  /** `unperioded` rows lack a billing period and get the month of their delivery. */
  readonly state: "in" | "unperioded" | "out" | "missing" | "unreadable";
  /** The month of rows that are `out`. */
  readonly month: string;
  /** One of the periods, as delivered. */
  readonly period: string;
  /** One for each summed column. */
  readonly costs: readonly CostGroup[];
}

/** The values of a summed column in such rows. */
export interface CostGroup {
  /** Rows with an amount. */
  readonly values: number;
  /** The delivered text that all of them share, if it may have more digits than a BIGNUMERIC; else null. */
  readonly long: string | null;
  /** Sum of the delivered text, exact unless `long`. */
  readonly sum: string;
  /** Sum of the values as the table stores them. */
  readonly kept: string;
  /** Values that the table cannot store exactly as delivered. */
  readonly changed: number;
  /** Values that are not numbers, and one of them. */
  readonly unreadable: number;
  readonly example: string;
}

/** Measures the staging tables with one query, before rows are replaced. */
export async function measureStaged(
  settings: Settings,
  staged: readonly StagedTable[],
  replacement: MonthReplacement,
  period: PeriodColumn,
  location: string,
): Promise<StagedMeasures> {
  if (staged.length === 0) return { groups: [], summary: [], accounts: [] };
  const summed = summedColumns(replacement);
  const parameters = createParameters();
  const tables = staged.map((each, index) => stagedRows(each, index, replacement, period, parameters));
  const costs = summed.map((_, index): Record<string, string> => {
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
  const keys = ["v.source", "v.currency", "v.state", "v.month", ...summed.map((_, index) => `v.long${index}`)];
  const cells = {
    source: "v.source",
    currency: "v.currency",
    state: "v.state",
    month: "v.month",
    rows: "COUNT(*)",
    period: "MIN(v.period)",
    ...countsOfUninvoiced(replacement),
    ...usageSpan,
    ...Object.assign({}, ...costs),
  } as Record<string, string>;
  const groups = part("group", cells, `v GROUP BY ${keys.join(", ")}`);
  const inMonth = "v.state IN ('in', 'unperioded')";
  const hasCosts = replacement.costColumns.length > 0;
  const selects = [groups, accountsPart(hasCosts, inMonth), ...(hasCosts ? [summaryPart(inMonth)] : [])];
  const sql = `WITH v AS (${tables.join(" UNION ALL ")}) ${selects.join(" UNION ALL ")}`;
  const labels = { billhouse: "verify", table: replacement.table.name, month: replacement.billingMonth };
  const parts = await selectParts(settings, { sql, parameters, location, labels });
  return {
    groups: (parts.get("group") ?? []).flatMap((row) => {
      const found = staged[Number(row["source"])];
      return found === undefined ? [] : [rowGroup(row, found, summed)];
    }),
    summary: summaryOf(parts.get("line")),
    accounts: accountsOf(parts.get("account")),
  };
}

function rowGroup(row: TextRow, staged: StagedTable, summed: readonly string[]): RowGroup {
  const count = (name: string): number => Number(row[name] ?? 0);
  return {
    staged,
    rows: count("rows"),
    state: row["state"] as RowGroup["state"],
    month: row["month"] ?? "",
    period: row["period"] ?? "",
    currency: row["currency"] ?? "",
    firstUsage: row["first"] ?? null,
    lastUsage: row["last"] ?? null,
    uninvoiced: count("uninvoiced"),
    uninvoicedCosts: count("uninvoiced_costs"),
    costs: summed.map((_, index) => ({
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

/** The SELECT of the values needed from each row of a staging table. */
function stagedRows(
  staged: StagedTable,
  index: number,
  replacement: MonthReplacement,
  period: PeriodColumn,
  parameters: Parameters,
): string {
  const { billingMonth } = replacement;
  const { columns, files } = staged;
  const own = stagedPeriod(staged, period, parameters);
  const missing = files[0]?.mapped.needsPeriod === true ? "missing" : "unperioded";
  const state =
    own === null
      ? "'unperioded'"
      : `CASE WHEN ${own.column.value} IS NULL THEN '${missing}' WHEN ${own.moment} IS NULL THEN 'unreadable'
        WHEN ${monthCondition(own.moment, own, billingMonth)} THEN 'in' ELSE 'out' END`;
  const month =
    own === null
      ? "''"
      : `IF(${own.moment} IS NULL OR ${monthCondition(own.moment, own, billingMonth)}, '', ${monthText(own.moment, own.nativeType)})`;
  const costs = summedColumns(replacement).map((name, position) => {
    const column = columnFor(columns, name);
    if (column === undefined) {
      const nothing = "CAST(NULL AS STRING)";
      return { [`text${position}`]: nothing, [`long${position}`]: nothing, [`exact${position}`]: nullNumber };
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
    month,
    period: own === null ? "''" : `CAST(${own.column.value} AS STRING)`,
    ...Object.assign({}, ...costs),
    ...measured,
  } as Record<string, string>;
  const list = Object.entries(cells).map(([name, sql]) => `${sql} AS ${name}`);
  return `SELECT ${list.join(", ")} FROM ${relationOf([staged])}`;
}

const nullNumber = "CAST(NULL AS BIGNUMERIC)";

/**
 * The expected content of the month in the table: the transaction that replaces the rows compares the table with it.
 * `delivered` is the content of the files that only BigQuery has read.
 */
export function measuresOf(
  { groups, ...details }: StagedMeasures,
  staged: readonly StagedTable[],
  replacement: Pick<MonthReplacement, "costColumns" | "amountColumns" | "invoiceColumn">,
): TableMeasures {
  const inMonth = groups.filter(isInMonth);
  const measures = monthMeasures(inMonth, details, replacement);
  return {
    ...measures,
    inserted: measures.rows,
    delivered: deliveredMeasures(groups, staged, summedColumns(replacement)),
  };
}

function deliveredMeasures(
  groups: readonly RowGroup[],
  staged: readonly StagedTable[],
  summed: readonly string[],
): DeliveredMeasures | null {
  const native = staged.filter(({ files }) => files.some(({ isNative }) => isNative));
  if (native.length === 0) return null;
  const evidence = new Map(
    [...Map.groupBy(native, ({ files }) => files[0]?.mapped.executionId ?? "")].map(([id, tables]) => {
      const mine = groups.filter((group) => tables.includes(group.staged));
      return [id, evidenceOf(mine, summed)] as const;
    }),
  );
  const rows = new Map(
    native.flatMap(({ files, rows: count }) =>
      files.map(({ mapped }) => [mapped.file.key, files.length === 1 ? count : null] as const),
    ),
  );
  return { evidence, rows };
}

function evidenceOf(groups: readonly RowGroup[], summed: readonly string[]): Evidence {
  const inMonth = groups.filter(isInMonth);
  const others = Map.groupBy(
    groups.filter(({ state }) => state === "out"),
    ({ month }) => month,
  );
  return {
    rows: totalRows(groups),
    monthRows: totalRows(inMonth),
    rowsWithoutPeriod: totalRows(groups.filter(({ state }) => state === "unperioded")),
    otherMonths: [...others]
      .map(([month, own]) => ({
        month,
        rows: totalRows(own),
        cost: sumsByCurrency(own, summed, addDelivered)[0] ?? {},
      }))
      .toSorted((first, second) => (first.month < second.month ? -1 : 1)),
    sums: sumsByCurrency(inMonth, summed, addDelivered),
    kept: storedSums(inMonth, summed),
    rounded: summed.map((_, index) => inMonth.reduce((count, group) => count + roundedIn(group.costs[index]), 0)),
  };
}

/** Whether rows are loaded. */
export function isInMonth({ state }: RowGroup): boolean {
  return state === "in" || state === "unperioded";
}

function addDelivered(sum: DecimalSum, { long, sum: delivered, values }: CostGroup): void {
  if (long === null) sum.add(delivered);
  else for (let count = 0; count < values; count += 1) sum.add(long);
}

/** Values that lost digits: BigQuery cannot count very long ones, because it cannot store them. */
function roundedIn(cost: CostGroup | undefined): number {
  if (cost === undefined) return 0;
  return cost.long !== null && (fractionDigits(cost.long) ?? 0) > bignumericScale ? cost.values : cost.changed;
}

/**
 * Error: PERIOD_MISSING or VALUE_INVALID when the files contain rows that may not be loaded; the latter without a place.
 * `describe` finds the place of a value.
 */
export async function rejectInvalidRows(
  groups: readonly RowGroup[],
  replacement: MonthReplacement,
  describe: (staged: StagedTable) => Promise<unknown>,
): Promise<void> {
  const summed = summedColumns(replacement);
  for (const group of groups) {
    const { staged, state, rows, period, costs } = group;
    const column = columnFor(staged.columns, staged.files[0]?.mapped.periodColumn ?? null);
    const place = `${titleOfGroup(staged)}, column "${column?.sourceName ?? ""}"`;
    if (state === "missing") throw missingPeriod(place, { rows });
    if (state === "unreadable") throw (await describe(staged)) ?? invalidValue(place, period, "a valid time");
    for (const [index, cost] of (isInMonth(group) ? costs : []).entries()) {
      if (cost.unreadable === 0) continue;
      const source = columnFor(staged.columns, summed[index] ?? "")?.sourceName ?? summed[index];
      const where = `${titleOfGroup(staged)}, column "${source}"`;
      throw (await describe(staged)) ?? invalidValue(where, cost.example, "a valid number");
    }
  }
}

/** A column with values that do not fit. */
interface InvalidValue {
  readonly column: StagedColumn;
  /** One of the values. */
  readonly value: string;
  readonly rows: number;
}

/**
 * The error for the first value in a staging table that does not fit its column: VALUE_INVALID.
 * Undefined if all of them fit.
 */
export async function findInvalidValue(
  settings: Settings,
  staged: StagedTable,
  replacement: MonthReplacement,
  period: PeriodColumn,
  location: string,
): Promise<BillhouseError | undefined> {
  const [misfit] = await listInvalidValues(settings, staged, replacement, period, location);
  if (misfit === undefined) return undefined;
  const { column, value, rows } = misfit;
  const place = await placeOf(settings, staged, replacement, misfit, location);
  const inColumn = `column "${column.sourceName}"`;
  const where = place === undefined ? `${titleOfGroup(staged)}, ${inColumn}` : `${place}, ${inColumn}`;
  return invalidValue(where, value, `a valid ${column.nativeType}`, { rows });
}

async function listInvalidValues(
  settings: Settings,
  staged: StagedTable,
  { billingMonth, table }: MonthReplacement,
  period: PeriodColumn,
  location: string,
): Promise<readonly InvalidValue[]> {
  const parameters = createParameters();
  const suspects = staged.columns.filter(
    ({ nativeType, field }) => nativeType !== "STRING" && nativeType !== nativeTypeOf(field),
  );
  if (suspects.length === 0) return [];
  const cells = suspects.flatMap((column, index) => {
    const { value } = column;
    const isWrong = `${value} IS NOT NULL AND ${tableValue(column, "SAFE_CAST", parameters)} IS NULL`;
    const text = isNested(column.field) ? `TO_JSON_STRING(${value})` : `CAST(${value} AS STRING)`;
    return [
      [`count${index}`, `COUNTIF(${isWrong})`],
      [`value${index}`, `MIN(IF(${isWrong}, ${text}, NULL))`],
    ] as const;
  });
  const own = stagedPeriod(staged, period, parameters);
  // Rows of other months are not loaded, whatever they contain.
  const inMonth =
    own === null ? "" : ` WHERE ${own.moment} IS NULL OR ${monthCondition(own.moment, own, billingMonth)}`;
  const sql = part("misfits", Object.fromEntries(cells), `${relationOf([staged])}${inMonth}`);
  const labels = { billhouse: "verify", table: table.name, month: billingMonth };
  const row = (await selectParts(settings, { sql, parameters, location, labels })).get("misfits")?.[0] ?? {};
  return suspects.flatMap((column, index) => {
    const rows = Number(row[`count${index}`] ?? 0);
    return rows === 0 ? [] : [{ column, rows, value: row[`value${index}`] ?? "" }];
  });
}

/**
 * File and byte of a value, found by a load that parses its column by type and stops there; undefined if that
 * load stops elsewhere or not at all, because BigQuery reads other forms than billhouse. Only for CSV.
 */
async function placeOf(
  settings: Settings,
  staged: StagedTable,
  replacement: MonthReplacement,
  { column, value }: InvalidValue,
  location: string,
): Promise<string | undefined> {
  if (staged.files[0]?.mapped.file.format !== "csv") return undefined;
  const table = { ...staged.table, tableId: `${staged.table.tableId}_diagnosis` };
  const typed = { position: column.position, type: column.nativeType.replace(/\(.*/, "") };
  const configuration = loadConfiguration(settings, staged, replacement, table, typed);
  try {
    await runNewJob(settings.connection, "diagnosis", { location, configuration });
  } catch (error) {
    const apiError = apiErrorOf(error);
    if (apiError === undefined) throw error;
    const position = positionOf(apiError);
    if (position === undefined || !mentions(apiError, value)) return undefined;
    return `${fileOf(apiError, staged) ?? titleOfGroup(staged)}, byte ${position}`;
  } finally {
    await dropTable(settings.connection, table).catch(() => undefined);
  }
  return undefined;
}

function mentions(apiError: ApiError, value: string): boolean {
  return allText(apiError).includes(value.slice(0, 50));
}
