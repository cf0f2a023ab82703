import type { Dialect } from "../dialects/dialect.ts";
import { all, decimal, type Expression, isOneOf, not, present, where } from "../expression.ts";
import { renderCondition, renderExpression, type Scope } from "../render.ts";
import { own } from "../rows.ts";
import type { AnsweredRule } from "./answer.ts";
import { asText, type CheckedRows, excuseOf, exportOf, monthOf, oneText, scopeOf } from "./checked.ts";
import { columnValue as value } from "./compile.ts";
import type { Answer } from "./model.ts";

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

/** The columns by which rows are grouped for a rule about groups or commitments. */
export function groupedBy(answer: Answer): readonly string[] {
  if (answer.by === "groups") return [answer.key, answer.counted];
  return answer.by === "commitments" ? ["CommitmentDiscountId"] : [];
}

/** The sums that rules about commitments need of the rows of a cell. */
export function sumsOf(rules: readonly AnsweredRule[], dialect: Dialect): readonly string[] {
  return rules.some(({ answer }) => answer.by === "commitments")
    ? Object.entries(commitmentSums).map(
        ([name, of]) => `SUM(${renderExpression(of, scopeOf(dialect))}) AS ${dialect.identifier(name)}`,
      )
    : [];
}

/** What a line about groups has. */
interface Figures {
  readonly broken: string;
  readonly undecided: string;
  readonly checked: string;
  readonly example: string;
}

/**
 * The query that counts the groups or commitments of cells that break a rule, for each export and month; none for a rule about
 * rows. `scope` has the facts of the cells.
 */
export function groupLine({ id, answer }: AnsweredRule, checked: CheckedRows, scope: Scope): readonly string[] {
  const { dialect, commitmentExports } = checked;
  const { identifier } = dialect;
  const keys = `${exportOf(dialect)} AS export, ${monthOf(dialect)} AS month`;
  const line = ({ broken, undecided, checked: all, example }: Figures, of: string): string =>
    `SELECT ${dialect.literal(id)} AS about, g.export, g.month, ${asText(all, dialect)} AS checked,
  ${oneText([asText(broken, dialect), asText(undecided, dialect), `MIN(${example})`], dialect)} AS counts
FROM (${of}) AS g GROUP BY 2, 3`;
  if (answer.by === "groups") {
    const [key, counted] = [answer.key, answer.counted].map((name) => `c.${identifier(name)}`);
    const rows = all(present(value(answer.key)), ...(answer.exempt === undefined ? [] : [not(answer.exempt)]));
    const excuse = excuseOf(id, checked);
    const excused = excuse === null ? "0" : `CASE WHEN ${renderCondition(excuse, scope)} THEN 1 ELSE 0 END`;
    const groups = `SELECT ${keys}, ${key} AS k, COUNT(DISTINCT ${counted}) AS n, MAX(${excused}) AS e
  FROM cells AS c WHERE ${renderCondition(rows, scope)} GROUP BY 1, 2, 3`;
    const wrong = answer.most === undefined ? "g.n <> 1" : `g.n > ${answer.most}`;
    const found = `CASE WHEN ${wrong} AND g.e = 0 THEN g.k END`;
    const undecided = `COUNT(CASE WHEN ${wrong} AND g.e = 1 THEN 1 END)`;
    return [line({ broken: `COUNT(${found})`, undecided, checked: "COUNT(*)", example: found }, groups)];
  }
  if (answer.by !== "commitments" || commitmentExports.length === 0) return [];
  const commitment = `c.${identifier("CommitmentDiscountId")}`;
  const sums = Object.keys(commitmentSums).map((name) => `SUM(c.${identifier(name)}) AS ${identifier(name)}`);
  const rows = all(isOneOf(value(own.export), ...commitmentExports), present(value("CommitmentDiscountId")));
  const commitments = `SELECT ${keys}, ${commitment} AS k, ${sums.join(", ")}
  FROM cells AS c WHERE ${renderCondition(rows, scope)} GROUP BY 1, 2, 3`;
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
