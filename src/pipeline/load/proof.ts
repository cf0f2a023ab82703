import { BillhouseError } from "../../errors.ts";
import {
  type Acceptance,
  type BillingMonth,
  type CurrencySums,
  type DataFile,
  type DaySpan,
  type Evidence,
  type Execution,
  executionIdsOf,
  type OtherMonthRows,
  type Receipt,
  type ReceiptFile,
} from "../../model.ts";
import { compareDecimals, subtractDecimals, type DecimalSum } from "../../schema/decimals.ts";
import { describeOtherMonth } from "../../schema/invalid-rows.ts";
import { addDays, intersect, monthsOf } from "../../schema/periods.ts";
import { createSum } from "../../schema/sums.ts";
import type { TableMeasures } from "../../warehouses/warehouse.ts";
import { fromTo, type LoadedMonth } from "../events.ts";
import { commandToAccept, type LoadCommand } from "../months/accept.ts";
import { coveredDays } from "../months/cover.ts";
import { acceptsGap, finalityAfter, finalityNow, type FinalityRules, hasSameFigures } from "../months/finality.ts";
import { loadNotes, namedSums } from "../months/loaded.ts";
import { periodLike } from "../months/period.ts";
import { isUndone } from "../months/undone.ts";
import type { PreparedMonth } from "./prepare.ts";

/**
 * Compares the rows counted in one file (null: counted only together with others) with what the manifest declares for it.
 * Error: ROW_COUNT_MISMATCH, unless `row-count` is waived.
 */
export function verifyFile(
  file: DataFile,
  rows: number | null,
  billingMonth: BillingMonth,
  command: LoadCommand,
): void {
  if (file.rows === null || rows === null || file.rows === rows || command.accept.includes("row-count")) return;
  throw undeclared(`${file.key} has ${rows} rows, but its manifest declares ${file.rows}`, billingMonth, command);
}

/** The measured content of the files of one delivery. */
export interface DeliveredEvidence {
  readonly execution: Execution;
  readonly evidence: Evidence;
}

/**
 * The proof of a month. For each delivery: rows declared = rows counted in its files. For all of them together: rows
 * counted = rows inserted = rows in the table, and the exact sum of the delivered text = the sum of the table, up to half
 * half a unit of the last digit for each value that was rounded.
 * Errors: ROW_COUNT_MISMATCH, SUM_MISMATCH; both name both values.
 */
export function verifyMonth(
  deliveries: readonly DeliveredEvidence[],
  measures: TableMeasures,
  /** Digits after the point of each summed column in the table. */
  digits: readonly number[],
  command: LoadCommand,
): void {
  const { billingMonth } = newestOf(deliveries.map(({ execution }) => execution));
  for (const { execution, evidence } of deliveries) {
    const { id, rows } = execution;
    if (rows === null || rows === evidence.rows || command.accept.includes("row-count")) continue;
    const what = `The files of ${id} have ${evidence.rows} rows, but its manifest declares ${rows}`;
    throw undeclared(what, billingMonth, command);
  }
  const evidence = combineEvidence(deliveries.map((delivery) => delivery.evidence));
  // These two check billhouse's own load and are never waived.
  if (measures.inserted !== evidence.monthRows) {
    throw mismatch(
      `${evidence.monthRows} rows of ${billingMonth} were counted in the files, but ${measures.inserted} were inserted`,
    );
  }
  if (measures.rows !== evidence.monthRows) {
    throw mismatch(`${evidence.monthRows} rows of ${billingMonth} were inserted, but the table has ${measures.rows}`);
  }
  for (const [index, kept] of evidence.kept.entries()) {
    verifySums(billingMonth, kept, measures.sums[index] ?? {}, evidence.rounded[index] ?? 0, digits[index] ?? 0);
  }
}

/**
 * Rows of months that their delivery does not cover; they are left out if `other-months` is waived. Rows of another month
 * that it does cover are loaded there, unless another delivery was chosen for that month.
 * Error: MONTH_MISMATCH, which names their number, months and costs.
 */
