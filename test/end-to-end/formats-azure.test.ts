import assert from "node:assert/strict";
import { rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { azureCost } from "../../src/exports/azure-cost.ts";
import { discover, monthsByPlace } from "../../src/pipeline/discover/discover.ts";
import { recogniseExports } from "../../src/pipeline/discover/recognise.ts";
import { chooseRuns } from "../../src/pipeline/months/choose.ts";
import { openStorage } from "../../src/storages/index.ts";
import type { Storage } from "../../src/storages/storage.ts";
import { writeKey } from "../support/folders.ts";
import {
  azureColumns,
  azureDelivery,
  azureRow,
  azureRows,
  csvText,
  deliver,
  type Delivery,
} from "../support/deliveries.ts";
import { azureLegacyDelivery, type AzureLegacyOptions } from "../support/deliveries-of-exports.ts";
import {
  ask,
  azureSection,
  configure,
  createProject,
  monthsOfTable,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  type Project,
} from "../support/projects.ts";

const table = "billing_data.azure_billing_data";
const columns = { partition: "BillingPeriodStartDate", cost: "CostInBillingCurrency" };
const month = "2025-03";

/** A run's GUID that is easy to recognise. */
function guid(name: string): string {
  return `${Buffer.from(name.padEnd(4).slice(0, 4)).toString("hex")}-1111-2222-3333-444444444444`;
}

function csv(...costs: readonly string[]): string {
  return csvText(azureColumns, azureRows(month, ...costs));
}

function plain(name: string, text: string, options: Partial<AzureLegacyOptions> = {}): Delivery {
  return azureLegacyDelivery({ month, id: guid(name), files: [text], kind: "plain", ...options });
}

/** Writes a delivery whose files, and manifest, say that they were written at this time. */
async function deliverAt(project: Project, delivery: Delivery, time: string): Promise<void> {
  await deliver(project.bucket, delivery);
  for (const key of delivery.objects.keys()) {
    await utimes(join(project.bucket, key), new Date(time), new Date(time));
  }
}

function held(project: Project): ReturnType<typeof monthsOfTable> {
  return monthsOfTable(project, table, columns);
}

describe("an Azure export without a manifest", { concurrency: 2 }, () => {
  test("the newest file of a month is the month, whatever its name; a newer one restates it", async (t) => {
    const project = await createProject(t, azureSection);
    await deliverAt(project, plain("z", csv("1", "1")), "2025-03-10T04:00:00Z");
    await deliverAt(project, plain("a", csv("31", "-1")), "2025-03-12T04:00:00Z");
    await deliverAt(project, plain("m", csv("2")), "2025-03-11T04:00:00Z");
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new ${guid("a")}`]);
    assert.deepEqual(await held(project), { [month]: [2, "30.000000000000000000"] });
    assert.deepEqual(outcomes(await runWell(project)), [`${month} unchanged ${guid("a")}`]);

    await deliverAt(project, plain("k", csv("40")), "2025-04-02T04:00:00Z");
    assert.deepEqual(outcomes(await runWell(project)), [`${month} restated ${guid("k")}`]);
    // Azure can also write the same name again.
    await deliverAt(project, plain("k", csv("41", "0.5")), "2025-04-03T04:00:00Z");
    assert.deepEqual(outcomes(await runWell(project)), [`${month} restated ${guid("k")}`]);
    assert.deepEqual(await held(project), { [month]: [2, "41.500000000000000000"] });
    const [receipt] = await ask(
      project,
      `SELECT run_id, CAST(coverage_start AS VARCHAR) AS first, CAST(coverage_end AS VARCHAR) AS last
        FROM ${table}_load_tracking WHERE billing_month IS NOT NULL ORDER BY _dlt_load_id DESC LIMIT 1`,
    );
    assert.deepEqual(receipt, { run_id: guid("k"), first: "2025-03-01", last: "2025-03-31" });
  });

  test("a newer file of a folder with fewer days does not replace the month", async (t) => {
    const project = await createProject(t, azureSection);
    await deliverAt(project, plain("full", csv("31")), "2025-04-02T04:00:00Z");
    const span = { start: "2025-03-01", end: "2025-03-09" };
    await deliverAt(project, plain("nine", csv("9"), { span }), "2025-04-05T04:00:00Z");
    const outcome = [`${month} new ${guid("full")}`, `${month} refused ${guid("nine")}`];
    assert.deepEqual(outcomes(await runWell(project)), outcome);
  });

  test("a file with a header alone empties the month when that is accepted, a file without bytes waits", async (t) => {
    const project = await createProject(t, azureSection);
    await deliverAt(project, plain("one", csv("1")), "2025-04-02T04:00:00Z");
    await runWell(project);
    await deliverAt(project, plain("none", csv()), "2025-04-03T04:00:00Z");
    await deliverAt(project, plain("zero", ""), "2025-04-04T04:00:00Z");
    const emptied = await runWell(project, { accept: ["shrink"], months: { only: [month] } });
    assert.deepEqual(outcomes(emptied), [`${month} restated ${guid("none")}`, `${month} waiting null`]);
    assert.deepEqual(await held(project), {});
    assert.deepEqual(outcomes(await runWell(project)), [`${month} waiting null`]);
  });

  test("over several months: each gets its own rows", async (t) => {
    const project = await createProject(t, azureSection);
    const rows = ["2025-01", "2025-02", "2025-03", "2025-02"].map((each, index) =>
      azureRow(each, { CostInBillingCurrency: `0.${index + 1}` }),
    );
    const span = { start: "2025-01-01", end: "2025-03-31" };
    await deliver(project.bucket, plain("all", csvText(azureColumns, rows), { span }));
    assert.equal((await runWell(project)).loaded.length, 3);
    assert.deepEqual(await held(project), {
      "2025-01": [1, "0.100000000000000000"],
      "2025-02": [2, "0.600000000000000000"],
      "2025-03": [1, "0.300000000000000000"],
    });
  });

  test("planning lists once, and reads no more than the first rows of the newest file", async (t) => {
    const project = await createProject(t, azureSection);
    for (const name of ["a", "b", "c"]) await deliver(project.bucket, plain(name, csv("1")));
    const [pipeline] = project.config.pipelines;
    assert.ok(pipeline);
    const real = await openStorage(pipeline.bucketUrl);
    const calls: string[] = [];
    const storage: Storage = {
      ...real,
      list: (prefix) => (calls.push("list"), real.list(prefix)),
      read: (object, range) => (calls.push("read"), real.read(object, range)),
    };
    const discovery = await discover(pipeline, storage);
    const options = { now: new Date(), activeFrom: null, activeTo: null, force: false, unpackedLimit: null };
    assert.deepEqual(
      (await chooseRuns(discovery, month, null, options)).runs.map(({ files }) => files.length),
      [1],
    );
    // The file alone: its first rows name the billing period.
    assert.deepEqual(calls, ["list", "read"]);
  });
});

describe("Azure exports without manifests in one folder", { concurrency: 2 }, () => {
  const [one, two] = ["11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb"];
  const billOf = (name: string, cost: string, ...subscriptions: readonly string[]): Delivery => {
    const rows = subscriptions.map((id) => azureRow(month, { SubscriptionId: id, CostInBillingCurrency: cost }));
    return plain(name, csvText(azureColumns, rows));
  };

  test("of two subscriptions fail their month and name both; in a folder of its own each is loaded", async (t) => {
    const project = await createProject(t, azureSection);
    const [first, second] = [billOf("one", "1", one), billOf("two", "2", two, two)];
    await deliverAt(project, first, "2025-04-02T04:00:00Z");
    await deliverAt(project, second, "2025-04-02T05:00:00Z");
    const result = onlyResult((await runProject(project)).finished);
    assert.deepEqual(outcomes(result), [`${month} failed EXPORT_AMBIGUOUS`]);
    const [failed] = result.failed;
    assert.ok(failed);
    const named = [...first.fileKeys, ...second.fileKeys, one, two];
    for (const word of named) assert.ok(failed.message.includes(word), `${failed.message} names ${word}`);
    assert.match(
      failed.hint,
      /^Move the files of each export into a separate folder, and set `prefix` to one of them\./,
    );
    const [pipeline] = project.config.pipelines;
    assert.ok(pipeline);
    const { exports } = await recogniseExports(pipeline);
    assert.deepEqual(
      exports.map(({ unreadable, hint }) => [unreadable, hint]),
      [[failed.message, failed.hint]],
    );

    for (const [index, { fileKeys, objects }] of [first, second].entries()) {
      for (const key of fileKeys) {
        await rm(join(project.bucket, key));
        await writeKey(project.bucket, key.replace("exports/", `exports/${index}/`), objects.get(key) ?? "");
      }
    }
    const section = (index: number): Record<string, string> => ({ bucket_url: "bucket", prefix: `exports/${index}` });
    const apart = await configure(project, { azure_one: section(0), azure_two: section(1) });
    const { finished } = await runProject(apart);
    assert.deepEqual(finished.pipelines.map(outcomes), [
      [`${month} new ${guid("one")}`],
      [`${month} new ${guid("two")}`],
    ]);
  });

  test("never replace each other: what is loaded stays", async (t) => {
    const project = await createProject(t, azureSection);
    await deliverAt(project, billOf("one", "1", one), "2025-04-02T04:00:00Z");
    await runWell(project);
    await deliverAt(project, billOf("two", "2", two, two), "2025-04-03T04:00:00Z");
    const { finished } = await runProject(project, { force: true });
    assert.deepEqual(outcomes(onlyResult(finished)), [`${month} failed EXPORT_AMBIGUOUS`]);
    assert.deepEqual(await held(project), { [month]: [1, "1.000000000000000000"] });
  });

  test("of two subscriptions are named, too, where their manifests name no export", async (t) => {
    const project = await createProject(t, azureSection);
    const runOf = (name: string, pathTime: string, subscription: string): Delivery => {
      const files = [
        csvText(azureColumns, []),
        csvText(azureColumns, [azureRow(month, { SubscriptionId: subscription })]),
      ];
      return azureLegacyDelivery({ month, id: guid(name), files, kind: "partitioned", pathTime });
    };
    await deliver(project.bucket, runOf("one", "202504020300", one));
    await deliver(project.bucket, runOf("next", "202504030300", one));
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new ${guid("next")}`]);
    await deliver(project.bucket, runOf("two", "202504030301", two));
    const [failed] = onlyResult((await runProject(project)).finished).failed;
    assert.equal(failed?.code, "EXPORT_AMBIGUOUS");
    for (const word of [guid("next"), guid("two"), one, two]) assert.ok(failed.message.includes(word), failed.message);
    // The other subscription is gone with it, and the second hint keeps what was accepted.
    const [shrunk] = onlyResult((await runProject(project, { accept: ["scope"] })).finished).failed;
    assert.match(shrunk?.hint ?? "", /--accept scope --accept shrink --month 2025-03$/);
    const accepted = await runWell(project, { accept: ["scope", "shrink"], months: { only: [month] } });
    assert.deepEqual(outcomes(accepted), [`${month} restated ${guid("two")}`]);
  });

  test("of one billing account have a subscription in common, however late in the file", async (t) => {
    const project = await createProject(t, azureSection);
    const many = Array.from({ length: 2000 }, () => two);
    await deliverAt(project, billOf("one", "1", one), "2025-04-02T04:00:00Z");
    await deliverAt(project, billOf("two", "0.5", ...many, one), "2025-04-03T04:00:00Z");
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new ${guid("two")}`]);
  });
});

describe("runs of two kinds of cost in one folder", { concurrency: 2 }, () => {
  const runOf = (
    id: string,
    type: "ActualCost" | "AmortizedCost",
    cost: string,
    from: string,
    to: string,
  ): Delivery => {
    const rows = [azureRow(month, { Date: from, CostInBillingCurrency: cost })];
    return azureDelivery({ month, id, type, files: [rows], days: { start: from, end: to } });
  };

  test("are not parts of one bill: the month fails until one kind is moved away, as the hint says", async (t) => {
    const project = await createProject(t, azureSection);
    const amortized = runOf("amortized", "AmortizedCost", "2", "2025-03-16", "2025-03-31");
    await deliver(project.bucket, runOf("actual", "ActualCost", "1", "2025-03-01", "2025-03-15"));
    await deliver(project.bucket, amortized);
    for (const accept of [[], ["scope"]] as const) {
      const [failed] = onlyResult((await runProject(project, { accept })).finished).failed;
      assert.equal(failed?.code, "EXPORT_AMBIGUOUS");
      for (const word of ["actual (ActualCost)", "amortized (AmortizedCost)"]) assert.ok(failed.message.includes(word));
      assert.match(failed.hint, /^Move the runs of one kind into another folder/);
    }
    for (const key of amortized.objects.keys()) await rm(join(project.bucket, key));
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new actual`]);
  });

  test("do not replace each other without --accept scope: what is loaded stays", async (t) => {
    const project = await createProject(t, azureSection);
    await deliver(project.bucket, runOf("actual", "ActualCost", "1", "2025-03-01", "2025-03-31"));
    await runWell(project);
    const amortized = azureDelivery({
      month,
      id: "amortized",
      type: "AmortizedCost",
      files: [azureRows(month, "2")],
      pathTime: "202504060042",
    });
    await deliver(project.bucket, amortized);
    const [failed] = onlyResult((await runProject(project, { force: true })).finished).failed;
    assert.equal(failed?.code, "EXPORT_AMBIGUOUS");
    assert.match(failed.message, /amortized of 2025-03 contains AmortizedCost, but the table contains ActualCost\.$/);
    assert.deepEqual(await held(project), { [month]: [1, "1.000000000000000000"] });
    assert.deepEqual(outcomes(await runWell(project, { accept: ["scope"] })), [`${month} restated amortized`]);
    assert.deepEqual(outcomes(await runWell(project)), [`${month} unchanged amortized`]);
  });

  test("actual cost that the oldest API versions call Usage is actual cost", async (t) => {
    const project = await createProject(t, azureSection);
    const old = runOf("usage", "ActualCost", "1", "2025-03-01", "2025-03-15");
    const text = Buffer.from(old.objects.get(old.manifestKey) ?? []).toString();
    const manifest = Buffer.from(text.replace('"ActualCost"', '"Usage"'));
    await deliver(project.bucket, { ...old, objects: new Map([...old.objects, [old.manifestKey, manifest]]) });
    await deliver(project.bucket, runOf("actual", "ActualCost", "2", "2025-03-16", "2025-03-31"));
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new actual`]);
    assert.deepEqual(await held(project), { [month]: [2, "3.000000000000000000"] });
  });
});

describe("a file without a manifest beside runs that have a time", () => {
  const placesOf = (...keys: readonly string[]): readonly string[] => {
    const places = keys.flatMap((key) => azureCost.recognise(key) ?? []);
    assert.equal(places.length, keys.length);
    return (monthsByPlace(places).get(month) ?? []).map(({ key }) => key);
  };
  const file = `exports/daily/20250301-20250331/daily_${guid("file")}.csv`;
  const dated = `exports/daily/20250301-20250331/202503100300/${guid("run")}/manifest.json`;

  test("does not count, whenever it was copied; on other days it does", () => {
    assert.deepEqual(placesOf(file, dated), [dated]);
    const week = `exports/daily/20250301-20250307/daily_${guid("week")}.csv`;
    const later = `exports/daily/20250308-20250314/202503150300/${guid("run")}/manifest.json`;
    assert.deepEqual(placesOf(week, later), [week, later]);
  });

  test("has a time where its path or its name has one", () => {
    const byFolder = `exports/daily/20250301-20250331/202503110300/daily_${guid("aaaa")}.csv`;
    const byName = `exports/daily/20250301-20250331/daily_202503120300_${guid("bbbb")}.csv`;
    assert.deepEqual(placesOf(file, dated, byFolder, byName), [dated, byFolder, byName]);
    const places = [byFolder, byName].map((key) => azureCost.recognise(key));
    assert.deepEqual(
      places.map((place) => [place?.exportName, place?.order, place?.isDataFile]),
      [
        ["daily", "202503110300", true],
        ["daily", "202503120300", true],
      ],
    );
  });
});

describe("an Azure export of the old partitioned kind", { concurrency: 2 }, () => {
  function partitioned(name: string, pathTime: string, options: Partial<AzureLegacyOptions> = {}): Delivery {
    const files = [csv("1.5", "2"), csv("0.25")];
    return azureLegacyDelivery({ month, id: guid(name), files, kind: "partitioned", pathTime, ...options });
  }

  test("the newest run by the time in its path is the month, whatever times a mirror gave the objects", async (t) => {
    for (const [newer, older] of [
      ["2025-05-01T00:00:00Z", "2025-05-02T00:00:00Z"],
      ["2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z"],
    ] as const) {
      const project = await createProject(t, azureSection);
      await deliverAt(project, partitioned("new", "202503130142"), newer);
      await deliverAt(project, partitioned("old", "202503110042", { files: [csv("9")] }), older);
      assert.deepEqual(outcomes(await runWell(project)), [`${month} new ${guid("new")}`]);
      assert.deepEqual(await held(project), { [month]: [3, "3.750000000000000000"] });
      assert.deepEqual(outcomes(await runWell(project)), [`${month} unchanged ${guid("new")}`]);
    }
  });

  test("a row count of null is unknown and not zero, one that is wrong fails the month", async (t) => {
    const project = await createProject(t, azureSection);
    await deliver(project.bucket, partitioned("null", "202503130142", { rows: [null, 1] }));
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new ${guid("null")}`]);
    await deliver(project.bucket, partitioned("bad", "202503140142", { rows: [2, 7] }));
    const { finished } = await runProject(project);
    assert.deepEqual(outcomes(onlyResult(finished)), [`${month} failed ROW_COUNT_MISMATCH`]);
  });

  test("one that was not partitioned before continues as the same export", async (t) => {
    const project = await createProject(t, azureSection);
    await deliverAt(project, plain("file", csv("1")), "2025-03-10T04:00:00Z");
    await runWell(project);
    await deliverAt(project, partitioned("part", "202503130142"), "2025-03-13T01:45:00Z");
    assert.deepEqual(outcomes(await runWell(project)), [`${month} restated ${guid("part")}`]);
  });
});

