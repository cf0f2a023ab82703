import type { BillingMonth, DaySpan, Execution, Receipt } from "../../model.ts";
import { maskSecrets } from "../../secrets.ts";
import { fromTo, type Action, type PlannedMonth } from "../events.ts";
import type { MonthDeliveries } from "./choose.ts";
import type { LoadedPartition } from "./loaded.ts";
import { isUndone } from "./undone.ts";

/** Everything that decides what happens to one month. */
export interface MonthFacts extends MonthDeliveries {
  readonly billingMonth: BillingMonth;
  /** What the state and the receipts say is loaded, or null. */
  readonly loaded: LoadedPartition | null;
  /**
   * Whether the objects of the loaded execution were written again with the very bytes that its receipt remembers (as a
   * mirror or a copied folder does). False where that is not known.
   */
  readonly sameBytes: boolean;
  /** Whether the chosen execution holds, under new versions, the very bytes of a load that was undone. */
  readonly undoneBytes?: boolean;
  /** The newest receipt of the month, also where the state has forgotten it; by default that of `loaded`. */
  readonly newestReceipt?: Receipt | null;
}

/** One line of the plan. With `executions` to load when the action is `new` or `restated`. */
export interface MonthPlan {
  readonly billingMonth: BillingMonth;
  readonly action: Action;
  readonly reason: string;
  /** The deliveries that the line is about, oldest first; none when nothing can be read yet. */
  readonly executions: readonly Execution[];
  /** Days that are expected and that no delivery covers, in order. */
  readonly missingDays: readonly DaySpan[];
  /** Covered days whose delivery was submitted less than 72 hours after they ended. */
  readonly unsettledDays: readonly DaySpan[];
  /** Deliveries of the month that are not part of it, newest first, each with the reason in a sentence. */
  readonly passedOver: readonly { readonly id: string; readonly reason: string }[];
  /** Whether a rule suspects one of the deliveries, and it is loaded all the same. */
  readonly isFlagged: boolean;
  /** Whether figures that were loaded before change; false where days are only added, or the month is not over. */
  readonly isRestatement: boolean;
  /** Whether it is what is loaded, byte for byte, and is loaded again because of `force`. */
  readonly isAgain?: boolean;
}

/**
 * Decides what happens to one month. Pure: nothing is read or written.
 *
 * - `new`: nothing of the month is loaded.
 * - `restated`: another execution than the loaded one, or the same one with other object versions.
 * - `unchanged`: the same execution and the same object versions as its receipt; without a receipt the id decides.
 * - `waiting`: files are missing, or a new execution names an object that still is at the version its predecessor loaded.
 * - `refused`: was undone, or covers fewer days than what is loaded, or than an older delivery.
 *
 * `force` loads unchanged, not yet overwritten and refused deliveries too; files that are missing stay missing.
 * A month has one line, and one more for a newer delivery that is refused and for a newer manifest that is still being
 * written, when an older delivery is loaded in its place.
 */
export function planMonth(facts: MonthFacts, force: boolean): readonly MonthPlan[] {
  const { billingMonth, chosen } = facts;
  const refused = facts.refused.slice(0, 1).map((execution) => ({
    billingMonth,
    action: "refused" as const,
    reason: refusal(execution, facts),
    ...alone,
    executions: [execution],
  }));
  const torn = facts.torn.slice(0, 1).map((key) => ({
    billingMonth,
    action: "waiting" as const,
    reason: `The manifest ${maskSecrets(key)} is empty or not complete JSON. The month loads once the manifest is whole.`,
    ...alone,
    executions: [],
  }));
  const passedOver = [...torn, ...refused];
  if (chosen === null) return passedOver;
  if (facts.undoneBytes === true && !force) {
    return [...torn, { billingMonth, action: "refused", reason: undoneReason(chosen), ...alone, executions: [chosen] }];
  }
  const judged = { billingMonth, ...alone, executions: [chosen], ...judge(chosen, facts, force) };
  return judged.action === "unchanged" && passedOver.length > 0 ? passedOver : [...passedOver, judged];
}

