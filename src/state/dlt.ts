import { createHash } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";
import { BillhouseError } from "../errors.ts";
import { isObject, parseJson, writeCanonicalJson, writeJson, type JsonObject, type JsonValue } from "./json.ts";

/*
 * dlt's own encodings, as its versions 1.5 to 1.31 write and read them (versioned_state.py, load_package.py and
 * snake_case.py of dlt). The fixtures under test/fixtures/dlt were written by real dlt; tests compare these functions
 * with them.
 */

/** The engine version of the states that billhouse writes: dlt's PIPELINE_STATE_ENGINE_VERSION. */
export const stateEngineVersion = 4;

/** dlt's name for the kind of warehouse in a state. */
export type DestinationType = "dlt.destinations.duckdb" | "dlt.destinations.bigquery";

/**
 * The maximum size of a decompressed state in bytes. A state of 100 years of months has 150 kB; a few hundred kilobytes
 * of compressed blanks would otherwise fill the memory.
 */
const largestState = 16 * 1024 * 1024;

/** One row of `_dlt_pipeline_state`. */
export interface StateRow {
  /** Grows by one with every change of the content. */
  readonly version: number;
  readonly engineVersion: number;
  readonly pipelineName: string;
  /** Encoded: base64 of zlib of JSON. */
  readonly state: string;
  readonly createdAt: string;
  readonly versionHash: string;
  readonly loadId: string;
  readonly dltId: string;
}

/**
 * Reads a state as dlt keeps it: base64 of zlib of JSON, or the JSON itself. Values with a dlt type (text behind a
 * private-use character) stay unchanged. Error: STATE_INVALID, also for a state that dlt never writes: more than 16 MiB
 * decompressed, more than a million values, or more than 256 levels.
 */
export function decodeState(text: string): JsonObject {
  let state: JsonValue;
  try {
    if (text.length > largestState) throw new RangeError("The state is too large.");
    const packing = { maxOutputLength: largestState };
    const json = isBase64(text) ? decoder.decode(inflateSync(Buffer.from(text, "base64"), packing)) : text;
    state = parseJson(json);
  } catch (cause) {
    // zlib also throws a RangeError when the decompressed data exceeds the limit.
    const isTooMuch = cause instanceof RangeError;
    const reason = isTooMuch
      ? "it is larger than 16 MiB, has more than a million values, or is nested deeper than 256 levels"
      : "it is neither JSON nor base64 of compressed JSON";
    throw invalidState(reason, cause);
  }
  if (!isObject(state)) throw invalidState("its JSON is not an object");
  const engine = readInteger(state, "_state_engine_version");
  if (engine > stateEngineVersion) {
    throw new BillhouseError("STATE_INVALID", `The state was written by a newer dlt (state engine ${engine}).`, {
      hint: `This version of billhouse knows state engines up to ${stateEngineVersion}: install a newer billhouse.`,
    });
  }
  return state;
}

/** Writes a state as dlt does: base64 of zlib of compact JSON, keys in their order. */
export function encodeState(state: JsonObject): string {
  return deflateSync(Buffer.from(writeJson(state)), { level: 9 }).toString("base64");
}

/** dlt's hash of a state's content: base64 of SHA3-256 of its canonical JSON without version, engine and hash. */
export function versionHash(state: JsonObject): string {
  const content = new Map(state);
  for (const key of ["_local", "_state_version", "_state_engine_version", "_version_hash"]) content.delete(key);
  return createHash("sha3-256").update(writeCanonicalJson(content)).digest("base64");
}

/**
 * The state with a hash that fits its content, and the next version when the content changed since the old hash; the
 * first hash changes no version. Error: STATE_INVALID.
 */
export function sealState(state: JsonObject): JsonObject {
  const hash = versionHash(state);
  const previous = state.get("_version_hash");
  const sealed = new Map(state);
  // dlt compares hashes before it adopts a state: it would ignore new content under an old hash.
  if (typeof previous === "string" && previous !== "" && previous !== hash) {
    sealed.set("_state_version", { number: String(readInteger(state, "_state_version") + 1) });
  }
  return sealed.set("_version_hash", hash);
}

