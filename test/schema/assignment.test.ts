import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BillhouseError } from "../../src/errors.ts";
import { mapHeader } from "../../src/schema/columns.ts";
import { added, after, given, header, legacy, modern, plan, tableOf } from "./situations.ts";

const teamTags = ["resourceTags/user:Team", "resourceTags/user:team"];

describe("names of new columns", () => {
  it("gives a fresh table the header's columns, in its order", () => {
    const { creates, added, registered } = plan(legacy, [
      header("csv", "bill/InvoiceId", "lineItem/UsageAmount:decimal"),
    ]);
    assert.equal(creates, true);
    assert.deepEqual(added, [
      { name: "bill_invoice_id", type: "text" },
      { name: "line_item_usage_amount", type: "decimal" },
    ]);
    assert.deepEqual(registered, [
      { sourceName: "bill/InvoiceId", columnName: "bill_invoice_id", type: "text", firstExecution: "newest" },
      {
        sourceName: "lineItem/UsageAmount",
        columnName: "line_item_usage_amount",
        type: "decimal",
        firstExecution: "newest",
      },
    ]);
  });

  it("numbers names of one file that collide, in the order of the header", () => {
    const names = given(plan(legacy, [header("csv", "product/ecu", "product/ECU", "product/Ecu", "product/ec-u")]));
    assert.deepEqual(names, {
      "product/ecu": "product_ecu",
      "product/ECU": "product_ecu_1",
      "product/Ecu": "product_ecu_2",
      "product/ec-u": "product_ec_u",
    });
  });

  it("skips numbers whose name is in use", () => {
    const names = given(plan(legacy, [header("csv", "a/b", "a/b_1", "a/B")]));
    assert.deepEqual(names, { "a/b": "a_b", "a/b_1": "a_b_1", "a/B": "a_b_2" });
  });

  it("adds columns of older months behind those of newer ones, and names the month that brought them", () => {
    const { added, registered } = plan(legacy, [header("csv", "a/x"), header("csv", "b/y", "a/x", "b/z")]);
    assert.deepEqual(
      added.map(({ name }) => name),
      ["a_x", "b_y", "b_z"],
    );
    assert.deepEqual(
      registered.map(({ firstExecution }) => firstExecution),
      ["newest", "older-1", "older-1"],
    );
  });

  it("never gives a source column a name that billhouse fills itself", () => {
    assert.deepEqual(given(plan(modern, [header("parquet", "Billing_Month", "BilledCost")])), {
      Billing_Month: "Billing_Month_1",
      BilledCost: "BilledCost",
    });
  });

  it("keeps different names apart that a warehouse would hold under one", () => {
    assert.deepEqual(given(plan(modern, [header("csv", "service.id", "service_id", "service/id")])), {
      "service.id": "service_id",
      service_id: "service_id_1",
      "service/id": "service_id_2",
    });
    assert.deepEqual(given(plan(modern, [header("csv", "service.id"), header("csv", "service_id")])), {
      "service.id": "service_id",
      service_id: "service_id_1",
    });
  });

  it("takes a name that stands twice, or is empty, for columns of their own", () => {
    const cells = header("csv", "a/x", "", "a/x", "", "x");
    const first = plan(legacy, [cells]);
    const mapped = mapHeader(cells, first, legacy);
    assert.deepEqual(
      mapped.map(({ sourceName, columnName }) => [sourceName, columnName]),
      [
        ["a/x", "a_x"],
        ["", "unknown_column"],
        ["a/x", "a_x_1"],
        ["", "unknown_column_1"],
        ["x", "x"],
      ],
    );
    assert.deepEqual(plan(legacy, [cells], after(first)).registered, []);
  });
});

