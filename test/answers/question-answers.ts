import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { TestContext } from "node:test";

import { ask } from "../../src/index.ts";
import { type answering, bill } from "./bills.ts";
import { questionCharges } from "./question-charges.ts";

const [before, month] = ["2025-02", "2025-03"];
const now = new Date("2025-06-01T00:00:00Z");

/** The rows of every answer, worked out from the charges by hand; their order does not matter. */
const answers = JSON.parse(await readFile(new URL("../fixtures/questions.json", import.meta.url), "utf8")) as Readonly<
  Record<string, readonly (readonly (string | null)[])[]>
>;

/** Loads two months, and requires the known answers to some questions. */
export async function requireAnswers(
  t: TestContext,
  load: (typeof answering)["DuckDB"],
  names: readonly string[],
): Promise<void> {
  const deliveries = [
    await bill(before, questionCharges(before).slice(0, 1)),
    await bill(month, questionCharges(month)),
  ];
  const { config } = await load(t, deliveries);
  for (const name of names) {
    const { columns, rows } = await ask(config, { name, now });
    const cells = rows.map((row) => columns.map((column) => row[column.name] ?? null));
    const sorted = (all: readonly (readonly unknown[])[]): string[] => all.map((row) => JSON.stringify(row)).toSorted();
    assert.deepEqual(sorted(cells), sorted(answers[name] ?? assert.fail(name)), name);
    assert.notEqual(rows.length, 0, name);
  }
  const first = await ask(config, { name: "invoices", from: before, to: before });
  assert.deepEqual([first.from, first.to, first.rows[0]?.["billed"]], [before, before, "10"]);
}
