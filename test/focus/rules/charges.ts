import { focusColumns } from "../../../src/focus/columns.ts";

/** A row of the view, by column. A column that is left out is NULL. */
export type ChargeRow = Readonly<Record<string, string | null>>;

const usage: ChargeRow = {
  AvailabilityZone: "eu-central-1a",
  BilledCost: "2.5",
  BillingAccountId: "111122223333",
  BillingAccountName: "Example",
  BillingAccountType: "Management account",
  BillingCurrency: "EUR",
  BillingPeriodEnd: "2025-04-01 00:00:00",
  BillingPeriodStart: "2025-03-01 00:00:00",
  ChargeCategory: "Usage",
  ChargeDescription: "Linux server, hour",
  ChargeFrequency: "Usage-Based",
  ChargePeriodEnd: "2025-03-02 01:00:00",
  ChargePeriodStart: "2025-03-02 00:00:00",
  ConsumedQuantity: "10",
  ConsumedUnit: "Hours",
  ContractedCost: "2.5",
  ContractedUnitPrice: "0.25",
  EffectiveCost: "2.5",
  HostProviderName: "AWS",
  InvoiceId: "inv-1",
  InvoiceIssuerName: "AWS",
  ListCost: "3",
  ListUnitPrice: "0.3",
  PricingCategory: "Standard",
  PricingCurrency: "USD",
  PricingCurrencyContractedUnitPrice: "0.27",
  PricingCurrencyEffectiveCost: "2.7",
  PricingCurrencyListUnitPrice: "0.33",
  PricingQuantity: "10",
  PricingUnit: "Hours",
  ProviderName: "AWS",
  PublisherName: "AWS",
  RegionId: "eu-central-1",
  RegionName: "Frankfurt",
  ResourceId: "arn:server-1",
  ResourceName: "web",
  ResourceType: "instance",
  ServiceCategory: "Compute",
  ServiceName: "Servers",
  ServiceProviderName: "AWS",
  ServiceSubcategory: "Virtual Machines",
  SkuId: "sku-1",
  SkuMeter: "BoxUsage",
  SkuPriceDetails: '{"CoreCount":2,"InstanceType":"m5.large","x_Engine":"a:b"}',
  SkuPriceId: "price-1",
  SubAccountId: "222233334444",
  SubAccountName: "Shop",
  SubAccountType: "Account",
  Tags: '{"team":"web","note":"{1}"}',
};

const none = (...columns: readonly string[]): ChargeRow => Object.fromEntries(columns.map((name) => [name, null]));

const price = ["ContractedUnitPrice", "ListUnitPrice"];
const pricing = ["PricingQuantity", "PricingUnit", "PricingCategory"];
const inPricingCurrency = ["PricingCurrencyContractedUnitPrice", "PricingCurrencyListUnitPrice"];
const sku = ["SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails"];
const consumed = ["ConsumedQuantity", "ConsumedUnit"];
const resource = ["ResourceId", "ResourceName", "ResourceType"];

const commitment: ChargeRow = {
  CommitmentDiscountCategory: "Spend",
  CommitmentDiscountId: "arn:plan-1",
  CommitmentDiscountName: "plan",
  CommitmentDiscountType: "Savings Plan",
  CommitmentDiscountUnit: "EUR",
};

/** A kind of charge. */
export type ChargeKind =
  | "usage"
  | "spot"
  | "used"
  | "unused"
  | "fee"
  | "support"
  | "tax"
  | "credit"
  | "correction"
  | "capacity";

/** A row of each kind that keeps every rule, together with the others. The fee of the commitment is 3: used 2, unused 1. */
export const goodCharges: Readonly<Record<ChargeKind, ChargeRow>> = {
  usage,
  spot: { ...usage, PricingCategory: "Dynamic" },
  used: {
    ...usage,
    ...commitment,
    BilledCost: "0",
    CommitmentDiscountQuantity: "2",
    CommitmentDiscountStatus: "Used",
    EffectiveCost: "2",
    PricingCategory: "Committed",
    PricingCurrencyEffectiveCost: "2.2",
  },
  unused: {
    ...usage,
    ...commitment,
    ...none(...consumed),
    BilledCost: "0",
    CommitmentDiscountQuantity: "1",
    CommitmentDiscountStatus: "Unused",
    EffectiveCost: "1",
    PricingCategory: "Committed",
    PricingCurrencyEffectiveCost: "1.1",
    ResourceId: "arn:plan-1",
  },
  fee: {
    ...usage,
    ...commitment,
    ...none(...consumed),
    BilledCost: "3",
    ChargeCategory: "Purchase",
    ChargeFrequency: "Recurring",
    CommitmentDiscountQuantity: "3",
    EffectiveCost: "0",
    PricingCurrencyEffectiveCost: "0",
    ResourceId: "arn:plan-1",
  },
  support: { ...usage, ...none(...consumed, ...resource), ChargeCategory: "Purchase", ChargeFrequency: "One-Time" },
  tax: {
    ...usage,
    ...none(...consumed, ...price, ...pricing, ...inPricingCurrency, ...sku, ...resource),
    ChargeCategory: "Tax",
    ChargeFrequency: "Recurring",
  },
  credit: {
    ...usage,
    ...none(...consumed, ...price, ...pricing, ...inPricingCurrency, ...sku, ...resource),
    BilledCost: "-5",
    ChargeCategory: "Credit",
    ChargeFrequency: "One-Time",
    ContractedCost: "-5",
    EffectiveCost: "-5",
    ListCost: "-5",
  },
  correction: {
    ...usage,
    ...none(...price, ...pricing, ...inPricingCurrency, ...sku),
    BilledCost: "-1",
    ChargeClass: "Correction",
    EffectiveCost: "-1",
  },
  capacity: { ...usage, CapacityReservationId: "cr-1", CapacityReservationStatus: "Unused" },
};

/** Rows of an export in a month, as a relation with the columns and types of the view. */
export function relationOf(
  rows: readonly (readonly [exportName: string, row: ChargeRow])[],
  dialect: {
    readonly types: Readonly<Record<string, string>>;
    identifier(this: void, name: string): string;
    relation(this: void, columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string;
  },
): string {
  const cells = rows.map(([exportName, row]) =>
    focusColumns.map(({ name }) => {
      if (name === "x_Export") return exportName;
      return name === "x_BillingMonth" ? "2025-03" : (row[name] ?? null);
    }),
  );
  const columns = focusColumns.map(
    ({ name, type }) => `CAST(t.${dialect.identifier(name)} AS ${dialect.types[type]}) AS ${dialect.identifier(name)}`,
  );
  const names = focusColumns.map(({ name }) => name);
  return `(SELECT ${columns.join(", ")} FROM (${dialect.relation(names, cells)}) AS t)`;
}
