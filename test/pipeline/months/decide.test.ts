import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DataFile, Execution, Receipt } from "../../../src/model.ts";
import { planMonth, type MonthFacts } from "../../../src/pipeline/months/decide.ts";
import type { LoadedPartition } from "../../../src/pipeline/months/loaded.ts";
import { fingerprintOf, isUndone } from "../../../src/pipeline/months/undone.ts";
import { receiptOf, settle } from "../../support/planning.ts";

const now = new Date("2025-02-20T12:00:00Z");

function file(key: string, version = "1"): DataFile {
  return { key, version, size: 10, modified: "2025-02-01T00:00:00Z", format: "csv", rows: null, declaredSize: null };
}

function execution(id: string, changes: Partial<Execution> = {}): Execution {
  return {
    id,
    billingMonth: "2025-01",
    exportName: "x",
    manifest: { ...file("x/x-Manifest.json"), version: `manifest of ${id}` },
    format: "csv",
    files: [file(`x/${id}/1.csv`)],
    missing: [],
    columns: [],
    rows: null,
    submittedTime: null,
    made: "2025-02-01T00:00:00Z",
    scope: null,
    coverage: null,
    declared: { start: "2025-01-01", end: "2025-01-31" },
    isEmpty: false,
    spansMonths: false,
    ...changes,
  };
}

/** What is loaded from one delivery with these files, or (null) by the Python pipelines. */
function loaded(id: string, files: readonly DataFile[] | null): LoadedPartition {
  const receipt = files && receiptOf("2025-01", [execution(id, { files })]);
  return { ids: [id], undone: [], loadedAt: null, receipt };
}

function plans(facts: Partial<MonthFacts>, force = false): ReturnType<typeof planMonth> {
  return planMonth(
    {
      billingMonth: "2025-01",
      runs: [],
      days: { start: "2025-01-01", end: "2025-01-31" },
      coveredDays: 31,
      missingDays: [],
      unsettledDays: [],
      passedOver: [],
      undone: null,
      torn: [],
      removed: null,
      loaded: null,
      newestReceipt: facts.loaded?.receipt ?? null,
      sameBytes: new Set(),
      undoneBytes: false,
      now,
      settle,
      ...facts,
    },
    force,
  );
}

function actions(facts: Partial<MonthFacts>, force = false): string[] {
  return plans(facts, force).map(({ action, ids }) => `${action} ${ids.at(-1) ?? "-"}`);
}

