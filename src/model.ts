/**
 * The nouns that every part of billhouse shares, as plain data. Units: sizes are bytes, times are ISO 8601 in UTC,
 * amounts are decimal text without an exponent.
 */

/** A billing month, `YYYY-MM`: the month of the billing period, never of a usage date. */
export type BillingMonth = string;

/** A span of days, both ends included, each `YYYY-MM-DD`. */
export interface DaySpan {
  readonly start: string;
  readonly end: string;
}

/** An object in a storage, as one listing saw it. */
export interface StoredObject {
  /** Path below the root of the storage, with `/` between the parts and none in front. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Changes whenever the object is written again: GCS generation, Azure ETag, local size and time; S3's ETag stays when
   * the bytes are the same.
   */
  readonly version: string;
  /** When it was last written. */
  readonly modified: string;
  /** `md5:<hex>` of the bytes, where the listing tells it. */
  readonly checksum?: string;
}

/** How the bytes of a data file are laid out once they are unpacked. */
export type FileFormat = "csv" | "parquet";

/** What a data file is packed with. */
export type Compression = "none" | "gzip" | "zip";

/** The types a column can have, the same in every warehouse. Money and quantities are always `decimal`. */
export type ColumnType = "text" | "decimal" | "timestamp" | "date" | "boolean" | "bigint" | "double" | "json";

/** A column as an export names it. The type is null where the delivery does not say. */
export interface SourceColumn {
  readonly name: string;
  readonly type: ColumnType | null;
}

/** A data file: one object that a manifest lists, resolved against what really lies in the storage. */
export interface DataFile extends StoredObject {
  readonly format: FileFormat;
  /** Rows that the manifest declares, or null where it does not. */
  readonly rows: number | null;
  /** Bytes that the manifest declares, or null where it does not. */
  readonly declaredSize: number | null;
}

/** One delivery of one export, seen for one billing month. */
export interface Execution {
  /** `assemblyId`, `executionId` or `runId`. */
  readonly id: string;
  readonly billingMonth: BillingMonth;
  readonly exportName: string;
  readonly manifest: StoredObject;
  readonly format: FileFormat;
  readonly files: readonly DataFile[];
  /** Keys that the manifest lists and the storage does not hold (in the form in which they were looked for). */
  readonly missing: readonly string[];
  /** Columns that the manifest declares, in its order; empty where it declares none. */
  readonly columns: readonly SourceColumn[];
  /** Rows that the manifest declares for the whole delivery, or null where it does not. */
  readonly rows: number | null;
  /** The manifest's own text for the time of the run, unchanged, or null. */
  readonly submittedTime: string | null;
  /** When the delivery was made, ISO 8601: by its manifest, else by its path, else by when its manifest was written. */
  readonly made: string;
  /** The days of the billing month that the delivery says it covers, or null where it is always the whole period. */
  readonly coverage: DaySpan | null;
  /** The days that the delivery declares, also beyond the billing month. */
  readonly declared: DaySpan;
  /** Whether the delivery declares no rows or no bytes. */
  readonly isEmpty: boolean;
  /** Whose charges these are, where the manifest says so: the payer's account (AWS), the scope of the export (Azure). */
  readonly scope: string | null;
  /** Whether the delivery holds more than one billing month, so that rows of other months are left out, not refused. */
  readonly spansMonths: boolean;
}

/** A column of a table in a warehouse. */
export interface TableColumn {
  readonly name: string;
  /** The type in billhouse's words, or null for a type billhouse never makes itself (a table that was taken over). */
  readonly type: ColumnType | null;
  /** The warehouse's own word for the type. */
  readonly nativeType: string;
}

/**
 * One row of `_billhouse_columns`: which source column a table column was given to. Once written it never changes, but
 * for the type, when `migrate` makes an exact decimal of a float.
 */
export interface RegisteredColumn {
  readonly sourceName: string;
  readonly columnName: string;
  readonly type: ColumnType;
  readonly firstExecution: string;
}

/** A sum per currency: currency code (empty where the delivery names none) to exact decimal text. */
export type CurrencySums = Readonly<Record<string, string>>;

/** Rows of one month that share service, account, charge type and currency, added up. */
export interface CostLine {
  /** Null where the rows have none. */
  readonly service: string | null;
  /** Null where the rows have none; `(others)` for small lines of many accounts together. */
  readonly account: string | null;
  readonly charge_type: string | null;
  /** Empty where the delivery names none. */
  readonly currency: string;
  readonly rows: number;
  /** Exact decimal text. */
  readonly cost: string;
}

