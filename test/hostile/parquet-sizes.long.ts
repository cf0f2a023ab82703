import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { asyncBufferFromFile, type AsyncBuffer } from "hyparquet";
import { readParquetCells } from "../../src/files/parquet/cells.ts";
import { measureParquet } from "../../src/files/parquet/decoded-size.ts";
import { curDelivery, curRow, deliver, type Delivery } from "../support/deliveries.ts";
import { temporaryFolder } from "../support/folders.ts";
import { rejects } from "../support/rejects.ts";
import { type HandColumn, levels, parquetFile, texts, varint, type Fields } from "../support/hostile/parquet-file.ts";
import { type HostileCase, loadedProject, refusesEach, runBounded } from "../support/hostile/projects.ts";

const megabyte = 1024 * 1024;

function period(month: string, rows = 2): HandColumn {
  return { name: "bill_billing_period_start_date", type: 6, ...oneText(`${month}-01T00:00:00Z`, rows) };
}

const currency = (rows = 2): HandColumn => ({ name: "line_item_currency_code", type: 6, ...oneText("USD", rows) });

const cost = (rows = 2): HandColumn => ({
  name: "line_item_unblended_cost",
  type: 5,
  page: Buffer.from(new Float64Array(rows).fill(1.5).buffer),
});

/** Values of a column that are one entry of its dictionary in every row. */
function oneText(text: string, rows: number): Pick<HandColumn, "page" | "encoding" | "dictionary"> {
  return {
    encoding: 8,
    dictionary: { page: texts(text), entries: 1 },
    page: Buffer.concat([Buffer.from([1]), varint(rows * 2), Buffer.from([0])]),
  };
}

/** The file of three columns and two rows with one more. */
const withColumn =
  (column: Partial<HandColumn>, rows = 2) =>
  (month: string): Uint8Array =>
    parquetFile(
      [period(month, rows), currency(rows), cost(rows), { name: "x", type: 6, ...column } as HandColumn],
      rows,
    );

function delivery(bytes: (month: string) => Uint8Array): HostileCase["delivery"] {
  return (month, id): Delivery => {
    const csv = curDelivery({ month, id, files: [[curRow(month)]] });
    const [key = ""] = csv.fileKeys;
    const parquet = key.replace("csv.gz", "snappy.parquet");
    const objects = new Map(
      [...csv.objects]
        .filter(([name]) => name !== key)
        .map(([name, content]) => [
          name,
          Buffer.from(Buffer.from(content).toString("utf8").replaceAll("csv.gz", "snappy.parquet")),
        ]),
    );
    return { ...csv, fileKeys: [parquet], objects: objects.set(parquet, Buffer.from(bytes(month))) };
  };
}

const four = Buffer.from(new Int32Array([86_400_001, -5]).buffer);
const eight = Buffer.from(new BigInt64Array([-(2n ** 63n), 2n ** 62n]).buffer);
const times: Readonly<Record<string, Partial<HandColumn>>> = {
  "times of day in milliseconds": { type: 1, page: four, schema: { 6: { int: 7 } } },
  "times of day in microseconds": { type: 2, page: eight, schema: { 6: { int: 8 } } },
};

/** A group of one child in a group of one child, so many deep, around a column of two texts. */
const nested =
  (depth: number, repetition: number) =>
  (month: string): Uint8Array => {
    const groups = Array.from({ length: depth }, (): Fields => ({
      3: { int: repetition },
      4: { text: "deep" },
      5: { int: 1 },
    }));
    const runs = (level: number): Buffer => Buffer.concat([varint(4), Buffer.from([level])]);
    const values = levels(runs(depth), texts("a", "b"));
    const page = repetition === 2 ? levels(runs(0), values) : repetition === 1 ? values : texts("a", "b");
    return withColumn({ page, groups, path: [...Array.from({ length: depth }, () => "deep"), "x"] })(month);
  };

const list: Partial<HandColumn> = {
  values: 2000,
  groups: [
    { 3: { int: 1 }, 4: { text: "many" }, 5: { int: 1 }, 6: { int: 3 } },
    { 3: { int: 2 }, 4: { text: "list" }, 5: { int: 1 } },
  ],
  path: ["many", "list", "x"],
  ...oneText("x".repeat(megabyte), 2000),
};

/** Two rows: the levels of a list of two thousand values, a thousand in each. */
function listPage(values: Uint8Array): Buffer {
  const start = Buffer.concat([varint(2), Buffer.from([0]), varint(2 * 999), Buffer.from([1])]);
  const present = Buffer.concat([varint(4000), Buffer.from([2])]);
  return levels(Buffer.concat([start, start]), levels(present, values));
}

