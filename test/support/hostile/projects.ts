import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunEvent } from "../../../src/index.ts";
import { loadConfig } from "../../../src/index.ts";
import type { ErrorCode } from "../../../src/errors.ts";
import { curDelivery, curRows, deliver, type CurOptions, type Delivery } from "../deliveries.ts";
import {
  createProject,
  curSection,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  snapshotMonths,
  type Project,
} from "../projects.ts";
import { parseResult } from "../json.ts";

/** A sound delivery of one row that costs this much. */
export function soundDelivery(month: string, id: string, cost: string, more: Partial<CurOptions> = {}): Delivery {
  return curDelivery({ month, id, files: [curRows(month, cost)], ...more });
}

/** The column of the billing month, and the table, of the projects here. */
export const partition = "bill_billing_period_start_date";

/** The table of the projects here. */
export const table = "billing_data.aws_cur_data";

/** Something hostile, delivered for a month that is loaded already, and what must come of it. */
export interface HostileCase {
  readonly code: ErrorCode;
  readonly delivery: (month: string, id: string) => Delivery | Promise<Delivery>;
  /** What the message must say. */
  readonly says?: RegExp;
}

/**
 * Loads a month of one row for every case and one more; then delivers the hostile ones, and for the last month something
 * sound; runs again. Requires that every hostile month failed with its code, in a message that can be shown, and kept its
 * rows, receipts and state, while the sound one was replaced.
 */
export async function refusesEach(
  t: TestContext,
  cases: Readonly<Record<string, HostileCase>>,
  settings = "",
): Promise<{ readonly project: Project; readonly messages: ReadonlyMap<string, string> }> {
  const project = await withSettings(await createProject(t, curSection), settings);
  const named = Object.entries(cases).map(([name, one], index) => ({ name, month: monthAt(index), ...one }));
  for (const { month } of named) await deliver(project.bucket, soundDelivery(month, `${month}-a`, "1.5"));
  await deliver(project.bucket, soundDelivery("2025-01", "sound-a", "1.5"));
  await runWell(project);
  const before = await snapshotMonths(project, table, partition);
  for (const { month, delivery } of named) await deliver(project.bucket, await delivery(month, "evil"));
  await deliver(project.bucket, soundDelivery("2025-01", "sound-b", "2.5"));
  const result = onlyResult((await runProject(project)).finished);
  const failures = new Map(result.failed.map(({ billingMonth, code, message }) => [billingMonth, { code, message }]));
  const messages = new Map<string, string>();
  for (const { name, month, code, says } of named) {
    const failure = failures.get(month);
    assert.ok(failure !== undefined, `${name}: was not refused`);
    assert.equal(failure.code, code, `${name}: ${failure.message.slice(0, 500)}`);
    assert.ok(failure.message.length < 4000, `${name}: a message of ${failure.message.length} characters`);
    if (says !== undefined) assert.match(failure.message, says, name);
    messages.set(name, failure.message);
  }
  assert.deepEqual(outcomes({ ...result, failed: [] }), ["2025-01 restated sound-b"]);
  const after = await snapshotMonths(project, table, partition);
  for (const { name, month } of named) assert.deepEqual(after.get(month), before.get(month), name);
  return { project, messages };
}

function monthAt(index: number): string {
  return `${2015 + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, "0")}`;
}

/** A project in which January and February are loaded, with one row each. */
export async function loadedProject(t: TestContext): Promise<Project> {
  const project = await createProject(t, curSection);
  for (const month of ["2025-01", "2025-02"]) await deliver(project.bucket, soundDelivery(month, `${month}-a`, "1.5"));
  await runWell(project);
  return project;
}

/** The delivery with another text in its manifests. */
export function withManifest(delivery: Delivery, change: (text: string) => string | Uint8Array): Delivery {
  const objects = new Map(delivery.objects);
  for (const [key, bytes] of objects) {
    if (delivery.fileKeys.includes(key)) continue;
    const text = change(Buffer.from(bytes).toString("utf8"));
    objects.set(key, Buffer.from(text));
  }
  return { ...delivery, objects };
}

/** The delivery with other fields in its manifests. */
export function withFields(delivery: Delivery, fields: Readonly<Record<string, unknown>>): Delivery {
  return withManifest(delivery, (text) => JSON.stringify({ ...(JSON.parse(text) as object), ...fields }));
}

/** What a bounded child process left. */
export interface BoundedRun {
  readonly code: number | null;
  readonly events: readonly RunEvent[];
  readonly stderr: string;
  /** The most memory that it had, in MB. */
  readonly memory: number;
  readonly seconds: number;
}

/**
 * Runs `billhouse run --json` in a process whose JavaScript heap has so many MB, DuckDB 512 MB and 2 threads. A run that
 * takes longer than the limit is killed, and the test fails.
 */
export async function runBounded(project: Project, heap: number, limit: number): Promise<BoundedRun> {
  const cli = fileURLToPath(new URL("../../../src/cli.ts", import.meta.url));
  const record = join(project.folder, "memory");
  const preload = `process.on("exit", () => fs.writeFileSync(${JSON.stringify(record)}, String(process.resourceUsage().maxRSS)));import fs from "node:fs";`;
  const flags = [`--max-old-space-size=${heap}`, "--import", `data:text/javascript,${encodeURIComponent(preload)}`];
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/__|^NODE_TEST/.test(name)));
  const started = performance.now();
  const child = spawn(process.execPath, [...flags, cli, "run", "--json"], { cwd: project.folder, env: environment });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const stop = new AbortController();
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const late = sleep(limit * 1000, "late" as const, { signal: stop.signal }).catch(() => "late" as const);
  const code = await Promise.race([ended, late]);
  stop.abort();
  if (code === "late") {
    child.kill("SIGKILL");
    await ended;
    assert.fail(`the run took more than ${limit} seconds`);
  }
  const lines = stdout.split("\n").filter((line) => line !== "");
  const memory = Number(await readFile(record, "utf8").catch(() => "NaN")) / 1024;
  const seconds = (performance.now() - started) / 1000;
  return { code, events: lines.map((line) => parseResult(line) as RunEvent), stderr, memory, seconds };
}

/** The project with lines at the end of its configuration. */
export async function withSettings(project: Project, lines: string): Promise<Project> {
  await appendFile(join(project.folder, "billhouse.toml"), `${lines}\n`);
  return { ...project, config: await loadConfig({ folder: project.folder, environment: {} }) };
}

/** What was drawn, without what billhouse itself says to the terminal: colours, and the block that it draws again. */
export function withoutLooks(text: string): string {
  return text.replaceAll(looks, "");
}

const looks = new RegExp(String.raw`\u001b\[(?:[\d;]*[mKAGJ]|\?25[hl])|\r`, "g");
