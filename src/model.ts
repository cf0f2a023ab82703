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
  /** `md5:<hex>` of the bytes, if the listing contains it. */
  readonly checksum?: string;
}

/** The format of a data file after decompression. */
export type FileFormat = "csv" | "parquet";

/** How a data file is compressed. */
export type Compression = "none" | "gzip" | "zip";

/** The types a column can have, the same in every warehouse. Money and quantities are always `decimal`. */
export type ColumnType = "text" | "decimal" | "timestamp" | "date" | "boolean" | "bigint" | "double" | "json";

/** A column as an export names it. The type is null if the delivery does not declare it. */
export interface SourceColumn {
  readonly name: string;
  readonly type: ColumnType | null;
}

/** A data file: one object that a manifest lists, resolved against the objects in the storage. */
export interface DataFile extends StoredObject {
  readonly format: FileFormat;
  /** Rows that the manifest declares, or null. */
  readonly rows: number | null;
  /** Bytes that the manifest declares, or null. */
  readonly declaredSize: number | null;
  /** The billing months of its rows, for a file that no manifest lists. */
  readonly months?: readonly BillingMonth[];
  /** For a file that no manifest lists: others of its folder with the same bytes, which are left out. */
  readonly copies?: readonly FileCopy[];
  /** For a file that no manifest lists: numbers that stand for a few of its charges, by which files that repeat others are found. */
  readonly sample?: readonly number[];
}

/** A file at one version. */
export interface FileCopy {
  readonly key: string;
  readonly version: string;
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
  /** Keys that the manifest lists but the storage lacks (as they were looked up). */
  readonly missing: readonly string[];
  /** Columns that the manifest declares, in its order; empty if it declares none. */
  readonly columns: readonly SourceColumn[];
  /** Rows that the manifest declares for the whole delivery, or null. */
  readonly rows: number | null;
  /** The manifest's own text for the time of the run, unchanged, or null. */
  readonly submittedTime: string | null;
  /** When the delivery was made, ISO 8601: from its manifest, else its path, else the time when its manifest was written. */
  readonly made: string;
  /** The days of the billing month that the delivery says it covers, or null if it always covers the whole period. */
  readonly coverage: DaySpan | null;
  /** The days that the delivery declares, including days outside the billing month. */
  readonly declared: DaySpan;
  /** Whether the delivery declares no rows or no bytes. */
  readonly isEmpty: boolean;
  /** The owner of the charges, if the manifest names it: the payer's account (AWS), the scope of the export (Azure). */
  readonly scope: string | null;
  /** What the export contains, in the cloud's own word of today, where one format has several: `ActualCost`. */
  readonly dataset?: string | null;
  /** Whether the delivery holds more than one billing month, so that rows of other months are left out instead of refused. */
  readonly spansMonths: boolean;
}

/** A column of a table in a warehouse. */
export interface TableColumn {
  readonly name: string;
  /** The type in billhouse's terms, or null for a type that billhouse never creates (in a table that it took over). */
  readonly type: ColumnType | null;
  /** The warehouse's own name of the type. */
  readonly nativeType: string;
}

/**
 * One row of `_billhouse_columns`: which table column a source column was assigned to. Once written it never changes,
 * except for the type, when `migrate` converts a float to an exact decimal.
 */
export interface RegisteredColumn {
  readonly sourceName: string;
  readonly columnName: string;
  readonly type: ColumnType;
  readonly firstExecution: string;
}

/** A sum per currency: currency code (empty if the delivery names none) to exact decimal text. */
export type CurrencySums = Readonly<Record<string, string>>;

/** Rows of one month that share service, account, charge type and currency, added up. */
export interface CostLine {
  /** Null if the rows have none. */
  readonly service: string | null;
  /** Null if the rows have none; `(others)` for small lines of many accounts together. */
  readonly account: string | null;
  readonly charge_type: string | null;
  /** Empty if the delivery names none. */
  readonly currency: string;
  readonly rows: number;
  /** Exact decimal text. */
  readonly cost: string;
}

/** The table columns used to measure a month. Null if the delivery lacks the column. */
export interface MeasuredColumns {
  /** Contains the billing month. */
  readonly partitionColumn: string;
  /** The cost columns, at most two. */
  readonly costColumns: readonly string[];
  /** The other columns with amounts in the same currency that the FOCUS view reads; empty without a cost column. */
  readonly amountColumns: readonly string[];
  readonly currencyColumn: string | null;
  /** The start of usage. */
  readonly usageColumn: string | null;
  readonly serviceColumn: string | null;
  /** The account, or subscription, that used what is billed. */
  readonly accountColumn: string | null;
  readonly chargeTypeColumn: string | null;
  readonly invoiceColumn: string | null;
  /** The account, or billing profile, that receives the bill. */
  readonly payerColumn: string | null;
}

/** All columns whose amounts are added up: first those of the costs, then the others. */
export function summedColumns({
  costColumns,
  amountColumns,
}: Pick<MeasuredColumns, "costColumns" | "amountColumns">): readonly string[] {
  return [...costColumns, ...amountColumns];
}

