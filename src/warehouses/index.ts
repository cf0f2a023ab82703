import type { BigqueryOptions } from "./bigquery/driver.ts";
import type { DuckdbOptions } from "./duckdb/driver.ts";
import type { Holder, OpenMode, Warehouse } from "./warehouse.ts";

/** The settings of a warehouse, by kind: `DuckdbConfig` and `BigqueryConfig` of the configuration match. */
export type WarehouseOptions =
  | ({ readonly kind: "duckdb" } & DuckdbOptions)
  | ({ readonly kind: "bigquery" } & BigqueryOptions);

/**
 * Opens the warehouse of a configuration; its driver and SDK are loaded only now. `holder` is this
 * process: another process that finds the warehouse locked shows it, and leftover files carry its process id.
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
