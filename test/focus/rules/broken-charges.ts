import type { Check, Rule } from "../../../src/focus/rules/model.ts";
import type { AnsweredRule } from "../../../src/focus/rules/answer.ts";
import { corrections } from "../../../src/focus/rules/corrected.ts";
import { type ChargeKind, type ChargeRow, goodCharges } from "./charges.ts";

/** A row that breaks a rule: a good one with a change. */
export interface BrokenCharge {
  readonly kind: ChargeKind;
  readonly change: ChargeRow;
}

/** Changes that break rules which have no check of their own, or more than one value. */
const byHand: Readonly<Record<string, BrokenCharge>> = {
  "CurrencyFormat-A-001-C": { kind: "usage", change: { BillingCurrency: "Euro" } },
  "UnitFormat-A-003-M": { kind: "usage", change: { PricingUnit: "gb-hours" } },
  "KeyValueFormat-A-001-M": { kind: "usage", change: { Tags: "team=web" } },
  "KeyValueFormat-A-003-M": { kind: "usage", change: { Tags: '{"team":["web"]}' } },
  "KeyValueFormat-A-004-M": { kind: "usage", change: { SkuPriceDetails: '{"x_disk":{"size":1}}' } },
  "DiscountHandling-A-006-C": { kind: "usage", change: { PricingCategory: "Committed" } },
  "DiscountHandling-A-009-C": { kind: "used", change: { BilledCost: "1" } },
  "DiscountHandling-A-011-C": { kind: "fee", change: { BilledCost: "4" } },
  "DiscountHandling-A-012-C": { kind: "fee", change: { ResourceId: "arn:server-1" } },
  "DiscountHandling-A-014-C": { kind: "used", change: { CommitmentDiscountStatus: null } },
  "DiscountHandling-A-015-C": { kind: "used", change: { CommitmentDiscountId: null } },
  "DiscountHandling-A-016-C": { kind: "used", change: { ResourceId: "arn:plan-1" } },
  "DiscountHandling-A-017-C": { kind: "fee", change: { BilledCost: "4" } },
  "DiscountHandling-A-018-C": { kind: "unused", change: { ChargeCategory: "Adjustment" } },
  "DiscountHandling-A-019-C": { kind: "unused", change: { ResourceId: null } },
  "NullHandling-A-001-C": { kind: "usage", change: { ResourceName: "N/A" } },
  "NullHandling-A-002-M": { kind: "usage", change: { RegionName: "Not Applicable" } },
  "BillingPeriodStart-C-004-M": { kind: "usage", change: { BillingPeriodStart: "2025-04-01 00:00:00" } },
  "BillingPeriodEnd-C-004-M": { kind: "usage", change: { BillingPeriodEnd: "2025-03-31 00:00:00" } },
  "ChargePeriodStart-C-004-M": { kind: "usage", change: { ChargePeriodStart: "2025-03-03 00:00:00" } },
  "ChargePeriodEnd-C-004-M": { kind: "usage", change: { ChargePeriodEnd: "2025-03-02 00:00:00" } },
  "PricingQuantity-C-009-C": { kind: "usage", change: { ListCost: "3.01" } },
  "ContractedCost-C-009-C": { kind: "usage", change: { ContractedCost: "2.51" } },
  "CommitmentDiscountId-C-005-C": { kind: "unused", change: { CommitmentDiscountId: null } },
  "SkuPriceId-C-012-C": { kind: "usage", change: { ResourceId: null, ServiceName: null } },
  "SkuId-C-011-C": { kind: "usage", change: { ResourceId: null, ServiceName: null } },
  "InvoiceId-C-007-C": { kind: "usage", change: { BillingAccountId: null } },
  "SkuPriceDetails-C-007-M": { kind: "usage", change: { SkuPriceId: null } },
  "SkuPriceDetails-C-017-C": { kind: "usage", change: { SkuPriceDetails: '{"VCPUs":2}' } },
  "SkuPriceDetails-C-020-M": { kind: "usage", change: { SkuPriceDetails: '{"coreCount":2}' } },
  "SkuPriceDetails-C-021-M": { kind: "usage", change: { SkuPriceDetails: '{"CoreCount":"2"}' } },
  "PricingCategory-C-009-C": { kind: "used", change: { PricingCategory: "Standard" } },
  "CommitmentDiscountUnit-C-008-M": { kind: "used", change: { CommitmentDiscountUnit: "Hours" } },
  "PricingCurrencyContractedUnitPrice-C-004-C": {
    kind: "tax",
    change: { PricingCurrencyContractedUnitPrice: "1" },
  },
  "PricingCurrencyContractedUnitPrice-C-005-C": {
    kind: "usage",
    change: { PricingCurrencyContractedUnitPrice: null },
  },
  "PricingCurrencyContractedUnitPrice-C-008-C": {
    kind: "usage",
    change: { PricingCurrencyContractedUnitPrice: "-1" },
  },
  "PricingCurrencyEffectiveCost-C-005-M": { kind: "fee", change: { PricingCurrencyEffectiveCost: "3" } },
  "CommitmentDiscountQuantity-C-012-C": { kind: "fee", change: { CommitmentDiscountQuantity: "4" } },
  "CommitmentDiscountQuantity-C-014-C": { kind: "used", change: { CommitmentDiscountQuantity: "-2" } },
  "CommitmentDiscountQuantity-C-015-C": { kind: "unused", change: { CommitmentDiscountQuantity: "-1" } },
  "EffectiveCost-C-010-C": { kind: "credit", change: { EffectiveCost: "0" } },
  "EffectiveCost-C-012-C": { kind: "used", change: { EffectiveCost: "1.5" } },
  "EffectiveCost-C-013-C": { kind: "used", change: { CommitmentDiscountStatus: null } },
  "ResourceName-C-004-C": { kind: "usage", change: { ResourceId: null } },
  "ContractedCost-C-008-C": { kind: "credit", change: { ContractedCost: "0" } },
  "ListCost-C-008-C": { kind: "credit", change: { ListCost: "0" } },
  "ServiceName-C-005-C": {
    kind: "usage",
    change: { ServiceCategory: "Storage", ServiceSubcategory: "Other (Storage)" },
  },
  "SkuPriceId-C-008-M": { kind: "usage", change: { SkuId: "sku-2" } },
};

