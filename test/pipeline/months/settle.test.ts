import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  judgeArrival,
  type Arrival,
  type ArrivingDelivery,
  type LoadedArrival,
} from "../../../src/pipeline/months/settle.ts";

const noon = Date.parse("2025-04-10T12:00:00Z");
const minute = 60_000;

function file(key: string, minutesAgo: number, version = "1"): ArrivingDelivery["files"][number] {
  const modified = new Date(noon - minutesAgo * minute).toISOString();
  return { key, size: 2064, version, modified, declaredSize: null };
}

function delivery(changes: Partial<ArrivingDelivery> = {}): ArrivingDelivery {
  return { id: "b", manifest: file("x/m.json", 2000), files: [file("x/1.csv", 2001)], missing: [], ...changes };
}

function loaded(changes: Partial<LoadedArrival> = {}): LoadedArrival {
  return { id: "b", manifestVersion: "1", files: [{ key: "x/1.csv", version: "1" }], isFlagged: false, ...changes };
}

/** `waits` with the reason, `flagged`, or `loads`. */
function verdict(arriving: ArrivingDelivery, facts: Partial<Arrival> = {}): string {
  const { waiting, isFlagged } = judgeArrival({
    delivery: arriving,
    loaded: null,
    isSameBytes: false,
    now: new Date(noon),
    settle: 30 * minute,
    ...facts,
  });
  return waiting === null ? (isFlagged ? "flagged" : "loads") : `waits: ${waiting.reason}`;
}

describe("whether a delivery has arrived", () => {
  it("loads what is whole and quiet, and what has just arrived file by file and then its manifest", () => {
    assert.equal(verdict(delivery()), "loads");
    assert.equal(verdict(delivery({ manifest: file("x/m.json", 1), files: [file("x/1.csv", 2)] })), "loads");
  });

  it("waits for a missing file and for a size that the manifest declares, however long it takes", () => {
    assert.match(verdict(delivery({ missing: ["x/2.csv"] })), /1 of 2 files of b are missing; the first is x\/2\.csv/);
    const torn = { ...file("x/1.csv", 2001), declaredSize: 3374 };
    assert.match(
      verdict(delivery({ files: [torn] })),
      /x\/1\.csv has 2,064 bytes in the storage, but 3,374 in the manifest/,
    );
    assert.equal(verdict(delivery({ files: [{ ...torn, declaredSize: 2064 }] })), "loads");
    assert.equal(verdict(delivery({ files: [{ ...torn, size: 0, declaredSize: 0 }] })), "loads");
  });

  it("waits for a new manifest when files of the loaded delivery change, however old they are", () => {
    const changed = delivery({ files: [file("x/1.csv", 1000, "2")] });
    assert.match(verdict(changed, { loaded: loaded() }), /x\/1\.csv was written again.*new manifest.*--force/);
    assert.equal(verdict(changed, { loaded: loaded(), isSameBytes: true }), "loads");
    assert.match(verdict(changed, { loaded: loaded({ manifestVersion: null }) }), /new manifest/);
  });

  it("loads changed files of a flagged load once they are quiet", () => {
    const flagged = { loaded: loaded({ isFlagged: true }) };
    assert.match(verdict(delivery({ files: [file("x/1.csv", 29, "2")] }), flagged), /^waits/);
    assert.equal(verdict(delivery({ files: [file("x/1.csv", 30, "2")] }), flagged), "flagged");
  });

  it("suspects a file that is newer than its manifest by more than the settle time, until it is quiet", () => {
    const newer = (minutesAgo: number): ArrivingDelivery => delivery({ files: [file("x/1.csv", minutesAgo)] });
    assert.match(verdict(newer(29)), /x\/1\.csv is newer than the manifest of b.*30 minutes/);
    assert.equal(verdict(newer(30)), "flagged");
    assert.equal(verdict(delivery({ manifest: file("x/m.json", 31), files: [file("x/1.csv", 1)] })), "loads");
    assert.equal(verdict(newer(29), { settle: 0 }), "loads");
    assert.equal(verdict(newer(-60)), "flagged", "a time in the future counts as settled");
  });

  it("suspects a file that is older than its manifest by more than the settle time, at a key that other deliveries use", () => {
    const fresh = file("x/m.json", 1);
    assert.match(
      verdict(delivery({ manifest: fresh, files: [file("x/1.csv", 60)] })),
      /x\/1\.csv is older than the manifest/,
    );
    assert.equal(verdict(delivery({ manifest: fresh, files: [file("x/b/1.csv", 60)] })), "loads");
    assert.equal(verdict(delivery({ manifest: file("x/m.json", 30), files: [file("x/1.csv", 90)] })), "flagged");
  });

  it("waits for a data file without a manifest while it is young, loaded before or not", () => {
    const plain = (minutesAgo: number, version: string): ArrivingDelivery =>
      delivery({ manifest: null, files: [file("x/1.csv", minutesAgo, version)] });
    assert.match(
      verdict(plain(29, "2")),
      /^waits: x\/1\.csv was written less than 30 minutes ago, and no manifest says that it is complete: it may still be arriving/,
    );
    assert.match(verdict(plain(29, "2"), { loaded: loaded() }), /^waits/);
    assert.equal(verdict(plain(29, "1"), { loaded: loaded() }), "loads", "it is what is loaded");
    assert.equal(verdict(plain(30, "2"), { loaded: loaded() }), "loads");
    assert.equal(verdict(plain(1, "2"), { loaded: loaded(), isSameBytes: true }), "loads");
  });

  it("suspects a new delivery that names a file of the loaded one, until it is quiet", () => {
    const next = delivery({
      id: "c",
      manifest: file("x/m.json", 5, "2"),
      files: [file("x/1.csv", 20), file("x/2.csv", 6, "2")],
    });
    assert.match(verdict(next, { loaded: loaded() }), /x\/1\.csv is unchanged since b: c may not have overwritten it/);
    assert.equal(verdict(next, { loaded: loaded(), now: new Date(noon + 25 * minute) }), "flagged");
    assert.equal(verdict(next, { loaded: loaded(), settle: 0 }), "loads");
  });
});
