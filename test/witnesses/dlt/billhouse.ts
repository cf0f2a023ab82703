import { mkdir, rm } from "node:fs/promises";
import type { Config } from "../../../src/config/config.ts";
import { run } from "../../../src/index.ts";
import type { Table } from "../../../src/model.ts";
import { loadedExecutions } from "../../../src/state/executions.ts";
import { openWarehouse } from "../../../src/warehouses/index.ts";
import { azureDelivery, azureRows, curDelivery, curRows, deliver } from "../../support/deliveries.ts";
import type { Delivery } from "./scenarios.ts";

/** What one run did: the months that it loaded and those that it skipped. */
export interface Outcome {
  readonly loaded: readonly string[];
  readonly skipped: readonly string[];
}

/** What billhouse makes of a dataset: executions by month, by the state and by the newest receipts. */
export interface Books {
  readonly state: Readonly<Record<string, string>>;
  readonly receipts: Readonly<Record<string, string>>;
}

/** One `billhouse run` over a bucket that holds these deliveries and no others. */
export async function runBillhouse(database: string, table: Table, deliveries: readonly Delivery[]): Promise<Outcome> {
  const bucket = `${database}.bucket`;
  await rm(bucket, { recursive: true, force: true });
  await mkdir(bucket);
  for (const each of deliveries) {
    const { billing_month: month, execution_id: id, submitted_time: submittedTime, days } = each;
    const files = { month, id };
    const pathTime = submittedTime.replaceAll(/\D/g, "").slice(0, 12);
    const azure = { ...files, submittedTime, pathTime, ...(days === undefined ? {} : { days }) };
    await deliver(
      bucket,
      table.idColumn === "assembly_id"
        ? curDelivery({ ...files, files: [curRows(month, "12.34", "0.1"), curRows(month, "-1")] })
        : azureDelivery({ ...azure, files: [azureRows(month, "12.34", "0.1"), azureRows(month, "-1")] }),
    );
  }
  const loaded: string[] = [];
  const skipped: string[] = [];
  for await (const event of run(configure(database, bucket, table))) {
    if (event.event === "month_failed" || event.event === "pipeline_failed") throw new Error(event.message);
    if (event.event === "month_loaded") loaded.push(event.billingMonth);
    if (event.event === "month_planned" && event.action === "unchanged") skipped.push(event.billingMonth);
  }
  return { loaded, skipped };
}

/** Reads the books of a dataset. */
export async function readBooks(database: string, table: Table): Promise<Books> {
  const warehouse = await openWarehouse(configure(database, "", table).warehouse, "read");
  try {
    const { state, receipts } = await warehouse.ledger(table);
    return {
      state: Object.fromEntries([...loadedExecutions(state, table)].map(([month, each]) => [month, each.executionId])),
      receipts: Object.fromEntries(receipts.map((each) => [each.billingMonth, each.executionId])),
    };
  } finally {
    await warehouse.close();
  }
}

/** The configuration of the Python pipelines' section for this table, over a folder and a DuckDB file. */
function configure(database: string, bucket: string, table: Table): Config {
  return {
    file: null,
    pipelines: [
      {
        name: table.idColumn === "assembly_id" ? "aws_cur" : "azure_billing",
        bucketUrl: bucket,
        prefix: "",
        exportName: null,
        tableName: table.name,
        dataset: table.dataset,
        kind: null,
        partitionColumn: null,
        firstMonth: null,
        projectId: null,
        keepPrevious: 0,
        unpackedLimit: null,
        settle: 1_800_000,
        activeFrom: null,
        activeTo: null,
        nullValues: [],
        storage: { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null },
      },
    ],
    warehouse: { kind: "duckdb", path: database, storageVersion: "v1.3.0", memoryLimit: null, threads: null },
    notify: null,
    focus: { dataset: "billing_focus", accounts: null, tags: [], placeholders: [], tables: [] },
    budgets: { file: null },
  };
}
