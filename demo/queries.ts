import { anomaly, awsAccounts } from "./aws-fleets.ts";

/** The tables that the demo's configuration loads into. */
export const demoTables = {
  aws: { dataset: "aws_billing_data", name: "aws_cur_data" },
  azure: { dataset: "azure_billing_data", name: "azure_focus_billing_data" },
} as const;

/** A query worth trying on the demo's tables. */
export interface DemoQuery {
  /** The question that it answers. */
  readonly title: string;
  readonly sql: string;
}

const aws = `${demoTables.aws.dataset}.${demoTables.aws.name}`;
const azure = `${demoTables.azure.dataset}.${demoTables.azure.name}`;

/** Three questions to the demo's tables, in DuckDB's SQL. Money stays decimal from the bill to the screen. */
export const demoQueries: readonly DemoQuery[] = [
  {
    title: "What did each cloud cost, month by month?",
    sql: `SELECT strftime(start, '%Y-%m') AS month, round(sum(aws), 2) AS aws, round(sum(azure), 2) AS azure FROM (
  SELECT bill_billing_period_start_date AS start, line_item_unblended_cost AS aws, 0 AS azure FROM ${aws}
  UNION ALL SELECT BillingPeriodStart, 0, BilledCost FROM ${azure})
GROUP BY start ORDER BY start`,
  },
  {
    title: "Which AWS services moved most between the last two months?",
    sql: `SELECT product_product_name AS service,
  round(sum(line_item_unblended_cost) FILTER (bill_billing_period_start_date = '2026-09-01'), 2) AS september,
  round(sum(line_item_unblended_cost) FILTER (bill_billing_period_start_date = '2026-10-01'), 2) AS october
FROM ${aws} GROUP BY service ORDER BY abs(coalesce(october, 0) - coalesce(september, 0)) DESC LIMIT 5`,
  },
  {
    title: `What happened to SageMaker in ${awsAccounts[anomaly.account].name}, day by day?`,
    sql: `SELECT strftime(line_item_usage_start_date, '%a %d %b') AS day, round(sum(line_item_unblended_cost), 2) AS cost,
  repeat('#', (sum(line_item_unblended_cost) * 0.05)::INTEGER) AS bar
FROM ${aws} WHERE product_product_name = 'Amazon SageMaker'
  AND line_item_usage_account_id = '${awsAccounts[anomaly.account].id}' AND line_item_line_item_type = 'Usage'
  AND line_item_usage_start_date BETWEEN '2026-10-09' AND '2026-10-20'
GROUP BY day, line_item_usage_start_date ORDER BY line_item_usage_start_date`,
  },
];
