import type { BillingMonth } from "../src/model.ts";
import { amount, times } from "./amounts.ts";
import { awsAccounts } from "./aws-fleets.ts";
import { awsLine, monthSpan, usageSpan, type AwsLine } from "./aws-lines.ts";
import type { Cells } from "./csv.ts";
import { openMonth } from "./months.ts";

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