/**
 * The state of a month's bill. `open`: the month is not over. `partial`: it is over, but its deliveries leave out days.
 * `estimated`: it is over and may change. `final`: the cloud has closed it. `restated-after-final`: it was closed, and a
 * later delivery changed its rows or costs by more than late charges.
 */
export type Finality = "open" | "partial" | "estimated" | "final" | "restated-after-final";

/** Why a month is final: every row with a cost is invoiced, or the last scheduled run over the month is past. */
export type FinalBasis = "invoice" | "schedule";

/** A load that was undone: its execution is skipped until it is loaded with --force. */
export interface UndoneLoad {
  readonly loadId: string;
  readonly executionId: string;
  /** The executions of all deliveries that were loaded together, oldest first; `executionId` is the last one. */
  readonly executionIds: readonly string[];
  /** The keys and versions of its files, as `fingerprintOf` gives them; null if its receipt does not contain them. */
  readonly fingerprint: string | null;
  /** The same of their keys and checksums; null if a file lacks a checksum. */
  readonly checksums: string | null;
}

/** A data file as a receipt records it. */
export interface ReceiptFile {
  readonly key: string;
  readonly size: number;
  readonly version: string;
  /** `md5:<hex>` of the bytes as delivered, or null if billhouse did not read the bytes. */
  readonly checksum: string | null;
  /** Null if the warehouse read many files in one job and reports only their total. */
  readonly rows: number | null;
  /** The version that the same execution was loaded with before, if the file was overwritten since. */
  readonly replaced?: string;
  /** The execution that it belongs to, if the load has several. */
  readonly executionId?: string;
  /** `DataFile.months`, so that the file need not be read again. */
  readonly months?: readonly BillingMonth[];
  /** `DataFile.copies`. */
  readonly copies?: readonly FileCopy[];
  /** `DataFile.sample`. */
  readonly sample?: readonly number[];
}

/** One of the deliveries that a month was loaded from, as its receipt records it. */
export interface ReceiptDelivery {
  readonly execution_id: string;
  readonly manifest_key: string;
  readonly manifest_version: string;
  /** `Execution.submittedTime`. */
  readonly submitted_time: string | null;
  /** `Execution.made`; null in receipts without it. */
  readonly made: string | null;
  /** The days of the month that it covers, up to the day on which it was made; null if it always covers the whole period. */
  readonly coverage: DaySpan | null;
  /** Rows of the month. */
  readonly rows: number | null;
  /** Exact sum of the month's delivered text of the first cost column; null without such a column. */
  readonly cost: CurrencySums | null;
}

/** Rows of another month in the files of a month, with the sum of the first cost column. */
export interface OtherMonthRows {
  readonly month: BillingMonth;
  readonly rows: number;
  readonly cost: CurrencySums;
}

/** What was accepted for a month: by whom, when (ISO 8601) and why. */
export interface Acceptance {
  readonly who: string;
  readonly when: string;
  readonly why: string | null;
}

/**
 * What is unusual about a load. `unsettled`: a rule suspected the delivery to be incomplete, and it was loaded because
 * nothing in it had changed for the settle time, or with `--force`. `no-cost`: there was no cost column to prove the load
 * with. `late-charges`: the month was final, and only support, tax, credits or corrections have changed since.
 * `measured`: the cost was not recorded when the month was loaded, and was measured in the table later; `amounts-measured`:
 * the same of the other amounts. `view-differs`: the FOCUS view had other sums than were loaded.
 */
export type ReceiptFlag = "unsettled" | "no-cost" | "late-charges" | "measured" | "amounts-measured" | "view-differs";

/**
 * The record of one load: one row of `<table>_load_tracking`. Values that a load by the Python pipelines lacks are
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
  /** The same two for the second cost column (EffectiveCost), if the export has one. */
  readonly effectiveCost: CurrencySums | null;
  readonly tableEffectiveCost: CurrencySums | null;
  /** The sums of the other amounts in the table, by column (`MeasuredColumns.amountColumns`); null in receipts without them. */
  readonly amounts: Readonly<Record<string, CurrencySums>> | null;
  /** Cost values that had more digits after the point than the table holds. */
  readonly roundedValues: number | null;
  readonly coverage: DaySpan | null;
  readonly firstUsage: string | null;
  readonly lastUsage: string | null;
  /** Sentences: columns added, columns missing. */
  readonly schemaChanges: readonly string[];
  readonly files: readonly ReceiptFile[] | null;
  /** The owner of the charges: see `Execution.scope`. */
  readonly scope: string | null;
  /** See `Execution.dataset`. */
  readonly dataset: string | null;
  /** `Execution.submittedTime`. */
  readonly submittedTime: string | null;
  /** The kind of its export: `aws-cur`. */
  readonly kind: string | null;
  /** The table columns that were measured; null in receipts without them. */
  readonly measured: MeasuredColumns | null;
  /** Rows and costs by service, account and charge type, the largest first; null in receipts without them. */
  readonly summary: readonly CostLine[] | null;
  /** Rows without an invoice id; null if the export lacks the column. */
  readonly uninvoicedRows: number | null;
  /** Those of them with a cost; also null in receipts without it. */
  readonly uninvoicedCostRows: number | null;
  /** The state of the month when it was loaded. */
  readonly finality: Finality | null;
  /** Loads of this month that were undone, oldest first. */
  readonly undone: readonly UndoneLoad[];
  /** The load whose rows this one restored; null for the load of a delivery. */
  readonly restoredLoadId: string | null;
  /** Checks that were waived for this load. */
  readonly waivers: readonly string[];
  readonly durationSeconds: number | null;
  readonly version: string | null;
  /** The deliveries that were loaded together, oldest first; null in receipts without them. */
  readonly deliveries: readonly ReceiptDelivery[] | null;
  readonly flags: readonly ReceiptFlag[];
  /** The last usage day, `YYYY-MM-DD`, even if usage goes beyond the month; null if unknown. */
  readonly dataUntil: string | null;
  /** The billing period in the rows, if it is not the calendar month. */
  readonly period: DaySpan | null;
  /** Days that were expected at the time of the load but are not covered, in order. */
  readonly missingDays: readonly DaySpan[];
  readonly otherMonths: readonly OtherMonthRows[];
  /** Rows without a billing period, which got the month of their delivery; null if unknown. */
  readonly rowsWithoutPeriod: number | null;
  /** What was accepted for the month; empty if nothing was. */
  readonly accepted: { readonly gap?: Acceptance };
  /** Null in receipts that do not say. */
  readonly loadReason: LoadReason | null;
}

