import { DuckDBInstance } from "@duckdb/node-api";

import { countRules } from "../../../src/answers/rule-counts.ts";
import { verdictsOf } from "../../../src/answers/rule-verdicts.ts";
import { duckdb } from "../../../src/focus/dialects/duckdb.ts";
import { field, present } from "../../../src/focus/expression.ts";
import { type AnsweredRule, answeredRules } from "../../../src/focus/rules/answer.ts";
import { corrections } from "../../../src/focus/rules/corrected.ts";
import type { Check } from "../../../src/focus/rules/model.ts";
import { literal } from "../../../src/warehouses/duckdb/sql.ts";
import type { OfficialVerdict } from "./programs.ts";
import type { Family } from "./rows.ts";

/** What billhouse says of a rule by rows alone, without regard to what a bill lacks. */
export type OwnVerdict = "pass" | "fail" | "undecidable";

/** A rule on which both differ, where, and why; null if no reason is known. */
export interface VerdictDifference {
  readonly rule: string;
  readonly official: OfficialVerdict;
  readonly own: OwnVerdict;
  readonly families: readonly Family[];
  readonly reason: string | null;
}

/** What billhouse says of each rule of FOCUS 1.2 for the rows of `focus_v1_2` in a Parquet file. */
export async function ownVerdicts(file: string): Promise<ReadonlyMap<string, OwnVerdict>> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const rules = answeredRules("1.2");
    const checked = {
      dialect: duckdb,
      from: `read_parquet(${literal(file)})`,
      rows: present(field("x_Export")),
      excused: [],
      commitmentExports: [],
    };
    const months = await countRules(rules, checked, async function* ask(sql) {
      const reader = await connection.runAndReadAll(sql);
      yield* reader.getRowObjectsJson() as Record<string, string | null>[];
    });
    const scope = { missing: [], hasMonthlyCommitments: false };
    const results = months.flatMap((month) => verdictsOf(rules, month, scope));
    return new Map([...Map.groupBy(results, ({ rule }) => rule)].map(([rule, own]) => [rule, worst(own)]));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function worst(results: readonly { readonly verdict: OwnVerdict }[]): OwnVerdict {
  if (results.some(({ verdict }) => verdict === "fail")) return "fail";
  return results.some(({ verdict }) => verdict === "pass") ? "pass" : "undecidable";
}

/** The rules that focus-validator runs and on which billhouse differs, with the reasons that the rules themselves give. */
export function verdictDifferences(
  judged: readonly {
    readonly family: Family;
    readonly official: ReadonlyMap<string, OfficialVerdict>;
    readonly own: ReadonlyMap<string, OwnVerdict>;
  }[],
): readonly VerdictDifference[] {
  const rules = answeredRules("1.2").filter((rule) => rule.check !== undefined || rule.parts !== undefined);
  const found = judged.flatMap(({ family, official, own }) => {
    const differing = new Set(
      rules.filter(({ id }) => official.has(id) && !isSame(official.get(id), own.get(id))).map(({ id }) => id),
    );
    return rules
      .filter(({ id }) => differing.has(id))
      .map((rule) => ({
        rule: rule.id,
        official: official.get(rule.id) ?? "skipped",
        own: own.get(rule.id) ?? "undecidable",
        family,
        reason: reasonOf(rule, { rules, official, differing }),
      }));
  });
  return [
    ...Map.groupBy(found, ({ rule, official, own, reason }) => JSON.stringify([rule, official, own, reason])).values(),
  ]
    .flatMap((same) => {
      const [first] = same;
      return first === undefined ? [] : { ...first, families: same.map(({ family }) => family) };
    })
    .toSorted((one, other) => (one.rule < other.rule ? -1 : 1));
}

/** What billhouse cannot decide, focus-validator skips. */
function isSame(official: OfficialVerdict | undefined, own: OwnVerdict | undefined): boolean {
  return official === own || (official === "skipped" && own === "undecidable");
}

function reasonOf(
  rule: AnsweredRule,
  {
    rules,
    official,
    differing,
  }: {
    readonly rules: readonly AnsweredRule[];
    readonly official: ReadonlyMap<string, OfficialVerdict>;
    readonly differing: ReadonlySet<string>;
  },
): string | null {
  const corrected = corrections[rule.id]?.why;
  if (corrected !== undefined) return corrected;
  if (rule.parts !== undefined) {
    const others = rule.others?.filter((id) => official.get(id) === "fail") ?? [];
    if (others.length > 0) return `focus-validator also fails it for rules with SHOULD: ${others.join(", ")}.`;
    const parts = rule.parts.filter((id) => differing.has(id));
    if (parts.length > 0) return `It consists of rules that differ: ${parts.join(", ")}.`;
    if (official.get(rule.id) === "skipped")
      return "focus-validator skips all rules that it consists of. billhouse decides some of them.";
    const dynamic = rule.parts.filter((id) => official.get(id) === "skipped");
    if (official.get(rule.id) === "pass" && rule.parts.some((id) => official.get(id) === "fail")) {
      return "focus-validator passes it if any of the rules that it consists of passes.";
    }
    return dynamic.length > 0 ? `focus-validator skips rules that it consists of: ${dynamic.join(", ")}.` : null;
  }
  if (official.get(rule.id) === "skipped") return "focus-validator has the check, and does not run it yet.";
  const excluded = [...limitsAbove(rule, rules), ...(rule.if === undefined ? [] : [rule.if])].flatMap(excludedBy);
  return excluded.length === 0
    ? null
    : `focus-validator leaves out rows without ${[...new Set(excluded)].join(" and ")}, for which the rule holds too.`;
}

/** The columns that must not have a value, where the check of focus-validator also demands that they have another one. */
function excludedBy(check: Check): readonly string[] {
  if (check[0] === "all" || check[0] === "some") return (check.slice(1) as Check[]).flatMap(excludedBy);
  return check[0] === "is not" && check[2] !== null ? [check[1]] : [];
}

function limitsAbove(rule: AnsweredRule, rules: readonly AnsweredRule[]): readonly Check[] {
  const above = rules.filter(({ parts }) => parts?.includes(rule.id));
  return above.flatMap((each) => [...(each.if === undefined ? [] : [each.if]), ...limitsAbove(each, rules)]);
}
