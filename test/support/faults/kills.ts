import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { randomFrom } from "../../../demo/random.ts";
import { forget, loadConfig, run } from "../../../src/index.ts";
import { readBooks, type Books } from "./books.ts";
import { runBillhouse, startBillhouse } from "./child.ts";
import { databaseName, readCopyName, startTrial, type Scenario } from "./scenarios.ts";

/** What a kill left, by months that the run changes. */
export interface TrialResult {
  /** The last point that was reached. */
  readonly moment: string;
  /** Months that were as the run would leave them in the database, of those that it changes. */
  readonly changed: string;
  /** The same for readers. */
  readonly published: string;
}

/** Kills a run at the n-th time that it reaches a point, and lets it heal. Throws what did not hold. */
export async function killAtPoint(
  scenario: Scenario,
  folder: string,
  kill: { readonly point: string; readonly nth: number },
): Promise<TrialResult> {
  await startTrial(scenario, folder);
  const ended = await runBillhouse(folder, scenario.words, { kill });
  assert.equal(ended.signal, "SIGKILL", `${kill.point} ${kill.nth} was reached; on stderr: ${ended.stderr}`);
  return examine(scenario, folder, `${kill.point} ${kill.nth}`);
}

/** A kill at a random moment. */
export interface RandomResult extends TrialResult {
  /** Milliseconds after the start of the process. */
  readonly delay: number;
  /** How often the run had ended before, so that an earlier moment had to be taken. */
  readonly tooLate: number;
}

/**
 * Kills a run from outside at a moment that the seed decides, between the start of the process and the time that the
 * undisturbed run took, and lets it heal. A run that ended before it was killed does not count: the moment is moved
 * forward until the kill lands.
 */
export async function killAtRandom(scenario: Scenario, folder: string, seed: number): Promise<RandomResult> {
  let delay = Math.round(randomFrom(`kill ${seed}`).between(0.1, 1) * scenario.duration);
  for (let tooLate = 0; ; tooLate += 1) {
    await startTrial(scenario, folder);
    const record = `${folder}.points`;
    await rm(record, { force: true });
    const child = startBillhouse(folder, scenario.words, { record });
    const ended = await Promise.race([child.ended, sleep(delay)]);
    child.process.kill("SIGKILL");
    const { signal, code, stderr } = ended ?? (await child.ended);
    if (signal !== "SIGKILL") {
      assert.equal(code, 0, stderr);
      delay = Math.floor(delay * 0.8);
      continue;
    }
    const reached = (await readFile(record, "utf8").catch(() => "")).trimEnd().split("\n");
    const moment = reached.at(-1) || "none";
    return { ...(await examine(scenario, folder, moment)), delay, tooLate };
  }
}

/** Looks at what a killed run left, runs again undisturbed, and compares with a run that was never disturbed. */
async function examine(scenario: Scenario, folder: string, moment: string): Promise<TrialResult> {
  const { old, undisturbed } = scenario;
  const look = `${folder}.look`;
  await rm(look, { recursive: true, force: true });
  await mkdir(look);
  // To open the files would already change what the next run finds.
  for (const name of await readdir(folder)) {
    if (name.startsWith(databaseName) && !name.endsWith(".tmp")) await cp(join(folder, name), join(look, name));
  }
  const left = await readBooks(join(look, databaseName));
  const read = await readBooks(join(folder, readCopyName));
  assert.deepEqual(left?.faults ?? [], []);
  assert.deepEqual(read?.faults ?? [], []);
  if (old !== undefined) assert.ok(read !== undefined, "readers have a database at any time");
  const changed = wholeMonths(left, scenario);
  const published = wholeMonths(read, scenario);

  const summaries = left?.summaries ?? {};
  await heal(scenario, folder);
  const healed = await readBooks(join(folder, databaseName));
  assert.ok(healed);
  assert.deepEqual(healed.faults, []);
  assert.deepEqual(healed.months, undisturbed.months);
  assert.deepEqual(healed.columns, undisturbed.columns);
  assert.deepEqual(healed.registry, undisturbed.registry);
  // Every run that came so far writes one summary, so the one that was killed may have written its own.
  for (const [table, count] of Object.entries(healed.summaries)) {
    const expected = scenario.words[0] === "run" ? (summaries[table] ?? 0) + 1 : (undisturbed.summaries[table] ?? 0);
    assert.equal(count, expected, `summaries of ${table}`);
  }
  const seen = await readBooks(join(folder, readCopyName));
  // Readers may see the summary of a run that changed nothing later.
  assert.deepEqual({ ...seen, summaries: {} }, { ...healed, summaries: {} }, "the read copy is the database");
  assert.deepEqual((await readdir(folder)).toSorted(), [databaseName, readCopyName, "billhouse.toml"].toSorted());
  await rm(look, { recursive: true });
  return { moment, changed, published };
}

/**
 * How many of the months that the run changes are as it leaves them, as `1 of 2`. Throws when another one is not as it
 * was before.
 */
export function wholeMonths(
  books: Books | undefined,
  { old, undisturbed }: { readonly old: Books | undefined; readonly undisturbed: Books },
): string {
  const months = Object.keys(undisturbed.months);
  for (const month of Object.keys(books?.months ?? {})) assert.ok(months.includes(month), `nobody asked for ${month}`);
  let [changing, changed] = [0, 0];
  for (const month of months) {
    const [before, now, after] = [old, books, undisturbed].map((each) => JSON.stringify(each?.months[month]));
    if (now !== before && now !== after) assert.fail(`${month} is neither old nor new:\n${before}\n${now}\n${after}`);
    if (before === after) continue;
    changing += 1;
    if (now === after) changed += 1;
  }
  return `${changed} of ${changing}`;
}

async function heal({ words }: Scenario, folder: string): Promise<void> {
  const config = await loadConfig({ folder, environment: {} });
  if (words[0] === "state") {
    await forget(config, words[2] ?? "", { all: true });
    return;
  }
  for await (const event of run(config)) {
    if (event.event === "month_failed" || event.event === "pipeline_failed") assert.fail(JSON.stringify(event));
  }
}
