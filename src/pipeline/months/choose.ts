import { BillhouseError } from "../../errors.ts";
import type { ManifestPlace } from "../../exports/export.ts";
import type { BillingMonth, DaySpan, Execution, Receipt, ReceiptDelivery } from "../../model.ts";
import { countDays, intersect, monthSpan, nextMonth } from "../../schema/periods.ts";
import type { Discovery } from "../discover/discover.ts";
import { fileFormat, isTorn, madeOf, readExecution } from "../discover/manifests.ts";
import {
  chooseCover,
  compareAge,
  coveredDays,
  type Cover,
  type CoveringRun,
  type PassedOver,
  sortNewestFirst,
} from "./cover.ts";
import { loadedIds, type LoadedPartition } from "./loaded.ts";
import { periodLike, readPeriod } from "./period.ts";
import { isUndone } from "./undone.ts";

/** The deliveries that make up a month. */
export interface MonthRuns {
  /** The deliveries that make up the month, oldest first; empty when none can be loaded. */
  readonly runs: readonly Execution[];
  /** The days of the month: its billing period. */
  readonly days: DaySpan;
  /** How many days of the month they cover. */
  readonly coveredDays: number;
  /** Expected days that none of them covers, in order. */
  readonly missingDays: readonly DaySpan[];
  /** Covered days whose delivery was submitted less than 72 hours after they ended, in order. */
  readonly unsettledDays: readonly DaySpan[];
  /** All other deliveries that were not undone, newest first. */
  readonly passedOver: readonly PassedOverRun[];
  /** The newest delivery that was undone, if it is newer than every delivery of the month. */
  readonly undone: Execution | null;
  /**
   * Keys of newer manifests, and of newer data files without one, that are empty or cut off, newest first: they count as
   * absent.
   */
  readonly torn: readonly string[];
  /** Why the loaded rows are kept although files were removed, as a sentence; null unless they were. */
  readonly removed: string | null;
}

/** A delivery that is not part of the month, and why. */
export interface PassedOverRun {
  readonly id: string;
  readonly why: PassedOver<CoveringRun>["reason"] | "copy";
  /** The reason as a sentence. */
  readonly reason: string;
  /** Whether it is newer than every delivery that is part of the month. */
  readonly isNewer: boolean;
}

/** Options of the choice. */
export interface ChoiceOptions {
  readonly now: Date;
  /** The first and the last day on which the export is active, as configured; null if not configured. */
  readonly activeFrom: string | null;
  readonly activeTo: string | null;
  /** Also chooses deliveries that were undone and those that declare zero rows. */
  readonly force: boolean;
  /** Bytes that one file may decompress to: as for `decompress`. */
  readonly unpackedLimit: number | null;
  /** The billing period of the next month, for a month whose days are all in folders of the next one. */
  readonly nextPeriod?: DaySpan | undefined;
}

/**
 * Chooses the deliveries of one month. If the export's runs declare which days they cover, it is the set of runs without
 * a common day that covers the most days (see `chooseCover`), otherwise the newest delivery.
 *
 * Paths contain days, and times to the minute, so only the manifests of chosen runs are read, and not those that a
 * receipt records at the same version if all files are as loaded. Runs without a time in their path are read
 * first. Undone deliveries are left out, and so are older ones, unless they are loaded. A manifest that is empty or cut
 * off is still being written and counts as missing. An error in a delivery matters only if that delivery is chosen.
 *
 * The days of the month are the billing period in the first rows of the newest delivery, or in the receipt if it is
 * loaded already. A run of other days is not a run of the month. A period that ends in the next month (pay-as-you-go) may
 * have its last days in runs of the next calendar month.
 * Errors: MANIFEST_INVALID, KEY_OUTSIDE_PREFIX, EXPORT_NOT_FOUND, those of the storage.
 */
