import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { duckdb } from "../../src/focus/dialects/duckdb.ts";
import { focusViews } from "../../src/focus/views.ts";
import { loadConfig, type Config } from "../../src/index.ts";
import { temporaryFolder } from "../support/folders.ts";
import { runProject } from "../support/projects.ts";
import { samplesFolder } from "../support/samples.ts";
import { chargeTables, rowsOf } from "./charge-tables.ts";
import { differences, type Expected, type FocusRow } from "./compare.ts";
import { differencesOfMatches, type ExpectedMatches } from "./compare-matched.ts";

/** The configurations of a case, each with one form of its bill. */
const forms = { legacy: "billhouse.toml", "CUR 2.0": "billhouse-cur2.toml" };

describe("the golden cases of AWS", () => {
  test("become the rows and sums that FOCUS 1.2 and 1.4 demand", async (t) => {
    const samples = samplesFolder(t);
    if (samples === undefined) return;
    const folder = join(samples, "focus/aws");
    for (const name of readdirSync(folder).filter((entry) => existsSync(join(folder, entry, "expected.json")))) {
      const expected = JSON.parse(readFileSync(join(folder, name, "expected.json"), "utf8")) as Expected;
      for (const [form, file] of Object.entries(forms)) {
        if (!existsSync(join(folder, name, file))) continue;
        await t.test(`${name}, ${form}`, async (t) => {
          const config = await loadedCase(t, join(folder, name), file);
          for (const version of ["v1_2", "v1_4"] as const) {
            const rows = await rowsOfView(config, version);
            assert.deepEqual(differences(expected, rows, version, form === "CUR 2.0"), [], version);
          }
        });
      }
    }
  });
});

/** The cases in the folder of Azure whose mapping is there; the other rows of the README are for mappings to come. */
const matchedCases = ["aws-focus-1-0-then-1-2"];

describe("the golden cases of native exports and Azure", () => {
  test("become the rows and sums that FOCUS 1.2 and 1.4 demand", async (t) => {
    const samples = samplesFolder(t);
    if (samples === undefined) return;
    for (const name of matchedCases) {
      const folder = join(samples, "focus/azure", name);
      const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as ExpectedMatches;
      await t.test(name, async (t) => {
        const config = await loadedCase(t, folder, "billhouse.toml");
        for (const version of ["v1_2", "v1_4"] as const) {
          const rows = await rowsOfView(config, version);
          assert.deepEqual(differencesOfMatches(expected, rows, version), [], version);
        }
      });
    }
  });
});

async function rowsOfView(config: Config, version: "v1_2" | "v1_4"): Promise<readonly FocusRow[]> {
  const views = focusViews(await chargeTables(config), duckdb, { dataset: "main" });
  return rowsOf(config, views.find((view) => view.name === `focus_${version}`)?.sql ?? "");
}

/** Loads a case in a folder of its own. */
async function loadedCase(t: TestContext, source: string, file: string): Promise<Config> {
  const folder = await temporaryFolder(t);
  await cp(source, folder, { recursive: true });
  const config = await loadConfig({ folder, file, environment: { DESTINATION__DUCKDB__THREADS: "1" } });
  const { finished } = await runProject({ folder, bucket: folder, config });
  assert.deepEqual(
    finished.pipelines.flatMap(({ failed, error }) => [...failed, ...(error === undefined ? [] : [error])]),
    [],
  );
  return config;
}
