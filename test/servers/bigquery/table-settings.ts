import { refusal } from "./failures.ts";
import { checkColumnName } from "./names.ts";
import { type NamedTable } from "./scope.ts";
import { type Column, columnOf, duckdbType, type FieldSchema, quoted } from "./types.ts";

/** How a table is partitioned, as REST writes it. */
export interface TimePartitioning {
  type: string;
  field?: string;
  expirationMs?: string;
  requirePartitionFilter?: boolean;
}

/** What REST says of a table, and where DuckDB keeps it. */
export interface Table {
  readonly dataset: Dataset;
  name: string;
  physical: string;
  fields: FieldSchema[];
  timePartitioning?: TimePartitioning;
  clustering?: { fields: string[] };
  /** Milliseconds since 1970. */
  expirationTime?: string;
  requirePartitionFilter?: boolean;
  labels?: Record<string, string>;
  description?: string;
  friendlyName?: string;
  encryptionConfiguration?: unknown;
  /** Roles on the table itself. */
  bindings?: { readonly role: string; readonly members: readonly string[] }[];
  /** The names of policies; that they hide rows is not imitated. */
  rowAccessPolicies?: string[];
  /** The query of a view, which has no rows of its own. */
  view?: { readonly query: string };
  readonly creationTime: number;
  lastModifiedTime: number;
  /** When rows of it were last changed or deleted, in the order of commits. */
  lastMutation: number;
  /** What it was before each of its changes, the oldest first. */
  past: EarlierTable[];
  /** The open transaction that changed or deleted rows of it. */
  holder?: { readonly ended: Promise<void> };
}

/** A table as it was until a moment. */
export interface EarlierTable {
  /** Milliseconds since 1970. */
  readonly until: number;
  /** The copy in DuckDB. */
  readonly physical: string;
  readonly fields: FieldSchema[];
}

/** A dataset. */
export interface Dataset {
  readonly project: string;
  readonly name: string;
  readonly location: string;
  defaultTableExpirationMs?: string;
  defaultPartitionExpirationMs?: string;
  maxTimeTravelHours?: string;
  labels?: Record<string, string>;
  readonly tables: Map<string, Table>;
}

/** What a request may say of a table. Null takes a property away. */
export interface TableRequest {
  tableReference?: { projectId?: string; datasetId?: string; tableId?: string };
  schema?: { fields?: FieldSchema[] };
  timePartitioning?: (Omit<TimePartitioning, "expirationMs"> & { expirationMs?: string | null }) | null;
  clustering?: { fields?: string[] } | null;
  expirationTime?: string | null;
  requirePartitionFilter?: boolean;
  labels?: Record<string, string | null>;
  description?: string | null;
  friendlyName?: string | null;
  encryptionConfiguration?: unknown;
  view?: { query?: string; useLegacySql?: boolean };
}

/** `project:dataset.table`. */
export function tableId({ dataset, name }: Pick<Table, "dataset" | "name">): string {
  return `${dataset.project}:${dataset.name}.${name}`;
}

/** The columns of a table, as statements see them. */
export function columnsOf(table: Pick<Table, "fields">): Column[] {
  return table.fields.map(columnOf);
}

/** A table as statements name it. */
export function namedTable(table: Table): NamedTable {
  const { timePartitioning, requirePartitionFilter } = table;
  const filter = requirePartitionFilter === true ? timePartitioning?.field : undefined;
  return {
    id: tableId(table),
    physical: table.physical,
    columns: columnsOf(table),
    ...(filter !== undefined && { requiredFilter: filter }),
  };
}

/** The column definition of DuckDB for a field. */
export function columnSql(field: FieldSchema): string {
  const required = field.mode?.toUpperCase() === "REQUIRED" ? " NOT NULL" : "";
  return `${quoted(field.name)} ${duckdbType(columnOf(field).type)}${required}`;
}

/** A field as tables.get returns it: the types of the older dialect, and always a mode. */
export function normalised(field: FieldSchema): FieldSchema {
  if (typeof field !== "object" || field === null) throw refusal("invalid", "Invalid field in the schema");
  const { type } = columnOf({ ...field, mode: "NULLABLE" });
  const names: Readonly<Record<string, string>> = {
    INT64: "INTEGER",
    FLOAT64: "FLOAT",
    BOOL: "BOOLEAN",
    STRUCT: "RECORD",
  };
  const { name, description, policyTags, fields, mode = "NULLABLE" } = field;
  return {
    name,
    type: names[type.kind] ?? type.kind,
    mode: mode.toUpperCase(),
    ...(description !== undefined && description !== null && { description }),
    ...(policyTags !== undefined && { policyTags }),
    ...(fields !== undefined && { fields: fields.map(normalised) }),
  };
}

/** How a new table is partitioned and clustered. Error: invalid. */
export function layout(dataset: Dataset, fields: readonly FieldSchema[], request: TableRequest): Partial<Table> {
  const { timePartitioning, clustering } = request;
  const partitioned: Partial<Table> = {};
  if (timePartitioning !== undefined && timePartitioning !== null) {
    partitioned.timePartitioning = partitioning(dataset, fields, timePartitioning);
    if (request.requirePartitionFilter === true || timePartitioning.requirePartitionFilter === true) {
      partitioned.requirePartitionFilter = true;
    }
  }
  if (clustering?.fields !== undefined)
    partitioned.clustering = { fields: clusteringFields(fields, clustering.fields) };
  return partitioned;
}

