import type { AnsweredRule } from "../focus/rules/answer.ts";
import type { Missing } from "../focus/rules/missing.ts";
import type { BillingMonth } from "../model.ts";
import type { RuleCount } from "../focus/rules/statements.ts";
import type { MonthCounts } from "./rule-counts.ts";

/** Whether a rule holds for the rows of a month; undecidable where the bill does not show it. */
export type Verdict = "pass" | "fail" | "undecidable";

/** The answer to one rule for one export and month. */
export interface RuleResult {
  readonly rule: string;
  /** What the rule demands, in the words of FOCUS. */
  readonly text: string;
  readonly pipeline: string;
  readonly billingMonth: BillingMonth;
  readonly verdict: Verdict;
  /**
   * Where a failure comes from: `cloud` if the values that the cloud exported break the rule, `billhouse` if only the values
   * in the view do. Null for a rule that does not fail.
   */
  readonly origin: "cloud" | "billhouse" | null;
  /** What breaks the rule, or leaves it undecided: so many rows, values or commitments. */
  readonly rows: number;
  /** What `rows` counts. */
  readonly counted: "row" | "value" | "commitment";
  /** A row that breaks it, with the values that the rule reads. */
  readonly examples: readonly Readonly<Record<string, string | null>>[];
  /** How many rules it consists of; 0 for a rule that is checked itself. */
  readonly parts: number;
  /** Why it is undecidable, or which of its parts fail; null otherwise. */
  readonly reason: string | null;
}

/** What decides the verdicts of a month besides its counts. */
export interface MonthScope {
  /** What the bill lacks. */
  readonly missing: readonly Missing[];
  /** Whether the commitments of the export can be compared with their purchases month by month. */
  readonly hasMonthlyCommitments: boolean;
}

/** The verdicts of all rules for one export and month, without origins and examples. */
export function verdictsOf(
  rules: readonly AnsweredRule[],
  month: MonthCounts,
  scope: MonthScope,
): readonly RuleResult[] {
  const { pipeline, billingMonth } = month;
  const decided = new Map<string, Pick<RuleResult, "verdict" | "rows" | "reason">>();
  const byId = new Map(rules.map((rule) => [rule.id, rule]));
  const decide = (rule: AnsweredRule): Pick<RuleResult, "verdict" | "rows" | "reason"> => {
    const known = decided.get(rule.id);
    if (known !== undefined) return known;
    const verdict =
      rule.answer.by === "parts"
        ? verdictOfParts(rule.answer.parts.map((id) => ({ id, ...decide(require(byId, id)) })))
        : verdictOf(rule, month.counts.get(rule.id), scope);
    decided.set(rule.id, verdict);
    return verdict;
  };
  return rules.map((rule) => ({
    rule: rule.id,
    text: rule.text,
    pipeline,
    billingMonth,
    origin: null,
    examples: [],
    parts: rule.answer.by === "parts" ? rule.answer.parts.length : 0,
    counted: rule.answer.by === "groups" ? "value" : rule.answer.by === "commitments" ? "commitment" : "row",
    ...decide(rule),
  }));
}

function require(rules: ReadonlyMap<string, AnsweredRule>, id: string): AnsweredRule {
  const rule = rules.get(id);
  if (rule === undefined) throw new TypeError(`There is no rule ${id}`);
  return rule;
}

function verdictOf(
  { id, answer }: AnsweredRule,
  count: RuleCount | undefined,
  { missing, hasMonthlyCommitments }: MonthScope,
): Pick<RuleResult, "verdict" | "rows" | "reason"> {
  if (answer.by === "nothing") return { verdict: "undecidable", rows: 0, reason: answer.because };
  if (answer.by === "view") return { verdict: answer.holds ? "pass" : "fail", rows: 0, reason: null };
  const { broken, undecided, checked } = count ?? { broken: 0, undecided: 0, checked: 0 };
  if (broken > 0) return { verdict: "fail", rows: broken, reason: null };
  if (answer.by === "commitments" && (checked === 0 || undecided > 0)) {
    return { verdict: "undecidable", rows: undecided, reason: commitmentReason(checked, hasMonthlyCommitments) };
  }
  if (undecided === 0) return { verdict: "pass", rows: 0, reason: null };
  const because = missing.filter(({ rules }) => rules.includes(id)).map((each) => each.because);
  return { verdict: "undecidable", rows: undecided, reason: because.join(" ") };
}

function commitmentReason(checked: number, hasMonthlyCommitments: boolean): string {
  if (!hasMonthlyCommitments) {
    return "Azure bills fees by the month and use by the hour. They are equal over the whole term, which one month does not show.";
  }
  return checked === 0
    ? "No commitment of the month is paid by recurring fees alone."
    : "More was used than the fees of the month pay for. A part can have been paid upfront in another month.";
}

/** A rule that consists of others fails with any of them, and is undecidable where all are. */
function verdictOfParts(
  parts: readonly ({ readonly id: string } & Pick<RuleResult, "verdict">)[],
): Pick<RuleResult, "verdict" | "rows" | "reason"> {
  const failed = parts.filter(({ verdict }) => verdict === "fail").map(({ id }) => id);
  if (failed.length > 0)
    return { verdict: "fail", rows: 0, reason: `It consists of rules that fail: ${failed.join(", ")}.` };
  const isOpen = parts.every(({ verdict }) => verdict === "undecidable");
  return isOpen
    ? { verdict: "undecidable", rows: 0, reason: "All rules that it consists of are undecidable." }
    : { verdict: "pass", rows: 0, reason: null };
}
