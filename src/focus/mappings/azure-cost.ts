import { canonicalName } from "../../schema/names.ts";
import {
  all,
  cases,
  compared,
  type Condition,
  decimal,
  entry,
  type Expression,
  extracted,
  field,
  first,
  flags,
  hasColumn,
  isJson,
  isOneOf,
  joined,
  lookup,
  lower,
  matches,
  monthStart,
  nextDay,
  nextMonth,
  not,
  nothing,
  notZero,
  number,
  present,
  some,
  text,
  times,
  where,
} from "../expression.ts";
import type { Mapping } from "../mapping.ts";
import {
  billingAccount,
  category,
  commitment,
  cost,
  family,
  familyKeys,
  isActual,
  isAmortized,
  isBilledToProfile,
  isCommitmentPurchase,
  isCommitmentUse,
  isCorrection,
  isCounted,
  isKnown,
  isOfActualAlone,
  isOfAmortized,
  isRefund,
  isSpot,
  isUnknown,
  isUnused,
  isWithActual,
  isWithAmortized,
} from "./azure-cost-lines.ts";
import { lookupKey, resourceType, subscription } from "./azure-values.ts";
import { type Currencies, inPricingCurrency, lacksPricingCurrency } from "./pricing-currency.ts";

const commitmentId = field("commitment_id");
const contracted = field("contracted", "decimal");
const listed = field("listed", "decimal");
const contractedPrice = field("contracted_price", "decimal");
const listPrice = field("list_price", "decimal");
const paidAsYouGo = field("paygcostinbillingcurrency", "decimal");
const quantity = field("quantity", "decimal");
const currency = field("currency");
const unit = field("unit");
const normalisation = field("normalisation", "decimal");
const resourceId = field("resource");
const region = field("region_id");
const location = field("location");
const zero = decimal("0");

const isUsage = isOneOf(field("charge_category"), "Usage");
const isMetered = isOneOf(field("charge_category"), "Usage", "Purchase");
const isPriced = all(isMetered, not(isCorrection));
/** Charges with a price of their own: an unused part has none, and the price of a purchase is what is billed. */
const isSold = all(isPriced, not(isUnused), not(isCommitmentPurchase));
const isCovered = some(isCommitmentUse, isUnused);
const isOfCommitmentItself = some(isCommitmentPurchase, isUnused);
const isPlan = matches(commitmentId, "/microsoft.billingbenefits/");
const isMarketplace = isOneOf(lower(field("publishertype")), "marketplace");

/** Prices of the Microsoft Customer Agreement are in the pricing currency. In another currency without a rate they are unknown. */
const inBillingCurrency = (price: Expression): Expression => {
  const rate = field("exchange_rate", "decimal");
  return cases(
    [
      [compared(rate, "<>", decimal("1")), times(price, rate)],
      [all(not(present(rate)), compared(field("pricing_currency"), "<>", currency)), nothing("decimal")],
    ],
    price,
  );
};

/** The Enterprise Agreement writes JSON without the braces around it. */
const withBraces = (json: Expression): Expression =>
  cases([[matches(json, "^\\s*\\{"), json]], where(present(json), joined("", text("{"), json, text("}"))));
const tags = withBraces(field("tags", "json"));
const details = withBraces(field("additionalinfo", "json"));

const effectiveCost = cases(
  [
    [isCommitmentPurchase, zero],
    [all(isActual, isCovered), nothing("decimal")],
  ],
  cost,
);
const currencies: Currencies = {
  billing: currency,
  // The Enterprise Agreement and pay-as-you-go have one currency.
  pricing: first(field("pricing_currency"), currency),
  given: where(not(isCommitmentPurchase), field("costinpricingcurrency", "decimal")),
};
const pricedEffective = inPricingCurrency(effectiveCost, currencies);
const billedCost = cases(
  [
    [not(isWithActual), nothing("decimal")],
    [all(isAmortized, isCovered), zero],
  ],
  cost,
);

/** Whether a charge was sold for nothing, so that a price of 0 is a price; in other charges it stands for a price that is missing. */
const isFree = all(isSold, not(isCovered), compared(cost, "=", zero));
/** Refunds have amounts below zero in place of a price, which FOCUS does not allow for one. */
const isPrice = (amount: Expression, priced: Expression): Condition =>
  some(compared(amount, ">", zero), all(isFree, compared(amount, "=", zero), compared(priced, "=", zero)));
const isContractedPrice = all(isPriced, not(isUnused), isPrice(contractedPrice, contracted));
const isListPrice = all(isSold, isPrice(listPrice, listed));
const subAccount = subscription(lower(field("subscription")));

