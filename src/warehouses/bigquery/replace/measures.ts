import type { CostLine, CurrencySums, Evidence, MeasuredColumns } from "../../../model.ts";
import { type DecimalSum, formatDecimal, fractionDigits, readDecimal } from "../../../schema/decimals.ts";
import { invalidValue, missingPeriod, outsideMonth } from "../../../schema/invalid-rows.ts";
import { createSum } from "../../../schema/sums.ts";
import type { DeliveredMeasures, MonthMeasures, MonthReplacement, TableMeasures } from "../../warehouse.ts";
import { bignumericScale } from "../sql/casts.ts";
import { columnFor, type Staged, titleOfGroup } from "./sources.ts";
import type { CostGroup, RowGroup, StagedMeasures } from "./measure-staged.ts";

/** Rows of one currency, of which a month has one group or more. */
export type CurrencyGroup = Pick<RowGroup, "rows" | "currency" | "firstUsage" | "lastUsage" | "uninvoiced"> & {
  /** One for each cost column: the exact sum of what the table keeps. */
  readonly costs: readonly { readonly kept: string }[];
};

/**
 * What the table will hold of the month: the transaction that replaces the rows holds the table against it. `delivered`
 * is what the files held that nobody else has read.
 */
export function measuresOf(
  { groups, summary }: StagedMeasures,
  staged: readonly Staged[],
  replacement: Pick<MonthReplacement, "costColumns" | "invoiceColumn">,
): TableMeasures {
  const inMonth = groups.filter(({ state }) => state === "in");
  const measures = monthMeasures(inMonth, summary, replacement);
  return {
    ...measures,
    inserted: measures.rows,
    delivered: deliveredMeasures(groups, staged, replacement.costColumns),
  };
}

/** What the rows of a month come to. */
export function monthMeasures(
  groups: readonly CurrencyGroup[],
  summary: readonly CostLine[],
  { costColumns, invoiceColumn }: Pick<MeasuredColumns, "costColumns" | "invoiceColumn">,
): MonthMeasures {
  const first = groups.map(({ firstUsage }) => firstUsage).filter((moment) => moment !== null);
  const last = groups.map(({ lastUsage }) => lastUsage).filter((moment) => moment !== null);
  return {
    rows: total(groups),
    sums: keptSums(groups, costColumns),
    firstUsage: first.toSorted()[0] ?? null,
    lastUsage: last.toSorted().at(-1) ?? null,
    uninvoicedRows: invoiceColumn === null ? null : groups.reduce((sum, { uninvoiced }) => sum + uninvoiced, 0),
    summary,
  };
}

/** A sum as BigQuery writes it, NULL for one of no values, as decimal text. */
export function exactSum(sum: string | null | undefined): string {
  return formatDecimal(readDecimal(sum ?? "0"));
}

/** The sum of each cost column over all currencies. */
export function totalsOf(measures: Pick<MonthMeasures, "sums">): readonly string[] {
  return measures.sums.map((sums) => {
    const sum = createSum();
    for (const amount of Object.values(sums)) sum.add(amount);
    return sum.total();
  });
}

/**
 * Error: PERIOD_MISSING, MONTH_MISMATCH or VALUE_INVALID when the files hold rows that may not be loaded; the last one
 * without a place. `describe` finds the place of a value.
 */
export async function refuseMisfits(
  groups: readonly RowGroup[],
  { stamped, spansMonths, partitionColumn, billingMonth, costColumns }: MonthReplacement,
  describe: (staged: Staged) => Promise<unknown>,
): Promise<void> {
  for (const { staged, state, rows, period, costs } of groups) {
    const column = stamped ? undefined : columnFor(staged.columns, partitionColumn);
    const place = `${titleOfGroup(staged)}, column "${column?.sourceName ?? partitionColumn}"`;
    if (state === "missing") throw missingPeriod(place, { rows });
    if (state === "out" && !spansMonths) throw outsideMonth(place, period, billingMonth, { rows });
    if (state === "unreadable") throw (await describe(staged)) ?? invalidValue(place, period, "a valid time");
    for (const [index, cost] of (state === "in" ? costs : []).entries()) {
      if (cost.unreadable === 0) continue;
      const source = columnFor(staged.columns, costColumns[index] ?? "")?.sourceName ?? costColumns[index];
      const where = `${titleOfGroup(staged)}, column "${source}"`;
      throw (await describe(staged)) ?? invalidValue(where, cost.example, "a valid number");
    }
  }
}

function deliveredMeasures(
  groups: readonly RowGroup[],
  staged: readonly Staged[],
  costColumns: readonly string[],
): DeliveredMeasures | null {
  const native = staged.filter(({ files }) => files.some(({ isNative }) => isNative));
  if (native.length === 0) return null;
  const mine = groups.filter((group) => native.includes(group.staged));
  const inMonth = mine.filter(({ state }) => state === "in");
  const evidence: Evidence = {
    rows: total(mine),
    monthRows: total(inMonth),
    sums: sumsOf(inMonth, costColumns, addDelivered),
    kept: keptSums(inMonth, costColumns),
    rounded: costColumns.map((_, index) => inMonth.reduce((count, group) => count + roundedIn(group.costs[index]), 0)),
  };
  const rows = new Map(
    native.flatMap(({ files, rows: count }) =>
      files.map(({ mapped }) => [mapped.file.key, files.length === 1 ? count : null] as const),
    ),
  );
  return { evidence, rows };
}

function total(groups: readonly Pick<RowGroup, "rows">[]): number {
  return groups.reduce((sum, { rows }) => sum + rows, 0);
}

function keptSums(groups: readonly CurrencyGroup[], costColumns: readonly string[]): readonly CurrencySums[] {
  return sumsOf(groups, costColumns, (sum, { kept }) => sum.add(kept));
}

function addDelivered(sum: DecimalSum, { long, sum: delivered, values }: CostGroup): void {
  if (long === null) sum.add(delivered);
  else for (let count = 0; count < values; count += 1) sum.add(long);
}

function sumsOf<Cost>(
  groups: readonly { readonly currency: string; readonly costs: readonly Cost[] }[],
  costColumns: readonly string[],
  add: (sum: DecimalSum, cost: Cost) => void,
): readonly CurrencySums[] {
  return costColumns.map((_, index) => {
    const sums = new Map<string, DecimalSum>();
    for (const { currency, costs } of groups) {
      const sum = sums.get(currency) ?? createSum();
      sums.set(currency, sum);
      const cost = costs[index];
      if (cost !== undefined) add(sum, cost);
    }
    return Object.fromEntries(
      [...sums].toSorted(([first], [second]) => (first < second ? -1 : 1)).map(([key, sum]) => [key, sum.total()]),
    );
  });
}

/** Values that lost digits: of very long ones BigQuery cannot tell, because it would have to hold them. */
function roundedIn(cost: CostGroup | undefined): number {
  if (cost === undefined) return 0;
  return cost.long !== null && (fractionDigits(cost.long) ?? 0) > bignumericScale ? cost.values : cost.changed;
}
