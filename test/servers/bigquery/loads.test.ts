import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";

import { DuckDBInstance } from "@duckdb/node-api";

import { refuses, useBench } from "./bench.ts";
import { csvLoad, parquetLoad } from "./client.ts";

const bench = useBench();

describe("loads of the BigQuery server", () => {
  const three = ["STRING", "STRING", "STRING"];

  test("read cells exactly", async () => {
    const rows = ['1,,""', '"two\nlines","a ""quote""",é 🧾', "", ' spaced ,a"b,NULL', '"\r\n",x,y'];
    const expected = [
      ["\r\n", "x", "y"],
      [" spaced ", 'a"b', "NULL"],
      ["1", null, ""],
      ["two\nlines", 'a "quote"', "é 🧾"],
    ];
    for (const [index, content] of [
      `h,h,h\n${rows.join("\n")}\n`,
      `h,h,h\n${rows.join("\n")}`,
      `h,"h\n",h\r\n${rows.join("\r\n").replace("two\nlines", "two\nlines")}\r\n`,
      gzipSync(`\u{FEFF}h,h,h\n${rows.join("\n")}\n`),
      Buffer.concat([gzipSync('h,h,h\n1,,""\n'), gzipSync(rows.slice(1).join("\n"))]),
    ].entries()) {
      const uri = bench.put(`cells-${index}.csv`, content);
      const { status, statistics } = await bench.client.job(csvLoad([uri], `cells${index}`, three));
      assert.deepEqual(status, { state: "DONE" });
      assert.equal(statistics.load?.["outputRows"], "4");
      assert.deepEqual(await bench.client.query(`SELECT * FROM d.cells${index} ORDER BY c0`), expected);
    }
    const uri = bench.put("bom.csv", "\u{FEFF}h,h,h\n\u{FEFF}1,2,3\n");
    await bench.client.job(csvLoad([uri], "bom", three));
    assert.deepEqual(await bench.client.query("SELECT c0 FROM d.bom"), [["\u{FEFF}1"]]);
  });

  test("name the row that is wrong by its first byte, and load nothing", async () => {
    for (const [content, message] of [
      ["h,h,h\né,2,3\n1,2,3,4\n", "row starting at position: 13. Error: Too many values in row."],
      [
        "h,h,h\n1,2,3\n1,2\n",
        "references column position 2, but line starting at position:12 contains only 2 columns.",
      ],
      ['h,h,h\n\n1,"2,3\n', 'row starting at position: 7. Error: Missing close quote character (").'],
      ['h,h,h\r\n1,"2"x,3\r\n', "row starting at position: 7. Error: Data between close quote character"],
    ] as const) {
      for (const bytes of [Buffer.from(content), gzipSync(content)]) {
        const { status } = await bench.client.job(csvLoad([bench.put("wrong.csv", bytes)], "wrong", three));
        assert.match(
          status.errorResult?.message ?? "",
          /CSV processing encountered too many errors, giving up\. Rows: \d+; errors: 1/u,
        );
        assert.ok(status.errors?.[1]?.message.includes(message), status.errors?.[1]?.message);
        assert.equal(status.errorResult?.reason, "invalid");
      }
    }
    const latin = Buffer.from("h,h,h\n1,2,3\n1,\u00e9,3\n", "latin1");
    const { status } = await bench.client.job(csvLoad([bench.put("latin.csv", latin)], "wrong", three));
    assert.match(status.errors?.[1]?.message ?? "", /position: 12\. Error: Invalid UTF-8/u);
    assert.deepEqual(bench.server.tableNames("d"), []);
    bench.server.replacesInvalidText = true;
    assert.equal(await bench.client.failure(csvLoad([bench.put("latin.csv", latin)], "latin", three)), undefined);
    assert.deepEqual((await bench.client.query("SELECT c1 FROM d.latin ORDER BY c1")).flat(), ["2", "\u{FFFD}"]);
    bench.server.replacesInvalidText = false;
  });

  test("find values that do not fit a typed column", async () => {
    const types = ["STRING", "BIGNUMERIC", "TIMESTAMP"];
    const good = bench.put("typed.csv", "h,h,h\na,1e-7,2025-01-01T10:00:00Z\nb,,\n");
    assert.equal(await bench.client.failure(csvLoad([good], "typed", types)), undefined);
    assert.deepEqual(await bench.client.query("SELECT c1, c2 FROM d.typed ORDER BY c0"), [
      ["0.0000001", "1735725600000000"],
      [null, null],
    ]);
    const bad = bench.put("bad.csv", 'h,h,h\n"a\na",1,\nb,abc,\n');
    const { status } = await bench.client.job(csvLoad([bad], "wrong", types));
    const words =
      "Could not parse 'abc' as BIGNUMERIC for field c1 (position 1) starting at location 15 with message 'Unable to parse'";
    assert.ok(status.errors?.[1]?.message.includes(words), status.errors?.[1]?.message);
  });

  test("refuse packed files that are damaged or too large", async () => {
    const packed = gzipSync(`h,h,h\n${"1,2,3\n".repeat(1000)}`);
    const flipped = Buffer.from(packed);
    flipped[packed.length - 6] = (flipped[packed.length - 6] ?? 0) ^ 1;
    for (const bytes of [packed.subarray(0, -20), flipped]) {
      assert.match(
        (await bench.client.failure(csvLoad([bench.put("cut.gz", bytes)], "cut", three))) ?? "",
        /Failed to decompress/u,
      );
    }
    const large = bench.put("large.gz", packed, 4 * 1024 ** 3 + 1);
    assert.match(
      (await bench.client.failure(csvLoad([large], "large", three))) ?? "",
      /larger than the maximum allowed size/u,
    );
    const mixed = [bench.put("a.gz", packed), bench.put("b.csv", "h,h,h\n")];
    assert.match((await bench.client.failure(csvLoad(mixed, "mixed", three))) ?? "", /cannot be mixed/u);
  });

  test("want objects that exist, by their own names", async () => {
    const { status } = await bench.client.job(csvLoad(["gs://b/no.csv"], "t", three));
    assert.deepEqual(status.errorResult, { reason: "notFound", message: "Not found: URI gs://b/no.csv" });
    await refuses(bench.client.job(csvLoad(["gs://b/*.csv"], "t", three)), "wildcards", "notImplemented");
    await refuses(bench.client.job(csvLoad(["gs://b/a//b.csv"], "t", three)), "consecutive slashes", "invalid");
    const many = Array.from({ length: 10_001 }, (_, index) => `gs://b/${index}`);
    await refuses(bench.client.job(csvLoad(many, "t", three)), "Too many source URIs", "invalid");
    const append = csvLoad(["gs://b/a"], "t", three, { writeDisposition: "WRITE_APPEND" });
    await refuses(bench.client.job(append), "WRITE_APPEND", "notImplemented");
  });

  test("fill an empty table, and none with rows", async () => {
    const uris = [
      bench.put("one.csv", "h,h,h\n1,2,3\n"),
      bench.put("two.csv", "h,h,h\n"),
      bench.put("three.csv", "h,h,h\n4,5,6\n"),
    ];
    const { statistics } = await bench.client.job(csvLoad(uris, "t", three));
    assert.deepEqual(
      [statistics.load?.["inputFiles"], statistics.load?.["outputRows"], statistics.load?.["badRecords"]],
      ["3", "2", "0"],
    );
    const { status } = await bench.client.job(csvLoad(uris, "t", three));
    assert.deepEqual(status.errorResult, { reason: "duplicate", message: "Already Exists: Table p:d.t" });
  });

  test("take Parquet with the types that BigQuery makes of it", async () => {
    const sql = `SELECT 1::INTEGER AS i, 0.5::DOUBLE AS f, 1.123456789012345678::DECIMAL(38,18) AS "a.b", 'x' AS s,
      DATE '2025-01-31' AS d, TIMESTAMP '2025-01-01 00:00:00.5' AS t, true AS b,
      MAP {'k': 'v'} AS m, [1, 2] AS l, {'Rate': 1.5::DOUBLE} AS r`;
    const { status } = await bench.client.job(parquetLoad([bench.put("a.parquet", await parquet(sql))], "t"));
    assert.deepEqual(status, { state: "DONE" });
    const schema = bench.server
      .table("d", "t")
      ?.fields.map(({ name, type, fields }) => [name, type, fields?.[0]?.mode]);
    const expected =
      "i INTEGER,f FLOAT,a_b BIGNUMERIC,s STRING,d DATE,t TIMESTAMP,b BOOLEAN,m RECORD REPEATED,l RECORD REPEATED,r RECORD NULLABLE";
    assert.equal(schema?.map((field) => field.filter(Boolean).join(" ")).join(","), expected);
    assert.deepEqual(
      await bench.client.query(
        "SELECT i, f, a_b, d, t, b, r.Rate, (SELECT kv.value FROM UNNEST(m.key_value) AS kv WHERE kv.key = 'k') FROM d.t",
      ),
      [["1", "0.5", "1.123456789012345678", "2025-01-31", "1735689600500000", "true", "1.5", "v"]],
    );
    const damaged = (await parquet(sql)).subarray(0, -10);
    assert.match(
      (await bench.client.failure(parquetLoad([bench.put("b.parquet", damaged)], "u"))) ?? "",
      /Failed to read Parquet/u,
    );
  });

  test("read a wide file in about a second", async () => {
    const line = `${Array.from({ length: 200 }, (_, index) => `value ${index}`).join(",")}\n`;
    const uri = bench.put("wide.csv", gzipSync(line.repeat(20_001)));
    const { statistics } = await bench.client.job(
      csvLoad(
        [uri],
        "wide",
        Array.from({ length: 200 }, () => "STRING"),
      ),
    );
    assert.equal(statistics.load?.["outputRows"], "20000");
  });
});

async function parquet(sql: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "bigquery-server-test-"));
  try {
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    await connection.run(`COPY (${sql}) TO '${join(folder, "x.parquet")}' (FORMAT parquet)`);
    return await readFile(join(folder, "x.parquet"));
  } finally {
    await rm(folder, { recursive: true });
  }
}
