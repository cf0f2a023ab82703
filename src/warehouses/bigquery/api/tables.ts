import type { TableColumn } from "../../../model.ts";
import { columnType, type TableReference } from "../sql/names.ts";
import { isAbsence, refusalOf } from "./api-error.ts";
import type { Connection } from "./rest.ts";

/** A field of a schema, as the REST API writes it. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly description?: string;
  readonly fields?: readonly Field[];
  readonly maxLength?: string;
  readonly precision?: string;
  readonly scale?: string;
}

/** What the REST API tells of a table. */
export interface TableResource {
  readonly tableReference: TableReference;
  readonly type?: string;
  readonly schema?: { readonly fields?: readonly Field[] };
  readonly location?: string;
  readonly numRows?: string;
  readonly numBytes?: string;
  readonly creationTime?: string;
  readonly expirationTime?: string;
  readonly timePartitioning?: TimePartitioning;
  readonly clustering?: { readonly fields: readonly string[] };
  readonly requirePartitionFilter?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly description?: string;
}

/** How a table is partitioned by time. */
export interface TimePartitioning {
  readonly type: string;
  readonly field?: string;
  readonly expirationMs?: string;
  readonly requirePartitionFilter?: boolean;
}

/** A table, or null when it, or its dataset, is not there. Every other refusal is told. */
export async function findTable(connection: Connection, table: TableReference): Promise<TableResource | null> {
  try {
    return await connection.call<TableResource>({ method: "GET", ...tableCall(table) });
  } catch (error) {
    if (isAbsence(refusalOf(error))) return null;
    throw error;
  }
}

/** Makes a table; false when there is one by that name already. */
export async function createTable(connection: Connection, resource: object, table: TableReference): Promise<boolean> {
  const { projectId, datasetId } = table;
  try {
    const body = { ...resource, tableReference: table };
    await connection.call({ method: "POST", project: projectId, path: `datasets/${datasetId}/tables`, body });
    return true;
  } catch (error) {
    if (refusalOf(error)?.status === 409) return false;
    throw error;
  }
}

/** Changes what is named of a table, and gives the table as it is then. */
export async function patchTable(
  connection: Connection,
  table: TableReference,
  change: object,
): Promise<TableResource> {
  return connection.call<TableResource>({ method: "PATCH", ...tableCall(table), body: change });
}

/** Drops a table; one that is not there is dropped already. */
export async function dropTable(connection: Connection, table: TableReference): Promise<void> {
  try {
    await connection.call({ method: "DELETE", ...tableCall(table) });
  } catch (error) {
    if (!isAbsence(refusalOf(error))) throw error;
  }
}

/** The names of the tables of a dataset, with the time of their making; none when there is no such dataset. */
export async function listTables(
  connection: Connection,
  project: string,
  dataset: string,
): Promise<readonly { readonly tableId: string; readonly created: number }[]> {
  interface Page {
    readonly tables?: readonly { readonly tableReference: TableReference; readonly creationTime?: string }[];
    readonly nextPageToken?: string;
  }
  const found: { tableId: string; created: number }[] = [];
  let pageToken: string | undefined;
  try {
    do {
      const query = { maxResults: "1000", ...(pageToken === undefined ? {} : { pageToken }) };
      const page: Page = await connection.call({ method: "GET", project, path: `datasets/${dataset}/tables`, query });
      for (const { tableReference, creationTime } of page.tables ?? []) {
        found.push({ tableId: tableReference.tableId, created: Number(creationTime ?? Number.NaN) });
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined && pageToken !== "");
  } catch (error) {
    if (!isAbsence(refusalOf(error))) throw error;
  }
  return found;
}

function tableCall({ projectId, datasetId, tableId }: TableReference): { project: string; path: string } {
  return { project: projectId, path: `datasets/${datasetId}/tables/${encodeURIComponent(tableId)}` };
}

/** The fields of a table. */
export function fieldsOf(table: TableResource | null): readonly Field[] {
  return table?.schema?.fields ?? [];
}

/** The columns of a table in their order; none when there is no such table. */
export function columnsOf(table: TableResource | null): TableColumn[] {
  return fieldsOf(table).map((field) => {
    const nativeType = nativeTypeOf(field);
    return { name: field.name, type: columnType(nativeType), nativeType };
  });
}

/** The type of a field as GoogleSQL writes it; the longest text that it takes is left out. */
export function nativeTypeOf(field: Field): string {
  if (field.mode === "REPEATED") return `ARRAY<${nativeTypeOf({ ...field, mode: "NULLABLE" })}>`;
  const type = sqlNames[field.type] ?? field.type;
  if (type === "STRUCT") {
    return `STRUCT<${(field.fields ?? []).map((each) => `${each.name} ${nativeTypeOf(each)}`).join(", ")}>`;
  }
  if (field.precision === undefined) return type;
  return `${type}(${field.precision}${field.scale === undefined ? "" : `, ${field.scale}`})`;
}

const sqlNames: Readonly<Record<string, string | undefined>> = {
  INTEGER: "INT64",
  FLOAT: "FLOAT64",
  BOOLEAN: "BOOL",
  RECORD: "STRUCT",
};
