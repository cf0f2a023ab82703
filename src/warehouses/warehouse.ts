import { BillhouseError } from "../errors.ts";
import type {
  BillingMonth,
  Compression,
  CostLine,
  CurrencySums,
  DataFile,
  Evidence,
  Finding,
  MeasuredColumns,
  Receipt,
  RegisteredColumn,
  Table,
  TableColumn,
  ColumnType,
} from "../model.ts";
import type { MappedColumn } from "../schema/columns.ts";
import type { DestinationType } from "../state/dlt.ts";
import type { CurrentState, LoadPackage, MonthPackage } from "../state/package.ts";

export type { ViewSource } from "./views.ts";

/**
 * The mode of a warehouse. `write`: to load; missing tables are created. `read`: to read the loaded data
 * (`plan`, `status`); nothing is created or changed, and if another process has it open to write, the last published copy
 * is read. `reader`: to query what the last run published (`query`, `serve`).
 */
export type OpenMode = "write" | "read" | "reader";

/** What an open warehouse reads. */
export interface Source {
  /** `published copy`: what the last run published, because another process has the database open to write. */
  readonly from: "database" | "published copy";
  /** When the copy was published, ISO 8601; null for the database itself, and where nothing has been published yet. */
  readonly publishedAt: string | null;
  /** Which process has the database open to write, in a sentence; null where none is in the way. */
  readonly lockedBy: string | null;
}

/** The source of a warehouse that no other process locks. */
export const databaseItself: Source = { from: "database", publishedAt: null, lockedBy: null };

/** The process that holds the write lock, shown to processes that wait for it. */
export interface Holder {
  readonly pid: number;
  /** `billhouse run`. */
  readonly command: string;
}

/**
 * Where rows go: the third of the three axes. A warehouse replaces whole months and stores the state beside them; readers
 * never see a deletion without its load. The members up to `close` are the core
 * of every warehouse; the optional ones after it are capabilities that some commands require
 * (`requireCapability`).
 */
export interface Warehouse {
  /** Its name in messages: `DuckDB billhouse.duckdb`. Never holds a secret. */
  readonly description: string;
  /** What it reads: the database itself, or the published copy. */
  readonly source: Source;
  /** dlt's name for it in the state. */
  readonly destinationType: DestinationType;
  /** Digits after the point of its `decimal`: 18 in DuckDB, 38 in BigQuery. Values with more are rounded. */
  readonly decimalScale: number;
  /**
   * The folder for decompressed, checked copies of the data files that it does not read itself; null if it was not
   * opened to write. `close` removes it.
   */
  readonly workFolder: string | null;
  /**
   * Whether replacing several months at a time is faster (the work is done remotely). Concurrent calls
   * are allowed either way; each commit waits for the previous one.
   */
  readonly loadsInParallel: boolean;
  /** Whether no other process can write to it while it is open, so that its ledger stays the newest one until then. */
  readonly locksOutWriters: boolean;
  /** The estimated bytes billed for loading one month from these files, shown by `plan`; null if loads are not billed. */
  readonly billedBytes: ((files: readonly FileToLoad[]) => number) | null;
  /**
   * The most bytes that one read-only statement would bill, without running it; null if queries are not billed.
   * Error: QUERY_INVALID.
   */
  readonly queryBytes: ((sql: string, settings?: QuerySettings) => Promise<number>) | null;
  /**
   * Writes the rows of one read-only statement to Parquet files (Snappy) of at most about 250,000 rows, in a folder that does not
   * exist; null if it writes no files on this machine. Errors: QUERY_INVALID, OUTPUT_FAILED, WAREHOUSE_FULL.
   */
  readonly writeParquet: ((sql: string, folder: string) => Promise<void>) | null;

  /**
   * Whether it reads a data file itself from the storage with this `url`, so that its bytes do not pass through
   * billhouse. It then measures the content of the file. `compression` is the compression by the first bytes of the file,
   * if they were read; before that, its name decides.
   */
  reads(this: void, url: string, file: DataFile, compression?: Compression): boolean;

  /** The ledger of one table. A table, dataset or database that does not exist gives an empty ledger and is not created. */
  ledger(table: Table): Promise<Ledger>;

