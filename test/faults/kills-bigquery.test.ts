import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import pMap from "p-map";
import type { Receipt } from "../../src/model.ts";
import { tableOf } from "../../src/pipeline/months/select.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { type QueryRow, requireCapability } from "../../src/warehouses/warehouse.ts";
import { curDelivery, curRows, type Delivery } from "../support/deliveries.ts";
import { createGoogleProject, upload, type GoogleProject } from "../support/google.ts";
import { runWell } from "../support/projects.ts";
import { runBillhouse } from "../support/faults/child.ts";
import { pointsOf } from "../support/faults/points.ts";

/** Loaded before the run that is killed. */
const before: readonly Delivery[] = [delivery("2025-01", "20250201T000000Z", ["1", "2"], ["3"])];

/** Delivered since: a month restated, and a new one with a column that the table does not have yet. */
const since: readonly Delivery[] = [
  delivery("2025-01", "20250203T000000Z", ["10"], ["20", "30"]),
  delivery("2025-02", "20250301T000000Z", ["5"], ["6"]),
];

describe("a run on BigQuery that is killed at any point", () => {
  test(
    "heals with the next one: the same rows, each load once, no work done twice, nothing left",
    { concurrency: 4 },
    async (t) => {
      const reference = await createTrial(t);
      const record = join(reference.folder, "points");
      const { code, stderr } = await runBillhouse(reference.folder, ["run"], { record });
      assert.equal(code, 0, stderr);
      const undisturbed = await booksOf(reference);
      const points = (await readFile(record, "utf8")).trimEnd().split("\n");
      const seen = new Map<string, number>();
      const kills = points.map((point) => {
        seen.set(point, (seen.get(point) ?? 0) + 1);
        return { point, nth: seen.get(point) ?? 1 };
      });
      assert.deepEqual([...seen.keys()].toSorted(), pointsOf("bigquery").toSorted());
      await pMap(kills, (kill) => t.test(`${kill.point} ${kill.nth}`, (each) => killAndHeal(each, kill, undisturbed)), {
        concurrency: 4,
      });
    },
  );
});

async function killAndHeal(
  t: TestContext,
  kill: { readonly point: string; readonly nth: number },
  undisturbed: Books,
): Promise<void> {
  const trial = await createTrial(t);
  const old = await booksOf(trial);
  const { signal, stderr } = await runBillhouse(trial.folder, ["run"], { kill });
  assert.equal(signal, "SIGKILL", stderr);
  const left = await booksOf(trial);
  for (const month of ["2025-01", "2025-02"]) {
    const now = JSON.stringify(left.rows[month]);
    const whole = [JSON.stringify(old.rows[month]), JSON.stringify(undisturbed.rows[month])];
    assert.ok(whole.includes(now), `${month} is neither old nor new: ${now}`);
  }
  await runWell(trial);
  const healed = await booksOf(trial);
  assert.deepEqual(healed, undisturbed);
}

/** What must be the same whatever happened on the way. */
interface Books {
  readonly rows: Readonly<Record<string, readonly QueryRow[]>>;
  /** Executions of all tracking records, in the order of their loads. */
  readonly loads: readonly string[];
  readonly receipts: readonly Partial<Receipt>[];
  /** Load jobs that were run. */
  readonly loadJobs: number;
  readonly tables: readonly string[];
}

async function createTrial(t: TestContext): Promise<GoogleProject> {
  const trial = await createGoogleProject(t, { aws_cur: { prefix: "cur" } });
  for (const each of before) upload(trial, each);
  await runWell(trial);
  for (const each of since) upload(trial, each);
  return trial;
}

async function booksOf({ config, bigquery }: GoogleProject): Promise<Books> {
  const [pipeline] = config.pipelines;
  assert.ok(pipeline);
  const warehouse = await openWarehouse(config.warehouse, "read");
  const ask = async (sql: string): Promise<QueryRow[]> => {
    const rows: QueryRow[] = [];
    for await (const row of requireCapability(warehouse, "query")(sql)) rows.push(row);
    return rows;
  };
  try {
    const bills = await ask(
      "SELECT * FROM billing_data.aws_cur_data ORDER BY bill_billing_period_start_date, line_item_unblended_cost",
    );
    const tracked = await ask(
      `SELECT assembly_id FROM billing_data.aws_cur_data_load_tracking WHERE billing_month IS NOT NULL
        ORDER BY billing_month, _dlt_load_id`,
    );
    const { receipts } = await warehouse.ledger(tableOf(pipeline));
    return {
      rows: Object.fromEntries(Map.groupBy(bills, (row) => String(row["bill_billing_period_start_date"]).slice(0, 7))),
      loads: tracked.map((row) => String(row["assembly_id"])),
      receipts: receipts.map((receipt) => ({
        ...receipt,
        // These are each trial's own.
        loadId: "",
        loadedAt: "",
        durationSeconds: 0,
        files: receipt.files?.map((file) => ({ ...file, version: "" })) ?? null,
      })),
      loadJobs: bigquery.counts.loads,
      tables: bigquery.tableNames("billing_data", "acme").toSorted(),
    };
  } finally {
    await warehouse.close();
  }
}

function delivery(month: string, id: string, ...files: readonly (readonly string[])[]): Delivery {
  return curDelivery({ month, id, files: files.map((costs) => curRows(month, ...costs)) });
}