/** A charge that costs something, without an amount that its price gives. */
const lacks = (amount: Condition): Condition => all(isSold, not(amount), notZero(effectiveCost));
const hasListCost = some(notZero(paidAsYouGo), notZero(listPrice));

/** Resource types of several services, which the lookup has with the consumed service. */
const sharedTypes = ["microsoft.security/pricings", "microsoft.web/sites"];

/** The fields that agreements and versions of the export name differently, by their names in lower case. */
export const azureCostFields: Readonly<Record<string, string>> = {
  costinbillingcurrency: "cost",
  pretaxcost: "cost",
  billingcurrency: "currency",
  billingcurrencycode: "currency",
  pricingcurrency: "pricing_currency",
  pricingcurrencycode: "pricing_currency",
  exchangerate: "exchange_rate",
  exchangeratepricingtobilling: "exchange_rate",
  productname: "product",
  usagequantity: "quantity",
  usagedatetime: "date",
  subscriptionid: "subscription",
  subscriptionguid: "subscription",
  instanceid: "resourceid",
  instancename: "resourceid",
  resourcelocation: "location",
  resourcelocationnormalized: "location",
  resourcegroupname: "resourcegroup",
  invoicesectionname: "invoicesection",
};

/**
 * Azure actual and amortized cost, which together are the charges: all lines of amortized cost, and the purchases and refunds of
 * commitments of actual cost. Enterprise Agreement, Microsoft Customer Agreement and pay-as-you-go have columns of their own
 * names. Quantities and prices are both per block of units, as `10K`, so that no block size is divided. Sources:
 * Microsoft Learn, "Understand usage details fields"; microsoft/finops-toolkit@04d370f, docs-mslearn/focus/convert.md and
 * validate.md, issue 727; FOCUS 1.2 and 1.4.
 */
