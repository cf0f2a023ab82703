import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { BillhouseError } from "../../src/errors.ts";
import { createCsvScanner } from "../../src/files/csv.ts";

interface Scanned {
  readonly header: string[];
  readonly rows: string[][];
  readonly lines: number[];
  readonly kept: string;
  readonly count: number;
}

/** Scans text in pieces of one size, wanting some columns (all of them when none are named). */
function scan(text: string, pieceSize: number, wanted?: number[]): Scanned {
  const header: string[] = [];
  const rows: string[][] = [];
  const lines: number[] = [];
  const scanner = createCsvScanner("file.csv", {
    header(names) {
      header.push(...names);
      return wanted ?? names.map((_, index) => index);
    },
    row(cells, line) {
      rows.push([...cells]);
      lines.push(line);
    },
  });
  const bytes = Buffer.from(text);
  const kept: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceSize)
    kept.push(Buffer.from(scanner.write(bytes.subarray(at, at + pieceSize))));
  kept.push(scanner.end());
  return { header, rows, lines, kept: Buffer.concat(kept).toString(), count: scanner.rows };
}

const cases: Readonly<Record<string, { text: string; rows: string[][]; lines: number[]; kept?: string }>> = {
  "plain rows": {
    text: "a,b\n1,2\n3,4\n",
    rows: [
      ["1", "2"],
      ["3", "4"],
    ],
    lines: [2, 3],
  },
  "no line feed at the end": { text: "a,b\n1,2", rows: [["1", "2"]], lines: [2] },
  "carriage returns": {
    text: "a,b\r\n1,2\r\n,\r\n",
    rows: [
      ["1", "2"],
      ["", ""],
    ],
    lines: [2, 3],
  },
  "quotes, commas and line breaks in cells": {
    text: 'a,b\n"x, ""y""","1\n2"\n3,4\n',
    rows: [
      ['x, "y"', "1\n2"],
      ["3", "4"],
    ],
    lines: [2, 4],
  },
  "an empty quoted cell": { text: 'a,b\n"",2\n', rows: [["", "2"]], lines: [2] },
  "a quote inside an unquoted cell": { text: 'a,b\n5" disk,2\n', rows: [['5" disk', "2"]], lines: [2] },
  "blank lines": {
    text: "a,b\n\n1,2\n\n3,4\n\n",
    rows: [
      ["1", "2"],
      ["3", "4"],
    ],
    lines: [3, 5],
  },
  "an empty row of the only column": { text: "a\n1\n\n3\n", rows: [["1"], [""], ["3"]], lines: [2, 3, 4] },
  "a byte order mark, and another on the first row": {
    text: "\uFEFFa,b\n\uFEFF1,ünï€\n\uFEFF2,3\n",
    rows: [
      ["1", "ünï€"],
      ["\uFEFF2", "3"],
    ],
    lines: [2, 3],
    kept: "a,b\n1,ünï€\n\uFEFF2,3\n",
  },
  "blank lines before the header": {
    text: "\n\n\na,b\n1,2\n",
    rows: [["1", "2"]],
    lines: [5],
  },
  "carriage returns inside quotes": {
    text: 'a,b\n"\r\r\n",2\n',
    rows: [["\r\r\n", "2"]],
    lines: [2],
  },
  "quotes behind a tab": { text: 'a,b\n\t"x",2\n', rows: [['\t"x"', "2"]], lines: [2] },
  "a header alone": { text: "a,b\n", rows: [], lines: [] },
  "a header alone without line feed": { text: "a,b", rows: [], lines: [] },
  "a quoted header over two lines": { text: '"a\nx",b\n1,2\n', rows: [["1", "2"]], lines: [3] },
};

