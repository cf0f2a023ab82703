import type { FocusVersion } from "../columns.ts";
import { all } from "../expression.ts";
import { broken, columnsOf, holds, holdsForView } from "./compile.ts";
import { corrections } from "./corrected.ts";
import { judged } from "./judged.ts";
import { type Answer, type Check, type Rule, rulesOf, type RulesVersion } from "./model.ts";
import { undecidable } from "./undecidable.ts";

/** A rule with what decides it. */
export interface AnsweredRule extends Rule {
  readonly answer: Answer;
}

/** The view that has the rows of a version of the rules. */
export const viewOf: Readonly<Record<RulesVersion, FocusVersion>> = { "1.2": "v1_2", "1.4": "v1_4" };

/** Every rule of a version with what decides it. Error: TypeError for a rule that nothing decides. */
export function answeredRules(version: RulesVersion): readonly AnsweredRule[] {
  const limits = limitsOf(rulesOf[version]);
  return rulesOf[version].map((rule) => ({ ...rule, answer: answerOf(rule, limits.get(rule.id) ?? [], version) }));
}

/** The rows for which a rule holds because a rule that it is a part of holds only for them. */
function limitsOf(rules: readonly Rule[]): ReadonlyMap<string, readonly Check[]> {
  const limits = new Map<string, Check[]>();
  const add = (rule: Rule, above: readonly Check[]): void => {
    const own = rule.if === undefined ? above : [...above, rule.if];
    for (const id of rule.parts ?? []) {
      limits.set(id, [...(limits.get(id) ?? []), ...own]);
      const part = rules.find((each) => each.id === id);
      if (part !== undefined) add(part, own);
    }
  };
  const parts = new Set(rules.flatMap((rule) => rule.parts ?? []));
  for (const rule of rules) if (!parts.has(rule.id)) add(rule, []);
  return limits;
}

function answerOf(rule: Rule, limits: readonly Check[], version: RulesVersion): Answer {
  if (rule.parts !== undefined) return { by: "parts", parts: rule.parts };
  const correction = version === "1.2" ? corrections[rule.id] : undefined;
  if (correction?.undecidable !== undefined) return { by: "nothing", because: correction.undecidable };
  const check = correction?.check ?? rule.check;
  if (check === undefined) return dynamicAnswer(rule.id);
  const own = correction?.if ?? rule.if;
  const answer = checkAnswer(check, [...limits, ...(own === undefined ? [] : [own])], version);
  const exempt = correction?.exempt;
  return answer.by === "groups" && exempt !== undefined ? { ...answer, exempt: holds(exempt) } : answer;
}

function dynamicAnswer(id: string): Answer {
  const because = undecidable[id];
  const answer = judged[id] ?? (because === undefined ? undefined : { by: "nothing" as const, because });
  if (answer === undefined) throw new TypeError(`Nothing decides the rule ${id}`);
  return answer;
}

function checkAnswer(check: Check, limits: readonly Check[], version: RulesVersion): Answer {
  const isHeld = holdsForView(check, viewOf[version]);
  if (isHeld !== null) return { by: "view", holds: isHeld, because: "The view has the columns and types of FOCUS." };
  if (check[0] === "one for each") return { by: "groups", key: check[1], counted: check[2] };
  const condition = broken(check);
  if (condition === null) throw new TypeError(`Nothing decides the check ${JSON.stringify(check)}`);
  const columns = new Set([...limits, check].flatMap(columnsOf));
  return { by: "rows", broken: all(condition, ...limits.map(holds)), columns: [...columns] };
}
