import assert from "node:assert/strict";
import { utimes } from "node:fs/promises";
import { describe, test } from "node:test";
import { azureDelivery, azureRows, deliver, type AzureOptions, type Delivery } from "../support/deliveries.ts";
import { writeKey } from "../support/folders.ts";
import {
  azureSection,
  createProject,
  monthsOfTable,
  outcomes,
  runByCommand,
  runWell,
  type Project,
} from "../support/projects.ts";

const month = "2025-03";
const table = "billing_data.azure_billing_data";
const columns = { partition: "BillingPeriodStartDate", cost: "CostInBillingCurrency" };

function run(id: string, pathTime: string, options: Partial<AzureOptions> = {}): Delivery {
  const cost = options.pathEnd !== undefined || options.manifestEnd !== undefined ? "9" : "31";
  return azureDelivery({ month, id, pathTime, files: [azureRows(month, cost)], ...options, format: "csv.gz" });
}

const full = run("full", "202504040042");
/** Two ways in which a run over nine days names them. */
const shorts: Readonly<Record<string, Delivery>> = {
  "its path names nine days": run("short", "202504050042", { pathEnd: "2025-03-09" }),
  "only its manifest names nine days": run("short", "202504050042", { manifestEnd: "2025-03-09" }),
};

function held(project: Project): ReturnType<typeof monthsOfTable> {
  return monthsOfTable(project, table, columns);
}

const fullRows = { [month]: [1, "31.000000000000000000"] as const };
const shortRows = { [month]: [1, "9.000000000000000000"] as const };

describe("an Azure run of nine days that is newer than a full one", { concurrency: 3 }, () => {
  for (const [name, short] of Object.entries(shorts)) {
    test(`${name}: it is refused and the full one is loaded, when both are there at first`, async (t) => {
      const project = await createProject(t, azureSection);
      await deliver(project.bucket, short);
      await deliver(project.bucket, full);
      const { code, finished } = await runByCommand(project);
      assert.equal(code, 0);
      assert.deepEqual(finished.pipelines.map(outcomes), [[`${month} new full`, `${month} refused short`]]);
      assert.match(
        finished.pipelines[0]?.refused[0]?.reason ?? "",
        /^short is not part of the month\. It covers 2025-03-01 to 2025-03-09, which overlaps full; a day is never/,
      );
      assert.deepEqual(await held(project), fullRows);
      assert.deepEqual((await runWell(project)).loaded, []);
      assert.deepEqual(await held(project), fullRows);
    });

    test(`${name}: it is refused when it comes after the full one was loaded, and --force loads that again`, async (t) => {
      const project = await createProject(t, azureSection);
      await deliver(project.bucket, full);
      await runWell(project);
      await deliver(project.bucket, short);
      const refused = await runWell(project);
      assert.deepEqual(outcomes(refused), [`${month} refused short`]);
      assert.deepEqual(await held(project), fullRows);
      assert.deepEqual(outcomes(await runWell(project, { force: true })), [
        `${month} refused short`,
        `${month} reloaded full`,
      ]);
      await deliver(project.bucket, run("fuller", "202504060042"));
      assert.deepEqual(outcomes(await runWell(project)), [`${month} restated fuller`]);
      assert.deepEqual(await held(project), fullRows);
    });

    test(`${name}: it is loaded while there is nothing better, and replaced by the full one although that is older`, async (t) => {
      const project = await createProject(t, azureSection);
      await deliver(project.bucket, short);
      assert.deepEqual(outcomes(await runWell(project)), [`${month} new short`]);
      assert.deepEqual(await held(project), shortRows);
      const later = run("late", "202504060042");
      await deliver(project.bucket, later);
      assert.deepEqual(outcomes(await runWell(project)), [`${month} restated late`]);
      assert.deepEqual(await held(project), fullRows);
    });
  }

  test("a month to date that grows day by day is followed", async (t) => {
    const project = await createProject(t, azureSection);
    for (const day of ["09", "10", "11"]) {
      await deliver(project.bucket, run(`to-${day}`, `202503${day}2342`, { manifestEnd: `2025-03-${day}` }));
    }
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new to-11`]);
    await deliver(project.bucket, run("to-12", "202503122342", { manifestEnd: "2025-03-12" }));
    assert.deepEqual(outcomes(await runWell(project)), [`${month} restated to-12`]);
  });

  test("the submitted time decides between runs whose path times say the opposite", async (t) => {
    const project = await createProject(t, azureSection);
    await deliver(project.bucket, run("by-path", "202504050042", { submittedTime: "2025-04-01T00:42:06.5756051Z" }));
    await deliver(project.bucket, run("by-time", "202504030042", { submittedTime: "2025-04-06T00:42:06.5756051Z" }));
    await deliver(project.bucket, run("neither", "202503280042"));
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new by-time`]);
    assert.deepEqual(outcomes(await runWell(project)), [`${month} unchanged by-time`]);
  });

  for (const shape of ["create-new", "overwrite"] as const) {
    test(`${shape}: a manifest that is cut off blocks neither a newer run nor, while it is the newest, an older one`, async (t) => {
      const project = await createProject(t, azureSection);
      const written = async (id: string, time: string, isCut: boolean): Promise<void> => {
        const delivery = run(id, time, { shape });
        await deliver(project.bucket, delivery);
        const manifest = Buffer.from(delivery.objects.get(delivery.manifestKey) ?? "").toString();
        const path = await writeKey(project.bucket, delivery.manifestKey, isCut ? manifest.slice(0, 300) : manifest);
        const made = new Date(`${time.slice(0, 4)}-${time.slice(4, 6)}-${time.slice(6, 8)}T00:43:00Z`);
        await utimes(path, made, made);
      };
      await written("whole", "202504040042", false);
      await written("torn", "202504050042", true);
      const first = await runWell(project);
      assert.deepEqual(outcomes(first), [`${month} new whole`, `${month} waiting null`]);
      assert.match(
        first.waiting[0]?.reason ?? "",
        /^The manifest \S+torn\/manifest\.json is empty or not complete JSON\./,
      );
      await written("newer", "202504060042", false);
      assert.deepEqual(outcomes(await runWell(project)), [`${month} restated newer`]);
    });
  }

  test("a run of the same minute and a run whose files are not there do not hide the right one", async (t) => {
    const project = await createProject(t, azureSection);
    await deliver(project.bucket, run("first", "202504040042", { submittedTime: "2025-04-04T00:42:01.1Z" }));
    await deliver(project.bucket, run("second", "202504040042", { submittedTime: "2025-04-04T00:42:59.9Z" }));
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new second`]);
    await deliver(project.bucket, run("announced", "202504050042"), "manifest");
    assert.deepEqual(outcomes(await runWell(project)), [`${month} waiting announced`]);
  });
});
