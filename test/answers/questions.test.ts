import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ask, listQuestions } from "../../src/index.ts";
import { billhouse } from "../support/in-process.ts";
import { answering, bill } from "./bills.ts";
import { questionCharges } from "./question-charges.ts";
import { requireAnswers } from "./question-answers.ts";

const month = "2025-03";
const { questions, open } = listQuestions();

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`questions in ${warehouse}`, () => {
    test("questions have the answers that their charges give", async (t) => {
      // All of them take BigQuery longer: see questions.long.ts.
      const asked = questions.filter((_, index) => warehouse === "DuckDB" || index % 4 === 0);
      await requireAnswers(
        t,
        load,
        asked.map(({ name }) => name),
      );
    });

    test("an unknown question and a month that is not loaded are wrong use", async (t) => {
      const { config } = await load(t, [await bill(month, questionCharges(month))]);
      await assert.rejects(ask(config, { name: "invoice" }), {
        code: "USAGE_INVALID",
        message: /named invoice|invoice/u,
      });
      await assert.rejects(ask(config, { name: "invoices", from: "2020-01", to: "2020-01" }), {
        code: "USAGE_INVALID",
      });
    });
  });
}

test("every question of the FOCUS use-case library is answered once, or has a reason", () => {
  const titles = [...questions.flatMap(({ library }) => library), ...open.map(({ title }) => title)];
  assert.deepEqual([questions.length >= 25, titles.length, new Set(titles).size], [true, 66, 66]);
  assert.equal(new Set(questions.map(({ name }) => name)).size, questions.length);
});

test("billhouse questions lists, shows and runs a question", async (t) => {
  const { folder } = await answering.DuckDB(t, [await bill(month, questionCharges(month))]);
  const list = await billhouse(folder, ["questions"]);
  assert.match(list.stdout, /savings-rate +Which part of the contracted cost do commitments save\?/u);
  const show = await billhouse(folder, ["questions", "show", "savings-rate"]);
  assert.match(show.stdout, /^-- Which part .*\n-- The library subtracts .*\nSELECT BillingCurrency,/u);
  const csv = await billhouse(folder, ["questions", "run", "savings-rate", "--month", month, "--csv"]);
  assert.equal(
    csv.stdout.trim().replaceAll("\r", ""),
    "BillingCurrency,contracted,effective,saved,savings_rate\nUSD,32,25,7,0.21875",
  );
  const json = await billhouse(folder, ["questions", "run", "invoices", "--json"]);
  const { rows } = JSON.parse(json.stdout) as { rows: readonly Record<string, string>[] };
  assert.deepEqual(
    rows.map((row) => row["billed"]),
    ["19"],
  );
  const table = await billhouse(folder, ["questions", "run", "invoices"]);
  assert.match(table.stdout, /^What does each invoice come to\? 2025-03\n/u);
});