describe("planning a month", () => {
  const a = execution("a");
  const b = execution("b");
  const passedOver = [{ id: "b", why: "overlaps", reason: "It shares days with a.", isNewer: true }] as const;

  it("is new when nothing is loaded", () => assert.deepEqual(actions({ runs: [a] }), ["new a"]));

  it("is unchanged with the same delivery and the same files", () => {
    assert.deepEqual(actions({ runs: [a], loaded: loaded("a", a.files) }), ["unchanged a"]);
  });

  it("goes by the id alone where there is no receipt, as after the Python pipelines", () => {
    assert.deepEqual(actions({ runs: [a], loaded: loaded("a", null) }), ["unchanged a"]);
    assert.deepEqual(actions({ runs: [b], loaded: loaded("a", null) }), ["restated b"]);
  });

  it("loads all runs of a month that the Python pipelines replaced by its newest one", () => {
    const known = { executionId: "b", loadedAt: "2030-01-01T00:00:00+00:00", rows: 1, files: null, deliveries: null };
    const receipt = { ...known, coverage: null, submittedTime: null, period: null, flags: [], undone: [] };
    const replaced = { ...loaded("b", null), receipt: receipt as unknown as Receipt };
    assert.deepEqual(actions({ runs: [a, b], loaded: replaced }), ["restated b"]);
    assert.deepEqual(actions({ runs: [b], loaded: replaced }), ["unchanged b"]);
  });

  it("knows every id of the older list form", () => {
    assert.deepEqual(actions({ runs: [a], loaded: { ids: ["a", "b"], undone: [], loadedAt: null, receipt: null } }), [
      "unchanged a",
    ]);
  });

  it("refuses what was undone until it is forced, and knows it by its files where the id is that of what is loaded", () => {
    const undone = (executionId: string, files: readonly DataFile[]): LoadedPartition => ({
      ...loaded("a", a.files),
      undone: [
        {
          loadId: "1",
          executionId,
          executionIds: [executionId],
          fingerprint: fingerprintOf(files),
          checksums: null,
        },
      ],
    });
    const again = execution("a", { files: a.files.map((each) => ({ ...each, version: "written again" })) });
    assert.deepEqual(actions({ undone: b, loaded: undone("b", b.files) }), ["refused b"]);
    assert.ok(isUndone(b, undone("b", [])), "the id decides");
    assert.ok(isUndone(again, undone("a", again.files)));
    assert.ok(!isUndone(a, undone("a", again.files)), "what is loaded was not undone");
    assert.ok(!isUndone(execution("c"), undone("b", b.files)));
    assert.deepEqual(actions({ runs: [b], loaded: undone("b", b.files) }, true), ["restated b"]);
    const copied = { runs: [again], loaded: undone("a", []), undoneBytes: true };
    assert.deepEqual(actions(copied), ["refused a"]);
    assert.deepEqual(actions(copied, true), ["restated a"]);
  });

  it("is restated by another delivery", () => {
    assert.deepEqual(actions({ runs: [b], loaded: loaded("a", a.files) }), ["restated b"]);
  });

  it("waits when the files of the loaded delivery change under its manifest, until there is a new one", () => {
    const before = loaded("a", [file("x/a/1.csv", "0")]);
    assert.deepEqual(actions({ runs: [a], loaded: before }), ["waiting a"]);
    assert.match(plans({ runs: [a], loaded: before })[0]?.reason ?? "", /x\/a\/1\.csv.*new manifest.*--force/);
    assert.deepEqual(
      plans({ runs: [a], loaded: before }, true).map(({ action, isFlagged }) => [action, isFlagged]),
      [["restated", true]],
    );
    const written = execution("a", { manifest: { ...a.manifest, version: "written again" } });
    assert.deepEqual(actions({ runs: [written], loaded: before }), ["restated a"]);
  });

  it("is unchanged when the same delivery was written again with the same bytes", () => {
    const before = loaded("a", [file("x/a/1.csv", "0")]);
    assert.deepEqual(actions({ runs: [a], loaded: before, sameBytes: new Set(["a"]) }), ["unchanged a"]);
  });

  it("knows manifests by their time where the receipt does not keep their versions", () => {
    const before = loaded("a", [file("x/a/1.csv", "0")]);
    const receipt = receiptOf("2025-01", [execution("a", { files: [file("x/a/1.csv", "0")] })], { deliveries: null });
    const since = (loadedAt: string): LoadedPartition => ({ ...before, receipt: { ...receipt, loadedAt } });
    assert.deepEqual(actions({ runs: [a], loaded: since("2025-02-01T00:00:01Z") }), ["waiting a"]);
    assert.deepEqual(actions({ runs: [a], loaded: since("2025-01-31T23:59:59Z") }), ["restated a"]);
  });

  it("waits for files that have not arrived, loaded or not, forced or not", () => {
    const torn = execution("b", { missing: ["x/b/2.csv"] });
    assert.deepEqual(actions({ runs: [torn] }), ["waiting b"]);
    assert.deepEqual(actions({ runs: [torn], loaded: loaded("a", a.files) }), ["waiting b"]);
    assert.deepEqual(actions({ runs: [torn], loaded: loaded("a", a.files) }, true), ["waiting b"]);
    const cut = execution("b", { files: [{ ...file("x/b/1.csv"), declaredSize: 11 }] });
    assert.deepEqual(actions({ runs: [a, cut] }, true), ["waiting b"]);
  });

  it("waits while a new delivery names a file that is not overwritten yet and changed of late, and then loads, flagged", () => {
    const fresh = { ...file("x/1.csv", "2"), modified: "2025-02-20T11:50:00Z" };
    const manifest = { ...b.manifest, modified: "2025-02-20T11:55:00Z" };
    const overwriting = execution("b", { manifest, files: [fresh, file("x/2.csv", "1")] });
    const before = loaded("a", [file("x/1.csv", "1"), file("x/2.csv", "1")]);
    assert.deepEqual(actions({ runs: [overwriting], loaded: before }), ["waiting b"]);
    assert.deepEqual(actions({ runs: [overwriting], loaded: before }, true), ["restated b"]);
    const later = plans({ runs: [overwriting], loaded: before, now: new Date("2025-02-20T12:25:00Z") });
    assert.deepEqual(
      later.map(({ action, isFlagged }) => [action, isFlagged]),
      [["restated", true]],
    );
    assert.deepEqual(actions({ runs: [overwriting], loaded: null, newestReceipt: before.receipt }), ["waiting b"]);
  });

  it("never empties a month by a manifest that names no files and does not say that there are none", () => {
    const nameless = execution("b", { files: [] });
    assert.deepEqual(actions({ runs: [nameless], loaded: loaded("a", a.files) }), ["waiting b"]);
    assert.deepEqual(actions({ runs: [nameless], loaded: loaded("a", a.files) }, true), ["waiting b"]);
    assert.deepEqual(actions({ runs: [{ ...nameless, isEmpty: true }] }), ["new b"]);
    assert.deepEqual(actions({ runs: [{ ...nameless, isEmpty: true }], loaded: loaded("a", a.files) }), ["refused b"]);
  });

  it("waits for a manifest that is still being written, and loads the older delivery", () => {
    assert.deepEqual(actions({ torn: ["x/c/manifest.json"] }), ["waiting -"]);
    assert.deepEqual(actions({ torn: ["x/c/manifest.json"], runs: [a] }), ["waiting -", "new a"]);
    assert.deepEqual(actions({ torn: ["x/c/manifest.json"], runs: [a], loaded: loaded("a", a.files) }), ["waiting -"]);
  });

  it("reports a newer delivery that is not part of the month as refused while the loaded one stays", () => {
    assert.deepEqual(actions({ undone: b, loaded: loaded("a", a.files) }), ["refused b"]);
    assert.deepEqual(actions({ runs: [a], passedOver, loaded: loaded("a", a.files) }), ["refused b"]);
    assert.deepEqual(actions({ runs: [a], passedOver }), ["refused b", "new a"]);
    assert.deepEqual(actions({ runs: [a], passedOver: [{ ...passedOver[0], isNewer: false }] }), ["new a"]);
    assert.deepEqual(actions({ runs: [a, execution("c")], passedOver }), ["new c"], "runs that overlap are usual");
  });

  it("loads an unchanged delivery again when forced", () => {
    assert.deepEqual(actions({ runs: [a], loaded: loaded("a", a.files) }, true), ["reloaded a"]);
  });

  it("judges each of several deliveries by its own entry in the receipt", () => {
    const receipt = receiptOf("2025-01", [a, b]);
    const both: LoadedPartition = { ids: ["b"], undone: [], loadedAt: null, receipt };
    assert.deepEqual(actions({ runs: [a, b], loaded: both }), ["unchanged b"]);
    const changed = execution("a", { files: [file("x/a/1.csv", "2")] });
    assert.deepEqual(actions({ runs: [changed, b], loaded: both }), ["waiting b"]);
    assert.match(plans({ runs: [changed, b], loaded: both })[0]?.reason ?? "", /^x\/a\/1\.csv was written again/);
    assert.deepEqual(actions({ runs: [changed, b], loaded: both, sameBytes: new Set(["a"]) }), ["unchanged b"]);
    assert.deepEqual(actions({ runs: [b], loaded: both }), ["restated b"]);
  });
});
