import type { DuckDBConnection } from "@duckdb/node-api";
import type { BillhouseError } from "../../errors.ts";
import type { Table } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import { columnsTable, keepsReceipts, receiptsTable, trackingTableName } from "../../state/tables.ts";
import { isOwnComment, nameTaken, type TableShape, type View, viewComment, type ViewSource } from "../views.ts";
import { readRows } from "./database.ts";
import { columnsOfTables, readRegistry } from "./ledger.ts";
import { identifier, literal, tableName } from "./sql.ts";

/** The schema in which every client finds a view without naming its schema. */
export const viewSchema = "main";

/** The tables of the views that exist. */
export async function shapesOf(connection: DuckDBConnection, source: ViewSource): Promise<readonly TableShape[]> {
  const found = new Map<Table, TableShape>();
  for (const [dataset, tables] of Map.groupBy(source.tables, (table) => table.dataset)) {
    const names = tables.flatMap((table) => [table.name, trackingTableName(table)]);
    const read = await columnsOfTables(connection, dataset, [columnsTable.name, receiptsTable.name, ...names]);
    const [registry, receipts, ...ofTables] = read;
    const own = tables.map(({ name }) => name);
    const registered = registry.length === 0 ? [] : await readRegistry(connection, dataset, own);
    for (const [position, table] of tables.entries()) {
      const [columns = [], tracking = []] = ofTables.slice(2 * position);
      if (columns.length === 0) continue;
      const apart = keepsReceipts(tracking) ? {} : { receipts };
      found.set(table, { table, columns, tracking, ...apart, registry: registered[position] ?? [], stateIn: dataset });
    }
  }
  return source.tables.flatMap((table) => found.get(table) ?? []);
}

/** The views that must be made, in order, and the error for names that are taken. */
export function compareWith(
  views: readonly View[],
  present: ReadonlyMap<string, string | null>,
): { readonly outdated: readonly View[]; readonly problems: readonly BillhouseError[] } {
  const outdated: View[] = [];
  const taken: string[] = [];
  for (const view of views) {
    const found = present.get(fold(view.name));
    if (found === viewComment(view)) continue;
    if ((found !== undefined && !isOwnComment(found)) || (view.reads !== null && taken.includes(view.reads))) {
      taken.push(view.name);
    } else {
      outdated.push(view);
    }
  }
  return { outdated, problems: taken.length === 0 ? [] : [nameTaken(taken, identifier(viewSchema))] };
}

/** Makes views; one whose text is unchanged is left alone. Returns the error for names that are taken. */
export async function makeViews(
  connection: DuckDBConnection,
  views: readonly View[],
  present: ReadonlyMap<string, string | null>,
): Promise<readonly BillhouseError[]> {
  const { outdated, problems } = compareWith(views, present);
  for (const view of outdated) {
    const name = tableName(viewSchema, view.name);
    await connection.run(`CREATE OR REPLACE VIEW ${name} AS ${view.sql}`);
    await connection.run(`COMMENT ON VIEW ${name} IS ${literal(viewComment(view))}`);
  }
  return problems;
}

/** The comments of the tables and views in the schema of the views, by folded name. */
export async function objectsIn(connection: DuckDBConnection): Promise<ReadonlyMap<string, string | null>> {
  const rows = await readRows(
    connection,
    `SELECT view_name AS "name", comment AS "comment" FROM duckdb_views()
      WHERE database_name = current_database() AND schema_name = $1 AND NOT internal
      UNION ALL SELECT table_name, comment FROM duckdb_tables()
      WHERE database_name = current_database() AND schema_name = $1`,
    [viewSchema],
  );
  return new Map(rows.map(({ name, comment }) => [fold(String(name)), comment === null ? null : String(comment)]));
}
