import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  type DuckDBConnection,
  DuckDBScalarFunction,
  DuckDBStructValue,
  type DuckDBType,
  type DuckDBValue,
  HUGEINT,
  INTEGER,
  STRUCT,
  UBIGINT,
  VARCHAR,
} from "@duckdb/node-api";

import {
  divideBig,
  fitsBig,
  formatScaled,
  fromLanes,
  type Lanes,
  multiplyBig,
  parseScaled,
  roundBig,
  toLanes,
} from "./decimals.ts";
import { datetimeText, formatTime, parseDate, parseDatetime, parseTimestamp, timestampText } from "./times.ts";

const big = STRUCT({ a: HUGEINT, b: UBIGINT, c: UBIGINT, d: UBIGINT });

type Cell = Exclude<DuckDBValue, null>;

/** The types of cells that are soon written as text, and whose text is that of no other value of the type. */
const keyTypes: readonly DuckDBType[] = [VARCHAR, BIGINT, DOUBLE];

/**
 * Gives DuckDB the functions that it lacks; they then exist in the whole database. NULL in is NULL out. A column of a bill has
 * few different values, so equal cells of a chunk are worked out once.
 */
export function registerNatives(connection: DuckDBConnection): void {
  const define = (
    name: string,
    types: DuckDBType[],
    returnType: DuckDBType,
    run: (...cells: Cell[]) => DuckDBValue,
  ): void => {
    const hasKey = types.every((type) => keyTypes.includes(type));
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        parameterTypes: types,
        returnType,
        mainFunction(info, chunk, output) {
          const columns = types.map((_, index) => chunk.getColumnVector(index));
          const { rowCount } = chunk;
          const known = new Map<string, DuckDBValue>();
          try {
            for (let row = 0; row < rowCount; row++) {
              const cells = columns.map((column) => column.getItem(row));
              if (cells.includes(null)) {
                output.setItem(row, null);
                continue;
              }
              const key = hasKey ? keyOf(cells as Cell[]) : undefined;
              let value = key === undefined ? undefined : known.get(key);
              if (value === undefined) {
                value = run(...(cells as Cell[]));
                if (key !== undefined) known.set(key, value);
              }
              output.setItem(row, value);
            }
            output.flush();
          } catch (error) {
            info.setError(error instanceof Error ? error.message : String(error));
          }
        },
      }),
    );
  };

  /** A cast of text, once failing and once giving NULL. */
  const cast = (
    name: string,
    returnType: DuckDBType,
    parse: (text: string) => DuckDBValue | undefined,
    bad: (text: string) => string,
  ): void => {
    define(`bq_${name}`, [VARCHAR], returnType, (text) => {
      const value = parse(text as string);
      if (value === undefined) throw new Error(bad(text as string));
      return value;
    });
    define(`bq_safe_${name}`, [VARCHAR], returnType, (text) => parse(text as string) ?? null);
  };

  cast("big", big, bigOf, (text) => `Bad BIGNUMERIC value: ${text}`);
  cast("num", VARCHAR, numericOf, (text) => `Bad NUMERIC value: ${text}`);
  cast("int", BIGINT, intOf, (text) => `Bad int64 value: ${text}`);
  cast("float", DOUBLE, floatOf, (text) => `Bad double value: ${text}`);
  cast(
    "bool",
    BOOLEAN,
    (text) => ({ true: true, false: false })[text.toLowerCase()],
    (text) => `Bad bool value: ${text}`,
  );
  cast("timestamp", BIGINT, parseTimestamp, (text) => `Invalid timestamp: '${text}'`);
  cast("datetime", BIGINT, parseDatetime, (text) => `Invalid datetime string "${text}"`);
  cast("date", INTEGER, parseDate, (text) => `Invalid date: '${text}'`);

  define("bq_big_text", [big], VARCHAR, (value) => formatScaled(numberOf(value), 38));
  define("bq_big_float", [big], DOUBLE, (value) => Number(formatScaled(numberOf(value), 38)));
  define("bq_big_sum", [HUGEINT, HUGEINT, HUGEINT, HUGEINT], big, (a, b, c, d) =>
    checked(fromLanes({ a, b, c, d } as unknown as Lanes)),
  );
  define("bq_big_negate", [big], big, (value) => checked(-numberOf(value)));
  define("bq_big_abs", [big], big, (value) => checked(numberOf(value) < 0n ? -numberOf(value) : numberOf(value)));
  define("bq_big_round", [big, BIGINT], big, (value, digits) => checked(roundBig(numberOf(value), Number(digits))));
  const arithmetic: readonly [string, (first: bigint, second: bigint) => bigint][] = [
    ["add", (first, second) => first + second],
    ["subtract", (first, second) => first - second],
    ["multiply", multiplyBig],
    [
      "divide",
      (first, second) => {
        if (second === 0n) throw new Error("division by zero");
        return divideBig(first, second);
      },
    ],
  ];
  for (const [name, run] of arithmetic) {
    define(`bq_big_${name}`, [big, big], big, (first, second) => checked(run(numberOf(first), numberOf(second))));
  }
  define("bq_timestamp_text", [BIGINT], VARCHAR, (micros) => timestampText(micros as bigint));
  define("bq_datetime_text", [BIGINT, VARCHAR], VARCHAR, (micros, between) =>
    datetimeText(micros as bigint, between as string),
  );
  define("bq_float_text", [DOUBLE], VARCHAR, (value) => floatText(value as number));
  define("bq_json_text", [VARCHAR], VARCHAR, (value) => JSON.stringify(value));
  define("bq_format_time", [VARCHAR, BIGINT], VARCHAR, (format, micros) => {
    const formatted = formatTime(format as string, micros as bigint);
    if (formatted === undefined) throw new Error(`This server does not know the time format ${String(format)}`);
    return formatted;
  });
  // Documented: standard-sql/format_functions; %e is that of printf in C.
  define("bq_format_float", [BIGINT, DOUBLE], VARCHAR, (digits, value) => {
    const number = value as number;
    if (!Number.isFinite(number)) return Number.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
    const written = (Object.is(number, -0) ? "-" : "") + number.toExponential(Number(digits));
    return written.replace(/e([+-])(\d)$/u, "e$10$2");
  });
}

