import { BillhouseError, describeError } from "../../errors.ts";
import type { BillingMonth } from "../../model.ts";
import type { Discovery } from "../discover/discover.ts";
import type { MonthPlan } from "../months/decide.ts";
import { isLoadAction } from "../events.ts";
import { loadedIds, type LoadedTable } from "../months/loaded.ts";
import { survey } from "../months/survey.ts";

/** A delivery that a run would leave where it is, and when the newest of its objects was written. */
export interface HeldMonth {
  readonly plan: MonthPlan;
  readonly since: string | null;
}

/** What is in a storage and not loaded: first the newest deliveries that a run would leave where they are, by month. */
export interface HeldDeliveries {
  readonly months: ReadonlyMap<BillingMonth, HeldMonth>;
  /** Months with a delivery that a run would load, newest first. */
  readonly loadable: readonly BillingMonth[];
  /** Months whose newest delivery cannot be loaded, and why, in sentences. */
  readonly failed: ReadonlyMap<BillingMonth, string>;
  /** What could not be looked at, in sentences. */
  readonly unknown: readonly string[];
}

/** Where no storage is searched. */
export const nothingHeld: HeldDeliveries = { months: new Map(), loadable: [], failed: new Map(), unknown: [] };

/**
 * The deliveries of one export that are not loaded. A storage that cannot be searched is reported in `unknown`;
 * other errors than BillhouseError are thrown.
 */
export async function heldDeliveries(
  { pipeline, ledger, months }: LoadedTable,
  { now, signal }: { readonly now?: Date; readonly signal?: AbortSignal },
): Promise<HeldDeliveries> {
  try {
    // No file is read: one that was written again counts as changed.
    const found = await survey(pipeline, ledger, () => true, { now, signal });
    const held = found.plans.filter(({ action }) => action === "waiting" || action === "refused");
    const isNew = ({ action, billingMonth, ids }: MonthPlan): boolean => {
      const known = loadedIds(months.get(billingMonth) ?? null);
      return isLoadAction(action) && !ids.every((id) => known.includes(id));
    };
    return {
      loadable: found.plans.filter(isNew).map(({ billingMonth }) => billingMonth),
      months: new Map(held.map((plan) => [plan.billingMonth, { plan, since: newestObject(plan, found.discovery) }])),
      failed: new Map(
        [...found.failed].map(([month, error]) => {
          const { code, message } = describeError(error);
          return [month, `${month}: its newest delivery cannot be loaded. ${message} (${code})`];
        }),
      ),
      unknown: [],
    };
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    return { ...nothingHeld, unknown: [`The storage cannot be searched for new deliveries: ${error.message}`] };
  }
}

/** When the newest object of a planned delivery was written; of one that cannot be read yet, the newest manifest of the month. */
function newestObject({ billingMonth, executions }: MonthPlan, { months, objects }: Discovery): string | null {
  const delivered = executions.flatMap(({ manifest, files }) => [manifest, ...files]);
  const manifests = (months.get(billingMonth) ?? []).flatMap(({ key }) => objects.get(key) ?? []);
  const times = (delivered.length > 0 ? delivered : manifests).map(({ modified }) => modified);
  return times.toSorted((one, other) => Date.parse(one) - Date.parse(other)).at(-1) ?? null;
}
