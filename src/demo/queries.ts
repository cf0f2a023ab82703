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
    sql: `WITH costs AS (
  SELECT bill_billing_period_start_date AS month, line_item_unblended_cost AS aws, 0 AS azure
  FROM ${aws}
  UNION ALL
  SELECT BillingPeriodStart, 0, BilledCost
  FROM ${azure}
)
SELECT strftime(month, '%Y-%m') AS month,
       round(sum(aws), 2) AS aws,
       round(sum(azure), 2) AS azure,
       round(sum(aws) + sum(azure), 2) AS total
FROM costs
GROUP BY ALL
ORDER BY month`,
  },
  {
    title: "Which services moved most between the last two months?",
    sql: `WITH costs AS (
  SELECT 'AWS' AS cloud, product_product_name AS service,
         bill_billing_period_start_date AS month, line_item_unblended_cost AS cost
  FROM ${aws}
  WHERE line_item_line_item_type <> 'Tax'
  UNION ALL
  SELECT 'Azure', ServiceName, BillingPeriodStart, BilledCost
  FROM ${azure}
), newest AS (
  SELECT max(month) AS month FROM costs
), services AS (
  SELECT cloud, service,
         sum(cost) FILTER (costs.month = newest.month - INTERVAL 1 MONTH) AS before,
         sum(cost) FILTER (costs.month = newest.month) AS after
  FROM costs, newest
  GROUP BY ALL
)
SELECT cloud, service,
       round(coalesce(before, 0), 2) AS before,
       round(coalesce(after, 0), 2) AS after,
       round(coalesce(after, 0) - coalesce(before, 0), 2) AS change
FROM services
ORDER BY abs(coalesce(after, 0) - coalesce(before, 0)) DESC, service
LIMIT 8`,
  },
  {
    title: `What happened to SageMaker in ${awsAccounts[anomaly.account].name}, day by day?`,
    sql: `SELECT strftime(line_item_usage_start_date, '%a %d %b') AS day,
       round(sum(line_item_usage_amount), 1) AS hours,
       round(sum(line_item_unblended_cost), 2) AS cost,
       repeat('#', round(sum(line_item_unblended_cost) * 0.05)::INTEGER) AS bar
FROM ${aws}
WHERE product_product_name = 'Amazon SageMaker'
  AND line_item_usage_account_id = '${awsAccounts[anomaly.account].id}'
  AND line_item_line_item_type = 'Usage'
  AND line_item_usage_start_date BETWEEN '2026-10-07' AND '2026-10-23'
GROUP BY line_item_usage_start_date
ORDER BY line_item_usage_start_date`,
  },
];
