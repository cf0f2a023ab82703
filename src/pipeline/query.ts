import { checkArguments, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { openWarehouse } from "../warehouses/index.ts";
import { type QueryRow, requireCapability } from "../warehouses/warehouse.ts";

/** The options of `query`. */
export interface QueryOptions {
  /** One read-only statement. */
  readonly sql: string;
}

/**
 * Runs one read-only statement on the published data, and streams its rows.
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
