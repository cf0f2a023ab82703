import { checkArguments, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { openWarehouse } from "../warehouses/index.ts";
import { type QueryRow, requireCapability } from "../warehouses/warehouse.ts";

/** What `query` asks. */
export interface QueryOptions {
  /** One statement that only reads. */
  readonly sql: string;
}

/**
 * Runs one statement that only reads, on what readers see, and streams its rows.
 * Errors: USAGE_INVALID, QUERY_INVALID, WAREHOUSE_NOT_FOUND when nothing was loaded yet.
 */
export async function* query(config: Config, options: QueryOptions): AsyncGenerator<QueryRow, void, void> {
  checkArguments(config, options, queryRules);
  const warehouse = await openWarehouse(config.warehouse, "reader");
  try {
    yield* requireCapability(warehouse, "query")(options.sql);
  } finally {
    await warehouse.close();
  }
}

const queryRules: Shape<QueryOptions> = { sql: text };
