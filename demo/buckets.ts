import { mkdir, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { awsDelivery, awsExport, restatedBecause, restatedMonth, writeAwsMonth } from "./aws-bucket.ts";
import { anomaly, awsAccounts } from "./aws-fleets.ts";
import { azureDelivery, azureExport, finalRunBecause, writeAzureMonth } from "./azure-bucket.ts";
import { demoMonths, openMonth } from "./company.ts";
import type { DemoDelivery } from "./delivery.ts";
import { BillhouseError } from "../src/errors.ts";

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
 * same rows). Errors: DEMO_FOLDER_FOREIGN when the folder has contents and was not created by the demo; OUTPUT_FAILED when
 * it cannot be written to.
 */
export async function writeDemoBuckets(folder: string): Promise<DemoBuckets> {
  await claimFolder(folder).catch((error: unknown) => {
    throw unwritable(folder, error);
  });
  // Side by side: while one compresses or writes Parquet, the other one draws rows.
  const [aws, azure] = await Promise.all([
    inTurn(demoMonths, (month) => writeAwsMonth(awsBucket(folder), month, 1)),
    withDuckdb((connection) =>
      inTurn(demoMonths, (month) => writeAzureMonth(azureBucket(folder), month, 1, connection)),
    ),
  ]);
  await dateNewFiles(folder, 3);
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
  await dateNewFiles(folder, 2);
  return [
    { before: awsDelivery(restatedMonth, 1), after: aws, because: restatedBecause },
    { before: azureDelivery(openMonth, 1), after: azure, because: finalRunBecause },
  ];
}

/**
 * Gives the files that were just written the times of a delivery of days ago, data files first and their manifests a minute
 * later: a delivery that is still arriving would not be loaded.
 */
async function dateNewFiles(folder: string, daysAgo: number): Promise<void> {
  const day = 24 * 60 * 60;
  const now = Math.floor(Date.now() / 1000);
  for (const entry of await readdir(join(folder, "buckets"), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || (await stat(path)).mtimeMs < (now - day) * 1000) continue;
    const seconds = now - daysAgo * day + (/manifest\.json$/i.test(entry.name) ? 60 : 0);
    await utimes(path, seconds, seconds);
  }
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

/** The tables that the demo's configuration loads into: those of a configuration without `dataset` and `table_name`. */
export const demoTables = {
  aws: { dataset: "billing_data", name: "aws_cur_data" },
  azure: { dataset: "billing_data", name: "azure_billing_data" },
} as const;

const configurationText = `# Written by \`billhouse demo\`: two billing exports in folders below this one, loaded into a DuckDB file.

[sources.aws_cur]
bucket_url  = "buckets/aws"
prefix      = "${awsExport.prefix}"
export_name = "${awsExport.name}"

[sources.azure_billing]
bucket_url  = "buckets/azure"
prefix      = "${azureExport.prefix}"
export_name = "${azureExport.name}"

[destination.duckdb]
path = "billhouse.duckdb"
`;

/** The file that marks a folder as the demo's own; without it the demo changes nothing in a folder. */
export const demoMark = ".billhouse-demo";

/**
 * Creates the folder, or removes from it what an earlier demo left: its buckets, its configuration, its database.
 * Error: DEMO_FOLDER_FOREIGN when it has contents without the demo's mark.
 */
export async function claimFolder(folder: string): Promise<void> {
  const entries = await entriesOf(folder);
  if (entries.length > 0 && !entries.includes(demoMark)) throw foreign(folder);
  await mkdir(folder, { recursive: true });
  const text = "`billhouse demo` created this folder and rewrites it each time it runs.\n";
  await writeFile(join(folder, demoMark), text);
  for (const entry of entries.filter((name) => name === "buckets" || name.startsWith("billhouse."))) {
    await rm(join(folder, entry), { recursive: true, force: true });
  }
}

/** Error: DEMO_FOLDER_FOREIGN when the folder does not carry the demo's mark. */
export async function requireClaimed(folder: string): Promise<void> {
  if (!(await entriesOf(folder)).includes(demoMark)) throw foreign(folder);
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return [];
    if (code === "ENOTDIR") throw foreign(folder);
    throw error;
  }
}

function foreign(folder: string): BillhouseError {
  return new BillhouseError("DEMO_FOLDER_FOREIGN", `${folder} exists, and billhouse demo did not create it.`, {
    hint: "Run billhouse demo in another folder, or move this one away: the demo writes only to a folder of its own.",
  });
}

/** Error: OUTPUT_FAILED for a folder that the operating system refuses; any other error as it is. */
function unwritable(folder: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (error instanceof BillhouseError || !/^(?:EACCES|EPERM|EROFS|ENOSPC|EDQUOT|ENOTDIR)$/.test(code)) return error;
  return new BillhouseError("OUTPUT_FAILED", `The folder ${folder} cannot be written to (${code}).`, {
    hint: "Run billhouse demo in a folder that you can write to.",
    cause: error,
  });
}

/** A query worth trying on the demo's tables. */
export interface DemoQuery {
  /** The question that it answers. */
  readonly title: string;
  readonly sql: string;
}

const aws = `${demoTables.aws.dataset}.${demoTables.aws.name}`;
const azure = `${demoTables.azure.dataset}.${demoTables.azure.name}`;

/** Three questions to the demo's tables, in DuckDB's SQL. Money stays decimal from the bill to the screen. */
export const demoQueries: readonly DemoQuery[] = [
  {
    title: "What did each cloud cost, month by month?",
    sql: `SELECT strftime(start, '%Y-%m') AS month,
  round(sum(aws), 2) AS aws, round(sum(azure), 2) AS azure
FROM (
  SELECT bill_billing_period_start_date AS start,
    line_item_unblended_cost AS aws, 0 AS azure
  FROM ${aws}
  UNION ALL SELECT BillingPeriodStart, 0, BilledCost
  FROM ${azure}
)
GROUP BY start ORDER BY start`,
  },
  {
    title: "Which AWS services moved most between the last two months?",
    sql: `SELECT service, september, october FROM (
  SELECT product_product_name AS service,
    round(sum(line_item_unblended_cost)
      FILTER (month(bill_billing_period_start_date) = 9), 2) AS september,
    round(sum(line_item_unblended_cost)
      FILTER (month(bill_billing_period_start_date) = 10), 2) AS october
  FROM ${aws} GROUP BY service)
ORDER BY abs(coalesce(october, 0) - coalesce(september, 0)) DESC LIMIT 5`,
  },
  {
    title: `What happened to SageMaker in ${awsAccounts[anomaly.account].name}, day by day?`,
    sql: `SELECT
  strftime(line_item_usage_start_date, '%a %d %b') AS day,
  round(sum(line_item_unblended_cost), 2) AS cost,
  repeat('#', (sum(line_item_unblended_cost) * 0.05)::INTEGER) AS bar
FROM ${aws}
WHERE product_product_name = 'Amazon SageMaker'
  AND line_item_usage_account_id = '${awsAccounts[anomaly.account].id}'
  AND line_item_line_item_type = 'Usage'
  AND line_item_usage_start_date BETWEEN '2026-10-09' AND '2026-10-20'
GROUP BY day, line_item_usage_start_date
ORDER BY line_item_usage_start_date`,
  },
];
