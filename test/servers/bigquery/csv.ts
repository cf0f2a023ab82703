import { isUtf8 } from "node:buffer";

import { refusal, type Refusal } from "./failures.ts";

/** What a CSV file is read with. */
export interface CsvOptions {
  readonly uri: string;
  readonly columns: number;
  readonly skipLeadingRows: number;
  readonly preserveAsciiControlCharacters: boolean;
  /** Says what is wrong with the cells of a row; null when nothing is. Cells are looked at only where this is given. */
  check?(cells: readonly (string | null)[], position: number): string | null;
}

/** A CSV file that was found to be one, as lines that DuckDB reads without a doubt. */
export interface CheckedCsv {
  readonly rows: number;
  readonly bytes: Uint8Array;
}

const comma = 44;

const quote = 34;

const lineFeed = 10;

const carriageReturn = 13;

/**
 * Reads CSV by the rules of load jobs: quotes only around whole cells, CRLF or LF, blank lines skipped, a byte order mark
 * skipped at the start of the file alone. Error: invalid, with the place of the row that is wrong; which rows BigQuery
 * refuses is documented (loading-data-cloud-storage-csv), how it words it is assumed.
 */
export function checkCsv(bytes: Buffer, options: CsvOptions): CheckedCsv {
  const { columns } = options;
  if (!options.preserveAsciiControlCharacters && bytes.includes(0)) {
    throw rowError(options, 0, 0, "Bad character (ASCII 0) encountered.");
  }
  const isText = isUtf8(bytes);
  const chunks: Buffer[] = [Buffer.from(`${Array.from({ length: columns }, () => "x").join(",")}\n`)];
  const newline = Buffer.from("\n");
  let position = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  let skipped = 0;
  let rows = 0;
  while (position < bytes.length) {
    const row = readRow(bytes, position);
    if ("problem" in row) throw rowError(options, rows + 1, position, row.problem);
    if (row.end === position) position = row.next;
    else if (skipped < options.skipLeadingRows) {
      skipped++;
      position = row.next;
    } else {
      rows++;
      if (!isText && !isUtf8(bytes.subarray(position, row.end))) {
        throw rowError(options, rows, position, "Invalid UTF-8 character encountered.");
      }
      if (row.cells !== columns) throw raggedRow(options, rows, position, row.cells);
      if (options.check !== undefined || row.odd) {
        const cells = cellsOf(bytes, position, row.end);
        const problem = options.check?.(cells, position) ?? null;
        if (problem !== null) throw valueError(options, rows, problem);
        chunks.push(row.odd ? Buffer.from(cells.map(requoted).join(",")) : bytes.subarray(position, row.end), newline);
      } else chunks.push(bytes.subarray(position, row.end), newline);
      position = row.next;
    }
  }
  return { rows, bytes: Buffer.concat(chunks) };
}

interface CsvRow {
  readonly cells: number;
  /** Where the row ends, and where the next one begins. */
  readonly end: number;
  readonly next: number;
  /** It holds a quote or a carriage return inside a cell without quotes. */
  readonly odd: boolean;
}

function readRow(bytes: Buffer, start: number): CsvRow | { readonly problem: string } {
  let at = start;
  let cells = 1;
  let odd = false;
  let isStart = true;
  for (; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === quote && isStart) {
      const close = closingQuote(bytes, at + 1);
      if (close === -1) return { problem: 'Missing close quote character (").' };
      at = close;
      const behind = bytes[at + 1];
      const endsLine = behind === carriageReturn && (bytes[at + 2] === lineFeed || at + 2 === bytes.length);
      if (behind !== comma && behind !== lineFeed && behind !== undefined && !endsLine) {
        return { problem: 'Data between close quote character (") and field separator.' };
      }
      isStart = false;
    } else if (byte === comma) {
      cells++;
      isStart = true;
    } else if (byte === lineFeed) break;
    else {
      if (byte === quote || (byte === carriageReturn && bytes[at + 1] !== lineFeed && at + 1 < bytes.length))
        odd = true;
      isStart = false;
    }
  }
  const end = at > start && bytes[at - 1] === carriageReturn ? at - 1 : at;
  return { cells, end, next: at + 1, odd };
}

function closingQuote(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(quote, from);
  while (at !== -1 && bytes[at + 1] === quote) at = bytes.indexOf(quote, at + 2);
  return at;
}

/** The cells of a row: NULL for an empty one (documented: the default of nullMarker), text for `""`. */
function cellsOf(bytes: Buffer, start: number, end: number): (string | null)[] {
  const cells: (string | null)[] = [];
  let at = start;
  for (;;) {
    if (bytes[at] === quote && at < end) {
      const close = closingQuote(bytes, at + 1);
      cells.push(bytes.toString("utf8", at + 1, close).replaceAll('""', '"'));
      at = close + 1;
    } else {
      const found = bytes.indexOf(comma, at);
      const stop = found === -1 || found > end ? end : found;
      cells.push(stop === at ? null : bytes.toString("utf8", at, stop));
      at = stop;
    }
    if (at >= end) return cells;
    at++;
    if (at === end) return [...cells, null];
  }
}

function requoted(cell: string | null): string {
  return cell === null ? "" : `"${cell.replaceAll('"', '""')}"`;
}

function raggedRow(options: CsvOptions, row: number, position: number, cells: number): Error {
  if (cells > options.columns) return rowError(options, row, position, "Too many values in row.");
  return valueError(
    options,
    row,
    `CSV table references column position ${cells}, but line starting at position:${position} contains only ${cells} columns.`,
  );
}

function rowError(options: CsvOptions, row: number, position: number, problem: string): Error {
  return valueError(
    options,
    row,
    `Error detected while parsing row starting at position: ${position}. Error: ${problem}`,
  );
}

function valueError({ uri }: CsvOptions, row: number, problem: string): Error {
  const reading = "Error while reading data, error message:";
  const counts = `Rows: ${row}; errors: 1; max bad: 0; error percent: 0`;
  const first = {
    reason: "invalid",
    location: uri,
    message: `${reading} CSV processing encountered too many errors, giving up. ${counts}`,
  };
  const details: NonNullable<Refusal["details"]> = [
    { reason: "invalid", message: `${reading} ${problem} File: ${uri}`, location: uri },
  ];
  return refusal("invalid", first.message, { location: uri, details });
}
