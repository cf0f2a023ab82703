import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import type { Compression, DataFile, Table } from "../../model.ts";
import { openBucket } from "./replace/bucket.ts";
import type { ConnectionOptions } from "./api/client.ts";
import { commitPackage } from "./commit/commits.ts";
import { costsBy, measureMonth, monthsIn } from "./measure.ts";
import { examine } from "./doctor.ts";
import { translateFailure } from "./api/failures.ts";
import { keptMonths } from "./previous/kept.ts";
import { readHistory, readLedger } from "./ledger.ts";
import { type LoadSettings, replaceMonth } from "./replace/replace-month.ts";
import { migrate, pendingSteps } from "./migrate/migration.ts";
import { dropLeftovers } from "./cleanup.ts";
import { askQuestion } from "./query.ts";
import { openConnection } from "./api/rest.ts";
import { restoreMonth } from "./previous/restore.ts";
import { prepareState, prepareTable, type SchemaSettings } from "./schema.ts";
import { reachPoint } from "../points.ts";
import type { FullWarehouse, Holder, OpenMode } from "../warehouse.ts";
import { makeWorkFolder } from "../work-folders.ts";

/** How to reach BigQuery, and what to do there. */
export interface BigqueryOptions extends ConnectionOptions {
  /** Where datasets are made: `EU`, `europe-west3`. Jobs run where their dataset lies. */
  readonly location: string;
  /** Bucket through which files go that are not in Cloud Storage; null where there is none. */
  readonly stagingBucket: string | null;
  /** Base address of an emulator of Cloud Storage, for the staging bucket; null for Google Cloud. */
  readonly storageEndpoint: string | null;
  /** The key that tables and results are encrypted with; null for Google's own. */
  readonly kmsKeyName: string | null;
  /** The most bytes that one query may read, as text; null for no limit. */
  readonly maximumBytesBilled: string | null;
}

/** The largest object with gzip in it that BigQuery takes: https://cloud.google.com/bigquery/quotas#load_jobs */
const largestGzip = 4 * 1024 ** 3;

/**
 * Opens BigQuery as a warehouse. Months are staged beside the table by load jobs, several at once, and replaced by one
 * transaction each; a run that was killed goes on with the jobs that BigQuery has from it. `holder` is this process.
 * Errors, also of all that is done with it: CREDENTIALS_INVALID, CONFIG_INVALID, WAREHOUSE_DENIED, WAREHOUSE_NOT_FOUND,
 * WAREHOUSE_UNAVAILABLE, WAREHOUSE_UNSUPPORTED, LOCATION_MISMATCH, LIMIT_EXCEEDED, PARTITION_EXPIRED.
 */
export async function openBigquery(options: BigqueryOptions, mode: OpenMode, holder?: Holder): Promise<FullWarehouse> {
  const connection = await openConnection(options);
  const { stagingBucket } = options;
  const description = `BigQuery ${connection.project}`;
  const workFolder = mode === "write" ? await makeWorkFolder(holder?.pid ?? null) : null;
  const working = new Set<Promise<unknown>>();
  const known = new Map<string, { readonly table: Table; readonly months: Map<string, string> }>();
  let last: Promise<unknown> = Promise.resolve();

  const settings: LoadSettings & SchemaSettings = {
    connection,
    location: options.location,
    kmsKeyName: options.kmsKeyName,
    maximumBytesBilled: options.maximumBytesBilled,
    uploads: stagingBucket === null ? null : openBucket({ ...options, stagingBucket }),
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
    if (mode !== "write") throw new TypeError(`${description} was opened to read.`);
    return run(work);
  }

  function remember(table: Table, months: readonly (readonly [string, string])[]): void {
    const key = JSON.stringify([table.project, table.dataset, table.name]);
    const before = known.get(key)?.months ?? [];
    known.set(key, { table, months: new Map([...before, ...months]) });
  }

  return {
    description,
    destinationType: "dlt.destinations.bigquery",
    decimalScale: 38,
    workFolder,
    loadsInParallel: true,
    billsBytes: true,

    reads: canRead,

    async ledger(table) {
      const ledger = await run(() => readLedger(settings, table));
      remember(
        table,
        ledger.receipts.map(({ billingMonth, loadId }) => [billingMonth, loadId]),
      );
      return ledger;
    },

    prepare: (table, change) => write(() => prepareTable(settings, table, change)),

    async replaceMonth(replacement, settle) {
      const { load, loadId } = await write(() => replaceMonth(settings, replacement, settle));
      remember(replacement.table, [[replacement.billingMonth, loadId]]);
      return load;
    },

    append: (table, settle) =>
      write(async () => {
        const around = await prepareState(settings, table);
        await settings.queue(() =>
          commitPackage(settings, {
            table,
            around,
            location: around.location,
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
        await settings.uploads?.removeOld();
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
      rows: (table, partitionColumn) => run(() => keptMonths(settings, table, partitionColumn)),

      async restoreMonth(restoration, settle) {
        const committed = await write(() => restoreMonth(settings, restoration, settle));
        if (committed === null) return null;
        remember(restoration.table, [[restoration.billingMonth, committed.loadId]]);
        return committed.load;
      },
    },

    migration: {
      pendingSteps: (table, partitioning) => run(() => pendingSteps(settings, table, partitioning)),
      migrate: (table, step) => write(() => settings.queue(() => migrate(settings, table, step))),
    },

    doctor: (tables) => run(() => examine(settings, tables, description)),

    async *query(sql) {
      connection.throwIfClosing();
      try {
        yield* askQuestion(settings, sql, options.location, connection.project);
      } catch (error) {
        throw translateFailure(error, description);
      }
    },
  };
}

/** Names that BigQuery takes for patterns, or changes, cannot be loaded by their names; and it unpacks no zip. */
function canRead(url: string, { key, size }: DataFile, compression?: Compression): boolean {
  const known = compression ?? (/\.gz$/i.test(key) ? "gzip" : /\.zip$/i.test(key) ? "zip" : "none");
  if (known === "zip" || (known === "gzip" && size > largestGzip)) return false;
  return url.startsWith("gs://") && !/\*|\/\/|^\/|^\s|\s$/.test(key);
}
