import { stat } from "node:fs/promises";
import { monthsStatement } from "../answers/charges.ts";
import type { Config } from "../config/config.ts";
import { bytesInWords } from "../drawing/figures.ts";
import { BillhouseError } from "../errors.ts";
import { bindWarehouse, withMemoryLimit } from "../pipeline/open.ts";
import { readCopyPath } from "../warehouses/duckdb/paths.ts";
import { openWarehouse } from "../warehouses/index.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import { createMemory, createQueue, estimating, type Queue, remembering } from "./memory.ts";

/** The bills that the dashboard reads. It always sees the newest publication. */
export interface OpenBills {
  /**
   * Gives `use` the newest publication, which stays open until `use` has finished. Where queries are billed, `use` is called
   * before with a publication that only estimates them: it must do nothing but ask.
   */
  read<T>(use: (publication: Publication) => Promise<T>, allowedBytes?: number): Promise<T>;
  /** The newest publication where nothing is billed for reading it; null where there is none, and where queries are billed. */
  newestWithoutBill(): Promise<string | null>;
  close(): Promise<void>;
}

/** One publication of the bills: what a run has published, until the next one does. */
export interface Publication {
  /** When it was published, ISO 8601; null where the warehouse does not say. */
  readonly publishedAt: string | null;
  /** Asks a question with a configuration that is bound to the publication, and returns the statements that it took. */
  ask<T>(question: (config: Config) => Promise<T>): Promise<Answered<T>>;
  /** Keeps what was computed from this publication. */
  remember<T>(this: void, question: string, answer: () => Promise<T>): Promise<T>;
}

/** An answer and the SQL that it was computed from. */
export interface Answered<T> {
  readonly result: T;
  readonly statements: readonly string[];
}

/** Answers that are kept: each of them is a small table. */
const mostAnswers = 500;

/** What a server decides about reading. */
export interface ReadingRules {
  readonly now: () => Date;
  /** The most bytes that a page may bill without being asked for it; only warehouses that bill queries. */
  readonly maxBytes: number;
}

/** How long what BigQuery says is kept. Afterwards the same statements are free as long as no table has changed. */
const bigqueryAge = 600_000;

/**
 * Opens the bills of a configuration for a server. Of a DuckDB file only the published copy is opened, so that runs are never
 * locked out. Nothing is opened before it is read. Errors of `read`: WAREHOUSE_NOT_FOUND where nothing is published,
 * LIMIT_EXCEEDED for what would bill more bytes than allowed, with `{bytes}` as its cause, and those of opening the warehouse.
 */
export function openBills(config: Config, { now, maxBytes }: ReadingRules): OpenBills {
  // A server shares its machine with others.
  const serving = withMemoryLimit(config, "256MB");
  let current: Opened | undefined;
  let opening: Promise<Opened> | undefined;

  /** The newest publication, held. */
  async function newest(): Promise<Opened> {
    const { id, publishedAt } = await publicationOf(serving, now());
    if (current?.id !== id) {
      opening ??= open(serving, id, publishedAt).finally(() => (opening = undefined));
      const opened = await opening;
      if (current !== opened) {
        const old = current;
        current = opened;
        void old?.release();
      }
    }
    current.hold();
    return current;
  }

  return {
    async read(use, allowedBytes = 0) {
      const opened = await newest();
      try {
        const bytes = await opened.bytesOf(use);
        if (bytes > Math.max(maxBytes, allowedBytes)) throw tooManyBytes(bytes);
        return await use(opened.publication);
      } finally {
        await opened.release();
      }
    },
    async newestWithoutBill() {
      const { id, publishedAt } = await publicationOf(serving, now());
      return publishedAt === null ? null : id;
    },
    async close() {
      const last = current;
      current = undefined;
      await last?.release();
    },
  };
}

/** A publication that is open. The one who opened it and each who reads it hold it; the last one to release it closes it. */
interface Opened {
  readonly id: string;
  readonly publication: Publication;
  /** What `use` would bill; 0 for a warehouse that does not bill queries. */
  bytesOf(use: (publication: Publication) => Promise<unknown>): Promise<number>;
  hold(): void;
  release(): Promise<void>;
}

async function open(config: Config, id: string, publishedAt: string | null): Promise<Opened> {
  const warehouse = await openWarehouse(config.warehouse, "reader");
  const { queryBytes } = warehouse;
  const memory = createMemory(mostAnswers);
  // Statements of BigQuery run elsewhere, so that none has to wait.
  const queue: Queue = queryBytes === null ? createQueue() : (work) => work();
  let holders = 1;

  function publicationFrom(
    warehouseOf: (onStatement: (sql: string) => void) => Warehouse,
    remember: Publication["remember"],
  ): Publication {
    return {
      publishedAt,
      remember,
      async ask(question) {
        const statements: string[] = [];
        const bound = bindWarehouse(
          config,
          warehouseOf((sql) => void statements.push(sql)),
        );
        return { result: await question(bound), statements };
      },
    };
  }

  return {
    id,
    publication: publicationFrom(
      (onStatement) => remembering(warehouse, { memory, queue, onStatement }),
      memory.remember,
    ),
    async bytesOf(use) {
      if (queryBytes === null) return 0;
      let bytes = 0;
      const onBytes = (more: number): unknown => (bytes += more);
      const estimated = estimating(warehouse, memory, { small: monthsStatement(config), bytesOf: queryBytes, onBytes });
      // Without rows an answer may fail; when it is asked for its rows, its error is shown.
      const onlyKnown: Publication["remember"] = (question, answer) =>
        memory.has(question) ? memory.remember(question, answer) : answer();
      await use(publicationFrom(() => estimated, onlyKnown)).catch(() => undefined);
      return bytes;
    },
    hold: () => (holders += 1),
    async release() {
      holders -= 1;
      if (holders === 0) await warehouse.close();
    },
  };
}

function tooManyBytes(bytes: number): BillhouseError {
  return new BillhouseError("LIMIT_EXCEEDED", `BigQuery would bill ${bytesInWords(bytes)} for this.`, {
    hint: "Confirm it, choose a shorter period, or raise --max-bytes of billhouse serve.",
    cause: { bytes },
  });
}

/** Which publication is the newest. The copy of a DuckDB file is replaced by a new file with another number, size or time. */
async function publicationOf(
  { warehouse }: Config,
  now: Date,
): Promise<{ readonly id: string; readonly publishedAt: string | null }> {
  if (warehouse.kind !== "duckdb") {
    return { id: `bigquery ${Math.floor(now.getTime() / bigqueryAge)}`, publishedAt: null };
  }
  const found = await stat(readCopyPath(warehouse.path), { bigint: true }).catch(() => undefined);
  if (found === undefined) return { id: "none", publishedAt: null };
  return { id: [found.dev, found.ino, found.size, found.mtimeNs].join(" "), publishedAt: found.mtime.toISOString() };
}
