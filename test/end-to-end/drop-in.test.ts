import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { showState } from "../../src/index.ts";
import { loadedExecutions } from "../../src/state/executions.ts";
import { fixturesOf, newestState, rowsOf, textOf, type DltFixture } from "../state/fixtures.ts";
import { azureDelivery, azureRows, curDelivery, curRows } from "../support/deliveries.ts";
import { createGoogleProject, exportBucket, googleProject, upload, type GoogleProject } from "../support/google.ts";
import { billhouse } from "../support/projects.ts";

/** What the Python pipelines left in a dataset, and the section of the file with which they did. */
interface PythonPipeline {
  readonly fixture: DltFixture;
  readonly section: string;
  readonly prefix: string;
  /** How their table was laid out. */
  readonly table: { readonly schema: Readonly<Record<string, string>>; readonly partitioned: boolean };
  /** A new delivery of a month, one that the state knows or not; of runs of Azure the one with the latest time counts. */
  deliver(month: string, id: string, pathTime?: string): Parameters<typeof upload>[1];
}

const aws: PythonPipeline = {
  fixture: newest("aws-second-run"),
  section: "aws_cur",
  prefix: "gcs-transfer/aws_cur",
  table: {
    partitioned: true,
    schema: {
      identity_line_item_id: "STRING",
      bill_billing_period_start_date: "TIMESTAMP",
      line_item_usage_start_date: "TIMESTAMP",
      line_item_unblended_cost: "FLOAT",
      line_item_currency_code: "STRING",
    },
  },
  deliver: (month, id) =>
    curDelivery({ month, id, files: [curRows(month, "0.1", "12.34")], folder: "gcs-transfer/aws_cur/acme-cur" }),
};

const azure: PythonPipeline = {
  fixture: newest("azure-second-run"),
  section: "azure_billing",
  prefix: "exports",
  table: {
    partitioned: false,
    schema: { BillingPeriodStartDate: "TIMESTAMP", CostInBillingCurrency: "BIGNUMERIC", BillingCurrency: "STRING" },
  },
  deliver: (month, id, pathTime) =>
    azureDelivery({ month, id, files: [azureRows(month, "0.1", "12.34")], ...(pathTime && { pathTime }) }),
};

describe("a folder of the Python pipelines, and the dataset that they filled", () => {
  for (const pipeline of [aws, azure]) {
    test(`${pipeline.section}: billhouse run all continues`, async (t) => {
      const project = await pythonProject(t, pipeline);
      const { table } = pipeline.fixture;
      const known = [...loadedExecutions(newestState(pipeline.fixture), table)];
      assert.ok(known.length > 1);
      for (const [month, { executionId }] of known) upload(project, pipeline.deliver(month, executionId));

      const idle = await billhouse(project, ["run", "all"]);
      assert.equal(idle.code, 0, idle.stdout + idle.stderr);
      assert.match(idle.stdout, new RegExp(`${known.length} unchanged`, "u"));

      const restated = known[0]?.[0] ?? "";
      upload(project, pipeline.deliver(restated, "20990101T000000Z", "209901010000"));
      upload(project, pipeline.deliver("2098-12", "20990102T000000Z", "209901020000"));
      const { code, stdout, stderr } = await billhouse(project, ["run", "all", "--json"]);
      assert.equal(code, 0, stdout + stderr);
      const finished = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as {
        readonly pipelines: readonly { readonly loaded: readonly { readonly billing_month: string }[] }[];
      };
      const loaded = finished.pipelines[0]?.loaded.map(({ billing_month: month }) => month);
      assert.deepEqual(loaded?.toSorted(), [restated, "2098-12"].toSorted());

      const { pipelines } = await showState(project.config);
      const executions = new Map(pipelines[0]?.months.map((month) => [month.billingMonth, month.executionId]));
      assert.equal(executions.size, known.length + 1);
      assert.equal(executions.get(restated), "20990101T000000Z");
      const [[rows] = []] = await project.bigquery.rows(
        `SELECT COUNT(*) FROM ${googleProject}.${table.dataset}.${table.name}`,
      );
      assert.equal(
        Number(rows),
        known.length - 1 + 2 * 2,
        "an old row for each month that stayed, two for each new one",
      );
    });
  }
});

