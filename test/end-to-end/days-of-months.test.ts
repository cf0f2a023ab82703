import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { status, verify } from "../../src/index.ts";
import type { DaySpan } from "../../src/model.ts";
import { temporaryFolder } from "../support/folders.ts";
import {
  azureDelivery,
  azureParquetDelivery,
  azureRow,
  deliver,
  type Delivery,
  type Row,
} from "../support/deliveries.ts";
import { createProject, outcomes, runProject, runWell, textRows, type Project } from "../support/projects.ts";

const now = new Date("2025-06-01T00:00:00Z");

function days(start: string, end: string): DaySpan {
  return { start, end };
}

/** One row of a pay-as-you-go bill, whose billing period is not a calendar month. */
function rowOf({ start, end }: DaySpan, cost: string, dayAfter: string, usage = end): Row {
  return azureRow(start.slice(0, 7), {
    Date: usage,
    CostInBillingCurrency: cost,
    BilledCost: cost,
    BillingPeriodStartDate: start,
    BillingPeriodEndDate: end,
    BillingPeriodStart: `${start}T00:00:00Z`,
    BillingPeriodEnd: `${dayAfter}T00:00:00Z`,
    ChargePeriodStart: `${usage}T00:00:00Z`,
  });
}

/** A run over some days, submitted at 04:00 of a day. */
function run(
  folder: string,
  id: string,
  covered: DaySpan,
  submitted: string,
  files: readonly (readonly Row[])[],
): Delivery {
  const month = covered.start.slice(0, 7);
  return azureDelivery({ month, id, folder, days: covered, pathTime: `${submitted.replaceAll("-", "")}0400`, files });
}

/** A run with one row for each of its days in each calendar month. */
function daily(folder: string, id: string, covered: DaySpan, submitted: string): Delivery {
  const rows: Row[] = [];
  for (let day = covered.start; day <= covered.end; day = after(day)) {
    rows.push(azureRow(day.slice(0, 7), { Date: day, CostInBillingCurrency: "1.25" }));
  }
  return run(folder, id, covered, submitted, [rows]);
}

function after(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
}

/** What status says of each month of a section: `2025-02 final 2 rows 3.5, missing 2025-02-01/2025-02-03`. */
async function months(project: Project, name: string, at = now): Promise<string[]> {
  const { pipelines } = await status(project.config, { pipelines: [name], now: at });
  return pipelines
    .flatMap((pipeline) => pipeline.months)
    .map(({ billingMonth: month, state, rows, cost, missingDays: missing }) => {
      const spans = missing.map(({ from, to }) => `${from}/${to}`);
      return `${month} ${state} ${rows} rows ${cost?.["EUR"]}${spans.length === 0 ? "" : `, missing ${spans.join(" ")}`}`;
    })
    .toSorted();
}

async function load(project: Project): Promise<Record<string, string[]>> {
  const { finished } = await runProject(project, { now });
  return Object.fromEntries(finished.pipelines.map((result) => [result.name, outcomes(result)]));
}

