import type { Table } from "../../../model.ts";
import { fold } from "../../../schema/names.ts";
import { apiErrorOf, isNotFound } from "./api-error.ts";
import type { Connection, Settings } from "./client.ts";

/** A table, by its three names. */
export interface TableReference {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

/** A field of a schema, as the REST API writes it. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly description?: string;
  readonly fields?: readonly Field[];
  /** Policy tags, which control access to the column. */
  readonly policyTags?: { readonly names?: readonly string[] };
  readonly maxLength?: string;
  readonly precision?: string;
  readonly scale?: string;
}

/** A table, as the REST API describes it. */
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

/** A table, or null when it, or its dataset, does not exist. Throws every other API error. */
export async function findTable(connection: Connection, table: TableReference): Promise<TableResource | null> {
  try {
    return await connection.call<TableResource>({ method: "GET", ...tableCall(table) });
  } catch (error) {
    if (isNotFound(apiErrorOf(error))) return null;
    throw error;
  }
}

/** Creates a table; false if it already exists. */
export async function createTable(connection: Connection, resource: object, table: TableReference): Promise<boolean> {
  const { projectId, datasetId } = table;
  try {
    const body = { ...resource, tableReference: table };
    await connection.call({ method: "POST", project: projectId, path: `datasets/${datasetId}/tables`, body });
    return true;
  } catch (error) {
    if (apiErrorOf(error)?.status === 409) return false;
    throw error;
  }
}

/** Roles on a table itself, and the names of its row access policies. */
export async function tableAccess(
  connection: Connection,
  table: TableReference,
): Promise<{
  readonly roles: readonly { readonly role: string; readonly members: readonly string[] }[];
  readonly rowPolicies: readonly string[];
}> {
  const { project, path } = tableCall(table);
  interface Policy {
    readonly bindings?: readonly { readonly role: string; readonly members?: readonly string[] }[];
  }
  interface RowPolicies {
    readonly rowAccessPolicies?: readonly { readonly rowAccessPolicyReference: { readonly policyId: string } }[];
  }
  const [policy, rows] = await Promise.all([
    connection.call<Policy>({ method: "POST", project, path: `${path}:getIamPolicy`, body: {} }),
    connection.call<RowPolicies>({ method: "GET", project, path: `${path}/rowAccessPolicies` }),
  ]);
  return {
    roles: (policy.bindings ?? []).map(({ role, members = [] }) => ({ role, members })),
    rowPolicies: (rows.rowAccessPolicies ?? []).map(({ rowAccessPolicyReference: { policyId } }) => policyId),
  };
}

/** Changes the given properties of a table, and returns the changed table. */
export async function patchTable(
  connection: Connection,
  table: TableReference,
  change: object,
): Promise<TableResource> {
  return connection.call<TableResource>({ method: "PATCH", ...tableCall(table), body: change });
}

/** Drops a table; a missing table counts as dropped. */
export async function dropTable(connection: Connection, table: TableReference): Promise<void> {
  try {
    await connection.call({ method: "DELETE", ...tableCall(table) });
  } catch (error) {
    if (!isNotFound(apiErrorOf(error))) throw error;
  }
}

/** The names of the tables of a dataset, with their creation times; empty if the dataset does not exist. */
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
    if (!isNotFound(apiErrorOf(error))) throw error;
  }
  return found;
}

/** The names of the datasets of a project that this account may see. */
export async function listDatasets(connection: Connection, project: string): Promise<readonly string[]> {
  interface Page {
    readonly datasets?: readonly { readonly datasetReference: { readonly datasetId: string } }[];
    readonly nextPageToken?: string;
  }
  const found: string[] = [];
  let pageToken: string | undefined;
  do {
    const query = { maxResults: "1000", ...(pageToken === undefined ? {} : { pageToken }) };
    const page: Page = await connection.call({ method: "GET", project, path: "datasets", query });
    found.push(...(page.datasets ?? []).map(({ datasetReference }) => datasetReference.datasetId));
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined && pageToken !== "");
  return found;
}

function tableCall({ projectId, datasetId, tableId }: TableReference): { project: string; path: string } {
  return { project: projectId, path: `datasets/${datasetId}/tables/${encodeURIComponent(tableId)}` };
}

/** The fields of a table. */
export function fieldsOf(table: TableResource | null): readonly Field[] {
  return table?.schema?.fields ?? [];
}

/** Creates a table without expiration, whatever the default expirations of its dataset. */
export async function createPermanentTable(
  settings: Settings,
  reference: TableReference,
  resource: object,
): Promise<void> {
  // A table that now exists may be ours: the answer to the first attempt can have been lost.
  await createTable(settings.connection, resource, reference);
  await removeExpiration(settings, reference);
}

/** Removes the expirations that a table and its partitions got from its dataset. */
export async function removeExpiration({ connection }: Settings, reference: TableReference): Promise<void> {
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

/** Adds columns, and descriptions to columns without one. Retried when another process changed them meanwhile. */
export async function extendTable(
  { connection }: Settings,
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
      const apiError = apiErrorOf(error);
      if (apiError === undefined || apiError.status !== 400 || isNotFound(apiError) || attempt === 3) throw error;
    }
  }
}

/** A field with the description of its column, if it has one. */
export function describe(field: Field, descriptions: ReadonlyMap<string, string>): Field {
  const description = descriptions.get(fold(field.name));
  return description === undefined ? field : { ...field, description };
}

/** The part of a table resource that names its encryption key. */
export function encryption({ kmsKeyName }: Settings): object {
  return kmsKeyName === null ? {} : { encryptionConfiguration: { kmsKeyName } };
}

/** A dataset, as the REST API describes it. */
export interface DatasetResource {
  readonly location?: string;
  /** Hours of time travel of its tables. */
  readonly maxTimeTravelHours?: string;
  /** The default expirations of its new tables and partitions, in milliseconds. */
  readonly defaultTableExpirationMs?: string;
  readonly defaultPartitionExpirationMs?: string;
}

/** The location of a dataset, or null if it does not exist. */
export async function findLocation(settings: Settings, project: string, dataset: string): Promise<string | null> {
  return (await findDataset(settings, project, dataset))?.location ?? null;
}

/** A dataset, or null when it does not exist. Throws every other API error. */
export async function findDataset(
  { connection }: Settings,
  project: string,
  dataset: string,
): Promise<DatasetResource | null> {
  try {
    return await connection.call<DatasetResource>({ method: "GET", project, path: `datasets/${dataset}` });
  } catch (error) {
    if (isNotFound(apiErrorOf(error))) return null;
    throw error;
  }
}

/** Creates the dataset of a table if it does not exist, and returns its location, which never changes. */
export async function makeDataset(settings: Settings, table: Table, location: string): Promise<string> {
  const project = table.project ?? settings.connection.project;
  const found = await findLocation(settings, project, table.dataset);
  if (found !== null) return found;
  const body = { datasetReference: { projectId: project, datasetId: table.dataset }, location };
  try {
    await settings.connection.call({ method: "POST", project, path: "datasets", body });
  } catch (error) {
    // Another process created it first.
    if (apiErrorOf(error)?.status !== 409) throw error;
  }
  return (await findLocation(settings, project, table.dataset)) ?? location;
}
