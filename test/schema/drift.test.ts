import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeDrift } from "../../src/schema/columns.ts";
import { after, header, legacy, modern, plan, tableOf } from "./situations.ts";

describe("drift", () => {
  it("does not list the columns with which a table is created", () => {
    const month = header("csv", "a/x:decimal", "a/y:text");
    assert.deepEqual(describeDrift([month], plan(legacy, [month]), legacy), []);
  });

  it("lists added and missing columns", () => {
    const first = plan(legacy, [header("csv", "a/x:text", "a/y:text")]);
    const month = header("csv", "a/y:text", "a/z:decimal");
    assert.deepEqual(describeDrift([month], plan(legacy, [month], after(first)), legacy), [
      "Column a_x is missing and will be NULL.",
      "Column a_z was added (decimal).",
    ]);
  });

  it("lists for each month only its own columns", () => {
    const newest = header("csv", "a/x:text");
    const older = header("csv", "a/x:text", "a/y:date");
    const planned = plan(legacy, [newest, older], { registry: [], table: tableOf("a_x") });
    assert.deepEqual(describeDrift([newest], planned, legacy), []);
    const later = plan(legacy, [newest], { registry: planned.registry, table: tableOf("a_x", "a_y:date") });
    assert.deepEqual(describeDrift([newest], later, legacy), ["Column a_y is missing and will be NULL."]);
    assert.deepEqual(describeDrift([older], planned, legacy), ["Column a_y was added (date)."]);
  });

  it("lists unknown types, also in a new table", () => {
    const month = header("csv", "Unheard", "Known:decimal");
    assert.deepEqual(describeDrift([month], plan(modern, [month]), modern), [
      "The type of column Unheard is unknown; it is stored as text.",
    ]);
  });

  it("lists values that are stored as another type", () => {
    const table = tableOf("Cost:double", "Rate", "Quantity:decimal", "Tags:json", "Price:double");
    const month = header("csv", "Cost:decimal", "Rate:decimal", "Quantity:double", "Tags:text", "Price:double");
    assert.deepEqual(describeDrift([month], plan(modern, [month], { registry: [], table }), modern), [
      "Column Cost is delivered as decimal and stored as double.",
      "Column Rate is delivered as decimal and stored as text.",
    ]);
    const parquet = header("parquet", "Cost", "Rate", "Quantity", "Tags:text", "Price");
    assert.deepEqual(describeDrift([parquet], plan(modern, [parquet], { registry: [], table }), modern), [
      "Column Tags is delivered as text and stored as json.",
    ]);
  });

  it("takes a delivery whose files have different headers for one", () => {
    const parts = [header("csv", "a/x:text"), header("csv", "a/y:text")];
    assert.deepEqual(describeDrift(parts, plan(legacy, parts), legacy), []);
  });

  it("does not miss the column that billhouse fills itself", () => {
    const month = header("csv", "Cost:decimal");
    const situation = { registry: [], table: tableOf("Cost:decimal", "billing_month:date") };
    assert.deepEqual(describeDrift([month], plan(modern, [month], situation), modern), []);
  });
});
