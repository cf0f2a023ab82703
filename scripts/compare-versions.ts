import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { inflateSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";

/*
 * Loads the sample buckets with two checkouts of billhouse and compares the results: the answers of plan,
 * run, status, verify and state as JSON, and every row of every table of the database. Times, ids that contain a time,
 * and sentences for people are masked. Exits with 1 when anything else differs.
 *
 *   node scripts/compare-versions.ts ../before .
 *   node scripts/compare-versions.ts ../before . --only azure-legacy-partitioned
 */

const { positionals, values } = parseArgs({ allowPositionals: true, options: { only: { type: "string" } } });
const [before, after] = positionals.map((folder) => resolve(folder));
if (before === undefined || after === undefined) throw new Error("Name two checkouts: the old one and the new one.");
const samples = resolve(import.meta.dirname, "..", process.env["BILLHOUSE_SAMPLES"] ?? "../shared/samples", "buckets");

/** The deliveries of one project, one after the other, and its section of the configuration. */
const projects = [
  { deliveries: ["aws-cur1-csvgz-createnew/delivery-1", "aws-cur1-csvgz-createnew/delivery-2"], prefix: "cur/v1" },
  { deliveries: ["aws-cur1-csvgz-relocated-mirror"], prefix: "gcs-transfer/aws_cur" },
  { deliveries: ["aws-cur1-parquet-athena-overwrite"], prefix: "cur/parquet" },
  { deliveries: ["aws-dataexport-cur2-parquet-overwrite"], prefix: "exports" },
  { deliveries: ["aws-dataexport-focus12-parquet-createnew"], prefix: "exports" },
  { deliveries: ["azure-focus12-parquet-overwrite"], prefix: "focus" },
  { deliveries: ["azure-actual-csvgz-createnew"], prefix: "exports" },
  { deliveries: ["azure-legacy-partitioned"], prefix: "cost" },
];

/** Names of JSON members and of columns whose values differ from run to run, or are sentences for people. */
const masked = new Set(
  `loaded_at load_id inserted_at created_at first_seen newest_load started_at finished_at timestamp seconds
   duration_seconds version version_hash schema_version_hash billhouse_version database schema
   _version_hash _last_extracted_at _last_extracted_hash _dlt_load_id _dlt_id _billhouse_load_id
   reason message hint notes schema_changes`.split(/\s+/u),
);
const times = /\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{3,9}(?:Z|[+-]\d\d(?::?\d\d)?)?|\b1[6-9]\d{8}(?:\.\d+)\b/g;

const commands = [["plan"], ["run"], ["run"], ["status"], ["verify"], ["verify", "--deep"], ["state", "show"]];

let differences = 0;
for (const { deliveries, prefix } of projects) {
  if (values.only !== undefined && !deliveries.some((name) => name.startsWith(values.only ?? ""))) continue;
  const [old, current] = [await trace(before, deliveries, prefix), await trace(after, deliveries, prefix)];
  const names = [...new Set([...old.keys(), ...current.keys()])];
  const differing = names.filter((name) => old.get(name) !== current.get(name));
  console.log(
    `${differing.length === 0 ? "same" : "DIFFERS"}  ${deliveries.join(", ")}  ${names.length} answers and tables`,
  );
  for (const name of differing) {
    differences += 1;
    const [left, right] = [old.get(name)?.split("\n") ?? [], current.get(name)?.split("\n") ?? []];
    const at = left.findIndex((line, index) => line !== right[index]);
    const [was = "", is = ""] = [left[at], right[at]];
    const column = was.split("").findIndex((character, index) => character !== is[index]);
    const excerpt = (line: string): string => line.slice(Math.max(0, column - 100), column + 100);
    console.log(`  ${name}, line ${at + 1}\n    before: ${excerpt(was)}\n    after:  ${excerpt(is)}`);
  }
}
process.exitCode = differences === 0 ? 0 : 1;

/** The results of one checkout: a masked text for each answer and each table. */
async function trace(checkout: string, deliveries: readonly string[], prefix: string): Promise<Map<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), "billhouse-compare-"));
  const texts = new Map<string, string>();
  try {
    await writeFile(join(folder, "billhouse.toml"), `[sources.bills]\nbucket_url = "bucket"\nprefix = "${prefix}"\n`);
    for (const [index, delivery] of deliveries.entries()) {
      await rm(join(folder, "bucket"), { recursive: true, force: true });
      await cp(join(samples, delivery), join(folder, "bucket"), { recursive: true, preserveTimestamps: true });
      for (const [place, words] of commands.entries()) {
        const name = `${index + 1}.${place + 1} ${words.join(" ")}`;
        texts.set(name, await answerOf(checkout, folder, words));
      }
    }
    for (const [table, rows] of await tablesOf(join(folder, "billhouse.duckdb"))) texts.set(table, rows);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return texts;
}

async function answerOf(checkout: string, folder: string, words: readonly string[]): Promise<string> {
  const ask = promisify(execFile)(process.execPath, [join(checkout, "src/cli.ts"), ...words, "--json"], {
    cwd: folder,
    maxBuffer: 2 ** 28,
  });
  const { code, stdout } = await ask.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { readonly code: number; readonly stdout: string }) => error,
  );
  const events = stdout.trim().split("\n");
  // Progress events depend on the time, so their number varies.
  const kept = words[0] === "run" ? events.filter((line) => line.includes('"run_finished"')) : [events.join("\n")];
  return [`exit ${code}`, ...kept.map((text) => JSON.stringify(mask(JSON.parse(text)), null, 1))].join("\n");
}

async function tablesOf(file: string): Promise<Map<string, string>> {
  const connection = await (await DuckDBInstance.create(file, { access_mode: "READ_ONLY" })).connect();
  const listed = await connection.runAndReadAll(
    `select table_schema, table_name, string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position)
     from information_schema.columns group by 1, 2 order by 1, 2`,
  );
  const tables = new Map<string, string>();
  for (const [schema, name, columns] of listed.getRows()) {
    const reader = await connection.runAndReadAll(`from "${String(schema)}"."${String(name)}"`);
    const rows = reader.getRowObjectsJson().map((row) => JSON.stringify(mask(row)));
    tables.set(`table ${String(schema)}.${String(name)}`, [String(columns), ...rows.toSorted()].join("\n"));
  }
  connection.closeSync();
  return tables;
}

/** The value with masked members and times; JSON inside text is masked too. */
function mask(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mask);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, masked.has(name) ? "…" : mask(own)]));
  }
  if (typeof value !== "string") return value;
  // dlt keeps its state as zlib in base64.
  if (value.startsWith("eN")) return mask(inflateSync(Buffer.from(value, "base64")).toString());
  if (/^[[{]/u.test(value)) {
    try {
      return mask(JSON.parse(value));
    } catch {
      return value;
    }
  }
  return value.replaceAll(times, "…");
}
