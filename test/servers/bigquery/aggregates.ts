import { coerce } from "./casts.ts";
import { queryError } from "./failures.ts";
import { boolean, type Value } from "./scope.ts";
import type { Expression, Ordering } from "./syntax.ts";
import { scalar, typeName } from "./types.ts";

/** A call of a function, parsed. */
export type Call = Expression & { e: "call" };

/** Calls an aggregate or a window function; undefined for every other function. Error: invalidQuery. */
export function callAggregate(call: Call, inner: (part: Expression) => Value): Value | undefined {
  const { name } = call;
  const values = call.arguments.map((argument) => () => inner(argument));
  const over = call.over === undefined ? "" : ` OVER (${windowSql(call.over, inner)})`;
  const distinct = call.distinct ? "DISTINCT " : "";
  const first = (): Value => {
    if (values[0] === undefined) throw noSignature(name, []);
    return values[0]();
  };
  switch (name) {
    case "ROW_NUMBER":
    case "RANK":
      if (call.over === undefined)
        throw queryError(`Analytic function ${name} cannot be called without an OVER clause`);
      return { sql: `${name}()${over}`, type: scalar("INT64") };
    // DuckDB refuses what is not grouped by, as BigQuery does (documented: standard-sql/aggregate_functions#grouping).
    case "GROUPING":
      return { sql: `grouping(${first().sql})`, type: scalar("INT64") };
    case "COUNT":
      return { sql: `count(${call.star ? "*" : distinct + first().sql})${over}`, type: scalar("INT64") };
    case "COUNTIF": {
      const condition = coerce(first(), scalar("BOOL"));
      if (condition === undefined) throw noSignature(name, [first()]);
      return { sql: `count(CASE WHEN ${condition.sql} THEN 1 END)${over}`, type: scalar("INT64") };
    }
    case "SUM":
      return sum(first(), distinct, over);
    case "MIN":
    case "MAX":
    case "ANY_VALUE": {
      const value = first();
      if (["ARRAY", "STRUCT", "JSON"].includes(value.type.kind) && name !== "ANY_VALUE")
        throw noSignature(name, [value]);
      return { sql: `${name}(${value.sql})${over}`, type: value.type };
    }
    case "LOGICAL_AND":
    case "LOGICAL_OR":
      return boolean(`bool_${name === "LOGICAL_AND" ? "and" : "or"}(${first().sql})${over}`);
    case "ARRAY_AGG": {
      const value = first();
      const list = `array_agg(${distinct}${value.sql}${orderSql(call.order, inner)})${over}`;
      const cut = call.limit === undefined ? list : `list_slice(${list}, 1, ${Number(call.limit)})`;
      return { sql: cut, type: { kind: "ARRAY", element: value.type } };
    }
    case "STRING_AGG": {
      const value = coerce(first(), scalar("STRING"));
      if (value === undefined || call.limit !== undefined) throw noSignature(name, [first()]);
      const by = values[1] === undefined ? "','" : values[1]().sql;
      return {
        sql: `string_agg(${distinct}${value.sql}, ${by}${orderSql(call.order, inner)})${over}`,
        type: scalar("STRING"),
      };
    }
    default:
      return undefined;
  }
}

function sum(value: Value, distinct: string, over: string): Value {
  const { kind } = value.type;
  if (kind === "BIGNUMERIC") {
    if (distinct !== "") throw queryError("SUM(DISTINCT) of BIGNUMERIC is not supported by this server");
    const lanes = ["a", "b", "c", "d"].map(
      (lane) => `CAST(sum(struct_extract(${value.sql}, '${lane}'))${over} AS HUGEINT)`,
    );
    return { sql: `bq_big_sum(${lanes.join(", ")})`, type: value.type };
  }
  if (kind === "NUMERIC")
    return { sql: `CAST(sum(${distinct}${value.sql})${over} AS DECIMAL(38,9))`, type: value.type };
  if (kind === "INT64") return { sql: `CAST(sum(${distinct}${value.sql})${over} AS BIGINT)`, type: value.type };
  if (kind === "FLOAT64") return { sql: `sum(${distinct}${value.sql})${over}`, type: value.type };
  throw noSignature("SUM", [value]);
}

function windowSql(over: NonNullable<Call["over"]>, inner: (part: Expression) => Value): string {
  const partition = over.partition.map((part) => inner(part).sql).join(", ");
  return `${partition === "" ? "" : `PARTITION BY ${partition}`}${orderSql(over.order, inner)}`;
}

function orderSql(order: readonly Ordering[], inner: (part: Expression) => Value): string {
  if (order.length === 0) return "";
  return ` ORDER BY ${order.map((key) => `${inner(key.value).sql}${directionOf(key)}`).join(", ")}`;
}

/** How a key of an order goes: NULL is the smallest value (documented: standard-sql/query-syntax#order_by_clause). */
export function directionOf({ descending, nulls }: Ordering): string {
  return ` ${descending ? "DESC" : "ASC"} NULLS ${nulls ?? (descending ? "LAST" : "FIRST")}`;
}

/** The error for arguments of the wrong types. */
export function noSignature(name: string, values: readonly Value[]): Error {
  const types = values.map(({ type }) => typeName(type)).join(", ");
  return queryError(`No matching signature for function ${name} for argument types: ${types}`);
}
