import { test } from "node:test";

import { listQuestions } from "../../src/index.ts";
import { answering } from "./bills.ts";
import { requireAnswers } from "./question-answers.ts";

test("every question has the answer that its charges give, in BigQuery", async (t) => {
  const names = listQuestions().questions.map(({ name }) => name);
  await requireAnswers(t, answering.BigQuery, names);
});
