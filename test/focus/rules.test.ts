import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test, type TestContext } from "node:test";

import type { FocusVersion } from "../../src/focus/columns.ts";
import { samplesFolder } from "../support/samples.ts";
import { type MadeTable, type MadeView, viewOver, type ViewRow } from "./made-tables.ts";
import { awsCurRules, awsCurRulesOf12, awsCurTables } from "./rules-of-aws-cur.ts";
import { awsFocusRules, awsFocusRulesOf12, awsFocusTables } from "./rules-of-aws-focus.ts";
import { azureCostRules, azureCostRulesOf12, azureCostTables } from "./rules-of-azure-cost.ts";
import { azureFocusRules, azureFocusRulesOf12, azureFocusTables } from "./rules-of-azure-focus.ts";
import { rulesByNumber } from "./rules-by-number.ts";

/**
 * What rows of bills must become, by the name of a rule: for the description of each row, some columns of the view; null for a
 * row that must not be there. `<description> unused` is the row with the unused part of a commitment, `<description> residual`
 * what lines of savings plans leave.
 */
export type Rules = Readonly<Record<string, Readonly<Record<string, ViewRow | null>>>>;

testRules("AWS reports", awsCurTables, { v1_4: awsCurRules, v1_2: awsCurRulesOf12 });
testRules("AWS exports in FOCUS columns", awsFocusTables, { v1_4: awsFocusRules, v1_2: awsFocusRulesOf12 });
testRules("Azure actual and amortized cost", azureCostTables, { v1_4: azureCostRules, v1_2: azureCostRulesOf12 });
testRules("Azure exports in FOCUS columns", azureFocusTables, { v1_4: azureFocusRules, v1_2: azureFocusRulesOf12 });

describe("every rule has a test that names it", () => {
  test("rules by number", () => {
    const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.ts"));
    const titles = files.flatMap((name) => [
      ...readFileSync(join(import.meta.dirname, name), "utf8").matchAll(/["`]rules? (\d+(?: and \d+)*): /gu),
    ]);
    const named = new Set(titles.flatMap(([, numbers = ""]) => numbers.split(" and ").map(Number)));
    assert.deepEqual(
      Object.keys(rulesByNumber).filter((number) => !named.has(Number(number))),
      [],
    );
  });

  test("the rules are those of the references", (t) => {
    const samples = samplesFolder(t);
    if (samples === undefined) return;
    const read = (name: string): string => readFileSync(join(samples, "../reference", name), "utf8");
    const [numbered = ""] = /## 6 Thirty rules[^]*?(?=\n## )/u.exec(read("focus-1.4.md")) ?? [];
    const numbers = [...numbered.matchAll(/\((\d+)\) /gu)].map(([, number]) => Number(number));
    assert.deepEqual(Object.keys(rulesByNumber).map(Number), numbers);
    const focus = read("focus.md");
    const section = (number: number): string =>
      focus.split(/^## /mu).find((part) => part.startsWith(`${number} `)) ?? "";
    const firstCells = (text: string): readonly string[] =>
      [...text.matchAll(/^\| ([^|]+) \|/gmu)].flatMap(([, cell = ""]) => (cell === "FOCUS" ? [] : [cell]));
    const traps = [...(/Traps to test: ([^]*)/u.exec(section(3))?.[1]?.matchAll(/\((\d)\) /gu) ?? [])];
    assert.deepEqual(Object.keys(awsCurRules), [
      ...firstCells(section(3)),
      ...traps.map(([, number]) => `trap ${number}`),
    ]);
    assert.deepEqual(Object.keys(azureCostRules), firstCells(section(4)));
    const [corrections = "", checks = ""] = section(5)
      .split("\n")
      .slice(1)
      .join("\n")
      .trim()
      .split(". Checks raised: ");
    assert.deepEqual(Object.keys(azureFocusRules), [...corrections.split(" · "), ...checks.split(", ")]);
  });
});

function testRules(title: string, tables: readonly MadeTable[], rules: Readonly<Record<FocusVersion, Rules>>): void {
  describe(`rows of ${title} become FOCUS columns`, () => {
    const found = new Map<FocusVersion, Promise<readonly ViewRow[]>>();
    const cleanups: (() => unknown)[] = [];
    const context: Pick<TestContext, "after"> = { after: (work) => void cleanups.push(work as () => unknown) };
    let local: Promise<MadeView> | undefined;
    const rowsOf = async (version: FocusVersion): Promise<readonly ViewRow[]> => {
      local ??= viewOver(context, tables);
      const view = await local;
      const rows = found.get(version) ?? view(version);
      found.set(version, rows);
      return rows;
    };
    after(async () => {
      for (const work of cleanups) await work();
    });

    for (const [version, ofVersion] of Object.entries(rules) as [FocusVersion, Rules][]) {
      for (const [rule, expected] of Object.entries(ofVersion)) {
        test(version === "v1_4" ? rule : `${rule} (1.2)`, async () => {
          const rows = Map.groupBy(await rowsOf(version), nameOf);
          for (const [name, columns] of Object.entries(expected)) {
            const [row, ...others] = rows.get(name) ?? [];
            assert.equal(others.length, 0, `${name} is there once`);
            const actual =
              row && Object.fromEntries(Object.keys(columns ?? row).map((column) => [column, row[column]]));
            assert.deepEqual({ [name]: actual }, { [name]: columns ?? undefined });
          }
        });
      }
    }

    test("in BigQuery as in DuckDB", async (t) => {
      const view = await viewOver(t, tables, "BigQuery");
      for (const version of ["v1_2", "v1_4"] as const) {
        const remote = await view(version);
        const here = new Map((await rowsOf(version)).map((row) => [nameOf(row), row]));
        assert.equal(remote.length, here.size);
        const differences = remote.flatMap((row) =>
          Object.entries(row)
            .map(([column, value]) => [nameOf(row), column, value, here.get(nameOf(row))?.[column]])
            .filter(([, , one, other]) => one !== other),
        );
        assert.deepEqual(differences, []);
      }
    });
  });
}

function nameOf({ ChargeDescription: name, CommitmentDiscountStatus: status, x_QualityFlags: flags }: ViewRow): string {
  if (status === "Unused") return `${name} unused`;
  return flags === "SavingsPlanResidual" ? "residual" : String(name);
}
