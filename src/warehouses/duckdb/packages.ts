import type { DuckDBConnection } from "@duckdb/node-api";
import type { Table } from "../../model.ts";
import type { LoadPackage } from "../../state/package.ts";
import { packageRows } from "../../state/rows.ts";
import { leaseTable, trackingTableName } from "../../state/tables.ts";
import { columnsOf } from "./ledger.ts";
import { identifier, tableName } from "./names.ts";

/** Touches the one row of the lease, so that of two transactions that are open at once only one can commit. */
export async function takeLease(connection: DuckDBConnection, table: Table): Promise<void> {
  await connection.run(`UPDATE ${tableName(table.dataset, leaseTable.name)} SET "load_id" = "load_id"`);
}

/** Writes the rows of a package in the order in which dlt may see them, and its load_id into the lease. */
export async function writePackage(connection: DuckDBConnection, table: Table, load: LoadPackage): Promise<void> {
  const tracking = await columnsOf(connection, table.dataset, trackingTableName(table));
  for (const row of packageRows(load, table, tracking)) {
    const entries = Object.entries(row.values);
    const columns = entries.map(([name]) => identifier(name)).join(", ");
    const places = entries.map((_, position) => `$${position + 1}`).join(", ");
    // Every value is bound as text, which the column's type then reads: a JavaScript number would arrive as a float.
    const values = entries.map(([, value]) => (value === null ? null : String(value)));
    await connection.run(
      `INSERT INTO ${tableName(table.dataset, row.table.name)} (${columns}) VALUES (${places})`,
      values,
    );
  }
  await connection.run(`UPDATE ${tableName(table.dataset, leaseTable.name)} SET "load_id" = $1`, [load.loadId]);
}
