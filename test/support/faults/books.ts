import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { inflateSync } from "node:zlib";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import type { BigqueryServer } from "../../servers/bigquery/server.ts";
import { googleProject } from "../google.ts";

/**
 * Everything that a database holds, in a form in which two runs that did the same are equal: without load_ids, dlt's own
 * ids, times and durations.
 */
export interface Books {
  /** Every table, as `dataset.table`. */
  readonly tables: readonly string[];
  /** Columns of every billing table, in order. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  /** Every month of every billing table, by `table month`. */
  readonly months: Readonly<Record<string, MonthBooks>>;
  /** The registry of columns. */
  readonly registry: readonly string[];
  /** How many run summaries each tracking table holds. */
  readonly summaries: Readonly<Record<string, number>>;
  /** Sentences on what does not fit together; none in sound books. */
  readonly faults: readonly string[];
  /** Hashes over the tables that billhouse keeps, with everything that the rest leaves out, but for run summaries. */
  readonly hashes: readonly string[];
}

/** What is held of one month. */
export interface MonthBooks {
  readonly rows: number;
  /** Over the sorted hashes of its rows with all columns that are not NULL. */
  readonly hash: string;
  /** Its receipts, oldest first. */
  readonly receipts: readonly string[];
  /** Its entry in dlt's state. */
  readonly entry: string;
}

/** Reads the books of a database file that no other process has open; undefined when there is no such file. */
export async function readBooks(path: string): Promise<Books | undefined> {
  if (!existsSync(path)) return undefined;
  const bytes = createHash("sha256");
  for (const file of [path, `${path}.wal`]) bytes.update(existsSync(file) ? await readFile(file) : "none");
  const key = bytes.digest("hex");
  const books = known.get(key) ?? (await openBooks(path));
  known.set(key, books);
  return books;
}

/** Most kills leave the read copy as it was: files of the same bytes hold the same books. */
const known = new Map<string, Books>();

