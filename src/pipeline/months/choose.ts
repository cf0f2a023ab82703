import { BillhouseError } from "../../errors.ts";
import type { ManifestPlace } from "../../exports/export.ts";
import type { BillingMonth, DaySpan, Execution, Receipt, ReceiptDelivery } from "../../model.ts";
import { countDays, intersect, monthSpan } from "../../schema/periods.ts";
import type { Discovery } from "../discover/discover.ts";
import { fileFormat, isTorn, madeOf, readExecution } from "../discover/manifests.ts";
import { chooseCover, compareAge, coveredDays, type Cover, type CoveringRun, type PassedOver } from "./cover.ts";
import { loadedIds, type LoadedPartition } from "./loaded.ts";
import { readPeriod } from "./period.ts";
import { isUndone } from "./undone.ts";

/** Which deliveries of a month are the month. */
export interface MonthRuns {
  /** The deliveries that are the month together, oldest first; none when none can be taken. */
  readonly runs: readonly Execution[];
  /** The days of the month: its billing period. */
  readonly days: DaySpan;
  /** How many days of the month they cover. */
  readonly coveredDays: number;
  /** Days that are expected and that none of them covers, in order. */
  readonly missingDays: readonly DaySpan[];
  /** Covered days whose delivery was submitted less than 72 hours after they ended, in order. */
  readonly unsettledDays: readonly DaySpan[];
  /** Every other delivery that was not undone, newest first. */
  readonly passedOver: readonly PassedOverRun[];
  /** The newest delivery that was undone, where it is newer than every delivery that is part of the month. */
  readonly undone: Execution | null;
  /** Keys of newer manifests, and of newer data files without one, that are empty or cut off, newest first: they count as absent. */
  readonly torn: readonly string[];
}

/** A delivery that is not part of its month, and why. */
export interface PassedOverRun {
  readonly id: string;
  readonly why: PassedOver<CoveringRun>["reason"];
  /** The same in a sentence. */
  readonly reason: string;
  /** Whether it is newer than every delivery that is part of the month. */
  readonly isNewer: boolean;
}

/** What narrows the choice. */
export interface ChoiceOptions {
  readonly now: Date;
  /** The first and the last day on which the export is active, as configured; null where nothing is configured. */
  readonly activeFrom: string | null;
  readonly activeTo: string | null;
  /** Takes what was undone, and what declares no rows. */
  readonly force: boolean;
  /** Bytes that one file may decompress to: as for `decompress`. */
  readonly unpackedLimit: number | null;
}

/**
 * Chooses the deliveries of one month: of an export whose runs say which days they cover the set of runs without a common
 * day that covers the most days (see `chooseCover`), otherwise the newest delivery.
 *
 * Paths name days, and times to the minute, so that only the manifests of chosen runs are read, and none that a receipt
 * remembers at the same version, as long as all of its files are as loaded. Runs without a time in their path are read
 * first. What was undone is left out, and what is older than it, unless it is loaded. A manifest that is empty or cut off
 * is still being written and counts as absent. What is wrong with a delivery matters only if it is chosen.
 *
 * The days of the month are the billing period that the first rows of the newest of them name; of what is loaded already,
 * the receipt remembers it. A run of other days than these is no run of the month.
 * Errors: MANIFEST_INVALID, KEY_OUTSIDE_PREFIX, EXPORT_NOT_FOUND, those of the storage.
 */
