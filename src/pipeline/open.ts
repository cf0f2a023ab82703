import type { Config } from "../config/config.ts";
import { interrupted as stopped } from "../errors.ts";
import { openWarehouse } from "../warehouses/index.ts";
import type { Holder, Warehouse } from "../warehouses/warehouse.ts";

/** Options for opening a warehouse. */
export interface OpenOptions {
  /** Closes the warehouse at once, so that a statement over millions of rows is interrupted too. */
  readonly signal?: AbortSignal | undefined;
  /** The process shown to others that find the warehouse locked. */
  readonly holder?: Holder | undefined;
  /** The message of INTERRUPTED when the signal has stopped `use`. */
  readonly interrupted?: () => { readonly message: string; readonly hint: string };
}

/**
 * Opens the warehouse, gives it to `use`, and closes it. Errors: those of opening the warehouse and of `use`; INTERRUPTED
 * instead of the error of `use` after the signal was aborted.
 */
export async function withWarehouse<T>(
  config: Config,
  mode: "read" | "write",
  use: (warehouse: Warehouse) => Promise<T>,
  { signal, holder, interrupted }: OpenOptions = {},
): Promise<T> {
  const views = mode === "write" ? await (await import("./views/source.ts")).focusViewSource(config) : undefined;
  const warehouse = await openWarehouse(config.warehouse, mode, holder, views);
  const stop = (): void => void warehouse.close();
  signal?.addEventListener("abort", stop);
  try {
    // It may have been aborted while the warehouse was locked.
    signal?.throwIfAborted();
    return await use(warehouse);
  } catch (error) {
    if (signal?.aborted !== true || interrupted === undefined) throw error;
    const { message, hint } = interrupted();
    throw stopped(message, { hint, cause: error });
  } finally {
    signal?.removeEventListener("abort", stop);
    await warehouse.close();
  }
}

/** What an answer was read from. Every command that only reads works while a run is at work, and reports it. */
export interface ReadSource {
  /** `published copy`: what the last run published, because another process has the database open to write. */
  readonly readFrom: "database" | "published copy";
  /** When the copy was published, ISO 8601; null for the database itself, and where nothing has been published yet. */
  readonly publishedAt: string | null;
  /** Which process has the database open to write, in a sentence; null where none is in the way. */
  readonly lockedBy: string | null;
}

/** The configuration with a limit of DuckDB's memory, as in `512MB`, where it does not set one. */
export function withMemoryLimit(config: Config, limit: string): Config {
  const { warehouse } = config;
  if (warehouse.kind !== "duckdb" || warehouse.memoryLimit !== null) return config;
  return { ...config, warehouse: { ...warehouse, memoryLimit: limit } };
}

/** Warehouses that stay open, by the configurations that are bound to them. */
const bound = new WeakMap<Config, Warehouse>();

/**
 * The configuration, bound to an open warehouse: `reading` then reads that one, and neither opens nor closes any. For a server,
 * which gives many answers from one warehouse. The caller closes it.
 */
export function bindWarehouse(config: Config, warehouse: Warehouse): Config {
  const copy = { ...config };
  bound.set(copy, warehouse);
  return copy;
}

/**
 * Opens the warehouse to read the loaded data, closes it, and returns the result of `use` with its source. Nothing is
 * written. Aborting the signal closes a warehouse that was opened. Errors: those of opening the warehouse and of `use`.
 */
export async function reading<T extends object>(
  config: Config,
  use: (warehouse: Warehouse) => Promise<T>,
  signal?: AbortSignal,
): Promise<T & ReadSource> {
  const read = async (warehouse: Warehouse): Promise<T & ReadSource> => {
    const { from, publishedAt, lockedBy } = warehouse.source;
    return { readFrom: from, publishedAt, lockedBy, ...(await use(warehouse)) };
  };
  const open = bound.get(config);
  return open === undefined ? withWarehouse(config, "read", read, { signal }) : read(open);
}
