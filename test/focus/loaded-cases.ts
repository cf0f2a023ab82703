import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { relative } from "node:path";
import type { TestContext } from "node:test";

import { type Config, loadConfig } from "../../src/index.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { requireCapability, type QueryRow } from "../../src/warehouses/warehouse.ts";
import { temporaryFolder } from "../support/folders.ts";
import { createGoogleProject, uploadFolder } from "../support/google.ts";
import { oneThread } from "../support/in-process.ts";
import { type Project, runProject } from "../support/projects.ts";

/** A loaded case: the rows of a view, and the configuration that it was loaded with. */
export interface LoadedCase {
  readonly config: Config;
  rows(version: "v1_2" | "v1_4"): Promise<readonly QueryRow[]>;
}

/** The warehouses in which a case is loaded. */
export const caseWarehouses: Readonly<
  Record<"DuckDB" | "BigQuery", (t: TestContext, source: string, file: string) => Promise<LoadedCase>>
> = {
  async DuckDB(t, source, file) {
    const folder = await temporaryFolder(t);
    await cp(source, folder, { recursive: true });
    const config = await loadConfig({ folder, file, environment: oneThread });
    await load({ folder, bucket: folder, config });
    return { config, rows: (version) => rowsOf(config, `SELECT * FROM focus_${version}`) };
  },

  async BigQuery(t, source, file) {
    const { pipelines } = await loadConfig({ folder: source, file, environment: {} });
    const sections = pipelines.map(({ name, prefix, exportName, kind }) => [
      name,
      { prefix, ...(exportName === null ? {} : { export_name: exportName }), ...(kind === null ? {} : { kind }) },
    ]);
    const project = await createGoogleProject(t, Object.fromEntries(sections));
    const buckets = new Set(pipelines.map(({ bucketUrl }) => bucketUrl));
    for (const bucket of buckets) {
      assert.doesNotMatch(relative(source, bucket), /^\.\./u, "the bucket is a folder of the case");
      await uploadFolder(project, bucket);
    }
    await load(project);
    return {
      config: project.config,
      rows: (version) => rowsOf(project.config, `SELECT * FROM billing_focus.focus_${version}`),
    };
  },
};

/** Loads everything, and requires that nothing failed and nothing was left out. */
export async function load(project: Project): Promise<void> {
  const { finished } = await runProject(project);
  const errors = finished.pipelines.flatMap(({ failed, error }) => [
    ...failed,
    ...(error === undefined ? [] : [error]),
  ]);
  assert.deepEqual([...errors, ...finished.warnings], []);
}

/** The rows of a query in the warehouse of a project. */
export async function rowsOf(config: Config, sql: string): Promise<readonly QueryRow[]> {
  const warehouse = await openWarehouse(config.warehouse, "read");
  try {
    const rows: QueryRow[] = [];
    for await (const row of requireCapability(warehouse, "query")(sql)) rows.push(row);
    return rows;
  } finally {
    await warehouse.close();
  }
}
