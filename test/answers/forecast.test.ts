import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { forecast } from "../../src/answers/forecast.ts";
import { type DailyCosts, type Forecast, forecastOf } from "../../src/answers/forecast-rule.ts";
import type { BillingMonth } from "../../src/model.ts";
import { addDays, monthSpan } from "../../src/schema/periods.ts";
import type { Row } from "../support/deliveries.ts";
import { answering, bill, charge } from "./bills.ts";

const month = "2025-04";
const earlier = ["2024-09", "2024-10", "2024-11", "2024-12", "2025-01", "2025-02", "2025-03"];

function daysOf(each: BillingMonth): string[] {
  const { start, end } = monthSpan(each);
  const days: string[] = [];
  for (let day = start; day <= end; day = addDays(day, 1)) days.push(day);
  return days;
}

function usual(day: string): string {
  return [0, 6].includes(new Date(day).getUTCDay()) ? "4" : "10";
}

/** 10 on every working day, 4 at weekends, and fees of 25.5 in every month, with some days that cost something else. */
function series(other: Readonly<Record<string, string>> = {}, until = "2025-04-10"): DailyCosts {
  const months = [...earlier, month];
  const ofMonth = (each: BillingMonth): Map<string, string> =>
    new Map(
      daysOf(each)
        .filter((day) => day <= until)
        .map((day) => [day, other[day] ?? usual(day)]),
    );
  return {
    usage: new Map(months.map((each) => [each, ofMonth(each)])),
    fees: new Map(earlier.map((each) => [each, "25.5"])),
  };
}

function forecastAt(costs: DailyCosts, days: number, months: readonly BillingMonth[] = earlier): Forecast {
  return forecastOf(costs, { month, days, months: new Set(months) });
}

describe("the rule of the forecast", () => {
  test("is the settled days, the median of each other weekday, and last month's fees", () => {
    // April 2025 begins on a Tuesday: 8 working days and 2 days of a weekend are settled, 14 and 6 remain.
    assert.deepEqual(forecastAt(series(), 10), {
      settled: "88",
      remaining: "164",
      fees: "25.5",
      forecast: "277.5",
      band: { low: "277.5", high: "277.5" },
    });
  });

  test("does not follow one unusual day, and of two in four takes half the sum in the middle, exactly", () => {
    // The Thursdays of the last 28 settled days are 20 and 27 March, 3 and 10 April; two remain.
    assert.equal(forecastAt(series({ "2025-03-20": "1000" }), 10).remaining, "164");
    const two = series({ "2025-03-20": "1000", "2025-03-27": "30.000000000000000001" });
    assert.equal(forecastAt(two, 10).remaining, "184.000000000000000001");
    // Thursday 13 March is before these days.
    assert.equal(forecastAt(series({ "2025-03-13": "1000", "2025-03-20": "1000" }), 10).remaining, "164");
  });

  test("does not read charges of days that are not settled", () => {
    const more = series({ "2025-04-11": "5000" }, "2025-04-11");
    assert.deepEqual(forecastAt(more, 10), forecastAt(series(), 10));
  });

  test("a day without charges cost nothing", () => {
    const none = Object.fromEntries(daysOf("2025-03").map((day) => [day, "0"]));
    // Of each weekday two of four days cost nothing, or one of four for those from Tuesday to Thursday.
    assert.equal(forecastAt(series({ ...none, "2025-04-05": "0", "2025-04-06": "0" }), 10).settled, "80");
  });

  test("the band is the 10th to the 90th percentile of its errors in the last six months at the same day", () => {
    const extra = { "2024-10": 3, "2024-11": -1, "2024-12": 10, "2025-01": 0, "2025-02": 2, "2025-03": 5 };
    const costs = series();
    for (const [each, more] of Object.entries(extra)) {
      const day = `${each}-25`;
      const usual = Number(costs.usage.get(each)?.get(day));
      (costs.usage.get(each) as Map<string, string>).set(day, String(usual + more));
    }
    // Sorted errors: -1, 0, 2, 3, 5, 10.
    assert.deepEqual(forecastAt(costs, 10).band, { low: "277", high: "285" });
  });

  test("errors of fees are errors too, and of the month with fewer days all days are settled", () => {
    const costs = series({}, "2025-04-30");
    (costs.fees as Map<string, string>).set("2025-02", "35.5");
    // February has ten more than its forecast, March ten less; nothing else is wrong at the end of a month.
    const { forecast: total, band } = forecastAt(costs, 30);
    assert.equal(total, "277.5");
    assert.deepEqual(band, { low: "272.5", high: "282.5" });
  });

  test("without one of the seven months before there is no band", () => {
    for (const missing of ["2024-09", "2024-12"]) {
      const months = earlier.filter((each) => each !== missing);
      const { band, forecast: total } = forecastAt(series(), 10, months);
      assert.deepEqual([band, total], [null, "277.5"]);
    }
  });

  test("days of an unsettled month end the days of which medians are taken", () => {
    const costs = series({ "2025-04-03": "20" });
    // Of the Thursdays only 3 and 10 April are left.
    assert.equal(forecastAt(costs, 10, []).remaining, "174");
  });
});

