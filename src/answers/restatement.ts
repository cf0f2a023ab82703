import { checkArguments, count, date, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError, quoted } from "../errors.ts";
import { type BillingMonth, type CurrencySums, executionIdsOf, type Receipt } from "../model.ts";
import { readLoaded } from "../pipeline/months/loaded.ts";
import { alignSummaries, type ChangedLine, compareLines } from "../pipeline/months/summaries.ts";
import { isSameDelivery } from "../pipeline/months/undone.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { compareDecimals, formatAmount, subtractDecimals } from "../schema/decimals.ts";
import { checkMonths, isDay } from "../schema/periods.ts";
import { addDecimals } from "../schema/sums.ts";
import { requireCapability } from "../warehouses/warehouse.ts";
import { isPositive, isZero, magnitude, shareOf } from "./arithmetic.ts";
import { type AnswerOptions, type Bills, monthOfAnswer, readingBills } from "./bills.ts";
import { type Answer, loadsOf } from "./loads.ts";

/** What `restatement` compares: a month as it is loaded, with the same month as it was loaded before. */
export interface RestatementOptions extends AnswerOptions {
  /** By default the newest loaded month that is over. */
  readonly month?: BillingMonth;
  /**
   * Which load it is compared with: a day (the last load until its end in UTC), a time in ISO 8601, or `previous`, the load of
   * another delivery before the current one.
   */
  readonly asOf: string;
  /** How many changes are listed; by default all. */
  readonly top?: number;
}

/**
 * The answer of `restatement`. Amounts are exact decimal text of the first cost column as it is in the table, which is what the
 * receipts of both loads have: the rows of the earlier load are not read, so that it is not split into usage and prices.
 */
export interface RestatementResult extends Answer {
  readonly month: BillingMonth;
  readonly asOf: string;
  readonly exports: readonly RestatedExport[];
  readonly currency: Readonly<Record<string, RestatedCosts>>;
  /** Sentences on what could not be compared. */
  readonly notes: readonly string[];
}

/** The two loads of one export. */
export interface RestatedExport {
  readonly name: string;
  readonly before: RestatedLoad;
  readonly after: RestatedLoad;
  /** Whether both are the same delivery. */
  readonly isSame: boolean;
}

/** One of two loads. */
export interface RestatedLoad {
  readonly executionIds: readonly string[];
  /** ISO 8601. */
  readonly loadedAt: string;
  readonly rows: number;
  /** Null where it was never recorded. */
  readonly cost: CurrencySums | null;
}

/** What changed in one currency, over all exports of which both loads are known. */
export interface RestatedCosts {
  readonly sentence: string;
  readonly before: string;
  readonly after: string;
  readonly difference: string;
  /** By export, service, account and charge type, the largest first. */
  readonly changes: readonly (ChangedLine & { readonly export: string })[];
  /** The changes that are not listed. */
  readonly rest: { readonly changes: number; readonly amount: string };
  /** The difference of loads whose receipts have only totals. */
  readonly unattributed: string;
}

/**
 * What restatements changed in a month since an earlier load, by the receipts of both. Errors: USAGE_INVALID for a month that is
 * not loaded now, or was not at that time; STATE_INVALID, and those of `history`.
 */
export async function restatement(config: Config, options: RestatementOptions): Promise<RestatementResult> {
  checkArguments(config, options, restatementRules);
  checkMonths({ only: options.month === undefined ? [] : [options.month] });
  const until = untilOf(options.asOf);
  return readingBills(config, options, (bills) => restatementIn(bills, options, until));
}

const restatementRules: Shape<RestatementOptions> = {
  month: optional(text),
  asOf: text,
  top: optional(count),
  pipelines: names,
  now: optional(date),
};

/** The time until which a load counts, in milliseconds; null for the previous load. Error: USAGE_INVALID. */
function untilOf(asOf: string): number | null {
  if (asOf === "previous") return null;
  if (isDay(asOf)) return Date.parse(asOf) + 86_400_000 - 1;
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[-+]\d\d:?\d\d)$/.test(asOf) ? Date.parse(asOf) : NaN;
  if (!Number.isNaN(time)) return time;
  throw new BillhouseError("USAGE_INVALID", `${quoted(asOf)} is not a day or a time.`, {
    hint: "Write a day such as 2025-03-07, a time such as 2025-03-07T12:00Z, or previous for the load before the current one.",
  });
}

