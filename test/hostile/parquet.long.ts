import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { brotliCompressSync, crc32 } from "node:zlib";
import { BillhouseError } from "../../src/errors.ts";
import { readParquetCells, readParquetHeader } from "../../src/files/parquet/cells.ts";
import { measureParquet } from "../../src/files/parquet/decoded-size.ts";
import { curDelivery, curRow, deliver, type Delivery } from "../support/deliveries.ts";
import {
  type HandColumn,
  levels,
  parquetFile,
  structBytes,
  texts,
  varint,
  withFooter,
  type Field,
} from "../support/hostile/parquet-file.ts";
import { type HostileCase, loadedProject, refusesEach, runBounded, withSettings } from "../support/hostile/projects.ts";

const cost: HandColumn = {
  name: "line_item_unblended_cost",
  type: 5,
  page: Buffer.from(new Float64Array([1.5, 2.5]).buffer),
};
const currency: HandColumn = { name: "line_item_currency_code", type: 6, page: texts("USD", "USD") };

function period(month: string): HandColumn {
  const start = `${month}-01T00:00:00Z`;
  return { name: "bill_billing_period_start_date", type: 6, page: texts(start, start) };
}

/** The file of three columns and two rows, with other figures in its column of costs. */
const lying =
  (change: Partial<HandColumn>, rows: number | bigint = 2) =>
  (month: string): Uint8Array =>
    parquetFile([period(month), currency, { ...cost, ...change }], rows, { group: rows });

/** The same with another column of currencies, which are texts. */
const odd =
  (change: Partial<HandColumn>) =>
  (month: string): Uint8Array =>
    parquetFile([period(month), { ...currency, ...change }, cost], 2);

const long = 2 ** 30;
/** A run that says so many times one value, and one that is as long as the page. */
const endless = Buffer.concat([varint(BigInt(long) * 2n), Buffer.from([1])]);

function endlessSchema(): Uint8Array {
  const schema: Field[] = Array.from({ length: 100_000 }, () => ({ struct: { 4: { text: "x" }, 5: { int: 1 } } }));
  return withFooter(
    Buffer.from("PAR1"),
    structBytes({ 1: { int: 1 }, 2: { list: schema }, 3: { long: 0 }, 4: { list: [] } }),
  );
}

