import { quoted } from "../errors.ts";
import { idColumns, trackingTable, type BillingMonth, type Table } from "../model.ts";
import { isBillingMonth } from "../schema/periods.ts";
import { decodeState, invalidState, sealState, stateEngineVersion, stateRow } from "./dlt.ts";
import type { DestinationType, StateRow } from "./dlt.ts";
import { isList, isObject, type JsonObject, type JsonValue } from "./json.ts";

/** The entry of one billing month in the state. */
export interface LoadedExecution {
  /** The newest of `executionIds`. */
  readonly executionId: string;
  /** The executions that the month was loaded from together, oldest first. */
  readonly executionIds: readonly string[];
  /** Every execution that the entry names, oldest first: in the older list form also previous ones. */
  readonly knownIds: readonly string[];
  /** As written in the entry; null if its form lacks it. */
  readonly loadedAt: string | null;
  readonly submittedTime: string | null;
}

/** A load to record. */
export interface LoadToRecord {
  /** Oldest first; several only if the table has `run_id`. */
  readonly executionIds: readonly string[];
  readonly billingMonth: BillingMonth;
  /** ISO 8601 with microseconds and `+00:00`. */
  readonly loadedAt: string;
  /** The manifest's text, unchanged, or null. */
  readonly submittedTime: string | null;
}

/**
 * The execution that each billing month of a table was loaded from, read from an encoded state (null: none yet). Reads the
 * entries of the AWS and the Azure pipeline, and the older form, a list of ids whose last one counts.
 * Error: STATE_INVALID, also for an entry whose key is not a month or that does not name an execution.
 */
export function loadedExecutions(state: string | null, table: Table): ReadonlyMap<BillingMonth, LoadedExecution> {
  const months = new Map<BillingMonth, LoadedExecution>();
  if (state === null) return months;
  for (const [month, entry] of objectAt(openState(state, table), executionsPath(table))) {
    // Later code counts the months between the first and the last one.
    if (!isBillingMonth(month)) throw invalidState(`it names ${quoted(month, 40)}, which is not a month`);
    const loaded = readEntry(entry);
    if (loaded === "unreadable")
      throw invalidState(`its entry for ${month} of ${table.name} does not name an execution`);
    if (loaded !== null) months.set(month, loaded);
  }
  return months;
}

/**
 * The names of all tables whose loads a state holds, below the source of this table; a pipeline that was loaded into
 * several tables has several. Error: STATE_INVALID.
 */
export function loadedTables(state: string, table: Table): readonly string[] {
  const suffix = trackingTable({ ...table, name: "" });
  const tracked = [...objectAt(openState(state, table), ["sources", table.sourceName, "resources"])];
  return tracked.flatMap(([name, resource]) =>
    name.endsWith(suffix) && isObject(resource) && objectAt(resource, ["loaded_executions"]).size > 0
      ? [name.slice(0, -suffix.length)]
      : [],
  );
}

/**
 * Which form the entries of a table have: the name of a section does not give its cloud. Without an entry it is the form of the
 * table. Error: STATE_INVALID.
 */
export function idColumnOf(state: string | null, table: Table): Table["idColumn"] {
  if (state === null) return table.idColumn;
  for (const [, entry] of objectAt(openState(state, table), executionsPath(table))) {
    for (const column of idColumns) if (isObject(entry) && entry.has(column)) return column;
  }
  return table.idColumn;
}

/**
 * The state row that records one load. It is rebuilt from the newest state (null: a fresh one), in which everything but the
 * month's entry stays unchanged. Error: STATE_INVALID.
 */
export function recordLoad(
  current: string | null,
  table: Table,
  load: LoadToRecord,
  destinationType: DestinationType,
  loadId: string,
): StateRow {
  const state = current === null ? freshState(table, destinationType) : openState(current, table);
  const newest = load.executionIds.at(-1);
  if (newest === undefined) throw new TypeError("A month is loaded from at least one execution.");
  // The Azure pipeline reads only run_id, and would read a list as its own older form.
  const several: [string, JsonValue][] = load.executionIds.length > 1 ? [["run_ids", [...load.executionIds]]] : [];
  // A manifest without a submission time leaves it null: the Azure pipeline only compares run_id.
  const entry: JsonObject =
    table.idColumn === "run_id"
      ? new Map([["run_id", newest], ["submitted_time", load.submittedTime], ...several])
      : new Map([
          [table.idColumn, newest],
          ["loaded_at", load.loadedAt],
        ]);
  const path = executionsPath(table);
  const executions = new Map(objectAt(state, path)).set(load.billingMonth, entry);
  return stateRow(sealState(withObjectAt(state, path, executions)), table.pipelineName, loadId, load.loadedAt);
}

