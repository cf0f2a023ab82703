import {
  type BillingMonth,
  type DaySpan,
  type Execution,
  executionIdsOf,
  type LoadReason,
  type Receipt,
} from "../../model.ts";
import { countDays, monthSpan } from "../../schema/periods.ts";
import { maskSecrets } from "../../secrets.ts";
import { fromTo, type Action, type PlannedMonth } from "../events.ts";
import type { MonthRuns } from "./choose.ts";
import { coveredDays } from "./cover.ts";
import { loadedIds, type LoadedPartition } from "./loaded.ts";
import { arrivalRules, judgeArrival, type ArrivalRule, type ArrivalVerdict, type LoadedArrival } from "./settle.ts";
import { isSameDelivery, isUndone } from "./undone.ts";

/** Everything that decides what happens to one month. */
export interface MonthFacts extends MonthRuns {
  readonly billingMonth: BillingMonth;
  /** The loaded deliveries according to the state and the receipts, or null. */
  readonly loaded: LoadedPartition | null;
  /**
   * The ids of the runs whose objects were written again with the bytes in the receipt, as a mirror or a copied
   * folder does. Runs for which this is unknown are left out.
   */
  readonly sameBytes: ReadonlySet<string>;
  /** Whether the newest run has, under new versions, the bytes of a load that was undone. */
  readonly undoneBytes: boolean;
  /** The newest receipt of the month, even if the state has forgotten it. */
  readonly newestReceipt: Receipt | null;
  /** Whether someone has dropped the table, so that no rows of that receipt are there. */
  readonly isTableGone?: boolean;
  readonly now: Date;
  /** Milliseconds; 0 switches off the rules that end with time. */
  readonly settle: number;
  /** The rules on whether a delivery has arrived; by default all of them. */
  readonly rules?: readonly ArrivalRule[];
}

/** One line of the plan. With `executions` to load when the action is `new` or `restated`. */
export interface MonthPlan {
  readonly billingMonth: BillingMonth;
  readonly action: Action;
  readonly reason: string;
  /** The ids of the deliveries in question, oldest first; empty if nothing can be read yet. */
  readonly ids: readonly string[];
  /** Those of them that were read or are in the receipt, oldest first. */
  readonly executions: readonly Execution[];
  /** The billing period of the month, if it is not the calendar month. */
  readonly period: DaySpan | null;
  /** Expected days that are not covered, in order. */
  readonly missingDays: readonly DaySpan[];
  /** Covered days whose delivery was submitted less than 72 hours after they ended. */
  readonly unsettledDays: readonly DaySpan[];
  /** Deliveries of the month that are not part of it, newest first, each with the reason in a sentence. */
  readonly passedOver: readonly { readonly id: string; readonly reason: string }[];
  /** Whether one of the deliveries is loaded although a rule suspects it. */
  readonly isFlagged: boolean;
  /** Why the month is loaded, if it is: `restated` only where figures of a month that is over may change. */
  readonly loadReason: LoadReason;
}

/**
 * Decides what happens to one month. Pure: nothing is read or written.
 *
 * - `new`: the month is not loaded.
 * - `reloaded`: the loaded delivery, byte for byte, because of `force`.
 * - `restated`: other executions than the loaded ones, or the same ones with other object versions.
 * - `unchanged`: the same executions and the same object versions as in the receipt; without a receipt the id decides.
 * - `waiting`: one of the executions is, or may be, incomplete: see `arrivalRules`; or files that were loaded were removed.
 * - `refused`: was undone, covers fewer days than the current load or an older delivery, or declares zero rows although rows
 *   are loaded or an older delivery has some.
 *
 * `force` loads all of these, except a delivery with a missing object or one whose size differs from the declared size.
 * A month has one line, and one more for a newer delivery that is refused and for a newer manifest that is still being
 * written, when older deliveries are loaded instead.
 */
