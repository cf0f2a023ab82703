import { spawn } from "node:child_process";
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { loadConfig, query, run, showState, type Config, type RunOptions } from "../../src/index.ts";
import type { PipelineResult, RunEvent, RunFinished } from "../../src/index.ts";
import { compareDecimals } from "../../src/schema/decimals.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { type QueryRow, requireCapability } from "../../src/warehouses/warehouse.ts";
import { temporaryFolder } from "./folders.ts";
import { billhouse as billhouseHere, oneThread } from "./in-process.ts";
import { parseResult } from "./json.ts";

/** A folder with a `billhouse.toml`, a bucket and, after a run, a database: what a user of billhouse has. */
export interface Project {
  readonly folder: string;
  /** The folder that stands for the bucket. */
  readonly bucket: string;
  readonly config: Config;
}

/** The keys of `[sources.<name>]`, by name. */
export type Sections = Readonly<Record<string, Readonly<Record<string, string | number | readonly string[]>>>>;

/** The section that most tests need: `[sources.aws_cur]` over the project's own bucket. */
export const curSection: Sections = { aws_cur: { bucket_url: "bucket", prefix: "cur" } };

/** The same for Azure. */
export const azureSection: Sections = { azure_billing: { bucket_url: "bucket", prefix: "exports" } };

/** A new project with these sections. */
export async function createProject(t: Pick<TestContext, "after">, sections: Sections): Promise<Project> {
  const folder = await temporaryFolder(t as TestContext);
  const bucket = join(folder, "bucket");
  await mkdir(bucket);
  return configure({ folder, bucket }, sections);
}

/** The project with other sections. */
export async function configure(project: Omit<Project, "config">, sections: Sections): Promise<Project> {
  const lines = Object.entries(sections).flatMap(([name, keys]) => [
    `[sources.${name}]`,
    ...Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
  ]);
  await writeFile(join(project.folder, "billhouse.toml"), `${lines.join("\n")}\n`);
  return { ...project, config: await loadConfig({ folder: project.folder, environment: oneThread }) };
}

/** The events of a run through the library. */
export interface RunStory {
  readonly events: readonly RunEvent[];
  readonly finished: RunFinished;
}

/** Runs through the library; `hear` is called with each event. */
export async function runProject(
  project: Project,
  options: RunOptions = {},
  hear: (event: RunEvent) => void = () => {},
): Promise<RunStory> {
  const events: RunEvent[] = [];
  for await (const event of run(project.config, options)) {
    events.push(event);
    hear(event);
  }
  return { events, finished: finishedOf(events) };
}

/** Runs, and requires that no month and no pipeline failed. */
export async function runWell(project: Project, options: RunOptions = {}): Promise<PipelineResult> {
  const { finished } = await runProject(project, options);
  for (const pipeline of finished.pipelines) {
    assert.deepEqual({ failed: pipeline.failed, error: pipeline.error }, { failed: [], error: undefined });
  }
  return onlyResult(finished);
}

/** The result of the only pipeline, or of the one that is named. */
export function onlyResult(finished: RunFinished, name?: string): PipelineResult {
  const [result, ...others] = finished.pipelines.filter((pipeline) => name === undefined || pipeline.name === name);
  assert.ok(result !== undefined && others.length === 0, "there is one such pipeline");
  return result;
}

/** What happened to each month: `2025-03 failed VALUE_INVALID`, in the order of months. */
export function outcomes(result: PipelineResult): string[] {
  const kept = (action: "unchanged" | "waiting" | "refused"): string[] =>
    result[action].map(({ billingMonth, executionId }) => `${billingMonth} ${action} ${executionId}`);
  return [
    ...result.loaded.map(({ billingMonth, action, executionId }) => `${billingMonth} ${action} ${executionId}`),
    ...kept("unchanged"),
    ...kept("waiting"),
    ...kept("refused"),
    ...result.failed.map(({ billingMonth, code }) => `${billingMonth} failed ${code}`),
    ...(result.error === undefined ? [] : [`error ${result.error.code}`]),
  ].toSorted();
}

/** What the command line left behind; the code of a process that was killed is null. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the command line in the project's folder, in this process. With `preload`, JavaScript that runs before it, it is a
 * process of its own.
 */
export function billhouse(
  project: Pick<Project, "folder">,
  words: readonly string[],
  preload?: string,
): Promise<Ended> {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(SOURCES|DESTINATION)__|^NODE_TEST/.test(name)),
  );
  if (preload === undefined) return billhouseHere(project.folder, words, environment, { now: new Date() });
  const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
  const flags = ["--import", `data:text/javascript,${encodeURIComponent(preload)}`];
  const child = spawn(process.execPath, [...flags, cli, ...words], { cwd: project.folder, env: environment });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Runs `billhouse run --json` and gives its exit code with its last event. */
export async function runByCommand(
  project: Project,
  words: readonly string[] = [],
  preload?: string,
): Promise<RunStory & { readonly code: number | null }> {
  const { code, stdout, stderr } = await billhouse(project, ["run", "--json", ...words], preload);
  const lines = stdout.split("\n").filter((line) => line !== "");
  assert.ok(lines.length > 0, `the run printed nothing; on stderr: ${stderr}`);
  const events = lines.map((line) => parseResult(line) as RunEvent);
  return { code, events, finished: finishedOf(events) };
}

