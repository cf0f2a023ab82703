import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import type { Compression, DataFile, Table } from "../../model.ts";
import { reachPoint } from "../points.ts";
import type { ViewSource } from "../views.ts";
import { databaseItself, type FullWarehouse, type Holder, type OpenMode } from "../warehouse.ts";
import { makeWorkFolder } from "../work-folders.ts";
import { translateFailure } from "./api/api-error.ts";
import { type ConnectionOptions, openConnection, type Settings } from "./api/client.ts";
import { dropLeftovers, tableKey } from "./cleanup.ts";
import { commitPackage } from "./commit.ts";
import { type CompanionTables, findBillingTable, findCompanions, haveState } from "./companion-tables.ts";
import { doctor } from "./doctor.ts";
import { readHistory, readLedger } from "./ledger.ts";
import { costsBy, measureMonth, monthsIn } from "./measure.ts";
import { migrate, pendingSteps } from "./migrate.ts";
import { preparePrevious, previousRows, restoreMonth } from "./previous.ts";
import { queryBytes, runQuery } from "./query.ts";
import { replaceMonth } from "./replace/replace.ts";
import { billedBytes } from "./replace/sources.ts";
import { openStagingBucket } from "./replace/staging-bucket.ts";
import { prepareState, prepareTable } from "./schema.ts";
import { refreshViews } from "./views.ts";

/** How to connect to BigQuery, and the settings of the work there. */
export interface BigqueryOptions extends ConnectionOptions {
  /** The location of new datasets: `EU`, `europe-west3`. Jobs run in the location of their dataset. */
  readonly location: string;
  /** The bucket for uploading files that are not in Cloud Storage; null without one. */
  readonly stagingBucket: string | null;
  /** Base address of an emulator of Cloud Storage, for the staging bucket; null for Google Cloud. */
  readonly storageEndpoint: string | null;
  /** The key that encrypts tables and results; null for Google's own. */
  readonly kmsKeyName: string | null;
  /** The most bytes that one query may read, as text; null for no limit. */
  readonly maximumBytesBilled: string | null;
}

/** The largest gzip object that BigQuery accepts: https://cloud.google.com/bigquery/quotas#load_jobs */
const largestGzip = 4 * 1024 ** 3;

/**
 * Opens BigQuery as a warehouse. Months are staged beside the table by load jobs, several at once, and replaced by one
 * transaction each; the jobs of a killed run are resumed. `holder` is this process;
 * `views` are made by `refreshViews`.
 * Errors, also of all later work: CREDENTIALS_INVALID, CONFIG_INVALID, WAREHOUSE_DENIED, WAREHOUSE_NOT_FOUND,
 * WAREHOUSE_UNAVAILABLE, WAREHOUSE_UNSUPPORTED, LOCATION_MISMATCH, LIMIT_EXCEEDED, PARTITION_EXPIRED.
 */