/** Texts that add nothing to the previous one, which has a megabyte (DELTA_BYTE_ARRAY). */
function shared(rows: number): Partial<HandColumn> {
  const deltas = (values: readonly number[]): Buffer => {
    const blocks: Buffer[] = [];
    const differences = values.slice(1).map((value, index) => value - (values[index] ?? 0));
    for (let at = 0; at < differences.length; at += 128) {
      const block = differences.slice(at, at + 128);
      const least = Math.min(...block);
      const packed = Buffer.alloc(Math.ceil(block.length / 32) * 32 * 4);
      block.forEach((value, index) => packed.writeUInt32LE(value - least, index * 4));
      blocks.push(Buffer.concat([varint(zigzag(least)), Buffer.alloc(4, 32), packed]));
    }
    const head = [varint(128), varint(4), varint(values.length), varint(zigzag(values[0] ?? 0))];
    return Buffer.concat([...head, ...blocks]);
  };
  const zigzag = (value: number): number => (value < 0 ? -value * 2 - 1 : value * 2);
  const prefixes = Array.from({ length: rows }, (_, index) => (index === 0 ? 0 : megabyte));
  const suffixes = Array.from({ length: rows }, (_, index) => (index === 0 ? megabyte : 0));
  return {
    encoding: 7,
    page: Buffer.concat([deltas(prefixes), deltas(suffixes), Buffer.alloc(megabyte, "x")]),
  };
}

const textBomb = { code: "LIMIT_EXCEEDED", says: /decompresses to more than/ } as const;

function decimalOf(bytes: number, entry: number): Partial<HandColumn> {
  const value = Buffer.alloc(bytes, entry);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes);
  return { type: 6, page: Buffer.concat([size, value]), schema: { 6: { int: 5 }, 7: { int: 2 }, 8: { int: 38 } } };
}

function packedDecimal(month: string): Uint8Array {
  const column = decimalOf(200 * megabyte, 0x77);
  const raw = column.page ?? Buffer.alloc(0);
  const packed = { ...cost(1), ...column, codec: 6, unpacked: raw.length, page: zstdCompressSync(raw) };
  return parquetFile([period(month, 1), currency(1), packed], 1);
}

