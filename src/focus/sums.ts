import { chargesOf } from "./charges.ts";
import type { Dialect } from "./dialects/dialect.ts";
import type { Expression } from "./expression.ts";
import { type ChargeTable, fieldsOf, type Mapping } from "./mapping.ts";
import { fieldsIn } from "./reading.ts";
import { composed, reference } from "./relations.ts";
import { renderExpression } from "./render.ts";
import { own, rowsName, scopeOf } from "./rows.ts";

/**
 * The statement that adds up what was billed, twice: in the charges of the view (`view`), and in the rows of the table by the
 * rule of the mapping (`table`). One row for each side, month and currency: `side`, `month`, `currency`, `amount`. Null for a
 * mapping whose tables do not contain what was billed.
 */
export function billedSums(table: ChargeTable, mapping: Mapping, dialect: Dialect): string | null {
  const { billed } = mapping;
  if (billed === null) return null;
  const { identifier, types } = dialect;
  const { relations, select } = chargesOf([table], mapping, "v1_4", dialect);
  const scope = scopeOf([table], mapping, "s", dialect);
  const currency = renderExpression(mapping.columns["BillingCurrency"] ?? billed, scope);
  const sum = (of: string): string => `CAST(SUM(${of}) AS ${types.text}) AS amount`;
  const month = identifier(own.month);
  const charges = `c.${month} AS month, c.${identifier("BillingCurrency")} AS currency, ${sum(`c.${identifier("BilledCost")}`)}`;
  const rows = `s.${month} AS month, ${currency} AS currency, ${sum(renderExpression(billed, scope))}`;
  return composed(
    relations,
    `SELECT 'view' AS side, ${charges} FROM (${select}) AS c GROUP BY 1, 2, 3
UNION ALL
SELECT 'table' AS side, ${rows} FROM ${reference(rowsName(mapping))} AS s GROUP BY 1, 2, 3`,
    dialect,
  );
}

/** The columns of a table that the rule of the mapping adds up. */
export function billedColumns(table: ChargeTable, mapping: Mapping): readonly string[] {
  const fields = fieldsOf(table, mapping);
  const read = (expression: Expression): readonly string[] =>
    fieldsIn(expression).flatMap(({ name }) => {
      const fact = mapping.facts[name];
      return fact === undefined ? (fields.get(name) ?? []).map((column) => column.name) : read(fact);
    });
  return mapping.billed === null ? [] : read(mapping.billed);
}
