import { type BillingMonth, type CostLine, type CurrencySums, executionIdsOf, type Receipt } from "../../model.ts";
import { monthGaps, type MonthSelection } from "../../schema/periods.ts";
import { loadedExecutions } from "../../state/executions.ts";
import { type MonthMeasures, requireCapability, type Warehouse } from "../../warehouses/warehouse.ts";
import { difference, same, sameSums, type MonthCheck } from "./checks.ts";
import { finalityNow } from "../months/finality.ts";
import { loadNotes, measuredColumns, namedSums, type LoadedTable } from "../months/loaded.ts";
import { isSelected } from "../months/select.ts";

/** Months with rows in the table that do not belong to a load. Errors: those of the warehouse. */
export async function strayMonths(
  loaded: LoadedTable,
  warehouse: Warehouse,
  isWanted: (month: BillingMonth) => boolean,
): Promise<readonly MonthCheck[]> {
  const [newest = ""] = [...loaded.months.keys()].toSorted().toReversed();
  const { partitionColumn } = measuredColumns(loaded, newest);
  const inTable = await requireCapability(warehouse, "measuring").monthsIn(loaded.table, partitionColumn);
  const strays = [...inTable].filter(([month]) => month === "" || (!loaded.months.has(month) && isWanted(month)));
  if (strays.length === 0 && inTable.size > 0) {
    return [same("months", null, "rows of loaded months only", "rows of loaded months only")];
  }
  return strays.map(([month, rows]) => {
    const isKnown = loaded.ledger.receipts.some(({ billingMonth }) => billingMonth === month);
    const unloaded = month === "" ? "every row has a billing period" : "this month is not loaded";
    const reason = isKnown ? "state forget removed this month" : unloaded;
    return difference("months", month === "" ? null : month, `0 rows (${reason})`, count(rows));
  });
}

/** Months that were loaded into a table that no longer exists. Error: STATE_INVALID. */
export function monthsWithoutTable(
  { ledger, table }: LoadedTable,
  isWanted: (month: BillingMonth) => boolean,
): readonly MonthCheck[] {
  if (ledger.columns !== null) return [];
  const rows = new Map(ledger.receipts.map((receipt) => [receipt.billingMonth, count(receipt.rows)]));
  const known = new Set([...rows.keys(), ...loadedExecutions(ledger.state, table).keys()]);
  return [...known]
    .filter(isWanted)
    .toSorted()
    .map((month) =>
      difference("table", month, `a table with ${rows.get(month) ?? "rows"} of ${month}`, "the table does not exist"),
    );
}

/** Months that should be loaded but are not: requested months, and gaps between loaded ones. */
export function missingMonths({ pipeline, months }: LoadedTable, selection: MonthSelection): readonly MonthCheck[] {
  const gaps = monthGaps(months.keys()).filter((month) => isSelected(month, pipeline, selection));
  const wanted = new Set([...gaps, ...(selection.only ?? [])]);
  return [...wanted]
    .filter((month) => !months.has(month))
    .toSorted()
    .map((month) => {
      const expected = gaps.includes(month) ? "loaded, like the months around it" : "loaded";
      return difference("missing-month", month, expected, "not loaded");
    });
}

/** Whether the deliveries of a past month cover all of its days. Deliveries that do not declare days are not checked. */
export function missingDays(loaded: LoadedTable, month: BillingMonth, now: Date): readonly MonthCheck[] {
  const receipt = loaded.months.get(month)?.receipt ?? null;
  if (receipt === null || receipt.coverage === null) return [];
  const { state, missingDays: missing, isAccepted } = finalityNow(receipt, { ...loaded, now });
  const whole = "every day is covered";
  if (state !== "partial") return [same("missing-days", month, whole, whole)];
  const days = missing.map(({ start, end }) => (start === end ? start : `${start} to ${end}`)).join(", ");
  if (!isAccepted) return [difference("missing-days", month, whole, `${days} missing`)];
  const { who = "", when = "" } = receipt.accepted.gap ?? {};
  const note = `${days} missing, which ${who} accepted on ${when.slice(0, 10)}.`;
  return [{ ...same("missing-days", month, whole, whole), actual: `${days} missing, accepted`, note }];
}

