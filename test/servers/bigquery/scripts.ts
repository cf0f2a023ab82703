import type { DuckDBConnection } from "@duckdb/node-api";

import { restRows, type Row } from "./answers.ts";
import { coerce } from "./casts.ts";
import type { Catalog } from "./catalog.ts";
import { runDefinition } from "./definitions.ts";
import type { Engine } from "./engine.ts";
import { translate } from "./expressions.ts";
import { queryError, refusal } from "./failures.ts";
import { parseScript } from "./parse-statements.ts";
import { emptyScope, type Context, type Value } from "./scope.ts";
import { translateMutation, translateQuestion } from "./statements.ts";
import type { Statement } from "./syntax.ts";
import { asOf, momentOf, remember } from "./past.ts";
import { namedTable, type Table, tableId } from "./table-settings.ts";
import { createTransactions, type Sequence } from "./transactions.ts";
import { type Column, scalar } from "./types.ts";
import { readView } from "./views.ts";

/** What a script is run with. */
export interface ScriptOptions {
  readonly engine: Engine;
  readonly catalog: Catalog;
  readonly project: string;
  readonly location: string;
  readonly defaultDataset?: { readonly projectId?: string; readonly datasetId?: string };
  /** The project of datasets that are named without one, where it is not that of the job. */
  readonly dataProject?: string;
  readonly sql: string;
  readonly parameters: ReadonlyMap<string, Value>;
  readonly maximumBytesBilled?: number;
  /** The key with which new tables are encrypted. */
  readonly encryptionConfiguration?: unknown;
  readonly dryRun: boolean;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** The table that takes the rows of the question. */
  readonly destination?: Destination;
  /** Refuses what the project may not do with a table. */
  permit(table: Table, what: "read" | "write"): void;
  /** Refuses DML in a project without billing. */
  permitDml(): void;
  /** Called before each statement. */
  beforeStatement(sql: string): Promise<void>;
  /** Is given the connection on which the script runs, so that it can be interrupted. */
  running(connection: DuckDBConnection): void;
}