export function foreignRows(
  deliveries: readonly DeliveredEvidence[],
  period: DaySpan | null,
  command: LoadCommand,
): readonly OtherMonthRows[] {
  const foreign = deliveries.map(({ execution, evidence }) => {
    const covered = coveredMonths(execution.declared, period);
    return { execution, rows: evidence.otherMonths.filter(({ month }) => !covered.includes(month)) };
  });
  const [first] = foreign.filter(({ rows }) => rows.length > 0);
  if (first === undefined || command.accept.includes("other-months"))
    return addUpMonths(foreign.map(({ rows }) => rows));
  const { id, manifest, billingMonth } = first.execution;
  const held = first.rows.map(describeOtherMonth).join(", ");
  const what = `The delivery ${id} (${manifest.key}) contains ${held}, which it does not cover.`;
  throw new BillhouseError("MONTH_MISMATCH", what, {
    hint: `No month of this delivery was loaded. Check the settings of the export. To leave these rows out: ${commandToAccept(command, "other-months", billingMonth, false)}`,
  });
}

/** The months whose days a delivery declares. `period` is that of one of them, null where periods are calendar months. */
function coveredMonths(declared: DaySpan, period: DaySpan | null): readonly BillingMonth[] {
  if (period === null) return monthsOf(declared);
  const months = monthsOf({ start: addDays(`${declared.start.slice(0, 7)}-01`, -1), end: declared.end });
  return months.filter((month) => intersect(periodLike(period, month), declared) !== undefined);
}

/** The newest of executions that are ordered oldest first. */
export function newestOf(executions: readonly Execution[]): Execution {
  const newest = executions.at(-1);
  if (newest === undefined) throw new TypeError("A month is loaded from at least one delivery.");
  return newest;
}

/** The combined evidence of several files or deliveries. */
export function combineEvidence(parts: readonly Evidence[]): Evidence {
  // A delivery without files lacks sums.
  const columns = parts.find(({ sums }) => sums.length > 0)?.sums.map((_, index) => index) ?? [];
  return {
    rows: parts.reduce((total, { rows }) => total + rows, 0),
    monthRows: parts.reduce((total, { monthRows }) => total + monthRows, 0),
    rowsWithoutPeriod: parts.reduce((total, { rowsWithoutPeriod }) => total + rowsWithoutPeriod, 0),
    otherMonths: addUpMonths(parts.map(({ otherMonths }) => otherMonths)),
    rounded: columns.map((index) => parts.reduce((total, { rounded }) => total + (rounded[index] ?? 0), 0)),
    sums: columns.map((index) => addUp(parts.map(({ sums }) => sums[index] ?? {}))),
    kept: columns.map((index) => addUp(parts.map(({ kept }) => kept[index] ?? {}))),
  };
}

/** A receipt without the values that its commit adds. */
export type Draft = Omit<Receipt, "loadId" | "loadedAt">;

/** The findings and settings of a load. */
export interface LoadFacts {
  readonly month: PreparedMonth;
  /** Oldest first. */
  readonly deliveries: readonly DeliveredEvidence[];
  /** Rows that were left out. */
  readonly otherMonths: readonly OtherMonthRows[];
  readonly measures: TableMeasures;
  readonly files: readonly ReceiptFile[];
  readonly accepted: readonly string[];
  /** Who accepts the missing days of the month; null if they are not accepted. */
  readonly acceptance: Acceptance | null;
  readonly seconds: number;
  readonly version: string;
  readonly kind: string;
  readonly rules: FinalityRules;
}

