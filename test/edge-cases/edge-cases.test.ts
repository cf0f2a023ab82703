import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { caseGroups, testTitle, type CaseTest } from "./cases.ts";

const cases = caseGroups.flatMap((group) => group.cases);
const root = new URL("../../", import.meta.url);

/** The titles that a test file writes: whole texts, and templates with what they take in. */
async function titlesOf(file: string): Promise<(title: string) => boolean> {
  const source = await readFile(new URL(file, root), "utf8");
  const texts = new Set([...source.matchAll(/"((?:\\.|[^"\\\n])*)"/g)].map(([, text]) => text));
  const templates = [...source.matchAll(/\b(?:test|it)\(\s*`([^`]+)`/g)].map(([, template = ""]) => {
    const parts = template.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/[^\w\s]/g, "\\$&"));
    return new RegExp(`^${parts.join("(.+)")}$`, "s");
  });
  return (title) => {
    if (texts.has(title.replaceAll('"', '\\"'))) return true;
    // What a template takes in is a text of the same file, or the name of a property.
    return templates.some((template) => {
      const taken = template.exec(title)?.slice(1);
      return taken?.every((part) => texts.has(part) || source.includes(`  ${part}: `)) ?? false;
    });
  };
}

describe("the list of edge cases", () => {
  test("has every case once, in order", () => {
    assert.deepEqual(
      cases.map(({ number }) => number),
      Array.from({ length: 68 }, (_, index) => index + 1),
    );
    assert.equal(new Set(cases.map(({ title }) => title)).size, cases.length);
  });

  test("has a test for each case, or the reason why there is none", () => {
    for (const { number, title, does, tests, notApplicable, knownFault } of cases) {
      assert.equal(tests.length === 0, notApplicable !== undefined, `case ${number}`);
      assert.match(title, /^[A-Z].*[^.]$/, `case ${number}`);
      for (const sentence of [does, notApplicable, knownFault]) {
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

  test("marks as not done yet exactly what its tests call so", async () => {
    for (const { number, title, tests, knownFault } of cases) {
      const [first] = tests;
      if (first === undefined || !first.file.startsWith("test/edge-cases/")) continue;
      const source = await readFile(new URL(first.file, root), "utf8");
      const start = source.indexOf(testTitle(number, title));
      const isTodo = /^"[,\s]*\{\s*todo:/.test(source.slice(start + testTitle(number, title).length));
      assert.equal(isTodo, knownFault !== undefined, `case ${number}`);
    }
  });
});
