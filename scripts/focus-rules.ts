import { type AnsweredRule, answeredRules } from "../src/focus/rules/answer.ts";
import { corrections } from "../src/focus/rules/corrected.ts";
import { missing } from "../src/focus/rules/missing.ts";
import type { RulesVersion } from "../src/focus/rules/model.ts";
import { answeredBy } from "../src/focus/rules/checked.ts";

/** What decides each rule of FOCUS, as the page on them lists it. */
export function focusRules(): string {
  const rules = answeredRules("1.2");
  const open = answeredBy(rules, "nothing");
  const lacks = Object.entries(missing).flatMap(([mapping, own]) =>
    own.map(({ rules: broken, because }) => [code(mapping), broken.map(code).join(", "), because]),
  );
  return [
    "## What the official checks have otherwise",
    "For these rules the official machine-readable check demands something else than the text of FOCUS. billhouse follows the text.",
    table(
      ["rule", "text", "difference"],
      Object.entries(corrections).map(([id, { why }]) => [code(id), textOf(id, rules), why]),
    ),
    "## What converted bills lack",
    "A Cost and Usage Report or an Azure cost export does not have everything that FOCUS demands, and exports before FOCUS 1.2 can name a meter without its SKU. Rows that break a rule for such a reason make it undecidable.",
    table(["mapping", "rules", "reason"], lacks),
    `## Rules that bills cannot decide`,
    `${open.length} rules of FOCUS 1.2 need something that is not in a bill.`,
    table(
      ["rule", "text", "reason"],
      open.map(({ id, text, answer }) => [code(id), text, answer.because]),
    ),
    "## What decides each rule",
    ...(["1.2", "1.4"] as const).flatMap(decisions),
  ].join("\n\n");
}

function decisions(version: RulesVersion): readonly string[] {
  const rules = answeredRules(version);
  const lines = rules
    .filter(({ answer }) => answer.by !== "parts" && answer.by !== "nothing")
    .map((rule) => [code(rule.id), rule.text, decisionOf(rule)]);
  const composed = answeredBy(rules, "parts").length;
  const others = composed === 0 ? "" : ` ${composed} further rules consist of these, and of those above.`;
  return [`### FOCUS ${version}`, `${lines.length} rules.${others}`, table(["rule", "text", "decided by"], lines)];
}

function decisionOf({ answer }: AnsweredRule): string {
  switch (answer.by) {
    case "view":
      return `the view: ${answer.because}`;
    case "rows":
      return answer.columns.length > 10 ? "each row: all columns of text" : `each row: ${answer.columns.join(", ")}`;
    case "groups":
      return `the values of ${answer.counted} for each ${answer.key}`;
    case "commitments":
      return `the sums of ${answer.measure} for each commitment and month: recurring fees, used and unused parts`;
    case "parts":
    case "nothing":
  }
  return "";
}

function textOf(id: string, rules: readonly AnsweredRule[]): string {
  return rules.find((rule) => rule.id === id)?.text ?? "";
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
