import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Catalog } from "./catalog.ts";
import type { Engine } from "./engine.ts";
import { refusal } from "./failures.ts";
import type { LoadConfiguration, ReadObject } from "./load-configuration.ts";
import { checkSame, fetchFiles } from "./load-sources.ts";
import { columnsOf, normalised, type Table, tableId } from "./table-settings.ts";
import { columnOf, type FieldSchema, fieldSchema, sameType } from "./types.ts";

/** What a load job is run with. */
export interface LoadOptions {
  readonly engine: Engine;
  readonly catalog: Catalog;
  readonly project: string;
  readonly location: string;
  readonly load: LoadConfiguration;
  readonly readObject: ReadObject;
  /** Whether bytes that are not UTF-8 become U+FFFD instead of failing the job. */
  readonly replacesInvalidText: boolean;
  permit(table: { readonly project: string; readonly dataset: string; readonly name: string }): void;
}

/** The result of a finished load job. */
export interface LoadOutcome {
  readonly inputFiles: string;
  readonly inputFileBytes: string;
  readonly outputRows: string;
  readonly outputBytes: string;
  readonly badRecords: string;
}

/** Runs a load job: all its files, or nothing. Errors: what BigQuery says as `errorResult`. */
export async function runLoad(options: LoadOptions): Promise<LoadOutcome> {
  const { load, catalog, engine } = options;
  const { projectId = options.project, datasetId = "", tableId: name = "" } = load.destinationTable ?? {};
  const dataset = catalog.dataset(projectId, datasetId, options.location);
  options.permit({ project: projectId, dataset: datasetId, name });
  await catalog.sweep();
  const existing = dataset.tables.get(name);
  if (existing !== undefined && ((await engine.count([existing.physical]))[0] ?? 0) > 0) {
    throw refusal("duplicate", `Already Exists: Table ${tableId(existing)}`);
  }
  const folder = await mkdtemp(join(tmpdir(), "bigquery-server-"));
  try {
    const files = await fetchFiles(options, folder);
    const columns = files[0]?.columns ?? [];
    for (const file of files) checkSame(columns, file);
    const fields = load.sourceFormat === "CSV" ? (load.schema?.fields ?? []).map(normalised) : columns.map(fieldSchema);
    const table = await destination(options, existing, fields);
    const connection = await engine.connect();
    let rows = 0;
    try {
      await connection.run("BEGIN TRANSACTION");
      for (const file of files) {
        const order = table.fields.map((field) =>
          file.columns.findIndex((column) => column.name.toLowerCase() === field.name.toLowerCase()),
        );
        const cells = order.map((index) => (index === -1 ? "NULL" : file.values[index])).join(", ");
        const { rowsChanged } = await connection.run(
          `INSERT INTO ${table.physical} SELECT ${cells} FROM ${file.relation}`,
        );
        if (file.rows !== undefined && file.rows !== rowsChanged) {
          throw new Error(`DuckDB read ${rowsChanged} rows of ${file.uri}, which has ${file.rows}`);
        }
        rows += rowsChanged;
      }
      await connection.run("COMMIT");
      engine.changed();
    } catch (error) {
      await connection.run("ROLLBACK").catch(() => undefined);
      if (existing === undefined) await catalog.dropTable(table);
      const required = /NOT NULL constraint failed: \w+\.(.+)$/u.exec(error instanceof Error ? error.message : "")?.[1];
      throw required === undefined
        ? error
        : refusal(
            "invalid",
            `Error while reading data, error message: Required column value for column: ${required} is missing`,
          );
    } finally {
      connection.closeSync();
    }
    await catalog.sweep();
    const size = files.reduce((sum, file) => sum + file.size, 0);
    return {
      inputFiles: String(files.length),
      inputFileBytes: String(size),
      outputRows: String(rows),
      outputBytes: String(size * 2),
      badRecords: "0",
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function destination(options: LoadOptions, existing: Table | undefined, fields: FieldSchema[]): Promise<Table> {
  const { catalog, load } = options;
  const { projectId = options.project, datasetId = "", tableId: name = "" } = load.destinationTable ?? {};
  const { destinationEncryptionConfiguration } = load;
  if (existing === undefined) {
    const encrypted = destinationEncryptionConfiguration !== undefined && {
      encryptionConfiguration: destinationEncryptionConfiguration,
    };
    return catalog.createTable(catalog.dataset(projectId, datasetId), name, { schema: { fields }, ...encrypted });
  }
  if (existing.fields.length === 0) await catalog.patchTable(existing, { schema: { fields } });
  const held = new Map(columnsOf(existing).map((column) => [column.name.toLowerCase(), column]));
  for (const { name: field, type } of fields.map(columnOf)) {
    const column = held.get(field.toLowerCase());
    const wrong = `Provided Schema does not match Table ${tableId(existing)}.`;
    if (column === undefined) throw refusal("invalid", `${wrong} Cannot add fields (field: ${field})`);
    if (!sameType(column.type, type))
      throw refusal("invalid", `${wrong} Field ${field} has changed type from ${column.type.kind} to ${type.kind}`);
  }
  return existing;
}
