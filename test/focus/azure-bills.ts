import assert from "node:assert/strict";
import type { TestContext } from "node:test";

import type { QueryRow } from "../../src/warehouses/warehouse.ts";
import { azureDelivery, deliver, type Row } from "../support/deliveries.ts";
import { createGoogleProject, uploadFolder } from "../support/google.ts";
import { createProject, type Sections } from "../support/projects.ts";
import { load, rowsOf } from "./loaded-cases.ts";

/** The rows of one Azure export in one month. */
export interface Bill {
  readonly name: string;
  readonly month: string;
  readonly type: "ActualCost" | "AmortizedCost" | "FocusCost";
  readonly rows: readonly Row[];
}

/** The rows of a version of the view. */
export type Rows = (version?: "v1_2" | "v1_4") => Promise<readonly QueryRow[]>;

/** Loads bills into a new warehouse; the columns of a file are those of its rows. */
export async function loadBills(
  t: TestContext,
  bills: readonly Bill[],
  warehouse: "DuckDB" | "BigQuery" = "DuckDB",
): Promise<Rows> {
  const sections: Sections = Object.fromEntries(
    bills.map(({ name }) => [name, { bucket_url: "bucket", prefix: `exports/${name}`, kind: "azure-cost" }]),
  );
  const local = await createProject(t, sections);
  for (const [position, { name, month, type, rows }] of bills.entries()) {
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const id = `5b0d1c2e-0000-4000-8000-${String(position).padStart(12, "0")}`;
    await deliver(local.bucket, azureDelivery({ month, id, type, exportName: name, columns, files: [rows] }));
  }
  if (warehouse === "DuckDB") {
    await load(local);
    return (version = "v1_4") => rowsOf(local.config, `SELECT * FROM focus_${version}`);
  }
  const remote = Object.entries(sections).map(([name, { prefix = "" }]) => [name, { prefix, kind: "azure-cost" }]);
  const project = await createGoogleProject(t, Object.fromEntries(remote) as Sections);
  await uploadFolder(project, local.bucket);
  await load(project);
  return (version = "v1_4") => rowsOf(project.config, `SELECT * FROM billing_focus.focus_${version}`);
}

/** Finds the one row with a description. */
export async function finder(
  view: Rows,
  version: "v1_2" | "v1_4" = "v1_4",
): Promise<(description: string) => QueryRow> {
  const rows = await view(version);
  return (description) => {
    const [row, ...others] = rows.filter((each) => each["ChargeDescription"] === description);
    assert.ok(row !== undefined && others.length === 0, `there is one row of ${description}`);
    return row;
  };
}

/** The values of columns, with decimals as short as they can be. */
export function pick(row: QueryRow, columns: readonly string[]): unknown[] {
  return columns.map((column) => short(row[column]));
}

function short(value: unknown): unknown {
  return typeof value === "string" && /^-?\d+\.\d+$/u.test(value)
    ? value.replace(/0+$/u, "").replace(/\.$/u, "")
    : value;
}

/** Rows in one order, with times and decimals as both warehouses write them. */
export function comparable(rows: readonly QueryRow[]): readonly string[] {
  const plain = (value: unknown): unknown =>
    typeof value === "string" && /^\d{4}-\d\d-\d\d[ T]/u.test(value) ? day(value) : short(value);
  return rows.map((row) => JSON.stringify(Object.entries(row).map(([name, value]) => [name, plain(value)]))).toSorted();
}

/** The day of a time. */
export function day(time: unknown): string {
  return String(time).slice(0, 10);
}

const subscription = "3f2c1b70-5a10-4d39-9c57-0d6f0c1a2b31";
const machine = `/subscriptions/${subscription}/resourceGroups/RG-Shop/providers/Microsoft.Compute/virtualMachines/VM-1`;

/** A row of the Enterprise Agreement: a machine for ten hours, on demand. */
export function eaRow(cells: Row = {}): Row {
  return {
    BillingAccountId: "71234567",
    BillingAccountName: "Fabrikam Retail",
    BillingPeriodStartDate: "03/01/2025",
    BillingPeriodEndDate: "03/31/2025",
    BillingProfileId: "71234567",
    BillingProfileName: "Fabrikam Retail",
    SubscriptionId: subscription,
    SubscriptionName: "Retail Production",
    Date: "03/02/2025",
    ProductName: "machine",
    PartNumber: "AAA-11111",
    MeterId: "d0d284a9-4577-5ca2-926c-1ac560fcdfca",
    MeterCategory: "Virtual Machines",
    MeterSubCategory: "Dv3 Series",
    MeterName: "D2 v3",
    Quantity: "10",
    CostInBillingCurrency: "1.152",
    UnitPrice: "0.1152",
    BillingCurrencyCode: "EUR",
    ResourceLocation: "EU West",
    ConsumedService: "Microsoft.Compute",
    ResourceId: machine,
    ResourceName: "VM-1",
    AdditionalInfo: "",
    Tags: "",
    InvoiceSectionName: "Retail",
    CostCenter: "4711",
    UnitOfMeasure: "1 Hour",
    ResourceGroup: "RG-Shop",
    ReservationId: "",
    ProductOrderId: "",
    OfferId: "MS-AZR-0017P",
    Term: "",
    PublisherName: "",
    ChargeType: "Usage",
    Frequency: "UsageBased",
    PublisherType: "Azure",
    PayGPrice: "0.12",
    PricingModel: "OnDemand",
    benefitId: "",
    benefitName: "",
    ...cells,
  };
}