/** The table columns by which one month is measured. Null where the delivery has none. */
export interface MeasuredColumns {
  /** Carries the billing month. */
  readonly partitionColumn: string;
  /** The cost columns, at most two. */
  readonly costColumns: readonly string[];
  readonly currencyColumn: string | null;
  /** The start of usage. */
  readonly usageColumn: string | null;
  readonly serviceColumn: string | null;
  /** The account, or subscription, that used what is billed. */
  readonly accountColumn: string | null;
  readonly chargeTypeColumn: string | null;
  readonly invoiceColumn: string | null;
  /** The account, or billing profile, that gets the bill. */
  readonly payerColumn: string | null;
}

/**
 * What a month is as a bill. `open`: it is not over. `partial`: it is over, and no delivery covers some of its days.
 * `estimated`: it is over and may change. `final`: the cloud has closed it. `restated-after-final`: it was closed, and what
 * was delivered since has other rows or costs, and not only late charges.
 */
export type Finality = "open" | "partial" | "estimated" | "final" | "restated-after-final";

/** What `final` rests on: every row with a cost is invoiced, or the last scheduled run over the month is past. */
export type FinalBasis = "invoice" | "schedule";

/** A load that was undone: its execution is not taken again until somebody says so. */
export interface UndoneLoad {
  readonly loadId: string;
  readonly executionId: string;
  /** The executions of all deliveries that were loaded together, oldest first; `executionId` is the last one. */
  readonly executionIds: readonly string[];
  /** The keys and versions of its files, as `fingerprintOf` gives them; null where its receipt does not tell them. */
  readonly fingerprint: string | null;
  /** The same of their keys and checksums; null where one of them has none. */
  readonly checksums: string | null;
}

/** A data file as a receipt remembers it. */
export interface ReceiptFile {
  readonly key: string;
  readonly size: number;
  readonly version: string;
  /** `md5:<hex>` of the bytes as delivered, or null where the bytes did not pass through billhouse. */
  readonly checksum: string | null;
  /** Null where a warehouse read many files in one job, and tells only the rows of all of them. */
  readonly rows: number | null;
  /** The version that the same execution was loaded with before, where the file was written again under its name. */
  readonly replaced?: string;
  /** The execution that it belongs to, where a load is of several. */
  readonly executionId?: string;
}

/** One of the deliveries that a month was loaded from, as its receipt remembers it. */
export interface ReceiptDelivery {
  readonly execution_id: string;
  readonly manifest_key: string;
  readonly manifest_version: string;
  /** `Execution.submittedTime`. */
  readonly submitted_time: string | null;
  /** `Execution.made`; null in receipts that do not say. */
  readonly made: string | null;
  /** The days of the month that it covers, up to the day on which it was made; null where it is always the whole period. */
  readonly coverage: DaySpan | null;
  /** Rows of the month. */
  readonly rows: number | null;
  /** Exact sum of the month's delivered text of the first cost column; null where there is no such column. */
  readonly cost: CurrencySums | null;
}

/** Rows of another month that lie in the files of a month, with the sum of the first cost column. */
export interface OtherMonthRows {
  readonly month: BillingMonth;
  readonly rows: number;
  readonly cost: CurrencySums;
}

/** What somebody accepted of a month: who, when (ISO 8601) and why. */
export interface Acceptance {
  readonly who: string;
  readonly when: string;
  readonly why: string | null;
}

/**
 * What stands out in a load. `unsettled`: a rule suspected the delivery, and it was loaded because nothing of it had changed
 * for the settle time, or because of `--force`. `no-cost`: no cost column was there that proves the load. `late-charges`: the
 * month was final, and only support, tax, credits or corrections have changed since.
 */
export type ReceiptFlag = "unsettled" | "no-cost" | "late-charges";

/**
 * What one load left behind: one row of `<table>_load_tracking`. What a load by the Python pipelines does not tell is
 * null or empty.
 */