export function planMonth(facts: MonthFacts, force: boolean): readonly MonthPlan[] {
  const { billingMonth, runs, days, torn, missingDays, unsettledDays, passedOver } = facts;
  const calendar = monthSpan(billingMonth);
  const line = (
    action: Action,
    reason: string,
    executions: readonly Execution[],
    more: Partial<Omit<MonthPlan, "action" | "reason">> = {},
  ): MonthPlan => ({
    billingMonth,
    action,
    reason: maskSecrets(reason),
    ids: executions.map(({ id }) => id),
    executions,
    period: days.start === calendar.start && days.end === calendar.end ? null : days,
    missingDays,
    unsettledDays,
    passedOver: passedOver.map(({ id, reason: why }) => ({ id, reason: maskSecrets(why) })),
    isFlagged: false,
    loadReason: action === "reloaded" ? "forced" : loadReasonOf(facts),
    ...more,
  });
  const held = torn.slice(0, 1).map((key) => {
    const what = isManifest(key)
      ? `The manifest ${key} is empty or not complete JSON. The month loads once the manifest is complete.`
      : `${key} is empty and its manifest is missing: it may still be arriving. The month loads once the file is complete.`;
    return line("waiting", what, []);
  });
  if (facts.removed !== null) {
    return [line("waiting", facts.removed, runs, runs.length === 0 ? { ids: loadedIds(facts.loaded) } : {})];
  }
  const refused = refusedRun(facts, force);
  if (refused !== null) held.push(line("refused", refused.reason, refused.executions, { ids: [refused.id] }));
  if (runs.length === 0) return held;
  const { action, reason, ...more } = judge(facts, force);
  if (action === "unchanged" && held.length > 0) return held;
  return [...held, line(action, reason, runs, more)];
}

/** A line of the plan in the shape that `plan --json` and events have. */
export function describePlan(plan: MonthPlan): PlannedMonth {
  const files = plan.executions.flatMap((execution) => execution.files);
  return {
    billingMonth: plan.billingMonth,
    action: plan.action,
    reason: plan.reason,
    executionId: plan.ids.at(-1) ?? null,
    executionIds: plan.ids,
    missingDays: plan.missingDays.map(fromTo),
    unsettledDays: plan.unsettledDays.map(fromTo),
    passedOver: plan.passedOver.map(({ id, reason }) => ({ executionId: id, reason })),
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
  };
}

/** Whether the objects of some executions are exactly those in the receipt, at the same versions. */
export function sameVersions(executions: readonly Pick<Execution, "files">[], receipt: Receipt): boolean {
  const files = executions.flatMap((execution) => execution.files);
  const loaded = versionsOf(receipt);
  return loaded.size === files.length && files.every(({ key, version }) => loaded.get(key) === version);
}

function versionsOf({ files }: Receipt): ReadonlyMap<string, string> {
  return new Map(files?.map(({ key, version }) => [key, version]));
}

type Judgement = Pick<MonthPlan, "action" | "reason"> & Partial<Pick<MonthPlan, "isFlagged">>;

function judge(facts: MonthFacts, force: boolean): Judgement {
  const { runs, loaded } = facts;
  const verdicts = runs.map((run) => verdictOn(run, facts, force));
  const arriving = verdicts.flatMap(({ waiting }) => waiting ?? []);
  const incomplete = arriving.find(({ until }) => until === "on-arrival");
  if (incomplete !== undefined) return { action: "waiting", reason: incomplete.reason };
  // A manifest that lists no files, without declaring zero rows, never empties a month.
  const nameless = runs.find(({ files, isEmpty }) => files.length === 0 && !isEmpty);
  if (nameless !== undefined && (force || !isLoaded(facts))) {
    return {
      action: "waiting",
      reason: `The manifest of ${nameless.id} does not list files. It loads once the manifest lists them.`,
    };
  }
  const ids = runs.map(({ id }) => id).join(" and ");
  if (isLoaded(facts)) {
    if (force) return { action: "reloaded", reason: "Loaded again because of --force." };
    return { action: "unchanged", reason: loaded?.receipt?.files ? "Same delivery, same files." : "Same delivery." };
  }
  const refusal = force ? null : refusalOf(facts, ids);
  if (refusal !== null) return { action: "refused", reason: `${refusal} Use --force to load it anyway.` };
  const [waiting] = arriving;
  if (waiting !== undefined) return { action: "waiting", reason: waiting.reason };
  const isFlagged = verdicts.some((verdict) => verdict.isFlagged);
  if (loaded === null) return { action: "new", reason: newReason(facts), isFlagged };
  return { action: "restated", reason: replacement(facts, ids), isFlagged };
}

