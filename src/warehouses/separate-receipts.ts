import type { Table } from "../model.ts";
import {
  columnsToAdd,
  keepsReceipts,
  type PresentColumn,
  trackingTableName,
  trackingTableOf,
} from "../state/tables.ts";
import type { PendingStep } from "./warehouse.ts";

/**
 * The step that adds the columns for receipts to a tracking table of the Python pipelines, and moves the separately
 * stored receipts, `moved` of them, into its rows; none if there is nothing to do.
 */
export function trackingSteps(table: Table, tracking: readonly PresentColumn[], moved: number): readonly PendingStep[] {
  if (tracking.length === 0) return [];
  const name = trackingTableName(table);
  const added = keepsReceipts(tracking) ? 0 : columnsToAdd(trackingTableOf(table), tracking, { migrate: true }).length;
  if (added === 0 && moved === 0) return [];
  const receipts = `${moved} ${moved === 1 ? "receipt moves" : "receipts move"} into`;
  const columns = `${name} gets ${added} columns for receipts`;
  const both = moved === 0 ? columns : `${columns}, and ${receipts} its rows`;
  const what = added === 0 ? `${receipts} the rows of ${name}.` : `${both}.`;
  return [{ step: { step: "tracking-columns" }, what }];
}

/** Whether the rows of a tracking table can be matched with receipts that are stored separately, by load and month. */
export function hasReceiptKeys(tracking: readonly PresentColumn[]): boolean {
  return ["_dlt_load_id", "billing_month"].every((key) => tracking.some(({ name }) => name === key));
}

/** The names of the columns that move from separate receipts into the rows of a tracking table. */
export function movedColumns(
  receipts: readonly PresentColumn[],
  tracking: readonly PresentColumn[],
): readonly string[] {
  const present = new Set(tracking.map(({ name }) => name));
  return receipts.map(({ name }) => name).filter((name) => !receiptKeys.has(name) && present.has(name));
}

const receiptKeys: ReadonlySet<string> = new Set(["table_name", "billing_month", "load_id"]);
