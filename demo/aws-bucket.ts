import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { amount, amountText, times } from "./amounts.ts";
import { awsCommitments } from "./aws-commitments.ts";
import { awsAccounts } from "./aws-fleets.ts";
import { awsLine, type AwsLine, deliveredCells, monthSpan, usageSpan } from "./aws-lines.ts";
import { awsUsage } from "./aws-usage.ts";
import { alphabets, nextMonth, openMonth, randomFrom } from "./company.ts";
import { type Cells, csvText, type DemoExecution } from "./delivery.ts";
import type { BillingMonth } from "../src/model.ts";

/** The place and the name of the demo's report in its bucket. */
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
export function awsDelivery(month: BillingMonth, number: 1 | 2): DemoExecution {
  return billOf(month, number).delivery;
}

/**
 * Writes one delivery of one month in the create-new shape: data files and a manifest in a folder named by the
 * assembly, and the pointer manifest above it, which moves to the newest assembly.
 */
export async function writeAwsMonth(bucket: string, month: BillingMonth, number: 1 | 2): Promise<DemoExecution> {
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

function billOf(month: BillingMonth, number: 1 | 2): { lines: readonly AwsLine[]; delivery: DemoExecution } {
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

/** A column of the demo's AWS report, as its manifest declares it. */
export interface AwsColumn {
  readonly category: string;
  readonly name: string;
  readonly type: string;
}

/** The month from which on the report has one more tag column, as when a tag is activated. */
const projectTagSince: BillingMonth = "2026-08";

/** The columns of the report of one month, in the order of the file. */
export function awsColumns(month: BillingMonth): AwsColumn[] {
  return sections.flatMap(([category, ...groups]) =>
    groups.flatMap(([type, names]) =>
      names
        .split(" ")
        .filter((name) => name !== "user:project" || month >= projectTagSince)
        .map((name) => ({ category, name, type })),
    ),
  );
}

type Section = readonly [category: string, ...groups: (readonly [type: string, names: string])[]];

const sections: readonly Section[] = [
  ["identity", ["String", "LineItemId"], ["Interval", "TimeInterval"]],
  [
    "bill",
    ["String", "InvoiceId InvoicingEntity BillingEntity BillType PayerAccountId"],
    ["DateTime", "BillingPeriodStartDate BillingPeriodEndDate"],
  ],
  [
    "lineItem",
    ["String", "UsageAccountId LineItemType"],
    ["DateTime", "UsageStartDate UsageEndDate"],
    ["String", "ProductCode UsageType Operation AvailabilityZone ResourceId"],
    ["BigDecimal", "UsageAmount"],
    ["OptionalBigDecimal", "NormalizationFactor NormalizedUsageAmount"],
    ["String", "CurrencyCode UnblendedRate"],
    ["BigDecimal", "UnblendedCost"],
    ["String", "BlendedRate"],
    ["BigDecimal", "BlendedCost"],
    ["String", "LineItemDescription TaxType LegalEntity"],
  ],
  [
    "product",
    [
      "String",
      "ProductName cacheEngine databaseEngine durability group instanceFamily instanceType licenseModel location " +
        "locationType memory messageDeliveryFrequency operatingSystem operation productFamily queueType region " +
        "regionCode servicecode servicename sku storageClass storageMedia tenancy toLocation transferType usagetype " +
        "vcpu volumeApiName volumeType",
    ],
  ],
  [
    "pricing",
    ["String", "LeaseContractLength OfferingClass PurchaseOption RateCode RateId currency"],
    ["BigDecimal", "publicOnDemandCost"],
    ["String", "publicOnDemandRate term unit"],
  ],
  [
    "reservation",
    ["OptionalBigDecimal", "AmortizedUpfrontCostForUsage AmortizedUpfrontFeeForBillingPeriod EffectiveCost"],
    ["OptionalString", "EndTime ModificationStatus"],
    ["String", "NormalizedUnitsPerReservation NumberOfReservations"],
    ["OptionalBigDecimal", "RecurringFeeForUsage"],
    ["String", "ReservationARN"],
    ["OptionalString", "StartTime"],
    ["String", "SubscriptionId TotalReservedNormalizedUnits TotalReservedUnits UnitsPerReservation"],
    [
      "OptionalBigDecimal",
      "UnusedAmortizedUpfrontFeeForBillingPeriod UnusedNormalizedUnitQuantity UnusedQuantity UnusedRecurringFee " +
        "UpfrontValue",
    ],
  ],
  [
    "savingsPlan",
    ["OptionalBigDecimal", "TotalCommitmentToDate"],
    ["OptionalString", "SavingsPlanARN"],
    [
      "OptionalBigDecimal",
      "SavingsPlanRate UsedCommitment SavingsPlanEffectiveCost AmortizedUpfrontCommitmentForBillingPeriod " +
        "RecurringCommitmentForBillingPeriod",
    ],
    ["String", "PurchaseTerm PaymentOption EndTime StartTime OfferingType"],
  ],
  ["costCategory", ["String", "AccountName BusinessUnit"]],
  // Both spellings of the cost centre: AWS treats tag keys that differ at all as different tags.
  ["resourceTags", ["String", "user:CostCenter user:Name user:cost-center user:environment user:project user:team"]],
];

/** What is on a bill beside usage: support, a marketplace product, credits, a refund and, on all of it, tax. */
export function awsCharges(month: BillingMonth, lines: readonly AwsLine[]): AwsLine[] {
  const charges = [support(month, lines), marketplace(month), ...credits(month), ...refunds(month)];
  return [...charges, ...taxes(month, lines)];
}

/** A credit, as AWS books it: a line of its own with a negative cost. */
export function credit(
  span: Cells,
  productCode: string,
  productName: string,
  description: string,
  value: string,
): AwsLine {
  const cells = { ...payerCells("Credit", productCode, productName, description), ...span };
  return awsLine(cells, amount("1"), amount(value));
}

const payer = awsAccounts.management.id;

function payerCells(type: string, productCode: string, productName: string, description: string): Cells {
  return {
    "lineItem/LineItemType": type,
    "lineItem/UsageAccountId": payer,
    "lineItem/ProductCode": productCode,
    "lineItem/LineItemDescription": description,
    "product/ProductName": productName,
    "product/servicecode": productCode,
  };
}

/** Business support: 10 % of the first 10,000 USD of a month, 7 % of what is above. */
function support(month: BillingMonth, lines: readonly AwsLine[]): AwsLine {
  const total = lines.reduce((sum, { cost }) => sum + cost, 0n);
  const threshold = amount("10000");
  const fee = total <= threshold ? times(total, 0.1, 10) : amount("1000") + times(total - threshold, 0.07, 10);
  const description = "AWS Support (Business), 10% of monthly AWS usage for the first $0-$10K, 7% up to $80K";
  const cells = payerCells("Fee", "AWSSupportBusiness", "AWS Support (Business)", description);
  return awsLine({ ...cells, ...monthSpan(month), "lineItem/UsageType": "Dollar" }, amount("1"), fee);
}

function marketplace(month: BillingMonth): AwsLine {
  const name = "Lumenwatch Observability, Team Plan";
  const cells = {
    ...payerCells("Usage", "4r8kq1zvtw0cx7n2m5hybd9e3", name, `AWS Marketplace software usage|${name}`),
    ...monthSpan(month),
    "bill/BillingEntity": "AWS Marketplace",
    "bill/InvoicingEntity": "Lumenwatch GmbH",
    "lineItem/LegalEntity": "Lumenwatch GmbH",
    "lineItem/UsageType": "SoftwareUsage:Seats",
    "pricing/unit": "Units",
  };
  return awsLine(cells, amount("42"), amount("38.5"));
}

function credits(month: BillingMonth): AwsLine[] {
  if (month > "2026-07") return [];
  const description = 'Migration Acceleration Program, credit "MAP2.0-ACME-7731"';
  return [credit(monthSpan(month), "AmazonRedshift", "Amazon Redshift", description, "-1500")];
}

/** In June AWS pays back a part of May: usage dates of another month, in the bill of this one. */
function refunds(month: BillingMonth): AwsLine[] {
  if (month !== "2026-06") return [];
  const description = "Refund for data transfer charged twice on 2026-05-18";
  const cells = {
    ...payerCells("Refund", "AmazonEC2", "Amazon Elastic Compute Cloud", description),
    ...usageSpan("2026-05-18", "2026-05-19"),
    "bill/BillType": "Refund",
    "lineItem/UsageAccountId": awsAccounts.production.id,
    "lineItem/UsageType": "DataTransfer-Out-Bytes",
  };
  return [awsLine(cells, amount("2359.6841"), amount("-0.09"))];
}

/** Sales tax: one line for each account and product, to the cent; while a month is open AWS estimates it. */
function taxes(month: BillingMonth, lines: readonly AwsLine[]): AwsLine[] {
  const groups = Map.groupBy(
    lines,
    ({ cells }) => `${cells["lineItem/UsageAccountId"]} ${cells["lineItem/ProductCode"]}`,
  );
  const estimated = month === openMonth ? " (estimated)" : "";
  return [...groups.values()].flatMap((group) => {
    const cells = group[0]?.cells ?? {};
    const code = cells["lineItem/ProductCode"] ?? "";
    const tax = times(
      group.reduce((sum, { cost }) => sum + cost, 0n),
      0.0635,
      2,
    );
    if (tax <= 0n) return [];
    const line = {
      ...payerCells("Tax", code, cells["product/ProductName"] ?? "", `Tax for product code ${code}${estimated}`),
      ...monthSpan(month),
      "lineItem/UsageAccountId": cells["lineItem/UsageAccountId"] ?? payer,
      "lineItem/TaxType": "USSalesTax",
    };
    return [{ ...awsLine(line, amount("1"), 0n), cost: tax }];
  });
}
