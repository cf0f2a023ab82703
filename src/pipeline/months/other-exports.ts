import { BillhouseError } from "../../errors.ts";
import type { BillingMonth, Execution, Receipt } from "../../model.ts";
import { scopeOf } from "../discover/scopes.ts";
import { isLoadAction } from "../events.ts";
import type { MonthPlan } from "./decide.ts";

/**
 * The months whose delivery contains the charges of another account than the table: two exports write to one path, and
 * the newest run would replace the bill of the other one. On a first load the newest month decides whose table it is.
 */
export function otherScopes(
  plans: readonly MonthPlan[],
  receipts: readonly Receipt[],
): ReadonlyMap<BillingMonth, BillhouseError> {
  const delivered = plans.flatMap((plan) => plan.executions);
  // After an export was moved on purpose the table has months of both scopes, and each may be restated.
  const known = new Set(receipts.flatMap(({ scope }) => scope ?? []));
  const own = scopeOf(receipts) ?? delivered.find(({ scope }) => scope !== null)?.scope ?? null;
  const unexpected = new Map<BillingMonth, BillhouseError>();
  for (const { billingMonth, action, executions } of plans) {
    const isOther = ({ scope }: Execution): boolean => scope !== null && scope !== own && !known.has(scope);
    const execution = executions.findLast(isOther);
    if (own === null || execution === undefined || !isLoadAction(action)) continue;
    const holder = receipts.length === 0 ? "other deliveries contain" : "the table contains";
    const error = new BillhouseError(
      "EXPORT_AMBIGUOUS",
      `The delivery ${execution.id} of ${billingMonth} contains the charges of ${execution.scope}, but ${holder} those of ${own}.`,
      {
        hint: "Two exports write to this path: give each export its own folder. If the export was moved, run with --accept scope.",
      },
    );
    unexpected.set(billingMonth, error);
  }
  return unexpected;
}

/**
 * The months whose deliveries contain several kinds of cost, such as actual cost of some days and amortized cost of others,
 * and those whose delivery contains another kind than the loaded one: two exports of one name write to one path.
 */
export function otherDatasets(
  plans: readonly MonthPlan[],
  receipts: readonly Receipt[],
): ReadonlyMap<BillingMonth, BillhouseError> {
  const unexpected = new Map<BillingMonth, BillhouseError>();
  for (const { billingMonth, action, executions } of plans) {
    const newest = executions.at(-1);
    const dataset = newest?.dataset ?? null;
    if (newest === undefined || dataset === null || !isLoadAction(action)) continue;
    const other = executions.findLast((one) => one.dataset != null && one.dataset !== dataset);
    const loaded = receipts.find((receipt) => receipt.billingMonth === billingMonth)?.dataset ?? dataset;
    if (other !== undefined) {
      const what = `The runs ${newest.id} (${dataset}) and ${other.id} (${other.dataset}) of ${billingMonth} contain two kinds of cost, which are not parts of one bill.`;
      const hint =
        "Move the runs of one kind into another folder, and load them with a section and a table of their own.";
      unexpected.set(billingMonth, new BillhouseError("EXPORT_AMBIGUOUS", what, { hint }));
    } else if (loaded !== dataset) {
      const what = `The delivery ${newest.id} of ${billingMonth} contains ${dataset}, but the table contains ${loaded}.`;
      const hint =
        "Two exports write to this path: give each export its own folder. If the export was changed on purpose, run with --accept scope.";
      unexpected.set(billingMonth, new BillhouseError("EXPORT_AMBIGUOUS", what, { hint }));
    }
  }
  return unexpected;
}
