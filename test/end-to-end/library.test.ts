import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { forget, plan, run, showState, status, version, type RunEvent } from "../../src/index.ts";
import { rejects } from "../support/rejects.ts";
import { azureDelivery, azureRows, curColumns, curDelivery, curRows, deliver } from "../support/deliveries.ts";
import {
  ask,
  azureSection,
  configure,
  createProject,
  curSection,
  monthsOfTable,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  snapshotLedger,
  snapshotMonth,
  textRows,
  type Project,
} from "../support/projects.ts";

const table = "billing_data.aws_cur_data";
const proof = { partition: "bill_billing_period_start_date", cost: "line_item_unblended_cost" };

async function deliverMonths(project: Project, months: readonly string[], id = "first"): Promise<void> {
  for (const month of months) {
    const files = [curRows(month, "1"), curRows(month, "0.5")];
    await deliver(project.bucket, curDelivery({ month, id: `${id}-${month}`, files }));
  }
}

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const collected: RunEvent[] = [];
  for await (const event of events) collected.push(event);
  return collected;
}

describe("the library", { concurrency: 3 }, () => {
  test("yields the events of a run in order, newest month first", async (t) => {
    const project = await createProject(t, curSection);
    await deliverMonths(project, ["2025-01", "2025-02"]);
    const bad = curDelivery({ month: "2025-03", id: "bad", files: [curRows("2025-03", "abc")] });
    await deliver(project.bucket, bad);
    const { events } = await runProject(project, { jobs: 1 });
    const lines = events.map((event) =>
      "billingMonth" in event ? `${event.event} ${event.billingMonth}` : event.event,
    );
    assert.deepEqual(lines, [
      "run_started",
      "export_found",
      "month_planned 2025-03",
      "month_planned 2025-02",
      "month_planned 2025-01",
      "month_failed 2025-03",
      "file_read 2025-02",
      "file_read 2025-02",
      "month_loaded 2025-02",
      "file_read 2025-01",
      "file_read 2025-01",
      "month_loaded 2025-01",
      "run_finished",
    ]);
    const [started, found] = events;
    assert.ok(started?.event === "run_started" && found?.event === "export_found");
    assert.equal(started.version, version);
    assert.deepEqual(started.pipelines, [{ name: "aws_cur", table }]);
    assert.deepEqual(
      { ...found, event: undefined, url: undefined },
      { event: undefined, url: undefined, name: "aws_cur", table, kind: "aws-cur", exportName: "acme-cur", months: 3 },
    );
    for (const event of events) {
      if (event.event !== "file_read") continue;
      assert.deepEqual([event.rows, event.bytes > 0, event.key.endsWith(".csv.gz")], [1, true, true]);
    }
  });

  test("a failed pipeline is reported, and the others continue", async (t) => {
    const broken = { bucket_url: "no-such-folder" };
    const project = await createProject(t, {
      aaa: broken,
      ...curSection,
      zzz: { bucket_url: "bucket", prefix: "nothing" },
    });
    await deliverMonths(project, ["2025-01"]);
    const { events, finished } = await runProject(project);
    assert.deepEqual(
      finished.pipelines.map((pipeline) => [pipeline.name, ...outcomes(pipeline)]),
      [
        ["aaa", "error STORAGE_NOT_FOUND"],
        ["aws_cur", "2025-01 new first-2025-01"],
        ["zzz", "error EXPORT_NOT_FOUND"],
      ],
    );
    assert.deepEqual(
      events.flatMap((event) => (event.event === "pipeline_failed" ? [event.name] : [])),
      ["aaa", "zzz"],
    );
    const planned = await plan(project.config);
    assert.deepEqual(
      planned.pipelines.map(({ name, months, error }) => [name, months.length, error?.code]),
      [
        ["aaa", 0, "STORAGE_NOT_FOUND"],
        ["aws_cur", 1, undefined],
        ["zzz", 0, "EXPORT_NOT_FOUND"],
      ],
    );
  });

  test("an abort rolls back the month at work and keeps those that are done", async (t) => {
    const project = await createProject(t, curSection);
    await deliverMonths(project, ["2025-01", "2025-02"]);
    await runWell(project);
    const before = await snapshotMonth(project, table, proof.partition, "2025-01");
    await deliverMonths(project, ["2025-01", "2025-02"], "second");
    const stop = new AbortController();
    const events: RunEvent[] = [];
    const work = (async () => {
      for await (const event of run(project.config, { signal: stop.signal, jobs: 1 })) {
        events.push(event);
        if (event.event === "file_read" && event.billingMonth === "2025-01") stop.abort();
      }
    })();
    const { hint } = await rejects(work, "INTERRUPTED");
    assert.match(hint, /^Run again: /);
    assert.equal(
      events.some(({ event }) => event === "run_finished"),
      false,
    );
    assert.deepEqual(await snapshotMonth(project, table, proof.partition, "2025-01"), before);
    const { pipelines } = await status(project.config);
    assert.deepEqual(
      pipelines[0]?.months.map(({ executionId }) => executionId),
      ["second-2025-02", "first-2025-01"],
    );
    assert.deepEqual(outcomes(await runWell(project)), [
      "2025-01 restated second-2025-01",
      "2025-02 unchanged second-2025-02",
    ]);
    assert.deepEqual(
      readdirSync(project.folder).filter((name) => name.endsWith(".tmp")),
      [],
    );
  });

  test("a reader that stops listening stops the run, and a signal that is aborted already starts none", async (t) => {
    const project = await createProject(t, curSection);
    await deliverMonths(project, ["2025-01", "2025-02"]);
    for await (const event of run(project.config, { jobs: 1 })) if (event.event === "file_read") break;
    assert.ok((await status(project.config)).pipelines[0]?.months.length === 0);
    await rejects(collect(run(project.config, { signal: AbortSignal.abort() })), "INTERRUPTED");
    assert.deepEqual((await runWell(project)).loaded.length, 2);
  });

  test("plan, status and showState make nothing, also where nothing was ever loaded", async (t) => {
    const project = await createProject(t, curSection);
    await deliverMonths(project, ["2025-01"]);
    const before = readdirSync(project.folder).toSorted();
    const [planned] = (await plan(project.config)).pipelines;
    assert.deepEqual(
      planned?.months.map(({ action, reason, files }) => [action, reason, files]),
      [["new", "This month is not loaded yet.", 2]],
    );
    assert.deepEqual((await status(project.config)).pipelines, [
      {
        name: "aws_cur",
        table,
        months: [],
        missingMonths: [],
        newestLoad: null,
        lastRun: null,
        attention: [],
        kept: null,
        notes: [],
        counted: [],
        total: { rows: 0, cost: {} },
      },
    ]);
    assert.deepEqual((await showState(project.config)).pipelines[0]?.months, []);
    assert.deepEqual(readdirSync(project.folder).toSorted(), before);
    assert.equal(existsSync(`${project.folder}/billhouse.duckdb`), false);
  });

  test("plan changes nothing in a database that is there", async (t) => {
    const project = await createProject(t, curSection);
    await deliverMonths(project, ["2025-01"]);
    await runWell(project);
    const ledger = await snapshotLedger(project, table);
    const columns = [...curColumns, "resourceTags/user:team"];
    await deliver(
      project.bucket,
      curDelivery({ month: "2025-02", id: "new", columns, files: [curRows("2025-02", "1")] }),
    );
    const [planned] = (await plan(project.config)).pipelines;
    assert.deepEqual(
      planned?.months.map(({ action }) => action),
      ["new", "unchanged"],
    );
    assert.deepEqual(await snapshotLedger(project, table), ledger);
    assert.equal((await textRows(project, `SELECT * FROM ${table}`)).length, 2);
  });

  test("status names the gaps between the first and the last month", async (t) => {
    const project = await createProject(t, curSection);
    await deliverMonths(project, ["2024-11", "2025-01", "2025-04"]);
    await runWell(project);
    const [found] = (await status(project.config)).pipelines;
    assert.deepEqual(found?.missingMonths, ["2024-12", "2025-02", "2025-03"]);
    assert.deepEqual(
      found?.months.map(({ billingMonth, state, executionId, rows, cost }) => ({
        billing_month: billingMonth,
        state,
        execution_id: executionId,
        rows,
        cost,
      })),
      ["2025-04", "2025-03", "2025-02", "2025-01", "2024-12", "2024-11"].map((month) => {
        const known = { billing_month: month, execution_id: `first-${month}`, rows: 2, cost: { USD: "1.5" } };
        const nothing = { billing_month: month, execution_id: null, rows: null, cost: null };
        return ["2025-04", "2025-01", "2024-11"].includes(month)
          ? { ...known, state: "estimated" }
          : { ...nothing, state: "missing" };
      }),
    );
  });

  test("a month that the state forgot is loaded again, and only that one", async (t) => {
    const project = await createProject(t, curSection);
    await deliverMonths(project, ["2025-01", "2025-02"]);
    await runWell(project);
    const before = await snapshotMonth(project, table, proof.partition, "2025-01");
    assert.deepEqual(await forget(project.config, { pipelines: ["aws"], months: ["2025-01"] }), {
      pipelines: [{ name: "aws_cur", table, forgotten: ["2025-01"] }],
      warnings: [],
    });
    const known = (await showState(project.config)).pipelines[0]?.months;
    assert.deepEqual(
      known?.map(({ billingMonth, executionId }) => [billingMonth, executionId]),
      [["2025-02", "first-2025-02"]],
    );
    assert.deepEqual((await snapshotMonth(project, table, proof.partition, "2025-01")).rows, before.rows);
    assert.deepEqual(outcomes(await runWell(project)), [
      "2025-01 new first-2025-01",
      "2025-02 unchanged first-2025-02",
    ]);
    const after = await snapshotMonth(project, table, proof.partition, "2025-01");
    assert.deepEqual(after.rows, before.rows);
    assert.equal(after.tracking.length, before.tracking.length + 1, "receipts are only ever added");
    await rejects(forget(project.config, { pipelines: ["aws_cur"], months: ["2030-01"] }), "USAGE_INVALID", "2030-01");
    await rejects(forget(project.config, { pipelines: ["aws_cur"] }), "USAGE_INVALID");
  });

  test("first_month and the scope of a run leave other months alone", async (t) => {
    const project = await createProject(t, {
      aws_cur: { bucket_url: "bucket", prefix: "cur", first_month: "2025-02" },
    });
    await deliverMonths(project, ["2025-01", "2025-02", "2025-03", "2025-04", "2025-05"]);
    const loadedBy = async (months: Parameters<typeof runWell>[1]): Promise<string[]> =>
      (await runWell(project, months)).loaded.map(({ billingMonth }) => billingMonth).toSorted();
    assert.deepEqual(await loadedBy({ months: { only: ["2025-03", "2025-01"] } }), ["2025-03"]);
    assert.deepEqual(await loadedBy({ months: { from: "2025-04", to: "2025-04" } }), ["2025-04"]);
    assert.deepEqual(await loadedBy({ months: { to: "2025-03" } }), ["2025-02"]);
    assert.deepEqual(await loadedBy({}), ["2025-05"]);
    assert.deepEqual(await loadedBy({ months: { only: ["2025-05"] }, force: true }), ["2025-05"]);
    for (const months of [{ only: ["2025-13"] }, { from: "2025-04", to: "2025-03" }]) {
      await rejects(collect(run(project.config, { months })), "USAGE_INVALID");
      await rejects(plan(project.config, { months }), "USAGE_INVALID");
    }
    await rejects(collect(run(project.config, { pipelines: ["gcp"] })), "USAGE_INVALID", "gcp");
  });

  test("a partition of billing_month stamps the month of the delivery, whose own periods are still checked", async (t) => {
    const sections = { aws_cur: { bucket_url: "bucket", prefix: "cur", partition_column: "billing_month" } };
    const project = await createProject(t, sections);
    const [march, april] = ["2025-03", "2025-04"];
    const rows = [...curRows(march, "1", "2"), { ...curRows(march, "3")[0], "bill/BillingPeriodStartDate": "" }];
    await deliver(project.bucket, curDelivery({ month: march, id: "march", files: [rows] }));
    await deliver(project.bucket, curDelivery({ month: april, id: "april", files: [curRows(april, "5")] }));
    await runWell(project);
    const stamped = { partition: "billing_month", cost: proof.cost };
    assert.deepEqual(await monthsOfTable(project, table, stamped), {
      [march]: [3, "6.000000000000000000"],
      [april]: [1, "5.000000000000000000"],
    });
    const mixed = [...curRows("2020-02", "7", "8"), ...curRows(march, "9", "10")];
    await deliver(project.bucket, curDelivery({ month: march, id: "again", files: [mixed] }));
    const { finished } = await runProject(project);
    assert.deepEqual(outcomes(onlyResult(finished)), [`${march} failed MONTH_MISMATCH`, `${april} unchanged april`]);
    await runWell(project, { accept: ["other-months"] });
    assert.deepEqual(await monthsOfTable(project, table, stamped), {
      [march]: [2, "19.000000000000000000"],
      [april]: [1, "5.000000000000000000"],
    });
    assert.deepEqual((await runWell(project)).loaded, []);
  });

  test("two exports share a database and disturb each other in nothing", async (t) => {
    const project = await createProject(t, { ...curSection, ...azureSection });
    const month = "2025-03";
    await deliverMonths(project, [month]);
    await deliver(project.bucket, azureDelivery({ month, id: "run-1", files: [azureRows(month, "2.25")] }));
    await runProject(project);
    const azure = { table: "billing_data.azure_billing_data", partition: "BillingPeriodStartDate" };
    const before = await snapshotMonth(project, azure.table, azure.partition, month);
    assert.deepEqual([before.rows.length, before.tracking.length], [1, 1]);

    await deliverMonths(project, [month], "second");
    const { finished } = await runProject(project, { pipelines: ["aws"] });
    assert.deepEqual(outcomes(onlyResult(finished)), [`${month} restated second-${month}`]);
    assert.deepEqual(await snapshotMonth(project, azure.table, azure.partition, month), before);

    await forget(project.config, { pipelines: ["aws_cur"], all: true });
    assert.deepEqual(outcomes(onlyResult((await runProject(project)).finished, "azure_billing")), [
      `${month} unchanged run-1`,
    ]);
    const states = await showState(project.config);
    assert.deepEqual(
      states.pipelines.map(({ pipelineName, months }) => [
        pipelineName,
        months[0]?.executionId,
        months[0]?.submittedTime,
      ]),
      [
        ["aws_billing_pipeline", `second-${month}`, null],
        ["azure_billing_pipeline", "run-1", "2025-04-04T00:42:06.5756051Z"],
      ],
    );
    const loads = await ask(project, "SELECT load_id FROM billing_data._dlt_loads");
    assert.equal(new Set(loads.map((row) => row["load_id"])).size, loads.length, "every load has an id of its own");
  });

  test("a table renamed in the configuration is loaded again, beside the old one", async (t) => {
    const project = await createProject(t, curSection);
    await deliverMonths(project, ["2025-01"]);
    await runWell(project);
    const renamed = await configure(project, { aws_cur: { ...curSection["aws_cur"], table_name: "other" } });
    assert.deepEqual(outcomes(await runWell(renamed)), ["2025-01 new first-2025-01"]);
    assert.equal((await ask(renamed, "SELECT * FROM billing_data.other")).length, 2);
    assert.equal((await ask(renamed, `SELECT * FROM ${table}`)).length, 2);
  });
});
