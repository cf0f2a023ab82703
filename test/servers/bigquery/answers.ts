import type {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBListValue,
  DuckDBResultReader,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBValue,
} from "@duckdb/node-api";

import { formatScaled, fromLanes, type Lanes } from "./decimals.ts";
import { datetimeText, partsOf } from "./times.ts";
import type { Column, ScalarKind, Type } from "./types.ts";

/** A value in the form of REST: text, null, or nested. */
export type Cell = string | null | { readonly f: readonly { readonly v: Cell }[] } | readonly { readonly v: Cell }[];

/** The rows of an answer, in the form of REST. */
export type Row = { readonly f: readonly { readonly v: Cell }[] };

/** Rows of DuckDB in the form of REST; TIMESTAMPs as microseconds since 1970. */
export function restRows(reader: DuckDBResultReader, columns: readonly Column[]): Row[] {
  return reader.getRows().map((row) => ({
    f: columns.map(({ type }, index) => ({ v: restValue(row[index] ?? null, type) })),
  }));
}

// Documented: reference/rest/v2/jobs/getQueryResults, and formatOptions.useInt64Timestamp.
function restValue(value: DuckDBValue, type: Type): Cell {
  if (type.kind === "ARRAY") {
    return ((value as DuckDBListValue | null)?.items ?? []).map((item) => ({ v: restValue(item, type.element) }));
  }
  if (value === null) return null;
  if (type.kind === "STRUCT") {
    const cells = Object.values((value as DuckDBStructValue).entries);
    return { f: type.fields.map((field, index) => ({ v: restValue(cells[index] ?? null, field.type) })) };
  }
  return (texts[type.kind] ?? String)(value);
}

const texts: Partial<Record<ScalarKind, (value: DuckDBValue) => string>> = {
  BIGNUMERIC: (value) => formatScaled(fromLanes((value as DuckDBStructValue).entries as unknown as Lanes), 38),
  NUMERIC: (value) => String(value).replace(/\.?0+$/u, ""),
  TIMESTAMP: (value) => String((value as DuckDBTimestampTZValue).micros),
  DATETIME: (value) => datetimeText((value as DuckDBTimestampValue).micros, "T"),
  DATE: (value) => partsOf(BigInt((value as DuckDBDateValue).days) * 86_400_000_000n).date,
  BYTES: (value) => Buffer.from((value as DuckDBBlobValue).bytes).toString("base64"),
};

/** A TIMESTAMP as clients get it that ask for no integers: seconds with a fraction, as a float. */
export function floatTimestamps(rows: readonly Row[], columns: readonly Column[]): Row[] {
  return rows.map(({ f }) => ({
    f: f.map(({ v }, index) => {
      if (columns[index]?.type.kind !== "TIMESTAMP" || typeof v !== "string") return { v };
      return { v: (Number(v) / 1e6).toExponential().replace("e+", "E") };
    }),
  }));
}