async function openBooks(path: string): Promise<Books> {
  const instance = await DuckDBInstance.create(path, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    return await booksOf(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** A row of a table: its cells by column, as JSON has them. */
export type Row = Readonly<Record<string, unknown>>;

/** A table, with its columns in order. */
export interface BookTable {
  readonly dataset: string;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** What a warehouse is asked to read its books. */
export interface BookSource {
  readonly tables: readonly BookTable[];
  /** All rows of a table that billhouse keeps, in any order. */
  readonly rows: (table: BookTable) => Promise<readonly Row[]>;
  /** The rows of a billing table, counted and hashed by the month in its partition column. */
  readonly months: (table: BookTable, partition: string) => Promise<readonly HashedMonth[]>;
}

/** The rows of one month. */
export interface HashedMonth {
  readonly month: string;
  readonly rows: number;
  readonly hash: string;
}

async function booksOf(connection: DuckDBConnection): Promise<Books> {
  const ask = async (sql: string): Promise<Row[]> => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  const found = await ask(
    "SELECT schema_name AS dataset, table_name AS name FROM duckdb_tables() WHERE database_name = current_database() ORDER BY ALL",
  );
  const tables: BookTable[] = [];
  for (const { dataset, name } of found.map((row) => ({
    dataset: String(row["dataset"]),
    name: String(row["name"]),
  }))) {
    const described = await ask(
      `SELECT column_name AS name, data_type AS type FROM duckdb_columns()
        WHERE database_name = current_database() AND schema_name = '${dataset}' AND table_name = '${name}' ORDER BY column_index`,
    );
    const columns = described.map((column) => ({ name: String(column["name"]), type: String(column["type"]) }));
    tables.push({ dataset, name, columns });
  }
  const target = ({ dataset, name }: BookTable): string => `"${dataset}"."${name}"`;
  const hashOf = ({ columns }: BookTable): string => {
    const names = columns.map(({ name }) => name).toSorted();
    const row = `md5(concat_ws(chr(31), ${names.map((name) => `'${name}=' || CAST("${name}" AS VARCHAR)`).join(", ")}))`;
    return `md5(coalesce(string_agg(${row}, '' ORDER BY ${row}), ''))`;
  };
  const hashes: string[] = [];
  for (const table of tables.filter(({ name }) => isKept(name))) {
    const lasting = `FROM ${target(table)} WHERE ${withoutSummaries(table.dataset, table.name)}`;
    hashes.push(...(await ask(`SELECT '${target(table)} ' || ${hashOf(table)} AS hash ${lasting}`)).map(text));
  }
  const books = await readBooksOf({
    tables,
    rows: (table) => ask(`FROM ${target(table)}`),
    async months(table, partition) {
      const sql = `SELECT strftime("${partition}", '%Y-%m') AS month, count(*) AS rows, ${hashOf(table)} AS hash FROM ${target(table)} GROUP BY 1`;
      return (await ask(sql)).map(({ month, rows, hash }) => ({
        month: String(month),
        rows: Number(rows),
        hash: String(hash),
      }));
    },
  });
  return { ...books, hashes };
}

/** Reads the books of a warehouse that can be asked for its tables; without the hashes, which take SQL of their own. */
export async function readBooksOf(source: BookSource): Promise<Books> {
  const bills = source.tables.filter(({ name }) => !isKept(name));
  const rows: Record<string, HashedMonth> = {};
  for (const table of bills) {
    const names = new Set(table.columns.map(({ name }) => name));
    const partition = partitions.find((column) => names.has(column)) ?? "no partition column";
    for (const month of await source.months(table, partition)) {
      rows[`${table.dataset}.${table.name} ${month.month}`] = month;
    }
  }
  const kept = await readLedgers(source);
  const keys = new Set([...Object.keys(rows), ...Object.keys(kept.receipts), ...Object.keys(kept.entries)]);
  return {
    tables: source.tables.map(({ dataset, name }) => `${dataset}.${name}`).toSorted(),
    columns: Object.fromEntries(
      bills.map(({ dataset, name, columns }) => [
        `${dataset}.${name}`,
        columns.map((column) => `${column.name} ${column.type}`),
      ]),
    ),
    months: Object.fromEntries(
      [...keys].toSorted().map((key) => [
        key,
        {
          rows: rows[key]?.rows ?? 0,
          hash: rows[key]?.hash ?? "",
          receipts: kept.receipts[key] ?? [],
          entry: kept.entries[key] ?? "",
        },
      ]),
    ),
    registry: kept.registry,
    summaries: kept.summaries,
    faults: kept.faults,
    hashes: [],
  };
}

/** Where billing tables carry the billing month. */
const partitions = [
  "bill_billing_period_start_date",
  "BillingPeriodStart",
  "BillingPeriodStartDate",
  "billing_month",
] as const;

/** The rows of a table that have to do with loads and states: readers may see the summary of a run late. */
function withoutSummaries(dataset: string, name: string): string {
  if (name.endsWith(tracking)) return "is_run_summary IS DISTINCT FROM true";
  if (name === "_dlt_loads") return `load_id IN (SELECT _dlt_load_id FROM "${dataset}"._dlt_pipeline_state)`;
  return name === "_billhouse_lease" ? "false" : "true";
}

interface Ledgers extends Pick<Books, "registry" | "summaries" | "faults"> {
  readonly receipts: Readonly<Record<string, readonly string[]>>;
  readonly entries: Readonly<Record<string, string>>;
}

/** What changes from run to run although the runs do the same. */
const passing = new Set(["_dlt_id", "_dlt_load_id", "loaded_at", "duration_seconds", "run_date"]);

async function readLedgers({ tables, rows }: BookSource): Promise<Ledgers> {
  const receipts: Record<string, string[]> = {};
  const entries: Record<string, string> = {};
  const summaries: Record<string, number> = {};
  const registry: string[] = [];
  const faults: string[] = [];
  for (const dataset of new Set(tables.map((table) => table.dataset))) {
    const read = async (name: string, ...order: readonly string[]): Promise<readonly Row[]> => {
      const table = tables.find((each) => each.dataset === dataset && each.name === name);
      const key = (row: Row): string => order.map((column) => String(row[column])).join("\n");
      const found = table === undefined ? [] : await rows(table);
      return found.toSorted((one, other) => (key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0));
    };
    const loads = await read("_dlt_loads", "load_id");
    const ids = loads.map((load) => String(load["load_id"]));
    if (new Set(ids).size < ids.length) faults.push("two loads have one load_id");
    if (loads.some((load) => Number(load["status"]) !== 0)) faults.push("a load has another status than 0");
    const owned = new Set<string>();
    const own = (row: Row, what: string): void => {
      const id = String(row["_dlt_load_id"]);
      if (!ids.includes(id)) faults.push(`${what} belongs to no load`);
      owned.add(id);
    };
    const trackingTables = tables.filter((table) => table.dataset === dataset && table.name.endsWith(tracking));
    for (const { name } of trackingTables) {
      const table = `${dataset}.${name.slice(0, -tracking.length)}`;
      summaries[table] = 0;
      const seen = new Set<string>();
      for (const row of await read(name, "_dlt_load_id")) {
        own(row, `a row of ${name}`);
        const id = String(row["_dlt_load_id"]);
        if (seen.has(id)) faults.push(`two rows of ${name} belong to one load`);
        seen.add(id);
        if (row["is_run_summary"] === true) summaries[table] += 1;
        else {
          const key = `${table} ${String(row["billing_month"])}`;
          const lasting = Object.entries(row).filter(([column, value]) => value !== null && !passing.has(column));
          receipts[key] = [...(receipts[key] ?? []), JSON.stringify(Object.fromEntries(lasting))];
        }
      }
    }
    const states = await read("_dlt_pipeline_state", "pipeline_name", "_dlt_load_id");
    for (const [name, versions] of Map.groupBy(states, (row) => String(row["pipeline_name"]))) {
      versions.forEach((row, index) => {
        own(row, "a state");
        if (index > 0 && Number(row["version"]) !== Number(versions[index - 1]?.["version"]) + 1) {
          faults.push(`the versions of the state of ${name} do not follow one another`);
        }
      });
      const table = `${dataset}.${tableOfState(String(versions.at(-1)?.["state"]))}`;
      for (const [month, entry] of entriesOf(String(versions.at(-1)?.["state"]))) entries[`${table} ${month}`] = entry;
    }
    if (ids.some((id) => !owned.has(id))) faults.push("a load has neither a tracking row nor a state");
    if (tables.some((table) => table.dataset === dataset && table.name === "_billhouse_lease")) {
      const lease = (await read("_billhouse_lease")).map((row) => String(row["load_id"]));
      if (lease.length !== 1 || lease[0] !== (ids.at(-1) ?? ""))
        faults.push("the commit lock is not that of the last load");
    }
    const columns = await read("_billhouse_columns", "table_name", "source_name");
    registry.push(...columns.map((row) => JSON.stringify(row)));
  }
  return { receipts, entries, summaries, registry, faults };
}

const tracking = "_load_tracking";

function isKept(name: string): boolean {
  return name.startsWith("_dlt_") || name.startsWith("_billhouse_") || name.endsWith(tracking);
}

interface DltState {
  readonly sources: Readonly<Record<string, { readonly resources?: Readonly<Record<string, DltResource>> }>>;
}

interface DltResource {
  readonly loaded_executions?: Readonly<Record<string, object>>;
}

function resourcesOf(encoded: string): [name: string, executions: Readonly<Record<string, object>>][] {
  const state = JSON.parse(inflateSync(Buffer.from(encoded, "base64")).toString("utf8")) as DltState;
  return Object.values(state.sources).flatMap(({ resources = {} }) =>
    Object.entries(resources).map(([name, { loaded_executions: executions = {} }]): [string, typeof executions] => [
      name,
      executions,
    ]),
  );
}

function tableOfState(state: string): string {
  return resourcesOf(state)[0]?.[0].slice(0, -tracking.length) ?? "";
}

function entriesOf(state: string): [month: string, entry: string][] {
  return resourcesOf(state).flatMap(([, executions]) =>
    Object.entries(executions).map(([month, entry]): [string, string] => {
      const lasting = Object.entries(entry).filter(([key]) => key !== "loaded_at");
      return [month, JSON.stringify(lasting)];
    }),
  );
}

function text(row: Row): string {
  return String(row["hash"]);
}

/** The dataset of a trial. */
export const dataset = "billing_data";

/** Reads the books in the dataset of a server, past its log, its permissions and its faults. */
export async function booksOfServer(server: BigqueryServer): Promise<Books> {
  const names = server.tableNames(dataset, googleProject).filter((name) => !name.startsWith("_billhouse_staging_"));
  const tables = names.map((name) => ({
    dataset,
    name,
    columns: (server.table(dataset, name, googleProject)?.fields ?? []).map((field) => ({
      name: field.name,
      type: field.type,
    })),
  }));
  const rowsOf = async ({ name, columns }: (typeof tables)[number]): Promise<Record<string, unknown>[]> => {
    const rows = await server.rows(`SELECT * FROM \`${googleProject}.${dataset}.${name}\``, googleProject);
    const value = (cell: unknown, type: string): unknown => (type.startsWith("BOOL") ? cell === "true" : cell);
    return rows.map((row) =>
      Object.fromEntries(
        columns.flatMap((column, index) =>
          row[index] === null ? [] : [[column.name, value(row[index], column.type)]],
        ),
      ),
    );
  };
  return readBooksOf({
    tables,
    rows: (table) => rowsOf(table as (typeof tables)[number]),
    async months(table, partition) {
      const rows = await rowsOf(table as (typeof tables)[number]);
      const groups = Map.groupBy(rows, (row) => monthOf(row[partition]));
      return [...groups].map(([month, group]) => {
        const hash = group
          .map((row) => JSON.stringify(row))
          .toSorted()
          .join("\n");
        return { month, rows: group.length, hash };
      });
    },
  });
}

/** Times are microseconds since 1970 in the answers of BigQuery. */
function monthOf(time: unknown): string {
  return new Date(Number(time) / 1000).toISOString().slice(0, 7);
}
