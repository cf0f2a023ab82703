import type { ExportFocusResult } from "../../src/pipeline/focus-export.ts";
import type { ExportedFile } from "../../src/pipeline/focus-export/files.ts";
import type { ConfigResult } from "../../src/commands/config.ts";
import type { ShownCheck } from "../../src/commands/doctor.ts";
import type { Recognition } from "../../src/pipeline/discover/recognise.ts";
import type { MigrateResult } from "../../src/pipeline/migrate.ts";
import type { Reconciliation, ReconcileResult } from "../../src/pipeline/reconcile.ts";
import type { StateResult } from "../../src/pipeline/state.ts";

const right: Reconciliation = {
  pipeline: "azure_billing",
  invoiceId: "G174696188",
  billingAccount: null,
  currency: "USD",
  invoiced: "23841.48",
  loaded: "23841.479059792191955238",
  difference: "0.000940207808044762",
  ok: true,
  parts: [
    { name: "usage", amount: "23841.479059792191955238" },
    { name: "rounding", amount: "0.000940207808044762" },
  ],
  explanation: [],
  unexplained: "0.000940207808044762",
  sentence: "The invoice matches what is loaded, to the cent.",
};

const wrong: Reconciliation = {
  ...right,
  pipeline: "aws_cur",
  invoiceId: "7264228961",
  billingAccount: "014523987610",
  invoiced: "1051268.01",
  loaded: "1054298.3765",
  difference: "-3030.3665",
  ok: false,
  parts: [
    { name: "usage", amount: "1048944.9765" },
    { name: "tax", amount: "3030.37" },
    { name: "support", amount: "2323.03" },
    { name: "rounding", amount: "0.0035" },
  ],
  explanation: [{ name: "tax", amount: "-3030.37" }],
  unexplained: "0.0035",
  sentence: "The invoice is 3,030.37 USD less than what is loaded. Possible reason: it leaves out tax (3,030.37).",
};

const lost: Reconciliation = {
  ...wrong,
  pipeline: null,
  invoiceId: null,
  billingAccount: "7qk2-lm9t-bg7-pgb",
  currency: "EUR",
  invoiced: "5",
  loaded: "0",
  difference: "5",
  parts: [],
  explanation: [],
  unexplained: "5",
  sentence: "Account 7qk2-lm9t-bg7-pgb was invoiced at 5.00 EUR, and no rows of it are loaded.",
};

/** With a tolerance of nothing, a fraction of a cent is a difference and is shown. */
export const strict: Reconciliation = {
  ...right,
  ok: false,
  explanation: [{ name: "rounding", amount: right.difference }],
  unexplained: "0",
  sentence: `The invoice is ${right.difference} USD more than what is loaded. Possible reason: it rounds its total to cents (${right.difference}).`,
};

/** A month with an invoice that matches, one that leaves out tax, and one of an account that is not loaded. */
export const reconciled: Omit<ReconcileResult, "readFrom" | "publishedAt" | "lockedBy"> = {
  ok: false,
  billingMonth: "2026-06",
  tolerance: "0.01",
  reconciliations: [right, wrong, lost],
  notes: ["aws_cur 2026-06: The month is not final: the cloud may still change it."],
};

