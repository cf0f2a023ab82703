import assert from "node:assert/strict";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { awsCur } from "../../src/exports/aws-cur.ts";
import { awsDataExport } from "../../src/exports/aws-data-export.ts";
import { azureCost } from "../../src/exports/azure-cost.ts";
import type { ExportFormat } from "../../src/exports/export.ts";
import type { StoredObject } from "../../src/model.ts";
import { readManifest } from "../../src/pipeline/discover/manifests.ts";
import type { Storage } from "../../src/storages/storage.ts";
import { azureDelivery, azureRows, deliver, type Delivery } from "../support/deliveries.ts";
import {
  azureSection,
  createProject,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  textRows,
} from "../support/projects.ts";
import { writeKey } from "../support/folders.ts";
import { rejects } from "../support/rejects.ts";
import {
  type HostileCase,
  loadedProject,
  refusesEach,
  runBounded,
  soundDelivery,
  table,
  withFields,
  withManifest,
  withSettings,
} from "../support/hostile/projects.ts";

const megabyte = 1024 * 1024;

function refused(change: (delivery: Delivery) => Delivery, says?: RegExp): HostileCase {
  const delivery = (month: string, id: string): Delivery => change(soundDelivery(month, id, "3"));
  return { code: "MANIFEST_INVALID", delivery, ...(says === undefined ? {} : { says }) };
}

const text = (change: (text: string) => string | Uint8Array, says?: RegExp): HostileCase =>
  refused((delivery) => withManifest(delivery, change), says);

const fields = (changed: Readonly<Record<string, unknown>>, says?: RegExp): HostileCase =>
  refused((delivery) => withFields(delivery, changed), says);

