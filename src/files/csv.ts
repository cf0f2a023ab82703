import { BillhouseError, quoted } from "../errors.ts";
import { compressionOf } from "./decompress.ts";

/** Reads CSV in chunks and passes on the cells of a few columns, row by row. */
export interface CsvScanner {
  /**
   * Takes the next piece and returns the bytes to keep: the same, without a byte order mark at the start of the file or
   * again at the start of the first row (Azure/azure-sdk-for-net issue 34129). Some bytes may come back with the next
   * piece. Throws what the callbacks throw, and FILE_INVALID for UTF-16, bytes that are compressed, another delimiter,
   * line ends that are not those of CSV or not the same in all lines, text before or after the quotes of a cell, a row
   * with another number of cells than the header, and a header, or a wanted cell, over the memory limits of 8 MiB and 1 MiB.
   */
  write(piece: Buffer): Buffer;
  /** Ends the file and returns the remaining bytes to keep. Error: FILE_INVALID when a quoted cell is open. */
  end(): Buffer;
  /** Rows so far, without the header and without blank lines. */
  readonly rows: number;
}

/** The callbacks of a scanner. */
export interface CsvReader {
  /** Called once with the header's cells; returns the positions of the wanted columns. */
  header(names: readonly string[]): readonly number[];
  /**
   * Called for every row with the wanted cells, in the order of the wanted positions; an empty cell is "". `line` is the
   * line on which the row starts, counted from 1. The array is reused for the next row.
   */
  row(cells: readonly string[], line: number): void;
}

/**
 * A scanner for CSV as RFC 4180 has it: comma, double quote, LF or CRLF, line breaks inside quotes. Blank lines are
 * skipped, below the header only where there is more than one column. `key` names the file in errors.
 *
 * It refuses CSV that readers interpret differently, so that the rows it proves are the rows that a database loads:
 * DuckDB drops blanks around quotes, and takes a carriage return alone for the end of a line.
 *
 * It scans every byte once and decodes only the wanted cells: a month can have a hundred columns and millions
 * of rows, of which the proof needs four cells.
 */
