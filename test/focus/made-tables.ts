import assert from "node:assert/strict";
import type { TestContext } from "node:test";

import { DuckDBInstance } from "@duckdb/node-api";

import { columnsOfVersion } from "../../src/focus/charges.ts";
import type { FocusVersion, ValueType } from "../../src/focus/columns.ts";
import { bigquery } from "../../src/focus/dialects/bigquery.ts";
import type { Dialect } from "../../src/focus/dialects/dialect.ts";
import { duckdb } from "../../src/focus/dialects/duckdb.ts";
import type { ChargeTable } from "../../src/focus/mapping.ts";
import { focusViews, viewNames } from "../../src/focus/views.ts";
import type { IdColumn } from "../../src/model.ts";
import { startBigqueryServer } from "../servers/bigquery/server.ts";
import type { Row } from "../support/deliveries.ts";

/** The rows of an export as they are after loading: all of them text, with dates and times as in ISO 8601. */
export interface MadeTable {
  readonly exportName: string;
  readonly idColumn: IdColumn;
  /** The column by which the table is partitioned. */
  readonly period: string;
  readonly rows: readonly Row[];
  /** What the manifests of months declare. */
  readonly datasets?: Readonly<Record<string, "ActualCost" | "AmortizedCost">>;
}

/** A row of the view: times as days or as ISO 8601, decimals as short as they can be. */
export type ViewRow = Readonly<Record<string, string | null>>;

/** The rows of a version of the view over made tables. */
export type MadeView = (version?: FocusVersion) => Promise<readonly ViewRow[]>;

/**
 * Makes tables in a warehouse and asks for the views over them, without loading anything: many rows take milliseconds. That
 * bills become such tables is tested where they are loaded.
 */
export async function viewOver(
  t: Pick<TestContext, "after">,
  tables: readonly MadeTable[],
  warehouse: "DuckDB" | "BigQuery" = "DuckDB",
): Promise<MadeView> {
  const dialect = warehouse === "DuckDB" ? duckdb : bigquery;
  const run = warehouse === "DuckDB" ? await openDuckdb(t) : await openBigquery(t);
  for (const table of tables) await run(created(table, dialect));
  return async (version = "v1_4") => {
    const columns = columnsOfVersion(version);
    const charged = tables.map((table) => charge(table, dialect));
    const views = focusViews(charged, dialect, { dataset }, { accounts: [], tags: [] });
    const sql = views.find(({ name }) => name === viewNames[version])?.sql ?? assert.fail();
    const cells = columns.map(({ name }) => `CAST(v.${dialect.identifier(name)} AS ${dialect.types.text})`);
    const rows = await run(`SELECT ${cells.join(", ")} FROM (${sql}) AS v`);
    return rows.map((row) =>
      viewRow(Object.fromEntries(columns.map(({ name }, position) => [name, row[position]])), version),
    );
  };
}

/** A row of a version of the view, from its values as a warehouse gives them. */
export function viewRow(values: Readonly<Record<string, unknown>>, version: FocusVersion): ViewRow {
  return Object.fromEntries(columnsOfVersion(version).map(({ name, type }) => [name, plain(values[name], type)]));
}

const dataset = "bills";

type Run = (sql: string) => Promise<readonly (readonly unknown[])[]>;

async function openDuckdb(t: Pick<TestContext, "after">): Promise<Run> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  t.after(() => {
    connection.closeSync();
    instance.closeSync();
  });
  await connection.run(`CREATE SCHEMA ${dataset}`);
  return async (sql) => (await connection.runAndReadAll(sql)).getRowsJson();
}

async function openBigquery(t: Pick<TestContext, "after">): Promise<Run> {
  const server = await startBigqueryServer({ readObject: () => Promise.resolve(undefined) });
  t.after(() => server.close());
  server.createDataset(dataset);
  return (sql) => server.rows(sql);
}

function columnsOf({ rows }: MadeTable): readonly string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** The name of the column of a field whose own name no warehouse takes, such as `lineItem/UsageType`. */
function columnName(name: string): string {
  return name.replaceAll(/\W/g, "_");
}

function created(table: MadeTable, dialect: Dialect): string {
  const columns = columnsOf(table);
  const selects = table.rows.map((row) => {
    const cells = columns.map(
      (name) =>
        `CAST(${dialect.literal(row[name] ?? "")} AS ${dialect.types.text}) AS ${dialect.identifier(columnName(name))}`,
    );
    return `SELECT ${cells.join(", ")}`;
  });
  return `CREATE TABLE ${dialect.tableName({ dataset }, table.exportName)} AS ${selects.join(" UNION ALL ")}`;
}

function charge(made: MadeTable, { types }: Dialect): ChargeTable {
  const { exportName, idColumn, period, datasets } = made;
  const columns = columnsOf(made);
  return {
    exportName,
    table: { dataset, name: exportName, pipelineName: exportName, sourceName: exportName, idColumn },
    columns: columns.map((name) => ({ name: columnName(name), type: "text", nativeType: types.text })),
    registry: columns.map((name) => ({
      sourceName: name,
      columnName: columnName(name),
      type: "text",
      firstExecution: "1",
    })),
    partitionColumn: columnName(period),
    tracking: [],
    stateIn: dataset,
    ...(datasets === undefined ? {} : { datasets: new Map(Object.entries(datasets)) }),
  };
}

function plain(value: unknown, type: ValueType): string | null {
  if (typeof value !== "string") return null;
  if (type === "decimal") return value.includes(".") ? value.replace(/\.?0+$/u, "") : value;
  if (type !== "timestamp") return value;
  const [, day = "", time = ""] = /^(\S{10})[ T](\d\d:\d\d:\d\d)/u.exec(value) ?? assert.fail(value);
  return time === "00:00:00" ? day : `${day}T${time}Z`;
}