/** Compares rows and costs of one month with its receipt, and the receipt with the state. Errors: those of the warehouse. */
export async function compareWithReceipt(
  loaded: LoadedTable,
  month: BillingMonth,
  warehouse: Warehouse,
): Promise<readonly MonthCheck[]> {
  const entry = loaded.months.get(month);
  const newest = loaded.ledger.receipts.find(({ billingMonth }) => billingMonth === month);
  const receipt = entry?.receipt ?? null;
  const known = loadedExecutions(loaded.ledger.state, loaded.table).get(month)?.executionIds ?? [];
  const state = same(
    "state",
    month,
    `a receipt of ${known.join(" and ")}`,
    newest ? `a receipt of ${executionIdsOf(newest).join(" and ")}` : "no receipt",
  );
  if (receipt === null) return [state];
  const columns = measuredColumns(loaded, month);
  const measures = await requireCapability(warehouse, "measuring").measureMonth(columns);
  const stored = namedSums(measures.sums, columns);
  const { summary, uninvoicedRows } = receipt;
  return [
    state,
    same("rows", month, count(receipt.rows), count(measures.rows)),
    ...loadNotes(receipt).map(({ check, text }) => ({ ...same(check, month, text, text), note: text })),
    ...(receipt.tableCost === null ? unrecordedCost(loaded, month, measures) : []),
    ...sameSums("cost", month, receipt.tableCost, stored.cost ?? undefined),
    ...sameSums("effective-cost", month, receipt.tableEffectiveCost, stored.effectiveCost ?? undefined),
    ...sameAmounts(loaded, month, receipt.amounts, stored.amounts),
    ...(uninvoicedRows === null
      ? []
      : [same("uninvoiced-rows", month, count(uninvoicedRows), invoicesOf(measures.uninvoicedRows))]),
    ...(summary === null ? [] : [sameSummary(month, summary, measures.summary)]),
  ];
}

/** The cost of a month that was loaded without recording it, as by the Python pipelines: there is nothing to compare it with. */
function unrecordedCost(
  { pipeline: { name } }: LoadedTable,
  month: BillingMonth,
  { sums: [sums = {}] }: MonthMeasures,
): readonly MonthCheck[] {
  const amounts = Object.entries(sums).map(([currency, amount]) => `${amount} ${currency}`.trim());
  const cost = amounts.join(", ") || "no cost column";
  const note = `The cost was not recorded when the month was loaded. The table contains ${cost}. To record it: billhouse migrate ${name} --yes`;
  return [{ ...same("cost", month, cost, cost), note }];
}

/** The sums of the other amounts that the FOCUS view reads: one check for all, which names those that differ. */
function sameAmounts(
  { pipeline }: LoadedTable,
  month: BillingMonth,
  recorded: Receipt["amounts"],
  stored: NonNullable<Receipt["amounts"]>,
): readonly MonthCheck[] {
  const columns = Object.keys(stored);
  if (columns.length === 0) return [];
  const found = `${columns.length} ${columns.length === 1 ? "column" : "columns"}`;
  if (recorded === null) {
    const note = `The sums of ${found} with other amounts were not recorded when the month was loaded. To record them: billhouse migrate ${pipeline.name} --yes`;
    return [{ ...same("amounts", month, found, found), note }];
  }
  const show = (sums: CurrencySums | undefined): string =>
    Object.entries(sums ?? {})
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([currency, amount]) => `${amount} ${currency}`.trim())
      .join(", ") || "0";
  const differing = columns.filter((column) => show(recorded[column]) !== show(stored[column])).slice(0, 3);
  const list = (sums: NonNullable<Receipt["amounts"]>): string =>
    differing.map((column) => `${column}: ${show(sums[column])}`).join("; ") || found;
  return [same("amounts", month, list(recorded), list(stored))];
}

function sameSummary(month: BillingMonth, before: readonly CostLine[], now: readonly CostLine[]): MonthCheck {
  const byName = (lines: readonly CostLine[]): ReadonlyMap<string, CostLine> =>
    new Map(lines.map((line) => [JSON.stringify([line.service, line.account, line.charge_type, line.currency]), line]));
  const [olds, news] = [byName(before), byName(now)];
  const figures = (line: CostLine | undefined): string => `${line?.cost ?? "0"} in ${count(line?.rows ?? 0)}`;
  const differing = [...new Set([...olds.keys(), ...news.keys()])].filter(
    (key) => figures(olds.get(key)) !== figures(news.get(key)),
  );
  const show = (lines: ReadonlyMap<string, CostLine>): string => {
    if (differing.length === 0) return `${olds.size} lines`;
    const shown = differing.slice(0, 3).map((key) => {
      const line = olds.get(key) ?? news.get(key);
      return `${line === undefined ? key : titleOf(line)}: ${figures(lines.get(key))}`;
    });
    return shown.join("; ");
  };
  return {
    name: "summary",
    billingMonth: month,
    ok: differing.length === 0,
    expected: show(olds),
    actual: show(news),
  };
}

function titleOf({ service, account, charge_type, currency }: CostLine): string {
  return [service ?? "no service", account ?? "no account", charge_type ?? "no charge type", currency].join(" / ");
}

function invoicesOf(uninvoicedRows: number | null): string {
  return uninvoicedRows === null ? "no column of invoice ids" : count(uninvoicedRows);
}

function count(rows: number): string {
  return `${rows} rows`;
}
