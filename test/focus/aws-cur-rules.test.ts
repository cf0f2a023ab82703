import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { curColumns, curDelivery, curManifestTypes, curRow, deliver, type Row } from "../support/deliveries.ts";
import { ask, createProject, curSection, runProject } from "../support/projects.ts";
import type { QueryRow } from "../../src/warehouses/warehouse.ts";

const month = "2025-03";
const plan = "arn:aws:savingsplans::111100002222:savingsplan/aaaa";
const member = "arn:aws:savingsplans::111100002222:savingsplan/bbbb";
const reserved = "arn:aws:ec2:us-east-1:111100002222:reserved-instances/cccc";
const capacity = "arn:aws:ec2:us-east-1:111100002222:capacity-reservation/cr-1";
const day = { "lineItem/UsageStartDate": `${month}-02T00:00:00Z`, "lineItem/UsageEndDate": `${month}-03T00:00:00Z` };

/** A line of the bill. Its id is its name in the tests. */
function line(id: string, type: string, cost: string, cells: Row = {}): Row {
  return curRow(month, {
    "identity/LineItemId": id,
    "lineItem/LineItemType": type,
    "lineItem/UnblendedCost": cost,
    "bill/BillType": "Anniversary",
    "lineItem/LegalEntity": "Amazon Web Services, Inc.",
    ...cells,
  });
}

