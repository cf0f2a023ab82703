import { mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BillingMonth } from "../../model.ts";
import { requireCapability, type Warehouse } from "../../warehouses/warehouse.ts";
import { type ExportedFile, type ExportedMonth, type FileSettings, sha256Of } from "./files.ts";

/**
 * Has the warehouse write the rows of a month to Parquet files itself, in a folder `billing_period=YYYY-MM`, and measures what the
 * files hold. It must have `writeParquet`. Errors: those of the warehouse and of the file system.
 */
export async function copyMonth(
  warehouse: Warehouse,
  billingMonth: BillingMonth,
  sql: string,
  { folder, name, onRows }: Pick<FileSettings, "folder" | "name" | "onRows">,
): Promise<ExportedMonth> {
  const part = `billing_period=${billingMonth}`;
  const rowsFolder = join(folder, part, "rows");
  await mkdir(join(folder, part), { recursive: true });
  await warehouse.writeParquet?.(sql, rowsFolder);
  const query = requireCapability(warehouse, "query");
  const files: ExportedFile[] = [];
  for (const written of (await readdir(rowsFolder)).toSorted()) {
    const path = `${part}/${name}-${String(files.length + 1).padStart(5, "0")}.snappy.parquet`;
    const target = join(folder, path);
    await rename(join(rowsFolder, written), target);
    let rows = 0;
    for await (const row of query(`SELECT count(*) AS rows FROM ${contentOf([target])}`)) {
      rows = Number(row["rows"]);
    }
    if (rows === 0) await rm(target);
    else files.push({ path, bytes: (await stat(target)).size, rows, sha256: await sha256Of(target) });
  }
  await rmdir(rowsFolder);
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  onRows(rows);
  if (rows === 0) await rmdir(join(folder, part));
  const [billedCost, effectiveCost]: [Record<string, string>, Record<string, string>] = [{}, {}];
  if (rows > 0) {
    const sums = `SELECT COALESCE(BillingCurrency, '') AS currency, sum(BilledCost) AS billed, sum(EffectiveCost) AS effective
      FROM ${contentOf(files.map(({ path }) => join(folder, path)))} GROUP BY ALL ORDER BY ALL`;
    for await (const { currency, billed, effective } of query(sums)) {
      if (typeof currency !== "string") continue;
      if (typeof billed === "string") billedCost[currency] = billed;
      if (typeof effective === "string") effectiveCost[currency] = effective;
    }
  }
  return { billingMonth, rows, billedCost, effectiveCost, files };
}

/** The rows of files as they are in them: by default DuckDB reads a folder `BilledCost=3` above them as the value of a column. */
function contentOf(paths: readonly string[]): string {
  return `read_parquet([${paths.map(literal).join(", ")}], hive_partitioning = false)`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