/** What `doctor` found: a login that lacks a permission, a full disk, and what is well. */
export const checks: readonly ShownCheck[] = [
  {
    subject: "configuration",
    exports: [],
    check: "file",
    ok: true,
    found: "/srv/finance/billing/production/europe/billhouse.toml, aws_cur, azure_billing",
    remedy: null,
    origins: [],
  },
  {
    subject: "aws_cur: gs://acme-billing",
    exports: ["aws_cur"],
    check: "list",
    ok: true,
    found: "objects can be listed",
    remedy: null,
    origins: [],
  },
  {
    subject: "aws_cur: gs://acme-billing",
    exports: ["aws_cur"],
    check: "read",
    ok: false,
    found: "billing@acme.iam.gserviceaccount.com lacks the permission storage.objects.get on gs://acme-billing.",
    remedy:
      "Run `gcloud storage buckets add-iam-policy-binding gs://acme-billing --member=serviceAccount:billing@acme.iam.gserviceaccount.com --role=roles/storage.objectViewer`, or ask the owner to do so.",
    origins: ["bucket_url in .dlt/config.toml:2", "private_key in DESTINATION__BIGQUERY__CREDENTIALS__PRIVATE_KEY"],
  },
  {
    subject: "DuckDB billhouse.duckdb",
    exports: [],
    check: "disk",
    ok: false,
    found: "12 MB free in /srv/finance/billing",
    remedy:
      "Free some space: a load needs as much as its month takes in the database, and the copy for readers as much again.",
    origins: [],
  },
];

/** Exports in one bucket: two of one name, one that cannot be read, and what is not a bill. */
export const found: Recognition = {
  url: "gs://acme-billing",
  objects: 12_345,
  exports: [
    {
      kind: "aws-cur",
      cloud: "aws",
      title: "AWS CUR",
      exportName: "acme",
      chosenBy: "acme",
      folder: "payer-a/cur/acme",
      months: ["2025-01", "2025-02", "2025-04", "2025-05"],
      newestExecution: "5b3c1f6e-0d3e-4a40-9d5c-0e4f5f2f7a11",
      bytes: 620_123_000,
      objects: 90,
      unreadable: null,
      hint: null,
      notes: ["Contains the same charges as acme-focus, which would then be counted twice; keep one of the two."],
    },
    {
      kind: "aws-cur",
      cloud: "aws",
      title: "AWS CUR",
      exportName: "acme",
      chosenBy: "acme",
      folder: "payer-b/cur/acme",
      months: ["2025-05"],
      newestExecution: "20250501T000000Z",
      bytes: 1_250_000,
      objects: 3,
      unreadable: null,
      hint: null,
      notes: [],
    },
    {
      kind: "azure-cost",
      cloud: "azure",
      title: "Azure Cost Management",
      exportName: "broken",
      chosenBy: "broken",
      folder: "azure/broken",
      months: [],
      newestExecution: null,
      bytes: 1200,
      objects: 1,
      unreadable: "The manifest gs://acme-billing/azure/broken/20250501-20250531/manifest.json is not valid JSON.",
      hint: "Wait for the next delivery.",
      notes: [],
    },
  ],
  others: ["carbon-emissions"],
  foreign: ["Oracle Cloud reports"],
};

/** The steps of one table, a table that cannot be read, and one without steps. */
export const migration: MigrateResult = {
  warnings: [],
  pipelines: [
    {
      name: "aws_cur",
      table: "billing_data.aws_cur_data",
      steps: [
        {
          step: "tracking-columns",
          what: "The tracking table gets the columns that billhouse writes, which are NULL in its older rows.",
          done: true,
        },
        {
          step: "decimals",
          column: "line_item_unblended_cost",
          what: "line_item_unblended_cost becomes an exact decimal instead of DOUBLE.",
          done: true,
          roundedValues: 3,
          lost: ["the role roles/bigquery.dataViewer of group:finance@acme.example"],
        },
        {
          step: "costs",
          what: "The costs of 2025-01 to 2025-12 are measured and recorded.",
          done: false,
          error: {
            code: "WAREHOUSE_DENIED",
            message:
              "BigQuery denied access: the permission bigquery.tables.updateData is missing on acme:billing_data.",
            hint: "Ask the owner of the dataset for the role roles/bigquery.dataEditor, then run again.",
          },
        },
      ],
      notes: [
        "The column bill_billing_period_start_date is registered once 2025-05 was delivered again, because its header is not known.",
      ],
    },
    {
      name: "azure_billing",
      table: "billing_data.azure_billing_data",
      steps: [],
      notes: [],
      error: {
        code: "STORAGE_UNAVAILABLE",
        message: "The bucket gs://acme-azure-billing did not answer within 30 seconds, also after several attempts.",
        hint: "Try again later. If it keeps failing, check the network and the status page of the cloud.",
      },
    },
    { name: "other", table: "billing_data.other_data", steps: [], notes: [] },
  ],
};