const lines: readonly Row[] = [
  // A savings plan with a negotiated discount: a fee of 10, of which 6 were used, net 9 and 5.1.
  line("fee", "SavingsPlanRecurringFee", "10", {
    ...day,
    "lineItem/NetUnblendedCost": "9",
    "savingsPlan/SavingsPlanARN": plan,
    "savingsPlan/TotalCommitmentToDate": "10",
    "savingsPlan/UsedCommitment": "6",
    "savingsPlan/NetRecurringCommitmentForBillingPeriod": "9",
    "savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod": "0",
  }),
  line("covered", "SavingsPlanCoveredUsage", "8", {
    ...day,
    "lineItem/NetUnblendedCost": "7.2",
    "lineItem/UsageType": "USE1-BoxUsage:m5.large",
    "savingsPlan/SavingsPlanARN": plan,
    "savingsPlan/SavingsPlanEffectiveCost": "6",
    "savingsPlan/NetSavingsPlanEffectiveCost": "5.1",
    "pricing/publicOnDemandCost": "8.5",
    "pricing/publicOnDemandRate": "8.5",
  }),
  line("a negation", "SavingsPlanNegation", "-8", {
    ...day,
    "lineItem/NetUnblendedCost": "-7.2000000003",
    "savingsPlan/SavingsPlanARN": plan,
  }),
  // Some generators of bills write no negations.
  line("alone", "SavingsPlanCoveredUsage", "2", {
    "savingsPlan/SavingsPlanARN": `${plan}-alone`,
    "savingsPlan/SavingsPlanEffectiveCost": "1",
  }),
  line("unnamed plan", "SavingsPlanCoveredUsage", "2", { "savingsPlan/SavingsPlanEffectiveCost": "1" }),
  // A report of a member account shows the whole fee, and only some of the usage.
  line("member fee", "SavingsPlanRecurringFee", "10", {
    ...day,
    "lineItem/NetUnblendedCost": "9",
    "savingsPlan/SavingsPlanARN": member,
    "savingsPlan/TotalCommitmentToDate": "10",
    "savingsPlan/UsedCommitment": "6",
    "savingsPlan/NetRecurringCommitmentForBillingPeriod": "9",
    "savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod": "0",
  }),
  line("ri fee", "RIFee", "4", {
    "lineItem/UsageStartDate": `${month}-01T00:00:00Z`,
    "lineItem/UsageEndDate": `2025-04-01T00:00:00Z`,
    "lineItem/NetUnblendedCost": "3.6",
    "lineItem/UsageAmount": "744",
    "reservation/ReservationARN": reserved,
    "reservation/UnusedQuantity": "186",
    "reservation/UnusedRecurringFee": "1",
    "reservation/NetUnusedRecurringFee": "0.9",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "2",
    "reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod": "1.8",
  }),
  line("ri use", "DiscountedUsage", "0", {
    "lineItem/NetUnblendedCost": "0",
    "lineItem/UsageType": "USE1-BoxUsage:m5.large",
    "reservation/ReservationARN": reserved,
    "reservation/EffectiveCost": "9",
    "reservation/NetEffectiveCost": "8.1",
    "pricing/publicOnDemandCost": "12",
  }),
  line("net usage", "Usage", "5", { "lineItem/NetUnblendedCost": "4", "pricing/publicOnDemandCost": "5" }),
  line("discount", "EdpDiscount", "-1", { "lineItem/NetUnblendedCost": "0", "lineItem/UsageAmount": "1" }),
  line("no net amount", "Usage", "3"),
  line("spot", "Usage", "1", { "lineItem/UsageType": "USE1-SpotUsage:m5.large" }),
  line("seller", "Usage", "2", { "bill/BillingEntity": "AWS Marketplace", "lineItem/LegalEntity": "Northwind Ltd." }),
  line("split", "Usage", "0", { "splitLineItem/ParentResourceId": "i-1", "splitLineItem/SplitCost": "0.5" }),
  line("volume", "Usage", "1", {
    "product/productFamily": "Storage",
    "product/ProductName": "Amazon Elastic Compute Cloud",
    "lineItem/ResourceId": "vol-1",
  }),
  line("unknown service", "Usage", "1", { "lineItem/ProductCode": "AmazonTomorrow" }),
  line("unknown type", "MysteryFee", "1"),
  line("old refund", "Refund", "-1", {
    "lineItem/UsageType": "x",
    "lineItem/UsageStartDate": "2025-01-05T00:00:00Z",
    "lineItem/UsageEndDate": "2025-01-06T00:00:00Z",
  }),
  line("new refund", "Refund", "-1", { "lineItem/UsageType": "x" }),
  line("plan refund", "Refund", "-7", {
    "lineItem/ProductCode": "ComputeSavingsPlans",
    "lineItem/LineItemDescription": "Refund for one-time fee for Savings Plan ID: 1",
  }),
  line("credit", "Credit", "-2", { "lineItem/UsageType": "x" }),
  line("tax", "Tax", "1.9"),
  line("capacity", "Usage", "3", {
    "lineItem/UsageType": "USE1-UnusedBox:m5.large",
    "lineItem/ResourceId": capacity,
  }),
  line("tagged", "Usage", "1", {
    "resourceTags/user:Team": 'web, "eu"',
    "resourceTags/user:empty": "",
    "resourceTags/aws:createdBy": "Root:1",
    "costCategory/Unit": "shop",
  }),
  line("monthly", "Usage", "1", {
    "lineItem/UsageStartDate": `${month}-01T00:00:00Z`,
    "lineItem/UsageEndDate": "2025-04-01T00:00:00Z",
  }),
  line("euro", "Usage", "1.000000000000000001", { "lineItem/CurrencyCode": "EUR" }),
];

const columns = [...new Set([...curColumns, ...lines.flatMap((row) => Object.keys(row))])];
const amounts = columns.filter((name) =>
  /Cost$|Fee(?:ForBillingPeriod)?$|Commitment|UsedCommitment|Quantity$/.test(name),
);

