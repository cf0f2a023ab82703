import type { Engine } from "./engine.ts";
import { refusal } from "./failures.ts";
import { checkFields } from "./names.ts";
import { columnSql, type Table, tableId } from "./table-settings.ts";
import { type FieldSchema, quoted } from "./types.ts";

/**
 * Gives a table another schema: columns are added, REQUIRED ones relaxed, descriptions changed, and nothing else
 * (documented: managing-table-schemas). Error: invalid.
 */
export async function alterSchema(engine: Engine, table: Table, fields: FieldSchema[]): Promise<void> {
  checkFields(fields);
  const wrong = (why: string): Error =>
    refusal("invalid", `Provided Schema does not match Table ${tableId(table)}. ${why}`);
  const given = new Map(fields.map((field) => [field.name.toLowerCase(), field]));
  const statements: string[] = [];
  for (const old of table.fields) {
    const field = given.get(old.name.toLowerCase());
    if (field === undefined) throw wrong(`Field ${old.name} is missing in new schema`);
    if (field.type !== old.type || shape(field) !== shape(old)) {
      throw wrong(`Field ${old.name} has changed type from ${old.type} to ${field.type}`);
    }
    if (field.mode === old.mode) continue;
    if (old.mode !== "REQUIRED" || field.mode !== "NULLABLE") {
      throw wrong(`Field ${old.name} has changed mode from ${old.mode} to ${field.mode}`);
    }
    statements.push(`ALTER TABLE ${table.physical} ALTER COLUMN ${quoted(old.name)} DROP NOT NULL`);
  }
  const known = new Set(table.fields.map(({ name }) => name.toLowerCase()));
  const added = fields.filter(({ name }) => !known.has(name.toLowerCase()));
  const required = added.find(({ mode }) => mode === "REQUIRED");
  if (required !== undefined) {
    throw wrong(`Cannot add required fields to an existing schema. (field: ${required.name})`);
  }
  const isEmpty = table.fields.length === 0;
  for (const field of added) statements.push(`ALTER TABLE ${table.physical} ADD COLUMN ${columnSql(field)}`);
  if (isEmpty && added.length > 0) statements.push(`ALTER TABLE ${table.physical} DROP COLUMN "no columns"`);
  for (const statement of statements) await engine.run(statement);
  const kept = table.fields.map((old) => {
    const { name: _, ...changed } = given.get(old.name.toLowerCase()) as FieldSchema;
    // A list in a patch replaces the list, so a description that is not repeated is gone (assumed).
    return { name: old.name, ...changed };
  });
  table.fields = [...kept, ...added];
}

/** The fields of a RECORD, which this server does not allow to change. */
function shape({ fields }: FieldSchema): string {
  return JSON.stringify((fields ?? []).map((field) => [field.name, field.type, field.mode, shape(field)]));
}