const files: Readonly<Record<string, (month: string) => Uint8Array>> = {
  "a footer that is longer than the file": () => withFooter(Buffer.from("PAR1"), Buffer.from("x"), 1_000_000),
  "a footer of 4 GB": () => withFooter(Buffer.from("PAR1"), Buffer.from("x"), 0xffffffff),
  "nothing but magic": () => Buffer.from("PAR1PAR1"),
  "no bytes of its own": () => withFooter(Buffer.from("PAR1"), Buffer.alloc(0)),
  "a footer that is cut off": (month) => Buffer.concat([lying({})(month).subarray(0, -40), Buffer.from("PAR1")]),
  "a file that is cut off": (month) => lying({})(month).subarray(0, -1),
  "a list of two billion columns": () =>
    withFooter(Buffer.from("PAR1"), Buffer.concat([Buffer.from([0x29, 0xfc]), varint(2 ** 31 - 1)])),
  "thirty million columns in each of many lists": () =>
    withFooter(
      Buffer.from("PAR1"),
      Buffer.concat([
        ...Array.from({ length: 50 }, (_, index) =>
          Buffer.concat([Buffer.from([index === 0 ? 0x29 : 0xf9, ...(index === 0 ? [0xf9] : [])]), varint(30_000_000)]),
        ),
        Buffer.alloc(1000),
      ]),
    ),
  "structs in structs without end": () => withFooter(Buffer.from("PAR1"), Buffer.alloc(4_000_000, 0x1c)),
  "an integer without end": () =>
    withFooter(Buffer.from("PAR1"), Buffer.concat([Buffer.from([0x16]), Buffer.alloc(4_000_000, 0xff)])),
  "a schema with more children than columns": () =>
    withFooter(
      Buffer.from("PAR1"),
      structBytes({
        1: { int: 1 },
        2: { list: [{ struct: { 4: { text: "root" }, 5: { int: 5 } } }] },
        3: { long: 0 },
        4: { list: [] },
      }),
    ),
  "a column without a name": () =>
    withFooter(
      Buffer.from("PAR1"),
      structBytes({
        1: { int: 1 },
        2: { list: [{ struct: { 4: { text: "root" }, 5: { int: 1 } } }, { struct: { 1: { int: 5 } } }] },
        3: { long: 0 },
        4: { list: [] },
      }),
    ),
  "ten to the fifteenth rows": lying({}, 10n ** 15n),
  "less than no rows": lying({}, -5),
  "other rows in its groups": (month) => parquetFile([period(month), currency, cost], 2, { total: 10n ** 15n }),
  "a column at an offset behind the file": lying({ offset: 10n ** 12n }),
  "a column at a negative offset": lying({ offset: -4 }),
  "a column of 2 GB": lying({ size: 2 ** 31 }),
  "a column of less than no bytes": lying({ size: -1 }),
  "a page that unpacks to less than nothing": lying({ unpacked: -1, codec: 1 }),
  "a page that is longer than its column": lying({ packed: 1_000_000 }),
  "a page of less than no bytes": lying({ packed: -1 }),
  "two billion values in a page": lying({ values: 2 ** 31 - 1 }),
  "fewer values than rows": lying({ values: 1 }),
  "Snappy that unfolds": lying({
    codec: 1,
    unpacked: 2 ** 28,
    page: Buffer.concat([varint(2 ** 28), Buffer.from([0, 65]), Buffer.alloc(3000, Buffer.from([0xfe, 1, 0]))]),
  }),
  "Snappy that reaches behind itself": lying({ codec: 1, unpacked: 16, page: Buffer.from([16, 0xfe, 0xff, 0xff]) }),
  "gzip that unfolds": lying({ codec: 2, unpacked: 16, page: Buffer.alloc(100, 0x1f) }),
  "an unknown codec": lying({ codec: 99 }),
  "LZ4 that unfolds": lying({ codec: 7, unpacked: 2 ** 28, page: Buffer.alloc(1000, 0xff) }),
  "LZ4 that reaches behind itself": lying({ codec: 7, unpacked: 16, page: Buffer.from([0x10, 65, 9, 0]) }),
  "LZ4 that ends in a length": lying({ codec: 7, unpacked: 16, page: Buffer.from([0xf0, 0xff]) }),
  "LZ4 of more bytes than it claims": lying({ codec: 7, unpacked: 1, page: Buffer.from([0x20, 65, 65]) }),
  "Brotli that unfolds": lying({ codec: 4, unpacked: 16, page: brotliCompressSync(Buffer.alloc(2 ** 24)) }),
  "a page whose checksum is wrong": lying({ checksum: ~crc32(cost.page) }),
  "a page of another column whose checksum is wrong": (month) =>
    parquetFile([period(month), currency, cost, { ...cost, name: "product", checksum: 1 }], 2),
  "a run of a billion levels": odd({ optional: true, page: levels(endless, texts("USD", "USD")) }),
  "levels that end behind the page": odd({
    optional: true,
    page: Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0x7f]), texts("USD", "USD")]),
  }),
  "a run of a billion values": odd({ encoding: 8, page: Buffer.concat([Buffer.from([1]), endless]) }),
  "packed values without bits": odd({ encoding: 8, page: Buffer.concat([Buffer.from([0]), varint(2 ** 31 - 1)]) }),
  "values of 255 bits": odd({ encoding: 8, page: Buffer.concat([Buffer.from([255]), endless]) }),
  "differences in blocks of nothing": odd({ encoding: 6, page: Buffer.from([0, 0, 2, 0, 0, 0, 0, 0]) }),
  "texts that share what is not there": odd({
    encoding: 7,
    page: Buffer.concat([Buffer.from([0x80, 1, 4, 2]), varint(2 ** 31), Buffer.alloc(20)]),
  }),
  "values in streams that are not there": lying({ encoding: 9, page: Buffer.alloc(4) }),
  "an unknown encoding": lying({ encoding: 99 }),
  "a text that is longer than its page": odd({ page: Buffer.from([0xff, 0xff, 0xff, 0x7f, 65]) }),
  "a decimal with a scale of a billion": lying({
    schema: { 6: { int: 5 }, 7: { int: 1_000_000_000 }, 8: { int: 38 } },
  }),
  "a decimal with a scale below nothing": lying({ schema: { 6: { int: 5 }, 7: { int: -5 }, 8: { int: 38 } } }),
  "values of a gigabyte": lying({ type: 7 }),
  "another type in the column than in the schema": (month) => {
    const bytes = Buffer.from(lying({})(month));
    return bytes.length > 0 ? parquetFile([period(month), { ...currency, schema: { 1: { int: 5 } } }, cost], 2) : bytes;
  },
};

