import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import type { DaySpan } from "../../../src/model.ts";
import {
  chooseCover,
  coveredDays,
  lastSettledDay,
  type Cover,
  type CoveredMonth,
  type CoveringRun,
} from "../../../src/pipeline/months/cover.ts";
import { countDays, intersect, monthSpan } from "../../../src/schema/periods.ts";

const march: CoveredMonth = {
  days: monthSpan("2025-03"),
  activeFrom: null,
  activeTo: null,
  now: new Date("2025-11-29T00:00:00Z"),
};

/** A run over `2025-03-02/2025-03-31`, submitted on a day or at a time. */
function run(id: string, declared: string, submitted: string, isEmpty = false): CoveringRun {
  const [start = "", end = start] = declared.split("/");
  return {
    id,
    declared: { start, end },
    submitted: submitted.includes("T") ? submitted : `${submitted}T03:00:00Z`,
    isEmpty,
  };
}

function summary(cover: Cover<CoveringRun>): Record<string, readonly string[]> {
  const texts = (spans: readonly DaySpan[]): string[] => spans.map(({ start, end }) => `${start}/${end}`);
  return {
    chosen: cover.chosen.map(({ id }) => id),
    passedOver: cover.passedOver.map(
      ({ run: { id }, reason, by }) => `${id} ${reason} ${by.map((one) => one.id).join("+")}`,
    ),
    missing: texts(cover.missing),
    unsettled: texts(cover.unsettled),
  };
}

function cover(runs: readonly CoveringRun[], month: Partial<CoveredMonth> = {}): Record<string, readonly string[]> {
  return summary(chooseCover(runs, { ...march, ...month }));
}

