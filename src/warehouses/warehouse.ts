import type {
  BillingMonth,
  CurrencySums,
  DataFile,
  Evidence,
  Finding,
  Packing,
  Receipt,
  RegisteredColumn,
  Table,
  TableColumn,
  ColumnType,
} from "../model.ts";
import type { MappedColumn } from "../schema/columns.ts";
import type { DestinationType } from "../state/dlt.ts";
import type { CurrentState, LoadPackage } from "../state/package.ts";

/**
 * What a warehouse is opened for. `write`: to load; what does not exist is made. `read`: to look at what is loaded
 * (`plan`, `status`); nothing is made or changed. `reader`: to ask what the last run published (`query`, `serve`).
 */
export type OpenMode = "write" | "read" | "reader";

/** Who opens a warehouse to write, as others who have to wait are told. */
export interface Holder {
  readonly pid: number;
  /** `billhouse run`. */
  readonly command: string;
}

/**
 * Where rows go: the third of the three axes. A warehouse replaces whole months and keeps the state beside them; a
 * deletion that can be seen without its load does not exist in this contract.
 */
export interface Warehouse {
  /** What it is, for messages: `DuckDB billhouse.duckdb`. Never holds a secret. */
  readonly description: string;
  /** What dlt calls it in its state. */
  readonly destinationType: DestinationType;
  /** Digits after the point that its `decimal` holds: 18 in DuckDB, 38 in BigQuery. Values with more are rounded. */
  readonly decimalScale: number;
  /**
   * The folder for unpacked, checked copies of the data files that it does not read by itself; null when it was not
   * opened to write. `close` removes it.
   */
  readonly workFolder: string | null;
  /**
   * Whether months are better replaced several at a time (the work is done elsewhere) than one after the other. Calls
   * may come together either way; each commit waits for the one before.
   */
  readonly loadsInParallel: boolean;
  /** Whether a load is billed by the bytes of its rows, so that `plan` shows an estimate. */
  readonly billsBytes: boolean;

  /**
   * Whether it reads a data file by itself from the storage with this `url`, so that none of its bytes passes through
   * billhouse. It then measures what the file held. `packing` is what its first bytes say, once they were looked at;
   * before, its name has to do.
   */
  reads(url: string, file: DataFile, packing?: Packing): boolean;

  /** What it holds of one table. A table, dataset or database that does not exist is an empty ledger, and stays so. */
  ledger(table: Table): Promise<Ledger>;

  /**
   * Makes the table what its next loads need, in one step: creates it or adds columns, and registers columns. Safe to
   * repeat.
   */
  prepare(table: Table, change: SchemaChange): Promise<void>;

  /**
   * Replaces the rows of one billing month with the rows of data files, and commits them together with the package
   * that `settle` makes, all or nothing: when anything throws (an iterator, a cast, `settle`), the warehouse is as it
   * was, and the error is rethrown.
   * Errors: VALUE_INVALID for a value that does not fit its column, MONTH_MISMATCH for a row of another month (unless
   * the delivery spans months), PERIOD_MISSING for a row without one, each with file, line or row, column and value;
   * FILE_INVALID, FILE_CORRUPT; TYPE_MISMATCH when the partition column of the table holds no times; WAREHOUSE_LOCKED
   * when another writer was faster; WAREHOUSE_FULL; INTERRUPTED when the warehouse was closed meanwhile.
   */
  replaceMonth(replacement: MonthReplacement, settle: Settle): Promise<void>;

  /** Commits a package without rows: a run summary, or a state from which months were forgotten. */
  append(table: Table, settle: (current: CurrentState) => LoadPackage): Promise<void>;

  /**
   * What only the warehouse can tell is left to migrate: a tracking table without columns for receipts, receipts that
   * live apart from their tracking rows, months that are no partitions. Looks, and changes nothing.
   */
  pendingSteps(table: Table, partitioning: Partitioning): Promise<readonly PendingStep[]>;