  /**
   * Prepares the table for its next loads in one step: creates it or adds columns, and registers columns. Safe to
   * repeat. `replaceMonth` does the same for the month that it replaces.
   */
  prepare(table: Table, change: SchemaChange): Promise<void>;

  /**
   * Replaces the rows of one billing month with the rows of data files, and commits them together with the package
   * that `settle` returns, all or nothing: when anything throws (an iterator, a cast, `settle`), the warehouse stays
   * unchanged, without a table or columns that this month would have added, and the error is rethrown. Returns that package. A
   * killed process may have committed the same load before: then the package in the warehouse is returned, which differs in
   * its load_id and times. Rows of other months are left out. A row without a billing period gets the first day of the
   * month in the partition column, as does every row of a file that lacks this column.
   * Errors: VALUE_INVALID for a value that does not fit its column, PERIOD_MISSING for a row without a required
   * period, each with file, line or row, column and value;
   * FILE_INVALID, FILE_CORRUPT; TYPE_MISMATCH when the partition column of the table does not contain times; WAREHOUSE_LOCKED
   * when another writer was faster; WAREHOUSE_FULL; INTERRUPTED when the warehouse was closed meanwhile.
   */
  replaceMonth(replacement: MonthReplacement, settle: Settle): Promise<MonthPackage>;

  /** Commits a package without rows: a run summary, or a state from which months were removed. */
  append(table: Table, settle: (current: CurrentState) => LoadPackage): Promise<void>;

  /**
   * Makes loaded data visible to readers (DuckDB: the read copy), so that they see at least everything that was
   * committed until `since`, or all commits without it. Called at the end of every run, because the previous one may have
   * been killed between its commit and this call; does nothing if readers are up to date.
   */
  publish(since?: Date): Promise<void>;

  /** Interrupts running work, which then fails as INTERRUPTED and is rolled back, and releases everything. */
  close(): Promise<void>;

  readonly measuring?: Measuring;
  readonly previous?: PreviousLoads;
  readonly migration?: Migration;

  /**
   * Checks the requirements for loading these tables: identity, permissions, locations, expirations. A missing
   * one is a finding with its fix, not an error. Leaves nothing behind.
   */
  readonly doctor?: (tables: readonly Table[]) => Promise<readonly Finding[]>;

  /**
   * Makes the views with which it was opened over the tables as they are now; a view that is current is left alone. Returns
   * what kept it from making one, such as FOCUS_NAME_TAKEN.
   */
  readonly refreshViews?: () => Promise<readonly BillhouseError[]>;

  /** Runs one read-only statement, also `SHOW TABLES`. Error: QUERY_INVALID. */
  readonly query?: (sql: string, settings?: QuerySettings) => AsyncIterable<QueryRow>;
}

/**
 * Measuring the current content of tables: `verify`, `diff` of months without a summary, `reconcile`, and `run`, which
 * compares a delivery with the rows that it replaces. A warehouse without it loads without these comparisons.
 */
export interface Measuring {
  /** Rows of every billing month in a table; rows without a month count under the empty text. */
  monthsIn(table: Table, partitionColumn: string): Promise<ReadonlyMap<BillingMonth, number>>;

  /** The current content of one month in a table. */
  measureMonth(month: MonthColumns): Promise<MonthMeasures>;

  /**
   * The costs of one month by the values of some table columns (null for none, and where a value is NULL), the first
   * cost column added up per currency, in the order of the values.
   */
  costsBy(month: MonthColumns, columns: readonly (string | null)[]): Promise<readonly CostsOfValues[]>;
}

/** Previous loads of a month, and their kept rows: `undo`, `diff`, `keep_previous`. */
export interface PreviousLoads {
  /** Every receipt of one billing month, or of all months (null), newest first. Error: STATE_INVALID. */
  history(table: Table, billingMonth: BillingMonth | null): Promise<readonly Receipt[]>;

  /** The rows of previous loads that are kept beside the table, so that they can be restored. */
  rows(table: Table, partitionColumn: string): Promise<PreviousRows>;

