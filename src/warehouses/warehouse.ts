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

/**
 * What a warehouse is opened for. `write`: to load; what does not exist is made. `read`: to look at what is loaded
 * (`plan`, `status`); nothing is made or changed, and where another process has it open to write, what was last published
 * is read instead. `reader`: to ask what the last run published (`query`, `serve`).
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

/** The process that opens a warehouse to write: the message of a process that has to wait names it. */
export interface Holder {
  readonly pid: number;
  /** `billhouse run`. */
  readonly command: string;
}

/**
 * Where rows go: the third of the three axes. A warehouse replaces whole months and keeps the state beside them; a
 * deletion that can be seen without its load does not exist in this contract. The members up to `close` are the core,
 * which every warehouse has; the optional ones behind it are capabilities, each of which some commands need
 * (`requireCapability`).
 */
export interface Warehouse {
  /** What it is, for messages: `DuckDB billhouse.duckdb`. Never holds a secret. */
  readonly description: string;
  /** What it reads: the database itself, or the published copy. */
  readonly source: Source;
  /** What dlt calls it in its state. */
  readonly destinationType: DestinationType;
  /** Digits after the point that its `decimal` holds: 18 in DuckDB, 38 in BigQuery. Values with more are rounded. */
  readonly decimalScale: number;
  /**
   * The folder for decompressed, checked copies of the data files that it does not read by itself; null when it was not
   * opened to write. `close` removes it.
   */
  readonly workFolder: string | null;
  /**
   * Whether months are better replaced several at a time (the work is done elsewhere) than one after the other. Calls
   * may come together either way; each commit waits for the one before.
   */
  readonly loadsInParallel: boolean;
  /** About the bytes that loading one month from these files bills, which `plan` shows; null where loads are not billed. */
  readonly billedBytes: ((files: readonly FileToLoad[]) => number) | null;

  /**
   * Whether it reads a data file by itself from the storage with this `url`, so that none of its bytes passes through
   * billhouse. It then measures what the file held. `compression` is what the first bytes of the file show, once they
   * were read; before, its name decides.
   */
  reads(this: void, url: string, file: DataFile, compression?: Compression): boolean;

  /** What it holds of one table. A table, dataset or database that does not exist is an empty ledger, and stays so. */
  ledger(table: Table): Promise<Ledger>;

  /**
   * Makes the table what its next loads need, in one step: creates it or adds columns, and registers columns. Safe to
   * repeat. `replaceMonth` does the same for the month that it replaces.
   */
  prepare(table: Table, change: SchemaChange): Promise<void>;

  /**
   * Replaces the rows of one billing month with the rows of data files, and commits them together with the package
   * that `settle` makes, all or nothing: when anything throws (an iterator, a cast, `settle`), the warehouse is as it
   * was, without a table or columns that this month would have brought, and the error is rethrown. Returns that package. A
   * killed process may have committed the same load before: then its package is the one in the warehouse, and differs in
   * its load_id and times. Rows of other months are left out. A row without a billing period gets the first day of the
   * month in the partition column, as does every row of a file that lacks this column.
   * Errors: VALUE_INVALID for a value that does not fit its column, PERIOD_MISSING for a row without a period where it
   * needs one, each with file, line or row, column and value;
   * FILE_INVALID, FILE_CORRUPT; TYPE_MISMATCH when the partition column of the table holds no times; WAREHOUSE_LOCKED
   * when another writer was faster; WAREHOUSE_FULL; INTERRUPTED when the warehouse was closed meanwhile.
   */
  replaceMonth(replacement: MonthReplacement, settle: Settle): Promise<MonthPackage>;

  /** Commits a package without rows: a run summary, or a state from which months were forgotten. */
  append(table: Table, settle: (current: CurrentState) => LoadPackage): Promise<void>;

  /**
   * Makes what was loaded visible to readers (DuckDB: the read copy), so that they see at least everything that was
   * committed until `since`; without it, all there is. Called at the end of every run, because the last one may have been
   * killed between its commit and this; does nothing when readers see enough.
   */
  publish(since?: Date): Promise<void>;

