import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { commandsFile, commandsPage, edgeCasesFile, edgeCasesPage } from "../../scripts/generate-docs.ts";
import { keysAt, kinds } from "../../src/config/schema.ts";

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
  };
  for (const [variable, path] of Object.entries(sections)) {
    for (const key of keysAt(path) ?? []) {
      assert.ok(page.includes(`| \`${key}\` | \`${variable}__${key.toUpperCase()}\` |`), `${path.join(".")}.${key}`);
    }
  }
  for (const kind of kinds) assert.ok(page.includes(`\`${kind}\``), kind);
});
