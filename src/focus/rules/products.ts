import type { Dialect } from "../dialects/dialect.ts";

/** A cost that is a price times a quantity, and the name of the fact that shows where it is not. */
export interface Product {
  readonly name: string;
  readonly price: string;
  readonly quantity: string;
  readonly cost: string;
}

/** The products that rules demand. */
export const products: readonly Product[] = [
  {
    name: "contracted_product",
    price: "ContractedUnitPrice",
    quantity: "PricingQuantity",
    cost: "ContractedCost",
  },
  { name: "list_product", price: "ListUnitPrice", quantity: "PricingQuantity", cost: "ListCost" },
];

/** The value of the fact where the cost is not the product. */
export const differs = "differs";

/**
 * The rows of `from` with the facts of all products. Clouds round prices, so the tolerance is that of the official check: a
 * billionth of the cost, or of 1. No amount comes from this comparison, so that it need not be exact, and a float is much faster.
 */
export function withProducts(from: string, { identifier, literal, name: dialect, types }: Dialect): string {
  // A decimal becomes a float once, and only where there is a price.
  const float = (column: string, price: string): string =>
    `CASE WHEN p.${identifier(price)} IS NOT NULL THEN CAST(p.${identifier(column)} AS ${dialect === "duckdb" ? "DOUBLE" : "FLOAT64"}) END`;
  const floats = products.map(
    ({ name, price, quantity, cost }) =>
      `${float(price, price)} * ${float(quantity, price)} AS ${name}_is, ${float(cost, price)} AS ${name}_should`,
  );
  const facts = products.map(
    ({ name }) =>
      `CASE WHEN ABS(q.${name}_is - q.${name}_should) > 1e-9 * GREATEST(ABS(q.${name}_should), 1) THEN ${literal(differs)}
  ELSE CAST(NULL AS ${types.text}) END AS ${identifier(name)}`,
  );
  return `(SELECT q.*, ${facts.join(", ")} FROM (SELECT p.*, ${floats.join(", ")} FROM ${from} AS p) AS q)`;
}
