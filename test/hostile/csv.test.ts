import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
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
  return (month, id): Delivery => withFile(soundDelivery(month, id, "3"), 0, () => gzipSync(text(month), { level: 1 }));
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
    says: /first line is not text/,
    delivery: content((month) => sound(month).replaceAll("\n", "\r")),
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
        .map((one) => [one.billing_month, one.code])
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
    assert.deepEqual(outcomes(onlyResult((await runProject(project)).finished)), [
      "2025-01 unchanged 2025-01-a",
      "2025-02 restated odd",
    ]);
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
