import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { diff, migrate, plan, reconcile, showState, status, undo, verify, type VerifyResult } from "../../src/index.ts";
import type { Point } from "../../src/warehouses/points.ts";
import { azureDelivery, azureRows, deliver, type Delivery } from "../support/deliveries.ts";
import { runBillhouse } from "../support/faults/child.ts";
import { createGoogleProject, exportBucket, upload } from "../support/google.ts";
import { azureSection, createProject, outcomes, runWell, textRows, type Project } from "../support/projects.ts";
import { rejects } from "../support/rejects.ts";

const month = "2025-03";
const table = "billing_data.azure_billing_data";

/** A run over some days of the month, made in April: the later its hour, the newer it is. */
function run(id: string, [first, last]: readonly [string, string], hour: string, ...costs: string[]): Delivery {
  const days = { start: `${month}-${first}`, end: `${month}-${last}` };
  return azureDelivery({
    month,
    id,
    days,
    pathTime: `20250416${hour}42`,
    files: costs.map((cost) => azureRows(month, cost)),
  });
}

const first = run("first", ["01", "15"], "00", "10", "0.25");
const second = run("second", ["16", "31"], "01", "20");
const again = run("again", ["16", "31"], "02", "21", "1");
const third = run("third", ["01", "15"], "03", "11");
const whole = run("whole", ["01", "31"], "04", "33", "1");

/** A project of one kind of warehouse. */
interface Case {
  readonly project: Project;
  readonly deliver: (delivery: Delivery) => Promise<void>;
  /** `run_id`, `row_count` and `deliveries` of the newest tracking row. */
  readonly newestReceipt: () => Promise<readonly unknown[]>;
  /** A moment at which a month is half loaded. */
  readonly killAt: Point;
}

function newest(tracking: string): string {
  return `SELECT run_id, row_count, deliveries FROM ${tracking} WHERE run_id IS NOT NULL ORDER BY _dlt_load_id DESC LIMIT 1`;
}

const warehouses: Readonly<Record<string, (t: TestContext) => Promise<Case>>> = {
  DuckDB: async (t) => {
    const project = await createProject(t, azureSection);
    return {
      project,
      deliver: (delivery) => deliver(project.bucket, delivery),
      newestReceipt: async () => {
        const [row = "{}"] = await textRows(project, newest(`${table}_load_tracking`));
        return Object.values(JSON.parse(row) as Record<string, unknown>);
      },
      killAt: "after-delete",
    };
  },
  BigQuery: async (t) => {
    const project = await createGoogleProject(t, { azure_billing: { prefix: "exports" } });
    return {
      project,
      deliver: async (delivery) => upload(project, delivery),
      newestReceipt: async () => (await project.bigquery.rows(newest(`\`acme.${table}_load_tracking\``)))[0] ?? [],
      killAt: "measured",
    };
  },
};

