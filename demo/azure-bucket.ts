import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { amountText } from "./amounts.ts";
import { azureCommitmentRows } from "./azure-commitments.ts";
import { azureSubscriptions } from "./azure-fleets.ts";
import { azureBillCells, azureBookedRow, azureInvoice, type AzureRow, subscriptionCells } from "./azure-rows.ts";
import { azureUsage } from "./azure-usage.ts";
import { alphabets, lastDayOf, nextMonth, openMonth, randomFrom } from "./company.ts";
import { type Cells, csvText, type DemoExecution } from "./delivery.ts";
import type { BillingMonth } from "../src/model.ts";

/** The folder of the demo's export in its container, and its name. */
export const azureExport = { prefix: "exports", name: "acme-focus" } as const;

/** What Azure's second run of the newest month brought, as a person would say it. */
export const finalRunBecause: readonly string[] = [
  "usage of the last day that arrived late",
  "the invoice and its rounding adjustment: the month is final",
];

/** The figures of one run of one month; 2 is the run after the invoice. */
export function azureDelivery(month: BillingMonth, number: 1 | 2): DemoExecution {
  return billOf(month, number).delivery;
}

/**
 * Writes one run of one month in the create-new shape: Parquet parts and a manifest in a folder of the run's time and
 * id. Runs of the same month stay side by side.
 */
