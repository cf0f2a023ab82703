import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { type Bill, generateAzure, generateCur } from "./bench/bills.ts";
import { exitCodes } from "../src/commands/context.ts";
import { measureAnswers } from "./bench/answers.ts";
import { buildCommit, measureIdle } from "./bench/idle.ts";
import { type Cost, limitMemory, measure, releaseMemory } from "./bench/measure.ts";
import { installPython, type Peer, type PeerJob, plainDuckdb } from "./bench/peers.ts";
import { measurePublishing } from "./bench/publish.ts";
import { countRequests, type RunCounts } from "./bench/requests.ts";

/*
 * Measures billhouse beside other ways to load the same files, in turn, on this machine, and prints ratios:
 *
 *   npm run bench                               a million rows of each kind, two pairs
 *   npm run bench -- --rows 100000 --pairs 1    smaller
 *   npm run bench -- --sizes 1,4,10             also how time and memory grow, in millions of rows
 *   npm run bench -- --no-python                without peers in Python
 *   npm run bench -- --only publishing,idle     some sections: loads, growth (with --sizes), publishing, idle, requests, focus, answers
 *   npm run bench -- --before <commit>          times idle commands also with the program of an earlier commit
 *   npm run bench -- --write                    writes docs/performance.md; with --only, only these sections of it
 */

const allSections = "loads,growth,publishing,idle,requests,focus,answers";
const { values: options } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    pairs: { type: "string", default: "2" },
    sizes: { type: "string", default: "" },
    "no-python": { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    only: { type: "string", default: allSections },
    before: { type: "string" },
    folder: { type: "string" },
  },
});
const [rows, pairs] = [Number(options.rows), Number(options.pairs)];
const sizes = options.sizes === "" ? [] : options.sizes.split(",").map((millions) => Number(millions) * 1e6);
const cli = fileURLToPath(new URL("../dist/program/cli.js", import.meta.url));
const page = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
const home = options.folder ?? mkdtempSync(join(tmpdir(), "billhouse-bench-"));
const month = "2026-08";
const lines: string[] = [];

/** What the figures above do not show by themselves; the decision has the measurements. */
const whereTimeGoes = [
  "## Where the time goes",
  "",
  "A CSV bill is read once by billhouse (decompression, checksum of every gzip member, rows and exact sums: about a fifth of the CPU",
  "time, in threads) and once by DuckDB (parsing the text, converting it, compressing the columns). Plain DuckDB 1.5 is slower although it reads",
  "only once, because it converts text to `DECIMAL(38,18)` in 1.2 µs; billhouse converts nearly all amounts through decimals of 18 digits,",
  "exactly, in less than a tenth of that. DuckDB 2 does both faster by itself; billhouse will gain from it when its package for Node is released.",
  "",
  "Parquet needs no conversion, so there the checks of billhouse show: it reads every page for its size, and the columns of period,",
  "currency and cost for their rows and sums, and two threads write their last row groups twice.",
  "",
  "Memory is bounded by the limit of DuckDB (450 MB) and by few threads, of which each holds one row group. Tried without gain: keeping the order of",
  "the rows (one thread in this memory), storage version `latest`, decompression by DuckDB, larger and smaller buffers for CSV, sums in lanes of",
  "doubles. [Decision 5](decisions/0005-duckdb-storage-version.md) has the measurements.",
];

try {
  const python = options["no-python"]
    ? { peers: [], missing: ["peers in Python: --no-python"] }
    : installPython(join(home, "python"));
  const peers = [plainDuckdb, ...python.peers];
  say(`# Performance`, "");
  say(`What \`npm run bench -- ${process.argv.slice(2).join(" ")}\` measured on ${await machine()}.`);
  say(
    `Every way loads the same files in turn, ${pairs} times; the table gives the median. Memory is the highest sampled sum of the`,
  );
  say(
    `resident memory of all processes. The ratio compares wall time with that of billhouse: above 1 it is slower. Sections can be of`,
  );
  say("different days and of machines that differ in speed, so figures are to be compared within a section.", "");
  const sections = options.only.split(",");
  if (sections.includes("loads")) await compareLoads(peers);
  if (sections.includes("growth") && sizes.length > 0) await grow(sizes);
  if (sections.includes("publishing")) await publishing();
  if (sections.includes("idle")) await idle();
  if (sections.includes("requests")) await requests();
  if (sections.includes("focus")) await focus();
  if (sections.includes("answers")) await answers();
  say(...whereTimeGoes, "");
  if (python.missing.length > 0) say("## Not measured", "", ...python.missing.map((reason) => `- ${reason}`), "");
  if (options.write) writeFileSync(page, options.only === allSections ? pageOf(lines) : withSections(lines));
} finally {
  if (options.folder === undefined) rmSync(home, { recursive: true, force: true });
}

