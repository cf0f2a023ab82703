import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test, type TestContext } from "node:test";

import { type Config, query, type QueryRow } from "../../src/index.ts";
import type { Delivery, Row } from "../support/deliveries.ts";
import { answering, bill, charge, focusSection } from "./bills.ts";

const page = await readFile(new URL("../../docs/cookbook.md", import.meta.url), "utf8");
const recipes = [...page.matchAll(/^## (.*?)$.*?^```sql\n(.*?)^```$/gmsu)].map(([, title = "", sql = ""]) => ({
  title,
  sql,
}));
const [before, month] = ["2025-02", "2025-03"];

/** Charges to which every recipe has an answer. */
function charges(of: string, price: string): readonly Row[] {
  const covered = { CommitmentDiscountId: "ri-1", EffectiveCost: "0.6", ContractedCost: "1" };
  return [
    charge(of, { EffectiveCost: price, ContractedUnitPrice: price, InvoiceId: "inv-1", Tags: '{"team":"web"}' }),
    charge(of, { ResourceId: `server-of-${of}`, ChargePeriodStart: `${of}-07T00:00:00Z`, InvoiceId: "inv-1" }),
    charge(of, { ...covered, CommitmentDiscountStatus: "Used" }),
    charge(of, { ...covered, CommitmentDiscountStatus: "Unused", ContractedCost: "0", ListCost: "0" }),
    charge(of, {
      EffectiveCost: "5.5",
      PublisherName: "Lumenwatch GmbH",
      InvoiceId: "inv-2",
      x_ServiceCode: "unknown",
    }),
    charge(of, { EffectiveCost: "2", BillingCurrency: "EUR", ServiceName: "Disks" }),
  ];
}

async function answersIn(warehouse: keyof typeof answering, t: TestContext): Promise<readonly (readonly QueryRow[])[]> {
  const deliveries: readonly Delivery[] = [
    await bill(before, charges(before, "1")),
    await bill(month, charges(month, "1.25")),
  ];
  const { config } = await answering[warehouse](t, deliveries, focusSection, ["team"]);
  const answers: (readonly QueryRow[])[] = [];
  for (const { sql } of recipes) answers.push(await rowsOf(config, sql));
  return answers;
}

async function rowsOf(config: Config, sql: string): Promise<readonly QueryRow[]> {
  const rows: QueryRow[] = [];
  for await (const row of query(config, { sql })) rows.push(row);
  return rows;
}

describe("docs/cookbook.md", () => {
  test("every statement answers in DuckDB and in BigQuery, to the last digit the same", async (t) => {
    assert.ok(recipes.length >= 12, "the statements were found");
    const [duckdb, bigquery] = [await answersIn("DuckDB", t), await answersIn("BigQuery", t)];
    for (const [index, { title }] of recipes.entries()) {
      assert.notEqual(duckdb[index]?.length, 0, `${title} has rows`);
      assert.deepEqual(bigquery[index], duckdb[index], title);
    }
    const [byTeam] = recipes.flatMap(({ title }, index) => (title.includes("team") ? [duckdb[index]] : []));
    assert.deepEqual(byTeam, [
      { team: "(none)", cost: "7.7" },
      { team: "web", cost: "1.25" },
    ]);
  });
});
