import assert from "node:assert/strict";
import { test } from "node:test";
import {
  barOf,
  formatAge,
  formatAmount,
  formatBytes,
  formatCost,
  formatCount,
  formatNumber,
  formatSeconds,
  formatTime,
} from "../../src/commands/figures.ts";
import { monthSpans } from "../../src/schema/periods.ts";

test("money is rounded as text, half away from zero", () => {
  const amounts: Readonly<Record<string, string>> = {
    "0": "0.00",
    "7": "7.00",
    "1650.2589": "1,650.26",
    "1650.255": "1,650.26",
    "-1650.255": "-1,650.26",
    "0.005": "0.01",
    "0.00499999999999999999": "0.00",
    "-0.001": "0.00",
    "999.995": "1,000.00",
    "123456789012345678901234567890.125": "123,456,789,012,345,678,901,234,567,890.13",
    "1.1": "1.10",
    abc: "abc",
  };
  for (const [text, shown] of Object.entries(amounts)) assert.equal(formatAmount(text), shown);
});

test("costs carry their currency, and what was there before", () => {
  assert.equal(formatCost({ USD: "1650.26" }), "1,650.26 USD");
  assert.equal(formatCost({ EUR: "1", USD: "2" }), "1.00 EUR, 2.00 USD");
  assert.equal(formatCost({ "": "1" }), "1.00");
  assert.equal(formatCost({}), "");
  assert.equal(formatCost({ USD: "2" }, { USD: "1" }), "1.00 -> 2.00 USD");
  assert.equal(formatCost({ USD: "2.001" }, { USD: "2.002" }), "2.00 USD");
  assert.equal(formatCost({ EUR: "2" }, { USD: "1" }), "2.00 EUR");
});

test("counts, bytes and times read as people write them", () => {
  assert.equal(formatCount(1_234_567), "1,234,567");
  assert.equal(formatNumber(1, "file"), "1 file");
  assert.equal(formatNumber(0, "file"), "0 files");
  assert.deepEqual([0, 999, 1000, 620_123, 999_600, 1_250_000, 3.1e9].map(formatBytes), [
    "0 B",
    "999 B",
    "1.0 kB",
    "620 kB",
    "1.0 MB",
    "1.3 MB",
    "3.1 GB",
  ]);
  assert.deepEqual([0, 1.24, 9.96, 59.6, 75.4, 3599.6, 4800].map(formatSeconds), [
    "0.0 s",
    "1.2 s",
    "10 s",
    "1 min 0 s",
    "1 min 15 s",
    "1 h 0 min",
    "1 h 20 min",
  ]);
  const now = new Date("2025-06-01T12:00:00Z");
  const ages = [
    "2025-06-01T12:00:30Z",
    "2025-06-01T11:59:00+00:00",
    "2025-06-01T10:00:00Z",
    "2025-05-30T12:00:00Z",
    "?",
  ];
  assert.deepEqual(
    ages.map((time) => formatAge(time, now)),
    ["just now", "1 minute ago", "2 hours ago", "2 days ago", ""],
  );
  assert.equal(formatTime("2025-06-01T14:00:59.123456+02:00"), "2025-06-01 12:00");
});

test("months are listed as spans", () => {
  assert.equal(monthSpans(["2025-02", "2024-12", "2024-11", "2025-01", "2025-04"]), "2024-11 to 2025-02, 2025-04");
  assert.equal(monthSpans(["2025-02"]), "2025-02");
});

test("a bar is as long as its part of the whole, to an eighth of a character", () => {
  const bars = ["4", "1", "0.5", "0.0625", "0.001", "0", "-1"].map((amount) => barOf(amount, "4.0", 4));
  assert.deepEqual(bars, ["████", "█", "▌", "▏", "", "", ""]);
  assert.equal(barOf("1", "0", 4), "");
  assert.equal(barOf("12345678901234567890.1", "24691357802469135780.2", 2), "█");
});
