import type { PipelineConfig } from "../../config/config.ts";
import type { ExportFormat } from "../../exports/export.ts";
import type { BillingMonth, CurrencySums, DaySpan, FinalBasis, Finality, Receipt } from "../../model.ts";
import { compareDecimals, subtractDecimals } from "../../schema/decimals.ts";
import { addDays, covers, monthSpan } from "../../schema/periods.ts";
import { chooseCover } from "./cover.ts";
import { alignSummaries, compareLines } from "./summaries.ts";

/** What a month is as a bill, and what that rests on. */
export interface MonthFinality {
  readonly state: Finality;
  /** What `final` rests on; null in any other state. */
  readonly basis: FinalBasis | null;
  /** Whether only support, tax, credits or corrections have changed since the month was final. */
  readonly lateCharges: boolean;
  /** Days that are expected and that no delivery covers, in order. After the last covered day only once the month is over. */
  readonly missingDays: readonly DaySpan[];
  /** Whether somebody has accepted that these days are missing. */
  readonly isAccepted: boolean;
  /** Covered days to which the cloud may have added since: their delivery was made less than 72 hours after they ended. */
  readonly unsettledDays: readonly DaySpan[];
  /**
   * The last usage day of a month that is over, where it lies more than two days before the last day that is expected; null
   * where it does not, where the missing days say it, and where every row with a cost is invoiced.
   */
  readonly dataEnds: string | null;
  /** What an estimated month lacks to be final, beside the data of its last days: clauses such as `3 rows have no invoice id`. */
  readonly lacks: readonly string[];
}

/** By what a month is judged: what its format and its section of the configuration say, and the calendar. */
export interface FinalityRules {
  readonly format: Pick<ExportFormat, "closed" | "lateCharges">;
  readonly pipeline: Pick<PipelineConfig, "activeFrom" | "activeTo">;
  readonly now: Date;
}

/** A receipt as far as it says what its month is as a bill. */
export type BilledLoad = Pick<
  Receipt,
  | "billingMonth"
  | "rows"
  | "cost"
  | "effectiveCost"
  | "summary"
  | "measured"
  | "uninvoicedRows"
  | "uninvoicedCostRows"
  | "coverage"
  | "deliveries"
  | "submittedTime"
  | "files"
  | "restoredLoadId"
  | "period"
  | "dataUntil"
  | "lastUsage"
  | "flags"
  | "missingDays"
  | "accepted"
>;

/**
 * What a loaded month is today. Pure.
 *
 * A month that is not over in UTC is `open`. With days that no delivery covers it is `partial`. It is `final` by `invoice`
 * when every row with a cost has an invoice id and no later charges are due, and by `schedule` where there are no invoice
 * ids, every delivery was made when the last scheduled run was due, or later, and its data reach the end of the month.
 * Otherwise it is `estimated`. A month that was restated after it was final stays so; one that got late charges stays final.
 * Time alone does not make a delivery a later one: where its receipt does not keep when it was made, what the month was at
 * its load counts.
 */
export function finalityNow(receipt: Receipt, rules: FinalityRules): MonthFinality {
  const judged = judge(receipt, receipt.loadedAt, rules);
  if (judged.state === "open" || judged.state === "partial") return judged;
  if (receipt.finality === "restated-after-final") return { ...judged, ...restated };
  if (receipt.flags.includes("late-charges")) return stillFinal(judged, receipt, true);
  const isKnown = madeTimes(receipt, receipt.loadedAt).every((made) => made !== null);
  const wasFinal = receipt.finality === "final" && rules.format.closed.schedule !== null && !hasInvoices(receipt);
  return !isKnown && wasFinal && judged.dataEnds === null ? stillFinal(judged, receipt, false) : judged;
}

/**
 * What a month is after a load. It is `restated-after-final` when what it replaces was final by now, and has other rows or
 * costs; where only support, tax, credits or corrections differ, it stays final, with late charges. Loading the same again
 * changes nothing.
 */
export function finalityAfter(load: BilledLoad, previous: Receipt | null, rules: FinalityRules): MonthFinality {
  const judged = judge(load, null, rules);
  const before = previous === null ? null : finalityNow(previous, rules);
  if (previous === null || before === null || judged.state === "partial") return judged;
  if (before.state !== "final" && before.state !== "restated-after-final") return judged;
  const isSame = hasSameFigures(load, previous);
  if (before.state === "final") {
    if (isSame) return stillFinal(judged, load, before.lateCharges);
    if (hasLateChargesOnly(load, previous, rules.format)) return stillFinal(judged, load, true);
  }
  return { ...judged, ...restated };
}

