import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

/** The rows of one vendor as the FOCUS Foundation published them: see the README of the folder. */
export function vendorFile(vendor: "oracle" | "microsoft" | "aws"): Promise<Buffer> {
  return readFile(join(import.meta.dirname, "../fixtures/focus-files", `${vendor}.csv`));
}

/** A charge of a SaaS vendor; columns are replaced or, with undefined, left out. */
export type FocusRow = Readonly<Record<string, string | undefined>>;

/** A charge in the given month, with the columns that FOCUS 1.2 requires. */
export function focusRow(month: string, cost: string, columns: FocusRow = {}): FocusRow {
  const [year = 0, number = 0] = month.split("-").map(Number);
  const end = new Date(Date.UTC(year, number, 1)).toISOString().slice(0, 10);
  return {
    BilledCost: cost,
    BillingAccountId: "acme",
    BillingCurrency: "USD",
    BillingPeriodEnd: `${end}T00:00:00Z`,
    BillingPeriodStart: `${month}-01T00:00:00Z`,
    ChargeCategory: "Usage",
    ChargePeriodEnd: `${month}-03T00:00:00Z`,
    ChargePeriodStart: `${month}-02T00:00:00Z`,
    EffectiveCost: cost,
    ProviderName: "Chat AI",
    PublisherName: "Chat AI",
    ServiceCategory: "AI and Machine Learning",
    ServiceName: "Chat",
    SubAccountId: "team-1",
    Tags: '{"team":"search"}',
    ...columns,
  };
}

/** Rows as CSV with a header; the first row names the columns. */
export function focusCsv(...rows: readonly FocusRow[]): string {
  const names = Object.keys(rows[0] ?? {}).filter((name) => rows[0]?.[name] !== undefined);
  const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = rows.map((row) => names.map((name) => cell(row[name] ?? "")).join(","));
  return `${[names.join(","), ...lines].join("\n")}\n`;
}

/**
 * A row as Parquet, with floats, times and a map as most vendors write them; `types` gives other types of columns. `scratch` is
 * a folder for a temporary file.
 */
export async function focusParquet(
  scratch: string,
  row: FocusRow,
  types: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  const columns = Object.entries(row).map(([name, value = ""]) => {
    if (types[name] !== undefined) return `CAST('${value}' AS ${types[name]}) AS "${name}"`;
    if (name.endsWith("Cost")) return `CAST('${value}' AS DOUBLE) AS "${name}"`;
    if (/(?:Start|End)$/.test(name)) return `CAST('${value}' AS TIMESTAMP) AS "${name}"`;
    if (name === "Tags") return `MAP {'team': 'search'} AS "Tags"`;
    return `'${value}' AS "${name}"`;
  });
  const path = join(scratch, "row.parquet");
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(`COPY (SELECT ${columns.join(", ")}) TO '${path}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  const bytes = await readFile(path);
  await rm(path);
  return bytes;
}