/** The row that makes a sealed state the newest one. Error: STATE_INVALID. */
export function stateRow(state: JsonObject, pipelineName: string, loadId: string, createdAt: string): StateRow {
  return {
    version: readInteger(state, "_state_version"),
    engineVersion: readInteger(state, "_state_engine_version"),
    pipelineName,
    state: encodeState(state),
    createdAt,
    versionHash: versionHash(state),
    loadId,
    dltId: dltId("_dlt_pipeline_state", pipelineName, loadId),
  };
}

/**
 * A load_id for a package made at `now`: Unix seconds as text, strictly above `newest` both as text (dlt takes the
 * state with the greatest load_id as text) and as a number, even when the clock is behind it.
 * Error: STATE_INVALID when `newest` is not a number of seconds.
 */
export function nextLoadId(newest: string | null, now: Date): string {
  const candidate = `${Math.floor(now.getTime() / 1000)}.${String(now.getMilliseconds()).padStart(3, "0")}000`;
  if (newest === null || isAbove(candidate, newest)) return candidate;
  if (!/^\d+(\.\d+)?$/.test(newest)) {
    throw new BillhouseError("STATE_INVALID", `The newest load_id in _dlt_loads, ${newest}, is not a time.`, {
      hint: "dlt writes load_ids as Unix seconds. Another program wrote this row: remove it, or give billhouse a dataset of its own.",
    });
  }
  const [seconds = "", fraction = ""] = newest.split(".");
  // Two microseconds: a double cannot distinguish present times less than 0.24 microseconds apart.
  const later = String(BigInt(seconds + fraction.slice(0, 6).padEnd(6, "0")) + 2n).padStart(seconds.length + 6, "0");
  const successor = `${later.slice(0, -6)}.${later.slice(-6)}`;
  // A carry into one more digit (9.999999 -> 10.000000) is larger as a number but smaller as text.
  return isAbove(successor, newest) ? successor : `${newest}${fraction === "" ? "." : ""}1`;
}

function isAbove(candidate: string, other: string): boolean {
  // A load_id is ASCII, for which JavaScript and the warehouses order text alike.
  return candidate > other && Number(candidate) > Number(other);
}

/**
 * A `_dlt_id`: 14 base64 characters, like the random ones of dlt, but derived from the content of the row. The same parts give
 * the same id, so that writing a row again cannot add a second one.
 */
export function dltId(...parts: readonly string[]): string {
  const digest = createHash("sha256").update(JSON.stringify(parts)).digest();
  return digest.subarray(0, 10).toString("base64").replaceAll("=", "");
}

/** A moment as Python's isoformat writes it: `2025-11-02T03:04:05.123000+00:00`, always with microseconds. */
export function isoInstant(moment: Date): string {
  return `${moment.toISOString().slice(0, -1)}000+00:00`;
}

/**
 * A name as dlt's default naming convention (snake_case) gives it to a table or dataset: the resource
 * `AWS-Cur_load_tracking` is kept in the table `aws_cur_load_tracking`. Names that a warehouse would cut are not cut.
 */
export function dltName(name: string): string {
  const plain = name
    .trim()
    .replaceAll(/[+*]/g, "x")
    .replaceAll("-", "_")
    .replaceAll("@", "a")
    .replaceAll("|", "l")
    .replaceAll(/[^a-zA-Z0-9_]+/g, "_");
  const snake = plain
    .replaceAll(/([^_])([A-Z][a-z]+)/g, "$1_$2")
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/^(?=\d)/, "_");
  return snake.replace(/_+$/, (trailing) => "x".repeat(trailing.length)).replaceAll(/_{2,}/g, "_");
}

/** An integer at the top level of a state. Error: STATE_INVALID. */
function readInteger(state: JsonObject, key: string): number {
  const value = state.get(key);
  const found = typeof value === "object" && value !== null && "number" in value ? Number(value.number) : Number.NaN;
  if (!Number.isSafeInteger(found)) throw invalidState(`its ${key} is not an integer`);
  return found;
}

/** The error for a state that cannot be read; `reason` completes "because …". */
export function invalidState(reason: string, cause?: unknown): BillhouseError {
  return new BillhouseError("STATE_INVALID", `The state in _dlt_pipeline_state cannot be read, because ${reason}.`, {
    hint: "Remove this pipeline's newest row from _dlt_pipeline_state: the previous row then applies, and the months loaded since are loaded again.",
    cause,
  });
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** As strict as Python's b64decode(validate=True), which dlt uses to distinguish the two forms. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}
