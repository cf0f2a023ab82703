import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { csvText, curColumns, curRow, curRows, deliver, withFile, type Delivery } from "../support/deliveries.ts";
import { onlyResult, outcomes, runProject, textRows } from "../support/projects.ts";
import {
  type HostileCase,
  loadedProject,
  refusesEach,
  runBounded,
  soundDelivery,
  table,
  withSettings,
} from "../support/hostile/projects.ts";

const megabyte = 1024 * 1024;

function content(text: (month: string) => string | Uint8Array): HostileCase["delivery"] {
  return bytes((month) => gzipSync(text(month), { level: 1 }));
}

function bytes(stored: (month: string) => Buffer): HostileCase["delivery"] {
  return (month, id): Delivery => withFile(soundDelivery(month, id, "3"), 0, () => stored(month));
}

const sound = (month: string): string => csvText(curColumns, curRows(month, "3"));

/** A row with one cell as it is written here, quotes and all. */
function rowWith(month: string, column: string, cell: string): string {
  const row = curRow(month);
  return `${curColumns.map((name) => (name === column ? cell : `"${(row[name] ?? "").replaceAll('"', '""')}"`)).join(",")}\n`;
}

const header = `${curColumns.join(",")}\n`;

const cases: Readonly<Record<string, HostileCase>> = {
  "a quote in the cost that is never closed": {
    code: "FILE_INVALID",
    delivery: content((month) => `${header}${rowWith(month, "lineItem/UnblendedCost", `"${"x,\n".repeat(megabyte)}`)}`),
    says: /longer than 1048576 bytes/,
  },
  "a quote that is never closed": {
    code: "FILE_INVALID",
    delivery: content((month) => `${header}${rowWith(month, "product/region", `"${"x,\n".repeat(megabyte)}`)}`),
    says: /never closed/,
  },
  "a quote in the header that is never closed": {
    code: "FILE_INVALID",
    delivery: content((month) => `"${sound(month).replaceAll('"', "").repeat(20_000)}`),
    says: /header is longer/,
  },
  "a header of 10 MB": {
    code: "FILE_INVALID",
    delivery: content(
      () => `${Array.from({ length: 9000 }, (_, index) => `c${index}${"x".repeat(1200)}`).join(",")}\n`,
    ),
    says: /header is longer/,
  },
  "more columns than there can be": {
    code: "LIMIT_EXCEEDED",
    delivery: content((month) => sound(month).replaceAll("\n", `${",x".repeat(10_000)}\n`)),
    says: /10017 columns/,
  },
  "commas without end": { code: "LIMIT_EXCEEDED", delivery: content(() => `${",".repeat(4_000_000)}\n`) },
  "lone carriage returns": {
    code: "FILE_INVALID",
    says: /line 1: the line ends in a carriage return \(CR\) alone/,
    delivery: content((month) => sound(month).replaceAll("\n", "\r")),
  },
  "a header that ends in CR CR LF": {
    code: "FILE_INVALID",
    says: /line 1: the line ends in CR CR LF/,
    delivery: content((month) => sound(month).replaceAll("\n", "\r\r\n")),
  },
  "lines that end in LF below a header that ends in CR LF": {
    code: "FILE_INVALID",
    says: /line 2: the line ends in LF, the lines before it end in CR LF/,
    delivery: content((month) => sound(month).replace("\n", "\r\n")),
  },
  "UTF-16": {
    code: "FILE_INVALID",
    says: /is UTF-16, and CSV is read as UTF-8/,
    delivery: content((month) => Buffer.from(sound(month), "utf16le")),
  },
  Zstandard: {
    code: "FILE_INVALID",
    says: /is compressed with Zstandard, not with gzip or zip/,
    delivery: bytes((month) => zstdCompressSync(sound(month))),
  },
  bzip2: {
    code: "FILE_INVALID",
    says: /is compressed with bzip2, not with gzip or zip/,
    delivery: bytes(() => Buffer.from("BZh91AY&SY\r\0;")),
  },
  xz: {
    code: "FILE_INVALID",
    says: /is compressed with xz, not with gzip or zip/,
    delivery: bytes(() => Buffer.from("\xfd7zXZ\0\0\x04\r", "latin1")),
  },
  "semicolons between its cells": {
    code: "FILE_INVALID",
    says: /has ; as its delimiter, not a comma/,
    delivery: content((month) => sound(month).replaceAll(",", ";")),
  },
  "a blank before the quote of a cell": {
    code: "FILE_INVALID",
    says: /line 2, column "lineItem\/CurrencyCode": there is a blank before the quote/,
    delivery: content((month) => `${header}${rowWith(month, "lineItem/CurrencyCode", ' "USD"')}`),
  },
  "a blank behind the quote of a cell": {
    code: "FILE_INVALID",
    says: /line 2, column "lineItem\/CurrencyCode": text follows the quote/,
    delivery: content((month) => `${header}${rowWith(month, "lineItem/CurrencyCode", '"USD" ')}`),
  },
  "nothing but NUL bytes": { code: "FILE_INVALID", delivery: content(() => Buffer.alloc(megabyte)) },
  "a NUL byte in the header": {
    code: "FILE_INVALID",
    delivery: content((month) => sound(month).replace("product/region", "product/\0region")),
  },
  "a NUL byte in the cost": {
    code: "VALUE_INVALID",
    delivery: content((month) => `${header}${rowWith(month, "lineItem/UnblendedCost", "1\0")}`),
  },
  "a NUL byte in the period": {
    code: "VALUE_INVALID",
    delivery: content(
      (month) => `${header}${rowWith(month, "bill/BillingPeriodStartDate", `"${month}-01T00:00:00Z\0"`)}`,
    ),
  },
  "a currency of a thousand characters": {
    code: "VALUE_INVALID",
    delivery: content((month) => `${header}${rowWith(month, "lineItem/CurrencyCode", "x".repeat(1000))}`),
  },
  "a currency for each row": {
    code: "VALUE_INVALID",
    delivery: content(
      (month) =>
        header +
        Array.from({ length: 2000 }, (_, index) => rowWith(month, "lineItem/CurrencyCode", `C${index}`)).join(""),
    ),
    says: /currencies/,
  },
};

describe("hostile CSV", { timeout: 300_000 }, () => {
  it("fails its month, and no other", async (t) => {
    await refusesEach(t, cases);
  });

  it("that starts with blank lines is loaded, and its lines are counted from the first of them", async (t) => {
    const project = await loadedProject(t);
    const delivered = (blank: string, change: (text: string) => string): HostileCase["delivery"] =>
      content((month) => blank + change(sound(month)));
    await deliver(project.bucket, await delivered("\n\n", (text) => text)("2025-02", "blank"));
    await deliver(project.bucket, await delivered("\r\n", (text) => text.replaceAll("\n", "\r\n"))("2025-03", "blank"));
    const wrong = delivered("\n\n", () => `${header}${rowWith("2025-04", "lineItem/UsageAmount", "none")}`);
    await deliver(project.bucket, await wrong("2025-04", "blank"));
    const { finished, events } = await runProject(project);
    assert.deepEqual(outcomes(onlyResult(finished)), [
      "2025-01 unchanged 2025-01-a",
      "2025-02 restated blank",
      "2025-03 new blank",
      "2025-04 failed VALUE_INVALID",
    ]);
    const [failed] = events.flatMap((event) => (event.event === "month_failed" ? [event] : []));
    assert.match(failed?.message ?? "", /line 4, column "lineItem\/UsageAmount"/);
  });

  it("with blanks around a number has the number", async (t) => {
    const project = await loadedProject(t);
    const numbers = content(
      (month) =>
        `${header}${rowWith(month, "lineItem/UnblendedCost", " 1.5").replaceAll(/"1(\.0+)?"/g, '" 5e-1"')}${["2.5\t", '" 1E+3 "', "0.00 "].map((cost) => rowWith(month, "lineItem/UnblendedCost", cost)).join("")}`,
    );
    await deliver(project.bucket, await numbers("2025-02", "odd"));
    const finished = (await runProject(project, { accept: ["shrink"], months: { only: ["2025-02"] } })).finished;
    assert.deepEqual(outcomes(onlyResult(finished)), ["2025-02 restated odd"]);
    const rows = await textRows(
      project,
      `SELECT CAST(sum(line_item_unblended_cost) AS DOUBLE) AS c, CAST(min(line_item_usage_amount) AS DOUBLE) AS a FROM ${table} WHERE month(bill_billing_period_start_date) = 2`,
    );
    assert.deepEqual(rows, ['{"c":1004,"a":0.5}']);
  });

  it("of one line of 100 MB, or one quote over 90 MB, ends in bounded memory", async (t) => {
    const settings = '[destination.duckdb]\nmemory_limit = "1GB"\nthreads = 2';
    const project = await withSettings(await loadedProject(t), settings);
    const long = content(
      (month) => `${header}${rowWith(month, "lineItem/LineItemDescription", "x".repeat(100 * megabyte))}`,
    );
    const open = content(
      (month) => `${header}${rowWith(month, "lineItem/LineItemDescription", `"${"x,\n".repeat(30 * megabyte)}`)}`,
    );
    await deliver(project.bucket, await long("2025-02", "evil"));
    await deliver(project.bucket, await open("2025-03", "evil"));
    const { code, events, memory } = await runBounded(project, 128, 150);
    const failed = events.flatMap((event) => (event.event === "month_failed" ? [event] : []));
    assert.equal(code, 3);
    assert.deepEqual(
      failed
        .map((one) => [one.billingMonth, one.code])
        .toSorted(([one], [other]) => (one ?? "").localeCompare(other ?? "")),
      [
        ["2025-02", "FILE_INVALID"],
        ["2025-03", "FILE_INVALID"],
      ],
    );
    assert.ok(memory < 1500, `${memory} MB`);
  });

  it("keeps cells of a megabyte, and NUL bytes in text", async (t) => {
    const project = await loadedProject(t);
    const text = "ä".repeat(megabyte / 2);
    const both = content(
      (month) =>
        `${header}${rowWith(month, "lineItem/LineItemDescription", text)}${rowWith(month, "lineItem/LineItemDescription", "a\0b")}`,
    );
    await deliver(project.bucket, await both("2025-02", "odd"));
    const finished = (await runProject(project, { accept: ["shrink"], months: { only: ["2025-02"] } })).finished;
    assert.deepEqual(outcomes(onlyResult(finished)), ["2025-02 restated odd"]);
    const rows = await textRows(
      project,
      `SELECT line_item_line_item_description AS d FROM ${table} WHERE month(bill_billing_period_start_date) = 2 ORDER BY length(d)`,
    );
    assert.deepEqual(
      rows.map((row) => (JSON.parse(row) as { d: string }).d),
      ["a\0b", text],
    );
  });
});
