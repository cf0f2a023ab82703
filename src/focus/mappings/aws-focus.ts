import {
  all,
  cases,
  compared,
  field,
  first,
  flags,
  isOneOf,
  joined,
  lookup,
  not,
  present,
  text,
  where,
} from "../expression.ts";
import type { Mapping } from "../mapping.ts";
import { nativeColumns } from "./native.ts";
import { type Currencies, inPricingCurrency, isOneCurrency, lacksPricingCurrency } from "./pricing-currency.ts";

const billed = field("billedcost", "decimal");
const serviceCode = field("x_servicecode");
const effective = field("effectivecost", "decimal");
const given = field("pricingcurrencyeffectivecost", "decimal");
// FOCUS 1.0 lacks the currency of prices.
const currencies: Currencies = {
  billing: field("billingcurrency"),
  pricing: first(field("pricingcurrency"), field("billingcurrency")),
  given,
};
const pricedEffective = first(given, inPricingCurrency(effective, currencies));
const isTax = isOneOf(field("chargecategory"), "Tax");
// 1.0 has the meter as usage type. FOCUS allows one only with a SKU, which only usage and purchases have.
const meter = first(
  field("skumeter"),
  where(isOneOf(field("chargecategory"), "Usage", "Purchase"), field("x_usagetype")),
);

/**
 * AWS Data Exports in FOCUS 1.0 and 1.2. Source: AWS Data Exports user guide, "FOCUS 1.0 with AWS columns" and "FOCUS 1.2
 * with AWS columns" with their conformance gaps.
 */
export const awsFocus: Mapping = {
  name: "aws_focus",
  title: "AWS FOCUS 1.0 and 1.2",

  cloud: "aws",
  rank: () => 1,

  recognises: (fields) => fields.has("billedcost") && fields.has("chargecategory"),

  fieldOf: (sourceName) => sourceName.toLowerCase(),

  amounts: ["billedcost", "effectivecost", "contractedcost", "listcost"],

  facts: {
    // FOCUS 1.0 lacks subcategories. A subcategory belongs to one category, so it must fit the category of the row.
    known_category: lookup("aws_services", serviceCode, "category"),
    known_subcategory: lookup("aws_services", serviceCode, "subcategory"),
    subcategory: first(
      field("servicesubcategory"),
      where(compared(field("known_category"), "=", field("servicecategory")), field("known_subcategory")),
    ),
  },

  columns: {
    ...nativeColumns,
    PricingCurrency: currencies.pricing,
    PricingCurrencyEffectiveCost: pricedEffective,
    SkuMeter: meter,
    // AWS is the provider of what it sells for others; from 1.3 the provider is the seller.
    ServiceProviderName: first(field("serviceprovidername"), field("publishername"), field("providername")),
    HostProviderName: first(field("hostprovidername"), field("providername")),
    ServiceSubcategory: first(
      field("subcategory"),
      where(present(field("servicecategory")), joined("", text("Other ("), field("servicecategory"), text(")"))),
    ),
    x_ServiceCode: serviceCode,
    x_Operation: field("x_operation"),
    // 1.0 has cost categories beside the tags.
    x_CostCategories: field("x_costcategories", "json"),
    x_Discounts: field("x_discounts", "json"),
    x_QualityFlags: flags({
      SkuIdMissing: all(not(present(field("skumeter"))), present(meter), not(present(field("skuid")))),
      ServiceSubcategoryUnknown: not(present(field("subcategory"))),
      PricingCurrencyEffectiveCostMissing: lacksPricingCurrency(effective, pricedEffective),
    }),
  },

  versions: {
    v1_4: {
      EffectiveCost: cases([[isTax, billed]], effective),
      PricingCurrencyEffectiveCost: cases([[all(isTax, isOneCurrency(currencies)), billed]], pricedEffective),
    },
  },

  totals: {
    BilledCost: { rule: billed },
    EffectiveCost: { rule: cases([[isTax, billed]], effective) },
    ContractedCost: { rule: field("contractedcost", "decimal") },
    ListCost: { rule: field("listcost", "decimal") },
  },

  branches: [{ name: "charges", columns: {} }],
};