function delivery(bytes: (month: string) => Uint8Array): HostileCase["delivery"] {
  return (month, id): Delivery => {
    const csv = curDelivery({ month, id, files: [[curRow(month)]] });
    const [key = ""] = csv.fileKeys;
    const parquet = key.replace("csv.gz", "snappy.parquet");
    const objects = new Map([...csv.objects].map(([name, content]) => [name === key ? parquet : name, content]));
    objects.set(parquet, bytes(month));
    for (const [name, content] of objects) {
      if (name.endsWith(".json"))
        objects.set(name, Buffer.from(Buffer.from(content).toString("utf8").replaceAll("csv.gz", "snappy.parquet")));
    }
    return { ...csv, fileKeys: [parquet], objects };
  };
}

describe("a Parquet file with false metadata", { timeout: 300_000 }, () => {
  it("fails its month, and no other", async (t) => {
    const cases = Object.entries(files).map(([name, bytes]) => [
      name,
      { code: "FILE_CORRUPT", delivery: delivery(bytes) },
    ]);
    const encrypted: HostileCase = {
      code: "FILE_INVALID",
      delivery: delivery(() => withFooter(Buffer.from("PARE"), Buffer.alloc(100), 100, "PARE")),
      says: /encrypted/,
    };
    await refusesEach(t, {
      ...(Object.fromEntries(cases) as Record<string, HostileCase>),
      "an encrypted file": encrypted,
      "the deprecated LZ4": {
        code: "FILE_INVALID",
        delivery: delivery(lying({ codec: 5 })),
        says: /is compressed with LZ4, which is not supported/,
      },
      LZO: {
        code: "FILE_INVALID",
        delivery: delivery(lying({ codec: 3 })),
        says: /is compressed with LZO, which is not supported/,
      },
      "decimals of 39 digits": {
        code: "FILE_INVALID",
        delivery: delivery(lying({ type: 6, schema: { 6: { int: 5 }, 7: { int: 10 }, 8: { int: 39 } } })),
        says: /column "line_item_unblended_cost" contains decimals of 39 digits; at most 38 are supported/,
      },
      "another file than Parquet": {
        code: "FILE_INVALID",
        delivery: delivery(() => Buffer.from("bill_billing_period_start_date,line_item_unblended_cost\n")),
        says: /is not a Parquet file/,
      },
      "costs that are lists": {
        code: "FILE_INVALID",
        delivery: delivery(lying({ schema: { 3: { int: 2 } } })),
        says: /column "line_item_unblended_cost" contains nested values/,
      },
      "text that is not UTF-8": {
        code: "FILE_INVALID",
        delivery: delivery((month) =>
          parquetFile(
            [
              period(month),
              currency,
              cost,
              { ...currency, name: "product", page: Buffer.concat([texts("USD"), Buffer.from([1, 0, 0, 0, 0xff])]) },
            ],
            2,
          ),
        ),
        says: /a column of text contains bytes that are not UTF-8/,
      },
      "a page that unpacks to 2 GB": {
        code: "LIMIT_EXCEEDED",
        delivery: delivery(lying({ unpacked: 2 ** 31 - 1, codec: 1 })),
      },
      "a schema a hundred thousand deep": {
        code: "FILE_INVALID",
        delivery: delivery(endlessSchema),
        says: /16 levels/,
      },
    });
  });

  it("is read if its metadata is true", async (t) => {
    const project = await loadedProject(t);
    await deliver(project.bucket, await delivery(lying({ checksum: crc32(cost.page) | 0 }))("2025-02", "hand"));
    const bounded = await withSettings(project, '[destination.duckdb]\nmemory_limit = "512MB"\nthreads = 2');
    const { code, events } = await runBounded(bounded, 256, 100);
    const loaded = events.flatMap((event) => (event.event === "month_loaded" ? [event] : []));
    assert.deepEqual(
      loaded.map(({ billingMonth, rows, cost: sums }) => [billingMonth, rows, sums]),
      [["2025-02", 2, { USD: "4" }]],
    );
    assert.equal(code, 0);
  });

  it("never fills memory or time, whatever byte of it is another", async () => {
    const sound = Buffer.from(lying({})("2025-02"));
    const started = performance.now();
    for (let at = 0; at < sound.length; at += 1) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const bytes = Buffer.from(sound);
        bytes[at] = value;
        const file = {
          byteLength: bytes.length,
          slice: (start: number, end?: number) => Uint8Array.from(bytes.subarray(start, end)).buffer,
        };
        try {
          await readParquetHeader("x", file);
          await measureParquet("x", file, 2 ** 30);
          await readParquetCells("x", file, [0, 1, 2], () => {});
        } catch (error) {
          if (!(error instanceof BillhouseError)) throw new Error(`byte ${at} as ${value}`, { cause: error });
        }
      }
    }
    assert.ok(performance.now() - started < 60_000);
    assert.ok(process.memoryUsage().rss < 1500 * 1024 * 1024);
  });
});