  /** Stops what is still running, which then fails as INTERRUPTED and is rolled back, and releases everything. */
  close(): Promise<void>;

  readonly measuring?: Measuring;
  readonly previous?: PreviousLoads;
  readonly migration?: Migration;

  /**
   * Checks whether everything is there that loading these tables needs: identity, permissions, places, expirations. What
   * is missing is a finding with its remedy, and not an error. Leaves nothing behind.
   */
  readonly doctor?: (tables: readonly Table[]) => Promise<readonly Finding[]>;

  /** Runs one statement that only reads. Error: QUERY_INVALID. */
  readonly query?: (sql: string) => AsyncIterable<QueryRow>;
}

/**
 * Measuring what tables hold now: `verify`, `diff` of months without a summary, `reconcile`, and `run`, which compares a
 * delivery with the rows that it replaces. A warehouse without it loads without that comparison.
 */
export interface Measuring {
  /** Rows of every billing month that a table holds now; rows without a month count under the empty text. */
  monthsIn(table: Table, partitionColumn: string): Promise<ReadonlyMap<BillingMonth, number>>;

  /** What a table holds of one month now. */
  measureMonth(month: MonthColumns): Promise<MonthMeasures>;

  /**
   * The costs of one month by the values of some table columns (null for none, and where a value is NULL), the first
   * cost column added up per currency, in the order of the values.
   */
  costsBy(month: MonthColumns, columns: readonly (string | null)[]): Promise<readonly CostsOfValues[]>;
}

/** Previous loads of a month, and the rows of those that are kept: `undo`, `diff`, `keep_previous`. */
export interface PreviousLoads {
  /** Every receipt of one billing month, newest first. Error: STATE_INVALID. */
  history(table: Table, billingMonth: BillingMonth): Promise<readonly Receipt[]>;

  /** The rows of previous loads that are kept beside the table, so that they can be put back. */
  rows(table: Table, partitionColumn: string): Promise<PreviousRows>;

  /**
   * Puts the rows of a previous load in the place of the month's rows, and commits them together with the package that
   * `settle` makes, all or nothing, and returns it, as `replaceMonth` does. Rows that are back are no longer kept beside
   * the table, and those that they replace are not kept. Null, and nothing changed, when the warehouse does not have the
   * rows any more. `settle` compares them with their receipt.
   * Errors: TYPE_MISMATCH when the rows no longer fit the types of the table; WAREHOUSE_LOCKED, WAREHOUSE_FULL,
   * INTERRUPTED, and what `settle` throws.
   */
  restoreMonth(restoration: MonthRestoration, settle: Settle): Promise<MonthPackage | null>;
}

/** Migration of tables that the Python pipelines made: `migrate`. A warehouse into which they never loaded needs none. */
export interface Migration {
  /**
   * The steps that only the warehouse can find: a tracking table without columns for receipts, receipts that are stored
   * apart from their tracking rows, months that are not partitions. Changes nothing.
   */
  pendingSteps(table: Table, partitioning: Partitioning): Promise<readonly PendingStep[]>;

  /**
   * Takes one step of a migration in one transaction, and proves that nothing was lost; when anything throws, everything
   * is as it was. A step that was taken before changes nothing.
   * Errors: VALUE_INVALID for values that are not amounts, TYPE_MISMATCH for a column that cannot be changed,
   * ROW_COUNT_MISMATCH, SUM_MISMATCH, WAREHOUSE_LOCKED, WAREHOUSE_FULL, INTERRUPTED.
   */
  migrate(table: Table, step: MigrationStep): Promise<MigrationOutcome>;
}

/** A data file as `plan` knows it before it is read. */
export interface FileToLoad {
  readonly file: DataFile;
  /** What it decompresses to. */
  readonly bytes: number;
  /** How many columns its manifest declares; 0 where it declares none. */
  readonly columns: number;
}

/** A warehouse with every capability. */
export type FullWarehouse = Required<Warehouse>;

