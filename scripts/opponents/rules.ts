/** A rule of FOCUS, and how far a conversion is from it, in the currency of the bill. */
export interface Rule {
  readonly text: string;
  /** The column without which the rule cannot be judged; costs are always there. */
  readonly needs?: "ChargeCategory" | "ChargeClass" | "PricingCategory";
  /** SQL over `judged`: one row for each line of the bill, with the truth and what the conversion made of it. */
  readonly error: string;
}

/** The rules in the order of the page. Differences of totals have a sign, all others are sums of absolute amounts. */
export const rules: readonly Rule[] = [
  { text: "BilledCost adds up to the invoice", error: "SUM(made_billed - billed)" },
  {
    text: "EffectiveCost adds up to use, unused commitments and other charges",
    error: "SUM(made_effective - effective)",
  },
  {
    text: "Negotiated discounts in net columns are in BilledCost",
    error:
      "SUM(abs(made_billed - billed)) FILTER (month = '2026-04' AND kind IN ('usage', 'marketplace', 'support', 'fee', 'upfront', 'tax', 'credit', 'refund'))",
  },
  { text: "Usage that a savings plan covers is not billed", error: "SUM(abs(made_billed)) FILTER (kind = 'covered')" },
  {
    text: "Covered usage costs its share of the commitment",
    error: "SUM(abs(made_effective - effective)) FILTER (kind IN ('covered', 'reserved'))",
  },
  {
    text: "Negations have no effective cost but the cents that they leave",
    error: "abs(SUM(made_effective - effective) FILTER (kind = 'negation'))",
  },
  {
    text: "What was not used of a commitment is in EffectiveCost",
    error: "SUM(abs(made_effective - effective)) FILTER (kind = 'fee')",
  },
  {
    text: "… in a row of its own with the status Unused",
    error: "SUM(abs(made_unused - effective)) FILTER (kind = 'fee')",
  },
  {
    text: "Upfront payments are billed once, and have no effective cost",
    error: "SUM(abs(made_billed - billed) + abs(made_effective)) FILTER (kind = 'upfront')",
  },
  {
    text: "EffectiveCost of on-demand usage, Marketplace, support, credits, refunds, tax and discounts is what is billed",
    error:
      "SUM(abs(made_effective - effective)) FILTER (kind IN ('usage', 'marketplace', 'support', 'credit', 'refund', 'tax', 'discount'))",
  },
  {
    text: "Credits have the ChargeCategory Credit",
    needs: "ChargeCategory",
    error: "SUM(abs(billed)) FILTER (kind = 'credit' AND NOT is_category)",
  },
  {
    text: "Other charges have the ChargeCategory that they should",
    needs: "ChargeCategory",
    error: "SUM(greatest(abs(billed), abs(effective))) FILTER (kind NOT IN ('credit', 'negation') AND NOT is_category)",
  },
  {
    text: "ChargeClass is Correction for refunds of invoiced months alone",
    needs: "ChargeClass",
    error: "SUM(abs(billed)) FILTER (NOT is_class)",
  },
  {
    text: "PricingCategory is Standard, Dynamic or Committed as it should be",
    needs: "PricingCategory",
    error: "SUM(greatest(abs(billed), abs(effective))) FILTER (NOT is_pricing)",
  },
];

/**
 * The view `judged` for the table `made` with the rows of a conversion. The row with the status Unused of a fee is judged by
 * its cost; the rest of a line by its categories. A line that the conversion leaves out costs nothing.
 */
export const judged = `CREATE OR REPLACE TEMP VIEW judged AS SELECT truth.*,
    coalesce(SUM(made.BilledCost), 0) AS made_billed, coalesce(SUM(made.EffectiveCost), 0) AS made_effective,
    coalesce(SUM(made.EffectiveCost) FILTER (CommitmentDiscountStatus = 'Unused'), 0) AS made_unused,
    category IS NULL OR coalesce(bool_and(ChargeCategory IS NOT DISTINCT FROM category) FILTER (main), false) AS is_category,
    coalesce(bool_and((ChargeClass IS NOT DISTINCT FROM 'Correction') = is_correction), false) AS is_class,
    pricing IS NULL OR coalesce(bool_and(PricingCategory IS NOT DISTINCT FROM pricing) FILTER (main), false) AS is_pricing
  FROM truth LEFT JOIN (SELECT *, CommitmentDiscountStatus IS DISTINCT FROM 'Unused' AS main FROM made) made USING (line)
  GROUP BY month, line, kind, billed, effective, category, pricing, is_correction`;