/** What a month is of which only the time of its load is known, by the state of the Python pipelines; null where not even that. */
export function finalityUnknown(
  billingMonth: BillingMonth,
  loadedAt: string | null,
  rules: FinalityRules,
): MonthFinality {
  return judge({ ...nothingKnown, billingMonth, submittedTime: loadedAt }, loadedAt, rules);
}

/** What two loads of a month are compared by. */
type Figures = Pick<Receipt, "rows" | "cost" | "effectiveCost" | "summary">;

/** Whether two loads of a month come to the same rows and costs, as far as both are known. */
export function hasSameFigures(one: Figures, other: Figures): boolean {
  const isSame = <T>(first: T | null, second: T | null, text: (known: T) => string): boolean =>
    first === null || second === null || text(first) === text(second);
  return (
    one.rows === other.rows &&
    isSame(one.cost, other.cost, sumsText) &&
    isSame(one.effectiveCost, other.effectiveCost, sumsText) &&
    isSame(one.summary, other.summary, (lines) => JSON.stringify(lines))
  );
}

const nothingKnown: Omit<BilledLoad, "billingMonth" | "submittedTime"> = {
  rows: 0,
  cost: null,
  effectiveCost: null,
  summary: null,
  measured: null,
  uninvoicedRows: null,
  uninvoicedCostRows: null,
  coverage: null,
  deliveries: null,
  files: null,
  restoredLoadId: null,
  period: null,
  dataUntil: null,
  lastUsage: null,
  flags: [],
  missingDays: [],
  accepted: {},
};

const restated = { state: "restated-after-final", basis: null, lateCharges: false, lacks: [] } as const;

function stillFinal(judged: MonthFinality, load: BilledLoad, lateCharges: boolean): MonthFinality {
  const basis = judged.basis ?? (hasInvoices(load) ? "invoice" : "schedule");
  return { ...judged, state: "final", basis, lateCharges, dataEnds: null, lacks: [] };
}

function judge(load: BilledLoad, loadedAt: string | null, rules: FinalityRules): MonthFinality {
  const { format, now } = rules;
  const month = load.period ?? monthSpan(load.billingMonth);
  const today = now.toISOString().slice(0, 10);
  const days = coverOf(load, loadedAt, month, rules);
  const plain = { basis: null, lateCharges: false, dataEnds: null, lacks: [], ...days } as const;
  if (today <= month.end) return { ...plain, state: "open" };
  if (days.missingDays.length > 0) return { ...plain, state: "partial" };
  const { invoice, schedule } = format.closed;
  const isScheduled = schedule !== null && !hasInvoices(load);
  const dataEnds = !isScheduled && isInvoiced(load) ? null : earlyEnd(load, month, rules);
  const lacks = isScheduled
    ? lacksSchedule(load, loadedAt, addDays(month.end, schedule))
    : lacksInvoices(load, addDays(month.end, invoice), today);
  if (lacks.length > 0 || dataEnds !== null) return { ...plain, state: "estimated", dataEnds, lacks };
  return { ...plain, state: "final", basis: isScheduled ? "schedule" : "invoice" };
}

/** Whether a row has the id of an invoice. */
function hasInvoices({ rows, uninvoicedRows }: BilledLoad): boolean {
  return uninvoicedRows !== null && uninvoicedRows < rows;
}

/** Whether every row with a cost has the id of an invoice. Receipts of older versions count all rows. */
function isInvoiced({ uninvoicedRows, uninvoicedCostRows }: BilledLoad): boolean {
  return (uninvoicedCostRows ?? uninvoicedRows) === 0;
}

function lacksInvoices(load: BilledLoad, due: string, today: string): readonly string[] {
  const { rows, measured, uninvoicedRows, uninvoicedCostRows } = load;
  if (measured === null) return ["its receipt does not say which rows are invoiced"];
  if (uninvoicedRows === null) return ["its export has no column for invoice ids"];
  if (rows === 0) return ["it has no rows"];
  if (isInvoiced(load)) return today < due ? [`support fees may arrive until ${due}`] : [];
  const uninvoiced = uninvoicedCostRows ?? uninvoicedRows;
  return [`${uninvoiced} ${uninvoiced === 1 ? "row with a cost has" : "rows with a cost have"} no invoice id`];
}

