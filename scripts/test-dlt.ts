import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readBooks, runBillhouse, type Outcome } from "../test/witnesses/dlt/billhouse.ts";
import { scenarios, tables, type Scenario, type Step } from "../test/witnesses/dlt/scenarios.ts";

/*
 * Lets real dlt and billhouse take turns on one dataset: each must skip what the other loaded, and both must read the
 * same from it afterwards. Installs dlt into a temporary folder.
 *
 *   node scripts/test-dlt.ts                    with the newest dlt 1.x
 *   node scripts/test-dlt.ts --dlt 1.17.1       with another one
 *   node scripts/test-dlt.ts --regenerate       writes the golden fixtures of that version instead
 */

const { values: options } = parseArgs({ options: { dlt: { type: "string" }, regenerate: { type: "boolean" } } });
const witnesses = fileURLToPath(new URL("../test/witnesses/dlt/", import.meta.url));
const fixtures = fileURLToPath(new URL("../test/fixtures/dlt/", import.meta.url));

const system = ["python3", "python"].find((name) => spawnSync(name, ["-c", "import venv, ensurepip"]).status === 0);
if (system === undefined) {
  console.log("Not run: Python with venv is missing, so billhouse was not tested with real dlt.");
} else {
  const home = mkdtempSync(join(tmpdir(), "billhouse-dlt-"));
  try {
    const python = installDlt(system, home);
    if (options.regenerate === true) console.log(runPython(python, "golden.py", [fixtures]));
    else await runScenarios(python, home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Creates a virtual environment with dlt and returns its Python. */
function installDlt(system: string, home: string): string {
  const folder = join(home, "venv");
  const python = process.platform === "win32" ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python");
  const wanted = options.dlt === undefined ? "dlt[duckdb]>=1,<2" : `dlt[duckdb]==${options.dlt}`;
  // Files of DuckDB 2 cannot be read by the DuckDB 1 that billhouse brings.
  run(system, ["-m", "venv", folder]);
  run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted, "duckdb<2"]);
  return python;
}

async function runScenarios(python: string, home: string): Promise<void> {
  const versions = "import dlt, duckdb; print(f'dlt {dlt.__version__}, DuckDB {duckdb.__version__} in Python')";
  console.log(run(python, ["-c", versions]).trim());
  for (const [index, [title, scenario]] of Object.entries(scenarios).entries()) {
    await runScenario(python, join(home, `scenario-${index}`), scenario).catch((cause: unknown) => {
      throw new Error(`Failed scenario: ${title}.`, { cause });
    });
    console.log(`✔ ${title}`);
  }
  console.log(`${Object.keys(scenarios).length} scenarios: dlt and billhouse continue from one another.`);
}

async function runScenario(python: string, home: string, scenario: Scenario): Promise<void> {
  const table = tables[scenario.cloud];
  const database = `${home}.duckdb`;
  for (const [index, step] of scenario.steps.entries()) {
    const outcome =
      step.by === "billhouse"
        ? await runBillhouse(database, table, step.deliveries)
        : runDlt(python, scenario, step, {
            database,
            folder: join(home, step.folder === "warm" ? "warm" : `fresh-${index}`),
          });
    const where = `in step ${index + 1}, by ${step.by}`;
    const months = [...new Set(step.deliveries.map((each) => each.billing_month))];
    const skips = months.filter((month) => !step.loads.includes(month));
    assert.deepEqual([...outcome.loaded].toSorted(), [...step.loads].toSorted(), `Other months were loaded ${where}.`);
    assert.deepEqual([...outcome.skipped].toSorted(), skips.toSorted(), `Other months were skipped ${where}.`);
    const books = await readBooks(database, table);
    const expected = Object.fromEntries(step.deliveries.map((each) => [each.billing_month, each.execution_id]));
    assert.deepEqual(books.state, expected, `The state says something else ${where}.`);
    assert.deepEqual(books.receipts, expected, `The receipts say something else ${where}.`);
  }
}

function runDlt(python: string, scenario: Scenario, step: Step, places: { database: string; folder: string }): Outcome {
  const { dataset, name } = tables[scenario.cloud];
  const job = {
    ...places,
    cloud: scenario.cloud,
    dataset,
    table: name,
    deliveries: step.deliveries,
    form: step.form ?? "entry",
  };
  return JSON.parse(runPython(python, "tracking_pipeline.py", [], JSON.stringify(job))) as Outcome;
}

function runPython(python: string, script: string, options: readonly string[], input = ""): string {
  return run(python, ["-B", join(witnesses, script), ...options], input).trim();
}

function run(program: string, options: readonly string[], input = ""): string {
  const { status, stdout, stderr, error } = spawnSync(program, options, {
    input,
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ended with ${status}:\n${stderr}${stdout}`);
  return stdout;
}
