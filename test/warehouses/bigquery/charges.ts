import type { TestContext } from "node:test";

import type { MeasuredColumns } from "../../../src/model.ts";
import { loadPackage } from "../../../src/state/package.ts";
import type {
  MappedFile,
  MonthRestoration,
  Settle,
  TableMeasures,
  FullWarehouse,
} from "../../../src/warehouses/warehouse.ts";
import { bigqueryWarehouse, type TestBigquery } from "../../support/bigquery-warehouse.ts";
import { billReceipt, type Columns, csv, loadAndMeasure, month, table } from "../../conformance/bills.ts";
import type { BigqueryServerOptions } from "../../servers/bigquery/server.ts";

/** The columns of a bill that can be summed up. */
export const chargeColumns: Columns = {
  id: "text",
  period: "timestamp",
  cost: "decimal",
  currency: "text",
  service: "text",
  account: "text",
  charge: "text",
  invoice: "text",
};

/** The columns by which it is measured. */
export const chargesMeasured: MeasuredColumns = {
  partitionColumn: "period",
  costColumns: ["cost"],
  amountColumns: [],
  currencyColumn: "currency",
  usageColumn: null,
  serviceColumn: "service",
  accountColumn: "account",
  chargeTypeColumn: "charge",
  invoiceColumn: "invoice",
  payerColumn: null,
};

/** A month of the table of charges. */
export const charges: MeasuredColumns & { readonly table: typeof table; readonly billingMonth: string } = {
  table,
  billingMonth: month,
  ...chargesMeasured,
};

/** A warehouse whose table of charges is prepared. */
export async function openCharges(
  t: TestContext,
  { keepsPrevious = false, ...options }: Partial<BigqueryServerOptions> & { readonly keepsPrevious?: boolean } = {},
): Promise<{ big: TestBigquery; warehouse: FullWarehouse }> {
  const big = await bigqueryWarehouse(t, options);
  const warehouse = await big.open();
  await prepareCharges(warehouse, keepsPrevious);
  return { big, warehouse };
}

/** Prepares the table of charges. */
export async function prepareCharges(
  warehouse: FullWarehouse,
  keepsPrevious: boolean,
  columns: Columns = chargeColumns,
): Promise<void> {
  const added = Object.entries(columns).map(([name, type]) => ({ name, type }));
  const partitioning = { partitionColumn: "period", usageColumn: null };
  await warehouse.prepare(table, { added, registered: [], ...partitioning, keepsPrevious });
}

/** A file of charges, without its header. */
export async function chargesFile(
  big: TestBigquery,
  text: string,
  columns: Columns = chargeColumns,
): Promise<MappedFile> {
  return csv(big, text, columns);
}

/** Loads one row with this id and cost, and gives the load_id and what was measured. */
export async function loadCharge(
  big: TestBigquery,
  warehouse: FullWarehouse,
  id: string,
  choices: {
    readonly cost?: string;
    readonly keepPrevious?: number;
    readonly restoredLoadId?: string | null;
    readonly billingMonth?: string;
  } = {},
): Promise<{ loadId: string; measures: TableMeasures }> {
  const { cost = "1", keepPrevious = 0, restoredLoadId = null, billingMonth = charges.billingMonth } = choices;
  const file = await chargesFile(big, `${id},${billingMonth}-01,${cost},USD,EC2,1,Usage,i\n`);
  const month = { ...chargesMeasured, billingMonth, executionId: id, keepPrevious, restoredLoadId };
  const measures = await loadAndMeasure(warehouse, [file], month);
  const [newest] = await warehouse.previous.history(table, billingMonth);
  return { loadId: newest?.loadId ?? "", measures };
}

/** Puts an earlier load back; `judge` sees what the warehouse has of it. */
export async function restore(
  warehouse: FullWarehouse,
  loadId: string,
  choices: Partial<MonthRestoration> = {},
  judge: (measures: TableMeasures) => void = () => undefined,
): Promise<boolean> {
  const history = await warehouse.previous.history(table, month);
  const after = history.findLast((receipt) => receipt.loadId > loadId);
  const settle: Settle = async (measures, current) => {
    judge(measures);
    const receipt = { ...billReceipt("restored", month, measures.rows), restoredLoadId: loadId };
    return loadPackage(current, table, { receipt, submittedTime: null }, warehouse.destinationType, new Date());
  };
  const restoration: MonthRestoration = {
    ...charges,
    executionId: "restored",
    replaces: history[0]?.loadId ?? "",
    loadId,
    until: after?.loadedAt ?? "",
    ...choices,
  };
  return (await warehouse.previous.restoreMonth(restoration, settle)) !== null;
}

/** The names of the staging tables that are left. */
export function stagingTables({ server }: TestBigquery): string[] {
  return server.tableNames("billing").filter((name) => name.startsWith("_billhouse_staging_"));
}
