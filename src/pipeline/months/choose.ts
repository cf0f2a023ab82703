import { BillhouseError } from "../../errors.ts";
import type { ManifestPlace } from "../../exports/export.ts";
import type { BillingMonth, DaySpan, Execution } from "../../model.ts";
import { countDays, covers, intersect, monthSpan } from "../../schema/periods.ts";
import type { Discovery } from "../discover/discover.ts";
import { isTorn, readExecution } from "../discover/manifests.ts";
import type { LoadedPartition } from "./loaded.ts";
import { isUndone } from "./undone.ts";

/** Which delivery of a month is the month. */
export interface MonthDeliveries {
  /** The delivery to judge, or null when every newer one is refused or none can be read yet. */
  readonly chosen: Execution | null;
  /** Newer deliveries that were undone, or that cover fewer days than what is loaded or than an older one, newest first. */
  readonly refused: readonly Execution[];
  /** Keys of newer manifests that are empty or cut off, newest first: they are still being written, and count as absent. */
  readonly torn: readonly string[];
}

/**
 * Reads the manifests of one month, newest first, until one covers at least the days that are required: those of the
 * loaded execution, or else the widest span that any path of the month names. Shorter ones on the way are refused
 * (a one-off run over nine days must not replace a full month: microsoft/finops-toolkit issue 320). When nothing is
 * loaded and none is wide enough, the widest is chosen. What was undone is refused too. `force` takes the newest as it is.
 *
 * A manifest that is empty or cut off is still being written and counts as absent. What is wrong with a delivery that is
 * older than the chosen one does not matter.
 * Errors: MANIFEST_INVALID, KEY_OUTSIDE_PREFIX, EXPORT_NOT_FOUND, those of the storage.
 */
export async function chooseDelivery(
  discovery: Discovery,
  billingMonth: BillingMonth,
  loaded: Pick<LoadedPartition, "ids" | "coverage" | "undone"> | null,
  force: boolean,
): Promise<MonthDeliveries> {
  const places = discovery.months.get(billingMonth) ?? [];
  const required = requiredDays(places, billingMonth, loaded);
  const refused: Execution[] = [];
  const torn: string[] = [];
  for await (const { place, execution } of newestFirst(discovery, places, billingMonth)) {
    if (execution instanceof BillhouseError) {
      if (!isTorn(execution)) throw execution;
      torn.push(place.key);
      continue;
    }
    const days = execution.coverage;
    if (!force && isUndone(execution, loaded)) {
      refused.push(execution);
      // What lies behind what is loaded is older than it.
      if (execution.id === loaded?.ids.at(-1)) return { chosen: null, refused, torn };
      continue;
    }
    // What is older than something that was undone is what the undo went back to, or something before it.
    const isBehind = !force && refused.some((one) => isUndone(one, loaded));
    if (isBehind && loaded?.ids.includes(execution.id) !== true) return { chosen: null, refused, torn };
    if (force || days === null || required === null || covers(days, required)) {
      return { chosen: execution, refused, torn };
    }
    refused.push(execution);
  }
  if (loaded !== null) return { chosen: null, refused, torn };
  const width = ({ coverage }: Execution): number => (coverage === null ? 0 : countDays(coverage));
  const widest = refused.reduce<Execution | null>(
    (best, one) => (best === null || width(one) > width(best) ? one : best),
    null,
  );
  return { chosen: widest, refused: widest === null ? [] : refused.slice(0, refused.indexOf(widest)), torn };
}

/** A manifest of the month that was read: its execution, or what is wrong with it. */
interface ReadPlace {
  readonly place: ManifestPlace;
  readonly execution: Execution | BillhouseError;
  readonly time: string;
}

/**
 * The month's executions, newest first, reading no more manifests than are asked for. Paths order them; since a path's
 * time is only the minute of the run, manifests whose path time is not older than the newest's `submittedTime` are read
 * too and ordered by that.
 */
async function* newestFirst(
  discovery: Discovery,
  places: readonly ManifestPlace[],
  billingMonth: BillingMonth,
): AsyncGenerator<ReadPlace> {
  const { format, storage, objects } = discovery;
  const modifiedOf = ({ key }: ManifestPlace): string => objects.get(key)?.modified ?? "";
  const waiting = [...places].toSorted((one, other) => descending(one.order, other.order));
  const read: ReadPlace[] = [];
  while (waiting.length > 0 || read.length > 0) {
    const [best] = read;
    const next = waiting[0];
    if (next !== undefined && (best === undefined || !isOlder(next, best.time))) {
      waiting.shift();
      const execution = await readExecution(format, next, storage, objects, billingMonth).catch(ofDelivery);
      const submitted = execution instanceof BillhouseError ? null : execution.submittedTime;
      // When it was made, as digits: by its manifest, else by its path, else by when its manifest was written.
      const time = submitted?.replaceAll(/\D/g, "") || next.order || modifiedOf(next).replaceAll(/\D/g, "");
      read.push({ place: next, execution, time });
      read.sort(
        (one, other) => descending(one.time, other.time) || descending(modifiedOf(one.place), modifiedOf(other.place)),
      );
      continue;
    }
    if (best !== undefined) yield best;
    read.shift();
  }
}

/** An error of one delivery, as a value: it matters only when no newer delivery is chosen. Every other error is thrown. */
function ofDelivery(error: unknown): BillhouseError {
  const codes = ["MANIFEST_INVALID", "KEY_OUTSIDE_PREFIX", "EXPORT_NOT_FOUND"];
  if (error instanceof BillhouseError && codes.includes(error.code)) return error;
  throw error;
}

function descending(one: string, other: string): number {
  return one === other ? 0 : one < other ? 1 : -1;
}

function isOlder(place: ManifestPlace, time: string): boolean {
  return place.order !== "" && place.order < time.slice(0, place.order.length);
}

function requiredDays(
  places: readonly ManifestPlace[],
  billingMonth: BillingMonth,
  loaded: Pick<LoadedPartition, "ids" | "coverage" | "undone"> | null,
): DaySpan | null {
  if (loaded?.coverage) return loaded.coverage;
  const month = monthSpan(billingMonth);
  const current = loaded?.ids.at(-1);
  const known = current === undefined ? places : places.filter(({ id }) => id === current);
  const spans = known.flatMap(({ period }) => intersect(period, month) ?? []);
  return spans.reduce<DaySpan | null>(
    (best, span) => (best === null || countDays(span) > countDays(best) ? span : best),
    null,
  );
}