export async function chooseRuns(
  discovery: Discovery,
  billingMonth: BillingMonth,
  loaded: LoadedPartition | null,
  options: ChoiceOptions,
): Promise<MonthRuns> {
  const { format, storage, objects } = discovery;
  const { nextPeriod } = options;
  const expected = nextPeriod === undefined ? monthSpan(billingMonth) : periodLike(nextPeriod, billingMonth);
  let days = loaded?.receipt?.period ?? expected;
  let isPeriodRead = false;
  const receipt = loaded?.receipt ?? null;
  const isAsLoaded = receipt?.files?.every(({ key, version }) => objects.get(key)?.version === version) ?? false;
  const placesOf = (month: BillingMonth): readonly ManifestPlace[] => discovery.months.get(month) ?? [];
  const places = new Set([...placesOf(billingMonth), ...placesOf(nextMonth(billingMonth))]);
  let runs: readonly Run[] = [];
  // Runs of the next month are of interest only if they share days with the month.
  const addRuns = (): void => {
    const added = [...places].flatMap((place) => {
      const delivery = receipt?.deliveries?.find(
        (one) => one.manifest_key === place.key && one.manifest_version === objects.get(place.key)?.version,
      );
      if (delivery !== undefined) return [runOfReceipt(discovery, place, delivery, days)];
      return intersect(place.period, days) === undefined ? [] : [runOfPath(discovery, place)];
    });
    for (const { place } of added) places.delete(place);
    runs = [...runs, ...added];
  };
  addRuns();
  for (;;) {
    const isOfDays = ({ declared }: Run): boolean => intersect(declared, days) !== undefined;
    const whole = runs.filter((run) => !isTornRun(run) && isOfDays(run));
    const { candidates, undone } = withoutUndone(whole, options.force ? null : loaded);
    const cover = coverOf(candidates, days, options);
    const isSame = isAsLoaded && !options.force && isRemembered(cover.chosen, receipt);
    const wanted = [...cover.chosen.filter(({ remembered }) => remembered === null || !isSame), ...undone.slice(0, 1)];
    const timeless = runs.filter((run) => run.place.order === "" && run.remembered === null && isOfDays(run));
    const unread = [timeless, wanted].map((some) => some.filter(isUnread)).find((some) => some.length > 0);
    if (unread === undefined) {
      for (const { error } of cover.chosen) if (error !== null) throw error;
      const newest = cover.chosen.toSorted(compareAge).at(-1);
      if (!isPeriodRead && !isSame && newest?.execution?.coverage != null) {
        isPeriodRead = true;
        days = (await readPeriod(newest.execution, discovery, options.unpackedLimit)) ?? expected;
        addRuns();
        continue;
      }
      const torn = runs.filter((run) => isTornRun(run) && isOfDays(run));
      return monthRuns(cover, days, undone[0], torn, (run) =>
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

/** The known facts of a delivery. */
interface Run extends CoveringRun {
  readonly place: ManifestPlace;
  /** Null until its manifest is read. */
  readonly execution: Execution | null;
  /** Its entry in the receipt of the month, if its manifest is unchanged since. */
  readonly remembered: ReceiptDelivery | null;
  /** Its error. */
  readonly error: BillhouseError | null;
  /** Whether it always covers the whole period, so that the newest delivery is the month. */
  readonly isWhole: boolean;
}

function isUnread({ execution, error }: Run): boolean {
  return execution === null && error === null;
}

/** Whether it is still being written: a manifest that is empty or cut off, or an empty data file without a manifest. */
function isTornRun({ error }: Run): boolean {
  return error !== null && isTorn(error);
}

/** The path gives the minute of a run: assume the end of that minute. */
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
  // Receipts do not record what it declared; it was loaded.
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

/** An error of one delivery is returned: it matters only if the delivery is chosen. Other errors are thrown. */
function ofDelivery(error: unknown): BillhouseError {
  const codes = ["MANIFEST_INVALID", "KEY_OUTSIDE_PREFIX", "EXPORT_NOT_FOUND"];
  if (error instanceof BillhouseError && codes.includes(error.code)) return error;
  throw error;
}

/**
 * Sets aside runs that were undone, newest first. An older run that is not loaded is left out too: it is the load that
 * was restored, or an earlier one.
 */
function withoutUndone(
  runs: readonly Run[],
  loaded: LoadedPartition | null,
): { readonly candidates: readonly Run[]; readonly undone: readonly Run[] } {
  const undone = sortNewestFirst(
    runs.filter(({ id, execution }) => isUndone(execution ?? { id, files: [] }, loaded)),
    (run) => run,
  );
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
  const [newest, ...others] = sortNewestFirst(runs, (run) => run);
  return {
    chosen: newest === undefined ? [] : [newest],
    passedOver: others.map((run) => ({ run, reason: "superseded", by: newest === undefined ? [] : [newest] })),
    covered: [days],
    missing: [],
    unsettled: [],
  };
}

/** Whether runs are exactly those in the receipt of the month. */
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
  // A run that began in the previous month and does not reach this one belongs only to the previous month.
  const isOfMonth = ({ run, reason }: PassedOver<Run>): boolean =>
    reason !== "covers-no-day" || run.declared.start >= days.start;
  return {
    runs: chosen.map(executionOf),
    days,
    coveredDays: cover.covered.reduce((sum, span) => sum + countDays(span), 0),
    // Where every run was undone, none is chosen, and nothing declares the days of the month.
    missingDays: chosen.length === 0 ? [] : cover.missing,
    unsettledDays: cover.unsettled,
    passedOver: cover.passedOver.filter(isOfMonth).map(({ run, reason: why, by }) => ({
      id: run.id,
      why,
      reason: sentence(run, why, by, days),
      isNewer: isNewer(run),
    })),
    undone: undone !== undefined && isNewer(undone) ? undone.execution : null,
    torn: sortNewestFirst(torn.filter(isNewer), (run) => run).map(({ place }) => place.key),
    removed: null,
  };
}

function sentence(run: Run, why: PassedOver<Run>["reason"], by: readonly Run[], days: DaySpan): string {
  const others = by.map(({ id }) => id).join(" and ");
  if (why === "covers-no-day") return "It does not cover any day of the month.";
  if (why === "empty") return `It declares zero rows, and the older ${others} has rows.`;
  if (why === "superseded") return `${others} is newer and covers the same days.`;
  const { start, end } = coveredDays(run, days) ?? days;
  return `It covers ${start} to ${end}, which overlaps ${others}; a day is never loaded from two deliveries.`;
}

/** An execution as recorded in the receipt of the month. */
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
