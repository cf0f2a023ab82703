import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { type ConfigResult, configScreen } from "../../src/commands/config.ts";
import { connections, connectScreen } from "../../src/commands/connect.ts";
import { diffScreen } from "../../src/commands/diff.ts";
import { advance, eventLine, progressLines, startProgress } from "../../src/commands/follow.ts";
import { planScreen } from "../../src/commands/plan.ts";
import { runScreen } from "../../src/commands/run.ts";
import { forgetScreen, stateScreen } from "../../src/commands/state.ts";
import { statusScreen } from "../../src/commands/status.ts";
import { historyScreen } from "../../src/commands/history.ts";
import { undoScreen } from "../../src/commands/undo.ts";
import { verifyScreen } from "../../src/commands/verify.ts";
import type { PipelineConfig } from "../../src/config/config.ts";
import {
  difference,
  events,
  finished,
  idle,
  loads,
  obeyed,
  plainMonth,
  plan,
  status,
  undone,
  verification,
  wholeMonth,
} from "../support/recorded.ts";

const plain = { colour: false, verbose: false, columns: 0 };
const wordy = { colour: false, verbose: true, columns: 0 };
const now = new Date("2025-06-01T12:00:00Z");

/** The block of a terminal after so many events, one second apart. */
function progressAfter(count: number): string {
  const start = now.getTime();
  let progress = startProgress(start);
  for (const [index, event] of events.slice(0, count).entries())
    progress = advance(progress, event, start + index * 1000);
  return `${progressLines(progress, start + count * 1000, 79).join("\n")}\n`;
}

const duckdb = {
  kind: "duckdb",
  path: "/data/my bills/billhouse.duckdb",
  storageVersion: "v1.3.0",
  memoryLimit: null,
  threads: null,
} as const;

function pipeline(name: string, dataset: string): PipelineConfig {
  const storage = { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null };
  const unset = {
    exportName: null,
    kind: null,
    partitionColumn: null,
    firstMonth: null,
    projectId: null,
    keepPrevious: 0,
    unpackedLimit: null,
    settle: 1_800_000,
    activeFrom: null,
    activeTo: null,
    nullValues: [],
    storage,
  };
  return { name, dataset, tableName: `${name}_data`, bucketUrl: "gs://acme-billing", prefix: "", ...unset };
}

const configured: ConfigResult = {
  file: "/data/my bills/.dlt/config.toml",
  fileOrigin: "default",
  warehouse: { kind: "bigquery", reason: "because of project_id in [sources.aws_cur] (.dlt/config.toml:4)" },
  values: [
    { section: "sources.aws_cur", key: "bucket_url", value: "gs://acme-billing", origin: ".dlt/config.toml:2" },
    { section: "sources.aws_cur", key: "prefix", value: "cur/v1", origin: "SOURCES__AWS_CUR__PREFIX" },
    { section: "sources.aws_cur", key: "table_name", value: "aws_cur_data", origin: "default" },
    { section: "sources.aws_cur", key: "kind", value: null, origin: "default" },
    { section: "sources.aws_cur", key: "project_id", value: "acme", origin: ".dlt/config.toml:4" },
    { section: "sources.azure_billing", key: "prefix", value: "", origin: "default" },
    { section: "destination.duckdb", key: "threads", value: 4, origin: ".dlt/config.toml:7" },
    { section: "destination.bigquery", key: "staging_bucket", value: null, origin: "default" },
    { section: "destination.bigquery.credentials", key: "private_key", value: "********", origin: ".dlt/secrets.toml" },
  ],
};

/** The first export of the recorded status with 24 months, in two currencies, of which none needs attention. */
const longStatus: typeof status = {
  ...status,
  pipelines: status.pipelines.slice(0, 1).map((one) => {
    const months = Array.from({ length: 24 }, (_, index) => ({
      ...plainMonth,
      billingMonth: new Date(Date.UTC(2025, 4 - index, 1)).toISOString().slice(0, 7),
      state: "final" as const,
      finality: "final" as const,
      finalBasis: "invoice" as const,
      executionId: "5b3c1f6e-0d3e-4a40-9d5c-0e4f5f2f7a11",
      rows: 1000 * (index + 1),
      cost: { USD: `${10 ** (index % 7)}.25`, ...(index % 5 === 0 ? { EUR: "9.5" } : {}) },
      loadedAt: "2025-06-01T10:00:00.000000+00:00",
      reason: null,
      notes: [],
    }));
    const total = { rows: 300_000, cost: { USD: "3333334.00", EUR: "47.5" } };
    return { ...one, months, total, missingMonths: [], attention: [], stale: false, kept: null, notes: [] };
  }),
};

