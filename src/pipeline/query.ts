import { callback, checkArguments, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import type { Table } from "../model.ts";
import { openWarehouse } from "../warehouses/index.ts";
import { type QueryColumn, type QueryRow, requireCapability } from "../warehouses/warehouse.ts";
import { tableOf } from "./months/select.ts";

/** The options of `query`. */
export interface QueryOptions {
  /** One read-only statement. Tables of the configured exports and the FOCUS views need no dataset before their name. */
  readonly sql: string;
  /** Called once with the columns of the result, before its first row. */
  readonly onColumns?: ((columns: readonly QueryColumn[]) => void) | undefined;
}

/**
 * Runs one read-only statement on the published data, and streams its rows.
 * Errors: USAGE_INVALID, QUERY_INVALID, WAREHOUSE_NOT_FOUND when nothing was loaded yet.
 */
export async function* query(config: Config, options: QueryOptions): AsyncGenerator<QueryRow, void, void> {
  checkArguments(config, options, queryRules);
  const warehouse = await openWarehouse(config.warehouse, "reader");
  try {
    const tables = config.pipelines.map((pipeline) => tableOf(pipeline));
    const places: readonly Pick<Table, "project" | "dataset">[] = [...tables, { dataset: config.focus.dataset }];
    const datasets = new Map(places.map((place) => [JSON.stringify([place.project, place.dataset]), place]));
    const settings = { datasets: [...datasets.values()], onColumns: options.onColumns };
    yield* requireCapability(warehouse, "query")(options.sql, settings);
  } finally {
    await warehouse.close();
  }
}

const queryRules: Shape<QueryOptions> = { sql: text, onColumns: optional(callback) };
