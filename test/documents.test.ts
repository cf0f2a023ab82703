import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");
const folders = ["docs", "docs/decisions", "."];
const scripts = Object.keys(
  (JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> }).scripts,
);

for (const folder of folders) {
  const pages = (await readdir(join(root, folder))).filter((name) => name.endsWith(".md") && name !== "CHANGELOG.md");
  for (const page of pages) {
    test(`${join(folder, page)} names files and npm scripts that exist`, async () => {
      const text = await readFile(join(root, folder, page), "utf8");
      const paths = [...text.matchAll(/[`(]((?:\.\.\/)*(?:src|test|docs|scripts|demo)\/[\w./-]+)[`)#]/gu)];
      const missing = paths.map(([, path = ""]) => path.replace(/^(?:\.\.\/)+/u, "")).filter((path) => !exists(path));
      assert.deepEqual([...new Set(missing)], []);
      const commands = [...text.matchAll(/npm run ([\w:]+)/gu)].map(([, name = ""]) => name);
      assert.deepEqual([...new Set(commands.filter((name) => !scripts.includes(name)))], []);
    });
  }
}

test("CONTRIBUTING.md shows which file to open for at least twelve everyday changes", async () => {
  const text = await readFile(join(root, "CONTRIBUTING.md"), "utf8");
  const [, table = ""] = text.split(/^\| to change +\| open +\|\n\|[-| ]+\|\n/mu);
  const rows = table.split("\n\n")[0]?.split("\n") ?? [];
  assert.ok(rows.length >= 12, `${rows.length} rows`);
  for (const row of rows) {
    const files = [...row.matchAll(/`([^`]+)`/gu)].map(([, file = ""]) => file);
    assert.ok(files.length > 0, row);
    for (const file of files) assert.ok(exists(file), `${file} does not exist`);
  }
});

function exists(path: string): boolean {
  return existsSync(join(root, path));
}