const running = "2019-04";
const history = ["2018-09", "2018-10", "2018-11", "2018-12", "2019-01", "2019-02", "2019-03"];

/** A bill of eight months with such costs, and charges that are not forecast. */
async function bills(until: string) {
  return Promise.all(
    [...history, running].map((each) => {
      const usage = daysOf(each)
        .filter((day) => day <= until)
        .map((day) => charge(each, { ChargePeriodStart: `${day}T00:00:00Z`, EffectiveCost: usual(day) }));
      const others: readonly Row[] = [
        { EffectiveCost: "1000", ChargeCategory: "Tax" },
        { EffectiveCost: "-500", ChargeCategory: "Credit" },
        { EffectiveCost: "-70", ChargeClass: "Correction" },
        { EffectiveCost: "0", BilledCost: "99", ChargeCategory: "Purchase", CommitmentDiscountId: "ri-1" },
        ...(each === running ? [] : [{ EffectiveCost: "25.5", ChargeCategory: "Purchase" }]),
      ];
      return bill(each, [...usage, ...others.map((cells) => charge(each, cells))]);
    }),
  );
}

const now = new Date("2019-04-14T00:00:00Z");

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`forecast in ${warehouse}`, () => {
    test("reads usage by day and fees, and leaves out tax, credits, corrections and commitments", async (t) => {
      const { config } = await load(t, await bills("2019-04-10"));
      const result = await forecast(config, { now });
      assert.deepEqual([result.month, result.settledDays, result.reason], [running, 10, null]);
      assert.deepEqual(result.currency, {
        USD: {
          settled: "88",
          remaining: "164",
          fees: "25.5",
          forecast: "277.5",
          band: { low: "277.5", high: "277.5" },
        },
      });
      assert.deepEqual(
        result.loads.map(({ billingMonth }) => billingMonth),
        [...history, running],
      );
    });
  });
}

describe("forecast", () => {
  test("says why there is none", async (t) => {
    const { config } = await answering.DuckDB(t, await bills("2019-04-06"));
    const reason = async (time: string): Promise<string | null> =>
      (await forecast(config, { now: new Date(time) })).reason;
    assert.equal(await reason("2019-04-14"), "only 6 days of 2019-04 are settled, and a forecast needs 7");
    assert.equal(await reason("2019-05-14"), "2019-05 is not loaded");
    assert.equal(await reason("2018-09-14"), "aws_focus 2018-08 is not loaded");
    const { settledDays, currency, loads } = await forecast(config, { now });
    assert.deepEqual([settledDays, currency, loads], [6, {}, []]);
  });

  test("takes filters", async (t) => {
    const { config } = await answering.DuckDB(t, await bills("2019-04-10"));
    const { currency } = await forecast(config, { now, filters: ["charge=Usage"] });
    assert.deepEqual([currency["USD"]?.fees, currency["USD"]?.forecast], ["0", "252"]);
  });
});