async function compareLoads(peers: readonly Peer[]): Promise<void> {
  const wide = { rows, files: 5, month, more: 90, filled: 60 };
  const delivered = await bill("wide", (bucket) => generateCur(bucket, wide));
  await compare("CSV: CUR, 120 columns", delivered, peers);
  await loadInLittleMemory(delivered);
  const sparse = { rows, files: 5, month, more: 170, filled: 6 };
  await compare("CSV: sparse CUR, 200 columns", await bill("sparse", (bucket) => generateCur(bucket, sparse)), peers);
  await compare(
    "Parquet: Azure FOCUS",
    await bill("focus", (bucket) => generateAzure(bucket, { rows, files: 5, month })),
    peers,
  );
}

/** What `validate` takes, and what the sums of the FOCUS view add to a load: a run that builds them again for a loaded month, and one that does not. */
async function focus(): Promise<void> {
  say(
    "## Sums of the FOCUS view",
    "",
    `A load of a month of ${rows.toLocaleString("en")} rows with the sums by day and by price, and what building the sums takes of it. The goal is a ratio of 1.15.`,
    "`validate` answers the 539 rules of FOCUS 1.2 on the same month; its goal is 5 s for a million rows.",
    "",
    "| bill | load | of it sums | ratio | `validate` |",
    "|---|---:|---:|---:|---:|",
  );
  const size = { rows, files: 5, month };
  const kinds = [
    ["CUR, CSV, 120 columns", (bucket: string) => generateCur(bucket, { ...size, more: 90, filled: 60 })],
    ["Azure FOCUS, Parquet", (bucket: string) => generateAzure(bucket, size)],
  ] as const;
  for (const [title, generate] of kinds) {
    const delivered = await bill(`sums-${title.slice(0, 3)}`, generate);
    const costs: { readonly load: number; readonly sums: number; readonly rules: number }[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const folder = mkdtempSync(join(home, "sums-"));
      const load = await loadWithBillhouse(folder, delivered);
      // A load publishes anyway, so the run that is compared makes the read copy again too.
      rmSync(join(folder, "billhouse.read.duckdb"));
      const idle = await measure([process.execPath, cli, "run", "--quiet"], { folder });
      const instance = await DuckDBInstance.create(join(folder, "billhouse.duckdb"));
      const connection = await instance.connect();
      await connection.run("UPDATE _billhouse_focus_months SET loads = ''");
      connection.closeSync();
      instance.closeSync();
      const built = await measure([process.execPath, cli, "run", "--quiet"], { folder });
      const rules = await measure([process.execPath, cli, "validate", "--json"], {
        folder,
        codes: [exitCodes.checkFailed],
      });
      costs.push({ load: load.seconds, sums: Math.max(0, built.seconds - idle.seconds), rules: rules.seconds });
      rmSync(folder, { recursive: true, force: true });
    }
    const [load, sums] = [median(costs.map((each) => each.load)), median(costs.map((each) => each.sums))];
    const rules = median(costs.map((each) => each.rules));
    say(
      `| ${title} | ${load.toFixed(1)} s | ${sums.toFixed(1)} s | ${(load / (load - sums)).toFixed(2)} | ${rules.toFixed(1)} s |`,
    );
  }
  say("");
}