/** Where the rows of a question go. */
export interface Destination {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

/** What a script did. */
export interface ScriptOutcome {
  readonly statementType: string;
  readonly columns: readonly Column[] | null;
  readonly rows: readonly Row[];
  readonly affected: number | null;
  readonly bytes: number;
  /** At least 10 MiB for each table that a statement reads. */
  readonly billed: number;
  readonly statements: number;
}

/** Runs a script on a connection of its own, statement after statement. Errors: whatever the failing statement says. */
export async function runScript(options: ScriptOptions, sequence: Sequence): Promise<ScriptOutcome> {
  const statements = parseScript(options.sql);
  if (options.encryptionConfiguration !== undefined) refuseKey(statements, options.destination);
  const connection = await options.engine.connect();
  options.running(connection);
  const script = createRun(options, sequence, connection, statements.length);
  try {
    for (const statement of statements) await script.run(statement);
    await script.rollback();
    return script.outcome();
  } catch (error) {
    await script.rollback().catch(() => undefined);
    throw error;
  } finally {
    connection.closeSync();
  }
}

/**
 * Documented: customer-managed-encryption#script-limitations, troubleshoot-queries; DDL and DML refuse a key of the job as
 * well. That DML does so in every table, and a SELECT without a destination, is stricter.
 */
function refuseKey(statements: readonly Statement[], destination: Destination | undefined): void {
  const [first] = statements;
  if (statements.length > 1)
    throw refusal("invalid", "configuration.query.destinationEncryptionConfiguration cannot be set for scripts");
  if (first?.s !== "query") throw refusal("invalid", "Cannot set kms key name in jobs with DDL or DML statements");
  if (destination === undefined) throw refusal("notImplemented", "This server takes no key without a destination");
}

function createRun(options: ScriptOptions, sequence: Sequence, connection: DuckDBConnection, count: number) {
  const { catalog, dryRun } = options;
  const transactions = createTransactions(connection, sequence, {
    remember: (tables) => remember(options.engine, tables, options.clock),
    afterChange: () => options.engine.changed(),
  });
  let rowCount: bigint | null = null;
  let last: { columns: readonly Column[]; rows: readonly Row[] } | null = null;
  let bytes = 0;
  let allBilled = 0;
  let type = "SCRIPT";
  let current: Table[] = [];

  const tableOf = (path: readonly string[]): Table => {
    const { defaultDataset } = options;
    const [
      name = "",
      dataset = defaultDataset?.datasetId ?? "",
      // documented: reference/rest/v2/Job#JobConfigurationQuery ("defaultDataset": it does not alter `dataset.table`)
      project = (path.length === 1 ? defaultDataset?.projectId : options.dataProject) ?? options.project,
    ] = path.toReversed();
    if (dataset === "") throw queryError(`Table "${name}" must be qualified with a dataset (e.g. dataset.table).`);
    if (path.length > 3) throw queryError(`Invalid table name: ${path.join(".")}`);
    return catalog.table(project, dataset, name, options.location);
  };
  const moments = new Map<Table, number | undefined>();
  const around = (): Context => ({
    sql: options.sql,
    parameters: options.parameters,
    rowCount,
    table(path, moment) {
      const table = tableOf(path);
      options.permit(table, "read");
      if (table.view !== undefined) {
        const view = readView(catalog, table.dataset, table.view.query);
        for (const read of view.tables) options.permit(read, "read");
        current.push(...view.tables);
        return { id: tableId(table), physical: `(${view.sql})`, columns: view.columns };
      }
      current.push(table);
      const at = moment === undefined ? undefined : momentOf(moment);
      // Documented: standard-sql/query-syntax#for_system_time_as_of; the wording is assumed.
      if (moments.has(table) && moments.get(table) !== at) {
        throw queryError(`Table ${tableId(table)} is referenced at more than one point in time`);
      }
      moments.set(table, at);
      if (at === undefined) return namedTable(table);
      if (transactions.isOpen) throw queryError("This server knows no past in a transaction");
      return namedTable(asOf(table, at, options.clock()));
    },
  });
  async function bill(tables: readonly Table[]): Promise<void> {
    // Documented: quotas#query_jobs.
    if (new Set(tables).size > 1000) throw queryError("Too many tables referenced in the query: 1000 are allowed");
    const read = [...new Set(tables)];
    const rows = await options.engine.count(read.map(({ physical }) => physical));
    const sizes = read.map(({ fields }, index) => (rows[index] ?? 0) * Math.max(1, fields.length) * 8);
    const processed = sizes.reduce((sum, size) => sum + size, 0);
    bytes += processed;
    // Documented: best-practices-costs; at least 10 MiB per table.
    const billed = sizes.reduce((sum, size) => sum + Math.max(size, 10 * 1024 * 1024), 0);
    allBilled += billed;
    if (options.maximumBytesBilled !== undefined && billed > options.maximumBytesBilled) {
      throw refusal(
        "bytesBilledLimitExceeded",
        `Query exceeded limit for bytes billed: ${options.maximumBytesBilled}. ${billed} or higher required.`,
      );
    }
  }

  async function mutate(statement: Statement & { s: "insert" | "update" | "delete" }): Promise<void> {
    options.permitDml();
    const sql = translateMutation(statement, around());
    const target = tableOf(statement.table);
    options.permit(target, "write");
    await bill(current);
    if (dryRun) return;
    // Documented: transactions#transaction_concurrency; INSERT adds rows, and conflicts with nothing.
    if (statement.s !== "insert") await transactions.claim(target);
    await transactions.changing(target);
    const { rowsChanged } = await transactions.execute(sql, [target]);
    rowCount = BigInt(rowsChanged);
    target.lastModifiedTime = Date.now();
    if (statement.s !== "insert") transactions.changed(target);
    if (!transactions.isOpen) await catalog.sweep();
  }

  async function question(statement: Statement & { s: "query" }): Promise<void> {
    const { sql, columns } = translateQuestion(statement, around());
    await bill(current);
    const shown = columns.map((column) =>
      column.type.kind === "NULL" ? { ...column, type: scalar("INT64") } : column,
    );
    if (dryRun) {
      // What DuckDB refuses, it refuses before it looks for the best plan.
      await connection.run("PRAGMA disable_optimizer");
      await transactions.check(sql, current);
      last = { columns: shown, rows: [] };
      return;
    }
    last = { columns: shown, rows: restRows(await transactions.execute(sql, current), shown) };
  }

  /** Documented: reference/rest/v2/Job#JobConfigurationQuery; the rows replace those of the table, or make it. */
  async function fill(statement: Statement & { s: "query" }, to: Destination): Promise<void> {
    if (count > 1) throw queryError("configuration.query.destinationTable cannot be set for scripts");
    const table = [to.projectId, to.datasetId, to.tableId];
    const create = { ...statement, s: "create", table, replace: true, cluster: [] } as const;
    await runDefinition(create, { ...options, connection, around, tableOf, bill: () => bill(current) });
  }

  return {
    async run(statement: Statement): Promise<void> {
      await options.beforeStatement(statement.sql);
      current = [];
      moments.clear();
      if (count === 1) type = statementTypes[statement.s];
      switch (statement.s) {
        case "query":
          return options.destination === undefined ? question(statement) : fill(statement, options.destination);
        case "insert":
        case "update":
        case "delete":
          return mutate(statement);
        case "begin":
          return dryRun ? undefined : transactions.begin();
        case "commit":
        case "rollback":
          if (!dryRun && !transactions.isOpen)
            throw queryError("Transaction control statement is not allowed: no transaction is in progress");
          await transactions.end(statement.s === "commit" ? "COMMIT" : "ROLLBACK");
          return catalog.sweep();
        case "raise": {
          const condition = coerce(translate(statement.condition, emptyScope, around()), scalar("BOOL"));
          if (condition === undefined) throw queryError("IF condition should return type BOOL");
          await bill(current);
          if (dryRun) return undefined;
          const [row] = (await transactions.execute(`SELECT ${condition.sql}`, current)).getRows();
          if (row?.[0] === true) throw queryError(statement.message);
          return undefined;
        }
        case "create":
        case "rename":
        case "drop":
        case "dropColumn":
        case "renameColumn":
          if (transactions.isOpen) {
            throw queryError(
              "DDL statements are not supported in a transaction, except for those creating or droping temporary tables or temporary functions.",
            );
          }
          return runDefinition(statement, { ...options, connection, around, tableOf, bill: () => bill(current) });
      }
    },
    rollback: () => transactions.end("ROLLBACK"),
    outcome(): ScriptOutcome {
      const isMutation = ["INSERT", "UPDATE", "DELETE"].includes(type);
      return {
        statementType: type,
        columns: last?.columns ?? null,
        rows: last?.rows ?? [],
        affected: isMutation && rowCount !== null ? Number(rowCount) : null,
        bytes,
        billed: allBilled,
        statements: count,
      };
    },
  };
}

const statementTypes: Readonly<Record<Statement["s"], string>> = {
  query: "SELECT",
  insert: "INSERT",
  update: "UPDATE",
  delete: "DELETE",
  begin: "BEGIN_TRANSACTION",
  commit: "COMMIT_TRANSACTION",
  rollback: "ROLLBACK_TRANSACTION",
  raise: "SCRIPT",
  create: "CREATE_TABLE_AS_SELECT",
  rename: "ALTER_TABLE",
  drop: "DROP_TABLE",
  dropColumn: "ALTER_TABLE",
  renameColumn: "ALTER_TABLE",
};
