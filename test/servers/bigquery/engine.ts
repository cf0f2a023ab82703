import { type DuckDBConnection, DuckDBInstance, type DuckDBResultReader } from "@duckdb/node-api";

import { registerNatives } from "./natives.ts";

/** The DuckDB in memory that does the work. */
export interface Engine {
  /** Another connection with its own transaction; the caller closes it. */
  connect(): Promise<DuckDBConnection>;
  /** Runs one statement on a connection that all share, after those that were asked for before. */
  run(sql: string): Promise<DuckDBResultReader>;
  /** How many rows each of some tables has for everybody, in their order. */
  count(tables: readonly string[]): Promise<readonly number[]>;
  /** Says that another connection has changed what everybody sees: rows are counted again. */
  changed(): void;
  close(): Promise<void>;
}

/** Starts DuckDB. */
export async function createEngine(): Promise<Engine> {
  const instance = await DuckDBInstance.create(":memory:", { autoinstall_known_extensions: "false", threads: "1" });
  const shared = await instance.connect();
  registerNatives(shared);
  // A transaction of DuckDB begins with the first table it reads.
  await shared.run(`CREATE TABLE main."pin" (x BIGINT)`);
  await shared.run("SET GLOBAL TimeZone = 'UTC'");
  // To find what long statements over views compute twice takes DuckDB longer than to compute it, for thousands of rows too.
  await shared.run("SET GLOBAL disabled_optimizers = 'common_subexpressions'");
  let last: Promise<unknown> = Promise.resolve();
  let counts = new Map<string, number>();
  const changed = (): void => void (counts = new Map());
  const run = async (sql: string): Promise<DuckDBResultReader> => {
    const next = last.then(() => shared.runAndReadAll(sql));
    last = next.catch(() => undefined);
    try {
      return await next;
    } finally {
      if (!sql.startsWith("SELECT ")) changed();
    }
  };
  return {
    connect: () => instance.connect(),
    run,
    async count(tables) {
      // Counts of before a change end up in the map that it threw away.
      const known = counts;
      const unknown = [...new Set(tables)].filter((table) => !known.has(table));
      if (unknown.length > 0) {
        const questions = unknown.map((table) => `(SELECT count(*) FROM ${table})`);
        const [row = []] = (await run(`SELECT ${questions.join(", ")}`)).getRows();
        for (const [index, table] of unknown.entries()) known.set(table, Number(row[index]));
      }
      return tables.map((table) => known.get(table) ?? 0);
    },
    changed,
    async close() {
      await last;
      shared.closeSync();
      instance.closeSync();
    },
  };
}