export function createCsvScanner(key: string, reader: CsvReader): CsvScanner {
  let rows = 0;
  let line = 1;
  let rowLine = 1;
  let column = 0;
  let width = -1;
  let inQuotes = false;
  let cellQuoted = false;
  let lineEnd: "LF" | "CR LF" | undefined;
  // Whether the current cell began in an earlier piece, and its bytes so far where it is wanted.
  let cellBegun = false;
  // Whether all those earlier bytes are blanks.
  let begunBlank = true;
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  let markPossible = true;
  let atStart = true;
  let headerBytes = 0;
  let held: Buffer = Buffer.alloc(0);
  let slots = new Int32Array(0);
  let cells: string[] = [];
  let names: readonly string[] = [];

  const isWanted = (): boolean => width < 0 || (slots[column] ?? -1) >= 0;

  const endCell = (bytes: Buffer, start: number, end: number): void => {
    if (isWanted()) {
      let text = bytes.toString("utf8", start, end);
      if (carried.length > 0) text = Buffer.concat([...carried, bytes.subarray(start, end)]).toString("utf8");
      if (cellQuoted) text = text.slice(1, -1).replaceAll('""', '"');
      cells[width < 0 ? column : (slots[column] ?? 0)] = text;
      carried = [];
      carriedBytes = 0;
    }
    column += 1;
    cellBegun = false;
    cellQuoted = false;
    begunBlank = true;
  };

  const endRow = (): void => {
    if (width < 0) {
      const [only = ""] = cells;
      const delimiter = column === 1 ? /[;\t|]/.exec(only)?.[0] : undefined;
      if (delimiter !== undefined) throw otherDelimiter(key, delimiter);
      // DuckDB assumes the first line end for all lines, even one in quotes, and then finds no rows.
      const otherBreak = lineEnd === "CR LF" ? /(?<!\r)\n|\r(?!\n)/ : /\r/;
      if (lineEnd !== undefined && cells.some((name) => otherBreak.test(name))) {
        throw badLineEnd(
          `${key}, line ${line}: a column name contains another line end than ${lineEnd}, the line end of the file.`,
        );
      }
      width = column;
      names = [...cells];
      const wanted = reader.header(cells);
      slots = new Int32Array(width).fill(-1);
      for (const [slot, position] of wanted.entries()) slots[position] = slot;
      cells = Array.from({ length: wanted.length }, () => "");
      markPossible = true;
    } else if (column === width) {
      rows += 1;
      reader.row(cells, rowLine);
    } else {
      throw new BillhouseError(
        "FILE_INVALID",
        `${key}, line ${rowLine}: the row has ${column} ${column === 1 ? "cell" : "cells"}, the header has ${width}.`,
        {
          hint: "Each line must have as many fields as the header. Copy the file again, or wait for the next delivery.",
        },
      );
    }
    column = 0;
  };

  const inCell = (): string =>
    `${key}, line ${rowLine}, column ${width < 0 ? column + 1 : quoted(names[column] ?? String(column + 1), 300)}`;

  /** Refuses a byte behind the quote that closes a cell. */
  const refuseAfterQuote = (byte: number): never => {
    const character = String.fromCharCode(byte);
    if (width < 0 && /[;\t|]/.test(character)) throw otherDelimiter(key, character);
    throw new BillhouseError("FILE_INVALID", `${inCell()}: text follows the quote that closes the cell.`, {
      hint: "In a quoted cell, each quote in the text must be doubled. Correct the file, or have the export delivered again, then run again.",
    });
  };

  const refuseBlankBeforeQuote = (): never => {
    throw new BillhouseError("FILE_INVALID", `${inCell()}: there is a blank before the quote that opens the cell.`, {
      hint: "Remove the blank between the comma and the quote, or have the export delivered again, then run again.",
    });
  };

  /** Refuses a carriage return outside quotes without a line feed behind it; `next` are the two bytes behind it. */
  const refuseCarriageReturn = (next: Buffer): never => {
    const isDoubled = next[0] === carriageReturn && next[1] === lineFeed;
    const what = isDoubled ? "the line ends in CR CR LF" : "the line ends in a carriage return (CR) alone";
    throw badLineEnd(`${key}, line ${line}: ${what}, not in LF or CR LF.`);
  };

  const checkLineEnd = (found: "LF" | "CR LF"): void => {
    lineEnd ??= found;
    if (found === lineEnd) return;
    throw badLineEnd(`${key}, line ${line}: the line ends in ${found}, the lines before it end in ${lineEnd}.`);
  };

  const tooLong = (what: string, most: number): BillhouseError =>
    new BillhouseError("FILE_INVALID", `${key}, line ${rowLine}: ${what} is longer than ${most} bytes.`, {
      hint: "A quote that is never closed causes this. Copy the file again, or wait for the next delivery.",
    });

  const countHeader = (bytes: number): void => {
    headerBytes += bytes;
    if (headerBytes > longestHeader) throw tooLong("the header", longestHeader);
  };

  const carry = (bytes: Buffer): void => {
    carriedBytes += bytes.length;
    if (width >= 0 && carriedBytes > longestCell) throw tooLong("a cell", longestCell);
    carried.push(Buffer.from(bytes));
  };

  /** Scans from `from` to the end of the bytes, or to the end of the header; returns where it stopped. */
  const scan = (bytes: Buffer, from: number): number => {
    const end = bytes.length;
    let start = from;
    let at = from;
    while (at < end) {
      const byte = bytes[at] ?? 0;
      if (inQuotes) {
        at = passQuoted(bytes, at);
      } else if (byte === comma) {
        if (cellQuoted || cellBegun || isWanted()) endCell(bytes, start, at);
        else column += 1;
        at += 1;
        start = at;
      } else if (byte === quote) {
        // Only a quote at the start of a cell opens one; a doubled quote closes and opens it again.
        if (cellQuoted || (at === start && !cellBegun)) inQuotes = cellQuoted = true;
        else if (begunBlank && isBlank(bytes, start, at)) refuseBlankBeforeQuote();
        at += 1;
      } else if (byte === carriageReturn) {
        if (bytes[at + 1] !== lineFeed) refuseCarriageReturn(bytes.subarray(at + 1, at + 3));
        at += 1;
      } else if (byte === lineFeed) {
        const cellEnd = at > start && bytes[at - 1] === carriageReturn ? at - 1 : at;
        const blank = column === 0 && cellEnd === start && !cellBegun && width !== 1;
        const isHeader = width < 0;
        if (isHeader) countHeader(at - from);
        checkLineEnd(cellEnd < at ? "CR LF" : "LF");
        if (!blank) {
          endCell(bytes, start, cellEnd);
          endRow();
        }
        line += 1;
        at += 1;
        start = at;
        rowLine = line;
        if (isHeader && !blank) return start;
      } else {
        if (cellQuoted) refuseAfterQuote(byte);
        do at += 1;
        while (at < end && isPlain[bytes[at] ?? 0] === 1);
      }
    }
    if (start < end) {
      if (isWanted()) carry(bytes.subarray(start));
      begunBlank &&= isBlank(bytes, start, end);
      cellBegun = true;
    }
    if (width < 0) countHeader(end - from);
    return end;
  };

  /** Passes text in quotes up to the next quote, and that quote; returns where it stopped. */
  const passQuoted = (bytes: Buffer, from: number): number => {
    for (let at = from; at < bytes.length; at += 1) {
      if (bytes[at] === lineFeed) line += 1;
      else if (bytes[at] === quote) {
        inQuotes = false;
        return at + 1;
      }
    }
    return bytes.length;
  };

  const take = (bytes: Buffer): Buffer => {
    const kept: Buffer[] = [];
    let from = 0;
    while (from < bytes.length) {
      if (atStart) {
        refuseUtf16(key, bytes);
        refuseCompressed(key, bytes);
      }
      atStart = false;
      if (markPossible) {
        if (byteOrderMark.equals(bytes.subarray(from, from + 3))) from += 3;
        markPossible = false;
      }
      const stop = scan(bytes, from);
      kept.push(bytes.subarray(from, stop));
      from = stop;
      if (markPossible && bytes.length - from < 3) break;
    }
    held = bytes.subarray(from);
    return kept.length === 1 && kept[0] !== undefined ? kept[0] : Buffer.concat(kept);
  };

  return {
    write(piece) {
      const bytes = held.length > 0 ? Buffer.concat([held, piece]) : piece;
      // A byte order mark must not be split, nor a carriage return separated from the two bytes behind it.
      const open = bytes.at(-1) !== carriageReturn ? 0 : bytes.at(-2) !== carriageReturn ? 1 : 2;
      const whole = markPossible && bytes.length < 3 ? 0 : bytes.length - open;
      const kept = take(bytes.subarray(0, whole));
      held = Buffer.concat([held, bytes.subarray(whole)]);
      return kept;
    },
    end() {
      let kept = Buffer.alloc(0);
      while (held.length > 0) kept = Buffer.concat([kept, take(held)]);
      if (inQuotes) {
        throw new BillhouseError("FILE_INVALID", `${key}, line ${rowLine}: a quoted cell is never closed.`, {
          hint: "The file ends too early or is damaged. Copy it again, or wait for the next delivery.",
        });
      }
      if (column > 0 || cellBegun) {
        endCell(kept, kept.length, kept.length);
        endRow();
      }
      return kept;
    },
    get rows() {
      return rows;
    },
  };
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] !== space) return false;
  return true;
}

