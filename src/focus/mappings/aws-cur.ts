import { normaliseCurName } from "../../schema/names.ts";
import {
  all,
  cases,
  compared,
  decimal,
  entry,
  type Expression,
  extracted,
  field,
  first,
  firstMember,
  flags,
  hasTag,
  isOneOf,
  isProduct,
  joined,
  lookup,
  lower,
  matches,
  members,
  not,
  nothing,
  number,
  object,
  plus,
  present,
  replaced,
  some,
  text,
  times,
  where,
} from "../expression.ts";
import type { Mapping, Total } from "../mapping.ts";
import {
  billColumns,
  commitmentBranches,
  commitmentTotal,
  currencies,
  plan,
  planUseCost,
  reservation,
} from "./aws-cur-commitments.ts";
import {
  amount,
  capacityReservation,
  category,
  commitment,
  frequency,
  isCommitmentPurchase,
  isCorrection,
  isDiscount,
  isKnown,
  isMarketplace,
  isNegation,
  isPlanUse,
  isReservationFee,
  isReservationUse,
  isSplit,
  isSpot,
  isUnusedCapacity,
  isWholeCapacity,
  lineType,
  product,
} from "./aws-cur-lines.ts";
import { inPricingCurrency, lacksPricingCurrency } from "./pricing-currency.ts";

const billed = field("billed", "decimal");
const effective = field("effective", "decimal");
const priced = inPricingCurrency(effective, currencies);
const publicCost = field("pricing_public_on_demand_cost", "decimal");
const publicRate = field("pricing_public_on_demand_rate", "decimal");
const listed = field("listed", "decimal");
const commitmentId = field("commitment_id");
const isUsageCharge = isOneOf(field("charge_category"), "Usage");
const isWholeCharge = all(isUsageCharge, isWholeCapacity);
const priceId = first(field("pricing_rate_code"), field("pricing_rate_id"));
// FOCUS 1.4: without the identifier of its price, a correction lacks all columns of prices.
const isPriced = all(
  isOneOf(field("charge_category"), "Usage", "Purchase"),
  not(all(isCorrection, not(present(priceId)))),
);
const isCovered = some(isPlanUse, isReservationUse);
const isPlan = matches(commitmentId, ":savingsplan/");
const usage = field("line_item_usage_amount", "decimal");
const normalised = field("line_item_normalized_usage_amount", "decimal");
// Discounts have a quantity of 0, whatever the bill says.
const hasQuantity = some(isDiscount, present(usage));
const term = lower(first(field("savings_plan_purchase_term"), field("pricing_lease_contract_length")));
const productCode = field("line_item_product_code");
// FOCUS: the resource of a commitment's purchase and of its unused part is the commitment.
const resourceId = cases([[isCommitmentPurchase, commitmentId]], field("line_item_resource_id"));
// A promotional credit, or the refund of a tax, can lack a product, and FOCUS demands a name.
const serviceName = first(product("product_name"), productCode, text("AWS"));
const netCost = field("line_item_net_unblended_cost", "decimal");
// A bill can have net costs without net rates; then only a cost without discounts is the product of the rate.
const isDiscounted = compared(netCost, "<>", field("line_item_unblended_cost", "decimal"));
const rate = first(
  where(present(netCost), field("line_item_net_unblended_rate", "decimal")),
  where(not(isDiscounted), field("line_item_unblended_rate", "decimal")),
);
const zero = decimal("0");

// Keys of users carry a prefix in bills; FOCUS wants them as the user wrote them.
const legacyTags = ["resourceTags/user:", "resource_tags_user_", "resourceTags/", "resource_tags_"];
const resourceTags = replaced(withoutEmpty(field("resource_tags", "json")), '([{,])"user[:_]', '\\1"');

/** What a line adds to the effective cost of its month: itself, and the unused part of the commitment that it pays for. */
const effectiveTotal: Total = {
  rule: cases(
    [
      [isSplit, zero],
      [isNegation, billed],
      // Without its negation the on-demand cost of covered usage is in an adjustment.
      [isPlanUse, plus(commitmentTotal.rule, billed)],
      [isCommitmentPurchase, commitmentTotal.rule],
    ],
    effective,
  ),
  open: commitmentTotal.open,
};

/** A JSON object without its members that are empty texts. A quote within a text is escaped, so that it ends no text. */
function withoutEmpty(json: Expression): Expression {
  const member = String.raw`"[^"\\]*(?:\\.[^"\\]*)*"\s*:\s*""\s*,?\s*`;
  return cases(
    [[isOneOf(json, "{}"), nothing("json")]],
    replaced(replaced(json, member, ""), String.raw`,\s*\}$`, "}"),
  );
}

/**
 * AWS Cost and Usage Report: legacy (CSV and Parquet) and CUR 2.0. Sources: AWS Data Exports user guide; FOCUS 1.2 and 1.4
 * with the appendix on commitment discounts.
 */
