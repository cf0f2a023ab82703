import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { BillingMonth } from "../src/model.ts";
import { amount, amountText, times } from "./amounts.ts";
import { awsCharges, credit } from "./aws-charges.ts";
import { awsColumns } from "./aws-columns.ts";
import { awsCommitments } from "./aws-commitment-lines.ts";
import { awsAccounts } from "./aws-fleets.ts";
import { awsLine, deliveredCells, usageSpan, type AwsLine } from "./aws-lines.ts";
import { awsUsage } from "./aws-usage.ts";
import { csvText } from "./csv.ts";
import type { DemoDelivery } from "./delivery.ts";
import { nextMonth } from "./months.ts";
import { alphabets, randomFrom } from "./random.ts";

/** Where the demo's report lies in its bucket, and what it is called. */
export const awsExport = { prefix: "cur", name: "acme-cur" } as const;

/** The month that AWS restates after it was closed. */
export const restatedMonth: BillingMonth = "2026-08";

/** What AWS changed in the restated month, as a person would say it. */
export const restatedBecause: readonly string[] = [
  "a service credit of 1840.55 USD for Amazon Redshift was added",
  "the price of CloudWatch logs from the 24th on was corrected",
  "data transfer of the 11th to the 13th that was billed twice was removed",
];

/** The figures of one delivery of one month; 2 is the restatement. */
export function awsDelivery(month: BillingMonth, number: 1 | 2): DemoDelivery {
  return billOf(month, number).delivery;
}

/**
 * Writes one delivery of one month in the create-new shape: data files and a manifest in a folder named by the
 * assembly, and the pointer manifest above it, which moves to the newest assembly.
 */
export async function writeAwsMonth(bucket: string, month: BillingMonth, number: 1 | 2): Promise<DemoDelivery> {
  const { lines, delivery } = billOf(month, number);
  const assembly = delivery.executionId;
  const range = `${month}-01-${nextMonth(month)}-01`.replaceAll("-", "").replace(/^(\d{8})/, "$1-");
  const folder = `${awsExport.prefix}/${awsExport.name}/${range}`;
  const columns = awsColumns(month);
  const header = columns.map(({ category, name }) => `${category}/${name}`);
  const rows = deliveredCells(lines, month, assembly);

  const keys = await Promise.all(
    Array.from({ length: delivery.files }, async (_, index) => {
      const file = `${awsExport.name}-${String(index + 1).padStart(5, "0")}.csv.gz`;
      const key = `${folder}/${assembly}/${file}`;
      const part = rows.slice(index * rowsPerFile, (index + 1) * rowsPerFile);
      await write(bucket, key, await compress(csvText(header, part)));
      return key;
    }),
  );
  const manifest = manifestText(month, assembly, columns, keys);
  await write(bucket, `${folder}/${assembly}/${awsExport.name}-Manifest.json`, manifest);
  // Last of all, as AWS does: it is what says that the delivery is complete.
  await write(bucket, `${folder}/${awsExport.name}-Manifest.json`, manifest);
  return delivery;
}

const compress = promisify(gzip);
const rowsPerFile = 2500;

function billOf(month: BillingMonth, number: 1 | 2): { lines: readonly AwsLine[]; delivery: DemoDelivery } {
  const usage = awsUsage(month);
  const charged = [...usage, ...awsCommitments(month, usage)];
  const first = [...charged, ...awsCharges(month, charged)];
  const lines = number === 1 ? first : restated(first);
  const delivery = {
    source: "aws_cur",
    billingMonth: month,
    executionId: randomFrom(`aws assembly ${month} ${number}`).uuid(),
    files: Math.ceil(lines.length / rowsPerFile),
    rows: lines.length,
    currency: "USD",
    cost: amountText(lines.reduce((sum, { cost }) => sum + cost, 0n)),
  } as const;
  return { lines, delivery };
}

/** The bill after AWS looked at it again: what `restatedBecause` says. */
function restated(lines: readonly AwsLine[]): AwsLine[] {
  const day = (line: AwsLine): string => line.cells["lineItem/UsageStartDate"]?.slice(0, 10) ?? "";
  const isUsage = (line: AwsLine): boolean => line.cells["lineItem/LineItemType"] === "Usage";
  const corrected = lines
    .filter((line) => {
      const twice = isUsage(line) && line.cells["product/transferType"] !== undefined;
      const owner = line.cells["lineItem/UsageAccountId"] === awsAccounts.data.id;
      return !(twice && owner && day(line) >= "2026-08-11" && day(line) <= "2026-08-13");
    })
    .map((line) => {
      const logs = isUsage(line) && line.cells["lineItem/ProductCode"] === "AmazonCloudWatch";
      if (!logs || day(line) < "2026-08-24") return line;
      const rate = times(amount(line.cells["lineItem/UnblendedRate"] ?? ""), 0.9, 10);
      return awsLine(line.cells, line.quantity, rate);
    });
  const span = usageSpan("2026-08-19", "2026-08-20");
  const reason = "Service credit for the interruption of Amazon Redshift in us-west-2 on 2026-08-19";
  return [...corrected, credit(span, "AmazonRedshift", "Amazon Redshift", reason, "-1840.55")];
}

function manifestText(
  month: BillingMonth,
  assemblyId: string,
  columns: ReturnType<typeof awsColumns>,
  reportKeys: readonly string[],
): string {
  const start = (of: BillingMonth): string => `${of.replace("-", "")}01T000000.000Z`;
  const manifest = {
    assemblyId,
    account: awsAccounts.management.id,
    columns,
    charset: "UTF-8",
    compression: "GZIP",
    contentType: "text/csv",
    reportId: randomFrom("aws report").text(alphabets.hexadecimal, 64),
    reportName: awsExport.name,
    billingPeriod: { start: start(month), end: start(nextMonth(month)) },
    bucket: "acme-billing",
    reportKeys,
    additionalArtifactKeys: [],
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

async function write(bucket: string, key: string, content: string | Buffer): Promise<void> {
  const path = join(bucket, key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