/** Whether the runs are the loaded ones: the same executions, and objects with the same versions or bytes. */
function isLoaded({ runs, loaded, sameBytes }: MonthFacts): boolean {
  const receipt = loaded?.receipt ?? null;
  const known = receipt?.deliveries == null ? (loaded?.ids ?? []) : loadedIds(loaded);
  if (!runs.every(({ id }) => known.includes(id))) return false;
  if (receipt?.deliveries != null && runs.length !== known.length) return false;
  if (receipt === null || receipt.files === null) return runs.length === 1;
  if (receipt.deliveries === null && receipt.executionId !== runs.at(-1)?.id) return false;
  const versions = versionsOf(receipt);
  const files = runs.flatMap((run) =>
    run.files.map(({ key, version }) => sameBytes.has(run.id) || versions.get(key) === version),
  );
  return files.length === versions.size && files.every(Boolean);
}

function verdictOn(run: Execution, facts: MonthFacts, force: boolean): ArrivalVerdict {
  const { loaded, newestReceipt, sameBytes, now, settle, rules = arrivalRules } = facts;
  const delivery = {
    id: run.id,
    manifest: run.files.some(({ key }) => key === run.manifest.key) ? null : run.manifest,
    files: run.files,
    missing: run.missing,
  };
  const receipt = loaded === null ? newestReceipt : loaded.receipt;
  const arrival = {
    delivery,
    // Receipts of the Python pipelines do not list files to compare with.
    loaded: receipt?.files == null ? null : loadedArrival(run, receipt),
    isSameBytes: sameBytes.has(run.id),
    now,
    settle,
  };
  return judgeArrival(arrival, rules, force);
}

/** The loaded delivery that corresponds to a run: its own entry in the receipt, else the newest one. */
function loadedArrival(run: Execution, receipt: Receipt): LoadedArrival {
  const own = receipt.deliveries?.find((delivery) => delivery.execution_id === run.id);
  // Receipts without versions: a manifest older than the load counts as unchanged.
  const isOlder = Date.parse(run.manifest.modified) < Date.parse(receipt.loadedAt);
  return {
    id: own?.execution_id ?? receipt.executionId,
    manifestVersion: own?.manifest_version ?? (receipt.deliveries === null && isOlder ? null : ""),
    files: receipt.files ?? [],
    isFlagged: receipt.flags.includes("unsettled"),
  };
}

/** The newer delivery that is reported as refused, if there is one. */
function refusedRun(
  { undone, passedOver, runs }: MonthFacts,
  force: boolean,
): { readonly id: string; readonly reason: string; readonly executions: readonly Execution[] } | null {
  if (undone !== null) return { id: undone.id, reason: undoneReason(undone.id), executions: [undone] };
  const empty = passedOver.find(({ why }) => why === "empty");
  if (empty !== undefined && !force) {
    return {
      id: empty.id,
      reason: `${empty.id} is not part of the month. ${empty.reason} Use --force to load it anyway.`,
      executions: [],
    };
  }
  // Overlapping runs are normal if several of them make up the month.
  const shorter =
    runs.length > 1
      ? undefined
      : passedOver.find(({ why, isNewer }) => why !== "superseded" && why !== "copy" && isNewer);
  if (shorter === undefined) return null;
  return { id: shorter.id, reason: `${shorter.id} is not part of the month. ${shorter.reason}`, executions: [] };
}

/** Why runs must not replace the loaded ones, or null. */
function refusalOf(
  { runs, days: period, loaded, coveredDays: days, undoneBytes }: MonthFacts,
  ids: string,
): string | null {
  const receipt = loaded?.receipt ?? null;
  if (undoneBytes) return `${ids} was undone.`;
  if (receipt === null) return null;
  if (runs.every(({ isEmpty }) => isEmpty) && receipt.rows > 0) {
    return `${ids} declares zero rows, but ${receipt.rows} rows are loaded.`;
  }
  const loadedDays = daysOfReceipt(receipt, period);
  if (loadedDays === null || days >= loadedDays) return null;
  return `${ids} covers ${days} days of the month; the current load covers ${loadedDays}.`;
}