export async function chooseRuns(
  discovery: Discovery,
  billingMonth: BillingMonth,
  loaded: LoadedPartition | null,
  options: ChoiceOptions,
): Promise<MonthRuns> {
  const { format, storage, objects } = discovery;
  let days = loaded?.receipt?.period ?? monthSpan(billingMonth);
  let isPeriodRead = false;
  const receipt = loaded?.receipt ?? null;
  const isAsLoaded = receipt?.files?.every(({ key, version }) => objects.get(key)?.version === version) ?? false;
  let runs = (discovery.months.get(billingMonth) ?? []).map((place) => {
    const delivery = receipt?.deliveries?.find(
      (one) => one.manifest_key === place.key && one.manifest_version === objects.get(place.key)?.version,
    );
    return delivery === undefined ? runOfPath(discovery, place) : runOfReceipt(discovery, place, delivery, days);
  });
  for (;;) {
    const whole = runs.filter((run) => !isTornRun(run) && intersect(run.declared, days) !== undefined);
    const { candidates, undone } = withoutUndone(whole, options.force ? null : loaded);
    const cover = coverOf(candidates, days, options);
    const isSame = isAsLoaded && !options.force && isRemembered(cover.chosen, receipt);
    const wanted = [...cover.chosen.filter(({ remembered }) => remembered === null || !isSame), ...undone.slice(0, 1)];
    const timeless = runs.filter(({ place, remembered }) => place.order === "" && remembered === null);
    const unread = [timeless, wanted].map((some) => some.filter(isUnread)).find((some) => some.length > 0);
    if (unread === undefined) {
      for (const { error } of cover.chosen) if (error !== null) throw error;
      const newest = cover.chosen.toSorted(compareAge).at(-1);
      if (!isPeriodRead && !isSame && newest?.execution?.coverage != null) {
        isPeriodRead = true;
        days = (await readPeriod(newest.execution, discovery, options.unpackedLimit)) ?? monthSpan(billingMonth);
        continue;
      }
      return monthRuns(cover, days, undone[0], runs.filter(isTornRun), (run) =>
        run.execution === null
          ? executionOfReceipt(discovery, billingMonth, run, receipt)
          : { ...run.execution, coverage: run.execution.coverage && (intersect(run.declared, days) ?? null) },
      );
    }
    const read = new Map<Run, Run>();
    for (const run of unread) {
      const result = await readExecution(format, run.place, storage, objects, billingMonth, days).catch(ofDelivery);
      read.set(run, result instanceof BillhouseError ? { ...run, error: result } : runOf(run.place, result));
    }
    runs = runs.map((run) => read.get(run) ?? run);
  }
}

/** A delivery as far as it is known. */
interface Run extends CoveringRun {
  readonly place: ManifestPlace;
  /** Null while its manifest was not read. */
  readonly execution: Execution | null;
  /** What the receipt of the month says of it, where its manifest is unchanged since. */
  readonly remembered: ReceiptDelivery | null;
  /** What is wrong with it. */
  readonly error: BillhouseError | null;
  /** Whether it is always the whole period, so that the newest one is the month. */
  readonly isWhole: boolean;
}

function isUnread({ execution, error }: Run): boolean {
  return execution === null && error === null;
}

/** Whether it is still being written: a manifest that is empty or cut off, or a data file without bytes that has none. */
function isTornRun({ error }: Run): boolean {
  return error !== null && isTorn(error);
}

/** By its path a run is at most as new as the end of the minute that the path names. */
function runOfPath({ objects }: Discovery, place: ManifestPlace): Run {
  const made = madeOf(null, place, objects.get(place.key)?.modified ?? "", place.period);
  const submitted = place.order === "" ? made : made.replace(/:00Z$/, ":59.9999999Z");
  const written = objects.get(place.key)?.modified ?? "";
  const facts = { id: place.id ?? place.key, declared: place.period, submitted, isEmpty: false, isWhole: false };
  return { ...facts, written, place, execution: null, remembered: null, error: null };
}

function runOfReceipt({ objects }: Discovery, place: ManifestPlace, remembered: ReceiptDelivery, days: DaySpan): Run {
  const { execution_id: id, submitted_time: time, made, coverage } = remembered;
  const declared = coverage ?? days;
  const submitted = made ?? madeOf(time, place, objects.get(place.key)?.modified ?? "", declared);
  // What it declared is not remembered: it was taken.
  const written = objects.get(place.key)?.modified ?? "";
  const facts = { id, declared, submitted, isEmpty: false, isWhole: coverage === null };
  return { ...facts, written, place, execution: null, remembered, error: null };
}

function runOf(place: ManifestPlace, execution: Execution): Run {
  const { id, declared, made: submitted, isEmpty, coverage, manifest } = execution;
  return {
    id,
    declared,
    submitted,
    isEmpty,
    isWhole: coverage === null,
    written: manifest.modified,
    place,
    execution,
    remembered: null,
    error: null,
  };
}

/** An error of one delivery, as a value: it matters only when the delivery is chosen. Every other error is thrown. */
function ofDelivery(error: unknown): BillhouseError {
  const codes = ["MANIFEST_INVALID", "KEY_OUTSIDE_PREFIX", "EXPORT_NOT_FOUND"];
  if (error instanceof BillhouseError && codes.includes(error.code)) return error;
  throw error;
}

/**
 * Sets aside runs that were undone, newest first. What is older than one of them, and not loaded, is what the undo went
 * back to, or something before it: it is no candidate either.
 */
