/**
 * What exports in FOCUS columns lack or have wrong, as the rules that they break. `cloud` marks what the export breaks itself,
 * `billhouse` what only the view breaks.
 */
const inPricingCurrency = [
  // Neither cloud exports prices in the currency of prices before FOCUS 1.2, nor in these deliveries.
  "PricingCurrencyContractedUnitPrice-C-005-C cloud",
  "PricingCurrencyListUnitPrice-C-005-C cloud",
];
const withoutSku = [
  // AWS: conformance gaps of SkuId and SkuPriceId. Azure: exports of Enterprise Agreements have no SKU.
  "SkuId-C-005-C cloud",
  "SkuPriceId-C-005-C cloud",
];
const withoutQuantity = [
  // The quantity of a commitment is a column of FOCUS 1.1, which Azure leaves empty.
  "CommitmentDiscountQuantity-C-005-C cloud",
];
const roundedPrice = [
  // The unit price of a savings plan is rounded, and its cost is not.
  "ContractedCost-C-009-C cloud",
  "ContractedUnitPrice-C-011-C cloud",
  "ListCost-C-009-C cloud",
  "ListUnitPrice-C-010-C cloud",
  "PricingQuantity-C-009-C cloud",
];
const zeroPrice = [
  // The export has the prices and costs 0 although the charge costs something. The view fills in the costs, with flags.
  "ContractedCost-C-009-C billhouse",
  "ContractedUnitPrice-C-011-C billhouse",
  "ListCost-C-009-C billhouse",
  "ListUnitPrice-C-010-C billhouse",
  "PricingQuantity-C-009-C billhouse",
];
const withoutUnit = [
  // A quantity without a unit, also on refunds, credits and adjustments.
  "PricingUnit-C-006-C cloud",
];
const withoutType = ["ResourceType-C-005-C cloud"];

/** Rules that exports in FOCUS columns break, by sample or case and version of the rules. Other bills break none. */
export const nativeDefects: Readonly<Record<string, readonly string[]>> = {
  // Numbers are texts in the JSON of this generator.
  "aws-dataexport-focus12-parquet-createnew 1.2": ["SkuPriceDetails-C-021-M cloud"],
  "aws-focus-1-0-then-1-2 1.2": [
    ...inPricingCurrency,
    ...withoutSku,
    ...withoutQuantity,
    ...roundedPrice,
    ...withoutUnit,
    ...withoutType,
    // FOCUS 1.0 does not have these columns.
    "BillingAccountType-C-005-C cloud",
    "SubAccountType-C-005-C cloud",
    // Conformance gaps of AWS.
    "ContractedUnitPrice-C-006-C cloud",
    "InvoiceIssuerName-C-003-M cloud",
    "ListUnitPrice-C-005-C cloud",
    "PublisherName-C-003-M cloud",
    "RegionName-C-005-C cloud",
    "SkuPriceDetails-C-021-M cloud",
    // The resource of a commitment is empty.
    "DiscountHandling-A-012-C cloud",
    "DiscountHandling-A-019-C cloud",
  ],
  "aws-focus-1-0-then-1-2 1.4": ["BillingAccountType-not-null cloud", "InvoiceIssuerName-not-null cloud"],
  "focus10-csv-known-defects 1.2": [
    ...inPricingCurrency,
    ...withoutSku,
    ...withoutQuantity,
    ...withoutUnit,
    ...zeroPrice,
  ],
  "focus10-preview-old-columns 1.2": [
    ...inPricingCurrency,
    ...withoutSku,
    ...withoutQuantity,
    ...withoutUnit,
    // The preview has no negotiated price.
    "ContractedUnitPrice-C-006-C cloud",
  ],
  "focus12-and-cost-exports-count-once 1.2": [...inPricingCurrency, ...withoutSku, ...withoutQuantity, ...withoutType],
  "focus12-two-currencies 1.2": [
    ...inPricingCurrency,
    // A row has prices in dollars and costs in euros, without the cost in dollars.
    "PricingCurrencyEffectiveCost-C-003-M cloud",
    ...withoutSku,
    ...withoutQuantity,
  ],
  "focus12-two-currencies 1.4": ["PricingCurrencyEffectiveCost-not-null cloud"],
};
