import type { DuckDBConnection } from "@duckdb/node-api";
import type { FullWarehouse, OpenMode } from "../warehouse.ts";
import { doctor } from "./doctor.ts";
import { readCurrentState, readHistory, readLedger, takeCommitLock, writePackage } from "./ledger.ts";
import { costsBy, measureMonth, monthsIn } from "./measure.ts";
import { migrate, pendingSteps } from "./migrate.ts";
import { type DuckdbOptions, openDatabase } from "./opening.ts";
import { previousRows, restoreMonth } from "./previous.ts";
import { createPublisher } from "./publish.ts";
import { runQuery } from "./query.ts";
import { replaceMonth } from "./replace.ts";
import { prepareState, prepareTable } from "./schema.ts";
import { castMacros } from "./sql.ts";
import { refreshViews } from "./views.ts";

export type { DuckdbOptions } from "./opening.ts";

/**
 * Opens a DuckDB file as a warehouse. One process writes at a time; readers use a copy beside it (`reader`), which
 * `publish` brings up to date. Writing operations of one warehouse wait for each other.
 * Errors: WAREHOUSE_LOCKED, WAREHOUSE_NOT_FOUND, WAREHOUSE_DENIED, WAREHOUSE_UNSUPPORTED, WAREHOUSE_FULL,
 * CONFIG_INVALID.
 */
export async function openDuckdb(options: DuckdbOptions, mode: OpenMode): Promise<FullWarehouse> {
  const database = await openDatabase(options, mode);
  const { description, source, workFolder } = database;
  const publisher = workFolder === null ? undefined : await createPublisher(database, workFolder);

  function write<T>(work: () => Promise<T>): Promise<T> {
    if (mode !== "write") throw new TypeError(`${description} was opened read-only.`);
    return database.queue(work);
  }

  function measuring<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return database.use(async (connection) => {
      for (const macro of castMacros) await connection.run(macro);
      return work(connection);
    });
  }

  return {
    description,
    source,
    destinationType: "dlt.destinations.duckdb",
    decimalScale: 18,
    workFolder,
    loadsInParallel: false,
    billedBytes: null,

    reads: () => false,

    ledger: (table) => database.use((connection) => readLedger(connection, table)),

    prepare: (table, change) =>
      write(() => database.transact((connection) => prepareTable(connection, table, change, database.views))),

    replaceMonth: (replacement, settle) => write(() => replaceMonth(database, replacement, settle)),

    async append(table, settle) {
      await write(() =>
        database.transact(async (connection) => {
          await prepareState(connection, table);
          await takeCommitLock(connection, table);
          await writePackage(connection, table, settle(await readCurrentState(connection, table)));
        }),
      );
    },

    async publish(since) {
      await write(async () => publisher?.publish(since));
    },

    async close() {
      await database.close();
      await publisher?.close();
    },

    measuring: {
      monthsIn: (table, column) => database.use((connection) => monthsIn(connection, table, column)),
      measureMonth: (month) => measuring((connection) => measureMonth(connection, month)),
      costsBy: (month, columns) => measuring((connection) => costsBy(connection, month, columns)),
    },

    previous: {
      history: (table, month) => database.use((connection) => readHistory(connection, table, month)),
      rows: (table, column) => database.use((connection) => previousRows(connection, table, column)),
      restoreMonth: (restoration, settle) => write(() => restoreMonth(database, restoration, settle)),
    },

    migration: {
      pendingSteps: (table) => database.use((connection) => pendingSteps(connection, table)),
      migrate: (table, step) =>
        write(() =>
          database.transact(async (connection) => {
            const outcome = await migrate(connection, table, step);
            if (database.views !== null) await refreshViews(connection, database.views);
            return outcome;
          }),
        ),
    },

    async refreshViews() {
      const { views } = database;
      return views === null ? [] : write(() => database.transact((connection) => refreshViews(connection, views)));
    },

    doctor: () => doctor(database, options.path),

    query: (sql, settings = {}) =>
      database.stream((connection) => runQuery(connection, sql, { ...settings, explains: mode !== "write" })),
  };
}