describe("what Azure exports beside costs", { concurrency: 2 }, () => {
  /** An export of this type in the layout that cost exports have. */
  async function other(project: Project, type: string): Promise<void> {
    const folder = `exports/${type}/20250301-20250331/202504010042/${guid(type)}`;
    const manifest = {
      exportConfig: { exportName: type, type },
      runInfo: { runId: guid(type), startDate: "2025-03-01T00:00:00", endDate: "2025-03-31T00:00:00" },
      blobs: [{ blobName: `${folder}/part_0_0001.csv`, dataRowCount: 1 }],
    };
    await writeKey(project.bucket, `${folder}/part_0_0001.csv`, "meterId,unitPrice\na,1\n");
    await writeKey(project.bucket, `${folder}/manifest.json`, JSON.stringify(manifest));
  }

  test("price sheets and reservations do not hide the only export of costs", async (t) => {
    const project = await createProject(t, azureSection);
    for (const type of ["PriceSheet", "ReservationDetails", "ReservationTransactions"]) await other(project, type);
    await deliver(project.bucket, azureDelivery({ month, id: "costs", files: [azureRows(month, "1")] }));
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new costs`]);
  });

  test("a price sheet alone is named, and so are reservation recommendations", async (t) => {
    const project = await createProject(t, azureSection);
    await other(project, "PriceSheet");
    const [failed] = onlyResult((await runProject(project)).finished).failed;
    assert.equal(failed?.code, "EXPORT_NOT_FOUND");
    assert.match(failed.message, /has the type PriceSheet, which does not contain costs/);

    const recommended = await createProject(t, azureSection);
    await writeKey(recommended.bucket, `exports/savings/${guid("r")}/manifest.json`, "{}");
    const { error } = onlyResult((await runProject(recommended)).finished);
    assert.equal(error?.code, "EXPORT_NOT_FOUND");
    assert.match(
      error.message,
      /savings \(an Azure export without billing periods, such as reservation recommendations\)/,
    );
  });
});
