import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DataFile, Execution, Receipt } from "../../../src/model.ts";
import { fingerprintOf, isUndone } from "../../../src/pipeline/months/undone.ts";
import { planMonth, type MonthFacts } from "../../../src/pipeline/months/decide.ts";
import type { LoadedPartition } from "../../../src/pipeline/months/loaded.ts";

function file(key: string, version = "1"): DataFile {
  return { key, version, size: 10, modified: "2025-02-01T00:00:00Z", format: "csv", rows: null, declaredSize: null };
}

function execution(id: string, changes: Partial<Execution> = {}): Execution {
  return {
    id,
    billingMonth: "2025-01",
    exportName: "x",
    manifest: file("x/x-Manifest.json"),
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

function loaded(id: string, files: readonly DataFile[] | null): LoadedPartition {
  const receipt =
    files &&
    ({ executionId: id, files: files.map((each) => ({ ...each, checksum: "md5:0", rows: 1 })) } as unknown as Receipt);
  return { ids: [id], coverage: null, undone: [], loadedAt: null, receipt };
}

function actions(facts: Partial<MonthFacts>, force = false): string[] {
  const plans = planMonth(
    { billingMonth: "2025-01", chosen: null, refused: [], torn: [], loaded: null, sameBytes: false, ...facts },
    force,
  );
  return plans.map(({ action, executions }) => `${action} ${executions.at(-1)?.id ?? "-"}`);
}

describe("planning a month", () => {
  const a = execution("a");
  const b = execution("b");

  it("is new when nothing is loaded", () => assert.deepEqual(actions({ chosen: a }), ["new a"]));

  it("is unchanged with the same delivery and the same files", () => {
    assert.deepEqual(actions({ chosen: a, loaded: loaded("a", a.files) }), ["unchanged a"]);
  });

  it("goes by the id alone where there is no receipt, as after the Python pipelines", () => {
    assert.deepEqual(actions({ chosen: a, loaded: loaded("a", null) }), ["unchanged a"]);
    assert.deepEqual(actions({ chosen: b, loaded: loaded("a", null) }), ["restated b"]);
  });

  it("knows every id of the older list form", () => {
    assert.deepEqual(
      actions({ chosen: a, loaded: { ids: ["a", "b"], coverage: null, undone: [], loadedAt: null, receipt: null } }),
      ["unchanged a"],
    );
  });

  it("refuses what was undone until it is forced, and knows it by its files where the id is that of what is loaded", () => {
    const undone = (executionId: string, files: readonly DataFile[]): LoadedPartition => ({
      ...loaded("a", a.files),
      undone: [
        { loadId: "1", executionId, executionIds: [executionId], fingerprint: fingerprintOf(files), checksums: null },
      ],
    });
    const again = execution("a", { files: a.files.map((file) => ({ ...file, version: "written again" })) });
    assert.deepEqual(actions({ chosen: null, refused: [b], loaded: undone("b", b.files) }), ["refused b"]);
    assert.ok(isUndone(b, undone("b", [])), "the id decides");
    assert.ok(isUndone(again, undone("a", again.files)));
    assert.ok(!isUndone(a, undone("a", again.files)), "what is loaded was not undone");
    assert.ok(!isUndone(execution("c"), undone("b", b.files)));
    assert.deepEqual(actions({ chosen: b, loaded: undone("b", b.files) }, true), ["restated b"]);
  });

  it("is restated by another delivery", () => {
    assert.deepEqual(actions({ chosen: b, loaded: loaded("a", a.files) }), ["restated b"]);
  });

  it("is restated when the same delivery was written again", () => {
    assert.deepEqual(actions({ chosen: a, loaded: loaded("a", [file("x/a/1.csv", "0")]) }), ["restated a"]);
  });

  it("is unchanged when the same delivery was written again with the same bytes", () => {
    assert.deepEqual(actions({ chosen: a, loaded: loaded("a", [file("x/a/1.csv", "0")]), sameBytes: true }), [
      "unchanged a",
    ]);
  });

  it("waits for files that have not arrived, loaded or not, forced or not", () => {
    const torn = execution("b", { missing: ["x/b/2.csv"] });
    assert.deepEqual(actions({ chosen: torn }), ["waiting b"]);
    assert.deepEqual(actions({ chosen: torn, loaded: loaded("a", a.files) }), ["waiting b"]);
    assert.deepEqual(actions({ chosen: torn, loaded: loaded("a", a.files) }, true), ["waiting b"]);
  });

  it("waits while a new delivery names a file that is not overwritten yet", () => {
    const overwriting = execution("b", { files: [file("x/1.csv", "2"), file("x/2.csv", "1")] });
    const before = loaded("a", [file("x/1.csv", "1"), file("x/2.csv", "1")]);
    assert.deepEqual(actions({ chosen: overwriting, loaded: before }), ["waiting b"]);
    assert.deepEqual(actions({ chosen: overwriting, loaded: before }, true), ["restated b"]);
  });

  it("never empties a month by a manifest that names no files", () => {
    assert.deepEqual(actions({ chosen: execution("b", { files: [] }), loaded: loaded("a", a.files) }), ["waiting b"]);
  });

  it("waits for a newer manifest that is empty or cut off, and loads the older delivery meanwhile", () => {
    const torn = ["x/b/manifest.json"];
    assert.deepEqual(actions({ torn }), ["waiting -"]);
    assert.deepEqual(actions({ torn, chosen: a }), ["waiting -", "new a"]);
    assert.deepEqual(actions({ torn, chosen: a, loaded: loaded("a", a.files) }), ["waiting -"]);
  });

  it("tells a refused delivery alone while the loaded one stays", () => {
    assert.deepEqual(actions({ refused: [b], loaded: loaded("a", a.files) }), ["refused b"]);
    assert.deepEqual(actions({ chosen: a, refused: [b], loaded: loaded("a", a.files) }), ["refused b"]);
  });

  it("tells a refused delivery and loads the older one that covers more", () => {
    assert.deepEqual(actions({ chosen: a, refused: [b] }), ["refused b", "new a"]);
  });

  it("loads an unchanged delivery again when forced", () => {
    assert.deepEqual(actions({ chosen: a, loaded: loaded("a", a.files) }, true), ["restated a"]);
  });
});