/**
 * The state row from which billing months (or all) are gone, so that they load again; everything else stays unchanged.
 * `createdAt` is ISO 8601. Error: STATE_INVALID.
 */
export function forgetMonths(
  current: string,
  table: Table,
  months: readonly BillingMonth[] | "all",
  loadId: string,
  createdAt: string,
): StateRow {
  const state = openState(current, table);
  const path = executionsPath(table);
  const executions = new Map(objectAt(state, path));
  for (const month of months === "all" ? [...executions.keys()] : months) executions.delete(month);
  return stateRow(sealState(withObjectAt(state, path, executions)), table.pipelineName, loadId, createdAt);
}

function openState(text: string, table: Table): JsonObject {
  const state = decodeState(text);
  const name = state.get("pipeline_name");
  // dlt refuses such a state too (CannotRestorePipelineException).
  if (name !== table.pipelineName) throw invalidState(`its pipeline is not ${table.pipelineName}`);
  return state;
}

/** dlt's state before its first load: version 0, and a hash, so that the first entry makes it version 1. */
function freshState(table: Table, destinationType: DestinationType): JsonObject {
  return sealState(
    new Map<string, JsonValue>([
      ["_state_version", { number: "0" }],
      ["_state_engine_version", { number: String(stateEngineVersion) }],
      ["pipeline_name", table.pipelineName],
      ["dataset_name", table.dataset],
      ["default_schema_name", table.sourceName],
      ["schema_names", [table.sourceName]],
      ["destination_type", destinationType],
      ["destination_name", null],
    ]),
  );
}

function executionsPath(table: Table): readonly string[] {
  return ["sources", table.sourceName, "resources", trackingTable(table), "loaded_executions"];
}

/** The object at a path, empty if missing. Error: STATE_INVALID for another kind of value. */
function objectAt(state: JsonObject, path: readonly string[]): JsonObject {
  let object = state;
  for (const key of path) {
    const value = object.get(key) ?? new Map<string, JsonValue>();
    if (!isObject(value)) throw invalidState(`its ${key} is not an object`);
    object = value;
  }
  return object;
}

/** A copy with another object at a path; every key on the way keeps its place. */
function withObjectAt(object: JsonObject, path: readonly string[], replacement: JsonObject): JsonObject {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  return new Map(object).set(key, withObjectAt(objectAt(object, [key]), rest, replacement));
}

/** Null for an entry without an execution (an empty list): the month counts as not loaded. */
function readEntry(entry: JsonValue): LoadedExecution | "unreadable" | null {
  if (isList(entry)) {
    const knownIds = entry.filter((id) => typeof id === "string");
    const executionId = knownIds.at(-1);
    if (knownIds.length !== entry.length) return "unreadable";
    if (executionId === undefined) return null;
    return { executionId, executionIds: [executionId], knownIds, loadedAt: null, submittedTime: null };
  }
  if (!isObject(entry)) return "unreadable";
  const executionId = idColumns.map((column) => entry.get(column)).find((id) => id !== undefined && id !== null);
  if (typeof executionId !== "string") return "unreadable";
  const listed = entry.get("run_ids");
  const runIds = isList(listed) ? listed.filter((id) => typeof id === "string") : [];
  // A program that only knows run_id may have replaced the month and kept the old run_ids.
  const executionIds = runIds.at(-1) === executionId ? runIds : [executionId];
  return {
    executionId,
    executionIds,
    knownIds: executionIds,
    loadedAt: textAt(entry, "loaded_at"),
    submittedTime: textAt(entry, "submitted_time"),
  };
}

function textAt(entry: JsonObject, key: string): string | null {
  const value = entry.get(key);
  return typeof value === "string" ? value : null;
}

/** A key as JSON, so that control characters are visible; long keys are cut. */