export interface Receipt {
  readonly loadId: string;
  /** The newest of `deliveries`. */
  readonly executionId: string;
  readonly billingMonth: BillingMonth;
  /** ISO 8601 with microseconds and `+00:00`. */
  readonly loadedAt: string;
  readonly rows: number;
  readonly fileCount: number;
  readonly format: FileFormat | null;
  readonly sourceBytes: number | null;
  /** Exact sum of the delivered text of the first cost column. */
  readonly cost: CurrencySums | null;
  /** Sum of the same column in the table. */
  readonly tableCost: CurrencySums | null;
  /** The same two for the second cost column (EffectiveCost), where the export has one. */
  readonly effectiveCost: CurrencySums | null;
  readonly tableEffectiveCost: CurrencySums | null;
  /** Cost values that had more digits after the point than the table holds. */
  readonly roundedValues: number | null;
  readonly coverage: DaySpan | null;
  readonly firstUsage: string | null;
  readonly lastUsage: string | null;
  /** Sentences: columns added, columns missing. */
  readonly schemaChanges: readonly string[];
  readonly files: readonly ReceiptFile[] | null;
  /** Whose charges these are: see `Execution.scope`. */
  readonly scope: string | null;
  /** `Execution.submittedTime`. */
  readonly submittedTime: string | null;
  /** The kind of its export: `aws-cur`. */
  readonly kind: string | null;
  /** The table columns that were measured; null in receipts that do not tell. */
  readonly measured: MeasuredColumns | null;
  /** Rows and costs by service, account and charge type, the largest first; null in receipts that do not tell. */
  readonly summary: readonly CostLine[] | null;
  /** Rows without an invoice id; null where the export has no column for it. */
  readonly uninvoicedRows: number | null;
  /** Those of them with a cost; null also in receipts that do not say. */
  readonly uninvoicedCostRows: number | null;
  /** What the month was when it was loaded. */
  readonly finality: Finality | null;
  /** Loads of this month that were undone, oldest first. */
  readonly undone: readonly UndoneLoad[];
  /** The load whose rows this one put back; null for what was delivered. */
  readonly restoredLoadId: string | null;
  /** Checks that were waived for this load. */
  readonly waivers: readonly string[];
  readonly durationSeconds: number | null;
  readonly version: string | null;
  /** The deliveries that were loaded together, oldest first; null in receipts that do not say. */
  readonly deliveries: readonly ReceiptDelivery[] | null;
  readonly flags: readonly ReceiptFlag[];
  /** The last usage day, `YYYY-MM-DD`, also where the usage goes beyond the month; null where it is not known. */
  readonly dataUntil: string | null;
  /** The billing period that the rows name, where it is not the calendar month. */
  readonly period: DaySpan | null;
  /** Days that were expected when it was loaded, and that no delivery covers. In order. */
  readonly missingDays: readonly DaySpan[];
  readonly otherMonths: readonly OtherMonthRows[];
  /** Rows without a billing period, which got the month of their delivery; null where it is not known. */
  readonly rowsWithoutPeriod: number | null;
  /** What was accepted of the month; empty when nothing was. */
  readonly accepted: { readonly gap?: Acceptance };
}

/** The executions that a month was loaded from together, oldest first. */
export function executionIdsOf({ executionId, deliveries }: Pick<Receipt, "executionId" | "deliveries">): string[] {
  return deliveries === null ? [executionId] : deliveries.map((delivery) => delivery.execution_id);
}

/** What counting and summing the delivered text of files found, independently of the table that they are loaded into. */
export interface Evidence {
  /** Rows of the files. */
  readonly rows: number;
  /** Rows of the billing month. */
  readonly monthRows: number;
  /** Those of them that name no billing period, and are of the month because their delivery is. */
  readonly rowsWithoutPeriod: number;
  /** The other rows, by their month, oldest first. */
  readonly otherMonths: readonly OtherMonthRows[];
  /** Exact sums of the month's delivered text, one for each cost column. */
  readonly sums: readonly CurrencySums[];
  /** The same sums of what the table can keep of it: others only where it keeps floats. */
  readonly kept: readonly CurrencySums[];
  /** For each cost column, the values of the month that have more digits than the table keeps. */
  readonly rounded: readonly number[];
}

/**
 * A key to Google Cloud as its own key files hold it (`client_email`, `private_key`, `project_id`; or `client_id`,
 * `client_secret`, `refresh_token`). Never printed, never stored.
 */
export type GoogleCredentials = Readonly<Record<string, string>>;

/** A key to Azure Blob Storage, as its own tools name it: one of the two. Never printed, never stored. */
export interface AzureCredentials {
  /** `AZURE_STORAGE_CONNECTION_STRING` */
  readonly connectionString: string | null;
  /** `AZURE_STORAGE_SAS_TOKEN`: a shared access signature, with or without `?` in front. */
  readonly sasToken: string | null;
}

/** One thing that `doctor` looked at. */
export interface Finding {
  /** What was looked at, in a few words: `read objects`. */
  readonly check: string;
  readonly ok: boolean;
  /** What was found, in words that follow the check. Never holds a secret. */
  readonly found: string;
  /** What mends it, where possible as a command that can be copied; null when it is well. */
  readonly remedy: string | null;
}

/** A table of one pipeline, and the names under which dlt keeps its state. */
export interface Table {
  /** Google Cloud project of the dataset, where the export names one of its own; else that of the warehouse. */
  readonly project?: string;
  /** BigQuery dataset, DuckDB schema. */
  readonly dataset: string;
  readonly name: string;
  /** dlt's pipeline name, as in `aws_billing_pipeline`. */
  readonly pipelineName: string;
  /** dlt's source name, as in `aws_billing_source`. */
  readonly sourceName: string;
  /** Which form the state's entries and the tracking table's id column take: `assembly_id` or `run_id`. */
  readonly idColumn: "assembly_id" | "run_id";
}

/** dlt's resource name for the loads of a table; the tracking table's own name is this, normalised as dlt does. */
export function trackingTable(table: Table): string {
  return `${table.name}_load_tracking`;
}