/**
 * Why a month was loaded. `new`: it was not loaded before. `restated`: figures of a month that is over may have changed.
 * `days added`: only days were added to it. `updated`: the month was not over. `forced`: what was loaded or undone before
 * was loaded again, with `--force` or after `state forget`. `restored`: `undo` restored it.
 */
export type LoadReason = "new" | "restated" | "days added" | "updated" | "forced" | "restored";

/** All executions that a month was loaded from, oldest first. */
export function executionIdsOf({ executionId, deliveries }: Pick<Receipt, "executionId" | "deliveries">): string[] {
  return deliveries === null ? [executionId] : deliveries.map((delivery) => delivery.execution_id);
}

/** Counts and sums of the delivered text of files, measured independently of the table. */
export interface Evidence {
  /** Rows of the files. */
  readonly rows: number;
  /** Rows of the billing month. */
  readonly monthRows: number;
  /** Those of them without a billing period, which get the month of their delivery. */
  readonly rowsWithoutPeriod: number;
  /** The other rows, by their month, oldest first. */
  readonly otherMonths: readonly OtherMonthRows[];
  /** Exact sums of the month's delivered text, one for each column of `summedColumns`. */
  readonly sums: readonly CurrencySums[];
  /** The same sums as the table can store them: they differ only if its column is a float. */
  readonly kept: readonly CurrencySums[];
  /** For each of these columns, the values of the month that have more digits than the table stores. */
  readonly rounded: readonly number[];
}

/**
 * A key to Google Cloud as in its own key files (`client_email`, `private_key`, `project_id`; or `client_id`,
 * `client_secret`, `refresh_token`). Never printed, never stored.
 */
export type GoogleCredentials = Readonly<Record<string, string>>;

/** A key to Azure Blob Storage, under the names of its own tools: one of the two. Never printed, never stored. */
export interface AzureCredentials {
  /** `AZURE_STORAGE_CONNECTION_STRING` */
  readonly connectionString: string | null;
  /** `AZURE_STORAGE_SAS_TOKEN`: a shared access signature, with or without `?` in front. */
  readonly sasToken: string | null;
}

/** One check of `doctor`. */
export interface Finding {
  /** What was checked, in a few words: `read objects`. */
  readonly check: string;
  readonly ok: boolean;
  /** What was found, worded to follow the name of the check. Never holds a secret. */
  readonly found: string;
  /** The fix, if possible as a command to copy; null if the check passed. */
  readonly remedy: string | null;
}

/** A table of one pipeline, and the names under which dlt keeps its state. */
export interface Table {
  /** Google Cloud project of the dataset, if the export names one; else the project of the warehouse. */
  readonly project?: string;
  /** BigQuery dataset, DuckDB schema. */
  readonly dataset: string;
  readonly name: string;
  /** dlt's pipeline name, as in `aws_billing_pipeline`. */
  readonly pipelineName: string;
  /** dlt's source name, as in `aws_billing_source`. */
  readonly sourceName: string;
  /** The form of the state's entries and of the tracking table's id column. */
  readonly idColumn: IdColumn;
}

/**
 * The columns that can hold the id of an execution in dlt's state and in a tracking table: the AWS pipeline's, the Azure
 * pipeline's, and that of files without a manifest.
 */
export const idColumns = ["assembly_id", "run_id", "execution_id"] as const;

/** One of `idColumns`. */
export type IdColumn = (typeof idColumns)[number];

/** dlt's resource name for the loads of a table; the tracking table's own name is this, normalised as dlt does. */
export function trackingTable(table: Table): string {
  return `${table.name}_load_tracking`;
}
