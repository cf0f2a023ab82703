import type { Config, PipelineConfig } from "../../config/config.ts";
import { exportFormats } from "../../exports/index.ts";
import { bigquery } from "../../focus/dialects/bigquery.ts";
import type { Dialect } from "../../focus/dialects/dialect.ts";
import { duckdb } from "../../focus/dialects/duckdb.ts";
import type { ChargeTable } from "../../focus/mapping.ts";
import { focusRollups } from "../../focus/rollups.ts";
import { focusViews } from "../../focus/views.ts";
import { findColumn } from "../../schema/columns.ts";
import { fold } from "../../schema/names.ts";
import type { TableShape, ViewPlace, ViewSource } from "../../warehouses/views.ts";
import { readAccounts } from "./accounts.ts";
import { stampedColumn } from "../months/loaded.ts";
import { tableOf } from "../months/select.ts";

/** The SQL of each warehouse. */
export const dialects: Readonly<Record<"duckdb" | "bigquery", Dialect>> = { duckdb, bigquery };

/** The FOCUS views, and the sums of them that are kept, over the tables of a configuration. Errors: those of reading the list of accounts. */
export async function focusViewSource(config: Config): Promise<ViewSource> {
  const { accounts, tags } = config.focus;
  const allocation = { accounts: accounts === null ? [] : await readAccounts(accounts), tags };
  const pipelines = new Map(config.pipelines.map((pipeline) => [keyOf(tableOf(pipeline)), pipeline]));
  const chargeTables = (shapes: readonly TableShape[]): readonly ChargeTable[] =>
    shapes.flatMap((shape) => {
      const pipeline = pipelines.get(keyOf(shape.table));
      return pipeline === undefined ? [] : [chargeTable(shape, pipeline)];
    });
  return {
    tables: config.pipelines.map((pipeline) => tableOf(pipeline)),
    dataset: config.focus.dataset,
    render: untilChanged((shapes, { dialect, ...place }) =>
      focusViews(chargeTables(shapes), dialects[dialect], place, allocation),
    ),
    rollups: untilChanged((shapes, { dialect, ...place }) =>
      focusRollups(chargeTables(shapes), dialects[dialect], place, allocation),
    ),
  };
}

/** Returns the result before where the tables are as before: every load of a run asks, and few loads change a table. */
function untilChanged<Result>(
  render: (shapes: readonly TableShape[], place: ViewPlace) => Result,
): (shapes: readonly TableShape[], place: ViewPlace) => Result {
  let last: { readonly of: string; readonly result: Result } | undefined;
  return (shapes, place) => {
    const of = JSON.stringify([shapes, place]);
    if (last?.of !== of) last = { of, result: render(shapes, place) };
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
function partitionOf({ columns, registry }: TableShape, { partitionColumn }: PipelineConfig): string {
  const present = (name: string | null | undefined): string | undefined =>
    columns.find((column) => fold(column.name) === fold(name ?? ""))?.name;
  const known = [...registry, ...columns.map(({ name, type }) => ({ sourceName: name, columnName: name, type }))];
  const natural = exportFormats
    .map((format) => present(findColumn(known, format.columns.partition, format.columns)?.columnName))
    .find((name) => name !== undefined);
  return present(stampedColumn) ?? present(partitionColumn) ?? natural ?? "";
}

function keyOf({ dataset, name }: { readonly dataset: string; readonly name: string }): string {
  return JSON.stringify([dataset, name]);
}