/** How many of the month's `days` a load covers; null if it always covers the whole period. */
function daysOfReceipt({ deliveries, coverage, submittedTime, loadedAt }: Receipt, days: DaySpan): number | null {
  const loads = deliveries ?? [{ coverage, submitted_time: submittedTime }];
  const spans = loads.map(({ coverage: declared, submitted_time: submitted }) =>
    declared === null ? null : coveredDays({ declared, submitted: submitted ?? loadedAt }, days),
  );
  if (spans.includes(null)) return null;
  return spans.reduce((sum, span) => sum + (span == null ? 0 : countDays(span)), 0);
}

function newReason(facts: MonthFacts): string {
  const forgotten = forgottenReceipt(facts);
  if (forgotten === null) return "This month is not loaded yet.";
  const rows = `${forgotten.rows} ${forgotten.rows === 1 ? "row" : "rows"} of ${executionIdsOf(forgotten).join(" and ")}`;
  return `The state has forgotten this month: the load replaces its ${rows}.`;
}

function replacement({ runs, loaded }: MonthFacts, ids: string): string {
  const known = loadedIds(loaded);
  const isKnown = ({ id }: Execution): boolean => known.includes(id);
  if (runs.every(isKnown)) return "The files of the loaded delivery were written again.";
  const added = runs.filter((run) => !isKnown(run)).map(({ id }) => id);
  const isAddition = known.every((id) => runs.some((run) => run.id === id));
  if (isAddition) return `${added.join(" and ")} adds days to ${known.join(" and ")}.`;
  return `${ids} replaces ${known.join(" and ")}.`;
}

/** The receipt of rows that are in the table although the state has forgotten the month; null where there are none. */
function forgottenReceipt({ loaded, newestReceipt, isTableGone = false }: MonthFacts): Receipt | null {
  return loaded === null && !isTableGone && newestReceipt !== null && newestReceipt.rows > 0 ? newestReceipt : null;
}

function loadReasonOf(facts: MonthFacts): LoadReason {
  const { runs, days, loaded, coveredDays: covered, now } = facts;
  // Rows that the state has forgotten are still replaced.
  const before = loaded === null ? forgottenReceipt(facts) : loaded.receipt;
  if (loaded === null && before === null) return "new";
  if (loaded === null && before !== null && sameVersions(runs, before)) return "forced";
  const remembered = before && { ids: [before.executionId], undone: before.undone, receipt: before };
  if (runs.some((run) => isUndone(run, loaded ?? remembered))) return "forced";
  const ids = runs.map(({ id }) => id);
  const known = before === null ? loadedIds(loaded) : executionIdsOf(before);
  return replacementReason({ ids, covered, days, day: now.toISOString().slice(0, 10) }, known, before);
}

/**
 * Why a load replaces another one, whose executions are `known`. A month that is not over changes with every delivery, and
 * days that are added change nothing that was loaded. `covered` is the number of its `days` that the load covers, `day` the
 * day of the load.
 */
function replacementReason(
  load: { readonly ids: readonly string[]; readonly covered: number; readonly days: DaySpan; readonly day: string },
  known: readonly string[],
  before: Receipt | null,
): "restated" | "days added" | "updated" {
  if (load.day <= load.days.end) return "updated";
  const isAddition = load.ids.length > known.length && known.every((id) => load.ids.includes(id));
  const daysBefore = before && daysOfReceipt(before, load.days);
  return isAddition || (daysBefore !== null && load.covered > daysBefore) ? "days added" : "restated";
}

/**
 * Why a load was made: as its receipt says, or as it follows from both receipts where an older version wrote it.
 * `migrated`: the Python pipelines made it.
 */
export function reasonOfLoad(receipt: Receipt, before: Receipt | null): LoadReason | "migrated" {
  if (receipt.loadReason !== null) return receipt.loadReason;
  if (receipt.version === null) return "migrated";
  if (receipt.restoredLoadId !== null) return "restored";
  if (before === null) return "new";
  if (isSameDelivery(receipt, before)) return "forced";
  const days = receipt.period ?? monthSpan(receipt.billingMonth);
  const covered = daysOfReceipt(receipt, days) ?? countDays(days);
  const load = { ids: executionIdsOf(receipt), covered, days, day: receipt.loadedAt.slice(0, 10) };
  return replacementReason(load, executionIdsOf(before), before);
}

function isManifest(key: string): boolean {
  return /\.json$/i.test(key);
}

function undoneReason(id: string): string {
  return `${id} was undone. Use --force to load it anyway.`;
}
