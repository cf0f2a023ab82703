import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { BillingMonth } from "../src/model.ts";
import { amountText } from "./amounts.ts";
import { azureCommitmentRows } from "./azure-commitments.ts";
import { azureSubscriptions } from "./azure-fleets.ts";
import { type AzureRow, azureInvoice } from "./azure-rows.ts";
import { azureUsage } from "./azure-usage.ts";
import { lastDayOf, nextMonth, openMonth, randomFrom } from "./company.ts";
import { type Cells, csvText, type DemoExecution } from "./delivery.ts";

/** The exports of actual and amortized cost, which the company had before FOCUS and has kept. */
export const azurePair = {
  actual: { source: "azure_actual", prefix: "costs", name: "acme-actual", type: "ActualCost" },
  amortized: { source: "azure_amortized", prefix: "costs", name: "acme-amortized", type: "AmortizedCost" },
} as const;

/** The months that it has them for. */
export const pairMonths: readonly BillingMonth[] = ["2026-09", openMonth];

/**
 * Writes both exports of one month: the same usage and purchases as the export in FOCUS columns, as CSV of the Microsoft
 * Customer Agreement. Credits and rounding are not in these exports.
 */
export async function writeAzurePair(bucket: string, month: BillingMonth): Promise<readonly DemoExecution[]> {
  const usage = azureUsage(month);
  const charges = [...usage, ...azureCommitmentRows(month, usage)];
  const isPurchase = ({ cells }: AzureRow): boolean => cells["ChargeCategory"] === "Purchase" && isCommitted(cells);
  const isUnused = ({ cells }: AzureRow): boolean => cells["CommitmentDiscountStatus"] === "Unused";
  return [
    await writeExport(
      bucket,
      month,
      "actual",
      charges.filter((row) => !isUnused(row)),
      ({ billed }) => billed,
    ),
    await writeExport(
      bucket,
      month,
      "amortized",
      charges.filter((row) => !isPurchase(row)),
      ({ effective }) => effective,
    ),
  ];
}

