import { type Question, sums } from "./question.ts";

const effective = { effective: "SUM(EffectiveCost)" };
const currency = "BillingCurrency";
const day = "CAST(ChargePeriodStart AS DATE)";

/** Questions of engineers: where the effective cost comes from. */
export const usageQuestions: readonly Question[] = [
  {
    name: "categories",
    title: "What does each category of services cost?",
    library: ["Report costs by service category"],
    sql: sums(["ServiceProviderName", "ServiceCategory", currency], { billed: "SUM(BilledCost)", ...effective }),
  },
  {
    name: "subcategories",
    title: "What does each subcategory of services cost?",
    library: ["Report costs by service category and subcategory"],
    sql: sums(["ServiceProviderName", "ServiceCategory", "ServiceSubcategory", currency], {
      billed: "SUM(BilledCost)",
      ...effective,
    }),
  },
  {
    name: "services",
    title: "What does each service cost?",
    library: ["Analyze costs by service name"],
    sql: sums(["ServiceProviderName", "ServiceName", currency], { billed: "SUM(BilledCost)", ...effective }),
  },
  {
    name: "regions",
    title: "What does each service cost in each region?",
    library: ["Analyze service costs by region", "Effective Cost by Service and Region"],
    sql: sums(["ServiceProviderName", "RegionId", "ServiceName", currency], effective),
  },
  {
    name: "account-services",
    title: "What does each service cost in each sub account?",
    library: ["Analyze service costs by subaccount", "Report service costs by providers subaccount"],
    sql: sums(["ServiceProviderName", "SubAccountId", "SubAccountName", "ServiceName", currency], effective),
  },
  {
    name: "service-months",
    title: "How does the cost of each service change from month to month?",
    library: [
      "Analyze service costs month over month",
      "Forecast amortized costs month over month based on historical trends",
    ],
    sql: sums(["ServiceProviderName", "ServiceName", currency, "x_BillingMonth"], effective),
    months: 12,
  },
  {
    name: "compute",
    title: "What does compute cost, by commitment type and sub account?",
    library: ["Report effective cost of compute", "Analyze cost per compute service for a subaccount"],
    sql: sums(["ServiceProviderName", "SubAccountId", "ServiceName", "CommitmentDiscountType", currency], effective, {
      where: "ServiceCategory = 'Compute'",
    }),
  },
  {
    name: "account-regions",
    title: "In which regions does each sub account have charges?",
    library: ["Report subaccounts by region"],
    sql: sums(
      ["ServiceProviderName", "RegionId", "RegionName", "SubAccountId"],
      { charges: "COUNT(*)" },
      {
        where: "RegionId IS NOT NULL",
      },
    ),
  },
  {
    name: "zones",
    title: "What does each availability zone cost? Azure bills do not name them.",
    library: ["Analyze costs by availability zone for a subaccount"],
    sql: sums(["ServiceProviderName", "SubAccountId", "RegionId", "AvailabilityZone", currency], effective, {
      where: "AvailabilityZone IS NOT NULL",
    }),
  },
  {
    name: "daily-accounts",
    title: "What does each sub account cost on each day?",
    library: ["Identify anomalous daily spending by subaccount"],
    sql: sums(["ServiceProviderName", "SubAccountId", `${day} AS day`, currency], effective, {
      where: "ChargeCategory = 'Usage'",
    }),
  },
  {
    name: "daily-regions",
    title: "What does each sub account cost in each region on each day?",
    library: ["Identify anomalous daily spending by subaccount and region"],
    sql: sums(["ServiceProviderName", "SubAccountId", "RegionId", `${day} AS day`, currency], effective, {
      where: "ChargeCategory = 'Usage'",
    }),
  },
  {
    name: "daily-services",
    title: "What does each service of a sub account cost in each region on each day?",
    library: ["Identify anomalous daily spending by subaccount, region, and service"],
    sql: sums(
      ["ServiceProviderName", "SubAccountId", "RegionId", "ServiceName", `${day} AS day`, currency],
      effective,
      {
        where: "ChargeCategory = 'Usage'",
      },
    ),
  },
  {
    name: "resource-parts",
    title: "Of what does the cost of each resource consist?",
    library: ["Analyze costs of components of a resource"],
    sql: sums(["ResourceId", "ResourceType", "SkuId", "ChargeDescription", currency], effective, {
      where: "ResourceId IS NOT NULL",
      order: "6 DESC, 1, 3, 4",
    }),
  },
  {
    name: "skus",
    title: "How much of each SKU was used, and at which prices?",
    library: ["Analyze resource costs by SKU", "Analyze the different metered costs for a particular SKU"],
    sql: sums(
      ["ServiceProviderName", "SkuId", "SkuPriceId", "PricingUnit", "ListUnitPrice", currency],
      { quantity: "SUM(PricingQuantity)", list: "SUM(ListCost)", ...effective },
      { where: "SkuId IS NOT NULL" },
    ),
  },
  {
    name: "usage-history",
    title: "How much was used and paid in each month, for a forecast?",
    library: ["Get historical usage and rates to enable cost forecasting"],
    sql: sums(
      ["x_BillingMonth", "ServiceProviderName", "ServiceName", "RegionId", "PricingUnit", currency],
      { quantity: "SUM(PricingQuantity)", ...effective },
      { where: "ChargeCategory = 'Usage'" },
    ),
    rates: { effective_rate: ["effective", "quantity"] },
    months: 12,
  },
  {
    name: "resource-usage",
    title: "How does the use of each resource change from month to month?",
    library: ["Compare resource usage month over month"],
    sql: sums(
      ["ServiceProviderName", "ServiceName", "ResourceId", "SkuId", "ConsumedUnit", "x_BillingMonth"],
      { consumed: "SUM(ConsumedQuantity)" },
      { where: "ConsumedQuantity IS NOT NULL AND ResourceId IS NOT NULL" },
    ),
    months: 12,
  },
  {
    name: "unit-economics",
    title: "What does a unit of each service cost?",
    library: ["Calculate unit economics"],
    sql: sums(
      ["ServiceName", "ConsumedUnit", currency],
      { consumed: "SUM(ConsumedQuantity)", ...effective },
      { where: "ChargeCategory = 'Usage' AND ConsumedQuantity > 0" },
    ),
    rates: { cost_per_unit: ["effective", "consumed"] },
    difference:
      "The query of the FOCUS use-case library divides billed cost, which is 0 for usage that a commitment covers.",
  },
  {
    name: "tag-coverage",
    title: "How much of the cost has tags?",
    library: ["Analyze tag coverage"],
    sql: sums(["ServiceProviderName", currency], {
      tagged: "SUM(CASE WHEN Tags IS NOT NULL AND Tags <> '{}' THEN EffectiveCost ELSE 0 END)",
      ...effective,
    }),
    rates: { tagged_share: ["tagged", "effective"] },
    difference:
      "The query of the FOCUS use-case library counts a row with an empty set of tags as tagged. `billhouse untagged` asks for one tag.",
  },
];
