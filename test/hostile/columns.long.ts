import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assignHeader, type FileHeader, type NamingRules } from "../../src/schema/assignment.ts";
import { billhouse } from "../support/in-process.ts";
import { obeyed } from "../support/recorded.ts";
import { curColumns, curDelivery, curRow, deliver, parquetBytes } from "../support/deliveries.ts";
import { cur2Columns, cur2Row, dataExportDelivery } from "../support/deliveries-of-exports.ts";
import { createProject, curSection, onlyResult, outcomes, runProject, runWell, textRows } from "../support/projects.ts";
import { runBounded, table, withoutLooks, withSettings } from "../support/hostile/projects.ts";

/** Names that programs would run, warehouses refuse, or JavaScript has for something of its own. */
const names: readonly string[] = [
  'a"b',
  'a"); DROP TABLE billing_data.aws_cur_data; --',
  "a'b; DELETE FROM billing_data.aws_cur_data",
  "`a`; DROP TABLE x",
  "$1",
  "{{x}}",
  "?",
  "@a",
  "a\\b",
  "a\nb",
  "a\tb",
  "\u202eabc",
  "\u200b",
  "\u{e0041}",
  "",
  " ",
  "   ",
  "\u00a0",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "select",
  "rowid",
  "billing_month",
  "_dlt_id",
  "_PARTITIONTIME",
  "filename",
  "c0",
  "f",
  "row",
  "x".repeat(10_000),
  `${"x".repeat(9_999)}y`,
  "ä".repeat(400),
  "same",
  "same",
  "same",
  "SAME",
  "Straße",
  "STRASSE",
  "İ",
  "i\u0307",
];

const cellOf = (index: number): string => `cell ${index}`;

describe("hostile names of columns", { timeout: 300_000 }, () => {
  it("of a legacy report become columns of their own, and keep them", async (t) => {
    const project = await createProject(t, curSection);
    const header = [...curColumns, ...names.map((name, index) => `${index % 2 === 0 ? "resourceTags/" : ""}${name}`)];
    // By position, because names repeat.
    const cells = (month: string): string[] =>
      header.map((name, index) => (index < curColumns.length ? (curRow(month)[name] ?? "") : cellOf(index)));
    await check(project, header, cells);
  });

  async function check(
    project: Awaited<ReturnType<typeof createProject>>,
    header: readonly string[],
    cells: (month: string) => string[],
  ): Promise<void> {
    const numbered = header.map((_, index) => `n${index}`);
    for (const month of ["2025-01", "2025-02"]) {
      const row = Object.fromEntries(cells(month).map((cell, index) => [`n${index}`, cell]));
      const delivery = curDelivery({ month, id: "names", files: [[row]], columns: numbered, types: false });
      const [key = ""] = delivery.fileKeys;
      const { gunzipSync, gzipSync } = await import("node:zlib");
      const rows = gunzipSync(delivery.objects.get(key) ?? "").toString("utf8");
      const quoted = header.map((name) => `"${name.replaceAll('"', '""')}"`).join(",");
      const bytes = gzipSync(`${quoted}${rows.slice(rows.indexOf("\n"))}`);
      await deliver(project.bucket, { ...delivery, objects: new Map([...delivery.objects, [key, bytes]]) });
      assert.deepEqual(
        outcomes(await runWell(project)).filter((line) => line.startsWith(month)),
        [`${month} new names`],
      );
    }
    const [first = ""] = await textRows(
      project,
      `SELECT * FROM ${table} WHERE month(bill_billing_period_start_date) = 2`,
    );
    const row = JSON.parse(first) as Record<string, string>;
    const registry = (
      await textRows(project, `SELECT source_name AS s, column_name AS c FROM billing_data._billhouse_columns`)
    ).map((text) => JSON.parse(text) as { s: string; c: string });
    // No two source columns share one, and each has its own cell.
    assert.equal(registry.length, header.length);
    assert.equal(new Set(registry.map(({ c }) => c.toLowerCase())).size, header.length);
    const found = new Set(Object.values(row));
    for (const [index] of header.entries())
      if (index >= curColumns.length) assert.ok(found.has(cellOf(index)), header[index]);
    for (const words of [
      ["run", "--force", "--verbose"],
      ["plan"],
      ["query", `SELECT * FROM ${table}`],
      ["query", "--json", `SELECT * FROM ${table}`],
      ["query", "DESCRIBE billing_data.aws_cur_data"],
    ]) {
      const { code, stdout, stderr } = await billhouse(project.folder, words, {}, { isTerminal: true });
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(withoutLooks(stdout + stderr), obeyed, words.join(" "));
    }
  }

  it("of a Data Export stay as far as a warehouse takes them", async (t) => {
    const project = await createProject(t, { aws: { bucket_url: "bucket", prefix: "exports" } });
    // Their CSV writer knows cells by name.
    const unique = names.filter((name, index) => names.indexOf(name) === index);
    for (const month of ["2025-01", "2025-02"]) {
      const row = { ...cur2Row(month), ...Object.fromEntries(unique.map((name, index) => [name, cellOf(index)])) };
      const delivery = await dataExportDelivery(
        { month, id: "names", files: [[row]], columns: [...cur2Columns, ...unique], types: false },
        project.folder,
      );
      await deliver(project.bucket, delivery);
      assert.equal((await runWell(project)).loaded.length, 1);
    }
    const rows = await textRows(
      project,
      "SELECT * FROM billing_data.aws_data WHERE month(bill_billing_period_start_date) = 2",
    );
    const found = new Set(Object.values(JSON.parse(rows[0] ?? "{}") as Record<string, string>));
    for (const [index, name] of unique.entries()) if (name !== "__proto__") assert.ok(found.has(cellOf(index)), name);
    assert.deepEqual(outcomes(onlyResult((await runProject(project)).finished)), [
      "2025-01 unchanged names",
      "2025-02 unchanged names",
    ]);
  });

  it("that are not text are refused, in CSV and in Parquet", async (t) => {
    const project = await createProject(t, { aws: { bucket_url: "bucket", prefix: "exports" } });
    const bad = ["a\u001b[2J", "a\u0000b", "a\u009b2J"];
    for (const [index, name] of bad.entries()) {
      const month = `2025-0${index + 1}`;
      const row = { ...cur2Row(month), [name]: "x" };
      await deliver(
        project.bucket,
        await dataExportDelivery(
          { month, id: "evil", files: [[row]], columns: [...cur2Columns, name], types: false },
          project.folder,
        ),
      );
    }
    const sound = await dataExportDelivery(
      { month: "2025-04", id: "evil", files: [[cur2Row("2025-04")]], format: "snappy.parquet" },
      project.folder,
    );
    const [key = ""] = sound.fileKeys;
    const bytes = Buffer.from(
      await parquetBytes(
        [...cur2Columns, "marked"],
        [{ ...cur2Row("2025-04"), marked: "x" }],
        project.folder,
        (column) => (column.endsWith("_date") ? "TIMESTAMP" : "VARCHAR"),
      ),
    );
    for (let at = bytes.indexOf("marked"); at >= 0; at = bytes.indexOf("marked", at + 1)) bytes[at + 2] = 0x1b;
    await deliver(project.bucket, { ...sound, objects: new Map([...sound.objects, [key, bytes]]) });
    assert.deepEqual(
      outcomes(onlyResult((await runProject(project)).finished)),
      ["2025-01", "2025-02", "2025-03", "2025-04"].map((month) => `${month} failed FILE_INVALID`),
    );
  });
});