  /**
   * Replaces the month's rows with the rows of a previous load, and commits them together with the package that
   * `settle` returns, all or nothing, and returns it, like `replaceMonth`. Restored rows are no longer kept beside
   * the table, and the rows that they replace are not kept. Returns null and changes nothing if the warehouse no longer has
   * the rows. `settle` compares them with their receipt.
   * Errors: TYPE_MISMATCH when the rows no longer fit the types of the table; WAREHOUSE_LOCKED, WAREHOUSE_FULL,
   * INTERRUPTED, and what `settle` throws.
   */
  restoreMonth(restoration: MonthRestoration, settle: Settle): Promise<MonthPackage | null>;
}

/** Migration of tables that the Python pipelines created: `migrate`. Other warehouses do not need it. */
export interface Migration {
  /**
   * The steps that only the warehouse can find: a tracking table without columns for receipts, receipts that are stored
   * separately from their tracking rows, months that are not partitions. Changes nothing.
   */
  pendingSteps(table: Table, partitioning: Partitioning): Promise<readonly PendingStep[]>;

  /**
   * Runs one step of a migration in one transaction, and proves that nothing was lost; when anything throws, everything
   * stays unchanged. A step that was done before changes nothing.
   * Errors: VALUE_INVALID for values that are not amounts, TYPE_MISMATCH for a column that cannot be changed,
   * ROW_COUNT_MISMATCH, SUM_MISMATCH, WAREHOUSE_LOCKED, WAREHOUSE_FULL, INTERRUPTED.
   */
  migrate(table: Table, step: MigrationStep): Promise<MigrationOutcome>;
}

/** A data file as known to `plan` before it is read. */
export interface FileToLoad {
  readonly file: DataFile;
  /** The estimated decompressed size. */
  readonly bytes: number;
  /** The number of columns in its manifest; 0 if it does not declare them. */
  readonly columns: number;
}

/** A warehouse with every capability. */
export type FullWarehouse = Required<Warehouse>;

/** What a warehouse without a capability cannot do, for the message. */
const capabilities = {
  measuring: "measure what its tables hold",
  previous: "keep previous loads",
  migration: "migrate tables",
  doctor: "check its own setup",
  refreshViews: "make views",
  query: "run queries",
} as const;

/** The optional parts of a warehouse. */
export type Capability = keyof typeof capabilities;

/** A capability that the current command requires. Error: WAREHOUSE_UNSUPPORTED when the warehouse lacks it. */
export function requireCapability<K extends Capability>(
  warehouse: Pick<Warehouse, "description" | K>,
  name: K,
): NonNullable<Warehouse[K]> {
  const capability: Warehouse[K] = warehouse[name];
  if (capability !== undefined) return capability;
  throw new BillhouseError("WAREHOUSE_UNSUPPORTED", `${warehouse.description} cannot ${capabilities[name]}.`, {
    hint: "Load into a warehouse that can, such as DuckDB: replace its section with [destination.duckdb], then run again.",
  });
}

/** How a query is run. */
export interface QuerySettings {
  /** Where tables without a dataset are searched, in this order. A dataset may be missing. */
  readonly datasets?: readonly Pick<Table, "project" | "dataset">[];
  /** Called once with the columns of the result, before its first row. */
  readonly onColumns?: ((columns: readonly QueryColumn[]) => void) | undefined;
}

/** A column of a query result. */
export interface QueryColumn {
  /** The property of the rows that has its values. */
  readonly name: string;
  /** `decimal` for exact numbers with a fraction, `number` for integers and floats. */
  readonly kind: "decimal" | "number" | "other";
}

/** A row of a query result: decimals, 64-bit integers, dates and times are text. */
export type QueryRow = Readonly<Record<string, unknown>>;

/** The data about one table in a warehouse. */
export interface Ledger {
  /** Null if the table does not exist. */
  readonly columns: readonly TableColumn[] | null;
  readonly registry: readonly RegisteredColumn[];
  /** dlt's newest state of this pipeline, still encoded; null without one. */
  readonly state: string | null;
  /** The newest receipt of each billing month. */
  readonly receipts: readonly Receipt[];
  /** The load_id of the newest run summary; null if no run has finished. */
  readonly lastSummary: string | null;
  /** Warnings as sentences, such as about months that the warehouse will delete. */
  readonly notes: readonly string[];
  /**
   * Tables in other datasets of the warehouse that hold the loads of this pipeline, by the names of their datasets: where a
   * `dataset` that is missing or wrong hides the loads. Of a dataset with a table of this name only that one.
   * Looked for only if this ledger `isEmpty`.
   */
  readonly elsewhere: readonly LoadedTablePlace[];
}

