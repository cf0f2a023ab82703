import assert from "node:assert/strict";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { plan, showState, status } from "../../src/index.ts";
import { temporaryFolder } from "../support/folders.ts";
import { azureDelivery, azureRow, azureRows, curDelivery, curRow, curRows, deliver } from "../support/deliveries.ts";
import { cur2Row, dataExportDelivery } from "../support/deliveries-of-exports.ts";
import {
  azureSection,
  configure,
  createProject,
  curSection,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  textRows,
} from "../support/projects.ts";
import { azureTable, curTable, dataExportSection, held, values } from "../support/tables.ts";

const [january, february, march] = ["2025-01", "2025-02", "2025-03"];

describe("which data is the month", { concurrency: 2 }, () => {
  test("case 01: several full snapshots of one month lie side by side", async (t) => {
    const project = await createProject(t, curSection);
    for (const id of ["first", "second", "third"]) {
      await deliver(project.bucket, curDelivery({ month: march, id, files: [curRows(march, "10", "20.5")] }));
    }
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 new third"]);
    assert.deepEqual(await held(project, curTable), { [march]: "2 rows 30.5" });
    await deliver(project.bucket, curDelivery({ month: march, id: "fourth", files: [curRows(march, "10", "20.75")] }));
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 restated fourth"]);
    assert.deepEqual(await held(project, curTable), { [march]: "2 rows 30.75" });
  });

  test("case 02: a snapshot has many parts, and the month consists of all parts of one id", async (t) => {
    const project = await createProject(t, curSection);
    const parts = (count: number, cost: string): ReturnType<typeof curRows>[] =>
      Array.from({ length: count }, () => curRows(march, cost));
    await deliver(project.bucket, curDelivery({ month: march, id: "older", files: parts(12, "100") }));
    await deliver(project.bucket, curDelivery({ month: march, id: "newer", files: parts(7, "1.5") }));
    const { loaded } = await runWell(project);
    assert.deepEqual(
      loaded.map(({ files, rows, cost }) => ({ files, rows, cost })),
      [{ files: 7, rows: 7, cost: { USD: "10.5" } }],
    );
    assert.deepEqual(await held(project, curTable), { [march]: "7 rows 10.5" });
  });

  test("case 03: a manifest exists at the top, and as a copy in each snapshot", async (t) => {
    const project = await createProject(t, curSection);
    const older = curDelivery({ month: march, id: "older", files: [curRows(march, "1")] });
    const newer = curDelivery({ month: march, id: "newer", files: [curRows(march, "2")] });
    await deliver(project.bucket, newer);
    await deliver(project.bucket, older);
    // The snapshot of `newer` and its copy of the manifest are the latest objects; the pointer says `older`.
    const copy = [...newer.objects.keys()].find((key) => key.endsWith("newer/acme-cur-Manifest.json")) ?? "";
    const future = new Date("2031-01-01T00:00:00Z");
    for (const key of [copy, ...newer.fileKeys]) await utimes(join(project.bucket, key), future, future);
    const { finished, events } = await runProject(project);
    assert.deepEqual(finished.pipelines.map(outcomes), [["2025-03 new older"]]);
    assert.equal(events.find((event) => event.event === "export_found")?.months, 1);
    assert.deepEqual(await held(project, curTable), { [march]: "1 rows 1" });
  });

  test("case 06: a one-off run and scheduled runs of one month lie in one folder", async (t) => {
    const project = await createProject(t, azureSection);
    const run = (id: string, pathTime: string, cost: string): ReturnType<typeof azureDelivery> =>
      azureDelivery({ month: march, id, pathTime, files: [azureRows(march, cost)] });
    await deliver(project.bucket, run("scheduled", "202504040042", "10"));
    await deliver(project.bucket, run("one-off", "202504091530", "10.25"));
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 new one-off"]);
    assert.deepEqual(await held(project, azureTable), { [march]: "1 rows 10.25" });
    await deliver(project.bucket, run("scheduled again", "202504100042", "10.5"));
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 restated scheduled again"]);
    assert.deepEqual(await held(project, azureTable), { [march]: "1 rows 10.5" });
  });

  test("case 07: files of different runs and months have the same names", async (t) => {
    const project = await createProject(t, azureSection);
    for (const [month, cost] of [
      [january, "1"],
      [february, "20"],
      [march, "300"],
    ] as const) {
      const files = [azureRows(month, cost), azureRows(month, cost)];
      const older = azureDelivery({ month, id: `older ${month}`, files: [azureRows(month, "9999")] });
      const newer = azureDelivery({ month, id: `newer ${month}`, files, pathTime: "202505010042" });
      assert.deepEqual(
        [older, newer].map(({ fileKeys }) => fileKeys[0]?.split("/").at(-1)),
        ["part_0_0001.csv.gz", "part_0_0001.csv.gz"],
      );
      await deliver(project.bucket, older);
      await deliver(project.bucket, newer);
    }
    await runWell(project, { jobs: 4 });
    assert.deepEqual(await held(project, azureTable), {
      [january]: "2 rows 2",
      [february]: "2 rows 40",
      [march]: "2 rows 600",
    });
  });

  test("case 08: a one-time export covers several months under one manifest", async (t) => {
    const project = await createProject(t, azureSection);
    const rows = [...azureRows(january, "1"), ...azureRows(february, "20", "20"), ...azureRows(march, "300")];
    await deliver(
      project.bucket,
      azureDelivery({ month: january, id: "once", pathEnd: "2025-03-31", files: [rows.slice(0, 2), rows.slice(2)] }),
    );
    assert.deepEqual(outcomes(await runWell(project)), ["2025-01 new once", "2025-02 new once", "2025-03 new once"]);
    const months = { [january]: "1 rows 1", [february]: "2 rows 40", [march]: "1 rows 300" };
    assert.deepEqual(await held(project, azureTable), months);
    assert.deepEqual((await runWell(project)).loaded, []);
    // A month of its own that comes later replaces its part, and no other.
    await deliver(
      project.bucket,
      azureDelivery({ month: february, id: "alone", pathTime: "202506010042", files: [azureRows(february, "21")] }),
    );
    assert.deepEqual(outcomes(await runWell(project)), [
      "2025-01 unchanged once",
      "2025-02 restated alone",
      "2025-03 unchanged once",
    ]);
    assert.deepEqual(await held(project, azureTable), { ...months, [february]: "1 rows 21" });
  });

  test("case 09: each format has its own name for the execution id, and not every manifest names its month", async (t) => {
    const project = await createProject(t, {
      ...curSection,
      ...dataExportSection,
      azure_billing: { bucket_url: "bucket", prefix: "azure" },
    });
    await deliver(project.bucket, curDelivery({ month: march, id: "assembly", files: [curRows(march, "1")] }));
    const scratch = await temporaryFolder(t);
    await deliver(
      project.bucket,
      await dataExportDelivery({ month: march, id: "execution", files: [[cur2Row(march)]] }, scratch),
    );
    await deliver(
      project.bucket,
      azureDelivery({ month: march, id: "run", folder: "azure", files: [azureRows(march, "1")] }),
    );
    const { finished } = await runProject(project);
    assert.deepEqual(
      finished.pipelines.map((pipeline) => [pipeline.name, ...outcomes(pipeline)]),
      [
        ["aws_cur", "2025-03 new assembly"],
        ["aws_export", "2025-03 new execution"],
        ["azure_billing", "2025-03 new run"],
      ],
    );
    const { pipelines } = await showState(project.config);
    assert.deepEqual(
      pipelines.map(({ months }) => months.map(({ billingMonth, executionId }) => `${billingMonth} ${executionId}`)),
      [["2025-03 assembly"], ["2025-03 execution"], ["2025-03 run"]],
    );
  });

  test("case 10: a closed month is restated with credits, refunds and an invoice", async (t) => {
    const project = await createProject(t, curSection);
    const open = curRows(january, "100", "20");
    await deliver(project.bucket, curDelivery({ month: january, id: "estimated", files: [open] }));
    await deliver(project.bucket, curDelivery({ month: march, id: "march", files: [curRows(march, "1")] }));
    await runWell(project);
    const closed = [
      ...open.map((row) => ({ ...row, "bill/InvoiceId": "1234567890" })),
      curRow(january, { "lineItem/LineItemType": "Refund", "lineItem/UnblendedCost": "-15.5" }),
    ];
    await deliver(project.bucket, curDelivery({ month: january, id: "final", files: [closed] }));
    const planned = await plan(project.config);
    assert.equal(
      planned.pipelines[0]?.months.find(({ billingMonth }) => billingMonth === january)?.reason,
      "final replaces estimated.",
    );
    const { loaded } = await runWell(project);
    assert.deepEqual(
      loaded.map(({ billingMonth, action, rows, cost }) => ({ billing_month: billingMonth, action, rows, cost })),
      [{ billing_month: january, action: "restated", rows: 3, cost: { USD: "104.5" } }],
    );
    assert.deepEqual(await held(project, curTable), { [january]: "3 rows 104.5", [march]: "1 rows 1" });
  });

  test("case 11: rows and files disappear when a month is restated", async (t) => {
    const project = await createProject(t, curSection);
    const rows = curRows(march, "4", "2", "5", "3");
    await deliver(project.bucket, curDelivery({ month: march, id: "four", files: [rows] }));
    await runWell(project);
    await deliver(project.bucket, curDelivery({ month: march, id: "two", files: [[rows[0] ?? {}, rows[2] ?? {}]] }));
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 restated two"]);
    assert.deepEqual(await held(project, curTable), { [march]: "2 rows 9" });
    assert.deepEqual(await values(project, curTable, "identity_line_item_id"), ["line0", "line2"]);
    // An export that overwrites itself and shrinks leaves the last part of the delivery before it behind.
    const files = [curRows(march, "16"), curRows(march, "32")];
    const large = curDelivery({ month: march, id: "large", shape: "overwrite", files });
    await deliver(project.bucket, large);
    await runWell(project);
    assert.deepEqual(await held(project, curTable), { [march]: "2 rows 48" });
    const small = curDelivery({ month: march, id: "small", shape: "overwrite", files: [curRows(march, "64")] });
    await deliver(project.bucket, small);
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 restated small"]);
    assert.deepEqual(await held(project, curTable), { [march]: "1 rows 64" });
  });

  test("case 12: the id of a line item is not unique", async (t) => {
    const project = await createProject(t, curSection);
    const same = { "identity/LineItemId": "same" };
    const costs = ["1", "2", "4"].map((cost) => curRow(march, { ...same, "lineItem/UnblendedCost": cost }));
    await deliver(
      project.bucket,
      curDelivery({ month: march, id: "same", files: [costs.slice(0, 2), costs.slice(2)] }),
    );
    await runWell(project);
    assert.deepEqual(await held(project, curTable), { [march]: "3 rows 7" });
  });

  test("case 13: rows that are equal in every cell are different charges", async (t) => {
    const project = await createProject(t, azureSection);
    const row = azureRow(march, { CostInBillingCurrency: "2.5" });
    await deliver(project.bucket, azureDelivery({ month: march, id: "equal", files: [[row, row], [row]] }));
    await runWell(project);
    assert.deepEqual(await held(project, azureTable), { [march]: "3 rows 7.5" });
  });

  test("case 14: a month changes years after it was loaded", async (t) => {
    const project = await createProject(t, curSection);
    const old = "2022-05";
    for (const month of [old, january, february, march]) {
      await deliver(project.bucket, curDelivery({ month, id: `first ${month}`, files: [curRows(month, "1")] }));
    }
    await runWell(project);
    await deliver(project.bucket, curDelivery({ month: old, id: "late", files: [curRows(old, "0.5")] }));
    assert.deepEqual(outcomes(await runWell(project)), [
      "2022-05 restated late",
      "2025-01 unchanged first 2025-01",
      "2025-02 unchanged first 2025-02",
      "2025-03 unchanged first 2025-03",
    ]);
    assert.equal((await held(project, curTable))[old], "1 rows 0.5");
  });

  test("case 15: the legacy report and CUR 2.0 of one account are below one prefix", async (t) => {
    const project = await createProject(t, { aws_cur: { bucket_url: "bucket" } });
    await deliver(project.bucket, curDelivery({ month: march, id: "legacy", files: [curRows(march, "10")] }));
    const scratch = await temporaryFolder(t);
    const rows = [cur2Row(march, { line_item_unblended_cost: "10" })];
    await deliver(project.bucket, await dataExportDelivery({ month: march, id: "modern", files: [rows] }, scratch));
    const { finished } = await runProject(project);
    const { error } = onlyResult(finished);
    assert.equal(error?.code, "EXPORT_AMBIGUOUS");
    for (const named of ["aws-cur", "aws-data-export"]) assert.ok(error?.message.includes(named), error?.message);
    const chosen = await configure(project, { aws_cur: { bucket_url: "bucket", kind: "aws-cur" } });
    assert.deepEqual(outcomes(await runWell(chosen)), ["2025-03 new legacy"]);
    assert.deepEqual(await held(chosen, curTable), { [march]: "1 rows 10" });
  });

  test("case 16: exports of two scopes write to one path, or two sections to one table", async (t) => {
    const project = await createProject(t, azureSection);
    const ofScope = (scope: string, id: string, pathTime: string, cost: string): ReturnType<typeof azureDelivery> => {
      const delivery = azureDelivery({ month: march, id, pathTime, files: [azureRows(march, cost)] });
      const text = Buffer.from(delivery.objects.get(delivery.manifestKey) ?? []).toString();
      const manifest = Buffer.from(text.replace("/subscriptions/38f1d748/", `/subscriptions/${scope}/`));
      return { ...delivery, objects: new Map([...delivery.objects, [delivery.manifestKey, manifest]]) };
    };
    await deliver(project.bucket, ofScope("one", "run of one", "202504040042", "2"));
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 new run of one"]);
    // The newest run is of another scope: it must not take the place of the bill that is loaded.
    await deliver(project.bucket, ofScope("two", "run of two", "202504050042", "1"));
    const { finished } = await runProject(project);
    assert.deepEqual(await held(project, azureTable), { [march]: "1 rows 2" });
    assert.deepEqual(outcomes(onlyResult(finished)), ["2025-03 failed EXPORT_AMBIGUOUS"]);
    const forced = await runProject(project, { force: true });
    assert.deepEqual(outcomes(onlyResult(forced.finished)), ["2025-03 failed EXPORT_AMBIGUOUS"], "force is about time");
    // An export moved on purpose is accepted by a flag, which the receipt records.
    assert.deepEqual(outcomes(await runWell(project, { accept: ["scope"] })), ["2025-03 restated run of two"]);
    assert.deepEqual(
      await textRows(project, `SELECT waivers FROM ${azureTable.name}_load_tracking WHERE run_id = 'run of two'`),
      ['{"waivers":"[\\"scope\\"]"}'],
    );

    // On a first load, too, the run of the other scope is not passed over as an older one.
    const unloaded = await createProject(t, azureSection);
    await deliver(unloaded.bucket, ofScope("one", "run of one", "202504040042", "2"));
    await deliver(unloaded.bucket, ofScope("two", "run of two", "202504050042", "1"));
    const [failed] = onlyResult((await runProject(unloaded)).finished).failed;
    assert.equal(failed?.code, "EXPORT_AMBIGUOUS");
    for (const word of ["run of one", "run of two", "/subscriptions/one", "/subscriptions/two"]) {
      assert.ok(failed.message.includes(word), failed.message);
    }
    assert.deepEqual(outcomes(await runWell(unloaded, { accept: ["scope"] })), ["2025-03 new run of two"]);
  });

  test("case 17: a month has begun, but its manifest is missing", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, curDelivery({ month: february, id: "february", files: [curRows(february, "1")] }));
    await runWell(project);
    const begun = curDelivery({ month: march, id: "march", files: [curRows(march, "2")] });
    await deliver(project.bucket, begun, "files");
    assert.deepEqual(outcomes(await runWell(project)), ["2025-02 unchanged february"]);
    assert.deepEqual(await held(project, curTable), { [february]: "1 rows 1" });
    assert.deepEqual((await status(project.config)).pipelines[0]?.missingMonths, []);
    await deliver(project.bucket, begun, "manifest");
    assert.deepEqual(outcomes(await runWell(project)), ["2025-02 unchanged february", "2025-03 new march"]);
  });

  test("case 18: rows are dated in the future", async (t) => {
    const project = await createProject(t, curSection);
    const ahead = curRow(march, {
      "lineItem/LineItemType": "SavingsPlanRecurringFee",
      "lineItem/UsageStartDate": "2097-12-31T23:00:00Z",
      "lineItem/UnblendedCost": "7",
    });
    await deliver(project.bucket, curDelivery({ month: march, id: "ahead", files: [[...curRows(march, "1"), ahead]] }));
    await runWell(project);
    assert.deepEqual(await held(project, curTable), { [march]: "2 rows 8" });
    assert.deepEqual((await values(project, curTable, "line_item_usage_start_date")).at(-1), "2097-12-31T23:00:00Z");
  });

  test("case 19: usage is outside the month that bills it", async (t) => {
    const project = await createProject(t, curSection);
    const earlier = (month: string, cost: string): ReturnType<typeof curRow> =>
      curRow(month, { "lineItem/UsageStartDate": "2024-12-24T00:00:00Z", "lineItem/UnblendedCost": cost });
    await deliver(project.bucket, curDelivery({ month: february, id: "february", files: [[earlier(february, "2")]] }));
    await deliver(
      project.bucket,
      curDelivery({ month: march, id: "march", files: [[earlier(march, "3"), ...curRows(march, "4")]] }),
    );
    await runWell(project);
    assert.deepEqual(await held(project, curTable), { [february]: "1 rows 2", [march]: "2 rows 7" });
    await deliver(project.bucket, curDelivery({ month: march, id: "again", files: [[earlier(march, "5")]] }));
    await runWell(project);
    assert.deepEqual(await held(project, curTable), { [february]: "1 rows 2", [march]: "1 rows 5" });
  });

  test("case 20: a billing period does not start on the first of its month", async (t) => {
    const project = await createProject(t, azureSection);
    const odd = (cost: string): ReturnType<typeof azureRow> =>
      azureRow(march, { BillingPeriodStartDate: "2025-03-05", CostInBillingCurrency: cost });
    await deliver(
      project.bucket,
      azureDelivery({ month: march, id: "first", files: [[odd("1"), ...azureRows(march, "2")]] }),
    );
    await runWell(project);
    assert.deepEqual(await held(project, azureTable), { [march]: "2 rows 3" });
    await deliver(
      project.bucket,
      azureDelivery({ month: march, id: "second", pathTime: "202504050042", files: [[odd("4")]] }),
    );
    await runWell(project);
    assert.deepEqual(await held(project, azureTable), { [march]: "1 rows 4" });
  });

  test("case 21: an export was created again under another name, and both deliver one month", async (t) => {
    const section = { bucket_url: "bucket", prefix: "cur" };
    const project = await createProject(t, { aws_cur: { ...section, export_name: "before" } });
    const named = (month: string, exportName: string, cost: string): ReturnType<typeof curDelivery> =>
      curDelivery({
        month,
        id: `${exportName} ${month}`,
        exportName,
        folder: `cur/${exportName}`,
        files: [curRows(month, cost)],
      });
    await deliver(project.bucket, named(january, "before", "1"));
    await deliver(project.bucket, named(february, "before", "2"));
    await runWell(project);
    await deliver(project.bucket, named(february, "after", "2.5"));
    await deliver(project.bucket, named(march, "after", "3"));
    const unnamed = await configure(project, { aws_cur: section });
    assert.equal(onlyResult((await runProject(unnamed)).finished).error?.code, "EXPORT_AMBIGUOUS");
    const renamed = await configure(project, { aws_cur: { ...section, export_name: "after" } });
    assert.deepEqual(outcomes(await runWell(renamed)), ["2025-02 restated after 2025-02", "2025-03 new after 2025-03"]);
    assert.deepEqual(await held(renamed, curTable), {
      [january]: "1 rows 1",
      [february]: "1 rows 2.5",
      [march]: "1 rows 3",
    });
  });
});
