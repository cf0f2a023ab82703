import type { BigqueryOptions } from "./bigquery/driver.ts";
import type { DuckdbOptions } from "./duckdb/driver.ts";
import type { Holder, OpenMode, ViewSource, Warehouse } from "./warehouse.ts";

/** The settings of a warehouse, by kind: `DuckdbConfig` and `BigqueryConfig` of the configuration match. */
export type WarehouseOptions =
  | ({ readonly kind: "duckdb" } & DuckdbOptions)
  | ({ readonly kind: "bigquery" } & BigqueryOptions);

/**
 * Opens the warehouse of a configuration; its driver and SDK are loaded only now. `holder` is this
 * process: another process that finds the warehouse locked shows it, and leftover files carry its process id. `views`
 * are kept current with the tables.
 * Errors: those of the driver.
 */
export async function openWarehouse(
  options: WarehouseOptions,
  mode: OpenMode,
  holder?: Holder,
  views?: ViewSource,
): Promise<Warehouse> {
  if (options.kind === "duckdb") {
    const { openDuckdb } = await import("./duckdb/driver.ts");
    const given = { ...(holder === undefined ? {} : { holder }), ...(views === undefined ? {} : { views }) };
    return openDuckdb({ ...options, ...given }, mode);
  }
  const { openBigquery } = await import("./bigquery/driver.ts");
  return openBigquery(options, mode, holder, views);
}
