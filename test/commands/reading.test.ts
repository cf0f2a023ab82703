import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { curDelivery, curRows, deliver } from "../support/deliveries.ts";
import { billhouse } from "../support/in-process.ts";
import { createProject, curSection, runWell, type Project } from "../support/projects.ts";

const commands = [
  ["plan"],
  ["status"],
  ["verify"],
  ["doctor"],
  ["state", "show"],
  ["diff", "aws_cur", "2025-01"],
  ["reconcile", "2025-01", "--invoice", "6"],
  ["costs", "2025-01"],
  ["commitments", "2025-01"],
  ["untagged", "2025-01", "--tag", "team"],
];

/** Two loads of one month, and another process that has the database open to write. */
async function lockedProject(t: TestContext, isLoaded: boolean): Promise<Project> {
  const project = await createProject(t, curSection);
  for (const [id, cost] of isLoaded
    ? ([
        ["a", "1"],
        ["b", "2"],
      ] as const)
    : ([["a", "1"]] as const)) {
    await deliver(project.bucket, curDelivery({ month: "2025-01", id, files: [curRows("2025-01", cost, "4")] }));
    if (isLoaded) await runWell(project);
  }
  const writer = await openWarehouse(project.config.warehouse, "write");
  t.after(() => writer.close());
  return project;
}

describe("while a run is at work, commands that read", () => {
  test("show the published copy, and say so on stderr and in JSON", async (t) => {
    const project = await lockedProject(t, true);
    const file = join(project.folder, "billhouse.read.duckdb");
    const before = await readFile(file);
    for (const words of commands) {
      const screen = await billhouse(project.folder, words);
      assert.equal(screen.code, 0, `${words.join(" ")}: ${screen.stdout}${screen.stderr}`);
      assert.match(screen.stderr, /billhouse\.duckdb open\. This is the copy that was published at \d{4}-/);
      const json = JSON.parse((await billhouse(project.folder, [...words, "--json"])).stdout) as Record<
        string,
        unknown
      >;
      assert.equal(json["read_from"], "published copy", words.join(" "));
      assert.match(String(json["published_at"]), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      assert.match(String(json["locked_by"]), /billhouse\.duckdb open\.$/);
    }
    const status = await billhouse(project.folder, ["status"]);
    assert.match(status.stdout, /2025-01 .* b +2 +6\.00 USD/);
    assert.equal((await billhouse(project.folder, ["status", "--quiet"])).stderr, "");
    assert.deepEqual(await readFile(file), before, "nothing is written");
  });

  test("say that nothing has been published yet", async (t) => {
    const project = await lockedProject(t, false);
    for (const words of [["plan"], ["status"], ["state", "show"]]) {
      const { code, stderr } = await billhouse(project.folder, words);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /open\. Nothing has been published yet, so nothing is shown as loaded\.\n$/);
    }
    const plan = await billhouse(project.folder, ["plan"]);
    assert.match(plan.stdout, /\+ 2025-01 +new/);
    const { stdout } = await billhouse(project.folder, ["status", "--json"]);
    const { read_from, published_at } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([read_from, published_at], ["published copy", null]);
  });
});
