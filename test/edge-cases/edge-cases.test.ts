import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { titlesOf } from "../support/titles.ts";
import { caseGroups, testTitle, type CaseTest } from "../support/edge-cases.ts";

const cases = caseGroups.flatMap((group) => group.cases);
const root = new URL("../../", import.meta.url);

describe("the list of edge cases", () => {
  test("has every case once, in order", () => {
    assert.deepEqual(
      cases.map(({ number }) => number),
      cases.map((_, index) => index + 1),
    );
    assert.equal(new Set(cases.map(({ title }) => title)).size, cases.length);
  });

  test("has a test for each case, or the reason why there is none", () => {
    for (const { number, title, does, tests, notApplicable } of cases) {
      assert.equal(tests.length === 0, notApplicable !== undefined, `case ${number}`);
      assert.match(title, /^[A-Z].*[^.]$/, `case ${number}`);
      for (const sentence of [does, notApplicable]) {
        assert.ok(sentence === undefined || /^\S.*\.$/.test(sentence), `case ${number}: ${sentence}`);
        assert.ok(!/[|\n]/.test(`${title}${sentence}`), `case ${number} stands in one cell of a table`);
      }
    }
  });

  test("names tests that are there", async () => {
    const byFile = Map.groupBy(
      cases.flatMap(({ tests }) => tests),
      ({ file }: CaseTest) => file,
    );
    for (const [file, named] of byFile) {
      const isThere = await titlesOf(file);
      for (const { title } of named) assert.ok(isThere(title), `${file} has no test "${title}"`);
    }
  });

  test("names every test of this folder", async () => {
    const listed = cases.flatMap(({ number, title, tests }) =>
      tests
        .filter(({ file }) => file.startsWith("test/edge-cases/"))
        .map(({ file, title: name }) => {
          assert.equal(name, testTitle(number, title));
          return `${file}: ${name}`;
        }),
    );
    const found: string[] = [];
    for (const file of await readdir(new URL("test/edge-cases/", root))) {
      const source = await readFile(new URL(`test/edge-cases/${file}`, root), "utf8");
      for (const [, title] of source.matchAll(/^ {2}test\(\s*"(case \d+: [^"]+)"/gm)) {
        found.push(`test/edge-cases/${file}: ${title}`);
      }
    }
    assert.deepEqual(found.toSorted(), listed.toSorted());
  });
});