describe("a month of two runs, each over one half of it", () => {
  for (const [name, open] of Object.entries(warehouses)) {
    test(`${name}: is loaded, restated, compared, verified and undone as one month`, async (t) => {
      const { project, deliver: arrive, newestReceipt, killAt } = await open(t);
      await arrive(first);
      await arrive(second);
      const [loaded] = (await runWell(project)).loaded;
      assert.deepEqual(
        [loaded?.action, loaded?.executionId, loaded?.executionIds, loaded?.files, loaded?.rows, loaded?.cost],
        ["new", "second", ["first", "second"], 3, 3, { EUR: "30.25" }],
      );
      assert.deepEqual(outcomes(await runWell(project)), [`${month} unchanged second`]);
      const [runId, rows, deliveries] = await newestReceipt();
      assert.deepEqual([runId, Number(rows)], ["second", 3]);
      assert.deepEqual(
        (JSON.parse(String(deliveries)) as Record<string, unknown>[]).map((one) => [
          one["execution_id"],
          one["manifest_key"],
          one["coverage"],
          one["rows"],
          one["cost"],
        ]),
        [
          ["first", first.manifestKey, { start: `${month}-01`, end: `${month}-15` }, 2, { EUR: "10.25" }],
          ["second", second.manifestKey, { start: `${month}-16`, end: `${month}-31` }, 1, { EUR: "20" }],
        ],
      );
      assert.deepEqual(await loadedIds(project), ["first", "second"]);

      // The newer run of the second half takes the place of the older one, also when the first attempt is killed.
      await arrive(again);
      const killed = await runBillhouse(project.folder, ["run"], { kill: { point: killAt, nth: 1 } });
      assert.equal(killed.signal, "SIGKILL", killed.stderr);
      assert.deepEqual(await loadedIds(project), ["first", "second"]);
      const [restated] = (await runWell(project)).loaded;
      assert.deepEqual(
        [restated?.action, restated?.executionIds, restated?.rows, restated?.cost],
        ["restated", ["first", "again"], 4, { EUR: "32.25" }],
      );
      assert.deepEqual(await loadedIds(project), ["first", "again"]);
      const compared = await diff(project.config, { pipeline: "azure_billing", month: month });
      assert.deepEqual(
        [compared.before.executionIds, compared.after.executionIds, compared.lines.map(({ difference }) => difference)],
        [["first", "second"], ["first", "again"], ["2"]],
      );

      const deep = await verify(project.config, { deep: true });
      assert.deepEqual(differences(deep), []);
      assert.deepEqual(
        deep.checks.filter((check) => check.name.startsWith("delivery-")).map(({ actual }) => actual),
        ["first: 2 rows", "first: 10.25 EUR", "again: 2 rows", "again: 22 EUR"],
      );

      const undone = await undo(project.config, { pipeline: "azure_billing", month: month });
      assert.deepEqual(
        [
          undone.from,
          undone.undone.executionIds,
          undone.restored.executionIds,
          undone.restored.rows,
          undone.restored.cost,
        ],
        ["storage", ["first", "again"], ["first", "second"], 3, { EUR: "30.25" }],
      );
      assert.deepEqual(await loadedIds(project), ["first", "second"]);
      const refused = await runWell(project);
      assert.deepEqual([refused.loaded, refused.refused.map(({ executionId: id }) => id)], [[], ["again"]]);
      assert.deepEqual(differences(await verify(project.config, { deep: true })), []);

      // A newer run of the other half is loaded beside the restored one, and the undone run stays out.
      await arrive(third);
      assert.deepEqual((await runWell(project)).loaded[0]?.executionIds, ["second", "third"]);
      const forced = await runWell(project, { force: true });
      assert.deepEqual(forced.loaded[0]?.executionIds, ["again", "third"]);
      assert.deepEqual(forced.loaded[0]?.cost, { EUR: "33" });

      await arrive(whole);
      assert.deepEqual((await runWell(project)).loaded[0]?.executionIds, ["whole"]);
      assert.deepEqual(await loadedIds(project), ["whole"]);
      const [entry] = (await status(project.config)).pipelines[0]?.months ?? [];
      assert.deepEqual([entry?.executionId, entry?.rows, entry?.cost], ["whole", 2, { EUR: "34" }]);
    });
  }

  test("is restored from the copy in the warehouse when the files of one run are deleted", async (t) => {
    const project = await createGoogleProject(t, { azure_billing: { prefix: "exports", keep_previous: 1 } });
    for (const delivery of [first, second]) upload(project, delivery);
    await runWell(project);
    upload(project, again);
    await runWell(project);
    for (const key of second.fileKeys) project.gcs.remove(exportBucket, key);
    const undone = await undo(project.config, { pipeline: "azure_billing", month: month });
    assert.deepEqual([undone.from, undone.restored.executionIds], ["warehouse", ["first", "second"]]);
    assert.deepEqual(await loadedIds(project), ["first", "second"]);
  });

  test("verify names the run whose file changed, and reconcile compares the sum of all", async (t) => {
    const project = await createProject(t, azureSection);
    for (const delivery of [first, second]) await deliver(project.bucket, delivery);
    await runWell(project);
    const bill = await reconcile(project.config, { month: month, invoice: "30.25" });
    assert.deepEqual([bill.ok, bill.reconciliations[0]?.loaded], [true, "30.25"]);
    assert.equal((await migrate(project.config, { yes: true })).pipelines[0]?.error, undefined);
    assert.deepEqual(await loadedIds(project), ["first", "second"]);
    const forged = azureDelivery({ month, id: "second", files: [azureRows(month, "99")] });
    const [key = "", content = new Uint8Array()] = [second.fileKeys[0], forged.objects.get(forged.fileKeys[0] ?? "")];
    await deliver(project.bucket, { ...second, objects: new Map([[key, content]]) }, [key]);
    const found = differences(await verify(project.config, { deep: true }));
    assert.ok(found.includes("delivery-cost: second: 20 EUR / second: 99 EUR"), found.join("\n"));
    assert.ok(!found.some((text) => text.startsWith("delivery-cost: first")), found.join("\n"));
  });

  test("grows out of a half that an older billhouse loaded, whose receipt does not name its deliveries", async (t) => {
    const project = await createProject(t, azureSection);
    await deliver(project.bucket, first);
    await runWell(project);
    await dropReceiptColumns(project);
    assert.deepEqual(outcomes(await runWell(project)), [`${month} unchanged first`]);
    assert.deepEqual(differences(await verify(project.config, { deep: true })), [
      "missing-days: every day is covered / 2025-03-16 to 2025-03-31 missing",
    ]);
    await rejects(
      diff(project.config, { pipeline: "azure_billing", month: month }),
      "USAGE_INVALID",
      "Only one delivery of 2025-03 was loaded into azure_billing",
    );
    await deliver(project.bucket, second);
    assert.deepEqual((await runWell(project)).loaded[0]?.executionIds, ["first", "second"]);
    const undone = await undo(project.config, { pipeline: "azure_billing", month: month });
    assert.deepEqual([undone.restored.executionIds, undone.restored.rows], [["first"], 2]);
    // A load of both halves was undone: the second one stays out.
    const { months } = (await plan(project.config)).pipelines[0] ?? { months: [] };
    assert.deepEqual(
      months.map(({ action, executionId: id }) => `${action} ${id}`),
      ["refused second"],
    );
  });
});

async function loadedIds(project: Project): Promise<readonly string[]> {
  const { pipelines } = await showState(project.config);
  const [entry, ...others] = pipelines.flatMap(({ months }) => months);
  assert.deepEqual(others, []);
  assert.equal(entry?.executionId, entry?.executionIds.at(-1));
  return entry?.executionIds ?? [];
}

function differences({ checks }: VerifyResult): string[] {
  return checks.filter(({ ok }) => !ok).map(({ name, expected, actual }) => `${name}: ${expected} / ${actual}`);
}

/** Makes the tracking table what the version before several deliveries had. */
async function dropReceiptColumns(project: Project): Promise<void> {
  const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  try {
    for (const column of [
      "uninvoiced_cost_rows",
      "deliveries",
      "flags",
      "data_until",
      "period_start",
      "period_end",
      "missing_days",
      "other_months",
      "rows_without_period",
      "accepted",
      "load_reason",
    ]) {
      await connection.run(`ALTER TABLE ${table}_load_tracking DROP COLUMN ${column}`);
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
