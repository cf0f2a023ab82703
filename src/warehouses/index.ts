import type { BigqueryOptions } from "./bigquery/driver.ts";
import type { DuckdbOptions } from "./duckdb/driver.ts";
import type { Holder, OpenMode, Warehouse } from "./warehouse.ts";

/** Where rows go, by kind: `DuckdbConfig` and `BigqueryConfig` of the configuration fit. */
export type WarehouseOptions =
  | ({ readonly kind: "duckdb" } & DuckdbOptions)
  | ({ readonly kind: "bigquery" } & BigqueryOptions);

/**
 * Opens the warehouse of a configuration; its driver, and the SDK behind it, is loaded only now. `holder` is this
 * process: the message of another process that finds the warehouse locked names it, and its leftovers carry its number.
 * Errors: those of the driver.
 */
export async function openWarehouse(options: WarehouseOptions, mode: OpenMode, holder?: Holder): Promise<Warehouse> {
  if (options.kind === "duckdb") {
    const { openDuckdb } = await import("./duckdb/driver.ts");
    return openDuckdb(holder === undefined ? options : { ...options, holder }, mode);
  }
  const { openBigquery } = await import("./bigquery/driver.ts");
  return openBigquery(options, mode, holder);
}
