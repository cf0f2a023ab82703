import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { awsDelivery, awsExport, restatedBecause, restatedMonth, writeAwsMonth } from "./aws-bucket.ts";
import { azureDelivery, azureExport, finalRunBecause, writeAzureMonth } from "./azure-bucket.ts";
import type { DemoDelivery } from "./delivery.ts";
import { claimFolder, requireClaimed } from "./folder.ts";
import { demoMonths, openMonth } from "./months.ts";
import { demoTables } from "./queries.ts";

/** What `writeDemoBuckets` wrote. */
export interface DemoBuckets {
  /** Path of the `billhouse.toml` that loads the buckets. */
  readonly configuration: string;
  /** One for each export and month, AWS first, oldest month first. */
  readonly deliveries: readonly DemoDelivery[];
}

/** A month that was delivered again. */
export interface DemoRestatement {
  readonly before: DemoDelivery;
  readonly after: DemoDelivery;
  /** What changed, as parts of a sentence. */
  readonly because: readonly string[];
}

/**
 * Writes the demo's buckets and configuration into a folder, from scratch: the same bytes every time (Parquet: the
 * same rows). Error: DEMO_FOLDER_FOREIGN when the folder holds something and is not the demo's own.
 */
export async function writeDemoBuckets(folder: string): Promise<DemoBuckets> {
  await claimFolder(folder);
  // Side by side: while one compresses or writes Parquet, the other one draws rows.
  const [aws, azure] = await Promise.all([
    inTurn(demoMonths, (month) => writeAwsMonth(awsBucket(folder), month, 1)),
    withDuckdb((connection) =>
      inTurn(demoMonths, (month) => writeAzureMonth(azureBucket(folder), month, 1, connection)),
    ),
  ]);
  const configuration = join(folder, "billhouse.toml");
  await writeFile(configuration, configurationText);
  return { configuration, deliveries: [...aws, ...azure] };
}

/**
 * Delivers two months of the demo's buckets again, as clouds do: AWS restates a closed month, Azure runs the newest
 * one once more. The earlier deliveries stay where they are. Error: DEMO_FOLDER_FOREIGN when the folder is not the
 * demo's own.
 */
export async function deliverRestatement(folder: string): Promise<DemoRestatement[]> {
  await requireClaimed(folder);
  const aws = await writeAwsMonth(awsBucket(folder), restatedMonth, 2);
  const azure = await withDuckdb((connection) => writeAzureMonth(azureBucket(folder), openMonth, 2, connection));
  return [
    { before: awsDelivery(restatedMonth, 1), after: aws, because: restatedBecause },
    { before: azureDelivery(openMonth, 1), after: azure, because: finalRunBecause },
  ];
}

async function inTurn<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

function awsBucket(folder: string): string {
  return join(folder, "buckets", "aws");
}

function azureBucket(folder: string): string {
  return join(folder, "buckets", "azure");
}

async function withDuckdb<Result>(work: (connection: DuckDBConnection) => Promise<Result>): Promise<Result> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  // One thread: rows keep their order, and DuckDB's own files come out the same on every machine.
  const instance = await DuckDBInstance.create(":memory:", { threads: "1", autoinstall_known_extensions: "false" });
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const configurationText = `# Written by \`billhouse demo\`: two billing exports that lie in folders here, loaded into a DuckDB file beside them.

[sources.aws_cur]
bucket_url  = "buckets/aws"
prefix      = "${awsExport.prefix}"
export_name = "${awsExport.name}"
dataset     = "${demoTables.aws.dataset}"
table_name  = "${demoTables.aws.name}"

[sources.azure_billing]
bucket_url  = "buckets/azure"
prefix      = "${azureExport.prefix}"
export_name = "${azureExport.name}"
dataset     = "${demoTables.azure.dataset}"
table_name  = "${demoTables.azure.name}"

[destination.duckdb]
path = "billhouse.duckdb"
`;
