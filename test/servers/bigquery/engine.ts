import { type DuckDBConnection, DuckDBInstance, type DuckDBResultReader } from "@duckdb/node-api";

import { registerNatives } from "./natives.ts";

/** The DuckDB in memory that does the work. */
export interface Engine {
  /** Another connection with its own transaction; the caller closes it. */
  connect(): Promise<DuckDBConnection>;
  /** Runs one statement on a connection that all share, after those that were asked for before. */
  run(sql: string): Promise<DuckDBResultReader>;
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
  let last: Promise<unknown> = Promise.resolve();
  return {
    connect: () => instance.connect(),
    async run(sql) {
      const next = last.then(() => shared.runAndReadAll(sql));
      last = next.catch(() => undefined);
      return next;
    },
    async close() {
      await last;
      shared.closeSync();
      instance.closeSync();
    },
  };
}
