import type { DuckDBConnection } from "@duckdb/node-api";
import type { Table } from "../../model.ts";
import { reachPoint } from "../points.ts";
import {
  keptLoadColumn,
  keptTable,
  type KeptMonths,
  type MonthReplacement,
  type MonthRestoration,
  type Settle,
} from "../warehouse.ts";
import { type Database, readRows } from "./database.ts";
import { columnsOf, readCurrentState } from "./ledger.ts";
import { measureMonth, nativeColumns } from "./measures.ts";
import { monthCondition } from "./months.ts";
import { fold, identifier, tableName } from "./names.ts";
import { takeLease, writePackage } from "./packages.ts";

/**
 * Gives the table of kept rows the columns that the table has, and makes it where rows are to be kept. The connection must
 * be in a transaction.
 */
export async function prepareKept(connection: DuckDBConnection, table: Table, keepsPrevious: boolean): Promise<void> {
  const kept = tableName(table.dataset, keptTable(table));
  const present = new Set((await columnsOf(connection, table.dataset, keptTable(table))).map(({ name }) => fold(name)));
  const columns = await columnsOf(connection, table.dataset, table.name);
  const definitions = columns.map(({ name, nativeType }) => ({ name, sql: `${identifier(name)} ${nativeType}` }));
  if (present.size > 0) {
    for (const { name, sql } of definitions) {
      if (!present.has(fold(name))) await connection.run(`ALTER TABLE ${kept} ADD COLUMN ${sql}`);
    }
  } else if (keepsPrevious) {
    const all = [`${identifier(keptLoadColumn)} VARCHAR`, ...definitions.map(({ sql }) => sql)];
    await connection.run(`CREATE TABLE ${kept} (${all.join(", ")})`);
  }
}

/**
 * Copies the rows of a month that is about to be replaced, and lets go of those of older loads. The connection must be in
 * the transaction that replaces them.
 */
export async function keepRows(connection: DuckDBConnection, change: MonthReplacement, inMonth: string): Promise<void> {
  const { table, replaces, keepPrevious } = change;
  if (keepPrevious === 0 || replaces === null) return;
  const kept = tableName(table.dataset, keptTable(table));
  const load = identifier(keptLoadColumn);
  await connection.run(`DELETE FROM ${kept} WHERE ${inMonth} AND ${load} = $1`, [replaces]);
  await connection.run(
    `INSERT INTO ${kept} BY NAME SELECT CAST($1 AS VARCHAR) AS ${load}, * FROM ${tableName(table.dataset, table.name)} WHERE ${inMonth}`,
    [replaces],
  );
  await connection.run(
    `DELETE FROM ${kept} WHERE ${inMonth} AND ${load} NOT IN (
      SELECT DISTINCT ${load} FROM ${kept} WHERE ${inMonth} ORDER BY 1 DESC LIMIT ${keepPrevious})`,
  );
}

/** What is kept: see `Warehouse.keptMonths`. */
export async function keptMonths(
  connection: DuckDBConnection,
  table: Table,
  partitionColumn: string,
): Promise<KeptMonths> {
  const columns = await nativeColumns(connection, table.dataset, keptTable(table));
  if (!columns.has(fold(partitionColumn))) return { months: [], bytes: 0 };
  const kept = tableName(table.dataset, keptTable(table));
  const rows = await readRows(
    connection,
    `SELECT strftime(CAST(${identifier(partitionColumn)} AS TIMESTAMP), '%Y-%m') AS "month", ${identifier(keptLoadColumn)} AS "load", count(*) AS "rows"
      FROM ${kept} GROUP BY 1, 2 ORDER BY 1, 2`,
  );
  const [storage] = await readRows(
    connection,
    `SELECT count(DISTINCT block_id) * (SELECT block_size FROM pragma_database_size() LIMIT 1) AS "bytes"
      FROM pragma_storage_info($1) WHERE persistent`,
    [kept],
  );
  return {
    months: rows.map((row) => ({
      billingMonth: String(row["month"]),
      loadId: String(row["load"]),
      rows: Number(row["rows"]),
    })),
    bytes: Number(storage?.["bytes"] ?? 0),
  };
}

/** Puts kept rows back: see `Warehouse.restoreMonth`. */
export async function restoreMonth(
  database: Database,
  restoration: MonthRestoration,
  settle: Settle,
): Promise<boolean> {
  const { table, loadId } = restoration;
  const target = tableName(table.dataset, table.name);
  const kept = tableName(table.dataset, keptTable(table));
  const restored = await database.transact(async (connection) => {
    await takeLease(connection, table);
    const columns = await nativeColumns(connection, table.dataset, table.name);
    const inMonth = monthCondition(restoration, columns);
    const isOfLoad = `${inMonth} AND ${identifier(keptLoadColumn)} = $1`;
    const present = await columnsOf(connection, table.dataset, keptTable(table));
    if (present.length === 0) return false;
    const [found] = await readRows(connection, `SELECT count(*) AS "rows" FROM ${kept} WHERE ${isOfLoad}`, [loadId]);
    if (Number(found?.["rows"]) === 0) return false;
    reachPoint("before-delete");
    await connection.run(`DELETE FROM ${target} WHERE ${inMonth}`);
    reachPoint("after-delete");
    const rows = `SELECT * EXCLUDE (${identifier(keptLoadColumn)}) FROM ${kept} WHERE ${isOfLoad}`;
    const { rowsChanged } = await connection.run(`INSERT INTO ${target} BY NAME ${rows}`, [loadId]);
    await connection.run(`DELETE FROM ${kept} WHERE ${isOfLoad}`, [loadId]);
    const measures = { ...(await measureMonth(connection, restoration)), inserted: rowsChanged, delivered: null };
    reachPoint("measured");
    await writePackage(connection, table, await settle(measures, await readCurrentState(connection, table)));
    return true;
  });
  await database.use((connection) => connection.run("CHECKPOINT")).catch(() => undefined);
  return restored;
}
