import type { DaySpan } from "../../model.ts";
import { countDays, intersect } from "../../schema/periods.ts";

/** A run of an export, as needed for choosing the runs of a month. */
export interface CoveringRun {
  readonly id: string;
  /** The days that the run declares, both ends included; they may reach beyond the month. */
  readonly declared: DaySpan;
  /** When the run was submitted: ISO 8601 in UTC, with any number of digits after the second. */
  readonly submitted: string;
  /** When its manifest was written: it orders runs that were submitted at the same time. */
  readonly written?: string;
  /** Whether the run declares zero rows or bytes. */
  readonly isEmpty: boolean;
}

/** The month for which runs are chosen. */
export interface CoveredMonth {
  /** The calendar month, or the billing period in its rows. */
  readonly days: DaySpan;
  /** The first and the last day on which the export is active, as configured; null if not configured. */
  readonly activeFrom: string | null;
  readonly activeTo: string | null;
  readonly now: Date;
}

/** A run that is not part of the cover, and why. */
export interface PassedOver<Run extends CoveringRun> {
  readonly run: Run;
  /**
   * `covers-no-day`: it does not cover any day of the month. `empty`: it declares zero rows, and `by` is older, shares days
   * with it and has rows. `superseded`: `by` is newer and covers the same days. `overlaps`: `by` are the chosen runs that
   * share days with it and are part of the better set.
   */
  readonly reason: "covers-no-day" | "empty" | "superseded" | "overlaps";
  readonly by: readonly Run[];
}

/** The runs that are loaded together as one month, and the days that they cover. All spans are in order. */
export interface Cover<Run extends CoveringRun> {
  /** No two of them share a day of the month; by the days they cover, oldest first. */
  readonly chosen: readonly Run[];
  /** All other runs, newest first. */
  readonly passedOver: readonly PassedOver<Run>[];
  readonly covered: readonly DaySpan[];
  /** Expected days that the chosen runs do not cover. After the last covered day only once the month is over. */
  readonly missing: readonly DaySpan[];
  /** Covered days whose run was submitted less than 72 hours after the day ended. */
  readonly unsettled: readonly DaySpan[];
}

/**
 * Chooses the runs of one export that are loaded as one month: of all sets of runs that do not overlap, the one with the
 * most days; of equal ones the one with the fewest unsettled days, then the fewest runs, then the newest runs. Pure and
 * exact; the cost grows with the number of runs, not with the number of sets.
 */
export function chooseCover<Run extends CoveringRun>(runs: readonly Run[], month: CoveredMonth): Cover<Run> {
  const newestFirst = sortNewestFirst(runs, (run) => run);
  const position = new Map(newestFirst.map((run, index) => [run, index]));
  const passedOver: PassedOver<Run>[] = [];
  const candidates: Candidate<Run>[] = [];
  for (const [index, run] of newestFirst.entries()) {
    const days = coveredDays(run, month.days);
    if (days === undefined) {
      passedOver.push({ run, reason: "covers-no-day", by: [] });
      continue;
    }
    const rival = run.isEmpty ? olderWithRows(days, newestFirst.slice(index + 1), month.days) : undefined;
    if (rival !== undefined) {
      passedOver.push({ run, reason: "empty", by: [rival] });
      continue;
    }
    const newer = candidates.find((other) => isSameSpan(other.days, days));
    if (newer !== undefined) passedOver.push({ run, reason: "superseded", by: [newer.run] });
    else candidates.push(candidateOf(run, days, month.days));
  }
  const best = bestSet(candidates, countDays(month.days));
  for (const { run, days } of candidates) {
    if (best.some((one) => one.run === run)) continue;
    const by = best.filter((one) => intersect(one.days, days) !== undefined).map((one) => one.run);
    passedOver.push({ run, reason: "overlaps", by });
  }
  return {
    chosen: best.map(({ run }) => run),
    passedOver: passedOver.toSorted((one, other) => (position.get(one.run) ?? 0) - (position.get(other.run) ?? 0)),
    ...daysOf(best, month),
  };
}

/**
 * The days of a month that a run covers: those that it declares, up to the day on which it was submitted. Month-to-date
 * runs declare the whole month in advance. Undefined if it covers none.
 */
export function coveredDays(run: Pick<CoveringRun, "declared" | "submitted">, month: DaySpan): DaySpan | undefined {
  const days = intersect(run.declared, month);
  return days && intersect(days, { start: days.start, end: run.submitted.slice(0, 10) });
}

/** The last settled day of a delivery: it ended at least 72 hours before the delivery was submitted. */
export function lastSettledDay(submitted: string): string {
  return new Date(Date.parse(submitted) - settledAfterHours * 3_600_000 - dayLength).toISOString().slice(0, 10);
}

/** Clouds add to a day for up to three days after its end. */
const settledAfterHours = 72;

const dayLength = 86_400_000;

/** A run that may be part of the cover, with its days as positions in the month, the first day being 0. */
interface Candidate<Run> {
  readonly run: Run;
  readonly days: DaySpan;
  readonly first: number;
  readonly last: number;
  readonly unsettled: number;
}

function candidateOf<Run extends CoveringRun>(run: Run, days: DaySpan, month: DaySpan): Candidate<Run> {
  const first = countDays({ start: month.start, end: days.start }) - 1;
  const settled = countDays(intersect(days, { start: days.start, end: lastSettledDay(run.submitted) }) ?? noDays);
  return { run, days, first, last: first + countDays(days) - 1, unsettled: countDays(days) - settled };
}

const noDays: DaySpan = { start: "1970-01-02", end: "1970-01-01" };