describe("a Parquet file that is more than it looks", { timeout: 300_000 }, () => {
  it("fails its month before a database sees it", async (t) => {
    const invalid = Object.entries(times).map(([name, column]): [string, HostileCase] => [
      name,
      {
        code: "FILE_INVALID",
        delivery: delivery(withColumn(column)),
        says: /column "x" contains times of day \(TIME_/,
      },
    ]);
    const logical: Fields = {
      10: { struct: { 7: { struct: { 1: { yes: true }, 2: { struct: { 2: { struct: {} } } } } } } },
    };
    const disguised: Fields = {
      10: { struct: { 1: { struct: {} }, 7: { struct: { 1: { yes: true }, 2: { struct: { 2: { struct: {} } } } } } } },
    };
    const deep = { code: "FILE_INVALID", says: /column "deep" is nested more than 16 levels deep/ } as const;
    await refusesEach(t, {
      ...Object.fromEntries(invalid),
      "a logical time of day": {
        code: "FILE_INVALID",
        delivery: delivery(withColumn({ type: 2, page: eight, schema: logical })),
        says: /column "x" contains times of day \(TIME\)/,
      },
      "a time of day that is a text as well": {
        code: "FILE_CORRUPT",
        delivery: delivery(withColumn({ type: 2, page: eight, schema: disguised })),
        says: /two types/,
      },
      "a time of day in a struct": {
        code: "FILE_INVALID",
        delivery: delivery(
          withColumn({
            type: 2,
            page: eight,
            schema: { 6: { int: 8 } },
            groups: [{ 3: { int: 0 }, 4: { text: "outer" }, 5: { int: 1 } }],
            path: ["outer", "x"],
          }),
        ),
        says: /column "outer" contains times of day/,
      },
      "a struct three hundred deep": { ...deep, delivery: delivery(nested(300, 0)) },
      "a list in lists thirty deep": { ...deep, delivery: delivery(nested(30, 2)) },
      "a column one level too deep": { ...deep, delivery: delivery(nested(16, 0)) },
      "a text of a megabyte in two thousand rows": {
        ...textBomb,
        delivery: delivery(withColumn(oneText("x".repeat(megabyte), 2000), 2000)),
      },
      "a text of a megabyte in every item of a list": {
        ...textBomb,
        delivery: delivery(withColumn({ ...list, page: listPage(list.page ?? Buffer.alloc(0)) })),
      },
      "two thousand texts that repeat the previous one": {
        ...textBomb,
        delivery: delivery(withColumn(shared(2000), 2000)),
      },
      "a dictionary that is not there": {
        code: "FILE_CORRUPT",
        delivery: delivery(withColumn({ ...oneText("x", 2), dictionary: undefined })),
        says: /refers to a value outside its dictionary/,
      },
      "a decimal of 200 MB": {
        code: "VALUE_INVALID",
        delivery: delivery(packedDecimal),
        says: /parquet, row 1, column line_item_unblended_cost: the value is a decimal of more than 64 bytes/,
      },
      "a decimal that is a double": {
        code: "FILE_CORRUPT",
        delivery: delivery((month) =>
          parquetFile([period(month), currency(), { ...cost(), schema: { 6: { int: 5 }, 7: { int: 0 } } }], 2),
        ),
        says: /decimals of the type DOUBLE/,
      },
    });
  });

  it("loads in moments where its nesting is as deep as it may be", async (t) => {
    for (const repetition of [0, 1, 2]) {
      const project = await loadedProject(t);
      await deliver(project.bucket, await delivery(nested(15, repetition))("2025-02", "hand"));
      const { code, seconds } = await runBounded(project, 256, 60);
      assert.equal(code, 0, String(repetition));
      assert.ok(seconds < 20, `${seconds} seconds`);
    }
  });

  it("is measured to the byte before it is refused, so that no sound file is", async () => {
    // A thousand rows of which one names the long text, behind levels and among packed values.
    const indexes = Buffer.concat([
      Buffer.from([1]),
      varint(((1000 / 8) << 1) | 1),
      Buffer.from([1]),
      Buffer.alloc(1000 / 8 - 1),
    ]);
    const column: HandColumn = {
      name: "x",
      type: 6,
      optional: true,
      encoding: 8,
      dictionary: { page: texts("ab", "x".repeat(megabyte)), entries: 2 },
      page: levels(Buffer.concat([varint(2000), Buffer.from([1])]), indexes),
    };
    const file = bufferOf(parquetFile([column], 1000));
    const stored = megabyte + 2 + 8 + column.page.length;
    const exact = stored + megabyte + 999 * 2;
    assert.equal(await measureParquet("x", file, exact), exact);
    assert.ok((await measureParquet("x", file, exact - 1)) > exact - 1);
    assert.ok((await measureParquet("x", file, 2 ** 40)) >= exact);
  });

  it("reads decimals of up to 64 bytes exactly, whatever sign bytes precede them", async () => {
    const found: (string | null)[] = [];
    for (const [bytes, entry] of [
      [16, 0xff],
      [64, 0xff],
      [64, 0],
      [1, 0x80],
      [0, 0],
    ] as const) {
      const file = bufferOf(parquetFile([{ ...cost(1), ...decimalOf(bytes, entry) }], 1));
      await readParquetCells("x", file, [0], ([cell = null]) => found.push(cell));
    }
    assert.deepEqual(found, ["-0.01", "-0.01", "0.00", "-1.28", "0.00"]);
    const long = bufferOf(parquetFile([{ ...cost(1), ...decimalOf(65, 0) }], 1));
    await rejects(
      readParquetCells("x", long, [0], () => {}),
      "VALUE_INVALID",
      "x, row 1, column line_item_unblended_cost",
    );
  });

  it("takes less than a gigabyte for four million rows in one group", async (t) => {
    const rows = 2 ** 22;
    const folder = await temporaryFolder(t);
    const path = join(folder, "rows.parquet");
    const word = texts("U".repeat(40));
    const plain = zstdCompressSync(Buffer.alloc(rows * word.length, word));
    const moment = zstdCompressSync(Buffer.alloc(rows * 8));
    const packed = { codec: 6, encoding: 0 };
    const columns: HandColumn[] = [
      { name: "a", type: 2, ...packed, unpacked: rows * 8, page: moment, schema: { 6: { int: 9 } } },
      { name: "b", type: 6, ...packed, unpacked: rows * word.length, page: plain, schema: { 6: { int: 0 } } },
      { name: "c", type: 5, ...packed, unpacked: rows * 8, page: moment },
    ];
    await writeFile(path, parquetFile(columns, rows));
    const file = await asyncBufferFromFile(path);
    let [sum, last] = [0, 0];
    const before = process.memoryUsage().rss;
    let most = 0;
    await readParquetCells("x", file, [0, 1, 2], ([time, text, amount], where) => {
      if (time !== "1970-01-01T00:00:00.000Z" || text?.length !== 40 || amount !== "0") assert.fail(`row ${where}`);
      sum += 1;
      last = where;
      if (where % 500_000 === 1) most = Math.max(most, process.memoryUsage().rss - before);
    });
    assert.deepEqual([sum, last], [rows, rows]);
    assert.ok(process.resourceUsage().maxRSS < 1.5 * 1024 * 1024, `${process.resourceUsage().maxRSS / 1024} MB`);
    assert.ok(most < 1000 * megabyte, `${most / megabyte} MB`);
  });
});

function bufferOf(bytes: Uint8Array): AsyncBuffer {
  return {
    byteLength: bytes.length,
    slice: (start, end) => Uint8Array.from(bytes.subarray(start, end)).buffer,
  };
}
