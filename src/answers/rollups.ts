import { type Condition, decimal, type Expression, field, present, typeOf } from "../focus/expression.ts";
import { isCondition, mapWithin, type Part } from "../focus/reading.ts";
import { type Rollup, rowsColumn } from "../focus/rollup-columns.ts";
import type { BillingMonth } from "../model.ts";
import type { ChargeSums } from "./charge-sums.ts";

/**
 * The same sums over a rollup, whose rows stand for many of the view; null if it cannot give them exactly. What groups or chooses
 * rows must be made of its keys, and what is added up must be a sum of its own or, as 1, the number of rows.
 */
export function onRollup(sums: ChargeSums, rollup: Rollup): ChargeSums | null {
  let isAnswered = true;
  const keys = new Map(Object.entries(rollup.keys).map(([name, part]) => [JSON.stringify(part), { name, part }]));
  const own = new Set([...Object.keys(rollup.keys), "x_AccountOwner", "x_AccountEnvironment"]);

  function key<P extends Part>(part: P): P {
    return rewritten(part) as P;
  }

  function rewritten(part: Part): Part {
    const known = keys.get(JSON.stringify(part));
    if (known !== undefined) {
      return isCondition(part) ? present(field(known.name)) : field(known.name, typeOf(part));
    }
    if (isOfDay(part) && own.has("ChargePeriodStart")) return part;
    if (part.is === "members" || (part.is === "field" && !isGiven(part.name))) isAnswered = false;
    return mapWithin(part, rewritten);
  }

  // What is known of an account follows from the key SubAccountId.
  function isGiven(name: string): boolean {
    return own.has(name) && rollup.keys[name] === undefined;
  }

  function amount(part: Expression): Expression {
    if (part.is === "field" && rollup.sums.includes(part.name)) return part;
    if (part.is === "constant" && part.type === "decimal") {
      if (part.value === "1") return field(rowsColumn, "decimal");
      if (part.value === null || part.value === "0") return part;
    }
    if (part.is === "cases") {
      const cases = part.cases.map(([when, then]) => [key(when), amount(then)] as const);
      return { ...part, cases, otherwise: amount(part.otherwise) };
    }
    isAnswered = false;
    return decimal("0");
  }

  const each = <V extends Expression>(
    values: Readonly<Record<string, V>> | undefined,
    change: (value: V) => Expression,
  ): Record<string, Expression> =>
    Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, change(value)]));
  const result: ChargeSums = {
    by: each(sums.by, key),
    sum: each(sums.sum, amount),
    least: each(sums.least, key),
    greatest: each(sums.greatest, key),
    rows: sums.rows.map((condition) => key(condition)),
  };
  return isAnswered ? result : null;
}

/** Whether a part is the same for all charges of a day: the day itself, or a comparison with the start of one. */
function isOfDay(part: Part): boolean {
  const isStart = (value: Part): boolean => value.is === "field" && value.name === "ChargePeriodStart";
  if (part.is === "day") return isStart(part.of);
  if (part.is !== "compared" || !isStart(part.left)) return false;
  const { operator, right } = part;
  return (operator === "<" || operator === ">=") && right.is === "constant" && /^[\d-]{10}$/.test(right.value ?? "");
}

/** The billing months that rows can have for which a condition holds; null for any month. */
export function monthsAsked(condition: Condition): readonly BillingMonth[] | null {
  if (condition.is === "one of") {
    return condition.value.is === "field" && condition.value.name === "x_BillingMonth" ? condition.of : null;
  }
  if (condition.is === "all") return condition.of.map(monthsAsked).find((months) => months !== null) ?? null;
  if (condition.is !== "some") return null;
  const parts = condition.of.map(monthsAsked);
  return parts.some((months) => months === null) ? null : parts.flatMap((months) => months ?? []);
}
