import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { displayWidth, cutText, visible } from "../../src/commands/output.ts";
import { billhouse } from "../support/in-process.ts";
import { obeyed } from "../support/recorded.ts";
import { curDelivery, curRow, deliver } from "../support/deliveries.ts";
import { createProject, curSection, onlyResult, outcomes, runProject, runWell, textRows } from "../support/projects.ts";
import { table, withoutLooks } from "../support/hostile/projects.ts";

/** What programs would run, and terminals would obey, if they were let. */
const hostile: readonly string[] = [
  "'); DROP TABLE billing_data.aws_cur_data; --",
  '"; DELETE FROM billing_data.aws_cur_data; --',
  "`whoami` $(whoami) ${7*7} {{7*7}} <%= 7*7 %> $1 ? :x @x %s",
  "=cmd|' /C calc'!A0",
  "<script>alert(1)</script>",
  "\u001b]52;c;ZWNobyBwd25lZA==\u0007",
  "\u001b]8;;https://example.com\u001b\\click\u001b]8;;\u001b\\",
  "\u001b[2J\u001b[1;1H\u001b[8m",
  "\u009b2J\u009d0;title\u009c\u0090q\u009c",
  "\u0007\b\b\b\u007f\u0000",
  "\u202eabc\u2066\u2069\u200f\u2028\u2029\u{e0041}",
  "\r\nsecond\tline\v\f",
  "a\u0300".repeat(500),
  "😀".repeat(5000),
];

describe("a hostile cell", { timeout: 300_000 }, () => {
  it("is stored as it is, and never drawn as it is", async (t) => {
    const project = await createProject(t, curSection);
    const rows = hostile.map((text, index) =>
      curRow("2025-01", {
        "identity/LineItemId": String(index),
        "lineItem/LineItemDescription": text,
        "product/region": text,
      }),
    );
    await deliver(project.bucket, curDelivery({ month: "2025-01", id: "cells", files: [rows] }));
    await runWell(project);
    const stored = await textRows(
      project,
      `SELECT line_item_line_item_description AS d, product_region AS r FROM ${table} ORDER BY CAST(identity_line_item_id AS INTEGER)`,
    );
    assert.deepEqual(
      stored.map((row) => JSON.parse(row)),
      hostile.map((text) => ({ d: text, r: text })),
    );

    const select = `SELECT identity_line_item_id, line_item_line_item_description AS "a\u001b[2J\u202e" FROM ${table}`;
    const asked: readonly (readonly string[])[] = [
      ["query", select],
      ["query", "--csv", select],
      ["query", "--json", select],
      ["query", `SELECT [line_item_line_item_description] AS list FROM ${table}`],
      [
        "query",
        "SELECT error(line_item_line_item_description) FROM billing_data.aws_cur_data WHERE contains(line_item_line_item_description, chr(27))",
      ],
      [
        "query",
        "--json",
        "SELECT error(line_item_line_item_description) FROM billing_data.aws_cur_data WHERE contains(line_item_line_item_description, chr(27))",
      ],
      ["query", "SELECT '\u001b]52;c;x\u0007' FROM nowhere\u009b2J"],
      ["run", "\u001b]0;export\u0007"],
      ["state", "show", "--json"],
      ["status", "--verbose"],
      ["plan", "--verbose"],
    ];
    for (const words of asked) {
      const { stdout, stderr } = await billhouse(project.folder, words, {}, { isTerminal: true });
      assert.doesNotMatch(withoutLooks(stdout + stderr), obeyed, words.join(" "));
    }
  });

  it("where it is a value that does not fit is spelt out in the message", async (t) => {
    const project = await createProject(t, curSection);
    const columns = [
      "lineItem/UnblendedCost",
      "bill/BillingPeriodStartDate",
      "lineItem/UsageAmount",
      "lineItem/UsageStartDate",
      "lineItem/CurrencyCode",
    ];
    const text = `\u001b]52;c;x\u0007${"\u009b2J\u202e".repeat(2000)}`;
    for (const [index, column] of columns.entries()) {
      const month = `2025-0${index + 1}`;
      await deliver(project.bucket, curDelivery({ month, id: "evil", files: [[curRow(month, { [column]: text })]] }));
    }
    assert.deepEqual(
      outcomes(onlyResult((await runProject(project)).finished)),
      columns.map((_, index) => `2025-0${index + 1} failed VALUE_INVALID`),
    );
    for (const words of [["run"], ["run", "--json"], ["run", "--debug"], ["plan"]]) {
      const { stdout, stderr } = await billhouse(project.folder, words, {}, { isTerminal: true });
      assert.doesNotMatch(withoutLooks(stdout + stderr), obeyed, words.join(" "));
    }
  });

  it("is cut between characters, and never wider than its column", () => {
    const characters = ["a", " ", "ä", "я", "⠋", "界", "𠀀", "e\u0301", "👩‍👩‍👧‍👦", "🇩🇪"];
    for (const first of characters) {
      for (const second of characters) {
        for (let width = 1; width < 12; width += 1) {
          const text = (first + second.repeat(2)).repeat(5);
          const cut = cutText(text, width);
          assert.ok(displayWidth(cut) <= width && cut.isWellFormed(), cut);
          assert.ok(text.startsWith(cut.slice(0, -1)) && cut.endsWith("…"), cut);
        }
      }
    }
    assert.deepEqual(
      ["abcdef", "界界", "𠀀", "👩‍👩‍👧‍👦", "e\u0301", "\u001b[32mgood\u001b[39m"].map(displayWidth),
      [6, 4, 2, 2, 1, 4],
    );
  });

  it("of megabytes is drawn in a moment", () => {
    const started = performance.now();
    for (const unit of ["x", "ä", "界", "👩‍👩‍👧‍👦", "a\u0300", "\u001b[31m", "\u0300"]) {
      const text = unit.repeat((2 * 1024 * 1024) / unit.length);
      const shown = visible(text);
      const cut = cutText(shown, 40);
      assert.ok(displayWidth(cut) <= 40, unit);
      assert.ok(cut.length < 5000, unit);
    }
    assert.ok(performance.now() - started < 10_000, `${performance.now() - started} ms`);
  });
});
