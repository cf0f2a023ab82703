import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { countDays, covers, daysInMonth, intersect, monthSpan, monthsOf, nextMonth } from "../../src/schema/periods.ts";

describe("periods", () => {
  it("knows the last day of every month", () => {
    assert.deepEqual(monthSpan("2024-02"), { start: "2024-02-01", end: "2024-02-29" });
    assert.deepEqual(monthSpan("2100-02"), { start: "2100-02-01", end: "2100-02-28" });
    for (let year = 1999; year <= 2025; year++) {
      for (let month = 1; month <= 12; month++) {
        assert.equal(daysInMonth(year, month), new Date(Date.UTC(year, month, 0)).getUTCDate());
      }
    }
    assert.equal(daysInMonth(2024, 0), 0);
    assert.equal(daysInMonth(2024, 13), 0);
  });

  it("goes from month to month over the end of a year", () => {
    assert.equal(nextMonth("2024-01"), "2024-02");
    assert.equal(nextMonth("2024-09"), "2024-10");
    assert.equal(nextMonth("2024-12"), "2025-01");
  });

  it("lists the months that a span touches", () => {
    assert.deepEqual(monthsOf({ start: "2024-11-15", end: "2025-02-01" }), [
      "2024-11",
      "2024-12",
      "2025-01",
      "2025-02",
    ]);
    assert.deepEqual(monthsOf({ start: "2024-11-15", end: "2024-11-15" }), ["2024-11"]);
    assert.deepEqual(monthsOf({ start: "2024-11-15", end: "2024-11-14" }), []);
    assert.deepEqual(monthsOf({ start: "2024-11-15", end: "2024-10-20" }), []);
  });

  it("intersects spans, both ends included", () => {
    const june = monthSpan("2025-06");
    assert.deepEqual(intersect(june, { start: "2025-06-30", end: "2025-07-09" }), {
      start: "2025-06-30",
      end: "2025-06-30",
    });
    assert.deepEqual(intersect({ start: "2025-01-01", end: "2025-12-31" }, june), june);
    assert.equal(intersect(june, monthSpan("2025-07")), undefined);
  });

  it("decides whether a span covers another", () => {
    const june = monthSpan("2025-06");
    assert.equal(covers(june, { start: "2025-06-01", end: "2025-06-09" }), true);
    assert.equal(covers(june, june), true);
    assert.equal(covers({ start: "2025-06-01", end: "2025-06-09" }, june), false);
    assert.equal(covers(june, { start: "2025-05-31", end: "2025-06-09" }), false);
  });

  it("counts days", () => {
    assert.equal(countDays(monthSpan("2024-02")), 29);
    assert.equal(countDays({ start: "2025-06-01", end: "2025-06-01" }), 1);
    assert.equal(countDays({ start: "2024-12-30", end: "2025-01-02" }), 4);
    assert.equal(countDays({ start: "2025-06-02", end: "2025-06-01" }), 0);
    assert.equal(countDays({ start: "2025-06-09", end: "2025-06-01" }), 0);
  });
});