/** A table in another dataset. */
export interface LoadedTablePlace {
  readonly dataset: string;
  readonly name: string;
}

/** Whether a dataset holds neither a table, nor its state, nor its receipts: the next load is the first one there. */
export function isEmpty({ columns, state, receipts }: Pick<Ledger, "columns" | "state" | "receipts">): boolean {
  return columns === null && state === null && receipts.length === 0;
}

/** The layout of a table. */
export interface Partitioning {
  /** Name of the column with the billing month. */
  readonly partitionColumn: string;
  /** Name of the start of usage, by which rows are clustered; null without one. */
  readonly usageColumn: string | null;
}

/** One step that converts a table of another program to the form that billhouse creates. */
export type MigrationStep =
  /** The tracking table gets columns for receipts, and separately stored receipts move into their tracking rows. */
  | { readonly step: "tracking-columns" }
  /** A column of floats or text becomes the exact decimal type; blank text becomes NULL. */
  | { readonly step: "decimals"; readonly column: string }
  /** Months become partitions: the table is rebuilt beside the old one, and the two are swapped. */
  | ({ readonly step: "partitioning" } & Partitioning);

/** A pending step, and what it does as a sentence. */
export interface PendingStep {
  readonly step: MigrationStep;
  readonly what: string;
}

/** The result of a step. */
export interface MigrationOutcome {
  /** Values with more digits after the point than the decimal type, which were rounded. */
  readonly roundedValues: number;
  /** Settings that a rebuilt table did not keep, such as access roles; absent if it kept everything. */
  readonly lost?: readonly string[];
}

/** The columns and tables that must exist before a load. */
export interface SchemaChange extends Partitioning {
  /** New columns, in order. If the table does not exist it is created with them. */
  readonly added: readonly { readonly name: string; readonly type: ColumnType }[];
  readonly registered: readonly RegisteredColumn[];
  /** Whether the table for rows of previous loads must exist. */
  readonly keepsPrevious: boolean;
}

/** A data file, and its table columns. */
export interface MappedFile {
  readonly file: DataFile;
  /** The `url` of its storage. */
  readonly storageUrl: string;
  /**
   * Local path of plain, decompressed CSV without byte order marks, or of Parquet, whose bytes were checked; null when the
   * warehouse `reads` the object itself.
   */
  readonly path: string | null;
  /** The rows that were counted in it; null if it was not read here. */
  readonly rows: number | null;
  /** Column for column, by position: the header of the file, and its table column. */
  readonly columns: readonly MappedColumn[];
  /** The delivery that it belongs to. */
  readonly executionId: string;
  /**
   * The table column that stores the billing period of its rows: the partition column if the file has it. Null if
   * the file does not name a period.
   */
  readonly periodColumn: string | null;
  /** Whether every row must name its billing period, because the delivery spans months. */
  readonly needsPeriod: boolean;
}

/** One month of a table, and the columns used to measure it. */
export interface MonthColumns extends MeasuredColumns {
  readonly table: Table;
  readonly billingMonth: BillingMonth;
}

/** One month whose rows are replaced. */
export interface MonthChange extends MonthColumns {
  /** The newest delivery among those that the rows come from. */
  readonly executionId: string;
  /** The load_id of the newest load of this month, which this one replaces; null for the first. */
  readonly replaces: string | null;
}

/** One month to replace. */
export interface MonthReplacement extends MonthChange {
  /**
   * How many previous loads of the month are kept beside the table, including the one that is replaced now; 0 for none.
   * Rows of a load without a load_id are not kept.
   */
  readonly keepPrevious: number;
  /** The load whose rows `replaces` restored, or null: its kept rows are the same, and are removed. */
  readonly restoredLoadId: string | null;
  /** The columns that the table lacks for these rows; null if it lacks none. */
  readonly schema: SchemaChange | null;
  /** Words without quotes or backslashes that mean NULL in columns that are not text. */
  readonly nullValues: readonly string[];
  /** In order, in batches; the files of a batch stay in place until the warehouse requests the next batch. */
  readonly files: AsyncIterable<readonly MappedFile[]>;
  /** Receives how far the load is. */
  readonly progress?: ReplaceProgress | undefined;
}

