import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { reliabilityFile, withPromises } from "../scripts/generate-docs.ts";
import { promises } from "./support/promises.ts";
import { titlesOf } from "./support/titles.ts";

describe("the promises of docs/reliability.md", () => {
  test("equal those in test/support/promises.ts (npm run docs)", async () => {
    const page = await readFile(reliabilityFile, "utf8");
    assert.equal(page, withPromises(page));
    assert.throws(() => withPromises("a page without marks"), /marks/);
  });

  test("are sentences, each once, with a test for each", () => {
    assert.equal(new Set(promises.map(({ title }) => title)).size, promises.length);
    for (const { title, how, tests } of promises) {
      assert.match(title, /^[A-Z][^|\n]*[^.|\n]$/);
      assert.match(how, /^[A-Z][^|\n]*\.$/, title);
      assert.ok(tests.length > 0, title);
    }
  });

  test("name tests that are there", async () => {
    for (const [file, title] of promises.flatMap(({ tests }) => tests)) {
      const isThere = await titlesOf(`test/${file}`);
      assert.ok(isThere(title), `test/${file} has no test "${title}"`);
    }
    const isThere = await titlesOf("test/promises.test.ts");
    assert.deepEqual([isThere("name tests that are there"), isThere(["no", "such", "test"].join(" "))], [true, false]);
  });
});