/** A row of the Microsoft Customer Agreement: the same machine, priced in USD and billed in EUR. */
export function mcaRow(cells: Row = {}): Row {
  return {
    invoiceId: "G071234567",
    previousInvoiceId: "",
    billingAccountId: "1a2b3c4d-0000-4000-8000-9e8d7c6b5a40:11111111-2222-4333-8444-555555555555_2019-05-31",
    billingAccountName: "Fabrikam Group",
    billingProfileId: "R4TX-K2QD-BG7-PGB",
    billingProfileName: "Fabrikam EU",
    billingPeriodStartDate: "06/01/2025",
    billingPeriodEndDate: "06/30/2025",
    date: "06/03/2025",
    consumedService: "Microsoft.Compute",
    meterCategory: "Virtual Machines",
    meterSubCategory: "Esv5 Series",
    meterName: "E2s v5",
    meterId: "caab0342-af42-5934-aac2-f66fca32caf3",
    ProductId: "DZH318Z0C0E4E2AD",
    ProductName: "machine",
    SubscriptionId: subscription,
    subscriptionName: "Retail Production",
    publisherType: "Azure",
    publisherName: "Microsoft",
    resourceGroupName: "rg-eu",
    ResourceId: machine,
    resourceLocation: "northeurope",
    location: "EU North",
    quantity: "10",
    unitOfMeasure: "1 Hour",
    chargeType: "Usage",
    billingCurrency: "EUR",
    pricingCurrency: "USD",
    costInBillingCurrency: "0.84",
    costInPricingCurrency: "0.96",
    costInUsd: "0.96",
    paygCostInBillingCurrency: "0.8838",
    exchangeRatePricingToBilling: "0.875",
    exchangeRateDate: "06/01/2025",
    additionalInfo: "",
    tags: "",
    PayGPrice: "0.101",
    frequency: "UsageBased",
    pricingModel: "OnDemand",
    unitPrice: "0.096",
    benefitId: "",
    benefitName: "",
    ...cells,
  };
}

/** A row of an export in FOCUS 1.0: the same machine. */
export function nativeRow(cells: Row = {}): Row {
  return {
    BilledCost: "1.152",
    BillingAccountId:
      "/providers/Microsoft.Billing/billingAccounts/1a2b:3c4d_2019-05-31/billingProfiles/R4TX-K2QD-BG7-PGB",
    BillingAccountName: "Fabrikam EU",
    BillingCurrency: "EUR",
    BillingPeriodEnd: "2025-03-01T00:00Z",
    BillingPeriodStart: "2025-02-01T00:00Z",
    ChargeCategory: "Usage",
    ChargeClass: "",
    ChargeDescription: "machine",
    ChargeFrequency: "Usage-Based",
    ChargePeriodEnd: "2025-02-04T00:00Z",
    ChargePeriodStart: "2025-02-03T00:00Z",
    CommitmentDiscountId: "",
    CommitmentDiscountStatus: "",
    ConsumedQuantity: "10",
    ConsumedUnit: "Hours",
    ContractedCost: "1.152",
    ContractedUnitPrice: "0.1152",
    EffectiveCost: "1.152",
    InvoiceIssuerName: "Microsoft",
    ListCost: "1.2",
    ListUnitPrice: "0.12",
    PricingCategory: "Standard",
    PricingQuantity: "10",
    PricingUnit: "Hours",
    ProviderName: "Microsoft",
    PublisherName: "Microsoft",
    RegionId: "westeurope",
    RegionName: "West Europe",
    ResourceId: machine.toLowerCase(),
    ResourceName: "vm-1",
    ResourceType: "Virtual machine",
    ServiceCategory: "Compute",
    ServiceName: "Virtual Machines",
    SkuId: "DZH318Z0BQ35",
    SubAccountId: `/subscriptions/${subscription}`,
    Tags: "",
    x_BillingProfileId: "R4TX-K2QD-BG7-PGB",
    x_EffectiveCostInUsd: "1.3",
    x_InvoiceId: "G071234567",
    x_PricingCurrency: "USD",
    x_PublisherCategory: "Cloud Provider",
    x_ResourceType: "microsoft.compute/virtualmachines",
    x_SkuMeterCategory: "Virtual Machines",
    x_SkuMeterName: "D2 v3",
    x_SkuMeterSubcategory: "Dv3 Series",
    ...cells,
  };
}
