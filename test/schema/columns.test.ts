import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BillhouseError } from "../../src/errors.ts";
import { findColumn, mapHeader, planColumns, type SchemaRules } from "../../src/schema/columns.ts";
import { after, given, header, legacy, modern, plan, row, tableOf } from "./situations.ts";

const teamTags = ["resourceTags/user:Team", "resourceTags/user:team"];

describe("a table that was taken over", () => {
  it("is matched by name, and its numbered columns by the order of its newest loaded month", () => {
    const table = tableOf("bill_invoice_id", "resource_tags_user_team:double", "resource_tags_user_team_1", "gone");
    const planned = plan(legacy, [header("csv", "bill/InvoiceId", ...teamTags)], { registry: [], table });
    assert.deepEqual(planned.added, []);
    assert.deepEqual(given(planned), {
      "bill/InvoiceId": "bill_invoice_id",
      "resourceTags/user:Team": "resource_tags_user_team",
      "resourceTags/user:team": "resource_tags_user_team_1",
    });
    assert.equal(row(planned, "resourceTags/user:Team")?.type, "double");
  });

  it("does not lend its numbered columns to another month, whose numbers meant something else", () => {
    const table = tableOf("resource_tags_user_team", "resource_tags_user_team_1");
    const months = [header("csv", "resourceTags/user:team"), header("csv", ...teamTags)];
    const planned = plan(legacy, months, { registry: [], table });
    assert.equal(given(planned)["resourceTags/user:team"], "resource_tags_user_team");
    assert.equal(given(planned)["resourceTags/user:Team"], "resource_tags_user_team_2");
  });

  it("is matched whatever the case of its names", () => {
    const planned = plan(modern, [header("parquet", "BilledCost")], {
      registry: [],
      table: tableOf("billedcost:decimal"),
    });
    assert.deepEqual(planned.added, []);
    assert.deepEqual(mapHeader(header("parquet", "BilledCost"), planned, modern), [
      { sourceName: "BilledCost", columnName: "billedcost", type: "decimal" },
    ]);
  });

  it("keeps its types, also those that billhouse never makes", () => {
    const table = [...tableOf("BilledCost:double"), { name: "Tags", type: null, nativeType: "STRUCT" }];
    const cells = header("parquet", "BilledCost:decimal", "Tags:json", "New:double");
    const planned = plan(modern, [cells], { registry: [], table });
    assert.deepEqual(planned.added, [{ name: "New", type: "decimal" }]);
    assert.deepEqual(
      mapHeader(cells, planned, modern).map(({ type }) => type),
      ["double", null, "decimal"],
    );
    assert.equal(row(planned, "Tags")?.type, "json");
  });
});

