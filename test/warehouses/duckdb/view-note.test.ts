import assert from "node:assert/strict";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";

import { loadConfig } from "../../../src/index.ts";
import { focusViewSource } from "../../../src/pipeline/views/source.ts";
import { openDuckdb } from "../../../src/warehouses/duckdb/driver.ts";
import type { ViewSource } from "../../../src/warehouses/views.ts";
import { curDelivery, curRows, deliver } from "../../support/deliveries.ts";
import { createProject, curSection, type Project, runWell } from "../../support/projects.ts";

const month = "2025-01";
const viewText = "SELECT sql FROM duckdb_views() WHERE view_name = 'focus_v1_4'";

async function loaded(t: TestContext): Promise<Project> {
  const project = await createProject(t, curSection);
  await deliver(project.bucket, curDelivery({ month, id: "20250203T000000Z", files: [curRows(month, "1.5", "2.25")] }));
  await runWell(project);
  return project;
}

/** Refreshes the views as a run does at its end, with this code; returns how often it rendered them. */
async function refresh(
  project: Pick<Project, "folder">,
  code: string | null,
  change: (source: ViewSource) => Partial<ViewSource> = () => ({}),
): Promise<number> {
  const config = await loadConfig({ folder: project.folder, environment: {} });
  const source = await focusViewSource(config, code);
  let rendered = 0;
  const counted: ViewSource = {
    ...source,
    render(...given) {
      rendered += 1;
      return source.render(...given);
    },
  };
  const path = join(project.folder, "billhouse.duckdb");
  const views = { ...counted, ...change(counted) };
  const warehouse = await openDuckdb(
    { path, storageVersion: "latest", memoryLimit: null, threads: null, views },
    "write",
  );
  try {
    assert.deepEqual(await warehouse.refreshViews?.(), []);
  } finally {
    await warehouse.close();
  }
  return rendered;
}

/** Runs a statement as another program does, and returns the first value. */
async function ask({ folder }: Pick<Project, "folder">, sql: string): Promise<unknown> {
  const instance = await DuckDBInstance.create(join(folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(sql)).getRowsJson();
  connection.closeSync();
  instance.closeSync();
  return rows[0]?.[0];
}

test("views are rendered once, and then only after something that they are made from has changed", async (t) => {
  const project = await loaded(t);
  assert.ok((await refresh(project, "one")) > 0);
  assert.equal(await refresh(project, "one"), 0, "nothing has changed");
  assert.ok((await refresh(project, null)) > 0, "code that can change is not trusted");
  assert.equal(await refresh(project, "one"), 0);

  const bills = "billing_data.aws_cur_data";
  const configuration = join(project.folder, "billhouse.toml");
  const accounts = join(project.folder, "accounts.csv");
  const changes: readonly (readonly [what: string, change: () => Promise<unknown>])[] = [
    ["a column of the bill", () => ask(project, `ALTER TABLE ${bills} ADD COLUMN resource_tags_user_team VARCHAR`)],
    [
      "the source of a column",
      () =>
        ask(
          project,
          `INSERT INTO billing_data._billhouse_columns SELECT COLUMNS(* REPLACE ('resourceTags/user:team' AS source_name, 'resource_tags_user_team' AS column_name)) FROM billing_data._billhouse_columns LIMIT 1`,
        ),
    ],
    [
      "the tracking table",
      () => ask(project, "ALTER TABLE billing_data.aws_cur_data_load_tracking ADD COLUMN other INT"),
    ],
    ["a view that is gone", () => ask(project, "DROP VIEW focus_costs")],
    [
      "a view that someone changed",
      () => ask(project, "COMMENT ON VIEW focus_v1_2 IS 'Made by billhouse, and replaced by it. Version 0'"),
    ],
    ["a table of the sums that is gone", () => ask(project, "DROP TABLE _billhouse_focus_sums")],
    ["the record of a month", () => ask(project, "UPDATE _billhouse_focus_months SET loads = ''")],
    ["the record of all months", () => ask(project, "DELETE FROM _billhouse_focus_months")],
    [
      "a load of which the sums were not built",
      () =>
        ask(
          project,
          "UPDATE billing_data.aws_cur_data_load_tracking SET _dlt_load_id = _dlt_load_id || '1' WHERE billing_month IS NOT NULL",
        ),
    ],
    ["a tag of the configuration", () => appendFile(configuration, '[focus]\ntags = ["team"]\n')],
    [
      "a list of accounts",
      async () => {
        await writeFile(accounts, "id,name,owner,environment\n1,One,a,prod\n");
        await appendFile(configuration, 'accounts = "accounts.csv"\n');
      },
    ],
    ["another owner of an account", () => writeFile(accounts, "id,name,owner,environment\n1,One,b,prod\n")],
  ];
  for (const [what, change] of changes) {
    await change();
    assert.ok((await refresh(project, "one")) > 0, what);
    assert.equal(await refresh(project, "one"), 0, `${what}, and nothing more`);
    assert.equal(await ask(project, "SELECT bool_and(is_current) FROM focus_rollup_months"), true, what);
  }
});

test("a view of other code does not stay, whatever it was noted for", async (t) => {
  const project = await loaded(t);
  await refresh(project, "one");
  const before = await ask(project, viewText);
  const other = ({ render }: ViewSource): Partial<ViewSource> => ({
    render: async (...given) =>
      (await render(...given)).map((view) =>
        view.name === "focus_v1_4" ? { ...view, sql: `SELECT * FROM (${view.sql}) WHERE x_BillingMonth > ''` } : view,
      ),
  });
  assert.ok((await refresh(project, "two", other)) > 0);
  assert.notEqual(await ask(project, viewText), before);
  assert.equal(await refresh(project, "two", other), 0);
  assert.ok((await refresh(project, "one")) > 0);
  assert.equal(await ask(project, viewText), before);
});
