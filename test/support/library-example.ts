import { BillhouseError, loadConfig, plan, query, run, status } from "../../src/index.ts";

// billhouse.toml of this folder, with the environment on top.
const config = await loadConfig({ folder: process.cwd(), environment: process.env });

for (const { name, months } of (await plan(config)).pipelines) {
  for (const { billingMonth, action } of months) console.log(`${name} ${billingMonth}: ${action}`);
}

for await (const event of run(config, { months: { from: "2025-01" } })) {
  if (event.event === "month_loaded") {
    console.log(`${event.name} ${event.billingMonth}: ${event.rows} rows, ${event.cost["USD"]} USD`);
  } else if (event.event === "month_failed") {
    // event.message says what happened, and event.hint what to do.
    console.log(`${event.name} ${event.billingMonth}: ${event.code}`);
  }
}

for (const { name, months } of (await status(config)).pipelines) {
  for (const { billingMonth, state, rows } of months) console.log(`${name} ${billingMonth}: ${state}, ${rows} rows`);
}

const sql = `
  SELECT line_item_usage_account_id AS account, sum(line_item_unblended_cost) AS cost
  FROM billing_data.aws_cur_data GROUP BY account`;
for await (const row of query(config, { sql })) console.log(row);

try {
  for await (const row of query(config, { sql: "SELECT wrong FROM billing_data.aws_cur_data" })) console.log(row);
} catch (error) {
  if (!(error instanceof BillhouseError)) throw error;
  console.log(error.code);
}