/** A month with rows that were lost and days that are missing. */
const partialVerification: Pick<typeof verification, "ok" | "checks"> = {
  ok: false,
  checks: [
    ...verification.checks.slice(0, 1),
    {
      name: "missing-days",
      pipeline: "aws_cur",
      billingMonth: "2025-01",
      ok: false,
      expected: "every day is covered",
      actual: "2025-01-01 to 2025-01-04, 2025-01-09, 2025-01-12 to 2025-01-14, 2025-01-30 missing",
    },
  ],
};

const screens: Readonly<Record<string, () => string | Promise<string>>> = {
  run: () => runScreen(finished, plain),
  "run-verbose": () => runScreen(finished, wordy),
  "run-idle": () => runScreen(idle, plain),
  "run-lines": () => lines(false),
  "run-lines-verbose": () => lines(true),
  progress: () => [1, 5, 12, 13, 15].map(progressAfter).join("\n"),
  plan: () => planScreen(plan, plain),
  "plan-verbose": () => planScreen(plan, wordy),
  status: () => statusScreen(status, now, plain),
  "status-80": () => statusScreen(status, now, { ...plain, columns: 80 }),
  "status-120": () => statusScreen(longStatus, now, { ...plain, columns: 120 }, false),
  history: () => historyScreen({ loads, failed: [] }, plain),
  "history-80": () => historyScreen({ loads, failed: [] }, { ...plain, columns: 80 }),
  diff: () => diffScreen(difference, plain),
  verify: () => verifyScreen(verification, plain),
  "verify-80": () => verifyScreen(partialVerification, { ...plain, columns: 80 }),
  "verify-verbose": () => verifyScreen(verification, wordy),
  undo: () => undoScreen(undone, plain),
  config: () => configScreen(configured, plain),
  "config-environment": () =>
    configScreen(
      {
        file: null,
        fileOrigin: null,
        warehouse: { kind: "duckdb", reason: "the default, because no BigQuery setting was found" },
        values: configured.values.slice(1, 3),
      },
      plain,
    ),
  connect: async () => {
    const pipelines = [pipeline("aws_cur", "aws_billing_data"), pipeline("azure_billing", "billing_data")];
    return connectScreen(await connections({ file: null, pipelines, warehouse: duckdb, notify: null }, duckdb), plain);
  },
  "state-show": () =>
    stateScreen(
      {
        pipelines: [
          {
            name: "aws_cur",
            table: "billing_data.aws_cur_data",
            pipelineName: "aws_billing_pipeline",
            months: [
              {
                billingMonth: "2025-02",
                executionId: "b",
                executionIds: ["a", "b"],
                loadedAt: null,
                submittedTime: "2025-03-01T00:00:00Z",
              },
              {
                billingMonth: "2025-01",
                executionId: "a-long-one",
                executionIds: ["a-long-one"],
                loadedAt: "2025-02-01T00:00:00+00:00",
                submittedTime: null,
              },
            ],
          },
          { name: "other", table: "billing_data.other_data", pipelineName: "other_pipeline", months: [] },
        ],
      },
      plain,
    ),
  "state-forget": () =>
    forgetScreen({
      pipelines: [
        { name: "aws_cur", table: "billing_data.aws_cur_data", forgotten: ["2025-01", "2025-02"] },
        { name: "other", table: "billing_data.other_data", forgotten: [] },
      ],
    }),
};

function lines(verbose: boolean): string {
  return events
    .flatMap((event) => eventLine(event, { colour: false }, verbose) ?? [])
    .map((line) => `${line}\n`)
    .join("");
}

describe("screens are as recorded (UPDATE=1 accepts them)", () => {
  for (const [name, draw] of Object.entries(screens)) {
    test(name, async () => {
      const file = new URL(`../fixtures/screens/${name}.txt`, import.meta.url);
      const screen = await draw();
      if (process.env["UPDATE"] === "1") await writeFile(file, screen);
      assert.equal(screen, await readFile(file, "utf8"));
    });
  }
});