const alone = { missingDays: [], unsettledDays: [], passedOver: [], isFlagged: false, isRestatement: true };

/** A line of the plan in the shape that `plan --json` and events have. */
export function describePlan(plan: MonthPlan): PlannedMonth {
  const files = plan.executions.flatMap((execution) => execution.files);
  return {
    billing_month: plan.billingMonth,
    action: plan.action,
    reason: plan.reason,
    execution_id: plan.executions.at(-1)?.id ?? null,
    execution_ids: plan.executions.map(({ id }) => id),
    missing_days: plan.missingDays.map(fromTo),
    unsettled_days: plan.unsettledDays.map(fromTo),
    passed_over: plan.passedOver.map(({ id, reason }) => ({ execution_id: id, reason })),
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
  };
}

/** Whether every object of the execution is the one, at the version, that the receipt remembers. */
export function sameVersions(execution: Pick<Execution, "files">, receipt: Receipt): boolean {
  const loaded = new Map(receipt.files?.map(({ key, version }) => [key, version]));
  return (
    loaded.size === execution.files.length && execution.files.every(({ key, version }) => loaded.get(key) === version)
  );
}

function judge(
  execution: Execution,
  { loaded, sameBytes, newestReceipt = loaded?.receipt }: MonthFacts,
  force: boolean,
): Pick<MonthPlan, "action" | "reason" | "isAgain"> {
  const { missing, files } = execution;
  if (missing.length > 0) {
    const total = files.length + missing.length;
    return {
      action: "waiting",
      reason: `${missing.length} of ${total} files of ${execution.id} have not arrived, the first is ${maskSecrets(missing[0] ?? "")}.`,
    };
  }
  // A month is never emptied by a manifest that names nothing.
  if (files.length === 0) return { action: "waiting", reason: `${execution.id} lists no files.` };
  if (loaded?.ids.includes(execution.id)) {
    const { receipt } = loaded;
    const unchanged = receipt?.files ? sameVersions(execution, receipt) || sameBytes : true;
    if (!unchanged) return { action: "restated", reason: "The files of the loaded delivery were written again." };
    if (force) return { action: "restated", reason: "Loaded again because of --force.", isAgain: true };
    return { action: "unchanged", reason: receipt?.files ? "Same delivery, same files." : "Same delivery." };
  }
  const stale = newestReceipt && staleFile(execution, newestReceipt);
  if (stale && !force) {
    return {
      action: "waiting",
      reason: `${execution.id} is announced, but ${stale.key} is not overwritten yet: it is still the file of ${newestReceipt.executionId}.`,
    };
  }
  if (loaded === null) return { action: "new", reason: "Nothing of this month is loaded." };
  return { action: "restated", reason: `${execution.id} replaces ${loaded.ids.at(-1)}.` };
}

/**
 * A file that a new execution names, and that still is the one that another execution was loaded from. A file that was
 * written again under the loaded execution is not its own: clouds overwrite the files first and the manifest last, so
 * it may well be the new execution's.
 */
function staleFile(execution: Execution, receipt: Receipt): Execution["files"][number] | undefined {
  if (receipt.executionId === execution.id) return undefined;
  const own = new Map(receipt.files?.filter(({ replaced }) => replaced === undefined).map((file) => [file.key, file]));
  return execution.files.find(({ key, version }) => own.get(key)?.version === version);
}

function refusal(execution: Execution, { loaded, chosen }: MonthFacts): string {
  if (isUndone(execution, loaded)) return undoneReason(execution);
  const days = execution.coverage;
  const covers = days === null ? execution.id : `${execution.id} covers ${days.start} to ${days.end} only`;
  return loaded === null
    ? `${covers}; ${chosen?.id ?? "an older delivery"} covers more of the month.`
    : `${covers}; what is loaded covers more of the month. --force takes it all the same.`;
}

function undoneReason({ id }: Execution): string {
  return `${id} was undone. --force takes it all the same.`;
}
