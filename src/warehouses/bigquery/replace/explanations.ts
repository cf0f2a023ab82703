import { BillhouseError } from "../../../errors.ts";
import type { MonthReplacement } from "../../warehouse.ts";
import { loadedMeanwhile } from "../commit/commits.ts";
import { readCurrent } from "../ledger.ts";
import type { QuerySettings } from "../api/statements.ts";
import { isPassing, refusalOf } from "../api/api-error.ts";
import { stagingPrefix } from "./staging.ts";
import type { Surroundings } from "../companion-tables.ts";
import { messages } from "./swap.ts";

/** Whether the next run goes on with what is staged: it was interrupted, or waits for BigQuery to come back. */
export function goesOn(error: unknown): boolean {
  const refusal = refusalOf(error);
  return (
    (error instanceof BillhouseError && error.code === "INTERRUPTED") || (refusal !== undefined && isPassing(refusal))
  );
}

/** Whoever loads a month takes away what others staged for it: that it is gone is how the slower one notices first. */
export async function explainGone(
  settings: QuerySettings,
  error: unknown,
  { table, billingMonth, replaces }: Pick<MonthReplacement, "table" | "billingMonth" | "replaces">,
  around: Surroundings,
): Promise<unknown> {
  const refusal = refusalOf(error);
  if (refusal?.reason !== "notFound" || !refusal.message.includes(stagingPrefix)) return error;
  const { monthLoadId } = await readCurrent(settings, table, around, billingMonth);
  if (monthLoadId !== replaces) return loadedMeanwhile(table, billingMonth);
  return new BillhouseError(
    "WAREHOUSE_LOCKED",
    `Another run took away what was staged for ${billingMonth} of ${table.dataset}.${table.name}.`,
    { hint: "Run again when the other run has ended: nothing of this load was kept.", cause: error },
  );
}

/** Which of our own proofs stopped the script, or which value: `describe` finds that. */
export async function explainSwap(
  error: unknown,
  { table, billingMonth }: Pick<MonthReplacement, "table" | "billingMonth">,
  source: "the files" | "the earlier rows",
  describe: () => Promise<BillhouseError | undefined>,
): Promise<unknown> {
  const refusal = refusalOf(error);
  if (refusal === undefined) return error;
  const hint =
    "Nothing was changed. This is a fault of billhouse or of the database: report it with the export's name.";
  const title = `${billingMonth} of ${table.dataset}.${table.name}`;
  if (refusal.message.includes(messages.inserted) || refusal.message.includes(messages.held)) {
    return new BillhouseError("ROW_COUNT_MISMATCH", `Other rows of ${title} went into the table than were counted.`, {
      hint,
      cause: error,
    });
  }
  if (refusal.message.includes(messages.sum)) {
    return new BillhouseError("SUM_MISMATCH", `The cost of ${title} is another in the table than in ${source}.`, {
      hint,
      cause: error,
    });
  }
  if (refusal.reason !== "invalidQuery" && refusal.reason !== "invalid") return error;
  return (await describe()) ?? error;
}
