import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canonicalName, deliveredName, longestName, normaliseCurName, numberedName } from "../../src/schema/names.ts";

// The expected names are what the Python pipelines give, taken from a run of their code.
const curNames: Readonly<Record<string, string>> = {
  "lineItem/UnblendedCost": "line_item_unblended_cost",
  "bill/BillingPeriodStartDate": "bill_billing_period_start_date",
  "identity/LineItemId": "identity_line_item_id",
  "pricing/publicOnDemandCost": "pricing_public_on_demand_cost",
  "reservation/ReservationARN": "reservation_reservation_arn",
  "savingsPlan/SavingsPlanARN": "savings_plan_savings_plan_arn",
  "costCategory/OUs": "cost_category_ous",
  "product/ecu": "product_ecu",
  "product/ECU": "product_ecu",
  "product/group": "product_group",
  "resourceTags/user:Name": "resource_tags_user_name",
  "resourceTags/user:name": "resource_tags_user_name",
  "resourceTags/aws:cloudformation:stack-id": "resource_tags_aws_cloudformation_stack_id",
  "resourceTags/user:cost center (€)": "resource_tags_user_cost_center",
  "resourceTags/user:a1B": "resource_tags_user_a1_b",
  "ÄÖ/ü": "unknown_column",
  "aÉB/x": "a_b_x",
  "日本/name": "name",
  "1/2": "col_1_2",
  "9": "col_9",
  "²x/²": "x",
  "group/": "group_col",
  "/order": "order_col",
  To: "to_col",
  _Key_: "key_col",
  keY: "ke_y",
  "a__B--c": "a_b_c",
  "line\nbreak/x": "line_break_x",
  "": "unknown_column",
  "//": "unknown_column",
};

describe("names of legacy CUR columns", () => {
  for (const [source, name] of Object.entries(curNames)) {
    it(`${JSON.stringify(source)} is ${name}`, () => assert.equal(normaliseCurName(source), name));
  }

  it("gives every reserved word a suffix", () => {
    const words =
      "group order user table index key value timestamp date year month day hour minute second from to".split(" ");
    for (const word of words) assert.equal(normaliseCurName(word), `${word}_col`);
    assert.equal(normaliseCurName("select"), "select");
  });

  it("cuts only what no warehouse holds, and keeps long names apart", () => {
    const long = `resourceTags/user:${"x".repeat(400)}`;
    assert.equal(normaliseCurName(long).length, longestName);
    assert.notEqual(normaliseCurName(`${long}a`), normaliseCurName(`${long}b`));
    assert.equal(normaliseCurName("a".repeat(longestName)), "a".repeat(longestName));
  });
});

const deliveredNames: Readonly<Record<string, string>> = {
  BilledCost: "BilledCost",
  x_SkuTerm: "x_SkuTerm",
  subscriptionId: "subscriptionId",
  "Cost With No ReservedInstances": "Cost With No ReservedInstances",
  Maßeinheit: "Maßeinheit",
  "Kostenstelle (CostCenter)": "Kostenstelle _CostCenter_",
  "Abonnement-GUID": "Abonnement-GUID",
  "R&D: 100%=<a>|b#c+'d'": "R&D: 100%=<a>|b#c+'d'",
  "service.id": "service_id",
  "1st": "1st",
  "tab\there": "tab_here",
  "smile 😀": "smile _",
  _TABLE_NAME: "col_TABLE_NAME",
  _partitiontime: "col_partitiontime",
  _change_type: "col_change_type",
  _tab: "_tab",
  "": "unknown_column",
  "   ": "unknown_column",
};

describe("names of all other columns", () => {
  for (const [source, name] of Object.entries(deliveredNames)) {
    it(`${JSON.stringify(source)} is ${JSON.stringify(name)}`, () => assert.equal(deliveredName(source), name));
  }

  it("replaces each character that BigQuery refuses", () => {
    for (const character of '!"$()*,./;?@[\\]^`{}~\u0000\u007f\u0085') {
      assert.equal(deliveredName(`a${character}b`), "a_b", JSON.stringify(character));
    }
  });

  it("cuts a long name to 300 characters, whole characters, and keeps long names apart", () => {
    const long = "𝒳".repeat(400);
    const name = deliveredName(long);
    assert.equal(Array.from(name).length, longestName);
    assert.match(name, /^𝒳+_[0-9a-f]{12}$/u);
    assert.equal(deliveredName(long), name);
    assert.notEqual(deliveredName(`${long}.`), deliveredName(`${long};`));
    assert.equal(deliveredName("b".repeat(longestName)), "b".repeat(longestName));
  });

  it("numbers a name within the limit", () => {
    assert.equal(numberedName("product_ecu", 1), "product_ecu_1");
    assert.equal(numberedName("c".repeat(longestName), 12), `${"c".repeat(longestName - 3)}_12`);
  });
});

describe("canonical names of localised headers", () => {
  it("takes the name in the parentheses at the end", () => {
    assert.equal(canonicalName("Kostenstelle (CostCenter)"), "CostCenter");
    assert.equal(canonicalName("ID der Verbrauchseinheit (MeterId)"), "MeterId");
  });

  it("leaves other names alone", () => {
    for (const name of ["CostCenter", "Cost (in EUR)", "(MeterId)", "Cost()", ""]) {
      assert.equal(canonicalName(name), name);
    }
  });
});
