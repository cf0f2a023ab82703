import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import type { ExportFormat } from "../../src/exports/export.ts";
import { monthPeriod, parseManifest } from "../../src/exports/manifest.ts";
import { discover } from "../../src/pipeline/discover/discover.ts";
import { loadMonths, type LoadListener } from "../../src/pipeline/load/load.ts";
import { planMonths } from "../../src/pipeline/months/survey.ts";
import { tableOf } from "../../src/pipeline/months/select.ts";
import { loadedMonths } from "../../src/pipeline/months/loaded.ts";
import { openStorage } from "../../src/storages/index.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { writeKey } from "../support/folders.ts";
import { zipBytes } from "../support/zip.ts";
import { ask, createProject, type Project } from "../support/projects.ts";

/** A format that does not exist: everything that a new format needs. */
const moonBill: ExportFormat = {
  kind: "moon-bill",
  cloud: "aws",
  title: "Moon bill",
  idColumn: "assembly_id",

  recognise(key) {
    const { folder = "", name = "", year = "", month = "" } = moonManifest.exec(key)?.groups ?? {};
    const period = monthPeriod(year, month);
    return (
      period && { key, folder, exportName: name, period, order: "", id: null, isDataFile: false, isAnonymous: false }
    );
  },

  readManifest(json, place) {
    const { bill, parts, rows } = parseManifest(moonShape, json, place);
    return {
      id: bill,
      exportName: null,
      period: place.period,
      format: "csv",
      bucket: null,
      files: parts.map((key) => ({ key, rows: null, size: null })),
      columns: [],
      rows,
      bytes: null,
      submittedTime: null,
      partial: false,
      scope: null,
    };
  },

  closed: { invoice: 1, schedule: 3 },
  lateCharges: { chargeTypes: [], services: /^$/ },

  others: [{ manifest: /^(?<name>[^/]+)\/tides\.json$/, title: "tides" }],

  dataFiles: [{ path: /^moon\/.*\.csv$/, missing: "copy the bills too" }],

  columns: {
    naming: "as-delivered",
    caseSensitive: false,
    wellKnown: { Lunation: "timestamp", Price: "decimal", Used: "timestamp" },
    partition: ["Lunation"],
    periodEnd: { included: [], excluded: [] },
    cost: [["Price"]],
    currency: ["Coin"],
    usage: ["Used"],
    service: [],
    account: [],
    chargeType: [],
    invoice: [],
    payer: [],
  },
};

const moonManifest = /^(?<folder>(?:.*\/)?)(?<name>[^/]+)\.(?<year>\d{4})-(?<month>\d\d)\.bill\.json$/;
const moonShape = z.object({ bill: z.string(), parts: z.array(z.string()), rows: z.int() });

/** What a run does with a pipeline, with the formats that it is given. */
async function load(project: Project, formats: readonly ExportFormat[]): Promise<string[]> {
  const [pipeline] = project.config.pipelines;
  assert.ok(pipeline);
  const lines: string[] = [];
  const warehouse = await openWarehouse(project.config.warehouse, "write");
  try {
    const discovery = await discover(pipeline, await openStorage(pipeline.bucketUrl), formats);
    const table = tableOf(pipeline, discovery.format.idColumn);
    const ledger = await warehouse.ledger(table);
    const loaded = loadedMonths(ledger, table);
    const { plans } = await planMonths(discovery, loaded, ledger.receipts, { pipeline, isReadElsewhere: () => false });
    const listener: LoadListener = {
      fileRead: () => {},
      loaded: ({ billingMonth, action, rows, cost }) =>
        lines.push(`${billingMonth} ${action} ${rows} ${JSON.stringify(cost)}`),
      failed: (month, { code, message }) => lines.push(`${month} ${code} ${message}`),
    };
    const { signal } = new AbortController();
    const { format, storage } = discovery;
    const context = {
      pipeline,
      table,
      ledger,
      format,
      months: loaded,
      storage,
      warehouse,
      jobs: 2,
      accept: [],
      acceptance: null,
      now: new Date(),
      signal,
    };
    await loadMonths(plans, context, listener);
    await warehouse.publish();
  } finally {
    await warehouse.close();
  }
  return lines;
}

test("a format is one declaration: a made-up one is found, loaded, proved and restated by the engine as it is", async (t) => {
  const project = await createProject(t, { moon: { bucket_url: "bucket" } });
  const deliver = async (
    month: string,
    bill: string,
    rows: readonly string[],
    declared = rows.length,
  ): Promise<void> => {
    const text = `Lunation,Used,Coin,Price\n${rows.map((price) => `${month}-01,${month}-03,MOON,${price}\n`).join("")}`;
    const part = `acme/${month}/${bill}.zip`;
    await writeKey(project.bucket, part, zipBytes({ name: "bill.csv", bytes: Buffer.from(text) }));
    const manifest = JSON.stringify({ bill, parts: [part], rows: declared });
    await writeKey(project.bucket, `acme/acme.${month}.bill.json`, manifest);
  };
  await deliver("2025-01", "one", ["0.1", "0.2"]);
  await deliver("2025-02", "two", ["1E-3"]);
  await deliver("2025-03", "three", ["1"], 2);
  const lines = await load(project, [moonBill]);
  assert.deepEqual(lines.slice(1), ['2025-02 new 1 {"MOON":"0.001"}', '2025-01 new 2 {"MOON":"0.3"}']);
  assert.match(lines[0] ?? "", /^2025-03 ROW_COUNT_MISMATCH/);

  await deliver("2025-01", "again", ["7"]);
  assert.equal((await load(project, [moonBill]))[1], '2025-01 restated 1 {"MOON":"7"}');
  const sums = await ask(
    project,
    "SELECT CAST(sum(Price) AS VARCHAR) AS sum, typeof(any_value(Price)) AS type FROM billing_data.moon_data",
  );
  assert.deepEqual(sums, [{ sum: "7.001000000000000000", type: "DECIMAL(38,18)" }]);
});

test("what a format knows to hold no bills is named", async (t) => {
  const project = await createProject(t, { moon: { bucket_url: "bucket" } });
  await writeKey(project.bucket, "sea/tides.json", "{}");
  await assert.rejects(load(project, [moonBill]), /found only exports without costs: sea \(tides\)\.$/);
});