/** A text that only equal cells of the key types have. */
function keyOf(cells: readonly Cell[]): string {
  return cells.map((cell) => (Object.is(cell, -0) ? "-0" : String(cell))).join("\0");
}

/** What makes a value of a type out of text; it gives undefined for text that is none. */
export function parserOf(kind: string): (text: string) => unknown {
  const parsers: Readonly<Record<string, (text: string) => unknown>> = {
    BIGNUMERIC: bigOf,
    NUMERIC: numericOf,
    INT64: intOf,
    FLOAT64: floatOf,
    BOOL: (text) => ({ true: true, false: false })[text.toLowerCase()],
    TIMESTAMP: parseTimestamp,
    DATETIME: parseDatetime,
    DATE: parseDate,
  };
  return parsers[kind] ?? ((text) => text);
}

function bigOf(text: string): DuckDBStructValue | undefined {
  const value = parseScaled(text, 38);
  return value === undefined || !fitsBig(value) ? undefined : new DuckDBStructValue({ ...toLanes(value) });
}

function numberOf(value: DuckDBValue): bigint {
  return fromLanes((value as DuckDBStructValue).entries as unknown as Lanes);
}

function checked(value: bigint): DuckDBStructValue {
  if (!fitsBig(value)) throw new Error("BIGNUMERIC overflow");
  return new DuckDBStructValue({ ...toLanes(value) });
}

/** Text that DuckDB casts to DECIMAL(38,9) exactly. */
function numericOf(text: string): string | undefined {
  const value = parseScaled(text, 9);
  return value === undefined || (value < 0n ? -value : value) >= 10n ** 38n ? undefined : formatScaled(value, 9);
}

function intOf(text: string): bigint | undefined {
  if (!/^\s*[+-]?(?:\d+|0[xX][\da-fA-F]+)\s*$/u.test(text)) return undefined;
  const trimmed = text.trim();
  const value = trimmed.startsWith("-") ? -BigInt(trimmed.slice(1)) : BigInt(trimmed.replace(/^\+/u, ""));
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function floatOf(text: string): number | undefined {
  const trimmed = text.trim();
  const special: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, infinity: Infinity };
  const sign = trimmed.startsWith("-") ? -1 : 1;
  const known = special[trimmed.replace(/^[+-]/u, "").toLowerCase()];
  if (known !== undefined) return sign * known;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/u.test(trimmed)) return undefined;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : undefined;
}

/** Documented: standard-sql/conversion_functions#cast_as_string; shortest text, with an exponent of two digits. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  if (Object.is(value, -0)) return "-0";
  const [, sign = "", first = "", rest = "", exponent = "0"] =
    /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/u.exec(value.toExponential()) ?? [];
  const size = Number(exponent);
  if (size < -4 || size >= 15) {
    const digits = Math.abs(size).toString().padStart(2, "0");
    return `${sign}${first}${rest === "" ? "" : `.${rest}`}e${size < 0 ? "-" : "+"}${digits}`;
  }
  return String(value);
}