describe("the rules of FOCUS for AWS Cost and Usage Reports", () => {
  const rows = new Map<string, QueryRow>();
  const cleanups: (() => unknown)[] = [];
  const row = (key: string): QueryRow => rows.get(key) ?? assert.fail(`there is a row ${key}`);
  const pick = (key: string, ...names: string[]): unknown[] => names.map((name) => row(key)[name]);
  const costs = (key: string): unknown[] => pick(key, "BilledCost", "EffectiveCost", "ListCost", "ContractedCost");

  before(async () => {
    const project = await createProject({ after: (work) => void cleanups.push(work as () => unknown) }, curSection);
    const types = { ...curManifestTypes, ...Object.fromEntries(amounts.map((name) => [name, "OptionalBigDecimal"])) };
    await deliver(project.bucket, curDelivery({ month, id: "20250403T000000Z", columns, types, files: [lines] }));
    const { finished } = await runProject(project);
    assert.deepEqual(finished.pipelines[0]?.failed, []);
    assert.deepEqual(finished.warnings, []);
    for (const found of await ask(project, "SELECT * FROM focus_costs")) {
      const { x_LineItemId: id, CommitmentDiscountStatus: status, x_QualityFlags: flags } = found;
      const part = status === "Unused" ? " unused" : flags === "SavingsPlanResidual" ? " residual" : "";
      const key = `${String(id)}${part}`;
      assert.ok(!rows.has(key), `${key} is there once`);
      rows.set(key, found);
    }
  });
  after(async () => {
    for (const work of cleanups) await work();
  });

  test("rule 1: a fee is a purchase without effective cost, and its unused part is usage that is not billed", () => {
    assert.deepEqual(pick("fee", "ChargeCategory", "BilledCost", "EffectiveCost"), ["Purchase", "9", "0"]);
    assert.deepEqual(pick("ri fee", "ChargeCategory", "BilledCost", "EffectiveCost"), ["Purchase", "3.6", "0"]);
    for (const key of ["fee unused", "ri fee unused"]) {
      assert.deepEqual(pick(key, "ChargeCategory", "BilledCost", "ConsumedQuantity", "PricingCategory"), [
        "Usage",
        "0",
        null,
        "Committed",
      ]);
    }
  });

  test("rule 1: the unused part of a commitment with net amounts is the net fee minus what was used", () => {
    assert.deepEqual(pick("fee unused", "EffectiveCost", "CommitmentDiscountQuantity", "x_QualityFlags"), [
      "3.9",
      "4",
      null,
    ]);
    assert.deepEqual(pick("ri fee unused", "EffectiveCost", "CommitmentDiscountQuantity"), ["2.7", "186"]);
    assert.deepEqual(pick("member fee unused", "EffectiveCost", "x_QualityFlags"), ["4", "UnusedCostBeforeDiscounts"]);
  });

  test("rule 2: a net amount counts where the line has one, and discount lines are not counted again", () => {
    assert.deepEqual(costs("net usage"), ["4", "4", "5", "4"]);
    assert.deepEqual(costs("discount"), ["0", "0", "0", "0"]);
    assert.deepEqual(costs("no net amount"), ["3", "3", "3", "3"]);
  });

  test("rule 3: what covered usage and its negation leave is an adjustment, and neither is billed", () => {
    assert.deepEqual(costs("covered"), ["0", "5.1", "8.5", "7.2"]);
    assert.ok(!rows.has("a negation"));
    assert.deepEqual(pick("a negation residual", "ChargeCategory", "BilledCost", "EffectiveCost"), [
      "Adjustment",
      "-0.0000000003",
      "-0.0000000003",
    ]);
  });

  test("rule 3: without a negation the whole amount is an adjustment, so that the bill still adds up", () => {
    assert.deepEqual(pick("alone residual", "BilledCost", "BillingCurrency", "SubAccountId"), ["2", "USD", null]);
    assert.deepEqual(costs("alone").slice(0, 2), ["0", "1"]);
  });

  test("rule 4: the refund of a commitment costs nothing effectively, also without an ARN", () => {
    assert.deepEqual(pick("plan refund", "ChargeCategory", "BilledCost", "EffectiveCost"), ["Purchase", "-7", "0"]);
  });

  test("rule 5: a discount line is usage that consumes nothing", () => {
    assert.deepEqual(pick("discount", "ChargeCategory", "ConsumedQuantity", "PricingQuantity"), ["Usage", "0", "0"]);
  });

  test("rule 6: a credit is a credit, and its effective cost is its billed cost", () => {
    assert.deepEqual(pick("credit", "ChargeCategory", "BilledCost", "EffectiveCost", "ConsumedQuantity"), [
      "Credit",
      "-2",
      "-2",
      null,
    ]);
  });

  test("rule 7: a refund is a correction only if its usage is older than the bill", () => {
    assert.deepEqual(pick("old refund", "ChargeCategory", "ChargeClass"), ["Usage", "Correction"]);
    assert.deepEqual(pick("new refund", "ChargeCategory", "ChargeClass"), ["Usage", null]);
  });

  test("rules 8 and 30: tax lacks prices and quantities, and its effective cost is its billed cost", () => {
    const names = ["PricingCategory", "PricingQuantity", "PricingUnit", "ListUnitPrice", "SkuId", "SkuPriceId"];
    assert.deepEqual(pick("tax", ...names), [null, null, null, null, null, null]);
    assert.deepEqual(pick("tax", "ChargeCategory", "BilledCost", "EffectiveCost"), ["Tax", "1.9", "1.9"]);
  });

  test("rule 9: AWS bills what it sells for others, and the seller provides it", () => {
    assert.deepEqual(pick("seller", "BilledCost", "ServiceProviderName", "InvoiceIssuerName", "HostProviderName"), [
      "2",
      "Northwind Ltd.",
      "AWS",
      "AWS",
    ]);
  });

  test("rule 10: lines of split cost allocation are left out: their cost is in the line that they split", () => {
    assert.ok(!rows.has("split"));
  });

  test("rule 11: EBS is storage under the name of EC2, and a service that the lookup lacks is flagged", () => {
    assert.deepEqual(pick("volume", "ServiceName", "ServiceCategory", "ServiceSubcategory"), [
      "Amazon Elastic Compute Cloud",
      "Storage",
      "Block Storage",
    ]);
    assert.deepEqual(pick("unknown service", "ServiceName", "ServiceCategory", "x_QualityFlags"), [
      "AmazonTomorrow",
      "Other",
      "ServiceUnknown,ListCostFromContractedCost",
    ]);
  });

  test("rule 12: an unknown line type is an adjustment with a flag", () => {
    assert.deepEqual(pick("unknown type", "ChargeCategory", "BilledCost", "EffectiveCost", "x_QualityFlags"), [
      "Adjustment",
      "1",
      "1",
      "LineItemTypeUnknown",
    ]);
  });

  test("rule 13: accounts are text with their zeros, and an empty ARN is NULL", () => {
    assert.deepEqual(pick("net usage", "BillingAccountId", "SubAccountId", "CommitmentDiscountId"), [
      "0022222222222",
      "012345678901",
      null,
    ]);
  });

  test("rule 14: the unused part of a reservation is in the period of its fee", () => {
    assert.equal(String(row("ri fee unused")["ChargePeriodStart"]).slice(0, 10), "2025-03-01");
  });

  test("rule 15: a line keeps the period that it was delivered with", () => {
    const period = pick("monthly", "ChargePeriodStart", "ChargePeriodEnd").map((time) => String(time).slice(0, 10));
    assert.deepEqual(period, ["2025-03-01", "2025-04-01"]);
  });

  test("rules 25 and 26: currencies stay apart, and every digit is kept", () => {
    assert.deepEqual(pick("euro", "BillingCurrency", "BilledCost"), ["EUR", "1.000000000000000001"]);
  });

  test("rule 28: the unused part of a commitment lacks list and contracted cost, so that usage can be summed", () => {
    assert.deepEqual(costs("fee unused").slice(2), ["0", "0"]);
    assert.deepEqual(costs("ri fee unused").slice(2), ["0", "0"]);
  });

  test("rule 29: the contracted cost of usage that a reservation covers is the public price, flagged under a discount", () => {
    assert.deepEqual(costs("ri use"), ["0", "8.1", "12", "12"]);
    assert.equal(row("ri use")["x_QualityFlags"], "ContractedCostFromListCost");
  });

  test("usage without the name of its commitment has nothing else of a commitment", () => {
    const about = ["Id", "Category", "Type", "Status", "Quantity", "Unit"].map((name) => `CommitmentDiscount${name}`);
    assert.deepEqual(pick("unnamed plan", ...about), [null, null, null, null, null, null]);
  });

  test("spot usage is dynamic, and a reservation of capacity shows what was not used", () => {
    assert.equal(row("spot")["PricingCategory"], "Dynamic");
    assert.deepEqual(pick("capacity", "CapacityReservationId", "CapacityReservationStatus"), [capacity, "Unused"]);
  });

  test("tags have the keys of the user, without empty values", () => {
    assert.deepEqual(JSON.parse(String(row("tagged")["Tags"])), { Team: 'web, "eu"', "aws:createdBy": "Root:1" });
    assert.deepEqual(JSON.parse(String(row("tagged")["x_CostCategories"])), { Unit: "shop" });
    assert.equal(row("euro")["Tags"], null);
  });
});
