import { mkdir, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { awsDelivery, awsExport, restatedBecause, restatedMonth, writeAwsMonth } from "./aws-bucket.ts";
import { anomaly, awsAccounts } from "./aws-fleets.ts";
import { azureDelivery, azureExport, finalRunBecause, writeAzureMonth } from "./azure-bucket.ts";
import { azureSubscriptions } from "./azure-fleets.ts";
import { azurePair, pairMonths, writeAzurePair } from "./azure-pair.ts";
import { demoMonths, openMonth } from "./company.ts";
import { saasExport, writeSaasMonth } from "./saas-bucket.ts";
import type { DemoDelivery, DemoExecution } from "./delivery.ts";
import { BillhouseError } from "../src/errors.ts";

/** What `writeDemoBuckets` wrote. */
export interface DemoBuckets {
  /** Path of the `billhouse.toml` that loads the buckets. */
  readonly configuration: string;
  /** One for each export and month, AWS first, the SaaS vendor last, oldest month first. */
  readonly deliveries: readonly DemoDelivery[];
}

/** A month that was delivered again. */
export interface DemoRestatement {
  readonly before: DemoExecution;
  readonly after: DemoExecution;
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
  const [aws, azure, pairs, saas] = await Promise.all([
    inTurn(demoMonths, (month) => writeAwsMonth(awsBucket(folder), month, 1)),
    withDuckdb((connection) =>
      inTurn(demoMonths, (month) => writeAzureMonth(azureBucket(folder), month, 1, connection)),
    ),
    inTurn(pairMonths, (month) => writeAzurePair(azureBucket(folder), month)),
    inTurn(demoMonths, (month) => writeSaasMonth(saasBucket(folder), month)),
  ]);
  await dateNewFiles(folder, 3);
  const configuration = join(folder, "billhouse.toml");
  await writeFile(configuration, configurationText);
  await writeFile(join(folder, accountsFile), accountsText);
  await writeFile(join(folder, budgetsFile), budgetsText);
  return { configuration, deliveries: [...aws, ...azure, ...pairs.flat(), ...saas] };
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

function saasBucket(folder: string): string {
  return join(folder, "buckets", "saas");
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
  saas: { dataset: "billing_data", name: "lumen_ai_data" },
} as const;

const owners: Readonly<Record<string, string>> = {
  management: "platform",
  production: "web",
  data: "data",
  staging: "platform",
  sandbox: "machine-learning",
  retail: "web",
  insights: "data",
  shared: "platform",
  development: "platform",
};

/** The list of accounts beside the configuration. */
const accountsFile = "accounts.csv";

/** Who owns each account: a bill does not say it, and the report of AWS does not name accounts either. */
const accountsText = [
  "id,name,owner,environment",
  ...[...Object.entries(awsAccounts), ...Object.entries(azureSubscriptions)].map(
    ([key, { id, name, environment }]) => `${id},${name},${owners[key] ?? ""},${environment}`,
  ),
  "",
].join("\n");

/** The list of budgets beside the configuration. */
const budgetsFile = "budgets.csv";

/** What a month may cost: the machine-learning team exceeds its budget with the spike of the newest month. */
const budgetsText = `by,value,amount,currency
total,,88000,USD
owner,web,42000,USD
owner,data,28000,USD
owner,platform,12500,USD
owner,machine-learning,2000,USD
`;

const configurationText = `# Written by \`billhouse demo\`: five billing exports in folders below this one, loaded into a DuckDB file.

[sources.aws_cur]
bucket_url  = "buckets/aws"
prefix      = "${awsExport.prefix}"
export_name = "${awsExport.name}"

[sources.azure_billing]
bucket_url  = "buckets/azure"
prefix      = "${azureExport.prefix}"
export_name = "${azureExport.name}"

# Actual and amortized cost of the newest months, which the export in FOCUS columns has too: they are counted once.
[sources.${azurePair.actual.source}]
bucket_url  = "buckets/azure"
prefix      = "${azurePair.actual.prefix}"
export_name = "${azurePair.actual.name}"

[sources.${azurePair.amortized.source}]
bucket_url  = "buckets/azure"
prefix      = "${azurePair.amortized.prefix}"
export_name = "${azurePair.amortized.name}"

# A SaaS vendor's bills: files in FOCUS columns, without manifests.
[sources.lumen_ai]
bucket_url = "buckets/saas"
prefix     = "${saasExport.prefix}"
kind       = "focus-files"

[destination.duckdb]
path = "billhouse.duckdb"

# Who owns each account.
[focus]
accounts = "${accountsFile}"

# What a month may cost, in all and by owner.
[budgets]
file = "${budgetsFile}"

# The tags by which costs are allocated. The teams write the key of their cost center in two ways.
[focus.tags]
team = []
cost_center = ["CostCenter", "cost-center"]
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
  const isDemos = (name: string): boolean =>
    ["buckets", accountsFile, budgetsFile].includes(name) || name.startsWith("billhouse.");
  for (const entry of entries.filter(isDemos)) {
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

/** A question to the demo's bills. */
export interface DemoQuestion {
  readonly title: string;
  /** The command that answers it, without `billhouse`. A text in double quotes is one argument. */
  readonly command: string;
}

/** Questions to the demo's bills. Money stays decimal from the bill to the screen, in SQL too. */
export const demoQuestions: readonly DemoQuestion[] = [
  {
    title: "What did the newest month cost, over all vendors?",
    command: `costs --month ${openMonth} --by category`,
  },
  {
    title: "Why did it cost more than the month before?",
    command: `explain ${openMonth}`,
  },
  {
    title: "What did each vendor bill, month by month?",
    command: `query "SELECT x_BillingMonth AS month,
  round(sum(BilledCost) FILTER (x_Export = 'aws_cur'), 2) AS aws,
  round(sum(BilledCost) FILTER (x_Export = 'azure_billing'), 2) AS azure,
  round(sum(BilledCost) FILTER (x_Export = 'lumen_ai'), 2) AS saas
FROM focus_costs GROUP BY month ORDER BY month"`,
  },
  {
    title: "What does a cost center use? The bills spell its tag in two ways.",
    command: `query "SELECT x_Tag_cost_center AS cost_center,
  round(sum(EffectiveCost), 2) AS usd
FROM focus_costs
WHERE x_BillingMonth = '${openMonth}' AND ChargeCategory = 'Usage'
GROUP BY cost_center ORDER BY usd DESC"`,
  },
  {
    title: `What happened to SageMaker in ${awsAccounts[anomaly.account].name}, day by day?`,
    command: `query "SELECT strftime(ChargePeriodStart, '%a %d %b') AS day,
  round(sum(EffectiveCost), 2) AS cost,
  repeat('#', (sum(EffectiveCost) * 0.05)::INTEGER) AS bar
FROM focus_costs
WHERE ServiceName = 'Amazon SageMaker' AND ChargeCategory = 'Usage'
  AND SubAccountId = '${awsAccounts[anomaly.account].id}'
  AND ChargePeriodStart BETWEEN '2026-10-09' AND '2026-10-20'
GROUP BY day, ChargePeriodStart ORDER BY ChargePeriodStart"`,
  },
];
