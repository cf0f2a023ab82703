import { type Question, sums } from "./question.ts";

const effective = { effective: "SUM(EffectiveCost)" };
const currency = "BillingCurrency";
const commitment = ["ServiceProviderName", "CommitmentDiscountId", "CommitmentDiscountType", currency];
const savings = {
  contracted: "SUM(CASE WHEN CommitmentDiscountStatus = 'Unused' THEN 0 ELSE ContractedCost END)",
  ...effective,
  saved: "SUM(CASE WHEN CommitmentDiscountStatus = 'Unused' THEN 0 ELSE ContractedCost END) - SUM(EffectiveCost)",
};
const usage = "ChargeCategory = 'Usage' AND ChargeClass IS NULL";
const notUnitPrice =
  "The library subtracts a cost from a unit price, and counts purchases beside the usage that they pay for. Here both are costs of usage, unused commitments included.";

/** Questions on commitments, discounts and capacity. */
export const commitmentQuestions: readonly Question[] = [
  {
    name: "commitment-purchases",
    title: "Which commitments were bought or paid for?",
    library: ["Report commitment discount purchases"],
    sql: sums(
      [...commitment, "ChargeFrequency", "CommitmentDiscountUnit"],
      { quantity: "SUM(CommitmentDiscountQuantity)", billed: "SUM(BilledCost)" },
      { where: "ChargeCategory = 'Purchase' AND CommitmentDiscountId IS NOT NULL" },
    ),
  },
  {
    name: "unused-commitments",
    title: "Which commitments were not used, and what did that cost?",
    library: ["Identify unused commitments"],
    sql: sums(commitment, effective, { where: "CommitmentDiscountStatus = 'Unused'", order: "5 DESC, 1, 2" }),
    difference:
      "The query of the FOCUS use-case library sums billed cost, which is 0 for unused commitments; this one sums effective cost.",
  },
  {
    name: "commitment-use",
    title: "How much of each commitment was used?",
    library: ["Commitment Discount Effective Cost Breakdown"],
    sql: sums(
      commitment,
      {
        used: "SUM(CASE WHEN CommitmentDiscountStatus = 'Used' THEN EffectiveCost ELSE 0 END)",
        unused: "SUM(CASE WHEN CommitmentDiscountStatus = 'Unused' THEN EffectiveCost ELSE 0 END)",
        ...effective,
      },
      { where: "ChargeCategory = 'Usage' AND CommitmentDiscountId IS NOT NULL" },
    ),
    rates: { utilisation: ["used", "effective"] },
  },
  {
    name: "savings-rate",
    title: "Which part of the contracted cost do commitments save?",
    library: ["Determine Effective Savings Rate"],
    sql: sums([currency], savings, { where: usage }),
    rates: { savings_rate: ["saved", "contracted"] },
    difference: notUnitPrice,
  },
  {
    name: "service-savings",
    title: "Which part of the contracted cost do commitments save, by service?",
    library: ["Determine Effective Savings Rate by Service"],
    sql: sums(["ServiceProviderName", "ServiceName", currency], savings, { where: usage }),
    rates: { savings_rate: ["saved", "contracted"] },
    difference: notUnitPrice,
  },
  {
    name: "discounts",
    title: "How much do negotiated prices and commitments take off the list price?",
    library: ["Discount Effectiveness by Service"],
    sql: sums(
      ["ServiceProviderName", "ServiceName", currency],
      {
        list: "SUM(ListCost)",
        contracted: "SUM(ContractedCost)",
        ...effective,
        negotiated: "SUM(ListCost) - SUM(ContractedCost)",
        committed: "SUM(ContractedCost) - SUM(EffectiveCost)",
      },
      { where: `${usage} AND (CommitmentDiscountStatus IS NULL OR CommitmentDiscountStatus = 'Used')` },
    ),
    rates: { negotiated_rate: ["negotiated", "list"], committed_rate: ["committed", "contracted"] },
  },
  {
    name: "capacity",
    title: "What do capacity reservations cost, used and unused?",
    library: ["Analyze capacity reservations on compute costs"],
    sql: sums(
      ["ServiceProviderName", "BillingAccountId", "CapacityReservationId", "CapacityReservationStatus", currency],
      {
        billed: "SUM(BilledCost)",
        ...effective,
      },
      { where: "ServiceCategory = 'Compute' AND CapacityReservationId IS NOT NULL" },
    ),
  },
  {
    name: "unused-capacity",
    title: "Which capacity reservations were not used?",
    library: ["Identify unused capacity reservations"],
    sql: sums(["ServiceProviderName", "BillingAccountId", "CapacityReservationId", currency], effective, {
      where: "CapacityReservationStatus = 'Unused'",
    }),
  },
];
