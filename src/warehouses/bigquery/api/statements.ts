import { type Job, jobLabels, runNewJob } from "./jobs.ts";
import type { Parameters } from "./parameters.ts";
import type { Connection } from "./rest.ts";
import type { Field } from "./tables.ts";

/** What all queries of a warehouse share. */
export interface QuerySettings {
  readonly connection: Connection;
  readonly kmsKeyName: string | null;
  /** Bytes, as text. */
  readonly maximumBytesBilled: string | null;
}

/** A statement to run. */
export interface Statement {
  readonly sql: string;
  readonly parameters: Parameters;
  readonly location: string;
  /** What the job is for, as its labels tell. */
  readonly labels: Readonly<Record<string, string>> & { readonly billhouse: string };
}

/** The configuration of the job that runs a statement. */
export function queryConfiguration(settings: QuerySettings, { sql, parameters, labels }: Statement): object {
  const { kmsKeyName, maximumBytesBilled } = settings;
  return {
    labels: jobLabels(labels),
    query: {
      query: sql,
      useLegacySql: false,
      ...(parameters.list.length === 0 ? {} : { parameterMode: "NAMED", queryParameters: parameters.list }),
      ...(maximumBytesBilled === null ? {} : { maximumBytesBilled }),
      ...(kmsKeyName === null ? {} : { destinationEncryptionConfiguration: { kmsKeyName } }),
    },
  };
}

/** Runs a statement or a script whose answer does not matter. */
export async function runStatement(settings: QuerySettings, statement: Statement): Promise<Job> {
  const { labels, location } = statement;
  const request = { location, configuration: queryConfiguration(settings, statement) };
  return runNewJob(settings.connection, labels.billhouse, request);
}

/** A row of a question: text, or null. */
export type TextRow = Readonly<Record<string, string | null>>;

/** Runs a question whose rows are `part`, and `row` as JSON of texts; gives the rows of each part. */
export async function askForParts(
  settings: QuerySettings,
  statement: Statement,
): Promise<ReadonlyMap<string, readonly TextRow[]>> {
  const job = await runStatement(settings, statement);
  const parts = new Map<string, TextRow[]>();
  for await (const { cells } of answerOf(settings.connection, job)) {
    const [part, row] = cells;
    const rows = parts.get(String(part?.v)) ?? [];
    rows.push(JSON.parse(String(row?.v)) as TextRow);
    parts.set(String(part?.v), rows);
  }
  return parts;
}

/** One SELECT of such a question: columns by name, as SQL. */
export function part(name: string, columns: Readonly<Record<string, string>>, from: string): string {
  const cells = Object.entries(columns).map(([column, sql]) => `CAST(${sql} AS STRING) AS \`${column}\``);
  return `SELECT '${name}' AS part, TO_JSON_STRING(STRUCT(${cells.join(", ")})) AS row FROM ${from}`;
}

/** A cell as the REST API writes it: text, or cells in cells. */
export interface Cell {
  readonly v: unknown;
}

/** A row of an answer, and what its columns are. */
export interface AnswerRow {
  readonly fields: readonly Field[];
  readonly cells: readonly Cell[];
}

interface AnswerPage {
  readonly jobComplete?: boolean;
  readonly schema?: { readonly fields?: readonly Field[] };
  readonly rows?: readonly { readonly f: readonly Cell[] }[];
  readonly pageToken?: string;
}

/** The rows of a query that is done, page by page. */
export async function* answerOf(connection: Connection, { jobReference }: Job): AsyncGenerator<AnswerRow> {
  const { jobId, location = "" } = jobReference;
  let pageToken: string | undefined;
  do {
    const query = {
      location,
      timeoutMs: "10000",
      "formatOptions.useInt64Timestamp": "true",
      ...(pageToken === undefined ? {} : { pageToken }),
    };
    const call = { method: "GET", project: connection.jobProject, path: `queries/${jobId}`, query } as const;
    const page = await connection.call<AnswerPage>(call);
    if (page.jobComplete === false) continue;
    const fields = page.schema?.fields ?? [];
    for (const { f } of page.rows ?? []) yield { fields, cells: f };
    pageToken = page.pageToken;
    if (pageToken === undefined || pageToken === "") return;
  } while (true);
}
