import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";

import type { ReportResult } from "../../src/answers/report.ts";
import { reportRows } from "../../src/commands/report/csv.ts";
import { reportDocument } from "../../src/commands/report/document.ts";
import { reportHtml } from "../../src/commands/report/html.ts";
import { reportMarkdown } from "../../src/commands/report/markdown.ts";
import { answering, bill, charge } from "../answers/bills.ts";
import { billhouse } from "../support/projects.ts";
import { reported } from "../support/recorded-answers.ts";

/** Values that try to be markup, to leave their cell, or to move the cursor. */
const hostile = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  "</td></tr></table><h1>",
  "&lt;b&gt;",
  "a | b",
  "line\nbreak",
  "[link](https://evil.example)",
  "![image](https://evil.example/x.png)",
  "https://evil.example www.evil.example me@evil.example",
  "**bold** _quiet_ `code` ~gone~ $x$ # title",
  "\u001b[31mred \u202Ebidi",
  "\\| ends",
];

/** The recorded report with a hostile value as every name. */
function reportWith(value: string): ReportResult {
  const text = JSON.stringify(reported, (name, inner: unknown) =>
    ["keys"].includes(name) && typeof inner === "object" && inner !== null
      ? Object.fromEntries(Object.keys(inner).map((key) => [key, value]))
      : ["name", "tag", "value", "meter", "key"].includes(name) &&
          typeof inner === "string" &&
          !/^\d{4}-\d\d$/.test(inner)
        ? value
        : inner,
  );
  return JSON.parse(text) as ReportResult;
}

describe("what a bill contains stays text", () => {
  test("in HTML", async () => {
    const usual = await reportHtml(reportDocument(reportWith("usual")));
    const shape = (page: string): readonly string[] => page.match(/<[^>]*>/gu) ?? [];
    for (const value of hostile) {
      const page = await reportHtml(reportDocument(reportWith(value)));
      assert.deepEqual(shape(page), shape(usual), value);
      assert.ok(!page.includes("\u001b") && !page.includes("\u202E"), value);
    }
  });

  test("in Markdown", () => {
    const cells = (text: string): readonly number[] =>
      text.split("\n").map((line) => (line.match(/(?<!\\)(?:\\\\)*\|/gu) ?? []).length);
    const usual = reportMarkdown(reportDocument(reportWith("usual")));
    for (const value of hostile) {
      const text = reportMarkdown(reportDocument(reportWith(value)));
      assert.deepEqual(cells(text), cells(usual), value);
      assert.doesNotMatch(text, /(?<!\\)[<[`~$]|:\/\/|www\.|@|\u202E/u, value);
      assert.ok(!text.includes("\u001b"), value);
      // Totals are bold, nothing else is.
      assert.doesNotMatch(text.replace(/\*\*[-+.,%\d ]+\*\*|\*\*total\*\*/gu, ""), /(?<!\\)\*/u, value);
    }
  });
});

describe("a report in HTML", () => {
  test("does not have scripts, style sheets, images or links, or anything from another address", async () => {
    const page = await reportHtml(reportDocument(reported));
    assert.match(page, /^<!DOCTYPE html>/u);
    assert.doesNotMatch(page, /<(script|style|link|img|svg|iframe|form|a)\b|https?:|url\(|class=|\son\w+=/iu);
    assert.match(page, /<th\s+align="right"/u);
    // The bar of a month has a cell for each cloud, in the colour that its column has.
    assert.match(page, /<font color="#2f5bd0">&#9632;<\/font>/u);
    assert.match(page, /<td bgcolor="#2f5bd0" width="\d+"[^>]*>&nbsp;<\/td>\s*<td bgcolor="#e08a1e" width="\d+"/u);
  });

  test("has each figure of the report once more in CSV, exactly", () => {
    const rows = [...reportRows(reported)].filter(({ currency }) => currency === "USD" || currency === null);
    const find = (section: string, item: string, figure: string): unknown =>
      rows.find((row) => row["section"] === section && row["item"] === item && row["figure"] === figure)?.["value"];
    assert.equal(find("services", "Amazon Elastic Compute Cloud", "cost"), "16985.1063855174");
    assert.equal(find("services", "(total)", "cost"), "72502.1657855174");
    assert.equal(find("months", "2025-03", "cost"), "72502.1657855174");
    assert.equal(find("explain", "usage", "amount"), "4327.9521768192");
    assert.equal(find("commitments", "total", "net_savings"), "1755.4561250156");
    assert.equal(find("untagged", "team", "untagged"), "2593.8277920064");
    assert.equal(find("budgets", "owner Ada Lovelace", "forecast"), "3000.75");
    assert.equal(find("forecast", "2025-03", "low"), "6500.1234");
    assert.equal(
      find("restatements", "aws_cur 2025-02 2025-03-07T05:00:04.000000+00:00", "cost_change"),
      "-1936.0343194700",
    );
    assert.equal(find("exports", "aws_cur", "execution_id"), "20250407T061512Z");
  });
});

describe("billhouse report", () => {
  test("writes the format that a flag names, or that the file has", async (t) => {
    const project = await answering.DuckDB(t, [
      await bill("2025-02", [charge("2025-02")]),
      await bill("2025-03", [charge("2025-03", { EffectiveCost: "2", ServiceName: "<i>Disks" })]),
    ]);
    const start = async (...words: string[]): Promise<string> => {
      const { stdout, code, stderr } = await billhouse(project, ["report", "2025-03", ...words]);
      assert.equal(code, 0, stderr);
      return stdout.slice(0, 60);
    };
    assert.match(await start(), /^Cloud costs of 2025-03\n\n {2}2025-03 cost 2\.00 USD/u);
    assert.match(await start("--format", "markdown"), /^# Cloud costs of 2025-03\n/u);
    assert.match(await start("--format", "html"), /^<!DOCTYPE html>/u);
    assert.match(await start("--csv"), /^section,currency,item,figure,value\nclouds,USD,AWS,cost,2\n/u);
    assert.match(await start("--json"), /^\{\n {2}"read_from": "database"/u);
    assert.equal(await start("--output", "page.html"), "");
    const page = await readFile(join(project.folder, "page.html"), "utf8");
    assert.match(page, /&lt;i&gt;Disks/u);
    const { code, stderr } = await billhouse(project, ["report", "--csv", "--format", "html"]);
    assert.equal(code, 64);
    assert.match(stderr, /A report has one format, not html and csv\./u);
  });
});