describe("choosing the runs of a month", () => {
  it("adds up two halves of a month", () => {
    const halves = [run("a", "2025-03-01/2025-03-15", "2025-04-10"), run("b", "2025-03-16/2025-03-31", "2025-04-11")];
    const expected = { chosen: ["a", "b"], passedOver: [], missing: [], unsettled: [] };
    assert.deepEqual(cover(halves), expected);
    assert.deepEqual(cover(halves.toReversed()), expected);
  });

  it("names the days that no run covers, at the start, in the middle and at the end", () => {
    const runs = [run("a", "2025-03-02/2025-03-09", "2025-04-10"), run("b", "2025-03-11/2025-03-29", "2025-04-10")];
    assert.deepEqual(cover(runs)["missing"], [
      "2025-03-01/2025-03-01",
      "2025-03-10/2025-03-10",
      "2025-03-30/2025-03-31",
    ]);
  });

  it("ends the days of a run on the day it was submitted, whatever it declares", () => {
    const runs = [run("a", "2025-03-01/2025-03-31", "2025-03-06"), run("b", "2025-03-01/2025-03-31", "2025-03-13")];
    assert.deepEqual(cover(runs), {
      chosen: ["b"],
      passedOver: ["a overlaps b"],
      missing: ["2025-03-14/2025-03-31"],
      unsettled: ["2025-03-10/2025-03-13"],
    });
  });

  it("takes the newest of several runs of the same days, to the last digit of their times", () => {
    const runs = [
      run("z", "2025-03-01/2025-03-31", "2025-04-10T03:00:00.1234567Z"),
      run("b", "2025-03-01/2025-03-31", "2025-04-10T03:00:00.1234568Z"),
      run("y", "2025-03-01/2025-03-31", "2025-04-09T03:00:00Z"),
    ];
    assert.deepEqual(cover(runs)["chosen"], ["b"]);
    assert.deepEqual(cover(runs)["passedOver"], ["z superseded b", "y superseded b"]);
  });

  it("does not let a newer, shorter run take the place of the whole month", () => {
    const runs = [
      run("month", "2025-03-01/2025-03-31", "2025-04-10"),
      run("days", "2025-03-01/2025-03-09", "2025-05-01"),
    ];
    assert.deepEqual(cover(runs)["chosen"], ["month"]);
    assert.deepEqual(cover(runs)["passedOver"], ["days overlaps month"]);
  });

  it("takes no day from two runs, and the set with the most days", () => {
    const runs = [
      run("week 1", "2025-03-01/2025-03-07", "2025-04-10"),
      run("across", "2025-03-05/2025-03-20", "2025-04-10"),
      run("week 3", "2025-03-18/2025-03-31", "2025-04-10"),
    ];
    assert.deepEqual(cover(runs)["chosen"], ["week 1", "week 3"]);
    assert.deepEqual(cover(runs)["passedOver"], ["across overlaps week 1+week 3"]);
  });

  it("prefers settled days, then fewer runs, then newer runs", () => {
    const early = run("early", "2025-03-01/2025-03-31", "2025-03-31");
    const [one, two] = [
      run("one", "2025-03-01/2025-03-15", "2025-04-10"),
      run("two", "2025-03-16/2025-03-31", "2025-04-10"),
    ];
    assert.deepEqual(cover([early, one, two])["chosen"], ["one", "two"]);
    const late = run("late", "2025-03-01/2025-03-31", "2025-04-05");
    assert.deepEqual(cover([one, two, late])["chosen"], ["late"]);
    const [other, rest] = [
      run("other", "2025-03-01/2025-03-10", "2025-04-09"),
      run("rest", "2025-03-11/2025-03-31", "2025-04-11"),
    ];
    assert.deepEqual(cover([one, two, other, rest])["chosen"], ["other", "rest"]);
  });

  it("lets an empty run cover days of its own, and hide no older run that has rows", () => {
    const whole = run("whole", "2025-03-01/2025-03-31", "2025-04-05");
    const empty = run("empty", "2025-03-01/2025-03-31", "2025-04-10", true);
    assert.deepEqual(cover([whole, empty])["chosen"], ["whole"]);
    assert.deepEqual(cover([whole, empty])["passedOver"], ["empty empty whole"]);
    assert.deepEqual(cover([empty])["chosen"], ["empty"]);
    const newer = run("newer", "2025-03-01/2025-03-31", "2025-04-11");
    assert.deepEqual(cover([empty, newer])["chosen"], ["newer"]);
    const week = run("week", "2025-03-01/2025-03-07", "2025-04-10", true);
    const rest = run("rest", "2025-03-08/2025-03-31", "2025-04-05");
    assert.deepEqual(cover([week, rest])["chosen"], ["week", "rest"]);
  });

  it("passes over a run that covers no day of the month", () => {
    const runs = [
      run("april", "2025-04-01/2025-04-30", "2025-05-03"),
      run("ahead", "2025-03-20/2025-03-31", "2025-03-19"),
    ];
    assert.deepEqual(cover(runs)["passedOver"], ["april covers-no-day ", "ahead covers-no-day "]);
    assert.deepEqual(cover(runs)["missing"], ["2025-03-01/2025-03-31"]);
  });

  it("misses no day after the last covered one while the month is not over", () => {
    const runs = [run("a", "2025-03-01/2025-03-03", "2025-03-04"), run("b", "2025-03-05/2025-03-10", "2025-03-11")];
    const missing = (now: string): unknown => cover(runs, { now: new Date(now) })["missing"];
    assert.deepEqual(missing("2025-03-31T23:59:59Z"), ["2025-03-04/2025-03-04"]);
    assert.deepEqual(missing("2025-04-01T00:00:00Z"), ["2025-03-04/2025-03-04", "2025-03-11/2025-03-31"]);
    assert.deepEqual(cover([], { now: new Date("2025-03-20T00:00:00Z") })["missing"], []);
  });

  it("expects days only while the export is active", () => {
    const runs = [run("a", "2025-03-10/2025-03-20", "2025-04-06")];
    assert.deepEqual(cover(runs, { activeFrom: "2025-03-10" })["missing"], ["2025-03-21/2025-03-31"]);
    assert.deepEqual(cover(runs, { activeFrom: "2025-03-10", activeTo: "2025-03-20" })["missing"], []);
    assert.deepEqual(cover(runs, { activeTo: "2025-03-21" })["missing"], [
      "2025-03-01/2025-03-09",
      "2025-03-21/2025-03-21",
    ]);
  });

  it("takes a billing period that is not a calendar month as the days of the month", () => {
    const days = { start: "2025-03-15", end: "2025-04-14" };
    const runs = [run("a", "2025-03-15/2025-04-14", "2025-04-20")];
    assert.deepEqual(cover(runs, { days }), { chosen: ["a"], passedOver: [], missing: [], unsettled: [] });
  });

  it("settles a day 72 hours after its end, to the second", () => {
    assert.equal(lastSettledDay("2025-04-04T00:00:00Z"), "2025-03-31");
    assert.equal(lastSettledDay("2025-04-03T23:59:59.9999999Z"), "2025-03-30");
  });

  it("chooses among thousands of runs at once", () => {
    const runs = Array.from({ length: 5000 }, (_, index) => {
      const [first, last] = [1 + (index % 31), 1 + ((index * 7) % 31)].toSorted((one, other) => one - other);
      const day = (number: number | undefined): string => `2025-03-${String(number).padStart(2, "0")}`;
      return run(String(index), `${day(first)}/${day(last)}`, `2025-04-${String(10 + (index % 20))}`);
    });
    const started = performance.now();
    assert.deepEqual(cover(runs)["missing"], []);
    assert.ok(performance.now() - started < 2000, "it takes less than two seconds");
  });
});

const day = (first: string) => (offset: number) =>
  new Date(Date.parse(first) + offset * 86_400_000).toISOString().slice(0, 10);

