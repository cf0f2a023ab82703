import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { silentHost } from "../scripts/generate-docs.ts";
import { createProgram } from "../src/commands/program.ts";
import { loadConfig } from "../src/index.ts";
import { deliver } from "./support/deliveries.ts";
import { temporaryFolder } from "./support/folders.ts";
import { billhouse } from "./support/in-process.ts";
import { bill, makePythonTables, pythonDataset } from "./support/python-tables.ts";
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

const pages = await readPages();
const program = createProgram(silentHost, () => {});

test("the commands and flags of every example exist", () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const { page, code } of pages.flatMap(commandsIn)) {
    seen++;
    const problem = commandProblem(code);
    if (problem !== null) wrong.push(`${page}: ${code}: ${problem}`);
  }
  assert.ok(seen > 100, `${seen} commands were found`);
  assert.deepEqual([...new Set(wrong)], []);
});

test("the check of commands finds unknown ones, and unknown flags", () => {
  assert.equal(commandProblem("run aws_cur --month 2025-03 --force"), null);
  assert.equal(commandProblem("state show --json"), null);
  assert.equal(commandProblem("runn aws_cur"), "there is no command runn");
  assert.equal(commandProblem("state drop"), "there is no command state drop");
  assert.equal(commandProblem("status --deep"), "status has no flag --deep");
});

test("shell examples are valid shell", async () => {
  const scripts = pages.flatMap(({ page, blocks }) =>
    blocks.filter(({ language }) => language === "sh").map(({ text }) => ({ page, text })),
  );
  assert.ok(scripts.length >= 10, `${scripts.length} blocks`);
  const check = promisify(execFile)("bash", ["-n"]);
  check.child.stdin?.end(scripts.map(({ page, text }) => `# ${page}\n${text}`).join("\n"));
  await check;
});

test("configuration examples are accepted by the loader", async (t) => {
  const folder = await temporaryFolder(t);
  let seen = 0;
  for (const { page, blocks } of pages) {
    for (const { text } of blocks.filter(({ language }) => language === "toml")) {
      seen++;
      // A line of a section, or a section of the destination alone, as pages show what they are about.
      const isLine = !text.includes("[");
      const source = '[sources.aws_cur]\nbucket_url = "gs://acme"\n';
      const whole = isLine ? `${source}${text}` : text.includes("[sources.") ? text : `${text}\n${source}`;
      await writeFile(join(folder, "billhouse.toml"), whole);
      await assert.doesNotReject(loadConfig({ folder, environment: {} }), `${page}:\n${text}`);
    }
  }
  assert.ok(seen >= 8, `${seen} blocks`);
});

test("the cron line of docs/production.md has five times and a command", () => {
  const production = pages.find(({ page }) => page === "docs/production.md");
  const [line = ""] = production?.blocks.flatMap(({ text }) => text.match(/^.*flock.*$/gmu) ?? []) ?? [];
  assert.match(line, /^[\d*/,-]+ [\d*/,-]+ [\d*/,-]+ [\d*/,-]+ [\d*/,-]+ cd \/\S+ && flock .* billhouse run --quiet$/u);
});

