import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** The version that runs. */
export const converterVersion = "1.0.0";
/** What it needs to start: later versions of these packages changed what it calls. */
export const converterNeeds: readonly string[] = ["multimethod<2", "click<8.2"];

/** The report as focus-converter reads it: names of Athena's columns, amounts as floats, and columns that it requires. */
export const converterReport = `SELECT * REPLACE (
    CAST(line_item_unblended_cost AS DOUBLE) AS line_item_unblended_cost,
    CAST(line_item_net_unblended_cost AS DOUBLE) AS line_item_net_unblended_cost,
    CAST(line_item_usage_amount AS DOUBLE) AS line_item_usage_amount,
    CAST(savings_plan_savings_plan_effective_cost AS DOUBLE) AS savings_plan_savings_plan_effective_cost,
    CAST(savings_plan_total_commitment_to_date AS DOUBLE) AS savings_plan_total_commitment_to_date,
    CAST(savings_plan_used_commitment AS DOUBLE) AS savings_plan_used_commitment,
    CAST(reservation_effective_cost AS DOUBLE) AS reservation_effective_cost,
    CAST(reservation_unused_amortized_upfront_fee_for_billing_period AS DOUBLE) AS reservation_unused_amortized_upfront_fee_for_billing_period,
    CAST(reservation_unused_recurring_fee AS DOUBLE) AS reservation_unused_recurring_fee,
    CAST(pricing_public_on_demand_cost AS DOUBLE) AS pricing_public_on_demand_cost,
    CAST(line_item_usage_start_date AS TIMESTAMP) AS line_item_usage_start_date,
    CAST(line_item_usage_end_date AS TIMESTAMP) AS line_item_usage_end_date,
    CAST(bill_billing_period_start_date AS TIMESTAMP) AS bill_billing_period_start_date,
    CAST(bill_billing_period_end_date AS TIMESTAMP) AS bill_billing_period_end_date),
  reservation_reservation_arn AS reservation_reservation_a_r_n,
  CAST(NULL AS VARCHAR) AS line_item_availability_zone, CAST(NULL AS VARCHAR) AS product_sku, CAST(NULL AS VARCHAR) AS pricing_rate_code,
  CAST(NULL AS VARCHAR) AS pricing_rate_id, CAST(NULL AS VARCHAR) AS reservation_total_reserved_units, product_region AS product_region_code
  FROM bill.billing_data.aws_cur_data`;

/** Installs focus-converter below `home` and converts a Parquet file of the report. Returns the pattern of its files. */
export function convertReport(system: string, home: string, report: string): string {
  const python = process.platform === "win32" ? join(home, "Scripts", "python.exe") : join(home, "bin", "python");
  run(system, ["-m", "venv", home]);
  run(python, [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    `focus-converter==${converterVersion}`,
    ...converterNeeds,
  ]);
  const output = join(home, "converted");
  const start = "import sys; from focus_converter.main import app; sys.exit(app())";
  const flags = ["--provider", "aws", "--data-format", "parquet", "--parquet-data-format", "file"];
  run(python, ["-c", start, "convert", ...flags, "--data-path", report, "--export-path", output]);
  if (readdirSync(output).length === 0) throw new Error("focus-converter wrote no file.");
  return join(output, "**", "*.parquet");
}

function run(program: string, words: readonly string[]): void {
  // focus-converter does not end if a process that it started fails.
  const limits = { encoding: "utf8", maxBuffer: 256 << 20, timeout: 300_000 } as const;
  const { status, stdout, stderr, error } = spawnSync(program, words, limits);
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ended with ${status}:\n${stderr}${stdout}`);
}
