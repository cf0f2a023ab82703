import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { test } from "node:test";
import { importsOf } from "../support/source-text.ts";

const folder = join(import.meta.dirname, "../../src/pipeline");

/** Rooms from the bottom up. A file imports its own room and those below; verbs stand above all rooms. */
const floors = [
  ["events.ts"],
  ["discover"],
  ["months"],
  ["views"],
  ["load"],
  ["migrate"],
  ["status", "undo", "verify", "reconcile", "focus-export"],
];

/** Imports of a room on the same floor or above, types included. */
function upwardImports(sources: ReadonlyMap<string, string>): readonly string[] {
  return [...sources].flatMap(([file, source]) =>
    importsOf(source)
      .map(({ from }) => posix.join(posix.dirname(file), from))
      .filter((target) => sources.has(target) && roomOf(target) !== roomOf(file) && floorOf(target) >= floorOf(file))
      .map((target) => `${file} imports ${target}`),
  );
}

function roomOf(file: string): string {
  const [first = ""] = file.split("/");
  return first.endsWith(".ts") && first !== "events.ts" ? "verbs" : first;
}

function floorOf(file: string): number {
  const floor = floors.findIndex((rooms) => rooms.includes(roomOf(file)));
  return floor < 0 ? floors.length : floor;
}

test("the rooms of the pipeline import downwards", () => {
  const files = globSync("**/*.ts", { cwd: folder }).map((file) => file.replaceAll("\\", "/"));
  assert.ok(files.includes("run.ts") && files.includes("load/load.ts"));
  assert.deepEqual(upwardImports(new Map(files.map((file) => [file, readFileSync(join(folder, file), "utf8")]))), []);
});

test("an import upwards is found, of a type too", () => {
  const sources = new Map([
    ["run.ts", 'import { load } from "./load/load.ts";'],
    ["load/load.ts", 'import { choose } from "../months/choose.ts";\nimport type { Run } from "../run.ts";'],
    ["months/choose.ts", 'import type { Load } from "../load/load.ts";'],
  ]);
  assert.deepEqual(upwardImports(sources), ["load/load.ts imports run.ts", "months/choose.ts imports load/load.ts"]);
});
