import { BillhouseError } from "../../errors.ts";
import { fold } from "../../schema/names.ts";
import { type TableReference } from "./sql/names.ts";
import type { QuerySettings } from "./api/statements.ts";
import { isAbsence, refusalOf } from "./api/api-error.ts";
import { createTable, type Field, fieldsOf, findTable, patchTable } from "./api/tables.ts";

/** Makes a table that keeps its rows, whatever its dataset says of the age of tables and partitions. */
export async function createForEver(
  settings: QuerySettings,
  reference: TableReference,
  resource: object,
): Promise<void> {
  // When there is one by now, it may be ours: the answer to the first attempt can have been lost.
  await createTable(settings.connection, resource, reference);
  await keepForEver(settings, reference);
}

/** Takes away what a table got from its dataset as its age, and that of its partitions. */
export async function keepForEver({ connection }: QuerySettings, reference: TableReference): Promise<void> {
  const made = await findTable(connection, reference);
  if (made === null) return;
  const { timePartitioning, expirationTime } = made;
  const change = {
    ...(expirationTime === undefined ? {} : { expirationTime: null }),
    ...(timePartitioning?.expirationMs === undefined
      ? {}
      : { timePartitioning: { ...timePartitioning, expirationMs: null } }),
  };
  if (Object.keys(change).length > 0) await patchTable(connection, reference, change);
}

/** Adds columns, and descriptions to columns that have none. Asks again when another process added some meanwhile. */
export async function extendTable(
  { connection }: QuerySettings,
  reference: TableReference,
  added: readonly Field[],
  descriptions: ReadonlyMap<string, string>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const fields = fieldsOf(await findTable(connection, reference));
    const present = new Set(fields.map(({ name }) => fold(name)));
    const wanted = [
      ...fields.map((field) => (field.description === undefined ? describe(field, descriptions) : field)),
      ...added.filter(({ name }) => !present.has(fold(name))).map((field) => ({ ...field, mode: "NULLABLE" })),
    ];
    if (wanted.length === fields.length && wanted.every((field, position) => field === fields[position])) return;
    try {
      await patchTable(connection, reference, { schema: { fields: wanted } });
      return;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined || refusal.status !== 400 || isAbsence(refusal) || attempt === 3) throw error;
    }
  }
}

/** A field with the description of its column, where there is one. */
export function describe(field: Field, descriptions: ReadonlyMap<string, string>): Field {
  const description = descriptions.get(fold(field.name));
  return description === undefined ? field : { ...field, description };
}

/** The error for a partition column that cannot be one. */
export function noTimes(
  reference: Pick<TableReference, "datasetId" | "tableId">,
  column: string,
  nativeType: string,
): BillhouseError {
  return new BillhouseError(
    "TYPE_MISMATCH",
    `The column ${column} of ${reference.datasetId}.${reference.tableId} is a ${nativeType}, and tells no month.`,
    { hint: "Name a column of dates or times as partition_column, or load into a new table." },
  );
}

/** The part of a table resource that names the key it is encrypted with. */
export function encryption({ kmsKeyName }: QuerySettings): object {
  return kmsKeyName === null ? {} : { encryptionConfiguration: { kmsKeyName } };
}
