import { type BillingMonth, type CurrencySums, executionIdsOf, type FinalBasis, type Finality } from "../../model.ts";
import { addDays, dayInWords, monthSpan } from "../../schema/periods.ts";
import { type Days, fromTo } from "../events.ts";
import { finalityNow, finalityUnknown, type FinalityRules, type MonthFinality } from "../months/finality.ts";
import { loadNotes, type LoadedPartition, type LoadedTable } from "../months/loaded.ts";
import { viewDiffers } from "../views/flag.ts";
import type { HeldMonth } from "./held.ts";

/**
 * What a month is: the finality of what is loaded; `waiting` or `refused` when a newer delivery is skipped; `missing`
 * when months around it are loaded; `forgotten` when its rows are there and the state has forgotten it.
 */
export type MonthState = Finality | "waiting" | "refused" | "missing" | "forgotten";

/** One month. */
export interface MonthStatus {
  readonly billingMonth: BillingMonth;
  readonly state: MonthState;
  /** What the loaded rows are as a bill; null if the month is not loaded. */
  readonly finality: Finality | null;
  /** What `final` rests on; null for any other finality. */
  readonly finalBasis: FinalBasis | null;
  /** Whether only support, tax, credits or corrections have changed since the month was final. */
  readonly lateCharges: boolean;
  /** Whether figures of a month that was over may have changed with its newest load, as `run` reported it. */
  readonly isRestatement: boolean;
  /** The newest of `execution_ids`; null if the month is not loaded. */
  readonly executionId: string | null;
  /** The deliveries that were loaded together, oldest first. */
  readonly executionIds: readonly string[];
  /** Null where nothing is loaded, or only the Python pipelines' state knows the month. */
  readonly rows: number | null;
  readonly cost: CurrencySums | null;
  readonly loadedAt: string | null;
  /** The last usage day; null where it is not known. */
  readonly dataUntil: string | null;
  /** Whether the month is over, not invoiced, and `data_until` lies more than two days before its end. */
  readonly dataEndsEarly: boolean;
  /** Days that are expected and that no delivery covers, in order. */
  readonly missingDays: readonly Days[];
  /** Whether someone has accepted that these days are missing. */
  readonly accepted: boolean;
  /** Days that the cloud may still add to: their delivery was made less than 72 hours after they ended. */
  readonly unsettledDays: readonly Days[];
  /** What an estimated month lacks to be final, from the 10th of the next month on; else null. */
  readonly notFinalBecause: string | null;
  /** Why a newer delivery is skipped; null if there is none. */
  readonly reason: string | null;
  /** When the newest object of a delivery that waits was written; null where none waits. */
  readonly waitingSince: string | null;
  /** What its load left out, or did without: `1 row without a billing period`, `no cost proved`. */
  readonly notes: readonly string[];
}

/** One thing that needs attention. */
export interface Attention {
  /** Null for what concerns the whole export. */
  readonly billingMonth: BillingMonth | null;
  /** In a few words that follow the month: `partial`. */
  readonly kind: string;
  /** A sentence. */
  readonly reason: string;
}

/** What a month of a table is now, with the newer delivery of it that is held back, if any. */
export function monthStatus(loaded: LoadedTable, month: BillingMonth, held: HeldMonth | null, now: Date): MonthStatus {
  const { months, ledger } = loaded;
  const entry = months.get(month);
  // What the state has forgotten still has its rows and its receipt.
  const forgotten =
    entry === undefined ? ledger.receipts.find(({ billingMonth }) => billingMonth === month) : undefined;
  const receipt = entry?.receipt ?? forgotten ?? null;
  const bill = entry === undefined ? null : finalityOfEntry(entry, month, { ...loaded, now });
  const { action = null, reason = null } = held?.plan ?? {};
  const isWaiting = action === "waiting";
  // Days that are missing matter more than a delivery that is not wanted.
  const isRefused = action === "refused" && bill?.state !== "partial";
  const isLate = now.toISOString().slice(0, 10) > addDays(monthSpan(month).end, 10);
  const executionId = entry?.ids.at(-1) ?? null;
  return {
    billingMonth: month,
    state: isWaiting || isRefused ? action : (bill?.state ?? (forgotten === undefined ? "missing" : "forgotten")),
    finality: bill?.state ?? null,
    finalBasis: bill?.basis ?? null,
    lateCharges: bill?.lateCharges ?? false,
    isRestatement: receipt?.loadReason === "restated",
    executionId,
    executionIds: entry?.receipt ? executionIdsOf(entry.receipt) : executionId === null ? [] : [executionId],
    rows: receipt?.rows ?? null,
    cost: receipt?.cost ?? receipt?.tableCost ?? null,
    loadedAt: receipt?.loadedAt ?? entry?.loadedAt ?? null,
    dataUntil: receipt?.dataUntil ?? receipt?.lastUsage?.slice(0, 10) ?? null,
    dataEndsEarly: bill !== null && bill.dataEnds !== null,
    missingDays: (bill?.missingDays ?? []).map(fromTo),
    accepted: bill?.isAccepted ?? false,
    unsettledDays: (bill?.unsettledDays ?? []).map(fromTo),
    notFinalBecause: bill !== null && isLate && bill.lacks.length > 0 ? bill.lacks.join(", ") : null,
    reason,
    waitingSince: isWaiting ? (held?.since ?? null) : null,
    notes:
      receipt === null
        ? []
        : [...loadNotes(receipt).map(({ text }) => text), ...(viewDiffers(receipt) ? [differingView] : [])],
  };
}

const differingView = "the FOCUS view has other sums than were loaded";

function finalityOfEntry(
  { receipt, loadedAt }: LoadedPartition,
  billingMonth: BillingMonth,
  rules: FinalityRules,
): MonthFinality {
  return receipt === null ? finalityUnknown(billingMonth, loadedAt, rules) : finalityNow(receipt, rules);
}

/** Hours that a delivery may wait before it needs attention. */
const waitingLimit = 24;

/** What of a month needs attention. */
export function attentionOf(name: string, status: MonthStatus, now: Date): readonly Attention[] {
  const { billingMonth: month, state, finality, waitingSince: since } = status;
  const waited = since === null ? 0 : (now.getTime() - Date.parse(since)) / 3_600_000;
  const spans = status.missingDays.map(({ from, to }) => (from === to ? from : `${from} to ${to}`)).join(", ");
  const found = (isThere: boolean, kind: string, reason: string): Attention[] =>
    isThere ? [{ billingMonth: month, kind, reason }] : [];
  return [
    ...found(state === "missing", "missing", `${month} is missing, and the months around it are loaded.`),
    ...found(
      finality === "partial" && !status.accepted,
      "partial",
      `${month} is partial: ${spans} missing. Export these days, or accept the gap: billhouse run ${name} --accept gap --month ${month}`,
    ),
    ...found(
      finality === "restated-after-final",
      "changed after it was final",
      `${month} was final and has changed since: billhouse diff ${name} ${month} shows the changes.`,
    ),
    // Exports of a running month that make up charges together arrive one after the other.
    ...found(
      finality !== "open" && status.notes.includes(differingView),
      "differs in the FOCUS view",
      `${month} has other sums in the FOCUS view than were loaded: billhouse verify ${name} --month ${month} shows both.`,
    ),
    ...found(status.dataEndsEarly, "data ends early", `${month}: data ends ${dayInWords(status.dataUntil ?? "")}.`),
    ...found(waited > waitingLimit, "waiting", `${month} has been waiting for more than ${waitingLimit} hours.`),
  ];
}