/** The newest older run that has rows and shares a day: an empty run does not hide it. */
function olderWithRows<Run extends CoveringRun>(days: DaySpan, older: readonly Run[], month: DaySpan): Run | undefined {
  return older.find((run) => {
    const shared = run.isEmpty ? undefined : coveredDays(run, month);
    return shared !== undefined && intersect(shared, days) !== undefined;
  });
}

/** Runs that do not overlap, with the values that rank such sets. */
interface RunSet<Run> {
  readonly runs: readonly Candidate<Run>[];
  readonly days: number;
  readonly unsettled: number;
}

/** The best set for the first day, the first two days, and so on, to the whole month: each extends a shorter one. */
function bestSet<Run extends CoveringRun>(
  candidates: readonly Candidate<Run>[],
  length: number,
): readonly Candidate<Run>[] {
  const endingAt = Map.groupBy(candidates, ({ last }) => last);
  const best: RunSet<Run>[] = [{ runs: [], days: 0, unsettled: 0 }];
  for (let day = 0; day < length; day += 1) {
    const sets = (endingAt.get(day) ?? []).map((one) => withRun(best[one.first], one));
    best.push(sets.reduce<RunSet<Run>>((winner, set) => (isBetter(set, winner) ? set : winner), setAt(best[day])));
  }
  return setAt(best[length]).runs;
}

function withRun<Run>(before: RunSet<Run> | undefined, one: Candidate<Run>): RunSet<Run> {
  const { runs, days, unsettled } = setAt(before);
  return { runs: [...runs, one], days: days + one.last - one.first + 1, unsettled: unsettled + one.unsettled };
}

function setAt<Run>(set: RunSet<Run> | undefined): RunSet<Run> {
  if (set === undefined) throw new Error("A covered day is outside the month.");
  return set;
}

function isBetter<Run extends CoveringRun>(one: RunSet<Run>, other: RunSet<Run>): boolean {
  const differences = [one.days - other.days, other.unsettled - one.unsettled, other.runs.length - one.runs.length];
  const difference = differences.find((each) => each !== 0);
  return difference === undefined ? isNewer(one, other) : difference > 0;
}

/** Of two sets of equally many runs, the one with the newer newest run; if that is the same, by the next one. */
function isNewer<Run extends CoveringRun>(one: RunSet<Run>, other: RunSet<Run>): boolean {
  const [ages, otherAges] = [one, other].map(({ runs }) =>
    runs.map(({ run }) => run).toSorted((first, second) => compareAge(second, first)),
  );
  for (const [index, run] of (ages ?? []).entries()) {
    const rival = otherAges?.[index];
    const difference = rival === undefined ? 1 : compareAge(run, rival);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/**
 * Orders runs by the time they were submitted, to its last digit, older ones first; then by when they were written, and
 * then by id, so that the order is total.
 */
export function compareAge(one: CoveringRun, other: CoveringRun): number {
  return compareText(ageOf(one), ageOf(other));
}

/** Sorts by `compareAge`, the newest first. A month can have hundreds of runs, so the age of each is computed once. */
export function sortNewestFirst<T>(items: readonly T[], runOf: (item: T) => CoveringRun): T[] {
  return items
    .map((item) => ({ item, age: ageOf(runOf(item)) }))
    .toSorted((one, other) => compareText(other.age, one.age))
    .map(({ item }) => item);
}

function ageOf({ submitted, written = "", id }: CoveringRun): string {
  return `${submitted.replaceAll(/\D/g, "")} ${written} ${id}`;
}

function compareText(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

function isSameSpan(one: DaySpan, other: DaySpan): boolean {
  return one.start === other.start && one.end === other.end;
}

function daysOf<Run extends CoveringRun>(
  chosen: readonly Candidate<Run>[],
  { days: month, activeFrom, activeTo, now }: CoveredMonth,
): Pick<Cover<Run>, "covered" | "missing" | "unsettled"> {
  const all = Array.from({ length: countDays(month) }, (_, index) => dayAt(month.start, index));
  const settledOf = new Map(
    chosen.flatMap(({ run, first, last }) => {
      const settled = lastSettledDay(run.submitted);
      return all.slice(first, last + 1).map((day) => [day, settled] as const);
    }),
  );
  const lastCovered = chosen.at(-1)?.days.end;
  const lastExpected = now.toISOString().slice(0, 10) > month.end ? month.end : lastCovered;
  const isExpected = (day: string): boolean =>
    lastExpected !== undefined &&
    day <= lastExpected &&
    (activeFrom === null || day >= activeFrom) &&
    (activeTo === null || day <= activeTo);
  const isUnsettled = (day: string): boolean => {
    const settled = settledOf.get(day);
    return settled !== undefined && day > settled;
  };
  return {
    covered: spansOf(all, (day) => settledOf.has(day)),
    missing: spansOf(all, (day) => isExpected(day) && !settledOf.has(day)),
    unsettled: spansOf(all, isUnsettled),
  };
}

/** The spans of consecutive days that meet a condition. */
function spansOf(days: readonly string[], fulfils: (day: string) => boolean): DaySpan[] {
  const spans: { start: string; end: string }[] = [];
  for (const [index, day] of days.entries()) {
    if (!fulfils(day)) continue;
    const open = spans.at(-1);
    if (open !== undefined && open.end === days[index - 1]) open.end = day;
    else spans.push({ start: day, end: day });
  }
  return spans;
}

function dayAt(start: string, days: number): string {
  return new Date(Date.parse(start) + days * dayLength).toISOString().slice(0, 10);
}
