import type { DuckDBConnection, DuckDBResultReader } from "@duckdb/node-api";

import { queryError, refusalOf } from "./failures.ts";
import { type Table, tableId } from "./table-settings.ts";

/** Commits that changed rows so far, and transactions begun, over all scripts of a server. */
export interface Sequence {
  commits: number;
  transactions: number;
}

/** The transactions of one script: one after the other, each ended by COMMIT or by the end of the script. */
export interface Transactions {
  readonly isOpen: boolean;
  begin(): Promise<void>;
  /** Ends the open transaction; does nothing when there is none. */
  end(how: "COMMIT" | "ROLLBACK"): Promise<void>;
  /**
   * Takes a table to change or delete rows of it. Error: invalidQuery when another transaction did so at the same time.
   * Documented: transactions#transaction_concurrency; UPDATE and DELETE conflict, reading and INSERT do not, and DML
   * outside of a transaction waits. At which statement the later one fails is assumed.
   */
  claim(table: Table): Promise<void>;
  /** Says that rows are about to be added, changed or deleted: what the table was until the commit is remembered. */
  changing(table: Table): Promise<void>;
  /** Says that rows were changed or deleted, where no transaction is open. */
  changed(table: Table): void;
  /** Runs SQL of DuckDB; its errors in the words of BigQuery. */
  execute(sql: string, tables: readonly Table[]): Promise<DuckDBResultReader>;
  /** Has DuckDB plan SQL without running it; its errors in the words of BigQuery. */
  check(sql: string, tables: readonly Table[]): Promise<void>;
}

interface Transaction {
  readonly id: number;
  readonly began: number;
  readonly held: Set<Table>;
  readonly written: Set<Table>;
  readonly ended: Promise<void>;
  finish(): void;
}

/** No transaction yet. */
export function createTransactions(
  connection: DuckDBConnection,
  sequence: Sequence,
  {
    remember,
    afterChange,
  }: {
    readonly remember: (tables: Iterable<Table>) => Promise<void>;
    /** Called after each statement that may have changed rows. */
    readonly afterChange: () => void;
  },
): Transactions {
  let open: Transaction | undefined;

  const inWords = async <T>(work: Promise<T>, tables: readonly Table[]): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw explained(error, tables[0], open?.id ?? ++sequence.transactions);
    }
  };

  const execute: Transactions["execute"] = async (sql, tables) => {
    const reader = await inWords(connection.runAndReadAll(sql), tables);
    if (!sql.startsWith("SELECT ")) afterChange();
    return reader;
  };

  return {
    get isOpen() {
      return open !== undefined;
    },

    async begin() {
      if (open !== undefined) throw queryError("Transaction is already in progress");
      let finish: () => void = () => undefined;
      const ended = new Promise<void>((resolve) => (finish = resolve));
      open = {
        id: ++sequence.transactions,
        began: sequence.commits,
        held: new Set(),
        written: new Set(),
        ended,
        finish,
      };
      await connection.run("BEGIN TRANSACTION");
      // DuckDB takes its snapshot with the first table that is read.
      await connection.run(`SELECT * FROM main."pin"`);
    },

    async end(how) {
      const ending = open;
      if (ending === undefined) return;
      try {
        if (how === "COMMIT") await remember(ending.written);
        await execute(how, [...ending.held]);
        if (how === "COMMIT") for (const table of ending.held) table.lastMutation = ++sequence.commits;
      } finally {
        open = undefined;
        for (const table of ending.held) if (table.holder === ending) delete table.holder;
        ending.finish();
      }
    },

    async claim(table) {
      if (open === undefined) {
        while (table.holder !== undefined) await table.holder.ended;
        return;
      }
      const isTaken = table.holder !== undefined && table.holder !== open;
      if (isTaken || table.lastMutation > open.began) throw aborted(table, open.id);
      table.holder = open;
      open.held.add(table);
    },

    async changing(table) {
      if (open === undefined) await remember([table]);
      else open.written.add(table);
    },

    changed(table) {
      if (open === undefined) table.lastMutation = ++sequence.commits;
    },

    execute,

    async check(sql, tables) {
      (await inWords(connection.prepare(sql), tables)).destroySync();
    },
  };
}

function aborted(table: Table | undefined, id: number): Error {
  const against = table === undefined ? "" : ` against table ${tableId(table)}`;
  return queryError(`Transaction is aborted due to concurrent update${against}. Transaction ID: ${id}`);
}

function explained(error: unknown, table: Table | undefined, id: number): unknown {
  const { message } = refusalOf(error);
  const column = /NOT NULL constraint failed: \w+\.(.+)$/u.exec(message)?.[1];
  if (column !== undefined) return queryError(`Required field ${column} cannot be null`);
  if (/^(?:TransactionContext Error|Transaction)|[Ww]rite-write conflict|Conflict on/u.test(message))
    return aborted(table, id);
  return error;
}