describe("the CSV scanner", () => {
  for (const [title, { text, rows, lines, kept }] of Object.entries(cases)) {
    it(`reads ${title}, in pieces of any size`, () => {
      for (const pieceSize of [1, 2, 3, 4, 5, 7, 1000]) {
        const scanned = scan(text, pieceSize);
        assert.deepEqual(scanned.rows, rows, `pieces of ${pieceSize}`);
        assert.deepEqual(scanned.lines, lines, `pieces of ${pieceSize}`);
        assert.equal(scanned.kept, kept ?? text, `pieces of ${pieceSize}`);
        assert.equal(scanned.count, rows.length);
      }
    });
  }

  it("passes on only the wanted cells, in the wanted order", () => {
    const { rows } = scan('a,b,c\n1,"2",3\n4,5,6\n', 2, [2, 1]);
    assert.deepEqual(rows, [
      ["3", "2"],
      ["6", "5"],
    ]);
  });

  it("names file and line of a row with too few or too many cells", () => {
    for (const text of ["a,b\n1,2\n3\n", "a,b\n1,2\n3,4,5\n"]) {
      assert.throws(
        () => scan(text, 3),
        (error) =>
          error instanceof BillhouseError && error.code === "FILE_INVALID" && /file\.csv, line 3/.test(error.message),
      );
    }
  });

  it("refuses what readers of CSV understand in different ways, and names it, in pieces of any size", () => {
    const refused: readonly (readonly [text: string, message: RegExp])[] = [
      ['a,b\n1,  "x"\n', /line 2, column "b": there is a blank before the quote/],
      ['a, "b"\n1,2\n', /line 1, column 2: there is a blank before the quote/],
      ['a,b\n"x" ,2\n', /line 2, column "a": text follows the quote/],
      ['a,b\n1,"x"y\n', /line 2, column "b": text follows the quote/],
      ["a,b\r1,2\r", /line 1: the line ends in a carriage return \(CR\) alone/],
      ["a,b\n1,2\r", /line 2: the line ends in a carriage return \(CR\) alone/],
      ["a,b\n1,x\ry\n", /line 2: the line ends in a carriage return \(CR\) alone/],
      ['"a","b"\r\r\n1,2\n', /line 1: the line ends in CR CR LF/],
      ["\r\n\na,b\n1,2\n", /line 2: the line ends in LF, the lines before it end in CR LF/],
      ["a,b\r\n1,2\n", /line 2: the line ends in LF, the lines before it end in CR LF/],
      ["a,b\n1,2\n\r\n", /line 3: the line ends in CR LF, the lines before it end in LF/],
      ['"a\r\nb",c\n1,2\n', /line 2: a column name contains another line end than LF/],
      ['"a\nb",c\r\n1,2\r\n', /line 2: a column name contains another line end than CR LF/],
      ["a;b\n1;2\n", /has ; as its delimiter/],
      ['"a";"b"\n1;2\n', /has ; as its delimiter/],
      ["a\tb\n1\t2\n", /has a tab as its delimiter/],
      ["a\0,\0b\0\n\0", /is UTF-16/],
    ];
    for (const [text, message] of refused) {
      for (const pieceSize of [1, 2, 3, 1000]) {
        assert.throws(
          () => scan(text, pieceSize),
          (error) => error instanceof BillhouseError && error.code === "FILE_INVALID" && message.test(error.message),
          `${JSON.stringify(text)} in pieces of ${pieceSize}`,
        );
      }
    }
  });

  it("says that a file was compressed twice", () => {
    for (const [compression, bytes] of [
      ["gzip", gzipSync("a,b\n1,2\n")],
      ["zip", Buffer.from("PK\x03\x04\x14\0")],
    ] as const) {
      const scanner = createCsvScanner("x.csv.gz", { header: () => [], row: () => {} });
      const words = `x.csv.gz is compressed twice: inside is another ${compression} file.`;
      assert.throws(
        () => scanner.write(bytes),
        (error) => error instanceof BillhouseError && error.code === "FILE_INVALID" && error.message === words,
      );
    }
  });

  it("refuses a quoted cell that is never closed", () => {
    assert.throws(
      () => scan('a,b\n1,"2\n3,4\n', 4),
      (error) => error instanceof BillhouseError && /line 2: a quoted cell is never closed/.test(error.message),
    );
  });
});
