import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { advance, passTime, startProgress, type Progress } from "../../src/commands/progress.ts";
import { estimate, formatLeft, startEstimate } from "../../src/commands/remaining.ts";
import type { LoadPhase, RunEvent } from "../../src/pipeline/events.ts";
import { finished, wholeMonth } from "../support/recorded.ts";

const month = { name: "bench", billingMonth: "2026-08" };
const bytes = 237_383_866;

/** A line of the recorded load of 1,000,000 rows: milliseconds, what happened, and figures. */
type Recorded = readonly [number, string, ...number[]];

function eventOf([, what, ...figures]: Recorded): RunEvent {
  const [first = 0, inserted = 0, share = 0] = figures;
  switch (what) {
    case "month_planned": {
      const plan = { action: "new", reason: "", executionId: "one", ...wholeMonth, files: 5, bytes } as const;
      return { event: "month_planned", ...month, ...plan };
    }
    case "file_read":
      return { event: "file_read", ...month, key: "a.csv.gz", rows: 200_000, bytes: first };
    case "month_loaded": {
      const [loaded] = finished.pipelines.flatMap((pipeline) => pipeline.loaded);
      assert.ok(loaded);
      return { event: "month_loaded", ...loaded, ...month };
    }
    case "publishing":
      return { event: "publishing" };
    default: {
      const done = { bytesRead: first, bytesInserted: inserted, share, jobs: null };
      return { event: "month_progress", ...month, phase: what as LoadPhase, ...done };
    }
  }
}

/** The progress at each redraw of the recorded load, ten times a second. */
async function redraws(): Promise<readonly { readonly time: number; readonly progress: Progress }[]> {
  const file = new URL("../fixtures/progress/load.json", import.meta.url);
  const recorded = JSON.parse(await readFile(file, "utf8")) as readonly Recorded[];
  let progress = startProgress(0);
  let next = 0;
  const found: { readonly time: number; readonly progress: Progress }[] = [];
  for (let time = 0; next < recorded.length; time += 100) {
    for (let line = recorded[next]; line !== undefined && line[0] <= time; line = recorded[next]) {
      progress = advance(progress, eventOf(line), time);
      next += 1;
    }
    progress = passTime(progress, time);
    found.push({ time, progress });
  }
  return found;
}

describe("the progress of a recorded load of 1,000,000 rows", () => {
  test("the share never decreases and does not reach 100 % before the end", async () => {
    const shares = (await redraws()).map(({ progress }) => progress.estimate?.share ?? 0);
    assert.ok(shares.every((share, index) => share >= (shares[index - 1] ?? 0) && share < 1));
    assert.ok((shares.at(-1) ?? 0) > 0.9, `${shares.at(-1)}`);
  });

  test("the share is close to the part of the time that has passed", async () => {
    const all = await redraws();
    const end = all.at(-1)?.time ?? 0;
    for (const { time, progress } of all) {
      const share = progress.estimate?.share ?? 0;
      assert.ok(Math.abs(share - time / end) < 0.15, `${time} ms of ${end}: ${share}`);
    }
  });

  test("the remaining time is not shown before 3 s, and changes by at most 3 % from redraw to redraw", async () => {
    const all = await redraws();
    const left = all.map(({ progress }) => progress.estimate?.left ?? null);
    const shown = left.findIndex((each) => each !== null);
    assert.ok((all[shown]?.time ?? 0) >= 3000);
    for (const [index, now] of left.entries()) {
      const before = left[index - 1];
      if (index <= shown || before == null || now === null) continue;
      assert.ok(now <= before * 1.03 + 1, `${before} -> ${now}`);
      assert.ok(now >= before - Math.max(100, before * 0.03) - 1, `${before} -> ${now}`);
    }
  });

  test("the remaining time is right within a third of the run", async () => {
    const all = await redraws();
    const end = all.at(-1)?.time ?? 0;
    for (const { time, progress } of all) {
      const left = progress.estimate?.left ?? null;
      if (left !== null) assert.ok(Math.abs(left - (end - time)) < end / 3, `${time} ms: ${left} of ${end - time}`);
    }
  });
});

test("work that stands still is not estimated to end", () => {
  let state = startEstimate(0);
  for (let time = 100; time <= 10_000; time += 100) state = estimate(state, time / 20_000, time);
  const at = state.left ?? 0;
  assert.ok(Math.abs(at - 10_000) < 1500, `${at}`);
  for (let time = 10_100; time <= 60_000; time += 100) state = estimate(state, 0.5, time);
  assert.ok(state.share < 0.6, `${state.share}`);
  assert.ok((state.left ?? 0) > 10_000, `${state.left}`);
});

test("a failed month counts as done, and a run without a month to load lacks an estimate", () => {
  let progress = startProgress(0);
  progress = passTime(advance(progress, eventOf([0, "month_planned"]), 0), 1000);
  const failed = { code: "FILE_CORRUPT", message: "", hint: "" };
  progress = advance(progress, { event: "month_failed", ...month, ...failed }, 2000);
  for (let time = 2000; time < 6000; time += 100) progress = passTime(progress, time);
  assert.ok((progress.estimate?.share ?? 0) > 0.98);
  assert.equal(passTime(startProgress(0), 1000).estimate, null);
});

test("a remaining time is rounded, and empty where it would be 0 s", () => {
  const texts = [null, 0, 499, 999, 8400, 59_400, 60_000, 134_000, 700_000, 3_600_000, 4_980_000].map(formatLeft);
  assert.deepEqual(texts, [
    "",
    "",
    "",
    "about 1 s left",
    "about 8 s left",
    "about 59 s left",
    "about 1 min left",
    "about 2 min 10 s left",
    "about 11 min left",
    "about 1 h left",
    "about 1 h 20 min left",
  ]);
});
