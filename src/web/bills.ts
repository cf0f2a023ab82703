import { stat } from "node:fs/promises";
import type { Config, DuckdbConfig } from "../config/config.ts";
import { bindWarehouse } from "../pipeline/open.ts";
import { readCopyPath } from "../warehouses/duckdb/paths.ts";
import { openWarehouse } from "../warehouses/index.ts";
import { createMemory, createQueue, remembering } from "./memory.ts";

/** The bills that the dashboard reads. It always sees the newest publication. */
export interface OpenBills {
  /** Gives `use` the newest publication, which stays open until `use` has finished. */
  read<T>(use: (publication: Publication) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** One publication of the bills: what a run has published, until the next one does. */
export interface Publication {
  /** Differs from that of every other publication. */
  readonly id: string;
  /** When it was published, ISO 8601; null where the warehouse does not say. */
  readonly publishedAt: string | null;
  /** Asks a question with a configuration that is bound to the publication, and returns the statements that it took. */
  ask<T>(question: (config: Config) => Promise<T>): Promise<Answered<T>>;
  /** Keeps what was computed from this publication. */
  remember<T>(question: string, answer: () => Promise<T>): Promise<T>;
}

/** An answer and the SQL that it was computed from. */
export interface Answered<T> {
  readonly result: T;
  readonly statements: readonly string[];
}

/** Answers that are kept: each of them is a small table. */
const mostAnswers = 500;

/**
 * Opens the bills of a configuration for a server. Of a DuckDB file only the published copy is opened, so that runs are never
 * locked out. Nothing is opened before it is read. Errors of `read`: WAREHOUSE_NOT_FOUND where nothing is published, and those
 * of opening the warehouse.
 */
export function openBills(config: Config): OpenBills {
  const serving = forServing(config);
  let current: Opened | undefined;
  let opening: Promise<Opened> | undefined;

  /** The newest publication, held. */
  async function newest(): Promise<Opened> {
    const { id, publishedAt } = await publicationOf(serving);
    if (current?.publication.id !== id) {
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
    async read(use) {
      const opened = await newest();
      try {
        return await use(opened.publication);
      } finally {
        await opened.release();
      }
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
  readonly publication: Publication;
  hold(): void;
  release(): Promise<void>;
}

async function open(config: Config, id: string, publishedAt: string | null): Promise<Opened> {
  const warehouse = await openWarehouse(config.warehouse, "reader");
  const [memory, queue] = [createMemory(mostAnswers), createQueue()];
  let holders = 1;
  return {
    publication: {
      id,
      publishedAt,
      remember: memory.remember,
      async ask(question) {
        const statements: string[] = [];
        const onStatement = (sql: string): void => void statements.push(sql);
        const bound = bindWarehouse(config, remembering(warehouse, { memory, queue, onStatement }));
        return { result: await question(bound), statements };
      },
    },
    hold: () => (holders += 1),
    async release() {
      holders -= 1;
      if (holders === 0) await warehouse.close();
    },
  };
}

/** The published copy of a DuckDB file is replaced by a new file, which differs in its number, its size or its time. */
async function publicationOf({ warehouse }: Config): Promise<Pick<Publication, "id" | "publishedAt">> {
  if (warehouse.kind !== "duckdb") return { id: "bigquery", publishedAt: null };
  const found = await stat(readCopyPath(warehouse.path), { bigint: true }).catch(() => undefined);
  if (found === undefined) return { id: "none", publishedAt: null };
  return { id: [found.dev, found.ino, found.size, found.mtimeNs].join(" "), publishedAt: found.mtime.toISOString() };
}

/** A server shares its machine with others: without a `memory_limit`, DuckDB takes little memory. */
function forServing(config: Config): Config {
  if (config.warehouse.kind !== "duckdb") return config;
  const warehouse: DuckdbConfig = { ...config.warehouse, memoryLimit: config.warehouse.memoryLimit ?? "300MB" };
  return { ...config, warehouse };
}
