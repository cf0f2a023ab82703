import {
  all,
  cases,
  compared,
  type Condition,
  decimal,
  type Expression,
  field,
  first,
  flags,
  hasColumn,
  isOneOf,
  joined,
  lookup,
  lower,
  matches,
  not,
  nothing,
  notZero,
  present,
  replaced,
  some,
  text,
  where,
} from "../expression.ts";
import type { Mapping } from "../mapping.ts";
import { lookupKey, resourceType, subscription } from "./azure-values.ts";
import { nativeColumns } from "./native.ts";
import { type Currencies, inPricingCurrency, isOneCurrency, lacksPricingCurrency } from "./pricing-currency.ts";

const category = field("charge_category");
const commitment = field("commitment_id");
const effective = field("effective", "decimal");
const contracted = field("contracted", "decimal");
const listed = field("listed", "decimal");
const status = field("commitment_status");
const pricingCurrency = first(field("pricingcurrency"), field("x_pricingcurrency"), field("billingcurrency"));
const serviceName = field("service_name");
const billed = field("billedcost", "decimal");
const givenEffective = field("effectivecost", "decimal");
const effectiveInUsd = field("x_effectivecostinusd", "decimal");
const givenPricing = field("pricingcategory");
const subcategory = field("chargesubcategory");
const quantity = first(field("consumedquantity", "decimal"), field("usagequantity", "decimal"));
const zero = decimal("0");

const isUsage = isOneOf(category, "Usage");
// Exports before 1.2 have the meter in a column of Azure. FOCUS allows one only with a SKU, which only usage and purchases have.
const meter = first(field("skumeter"), where(isOneOf(category, "Usage", "Purchase"), field("x_skumetername")));
const isUnused = isOneOf(status, "Unused");
const isCommitmentPurchase = all(isOneOf(category, "Purchase"), present(commitment));
const isCommitmentUse = all(isUsage, present(commitment));
const isOfCommitmentItself = some(isCommitmentPurchase, all(isCommitmentUse, isUnused));
const isResourceOfCommitment = all(isOfCommitmentItself, not(present(field("resourceid"))));
const isTax = isOneOf(category, "Tax");
const currencies: Currencies = {
  billing: field("billingcurrency"),
  pricing: pricingCurrency,
  // Today's exports have costs in the currency of the bill and in US dollars.
  given: where(
    not(isCommitmentPurchase),
    first(field("pricingcurrencyeffectivecost", "decimal"), where(isOneOf(pricingCurrency, "USD"), effectiveInUsd)),
  ),
};
const pricedEffective = inPricingCurrency(effective, currencies);
const isMarketplace = isOneOf(field("x_publishercategory"), "Vendor", "Marketplace");

const subAccount = subscription(field("sub_account_id"));

/** 1.0-preview has columns that later versions renamed or removed. One table can have months of several versions. */
const isPreview = some(
  not(hasColumn("contractedcost")),
  present(subcategory),
  present(field("region")),
  present(field("usagequantity", "decimal")),
  present(field("x_ondemandcost", "decimal")),
);

/** An amount that is missing or 0 although the charge costs something: Azure lacks many list and negotiated prices. */
const isMissing = (amount: Expression): Condition => all(not(notZero(amount)), notZero(effective), not(isUnused));
const isBelow = (amount: Expression, other: Expression): Condition =>
  all(compared(amount, "<", other), compared(other, ">", zero), not(isUnused), not(isCommitmentPurchase));

const givenContracted = first(field("contractedcost", "decimal"), field("x_ondemandcost", "decimal"));
const givenList = field("listcost", "decimal");
const wasStandard = isOneOf(givenPricing, "Standard", "On-Demand");
const wasCommitted = isOneOf(givenPricing, "Committed", "Commitment-Based");
const givenService = field("servicename");
const givenCategory = field("servicecategory");
const givenSubcategory = field("servicesubcategory");
const meterSubcategory = field("x_skumetersubcategory");

/**
 * Azure exports in FOCUS 1.0-preview(v1), 1.0, 1.0r2, 1.2-preview and 1.2. Their defects are corrected with a flag; BilledCost
 * never changes, and repeated rows stay, because nothing distinguishes a row that was delivered twice from two equal charges.
 * Sources: microsoft/finops-toolkit@04d370f, docs-mslearn/focus/conformance-summary.md and
 * IngestionSetup_v1_2.kql (Costs_transform), issues 836, 873, 1092, 1569, 2048, 2105, 2307; FOCUS 1.2.
 */
