import type { Config } from "../../config/config.ts";
import type { BillingMonth } from "../../model.ts";
import type { Warehouse } from "../../warehouses/warehouse.ts";
import { type ReportedError, reportedError } from "../events.ts";

/** What is wrong with the FOCUS views, and whether a receipt records it. */
export interface RefreshedViews {
  readonly warnings: readonly ReportedError[];
  readonly isRecorded: boolean;
}

/**
 * Brings the FOCUS views up to date, and checks their sums over some months of each export: see `checkView`. What is wrong with
 * them does not touch the loaded rows, so that it is returned instead of raised, unless the signal was aborted.
 */
export async function refreshViews(
  months: ReadonlyMap<string, readonly BillingMonth[]>,
  config: Config,
  warehouse: Warehouse,
  { signal, debug = false }: { readonly signal?: AbortSignal | undefined; readonly debug?: boolean } = {},
): Promise<RefreshedViews> {
  try {
    const refused = (await warehouse.refreshViews?.()) ?? [];
    // Most runs check no month, and start faster without this file.
    const isChecked = [...months.values()].some(({ length }) => length > 0);
    const { errors, isRecorded } = isChecked
      ? await (await import("./check.ts")).checkView(months, config, warehouse)
      : { errors: [], isRecorded: false };
    return { warnings: [...refused, ...errors].map((error) => reportedError(error, debug)), isRecorded };
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return { warnings: [reportedError(error, debug)], isRecorded: false };
  }
}
