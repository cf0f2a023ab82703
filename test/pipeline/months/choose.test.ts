import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BillhouseError } from "../../../src/errors.ts";
import type { BillingMonth, Receipt } from "../../../src/model.ts";
import { discover } from "../../../src/pipeline/discover/discover.ts";
import type { MonthPlan } from "../../../src/pipeline/months/decide.ts";
import type { LoadedPartition } from "../../../src/pipeline/months/loaded.ts";
import { planMonths, type PlanningOptions } from "../../../src/pipeline/months/survey.ts";
import { monthSpan, nextMonth } from "../../../src/schema/periods.ts";
import type { Storage } from "../../../src/storages/storage.ts";
import type { MemoryBucket } from "../../conformance/memory.ts";
import {
  azureDelivery,
  azureRows,
  curDelivery,
  curRows,
  type AzureOptions,
  type Delivery,
} from "../../support/deliveries.ts";
import { bills, bucketOf, receiptOf, storageOf } from "../../support/planning.ts";

const march = "2025-03";

/** A run of an Azure export over some days, submitted at 02:00 of a day. */
function run(id: string, start: string, end: string, day: string, options: Partial<AzureOptions> = {}): Delivery {
  const files = [azureRows(start.slice(0, 7), "1")];
  const pathTime = `${day.replaceAll("-", "")}0200`;
  return azureDelivery({
    month: start.slice(0, 7),
    id,
    days: { start, end },
    pathTime,
    files,
    ...options,
    format: "csv",
  });
}

interface Planned {
  readonly plans: readonly MonthPlan[];
  readonly failed: readonly string[];
  /** How many manifests were read. */
  readonly reads: number;
}

async function plan(
  bucket: MemoryBucket,
  receipts: readonly Receipt[] = [],
  options: Partial<PlanningOptions> = {},
): Promise<Planned> {
  let reads = 0;
  const real = await storageOf(bucket);
  const read: Storage["read"] = (object, range) => {
    if (/manifest\.json$/i.test(object.key)) reads += 1;
    return real.read(object, range);
  };
  const storage: Storage = { ...real, read };
  const discovery = await discover(bills, storage);
  const months = new Map<BillingMonth, LoadedPartition>(
    receipts.map((receipt) => {
      const { billingMonth, executionId, loadedAt, undone } = receipt;
      return [billingMonth, { ids: [executionId], undone, loadedAt, receipt }];
    }),
  );
  const defaults = { pipeline: bills, isReadElsewhere: () => false, now: new Date("2025-07-01T00:00:00Z") };
  const { plans, failed } = await planMonths(discovery, months, receipts, { ...defaults, ...options });
  return {
    plans,
    failed: [...failed].map(
      ([month, error]) => `${month} ${error instanceof BillhouseError ? error.code : "INTERNAL"}`,
    ),
    reads,
  };
}

function lines({ plans }: Planned): string[] {
  return plans.map(({ billingMonth, action, ids }) => `${billingMonth} ${action} ${ids.join("+")}`);
}

/** The receipts of what a plan loads. */
function loadsOf({ plans }: Planned): Receipt[] {
  return plans.map(({ billingMonth, executions }) => receiptOf(billingMonth, executions));
}

