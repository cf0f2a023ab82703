import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";

import { loadConfig, run } from "../src/index.ts";
import { literal } from "../src/warehouses/duckdb/sql.ts";
import { curColumns, curDelivery, curManifestTypes, deliver } from "../test/support/deliveries.ts";
import { type Bill, billOf, months } from "./opponents/bill.ts";
import { type Conversion, conversions, reportView } from "./opponents/conversions.ts";
import { converterNeeds, convertReport, converterReport, converterVersion } from "./opponents/focus-converters.ts";
import { opponentsSection, type Result, withOpponents } from "./opponents/page.ts";
import { judged, rules } from "./opponents/rules.ts";

/*
 * Converts generated AWS bills to FOCUS with public conversions and with billhouse, and writes how far each is from the rules
 * of FOCUS, in the currency of the bill, to docs/focus-conformance.md. Installs focus-converter into a temporary folder.
 * Fails if billhouse breaks a rule.
 *
 *   node scripts/test-opponents.ts
 */

const billhouse: Conversion = {
  name: "billhouse",
  repository: "",
  fills: ["ChargeCategory", "ChargeClass", "PricingCategory"],
  takes: "",
  sql: "SELECT x_LineItemId AS line, BilledCost, EffectiveCost, ChargeCategory, ChargeClass, PricingCategory, CommitmentDiscountStatus FROM bill.main.focus_v1_4",
};

const system = ["python3", "python"].find((name) => spawnSync(name, ["-c", "import venv, ensurepip"]).status === 0);
if (system === undefined) {
  console.log("Not run: Python with venv is missing, so the conversions were not compared.");
} else {
  const home = await mkdtemp(join(tmpdir(), "billhouse-opponents-"));
  try {
    await compare(system, home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function compare(python: string, home: string): Promise<void> {
  const bills = months.map(billOf);
  await load(bills, home);
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run(`ATTACH ${literal(join(home, "billhouse.duckdb"))} AS bill (READ_ONLY)`);
    await writeTruths(connection, bills);
    await connection.run(reportView);
    const all = [await focusConverters(connection, python, home), ...conversions, billhouse];
    const results: Result[] = [];
    for (const conversion of all) results.push(await judge(connection, conversion));
    const [total] = (
      await connection.runAndReadAll("SELECT CAST(SUM(billed) AS VARCHAR), COUNT(*) FROM truth")
    ).getRowsJson();
    const page = new URL("../docs/focus-conformance.md", import.meta.url);
    const section = opponentsSection(results, { billed: total?.[0] as string, lines: Number(total?.[1]) });
    await writeFile(page, withOpponents(await readFile(page, "utf8"), section));
    console.log(section);
    requireRight(results);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Delivers the bills and loads them with billhouse. */
async function load(bills: readonly Bill[], home: string): Promise<void> {
  const bucket = join(home, "bucket");
  await mkdir(bucket);
  const columns = [
    ...new Set([...curColumns, ...bills.flatMap(({ rows }) => rows.flatMap((row) => Object.keys(row)))]),
  ];
  const amounts = columns.filter((name) => /Cost$|Fee(?:ForBillingPeriod)?$|Commitment/.test(name));
  const types = { ...curManifestTypes, ...Object.fromEntries(amounts.map((name) => [name, "OptionalBigDecimal"])) };
  for (const { month, rows } of bills) {
    await deliver(bucket, curDelivery({ month, id: `${month}-assembly`, columns, types, files: [rows] }));
  }
  await writeFile(join(home, "billhouse.toml"), '[sources.aws_cur]\nbucket_url = "bucket"\nprefix = "cur"\n');
  const config = await loadConfig({ folder: home, environment: {} });
  for await (const event of run(config)) {
    if (event.event === "month_failed" || event.event === "pipeline_failed") throw new Error(event.message);
  }
}

async function writeTruths(connection: DuckDBConnection, bills: readonly Bill[]): Promise<void> {
  await connection.run(
    "CREATE TABLE truth (month VARCHAR, line VARCHAR, kind VARCHAR, billed DECIMAL(38,10), effective DECIMAL(38,10), category VARCHAR, pricing VARCHAR, is_correction BOOLEAN)",
  );
  const text = (value: string | null): string => (value === null ? "NULL" : literal(value));
  const values = bills.flatMap(({ month, truths }) =>
    truths.map(({ line, kind, billed, effective, category, pricing, isCorrection }) => {
      const cells = [
        literal(month),
        literal(line),
        literal(kind),
        billed,
        effective,
        text(category),
        text(pricing),
        String(isCorrection),
      ];
      return `(${cells.join(", ")})`;
    }),
  );
  await connection.run(`INSERT INTO truth VALUES ${values.join(", ")}`);
}

async function focusConverters(connection: DuckDBConnection, python: string, home: string): Promise<Conversion> {
  const report = join(home, "report.parquet");
  await connection.run(`COPY (${converterReport}) TO ${literal(report)} (FORMAT parquet)`);
  const files = convertReport(python, join(home, "focus-converter"), report);
  return {
    name: "A",
    repository: `finopsfoundation/focus_converters, focus-converter ${converterVersion} of PyPI with ${converterNeeds.map((each) => `\`${each}\``).join(" and ")}`,
    fills: ["ChargeCategory", "PricingCategory"],
    takes:
      "BilledCost: the net unblended cost, else the unblended cost. EffectiveCost: the effective cost of covered usage, the unused parts of recurring fees, 0 of upfront fees, else the unblended cost.",
    sql: `SELECT identity_line_item_id AS line, BilledCost, EffectiveCost, ChargeCategory, CAST(NULL AS VARCHAR) AS ChargeClass, PricingCategory, CAST(NULL AS VARCHAR) AS CommitmentDiscountStatus FROM read_parquet(${literal(files)})`,
  };
}

async function judge(connection: DuckDBConnection, conversion: Conversion): Promise<Result> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE made AS ${conversion.sql}`);
  await connection.run(judged);
  const cells = rules.map(({ error }) => `CAST(CAST(round(coalesce(${error}, 0), 2) AS DECIMAL(38,2)) AS VARCHAR)`);
  const [row = []] = (await connection.runAndReadAll(`SELECT ${cells.join(", ")} FROM judged`)).getRowsJson();
  const errors = rules.map(({ needs }, index) =>
    needs === undefined || conversion.fills.includes(needs) ? (row[index] as string) : null,
  );
  return { conversion, errors };
}

function requireRight(results: readonly Result[]): void {
  for (const { conversion, errors } of results) {
    if (conversion !== billhouse) continue;
    for (const [index, { text }] of rules.entries()) {
      if (Number(errors[index]) === 0) continue;
      console.error(`✖ billhouse breaks the rule "${text}" by ${errors[index]}.`);
      process.exitCode = 1;
    }
  }
}