test("docs/migrating.md, followed word for word in a folder of the Python pipelines", async (t) => {
  const folder = await temporaryFolder(t);
  const [bucket, { table }] = [join(folder, "bucket"), pythonDataset];
  await mkdir(bucket);
  await mkdir(join(folder, ".dlt"));
  const source = ["[sources.aws_cur]", 'bucket_url = "bucket"', 'prefix = "cur"', 'export_name = "acme-cur"'];
  const lines = [...source, `dataset = "${table.dataset}"`, `table_name = "${table.name}"`];
  await writeFile(join(folder, ".dlt/config.toml"), `[runtime]\nlog_level = "WARNING"\n\n${lines.join("\n")}\n`);
  await makePythonTables({ folder, bucket });
  await deliver(bucket, bill("2025-12", "newest"));
  const page = pages.find((each) => each.page === "docs/migrating.md") ?? assert.fail();
  const [planned = "", noted = ""] = page.blocks.map(({ text }) => text.replaceAll(/^ {3}/gmu, ""));
  const now = new Date("2026-01-20T12:00:00Z");
  const outputs = new Map<string, string>();
  // Every command of the page, in its order.
  const commands = new Set(commandsIn(page).map(({ code }) => code.replaceAll(/[.,]$/gu, "")));
  for (const command of commands) {
    const { code, stdout, stderr } = await billhouse(folder, command.split(" "), {}, { now });
    assert.equal(code, 0, `billhouse ${command}\n${stdout}\n${stderr}`);
    outputs.set(command, stdout);
  }
  assert.ok(outputs.size >= 8, [...commands].join(", "));
  assert.ok(outputs.get("plan")?.startsWith(planned), outputs.get("plan"));
  assert.ok(outputs.get("status")?.replaceAll(/\s+/gu, " ").includes(noted.trim()), outputs.get("status"));
  for (const [, step = ""] of page.prose.matchAll(/^\| `([\w-]+)` \| (?!Only BigQuery).*$/gmu)) {
    assert.ok(step === "registry" || outputs.get("migrate --yes")?.includes(`✔ ${step}`), step);
  }
});

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

interface Page {
  readonly page: string;
  /** Everything outside of code blocks. */
  readonly prose: string;
  readonly blocks: readonly { readonly language: string; readonly text: string }[];
}

async function readPages(): Promise<Page[]> {
  const found: Page[] = [];
  for (const folder of folders) {
    for (const name of (await readdir(join(root, folder))).filter((each) => each.endsWith(".md"))) {
      const text = await readFile(join(root, folder, name), "utf8");
      const blocks = [...text.matchAll(/^ *```(\w*)\n(.*?)^ *```$/gmsu)].map(([, language = "", code = ""]) => ({
        language,
        text: code,
      }));
      const indented = text.match(/(?:^ {4}\S.*\n)+/gmu) ?? [];
      found.push({
        page: join(folder, name),
        prose: text.replaceAll(/^ *```\w*\n.*?^ *```$/gmsu, ""),
        blocks: [...blocks, ...indented.map((code) => ({ language: "", text: code.replaceAll(/^ {4}/gmu, "") }))],
      });
    }
  }
  return found;
}

/** The words after `billhouse` of every example: in code blocks where a line starts with it, and in code between backticks. */
function commandsIn({ page, prose, blocks }: Page): { readonly page: string; readonly code: string }[] {
  // Generated from --help, where commands stand without their flags.
  if (page === "docs/commands.md") return [];
  const inline = [...prose.matchAll(/`billhouse ([^`]+)`/gu)].map(([, code = ""]) => code);
  const lines = blocks.flatMap(({ text }) =>
    [...text.matchAll(/^(?:.*(?:&&|\S=|flock .*|npx|env|\$|if !|->) ?)?\/?(?:\S*\/)?billhouse (.*)$/gmu)].map(
      ([, code = ""]) => code,
    ),
  );
  return [...inline, ...lines].map((code) => ({ page, code }));
}

/** What is wrong with the words of a command, or null. */
function commandProblem(code: string): string | null {
  const words = code
    .replaceAll(/"[^"]*"|'[^']*'|\s[#>|;].*$|[)`].*$/gmu, " ")
    .trim()
    .split(/\s+/u);
  const flags = words.filter((word) => word.startsWith("--")).map((word) => word.replace(/=.*|[.,:;]+$/u, ""));
  const [name = "", nested = ""] = words.filter((word) => /^[a-z]/u.test(word));
  if (name === "" || words[0]?.startsWith("-") === true) return null;
  const command = program.commands.find((each) => each.name() === name);
  if (command === undefined) return `there is no command ${name}`;
  const inner = command.commands.length === 0 ? command : command.commands.find((each) => each.name() === nested);
  if (inner === undefined) return nested === "" ? null : `there is no command ${name} ${nested}`;
  const known = [...inner.options, ...program.options].map(({ long }) => long);
  const unknown = flags.find((flag) => !known.includes(flag) && flag !== "--help");
  return unknown === undefined ? null : `${name} has no flag ${unknown}`;
}

function exists(path: string): boolean {
  return existsSync(join(root, path));
}
