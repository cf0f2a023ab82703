const invoice = "The invoice is not part of the bill. `billhouse reconcile` compares a month with its invoices.";
const priceList = "The price list of the cloud is not part of the bill.";
const currency = "An amount does not show its currency.";
const related = "The bill does not say which charges it was calculated from.";
const provider = "One bill does not show what the same value means elsewhere at the provider.";
const time = "One delivery does not show what was valid before or after it.";
const resource = "The bill does not say which charges belong to a resource, apart from ResourceId itself.";
const model = "The bill does not say how a price was agreed, apart from PricingCategory itself.";
const tags = "The bill does not show which tags the cloud has beyond those in it.";
const discounts = "The bill does not show how a discount was calculated.";
const capacity =
  "The bill does not say which charges belong to a capacity reservation, apart from the two columns themselves.";
const correction = "The bill does not say what a charge corrects, apart from ChargeClass itself.";
const properties = "The bill does not say what the properties of a price are, apart from SkuPriceDetails itself.";

/** Why bills cannot decide a rule, by rule. */
export const undecidable: Readonly<Record<string, string>> = {
  "StringHandling-A-003-M": "The bill does not show how people and providers write a name.",
  "StringHandling-A-004-M": time,
  "StringHandling-A-005-M": time,
  "StringHandling-A-006-M": time,
  "KeyValueFormat-A-002-M": "Readers of JSON keep one of two equal keys, and do not report it.",
  "DiscountHandling-A-003-C": discounts,
  "DiscountHandling-A-004-C": discounts,
  "DiscountHandling-A-010-C": discounts,
  "DiscountHandling-A-013-C": "The bill does not say which charges are purchases, apart from ChargeCategory itself.",
  "DiscountHandling-A-020-C": "The bill does not say which charges are credits, apart from ChargeCategory itself.",
  "CommitmentDiscountName-C-006-C": "The bill does not say whether the commitment can have a name.",
  "BillingAccountId-C-004-M": provider,
  "AvailabilityZone-C-003-C":
    "The bill does not say which charges are for one zone, apart from AvailabilityZone itself.",
  "ListUnitPrice-C-009-M": currency,
  "CommitmentDiscountId-C-004-C":
    "The bill does not say which charges belong to a commitment, apart from its columns themselves.",
  "CommitmentDiscountId-C-007-M": provider,
  "ResourceId-C-004-C": resource,
  "ResourceId-C-005-C": resource,
  "ResourceId-C-007-M": provider,
  "SkuPriceId-C-009-M": time,
  "SkuPriceId-C-010-M": provider,
  "SkuPriceId-C-013-M": priceList,
  "SkuPriceId-C-014-C": priceList,
  "SkuPriceId-C-015-C": priceList,
  "PricingCurrencyListUnitPrice-C-009-M": currency,
  "SkuPriceDetails-C-008-M": properties,
  "SkuPriceDetails-C-010-C": properties,
  "SkuPriceDetails-C-018-C": properties,
  "SkuPriceDetails-C-022-C": properties,
  "SkuId-C-008-M": provider,
  "SkuId-C-009-M": provider,
  "SkuId-C-010-M": provider,
  "SubAccountType-C-006-M": "People decide what is readable.",
  "PricingCategory-C-008-C": model,
  "PricingCategory-C-010-C": model,
  "PricingCategory-C-011-C": model,
  "CommitmentDiscountUnit-C-009-M": "The contract of the commitment is not part of the bill.",
  "BillingAccountType-C-006-M": "People decide what is readable.",
  "PricingCurrencyContractedUnitPrice-C-009-C": currency,
  "PricingCurrencyEffectiveCost-C-006-M": currency,
  "CommitmentDiscountQuantity-C-011-C": "The contract of the commitment is not part of the bill.",
  "ServiceName-C-006-C": "People decide which category suits a service.",
  "RegionId-C-004-C": "The bill does not say which charges belong to a region, apart from RegionId itself.",
  "PricingUnit-C-008-M": priceList,
  "PricingUnit-C-009-C": invoice,
  "BillingCurrency-C-005-M": invoice,
  "EffectiveCost-C-006-M": currency,
  "EffectiveCost-C-009-C": related,
  "BilledCost-C-006-M": currency,
  "BilledCost-C-007-M": invoice,
  "ChargeClass-C-003-C": correction,
  "ChargeClass-C-004-C": correction,
  "CapacityReservationId-C-004-C": capacity,
  "CapacityReservationId-C-008-M": provider,
  "Tags-C-004-M": tags,
  "Tags-C-005-M": tags,
  "Tags-C-008-M": tags,
  "Tags-C-010-C": tags,
  "Tags-C-012-M": tags,
  "Tags-C-015-C": tags,
  "Tags-C-016-C": tags,
  "Tags-C-017-M": tags,
  "ResourceName-C-005-C": "The bill does not say which resources have a name, apart from ResourceName itself.",
  "ResourceName-C-006-C": "The bill does not say whether people or the cloud gave a resource its name.",
  "ContractedUnitPrice-C-010-C": currency,
  "CapacityReservationStatus-C-007-C": capacity,
  "CapacityReservationStatus-C-008-C": capacity,
  "ContractedCost-C-005-M": currency,
  "ContractedCost-C-007-C": related,
  "ListCost-C-005-M": currency,
  "ListCost-C-007-C": related,
  "SubAccountId-C-004-C":
    "The bill does not say which charges belong to a sub account, apart from SubAccountId itself.",
  "SubAccountId-C-005-C":
    "The bill does not say which charges belong to a sub account, apart from SubAccountId itself.",
};
