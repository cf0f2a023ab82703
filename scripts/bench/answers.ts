import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { costs, explain, loadConfig, run } from "../../src/index.ts";
import { monthSpan, nextMonth } from "../../src/schema/periods.ts";
import { generateCur } from "./bills.ts";

/** What one question takes, in seconds: the whole answer, the warehouse being opened and its state read included. */
export interface AnswerTime {
  readonly title: string;
  readonly seconds: number;
}

/**
 * Loads the last month of a CUR whole and a little of each month before it, copies the sums of the last month to all of them by SQL,
 * and measures questions over all months. Answers that read the rows of the bill would not see the others.
 */
export async function measureAnswers(
  folder: string,
  { months, rows }: { readonly months: number; readonly rows: number },
): Promise<readonly AnswerTime[]> {
  const last = "2026-08";
  const all = [last];
  while (all.length < months) all.unshift(monthBefore(all[0] ?? last));
  mkdirSync(folder, { recursive: true });
  for (const month of all) {
    const size = month === last ? { rows, files: 5 } : { rows: 100, files: 1 };
    await generateCur(folder, { ...size, month, more: 90, filled: 60 });
  }
  const database = join(folder, "answers.duckdb");
  writeFileSync(
    join(folder, "billhouse.toml"),
    `[sources.aws_cur]\nbucket_url = "${folder}"\nprefix = "cur/bench"\n[destination.duckdb]\npath = "${database}"\n`,
  );
  const config = await loadConfig({ folder, environment: {} });
  for await (const event of run(config)) {
    if (event.event === "month_failed") throw new Error(event.message);
  }
  await copySums(database, last);
  const now = new Date(`${nextMonth(nextMonth(last))}-01T00:00:00Z`);
  const [from = last] = all;
  const questions: Readonly<Record<string, () => Promise<unknown>>> = {
    "`costs` of all months by service": () => costs(config, { from, to: last, now }),
    "`costs` of all months by account and region": () =>
      costs(config, { from, to: last, by: ["account", "region"], now }),
    "`costs` of all months by month": () => costs(config, { from, to: last, by: ["month"], now }),
    "`costs` of all months by day": () => costs(config, { from, to: last, by: ["day"], now }),
    "`costs` of one month by SKU": () => costs(config, { from: last, to: last, by: ["sku"], now }),
    "`explain` of two months": () => explain(config, { month: last, now }),
  };
  const times: AnswerTime[] = [];
  for (const [title, ask] of Object.entries(questions)) {
    await ask();
    const started = performance.now();
    await ask();
    times.push({ title, seconds: (performance.now() - started) / 1000 });
  }
  rmSync(folder, { recursive: true });
  return times;
}

function monthBefore(month: string): string {
  return new Date(Date.parse(monthSpan(month).start) - 86_400_000).toISOString().slice(0, 7);
}

/** Gives all other months the sums of a month. */
async function copySums(path: string, month: string): Promise<void> {
  const sums = "main._billhouse_focus_sums";
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run(`DELETE FROM ${sums} WHERE "x_BillingMonth" <> '${month}'`);
  const replaced = `m.billing_month AS "x_BillingMonth", TRY_CAST(m.billing_month || strftime("ChargePeriodStart", '-%d') AS TIMESTAMP) AS "ChargePeriodStart"`;
  await connection.run(
    `INSERT INTO ${sums} SELECT t.* REPLACE (${replaced}) FROM ${sums} AS t, main._billhouse_focus_months AS m WHERE m.billing_month <> '${month}'`,
  );
  await connection.run("CHECKPOINT");
  connection.closeSync();
  instance.closeSync();
}
