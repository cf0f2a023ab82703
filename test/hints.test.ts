import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { claimFolder } from "../demo/buckets.ts";
import { type ErrorCode, errorCodes } from "../src/errors.ts";
import { azureDelivery, azureRows, curDelivery, curRow, curRows, deliver, withFile } from "./support/deliveries.ts";
import { temporaryFolder } from "./support/folders.ts";
import { billhouse } from "./support/in-process.ts";
import { configure, createProject, curSection, type Project } from "./support/projects.ts";
import { rejects } from "./support/rejects.ts";

/** How the hint of a code is followed. */
type Trial =
  /** Causes the error, does what the hint says, and requires that it works. */
  | ((t: TestContext) => Promise<void>)
  /** A test that does so, by file and title. */
  | { readonly file: string; readonly title: string }
  /** Why it cannot be tried on a machine without the service. */
  | { readonly impossible: string };

const month = "2025-01";
const good = curDelivery({ month, id: "20250203T000000Z", files: [curRows(month, "1", "2", "3")] });

/** The error that a command ends with, as `--json` writes it. */
async function failing(
  project: Pick<Project, "folder">,
  code: ErrorCode,
  ...words: readonly string[]
): Promise<string> {
  const { stdout, stderr } = await billhouse(project.folder, [...words, "--json"], {}, { now: new Date() });
  const found = stdout
    .split("\n")
    .filter((line) => line.startsWith("{") || line.startsWith(" "))
    .join("\n");
  const hint = new RegExp(`"code": ?"${code}"[^]*?"hint": ?("(?:[^"\\\\]|\\\\.)*")`).exec(found)?.[1];
  assert.ok(hint !== undefined, `${words.join(" ")} fails with ${code}: ${stdout}${stderr}`);
  return JSON.parse(hint) as string;
}

/** Requires that a command succeeds. */
async function works(project: Pick<Project, "folder">, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await billhouse(project.folder, words, {}, { now: new Date() });
  assert.equal(code, 0, `${words.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

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

const cloud =
  "It needs the login or the permissions of a real cloud; the strict servers of test/servers check its cause.";

const trials: Readonly<Record<ErrorCode, Trial>> = {
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
  CREDENTIALS_INVALID: { impossible: cloud },
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
  LOCATION_MISMATCH: { impossible: "One BigQuery query cannot be split by following a hint: its author does that." },
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
  OUTPUT_FAILED: {
    file: "test/demo/demo.test.ts",
    title: "fail with a code in a folder that cannot be written to",
  },
  PARTITION_EXPIRED: { impossible: "Its hint is a command of Google's bq tool." },
  PERIOD_MISSING: {
    file: "test/end-to-end/billing-periods.test.ts",
    title: "in a delivery over several months a row without a period fails; its hint is followed",
  },
  QUERY_INVALID: async (t) => {
    const project = await loaded(t);
    await failing(project, "QUERY_INVALID", "query", "SELECT count(*) FROM billing_data.aws_cru_data");
    await works(project, "query", "SELECT count(*) FROM billing_data.aws_cur_data");
  },
  ROWS_GONE: {
    file: "test/end-to-end/undo.test.ts",
    title: "when the rows no longer exist, and says how the next load can be undone",
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
  STORAGE_DENIED: { impossible: cloud },
  STORAGE_NOT_FOUND: async (t) => {
    const project = await createProject(t, { aws_cur: { bucket_url: "bukcet", prefix: "cur" } });
    await deliver(project.bucket, good);
    await failing(project, "STORAGE_NOT_FOUND", "run");
    await works(await configure(project, curSection), "run");
  },
  STORAGE_UNAVAILABLE: { impossible: "Its hint is to run again once the storage or the network is back." },
  STORAGE_UNSUPPORTED: { impossible: "The configuration refuses an unknown scheme first; only programs can cause it." },
  SUM_MISMATCH: { impossible: "It is a bug of billhouse or of the database, and its hint is to report it." },
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
  WAREHOUSE_DENIED: { impossible: "Its hints grant rights in Google Cloud or in the operating system." },
  WAREHOUSE_FULL: { impossible: "Its hint is to free space on the disk, or to give DuckDB more memory." },
  WAREHOUSE_LOCKED: {
    file: "test/end-to-end/concurrency.test.ts",
    title: "a command that writes fails with the process that has the database open; commands that read do not wait",
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
  WAREHOUSE_UNAVAILABLE: { impossible: "Its hint is to run again once BigQuery or the network is back." },
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
    else if ("file" in trial) {
      test(`${code}: in ${trial.file}`, () => {
        const source = readFileSync(join(import.meta.dirname, "..", trial.file), "utf8");
        assert.ok(source.includes(`"${trial.title}"`), `${trial.file} has the test "${trial.title}"`);
      });
    }
  }
});
