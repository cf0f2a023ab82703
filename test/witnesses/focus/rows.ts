import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

import { loadConfig, run } from "../../../src/index.ts";
import { literal } from "../../../src/warehouses/duckdb/sql.ts";

/**
 * The dataset families whose rows are judged, by the names of their exports: `aws_focus_1_2` is of the family `aws_focus`. An
 * export belongs to the first family that its name begins with.
 */
export const families = {
  aws_cur2: "AWS CUR 2.0",
  aws_cur: "AWS Cost and Usage Report",
  aws_focus: "AWS FOCUS",
  azure_focus: "Azure FOCUS",
  azure: "Azure actual + amortized",
} as const;

/** The key of a family. */
export type Family = keyof typeof families;

/** The views that are judged. */
export type View = "focus_v1_2" | "focus_v1_4";

/** The rows of a family from all deliveries, as Parquet files of each view. */
export interface FamilyRows {
  readonly family: Family;
  readonly files: Readonly<Record<View, string>>;
  readonly rows: number;
}

/** Deliveries that are loaded into a database of their own. */
interface Deliveries {
  readonly name: string;
  /** The folder of `billhouse.toml` and the buckets. */
  readonly folder: string;
  readonly file: string;
}

/** Buckets of sample deliveries: the exports in them. */
const buckets: readonly (readonly [bucket: string, name: string, prefix: string, exportName: string])[] = [
  ["aws-cur1-csvgz-createnew/delivery-2", "aws_cur", "cur/v1", "nise-cur"],
  ["aws-cur1-csvgz-relocated-mirror", "aws_cur", "gcs-transfer/aws_cur", "aws-billing-csv"],
  ["aws-dataexport-cur2-parquet-overwrite", "aws_cur2", "exports", "cur2-parquet"],
  ["aws-dataexport-focus12-parquet-createnew", "aws_focus", "exports", "focus12"],
  ["azure-focus12-parquet-overwrite", "azure_focus", "focus", "focus12"],
  ["azure-actual-csvgz-createnew", "azure_actual", "exports", "nise-actual"],
];

/**
 * Loads every sample delivery and golden case with billhouse into databases below `home`, and writes the rows of its views.
 * Throws if a load fails.
 */
export async function writeRows(samples: string, home: string): Promise<readonly FamilyRows[]> {
  const parts = join(home, "parts");
  await mkdir(parts, { recursive: true });
  for (const deliveries of [...(await bucketsIn(samples, home)), ...(await casesIn(samples, home))]) {
    await load(deliveries);
    await exportRows(deliveries, parts);
  }
  return joinParts(parts, home);
}

async function bucketsIn(samples: string, home: string): Promise<readonly Deliveries[]> {
  const found: Deliveries[] = [];
  for (const [bucket, name, prefix, exportName] of buckets) {
    const deliveries = { name: bucket.replaceAll("/", "-"), folder: join(home, bucket), file: "billhouse.toml" };
    await mkdir(deliveries.folder, { recursive: true });
    const keys = { bucket_url: join(samples, "buckets", bucket), prefix, export_name: exportName };
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    await writeFile(join(deliveries.folder, deliveries.file), `[sources.${name}]\n${lines.join("\n")}\n`);
    found.push(deliveries);
  }
  return found;
}

async function casesIn(samples: string, home: string): Promise<readonly Deliveries[]> {
  const found: Deliveries[] = [];
  for (const cloud of ["aws", "azure"]) {
    const entries = await readdir(join(samples, "focus", cloud), { withFileTypes: true });
    for (const { name } of entries.filter((entry) => entry.isDirectory())) {
      const source = join(samples, "focus", cloud, name);
      for (const file of (await readdir(source)).filter((entry) => entry.endsWith(".toml"))) {
        const folder = join(home, "cases", `${cloud}-${name}-${file}`);
        await cp(source, folder, { recursive: true });
        found.push({ name: `${cloud}-${name}-${file}`, folder, file });
      }
    }
  }
  return found;
}

async function load({ name, folder, file }: Deliveries): Promise<void> {
  const config = await loadConfig({ folder, file, environment: {} });
  for await (const event of run(config)) {
    if (event.event === "month_failed" || event.event === "pipeline_failed")
      throw new Error(`${name}: ${event.message}`);
  }
}

/** Writes the rows of each family in a database as Parquet, one file for each view. */
async function exportRows({ name, folder }: Deliveries, parts: string): Promise<void> {
  await query(join(folder, "billhouse.duckdb"), async (ask) => {
    for (const view of ["focus_v1_2", "focus_v1_4"]) {
      const exports = await ask(`SELECT DISTINCT x_Export AS value FROM ${view}`);
      for (const [family, own] of Map.groupBy(exports, familyOf)) {
        const rows = `SELECT * FROM ${view} WHERE x_Export IN (${own.map(literal).join(", ")})`;
        await ask(`COPY (${rows}) TO ${literal(join(parts, `${view}.${family}.${name}.parquet`))} (FORMAT parquet)`);
      }
    }
  });
}

function familyOf(exportName: string): Family {
  const family = Object.keys(families).find((prefix) => exportName.startsWith(prefix));
  if (family === undefined) throw new Error(`The export ${exportName} belongs to no family.`);
  return family as Family;
}

/** Joins the files of each family to one file for each view. */
async function joinParts(parts: string, home: string): Promise<readonly FamilyRows[]> {
  const joined: FamilyRows[] = [];
  await query(":memory:", async (ask) => {
    for (const family of Object.keys(families) as Family[]) {
      const files = {
        focus_v1_2: join(home, `${family}-1.2.parquet`),
        focus_v1_4: join(home, `${family}-1.4.parquet`),
      };
      for (const [view, file] of Object.entries(files)) {
        const from = literal(join(parts, `${view}.${family}.*.parquet`));
        await ask(`COPY (SELECT * FROM read_parquet(${from})) TO ${literal(file)} (FORMAT parquet)`);
      }
      const [rows] = await ask(`SELECT count(*) AS value FROM read_parquet(${literal(files.focus_v1_2)})`);
      joined.push({ family, files, rows: Number(rows) });
    }
  });
  return joined;
}

/** Asks a database; an answer is the texts of its first column. */
async function query(
  path: string,
  use: (ask: (sql: string) => Promise<readonly string[]>) => Promise<void>,
): Promise<void> {
  const instance = await DuckDBInstance.create(path, path === ":memory:" ? {} : { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  try {
    await use(async (sql) => {
      const reader = await connection.runAndReadAll(sql);
      return reader.getRowsJson().map(([value]) => String(value as string | number));
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