describe("types of new columns", () => {
  it("come from the delivery, then from the dictionary, and are text at last", () => {
    const rules = { ...modern, wellKnown: { BilledCost: "decimal", SkuId: "text" } as const };
    const planned = planColumns(
      {
        headers: [header("csv", "billedcost", "SkuId:boolean", "Kosten (BilledCost)", "Unheard", "skuID")],
        registry: [],
        table: null,
        reserved: [],
      },
      rules,
    );
    assert.deepEqual(
      planned.added.map(({ type }) => type),
      ["decimal", "boolean", "decimal", "text", "text"],
    );
    assert.deepEqual(planned.untyped, ["Unheard"]);
  });

  it("come from the month that knows them, whichever that is", () => {
    for (const headers of [
      [header("csv", "x"), header("parquet", "x:decimal")],
      [header("parquet", "x:decimal"), header("csv", "x")],
    ]) {
      const planned = plan(modern, headers);
      assert.deepEqual(planned.added, [{ name: "x", type: "decimal" }]);
      assert.deepEqual(planned.untyped, []);
    }
  });

  it("hold what all months declare", () => {
    const cases: [string, string, string][] = [
      ["csv:text", "csv:decimal", "text"],
      ["csv:bigint", "csv:decimal", "decimal"],
      ["parquet:bigint", "parquet:double", "decimal"],
      ["parquet:double", "parquet:double", "decimal"],
      ["csv:date", "csv:timestamp", "timestamp"],
      ["csv:date", "csv:decimal", "text"],
      ["parquet:boolean", "csv:text", "text"],
      ["csv:boolean", "csv:bigint", "text"],
      ["csv:text", "parquet:json", "json"],
      ["csv:json", "parquet:json", "json"],
      ["parquet:text", "parquet:json", "text"],
      ["parquet:decimal", "parquet:json", "text"],
    ];
    for (const [first, second, expected] of cases) {
      const headers = [first, second].map((one) => {
        const [format, type] = one.split(":");
        return header(format === "csv" ? "csv" : "parquet", `x:${type}`);
      });
      for (const order of [headers, headers.toReversed()]) {
        assert.equal(plan(modern, order).added[0]?.type, expected, `${first} with ${second}`);
      }
    }
  });

  it("are those of the dictionary where deliveries contradict each other: no odd one decides for the others", () => {
    const rules = { ...modern, wellKnown: { PeriodStart: "timestamp", Cost: "decimal" } as const };
    const headers = [
      header("parquet", "PeriodStart:timestamp", "Cost:double"),
      header("parquet", "PeriodStart:text", "Cost:text"),
    ];
    for (const order of [headers, headers.toReversed()]) {
      const planned = planColumns({ headers: order, registry: [], table: null, reserved: [] }, rules);
      assert.deepEqual(
        planned.added.map(({ type }) => type),
        ["timestamp", "decimal"],
      );
    }
  });

  it("are those of the dictionary where a manifest calls a known column text", () => {
    const rules = { ...modern, wellKnown: { PeriodStart: "timestamp", Cost: "decimal", Rate: "text" } as const };
    const columns = ["PeriodStart:text", "Cost:text", "Rate:text", "Unheard:text"];
    for (const format of ["csv", "parquet"] as const) {
      const planned = planColumns(
        { headers: [header(format, ...columns)], registry: [], table: null, reserved: [] },
        rules,
      );
      assert.deepEqual(
        planned.added.map(({ type }) => type),
        ["timestamp", "decimal", "text", "text"],
      );
    }
  });

  it("are those of the dictionary where whole amounts and ids come as integers, and days as dates", () => {
    const wellKnown = { Cost: "decimal", Start: "timestamp", AccountId: "text" } as const;
    const first = planColumns(
      {
        headers: [header("parquet", "Cost:bigint", "Start:date", "AccountId:bigint", "x_Count:bigint", "x_Day:date")],
        registry: [],
        table: null,
        reserved: [],
      },
      { ...modern, wellKnown },
    );
    assert.deepEqual(
      first.added.map(({ type }) => type),
      ["decimal", "timestamp", "text", "bigint", "date"],
    );
  });

  it("are those of the dictionary in Parquet files of the legacy report, which have the names of the table", () => {
    const planned = planColumns(
      {
        headers: [header("parquet", "line_item_unblended_cost:bigint", "line_item_usage_account_id:bigint")],
        registry: [],
        table: null,
        reserved: [],
      },
      { ...legacy, wellKnown: { "lineItem/UnblendedCost": "decimal", "lineItem/UsageAccountId": "text" } },
    );
    assert.deepEqual(
      planned.added.map(({ type }) => type),
      ["decimal", "text"],
    );
  });

  it("do not change an existing column", () => {
    const first = plan(modern, [header("csv", "x:decimal")]);
    const next = plan(modern, [header("csv", "x:text")], after(first));
    assert.deepEqual([next.added, next.registered], [[], []]);
    assert.equal(mapHeader(header("csv", "x:text"), next, modern)[0]?.type, "decimal");
  });
});

describe("mapping a header", () => {
  it("refuses a column that was not planned", () => {
    const planned = plan(legacy, [header("csv", "a/x")]);
    assert.throws(
      () => mapHeader(header("csv", "a/x", "a/y"), planned, legacy),
      (error) => error instanceof BillhouseError && error.code === "FILE_INVALID" && error.message.includes("a/y"),
    );
  });

  it("finds the column that an export means, in every form", () => {
    const find = (rules: SchemaRules, cells: ReturnType<typeof header>, ...names: string[]) =>
      findColumn(mapHeader(cells, plan(rules, [cells]), rules), names, rules)?.columnName;
    const cost = "lineItem/UnblendedCost";
    assert.equal(find(legacy, header("csv", "a/x", cost), cost), "line_item_unblended_cost");
    assert.equal(find(legacy, header("parquet", "a", "line_item_unblended_cost"), cost), "line_item_unblended_cost");
    assert.equal(find(legacy, header("csv", "lineItem/unblendedcost"), cost), undefined);
    assert.equal(
      find(modern, header("csv", "costInBillingCurrency"), "Cost", "CostInBillingCurrency"),
      "costInBillingCurrency",
    );
    assert.equal(find(modern, header("csv", "costinbillingcurrency", "COST"), "Cost", "CostInBillingCurrency"), "COST");
    assert.equal(find(modern, header("csv", "Kosten (PreTaxCost)"), "PreTaxCost"), "Kosten _PreTaxCost_");
    assert.equal(find(modern, header("csv", "cost", "Cost"), "Cost"), "Cost_1");
  });
});
