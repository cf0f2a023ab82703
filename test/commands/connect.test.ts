import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connections, type ConnectResult, connectScreen } from "../../src/commands/connect.ts";
import { loadConfig } from "../../src/config/reading.ts";
import { temporaryFolder, writeKey } from "../support/folders.ts";
import { packagesLoadedAtOnce } from "../support/source-rules.ts";
import { billhouse } from "../support/in-process.ts";
import { obeyed } from "../support/recorded.ts";
import { parseResult } from "../support/json.ts";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const toml = '[sources.aws_cur]\nbucket_url = "b"\n[sources.azure_billing]\nbucket_url = "b"\ndataset = "azure"\n';

/** A folder with a configuration and what a run leaves for readers; nothing in it is a database. */
async function loaded(t: TestContext, name = "bills", more = ""): Promise<string> {
  const folder = join(await temporaryFolder(t), name);
  await mkdir(folder);
  await writeKey(folder, "billhouse.toml", `${toml}${more}`);
  await writeKey(folder, "billhouse.read.duckdb", "no database");
  return folder;
}

async function answered(folder: string): Promise<ConnectResult> {
  const { code, stdout, stderr } = await billhouse(folder, ["connect", "--json"]);
  assert.deepEqual([code, stderr], [0, ""], stdout);
  return parseResult(stdout) as ConnectResult;
}

test("--json has the copy for readers and a way in for each program", async (t) => {
  const folder = await loaded(t);
  const path = join(folder, "billhouse.read.duckdb");
  assert.deepEqual(await answered(folder), {
    path,
    exists: true,
    readOnly: true,
    shell: `duckdb -readonly ${path}`,
    python: `duckdb.connect("${path}", read_only=True)`,
    node: `await DuckDBInstance.create("${path}", { access_mode: "READ_ONLY" })`,
    jdbc: `jdbc:duckdb:${path}`,
    jdbcProperties: { "duckdb.read_only": "true" },
    sqlalchemy: `duckdb:///${path}?access_mode=read_only`,
    storageVersion: "v1.3.0",
    tables: [
      { name: "aws_cur", table: "billing_data.aws_cur_data" },
      { name: "azure_billing", table: "azure.azure_billing_data" },
    ],
  });
});

test("the copy lies where the configuration has the database", async (t) => {
  const folder = await loaded(t, "bills", '[destination.duckdb]\npath = "data/costs.db"\n');
  await writeKey(folder, "data/costs.db.read.duckdb", "");
  assert.equal((await answered(folder)).path, join(folder, "data/costs.db.read.duckdb"));
});

describe("--shell is a command that a shell takes as it is", () => {
  const words = `duckdb() { printf '<%s>' "$@"; }; billhouse() { "$NODE" "$CLI" "$@"; };`;

  async function shell(folder: string, script: string): Promise<string> {
    const env = { ...process.env, NODE: process.execPath, CLI: cli };
    const { stdout } = await promisify(execFile)("sh", ["-c", `${words} ${script}`], { cwd: folder, env });
    return stdout;
  }

  const fromJson = "JSON.parse(require('fs').readFileSync(0)).shell";
  const names = ["bills", "my bills", "it's", 'a "quoted" name', "$(id) `id` $HOME \\ ; & | > *", "é 東京", "-rf"];
  for (const name of names) {
    test(`in a folder named ${name}`, async (t) => {
      const folder = await loaded(t, name);
      const opened = `<-readonly><${join(folder, "billhouse.read.duckdb")}>`;
      assert.equal(await shell(folder, 'eval "$(billhouse connect --shell)"'), opened);
      assert.equal(await shell(folder, `eval "$(billhouse connect --json | "$NODE" -p "${fromJson}")"`), opened);
    });
  }
  test("also without eval, when the path needs no quotes", async (t) => {
    const folder = await loaded(t);
    const opened = `<-readonly><${join(folder, "billhouse.read.duckdb")}>`;
    assert.equal(await shell(folder, "$(billhouse connect --shell)"), opened);
  });
});

test("Python and Node get a literal that is the path again", async (t) => {
  const folder = await loaded(t, 'it\'s a "name" \\n');
  const { python, node, path } = await answered(folder);
  for (const text of [python, node]) assert.equal(JSON.parse(/"(?:[^"\\]|\\.)*"/.exec(text)?.[0] ?? ""), path);
});

