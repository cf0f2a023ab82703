import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { forget, plan } from "../../src/index.ts";
import { writeKey } from "../support/folders.ts";
import { azureDelivery, azureRows, curDelivery, curRows, deliver, type Delivery } from "../support/deliveries.ts";
import {
  azureSection,
  billhouse,
  createProject,
  curSection,
  monthsOfTable,
  outcomes,
  runByCommand,
  runWell,
  snapshotLedger,
  snapshotMonth,
  type MonthSnapshot,
  type Project,
  type Sections,
} from "../support/projects.ts";

const month = "2025-03";

/** One way in which a cloud or a mirror lays out deliveries, with two deliveries of a month. */
interface Shape {
  readonly sections: Sections;
  readonly table: string;
  readonly columns: { readonly partition: string; readonly cost: string };
  readonly older: Delivery;
  readonly newer: Delivery;
  /** The reason that a person reads. */
  readonly reason: RegExp;
}

const cur = {
  sections: curSection,
  table: "billing_data.aws_cur_data",
  columns: { partition: "bill_billing_period_start_date", cost: "line_item_unblended_cost" },
};
const azure = {
  sections: azureSection,
  table: "billing_data.azure_billing_data",
  columns: { partition: "BillingPeriodStartDate", cost: "CostInBillingCurrency" },
};
const olderFiles = [curRows(month, "1.25", "2.5"), curRows(month, "0.0000000001")];
const newerFiles = [curRows(month, "10.25", "2.5", "3"), curRows(month, "4")];
const olderAzure = {
  month,
  id: "run-older",
  files: [azureRows(month, "1.25", "2.5"), azureRows(month, "0.0000000001")],
};
const newerAzure = { month, id: "run-newer", files: [azureRows(month, "10.25", "2.5", "3"), azureRows(month, "4")] };
const mirror = { folder: "cur/mirror", writtenFolder: "billing/acme-cur" } as const;
const absent = /^2 of 2 files of \S+newer are missing; the first is \S+\. It loads once they arrive\.$/;
const stale =
  /^\S+ is unchanged since \S+older: \S+newer may not have overwritten it yet\. It loads once no file has changed for 30 minutes\.$/;

const shapes: Readonly<Record<string, Shape>> = {
  "AWS create-new": {
    ...cur,
    older: curDelivery({ month, id: "a-older", files: olderFiles }),
    newer: curDelivery({ month, id: "a-newer", files: newerFiles }),
    reason: absent,
  },
  "AWS create-new, mirrored": {
    ...cur,
    older: curDelivery({ month, id: "a-older", files: olderFiles, ...mirror }),
    newer: curDelivery({ month, id: "a-newer", files: newerFiles, ...mirror }),
    reason: absent,
  },
  "AWS overwrite": {
    ...cur,
    older: curDelivery({ month, id: "a-older", files: olderFiles, shape: "overwrite" }),
    newer: curDelivery({ month, id: "a-newer", files: newerFiles, shape: "overwrite" }),
    reason: stale,
  },
  "AWS overwrite, mirrored": {
    ...cur,
    older: curDelivery({ month, id: "a-older", files: olderFiles, shape: "overwrite", ...mirror }),
    newer: curDelivery({ month, id: "a-newer", files: newerFiles, shape: "overwrite", ...mirror }),
    reason: stale,
  },
  "Azure create-new": {
    ...azure,
    older: azureDelivery({ ...olderAzure, pathTime: "202503100042" }),
    newer: azureDelivery({ ...newerAzure, pathTime: "202503110042" }),
    reason: absent,
  },
  "Azure overwrite with a folder per run": {
    ...azure,
    older: azureDelivery({ ...olderAzure, shape: "overwrite", submittedTime: "2025-03-10T00:42:06.5Z" }),
    newer: azureDelivery({ ...newerAzure, shape: "overwrite", submittedTime: "2025-03-11T00:42:06.5Z" }),
    reason: absent,
  },
  "Azure overwrite in place": {
    ...azure,
    older: azureDelivery({ ...olderAzure, shape: "overwrite", runFolder: false }),
    newer: azureDelivery({ ...newerAzure, shape: "overwrite", runFolder: false }),
    reason:
      /^\S+ has \d+ bytes in the storage, but \d+ in the manifest\. It loads once the file has the declared size\.$/,
  },
};

const loadedOlder = { [month]: [3, "3.750000000100000000"] as const };
const loadedNewer = { [month]: [4, "19.750000000000000000"] as const };

async function loadOlder(project: Project, { older, table, columns }: Shape): Promise<MonthSnapshot> {
  await deliver(project.bucket, older);
  await runWell(project);
  assert.deepEqual(await monthsOfTable(project, table, columns), loadedOlder);
  return snapshotMonth(project, table, columns.partition, month);
}

