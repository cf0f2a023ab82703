import type { DuckDBConnection } from "@duckdb/node-api";
import { type BillhouseError, messageOf } from "../../errors.ts";
import { fold } from "../../schema/names.ts";
import { columnsTable, trackingTableName } from "../../state/tables.ts";
import { isOwnComment, nameTaken, type TableShape, type View, viewComment, type ViewSource } from "../views.ts";
import { readRows } from "./database.ts";
import { columnsOfTables, readRegistry } from "./ledger.ts";
import { identifier, literal, tableName } from "./sql.ts";

/** The schema in which every client finds a view without naming its schema. */
const schema = "main";

/**
 * Makes the views over the tables as this transaction sees them; a view whose text is unchanged is left alone. Returns what
 * kept it from making one. The connection must be in a transaction.
 */
export async function refreshViews(
  connection: DuckDBConnection,
  source: ViewSource,
): Promise<readonly BillhouseError[]> {
  const { outdated, problems } = await compareViews(connection, source);
  for (const view of outdated) {
    const name = tableName(schema, view.name);
    await connection.run(`CREATE OR REPLACE VIEW ${name} AS ${view.sql}`);
    await connection.run(`COMMENT ON VIEW ${name} IS ${literal(viewComment(view))}`);
  }
  return problems;
}

/** The views over the tables that must be made, in order, and what keeps others from being made. */
export async function compareViews(
  connection: DuckDBConnection,
  source: ViewSource,
): Promise<{ readonly outdated: readonly View[]; readonly problems: readonly BillhouseError[] }> {
  const shapes: TableShape[] = [];
  for (const table of source.tables) {
    const names = [table.name, trackingTableName(table), columnsTable.name] as const;
    const [columns, tracking, registry] = await columnsOfTables(connection, table.dataset, names);
    if (columns.length === 0) continue;
    const registered = registry.length === 0 ? [] : await readRegistry(connection, table);
    shapes.push({ table, columns, tracking, registry: registered, stateIn: table.dataset });
  }
  const present = await objectsIn(connection);
  const views = source.render(shapes, { dialect: "duckdb", dataset: schema });
  const outdated: View[] = [];
  const taken: string[] = [];
  for (const view of views) {
    const comment = viewComment(view);
    const found = present.get(fold(view.name));
    if (found === comment || (found === undefined && shapes.length === 0)) continue;
    if ((found !== undefined && !isOwnComment(found)) || (view.reads !== null && taken.includes(view.reads))) {
      taken.push(view.name);
      continue;
    }
    outdated.push(view);
  }
  return { outdated, problems: taken.length === 0 ? [] : [nameTaken(taken, identifier(schema))] };
}

/**
 * The same within the transaction of a load. What is wrong with a view must not fail the load: the views are made again at the
 * end of the run, which reports it. DuckDB keeps a transaction open after these errors.
 */
export async function refreshViewsInLoad(connection: DuckDBConnection, source: ViewSource): Promise<void> {
  try {
    await refreshViews(connection, source);
  } catch (error) {
    const isOfView = error instanceof TypeError || /^(?:Binder|Catalog|Parser) Error/.test(messageOf(error));
    if (!isOfView) throw error;
  }
}

/** The comments of the tables and views in the schema of the views, by folded name. */
async function objectsIn(connection: DuckDBConnection): Promise<ReadonlyMap<string, string | null>> {
  const rows = await readRows(
    connection,
    `SELECT view_name AS "name", comment AS "comment" FROM duckdb_views()
      WHERE database_name = current_database() AND schema_name = $1 AND NOT internal
      UNION ALL SELECT table_name, NULL FROM duckdb_tables()
      WHERE database_name = current_database() AND schema_name = $1`,
    [schema],
  );
  return new Map(rows.map(({ name, comment }) => [fold(String(name)), comment === null ? null : String(comment)]));
}