/** What the message says that a warehouse without a capability cannot do. */
const capabilities = {
  measuring: "measure what its tables hold",
  previous: "keep previous loads",
  migration: "migrate tables",
  doctor: "check its own setup",
  query: "run queries",
} as const;

/** The optional parts of a warehouse. */
export type Capability = keyof typeof capabilities;

/** A capability of a warehouse that the work at hand needs. Error: WAREHOUSE_UNSUPPORTED when the warehouse lacks it. */
export function requireCapability<K extends Capability>(
  warehouse: Pick<Warehouse, "description" | K>,
  name: K,
): NonNullable<Warehouse[K]> {
  const capability: Warehouse[K] = warehouse[name];
  if (capability !== undefined) return capability;
  throw new BillhouseError("WAREHOUSE_UNSUPPORTED", `${warehouse.description} cannot ${capabilities[name]}.`, {
    hint: "Load into a warehouse that can, such as DuckDB: put [destination.duckdb] in the place of its section, then run again.",
  });
}

/** A row of a query's answer: decimals, 64-bit integers, dates and times are text. */
export type QueryRow = Readonly<Record<string, unknown>>;

/** What a warehouse holds of one table. */
export interface Ledger {
  /** Null when there is no such table. */
  readonly columns: readonly TableColumn[] | null;
  readonly registry: readonly RegisteredColumn[];
  /** dlt's newest state of this pipeline, still encoded; null when there is none. */
  readonly state: string | null;
  /** The newest receipt of each billing month. */
  readonly receipts: readonly Receipt[];
  /** The load_id of the newest run summary; null when no run has come to a good end. */
  readonly lastSummary: string | null;
  /** Sentences on what will become of the table without anybody's doing, as months that the warehouse deletes. */
  readonly notes: readonly string[];
}

/** By what a table is laid out. */
export interface Partitioning {
  /** Name of the column that carries the billing month. */
  readonly partitionColumn: string;
  /** Name of the start of usage, by which rows are clustered; null where there is none. */
  readonly usageColumn: string | null;
}

/** One step that brings a table of another program closer to those that billhouse makes. */
export type MigrationStep =
  /** The tracking table gets columns for receipts, and the receipts that live apart move into their tracking rows. */
  | { readonly step: "tracking-columns" }
  /** A column of floats or text becomes the exact decimal type; blank text becomes NULL. */
  | { readonly step: "decimals"; readonly column: string }
  /** Months become partitions: the table is rebuilt beside the old one, and the two change places. */
  | ({ readonly step: "partitioning" } & Partitioning);

/** A step that is left to do, and what it does, in one sentence. */
export interface PendingStep {
  readonly step: MigrationStep;
  readonly what: string;
}

/** What a step did. */
export interface MigrationOutcome {
  /** Values that have more digits after the point than the decimal type holds, and were rounded. */
  readonly roundedValues: number;
  /** What a table that was built again has not kept, such as access to it; absent when it kept everything. */
  readonly lost?: readonly string[];
}

/** What must be there before a load. */
export interface SchemaChange extends Partitioning {
  /** New columns, in order. When the table does not exist it is created with them. */
  readonly added: readonly { readonly name: string; readonly type: ColumnType }[];
  readonly registered: readonly RegisteredColumn[];
  /** Whether the table for rows of previous loads has to exist. */
  readonly keepsPrevious: boolean;
}

/** A data file, and where its columns go. */
export interface MappedFile {
  readonly file: DataFile;
  /** The `url` of its storage. */
  readonly storageUrl: string;
  /**
   * Local path of plain, decompressed CSV without byte order marks, or of Parquet, whose bytes were checked; null when the
   * warehouse `reads` the object by itself.
   */
  readonly path: string | null;
  /** Column for column, by position: the header of the file, and the table column that takes it. */
  readonly columns: readonly MappedColumn[];
  /** The delivery that it belongs to. */
  readonly executionId: string;
  /**
   * The table column that takes the billing period of its rows: the partition column where the file has it. Null where
   * the file names no period.
   */
  readonly periodColumn: string | null;
  /** Whether every row must name its billing period, because the delivery spans months. */
  readonly needsPeriod: boolean;
}