async function answers(): Promise<void> {
  const months = 36;
  say(
    "## Answers",
    "",
    `${months} months of a CUR of ${rows.toLocaleString("en")} rows each, in DuckDB. A time is that of the whole answer, with opening the database and reading its state. The goal is 0.3 s.`,
    "",
    "| question | time |",
    "|---|---:|",
  );
  for (const { title, seconds } of await measureAnswers(join(home, "answers"), { months, rows })) {
    say(`| ${title} | ${seconds.toFixed(2)} s |`);
  }
  say("");
}

/** What a read copy costs after one month of a history changed. */
async function publishing(): Promise<void> {
  say(
    "## Publishing",
    "",
    "One month of a DuckDB database was replaced; its read copy is brought up to date, to the disk. Months have 100,000 rows of 120 columns.",
    "",
    "| months | database | way | time | written |",
    "|---:|---:|---|---:|---:|",
  );
  for (const { months, bytes, ways } of await measurePublishing(join(home, "publishing"), [1, 10, 36])) {
    for (const { way, seconds, written } of ways) {
      say(`| ${months} | ${megabytes(bytes)} | ${way} | ${seconds.toFixed(2)} s | ${megabytes(written)} |`);
    }
  }
  say("");
}

async function idle(): Promise<void> {
  const commit = options.before;
  const isCompared = commit !== undefined;
  const programs = isCompared ? [cli, buildCommit(commit, join(home, "before"))] : [cli];
  say(
    "## Idle and start-up",
    "",
    "36 months of an AWS export, and 36 months of an Azure export with 30 deliveries each, in a folder; all of them are loaded. The program is the built one.",
    "",
    ...(isCompared ? [`Before: commit ${commit}, run in turn with this one.`, ""] : []),
    isCompared ? "| command | before | now | ratio |" : "| command | now |",
    isCompared ? "|---|---:|---:|---:|" : "|---|---:|",
  );
  for (const { title, seconds } of await measureIdle(join(home, "idle"), programs)) {
    const [now = 0, earlier] = seconds;
    const cells = earlier === undefined ? [now] : [earlier, now];
    const ratio = earlier === undefined ? "" : ` ${(now / earlier).toFixed(2)} |`;
    say(`| ${title} |${cells.map((cell) => ` ${cell.toFixed(2)} s |`).join("")}${ratio}`);
  }
  say("");
}

async function requests(): Promise<void> {
  const { months, firstRun, idleRun, atOnce } = await countRequests(join(home, "requests"), 12);
  const row = (title: string, { bigquery, storage, seconds }: RunCounts): string =>
    `| ${title} | ${bigquery} | ${storage} | ${seconds.toFixed(1)} s |`;
  say(
    "## Requests to BigQuery",
    "",
    `An AWS export and an Azure export of ${months / 2} months each in Cloud Storage, on the servers of the tests, which answer in pages of three. BigQuery read the files of ${atOnce} months at the same time.`,
    "",
    "| run | requests to BigQuery | to Cloud Storage | time |",
    "|---|---:|---:|---:|",
    row(`first, ${months} months`, firstRun),
    row("nothing to load", idleRun),
    "",
    "How often jobs are polled varies. Commit 997201f, which did not have the FOCUS views and the tables of their sums, sent 1389, 1399 and 1404",
    "requests in three first runs, and 100 without new deliveries. Half of the latter fetch pages of three rows, which BigQuery returns together.",
    "",
  );
}

function pageOf(content: readonly string[]): string {
  return `${content.join("\n").trimEnd()}\n`;
}

