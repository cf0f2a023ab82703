import { createHmac } from "node:crypto";
import { formatDecimal, parseDecimal } from "../../schema/decimals.ts";

/** The cells of a row by the names of their columns; null for an empty cell. */
export type ExportedRow = Readonly<Record<string, string | null>>;

/** Columns with the names and ids of a company: each value is replaced, the same value always by the same text. */
const names: ReadonlySet<string> = new Set(
  `AllocatedMethodId AllocatedResourceId AllocatedResourceName BillingAccountId BillingAccountName CapacityReservationId
  ChargeDescription CommitmentDiscountId CommitmentDiscountName InvoiceDetailId InvoiceId ResourceId ResourceName
  SubAccountId SubAccountName x_AccountEnvironment x_AccountOwner x_CostCenter x_ExecutionId x_Export
  x_InvoiceSectionId x_InvoiceSectionName x_LineItemId x_ResourceGroupName x_SkuOrderId`.split(/\s+/),
);

/** Columns with JSON objects of which every key and every text is replaced. */
const objects: ReadonlySet<string> = new Set(["AllocatedTags", "Tags", "x_CostCategories"]);

/** Columns with JSON that may hold ids or amounts in any place: they become empty. */
const removed: ReadonlySet<string> = new Set([
  "AllocatedMethodDetails",
  "CommitmentProgramEligibilityDetails",
  "ContractApplied",
  "SkuPriceDetails",
  "x_Discounts",
  "x_SkuDetails",
]);

const amounts: ReadonlySet<string> = new Set([
  "BilledCost",
  "ContractedCost",
  "EffectiveCost",
  "ListCost",
  "PricingCurrencyEffectiveCost",
  "x_BilledCostInUsd",
  "x_EffectiveCostInUsd",
]);

const prices: ReadonlySet<string> = new Set([
  "ContractedUnitPrice",
  "ListUnitPrice",
  "PricingCurrencyContractedUnitPrice",
  "PricingCurrencyListUnitPrice",
]);

/** Quantities with their units: a quantity whose unit is a currency is an amount. */
const quantities: readonly (readonly [quantity: string, unit: string])[] = [
  ["CommitmentDiscountQuantity", "CommitmentDiscountUnit"],
  ["ConsumedQuantity", "ConsumedUnit"],
  ["PricingQuantity", "PricingUnit"],
];

/**
 * Replaces what a row says of a company. Ids, names, and the keys and values of tags become `anon-` with 12 hexadecimal digits
 * that depend on the value and the key alone, so that equal values stay equal in all columns and files. Amounts are multiplied by
 * one whole number from 2 to 997 that depends on the key, so that sums and their proportions stay exact; unit prices are
 * multiplied with them, so that price times quantity stays the cost. Times, vendors, services, regions, SKUs and quantities stay.
 */
export function createAnonymiser(key: string): (row: ExportedRow) => ExportedRow {
  const factor = 2n + (BigInt(`0x${digest(key, "factor:amounts").slice(0, 16)}`) % 996n);
  const known = new Map<string, string>();
  const nameOf = (value: string): string => {
    const before = known.get(value);
    if (before !== undefined) return before;
    if (known.size >= mostKnown) known.clear();
    const name = `anon-${digest(key, `name:${value}`).slice(0, 12)}`;
    known.set(value, name);
    return name;
  };
  const scaled = (text: string): string => {
    const decimal = parseDecimal(text);
    if (decimal === undefined) throw new TypeError(`Not a decimal: ${text}`);
    return formatDecimal({ ...decimal, coefficient: decimal.coefficient * factor });
  };
  const inJson = (value: unknown): unknown => {
    if (typeof value === "string") return nameOf(value);
    if (Array.isArray(value)) return value.map(inJson);
    if (typeof value !== "object" || value === null) return nameOf(String(value));
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [nameOf(name), inJson(inner)]));
  };
  const objectOf = (text: string): string => {
    try {
      return JSON.stringify(inJson(JSON.parse(text)));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return nameOf(text);
    }
  };
  return (row) => {
    const currencies = [row["BillingCurrency"], row["PricingCurrency"]];
    const isMoney = (unit: string): boolean => row[unit] != null && currencies.includes(row[unit]);
    const scaledQuantities = new Set(quantities.flatMap(([name, unit]) => (isMoney(unit) ? [name] : [])));
    const arePricesScaled = !scaledQuantities.has("PricingQuantity");
    const cellOf = (name: string, cell: string): string | null => {
      if (removed.has(name)) return null;
      if (names.has(name)) return nameOf(cell);
      if (objects.has(name)) return objectOf(cell);
      const isScaled = amounts.has(name) || scaledQuantities.has(name) || (prices.has(name) && arePricesScaled);
      return isScaled ? scaled(cell) : cell;
    };
    return Object.fromEntries(
      Object.entries(row).map(([name, cell]) => [name, cell === null ? null : cellOf(name, cell)]),
    );
  };
}

// Memory must not grow with the rows: line items have ids of their own.
const mostKnown = 200_000;

function digest(key: string, text: string): string {
  return createHmac("sha256", key).update(text).digest("hex");
}