/** The state of a month that was loaded from many deliveries, of one of the Python pipelines, and of an empty table. */
export const state: Pick<StateResult, "pipelines"> = {
  pipelines: [
    {
      name: "aws_cur",
      table: "billing_data.aws_cur_data",
      pipelineName: "aws_billing_pipeline",
      months: [
        {
          billingMonth: "2025-02",
          executionId: "c37eb290-c681-45ee-9b7d-54508c8e60f0",
          executionIds: [
            "e493ae6c-ef77-44cf-a04f-4aa24dd1c6b9",
            "0a970bd2-f2c9-4603-badc-9c91a02db408",
            "c37eb290-c681-45ee-9b7d-54508c8e60f0",
          ],
          loadedAt: null,
          submittedTime: "2025-03-01T00:00:00.9060437Z",
        },
        {
          billingMonth: "2025-01",
          executionId: "20250201T000000Z",
          executionIds: ["20250201T000000Z"],
          loadedAt: "2025-02-01T00:00:00.123456+00:00",
          submittedTime: null,
        },
      ],
    },
    { name: "other", table: "billing_data.other_data", pipelineName: "other_pipeline", months: [] },
  ],
};

/** A configuration with values from files and variables, defaults, a long path and a secret. */
export const configured: ConfigResult = {
  file: "/data/my bills/.dlt/config.toml",
  fileOrigin: "default",
  warehouse: { kind: "bigquery", reason: "because of project_id in [sources.aws_cur] (.dlt/config.toml:4)" },
  values: [
    { section: "sources.aws_cur", key: "bucket_url", value: "gs://acme-billing", origin: ".dlt/config.toml:2" },
    { section: "sources.aws_cur", key: "prefix", value: "cur/v1", origin: "SOURCES__AWS_CUR__PREFIX" },
    { section: "sources.aws_cur", key: "table_name", value: "aws_cur_data", origin: "default" },
    { section: "sources.aws_cur", key: "kind", value: null, origin: "default" },
    { section: "sources.aws_cur", key: "project_id", value: "acme", origin: ".dlt/config.toml:4" },
    { section: "sources.aws_cur", key: "unpacked_limit", value: null, origin: "default" },
    { section: "sources.azure_billing", key: "prefix", value: "", origin: "default" },
    { section: "destination.duckdb", key: "threads", value: 4, origin: ".dlt/config.toml:7" },
    { section: "destination.bigquery", key: "staging_bucket", value: null, origin: "default" },
    { section: "destination.bigquery.credentials", key: "private_key", value: "********", origin: ".dlt/secrets.toml" },
  ],
};

/** An anonymized export of two months, of which one has two currencies. */
export const exported: ExportFocusResult = {
  readFrom: "database",
  publishedAt: null,
  lockedBy: null,
  folder: "/home/ada/focus-export",
  focusVersion: "1.4",
  format: "parquet",
  anonymized: true,
  months: [
    {
      billingMonth: "2025-01",
      rows: 301_244,
      billedCost: { USD: "171250.75" },
      effectiveCost: { USD: "171250.75" },
      files: ["00001", "00002"].map((number) => exportedFile("2025-01", number, 150_622)),
    },
    {
      billingMonth: "2025-02",
      rows: 12,
      billedCost: { EUR: "9.5", USD: "18.25" },
      effectiveCost: { EUR: "9.5", USD: "18.25" },
      files: [exportedFile("2025-02", "00001", 12)],
    },
  ],
};

function exportedFile(month: string, number: string, rows: number): ExportedFile {
  const path = `billing_period=${month}/focus_1_4-${number}.snappy.parquet`;
  return { path, bytes: rows * 100, rows, sha256: "0".repeat(64) };
}
