import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import type { Receipt, Table } from "../../../src/model.ts";
import { loadedExecutions } from "../../../src/state/executions.ts";
import { loadPackage, summaryPackage, type CurrentState, type LoadPackage } from "../../../src/state/package.ts";
import { newestReceipts, type ReadRow } from "../../../src/state/receipts.ts";
import { packageRows } from "../../../src/state/rows.ts";
import {
  columnsToAdd,
  columnsTable,
  loadsTable,
  pipelineStateTable,
  receiptsTable,
} from "../../../src/state/tables.ts";
import { trackingTableName, trackingTableOf, type PresentColumn, type StateTable } from "../../../src/state/tables.ts";
import type { Delivery } from "./scenarios.ts";

/** What one run did: the months that it loaded and those that it skipped. */
export interface Told {
  readonly loaded: readonly string[];
  readonly skipped: readonly string[];
}

/** What billhouse makes of a dataset: executions by month, by the state and by the newest receipts. */
export interface Books {
  readonly state: Readonly<Record<string, string>>;
  readonly receipts: Readonly<Record<string, string>>;
}

const types = {
  text: "VARCHAR",
  bigint: "BIGINT",
  timestamptz: "TIMESTAMP WITH TIME ZONE",
  boolean: "BOOLEAN",
  date: "DATE",
  double: "DOUBLE",
} as const;

/** Books the deliveries that are new, as a run of billhouse books them, without their rows. */
export async function runBillhouse(database: string, table: Table, deliveries: readonly Delivery[]): Promise<Told> {
  return withConnection(database, async (connection) => {
    await connection.run(`CREATE SCHEMA IF NOT EXISTS "${table.dataset}"`);
    for (const each of [trackingTableOf(table), receiptsTable, columnsTable, pipelineStateTable, loadsTable]) {
      await prepare(connection, table, each);
    }
    const known = loadedExecutions((await currentState(connection, table)).state, table);
    const told = { loaded: [] as string[], skipped: [] as string[] };
    for (const delivery of deliveries) {
      if (known.get(delivery.billing_month)?.knownIds.includes(delivery.execution_id) === true) {
        told.skipped.push(delivery.billing_month);
        continue;
      }
      await commit(connection, table, (current) => {
        const load = { receipt: receiptOf(delivery), submittedTime: delivery.submitted_time };
        return loadPackage(current, table, load, "dlt.destinations.duckdb", new Date());
      });
      told.loaded.push(delivery.billing_month);
    }
    const counts = {
      totalRows: told.loaded.length * 7,
      manifestsProcessed: told.loaded.length,
      manifestsSkipped: told.skipped.length,
    };
    await commit(connection, table, (current) => summaryPackage(current, table, counts, new Date()));
    return told;
  });
}

/** Reads the books of a dataset. */
export async function readBooks(database: string, table: Table): Promise<Books> {
  return withConnection(database, async (connection) => {
    const { state } = await currentState(connection, table);
    const own = await rowsOf(connection, table, receiptsTable.name);
    const receipts = newestReceipts(await rowsOf(connection, table, trackingTableName(table)), own);
    return {
      state: Object.fromEntries([...loadedExecutions(state, table)].map(([month, each]) => [month, each.executionId])),
      receipts: Object.fromEntries(receipts.map((each) => [each.billingMonth, each.executionId])),
    };
  });
}

async function withConnection<Result>(
  database: string,
  work: (connection: DuckDBConnection) => Promise<Result>,
): Promise<Result> {
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function prepare(connection: DuckDBConnection, table: Table, kept: StateTable): Promise<void> {
  const present = await columnsOf(connection, table, kept.name);
  const name = `"${table.dataset}"."${kept.name}"`;
  if (present.length === 0) {
    const columns = kept.columns.map((each) => `"${each.name}" ${types[each.type]}${each.nullable ? "" : " NOT NULL"}`);
    await connection.run(`CREATE TABLE ${name} (${columns.join(", ")})`);
  } else {
    for (const each of columnsToAdd(kept, present)) {
      await connection.run(`ALTER TABLE ${name} ADD COLUMN "${each.name}" ${types[each.type]}`);
    }
  }
}

async function commit(
  connection: DuckDBConnection,
  table: Table,
  settle: (current: CurrentState) => LoadPackage,
): Promise<void> {
  const present = await columnsOf(connection, table, trackingTableName(table));
  await connection.run("BEGIN");
  const load = settle(await currentState(connection, table));
  for (const row of packageRows(load, table, present)) {
    const names = Object.keys(row.values);
    const places = names.map((_, index) => `$${index + 1}`);
    await connection.run(
      `INSERT INTO "${table.dataset}"."${row.table.name}" (${names.map((each) => `"${each}"`).join(", ")}) VALUES (${places.join(", ")})`,
      Object.values(row.values),
    );
  }
  await connection.run("COMMIT");
}

async function currentState(connection: DuckDBConnection, table: Table): Promise<CurrentState> {
  const states = await rowsOf(connection, table, pipelineStateTable.name);
  const loads = await rowsOf(connection, table, loadsTable.name);
  const committed = new Set(loads.filter((row) => row["status"] === "0").map((row) => row["load_id"]));
  const newest = states
    .filter((row) => row["pipeline_name"] === table.pipelineName && committed.has(row["_dlt_load_id"]))
    .toSorted((one, other) => (String(one["_dlt_load_id"]) < String(other["_dlt_load_id"]) ? -1 : 1))
    .at(-1);
  const ids = loads.map((row) => String(row["load_id"])).toSorted();
  return { state: newest === undefined ? null : String(newest["state"]), newestLoadId: ids.at(-1) ?? null };
}

async function columnsOf(connection: DuckDBConnection, table: Table, name: string): Promise<readonly PresentColumn[]> {
  const found = await connection.runAndReadAll(
    "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = $1 AND table_name = $2 ORDER BY column_index",
    [table.dataset, name],
  );
  const rows = found.getRowsJson() as unknown as readonly (readonly [string, string])[];
  return rows.map(([name, nativeType]) => ({ name, nativeType }));
}

async function rowsOf(connection: DuckDBConnection, table: Table, name: string): Promise<readonly ReadRow[]> {
  if ((await columnsOf(connection, table, name)).length === 0) return [];
  const found = await connection.runAndReadAll(`SELECT * FROM "${table.dataset}"."${name}"`);
  return found.getRowObjectsJson();
}

function receiptOf(delivery: Delivery): Omit<Receipt, "loadId" | "loadedAt"> {
  return {
    executionId: delivery.execution_id,
    billingMonth: delivery.billing_month,
    rows: delivery.rows,
    fileCount: delivery.files,
    format: delivery.format,
    sourceBytes: 1,
    cost: { USD: "12.34" },
    tableCost: { USD: "12.34" },
    effectiveCost: null,
    tableEffectiveCost: null,
    roundedValues: 0,
    coverage: { start: `${delivery.billing_month}-01`, end: `${delivery.billing_month}-28` },
    firstUsage: null,
    lastUsage: null,
    schemaChanges: [],
    files: [],
    waivers: [],
    durationSeconds: 0.5,
    version: "0.0.0",
  };
}
