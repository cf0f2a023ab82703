import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { demoQuestions } from "../../demo/buckets.ts";
import { demoMonths } from "../../demo/company.ts";
import { displayWidth } from "../../src/commands/output.ts";
import { temporaryFolder } from "../support/folders.ts";
import { billhouse, type Ended, oneThread } from "../support/in-process.ts";

const root = join(import.meta.dirname, "../..");
const now = new Date("2026-11-30T12:00:00Z");

let folder: string;
let demo: Ended;

before(async (t) => {
  const outer = await temporaryFolder(t as Parameters<typeof temporaryFolder>[0]);
  demo = await billhouse(outer, ["demo", "--quiet"], oneThread, { now, isTerminal: true, columns: 80 });
  folder = join(outer, "billhouse-demo");
});

describe("the examples of the pages, in the folder of the demo", () => {
  test("the demo itself succeeds, and ends with commands that work", async () => {
    assert.equal(demo.code, 0, demo.stderr);
    const [, end = ""] = demo.stdout.split(/^5\. .*$/mu);
    const commands = commandsIn(end.replaceAll(/^ {3}/gmu, "").replaceAll(/^billhouse /gmu, "$ billhouse "));
    assert.equal(commands.length, demoQuestions.length + 1, end);
    for (const { words } of commands)
      assert.equal((await billhouse(folder, words, oneThread, { now })).code, 0, words.join(" "));
  });

  test("the queries that the demo names answer in exact decimals", async () => {
    const queries = demoQuestions.filter(({ command }) => command.startsWith("query "));
    const [months = [], centers = [], days = []] = await Promise.all(queries.map(({ command }) => rowsOf(command)));
    assert.deepEqual(
      months.map(({ month }) => month),
      demoMonths,
    );
    assert.equal(months.find(({ month }) => month === "2026-08")?.["aws"]?.slice(0, 8), "52978.49");
    assert.deepEqual(centers.map(({ cost_center: center }) => center ?? "none").toSorted(), [
      "CC-1000",
      "CC-1200",
      "CC-1300",
      "CC-2100",
      "CC-2200",
      "none",
    ]);
    assert.ok(days.length >= 10);
    for (const { cost } of days) assert.equal(typeof cost, "string");
  });

  test("the demo's charges are of every kind that answers treat differently", async () => {
    const conditions = [
      "x_Export = 'aws_cur' AND CommitmentDiscountType = 'Savings Plan' AND CommitmentDiscountStatus = 'Unused' AND EffectiveCost > 0",
      "CommitmentDiscountType = 'Reserved Instance' AND CommitmentDiscountStatus = 'Unused' AND EffectiveCost > 0",
      "CommitmentDiscountType = 'Reservation' AND CommitmentDiscountStatus = 'Unused' AND EffectiveCost > 0",
      "ChargeCategory = 'Purchase' AND ChargeFrequency = 'One-Time' AND BilledCost > 0 AND EffectiveCost = 0",
      "x_Export = 'aws_cur' AND ChargeClass = 'Correction' AND BilledCost < 0",
      "x_Export = 'aws_cur' AND ChargeCategory = 'Credit' AND BilledCost < 0",
      "x_Export = 'azure_billing' AND ChargeCategory = 'Credit' AND BilledCost < 0",
      "x_Export = 'aws_cur' AND ServiceProviderName NOT IN ('AWS', 'Microsoft')",
      "x_Export = 'azure_billing' AND ServiceProviderName NOT IN ('AWS', 'Microsoft')",
      "ChargeCategory = 'Usage' AND x_Tag_team IS NULL AND ResourceId IS NOT NULL",
    ];
    // One query: each reads the view over all exports.
    const counts = conditions.map((condition, index) => `count(*) FILTER (${condition}) AS kind_${index}`);
    const [counted] = await rowsOf(`query "SELECT ${counts.join(", ")} FROM focus_costs"`);
    for (const [index, condition] of conditions.entries()) {
      assert.ok(Number(counted?.[`kind_${index}`]) > 0, condition);
    }
  });

  // DuckDB streams the rows of several joined exports only when they are complete; otherwise this waits forever.
  test("the newest month of all exports is exported as files of FOCUS", { timeout: 60_000 }, async () => {
    const month = demoMonths.at(-1);
    const words = ["focus", "export", "--format", "csv", "--month", String(month), "--json"];
    const { code, stdout, stderr } = await billhouse(folder, words, oneThread, { now });
    assert.equal(code, 0, stderr);
    const { months } = JSON.parse(stdout) as {
      readonly months: readonly { readonly rows: number; readonly billed_cost: unknown }[];
    };
    const [sums] = await rowsOf(
      `query "SELECT count(*) AS rows, CAST(sum(BilledCost) AS VARCHAR) AS billed FROM focus_costs WHERE x_BillingMonth = '${month}'"`,
    );
    assert.deepEqual(
      months.map(({ rows, billed_cost: billed }) => [String(rows), billed]),
      [[sums?.["rows"], { USD: String(sums?.["billed"]).replace(/0+$/u, "") }]],
    );
  });

  test(
    "the rows of all exports are read to their end where only a subquery has an order",
    { timeout: 60_000 },
    async () => {
      const sql = `SELECT f.* FROM focus_costs AS f
      JOIN (SELECT max(BilledCost) AS most FROM focus_costs ORDER BY ALL) ON true WHERE x_BillingMonth = '2026-10'`;
      const environment = { DESTINATION__DUCKDB__THREADS: "1" };
      const { code, stdout, stderr } = await billhouse(folder, ["query", "--json", sql], environment, { now });
      assert.equal(code, 0, stderr);
      const [counted] = await rowsOf(
        `query "SELECT count(*) AS rows FROM focus_costs WHERE x_BillingMonth = '2026-10'"`,
      );
      assert.equal(String((JSON.parse(stdout) as readonly unknown[]).length), counted?.["rows"]);
    },
  );

  test("charges of the months that the pair of Azure cost exports has too are counted once", async () => {
    const [row] = await rowsOf(
      `query "SELECT count(*) FILTER (x_Export LIKE 'azure_a%') AS pair, count(*) AS rows FROM focus_costs WHERE x_BillingMonth >= '2026-09'"`,
    );
    assert.equal(row?.["pair"], "0");
    assert.ok(Number(row?.["rows"]) > 0);
    const { stdout } = await billhouse(folder, ["status", "--offline"], oneThread, { now });
    assert.match(
      stdout,
      /charges of several exports count from azure_billing, else from azure_actual and azure_amortized/,
    );
  });

  test("no line of the demo is wider than a terminal of 80 columns", () => {
    for (const line of demo.stdout.split("\n")) assert.ok(displayWidth(line) <= 80, line);
  });

  test("every command that README.md suggests in the demo succeeds", async () => {
    const text = await readFile(join(root, "README.md"), "utf8");
    const [, block = ""] = /^## Look around.*?^```sh\n(.*?)^```$/msu.exec(text) ?? [];
    const commands = block.split("\n").flatMap((line) => /^npx billhouse (.*?) +#/u.exec(line)?.[1] ?? []);
    assert.ok(commands.length >= 8, block);
    // docs/months.md runs and shows this one, and it can be done only once.
    for (const command of commands.filter((each) => each !== "undo aws_cur 2026-08")) {
      const { code, stdout, stderr } = await billhouse(folder, command.split(" "), oneThread, { now });
      assert.equal(code, 0, `billhouse ${command}\n${stdout}\n${stderr}`);
    }
  });

  // months.md comes last: it undoes a load.
  for (const page of ["README.md", "docs/answers.md", "docs/reconcile.md", "docs/months.md"]) {
    test(`${page} shows what its commands print`, async () => {
      const text = await readFile(join(root, page), "utf8");
      const [, invoices] = /^```\n(invoice_id,amount\n.*?)^```$/msu.exec(text) ?? [];
      if (invoices !== undefined) await writeFile(join(folder, "june.csv"), invoices);
      const blocks = [...text.matchAll(/^```(?:console)?\n(.*?)^```$/gmsu)].map(([, block = ""]) => block);
      const commands = blocks.flatMap(commandsIn);
      assert.ok(commands.length > 0);
      for (const { words, shown } of commands) {
        const { stdout, stderr } = await billhouse(folder, words, oneThread, { now });
        assert.match(comparable(stdout), patternOf(shown), `billhouse ${words.join(" ")}\n${stdout}\n${stderr}`);
      }
    });
  }
});

/** The rows of a query in the demo's folder. */
async function rowsOf(command: string): Promise<Readonly<Record<string, string | null>>[]> {
  const [{ words } = assert.fail(command)] = commandsIn(`$ billhouse ${command}\n`);
  const { code, stdout, stderr } = await billhouse(folder, [...words, "--json"], oneThread, { now });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Readonly<Record<string, string | null>>[];
}

/** The commands of a block, each after `$ `, with the lines below them. A text in quotes may go over several lines. */
function commandsIn(block: string): { readonly words: readonly string[]; readonly shown: string }[] {
  const example = /^\$ (?:npx )?billhouse ((?:"[^"]*"|[^"\n])*)\n((?!\$ ).*?)(?=^\$ |$(?![\s\S]))/gmsu;
  return [...block.matchAll(example)].map(([, command = "", shown = ""]) => ({
    words: [...command.matchAll(/"([^"]*)"|(\S+)/gu)].map(([, quoted, plain = ""]) => quoted ?? plain),
    shown,
  }));
}

/** Times, durations and ages are those of the run; columns may be wider, and decimals may keep their zeros. */
function comparable(text: string): string {
  return (
    text
      .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/gu, "<time>")
      // The loads of a run may begin in one minute and end in the next.
      .replaceAll("<time> to <time>", "<time>")
      .replaceAll(/(?<=load of )\d{4}-\d\d-\d\d/gu, "<day>")
      .replaceAll(/\d+(?:\.\d)? s\b/gu, "<seconds>")
      .replaceAll(/(\.\d*?)0+(?=\D|$)/gu, "$1")
      .replaceAll(/─+/gu, "─")
      .replaceAll(/[ \t]+/gu, " ")
      .replaceAll(/^ | $/gmu, "")
      .trim()
  );
}

/** What is shown, in which a line of three dots stands for any lines. */
function patternOf(shown: string): RegExp {
  const parts = comparable(shown)
    .split(/^\.\.\.$/mu)
    .map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`));
  return new RegExp(`^${parts.join(String.raw`[\s\S]*`)}$`, "u");
}