function partitioning(
  dataset: Dataset,
  fields: readonly FieldSchema[],
  asked: NonNullable<TableRequest["timePartitioning"]>,
): TimePartitioning {
  const { type, field, expirationMs } = asked;
  if (!["HOUR", "DAY", "MONTH", "YEAR"].includes(type))
    throw refusal("invalid", `Invalid time partitioning type: ${type}`);
  if (field === undefined)
    throw refusal("invalid", "This server takes no ingestion-time partitioning: a field is needed");
  checkColumnName(field);
  const column = fields.find(({ name }) => name.toLowerCase() === field.toLowerCase());
  if (column === undefined)
    throw refusal("invalid", `The field specified for partitioning cannot be found in the schema: ${field}`);
  // Documented: creating-partitioned-tables#limitations.
  if (
    !["DATE", "TIMESTAMP", "DATETIME"].includes(column.type) ||
    column.mode === "REPEATED" ||
    (column.type === "DATE" && type === "HOUR")
  ) {
    throw refusal(
      "invalid",
      `The field specified for time partitioning can only be of type TIMESTAMP, DATE or DATETIME. The type found is: ${column.type}.`,
    );
  }
  // Documented: managing-partitioned-tables; a dataset's default holds unless the request says otherwise. That 0 or null
  // say "never" is assumed.
  const copied = expirationMs === undefined ? dataset.defaultPartitionExpirationMs : expirationMs;
  const kept = copied === null || copied === undefined || copied === "0" ? {} : { expirationMs: copied };
  return { type, field, ...kept };
}

/** The columns by which a table is clustered. Error: invalid. */
export function clusteringFields(fields: readonly FieldSchema[], asked: readonly string[] = []): string[] {
  // Documented: creating-clustered-tables#limitations.
  if (asked.length === 0 || asked.length > 4) throw refusal("invalid", "Clustering takes 1 to 4 fields");
  for (const name of asked) {
    const field = fields.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
    if (field === undefined)
      throw refusal(
        "invalid",
        `The field specified for clustering cannot be found in the schema. Invalid field: ${name}.`,
      );
    if (["FLOAT", "RECORD", "JSON", "BYTES"].includes(field.type) || field.mode === "REPEATED") {
      throw refusal("invalid", `Field ${name} has type ${field.type}, which is not supported for clustering`);
    }
  }
  return [...asked];
}

/** When a table expires. Error: invalid. */
export function expiration(dataset: Dataset, request: TableRequest, now: number): Partial<Table> {
  const { expirationTime, timePartitioning } = request;
  if (expirationTime === null) return {};
  if (expirationTime !== undefined) {
    if (!/^\d+$/u.test(expirationTime) || Number(expirationTime) <= now) {
      throw refusal("invalid", `Invalid value for expirationTime: ${expirationTime} must be in the future`);
    }
    return { expirationTime };
  }
  // Documented: reference/rest/v2/datasets; the default of partitions goes before that of tables.
  const isPartitioned = timePartitioning !== undefined && timePartitioning !== null;
  if (isPartitioned && dataset.defaultPartitionExpirationMs !== undefined) return {};
  const kept = dataset.defaultTableExpirationMs;
  return kept === undefined ? {} : { expirationTime: String(now + Number(kept)) };
}

/** What a request says of a table that changes nothing in it. Error: invalid. */
export function described({
  labels,
  description,
  friendlyName,
  encryptionConfiguration,
}: TableRequest): Partial<Table> {
  const kept = Object.entries(labels ?? {}).filter((entry): entry is [string, string] => entry[1] !== null);
  checkLabels(kept);
  return {
    ...(kept.length > 0 && { labels: Object.fromEntries(kept) }),
    ...(typeof description === "string" && { description }),
    ...(typeof friendlyName === "string" && { friendlyName }),
    ...(encryptionConfiguration !== undefined && { encryptionConfiguration }),
  };
}

/** Changes when partitions expire, which is all that can be changed of them. Error: invalid. */
export function changePartitioning(table: Table, asked: NonNullable<TableRequest["timePartitioning"]> | null): void {
  const current = table.timePartitioning;
  const isSame =
    asked !== null &&
    current !== undefined &&
    asked.type === current.type &&
    asked.field?.toLowerCase() === current.field?.toLowerCase();
  // Documented: managing-partitioned-tables; a table cannot become partitioned, nor partitioned otherwise.
  if (!isSame) {
    throw refusal("invalid", `Cannot change partitioning/clustering spec for a table: ${tableId(table)}`);
  }
  if (asked.expirationMs === null || asked.expirationMs === "0") delete current.expirationMs;
  else if (asked.expirationMs !== undefined) current.expirationMs = asked.expirationMs;
}

/** Refuses labels that break the rules (documented: labels-intro#requirements). Error: invalid. */
export function checkLabels(labels: readonly (readonly [string, unknown])[]): void {
  for (const [key, value] of labels) {
    const isValue = typeof value === "string" && /^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u.test(value);
    if (!isValue || !/^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u.test(key)) {
      throw refusal("invalid", `Invalid label: ${key}=${String(value)}`);
    }
  }
  if (labels.length > 64) throw refusal("invalid", "Too many labels: 64 are allowed");
}