describe("ten thousand columns", { timeout: 600_000 }, () => {
  const rules: readonly NamingRules[] = [
    { naming: "cur-legacy", caseSensitive: true },
    { naming: "as-delivered", caseSensitive: false },
  ];

  it("of one name, or of none, are named in a moment", () => {
    for (const naming of rules) {
      for (const name of ["same", "", " ", "product/ecu", "x".repeat(1000)]) {
        const header: FileHeader = {
          format: "csv",
          columns: Array.from({ length: 10_000 }, () => ({ name, type: null })),
        };
        const started = performance.now();
        const claims = assignHeader(
          header,
          { columns: [], claims: [], reserved: ["billing_month"], takenOver: false },
          naming,
        );
        assert.equal(new Set(claims.map(({ columnName }) => columnName.toLowerCase())).size, 10_000);
        const again = assignHeader(
          header,
          {
            columns: claims.map(({ columnName }) => columnName),
            claims,
            reserved: ["billing_month"],
            takenOver: false,
          },
          naming,
        );
        assert.deepEqual(again, []);
        assert.ok(performance.now() - started < 10_000, `${name}: ${performance.now() - started} ms`);
      }
    }
  });

  it("are loaded into DuckDB, in bounded time and memory", async (t) => {
    const settings = '[destination.duckdb]\nmemory_limit = "4GB"\nthreads = 2';
    const project = await withSettings(await createProject(t, curSection), settings);
    const tags = Array.from({ length: 10_000 - curColumns.length }, (_, index) => `resourceTags/user:tag${index}`);
    const row = { ...curRow("2025-01"), ...Object.fromEntries(tags.map((tag, index) => [tag, `v${index}`])) };
    await deliver(
      project.bucket,
      curDelivery({ month: "2025-01", id: "wide", files: [[row, row]], columns: [...curColumns, ...tags] }),
    );
    const { code, events, memory, seconds, stderr } = await runBounded(project, 512, 300);
    assert.equal(code, 0, stderr + JSON.stringify(events.at(-1)).slice(0, 1000));
    t.diagnostic(`${Math.round(seconds)} s, ${Math.round(memory)} MB`);
    assert.ok(memory < 5500, `${memory} MB`);
  });
});
