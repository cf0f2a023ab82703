import { BillhouseError, describeError } from "../../errors.ts";
import type { BillingMonth, Receipt } from "../../model.ts";
import type { FailedMonth } from "../events.ts";
import type { MonthPlan } from "./decide.ts";

/** An export as far as it can hold the same charges as another one. */
export interface ScopedExport {
  readonly name: string;
  readonly cloud: string;
  /** Whose charges it holds, where that is known. */
  readonly scope: string | null;
}

/** Whose charges a table holds, by the newest receipt that tells; null where none does. */
export function scopeOf(receipts: readonly Receipt[]): string | null {
  return receipts.findLast(({ scope }) => scope !== null)?.scope ?? null;
}

/**
 * The months whose delivery holds the charges of somebody else than the table: two exports that write to one path, of
 * which the newest run would take the place of the other's bill. On a first load the newest month decides whose table
 * it is.
 */
export function foreignMonths(
  plans: readonly MonthPlan[],
  receipts: readonly Receipt[],
): ReadonlyMap<BillingMonth, FailedMonth> {
  const executions = plans.flatMap(({ execution }) => execution ?? []);
  // After an export was moved on purpose the table holds months of both scopes, and each may be restated.
  const known = new Set(receipts.flatMap(({ scope }) => scope ?? []));
  const own = scopeOf(receipts) ?? executions.find(({ scope }) => scope !== null)?.scope ?? null;
  const foreign = new Map<BillingMonth, FailedMonth>();
  for (const { billingMonth, action, execution } of plans) {
    const scope = execution?.scope ?? null;
    const isLoading = action === "new" || action === "restated";
    if (own === null || scope === null || scope === own || known.has(scope) || !isLoading) continue;
    const error = new BillhouseError(
      "EXPORT_AMBIGUOUS",
      `The delivery ${execution?.id} of ${billingMonth} holds the charges of ${scope}, but the table holds those of ${own}.`,
      {
        hint: "Two exports write to this path: let each write to a folder of its own. If the export was moved, run with --accept scope.",
      },
    );
    foreign.set(billingMonth, { billing_month: billingMonth, ...describeError(error) });
  }
  return foreign;
}

/** By name, a sentence on every export that holds the same charges as another one. */
export function doubleCounting(exports: readonly ScopedExport[]): ReadonlyMap<string, string> {
  const notes = new Map<string, string>();
  for (const each of exports) {
    const same = exports.filter(
      (other) => other !== each && each.scope !== null && other.scope === each.scope && other.cloud === each.cloud,
    );
    if (same.length === 0) continue;
    const names = same.map(({ name }) => name).join(" and ");
    notes.set(
      each.name,
      `Holds the charges of ${each.scope}, as ${names} does: adding them up counts every cost more than once.`,
    );
  }
  return notes;
}
