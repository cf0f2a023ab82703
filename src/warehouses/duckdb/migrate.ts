import { isDeepStrictEqual } from "node:util";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Table } from "../../model.ts";
import { newestReceipts } from "../../state/receipts.ts";
import {
  columnsToAdd,
  keepsReceipts,
  type PresentColumn,
  receiptsTable,
  trackingTableName,
  trackingTableOf,
} from "../../state/tables.ts";
import type { MigrationOutcome, MigrationStep, PendingStep } from "../warehouse.ts";
import { readRows } from "./database.ts";
import { makeDecimal } from "./decimals.ts";
import { columnsOf, readTracking } from "./ledger.ts";
import { identifier, tableName } from "./names.ts";
import { takeLease } from "./packages.ts";
import { prepareState } from "./schema.ts";

/** What is left to migrate beside a table: see `Migration.pendingSteps`. */
export async function pendingSteps(connection: DuckDBConnection, table: Table): Promise<readonly PendingStep[]> {
  const name = trackingTableName(table);
  const tracking = await columnsOf(connection, table.dataset, name);
  if (tracking.length === 0) return [];
  const added = keepsReceipts(tracking) ? 0 : columnsToAdd(trackingTableOf(table), tracking, { migrate: true }).length;
  const moved = await countApart(connection, table, tracking);
  if (added === 0 && moved === 0) return [];
  const receipts = `${moved} ${moved === 1 ? "receipt moves" : "receipts move"} into`;
  const columns = `${name} gets ${added} columns for receipts`;
  const both = moved === 0 ? columns : `${columns}, and ${receipts} its rows`;
  const what = added === 0 ? `${receipts} the rows of ${name}.` : `${both}.`;
  return [{ step: { step: "tracking-columns" }, what }];
}

/** Takes one step: see `Migration.migrate`. The connection must be in a transaction. */
export async function migrate(
  connection: DuckDBConnection,
  table: Table,
  step: MigrationStep,
): Promise<MigrationOutcome> {
  if (step.step === "tracking-columns") return keepReceipts(connection, table);
  if (step.step === "decimals") return makeDecimal(connection, table, step.column);
  // Partitioning: DuckDB has no partitions, it finds a month by the smallest and largest value of each group of rows.
  return { roundedValues: 0 };
}

async function keepReceipts(connection: DuckDBConnection, table: Table): Promise<MigrationOutcome> {
  const pending = await pendingSteps(connection, table);
  if (pending.length === 0) return { roundedValues: 0 };
  const before = newestReceipts(...(await readTracking(connection, table)));
  await prepareState(connection, table, { migrate: true });
  await takeLease(connection, table);
  await moveReceipts(connection, table);
  const after = newestReceipts(...(await readTracking(connection, table)));
  if (!isDeepStrictEqual(after, before)) {
    throw new Error(`The receipts of ${table.dataset}.${table.name} would not be the same after the migration.`);
  }
  return { roundedValues: 0 };
}

/** Moves the receipts that live apart into their tracking rows. A receipt without a tracking row stays where it is. */
async function moveReceipts(connection: DuckDBConnection, table: Table): Promise<void> {
  const tracking = await columnsOf(connection, table.dataset, trackingTableName(table));
  if (!hasKeys(tracking)) return;
  const present = new Set(tracking.map(({ name }) => name));
  const apart = await columnsOf(connection, table.dataset, receiptsTable.name);
  const kept = apart.map(({ name }) => name).filter((name) => !keys.has(name) && present.has(name));
  const target = tableName(table.dataset, trackingTableName(table));
  const source = tableName(table.dataset, receiptsTable.name);
  // As readers do it: what the tracking row itself says comes first.
  const values = kept.map(identifier).map((name) => `${name} = coalesce(t.${name}, r.${name})`);
  await connection.run(`UPDATE ${target} AS t SET ${values.join(", ")} FROM ${source} AS r WHERE ${sameLoad}`, [
    table.name,
  ]);
  await connection.run(`DELETE FROM ${source} AS r USING ${target} AS t WHERE ${sameLoad}`, [table.name]);
}

async function countApart(
  connection: DuckDBConnection,
  table: Table,
  tracking: readonly PresentColumn[],
): Promise<number> {
  const apart = await columnsOf(connection, table.dataset, receiptsTable.name);
  if (apart.length === 0 || !hasKeys(tracking)) return 0;
  const [row] = await readRows(
    connection,
    `SELECT count(*) AS "count" FROM ${tableName(table.dataset, receiptsTable.name)} AS r
      WHERE EXISTS (FROM ${tableName(table.dataset, trackingTableName(table))} AS t WHERE ${sameLoad})`,
    [table.name],
  );
  return Number(row?.["count"]);
}

const keys: ReadonlySet<string> = new Set(["table_name", "billing_month", "load_id"]);

const sameLoad = `r."table_name" = $1 AND t."_dlt_load_id" = r."load_id" AND t."billing_month" = r."billing_month"`;

function hasKeys(tracking: readonly PresentColumn[]): boolean {
  return ["_dlt_load_id", "billing_month"].every((key) => tracking.some(({ name }) => name === key));
}
