import { discover } from "../../src/pipeline/discover/discover.ts";
import type { ArrivalRule } from "../../src/pipeline/months/settle.ts";
import { planMonths } from "../../src/pipeline/months/survey.ts";
import { bills, receiptOf } from "../support/planning.ts";
import { month } from "./layouts.ts";
import type { Planner } from "./simulate.ts";

/** The planner of `billhouse run`, with these rules on whether a delivery has arrived; by default with all of them. */
export function plannerWith(rules?: readonly ArrivalRule[]): Planner {
  return async (storage, { prefix }, loaded, now) => {
    const pipeline = { ...bills, prefix };
    const discovery = await discover(pipeline, storage);
    const receipts =
      loaded === null ? [] : [receiptOf(month, loaded.runs, { flags: loaded.isFlagged ? ["unsettled"] : [] })];
    const months = receipts.map((receipt) => {
      const { executionId, loadedAt } = receipt;
      return [month, { ids: [executionId], undone: [], loadedAt, receipt }] as const;
    });
    const { plans, failed } = await planMonths(discovery, new Map(months), receipts, {
      pipeline,
      months: { only: [month] },
      isReadElsewhere: () => false,
      now,
      ...(rules === undefined ? {} : { rules }),
    });
    for (const error of failed.values()) throw error;
    const plan = plans.find(({ action }) => action === "new" || action === "restated");
    return plan === undefined ? null : { runs: plan.executions, isFlagged: plan.isFlagged };
  };
}
