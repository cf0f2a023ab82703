import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTable, type Row, writeCsv, writeJson } from "../../src/commands/query.ts";
import { obeyed, recordingOutput } from "../support/recorded.ts";

async function* answer(...rows: readonly Row[]): AsyncGenerator<Row> {
  for (const row of rows) yield await Promise.resolve(row);
}

const rows: readonly Row[] = [
  { service: "AmazonEC2", cost: "18204.110000000000000001", lines: 12, tags: { a: 1 } },
  { service: 'a "b", c', cost: "-4.5", lines: null, tags: null },
];

describe("--json", () => {
  test("is one array with exact decimals", async () => {
    const output = recordingOutput();
    await writeJson(answer(...rows), output);
    assert.deepEqual(JSON.parse(output.text), rows);
    assert.equal(output.text.split("\n").length, 5);
  });

  test("is an empty array without rows", async () => {
    const output = recordingOutput();
    await writeJson(answer(), output);
    assert.equal(output.text, "[]\n");
  });

  test("writes integers beyond 2^53 as text, and nothing that a terminal obeys", async () => {
    const output = recordingOutput();
    await writeJson(answer({ n: 9_007_199_254_740_993n, evil: "\u001b[2J\u009b\u007f\u202e\u{e0001}" }), output);
    assert.doesNotMatch(output.text, obeyed);
    assert.deepEqual(JSON.parse(output.text), [
      { n: "9007199254740993", evil: "\u001b[2J\u009b\u007f\u202e\u{e0001}" },
    ]);
  });
});

describe("--csv", () => {
  test("quotes what needs it, and keeps every byte in a file", async () => {
    const output = recordingOutput();
    await writeCsv(answer(...rows, { service: "x\u001b[2J\ny", cost: "", lines: 1, tags: [1] }), output);
    assert.equal(
      output.text,
      'service,cost,lines,tags\nAmazonEC2,18204.110000000000000001,12,"{""a"":1}"\n"a ""b"", c",-4.5,,\n"x\u001b[2J\ny",,1,[1]\n',
    );
  });

  test("spells control characters out on a terminal", async () => {
    const output = recordingOutput({ isTerminal: true });
    await writeCsv(answer({ a: "x\u001b[2J\ny" }), output);
    assert.equal(output.text, "a\nx\\x1b[2J\\ny\n");
  });

  test("stops when the reader is gone", async () => {
    const output = recordingOutput({ closed: true });
    await writeCsv(answer(...rows), output);
    assert.equal(output.text, "");
  });
});

describe("a table", () => {
  function draw(columns: number, ...drawn: readonly Row[]): { text: string; hiddenColumns: number } {
    const output = recordingOutput({ isTerminal: columns > 0, columns });
    const table = createTable(output);
    for (const row of drawn) table.add(row);
    const { hiddenColumns } = table.end();
    return { text: output.text, hiddenColumns };
  }

  test("leans numbers to the right and text to the left", () => {
    assert.equal(
      draw(
        0,
        { service: "EC2", cost: "18204.11" },
        { service: "S3 Glacier", cost: "-4.5" },
        { service: null, cost: null },
      ).text,
      ["service         cost", "──────────  ────────", "EC2         18204.11", "S3 Glacier      -4.5", "", ""].join(
        "\n",
      ),
    );
  });

  test("never draws an escape sequence, not even in a column's name", () => {
    const { text } = draw(0, { "a\u001b]0;x\u0007": "\u001b[31mred\u009b\r\n" });
    assert.equal(text.split("\n")[0], "a\\x1b]0;x\\x07");
    assert.equal(text.split("\n")[2], "\\x1b[31mred\\x9b\\r\\n");
  });

  test("is cut to the terminal: text first, then columns, never a number", () => {
    const wide = { id: "x".repeat(50), cost: "123456789.123456789", more: "y".repeat(50), last: "z".repeat(50) };
    const fits = draw(80, wide);
    assert.equal(fits.hiddenColumns, 0);
    for (const line of fits.text.trimEnd().split("\n")) assert.ok(line.length <= 80, line);
    assert.match(fits.text, /123456789\.123456789 /);
    const narrow = draw(40, wide);
    assert.equal(narrow.hiddenColumns, 2);
    assert.match(narrow.text, /123456789\.123456789/);
  });

  test("counts wide characters as two", () => {
    const { text } = draw(0, { name: "東京", n: 1 }, { name: "ab", n: 2 });
    assert.deepEqual(text.split("\n").slice(2, 4), ["東京  1", "ab    2"]);
  });

  test("shows nothing for an empty answer", () => {
    assert.equal(draw(80).text, "");
  });
});
