import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { claimFolder } from "../demo/buckets.ts";
import { type ErrorCode, errorCodes } from "../src/errors.ts";
import {
  azureDelivery,
  azureRows,
  curColumns,
  curDelivery,
  curRow,
  curRows,
  deliver,
  withFile,
} from "./support/deliveries.ts";
import { temporaryFolder } from "./support/folders.ts";
import { cloudTrials } from "./support/cloud-hints.ts";
import { failing, type Trial, works } from "./support/hints.ts";
import { billhouse } from "./support/in-process.ts";
import {
  configure,
  createProject,
  curSection,
  onlyResult,
  type Project,
  runProject,
  runWell,
} from "./support/projects.ts";
import { rejects } from "./support/rejects.ts";

const month = "2025-01";
const good = curDelivery({ month, id: "20250203T000000Z", files: [curRows(month, "1", "2", "3")] });

async function loaded(t: TestContext): Promise<Project> {
  const project = await createProject(t, curSection);
  await deliver(project.bucket, good);
  await works(project, "run");
  return project;
}

/** Changes the database as another program does. */
async function change(project: Pick<Project, "folder">, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

const trials: Readonly<Record<ErrorCode, Trial>> = {
  ...cloudTrials,
  CHARGES_REPEATED: {
    file: "test/end-to-end/focus-files.test.ts",
    title: "an older export beside a newer one fails the month until one of them is gone, or both are accepted",
  },
  CONFIG_EXISTS: async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, good);
    const words = ["init", "bucket"];
    assert.match(await failing(project, "CONFIG_EXISTS", ...words), /with --config, or replace it with --force\.$/);
    await works(project, ...words, "--config", "other.toml");
    await works(project, ...words, "--force");
    await works(project, "plan");
  },
  CONFIG_INVALID: async (t) => {
    const folder = await temporaryFolder(t);
    const bucket = await temporaryFolder(t);
    await deliver(bucket, good);
    assert.match(
      await failing({ folder }, "CONFIG_INVALID", "plan"),
      /^[^\n]*a folder\):\n {2}billhouse init gs:\S+\n/,
    );
    await works({ folder }, "init", bucket);
    await works({ folder }, "plan");
    await writeFile(join(folder, "billhouse.toml"), `[sources.aws_cur]\nbukcet_url = ${JSON.stringify(bucket)}\n`);
    const { stderr } = await billhouse(folder, ["plan"]);
    const meant = /did you mean "(\w+)"/.exec(stderr)?.[1];
    await writeFile(join(folder, "billhouse.toml"), `[sources.aws_cur]\n${meant} = ${JSON.stringify(bucket)}\n`);
    await works({ folder }, "plan");
  },
  DEMO_FOLDER_FOREIGN: async (t) => {
    const folder = join(await temporaryFolder(t), "billhouse-demo");
    await mkdir(folder);
    await writeFile(join(folder, "notes.txt"), "mine");
    const { hint } = await rejects(claimFolder(folder), "DEMO_FOLDER_FOREIGN", folder);
    assert.match(hint, /in another folder, or move this one away/);
    await claimFolder(join(await temporaryFolder(t), "billhouse-demo"));
    await rename(folder, `${folder}-mine`);
    await claimFolder(folder);
  },
  EXPORT_AMBIGUOUS: {
    file: "test/commands/init.test.ts",
    title: "writes a configuration for two exports of one name that loads both",
  },
  EXPORT_NOT_FOUND: async (t) => {
    const project = await createProject(t, { aws_cur: { bucket_url: "bucket", prefix: "cru" } });
    await deliver(project.bucket, good);
    assert.match(
      await failing(project, "EXPORT_NOT_FOUND", "run"),
      /Compare `prefix` in \[sources\.aws_cur\] with the path/,
    );
    await works(await configure(project, curSection), "run");
  },
  FILE_CORRUPT: async (t) => {
    const project = await createProject(t, curSection);
    await deliver(
      project.bucket,
      withFile(good, 0, (bytes) => bytes.subarray(0, bytes.length - 6)),
    );
    assert.match(
      await failing(project, "FILE_CORRUPT", "run"),
      /^Copy the file again from where the cloud delivered it/,
    );
    await deliver(project.bucket, good);
    await works(project, "run");
  },
  FILE_INVALID: async (t) => {
    const project = await loaded(t);
    const list = join(project.folder, "list.csv");
    await writeFile(list, "number,sum\n900,6\n");
    const words = ["reconcile", month, "--invoices", "list.csv"];
    const header = /header such as (\S+), separated/.exec(await failing(project, "FILE_INVALID", ...words))?.[1];
    await writeFile(list, `${header?.replace("invoice_id", "billing_account")}\n0022222222222,6\n`);
    await works(project, ...words);
  },
  FILE_NOT_FOUND: async (t) => {
    const project = await loaded(t);
    const words = (file: string) => ["reconcile", month, "--invoices", file];
    assert.match(await failing(project, "FILE_NOT_FOUND", ...words("lists.csv")), /relative to the folder in which/);
    await writeFile(join(project.folder, "list.csv"), "billing_account,amount\n0022222222222,6\n");
    await works(project, ...words("list.csv"));
  },
  INTERRUPTED: {
    file: "test/end-to-end/library.test.ts",
    title: "an abort rolls back the month at work and keeps those that are done",
  },
  KEY_OUTSIDE_PREFIX: async (t) => {
    const project = await createProject(t, curSection);
    const manifest = JSON.parse(Buffer.from(good.objects.get(good.manifestKey) ?? []).toString()) as object;
    const outside = Buffer.from(JSON.stringify({ ...manifest, reportKeys: ["cur/../../outside.csv.gz"] }));
    await deliver(project.bucket, { ...good, objects: new Map([...good.objects, [good.manifestKey, outside]]) });
    assert.match(await failing(project, "KEY_OUTSIDE_PREFIX", "run"), /the manifest/);
    await deliver(project.bucket, good);
    await works(project, "run");
  },
  LIMIT_EXCEEDED: async (t) => {
    const section = { ...curSection["aws_cur"], unpacked_limit: "1 KB" };
    const project = await createProject(t, { aws_cur: section });
    const rows = curRows(month, ...Array.from({ length: 100 }, (_, index) => `${index}`));
    await deliver(project.bucket, curDelivery({ month, id: "20250203T000000Z", files: [rows] }));
    assert.match(await failing(project, "LIMIT_EXCEEDED", "run"), /unpacked_limit/);
    await works(await configure(project, { aws_cur: { ...section, unpacked_limit: "1 MB" } }), "run");
  },
  LOADED_ELSEWHERE: async (t) => {
    const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], dataset: "bills" } });
    await deliver(project.bucket, good);
    await works(project, "run");
    await configure(project, curSection);
    const hint = await failing(project, "LOADED_ELSEWHERE", "run");
    const [, key = "", command = ""] =
      /^Set (dataset = "bills") in \[sources\.aws_cur\].* billhouse (run .*)$/.exec(hint) ?? [];
    await works(project, ...command.split(" "));
    await rm(join(project.folder, "billhouse.duckdb"));
    await configure(project, { aws_cur: { ...curSection["aws_cur"], dataset: "bills" } });
    await works(project, "run");
    await writeFile(
      join(project.folder, "billhouse.toml"),
      `[sources.aws_cur]\nbucket_url = "bucket"\nprefix = "cur"\n${key}\n`,
    );
    assert.match(await works(project, "plan"), /unchanged/);
  },
  MANIFEST_INVALID: async (t) => {
    const project = await createProject(t, curSection);
    const objects = new Map([...good.objects, [good.manifestKey, Buffer.from('{"assemblyId": 5}')]]);
    await deliver(project.bucket, { ...good, objects });
    assert.match(await failing(project, "MANIFEST_INVALID", "run"), /^Check the file/);
    await deliver(project.bucket, good);
    await works(project, "run");
  },
  MONTH_MISMATCH: async (t) => {
    const project = await createProject(t, curSection);
    const rows = [...curRows(month, "1", "2"), ...curRows("2025-02", "3")];
    await deliver(project.bucket, curDelivery({ month, id: "20250203T000000Z", files: [rows] }));
    assert.match(await failing(project, "MONTH_MISMATCH", "run"), /--accept other-months/);
    await works(project, "run", "--accept", "other-months");
  },
  MONTH_SHRUNK: async (t) => {
    const project = await loaded(t);
    await deliver(project.bucket, curDelivery({ month, id: "20250303T000000Z", files: [curRows(month, "1")] }));
    const hint = await failing(project, "MONTH_SHRUNK", "run");
    assert.match(hint, /--accept shrink --month 2025-01/);
    await works(project, "run", "--accept", "shrink", "--month", month);
  },
  OBJECT_CHANGED: {
    file: "test/end-to-end/changing-files.test.ts",
    title: "the manifest, overwritten while its month is loaded: OBJECT_CHANGED, and the next run takes the new one",
  },
  OUTPUT_FAILED: async (t) => {
    const project = await loaded(t);
    const words = (file: string) => ["status", "--output", file];
    const { code, stderr } = await billhouse(project.folder, words("missing/status.txt"));
    assert.equal(code, 1);
    assert.match(stderr, /OUTPUT_FAILED\n {2}Free some space, or write the output to another place\./);
    await works(project, ...words("status.txt"));
  },
  PERIOD_MISSING: {
    file: "test/end-to-end/billing-periods.test.ts",
    title: "in a delivery over several months a row without a period fails; its hint is followed",
  },
  QUERY_INVALID: async (t) => {
    const project = await loaded(t);
    await failing(project, "QUERY_INVALID", "query", "SELECT count(*) FROM billing_data.aws_cru_data");
    await works(project, "query", "SELECT count(*) FROM billing_data.aws_cur_data");
  },
  ROWS_GONE: async (t) => {
    const project = await createProject(t, curSection);
    const load = async (id: string, cost: string): Promise<void> => {
      const files = [curRows(month, cost, "2")];
      await deliver(project.bucket, curDelivery({ month, id, files, shape: "overwrite" }));
      await works(project, "run");
    };
    await load("first", "1");
    await load("second", "3");
    const hint = await failing(project, "ROWS_GONE", "undo", "aws_cur", month);
    const kept = /keep_previous = (\d+) in \[sources\.aws_cur\] one more future load can be undone/.exec(hint)?.[1];
    await configure(project, { aws_cur: { ...curSection["aws_cur"], keep_previous: Number(kept) } });
    await load("third", "4");
    await works(project, "undo", "aws_cur", month);
  },
  ROW_COUNT_MISMATCH: async (t) => {
    const project = await createProject(t, { azure_billing: { bucket_url: "bucket", prefix: "exports" } });
    const files = [azureRows(month, "1", "2")];
    await deliver(project.bucket, azureDelivery({ month, id: "run", files, declared: { total: 5 } }));
    const hint = await failing(project, "ROW_COUNT_MISMATCH", "run");
    assert.match(hint, /--accept row-count/);
    await works(project, "run", "--accept", "row-count");
  },
  STATE_INVALID: async (t) => {
    const project = await loaded(t);
    await deliver(
      project.bucket,
      curDelivery({ month: "2025-02", id: "20250303T000000Z", files: [curRows("2025-02", "1")] }),
    );
    await works(project, "run");
    const newest = "_dlt_load_id = (SELECT max(_dlt_load_id) FROM billing_data._dlt_pipeline_state)";
    await change(project, `UPDATE billing_data._dlt_pipeline_state SET state = 'damaged' WHERE ${newest}`);
    assert.match(
      await failing(project, "STATE_INVALID", "run"),
      /^Remove this pipeline's newest row from _dlt_pipeline_state/,
    );
    await change(project, `DELETE FROM billing_data._dlt_pipeline_state WHERE ${newest}`);
    await works(project, "run");
  },
  STORAGE_NOT_FOUND: async (t) => {
    const project = await createProject(t, { aws_cur: { bucket_url: "bukcet", prefix: "cur" } });
    await deliver(project.bucket, good);
    await failing(project, "STORAGE_NOT_FOUND", "run");
    await works(await configure(project, curSection), "run");
  },
  STORAGE_UNSUPPORTED: async (t) => {
    // The configuration refuses an unknown scheme, so only a program that makes its own can cause it.
    const project = await createProject(t, curSection);
    await deliver(project.bucket, good);
    const pipelines = project.config.pipelines.map((pipeline) => ({ ...pipeline, bucketUrl: "oss://bucket" }));
    const { error } = onlyResult((await runProject({ ...project, config: { ...project.config, pipelines } })).finished);
    assert.equal(error?.code, "STORAGE_UNSUPPORTED");
    assert.match(error.hint, /Copy the bucket into a folder, keeping its paths, and give that folder as bucket_url\.$/);
    await runWell(project);
  },
  SUM_MISMATCH: async (t) => {
    // Other sums that differ are bugs of billhouse or of the database: their hint is to report them.
    const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], keep_previous: 1 } });
    for (const [id, rows] of [
      ["old", curRows(month, "1", "2")],
      ["new", curRows(month, "3", "4")],
    ] as const) {
      await deliver(project.bucket, curDelivery({ month, id, files: [rows], shape: "overwrite" }));
      await works(project, "run");
    }
    const set = (from: string, to: string): Promise<void> =>
      change(
        project,
        `UPDATE billing_data.aws_cur_data_previous SET line_item_unblended_cost = ${to} WHERE line_item_unblended_cost = ${from}`,
      );
    await set("1", "9");
    assert.match(await failing(project, "SUM_MISMATCH", "undo", "aws_cur", month), /undo its changes, then run again/);
    await set("9", "1");
    await works(project, "undo", "aws_cur", month);
  },
  TABLE_UNUSABLE: async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, good);
    const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
    const connection = await instance.connect();
    await connection.run(
      "CREATE SCHEMA billing_data; CREATE VIEW billing_data.aws_cur_data AS SELECT TIMESTAMP '2025-01-01' AS bill_billing_period_start_date",
    );
    connection.closeSync();
    instance.closeSync();
    assert.match(await failing(project, "TABLE_UNUSABLE", "run"), /set table_name in the section of the export/);
    await works(await configure(project, { aws_cur: { ...curSection["aws_cur"], table_name: "cur" } }), "run");
    const indexed = await loaded(t);
    await change(indexed, "CREATE UNIQUE INDEX own ON billing_data.aws_cur_data (identity_line_item_id)");
    // Line items can repeat.
    const repeated = curRows(month, "1", "2", "4").map((row) => ({ ...row, "identity/LineItemId": "same" }));
    await deliver(indexed.bucket, curDelivery({ month, id: "20250303T000000Z", files: [repeated] }));
    assert.match(await failing(indexed, "TABLE_UNUSABLE", "run"), /^Drop the index or constraint, .*, then run again/);
    await change(indexed, "DROP INDEX billing_data.own");
    await works(indexed, "run");
  },
  TYPE_MISMATCH: async (t) => {
    const project = await loaded(t);
    await change(project, "ALTER TABLE billing_data.aws_cur_data ALTER bill_billing_period_start_date TYPE VARCHAR");
    const hint = await failing(project, "TYPE_MISMATCH", "run", "--force");
    assert.match(hint, /load into a new table\.$/);
    await works(await configure(project, { aws_cur: { ...curSection["aws_cur"], table_name: "fresh" } }), "run");
  },
  USAGE_INVALID: async (t) => {
    const project = await loaded(t);
    const meant = /Did you mean (\w+)\?/.exec(await failing(project, "USAGE_INVALID", "run", "aws_cru"))?.[1];
    await works(project, "run", meant ?? "");
    assert.match(
      await failing(project, "USAGE_INVALID", "state", "forget", "aws_cur"),
      /billhouse state forget aws_cur --all/,
    );
    await works(project, "state", "forget", "aws_cur", "--all");
  },
  VALUE_INVALID: async (t) => {
    const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], null_values: ["n/a"] } });
    const other = await createProject(t, curSection);
    const row = curRow(month, { "lineItem/UsageAmount": "n/a" });
    const delivery = curDelivery({ month, id: "20250203T000000Z", files: [[row]] });
    for (const { bucket } of [project, other]) await deliver(bucket, delivery);
    assert.match(await failing(other, "VALUE_INVALID", "run"), /null_values = \["n\/a"\]/);
    await works(project, "run");
  },
  FOCUS_NAME_TAKEN: async (t) => {
    const project = await loaded(t);
    await change(project, "DROP VIEW focus_costs; CREATE TABLE focus_costs AS SELECT 1 AS x");
    assert.match(await failing(project, "FOCUS_NAME_TAKEN", "run"), /^Rename or drop the object, then run again\./);
    await change(project, "ALTER TABLE focus_costs RENAME TO costs_of_mine");
    await works(project, "run");
    await works(project, "query", "SELECT SUM(BilledCost) FROM focus_costs");
  },
  FOCUS_TABLE_MISSING: async (t) => {
    const project = await loaded(t);
    const file = join(project.folder, "billhouse.toml");
    await writeFile(file, `${await readFile(file, "utf8")}[focus.tables.lake]\ntable = "lake.costs"\n`);
    assert.match(await failing(project, "FOCUS_TABLE_MISSING", "run"), /^Correct the address in \[focus\.tables\]/);
    await change(
      project,
      "CREATE SCHEMA lake; CREATE TABLE lake.costs (BilledCost DECIMAL(9,2), BillingPeriodStart DATE)",
    );
    await works(project, "run");
  },
  FOCUS_SUM_MISMATCH: async (t) => {
    const project = await createProject(t, curSection);
    // The bill contradicts itself: a part of a split line has no cost of its own.
    const parent = "splitLineItem/ParentResourceId";
    const row = curRow(month, { "lineItem/UnblendedCost": "2", [parent]: "i-1" });
    await deliver(
      project.bucket,
      curDelivery({ month, id: "20250203T000000Z", columns: [...curColumns, parent], files: [[row]] }),
    );
    assert.match(
      await failing(project, "FOCUS_SUM_MISMATCH", "run"),
      /use the table billing_data\.aws_cur_data for this month\.$/,
    );
    await works(project, "query", "SELECT SUM(line_item_unblended_cost) FROM billing_data.aws_cur_data");
  },
  WAREHOUSE_FULL: async (t) => {
    const project = await createProject(t, curSection);
    const costs = Array.from({ length: 5000 }, (_, index) => `${index}`);
    await deliver(project.bucket, curDelivery({ month, id: "large", files: [curRows(month, ...costs)] }));
    const file = join(project.folder, "billhouse.toml");
    const source = await readFile(file, "utf8");
    await writeFile(file, `${source}[destination.duckdb]\nmemory_limit = "1MB"\n`);
    assert.match(await failing(project, "WAREHOUSE_FULL", "run"), /^Raise memory_limit, .*, then run again\.$/);
    await writeFile(file, `${source}[destination.duckdb]\nmemory_limit = "1GB"\n`);
    await works(project, "run");
    await deliver(project.bucket, curDelivery({ month, id: "larger", files: [curRows(month, ...costs, ...costs)] }));
    // The shell's limit on the size of files stands in for a full disk.
    const cli = join(import.meta.dirname, "..", "src", "cli.ts");
    const limited = `ulimit -f 200; trap '' XFSZ; exec "${process.execPath}" "${cli}" run`;
    const { status, stdout } = spawnSync("sh", ["-c", limited], { cwd: project.folder, encoding: "utf8" });
    assert.ok(status !== 0 && stdout.includes("WAREHOUSE_FULL"), stdout);
    assert.match(stdout.replaceAll(/\s+/g, " "), /Free some space on the disk of the database, then run again/);
    await works(project, "run");
  },
  WAREHOUSE_LOCKED: async (t) => {
    const project = await loaded(t);
    const hold = `import { DuckDBInstance } from "@duckdb/node-api";
      const instance = await DuckDBInstance.create(${JSON.stringify(join(project.folder, "billhouse.duckdb"))});
      const connection = await instance.connect();
      console.log("open");
      setInterval(() => connection, 1000);`;
    const holder = spawn(process.execPath, ["--input-type=module", "--eval", hold], { cwd: import.meta.dirname });
    t.after(() => holder.kill("SIGKILL"));
    await once(holder.stdout, "data");
    const hint = await failing(project, "WAREHOUSE_LOCKED", "run");
    const stopped = Number(
      /^Wait until it has finished \(or stop the process (\d+)\), then run again\./.exec(hint)?.[1],
    );
    assert.equal(stopped, holder.pid);
    holder.kill();
    await once(holder, "exit");
    await works(project, "run");
  },
  WAREHOUSE_NOT_FOUND: async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, good);
    for (const words of [["connect"], ["query", "SELECT 1"]]) {
      await rm(join(project.folder, "billhouse.duckdb"), { force: true });
      await rm(join(project.folder, "billhouse.read.duckdb"), { force: true });
      assert.match(await failing(project, "WAREHOUSE_NOT_FOUND", ...words), /billhouse run\b/);
      await works(project, "run");
      await works(project, ...words);
    }
  },
  WAREHOUSE_UNSUPPORTED: async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, good);
    const database = join(project.folder, "billhouse.duckdb");
    await writeFile(database, "not a database ".repeat(1000));
    assert.match(await failing(project, "WAREHOUSE_UNSUPPORTED", "run"), /to another file, or move this one away\.$/);
    await rename(database, `${database}.old`);
    await works(project, "run");
  },
};

describe("each hint, followed, works", () => {
  test("every error code has a trial", () => {
    assert.deepEqual(Object.keys(trials).toSorted(), [...errorCodes].toSorted());
  });

  for (const code of errorCodes) {
    const trial = trials[code];
    if (typeof trial === "function") test(code, trial);
    else {
      test(`${code}: in ${trial.file}`, () => {
        const source = readFileSync(join(import.meta.dirname, "..", trial.file), "utf8");
        const [, test = ""] = source.split(`test("${trial.title}"`);
        assert.match(
          trial.title + (test.split(/\n\s*test\(/)[0] ?? ""),
          /\bhint\b/,
          `${trial.file} follows it in "${trial.title}"`,
        );
      });
    }
  }
});
