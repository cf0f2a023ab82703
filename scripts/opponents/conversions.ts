/*
 * Public conversions of AWS reports to FOCUS, as facts: which column of the report each takes for a column of FOCUS, written in
 * SQL of our own over the view `report`. Their text is not part of this project:
 *
 * - aws-cur-2: github.com/erayguner/aws-cur-2, docs/finops-focus/bigquery/aws_cur_to_focus.sql
 * - cur2-focus-converter: github.com/trentpalumboit/cur2-focus-converter, src/focus_bridge/mappings.py
 * - dbt-finops-focus: github.com/JGrubb/dbt-finops-focus, models/focus/finops_focus_aws.sql
 *
 * focus_converters is a package of PyPI and runs itself: see `focus-converters.ts`.
 */

/** What a conversion makes of the report, as SQL expressions; a column that it does not fill is missing. */
export interface Conversion {
  readonly name: string;
  readonly repository: string;
  /** SQL over the view `report`: line, BilledCost, EffectiveCost, ChargeCategory, ChargeClass, PricingCategory, CommitmentDiscountStatus. */
  readonly sql: string;
  /** The columns that it fills. */
  readonly fills: readonly ("ChargeCategory" | "ChargeClass" | "PricingCategory")[];
  /** What it takes for money, in a sentence. */
  readonly takes: string;
}

/** A CASE over the type of a line: types separated by spaces, then the expression; `else` for all others. */
function byType(branches: Readonly<Record<string, string>>, otherwise: string): string {
  const cases = Object.entries(branches).map(([types, expression]) => {
    const list = types.split(" ").map((type) => `'${type}'`);
    return `WHEN type IN (${list.join(", ")}) THEN ${expression}`;
  });
  return `CASE ${cases.join(" ")} ELSE ${otherwise} END`;
}

function select(columns: Readonly<Record<string, string>>, rest = ""): string {
  const list = [
    "BilledCost",
    "EffectiveCost",
    "ChargeCategory",
    "ChargeClass",
    "PricingCategory",
    "CommitmentDiscountStatus",
  ];
  return `SELECT line, ${list.map((name) => `${columns[name] ?? "CAST(NULL AS VARCHAR)"} AS ${name}`).join(", ")} FROM report ${rest}`;
}

const unusedPlan = "coalesce(plan_total, 0) - coalesce(plan_used, 0)";

/** The conversions whose rules are written here. */
export const conversions: readonly Conversion[] = [
  {
    name: "B",
    repository: "erayguner/aws-cur-2",
    fills: ["ChargeCategory", "ChargeClass", "PricingCategory"],
    takes:
      "BilledCost: the unblended cost. EffectiveCost: the first that is not NULL of the effective cost of a reservation, that of a savings plan, and the unblended cost.",
    sql: select({
      BilledCost: "coalesce(unblended, 0)",
      EffectiveCost: "coalesce(reserved_effective, plan_effective, unblended, 0)",
      ChargeCategory: byType(
        {
          "Fee RIFee SavingsPlanUpfrontFee SavingsPlanRecurringFee": "'Purchase'",
          Tax: "'Tax'",
          "Credit Refund SavingsPlanNegation BundledDiscount EdpDiscount PrivateRateDiscount": "'Adjustment'",
        },
        "'Usage'",
      ),
      ChargeClass:
        "CASE WHEN bill_type = 'Refund' OR (type IN ('Credit', 'Refund') AND started < period_start) THEN 'Correction' END",
      PricingCategory: `CASE WHEN reservation_arn IS NOT NULL THEN 'Reserved' WHEN plan_arn IS NOT NULL THEN 'Committed' WHEN term = 'Spot' THEN 'Spot' ELSE ${byType({ "RIFee DiscountedUsage": "'Reserved'" }, "'On-Demand'")} END`,
    }),
  },
  {
    name: "C",
    repository: "trentpalumboit/cur2-focus-converter",
    fills: ["ChargeCategory", "ChargeClass"],
    takes:
      "BilledCost: the unblended cost; 0 of covered usage. EffectiveCost: the effective cost of covered usage; 0 of recurring fees; else the unblended cost. It ends with an error at a line of another type than its list, so negations, upfront fees of savings plans and enterprise discounts are left out here.",
    sql: select(
      {
        BilledCost: byType({ "DiscountedUsage SavingsPlanCoveredUsage": "0" }, "coalesce(unblended, 0)"),
        EffectiveCost: byType(
          {
            DiscountedUsage: "coalesce(reserved_effective, 0)",
            SavingsPlanCoveredUsage: "coalesce(plan_effective, 0)",
            "RIFee SavingsPlanRecurringFee": "0",
          },
          "coalesce(unblended, 0)",
        ),
        ChargeCategory: byType(
          {
            "Usage DiscountedUsage SavingsPlanCoveredUsage": "'Usage'",
            "RIFee SavingsPlanRecurringFee Fee": "'Purchase'",
            Tax: "'Tax'",
            Credit: "'Credit'",
          },
          "'Adjustment'",
        ),
        ChargeClass: byType({ "Refund BundledDiscount": "'Correction'" }, "NULL"),
      },
      "WHERE type NOT IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee', 'EdpDiscount')",
    ),
  },
  {
    name: "D",
    repository: "JGrubb/dbt-finops-focus",
    fills: [],
    takes:
      "BilledCost: the net unblended cost, else the unblended cost. EffectiveCost: net before gross for covered usage; the unused parts for fees; the billed cost of usage, tax, credits and refunds; 0 of all other types. Categories are not written yet.",
    sql: select({
      BilledCost: "coalesce(net_unblended, unblended)",
      EffectiveCost: byType(
        {
          DiscountedUsage: "coalesce(net_reserved_effective, reserved_effective)",
          SavingsPlanCoveredUsage: "coalesce(net_plan_effective, plan_effective)",
          RIFee:
            "coalesce(net_unused_upfront, unused_upfront, 0) + coalesce(net_unused_recurring, unused_recurring, 0)",
          SavingsPlanRecurringFee: unusedPlan,
          "Usage Tax Credit Refund": "coalesce(net_unblended, unblended)",
        },
        "0",
      ),
    }),
  },
];

/** The view `report` over the table that billhouse loaded, under short names for the columns of AWS. */
export const reportView = `CREATE VIEW report AS SELECT identity_line_item_id AS line, line_item_line_item_type AS type, bill_bill_type AS bill_type,
  line_item_unblended_cost AS unblended, line_item_net_unblended_cost AS net_unblended,
  reservation_effective_cost AS reserved_effective, reservation_net_effective_cost AS net_reserved_effective,
  savings_plan_savings_plan_effective_cost AS plan_effective, savings_plan_net_savings_plan_effective_cost AS net_plan_effective,
  savings_plan_total_commitment_to_date AS plan_total, savings_plan_used_commitment AS plan_used,
  reservation_unused_recurring_fee AS unused_recurring, reservation_net_unused_recurring_fee AS net_unused_recurring,
  reservation_unused_amortized_upfront_fee_for_billing_period AS unused_upfront,
  reservation_net_unused_amortized_upfront_fee_for_billing_period AS net_unused_upfront,
  reservation_reservation_arn AS reservation_arn, savings_plan_savings_plan_arn AS plan_arn, pricing_term AS term,
  line_item_usage_start_date AS started, bill_billing_period_start_date AS period_start FROM bill.billing_data.aws_cur_data`;
