import { refusal } from "./failures.ts";

/** A type without parts. `NULL` is that of the literal NULL, which becomes whatever it meets. */
export type ScalarKind =
  | "STRING"
  | "BYTES"
  | "INT64"
  | "FLOAT64"
  | "NUMERIC"
  | "BIGNUMERIC"
  | "BOOL"
  | "DATE"
  | "DATETIME"
  | "TIMESTAMP"
  | "JSON"
  | "NULL";

/** A type of GoogleSQL. */
export type Type =
  | { readonly kind: ScalarKind }
  | { readonly kind: "ARRAY"; readonly element: Type }
  | { readonly kind: "STRUCT"; readonly fields: readonly Column[] };

/** A named column, or a field of a STRUCT. */
export interface Column {
  readonly name: string;
  readonly type: Type;
}

/** A field of a schema as REST writes it. */
export interface FieldSchema {
  name: string;
  type: string;
  mode?: string;
  fields?: FieldSchema[];
  description?: string;
  readonly policyTags?: { readonly names?: readonly string[] };
}

/** A type without parts, by its name. */
export function scalar(kind: ScalarKind): Type {
  return { kind };
}

const kinds: Readonly<Record<string, ScalarKind>> = {
  STRING: "STRING",
  BYTES: "BYTES",
  INT64: "INT64",
  INTEGER: "INT64",
  INT: "INT64",
  FLOAT64: "FLOAT64",
  FLOAT: "FLOAT64",
  NUMERIC: "NUMERIC",
  BIGNUMERIC: "BIGNUMERIC",
  BOOL: "BOOL",
  BOOLEAN: "BOOL",
  DATE: "DATE",
  DATETIME: "DATETIME",
  TIMESTAMP: "TIMESTAMP",
  JSON: "JSON",
};

/** The scalar type of a name, in SQL or in REST; undefined when there is none. */
export function kindOf(name: string): ScalarKind | undefined {
  return kinds[name.toUpperCase()];
}

/** The lanes of a BIGNUMERIC in DuckDB: 10^38 times the number, in base 10^19, all but the first not negative. */
export const lanes = "STRUCT(a HUGEINT, b UBIGINT, c UBIGINT, d UBIGINT)";

const duckdbTypes: Readonly<Record<ScalarKind, string>> = {
  STRING: "VARCHAR",
  BYTES: "BLOB",
  INT64: "BIGINT",
  FLOAT64: "DOUBLE",
  NUMERIC: "DECIMAL(38,9)",
  BIGNUMERIC: lanes,
  BOOL: "BOOLEAN",
  DATE: "DATE",
  DATETIME: "TIMESTAMP",
  TIMESTAMP: "TIMESTAMPTZ",
  JSON: "VARCHAR",
  NULL: "BIGINT",
};

/** The type of DuckDB that holds values of a type. */
export function duckdbType(type: Type): string {
  if (type.kind === "ARRAY") return `${duckdbType(type.element)}[]`;
  if (type.kind === "STRUCT") {
    return `STRUCT(${type.fields.map(({ name, type: field }) => `${quoted(name)} ${duckdbType(field)}`).join(", ")})`;
  }
  return duckdbTypes[type.kind];
}

/** A name as an identifier of DuckDB. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Text as a literal of DuckDB. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** A type as messages write it. */
export function typeName(type: Type): string {
  if (type.kind === "ARRAY") return `ARRAY<${typeName(type.element)}>`;
  if (type.kind === "STRUCT") return `STRUCT<${type.fields.map((f) => `${f.name} ${typeName(f.type)}`).join(", ")}>`;
  return type.kind === "NULL" ? "INT64" : type.kind;
}

/** Whether two types are the same, names of fields included. */
export function sameType(first: Type, second: Type): boolean {
  return typeName(first) === typeName(second);
}

const restNames: Partial<Record<ScalarKind, string>> = {
  INT64: "INTEGER",
  FLOAT64: "FLOAT",
  BOOL: "BOOLEAN",
  NULL: "INTEGER",
};

/** A column as REST describes it (documented: reference/rest/v2/tables#TableFieldSchema). */
export function fieldSchema({ name, type }: Column): FieldSchema {
  const isArray = type.kind === "ARRAY";
  const inner = isArray ? type.element : type;
  const mode = isArray ? "REPEATED" : "NULLABLE";
  if (inner.kind === "STRUCT") return { name, type: "RECORD", mode, fields: inner.fields.map(fieldSchema) };
  return { name, type: inner.kind === "ARRAY" ? "RECORD" : (restNames[inner.kind] ?? inner.kind), mode };
}

/** The column that a field of REST describes. Refuses types and modes that do not exist. */
export function columnOf(field: FieldSchema): Column {
  const kind = kindOf(field.type ?? "");
  const isRecord = ["RECORD", "STRUCT"].includes(field.type?.toUpperCase());
  if (kind === undefined && !isRecord)
    throw refusal("invalid", `Invalid value for type: ${field.type} is not a valid value`);
  if (!["NULLABLE", "REQUIRED", "REPEATED"].includes((field.mode ?? "NULLABLE").toUpperCase())) {
    throw refusal("invalid", `Invalid value for mode: ${field.mode} is not a valid value`);
  }
  if (isRecord && (field.fields ?? []).length === 0) {
    throw refusal("invalid", `Field ${field.name} is type RECORD but has no schema`);
  }
  const inner: Type =
    kind === undefined ? { kind: "STRUCT", fields: (field.fields ?? []).map(columnOf) } : scalar(kind);
  return {
    name: field.name,
    type: field.mode?.toUpperCase() === "REPEATED" ? { kind: "ARRAY", element: inner } : inner,
  };
}