describe("names that were given stay", () => {
  it("in the next month, in another order and without the column that came first", () => {
    const first = plan(legacy, [header("csv", ...teamTags)]);
    for (const names of [teamTags.toReversed(), ["resourceTags/user:team"], ["a/new", ...teamTags.toReversed()]]) {
      const month = header("csv", ...names);
      const next = plan(legacy, [month], after(first));
      const columns = mapHeader(month, next, legacy).map(({ sourceName, columnName }) => [sourceName, columnName]);
      assert.equal(Object.fromEntries(columns)["resourceTags/user:team"], "resource_tags_user_team_1");
    }
  });

  it("also when the two columns come in different months", () => {
    const first = plan(legacy, [header("csv", "resourceTags/user:team")]);
    const second = plan(legacy, [header("csv", "resourceTags/user:Team")], after(first));
    assert.deepEqual(given(second), {
      "resourceTags/user:team": "resource_tags_user_team",
      "resourceTags/user:Team": "resource_tags_user_team_1",
    });
    assert.deepEqual(added(second), ["resource_tags_user_team_1"]);
  });

  it("whatever order the warehouse returns the registry in", () => {
    const first = plan(modern, [header("csv", "SubscriptionId", "subscriptionId", "Cost", "cost")]);
    const shuffled = { ...after(first), registry: first.registry.toReversed() };
    for (const name of ["SUBSCRIPTIONID", "subscriptionid", "COST", "subscriptionId"]) {
      const month = header("csv", name);
      const map = (situation: ReturnType<typeof after>): unknown =>
        mapHeader(month, plan(modern, [month], situation), modern);
      assert.deepEqual(map(shuffled), map(after(first)));
    }
  });

  it("when the table was dropped: it is made again under the same names and types", () => {
    const first = plan(legacy, [header("csv", "product/ecu:decimal", "product/ECU")]);
    const again = plan(legacy, [header("csv", "product/ECU", "product/ecu")], {
      table: null,
      registry: first.registry,
    });
    assert.deepEqual(again.added, [
      { name: "product_ecu_1", type: "text" },
      { name: "product_ecu", type: "decimal" },
    ]);
    assert.deepEqual(again.registered, []);
  });

  it("when the table was dropped: a new column does not take the name of one that is not in the file", () => {
    const first = plan(legacy, [header("csv", "product/ecu")]);
    const again = plan(legacy, [header("csv", "product/ECU")], { table: null, registry: first.registry });
    assert.deepEqual(added(again), ["product_ecu_1"]);
  });

  it("for every order and grouping of colliding columns", () => {
    const names = ["p/ab", "p/AB", "p/a_b", "p/aB", "p/Ab", "p/ab_1", "p_ab", "p_a_b", "p_ab_1"];
    for (let seed = 1; seed < 400; seed++) {
      let situation = { registry: [], table: null } as Parameters<typeof plan>[2];
      const columnOf = new Map<string, string>();
      for (let month = 0; month < 5; month++) {
        const chosen = shuffle(names, seed * 7 + month).slice(0, 1 + ((seed + month) % names.length));
        const csv = month % 2 === 0;
        const cells = header(csv ? "csv" : "parquet", ...chosen.filter((name) => name.includes("/") === csv));
        const planned = plan(legacy, [cells], situation);
        const columns = mapHeader(cells, planned, legacy);
        assert.equal(new Set(columns.map(({ columnName }) => columnName)).size, columns.length);
        for (const { sourceName, columnName } of columns) {
          assert.equal(columnOf.get(sourceName) ?? columnName, columnName, `seed ${seed}: ${sourceName}`);
          columnOf.set(sourceName, columnName);
        }
        for (const form of [true, false]) {
          const held = [...columnOf].filter(([name]) => name.includes("/") === form).map(([, column]) => column);
          assert.equal(new Set(held).size, held.length, `seed ${seed}: two sources of one form share a column`);
        }
        assert.deepEqual(plan(legacy, [cells], after(planned)).registered, []);
        situation = after(planned);
      }
    }
  });
});