async function restatementIn(
  { exports, pipelines, warehouse, ...bills }: Bills,
  { month: named, asOf, top = Infinity }: RestatementOptions,
  until: number | null,
): Promise<Omit<RestatementResult, keyof ReadSource>> {
  const month = monthOfAnswer({ exports, pipelines, warehouse, ...bills }, named);
  const found: ComparedReceipts[] = [];
  const notes: string[] = [];
  for (const pipeline of pipelines) {
    // Charges that several exports have are compared once.
    if (exports.find(({ name }) => name === pipeline.name)?.months.has(month) !== true) continue;
    const { table } = await readLoaded(pipeline, warehouse);
    const [after, ...older] = await requireCapability(warehouse, "previous").history(table, month);
    const before =
      until === null
        ? older.find((receipt) => after !== undefined && !isSameDelivery(receipt, after))
        : [after, ...older].find((receipt) => receipt !== undefined && Date.parse(receipt.loadedAt) <= until);
    const { name } = pipeline;
    if (after === undefined) notes.push(`${name} does not have receipts of ${month}.`);
    else if (before === undefined) {
      notes.push(until === null ? `${name} ${month} was delivered once.` : `${name} ${month} was not loaded by then.`);
    } else found.push({ name, before, after });
  }
  const compared = withoutAmortized(found);
  if (compared.length === 0) {
    throw new BillhouseError(
      "USAGE_INVALID",
      `There is no earlier load of ${month} to compare with: ${notes.join(" ")}`,
      {
        hint: `billhouse history --month ${month} lists the loads with their times.`,
      },
    );
  }
  const lacking = compared.filter(({ before, after }) => before.summary === null || after.summary === null);
  notes.push(...lacking.map(({ name }) => `The receipts of ${name} contain only totals of one of the loads.`));
  const currencies = new Set(
    compared.flatMap(({ before, after }) => [costOf(before), costOf(after)].flatMap((sums) => Object.keys(sums ?? {}))),
  );
  return {
    month,
    asOf,
    exports: compared.map(({ name, before, after }) => ({
      name,
      before: loadOf(before),
      after: loadOf(after),
      isSame: isSameDelivery(before, after),
    })),
    loads: loadsOf(exports, [month]),
    notes,
    currency: Object.fromEntries(
      [...currencies].toSorted().map((currency) => [currency, restatedCosts(compared, currency, { month, asOf, top })]),
    ),
  };
}

/** Amortized cost has the charges again that the actual cost of its scope has. */
function withoutAmortized(compared: readonly ComparedReceipts[]): readonly ComparedReceipts[] {
  const actual = compared.filter(({ after }) => after.dataset === "ActualCost").map(({ after }) => after.scope);
  return compared.filter(({ after }) => after.dataset !== "AmortizedCost" || !actual.includes(after.scope));
}

interface ComparedReceipts {
  readonly name: string;
  readonly before: Receipt;
  readonly after: Receipt;
}

function restatedCosts(
  compared: readonly ComparedReceipts[],
  currency: string,
  { month, asOf, top }: { readonly month: BillingMonth; readonly asOf: string; readonly top: number },
): RestatedCosts {
  const sum = (of: (each: ComparedReceipts) => Receipt): string =>
    addDecimals(compared.map((each) => costOf(of(each))?.[currency] ?? "0"));
  const [before, after] = [sum((each) => each.before), sum((each) => each.after)];
  const difference = subtractDecimals(after, before);
  const changes = compared
    .flatMap(({ name, before: old, after: now }) =>
      old.summary === null || now.summary === null
        ? []
        : compareLines(alignSummaries(old.summary, now.summary)).map((line) => ({ export: name, ...line })),
    )
    .filter((line) => line.currency === currency)
    .toSorted((one, other) => compareDecimals(magnitude(other.difference), magnitude(one.difference)));
  const listed = changes.slice(0, top);
  const others = changes.slice(listed.length);
  const result = {
    before,
    after,
    difference,
    changes: listed,
    rest: { changes: others.length, amount: addDecimals(others.map((line) => line.difference)) },
    unattributed: subtractDecimals(difference, addDecimals(changes.map((line) => line.difference))),
  };
  return { sentence: sentenceOf(result, { month, asOf, currency }), ...result };
}

function sentenceOf(
  { before, after, difference, changes: [largest] }: Omit<RestatedCosts, "sentence">,
  { month, asOf, currency }: { readonly month: BillingMonth; readonly asOf: string; readonly currency: string },
): string {
  const money = (amount: string): string => `${formatAmount(amount)}${currency === "" ? "" : ` ${currency}`}`;
  const share = shareOf(magnitude(difference), magnitude(before));
  const percent = share === null ? "" : ` (${(Number(share) * 100).toFixed(1)} %)`;
  const other = asOf === "previous" ? "the previous load" : `the load of ${asOf}`;
  const changed = isZero(difference)
    ? `the same as ${other}`
    : `${money(magnitude(difference))}${percent} ${isPositive(difference) ? "more" : "less"} than ${other}`;
  const cause =
    largest === undefined || isZero(largest.difference)
      ? ""
      : ` The largest change is ${[
          largest.service ?? largest.export,
          ...(largest.account === null ? [] : [`in account ${largest.account}`]),
          ...(largest.chargeType === null ? [] : [`(${largest.chargeType})`]),
        ].join(" ")}, ${isPositive(largest.difference) ? "+" : ""}${formatAmount(largest.difference)}.`;
  return `${month} is loaded with ${money(after)}, ${changed}.${cause}`;
}

/** As it is in the table, so that the lines of the summary add up to it. */
function costOf({ tableCost, cost }: Receipt): CurrencySums | null {
  return tableCost ?? cost;
}

function loadOf(receipt: Receipt): RestatedLoad {
  const { loadedAt, rows } = receipt;
  return { executionIds: executionIdsOf(receipt), loadedAt, rows, cost: costOf(receipt) };
}
