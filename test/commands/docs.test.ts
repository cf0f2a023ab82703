import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { commandsFile, commandsPage, edgeCasesFile, edgeCasesPage } from "../../scripts/generate-docs.ts";
import { keysAt, kinds } from "../../src/config/schema.ts";
import { loadConfig } from "../../src/index.ts";
import { temporaryFolder } from "../support/folders.ts";

test("docs/commands.md is what --help says (npm run docs)", async () => {
  assert.equal(await readFile(commandsFile, "utf8"), commandsPage());
});

test("docs/edge-cases.md is what test/support/edge-cases.ts says (npm run docs)", async () => {
  assert.equal(await readFile(edgeCasesFile, "utf8"), edgeCasesPage());
});

test("docs/configuration.md has every key with its variable, and every kind", async () => {
  const page = await readFile(new URL("../../docs/configuration.md", import.meta.url), "utf8");
  const sections = {
    "SOURCES__<NAME>": ["sources", "any"],
    DESTINATION__DUCKDB: ["destination", "duckdb"],
    DESTINATION__BIGQUERY: ["destination", "bigquery"],
    NOTIFY: ["notify"],
  };
  for (const [variable, path] of Object.entries(sections)) {
    const keys = keysAt(path) ?? [];
    assert.ok(keys.length > 0, variable);
    for (const key of keys) {
      assert.ok(page.includes(`| \`${key}\` | \`${variable}__${key.toUpperCase()}\` |`), `${path.join(".")}.${key}`);
    }
  }
  for (const kind of kinds) assert.ok(page.includes(`\`${kind}\``), kind);
});

test("the example of docs/notify.md has every key of [notify], and the loader accepts it", async (t) => {
  const page = await readFile(new URL("../../docs/notify.md", import.meta.url), "utf8");
  const [, example = ""] = /```toml\n([^]*?)```/.exec(page) ?? [];
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "billhouse.toml"), `[sources.aws_cur]\nbucket_url = "bucket"\n${example}`);
  const { notify } = await loadConfig({ folder, environment: {} });
  assert.deepEqual(notify, { command: "./notify.sh", folder, maxAge: 36 * 60 * 60 });
  for (const key of keysAt(["notify"]) ?? []) assert.match(example, new RegExp(`^${key} = `, "m"));
});
