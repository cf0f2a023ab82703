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

function exists(path: string): boolean {
  return existsSync(join(root, path));
}