function lacksSchedule(load: BilledLoad, loadedAt: string | null, lastRun: string): readonly string[] {
  const made = madeTimes(load, loadedAt);
  const known = made.filter((time) => time !== null);
  if (known.length < made.length) return ["when its deliveries were made is not known"];
  const [early] = known.map((time) => time.slice(0, 10)).toSorted();
  if (early === undefined || early >= lastRun) return [];
  return [`a delivery of ${early} is older than the last scheduled run, on ${lastRun}`];
}

/** When the deliveries of a load were made; null where its receipt does not say. */
function madeTimes(load: BilledLoad, loadedAt: string | null): readonly (string | null)[] {
  const { deliveries, submittedTime, files, restoredLoadId } = load;
  if (deliveries !== null) return deliveries.map((delivery) => delivery.made ?? delivery.submitted_time);
  // Receipts of other pipelines have only the time at which they were written; an undo writes them again.
  return [submittedTime ?? (files === null && restoredLoadId === null ? loadedAt : null)];
}

function coverOf(
  load: BilledLoad,
  loadedAt: string | null,
  days: DaySpan,
  { pipeline: { activeFrom, activeTo }, now }: FinalityRules,
): Pick<MonthFinality, "missingDays" | "isAccepted" | "unsettledDays"> {
  const made = madeTimes(load, loadedAt);
  const runs = (load.deliveries ?? [load]).flatMap(({ coverage }, index) =>
    // A delivery is not younger than its load.
    coverage === null
      ? []
      : [
          {
            id: `${index}`,
            declared: coverage,
            submitted: made[index] ?? loadedAt ?? now.toISOString(),
            isEmpty: false,
          },
        ],
  );
  // A delivery without days of its own always covers the whole month.
  if (runs.length === 0 || runs.length < made.length) return { missingDays: [], isAccepted: false, unsettledDays: [] };
  const { missing, unsettled } = chooseCover(runs, { days, activeFrom, activeTo, now });
  return { missingDays: missing, isAccepted: acceptsGap(load, missing), unsettledDays: unsettled };
}

/** Whether each of these days was missing when it was accepted that days are. */
export function acceptsGap(
  { accepted, missingDays }: Pick<Receipt, "accepted" | "missingDays">,
  missing: readonly DaySpan[],
): boolean {
  return (
    accepted.gap !== undefined &&
    missing.length > 0 &&
    missing.every((span) => missingDays.some((known) => covers(known, span)))
  );
}

/** How many days before the end of a month its data may end: clouds deliver the last usage a day or two late. */
const dataTolerance = 2;

function earlyEnd(
  { dataUntil, lastUsage }: BilledLoad,
  month: DaySpan,
  { pipeline: { activeFrom, activeTo } }: FinalityRules,
): string | null {
  const last = dataUntil ?? lastUsage?.slice(0, 10) ?? null;
  const end = activeTo !== null && activeTo < month.end ? activeTo : month.end;
  const isExpected = end >= month.start && (activeFrom === null || activeFrom <= end);
  return isExpected && last !== null && last < addDays(end, -dataTolerance) ? last : null;
}

/** Whether two loads differ, and only in support, tax, credits and corrections. */
function hasLateChargesOnly(now: Figures, before: Figures, { lateCharges }: FinalityRules["format"]): boolean {
  if (now.summary === null || before.summary === null) return false;
  const changed = compareLines(alignSummaries(before.summary, now.summary));
  const areLate = changed.every(
    ({ service, chargeType: type }) =>
      lateCharges.chargeTypes.includes(type?.toLowerCase() ?? "") || lateCharges.services.test(service ?? ""),
  );
  // A second cost that moved by another amount has changed in other rows too.
  return changed.length > 0 && areLate && (now.effectiveCost === null || movedAlike(now, before));
}

function movedAlike(now: Figures, before: Figures): boolean {
  const moved = (after: CurrencySums | null, old: CurrencySums | null, currency: string): string =>
    subtractDecimals(after?.[currency] ?? "0", old?.[currency] ?? "0");
  const currencies = [now.cost, before.cost, now.effectiveCost].flatMap((sums) => Object.keys(sums ?? {}));
  return currencies.every((currency) => {
    const [cost, effective] = [
      moved(now.cost, before.cost, currency),
      moved(now.effectiveCost, before.effectiveCost, currency),
    ];
    return compareDecimals(cost, effective) === 0;
  });
}

function sumsText(sums: CurrencySums): string {
  return JSON.stringify(Object.entries(sums).toSorted(([first], [second]) => (first < second ? -1 : 1)));
}