describe("CSV and Parquet of one legacy CUR", () => {
  const csv = header("csv", "reservation/ReservationARN", "savingsPlan/SavingsPlanARN", "costCategory/OUs");
  const parquet = header(
    "parquet",
    "reservation_reservation_a_r_n",
    "savings_plan_savings_plan_arn",
    "cost_category_o_us",
  );

  it("pairs Parquet columns with CSV columns that differ by underscores only", () => {
    const planned = plan(legacy, [parquet], after(plan(legacy, [csv])));
    assert.deepEqual(planned.added, []);
    assert.deepEqual(
      planned.registered.map(({ sourceName, columnName }) => [sourceName, columnName]),
      [
        ["savings_plan_savings_plan_arn", "savings_plan_savings_plan_arn"],
        ["reservation_reservation_a_r_n", "reservation_reservation_arn"],
        ["cost_category_o_us", "cost_category_ous"],
      ],
    );
  });

  it("pairs CSV columns with the Parquet columns that came before", () => {
    const planned = plan(legacy, [csv], after(plan(legacy, [parquet])));
    assert.deepEqual(planned.added, []);
    assert.equal(given(planned)["reservation/ReservationARN"], "reservation_reservation_a_r_n");
    assert.equal(given(planned)["savingsPlan/SavingsPlanARN"], "savings_plan_savings_plan_arn");
  });

  it("keeps CSV, Parquet and CSV months in the same columns, together or one after the other", () => {
    const together = plan(legacy, [csv, parquet, csv]);
    const apart = plan(legacy, [csv], after(plan(legacy, [parquet], after(plan(legacy, [csv])))));
    assert.deepEqual(given(apart), given(together));
    assert.equal(together.added.length, 3);
  });

  it("does not pair where two columns are equal without underscores", () => {
    const first = plan(legacy, [header("csv", "a/b_c", "a/bC_", "ab/c")]);
    assert.equal(given(plan(legacy, [header("parquet", "abc")], after(first)))["abc"], "abc");
  });

  it("does not take a numbered column for the one that another column wanted", () => {
    const first = plan(legacy, [header("csv", "product/ecu", "product/ECU")]);
    const names = given(plan(legacy, [header("parquet", "product_ecu1", "product_e_c_u")], after(first)));
    assert.equal(names["product_ecu1"], "product_ecu1");
    assert.equal(names["product_e_c_u"], "product_e_c_u");
  });

  it("does not pair when two new columns want the same one", () => {
    const first = plan(legacy, [header("parquet", "product_e_c_u")]);
    const names = given(plan(legacy, [header("csv", "product/ecu", "product/ECU")], after(first)));
    assert.deepEqual(names, {
      product_e_c_u: "product_e_c_u",
      "product/ecu": "product_ecu",
      "product/ECU": "product_ecu_1",
    });
  });

  it("lets an exact name go before a likeness, wherever it stands in the header", () => {
    const first = plan(legacy, [header("csv", "a/bC")]);
    const names = given(plan(legacy, [header("parquet", "a_bc", "a_b_c")], after(first)));
    assert.equal(names["a_b_c"], "a_b_c");
    assert.equal(names["a_bc"], "a_bc");
  });

  it("keeps both forms apart where one file has them from the first", () => {
    const both = header("parquet", "reservation/ReservationARN", "reservation_reservation_arn");
    for (const table of [null, tableOf("reservation_reservation_arn")]) {
      assert.deepEqual(given(plan(legacy, [both], { registry: [], table })), {
        "reservation/ReservationARN": "reservation_reservation_arn",
        reservation_reservation_arn: "reservation_reservation_arn_1",
      });
    }
  });

  it("refuses a file in which both forms of one column stand", () => {
    const first = plan(legacy, [parquet], after(plan(legacy, [csv])));
    const both = header("parquet", "reservation/ReservationARN", "reservation_reservation_a_r_n");
    assert.throws(
      () => plan(legacy, [both], after(first)),
      (error) =>
        error instanceof BillhouseError && error.code === "FILE_INVALID" && error.message.includes("ReservationARN"),
    );
  });
});

describe("names that differ in case only", () => {
  it("are one column where they come from different dialects", () => {
    const planned = plan(modern, [header("csv", "SubscriptionId"), header("csv", "subscriptionId")]);
    assert.deepEqual(added(planned), ["SubscriptionId"]);
    const [mapped] = mapHeader(header("csv", "subscriptionId"), planned, modern);
    assert.deepEqual(mapped, { sourceName: "subscriptionId", columnName: "SubscriptionId", type: "text" });
  });

  it("are two columns where one file has both, and stay so", () => {
    const planned = plan(modern, [header("csv", "SubscriptionId", "subscriptionId")]);
    assert.deepEqual(added(planned), ["SubscriptionId", "subscriptionId_1"]);
    const swapped = header("csv", "subscriptionId", "SubscriptionId");
    const next = plan(modern, [swapped], after(planned));
    assert.deepEqual(next.registered, []);
    assert.deepEqual(
      mapHeader(swapped, next, modern).map(({ columnName }) => columnName),
      ["subscriptionId_1", "SubscriptionId"],
    );
  });

  it("go to the column without a number when neither of the two is spelled so", () => {
    const planned = plan(modern, [header("csv", "cost", "Cost")]);
    assert.equal(mapHeader(header("csv", "COST"), planned, modern)[0]?.columnName, "cost");
  });

  it("leave the registered spelling its column when a second one comes beside it", () => {
    const first = plan(modern, [header("csv", "SubscriptionId")]);
    const both = header("csv", "subscriptionId", "SubscriptionId");
    const next = plan(modern, [both], after(first));
    assert.deepEqual(
      mapHeader(both, next, modern).map(({ columnName }) => columnName),
      ["subscriptionId_1", "SubscriptionId"],
    );
  });

  it("are two columns in legacy CUR, always", () => {
    const planned = plan(legacy, [header("csv", "product/ecu"), header("csv", "product/ECU")]);
    assert.deepEqual(added(planned), ["product_ecu", "product_ecu_1"]);
  });
});

function shuffle(values: readonly string[], seed: number): string[] {
  let state = (seed * 48_271) % 2_147_483_647;
  return values
    .map((value) => ({ value, place: (state = (state * 48_271) % 2_147_483_647) }))
    .toSorted((first, second) => first.place - second.place)
    .map(({ value }) => value);
}