describe("the days of a month", { timeout: 120_000 }, () => {
  test("are those of its billing period where each run has a calendar month, of two periods", async (t) => {
    const project = await createProject(t, { payg: { bucket_url: "bucket", prefix: "payg" } });
    const [december, january, february] = [
      days("2024-12-15", "2025-01-14"),
      days("2025-01-15", "2025-02-14"),
      days("2025-02-15", "2025-03-14"),
    ];
    const ofJanuary = days("2025-01-01", "2025-01-31");
    const rows = [rowOf(december, "1", "", "2025-01-14"), rowOf(january, "2", "", "2025-01-31")];
    await deliver(project.bucket, run("payg", "r1", ofJanuary, "2025-02-20", [rows]));
    assert.deepEqual(await load(project), { payg: ["2024-12 new r1", "2025-01 new r1"] });
    assert.deepEqual(await months(project, "payg"), [
      "2024-12 partial 1 rows 1, missing 2024-12-15/2024-12-31",
      "2025-01 partial 1 rows 2, missing 2025-02-01/2025-02-14",
    ]);
    const next = [rowOf(january, "4", "", "2025-02-14"), rowOf(february, "8", "", "2025-02-28")];
    await deliver(project.bucket, run("payg", "r2", days("2025-02-01", "2025-02-28"), "2025-03-20", [next]));
    assert.deepEqual(await load(project), {
      payg: ["2024-12 unchanged r1", "2025-01 restated r2", "2025-02 new r2"],
    });
    assert.deepEqual((await months(project, "payg"))[1], "2025-01 final 2 rows 6");
    const only = { months: { only: ["2024-12"] } };
    const { acceptedGaps } = await runWell(project, { ...only, accept: ["gap"] });
    assert.deepEqual(
      acceptedGaps.map(({ billingMonth }) => billingMonth),
      ["2024-12"],
    );
    const foreign = rowOf(days("2025-04-15", "2025-05-14"), "16", "", "2025-03-03");
    await deliver(project.bucket, run("payg", "r3", days("2025-03-01", "2025-03-31"), "2025-04-20", [[foreign]]));
    const { finished } = await runProject(project);
    const failed = finished.pipelines.flatMap((result) => result.failed);
    assert.deepEqual(
      failed.map(({ billingMonth, code }) => [billingMonth, code]),
      [
        ["2025-03", "MONTH_MISMATCH"],
        ["2025-02", "MONTH_MISMATCH"],
      ],
    );
    assert.match(failed[0]?.message ?? "", /1 row of 2025-04 \(16\.00 EUR\)/u);
  });

  test("are those of its billing period, and every kind of run that covers some of them loads together", async (t) => {
    const section = (prefix: string): Record<string, string> => ({ bucket_url: "bucket", prefix });
    const names = ["payg", "payg_dates", "payg_focus", "payg_to_date", "selected", "to_date", "single"];
    const project = await createProject(t, Object.fromEntries(names.map((name) => [name, section(name)])));
    const january = days("2025-01-15", "2025-02-14");
    const february = days("2025-02-15", "2025-03-14");
    const scratch = await temporaryFolder(t);
    const american = (row: Row): Row => ({
      ...row,
      ...Object.fromEntries(
        ["BillingPeriodStartDate", "BillingPeriodEndDate", "Date"].map((name) => {
          const [year, month, day] = (row[name] ?? "").split("-");
          return [name, `${month}/${day}/${year}`];
        }),
      ),
    });
    const focus = (id: string, period: DaySpan, submitted: string, cost: string): Promise<Delivery> =>
      azureParquetDelivery(
        {
          month: period.start.slice(0, 7),
          id,
          folder: "payg_focus",
          days: period,
          pathTime: `${submitted}0400`,
          files: [[rowOf(period, cost, after(period.end))]],
        },
        join(scratch),
      );
    const deliveries = [
      run("payg", "p1", january, "2025-02-20", [[rowOf(january, "1.5", "")], [rowOf(january, "2", "", "2025-02-03")]]),
      run("payg", "p2", february, "2025-03-20", [[rowOf(february, "4", "")]]),
      run("payg_dates", "d1", january, "2025-02-20", [[american(rowOf(january, "1", ""))]]),
      await focus("f1", january, "20250220", "1"),
      await focus("f2", february, "20250320", "2"),
      // Month to date: the period is declared in advance. The first run of February follows the last one of January.
      run("payg_to_date", "t1", january, "2025-02-10", [[rowOf(january, "1", "")]]),
      run("payg_to_date", "t2", january, "2025-02-20", [[rowOf(january, "1", ""), rowOf(january, "2", "")]]),
      run("payg_to_date", "t3", february, "2025-02-28", [[rowOf(february, "8", "", "2025-02-20")]]),
      daily("selected", "s1", days("2025-03-03", "2025-03-10"), "2025-04-06"),
      daily("selected", "s2", days("2025-03-12", "2025-03-31"), "2025-04-06"),
      // Weeks that begin on Monday, each up to the day of its run; the first one begins in February.
      daily("to_date", "w1", days("2025-02-24", "2025-03-02"), "2025-03-02"),
      daily("to_date", "w2-wednesday", days("2025-03-03", "2025-03-05"), "2025-03-05"),
      daily("to_date", "w2", days("2025-03-03", "2025-03-09"), "2025-03-09"),
      daily("to_date", "w3", days("2025-03-10", "2025-03-11"), "2025-03-11"),
      ...Array.from({ length: 31 }, (_, index) => `2025-03-${String(index + 1).padStart(2, "0")}`)
        .filter((day) => day !== "2025-03-15")
        .map((day) => daily("single", `day ${day}`, days(day, day), "2025-04-06")),
    ];
    for (const delivery of deliveries) await deliver(project.bucket, delivery);

    assert.deepEqual(await load(project), {
      payg: ["2025-01 new p1", "2025-02 new p2"],
      payg_dates: ["2025-01 new d1"],
      payg_focus: ["2025-01 new f1", "2025-02 new f2"],
      payg_to_date: ["2025-01 new t2", "2025-02 new t3"],
      selected: ["2025-03 new s2"],
      to_date: ["2025-02 new w1", "2025-03 new w3"],
      single: ["2025-03 new day 2025-03-31"],
    });
    assert.deepEqual(await months(project, "payg"), ["2025-01 final 2 rows 3.5", "2025-02 final 1 rows 4"]);
    assert.deepEqual(await months(project, "payg_dates"), ["2025-01 final 1 rows 1"]);
    assert.deepEqual(await months(project, "payg_focus"), ["2025-01 final 1 rows 1", "2025-02 final 1 rows 2"]);
    assert.deepEqual(await months(project, "payg_to_date"), [
      "2025-01 final 2 rows 3",
      "2025-02 partial 1 rows 8, missing 2025-03-01/2025-03-14",
    ]);
    // While the period runs, the days to come are not missing.
    assert.deepEqual(
      (await months(project, "payg_to_date", new Date("2025-03-05T00:00:00Z")))[1],
      "2025-02 open 1 rows 8",
    );
    assert.deepEqual(await months(project, "selected"), [
      "2025-03 partial 28 rows 35, missing 2025-03-01/2025-03-02 2025-03-11/2025-03-11",
    ]);
    assert.deepEqual(await months(project, "to_date"), [
      "2025-02 partial 5 rows 6.25, missing 2025-02-01/2025-02-23",
      "2025-03 partial 11 rows 13.75, missing 2025-03-12/2025-03-31",
    ]);
    assert.deepEqual(await months(project, "single"), ["2025-03 partial 30 rows 37.5, missing 2025-03-15/2025-03-15"]);
    const periods = await textRows(
      project,
      "SELECT billing_month, period_start, period_end FROM billing_data.payg_data_load_tracking WHERE billing_month IS NOT NULL ORDER BY 1",
    );
    assert.deepEqual(
      periods.map((row) => Object.values(JSON.parse(row) as Record<string, string>).join(" ")),
      ["2025-01 2025-01-15 2025-02-14", "2025-02 2025-02-15 2025-03-14"],
    );

    // Nothing is loaded twice, and what is missing comes as days that are added.
    await deliver(project.bucket, daily("single", "day 2025-03-15", days("2025-03-15", "2025-03-15"), "2025-04-07"));
    await deliver(
      project.bucket,
      run("payg_to_date", "t4", february, "2025-03-20", [[rowOf(february, "8", ""), rowOf(february, "16", "")]]),
    );
    const again = await load(project);
    assert.deepEqual(again["single"], ["2025-03 restated day 2025-03-15"]);
    assert.deepEqual(again["payg_to_date"], ["2025-01 unchanged t2", "2025-02 restated t4"]);
    for (const name of names.filter((other) => other !== "single" && other !== "payg_to_date")) {
      assert.ok(
        again[name]?.every((line) => line.includes(" unchanged ")),
        `${name}: ${again[name]?.join(", ")}`,
      );
    }
    assert.deepEqual(await months(project, "single"), ["2025-03 final 31 rows 38.75"]);
    assert.deepEqual(await months(project, "payg_to_date"), ["2025-01 final 2 rows 3", "2025-02 final 2 rows 24"]);
    const { checks } = await verify(project.config, {
      pipelines: ["payg", "payg_focus", "single", "payg_to_date"],
      deep: true,
    });
    assert.deepEqual(
      checks.filter(({ ok }) => !ok),
      [],
    );
  });
});
