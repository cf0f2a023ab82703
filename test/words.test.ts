import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

/** Phrases that read like a translation, and what to write instead. */
const phrases: readonly (readonly [phrase: RegExp, instead: string])[] = [
  [/\b(?:tells?|told|telling)\b/iu, "shows, reports, says, records"],
  [
    /(?<!\bthere )\b(?:is|are|was|were) no\b(?! (?:longer|more than|later than))/iu,
    "is not a valid ..., is missing, does not exist",
  ],
  [/\b(?:has|have|had) no\b(?! effect)/iu, "lacks, does not have, is missing"],
  [/\bgo(?:es)? without\b/iu, "lacks, omits"],
  [/\b(?:go|goes|going|went) on\b/iu, "continues, happens"],
  [/\banew\b/iu, "again, run again, reload"],
  [/\b(?:whoever|nobody)\b/iu, "another process, the user, the owner"],
  [/\b(?:mends?|mended)\b/iu, "fix, fixed by"],
  [/\bin the place of\b/iu, "instead of, replaces"],
  [/\ball the same\b/iu, "anyway, still, although"],
  [/\bthe (?:load|one|delivery) before\b(?! (?:it|that|this|the)\b)/iu, "previous"],
  [/\bkept loads\b/iu, "previous loads"],
  [
    /\b(?:is|are|was|were|be|stays?|stayed|left|leaves?|remains?) as (?:it|they) (?:is|are|was|were)\b/iu,
    "unchanged, not changed",
  ],
  [/\b(?:hold|holds|held|holding)\b[^.;:]{0,60}\bagainst\b/iu, "compare with, check against"],
  [/\b(?:is|are|was|were) not taken\b/iu, "skipped, left out, refused"],
  [/\b(?:is|are|was|were) (?:another|others) than\b/iu, "differs from"],
  [/\bthe same is true of\b/iu, "also"],
  [/\b(?:in no case|for ever|at all times)\b/iu, "never, permanently, always"],
  [
    /\b(?:what|who|that|which|where|there|it|they|file|files|bucket|prefix|export|table|tables|dataset) lies?\b/iu,
    "is, are, is in",
  ],
  [/\blies? (?:there|below|beside|above|outside|around)\b/iu, "is, are"],
  [/\bstands? (?:there|beside|behind|before|once|in the way|side by side)\b/iu, "is, precedes, follows"],
  [/\bby and by\b/iu, "repeatedly, gradually"],
  [/\bput(?:s|ting)? (?:it |them )?back\b/iu, "restore, restored"],
  [/\bpatience\b|\bis got over\b/iu, "retry policy, succeeds after retries"],
  [/\bparted by\b/iu, "separated by"],
  [/\bthe lease\b/iu, "the commit lock"],
  [/\bbelongs? into\b/iu, "belongs in, goes into"],
  [/\bnothing of (?:this|the|it)\b/iu, "was not loaded, was rolled back"],
];

/** Folders and files whose text is held to the list; of tests only the titles. */
const rooms = [
  "src",
  "demo",
  "docs",
  "scripts",
  "test",
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "README.md",
];

/** The title of a test, a group of tests or a case of a conformance suite at the start of a line. */
const title = /^ *(?:(?:test|it|describe)\(|["`][^"`]*["`](?:: async)? ?\()/u;

function* filesOf(path: string): Generator<string> {
  if (!statSync(path).isDirectory()) yield path;
  else for (const name of readdirSync(path).toSorted()) yield* filesOf(join(path, name));
}

function* findings(path: string): Generator<string> {
  for (const [index, line] of readFileSync(path, "utf8").split("\n").entries()) {
    if (path.startsWith("test/") && !title.test(line)) continue;
    for (const [phrase, instead] of phrases) {
      const found = phrase.exec(line)?.[0];
      if (found !== undefined) yield `${path}:${index + 1}: "${found}" (${instead})`;
    }
  }
}

test("messages, comments, pages and titles of tests use plain English", () => {
  const files = rooms.flatMap((room) => [...filesOf(room)]).filter((path) => /\.(?:ts|md)$/u.test(path));
  assert.deepEqual(
    files.flatMap((path) => [...findings(path)]),
    [],
  );
});