/** Receives how far the replacement of a month is. */
export interface ReplaceProgress {
  /** The `bytes`, as delivered, of the files that were loaded so far, and the load jobs of a warehouse that loads by jobs. */
  inserting(done: { readonly bytes: number; readonly jobs?: { readonly done: number; readonly total: number } }): void;
  /** All rows are inserted, and are measured now. */
  checking(): void;
}

/** One month whose previous rows are restored. */
export interface MonthRestoration extends MonthChange {
  /** The load to which these rows belong. */
  readonly loadId: string;
  /**
   * Until when they were the rows of the table, ISO 8601: the time of the next load, by the clock of the machine that
   * made it. A warehouse with time travel reads them at that time.
   */
  readonly until: string;
  /** Receives how far the rows are inserted, from 0 to 1. */
  readonly inserting?: ((share: number) => void) | undefined;
}

/**
 * The table with the rows of previous loads: the columns of the table, and `previousLoadColumn`. It is created when a
 * table that keeps previous loads is prepared, and only billhouse uses it.
 */
export function previousTable(table: Table): string {
  return `${table.name}_previous`;
}

/** The column with the load_id of the load to which a kept row belonged. */
export const previousLoadColumn = "_billhouse_load_id";

/** Rows of previous loads that are kept beside a table. */
export interface PreviousRows {
  readonly months: readonly { readonly billingMonth: BillingMonth; readonly loadId: string; readonly rows: number }[];
  /** Their size in bytes since the last `publish`, estimated if the warehouse does not report it; 0 if nothing is kept. */
  readonly bytes: number;
}

/** Rows of a month that share the values of some columns. */
export interface CostsOfValues {
  readonly values: readonly (string | null)[];
  readonly currency: string;
  readonly rows: number;
  /** Exact decimal text. */
  readonly cost: string;
}

/** The month's content in the table after the new rows were inserted, measured inside the transaction. */
export interface TableMeasures extends MonthMeasures {
  /** Rows that were inserted. */
  readonly inserted: number;
  /** The content of the files that the warehouse read itself; null if there were none. */
  readonly delivered: DeliveredMeasures | null;
}

/** The measured values of the rows of one month. */
export interface MonthMeasures {
  /** Rows of the billing month. */
  readonly rows: number;
  /** Sums of `summedColumns`, in their order: for every currency of the month's rows, `0` if no row has an amount. */
  readonly sums: readonly CurrencySums[];
  /** Smallest and largest value of `usageColumn`: `2025-01-01T00:00:00Z`. */
  readonly firstUsage: string | null;
  readonly lastUsage: string | null;
  /** Rows without a value in `invoiceColumn`; null without such a column. */
  readonly uninvoicedRows: number | null;
  /** Those of them whose first cost is not zero, or all of them without a cost column; null as `uninvoicedRows`. */
  readonly uninvoicedCostRows: number | null;
  /**
   * The first cost column by service, account and charge type: the `summaryLines` largest amounts each in a line of its own,
   * the largest first; the rest without their accounts, as `(others)`. Empty without a cost column.
   */
  readonly summary: readonly CostLine[];
  /** Rows and positive costs of the first cost column by account and currency, whatever their number, in any order. */
  readonly accounts: readonly AccountCosts[];
}

/** Rows of a month that share account and currency. */
export interface AccountCosts {
  /** Null if the rows have none. */
  readonly account: string | null;
  readonly currency: string;
  readonly rows: number;
  /** Exact sum of the costs above zero, `0` where there are none. */
  readonly positive: string;
}

/** How many lines of a summary keep their account: small enough to be kept with every receipt. */
export const summaryLines = 500;

/** The account in all other lines. */
export const otherAccounts = "(others)";

/** The content of the files that the warehouse read itself, measured on their text before any cast. */
export interface DeliveredMeasures {
  /** By the id of the delivery. */
  readonly evidence: ReadonlyMap<string, Evidence>;
  /** Rows by key; null if several files were read in one job. */
  readonly rows: ReadonlyMap<string, number | null>;
}

/**
 * Checks the measurements and that the files are still the loaded ones (throws if not), and
 * returns the package to commit with the rows. Called again if another transaction commits first.
 */
export type Settle = (measures: TableMeasures, current: CurrentState) => Promise<MonthPackage>;