/** A folder with nothing but the files of dlt, whose addresses alone come from the environment of the test. */
async function pythonProject(t: TestContext, pipeline: PythonPipeline): Promise<GoogleProject> {
  const { fixture, section, prefix } = pipeline;
  const { table } = fixture;
  const project = await createGoogleProject(t, { [section]: {} });
  await rm(join(project.folder, "billhouse.toml"));
  await mkdir(join(project.folder, ".dlt"));
  // As the Python pipelines read it: `bucket` and not `bucket_url`, the project beside it.
  const config = `[runtime]
log_level = "WARNING"

[sources.${section}]
bucket = "${exportBucket}"
prefix = "${prefix}"
table_name = "${table.name}"
dataset = "${table.dataset}"
project_id = "${googleProject}"
endpoint = "${project.gcs.endpoint}"

[destination.bigquery]
location = "US"
endpoint = "${project.bigquery.endpoint}"
`;
  const secrets = `[destination.bigquery.credentials]
project_id = "${googleProject}"
client_email = "loader@acme.iam.gserviceaccount.com"
private_key = "-----BEGIN PRIVATE KEY-----\\nnone\\n-----END PRIVATE KEY-----\\n"
`;
  await writeFile(join(project.folder, ".dlt", "config.toml"), config);
  await writeFile(join(project.folder, ".dlt", "secrets.toml"), secrets);
  await restore(project, pipeline);
  const { loadConfig } = await import("../../src/index.ts");
  return { ...project, config: await loadConfig({ folder: project.folder, environment: {} }) };
}

/** Makes the tables in BigQuery that dlt and the pipeline left. */
async function restore({ bigquery }: GoogleProject, { fixture, table: laidOut }: PythonPipeline): Promise<void> {
  const { table, tables } = fixture;
  bigquery.createDataset(table.dataset, { project: googleProject, location: "US" });
  const below = `${bigquery.endpoint}/bigquery/v2/projects/${googleProject}`;
  const createTable = async (name: string, resource: object): Promise<void> => {
    const tableReference = { projectId: googleProject, datasetId: table.dataset, tableId: name };
    await post(`${below}/datasets/${table.dataset}/tables`, { tableReference, ...resource });
  };
  const insert = async (name: string, row: Readonly<Record<string, readonly [value: string, type: string]>>) => {
    const entries = Object.entries(row);
    const cells = entries.map(([, [, type]], index) => `CAST(@p${index} AS ${type})`);
    const target = `\`${googleProject}.${table.dataset}.${name}\``;
    const query = `INSERT INTO ${target} (${entries.map(([column]) => `\`${column}\``).join(", ")}) SELECT ${cells.join(", ")}`;
    const queryParameters = entries.map(([, [value]], index) => ({
      name: `p${index}`,
      parameterType: { type: "STRING" },
      parameterValue: { value },
    }));
    const jobId = randomUUID();
    await post(`${below}/jobs`, {
      jobReference: { projectId: googleProject, jobId, location: "US" },
      configuration: { query: { query, useLegacySql: false, parameterMode: "NAMED", queryParameters } },
    });
    for (let state = ""; state !== "DONE";) {
      const answer = await fetch(`${below}/jobs/${jobId}?location=US`);
      const { status } = (await answer.json()) as { status: { state: string; errorResult?: unknown } };
      assert.equal(status.errorResult, undefined);
      state = status.state;
    }
  };
  const partition = Object.keys(laidOut.schema).find((name) => /billing_?period_?start/iu.test(name)) ?? "";
  await createTable(table.name, {
    schema: { fields: Object.entries(laidOut.schema).map(([name, type]) => ({ name, type })) },
    ...(laidOut.partitioned ? { timePartitioning: { type: "MONTH", field: partition } } : {}),
  });
  for (const [month] of loadedExecutions(newestState(fixture), table)) {
    await insert(table.name, { [partition]: [`${month}-01T00:00:00Z`, "TIMESTAMP"] });
  }
  for (const [name, { columns }] of Object.entries(tables)) {
    const fields = columns.map((column) => ({
      name: column.name,
      type: bigqueryTypes[column.type] ?? "STRING",
      mode: column.nullable ? "NULLABLE" : "REQUIRED",
    }));
    await createTable(name, { schema: { fields } });
    for (const row of rowsOf(fixture, name)) {
      const entries = Object.entries(row).flatMap(([column, value]) => {
        const type = fields.find((field) => field.name === column)?.type ?? "STRING";
        return value === null ? [] : [[column, [String(value), sqlTypes[type] ?? type] as const] as const];
      });
      await insert(name, Object.fromEntries(entries));
    }
  }
}

async function post(url: string, body: object): Promise<void> {
  const answer = await fetch(url, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** What dlt makes in BigQuery where it makes these in DuckDB. */
const bigqueryTypes: Readonly<Record<string, string>> = {
  VARCHAR: "STRING",
  BIGINT: "INTEGER",
  BOOLEAN: "BOOLEAN",
  DOUBLE: "FLOAT",
  "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
};

const sqlTypes: Readonly<Record<string, string>> = { INTEGER: "INT64", BOOLEAN: "BOOL", FLOAT: "FLOAT64" };

function newest(name: string): DltFixture {
  const fixture = fixturesOf(name).at(-1);
  assert.ok(fixture, name);
  textOf(newestState(fixture));
  return fixture;
}