export const azureFocus: Mapping = {
  name: "azure_focus",
  title: "Azure FOCUS 1.0-preview to 1.2",

  cloud: "azure",
  rank: () => 1,

  recognises: (fields) => fields.has("billedcost") && fields.has("chargecategory"),

  fieldOf: (sourceName) => sourceName.toLowerCase(),

  amounts: ["billedcost", "effectivecost", "contractedcost", "listcost", "x_ondemandcost"],

  facts: {
    charge_category: cases(
      [
        [isOneOf(subcategory, "Credit"), text("Credit")],
        // The bill does not say what was refunded: purchases are what Azure refunds.
        [isOneOf(subcategory, "Refund"), text("Purchase")],
      ],
      field("chargecategory"),
    ),
    commitment_id: lower(field("commitmentdiscountid")),
    commitment_status: where(
      isCommitmentUse,
      first(
        field("commitmentdiscountstatus"),
        cases(
          [
            [isOneOf(subcategory, "Used Commitment"), text("Used")],
            [isOneOf(subcategory, "Unused Commitment"), text("Unused")],
          ],
          nothing(),
        ),
      ),
    ),
    effective: cases([[isCommitmentPurchase, zero]], givenEffective),
    contracted: cases([[isMissing(givenContracted), effective]], givenContracted),
    listed: cases([[isMissing(givenList), contracted]], givenList),
    // FOCUS: the resource of a commitment's purchase and of its unused part is the commitment.
    resource_id: first(field("resourceid"), where(isOfCommitmentItself, commitment)),
    resource_type: first(
      lower(field("x_resourcetype")),
      resourceType(first(field("resourceid"), where(present(commitment), commitment))),
    ),
    region_id: lookup("azure_regions", lookupKey(field("region")), "id"),
    region_name: lookup("azure_regions", lookupKey(field("region")), "name"),
    sub_account_id: lower(field("subaccountid")),
    service_name: first(
      givenService,
      where(isMarketplace, field("publishername")),
      meterSubcategory,
      field("x_skumetercategory"),
      field("publishername"),
      text("Microsoft"),
    ),
    type_category: lookup("azure_services", field("resource_type"), "category"),
    type_subcategory: lookup("azure_services", field("resource_type"), "subcategory"),
    name_category: lookup("azure_service_names", lower(givenService), "category"),
    name_subcategory: lookup("azure_service_names", lower(givenService), "subcategory"),
    known_category: first(givenCategory, field("name_category"), field("type_category")),
    // A subcategory belongs to one category, so it must fit the category of the row.
    known_subcategory: first(
      givenSubcategory,
      where(compared(field("name_category"), "=", field("known_category")), field("name_subcategory")),
      where(compared(field("type_category"), "=", field("known_category")), field("type_subcategory")),
    ),
  },

  columns: {
    ...nativeColumns,
    BillingAccountId: lower(field("billingaccountid")),
    BillingAccountType: first(
      field("billingaccounttype"),
      cases(
        [[matches(lower(field("billingaccountid")), "/billingprofiles/"), text("Billing Profile")]],
        where(present(field("billingaccountid")), text("Billing Account")),
      ),
    ),
    ChargeCategory: category,
    ChargeClass: first(field("chargeclass"), where(isOneOf(subcategory, "Refund"), text("Correction"))),
    ChargeFrequency: cases(
      [[all(isCommitmentPurchase, isOneOf(field("chargefrequency"), "Usage-Based")), text("Recurring")]],
      field("chargefrequency"),
    ),
    CommitmentDiscountId: commitment,
    CommitmentDiscountStatus: status,
    ConsumedQuantity: where(all(isUsage, not(isUnused)), quantity),
    ConsumedUnit: where(all(isUsage, not(isUnused)), first(field("consumedunit"), field("usageunit"))),
    ContractedCost: contracted,
    ContractedUnitPrice: first(field("contractedunitprice", "decimal"), field("x_ondemandunitprice", "decimal")),
    EffectiveCost: effective,
    HostProviderName: first(field("hostprovidername"), text("Microsoft")),
    InvoiceId: first(field("invoiceid"), field("x_invoiceid")),
    InvoiceIssuerName: first(field("invoiceissuername"), text("Microsoft")),
    ListCost: listed,
    PricingCategory: cases(
      [
        [isTax, nothing()],
        [isCommitmentPurchase, text("Standard")],
        [isCommitmentUse, text("Committed")],
        [wasStandard, text("Standard")],
        [wasCommitted, text("Committed")],
      ],
      givenPricing,
    ),
    PricingCurrency: pricingCurrency,
    PricingCurrencyEffectiveCost: pricedEffective,
    ProviderName: first(field("providername"), text("Microsoft")),
    PublisherName: first(field("publishername"), text("Microsoft")),
    RegionId: first(field("regionid"), field("region_id")),
    RegionName: first(field("regionname"), field("region_name"), field("region")),
    ResourceId: field("resource_id"),
    ResourceName: first(field("resourcename"), where(isOfCommitmentItself, field("commitmentdiscountname"))),
    ResourceType: first(field("resourcetype"), where(isResourceOfCommitment, field("commitmentdiscounttype"))),
    ServiceCategory: first(field("known_category"), text("Other")),
    ServiceName: serviceName,
    // From FOCUS 1.3 the provider is the seller.
    ServiceProviderName: first(
      field("serviceprovidername"),
      where(isMarketplace, field("publishername")),
      field("providername"),
      text("Microsoft"),
    ),
    ServiceSubcategory: first(
      field("known_subcategory"),
      joined("", text("Other ("), first(field("known_category"), text("Other")), text(")")),
    ),
    SkuMeter: meter,
    SkuPriceDetails: first(
      field("skupricedetails", "json"),
      // Its keys are Azure's own, which FOCUS wants to start with x_.
      replaced(field("x_skudetails", "json"), String.raw`"([A-Za-z0-9_]+)"\s*:`, String.raw`"x_\1":`),
    ),
    SubAccountId: subAccount,
    SubAccountName: where(present(subAccount), field("subaccountname")),
    SubAccountType: where(present(subAccount), first(field("subaccounttype"), text("Subscription"))),
    x_EffectiveCostInUsd: cases([[all(isCommitmentPurchase, present(effectiveInUsd)), zero]], effectiveInUsd),
    x_ResourceType: field("resource_type"),
    x_QualityFlags: flags({
      LegacyFocusVersion: isPreview,
      EffectiveCostOfPurchaseRemoved: all(isCommitmentPurchase, notZero(givenEffective)),
      ChargeFrequencyCorrected: all(isCommitmentPurchase, isOneOf(field("chargefrequency"), "Usage-Based")),
      PricingCategoryCorrected: some(
        all(isCommitmentUse, not(wasCommitted)),
        all(isCommitmentPurchase, not(wasStandard)),
      ),
      CommitmentDiscountStatusMissing: all(isCommitmentUse, not(present(status))),
      ContractedCostFromEffectiveCost: isMissing(givenContracted),
      ListCostFromContractedCost: isMissing(givenList),
      ContractedCostBelowEffectiveCost: isBelow(contracted, effective),
      ListCostBelowContractedCost: isBelow(listed, contracted),
      PricingCurrencyEffectiveCostMissing: lacksPricingCurrency(effective, pricedEffective),
      ConsumedQuantityMissing: all(isUsage, not(isUnused), not(present(quantity))),
      SkuIdMissing: all(not(present(field("skumeter"))), present(meter), not(present(field("skuid")))),
      PublisherNameAssumed: not(present(field("publishername"))),
      ServiceNameAssumed: not(present(givenService)),
      ServiceUnknown: not(present(field("known_category"))),
      ServiceSubcategoryUnknown: all(present(field("known_category")), not(present(field("known_subcategory")))),
    }),
  },

  versions: {
    // FOCUS 1.4: the effective cost of tax is what is billed.
    v1_4: {
      EffectiveCost: cases([[isTax, billed]], effective),
      PricingCurrencyEffectiveCost: cases([[all(isTax, isOneCurrency(currencies)), billed]], pricedEffective),
    },
  },

  // List and contracted costs that Azure leaves out are filled row by row, so that no sum gives them.
  totals: {
    BilledCost: { rule: billed },
    EffectiveCost: {
      rule: cases(
        [
          [isTax, billed],
          [isCommitmentPurchase, zero],
        ],
        givenEffective,
      ),
    },
  },

  branches: [{ name: "charges", columns: {} }],
};