test("without a copy it says to run first, and prints nothing that a shell would run", async (t) => {
  const folder = await temporaryFolder(t);
  await writeKey(folder, "billhouse.toml", toml);
  await writeKey(folder, "billhouse.duckdb", "a run that did not get to its end");
  const message = `There is no ${join(folder, "billhouse.read.duckdb")}: nothing has been loaded yet.`;
  for (const words of [["connect"], ["connect", "--shell"]]) {
    const { code, stdout, stderr } = await billhouse(folder, words);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.equal(stderr, `✖ ${message}   WAREHOUSE_NOT_FOUND\n  Load the bills first: billhouse run.\n`);
  }
  const { code, stdout } = await billhouse(folder, ["connect", "--json"]);
  const error = { code: "WAREHOUSE_NOT_FOUND", message, hint: "Load the bills first: billhouse run." };
  assert.deepEqual([code, JSON.parse(stdout)], [1, { error }]);
});

test("a warehouse that is not a file is reported", async (t) => {
  const folder = await loaded(t, "bills", "[destination.bigquery]\n");
  const { code, stderr } = await billhouse(folder, ["connect"]);
  assert.equal(code, 1);
  assert.match(stderr, /WAREHOUSE_UNSUPPORTED\n.*billing_data\.aws_cur_data, azure\.azure_billing_data\.\n$/);
});

test("the storage version says who can read the file", async (t) => {
  for (const [version, needed] of [
    ["v1.4.0", "DuckDB v1.4.0 or newer"],
    ["latest", "DuckDB at least as new as that of billhouse"],
  ] as const) {
    const folder = await loaded(t, "bills", `[destination.duckdb]\nstorage_version = "${version}"\n`);
    assert.ok((await billhouse(folder, ["connect"])).stdout.includes(`Reading it takes ${needed}: `));
  }
});

test("terminal escapes in a path are spelt out on a terminal", async (t) => {
  const folder = await loaded(t, "a\u001b[2Jb");
  for (const words of [["connect"], ["connect", "--shell"], ["connect", "--json"]]) {
    assert.doesNotMatch((await billhouse(folder, words, {}, { isTerminal: true })).stdout, obeyed);
  }
});

test("the database is neither opened nor read, and its program not loaded", async (t) => {
  const folder = await loaded(t);
  await chmod(join(folder, "billhouse.read.duckdb"), 0o000);
  assert.equal((await billhouse(folder, ["connect"])).code, 0);
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .map((name) => `src/${name.replaceAll("\\", "/")}`)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => [file, readFileSync(join(root, file), "utf8")] as const);
  const light = ["@commander-js/extra-typings", "smol-toml", "zod"];
  for (const file of ["commands/connect", "commands/config", "warehouses/duckdb/paths", "config/explain"]) {
    assert.deepEqual(packagesLoadedAtOnce(new Map(sources), `src/${file}.ts`, light), []);
  }
});

test("docs/connecting.md shows what it prints", async (t) => {
  const folder = await loaded(t);
  await writeKey(folder, "billhouse.toml", '[sources.aws_cur]\nbucket_url = "b"\n');
  const config = await loadConfig({
    folder,
    environment: { DESTINATION__DUCKDB__PATH: "/data/bills/billhouse.duckdb" },
  });
  assert.ok(config.warehouse.kind === "duckdb");
  const result = await connections(config, config.warehouse);
  const page = readFileSync(new URL("../../docs/connecting.md", import.meta.url), "utf8");
  assert.ok(
    page.includes(
      `$ billhouse connect\n${connectScreen(result, { colour: false, verbose: false, columns: 80 })}\`\`\``,
    ),
  );
  assert.deepEqual(parseResult(/```json\n(.*?)```/s.exec(page)?.[1] ?? ""), result);
});

test("--help names --shell", async (t) => {
  const { code, stdout } = await billhouse(await temporaryFolder(t), ["connect", "--help"]);
  assert.equal(code, 0);
  assert.match(stdout, /^Usage: billhouse connect \[options\]\n/);
  assert.match(stdout, /--shell +print only the command that opens the DuckDB shell/);
});
