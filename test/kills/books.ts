import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { inflateSync } from "node:zlib";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";

/**
 * Everything that a database holds, in a form in which two runs that did the same are equal: without load_ids, dlt's own
 * ids, times and durations.
 */
export interface Books {
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

type Row = Readonly<Record<string, unknown>>;

async function booksOf(connection: DuckDBConnection): Promise<Books> {
  const ask = async (sql: string): Promise<Row[]> => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  const tables = await ask(
    "SELECT schema_name AS dataset, table_name AS name FROM duckdb_tables() WHERE database_name = current_database() ORDER BY ALL",
  );
  const all = tables.map(({ dataset, name }) => ({ dataset: String(dataset), name: String(name) }));
  const columns: Record<string, string[]> = {};
  const rows: Record<string, { readonly rows: number; readonly hash: string }> = {};
  const hashes: string[] = [];
  for (const { dataset, name } of all) {
    const described = await ask(
      `SELECT column_name AS name, data_type AS type FROM duckdb_columns()
        WHERE database_name = current_database() AND schema_name = '${dataset}' AND table_name = '${name}' ORDER BY column_index`,
    );
    const names = described.map((column) => String(column["name"]));
    const cells = names.toSorted().map((column) => `'${column}=' || CAST("${column}" AS VARCHAR)`);
    const row = `md5(concat_ws(chr(31), ${cells.join(", ")}))`;
    const hash = `md5(coalesce(string_agg(${row}, '' ORDER BY ${row}), ''))`;
    const target = `"${dataset}"."${name}"`;
    if (isKept(name)) {
      const lasting = `FROM ${target} WHERE ${withoutSummaries(dataset, name)}`;
      hashes.push(...(await ask(`SELECT '${target} ' || ${hash} AS hash ${lasting}`)).map(text));
      continue;
    }
    columns[`${dataset}.${name}`] = described.map((column) => `${String(column["name"])} ${String(column["type"])}`);
    const partition = partitions.find((column) => names.includes(column)) ?? "no partition column";
    for (const group of await ask(
      `SELECT strftime("${partition}", '%Y-%m') AS month, count(*) AS rows, ${hash} AS hash FROM ${target} GROUP BY 1`,
    )) {
      rows[`${dataset}.${name} ${String(group["month"])}`] = {
        rows: Number(group["rows"]),
        hash: String(group["hash"]),
      };
    }
  }
  const kept = await readLedgers(ask, all);
  const keys = new Set([...Object.keys(rows), ...Object.keys(kept.receipts), ...Object.keys(kept.entries)]);
  return {
    columns,
    months: Object.fromEntries(
      [...keys].toSorted().map((key) => [
        key,
        {
          ...(rows[key] ?? { rows: 0, hash: "" }),
          receipts: kept.receipts[key] ?? [],
          entry: kept.entries[key] ?? "",
        },
      ]),
    ),
    registry: kept.registry,
    summaries: kept.summaries,
    faults: kept.faults,
    hashes,
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

async function readLedgers(
  ask: (sql: string) => Promise<Row[]>,
  tables: readonly { readonly dataset: string; readonly name: string }[],
): Promise<Ledgers> {
  const receipts: Record<string, string[]> = {};
  const entries: Record<string, string> = {};
  const summaries: Record<string, number> = {};
  const registry: string[] = [];
  const faults: string[] = [];
  for (const dataset of new Set(tables.map((table) => table.dataset))) {
    const has = (name: string): boolean => tables.some((table) => table.dataset === dataset && table.name === name);
    const loads = has("_dlt_loads") ? await ask(`FROM "${dataset}"._dlt_loads ORDER BY load_id`) : [];
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
      for (const row of await ask(`FROM "${dataset}"."${name}" ORDER BY _dlt_load_id`)) {
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
    const states = has("_dlt_pipeline_state")
      ? await ask(`FROM "${dataset}"._dlt_pipeline_state ORDER BY pipeline_name, _dlt_load_id`)
      : [];
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
    if (has("_billhouse_lease")) {
      const lease = (await ask(`FROM "${dataset}"._billhouse_lease`)).map((row) => String(row["load_id"]));
      if (lease.length !== 1 || lease[0] !== (ids.at(-1) ?? "")) faults.push("the lease is not that of the last load");
    }
    if (has("_billhouse_columns")) {
      const rows = await ask(`FROM "${dataset}"._billhouse_columns ORDER BY ALL`);
      registry.push(...rows.map((row) => JSON.stringify(row)));
    }
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
