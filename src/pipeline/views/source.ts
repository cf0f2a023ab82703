import type { Config, JoinedTable, PipelineConfig } from "../../config/config.ts";
import { createHash } from "node:crypto";
import { serialize } from "node:v8";
import { exportFormats } from "../../exports/index.ts";
import { bigquery } from "../../focus/dialects/bigquery.ts";
import type { Allocation } from "../../focus/allocation.ts";
import type { Dialect } from "../../focus/dialects/dialect.ts";
import { duckdb } from "../../focus/dialects/duckdb.ts";
import type { ChargeTable } from "../../focus/mapping.ts";
import type { Table } from "../../model.ts";
import { findColumn } from "../../schema/columns.ts";
import { fold } from "../../schema/names.ts";
import { builtFrom } from "../../version.ts";
import type { Rollups, TableShape, View, ViewPlace, ViewSource } from "../../warehouses/views.ts";
import { readAccounts } from "./accounts.ts";
import { stampedColumn } from "../months/loaded.ts";
import { tableOf } from "../months/select.ts";

/** The SQL of each warehouse. */
export const dialects: Readonly<Record<"duckdb" | "bigquery", Dialect>> = { duckdb, bigquery };

/**
 * The FOCUS views, and the sums of them that are kept, over the tables of a configuration. `code` identifies the code that renders
 * them; null where it can change. Errors: those of reading the list of accounts.
 */
export async function focusViewSource(config: Config, code: string | null = builtFrom): Promise<ViewSource> {
  const { accounts, tags } = config.focus;
  const allocation = { accounts: accounts === null ? [] : await readAccounts(accounts), tags };
  const pipelines = new Map(config.pipelines.map((pipeline) => [keyOf(tableOf(pipeline)), pipeline]));
  const joined = new Map(config.focus.tables.map((table) => [joinedTable(table), table.name]));
  const loadedTables = (shapes: readonly TableShape[]): readonly ChargeTable[] =>
    shapes.flatMap((shape) => {
      const pipeline = joined.has(shape.table) ? undefined : pipelines.get(keyOf(shape.table));
      return pipeline === undefined ? [] : [chargeTable(shape, pipeline)];
    });
  const joinedTables = (shapes: readonly TableShape[]): readonly ChargeTable[] =>
    shapes.flatMap((shape) => {
      const exportName = joined.get(shape.table);
      return exportName === undefined ? [] : [{ ...shape, exportName, partitionColumn: naturalPartition(shape) ?? "" }];
    });
  const madeFrom = (shapes: readonly TableShape[], { dialect, ...place }: ViewPlace): MadeFrom => {
    return { loaded: loadedTables(shapes), joined: joinedTables(shapes), dialect, place, allocation };
  };
  return {
    tables: [...config.pipelines.map((pipeline) => tableOf(pipeline)), ...joined.keys()],
    joined: [...joined.keys()],
    dataset: config.focus.dataset,
    render: untilChanged(madeFrom, renderViews),
    rollups: untilChanged(madeFrom, renderRollups),
    inputs: (shapes, place) => (code === null ? null : hashOf([code, madeFrom(shapes, place)])),
  };
}

/** All that the views and the sums are made from. */
interface MadeFrom {
  readonly loaded: readonly ChargeTable[];
  readonly joined: readonly ChargeTable[];
  readonly dialect: ViewPlace["dialect"];
  readonly place: Omit<ViewPlace, "dialect">;
  readonly allocation: Allocation;
}

// Most runs render nothing, and start faster without these files.
async function renderViews({ loaded, joined, dialect, place, allocation }: MadeFrom): Promise<readonly View[]> {
  const { focusViews } = await import("../../focus/views.ts");
  return focusViews([...loaded, ...joined], dialects[dialect], place, allocation);
}

async function renderRollups({ loaded, joined, dialect, place, allocation }: MadeFrom): Promise<Rollups> {
  const { focusRollups } = await import("../../focus/rollups.ts");
  return focusRollups(loaded, joined, dialects[dialect], place, allocation);
}

/** Equal only for equal values; maps count, and functions are refused. */
function hashOf(value: unknown): string {
  return createHash("sha256").update(serialize(value)).digest("hex");
}

/** A table that others fill: it has the form of FOCUS files, and no state. */
function joinedTable({ name, project, dataset, table }: JoinedTable): Table {
  return {
    ...(project === null ? {} : { project }),
    dataset,
    name: table,
    pipelineName: name,
    sourceName: name,
    idColumn: "execution_id",
  };
}

/** Returns the result before where the tables are as before: every load of a run asks, and few loads change a table. */
function untilChanged<Result>(
  madeFrom: (shapes: readonly TableShape[], place: ViewPlace) => MadeFrom,
  render: (from: MadeFrom) => Promise<Result>,
): (shapes: readonly TableShape[], place: ViewPlace) => Promise<Result> {
  let last: { readonly of: string; readonly result: Promise<Result> } | undefined;
  return (shapes, place) => {
    const from = madeFrom(shapes, place);
    const of = hashOf(from);
    if (last?.of !== of) last = { of, result: render(from) };
    return last.result;
  };
}

/** A table as the view reads it. */
export function chargeTable(shape: TableShape, pipeline: PipelineConfig): ChargeTable {
  return { ...shape, exportName: pipeline.name, partitionColumn: partitionOf(shape, pipeline) };
}

/**
 * The column that partitions a table. A stamped column exists only where it is the partition column; without a known column
 * the result is the empty text.
 */
function partitionOf(shape: TableShape, { partitionColumn }: PipelineConfig): string {
  const { columns } = shape;
  return presentIn(columns, stampedColumn) ?? presentIn(columns, partitionColumn) ?? naturalPartition(shape) ?? "";
}

/** The column with the billing period, by its names in all formats. */
function naturalPartition({ columns, registry }: TableShape): string | undefined {
  const known = [...registry, ...columns.map(({ name, type }) => ({ sourceName: name, columnName: name, type }))];
  return exportFormats
    .map((format) => presentIn(columns, findColumn(known, format.columns.partition, format.columns)?.columnName))
    .find((name) => name !== undefined);
}

function presentIn(columns: TableShape["columns"], name: string | null | undefined): string | undefined {
  return columns.find((column) => fold(column.name) === fold(name ?? ""))?.name;
}

function keyOf({ dataset, name }: { readonly dataset: string; readonly name: string }): string {
  return JSON.stringify([dataset, name]);
}