/** UTF-16 starts with its byte order mark, or its first (ASCII) character has a zero byte. */
function refuseUtf16(key: string, [first = 1, second = 1]: Buffer): void {
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (!hasMark && (first === 0) === (second === 0)) return;
  throw new BillhouseError("FILE_INVALID", `${key} is UTF-16, and CSV is read as UTF-8.`, {
    hint: "A program saved the file again after the cloud wrote it. Replace it with the delivered file, or save this one as UTF-8, then run again.",
  });
}

/** The bytes come from a decompressed file, so that these were compressed twice. */
function refuseCompressed(key: string, start: Buffer): void {
  const compression = compressionOf(start);
  if (compression === "none") return;
  throw new BillhouseError("FILE_INVALID", `${key} is compressed twice: inside is another ${compression} file.`, {
    hint: "A program compressed the file again after the cloud wrote it. Put the file that the cloud delivered in its place, then run again.",
  });
}

function otherDelimiter(key: string, delimiter: string): BillhouseError {
  const name = delimiter === "\t" ? "a tab" : delimiter;
  return new BillhouseError("FILE_INVALID", `${key} has ${name} as its delimiter, not a comma.`, {
    hint: "A spreadsheet program probably saved this file. Replace it with the delivered file, or save this one with commas and decimal points, then run again.",
  });
}

function badLineEnd(message: string): BillhouseError {
  return new BillhouseError("FILE_INVALID", message, {
    hint: "A copy that converts line ends causes this. Replace it with the delivered file, or correct the line ends, then run again.",
  });
}

// Ten thousand columns with the longest names that a warehouse allows take 3 MB.
const longestHeader = 8 * 1024 * 1024;

// Only periods, currencies and amounts are wanted; other cells may have any length.
const longestCell = 1024 * 1024;

const space = 32;
const comma = 44;
const quote = 34;
const lineFeed = 10;
const carriageReturn = 13;

/** 1 for a byte that means nothing outside quotes: most bytes of a file, passed over one after the other. */
const isPlain = new Uint8Array(256).fill(1);
for (const byte of [comma, quote, lineFeed, carriageReturn]) isPlain[byte] = 0;

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