/**
 * The row that breaks a rule: one that is written down, or one that is made from the check of the rule. Null for a rule that no
 * row can break, because it demands a value of rows that have one.
 */
export function brokenCharge(rule: AnsweredRule, limits: readonly Check[]): BrokenCharge | null {
  const known = byHand[rule.id];
  if (known !== undefined) return known;
  const check = corrections[rule.id]?.check ?? rule.check;
  if (check === undefined) throw new Error(`No row is known that breaks ${rule.id}.`);
  const own = corrections[rule.id]?.if ?? rule.if;
  const wanted = [...limits, ...(own === undefined ? [] : [own])];
  const without = wanted
    .filter(([kind, , value]) => kind === "is" && value === null)
    .map(([, column]) => [column, null]);
  const change: ChargeRow = { ...(Object.fromEntries(without) as ChargeRow), ...breaking(check) };
  for (const kind of Object.keys(goodCharges) as ChargeKind[]) {
    const row: ChargeRow = { ...goodCharges[kind], ...change };
    if (wanted.every((each) => isTrue(each, row)) && isChanged(goodCharges[kind], change)) return { kind, change };
  }
  return null;
}

/** The rows that only a rule above or a condition of a rule limits, as far as they are written in the rule itself. */
export function limitsOf(rule: Rule, rules: readonly Rule[]): readonly Check[] {
  const above = rules.filter(({ parts }) => parts?.includes(rule.id));
  return above.flatMap((each) => [...(each.if === undefined ? [] : [each.if]), ...limitsOf(each, rules)]);
}

/** The values that break a check, whatever else the row has. */
function breaking(check: Check): ChargeRow {
  switch (check[0]) {
    case "is":
      return { [check[1]]: check[2] === null ? "1" : check[2] === "0" ? "1" : "Wrong" };
    case "is not":
      return { [check[1]]: check[2] };
    case "one of":
    case "belongs":
      return { [check[1]]: "Wrong" };
    case "at least":
      return { [check[1]]: "-1" };
    case "product":
      return { [check[3]]: "7" };
    case "format":
      return { [check[1]]: "not in the format" };
    case "national currency":
      return { [check[1]]: "XYZ" };
    case "all":
    case "column":
    case "decimal":
    case "not same":
    case "one for each":
    case "some":
    case "type":
  }
  throw new Error(`No value is known that breaks ${JSON.stringify(check)}.`);
}

function isTrue(check: Check, row: ChargeRow): boolean {
  switch (check[0]) {
    case "is":
      return (row[check[1]] ?? null) === check[2];
    case "is not":
      return (row[check[1]] ?? null) !== check[2];
    case "one of":
      return check[2].includes(row[check[1]] ?? "");
    case "all":
      return (check.slice(1) as Check[]).every((each) => isTrue(each, row));
    case "some":
      return (check.slice(1) as Check[]).some((each) => isTrue(each, row));
    case "at least":
    case "belongs":
    case "column":
    case "decimal":
    case "format":
    case "national currency":
    case "not same":
    case "one for each":
    case "product":
    case "type":
  }
  throw new Error(`${JSON.stringify(check)} does not limit a rule.`);
}

function isChanged(row: ChargeRow, change: ChargeRow): boolean {
  return Object.entries(change).some(([name, value]) => (row[name] ?? null) !== value);
}