function finishedOf(events: readonly RunEvent[]): RunFinished {
  const last = events.at(-1);
  assert.ok(last?.event === "run_finished", `the last event is run_finished, not ${JSON.stringify(last)}`);
  return last;
}

/** The rows of a question, asked as readers ask: on the read copy. */
export async function ask(project: Project, sql: string): Promise<QueryRow[]> {
  const rows: QueryRow[] = [];
  for await (const row of query(project.config, { sql })) rows.push(row);
  return rows;
}

/** Rows and cost of each month as the table has them, by the read copy: `2025-01` to `[rows, sum]`. */
export async function monthsOfTable(
  project: Project,
  table: string,
  columns: { readonly partition: string; readonly cost: string },
): Promise<Record<string, readonly [rows: number, sum: string]>> {
  const { partition, cost } = columns;
  const rows = await ask(
    project,
    `SELECT strftime("${partition}", '%Y-%m') AS month, count(*) AS rows, CAST(sum("${cost}") AS VARCHAR) AS sum FROM ${table} GROUP BY 1 ORDER BY 1`,
  );
  return Object.fromEntries(rows.map((row) => [String(row["month"]), [Number(row["rows"]), String(row["sum"])]]));
}

/** Everything that the database itself holds of one month: its rows, its tracking rows, and its entry in dlt's state. */
export interface MonthSnapshot {
  readonly rows: readonly string[];
  readonly tracking: readonly string[];
  readonly state: string;
}

/** Takes the snapshot of a month; `partition` is the table column that carries it. */
export async function snapshotMonth(
  project: Project,
  table: string,
  partition: string,
  month: string,
): Promise<MonthSnapshot> {
  return (await snapshotMonths(project, table, partition)).get(month) ?? { rows: [], tracking: [], state: "[]" };
}

/** Takes the snapshots of all months that are in the table, its tracking table or its state. */
export async function snapshotMonths(
  project: Project,
  table: string,
  partition: string,
): Promise<ReadonlyMap<string, MonthSnapshot>> {
  const statements = [
    [`strftime("${partition}", '%Y-%m')`, table],
    ["billing_month", `${table}_load_tracking`],
  ].map(([of, from]) => `SELECT ${of} AS snapshot_month, * FROM ${from} ORDER BY ALL`);
  const [rows = new Map<string, string[]>(), tracking = new Map<string, string[]>()] = (
    await textsOf(project, statements)
  ).map((texts) =>
    Map.groupBy(texts, (text) => (JSON.parse(text) as { snapshot_month?: string }).snapshot_month ?? ""),
  );
  const { pipelines } = await showState(project.config);
  const entries = pipelines.filter((pipeline) => pipeline.table === table).flatMap(({ months }) => months);
  const state = Map.groupBy(entries, ({ billingMonth }) => billingMonth);
  // Run summaries do not belong to a month.
  const months = [...rows.keys(), ...tracking.keys(), ...state.keys()].filter((month) => month !== "");
  return new Map(
    months.map((month) => [
      month,
      {
        rows: rows.get(month) ?? [],
        tracking: tracking.get(month) ?? [],
        state: JSON.stringify(state.get(month) ?? []),
      },
    ]),
  );
}

/** Everything that the database holds beside the bill's own rows: dlt's tables, the commit lock and the tracking table. */
export async function snapshotLedger(project: Project, table: string): Promise<Record<string, readonly string[]>> {
  const dataset = table.split(".")[0] ?? "";
  const names = ["_dlt_pipeline_state", "_dlt_loads", "_billhouse_lease", "_billhouse_columns"];
  const tables = [...names.map((name) => `${dataset}.${name}`), `${table}_load_tracking`];
  const texts = await textsOf(
    project,
    tables.map((name) => `SELECT * FROM ${name} ORDER BY ALL`),
  );
  return Object.fromEntries(tables.map((name, position) => [name, texts[position] ?? []]));
}

/** The rows of a question on the database itself, each as JSON text without the columns that are NULL. */
export async function textRows(project: Project, sql: string): Promise<string[]> {
  return (await textsOf(project, [sql]))[0] ?? [];
}

async function textsOf(project: Project, statements: readonly string[]): Promise<string[][]> {
  const warehouse = await openWarehouse(project.config.warehouse, "read");
  try {
    const texts: string[][] = [];
    for (const sql of statements) {
      const rows: string[] = [];
      for await (const row of requireCapability(warehouse, "query")(sql)) {
        rows.push(JSON.stringify(Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))));
      }
      texts.push(rows);
    }
    return texts;
  } finally {
    await warehouse.close();
  }
}

/** Requires two decimals to be the same number, exactly. */
export function sameDecimal(actual: string | undefined, expected: string, what: string): void {
  assert.ok(actual !== undefined, `${what} is missing`);
  assert.equal(compareDecimals(actual, expected), 0, `${what}: ${actual} is ${expected}`);
}