const cases: Readonly<Record<string, HostileCase>> = {
  "nested 10,000 deep": text(() => "[".repeat(10_000) + "]".repeat(10_000), /the whole file/),
  "nested 10,000 deep where a list is": text((json) =>
    json.replace(/"reportKeys": \[/, `$&${"[".repeat(10_000)}${"]".repeat(10_000)},`),
  ),
  "a number": text(() => "1e999", /the whole file/),
  null: text(() => "null", /the whole file/),
  "a prototype for the whole file": text((json) => `{"__proto__": ${json}}`, /assemblyId/),
  "a prototype that lists files": fields({ reportKeys: undefined, constructor: { reportKeys: ["x"] } }, /reportKeys/),
  "a million items that are wrong": fields({ reportKeys: Array.from({ length: 1_000_000 }, () => 0) }, /reportKeys\.0/),
  "a file that is listed twice": refused(
    (delivery) => withFields(delivery, { reportKeys: [...delivery.fileKeys, ...delivery.fileKeys] }),
    /twice/,
  ),
  "a file that is listed twice, once as an address": refused(
    (delivery) =>
      withFields(delivery, { reportKeys: [...delivery.fileKeys, `s3://acme-billing-source/${delivery.fileKeys[0]}`] }),
    /twice/,
  ),
  "a million different folders": refused(
    (delivery) =>
      withFields(delivery, {
        reportKeys: Array.from({ length: 300_000 }, (_, index) => `f${index}/${delivery.fileKeys[0]}`),
      }),
    /different folders/,
  ),
  "an id with line breaks": fields({ assemblyId: "a\nb" }, /assemblyId/),
  "an id with escapes": fields({ assemblyId: "a\u001b[2Jb" }, /assemblyId/),
  "an id that turns the direction": fields({ assemblyId: "a\u202eb" }, /assemblyId/),
  "an id of 10,000 characters": fields({ assemblyId: "x".repeat(10_000) }, /assemblyId/),
  "an empty id": fields({ assemblyId: "" }, /assemblyId/),
  "an account of a megabyte": fields({ account: "x".repeat(megabyte) }, /account/),
  "columns that are text": fields({ columns: "x".repeat(megabyte) }, /columns/),
};

describe("a hostile manifest", { timeout: 300_000 }, () => {
  it("fails its month, and no other", async (t) => {
    await refusesEach(t, cases);
    assert.equal(({} as { reportKeys?: unknown }).reportKeys, undefined);
  });

  it("is loaded where what is odd does no harm", async (t) => {
    const project = await loadedProject(t);
    const id = "../../a/b'\"`;DROP TABLE \\x$1{{x}}";
    const odd: Readonly<Record<string, (delivery: Delivery) => Delivery>> = {
      "a byte order mark": (delivery) => withManifest(delivery, (json) => `\uFEFF${json}`),
      "UTF-16": (delivery) => withManifest(delivery, (json) => Buffer.from(`\uFEFF${json}`, "utf16le")),
      "UTF-16 without a mark": (delivery) => withManifest(delivery, (json) => Buffer.from(json, "utf16le")),
      "UTF-16, big-endian": (delivery) =>
        withManifest(delivery, (json) => Buffer.from(`\uFEFF${json}`, "utf16le").swap16()),
      "keys twice": (delivery) => withManifest(delivery, (json) => json.replace("{", '{"assemblyId": "other",')),
      "keys of prototypes": (delivery) =>
        withManifest(delivery, (json) =>
          json.replace("{", '{"__proto__": {"reportKeys": []}, "constructor": 1, "toString": null,'),
        ),
      "an id of separators and quotes": (delivery) => withFields(delivery, { assemblyId: id }),
      "types of prototypes": (delivery) =>
        withFields(delivery, {
          columns: ["constructor", "__proto__", "toString"].map((word) => ({ category: word, name: word, type: word })),
        }),
    };
    for (const [index, [name, change]] of Object.entries(odd).entries()) {
      const delivery = change(soundDelivery("2025-02", `odd-${index}`, `${index + 10}`));
      await deliver(project.bucket, delivery);
      assert.equal((await runWell(project)).loaded.length, 1, name);
      const rows = await textRows(
        project,
        `SELECT line_item_unblended_cost AS c FROM ${table} WHERE month(bill_billing_period_start_date) = 2`,
      );
      assert.deepEqual(
        rows.map((row) => JSON.parse(row)),
        [{ c: `${index + 10}` }],
        name,
      );
    }
    const state = outcomes(onlyResult((await runProject(project)).finished));
    assert.deepEqual(state, ["2025-01 unchanged 2025-01-a", "2025-02 unchanged odd-7"]);
  });

  it("of Azure is refused for counts and days that cannot be", async (t) => {
    const project = await createProject(t, azureSection);
    const wrong: readonly (readonly [RegExp, (json: string) => string])[] = [
      [/dataRowCount/, (json) => json.replaceAll(/"dataRowCount": \d+/g, '"dataRowCount": 1e400')],
      [/dataRowCount/, (json) => json.replaceAll(/"dataRowCount": \d+/g, '"dataRowCount": 99999999999999999999')],
      [/dataRowCount/, (json) => json.replaceAll(/"dataRowCount": \d+/g, '"dataRowCount": -1')],
      [/dataRowCount/, (json) => json.replaceAll(/"dataRowCount": \d+/g, '"dataRowCount": 1.5')],
      [/startDate/, (json) => json.replace(/"startDate": "[^"]*"/, '"startDate": "9999-99-99"')],
      [/endDate/, (json) => json.replace(/"endDate": "[^"]*"/, '"endDate": "2025-02-31"')],
      [/covers/, (json) => json.replace(/"startDate": "[^"]*"/, '"startDate": "9999-01-01"')],
    ];
    for (const [index, [, change]] of wrong.entries()) {
      const month = `2025-0${index + 1}`;
      await deliver(
        project.bucket,
        withManifest(azureDelivery({ month, id: "evil", files: [azureRows(month, "1")] }), change),
      );
    }
    const { failed } = onlyResult((await runProject(project)).finished);
    const failures = failed.toSorted((one, other) => one.billingMonth.localeCompare(other.billingMonth));
    assert.deepEqual(
      failures.map(({ code }) => code),
      wrong.map(() => "MANIFEST_INVALID"),
    );
    for (const [index, [says]] of wrong.entries()) assert.match(failures[index]?.message ?? "", says);
  });

  it("that spans all times ends in a moment", async (t) => {
    const project = await createProject(t, azureSection);
    const delivery = azureDelivery({ month: "2025-01", id: "evil", files: [azureRows("2025-01", "1")] });
    await deliver(
      project.bucket,
      withManifest(delivery, (json) => json.replace(/"endDate": "[^"]*"/, '"endDate": "9999-12-31"')),
    );
    assert.deepEqual(outcomes(onlyResult((await runProject(project)).finished)), ["2025-01 new evil"]);
  });
});

describe("a hostile path of a manifest", () => {
  const periods = [
    "99999999-99999999",
    "99991201-99991231",
    "99991201-99991232",
    "00000101-99991231",
    "00010101-00010201",
    "20250101-99990101",
    "20250230-20250301",
    "20250201-20250101",
  ];
  const paths: readonly (readonly [ExportFormat, (period: string) => string])[] = [
    [awsCur, (period) => `cur/${period}/x-Manifest.json`],
    [azureCost, (period) => `x/y/${period}/run/manifest.json`],
  ];
  it("is none where its period is none", () => {
    for (const [format, path] of paths) {
      for (const period of periods) {
        assert.equal(format.recognise(path(period)), undefined, `${format.kind} ${period}`);
      }
    }
    for (const month of ["year=0000/month=0", "year=2025/month=13", "year=2025/month=99"]) {
      assert.equal(awsCur.recognise(`cur/${month}/x-Manifest.json`), undefined, month);
    }
    assert.equal(awsDataExport.recognise("x/metadata/BILLING_PERIOD=9999-12/x-Manifest.json"), undefined);
  });
});

describe("a manifest of a gigabyte", { timeout: 300_000 }, () => {
  it("is refused by its listed size, in little memory", async (t) => {
    const project = await withSettings(
      await loadedProject(t),
      '[destination.duckdb]\nmemory_limit = "512MB"\nthreads = 2',
    );
    const evil = soundDelivery("2025-02", "evil", "3");
    await deliver(project.bucket, evil);
    await truncate(join(project.bucket, evil.manifestKey), 1024 ** 3);
    const { code, events, memory, seconds } = await runBounded(project, 128, 100);
    const failed = events.flatMap((event) => (event.event === "month_failed" ? [event] : []));
    assert.deepEqual(
      failed.map(({ billingMonth, code: why }) => [billingMonth, why]),
      [["2025-02", "MANIFEST_INVALID"]],
    );
    assert.equal(code, 3);
    assert.ok(memory < 600, `${memory} MB`);
    assert.ok(seconds < 80, `${seconds} s`);
  });

  it("is read to the limit and no further where the listing lies", async () => {
    let given = 0;
    const object: StoredObject = {
      key: "cur/20250101-20250201/x-Manifest.json",
      size: 100,
      version: "1",
      modified: "2025-02-01T00:00:00Z",
    };
    const endless: Pick<Storage, "read"> = {
      async *read() {
        for (; ; given += megabyte) yield Buffer.alloc(megabyte, 0x20);
      },
    };
    const place = awsCur.recognise(object.key);
    assert.ok(place !== undefined);
    const reading = readManifest(awsCur, place, endless as Storage, new Map([[object.key, object]]));
    await rejects(reading, "MANIFEST_INVALID", "more bytes");
    assert.ok(given <= 65 * megabyte, `${given} bytes were read`);
  });

  it("that lists a million files is refused or waits, in bounded memory", async (t) => {
    const project = await withSettings(
      await loadedProject(t),
      '[destination.duckdb]\nmemory_limit = "512MB"\nthreads = 2',
    );
    const evil = soundDelivery("2025-02", "evil", "3");
    const keys = Array.from({ length: 1_000_000 }, (_, index) => `"20250201-20250301/${index}"`);
    const json = Buffer.from(evil.objects.get(evil.manifestKey) ?? "")
      .toString()
      .replace(/"reportKeys": \[[^\]]*\]/, `"reportKeys": [${keys.join(",")}]`);
    await writeKey(project.bucket, evil.manifestKey, json);
    const { code, events, memory } = await runBounded(project, 1024, 150);
    const waiting = events.flatMap((event) =>
      event.event === "month_planned" && event.action === "waiting" ? [event] : [],
    );
    assert.deepEqual(
      waiting.map(({ billingMonth }) => billingMonth),
      ["2025-02"],
    );
    assert.match(waiting[0]?.reason ?? "", /^1000000 of 1000000 files of evil are missing/);
    assert.equal(code, 0);
    assert.ok(memory < 1800, `${memory} MB`);
  });
});