export async function writeAzureMonth(
  bucket: string,
  month: BillingMonth,
  number: 1 | 2,
  connection: DuckDBConnection,
): Promise<DemoExecution> {
  const { rows, delivery } = billOf(month, number);
  const submitted = submittedTime(month, number);
  const range = `${month}-01-${lastDayOf(month)}`.replaceAll("-", "").replace(/^(\d{8})/, "$1-");
  const runTime = submitted.replaceAll(/\D/g, "").slice(0, 12);
  const folder = `${azureExport.prefix}/${azureExport.name}/${range}/${runTime}/${delivery.executionId}`;
  await mkdir(join(bucket, folder), { recursive: true });

  const blobs: Blob[] = [];
  for (let index = 0; index < delivery.files; index += 1) {
    const part = rows.slice(index * rowsPerPart, (index + 1) * rowsPerPart);
    const blobName = `${folder}/part_${index}_0001.snappy.parquet`;
    await writeParquet(connection, join(bucket, blobName), azureColumns(month), part);
    blobs.push({ blobName, byteCount: (await stat(join(bucket, blobName))).size, dataRowCount: part.length });
  }
  const manifest = manifestOf(month, delivery.executionId, submitted, blobs);
  await writeFile(join(bucket, folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return delivery;
}

interface Blob {
  readonly blobName: string;
  readonly byteCount: number;
  readonly dataRowCount: number;
}

const rowsPerPart = 1500;

function billOf(month: BillingMonth, number: 1 | 2): { rows: readonly Cells[]; delivery: DemoExecution } {
  // Months before the open one have their invoice from the first run on.
  const final = number === 2 || month !== openMonth;
  const usage = azureUsage(month);
  const booked = [...usage, ...azureCommitmentRows(month, usage), ...azureCharges(month)];
  const rows = final ? [...booked, roundingAdjustment(month)] : booked.filter(arrivedEarly(month));
  const bill = azureBillCells(month, final ? azureInvoice(month) : "");
  const delivery = {
    source: "azure_billing",
    billingMonth: month,
    executionId: randomFrom(`azure run ${month} ${number}`).uuid(),
    files: Math.ceil(rows.length / rowsPerPart),
    rows: rows.length,
    currency: "USD",
    cost: amountText(rows.reduce((sum, { billed }) => sum + billed, 0n)),
  } as const;
  return { rows: rows.map(({ cells }) => ({ ...bill, ...cells })), delivery };
}

/** Of the last day of an open month some services report only after the first run. */
function arrivedEarly(month: BillingMonth): (row: AzureRow) => boolean {
  const late = new Set(["Bandwidth", "Azure Monitor", "Azure OpenAI Service", "Azure Databricks", "Mailwright Pro"]);
  return ({ cells, date }) => date !== lastDayOf(month) || !late.has(cells["ServiceName"] ?? "");
}

/** Microsoft submits the run of a month on the second day of the next one, and again when the invoice is there. */
function submittedTime(month: BillingMonth, number: 1 | 2): string {
  const draw = randomFrom(`azure submitted ${month} ${number}`);
  const day = number === 1 && month === openMonth ? "02" : "06";
  const digits = draw.text("0123456789", 7);
  return `${nextMonth(month)}-${day}T0${draw.text("123456", 1)}:${draw.text("12345", 1)}${draw.text("0123456789", 1)}:17.${digits}Z`;
}

function manifestOf(month: BillingMonth, runId: string, submitted: string, blobs: readonly Blob[]): object {
  const subscription = `/subscriptions/${azureSubscriptions.shared.id}`;
  return {
    manifestVersion: "2024-04-01",
    byteCount: blobs.reduce((sum, { byteCount }) => sum + byteCount, 0),
    blobCount: blobs.length,
    dataRowCount: blobs.reduce((sum, { dataRowCount }) => sum + dataRowCount, 0),
    exportConfig: {
      exportName: azureExport.name,
      resourceId: `${subscription}/providers/Microsoft.CostManagement/exports/${azureExport.name}`,
      dataVersion: "1.2-preview",
      apiVersion: "2023-07-01-preview",
      type: "FocusCost",
      timeFrame: "TheLastMonth",
      granularity: "Daily",
    },
    deliveryConfig: {
      partitionData: true,
      dataOverwriteBehavior: "CreateNewReport",
      fileFormat: "Parquet",
      compressionMode: "Snappy",
      containerUri: `${subscription}/resourceGroups/rg-billing/providers/Microsoft.Storage/storageAccounts/acmeexports`,
      rootFolderPath: azureExport.prefix,
    },
    runInfo: {
      executionType: "Scheduled",
      submittedTime: submitted,
      runId,
      startDate: `${month}-01T00:00:00`,
      endDate: `${lastDayOf(month)}T00:00:00Z`,
    },
    blobs,
  };
}

/** DuckDB writes the file from a CSV beside it: every value goes through its exact text, and an empty one is NULL. */
async function writeParquet(
  connection: DuckDBConnection,
  path: string,
  columns: readonly AzureColumn[],
  rows: readonly Cells[],
): Promise<void> {
  const csv = `${path}.csv`;
  await writeFile(
    csv,
    csvText(
      columns.map(({ name }) => name),
      rows,
    ),
  );
  const types = columns.map(({ name, type }) => `'${name}': '${type}'`).join(", ");
  await connection.run(
    `COPY (SELECT * FROM read_csv(${literal(csv)}, header = true, auto_detect = false, delim = ',', quote = '"',
       escape = '"', nullstr = '', hive_partitioning = false, columns = {${types}}))
     TO ${literal(path)} (FORMAT parquet, COMPRESSION snappy)`,
  );
  await rm(csv);
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A column of the demo's Azure export, with the type that its Parquet files give it. */
export interface AzureColumn {
  readonly name: string;
  readonly type: "VARCHAR" | "DECIMAL(38,18)" | "TIMESTAMP" | "BOOLEAN";
}

/** The month from which on the export has one more column, as happens when Microsoft moves its schema on. */
const serviceModelSince: BillingMonth = "2026-09";

/** The columns of the export of one month, in the order of the file. */
export function azureColumns(month: BillingMonth): AzureColumn[] {
  return names
    .split(" ")
    .filter((name) => name !== "x_ServiceModel" || month >= serviceModelSince)
    .map((name) => ({ name, type: typeOf(name) }));
}

function typeOf(name: string): AzureColumn["type"] {
  if (name === "x_SkuIsCreditEligible") return "BOOLEAN";
  if (/Period(Start|End)$|RateDate$/.test(name)) return "TIMESTAMP";
  return /(Cost|CostInUsd|Price|Quantity|ExchangeRate|BlockSize)$/.test(name) ? "DECIMAL(38,18)" : "VARCHAR";
}

const names =
  "BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency BillingPeriodEnd " +
  "BillingPeriodStart CapacityReservationId CapacityReservationStatus ChargeCategory ChargeClass ChargeDescription " +
  "ChargeFrequency ChargePeriodEnd ChargePeriodStart CommitmentDiscountCategory CommitmentDiscountId " +
  "CommitmentDiscountName CommitmentDiscountQuantity CommitmentDiscountStatus CommitmentDiscountType " +
  "CommitmentDiscountUnit ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost InvoiceId " +
  "InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingCurrency PricingQuantity PricingUnit ProviderName " +
  "PublisherName RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory ServiceName " +
  "ServiceSubcategory SkuId SkuMeter SkuPriceDetails SkuPriceId SubAccountId SubAccountName SubAccountType Tags " +
  "x_AmortizationClass x_BilledCostInUsd x_BillingExchangeRate x_BillingExchangeRateDate x_BillingProfileId " +
  "x_BillingProfileName x_ContractedCostInUsd x_CostCenter x_EffectiveCostInUsd x_InvoiceSectionName x_ListCostInUsd " +
  "x_PricingBlockSize x_PricingUnitDescription x_PublisherCategory x_ResourceGroupName x_ResourceType x_ServiceModel " +
  "x_ServicePeriodEnd x_ServicePeriodStart x_SkuIsCreditEligible x_SkuMeterCategory x_SkuMeterId x_SkuOfferId " +
  "x_SkuOrderId x_SkuTerm";

/** What is on a bill beside usage and commitments: a credit, and in July the correction of an earlier month. */
export function azureCharges(month: BillingMonth): AzureRow[] {
  const credit = azureBookedRow(
    {
      ...bookedCells,
      ChargeCategory: "Credit",
      ChargeDescription: "Azure sponsorship credit",
      ServiceName: "Azure Credits",
    },
    `${month}-01`,
    `${month}-02`,
    "-650",
  );
  if (month !== "2026-07") return [credit];
  const correction = azureBookedRow(
    {
      ...bookedCells,
      ...subscriptionCells("retail"),
      ChargeCategory: "Adjustment",
      ChargeClass: "Correction",
      ChargeDescription: "Correction of Azure Cosmos DB usage of 2026-06",
      ServiceName: "Azure Cosmos DB",
      ServiceCategory: "Databases",
      ServiceSubcategory: "NoSQL Databases",
    },
    "2026-06-21",
    "2026-06-22",
    "-83.174219640000000012",
  );
  return [credit, correction];
}

/** The rounding that an invoice takes to the cent; it comes with the invoice. */
export function roundingAdjustment(month: BillingMonth): AzureRow {
  const last = lastDayOf(month);
  const draw = randomFrom(`azure rounding ${month}`);
  return azureBookedRow(
    {
      ...bookedCells,
      ChargeCategory: "Adjustment",
      ChargeDescription: "Rounding adjustment",
      ServiceName: "Rounding Adjustment",
    },
    last,
    `${nextMonth(month)}-01`,
    `${draw.text("-+", 1)}0.00${draw.text("01234", 1)}${draw.text(alphabets.decimal, 15)}`.replace("+", ""),
  );
}

const bookedCells = {
  ...subscriptionCells("shared"),
  ChargeFrequency: "One-Time",
  PricingCategory: "Other",
  PublisherName: "Microsoft",
  ServiceCategory: "Other",
  ServiceSubcategory: "Other (Other)",
  x_PublisherCategory: "Cloud Provider",
  x_ServiceModel: "",
};
