import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { describe, test } from "node:test";
import { createReadAhead, type Reading } from "../../../src/pipeline/load/read-ahead.ts";

interface Trial {
  readonly reading: Reading<number>;
  readonly end: PromiseWithResolvers<number>;
}

/** Readings that end when the test says so, of which each takes as many bytes as it was estimated to. */
function readings(places: number, room: number, estimates: readonly number[]): readonly Trial[] {
  const readAhead = createReadAhead(places, room);
  return estimates.map((estimate) => {
    const end = Promise.withResolvers<number>();
    const reading = readAhead.add({
      estimate,
      read: () => end.promise,
      bytesOf: (bytes) => bytes,
      dispose: () => Promise.resolve(),
    });
    return { reading, end };
  });
}

async function started(trials: readonly Trial[]): Promise<string> {
  await turn();
  return trials.map(({ reading }) => (reading.isStarted ? "x" : "-")).join("");
}

describe("reading ahead", () => {
  test("runs so many reads at a time, in order, whatever their results take while there is room", async () => {
    const trials = readings(2, 100, [10, 10, 10, 10]);
    assert.equal(await started(trials), "xx--");
    trials[1]?.end.resolve(10);
    assert.equal(await started(trials), "xxx-");
    trials[0]?.end.resolve(10);
    assert.equal(await started(trials), "xxxx");
  });

  test("waits for room, which a released result gives back", async () => {
    const trials = readings(4, 25, [10, 10, 10]);
    assert.equal(await started(trials), "xx-");
    trials[0]?.end.resolve(10);
    assert.equal(await started(trials), "xx-");
    await trials[0]?.reading.release();
    assert.equal(await started(trials), "xxx");
  });

  test("counts what a result really takes", async () => {
    const trials = readings(1, 25, [20, 10]);
    trials[0]?.end.resolve(5);
    assert.equal(await started(trials), "xx");
    const [first, second] = readings(1, 25, [5, 10]);
    first?.end.resolve(20);
    assert.equal(await started([first, second].filter((each) => each !== undefined)), "x-");
  });

  test("reads a file that is larger than the room when nothing else is there", async () => {
    const trials = readings(2, 25, [10, 100, 10]);
    assert.equal(await started(trials), "x--");
    trials[0]?.end.resolve(10);
    await trials[0]?.reading.release();
    assert.equal(await started(trials), "xx-");
  });

  test("skips what was released before it started, and passes on the error of a read", async () => {
    const trials = readings(1, 25, [10, 10, 10]);
    assert.equal(await started(trials), "x--");
    await trials[1]?.reading.release();
    trials[0]?.end.reject(new Error("damaged"));
    await assert.rejects(async () => trials[0]?.reading.result(), /damaged/);
    await trials[0]?.reading.release();
    assert.equal(await started(trials), "xxx");
    trials[2]?.end.resolve(1);
    assert.equal(await trials[2]?.reading.result(), 1);
  });
});
