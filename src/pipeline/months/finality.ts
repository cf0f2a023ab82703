import type { PipelineConfig } from "../../config/config.ts";
import type { ExportFormat } from "../../exports/export.ts";
import type { BillingMonth, CurrencySums, DaySpan, FinalBasis, Finality, Receipt } from "../../model.ts";
import { compareDecimals, subtractDecimals } from "../../schema/decimals.ts";
import { addDays, covers, monthSpan } from "../../schema/periods.ts";
import { chooseCover } from "./cover.ts";
import { alignSummaries, compareLines } from "./summaries.ts";

/** The state of a month's bill, and the basis of that state. */
export interface MonthFinality {
  readonly state: Finality;
  /** The basis of `final`; null in any other state. */
  readonly basis: FinalBasis | null;
  /** Whether only support, tax, credits or corrections have changed since the month was final. */
  readonly lateCharges: boolean;
  /** Expected days that are not covered, in order. After the last covered day only once the month is over. */
  readonly missingDays: readonly DaySpan[];
  /** Whether these missing days were accepted. */
  readonly isAccepted: boolean;
  /** Covered days to which the cloud may have added since: their delivery was made less than 72 hours after they ended. */
  readonly unsettledDays: readonly DaySpan[];
  /**
   * The last usage day of a month that is over, if it is more than two days before the last expected day; otherwise null.
   * Also null if the missing days already report it, and if every row with a cost is invoiced.
   */
  readonly dataEnds: string | null;
  /**
   * Why an estimated month is not final, apart from missing data of its last days: clauses such as `3 rows with a cost
   * lack an invoice id`.
   */
  readonly lacks: readonly string[];
}

/** The rules for a month: those of its format and its section of the configuration, and the calendar. */
export interface FinalityRules {
  readonly format: Pick<ExportFormat, "closed" | "lateCharges">;
  readonly pipeline: Pick<PipelineConfig, "activeFrom" | "activeTo">;
  readonly now: Date;
}

/** The parts of a receipt that decide the state of its month's bill. */
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
 * The state of a loaded month today. Pure.
 *
 * A month that is not over in UTC is `open`. With expected days that are not covered it is `partial`. It is `final` by
 * `invoice` when every row with a cost has an invoice id and no later charges are due, and by `schedule` if there are no
 * invoice ids, every delivery was made when the last scheduled run was due, or later, and its data reach the end of the month.
 * Otherwise it is `estimated`. A month that was restated after it was final stays so; one with late charges stays final.
 * Only the time when a delivery was made counts, not the time of its load: if the receipt lacks it, the month keeps the
 * state that it had at its load.
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
 * The state of a month after a load. It is `restated-after-final` if the replaced load was final by now and has other rows
 * or costs; if only support, tax, credits or corrections differ, it stays final, with late charges. Loading the same again
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

/** The state of a month of which only the load time is known, from the state of the Python pipelines; null without one. */
export function finalityUnknown(
  billingMonth: BillingMonth,
  loadedAt: string | null,
  rules: FinalityRules,
): MonthFinality {
  return judge({ ...nothingKnown, billingMonth, submittedTime: loadedAt }, loadedAt, rules);
}

/** The values by which two loads of a month are compared. */
type Figures = Pick<Receipt, "rows" | "cost" | "effectiveCost" | "summary">;

/** Whether two loads of a month have the same rows and costs, as far as both are known. */
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
  if (measured === null) return ["its receipt does not record which rows are invoiced"];
  if (uninvoicedRows === null) return ["its export lacks a column for invoice ids"];
  if (rows === 0) return ["it does not have rows"];
  if (isInvoiced(load)) return today < due ? [`support fees may arrive until ${due}`] : [];
  const uninvoiced = uninvoicedCostRows ?? uninvoicedRows;
  const count = uninvoiced.toLocaleString("en-US");
  return [`${count} ${uninvoiced === 1 ? "row with a cost lacks" : "rows with a cost lack"} an invoice id`];
}

function lacksSchedule(load: BilledLoad, loadedAt: string | null, lastRun: string): readonly string[] {
  const made = madeTimes(load, loadedAt);
  const known = made.filter((time) => time !== null);
  if (known.length < made.length) return ["the times of its deliveries are unknown"];
  const [early] = known.map((time) => time.slice(0, 10)).toSorted();
  if (early === undefined || early >= lastRun) return [];
  return [
    `the export's last scheduled run, on ${lastRun}, was not delivered: the month has a delivery of ${early}. If no newer one arrives, check that the export still runs`,
  ];
}

/** When the deliveries of a load were made; null if its receipt does not record it. */
function madeTimes(load: BilledLoad, loadedAt: string | null): readonly (string | null)[] {
  const { deliveries, submittedTime, files, restoredLoadId } = load;
  if (deliveries !== null) return deliveries.map((delivery) => delivery.made ?? delivery.submitted_time);
  // Receipts of other pipelines only have the time at which they were written; an undo rewrites them.
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
    // A delivery cannot be newer than its load.
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
  // A delivery that does not declare days always covers the whole month.
  if (runs.length === 0 || runs.length < made.length) return { missingDays: [], isAccepted: false, unsettledDays: [] };
  const { missing, unsettled } = chooseCover(runs, { days, activeFrom, activeTo, now });
  return { missingDays: missing, isAccepted: acceptsGap(load, missing), unsettledDays: unsettled };
}

/** Whether each of these days was already missing when the gap was accepted. */
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

/** How many days before the end of a month its data may end: clouds deliver the last usage up to two days late. */
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

/** Whether two loads differ only in support, tax, credits and corrections. */
function hasLateChargesOnly(now: Figures, before: Figures, { lateCharges }: FinalityRules["format"]): boolean {
  if (now.summary === null || before.summary === null) return false;
  const changed = compareLines(alignSummaries(before.summary, now.summary));
  const areLate = changed.every(
    ({ service, chargeType: type }) =>
      lateCharges.chargeTypes.includes(type?.toLowerCase() ?? "") || lateCharges.services.test(service ?? ""),
  );
  // If the second cost changed by another amount, other rows have changed too.
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