export const azureCost: Mapping = {
  name: "azure_cost",
  title: "Azure actual and amortized cost",

  cloud: "azure",
  rank: () => 2,

  recognises: (fields) =>
    fields.has("cost") &&
    fields.has("currency") &&
    (fields.has("metercategory") || fields.has("meterid")) &&
    !fields.has("billedcost"),

  fieldOf(sourceName) {
    const name = canonicalName(sourceName).toLowerCase();
    return azureCostFields[name] ?? name;
  },

  // Costs in the pricing currency and in US dollars are in another currency than the bill.
  amounts: ["cost", "paygcostinbillingcurrency"],

  facts: {
    ...familyKeys,
    charge_category: category,
    commitment_id: commitment,
    // FOCUS: the resource of a commitment's purchase and of its unused part is the commitment.
    resource: lower(cases([[isOfCommitmentItself, first(commitmentId, field("resourceid"))]], field("resourceid"))),
    resource_type: first(resourceType(resourceId), lower(field("resourcetype"))),
    contracted_price: inBillingCurrency(first(field("unitprice", "decimal"), field("resourcerate", "decimal"))),
    list_price: inBillingCurrency(field("paygprice", "decimal")),
    contracted: cases(
      [
        [isUnused, zero],
        [all(isSold, notZero(contractedPrice)), times(contractedPrice, quantity)],
      ],
      cost,
    ),
    listed: cases(
      [
        [isUnused, zero],
        [all(isSold, notZero(paidAsYouGo)), paidAsYouGo],
        [all(isSold, notZero(listPrice)), times(listPrice, quantity)],
      ],
      contracted,
    ),
    unit: first(lookup("azure_units", lookupKey(field("unitofmeasure")), "unit"), field("unitofmeasure")),
    known_unit: lookup("azure_units", lookupKey(field("unitofmeasure")), "unit"),
    region_id: lookup("azure_regions", lookupKey(location), "id"),
    region_name: lookup("azure_regions", lookupKey(location), "name"),
    service_key: cases(
      [
        [
          isOneOf(field("resource_type"), ...sharedTypes),
          joined(" ", lower(field("consumedservice")), field("resource_type")),
        ],
      ],
      field("resource_type"),
    ),
    service: lookup("azure_services", field("service_key"), "service"),
    service_category: lookup("azure_services", field("service_key"), "category"),
    service_subcategory: lookup("azure_services", field("service_key"), "subcategory"),
    type_name: lookup("azure_services", field("service_key"), "type"),
    normalisation: number(entry(details, "RINormalizationRatio")),
    capacity_reservation: lower(entry(details, "VMCapacityReservationId")),
    period_start: first(
      field("billingperiodstartdate", "timestamp"),
      field("billing_month", "timestamp"),
      monthStart(field("date", "timestamp")),
    ),
  },

  family,

  columns: {
    AvailabilityZone: field("availabilityzone"),
    BilledCost: billedCost,
    BillingAccountId: billingAccount,
    BillingAccountName: cases([[isBilledToProfile, field("billingprofilename")]], field("billingaccountname")),
    BillingAccountType: where(
      present(billingAccount),
      cases([[isBilledToProfile, text("Billing Profile")]], text("Billing Account")),
    ),
    BillingCurrency: currencies.billing,
    BillingPeriodStart: field("period_start", "timestamp"),
    BillingPeriodEnd: first(
      nextDay(field("billingperiodenddate", "timestamp")),
      nextMonth(field("period_start", "timestamp")),
    ),
    CapacityReservationId: field("capacity_reservation"),
    CapacityReservationStatus: where(
      all(isUsage, present(field("capacity_reservation"))),
      cases(
        [
          [
            isOneOf(field("resource_type"), "microsoft.compute/capacityreservationgroups/capacityreservations"),
            text("Unused"),
          ],
        ],
        text("Used"),
      ),
    ),
    ChargeCategory: field("charge_category"),
    ChargeClass: where(isCorrection, text("Correction")),
    ChargeDescription: first(field("product"), field("metername"), field("metersubcategory")),
    ChargeFrequency: cases(
      [
        [matches(lower(field("frequency")), "^one.?time$"), text("One-Time")],
        [matches(lower(field("frequency")), "^recurring$"), text("Recurring")],
        [some(matches(lower(field("frequency")), "^usage.?based$"), isUsage), text("Usage-Based")],
      ],
      text("One-Time"),
    ),
    ChargePeriodStart: field("date", "timestamp"),
    ChargePeriodEnd: nextDay(field("date", "timestamp")),
    CommitmentDiscountCategory: where(present(commitmentId), cases([[isPlan, text("Spend")]], text("Usage"))),
    CommitmentDiscountId: commitmentId,
    CommitmentDiscountName: where(present(commitmentId), first(field("benefitname"), field("reservationname"))),
    CommitmentDiscountQuantity: cases(
      [
        [isCorrection, nothing("decimal")],
        [all(isPlan, isActual, isCovered), nothing("decimal")],
        [isPlan, first(field("costinpricingcurrency", "decimal"), cost)],
        [all(present(commitmentId), isCovered), times(quantity, first(normalisation, decimal("1")))],
      ],
      nothing("decimal"),
    ),
    CommitmentDiscountStatus: cases(
      [
        [isUnused, text("Unused")],
        [all(isCommitmentUse, present(commitmentId)), text("Used")],
      ],
      nothing(),
    ),
    CommitmentDiscountType: where(present(commitmentId), cases([[isPlan, text("Savings Plan")]], text("Reservation"))),
    CommitmentDiscountUnit: cases(
      [
        [all(isPlan, not(isCorrection)), first(field("pricing_currency"), currency)],
        [
          all(present(commitmentId), not(isPlan), isCovered),
          cases([[present(normalisation), joined(" ", text("Normalized"), unit)]], unit),
        ],
      ],
      nothing(),
    ),
    ConsumedQuantity: where(all(isUsage, not(isUnused)), quantity),
    ConsumedUnit: where(all(isUsage, not(isUnused)), unit),
    ContractedCost: contracted,
    ContractedUnitPrice: where(isContractedPrice, contractedPrice),
    EffectiveCost: effectiveCost,
    HostProviderName: text("Microsoft"),
    InvoiceId: field("invoiceid"),
    InvoiceIssuerName: first(field("partnername"), text("Microsoft")),
    ListCost: listed,
    ListUnitPrice: where(isListPrice, listPrice),
    PricingCategory: cases(
      [
        [isCovered, text("Committed")],
        [all(isUsage, isSpot), text("Dynamic")],
        [isPriced, text("Standard")],
      ],
      nothing(),
    ),
    PricingCurrency: currencies.pricing,
    PricingCurrencyContractedUnitPrice: where(
      all(isContractedPrice, present(field("pricing_currency"))),
      field("unitprice", "decimal"),
    ),
    PricingCurrencyEffectiveCost: pricedEffective,
    PricingCurrencyListUnitPrice: where(
      all(isListPrice, present(field("pricing_currency"))),
      field("paygprice", "decimal"),
    ),
    PricingQuantity: where(isPriced, quantity),
    PricingUnit: where(isPriced, unit),
    ProviderName: text("Microsoft"),
    PublisherName: first(field("publishername"), text("Microsoft")),
    RegionId: region,
    RegionName: first(field("region_name"), location),
    ResourceId: resourceId,
    ResourceName: where(
      present(resourceId),
      cases(
        [[isOfCommitmentItself, first(field("benefitname"), field("reservationname"))]],
        first(field("resourcename"), extracted(resourceId, "/([^/]+)$")),
      ),
    ),
    ResourceType: field("type_name"),
    ServiceCategory: first(where(isMetered, field("service_category")), text("Other")),
    ServiceName: first(
      where(isMetered, field("service")),
      where(not(isMetered), field("metersubcategory")),
      where(isMarketplace, field("publishername")),
      field("metercategory"),
      field("metersubcategory"),
      text("Microsoft"),
    ),
    ServiceProviderName: first(where(isMarketplace, field("publishername")), text("Microsoft")),
    ServiceSubcategory: first(where(isMetered, field("service_subcategory")), text("Other (Other)")),
    // The Enterprise Agreement lacks products.
    SkuId: where(all(isPriced, isBilledToProfile), field("productid")),
    SkuMeter: where(isPriced, field("metername")),
    SubAccountId: subAccount,
    // Without a subscription the bill has the name Unassigned.
    SubAccountName: where(present(subAccount), field("subscriptionname")),
    SubAccountType: where(present(subAccount), text("Subscription")),
    Tags: where(isJson(tags), tags),
    x_LineItemType: field("chargetype"),
    x_BilledCostInUsd: cases(
      [
        [not(isWithActual), nothing("decimal")],
        [all(isAmortized, isCovered), zero],
      ],
      field("costinusd", "decimal"),
    ),
    x_EffectiveCostInUsd: cases(
      [
        [all(isCommitmentPurchase, present(field("costinusd", "decimal"))), zero],
        [all(isActual, isCovered), nothing("decimal")],
      ],
      field("costinusd", "decimal"),
    ),
    x_BillingExchangeRate: field("exchange_rate", "decimal"),
    x_BillingExchangeRateDate: field("exchangeratedate", "timestamp"),
    x_CostCenter: field("costcenter"),
    x_InvoiceSectionId: field("invoicesectionid"),
    x_InvoiceSectionName: field("invoicesection"),
    x_ResourceGroupName: field("resourcegroup"),
    x_ResourceType: field("resource_type"),
    // FOCUS wants details of a price only with the identifier of the price, which these exports lack.
    x_SkuDetails: where(isJson(details), details),
    x_SkuMeterCategory: field("metercategory"),
    x_SkuMeterId: field("meterid"),
    x_SkuMeterSubcategory: field("metersubcategory"),
    x_SkuOfferId: field("offerid"),
    x_SkuOrderId: field("productorderid"),
    x_SkuPartNumber: field("partnumber"),
    x_SkuTerm: field("term"),
    x_QualityFlags: flags({
      ActualCostMissing: not(isWithActual),
      AmortizedCostMissing: some(not(isWithAmortized), all(isUnknown, not(hasColumn("pricingmodel")))),
      BillingAccountMissing: not(present(billingAccount)),
      ChargeTypeUnknown: not(isKnown),
      CommitmentUnknown: all(isCovered, not(present(commitmentId))),
      ContractedCostFromEffectiveCost: lacks(notZero(contractedPrice)),
      ListCostFromContractedCost: lacks(hasListCost),
      ContractedCostBelowEffectiveCost: all(
        isSold,
        compared(contracted, "<", effectiveCost),
        compared(effectiveCost, ">", zero),
      ),
      ListCostBelowContractedCost: all(isSold, compared(listed, "<", contracted), compared(contracted, ">", zero)),
      PricingCurrencyEffectiveCostMissing: lacksPricingCurrency(effectiveCost, pricedEffective),
      RefundedPeriodAssumed: all(isRefund, not(present(field("invoiceid")))),
      RegionUnknown: all(present(location), not(present(region))),
      TagsInvalid: all(present(tags), not(isJson(tags))),
      ServiceUnknown: all(isMetered, not(present(field("service")))),
      UnitUnknown: all(isPriced, present(field("unitofmeasure")), not(present(field("known_unit")))),
    }),
  },

  versions: {},

  // What was billed is all of actual cost, and the effective cost all of amortized cost, whatever export a row is taken from.
  totals: {
    BilledCost: {
      rule: where(isOfActualAlone, cost),
      whyOpen: "amortized cost alone does not contain what was billed; load the export of actual cost too",
    },
    EffectiveCost: {
      rule: where(all(isOfAmortized, not(isCommitmentPurchase)), cost),
      whyOpen:
        "actual cost alone does not contain the cost of what commitments cover; load the export of amortized cost too",
    },
  },

  branches: [{ name: "charges", rows: isCounted, columns: {} }],
};