/** The receipt of a proved month. */
export function draftReceipt(facts: LoadFacts): Draft {
  const { month, deliveries, otherMonths, measures, files, accepted, seconds, version, kind, rules } = facts;
  const { billingMonth, executions, newestReceipt, schemaChanges, measured } = month;
  const execution = newestOf(executions);
  const evidence = combineEvidence(deliveries.map((delivery) => delivery.evidence));
  const [delivered, stored] = [namedSums(evidence.sums, measured), namedSums(measures.sums, measured)];
  const receipt: Omit<Draft, "finality"> = {
    executionId: execution.id,
    billingMonth,
    rows: evidence.monthRows,
    fileCount: files.length,
    format: execution.format,
    sourceBytes: files.reduce((sum, { size }) => sum + size, 0),
    cost: delivered.cost ?? {},
    tableCost: stored.cost ?? {},
    effectiveCost: delivered.effectiveCost,
    tableEffectiveCost: stored.effectiveCost,
    amounts: stored.amounts,
    roundedValues: evidence.rounded.slice(0, measured.costColumns.length).reduce((sum, count) => sum + count, 0),
    coverage: hullOf(executions),
    firstUsage: measures.firstUsage,
    lastUsage: measures.lastUsage,
    schemaChanges,
    files: files.map((file) => ({ ...file, ...replacedVersion(file, month) })),
    scope: execution.scope,
    dataset: execution.dataset ?? null,
    submittedTime: execution.submittedTime,
    kind,
    measured,
    summary: measures.summary,
    uninvoicedRows: measures.uninvoicedRows,
    uninvoicedCostRows: measures.uninvoicedCostRows,
    // The files loaded now were requested; other files of the same execution may have been undone and stay undone.
    undone: (newestReceipt?.undone ?? []).filter(
      (one) =>
        !executions.some((each) =>
          isUndone(each, { ids: [newestReceipt?.executionId ?? ""], undone: [one], receipt: newestReceipt }),
        ),
    ),
    restoredLoadId: null,
    waivers: [...accepted],
    durationSeconds: seconds,
    version,
    deliveries: deliveries.map(({ execution: each, evidence: own }) => ({
      execution_id: each.id,
      manifest_key: each.manifest.key,
      manifest_version: each.manifest.version,
      submitted_time: each.submittedTime,
      made: each.made,
      // Month-to-date runs declare future days.
      coverage:
        each.coverage && (coveredDays({ declared: each.coverage, submitted: each.made }, each.coverage) ?? null),
      rows: own.monthRows,
      cost: namedSums(own.sums, measured).cost,
    })),
    flags: [
      ...(month.isFlagged ? ["unsettled" as const] : []),
      ...(measured.costColumns.length === 0 ? ["no-cost" as const] : []),
    ],
    dataUntil: measures.lastUsage?.slice(0, 10) ?? null,
    period: month.period,
    missingDays: month.missingDays,
    otherMonths,
    rowsWithoutPeriod: evidence.rowsWithoutPeriod,
    accepted: {},
    loadReason: month.loadReason,
  };
  const { state, lateCharges, missingDays } = finalityAfter(receipt, newestReceipt, rules);
  return {
    ...receipt,
    finality: state,
    flags: [...receipt.flags, ...(lateCharges ? ["late-charges" as const] : [])],
    missingDays,
    accepted: acceptedGap(missingDays, facts),
  };
}

/** Missing days are accepted by this run, or were accepted for the previous load, which had the same missing days. */
function acceptedGap(
  missingDays: readonly DaySpan[],
  { acceptance, month: { newestReceipt } }: LoadFacts,
): Receipt["accepted"] {
  if (missingDays.length === 0) return {};
  if (acceptance !== null) return { gap: acceptance };
  return newestReceipt !== null && acceptsGap(newestReceipt, missingDays) ? newestReceipt.accepted : {};
}

/** A loaded month as `run` reports it. */
export function describeLoad(
  receipt: Receipt,
  { action, previous }: Pick<PreparedMonth, "action" | "previous">,
  rules: FinalityRules,
): LoadedMonth {
  const { state, basis, lateCharges, missingDays, isAccepted, unsettledDays, dataEnds } = finalityNow(receipt, rules);
  return {
    billingMonth: receipt.billingMonth,
    executionId: receipt.executionId,
    executionIds: (receipt.deliveries ?? []).map((delivery) => delivery.execution_id),
    missingDays: missingDays.map(fromTo),
    unsettledDays: unsettledDays.map(fromTo),
    accepted: isAccepted,
    action,
    isRestatement: receipt.loadReason === "restated",
    state,
    finalBasis: basis,
    lateCharges,
    dataUntil: receipt.dataUntil,
    dataEndsEarly: dataEnds !== null,
    rows: receipt.rows,
    files: receipt.fileCount,
    bytes: receipt.sourceBytes ?? 0,
    cost: receipt.cost ?? {},
    seconds: receipt.durationSeconds ?? 0,
    roundedValues: receipt.roundedValues ?? 0,
    schemaChanges: receipt.schemaChanges,
    notes: loadNotes(receipt).map(({ text }) => text),
    previous: previous && {
      executionId: previous.executionId,
      rows: previous.rows,
      cost: previous.cost,
      sameFigures: hasSameFigures(receipt, previous),
    },
  };
}

