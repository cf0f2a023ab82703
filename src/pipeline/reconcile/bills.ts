import type { PipelineConfig } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import type { BillingMonth } from "../../model.ts";
import { requireCapability, type Warehouse } from "../../warehouses/warehouse.ts";
import type { BilledLine } from "./lines.ts";
import type { LoadedBill } from "./matches.ts";
import { loadedMonth, type LoadedTable, measuredColumns, readLoaded } from "../months/loaded.ts";

/**
 * The tables of those pipelines that have the month. Error: USAGE_INVALID when none has it, which names the months that
 * there are; STATE_INVALID.
 */
export async function tablesWith(
  pipelines: readonly PipelineConfig[],
  warehouse: Warehouse,
  month: BillingMonth,
): Promise<readonly LoadedTable[]> {
  const tables: LoadedTable[] = [];
  for (const pipeline of pipelines) tables.push(await readLoaded(pipeline, warehouse));
  const [only] = tables;
  if (only !== undefined && tables.length === 1) loadedMonth(only, month);
  const having = tables.filter(({ months }) => months.has(month));
  if (having.length > 0) return having;
  const known = tables.map(
    ({ pipeline, months }) => `${pipeline.name}: ${[...months.keys()].toSorted().join(", ") || "nothing"}`,
  );
  throw new BillhouseError("USAGE_INVALID", `${month} is not loaded.`, { hint: `Loaded are: ${known.join("; ")}.` });
}

/** Makes sure that there is one table only. Error: USAGE_INVALID, which names their exports. */
export function requireOne(tables: readonly LoadedTable[], month: BillingMonth): void {
  if (tables.length === 1) return;
  const names = tables.map(({ pipeline }) => pipeline.name);
  throw new BillhouseError("USAGE_INVALID", `${month} is loaded in several exports: ${names.join(", ")}.`, {
    hint: `Say which of them the invoice is for: --export ${names[0]}. --invoices takes a list of invoices of all of them.`,
  });
}

/** The costs of a month by everything that explains an invoice. Error: USAGE_INVALID where nothing billed is loaded. */
export async function billOf(table: LoadedTable, warehouse: Warehouse, month: BillingMonth): Promise<LoadedBill> {
  const columns = measuredColumns(table, month);
  const [billed = ""] = columns.costColumns;
  const isThere = table.ledger.columns?.some(({ name }) => name.toLowerCase() === billed.toLowerCase());
  if (billed !== "" && isThere !== true) {
    throw new BillhouseError("USAGE_INVALID", `The table of ${table.pipeline.name} has no column ${billed} any more.`, {
      hint: "Put the column back, or load the month again: billhouse run --force.",
    });
  }
  const { invoiceColumn, payerColumn, chargeTypeColumn, serviceColumn, accountColumn } = columns;
  const pipeline = table.pipeline.name;
  if (columns.costColumns.length === 0) {
    throw new BillhouseError("USAGE_INVALID", `The table of ${pipeline} has no column with what was billed.`, {
      hint: "Choose another export with --export.",
    });
  }
  const by = [invoiceColumn, payerColumn, chargeTypeColumn, serviceColumn, accountColumn];
  const costs = await requireCapability(warehouse, "measuring").costsBy(columns, by);
  const lines = costs.map(({ values, currency, rows, cost }): BilledLine => {
    const [invoice = null, payer = null, chargeType = null, service = null, account = null] = values;
    return { invoice, payer, chargeType, service, account, currency, rows, cost };
  });
  return { pipeline, lines };
}
