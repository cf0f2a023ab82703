import { castTo } from "./casts.ts";
import { refusal } from "./failures.ts";
import { fold, type Value } from "./scope.ts";
import { kindOf, scalar, type ScalarKind, text } from "./types.ts";

/** A parameter of a query, as REST writes it. */
export interface QueryParameter {
  readonly name?: string;
  readonly parameterType?: { readonly type?: string; readonly arrayType?: { readonly type?: string } };
  readonly parameterValue?: {
    readonly value?: string | null;
    readonly arrayValues?: readonly { readonly value?: string | null }[] | null;
  };
}

/** The values of a query's parameters, as literals of DuckDB. Error: invalid for other forms than are documented. */
export function parameterValues(configuration: {
  readonly parameterMode?: string;
  readonly queryParameters?: readonly QueryParameter[];
}): Map<string, Value> {
  const values = new Map<string, Value>();
  const parameters = configuration.queryParameters ?? [];
  if (parameters.length > 0 && configuration.parameterMode?.toUpperCase() !== "NAMED") {
    throw refusal("invalid", "This server takes named parameters only");
  }
  for (const { name, parameterType, parameterValue } of parameters) {
    if (name === undefined || !/^[A-Za-z_]\w*$/u.test(name))
      throw refusal("invalid", `Invalid query parameter name: ${name}`);
    if (values.has(fold(name))) throw refusal("invalid", `Duplicate query parameter name: ${name}`);
    if (parameterType?.type === "ARRAY") {
      const element = kind(parameterType.arrayType?.type);
      const items = parameterValue?.arrayValues ?? [];
      const type = { kind: "ARRAY", element: scalar(element) } as const;
      const cells = items.map(({ value }) => one(element, value).sql);
      values.set(fold(name), {
        sql: `CAST([${cells.join(", ")}] AS ${element === "STRING" ? "VARCHAR" : "BIGINT"}[])`,
        type,
      });
    } else values.set(fold(name), one(kind(parameterType?.type), parameterValue?.value));
  }
  return values;
}

function kind(name: string | undefined): ScalarKind {
  const found = kindOf(name ?? "");
  if (found === undefined) throw refusal("invalid", `Invalid query parameter type: ${name}`);
  return found;
}

function one(type: ScalarKind, value: unknown): Value {
  if (value === undefined || value === null)
    return { ...castTo({ sql: "NULL", type: scalar("NULL") }, type, false), literal: null };
  if (typeof value !== "string") throw refusal("invalid", "Values of query parameters are text");
  // NUL ends a string inside DuckDB's parser.
  const sql = value.split("\0").map(text).join(" || chr(0) || ");
  const written: Value = { sql: value.includes("\0") ? `(${sql})` : sql, type: scalar("STRING") };
  return { ...castTo(written, type, false), ...(type === "STRING" && { literal: value }) };
}
