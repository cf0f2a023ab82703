import { type AllocationTag, tagColumn } from "./allocation.ts";
import {
  all,
  cases,
  compared,
  type Condition,
  dayStart,
  decimal,
  entry,
  type Expression,
  field,
  first,
  hasTag,
  isOneOf,
  nextDay,
  not,
  nothing,
  notZero,
  present,
  some,
  where,
} from "./expression.ts";
import { hasTagColumn } from "./mapping.ts";
import type { Part } from "./reading.ts";

/** Sums of the newest view by some of its columns, which a warehouse keeps for each month. */
export interface Rollup {
  /** Its name, as a view. */
  readonly name: "focus_daily" | "focus_sku_monthly";
  /** What its rows are grouped by: a column, and what it is of a row of the view. A condition is `yes` where it holds. */
  readonly keys: Readonly<Record<string, Part>>;
  /** The columns of the view that are added up, each under its own name. */
  readonly sums: readonly string[];
}

/** The column with the number of rows of the view that a row of a rollup adds up. */
export const rowsColumn = "x_Rows";

/** The column with the start of the billing month, by which BigQuery keeps the rows of months apart; NULL without a month. */
export const monthStartColumn = "x_BillingMonthStart";

const costs = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"];

const effective = field("EffectiveCost", "decimal");
const rate = field("x_BillingExchangeRate", "decimal");
const pricingCurrency = field("PricingCurrency");

/** Whether a charge lacks a cost: it is NULL, or 0 although the charge has an effective cost. */
export function isMissing(cost: Expression): Condition {
  return some(not(present(cost)), all(compared(cost, "=", decimal("0")), notZero(effective)));
}

/** Whether a charge lacks the cost at negotiated prices. */
export const isContractedMissing: Condition = isMissing(field("ContractedCost", "decimal"));

/** Whether the bill says that a commitment could cover a charge. */
export const isCommitmentEligible: Condition = present(field("CommitmentProgramEligibilityDetails", "json"));

/** Whether a charge corrects one of an earlier, invoiced period. */
export const isCorrection: Condition = isOneOf(field("ChargeClass"), "Correction");

/** Whether a charge could have tags: usage of a resource with a cost. */
export const isTaggable: Condition = all(
  isOneOf(field("ChargeCategory"), "Usage"),
  not(isOneOf(field("CommitmentDiscountStatus"), "Unused")),
  present(field("ResourceId")),
  not(isCorrection),
  compared(effective, ">", decimal("0")),
);

const tagsText = field("Tags", "json");

/** The tags of a charge as JSON; NULL if none of them has a value. */
export const anyTag: Expression = where(hasTag(tagsText), tagsText);

/** Billing currency per pricing currency: 1 where they are the same, NULL where it is not known. */
export const exchangeRate: Expression = cases(
  [
    [present(rate), rate],
    [not(present(pricingCurrency)), decimal("1")],
    [compared(pricingCurrency, "=", field("BillingCurrency")), decimal("1")],
  ],
  nothing("decimal"),
);

/** Whether a charge is for one day at most, so that it can be shown on its day. */
export const isOfOneDay: Condition = compared(
  field("ChargePeriodEnd", "timestamp"),
  "<=",
  nextDay(field("ChargePeriodStart", "timestamp")),
);

/** What identifies a price: the SKU, else its meter, else the description of the charge. */
export const sku: Expression = first(field("SkuId"), field("SkuMeter"), field("ChargeDescription"));

/**
 * The value of a tag, in the first of its spellings that a charge has; NULL where it has none, and where the value is empty. Native
 * AWS exports write `user:` before the keys of users.
 */
export function tagValue({ key, spellings }: AllocationTag): Expression {
  const names = [key, ...spellings].flatMap((each) => [each, `user:${each}`]);
  return first(...[...new Set(names)].map((name) => entry(field("Tags", "json"), name)));
}

const common = [
  "x_BillingMonth",
  "x_Export",
  "HostProviderName",
  "ServiceProviderName",
  "BillingAccountId",
  "SubAccountId",
  "SubAccountName",
  "ServiceCategory",
  "ServiceName",
  "RegionId",
  "ChargeCategory",
  "ChargeClass",
  "PricingCategory",
  "CommitmentDiscountStatus",
  "BillingCurrency",
];

/** The rollups, the smallest first, with a column for each tag by which costs are allocated. */
export function rollupsWith(tags: readonly AllocationTag[]): readonly Rollup[] {
  const columns = (names: readonly string[]): Record<string, Part> =>
    Object.fromEntries(names.map((name) => [name, field(name)]));
  return [
    {
      name: "focus_sku_monthly",
      keys: {
        ...columns([...common, "SkuMeter", "PricingUnit"]),
        ...columns(["CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountType", "x_SkuTerm"]),
        x_Sku: sku,
        x_HasPricingQuantity: present(field("PricingQuantity", "decimal")),
        x_IsContractedCostMissing: isContractedMissing,
        x_IsListCostMissing: isMissing(field("ListCost", "decimal")),
        x_IsCommitmentEligible: isCommitmentEligible,
        x_ExchangeRate: exchangeRate,
      },
      sums: [...costs, "PricingQuantity"],
    },
    {
      name: "focus_daily",
      keys: {
        ...columns([...common, "BillingAccountName"]),
        x_HasCommitmentDiscount: present(field("CommitmentDiscountId")),
        x_IsOfOneDay: isOfOneDay,
        x_IsTaggable: isTaggable,
        [hasTagColumn]: present(anyTag),
        ChargePeriodStart: dayStart(field("ChargePeriodStart", "timestamp")),
        ...Object.fromEntries(tags.map((tag) => [tagColumn(tag), tagValue(tag)])),
      },
      sums: costs,
    },
  ];
}
