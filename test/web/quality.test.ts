import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import { ask, listQuestions, validate } from "../../src/index.ts";
import { answering, bill, charge } from "../answers/bills.ts";
import type { Row } from "../support/deliveries.ts";
import type { Project } from "../support/projects.ts";
import { dashboard, type Get } from "./dashboard.ts";

const now = new Date("2025-06-01T00:00:00Z");

const loaded = async (t: TestContext, rows: readonly Row[]): Promise<{ project: Project; get: Get }> => {
  const project = await answering.DuckDB(t, [
    await bill("2025-02", [charge("2025-02", { EffectiveCost: "1234.5" })]),
    await bill("2025-03", rows),
  ]);
  return { project, get: (await dashboard(t, project.config)).get };
};

const hostile = `"><img src=x onerror=alert(1)></script><script>alert(2)</script>`;

/** The cells of the table after a text, row by row, as they are shown. */
function tableAfter(text: string, title: string): readonly (readonly string[])[] {
  const [, table = ""] = /<tbody>(.*?)<\/tbody>/su.exec(text.slice(text.indexOf(title))) ?? [];
  return [...table.matchAll(/<tr.*?<\/tr>/gsu)].map(([row]) =>
    [...row.matchAll(/<t[dh].*?<\/t[dh]>/gsu)].map(([cell]) =>
      cell
        .replaceAll(/<[^>]*>/gu, " ")
        .replaceAll(/\s+/gu, " ")
        .trim(),
    ),
  );
}

describe("the page of quality", () => {
  test("shows for the newest month the score, the rules that fail with an example, and those that are undecidable", async (t) => {
    const { project, get } = await loaded(t, [
      charge("2025-03"),
      charge("2025-03", { ChargeCategory: "Gift" }),
      charge("2025-03", { BillingCurrency: hostile }),
    ]);
    const { scores, results } = await validate(project.config, { months: { only: ["2025-03"] } });
    const { status, text } = await get("/quality");
    assert.equal(status, 200);
    assert.match(text, /<h1>Quality in 2025-03<\/h1>/u);
    const [score] = scores;
    assert.ok(score !== undefined && score.failed > 0);
    const [row = []] = tableAfter(text, "<h2>Scores");
    assert.deepEqual(
      [row[0], row[1], ...row.slice(4)],
      ["aws_focus", "2025-03", "3", ...[score.passed, score.failed, score.undecidable].map(String)],
    );
    const failed = tableAfter(text, "<h2>Rules that fail");
    assert.equal(failed.length, score.failed);
    const gift = failed.find(([rule = ""]) => rule.startsWith("ChargeCategory-C-003-M"));
    assert.deepEqual(gift?.slice(1), [
      "aws_focus 2025-03",
      "1 row",
      "the export of the cloud",
      "ChargeCategory = Gift",
    ]);
    const open = tableAfter(text, "<summary>Show");
    assert.equal(open.length, score.undecidable);
    const reason = results.find(({ verdict, parts }) => verdict === "undecidable" && parts === 0)?.reason ?? "";
    assert.ok(open.some((cells) => cells[1] === reason.replaceAll("'", "&#39;")));
    assert.doesNotMatch(text, /<img src=x|<script>alert/u);
    assert.match(text, /BillingCurrency = &quot;&gt;&lt;img src=x/u);
  });

  test("shows other months, all of them, another version of FOCUS, and the verdicts as CSV", async (t) => {
    const { get } = await loaded(t, [charge("2025-03")]);
    const months = async (path: string): Promise<readonly (string | undefined)[]> =>
      tableAfter((await get(path)).text, "<h2>Scores").map(([, month]) => month);
    assert.deepEqual(await months("/quality?month=2025-02"), ["2025-02"]);
    assert.deepEqual(await months("/quality?from=2025-02&to=2025-03"), ["2025-02", "2025-03"]);
    assert.match((await get("/quality")).text, /href="\/quality\?from=2025-02&amp;to=2025-03"\s*>All months/u);
    assert.match((await get("/quality?focus=1.4")).text, /FOCUS 1\.4, checked.*focus_v1_4/su);
    assert.equal((await get("/quality?focus=2.0")).status, 400);
    assert.match((await get("/quality?month=2024-01")).text, /no rows in the FOCUS view in 2024-01/u);
    const { text, headers } = await get("/quality/rules.csv?month=2025-02");
    assert.match(String(headers["content-disposition"]), /filename="rules\.csv"/u);
    assert.equal(
      text
        .trim()
        .split("\r\n")
        .filter((line) => line.startsWith("aws_focus,2025-02,")).length,
      539,
    );
  });
});

