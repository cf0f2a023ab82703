import { execFile } from "node:child_process";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { generateHistory } from "./history.ts";

/*
 * Writes a DuckDB file with bills of AWS and Azure for the months before 2026-09, and its published copy, beside a configuration. Loading
 * months of a million rows takes hours, so that one such month is loaded, and the sums that are kept of it (by day and by price)
 * become those of all months. The other rows of the months are few.
 *
 *   node scripts/bench/dashboard-history.ts FOLDER MONTHS ROWS
 */
const [, , folder = "", months = "", rows = ""] = process.argv;
await writeSums({ months: Number(months), rows: Number(rows) });

async function writeSums({ months, rows }: { months: number; rows: number }): Promise<void> {
  const [many, one] = [join(folder, "months"), join(folder, "month")];
  for (const [place, size] of [
    [many, { months, rows: 500, azureRuns: 1 }],
    [one, { months: 1, rows, azureRuns: 1 }],
  ] as const) {
    await mkdir(place, { recursive: true });
    await generateHistory(place, size);
    const cli = join(import.meta.dirname, "../../src/cli.ts");
    await promisify(execFile)(process.execPath, [cli, "run", "--quiet"], { cwd: place, maxBuffer: 1e8 });
  }
  const database = join(many, "billhouse.duckdb");
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  await connection.run(`ATTACH '${join(one, "billhouse.duckdb")}' AS large (READ_ONLY)`);
  const columns = (
    await connection.runAndReadAll(
      "SELECT column_name AS name FROM duckdb_columns() WHERE table_name = '_billhouse_focus_sums' AND database_name = current_database() ORDER BY column_index",
    )
  )
    .getRowsJson()
    .map(([name]) => name as string);
  await connection.run(
    "CREATE TEMP TABLE kept AS SELECT DISTINCT x_BillingMonth AS month FROM _billhouse_focus_sums WHERE x_BillingMonth IS NOT NULL",
  );
  await connection.run("DELETE FROM _billhouse_focus_sums");
  const copied = columns.map((name) =>
    name === "x_BillingMonth"
      ? "k.month"
      : name === "ChargePeriodStart"
        ? `CAST(k.month || '-01' AS TIMESTAMP) + (s."ChargePeriodStart" - date_trunc('month', s."ChargePeriodStart"))`
        : `s."${name}"`,
  );
  await connection.run(
    `INSERT INTO _billhouse_focus_sums SELECT ${copied.join(", ")} FROM large.main._billhouse_focus_sums AS s, kept AS k`,
  );
  await connection.run("CHECKPOINT");
  connection.closeSync();
  instance.closeSync();
  await copyFile(database, join(many, "billhouse.read.duckdb"));
}
