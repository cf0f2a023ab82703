import { appendFileSync } from "node:fs";

import { refusalOf } from "./failures.ts";
import type { ScriptOptions, ScriptOutcome } from "./scripts.ts";
import { columnsOf } from "./table-settings.ts";
import { typeName } from "./types.ts";

/** A script that a test sent, with all that an analyzer needs to judge it: one line of the file, as JSON. */
export interface RecordedScript {
  readonly sql: string;
  /** The types of the parameters by their names. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly project: string;
  /** Where tables without a dataset are looked for; empty when nowhere. */
  readonly defaultDataset: string;
  /** The columns of the tables that the script names, as they were before it, by `project.dataset.table`. */
  readonly tables: Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>;
  /** Why this server stopped the script; null when it ran to its end. */
  readonly refused: string | null;
}

/** The environment variable that names the file. */
export const recordVariable = "BILLHOUSE_TEST_STATEMENTS";

const written = new Set<string>();

/** Runs a script, and appends it to the file that the environment names, if it names one: each script once. */
export async function recorded(
  options: ScriptOptions,
  run: (options: ScriptOptions) => Promise<ScriptOutcome>,
): Promise<ScriptOutcome> {
  const file = process.env[recordVariable];
  if (file === undefined) return run(options);
  const script = {
    sql: options.sql,
    parameters: Object.fromEntries([...options.parameters].map(([name, { type }]) => [name, typeName(type)])),
    project: options.dataProject ?? options.project,
    defaultDataset: options.defaultDataset?.datasetId ?? "",
    tables: namedTables(options),
  };
  const write = (refused: string | null): void => {
    const line = JSON.stringify({ ...script, refused } satisfies RecordedScript);
    if (!written.has(line)) appendFileSync(file, `${line}\n`);
    written.add(line);
  };
  try {
    const outcome = await run(options);
    write(null);
    return outcome;
  } catch (error) {
    write(refusalOf(error).message);
    throw error;
  }
}

function namedTables({ catalog, sql, defaultDataset }: ScriptOptions): RecordedScript["tables"] {
  const text = sql.replaceAll("`", "");
  const named = [...catalog.datasets.values()].flatMap(({ project, name: dataset, tables }) =>
    [...tables.values()]
      .filter(({ name }) => text.includes(dataset === defaultDataset?.datasetId ? name : `${dataset}.${name}`))
      .map((table) => [
        `${project}.${dataset}.${table.name}`,
        columnsOf(table).map(({ name, type }) => ({ name, type: typeName(type) })),
      ]),
  );
  return Object.fromEntries(named);
}
