import assert from "node:assert/strict";
import type { TestContext } from "node:test";

import { nextMonth } from "../../src/schema/periods.ts";
import { dataExportDelivery } from "../support/deliveries-of-exports.ts";
import { deliver, type Delivery, type Row } from "../support/deliveries.ts";
import { createGoogleProject, upload } from "../support/google.ts";
import { createProject, type Project, runProject, type Sections } from "../support/projects.ts";

const columns =
  "BilledCost EffectiveCost ContractedCost ContractedUnitPrice InvoiceId PublisherName ListCost BillingCurrency PricingCurrency BillingPeriodStart BillingPeriodEnd ChargePeriodStart ChargePeriodEnd ChargeCategory ChargeClass ChargeDescription ChargeFrequency CommitmentDiscountId CommitmentDiscountStatus CommitmentDiscountType CommitmentDiscountName PricingCategory PricingQuantity PricingUnit ProviderName RegionId ResourceId ServiceCategory ServiceSubcategory ServiceName BillingAccountId InvoiceIssuerName AvailabilityZone ConsumedQuantity ConsumedUnit CommitmentDiscountQuantity CommitmentDiscountUnit CapacityReservationId CapacityReservationStatus SkuId SkuMeter SubAccountId SubAccountName Tags x_BillingExchangeRate x_QualityFlags CommitmentProgramEligibilityDetails x_ServiceCode x_SkuTerm x_UsageType".split(
    " ",
  );

/** A charge of a bill in FOCUS columns: usage of one hour of a server, which cost its list price. */
export function charge(month: string, cells: Row = {}): Row {
  const start = cells["ChargePeriodStart"] ?? `${month}-02T00:00:00Z`;
  const cost = cells["EffectiveCost"] ?? "1";
  return {
    BilledCost: cost,
    EffectiveCost: cost,
    ContractedCost: cost,
    ListCost: cost,
    BillingCurrency: "USD",
    BillingPeriodStart: `${month}-01T00:00:00Z`,
    BillingPeriodEnd: `${nextMonth(month)}-01T00:00:00Z`,
    ChargePeriodStart: start,
    ChargePeriodEnd: start,
    ChargeCategory: "Usage",
    PricingCategory: "Standard",
    PricingQuantity: "1",
    PricingUnit: "Hours",
    ProviderName: "AWS",
    RegionId: "eu-central-1",
    ResourceId: "server-1",
    ServiceCategory: "Compute",
    ServiceName: "Servers",
    SkuId: "sku-1",
    SubAccountId: "012345678901",
    x_ServiceCode: "AmazonEC2",
    ...cells,
  };
}

/** The delivery of a month of such a bill. */
export function bill(month: string, rows: readonly Row[], exportName = "acme-focus"): Promise<Delivery> {
  const options = { month, id: `${exportName}-${month}`, files: [rows], columns, types: {}, part: "billing_period" };
  return dataExportDelivery({ ...options, exportName }, "");
}

/** The export of `bill` in a configuration. */
export const focusSection: Sections = { aws_focus: { bucket_url: "bucket", prefix: "exports/acme-focus" } };

/** The warehouses that answer, each with a project that has loaded some deliveries. */
export const answering: Readonly<
  Record<
    "DuckDB" | "BigQuery",
    (t: TestContext, deliveries: readonly Delivery[], sections?: Sections, tags?: readonly string[]) => Promise<Project>
  >
> = {
  async DuckDB(t, deliveries, sections = focusSection, tags = []) {
    const project = withTags(await createProject(t, sections), tags);
    for (const delivery of deliveries) await deliver(project.bucket, delivery);
    return runAll(project);
  },

  async BigQuery(t, deliveries, sections = focusSection, tags = []) {
    // The address of the bucket is that of the server.
    const keysOf = (section: Sections[string]): Sections[string] =>
      Object.fromEntries(Object.entries(section).filter(([key]) => key !== "bucket_url"));
    const inBucket = Object.entries(sections).map(([name, section]) => [name, keysOf(section)] as const);
    const project = await createGoogleProject(t, Object.fromEntries(inBucket));
    for (const delivery of deliveries) upload(project, delivery);
    return runAll(withTags(project, tags));
  },
};

/** The project with tags by which costs are allocated. */
function withTags(project: Project, tags: readonly string[]): Project {
  const focus = { ...project.config.focus, tags: tags.map((key) => ({ key, spellings: [] })) };
  return { ...project, config: { ...project.config, focus } };
}

async function runAll(project: Project): Promise<Project> {
  const { finished } = await runProject(project);
  const errors = finished.pipelines.flatMap(({ failed, error }) => [
    ...failed,
    ...(error === undefined ? [] : [error]),
  ]);
  assert.deepEqual([...errors, ...finished.warnings], []);
  return project;
}
