import { isUtf8 } from "node:buffer";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { createCsvScanner } from "../../../src/files/csv.ts";
import { createTally } from "../../../src/files/tally.ts";
import { compareDecimals, subtractDecimals } from "../../../src/schema/decimals.ts";
import { describeSource } from "../../../src/warehouses/duckdb/sources.ts";
import { castExpression, castMacros } from "../../../src/warehouses/duckdb/sql.ts";

/** What the scanner and the database both read in a CSV file. */
export interface Agreed {
  /** The bytes that the database read. */
  readonly bytes: Buffer;
  readonly rows: readonly (readonly string[])[];
  /** The exact sum of the last column, where the tally takes all of it for numbers. */
  readonly sum: string | null;
}

/**
 * Reads a CSV file with the scanner, cell by cell, and with the database, as a load does. Throws the BillhouseError of
 * the scanner for a file that it refuses; an Error when the database refuses UTF-8 that the scanner takes, or when a
 * cell, or the sum of the last column, is another one.
 */
export async function readAgreed(bytes: Buffer): Promise<Agreed | null> {
  const rows: string[][] = [];
  let header: readonly string[] = [];
  const scanner = createCsvScanner("a.csv", {
    header: (names) => {
      header = [...names];
      return header.map((_, position) => position);
    },
    row: (cells) => void rows.push([...cells]),
  });
  const kept: Buffer[] = [];
  // Pieces that are small, so that whatever is parted between two of them is parted.
  for (let at = 0; at < bytes.length; at += pieceSize) {
    kept.push(Buffer.from(scanner.write(bytes.subarray(at, at + pieceSize))));
  }
  kept.push(scanner.end());
  const text = Buffer.concat(kept);
  if (header.length === 0 || header.length > mostColumns || !isUtf8(text)) return null;
  const { connection, path } = await database();
  writeFileSync(path, text);
  const columns = header.map((name, position) => ({
    sourceName: name,
    columnName: `c${position}`,
    type: "text" as const,
  }));
  const file = { key: "a.csv", size: text.length, version: "1", modified: "2025-02-01T00:00:00.000Z" };
  const source = await describeSource(
    connection,
    {
      file: { ...file, format: "csv", rows: null, declaredSize: null },
      storageUrl: "memory",
      executionId: "run",
      periodColumn: null,
      needsPeriod: false,
      path,
      rows: null,
      columns,
    },
    new Map(columns.map(({ columnName }) => [columnName, "VARCHAR"])),
    { nullValues: [] },
  );
  // As bytes: the client of the database drops a byte order mark at the start of a text.
  const cells = source.columns.map(({ expression }) => `hex(encode(coalesce(${expression}, '')))`).join(", ");
  const answer = await connection.runAndReadAll(`SELECT ${cells} FROM ${source.relation([path])}`);
  const found = answer.getRows().map((row) => row.map((cell) => Buffer.from(String(cell), "hex").toString("utf8")));
  const [ours, theirs] = [JSON.stringify(rows), JSON.stringify(found)];
  if (ours !== theirs) throw new Error(`The scanner reads ${ours}, the database ${theirs}.`);
  return { bytes: text, rows, sum: await agreedSum(connection, source.relation([path]), header, rows) };
}

// Not a divisor of what a database reads at once.
const pieceSize = 7;

const mostColumns = 100;

/** The sum of the last column: null where the tally or the database does not take all of it for numbers. */
async function agreedSum(
  connection: DuckDBConnection,
  relation: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<string | null> {
  const last = header.length - 1;
  const tally = createTally({
    key: "a.csv",
    billingMonth: "2025-01",
    needsPeriod: false,
    nullValues: [],
    header,
    proof: { period: null, currency: null, costs: [last] },
    precisions: [18],
    decimalScale: 18,
    unit: "line",
  });
  let sum: string;
  let rounded: number;
  try {
    for (const [index, row] of rows.entries()) tally.row([row[last] ?? ""], index);
    const evidence = tally.evidence();
    sum = evidence.sums[0]?.[""] ?? "0";
    rounded = evidence.rounded[0] ?? 0;
  } catch {
    return null;
  }
  const value = castExpression(`f."c${last}"`, "VARCHAR", "DECIMAL(38,18)");
  const answer = await connection
    .runAndReadAll(`SELECT CAST(coalesce(sum(${value}), 0) AS VARCHAR) FROM ${relation}`)
    // Numbers of more digits than the column has are refused there.
    .catch((error: unknown) => {
      if (error instanceof Error && /^(Conversion|Out of Range|Invalid Input) Error/.test(error.message)) return null;
      throw error;
    });
  if (answer === null) return null;
  const total = String(answer.getRows()[0]?.[0]);
  const difference = subtractDecimals(total, sum).replace("-", "");
  if (compareDecimals(difference, `${5 * rounded}e-19`) > 0) {
    throw new Error(`The tally adds up to ${sum}, the database to ${total}.`);
  }
  return sum;
}

let opened: Promise<{ readonly connection: DuckDBConnection; readonly path: string }> | undefined;

/** One database for all files, and where they are written. */
function database(): NonNullable<typeof opened> {
  opened ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), "billhouse-cells-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
    const connection = await instance.connect();
    for (const macro of castMacros) await connection.run(macro);
    return { connection, path: join(folder, "file") };
  })();
  return opened;
}