describe("the deliveries of a month", () => {
  it("are the runs whose days do not overlap, with the missing days and every run that was passed over", async () => {
    const bucket = bucketOf([
      run("a", "2025-03-01", "2025-03-07", "2025-03-08"),
      run("b", "2025-03-08", "2025-03-14", "2025-03-15"),
      run("b-again", "2025-03-08", "2025-03-14", "2025-03-16"),
      run("c", "2025-03-12", "2025-03-18", "2025-03-19"),
    ]);
    const found = await plan(bucket);
    assert.deepEqual(lines(found), ["2025-03 new a+b-again"]);
    assert.deepEqual(found.plans[0]?.missingDays, [{ start: "2025-03-15", end: "2025-03-31" }]);
    assert.deepEqual(
      found.plans[0]?.passedOver.map(({ id, reason }) => `${id}: ${reason}`),
      [
        "c: It covers 2025-03-12 to 2025-03-18, which overlaps b-again; a day is never loaded from two deliveries.",
        "b: b-again is newer and covers the same days.",
      ],
    );
  });

  it("cover no day after the one on which they were submitted, and active_from bounds what is expected", async () => {
    const bucket = bucketOf([
      run("sixth", "2025-03-01", "2025-03-31", "2025-03-06"),
      run("thirteenth", "2025-03-01", "2025-03-31", "2025-03-13"),
    ]);
    const found = await plan(bucket);
    assert.deepEqual(lines(found), ["2025-03 new thirteenth"]);
    assert.deepEqual(found.plans[0]?.missingDays, [{ start: "2025-03-14", end: "2025-03-31" }]);
    const active = await plan(bucket, [], { pipeline: { ...bills, activeTo: "2025-03-15" } });
    assert.deepEqual(active.plans[0]?.missingDays, [{ start: "2025-03-14", end: "2025-03-15" }]);
    const during = await plan(bucket, [], { now: new Date("2025-03-20T00:00:00Z") });
    assert.deepEqual(during.plans[0]?.missingDays, []);
  });

  it("gain a run that only adds days, which is not a restatement, and is one where figures may change", async () => {
    const weeks = [
      run("a", "2025-03-01", "2025-03-15", "2025-03-16"),
      run("b", "2025-03-16", "2025-03-31", "2025-04-06"),
    ];
    const loaded = loadsOf(await plan(bucketOf(weeks.slice(0, 1))));
    const [line] = (await plan(bucketOf(weeks), loaded)).plans;
    assert.deepEqual([line?.action, line?.ids, line?.loadReason], ["restated", ["a", "b"], "days added"]);
    assert.equal(line?.reason, "b adds days to a.");
    const both = loadsOf(await plan(bucketOf(weeks)));
    const again = [...weeks, run("b2", "2025-03-16", "2025-03-31", "2025-04-08")];
    const [newer] = (await plan(bucketOf(again), both)).plans;
    assert.deepEqual([newer?.ids, newer?.loadReason], [["a", "b2"], "restated"]);
    const [open] = (await plan(bucketOf(again), both, { now: new Date("2025-03-31T23:00:00Z") })).plans;
    assert.deepEqual([open?.ids, open?.loadReason], [["a", "b2"], "updated"]);
  });

  it("are refused where they cover fewer days than what is loaded, or declare no rows where rows are loaded", async () => {
    const full = run("full", "2025-03-01", "2025-03-31", "2025-04-05");
    const loaded = loadsOf(await plan(bucketOf([full])));
    const short = bucketOf([run("short", "2025-03-01", "2025-03-09", "2025-04-06")]);
    const refused = await plan(short, loaded);
    assert.deepEqual(lines(refused), ["2025-03 refused short"]);
    assert.match(
      refused.plans[0]?.reason ?? "",
      /short covers 9 days of the month; the current load covers 31\. Use --force/,
    );
    assert.deepEqual(lines(await plan(short, loaded, { force: true })), ["2025-03 restated short"]);
    const empty = run("empty", "2025-03-01", "2025-03-31", "2025-04-06", { files: [] });
    assert.deepEqual(lines(await plan(bucketOf([empty]), loaded)), ["2025-03 refused empty"]);
    const both = bucketOf([full, empty]);
    assert.deepEqual(lines(await plan(both)), ["2025-03 refused empty", "2025-03 new full"]);
    assert.deepEqual(lines(await plan(both, loaded)), ["2025-03 refused empty"]);
    assert.deepEqual(lines(await plan(both, loaded, { force: true })), ["2025-03 restated empty"]);
    assert.deepEqual(lines(await plan(bucketOf([empty]))), ["2025-03 new empty"]);
  });

  it("leave out a set of runs that was undone, even if some of its runs are loaded", async () => {
    const weeks = [
      run("a", "2025-03-01", "2025-03-15", "2025-03-16"),
      run("b", "2025-03-16", "2025-03-31", "2025-04-06"),
    ];
    const bucket = bucketOf(weeks);
    const undone = [{ loadId: "1", executionId: "b", executionIds: ["a", "b"], fingerprint: null, checksums: null }];
    const loaded = loadsOf(await plan(bucketOf(weeks.slice(0, 1)))).map((receipt) => ({ ...receipt, undone }));
    const found = await plan(bucket, loaded);
    assert.deepEqual(lines(found), ["2025-03 refused b"]);
    assert.match(found.plans[0]?.reason ?? "", /^b was undone\./);
    assert.deepEqual(lines(await plan(bucket, loaded, { force: true })), ["2025-03 restated a+b"]);
    const more = [...weeks, run("c", "2025-03-16", "2025-03-31", "2025-04-07")];
    assert.deepEqual(lines(await plan(bucketOf(more), loaded)), ["2025-03 restated a+c"]);
  });

  it("fail their month only where what is wrong is chosen, and wait for a torn manifest only where it is newer", async () => {
    const older = run("older", "2025-03-01", "2025-03-31", "2025-04-04");
    const newer = run("newer", "2025-03-01", "2025-03-31", "2025-04-05");
    const cut = (delivery: Delivery, bytes: string): Delivery => ({
      ...delivery,
      objects: new Map([...delivery.objects, [delivery.manifestKey, Buffer.from(bytes)]]),
    });
    assert.deepEqual(lines(await plan(bucketOf([cut(older, '{"bl'), newer]))), ["2025-03 new newer"]);
    assert.deepEqual(lines(await plan(bucketOf([cut(older, "[]"), newer]))), ["2025-03 new newer"]);
    assert.deepEqual(lines(await plan(bucketOf([older, cut(newer, '{"bl')]))), [
      "2025-03 waiting ",
      "2025-03 new older",
    ]);
    assert.deepEqual((await plan(bucketOf([older, cut(newer, "[]")]))).failed, ["2025-03 MANIFEST_INVALID"]);
  });

  it("are the newest delivery of an export that always delivers the whole month", async () => {
    const bucket = bucketOf([curDelivery({ month: march, id: "a", files: [curRows(march, "1")] })]);
    const found = await plan(bucket);
    assert.deepEqual(lines(found), ["2025-03 new a"]);
    assert.deepEqual([found.plans[0]?.missingDays, found.reads], [[], 1]);
    const idle = await plan(bucket, loadsOf(found));
    assert.deepEqual([lines(idle), idle.reads], [["2025-03 unchanged a"], 0]);
  });
});

