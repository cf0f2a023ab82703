import type { DuckDBConnection } from "@duckdb/node-api";
import type { Table, TableColumn } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import type { MonthPackage } from "../../state/package.ts";
import { reachPoint } from "../points.ts";
import {
  type MonthReplacement,
  type MonthRestoration,
  previousLoadColumn,
  type PreviousRows,
  previousTable,
  type Settle,
} from "../warehouse.ts";
import { type Database, readRows } from "./database.ts";
import { columnsOfTables, nativeColumns, nativeTypesOf, takeCommitLock } from "./ledger.ts";
import { settleMonth } from "./measure.ts";
import { watchStatement } from "./resources.ts";
import { rebuildLoadedMonth } from "./rollups.ts";
import { castExpression, identifier, monthCondition, tableName } from "./sql.ts";

/**
 * Gives the table of previous rows the columns and types of the table, and creates it if rows are kept. Values of
 * another type are converted like those of files: a float by its shortest text. A value that does not fit becomes NULL,
 * so its rows differ from their receipt when they are restored. The connection must be in a transaction.
 */
export async function preparePrevious(
  connection: DuckDBConnection,
  table: Table,
  keepsPrevious: boolean,
): Promise<void> {
  const previous = tableName(table.dataset, previousTable(table));
  const names = [previousTable(table), table.name] as const;
  const [kept, columns] = await columnsOfTables(connection, table.dataset, names);
  const present = nativeTypesOf(kept);
  if (present.size > 0) {
    const isOther = ({ name, nativeType }: TableColumn): boolean =>
      (present.get(fold(name)) ?? nativeType) !== nativeType;
    if (columns.some(isOther)) {
      const values = columns.map(({ name, nativeType }) => {
        const before = present.get(fold(name));
        const value =
          before === undefined
            ? `CAST(NULL AS ${nativeType})`
            : `TRY(${castExpression(identifier(name), before, nativeType)})`;
        return `${value} AS ${identifier(name)}`;
      });
      const all = [identifier(previousLoadColumn), ...values].join(", ");
      await connection.run(`CREATE OR REPLACE TABLE ${previous} AS SELECT ${all} FROM ${previous}`);
      return;
    }
    for (const { name, nativeType } of columns.filter((column) => !present.has(fold(column.name)))) {
      await connection.run(`ALTER TABLE ${previous} ADD COLUMN ${identifier(name)} ${nativeType}`);
    }
  } else if (keepsPrevious) {
    const all = [["VARCHAR", previousLoadColumn], ...columns.map(({ name, nativeType }) => [nativeType, name])];
    const definitions = all.map(([type, name = ""]) => `${identifier(name)} ${type}`);
    await connection.run(`CREATE TABLE ${previous} (${definitions.join(", ")})`);
  }
}

/**
 * Copies the rows of a month before they are replaced, and removes those of the oldest loads. The connection must be in
 * the transaction that replaces them.
 */
export async function keepRows(connection: DuckDBConnection, change: MonthReplacement, inMonth: string): Promise<void> {
  const { table, replaces, keepPrevious, restoredLoadId } = change;
  if (keepPrevious === 0 || replaces === null) return;
  const previous = tableName(table.dataset, previousTable(table));
  const load = identifier(previousLoadColumn);
  await connection.run(`DELETE FROM ${previous} WHERE ${inMonth} AND ${load} IN ($1, $2)`, [replaces, restoredLoadId]);
  await connection.run(
    `INSERT INTO ${previous} BY NAME SELECT CAST($1 AS VARCHAR) AS ${load}, * FROM ${tableName(table.dataset, table.name)} WHERE ${inMonth}`,
    [replaces],
  );
  await connection.run(
    `DELETE FROM ${previous} WHERE ${inMonth} AND ${load} NOT IN (
      SELECT DISTINCT ${load} FROM ${previous} WHERE ${inMonth} ORDER BY 1 DESC LIMIT ${keepPrevious})`,
  );
}

/** The rows of previous loads: see `PreviousLoads.rows`. */
export async function previousRows(
  connection: DuckDBConnection,
  table: Table,
  partitionColumn: string,
): Promise<PreviousRows> {
  const columns = await nativeColumns(connection, table.dataset, previousTable(table));
  if (!columns.has(fold(partitionColumn))) return { months: [], bytes: 0 };
  const previous = tableName(table.dataset, previousTable(table));
  const rows = await readRows(
    connection,
    `SELECT coalesce(strftime(TRY_CAST(${identifier(partitionColumn)} AS TIMESTAMP), '%Y-%m'), '') AS "month", ${identifier(previousLoadColumn)} AS "load", count(*) AS "rows"
      FROM ${previous} GROUP BY 1, 2 ORDER BY 1, 2`,
  );
  const [storage] = await readRows(
    connection,
    `SELECT count(DISTINCT block_id) * (SELECT block_size FROM pragma_database_size() LIMIT 1) AS "bytes"
      FROM pragma_storage_info($1) WHERE persistent`,
    [previous],
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

/** Restores the rows of a previous load: see `PreviousLoads.restoreMonth`. */
export async function restoreMonth(
  database: Database,
  restoration: MonthRestoration,
  settle: Settle,
): Promise<MonthPackage | null> {
  const { table, loadId } = restoration;
  const target = tableName(table.dataset, table.name);
  const previous = tableName(table.dataset, previousTable(table));
  const load = await database.transact(async (connection) => {
    await takeCommitLock(connection, table);
    const names = [table.name, previousTable(table)] as const;
    const [loaded, present] = await columnsOfTables(connection, table.dataset, names);
    const columns = nativeTypesOf(loaded);
    const inMonth = monthCondition(restoration, columns);
    const isOfLoad = `${inMonth} AND ${identifier(previousLoadColumn)} = $1`;
    if (present.length === 0) return null;
    const [found] = await readRows(connection, `SELECT count(*) AS "rows" FROM ${previous} WHERE ${isOfLoad}`, [
      loadId,
    ]);
    if (Number(found?.["rows"]) === 0) return null;
    reachPoint("before-delete");
    await connection.run(`DELETE FROM ${target} WHERE ${inMonth}`);
    reachPoint("after-delete");
    // The table may have been migrated since.
    await preparePrevious(connection, table, false);
    // Columns that were dropped since cannot be restored; the receipt shows whether that changes a value.
    const common = present.filter(({ name }) => columns.has(fold(name))).map(({ name }) => identifier(name));
    const rows = `SELECT ${common.join(", ")} FROM ${previous} WHERE ${isOfLoad}`;
    const insert = `INSERT INTO ${target} BY NAME ${rows}`;
    const { rowsChanged } = await watchStatement(
      connection,
      () => connection.run(insert, [loadId]),
      restoration.inserting,
    );
    await connection.run(`DELETE FROM ${previous} WHERE ${isOfLoad}`, [loadId]);
    return settleMonth(connection, restoration, rowsChanged, settle);
  });
  if (load !== null) await rebuildLoadedMonth(database, restoration);
  return load;
}
