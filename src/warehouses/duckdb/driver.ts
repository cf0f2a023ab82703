import type { DuckDBConnection } from "@duckdb/node-api";
import type { FullWarehouse, OpenMode } from "../warehouse.ts";
import { type DuckdbOptions, openDatabase } from "./opening.ts";
import { castMacros } from "./sql.ts";

export type { DuckdbOptions } from "./opening.ts";

/**
 * Opens a DuckDB file as a warehouse. One process writes at a time; readers use a copy beside it (`reader`), which
 * `publish` brings up to date. Writing operations of one warehouse wait for each other.
 * Errors: WAREHOUSE_LOCKED, WAREHOUSE_NOT_FOUND, WAREHOUSE_DENIED, WAREHOUSE_UNSUPPORTED, WAREHOUSE_FULL,
 * CONFIG_INVALID.
 */
export async function openDuckdb(options: DuckdbOptions, mode: OpenMode): Promise<FullWarehouse> {
  const onOpening = (): void => {
    // What every command but a query needs next.
    if (mode !== "reader") import("./every-run.ts").catch(() => undefined);
  };
  const database = await openDatabase({ ...options, onOpening }, mode);
  const { description, source, workFolder } = database;
  const publisher =
    workFolder === null ? undefined : await (await import("./every-run.ts")).createPublisher(database, workFolder);

  function write<T>(work: () => Promise<T>): Promise<T> {
    if (mode !== "write") throw new TypeError(`${description} was opened read-only.`);
    return database.queue(work);
  }

  function transact<T>(work: (connection: DuckDBConnection) => Promise<T>, without?: "macros"): Promise<T> {
    return write(() => database.transact(work, without));
  }

  function measuring<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return database.use(async (connection) => {
      for (const macro of castMacros) await connection.run(macro);
      return work(connection);
    });
  }

  // Each method loads its file when it is called: a query needs one of them, and all of them take longer than the query.
  return {
    description,
    source,
    destinationType: "dlt.destinations.duckdb",
    decimalScale: 18,
    workFolder,
    loadsInParallel: false,
    locksOutWriters: true,
    billedBytes: null,
    queryBytes: null,
    // Readers must not reach files.
    writeParquet:
      database.mode === "reader"
        ? null
        : (sql, folder) =>
            database.use(async (connection) => (await import("./query.ts")).writeParquet(connection, sql, folder)),

    reads: () => false,

    ledger: (table) =>
      database.use(async (connection) => (await import("./every-run.ts")).readLedger(connection, table)),

    prepare: (table, change) =>
      transact(async (connection) =>
        (await import("./every-run.ts")).prepareTable(connection, table, change, database.views),
      ),

    replaceMonth: (replacement, settle) =>
      write(async () => (await import("./replace.ts")).replaceMonth(database, replacement, settle)),

    append: (table, settle) =>
      transact(async (connection) => {
        const { prepareState, readCurrentState, takeCommitLock, writePackage } = await import("./every-run.ts");
        const tracking = await prepareState(connection, table);
        await takeCommitLock(connection, table);
        await writePackage(connection, table, settle(await readCurrentState(connection, table)), tracking);
      }, "macros"),

    publish: (since) => write(async () => publisher?.publish(since)),

    async close() {
      await database.close();
      await publisher?.close();
    },

    measuring: {
      monthsIn: (table, column) =>
        database.use(async (connection) => (await import("./measure.ts")).monthsIn(connection, table, column)),
      measureMonth: (month) =>
        measuring(async (connection) => (await import("./measure.ts")).measureMonth(connection, month)),
      costsBy: (month, columns) =>
        measuring(async (connection) => (await import("./measure.ts")).costsBy(connection, month, columns)),
    },

    previous: {
      history: (table, month) =>
        database.use(async (connection) => (await import("./every-run.ts")).readHistory(connection, table, month)),
      rows: (table, column) =>
        database.use(async (connection) => (await import("./previous.ts")).previousRows(connection, table, column)),
      restoreMonth: (restoration, settle) =>
        write(async () => (await import("./previous.ts")).restoreMonth(database, restoration, settle)),
    },

    migration: {
      pendingSteps: (table) =>
        database.use(async (connection) => (await import("./migrate.ts")).pendingSteps(connection, table)),
      migrate: (table, step) =>
        transact(async (connection) => {
          const outcome = await (await import("./migrate.ts")).migrate(connection, table, step);
          if (database.views !== null) await (await import("./every-run.ts")).refreshViews(connection, database.views);
          return outcome;
        }),
    },

    async refreshViews() {
      const { views } = database;
      if (views === null) return [];
      const { compareViews, rebuildMonth, refreshViews, writeNote } = await import("./every-run.ts");
      // Meanwhile DuckDB writes what was committed into the file, which otherwise closes it only then.
      let [found] = await Promise.all([
        database.use((connection) => compareViews(connection, views)),
        write(() => database.checkpoint()),
      ]);
      const { problems } = found;
      const failures: unknown[] = [];
      // Building the months of actual and amortized cost can show that others must be built again.
      for (let pass = 0; pass < 3 && failures.length === 0; pass += 1) {
        if (!found.isCurrent) await transact((connection) => refreshViews(connection, views), "macros");
        else if (found.stale.length === 0) break;
        for (const each of found.stale) {
          // A month that cannot be built does not keep the others from it.
          await transact((connection) => rebuildMonth(connection, views, each), "macros").catch((error: unknown) => {
            failures.push(error);
          });
        }
        found = await database.use((connection) => compareViews(connection, views));
      }
      if (failures.length > 0) throw failures[0];
      const { note } = found;
      if (note !== null) {
        await transact((connection) => writeNote(connection, note), "macros");
      }
      return problems;
    },

    doctor: async () => (await import("./doctor.ts")).doctor(database, options.path),

    query: (sql, settings = {}) =>
      database.stream(async function* (connection) {
        const { runQuery } = await import("./query.ts");
        yield* runQuery(connection, sql, { ...settings, explains: mode !== "write" });
      }),
  };
}