describe("a new manifest whose files have not arrived", { concurrency: 3 }, () => {
  for (const [name, shape] of Object.entries(shapes)) {
    const { table, columns, newer, reason } = shape;

    test(`${name}: the month waits, in plan and in run, until the last of them is there`, async (t) => {
      const project = await createProject(t, shape.sections);
      const before = await loadOlder(project, shape);
      await deliver(project.bucket, newer, "manifest", true);

      const planned = await plan(project.config);
      const [line, ...others] = planned.pipelines[0]?.months ?? [];
      assert.equal(others.length, 0);
      assert.deepEqual([line?.action, line?.executionId], ["waiting", newer.id]);
      assert.match(line?.reason ?? "", reason);

      const result = await runWell(project);
      assert.deepEqual(outcomes(result), [`${month} waiting ${newer.id}`]);
      assert.match(result.waiting[0]?.reason ?? "", reason);
      assert.deepEqual(await monthsOfTable(project, table, columns), loadedOlder);

      const [firstKey = "", ...laterKeys] = newer.fileKeys;
      await deliver(project.bucket, newer, [firstKey], true);
      assert.deepEqual(outcomes(await runWell(project)), [`${month} waiting ${newer.id}`]);
      assert.deepEqual(await snapshotMonth(project, table, columns.partition, month), before);

      await deliver(project.bucket, newer, laterKeys, true);
      assert.deepEqual(outcomes(await runWell(project)), [`${month} restated ${newer.id}`]);
      assert.deepEqual(await monthsOfTable(project, table, columns), loadedNewer);
    });
  }

  for (const name of ["AWS create-new", "AWS overwrite"] as const) {
    test(`${name}: the command line says waiting and ends with 0`, async (t) => {
      const shape = shapes[name];
      assert.ok(shape);
      const project = await createProject(t, shape.sections);
      await loadOlder(project, shape);
      await deliver(project.bucket, shape.newer, "manifest", true);
      const ledger = await snapshotLedger(project, shape.table);

      const planned = await billhouse(project, ["plan", "--json", "--detailed-exitcode"]);
      assert.equal(planned.code, 0, planned.stderr);
      const { pipelines } = JSON.parse(planned.stdout) as { pipelines: { months: { action: string }[] }[] };
      assert.deepEqual(
        pipelines[0]?.months.map(({ action }) => action),
        ["waiting"],
      );
      assert.deepEqual(await snapshotLedger(project, shape.table), ledger);

      const { code, finished } = await runByCommand(project);
      assert.equal(code, 0);
      assert.deepEqual(finished.pipelines.map(outcomes), [[`${month} waiting ${shape.newer.id}`]]);
    });
  }

  test("--force takes files that are not overwritten, but never files that are not there", async (t) => {
    for (const [name, expected] of [
      ["AWS overwrite", "restated"],
      ["AWS create-new", "waiting"],
    ] as const) {
      const shape = shapes[name];
      assert.ok(shape);
      const project = await createProject(t, shape.sections);
      await loadOlder(project, shape);
      await deliver(project.bucket, shape.newer, "manifest", true);
      assert.deepEqual(outcomes(await runWell(project, { force: true })), [`${month} ${expected} ${shape.newer.id}`]);
      assert.deepEqual(await monthsOfTable(project, shape.table, shape.columns), loadedOlder);
    }
  });

  test("a month that was never loaded waits, and the other months are loaded", async (t) => {
    const project = await createProject(t, curSection);
    const complete = curDelivery({ month: "2025-02", id: "complete", files: [curRows("2025-02", "1")] });
    const partial = curDelivery({ month, id: "partial", files: newerFiles });
    await deliver(project.bucket, complete);
    await deliver(project.bucket, partial);
    await rm(join(project.bucket, partial.fileKeys[1] ?? ""));
    const { code, finished } = await runByCommand(project);
    assert.equal(code, 0);
    assert.deepEqual(finished.pipelines.map(outcomes), [["2025-02 new complete", "2025-03 waiting partial"]]);
    assert.equal(
      finished.pipelines[0]?.waiting[0]?.reason,
      `1 of 2 files of partial are missing; the first is ${partial.fileKeys[1]}. It loads once they arrive.`,
    );
  });

  test("a manifest that is empty, cut off or lists no files empties no month", async (t) => {
    for (const name of ["AWS create-new", "Azure create-new"] as const) {
      const shape = shapes[name];
      assert.ok(shape);
      const project = await createProject(t, shape.sections);
      const before = await loadOlder(project, shape);
      const manifest = JSON.parse(
        Buffer.from(shape.newer.objects.get(shape.newer.manifestKey) ?? []).toString(),
      ) as object;
      const bare = JSON.stringify({ ...manifest, reportKeys: [], blobs: [] });
      const emptyNames: readonly (readonly [bytes: string, outcome: string])[] = [
        ["", `${month} waiting null`],
        [bare.slice(0, bare.length / 2), `${month} waiting null`],
        [bare, `${month} waiting ${shape.newer.id}`],
      ];
      for (const [bytes, outcome] of emptyNames) {
        await writeKey(project.bucket, shape.newer.manifestKey, bytes);
        assert.deepEqual(outcomes(await runWell(project)), [outcome]);
        assert.deepEqual(await snapshotMonth(project, shape.table, shape.columns.partition, month), before);
      }
      await deliver(project.bucket, shape.newer);
      assert.deepEqual(outcomes(await runWell(project)), [`${month} restated ${shape.newer.id}`]);
    }
  });

  test("old files do not count as the new delivery's although the state has forgotten the month", async (t) => {
    const shape = shapes["AWS overwrite"];
    assert.ok(shape);
    const project = await createProject(t, shape.sections);
    await loadOlder(project, shape);
    await deliver(project.bucket, shape.newer, "manifest", true);
    await forget(project.config, { pipelines: ["aws_cur"], months: [month] });
    assert.deepEqual(outcomes(await runWell(project)), [`${month} waiting ${shape.newer.id}`]);
  });

  test("files that are overwritten before their manifest comes are loaded under its name in the end", async (t) => {
    const shape = shapes["AWS overwrite"];
    assert.ok(shape);
    const project = await createProject(t, shape.sections);
    await loadOlder(project, shape);
    await deliver(project.bucket, shape.newer, "files");
    await runWell(project);
    await deliver(project.bucket, shape.newer, "manifest");
    await runWell(project);
    assert.deepEqual(outcomes(await runWell(project)), [`${month} unchanged ${shape.newer.id}`]);
    assert.deepEqual(await monthsOfTable(project, shape.table, shape.columns), loadedNewer);
  });
});
