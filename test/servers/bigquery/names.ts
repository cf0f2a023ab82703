import { refusal } from "./failures.ts";
import type { FieldSchema } from "./types.ts";

/** Documented: schemas#column_names, and #flexible-column-names. */
const flexible = /^[\p{L}\p{N}\p{Pc}\p{Pd}\p{M}&%=+:'<>#|\s]+$/u;

const refusedPrefixes = [
  "_TABLE_",
  "_FILE_",
  "_PARTITION",
  "_ROW_TIMESTAMP",
  "__ROOT__",
  "_COLIDENTIFIER",
  "_CHANGE_SEQUENCE_NUMBER",
  "_CHANGE_TYPE",
  "_CHANGE_TIMESTAMP",
];

/** Refuses names that no column may have, and what a schema may not hold. Error: invalid. */
export function checkFields(fields: readonly FieldSchema[]): void {
  // Documented: quotas#standard_tables.
  if (countFields(fields) > 10_000) throw refusal("invalid", "Too many columns: a table may have 10000 columns");
  checkLevel(fields, 1);
}

function checkLevel(fields: readonly FieldSchema[], depth: number): void {
  if (depth > 15) throw refusal("invalid", "Schema is nested too deeply: 15 levels are allowed");
  const seen = new Set<string>();
  for (const { name, fields: inner } of fields) {
    checkColumnName(name);
    const folded = name.toLowerCase();
    if (seen.has(folded)) {
      throw refusal("invalid", `Duplicate field name ${name}: field names are compared without case`);
    }
    seen.add(folded);
    if (inner !== undefined) checkLevel(inner, depth + 1);
  }
}

/** Refuses a name that no column may have. Error: invalid. */
export function checkColumnName(name: string): void {
  const wrong = (why: string): Error => refusal("invalid", `Invalid field name "${name}". ${why}`);
  if (typeof name !== "string" || name === "") throw wrong("Fields must have a name.");
  if (Array.from(name).length > 300) throw wrong("Fields must be at most 300 characters long.");
  if (!flexible.test(name)) {
    throw wrong(
      "Fields must contain the allowed characters, and be at most 300 characters long. For allowed characters, please refer to https://cloud.google.com/bigquery/docs/schemas#column_names",
    );
  }
  const prefix = refusedPrefixes.find((candidate) => name.toUpperCase().startsWith(candidate));
  if (prefix !== undefined)
    throw wrong(`Field names are not allowed to start with the (case-insensitive) prefix ${prefix}.`);
}

function countFields(fields: readonly FieldSchema[]): number {
  return fields.reduce((sum, { fields: inner }) => sum + 1 + countFields(inner ?? []), 0);
}

/** Refuses names of datasets and tables that cannot be. Error: invalid. */
export function checkTableName(kind: "dataset" | "table", name: unknown): asserts name is string {
  // Documented: datasets#dataset-naming and tables#table_naming.
  const form = kind === "dataset" ? /^\w{1,1024}$/u : /^[\p{L}\p{N}\p{M}\p{Pc}\p{Pd} ]{1,1024}$/u;
  if (typeof name !== "string" || !form.test(name)) {
    throw refusal(
      "invalid",
      `Invalid ${kind} ID "${String(name)}". ${kind === "dataset" ? "Dataset" : "Table"} IDs must be alphanumeric (plus underscores${kind === "table" ? " and dashes" : ""}) and must be at most 1024 characters long.`,
    );
  }
}