async function writeExport(
  bucket: string,
  month: BillingMonth,
  kind: keyof typeof azurePair,
  rows: readonly AzureRow[],
  costOf: (row: AzureRow) => bigint,
): Promise<DemoExecution> {
  const { source, prefix, name, type } = azurePair[kind];
  const runId = randomFrom(`azure ${kind} ${month}`).uuid();
  const submitted = `${nextMonth(month)}-02T03:1${kind === "actual" ? 4 : 9}:08.0000000Z`;
  const range = `${month}-01-${lastDayOf(month)}`.replaceAll("-", "").replace(/^(\d{8})/, "$1-");
  const runTime = submitted.replaceAll(/\D/g, "").slice(0, 12);
  const folder = `${prefix}/${name}/${range}/${runTime}/${runId}`;
  const blobName = `${folder}/part_0_0001.csv.gz`;
  const cells = rows.map((row) => costCells(month, row, costOf(row)));
  const bytes = gzipSync(csvText(columns, cells));
  await mkdir(join(bucket, folder), { recursive: true });
  await writeFile(join(bucket, blobName), bytes);
  const manifest = {
    manifestVersion: "2024-04-01",
    byteCount: bytes.length,
    blobCount: 1,
    dataRowCount: rows.length,
    exportConfig: {
      exportName: name,
      resourceId: `/subscriptions/${azureSubscriptions.shared.id}/providers/Microsoft.CostManagement/exports/${name}`,
      dataVersion: "2021-10-01",
      apiVersion: "2023-07-01-preview",
      type,
      timeFrame: "TheLastMonth",
      granularity: "Daily",
    },
    deliveryConfig: {
      partitionData: true,
      dataOverwriteBehavior: "CreateNewReport",
      fileFormat: "Csv",
      compressionMode: "gzip",
      rootFolderPath: prefix,
    },
    runInfo: {
      executionType: "Scheduled",
      submittedTime: submitted,
      runId,
      startDate: `${month}-01T00:00:00`,
      endDate: `${lastDayOf(month)}T00:00:00Z`,
    },
    blobs: [{ blobName, byteCount: bytes.length, dataRowCount: rows.length }],
  };
  await writeFile(join(bucket, folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return {
    source,
    billingMonth: month,
    executionId: runId,
    files: 1,
    rows: rows.length,
    currency: "USD",
    cost: amountText(rows.reduce((sum, row) => sum + costOf(row), 0n)),
  };
}

/** The cells of a charge with one of its two costs, from those in FOCUS columns. */
function costCells(month: BillingMonth, { cells, date }: AzureRow, cost: bigint): Cells {
  const cell = (name: string): string => cells[name] ?? "";
  const model = cell("CommitmentDiscountType").replace(" ", "");
  const isUnused = cell("CommitmentDiscountStatus") === "Unused";
  const text = amountText(cost);
  return {
    invoiceId: month === openMonth ? "" : azureInvoice(month),
    billingAccountId: "5f0c2a7e-91d4-4b3e-8a6d-3e7c9b12f480:1c9d7e20-4b3a-4f6e-9d85-0a7b6c5d4e3f_2019-05-31",
    billingAccountName: "Acme",
    billingProfileId: "7QK2-LM9T-BG7-PGB",
    billingProfileName: "Acme",
    billingPeriodStartDate: american(`${month}-01`),
    billingPeriodEndDate: american(lastDayOf(month)),
    date: american(date),
    SubscriptionId: cell("SubAccountId").replace("/subscriptions/", ""),
    subscriptionName: cell("SubAccountName"),
    resourceGroupName: cell("x_ResourceGroupName"),
    ResourceId: cell("ResourceId"),
    resourceLocation: cell("RegionId"),
    consumedService: cell("x_ResourceType").split("/")[0] ?? "",
    meterId: cell("x_SkuMeterId"),
    meterCategory: cell("ServiceName"),
    meterName: cell("SkuMeter"),
    ProductId: cell("SkuId"),
    ProductName: cell("ChargeDescription"),
    quantity: cell("PricingQuantity"),
    unitOfMeasure: cell("x_PricingUnitDescription") || cell("PricingUnit"),
    unitPrice: cell("ContractedUnitPrice"),
    PayGPrice: cell("ListUnitPrice"),
    costInBillingCurrency: text,
    costInPricingCurrency: text,
    costInUsd: text,
    paygCostInBillingCurrency: cell("ListCost"),
    billingCurrency: "USD",
    pricingCurrency: "USD",
    exchangeRatePricingToBilling: "1",
    exchangeRateDate: american(`${month}-01`),
    chargeType: isUnused ? `Unused${model}` : cell("ChargeCategory"),
    frequency: cell("ChargeFrequency").replace("-", ""),
    pricingModel: model || "OnDemand",
    benefitId: cell("CommitmentDiscountId"),
    benefitName: cell("CommitmentDiscountName"),
    term: cell("x_SkuTerm"),
    publisherName: cell("PublisherName"),
    publisherType: cell("x_PublisherCategory") === "Vendor" ? "Marketplace" : "Microsoft",
    costCenter: cell("x_CostCenter"),
    tags: cell("Tags"),
  };
}

function isCommitted(cells: Cells): boolean {
  return (cells["CommitmentDiscountId"] ?? "") !== "";
}

/** A day as these exports write it: month/day/year. */
function american(day: string): string {
  const [year, month, date] = day.split("-");
  return `${month}/${date}/${year}`;
}

const columns = (
  "invoiceId billingAccountId billingAccountName billingProfileId billingProfileName billingPeriodStartDate " +
  "billingPeriodEndDate date SubscriptionId subscriptionName resourceGroupName ResourceId resourceLocation " +
  "consumedService meterId meterCategory meterName ProductId ProductName quantity unitOfMeasure unitPrice PayGPrice " +
  "costInBillingCurrency costInPricingCurrency costInUsd paygCostInBillingCurrency billingCurrency pricingCurrency " +
  "exchangeRatePricingToBilling exchangeRateDate chargeType frequency pricingModel benefitId benefitName term " +
  "publisherName publisherType costCenter tags"
).split(" ");