describe("how many manifests are read", () => {
  const months: BillingMonth[] = [];
  for (let at = "2022-01"; months.length < 36; at = nextMonth(at)) months.push(at);
  const dayOf = (month: BillingMonth, day: number): string => `${month}-${String(day).padStart(2, "0")}`;
  const spans: Record<
    string,
    (month: BillingMonth) => readonly (readonly [start: string, end: string, day: string])[]
  > = {
    "the whole month, repeatedly": (month) =>
      Array.from({ length: 30 }, (_, day) => [
        dayOf(month, 1),
        monthSpan(month).end,
        dayOf(nextMonth(month), (day % 28) + 1),
      ]),
    "month to date": (month) =>
      Array.from({ length: 28 }, (_, day) => [dayOf(month, 1), monthSpan(month).end, dayOf(month, day + 1)]),
    "week by week": (month) =>
      [1, 8, 15, 22].map((day) => [dayOf(month, day), dayOf(month, day + 6), dayOf(nextMonth(month), day)]),
    "day by day": (month) =>
      Array.from({ length: 28 }, (_, day) => [
        dayOf(month, day + 1),
        dayOf(month, day + 1),
        dayOf(nextMonth(month), 5),
      ]),
  };

  for (const [title, runsOf] of Object.entries(spans)) {
    it(`${title}: one for each chosen span, and none that a receipt remembers`, async () => {
      const deliveries = months.flatMap((month) =>
        runsOf(month).map(([start, end, day], index) => run(`${month}-${index}`, start, end, day)),
      );
      const bucket = bucketOf(deliveries);
      const first = await plan(bucket);
      const spansChosen = first.plans.reduce((sum, { ids }) => sum + ids.length, 0);
      assert.equal(first.plans.length, 36);
      // A first load looks at one run more, whose scope has to be that of the others.
      const isPassedOver = first.plans.some(({ passedOver }) => passedOver.length > 0);
      assert.equal(first.reads, spansChosen + (isPassedOver ? 1 : 0));
      const idle = await plan(bucket, loadsOf(first));
      assert.deepEqual(new Set(idle.plans.map(({ action }) => action)), new Set(["unchanged"]));
      assert.deepEqual(
        idle.plans.map(({ ids }) => ids),
        first.plans.map(({ ids }) => ids),
      );
      assert.equal(idle.reads, 0);
      // Receipts of before, which do not keep the versions of manifests.
      const older = loadsOf(first).map((receipt) => ({ ...receipt, deliveries: null }));
      const known = older.filter((_, index) => first.plans[index]?.ids.length === 1);
      assert.ok((await plan(bucket, known)).reads <= spansChosen);
    });
  }
});