/** The page as it is, in which the measured sections replace those with the same titles. */
function withSections(content: readonly string[]): string {
  const sectionsOf = (text: string): readonly string[] => text.trimEnd().split(/\n(?=## )/);
  const titleOf = (section: string): string => section.slice(0, section.indexOf("\n"));
  const measured = new Map(
    sectionsOf(pageOf(content))
      .slice(1)
      .map((section) => [titleOf(section), section.trimEnd()]),
  );
  const old = sectionsOf(readFileSync(page, "utf8")).map((section) => section.trimEnd());
  const titles = new Set(old.map(titleOf));
  const added = [...measured].filter(([title]) => !titles.has(title) && title !== "## Not measured");
  const sections = old.flatMap((section) => [
    // Sections that the page lacks precede the last one.
    ...(titleOf(section) === "## Where the time goes" ? added.map(([, own]) => own) : []),
    measured.get(titleOf(section)) ?? section,
  ]);
  return pageOf([sections.join("\n\n")]);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

/** Generates a bill once below the folder of this bench. */
async function bill(name: string, generate: (bucket: string) => Promise<Bill>): Promise<Bill> {
  const bucket = join(home, name);
  mkdirSync(bucket, { recursive: true });
  return generate(bucket);
}

async function compare(title: string, delivered: Bill, peers: readonly Peer[]): Promise<void> {
  const floor: Cost[] = [];
  const own: Cost[] = [];
  const others = new Map<string, Cost[]>();
  const figures = new Map<string, string>();
  const able = peers.filter(({ formats }) => formats.includes(delivered.format));
  for (let pair = 0; pair < pairs; pair += 1) {
    const folder = mkdtempSync(join(home, "pair-"));
    own.push(await loadWithBillhouse(folder, delivered));
    const { columns, figure } = await loadedColumns(join(folder, "billhouse.read.duckdb"), delivered);
    figures.set("billhouse", figure);
    for (const { name, command } of able) {
      const database = join(folder, "peer.duckdb");
      const { files, format, cost } = delivered;
      const job: PeerJob = { database, files, format, columns, cost };
      const path = join(folder, "job.json");
      writeFileSync(path, JSON.stringify(job));
      const measured = await measure([...command, path], { folder });
      others.set(name, [...(others.get(name) ?? []), measured]);
      const answer = JSON.parse(measured.stdout.trim().split("\n").at(-1) ?? "{}") as { rows: number; cost: string };
      figures.set(name, `${answer.rows} ${plainAmount(answer.cost)}`);
      rmSync(database, { force: true });
      rmSync(`${database}.dlt`, { recursive: true, force: true });
    }
    if (delivered.format === "csv") {
      const script = fileURLToPath(new URL("bench/decompress.ts", import.meta.url));
      floor.push(await measure([process.execPath, script, ...delivered.files], { folder }));
    }
    rmSync(folder, { recursive: true, force: true });
  }
  const mine = median(own.map(({ seconds }) => seconds));
  const row = (name: string, costs: readonly Cost[], isLoad: boolean): string => {
    const seconds = median(costs.map((cost) => cost.seconds));
    const cpu = costs.map((cost) => cost.cpu).filter((each) => each !== null);
    const memory = costs.map((cost) => cost.memory).filter((each) => each !== null);
    const differs = isLoad && figures.get(name) !== figures.get("billhouse") ? `${figures.get(name)}` : "";
    return `| ${[
      name,
      `${seconds.toFixed(1)} s`,
      (seconds / mine).toFixed(2),
      cpu.length === 0 ? "-" : `${median(cpu).toFixed(1)} s`,
      memory.length === 0 ? "-" : `${Math.round(median(memory) / 1e6)} MB`,
      differs,
    ].join(" | ")} |`;
  };
  say(
    `## ${title}`,
    "",
    `${delivered.rows.toLocaleString("en")} rows, ${delivered.files.length} files, ${Math.round(delivered.bytes / 1e6)} MB. billhouse loads and proves ${figures.get("billhouse")}.`,
    "",
    "| way | time | ratio | CPU | memory | another result |",
    "|---|---:|---:|---:|---:|---|",
    row("billhouse", own, true),
    ...[...others].map(([name, costs]) => row(name, costs, true)),
    ...(floor.length === 0 ? [] : [row("decompression alone", floor, false)]),
    "",
  );
}

/** How time and memory grow with the rows. */
async function grow(counts: readonly number[]): Promise<void> {
  say(
    "## Growth",
    "",
    "CUR with 120 columns. Files beyond the fifth repeat the first five, which changes nothing for a load.",
    "",
    "| rows | time | per million rows | CPU | memory |",
    "|---:|---:|---:|---:|---:|",
  );
  for (const count of counts) {
    const files = Math.max(5, Math.round(count / 200_000));
    const size = { rows: count, files, month, more: 90, filled: 60, distinct: 5 };
    const delivered = await bill(`grow-${count}`, (bucket) => generateCur(bucket, size));
    const folder = mkdtempSync(join(home, "grow-"));
    const { seconds, cpu, memory } = await loadWithBillhouse(folder, delivered);
    const cells = [
      count.toLocaleString("en"),
      `${seconds.toFixed(1)} s`,
      `${((seconds / count) * 1e6).toFixed(1)} s`,
      cpu === null ? "-" : `${cpu.toFixed(1)} s`,
      memory === null ? "-" : `${Math.round(memory / 1e6)} MB`,
    ];
    say(`| ${cells.join(" | ")} |`);
    rmSync(folder, { recursive: true, force: true });
    rmSync(delivered.bucket, { recursive: true, force: true });
  }
  say("");
}

async function loadInLittleMemory(delivered: Bill): Promise<void> {
  const group = limitMemory(1.5e9);
  if (group === null) {
    say("A control group of 1.5 GB could not be made here: the memory above is sampled.", "");
    return;
  }
  const folder = mkdtempSync(join(home, "little-"));
  const { seconds } = await loadWithBillhouse(folder, delivered, group);
  say(
    `In a control group of 1.5 GB of memory, page cache included, billhouse loads the same files in ${seconds.toFixed(1)} s.`,
    "",
  );
  releaseMemory(group);
  rmSync(folder, { recursive: true, force: true });
}

function loadWithBillhouse(folder: string, { bucket, prefix }: Bill, group?: string): Promise<Cost> {
  writeFileSync(join(folder, "billhouse.toml"), `[sources.bench]\nbucket_url = "${bucket}"\nprefix = "${prefix}"\n`);
  return measure([process.execPath, cli, "run", "--quiet"], group === undefined ? { folder } : { folder, group });
}

/** The columns of the delivered files with the types that billhouse gave them, and what it loaded. */
async function loadedColumns(
  database: string,
  { names, cost }: Bill,
): Promise<{ readonly columns: PeerJob["columns"]; readonly figure: string }> {
  const instance = await DuckDBInstance.create(database, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  const read = async (sql: string): Promise<Record<string, unknown>[]> =>
    (await connection.runAndReadAll(sql)).getRowObjectsJson();
  const [place] = await read(
    "SELECT table_schema, table_name FROM information_schema.columns WHERE table_schema LIKE '%billing_data' AND table_name LIKE 'bench%' AND table_name NOT LIKE '%tracking' LIMIT 1",
  );
  const table = `"${String(place?.["table_schema"])}"."${String(place?.["table_name"])}"`;
  const registered = await read(
    `SELECT r.source_name AS source, c.data_type AS type, r.column_name AS name
      FROM "${String(place?.["table_schema"])}"."_billhouse_columns" AS r
      JOIN information_schema.columns AS c ON c.column_name = r.column_name AND c.table_name = r.table_name`,
  );
  const types = new Map(registered.map((row) => [String(row["source"]), String(row["type"])]));
  const amount = String(registered.find((row) => row["source"] === cost)?.["name"]);
  const [total] = await read(
    `SELECT count(*)::INTEGER AS rows, CAST(sum("${amount}") AS VARCHAR) AS cost FROM ${table}`,
  );
  connection.closeSync();
  instance.closeSync();
  return {
    columns: names.map((name) => [name, types.get(name) ?? "VARCHAR"] as const),
    figure: `${String(total?.["rows"])} ${plainAmount(String(total?.["cost"]))}`,
  };
}

/** The same amount in one spelling: without zeros at its end. */
function plainAmount(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
}

async function machine(): Promise<string> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const engine = String((await connection.runAndReadAll("SELECT version()")).getRows()[0]?.[0]);
  connection.closeSync();
  instance.closeSync();
  const [first] = cpus();
  return `${cpus().length} × ${first?.model.trim() ?? "CPU"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}, Node ${process.versions.node}, DuckDB ${engine}`;
}

function say(...texts: readonly string[]): void {
  for (const text of texts) {
    lines.push(text);
    console.log(text);
  }
}
