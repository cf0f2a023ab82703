import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { codeOf } from "./support/source-text.ts";

const root = join(import.meta.dirname, "..");
const folders = ["docs", "docs/decisions", "."];
const packageFile = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly files: readonly string[];
};
const scripts = Object.keys(packageFile.scripts);

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

test("the package contains every page that a message or the README names", async () => {
  const named = new Set<string>();
  for (const name of await readdir(join(root, "src"), { recursive: true })) {
    if (!name.endsWith(".ts")) continue;
    const source = await readFile(join(root, "src", name), "utf8");
    for (const [, page = ""] of source.matchAll(/docsPage\("([^"]+)"\)/gu)) named.add(`docs/${page}`);
    const texts = codeOf(source, { withStrings: true });
    for (const [path] of texts.matchAll(/\bdocs\/[\w/-]+\.md|\b[A-Z]{4,}\.md/gu)) named.add(path);
  }
  assert.ok(named.has("docs/configuration.md"), [...named].join(", "));
  const readme = await readFile(join(root, "README.md"), "utf8");
  for (const [, path = ""] of readme.matchAll(/\]\(([\w/.-]+)(?:#[\w-]+)?\)/gu)) named.add(path);
  const isPacked = (path: string): boolean =>
    packageFile.files.some((packed) => path === packed || path.startsWith(`${packed}/`));
  assert.deepEqual(
    [...named].filter((path) => !exists(path) || !isPacked(path)),
    [],
  );
});

test("links between pages lead to files and headings that exist", async () => {
  const broken: string[] = [];
  for (const folder of folders) {
    for (const page of (await readdir(join(root, folder))).filter((name) => name.endsWith(".md"))) {
      const text = await readFile(join(root, folder, page), "utf8");
      for (const [, target = "", heading] of text.matchAll(/\]\(((?!https?:)[^)#\s]*)(?:#([^)\s]+))?\)/gu)) {
        const path = target === "" ? join(folder, page) : join(folder, target);
        const isThere = exists(path) && (heading === undefined || (await headingsOf(path)).includes(heading));
        if (!isThere) broken.push(`${join(folder, page)}: ${target}${heading === undefined ? "" : `#${heading}`}`);
      }
    }
  }
  assert.deepEqual(broken, []);
});

async function headingsOf(path: string): Promise<string[]> {
  const text = await readFile(join(root, path), "utf8");
  return [...text.matchAll(/^#+ (.+)$/gmu)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function exists(path: string): boolean {
  return existsSync(join(root, path));
}