describe("the page of questions", () => {
  test("lists every question, and each has a page with its answer, its SQL and its rows as CSV", async (t) => {
    const { project, get } = await loaded(t, [charge("2025-03")]);
    const { text } = await get("/questions");
    for (const { name, title } of listQuestions().questions) {
      assert.ok(text.includes(`<a href="/questions/${name}">${title.replaceAll("'", "&#39;")}</a>`), name);
      const result = await ask(project.config, { name, now });
      const page = await get(`/questions/${name}`);
      assert.equal(page.status, 200, name);
      assert.equal(tableAfter(page.text, "<h2>Answer").length, result.rows.length, name);
      assert.ok(
        page.text.includes(
          `<pre data-copy>${result.sql.replaceAll("'", "&#39;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")}</pre>`,
        ),
        name,
      );
      const csv = await get(`/questions/${name}/answer.csv`);
      const [head] = csv.text.split("\r\n");
      assert.equal(head, result.columns.map((column) => column.name).join(","), name);
    }
    for (const { title } of listQuestions().open) assert.ok(text.includes(title), title);
  });

  test("an answer is a table with exact amounts in CSV, and a chart of its amounts", async (t) => {
    const service = (ServiceName: string, EffectiveCost: string): Row =>
      charge("2025-03", { ServiceName, RegionId: "eu-central-1", EffectiveCost });
    const { get } = await loaded(t, [service("Queues", "20.125"), service(hostile, "3000"), service("Disks", "-5")]);
    const { text } = await get("/questions/regions");
    assert.deepEqual(
      tableAfter(text, "<h2>effective, USD").map((row) => row.at(-1)),
      ["3,000.00", "20.13", "-5.00"],
    );
    assert.deepEqual(
      new Set(tableAfter(text, "<h2>Answer").map((row) => row.at(-1))),
      new Set(["-5.00", "20.13", "3,000.00"]),
    );
    assert.doesNotMatch(text, /<img src=x|<script>alert/u);
    assert.match((await get("/questions/regions/answer.csv")).text, /^AWS,eu-central-1,Queues,USD,20\.125\r$/mu);
    assert.match((await get("/questions/regions?month=2025-02")).text, /1,234\.50/u);
  });

  test("an answer about several months has a column for each, of the months before the chosen one", async (t) => {
    const { get } = await loaded(t, [
      charge("2025-03", { EffectiveCost: "10" }),
      charge("2025-03", { ServiceName: "Disks", EffectiveCost: "5" }),
    ]);
    const { text } = await get("/questions/service-months?month=2025-03");
    assert.match(text, /2024-04 to 2025-03\./u);
    assert.deepEqual(tableAfter(text, "<figcaption>"), [
      ["2025-02", "1,234.50", "0.00"],
      ["2025-03", "10.00", "5.00"],
    ]);
    assert.equal([...text.matchAll(/data-bucket=/gu)].length, 2);
    assert.doesNotMatch((await get("/questions/service-months?month=2025-02")).text, /data-bucket=/u);
  });

  test("says which questions there are, and which months are loaded", async (t) => {
    const { get } = await loaded(t, [charge("2025-03")]);
    for (const [path, hint] of [
      ["/questions/servces", /Did you mean services\?/u],
      ["/questions/services?month=2024-01", /2024-01/u],
    ] as const) {
      const { status, text } = await get(path);
      assert.equal(status, 400, path);
      assert.match(text, hint, path);
    }
  });
});