/** From the first to the last day that some executions cover; null if one always covers the whole period. */
function hullOf(executions: readonly Execution[]): DaySpan | null {
  const spans = executions.flatMap(({ coverage }) => coverage ?? []);
  const starts = spans.map(({ start }) => start).toSorted();
  const ends = spans.map(({ end }) => end).toSorted();
  const [start, end] = [starts.at(0), ends.at(-1)];
  return spans.length < executions.length || start === undefined || end === undefined ? null : { start, end };
}

function addUpMonths(parts: readonly (readonly OtherMonthRows[])[]): readonly OtherMonthRows[] {
  return [...Map.groupBy(parts.flat(), ({ month }) => month)]
    .map(([month, own]) => ({
      month,
      rows: own.reduce((total, { rows }) => total + rows, 0),
      cost: addUp(own.map(({ cost }) => cost)),
    }))
    .toSorted((first, second) => (first.month < second.month ? -1 : 1));
}

function addUp(parts: readonly CurrencySums[]): CurrencySums {
  const sums = new Map<string, DecimalSum>();
  for (const [currency, amount] of parts.flatMap((part) => Object.entries(part))) {
    const sum = sums.get(currency) ?? createSum();
    sum.add(amount);
    sums.set(currency, sum);
  }
  return Object.fromEntries([...sums].map(([currency, sum]) => [currency, sum.total()]));
}

function verifySums(
  billingMonth: string,
  delivered: CurrencySums,
  held: CurrencySums,
  rounded: number,
  digits: number,
): void {
  // Half a unit of the last digit for each rounded value, as exact decimal text: 5e-19 times their number in DuckDB.
  const tolerance = `${BigInt(rounded) * 5n}e-${digits + 1}`;
  for (const currency of new Set([...Object.keys(delivered), ...Object.keys(held)])) {
    const inTable = ownSum(held, currency);
    const inFiles = ownSum(delivered, currency);
    const difference = subtractDecimals(inTable, inFiles).replace("-", "");
    if (compareDecimals(difference, tolerance) <= 0) continue;
    throw new BillhouseError(
      "SUM_MISMATCH",
      `The cost of ${billingMonth} in ${currency || "no currency"} is ${inFiles} in the files, but ${inTable} in the table.`,
      {
        hint: "The month keeps its previous rows. This is a bug in billhouse or in the database: report it with both values.",
      },
    );
  }
}

/** The sum of a currency; a bill may contain one called `constructor`. */
function ownSum(sums: CurrencySums, currency: string): string {
  return Object.hasOwn(sums, currency) ? (sums[currency] ?? "0") : "0";
}

/** Rows differ from what a manifest declares. */
function undeclared(what: string, billingMonth: BillingMonth, command: LoadCommand): BillhouseError {
  return new BillhouseError("ROW_COUNT_MISMATCH", `${what}.`, {
    hint: `The month keeps its previous rows. Copy the delivery again, or, if you know why they differ, load it: ${commandToAccept(command, "row-count", billingMonth, true)}`,
  });
}

/** Rows differ inside billhouse's own load. */
function mismatch(what: string): BillhouseError {
  return new BillhouseError("ROW_COUNT_MISMATCH", `${what}.`, {
    hint: "The month keeps its previous rows. This is a bug in billhouse or in the database: report it with both values.",
  });
}

/** The version of a file with which the execution was loaded before, if it differs from the current one. */
function replacedVersion(file: ReceiptFile, { executions, previous }: PreparedMonth): Pick<ReceiptFile, "replaced"> {
  const id = file.executionId ?? newestOf(executions).id;
  const isLoaded = previous !== null && executionIdsOf(previous).includes(id);
  const before = isLoaded ? previous.files?.find(({ key }) => key === file.key) : undefined;
  const replaced = before?.version === file.version ? before.replaced : before?.version;
  return replaced === undefined ? {} : { replaced };
}