  /**
   * Takes one step of a migration in one transaction, and proves that nothing was lost; when anything throws, everything
   * is as it was. A step that was taken before changes nothing.
   * Errors: VALUE_INVALID for values that are no amounts, TYPE_MISMATCH for a column that cannot be changed,
   * ROW_COUNT_MISMATCH, SUM_MISMATCH, WAREHOUSE_LOCKED, WAREHOUSE_FULL, INTERRUPTED.
   */
  migrate(table: Table, step: MigrationStep): Promise<MigrationOutcome>;

  /**
   * Makes what was loaded visible to readers (DuckDB: the read copy), so that they see at least everything that was
   * committed until `since`; without it, all there is. Called at the end of every run, because the last one may have been
   * killed between its commit and this; does nothing when readers see enough.
   */
  publish(since?: Date): Promise<void>;

  /**
   * Looks whether everything is there that loading these tables needs: identity, permissions, places, expirations. What is
   * missing is a finding with what mends it, and no error. Leaves nothing behind.
   */
  examine(tables: readonly Table[]): Promise<readonly Finding[]>;

  /** Runs one statement that only reads. Error: QUERY_INVALID. */
  query(sql: string): AsyncIterable<QueryRow>;

  /** Stops what is still running, which then fails as INTERRUPTED and is rolled back, and lets go of everything. */
  close(): Promise<void>;
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

/** One step that makes a table which somebody else made more like those that billhouse makes. */
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
}

/** What must be there before a load. */
export interface SchemaChange extends Partitioning {
  /** New columns, in order. When the table does not exist it is created with them. */
  readonly added: readonly { readonly name: string; readonly type: ColumnType }[];
  readonly registered: readonly RegisteredColumn[];
}

/** A data file, and where its columns go. */
export interface MappedFile {
  readonly file: DataFile;
  /** The `url` of its storage. */
  readonly storageUrl: string;
  /**
   * Local path of plain, unpacked CSV or of Parquet, whose bytes were checked; null when the warehouse `reads` the object
   * by itself.
   */
  readonly path: string | null;
  /** Column for column, by position: the header of the file, and the table column that takes it. */
  readonly columns: readonly MappedColumn[];
}

/** One month to replace. */
export interface MonthReplacement {
  readonly table: Table;
  readonly billingMonth: BillingMonth;
  readonly executionId: string;
  /** The load_id of the newest load of this month, which this one replaces; null for the first. */
  readonly replaces: string | null;
  readonly partitionColumn: string;
  /** Whether `partitionColumn` is stamped with the billing month (`billing_month`) instead of being in the files. */
  readonly stamped: boolean;
  /** Whether rows of other months in the files are left out (true) or refused (false). */
  readonly spansMonths: boolean;
  /** In order; the warehouse asks for the next one when it is done with the last. */
  readonly files: AsyncIterable<MappedFile>;
  /** Table columns to sum for proof, at most two, and the column with their currency. */
  readonly costColumns: readonly string[];
  readonly currencyColumn: string | null;
  readonly usageColumn: string | null;
}

/** What the table holds of the month after the new rows went in, measured inside the transaction. */
export interface TableMeasures {
  /** Rows of the billing month. */
  readonly rows: number;
  /** Rows that were inserted. */
  readonly inserted: number;
  /** Sums of `costColumns`, in their order: for every currency of the month's rows, `0` where none has an amount. */
  readonly sums: readonly CurrencySums[];
  /** Smallest and largest value of `usageColumn`: `2025-01-01T00:00:00Z`. */
  readonly firstUsage: string | null;
  readonly lastUsage: string | null;
  /** What the files held that the warehouse read by itself; null when there was none. */
  readonly delivered: DeliveredMeasures | null;
}

/** What files held that no byte of passed through billhouse, as the warehouse measured their text before any cast. */
export interface DeliveredMeasures {
  readonly evidence: Evidence;
  /** Rows by key; null where several files were read in one job. */
  readonly rows: ReadonlyMap<string, number | null>;
}

/**
 * Judges the measures, looks whether the files are still what was loaded (throws when either proves the load wrong), and
 * gives the package to commit with the rows. Asked again when another commit came in between.
 */
export type Settle = (measures: TableMeasures, current: CurrentState) => Promise<LoadPackage>;
