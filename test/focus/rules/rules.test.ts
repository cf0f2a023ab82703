import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import { askingViews, countRules } from "../../../src/answers/rule-counts.ts";
import { bigquery } from "../../../src/focus/dialects/bigquery.ts";
import { duckdb } from "../../../src/focus/dialects/duckdb.ts";
import { field, present } from "../../../src/focus/expression.ts";
import { answeredRules } from "../../../src/focus/rules/answer.ts";
import { type RulesVersion, rulesOf } from "../../../src/focus/rules/model.ts";
import { openWarehouse } from "../../../src/warehouses/index.ts";
import { answering, bill, charge } from "../../answers/bills.ts";
import { brokenCharge, limitsOf } from "./broken-charges.ts";
import { type ChargeRow, goodCharges, relationOf } from "./charges.ts";

/** Rules that rows can keep and break: how many there are, so that none is left out unnoticed. */
const decidable: Readonly<Record<RulesVersion, number>> = { "1.2": 142, "1.4": 41 };

/** Rules that no row can break: they demand a value of rows that have one. */
const unbreakable = ["PricingQuantity-C-008-M"];

const good: readonly ChargeRow[] = Object.values(goodCharges);

for (const [warehouse, create] of Object.entries(answering)) {
  for (const version of ["1.2", "1.4"] as const) {
    describe(`rules of FOCUS ${version} in ${warehouse}`, () => {
      test("good rows of every kind keep each rule, and a change breaks it", async (t) => {
        const rules = answeredRules(version).filter(({ answer }) => isAboutRows(answer.by));
        assert.equal(rules.length, decidable[version]);
        const broken = rules.flatMap((rule) => {
          const { id } = rule;
          const charge = brokenCharge(rule, limitsOf(rule, rulesOf[version]));
          if (charge === null) return [];
          const { kind, change } = charge;
          const others = Object.entries(goodCharges).filter(([name]) => name !== kind);
          return [
            { id, rows: [...others.map(([, row]) => row), { ...goodCharges[kind], ...change }, ...pairOf(id, kind)] },
          ];
        });
        const whole = rules.map(({ id }) => id).filter((id) => !broken.some((each) => each.id === id));
        assert.deepEqual(whole, version === "1.2" ? unbreakable : []);
        const cases = [{ id: "good", rows: good }, ...broken];
        const found = await count(t, create, warehouse, version, cases);
        const kept = [...(found.get("good") ?? assert.fail())].filter(([, { broken: number }]) => number > 0);
        assert.deepEqual(
          kept.map(([id]) => id),
          [],
        );
        const missed = broken.filter(({ id }) => (found.get(id)?.get(id)?.broken ?? 0) === 0);
        assert.deepEqual(
          missed.map(({ id }) => id),
          [],
        );
      });
    });
  }
}

test("every rule of FOCUS 1.2 with MUST and MUST NOT is answered", () => {
  const rules = answeredRules("1.2");
  assert.equal(rules.length, 539);
  assert.equal(new Set(rules.map(({ id }) => id)).size, 539);
});

test("a rule without rows that can break it is about the view, undecidable, or consists of others", () => {
  const others = answeredRules("1.2").filter(({ answer }) => !isAboutRows(answer.by));
  const counts = Object.groupBy(others, ({ answer }) => answer.by);
  const numbers = Object.fromEntries(Object.entries(counts).map(([by, rules]) => [by, rules?.length]));
  assert.deepEqual(numbers, { nothing: 76, parts: 139, view: 182 });
});

function isAboutRows(by: string): boolean {
  return ["rows", "groups", "commitments"].includes(by);
}

/** A changed value differs only from the value that another row of the same key has. */
function pairOf(id: string, kind: keyof typeof goodCharges): readonly ChargeRow[] {
  return ["ServiceName-C-005-C", "SkuPriceId-C-008-M", "CommitmentDiscountUnit-C-008-M"].includes(id)
    ? [goodCharges[kind]]
    : [];
}

async function count(
  t: TestContext,
  create: (typeof answering)["DuckDB"],
  warehouse: string,
  version: RulesVersion,
  cases: readonly { readonly id: string; readonly rows: readonly ChargeRow[] }[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, { readonly broken: number }>>> {
  const dialect = warehouse === "BigQuery" ? bigquery : duckdb;
  const { config } = await create(t, [await bill("2025-03", [charge("2025-03")])]);
  const open = await openWarehouse(config.warehouse, "read");
  const found = new Map<string, ReadonlyMap<string, { readonly broken: number }>>();
  try {
    // A statement of BigQuery has at most a megabyte.
    for (let start = 0; start < cases.length; start += 40) {
      const some = cases.slice(start, start + 40);
      const rows = some.flatMap(({ id, rows: own }) => own.map((row): readonly [string, ChargeRow] => [id, row]));
      const checked = {
        dialect,
        from: relationOf(rows, dialect),
        rows: present(field("x_Export")),
        excused: [],
        commitmentExports: some.map(({ id }) => id),
      };
      for (const { pipeline, counts } of await countRules(answeredRules(version), checked, askingViews(open))) {
        found.set(pipeline, counts);
      }
    }
  } finally {
    await open.close();
  }
  return found;
}