export const awsCur: Mapping = {
  name: "aws_cur",
  title: "AWS Cost and Usage Report, legacy and 2.0",

  cloud: "aws",
  // CUR 2.0 has maps and the names of accounts.
  rank: (fields) => (["product", "resource_tags", "bill_payer_account_name"].some((name) => fields.has(name)) ? 2 : 3),

  recognises: (fields) => fields.has("line_item_unblended_cost") || fields.has("line_item_net_unblended_cost"),

  // The names in Parquet and CUR 2.0 are those of CSV as Athena writes them: `ReservationARN` is `reservation_a_r_n`.
  fieldOf: (sourceName) => normaliseCurName(sourceName).replace(/_a_r_n$/, "_arn"),

  amounts: [
    "line_item_unblended_cost",
    "line_item_net_unblended_cost",
    "pricing_public_on_demand_cost",
    "reservation_effective_cost",
    "reservation_net_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_net_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "reservation_net_unused_recurring_fee",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_net_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
    "savings_plan_net_amortized_upfront_commitment_for_billing_period",
    "savings_plan_net_recurring_commitment_for_billing_period",
  ],

  facts: {
    billed: amount,
    effective: cases(
      [
        [isPlanUse, planUseCost],
        [isReservationUse, first(reservation("net_effective_cost"), reservation("effective_cost"))],
        [isCommitmentPurchase, zero],
      ],
      amount,
    ),
    negation_id: where(isNegation, field("identity_line_item_id")),
    // The public cost of usage whose price has tiers can be that of another tier than its public price.
    listed: cases(
      [[isProduct(publicRate, usage, publicCost), publicCost]],
      first(times(publicRate, usage), publicCost),
    ),
    charge_category: category,
    commitment_id: commitment,
    capacity_reservation: capacityReservation,
    region: first(product("region_code"), product("region")),
    service: first(
      lookup("aws_services", joined("/", productCode, product("product_family")), "category"),
      lookup("aws_services", productCode, "category"),
    ),
    subservice: first(
      lookup("aws_services", joined("/", productCode, product("product_family")), "subcategory"),
      lookup("aws_services", productCode, "subcategory"),
    ),
    region_name: lookup("aws_regions", field("region"), "name"),
    known_unit: lookup("aws_units", field("pricing_unit"), "unit"),
    unit: first(field("known_unit"), field("pricing_unit")),
  },

  columns: {
    ...billColumns,
    AvailabilityZone: where(
      compared(field("line_item_availability_zone"), "<>", first(field("region"), text(""))),
      field("line_item_availability_zone"),
    ),
    BilledCost: cases([[isPlanUse, zero]], billed),
    // FOCUS demands that usage with the reservation is used or unused, and its whole is neither. It is still the resource.
    CapacityReservationId: where(not(isWholeCharge), field("capacity_reservation")),
    CapacityReservationStatus: where(
      all(present(field("capacity_reservation")), isUsageCharge, not(isWholeCharge)),
      cases([[isUnusedCapacity, text("Unused")]], text("Used")),
    ),
    ChargeCategory: field("charge_category"),
    ChargeClass: where(isCorrection, text("Correction")),
    ChargeDescription: field("line_item_line_item_description"),
    ChargeFrequency: frequency,
    ChargePeriodStart: field("line_item_usage_start_date", "timestamp"),
    ChargePeriodEnd: field("line_item_usage_end_date", "timestamp"),
    CommitmentDiscountCategory: where(present(commitmentId), cases([[isPlan, text("Spend")]], text("Usage"))),
    CommitmentDiscountId: commitmentId,
    CommitmentDiscountQuantity: where(
      present(commitmentId),
      cases(
        [
          [isPlanUse, plan("savings_plan_effective_cost")],
          [isReservationUse, first(normalised, usage)],
          [isReservationFee, first(normalised, usage)],
          [all(isCommitmentPurchase, isPlan, not(isCorrection)), field("line_item_unblended_cost", "decimal")],
        ],
        nothing("decimal"),
      ),
    ),
    CommitmentDiscountStatus: where(all(isCovered, present(commitmentId)), text("Used")),
    CommitmentDiscountType: where(
      present(commitmentId),
      cases([[isPlan, text("Savings Plan")]], text("Reserved Instance")),
    ),
    CommitmentDiscountUnit: cases(
      [
        // The refund of an earlier purchase lacks the quantity, and FOCUS allows no unit without one.
        [some(not(present(commitmentId)), all(isCommitmentPurchase, isCorrection)), nothing()],
        [isPlan, field("line_item_currency_code")],
        [
          some(isReservationUse, isReservationFee),
          cases([[present(normalised), text("Normalized Hours")]], field("unit")),
        ],
      ],
      nothing(),
    ),
    ConsumedQuantity: cases([[isDiscount, zero]], where(isUsageCharge, usage)),
    ConsumedUnit: where(all(isUsageCharge, hasQuantity), field("unit")),
    // The bill lacks the negotiated price of usage that a reservation covers: the public price stands for it.
    ContractedCost: cases([[isReservationUse, first(listed, billed)]], billed),
    ContractedUnitPrice: cases(
      [
        [isReservationUse, publicRate],
        // A refund has a rate below zero, which FOCUS does not allow for a price.
        [some(isDiscount, compared(rate, "<", zero)), nothing("decimal")],
        [isPriced, rate],
      ],
      nothing("decimal"),
    ),
    EffectiveCost: effective,
    ListCost: cases(
      [
        [isDiscount, zero],
        [isUsageCharge, first(listed, billed)],
      ],
      billed,
    ),
    ListUnitPrice: where(all(isUsageCharge, not(isDiscount)), publicRate),
    PricingCurrencyEffectiveCost: priced,
    PricingCategory: cases(
      [
        [isCovered, text("Committed")],
        [all(isUsageCharge, isSpot), text("Dynamic")],
        [isPriced, text("Standard")],
      ],
      nothing(),
    ),
    PricingQuantity: cases([[isDiscount, zero]], where(isPriced, usage)),
    PricingUnit: where(all(isPriced, hasQuantity), field("unit")),
    PublisherName: first(field("line_item_legal_entity"), text("AWS")),
    RegionId: field("region"),
    RegionName: first(field("region_name"), where(present(field("region")), product("location"))),
    ResourceId: resourceId,
    // The tag that the AWS console shows as the name of a resource.
    ResourceName: where(
      all(present(field("line_item_resource_id")), not(isCommitmentPurchase)),
      first(
        field("resource_tags_user_name"),
        ...["user_name", "user:Name", "user_Name"].map((key) => entry(field("resource_tags", "json"), key)),
      ),
    ),
    ResourceType: cases(
      [
        // The name of a bucket stands where other services have the type.
        [matches(resourceId, "^arn:[^:]*:s3:::"), text("bucket")],
      ],
      extracted(resourceId, "^arn:[^:]*:[^:]*:[^:]*:[^:]*:([A-Za-z][A-Za-z0-9-]*)[:/]"),
    ),
    ServiceCategory: first(field("service"), text("Other")),
    ServiceName: serviceName,
    ServiceProviderName: cases([[isMarketplace, first(field("line_item_legal_entity"), text("AWS"))]], text("AWS")),
    ServiceSubcategory: first(field("subservice"), text("Other (Other)")),
    SkuId: where(isPriced, product("sku")),
    // A recurring fee can have a usage type without a SKU; FOCUS does not allow a meter without its SKU.
    SkuMeter: where(all(isPriced, present(product("sku"))), field("line_item_usage_type")),
    SkuPriceDetails: where(
      all(isPriced, present(priceId)),
      object({
        CoreCount: number(product("vcpu")),
        InstanceType: product("instance_type"),
        InstanceSeries: first(product("instance_type_family"), product("instance_family")),
        MemorySize: number(extracted(product("memory"), "^([0-9.]+) GiB$")),
        OperatingSystem: product("operating_system"),
        StorageClass: product("storage_class"),
      }),
    ),
    SkuPriceId: where(isPriced, priceId),
    SubAccountId: field("line_item_usage_account_id"),
    SubAccountName: field("line_item_usage_account_name"),
    SubAccountType: where(present(field("line_item_usage_account_id")), text("Account")),
    Tags: first(members("legacy_tags", ...legacyTags), resourceTags),
    x_LineItemId: field("identity_line_item_id"),
    x_LineItemType: lineType,
    x_ServiceCode: productCode,
    x_Operation: field("line_item_operation"),
    x_CostCategories: first(
      members("legacy_cost_categories", "costCategory/", "cost_category_"),
      withoutEmpty(field("cost_category", "json")),
    ),
    x_Discounts: field("discount", "json"),
    // In months, as Azure writes it.
    x_SkuTerm: where(
      present(commitmentId),
      cases(
        [
          [matches(term, "^1 ?y"), text("12")],
          [matches(term, "^3 ?y"), text("36")],
        ],
        nothing(),
      ),
    ),
    x_QualityFlags: flags({
      LineItemTypeUnknown: not(isKnown),
      ServiceUnknown: not(present(field("service"))),
      RegionUnknown: all(present(field("region")), not(present(field("region_name")))),
      UnitUnknown: all(isPriced, present(field("pricing_unit")), not(present(field("known_unit")))),
      CommitmentUnknown: all(isCovered, not(present(commitmentId))),
      CapacityReservationStatusUnknown: all(present(field("capacity_reservation")), isWholeCharge),
      EffectiveCostMissing: all(isCovered, not(present(effective))),
      ListCostFromContractedCost: all(isUsageCharge, not(isDiscount), not(present(listed))),
      ContractedCostFromListCost: all(isReservationUse, present(netCost)),
      PricingCurrencyEffectiveCostMissing: lacksPricingCurrency(effective, priced),
    }),
  },

  // To write columns as JSON and look for a value in it takes longer than all else that the sums of the view need.
  isTagged: some(present(firstMember("legacy_tag", ...legacyTags)), hasTag(resourceTags)),

  versions: {},

  totals: {
    BilledCost: { rule: billed },
    EffectiveCost: effectiveTotal,
  },

  branches: [{ name: "charges", rows: all(not(isNegation), not(isSplit)), columns: {} }, ...commitmentBranches],
};
