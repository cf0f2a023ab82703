import type { Dialect } from "../dialects/dialect.ts";
import { all, decimal, type Expression, isOneOf, not, present, where } from "../expression.ts";
import { renderCondition, renderExpression } from "../render.ts";
import { own } from "../rows.ts";
import type { AnsweredRule } from "./answer.ts";
import { columnValue as value } from "./compile.ts";
import type { Answer } from "./model.ts";
import { asText, type CheckedRows, excuseOf, exportOf, monthOf, scopeOf } from "./statements.ts";

/**
 * The statement for rules about values, groups of values and commitments. A line for each rule (`rule` is its position), export
 * and month: what breaks it (`broken`: rows, values or commitments), what it cannot decide (`undecided`), all that it looked at
 * (`checked`), and one example (`example`). The view is read once, grouped by everything that these rules read.
 */
export function valueStatement(rules: readonly AnsweredRule[], checked: CheckedRows): string | null {
  const { dialect, from, rows } = checked;
  const branches = rules.flatMap((rule, index) => branchesOf(rule, index, checked));
  if (branches.length === 0) return null;
  const scope = scopeOf(dialect);
  const read = [...new Set(rules.flatMap(({ answer }) => keysOf(answer)))];
  const keys = [own.export, own.month, ...read].map((name) => `c.${dialect.identifier(name)}`);
  const sums = rules.some(({ answer }) => answer.by === "commitments")
    ? Object.entries(commitmentSums).map(
        ([name, of]) => `SUM(${renderExpression(of, scope)}) AS ${dialect.identifier(name)}`,
      )
    : [];
  const cells = `SELECT ${[...keys, "COUNT(*) AS n", ...sums].join(", ")}
FROM ${from} AS c WHERE ${renderCondition(rows, scope)} GROUP BY ${keys.join(", ")}`;
  return `WITH cells AS (${cells})\n${branches.join("\nUNION ALL\n")}`;
}

const isRecurring = all(isOneOf(value("ChargeCategory"), "Purchase"), isOneOf(value("ChargeFrequency"), "Recurring"));
const isUpfront = all(isOneOf(value("ChargeCategory"), "Purchase"), isOneOf(value("ChargeFrequency"), "One-Time"));
const isUse = all(isOneOf(value("ChargeCategory"), "Usage"), present(value("CommitmentDiscountStatus")));
const isRegular = not(isOneOf(value("ChargeClass"), "Correction"));

/** What is added up of the charges of a commitment in a month. */
const commitmentSums: Readonly<Record<string, Expression>> = {
  purchased_cost: where(all(isRecurring, isRegular), value("BilledCost")),
  purchased_quantity: where(all(isRecurring, isRegular), value("CommitmentDiscountQuantity")),
  used_cost: where(all(isUse, isRegular), value("EffectiveCost")),
  used_quantity: where(all(isUse, isRegular), value("CommitmentDiscountQuantity")),
  upfront: where(isUpfront, decimal("1")),
};

function keysOf(answer: Answer): readonly string[] {
  if (answer.by === "values") return answer.checks.map(({ column }) => column);
  if (answer.by === "groups") return [answer.key, answer.counted];
  return answer.by === "commitments" ? ["CommitmentDiscountId"] : [];
}

/** What a branch computes, as SQL. */
interface Figures {
  readonly broken: string;
  readonly undecided?: string;
  readonly checked: string;
  readonly example: string;
}

function branchesOf({ id, answer }: AnsweredRule, index: number, checked: CheckedRows): readonly string[] {
  const { dialect } = checked;
  const { identifier } = dialect;
  const scope = scopeOf(dialect);
  const keys = `${exportOf(dialect)} AS export, ${monthOf(dialect)} AS month`;
  const line = (figures: Figures, of: string): string =>
    `SELECT '${index}' AS rule, export, month, ${asText(figures.broken, dialect)} AS broken,
  ${asText(figures.undecided ?? "0", dialect)} AS undecided, ${asText(figures.checked, dialect)} AS checked, MIN(${figures.example}) AS example
FROM (${of}) AS g GROUP BY 2, 3`;
  if (answer.by === "values") {
    return answer.checks.map(({ column, broken }) => {
      const name = identifier(column);
      const isBroken = renderCondition(broken, scope);
      const values = `SELECT ${keys}, c.${name} AS k, SUM(c.n) AS n, CASE WHEN ${isBroken} THEN 1 ELSE 0 END AS b
  FROM cells AS c GROUP BY 1, 2, 3, 5`;
      return line({ broken: "SUM(g.b * g.n)", checked: "SUM(g.n)", example: "CASE WHEN g.b = 1 THEN g.k END" }, values);
    });
  }
  if (answer.by === "groups") {
    const [key, counted] = [answer.key, answer.counted].map((name) => `c.${identifier(name)}`);
    const where = all(present(value(answer.key)), ...(answer.exempt === undefined ? [] : [not(answer.exempt)]));
    const excuse = excuseOf(id, checked);
    const excused = excuse === null ? "0" : `CASE WHEN ${renderCondition(excuse, scope)} THEN 1 ELSE 0 END`;
    const groups = `SELECT ${keys}, ${key} AS k, COUNT(DISTINCT ${counted}) AS n, MAX(${excused}) AS e
  FROM cells AS c WHERE ${renderCondition(where, scope)} GROUP BY 1, 2, 3`;
    const wrong = answer.most === undefined ? "g.n <> 1" : `g.n > ${answer.most}`;
    const found = `CASE WHEN ${wrong} AND g.e = 0 THEN g.k END`;
    const undecided = `COUNT(CASE WHEN ${wrong} AND g.e = 1 THEN 1 END)`;
    return [line({ broken: `COUNT(${found})`, undecided, checked: "COUNT(*)", example: found }, groups)];
  }
  if (answer.by !== "commitments" || checked.commitmentExports.length === 0) return [];
  const commitment = `c.${identifier("CommitmentDiscountId")}`;
  const sums = Object.keys(commitmentSums).map((name) => `SUM(c.${identifier(name)}) AS ${identifier(name)}`);
  const rows = renderCondition(
    all(isOneOf(value(own.export), ...checked.commitmentExports), present(value("CommitmentDiscountId"))),
    scope,
  );
  const commitments = `SELECT ${keys}, ${commitment} AS k, ${sums.join(", ")} FROM cells AS c WHERE ${rows} GROUP BY 1, 2, 3`;
  const [purchased, used] = [`g.purchased_${answer.measure}`, `g.used_${answer.measure}`];
  const isPaid = `${purchased} IS NOT NULL AND g.upfront IS NULL`;
  const less = `${isPaid} AND COALESCE(${used}, 0) < ${purchased} - ${cent(dialect)}`;
  const more = `${isPaid} AND ${used} > ${purchased} + ${cent(dialect)}`;
  return [
    line(
      {
        broken: `COUNT(CASE WHEN ${less} THEN 1 END)`,
        undecided: `COUNT(CASE WHEN ${more} THEN 1 END)`,
        checked: `COUNT(CASE WHEN ${isPaid} THEN 1 END)`,
        example: `CASE WHEN ${less} THEN g.k END`,
      },
      commitments,
    ),
  ];
}

/** Rounded prices of many rows add up to less than this in a month. */
function cent(dialect: Dialect): string {
  return renderExpression(decimal("0.01"), scopeOf(dialect));
}