function withoutUndone(
  runs: readonly Run[],
  loaded: LoadedPartition | null,
): { readonly candidates: readonly Run[]; readonly undone: readonly Run[] } {
  const undone = runs
    .filter(({ id, execution }) => isUndone(execution ?? { id, files: [] }, loaded))
    .toSorted((one, other) => -compareAge(one, other));
  const [newest] = undone;
  if (newest === undefined) return { candidates: runs, undone };
  const known = loadedIds(loaded);
  const candidates = runs.filter(
    (run) => !undone.includes(run) && (known.includes(run.id) || compareAge(run, newest) > 0),
  );
  return { candidates, undone };
}

function coverOf(runs: readonly Run[], days: DaySpan, { force, ...month }: ChoiceOptions): Cover<Run> {
  if (runs.every(({ isWhole }) => !isWhole)) {
    const candidates = force ? runs.map((run) => ({ ...run, isEmpty: false })) : runs;
    const cover = chooseCover(candidates, { days, ...month });
    const original = (run: Run): Run => runs.find(({ place }) => place === run.place) ?? run;
    return { ...cover, chosen: cover.chosen.map(original) };
  }
  const [newest, ...others] = runs.toSorted((one, other) => -compareAge(one, other));
  return {
    chosen: newest === undefined ? [] : [newest],
    passedOver: others.map((run) => ({ run, reason: "superseded", by: newest === undefined ? [] : [newest] })),
    covered: [days],
    missing: [],
    unsettled: [],
  };
}

/** Whether runs are all that the receipt of the month remembers. */
function isRemembered(runs: readonly Run[], receipt: Receipt | null): boolean {
  return runs.length === receipt?.deliveries?.length && runs.every(({ remembered }) => remembered !== null);
}

function monthRuns(
  cover: Cover<Run>,
  days: DaySpan,
  undone: Run | undefined,
  torn: readonly Run[],
  executionOf: (run: Run) => Execution,
): MonthRuns {
  const chosen = cover.chosen.toSorted(compareAge);
  const newest = chosen.at(-1);
  const isNewer = (run: Run): boolean => newest === undefined || compareAge(run, newest) > 0;
  // A run that began in the month before, and has not reached this one, is a run of that month alone.
  const isOfMonth = ({ run, reason }: PassedOver<Run>): boolean =>
    reason !== "covers-no-day" || run.declared.start >= days.start;
  return {
    runs: chosen.map(executionOf),
    days,
    coveredDays: cover.covered.reduce((sum, span) => sum + countDays(span), 0),
    missingDays: cover.missing,
    unsettledDays: cover.unsettled,
    passedOver: cover.passedOver.filter(isOfMonth).map(({ run, reason: why, by }) => ({
      id: run.id,
      why,
      reason: sentence(run, why, by, days),
      isNewer: isNewer(run),
    })),
    undone: undone !== undefined && isNewer(undone) ? undone.execution : null,
    torn: torn
      .filter(isNewer)
      .toSorted((one, other) => -compareAge(one, other))
      .map(({ place }) => place.key),
  };
}

function sentence(run: Run, why: PassedOver<Run>["reason"], by: readonly Run[], days: DaySpan): string {
  const others = by.map(({ id }) => id).join(" and ");
  if (why === "covers-no-day") return "It covers no day of the month.";
  if (why === "empty") return `It declares no rows, and ${others} is older and has rows.`;
  if (why === "superseded") return `${others} is newer and covers the same days.`;
  const { start, end } = coveredDays(run, days) ?? days;
  return `It covers ${start} to ${end} and shares days with ${others}, and no day is taken from two deliveries.`;
}

/** An execution as the receipt of the month remembers it. */
function executionOfReceipt(
  { exportName, objects }: Discovery,
  billingMonth: BillingMonth,
  { place, id, declared, submitted, isEmpty, remembered }: Run,
  receipt: Receipt | null,
): Execution {
  const manifest = objects.get(place.key);
  if (receipt === null || remembered === null || manifest === undefined) {
    throw new Error(`The manifest ${place.key} was neither read nor loaded.`);
  }
  const format = receipt.format ?? "csv";
  const files = (receipt.files ?? []).filter(({ executionId = receipt.executionId }) => executionId === id);
  return {
    id,
    billingMonth,
    exportName,
    manifest,
    format,
    files: files.flatMap(({ key, rows }) => {
      const object = objects.get(key);
      return object === undefined ? [] : [{ ...object, format: fileFormat(key, format), rows, declaredSize: null }];
    }),
    missing: [],
    columns: [],
    rows: remembered.rows,
    submittedTime: remembered.submitted_time,
    made: submitted,
    coverage: remembered.coverage,
    declared,
    isEmpty,
    scope: receipt.scope,
    spansMonths: false,
  };
}