test("plan names the runs that are passed over, and --verbose all of them", () => {
  const runs = ["one", "two", "three", "four"].map((id) => ({ executionId: id, reason: "It covers other days." }));
  const screenOf = (action: "new" | "unchanged", style: typeof plain): string => {
    const month = { billingMonth: "2025-06", action, reason: "As it is.", executionId: "five", files: 1, bytes: 1 };
    const months = [{ ...wholeMonth, ...month, passedOver: runs }];
    return planScreen({ pipelines: [{ name: "a", table: "b", months, failed: [], notes: [] }] }, style);
  };
  assert.match(screenOf("new", plain), /Passed over: one, two, three and 1 more \(--verbose\)\./);
  assert.doesNotMatch(screenOf("unchanged", plain), /Passed over/);
  assert.match(screenOf("unchanged", wordy), /Passed over: one, two, three, four\./);
});

test("colours change nothing but colours", () => {
  const colourful = { colour: true, verbose: false, columns: 0 };
  assert.notEqual(runScreen(finished, colourful), runScreen(finished, plain));
  assert.equal(stripVTControlCharacters(runScreen(finished, colourful)), runScreen(finished, plain));
  assert.equal(stripVTControlCharacters(planScreen(plan, colourful)), planScreen(plan, plain));
  assert.equal(stripVTControlCharacters(statusScreen(status, now, colourful)), statusScreen(status, now, plain));
});

test("a progress line is never wider than the terminal", () => {
  const progress = events.reduce((before, event) => advance(before, event, 0), startProgress(0));
  for (const width of [20, 40, 60]) {
    for (const line of progressLines(progress, 5000, width)) assert.ok(line.length <= width, line);
  }
});

test("terminal escapes from a bucket are spelt out on every screen", () => {
  const evil = "x\u001b[2J\u009b1m\u202e\r\ny";
  const month = { billingMonth: "2025-01", executionId: evil, reason: evil, missingDays: [] };
  const error = { code: "FILE_CORRUPT", message: evil, hint: evil };
  const pipeline = { name: evil, table: evil };
  const drawn = [
    runScreen(
      {
        ...finished,
        pipelines: [
          {
            ...pipeline,
            loaded: [],
            acceptedGaps: [],
            unchanged: [month],
            waiting: [month],
            refused: [month],
            failed: [{ ...month, ...error }],
            error,
          },
        ],
      },
      wordy,
    ),
    planScreen(
      {
        pipelines: [
          {
            ...pipeline,
            months: [{ ...month, ...wholeMonth, action: "new", files: 1, bytes: 1 }],
            failed: [{ ...month, ...error }],
            notes: ["\u{1B}[31m"],
            error,
          },
        ],
      },
      wordy,
    ),
    statusScreen(
      {
        pipelines: [
          {
            ...pipeline,
            missingMonths: [],
            newestLoad: evil,
            lastRun: null,
            total: { rows: 1, cost: { [evil]: "1" } },
            attention: [{ billingMonth: null, kind: evil, reason: evil }],
            stale: true,
            kept: null,
            notes: [evil],
            months: [
              {
                ...plainMonth,
                ...month,
                state: "waiting",
                finality: "restated-after-final",
                notFinalBecause: evil,
                rows: 1,
                cost: {},
                loadedAt: evil,
                notes: [evil],
              },
            ],
          },
        ],
      },
      now,
      wordy,
    ),
    diffScreen(
      {
        ...difference,
        name: evil,
        table: evil,
        before: { executionId: evil, executionIds: [evil], loadedAt: evil, rows: 1, cost: { [evil]: "1" } },
        services: difference.services.map((group) => ({ ...group, value: evil, currency: evil })),
        notes: [evil],
      },
      wordy,
    ),
    verifyScreen(
      {
        ok: false,
        checks: [{ name: "files", pipeline: evil, billingMonth: null, ok: false, expected: evil, actual: evil }],
      },
      wordy,
    ),
    undoScreen({ ...undone, name: evil, table: evil, undone: { ...undone.undone, executionId: evil } }, wordy),
    eventLine(
      { event: "file_read", name: evil, billingMonth: "2025-01", key: evil, rows: 1, bytes: 1 },
      { colour: false },
      true,
    ),
    eventLine({ event: "pipeline_failed", name: evil, ...error }, { colour: false }, true),
    progressLines(
      advance(
        advance(
          startProgress(0),
          {
            event: "month_planned",
            name: evil,
            billingMonth: "2025-01",
            action: "new",
            reason: "",
            executionId: evil,
            ...wholeMonth,
            files: 1,
            bytes: 1,
          },
          0,
        ),
        { event: "file_read", name: evil, billingMonth: "2025-01", key: evil, rows: 1, bytes: 1 },
        0,
      ),
      0,
      500,
    ).join("\n"),
  ];
  for (const text of drawn) assert.doesNotMatch(text ?? "", obeyed);
});