const anyRuns: fc.Arbitrary<readonly CoveringRun[]> = fc
  .array(
    fc.record({
      start: fc.integer({ min: -3, max: 32 }),
      length: fc.integer({ min: 1, max: 34 }),
      submitted: fc.integer({ min: 0, max: 24 * 45 }),
      isEmpty: fc.boolean(),
    }),
    { maxLength: 9 },
  )
  .map((runs) =>
    runs.map(({ start, length, submitted, isEmpty }, index) => ({
      id: `run ${index}`,
      declared: { start: day("2025-03-01")(start), end: day("2025-03-01")(start + length - 1) },
      submitted: new Date(Date.parse("2025-03-01") + submitted * 3_600_000).toISOString(),
      isEmpty: isEmpty && index % 3 === 0,
    })),
  );

const anyNow = fc.integer({ min: 0, max: 60 }).map((days) => new Date(Date.parse("2025-03-01") + days * 86_400_000));

/** A set of runs as three numbers and its runs from the newest: what two sets are compared by, written down a second time. */
function worth(runs: readonly CoveringRun[]): readonly (number | string)[] {
  const covered = runs.flatMap((one) => coveredDays(one, march.days) ?? []);
  const unsettled = runs.map((one) => {
    const days = coveredDays(one, march.days);
    let count = 0;
    for (let time = Date.parse(days?.start ?? ""); time <= Date.parse(days?.end ?? ""); time += 86_400_000) {
      if (Date.parse(one.submitted) < time + 4 * 86_400_000) count += 1;
    }
    return count;
  });
  const newest = runs
    .map(({ submitted, id }) => `${submitted} ${id}`)
    .toSorted()
    .toReversed();
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  return [sum(covered.map(countDays)), -sum(unsettled), -runs.length, ...newest];
}

function compareWorth(one: readonly (number | string)[], other: readonly (number | string)[]): number {
  const index = one.findIndex((part, position) => part !== other[position]);
  const [part, rival] = [one[index], other[index]];
  return index < 0 || part === undefined || rival === undefined ? 0 : part > rival ? 1 : -1;
}

describe("choosing the runs of any month", () => {
  it("finds the best of all sets that do not overlap", () => {
    fc.assert(
      fc.property(anyRuns, (runs) => {
        const { chosen, passedOver } = chooseCover(runs, march);
        const eligible = runs.filter(
          (one) =>
            !passedOver.some(
              ({ run: other, reason }) => other === one && reason !== "overlaps" && reason !== "superseded",
            ),
        );
        let best: readonly (number | string)[] = worth([]);
        for (let set = 0; set < 2 ** eligible.length; set += 1) {
          const members = eligible.filter((_, index) => (set & (2 ** index)) !== 0);
          if (!overlaps(members) && compareWorth(worth(members), best) > 0) best = worth(members);
        }
        assert.deepEqual(worth(chosen), best);
      }),
      { numRuns: 600 },
    );
  });

  it("takes no day from two runs, reports every run once, and accounts for every day", () => {
    fc.assert(
      fc.property(anyRuns, anyNow, (runs, now) => {
        const result = chooseCover(runs, { ...march, now });
        assert.ok(!overlaps(result.chosen));
        const ids = [...result.chosen, ...result.passedOver.map((one) => one.run)].map(({ id }) => id);
        assert.deepEqual(ids.toSorted(), runs.map(({ id }) => id).toSorted());
        for (const { run: one, reason, by } of result.passedOver) {
          const days = coveredDays(one, march.days);
          assert.equal(reason === "covers-no-day", days === undefined);
          assert.equal(by.length > 0, days !== undefined);
          for (const rival of by) {
            const theirs = coveredDays(rival, march.days);
            assert.ok(
              days && theirs && intersect(days, theirs),
              "a run is passed over for one that shares days with it",
            );
          }
        }
        const days = (spans: readonly DaySpan[]): number => spans.reduce((sum, span) => sum + countDays(span), 0);
        if (now.toISOString() >= "2025-04-01") assert.equal(days(result.covered) + days(result.missing), 31);
        assert.ok(days(result.unsettled) <= days(result.covered));
        for (const spans of [result.covered, result.missing, result.unsettled]) {
          for (const [index, { start, end }] of spans.entries()) {
            assert.ok(start <= end);
            const before = spans[index - 1];
            assert.ok(before === undefined || day(before.end)(1) < start, "spans are in order and do not touch");
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  it("does not depend on the order in which runs are given", () => {
    fc.assert(
      fc.property(anyRuns, (runs) => {
        assert.deepEqual(chooseCover(runs.toReversed(), march), chooseCover(runs, march));
      }),
    );
  });
});

function overlaps(runs: readonly CoveringRun[]): boolean {
  return runs.some((one, index) =>
    runs.slice(index + 1).some((other) => {
      const [days, theirs] = [coveredDays(one, march.days), coveredDays(other, march.days)];
      return days !== undefined && theirs !== undefined && intersect(days, theirs) !== undefined;
    }),
  );
}
