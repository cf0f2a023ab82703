import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { BillhouseError, describeError, errorCodes } from "../src/errors.ts";

const root = join(import.meta.dirname, "..");

describe("error codes", () => {
  test("are upper-snake words, each once, in alphabetical order", () => {
    for (const code of errorCodes) assert.match(code, /^[A-Z]+(?:_[A-Z]+)*$/u);
    assert.deepEqual([...new Set(errorCodes)].toSorted(), [...errorCodes]);
  });

  test("have one section each in docs/errors.md, in the same order, that says what, why and what to do", () => {
    const [, ...sections] = readFileSync(join(root, "docs", "errors.md"), "utf8").split(/^## /mu);
    assert.deepEqual(
      sections.map((section) => section.split("\n")[0]),
      [...errorCodes],
    );
    for (const section of sections) {
      assert.match(
        section,
        /^\*\*What happened\.\*\* \S.*\n\n\*\*Why\.\*\* \S.*\n\n\*\*What to do\.\*\* \S/mu,
        section,
      );
    }
  });

  test("are all in use", () => {
    const sources = ["src", "demo"]
      .flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => join(folder, file)),
      )
      .filter((file) => file.endsWith(".ts") && file !== join("src", "errors.ts"))
      .map((file) => readFileSync(join(root, file), "utf8"))
      .join("\n");
    assert.deepEqual(
      errorCodes.filter((code) => !sources.includes(`"${code}"`)),
      [],
    );
  });
});

describe("BillhouseError", () => {
  test("carries code, message, hint and cause", () => {
    const cause = new Error("EACCES");
    const error = new BillhouseError("STORAGE_DENIED", "You may not read it.", { hint: "Ask.", cause });
    assert.ok(error instanceof Error);
    assert.equal(error.name, "BillhouseError");
    assert.equal(error.code, "STORAGE_DENIED");
    assert.equal(error.message, "You may not read it.");
    assert.equal(error.hint, "Ask.");
    assert.equal(error.cause, cause);
    assert.match(error.stack ?? "", /^BillhouseError: You may not read it\.|errors\.test\.ts/u);
  });

  test("lacks a cause when none is given, and keeps one that is falsy", () => {
    assert.equal("cause" in new BillhouseError("QUERY_INVALID", "It fails.", { hint: "Correct it." }), false);
    assert.equal("cause" in new BillhouseError("QUERY_INVALID", "It fails.", { hint: "", cause: undefined }), false);
    assert.equal(new BillhouseError("QUERY_INVALID", "It fails.", { hint: "", cause: null }).cause, null);
  });
});

describe("describeError", () => {
  test("gives the three fields of a BillhouseError and nothing else", () => {
    const error = new BillhouseError("FILE_CORRUPT", "It is cut off.", {
      hint: "Copy it.",
      cause: new Error("secret"),
    });
    assert.deepEqual(describeError(error), { code: "FILE_CORRUPT", message: "It is cut off.", hint: "Copy it." });
  });

  test("calls everything else INTERNAL, whatever was thrown", () => {
    for (const [thrown, message] of [
      [new TypeError("x is undefined"), "x is undefined"],
      ["text", "text"],
      [undefined, "undefined"],
      [null, "null"],
    ] as const) {
      const described = describeError(thrown);
      assert.equal(described.code, "INTERNAL");
      assert.equal(described.message, message);
      assert.match(described.hint, /--debug/u);
    }
  });
});