/** One month of a table, and the columns by which it is measured. */
export interface MonthColumns extends MeasuredColumns {
  readonly table: Table;
  readonly billingMonth: BillingMonth;
}

/** One month whose rows are replaced. */
export interface MonthChange extends MonthColumns {
  /** The newest of the deliveries whose rows these are together. */
  readonly executionId: string;
  /** The load_id of the newest load of this month, which this one replaces; null for the first. */
  readonly replaces: string | null;
}

/** One month to replace. */
export interface MonthReplacement extends MonthChange {
  /**
   * How many previous loads of the month are kept beside the table, the one that is replaced now included; 0 for none.
   * Rows of a load without a load_id are not kept.
   */
  readonly keepPrevious: number;
  /** The load whose rows `replaces` had put back, or null: its kept rows are the same ones, and are removed. */
  readonly restoredLoadId: string | null;
  /** What the table lacks for these rows; null where it lacks nothing. */
  readonly schema: SchemaChange | null;
  /** Words without quotes or backslashes that mean NULL in columns that are not text. */
  readonly nullValues: readonly string[];
  /** In order; the warehouse asks for the next one when it is done with the last. */
  readonly files: AsyncIterable<MappedFile>;
}

/** One month whose previous rows are put back. */
export interface MonthRestoration extends MonthChange {
  /** The load whose rows these are. */
  readonly loadId: string;
  /**
   * Until when they were the rows of the table, ISO 8601: the time of the load after it, by the clock of the machine that
   * made it. A warehouse with time travel reads them there.
   */
  readonly until: string;
}

/**
 * The table with the rows of previous loads: the columns of the table, and `previousLoadColumn`. It is made when a table
 * is prepared whose previous loads are kept, and belongs to billhouse alone.
 */
export function previousTable(table: Table): string {
  return `${table.name}_previous`;
}

/** The column with the load_id of the load to which a kept row belonged. */
export const previousLoadColumn = "_billhouse_load_id";

/** Rows of previous loads that are kept beside a table. */
export interface PreviousRows {
  readonly months: readonly { readonly billingMonth: BillingMonth; readonly loadId: string; readonly rows: number }[];
  /** Bytes that they take, estimated where the warehouse does not report them; 0 when nothing is kept. */
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

/** What the table holds of the month after the new rows went in, measured inside the transaction. */
export interface TableMeasures extends MonthMeasures {
  /** Rows that were inserted. */
  readonly inserted: number;
  /** What the files held that the warehouse read by itself; null when there was none. */
  readonly delivered: DeliveredMeasures | null;
}

/** What the rows of one month come to. */
export interface MonthMeasures {
  /** Rows of the billing month. */
  readonly rows: number;
  /** Sums of `costColumns`, in their order: for every currency of the month's rows, `0` where none has an amount. */
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
  /** Null where the rows have none. */
  readonly account: string | null;
  readonly currency: string;
  readonly rows: number;
  /** Exact sum of the costs above zero, `0` where there are none. */
  readonly positive: string;
}

/** How many lines of a summary keep their account: it stays small enough to be kept with every receipt. */
export const summaryLines = 500;

/** What stands for the accounts of the other lines. */
export const otherAccounts = "(others)";

/** What the files held that the warehouse read by itself, measured on their text before any cast. */
export interface DeliveredMeasures {
  /** By the id of the delivery. */
  readonly evidence: ReadonlyMap<string, Evidence>;
  /** Rows by key; null where several files were read in one job. */
  readonly rows: ReadonlyMap<string, number | null>;
}

/**
 * Judges the measures, looks whether the files are still what was loaded (throws when either proves the load wrong), and
 * gives the package to commit with the rows. Asked again when another commit came in between.
 */
export type Settle = (measures: TableMeasures, current: CurrentState) => Promise<MonthPackage>;
