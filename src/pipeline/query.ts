import type { Config } from "../config/config.ts";
import { openWarehouse } from "../warehouses/index.ts";
import { type QueryRow, requireCapability } from "../warehouses/warehouse.ts";

/**
 * Runs one statement that only reads, on what readers see, and streams its rows.
 * Errors: QUERY_INVALID, WAREHOUSE_NOT_FOUND when nothing was loaded yet.
 */
export async function* query(config: Config, sql: string): AsyncGenerator<QueryRow, void, void> {
  const warehouse = await openWarehouse(config.warehouse, "reader");
  try {
    yield* requireCapability(warehouse, "query")(sql);
  } finally {
    await warehouse.close();
  }
}