export async function openBigquery(
  options: BigqueryOptions,
  mode: OpenMode,
  holder?: Holder,
  views?: ViewSource,
): Promise<FullWarehouse> {
  const connection = await openConnection(options);
  const { stagingBucket } = options;
  const description = `BigQuery ${connection.project}`;
  const workFolder = mode === "write" ? await makeWorkFolder(holder?.pid ?? null) : null;
  const working = new Set<Promise<unknown>>();
  const known = new Map<string, { readonly table: Table; readonly months: Map<string, string> }>();
  /** The tables of each pipeline as its ledger found them, until this process changes one: a run without loads needs them again. */
  const unchanged = new Map<string, CompanionTables>();
  let last: Promise<unknown> = Promise.resolve();

  const bucket = stagingBucket === null ? null : openStagingBucket({ ...options, stagingBucket });
  const settings: Settings = {
    connection,
    location: options.location,
    kmsKeyName: options.kmsKeyName,
    maximumBytesBilled: options.maximumBytesBilled,
    stateDatasets: new Map(),
    queue(work) {
      const result = last.then(work);
      last = result.catch(() => undefined);
      return result;
    },
  };
  if (mode === "write") reachPoint("opened");

  async function run<T>(work: () => Promise<T>): Promise<T> {
    connection.throwIfClosing();
    const result = work().catch((error: unknown) => {
      throw translateFailure(error, description);
    });
    const settled = result.catch(() => undefined);
    working.add(settled);
    void settled.then(() => working.delete(settled));
    return result;
  }

  function write<T>(work: () => Promise<T>): Promise<T> {
    if (mode !== "write") throw new TypeError(`${description} was opened read-only.`);
    return run(work);
  }

  /** As `write`, for work that may change a table, or one that several share. */
  function change<T>(work: () => Promise<T>): Promise<T> {
    unchanged.clear();
    return write(work);
  }

  function remember(table: Table, months: readonly (readonly [string, string])[]): void {
    const key = tableKey(table, connection.project);
    const before = known.get(key)?.months ?? [];
    known.set(key, { table, months: new Map([...before, ...months]) });
  }

  return {
    description,
    // Its readers and writers never lock each other out.
    source: databaseItself,
    destinationType: "dlt.destinations.bigquery",
    decimalScale: 38,
    workFolder,
    loadsInParallel: true,
    locksOutWriters: false,
    billedBytes,
    writeParquet: null,
    queryBytes: (sql, querySettings = {}) => run(() => queryBytes(settings, sql, options.location, querySettings)),

    reads: canRead,

    async ledger(table) {
      const ledger = await run(async () => {
        const companions = await findCompanions(settings, table);
        unchanged.set(tableKey(table, connection.project), companions);
        return readLedger(settings, table, companions);
      });
      remember(
        table,
        ledger.receipts.map(({ billingMonth, loadId }) => [billingMonth, loadId]),
      );
      return ledger;
    },

    prepare: (table, wanted) =>
      change(async () => {
        await prepareTable(settings, table, wanted);
        const bill = wanted.keepsPrevious ? await findBillingTable(settings, table) : null;
        if (bill !== null) await preparePrevious(settings, table, bill, wanted.partitionColumn);
      }),

    async replaceMonth(replacement, settle) {
      const { load, loadId } = await change(() => replaceMonth(settings, bucket, replacement, settle));
      remember(replacement.table, [[replacement.billingMonth, loadId]]);
      return load;
    },

    append: (table, settle) =>
      write(async () => {
        const before = unchanged.get(tableKey(table, connection.project));
        const isWhole = before !== undefined && haveState(before);
        const companions = await prepareState(settings, table, isWhole ? { before } : {});
        if (!isWhole) unchanged.delete(tableKey(table, connection.project));
        await settings.queue(() =>
          commitPackage(settings, {
            table,
            companions,
            location: companions.location,
            jobPrefix: `billhouse_append_${randomUUID()}`,
            labels: { billhouse: "append", table: table.name },
            replaced: null,
            statements: () => [],
            settle: async (current) => settle(current),
          }),
        );
      }),

    publish: () =>
      write(async () => {
        reachPoint("before-publish");
        await dropLeftovers(settings, known, new Date());
        await bucket?.removeOld();
        reachPoint("after-publish");
      }),

    async close() {
      connection.close();
      await Promise.all(working);
      if (workFolder !== null) await rm(workFolder, { recursive: true, force: true });
    },

    measuring: {
      monthsIn: (table, partitionColumn) => run(() => monthsIn(settings, table, partitionColumn)),
      measureMonth: (month) => run(() => measureMonth(settings, month)),
      costsBy: (month, columns) => run(() => costsBy(settings, month, columns)),
    },

    previous: {
      history: (table, month) => run(() => readHistory(settings, table, month)),
      rows: (table, partitionColumn) => run(() => previousRows(settings, table, partitionColumn)),

      async restoreMonth(restoration, settle) {
        const committed = await change(() => restoreMonth(settings, restoration, settle));
        if (committed === null) return null;
        remember(restoration.table, [[restoration.billingMonth, committed.loadId]]);
        return committed.load;
      },
    },

    migration: {
      pendingSteps: (table, partitioning) => run(() => pendingSteps(settings, table, partitioning)),
      migrate: (table, step) => change(() => settings.queue(() => migrate(settings, table, step))),
    },

    async refreshViews() {
      return views === undefined ? [] : write(() => refreshViews(settings, views, known));
    },

    doctor: (tables) => run(() => doctor(settings, bucket, tables, description)),

    async *query(sql, querySettings = {}) {
      connection.throwIfClosing();
      try {
        yield* runQuery(settings, sql, options.location, querySettings);
      } catch (error) {
        throw translateFailure(error, description);
      }
    },
  };
}

/** BigQuery reads some names as patterns or changes them, so it cannot load such files; it also does not read zip. */
function canRead(url: string, { key, size }: DataFile, compression?: Compression): boolean {
  const known = compression ?? (/\.gz$/i.test(key) ? "gzip" : /\.zip$/i.test(key) ? "zip" : "none");
  if (known === "zip" || (known === "gzip" && size > largestGzip)) return false;
  return url.startsWith("gs://") && !/\*|\/\/|^\/|^\s|\s$/.test(key);
}
