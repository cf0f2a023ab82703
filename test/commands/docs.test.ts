import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  commandsFile,
  commandsPage,
  edgeCasesFile,
  edgeCasesPage,
  focusFile,
  questionsFile,
  rulesFile,
  withRules,
  withSources,
} from "../../scripts/generate-docs.ts";
import { questionsPage } from "../../scripts/focus-questions.ts";
import { keysAt, kinds } from "../../src/config/schema.ts";
import { mappings } from "../../src/focus/mappings/index.ts";
import { partsIn, sourcesOf } from "../../src/focus/reading.ts";
import { loadConfig } from "../../src/index.ts";
import { temporaryFolder } from "../support/folders.ts";

test("docs/commands.md is what --help says (npm run docs)", async () => {
  assert.equal(await readFile(commandsFile, "utf8"), commandsPage());
});

test("docs/questions.md is what src/focus/questions/ says (npm run docs)", async () => {
  assert.equal(await readFile(questionsFile, "utf8"), questionsPage());
});

test("docs/edge-cases.md is what test/support/edge-cases.ts says (npm run docs)", async () => {
  assert.equal(await readFile(edgeCasesFile, "utf8"), edgeCasesPage());
});

test("docs/focus.md has the sources that the mappings declare (npm run docs)", async () => {
  const page = await readFile(focusFile, "utf8");
  assert.equal(page, withSources(page));
});

test("docs/validate.md has what decides each rule of FOCUS (npm run docs)", async () => {
  const page = await readFile(rulesFile, "utf8");
  assert.equal(page, withRules(page));
});

test("docs/focus.md explains every quality flag", async () => {
  const page = await readFile(focusFile, "utf8");
  const flags = mappings.flatMap((mapping) =>
    mapping.branches.flatMap((branch) => {
      const source = sourcesOf(mapping, branch, "v1_4")["x_QualityFlags"];
      const parts = source?.is === "joined" ? source.of.flatMap((one) => (one.is === "cases" ? one.cases : [])) : [];
      const values = source?.is === "joined" ? parts.map(([, value]) => value) : source === undefined ? [] : [source];
      return values
        .flatMap((value) => partsIn(value))
        .flatMap((part) => (part.is === "constant" ? (part.value ?? []) : []));
    }),
  );
  assert.ok(flags.includes("SavingsPlanResidual") && flags.includes("TagsInvalid"), flags.join(" "));
  assert.deepEqual(
    flags.filter((flag) => !page.includes(`\`${flag}\``)),
    [],
  );
});

test("docs/configuration.md has every key with its variable, and every kind", async () => {
  const page = await readFile(new URL("../../docs/configuration.md", import.meta.url), "utf8");
  const sections = {
    "SOURCES__<NAME>": ["sources", "any"],
    DESTINATION__DUCKDB: ["destination", "duckdb"],
    DESTINATION__BIGQUERY: ["destination", "bigquery"],
    NOTIFY: ["notify"],
    FOCUS: ["focus"],
    BUDGETS: ["budgets"],
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
