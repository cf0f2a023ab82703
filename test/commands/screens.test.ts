import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { commitmentsScreen } from "../../src/commands/commitments.ts";
import { configScreen } from "../../src/commands/config.ts";
import { connections, connectScreen } from "../../src/commands/connect.ts";
import { costsScreen } from "../../src/commands/costs.ts";
import { diffScreen } from "../../src/commands/diff.ts";
import { doctorScreen } from "../../src/commands/doctor.ts";
import { explainScreen } from "../../src/commands/explain.ts";
import { failureText } from "../../src/commands/failure.ts";
import { eventLine } from "../../src/commands/follow.ts";
import { focusExportScreen } from "../../src/commands/focus.ts";
import { historyScreen } from "../../src/commands/history.ts";
import { foundScreen, searchShown, writtenScreen } from "../../src/commands/init.ts";
import { migrateScreen } from "../../src/commands/migrate.ts";
import { displayWidth, type ScreenStyle } from "../../src/commands/output.ts";
import { planScreen } from "../../src/commands/plan.ts";
import { createProgram } from "../../src/commands/program.ts";
import { advance, blockLines, passTime, progressLines, startProgress } from "../../src/commands/progress.ts";
import { createWriter } from "../../src/commands/query-formats.ts";
import { reportDocument } from "../../src/commands/report/document.ts";
import { reportScreen } from "../../src/commands/report/terminal.ts";
import { reconcileScreen } from "../../src/commands/reconcile.ts";
import { runScreen } from "../../src/commands/run.ts";
import { forgetScreen, stateScreen } from "../../src/commands/state.ts";
import { statusScreen } from "../../src/commands/status.ts";
import { undoScreen } from "../../src/commands/undo.ts";
import { listQuestions } from "../../src/answers/questions.ts";
import { questionsScreen } from "../../src/commands/questions.ts";
import { untaggedScreen } from "../../src/commands/untagged.ts";
import { validateScreen } from "../../src/commands/validate.ts";
import { verifyScreen, watchVerify } from "../../src/commands/verify.ts";
import type { PipelineConfig } from "../../src/config/config.ts";
import type { DiffResult } from "../../src/pipeline/diff.ts";
import { billhouse } from "../support/in-process.ts";
import {
  committed,
  costsOfMonth,
  costsOfRunningMonth,
  costsOfSpan,
  explained,
  explainedAtOnce,
  noCosts,
  allPass,
  nothingTaggable,
  validated,
  reported,
  reportedAlone,
  uncommitted,
  withoutTag,
} from "../support/recorded-answers.ts";
import {
  checks,
  configured,
  exported,
  found,
  migration,
  reconciled,
  state,
  strict,
} from "../support/recorded-checks.ts";
import {
  difference,
  events,
  finished,
  idle,
  loads,
  obeyed,
  plainMonth,
  plan,
  recordingOutput,
  status,
  undone,
  verification,
  watched,
  wholeMonth,
} from "../support/recorded.ts";

const plain = { colour: false, verbose: false, columns: 0 };
const wordy = { colour: false, verbose: true, columns: 0 };
const now = new Date("2025-06-01T12:00:00Z");

/** The block of a terminal after so many events, one second apart. */
function progressAfter(count: number, columns: number): string {
  const start = now.getTime();
  let progress = startProgress(start);
  for (const [index, event] of watched.slice(0, count).entries()) {
    progress = advance(progress, event, start + index * 1000);
    for (let step = 1; step <= 10; step += 1) progress = passTime(progress, start + index * 1000 + step * 100);
  }
  return `${progressLines(progress, start + count * 1000, columns).join("\n")}\n`;
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

/** A restatement of an Azure month in two currencies, with accounts that are paths, and more changes than are shown. */
const azureDifference: DiffResult = {
  ...difference,
  name: "azure_billing",
  table: "billing_data.azure_billing_data",
  isRestatement: false,
  reason: "days added",
  before: { ...difference.before, executionIds: ["one", "two"], cost: { USD: "1705.764399984", EUR: "3" } },
  after: { ...difference.after, cost: { USD: "1650.25587096", EUR: "3" } },
  services: Array.from({ length: 12 }, (_, index) => ({
    value: `Azure service number ${index + 1}`,
    currency: "USD",
    rowsBefore: 10_416,
    rowsAfter: 10_080,
    costBefore: "1705.764399984",
    costAfter: "1650.25587096",
    difference: "-55.508529024",
  })),
  accounts: difference.accounts.map((group) => ({
    ...group,
    value: "/subscriptions/81b94e0d-2f63-4a8c-a7d5-0e9b3c6f2a71",
  })),
  notes: ["Accounts with small amounts are added up as (other accounts)."],
};

const longPath = "cur/acme-cur/20260601-20260701/69363d92-7bb8-4e6b-956a-4d0a652a7a3b/acme-cur-00002.csv.gz";
const waiting = `1 of 3 files of 69363d92-7bb8-4e6b-956a-4d0a652a7a3b are missing; the first is ${longPath}. It loads once they arrive.`;
const damaged = `${longPath} is damaged: unexpected end of file.`;

const sections = new Map(found.exports.slice(0, 2).map((each, index) => [each, ["aws_cur", "aws_acme"][index] ?? ""]));

/** An answer of `query` with text, decimals and NULL. */
function answer({ columns, colour }: ScreenStyle): string {
  const output = recordingOutput({ isTerminal: columns > 0, columns, colour });
  const writer = createWriter("table", output);
  writer.begin([
    { name: "service", kind: "other" },
    { name: "usage_type", kind: "other" },
    { name: "description", kind: "other" },
    { name: "rows", kind: "number" },
    { name: "cost", kind: "decimal" },
  ]);
  const description = "$0.0116 per On Demand Linux t3.micro Instance Hour in the region Europe (Frankfurt)";
  writer.add({ service: "AmazonEC2", usage_type: "EUC1-BoxUsage:t3.micro", description, rows: 744, cost: "8.6304" });
  writer.add({ service: "AmazonS3", usage_type: "Requests-Tier1", description: null, rows: 12_000, cost: "-0.05" });
  writer.end();
  return output.text;
}

const failure = {
  code: "CONFIG_INVALID",
  message:
    "billhouse.toml:7: The key unpacked_limt in [sources.aws_cur] is not known. Did you mean unpacked_limit, which bounds decompressed files?",
  hint: "Correct the key.\nSee https://github.com/acme/billhouse/blob/main/docs/configuration.md#sources-and-more-settings-of-exports",
};

/** Every screen of every command, with its data. */
const screens: Readonly<Record<string, (style: ScreenStyle) => string | Promise<string>>> = {
  run: (style) => runScreen(finished, style),
  "run-verbose": (style) => runScreen(finished, { ...style, verbose: true }),
  "run-paths": (style) => {
    const pipelines = finished.pipelines.slice(0, 1).map((each) => ({
      ...each,
      waiting: each.waiting.map((month) => ({ ...month, reason: waiting })),
      failed: each.failed.map((month) => ({ ...month, message: damaged })),
    }));
    return runScreen({ ...finished, pipelines }, style);
  },
  "run-idle": (style) => runScreen(idle, style),
  plan: (style) => planScreen(plan, style),
  "plan-paths": (style) => {
    const pipelines = plan.pipelines.slice(0, 1).map((each) => ({
      ...each,
      months: each.months.map((month) => (month.action === "waiting" ? { ...month, reason: waiting } : month)),
      failed: each.failed.map((month) => ({ ...month, message: damaged })),
    }));
    return planScreen({ pipelines }, style);
  },
  "plan-verbose": (style) => planScreen(plan, { ...style, verbose: true }),
  status: (style) => statusScreen(status, now, style),
  "status-verbose": (style) => statusScreen(status, now, { ...style, verbose: true }),
  "status-long": (style) => statusScreen(longStatus, now, style, false),
  "focus-export": (style) => focusExportScreen(exported, "/home/ada", style),
  history: (style) => historyScreen({ loads, failed: [] }, style),
  "history-verbose": (style) => historyScreen({ loads, failed: [] }, { ...style, verbose: true }),
  verify: (style) => verifyScreen(verification, style),
  "verify-partial": (style) => verifyScreen(partialVerification, style),
  "verify-verbose": (style) => verifyScreen(verification, { ...style, verbose: true }),
  diff: (style) => diffScreen(difference, style),
  "diff-azure": (style) => diffScreen(azureDifference, style),
  "diff-azure-verbose": (style) => diffScreen(azureDifference, { ...style, verbose: true }),
  undo: (style) =>
    undoScreen(
      { ...undone, notes: ["The rows of later loads are kept, and billhouse history shows all of them."] },
      style,
    ),
  reconcile: (style) => reconcileScreen(reconciled, style),
  "reconcile-verbose": (style) => reconcileScreen(reconciled, { ...style, verbose: true }),
  "reconcile-strict": (style) =>
    reconcileScreen({ ...reconciled, tolerance: "0", reconciliations: [strict], notes: [] }, style),
  "reconcile-right": (style) =>
    reconcileScreen(
      { ...reconciled, ok: true, reconciliations: reconciled.reconciliations.slice(0, 1), notes: [] },
      style,
    ),
  doctor: (style) => doctorScreen({ ok: false, checks }, style),
  init: (style) =>
    foundScreen(found, sections, style) + writtenScreen("/data/my bills/billhouse.toml", "billhouse.toml", style),
  "init-verbose": (style) => foundScreen(found, sections, { ...style, verbose: true }),
  config: (style) => configScreen(configured, style),
  "config-environment": (style) =>
    configScreen(
      {
        file: null,
        fileOrigin: null,
        warehouse: { kind: "duckdb", reason: "the default, because no BigQuery setting was found" },
        values: configured.values.slice(1, 3),
      },
      style,
    ),
  connect: async (style) => {
    const pipelines = [pipeline("aws_cur", "aws_billing_data"), pipeline("azure_billing", "billing_data")];
    return connectScreen(
      await connections(
        {
          file: null,
          pipelines,
          warehouse: duckdb,
          notify: null,
          focus: { dataset: "billing_focus", accounts: null, tags: [], placeholders: [], tables: [] },
          budgets: { file: null },
        },
        duckdb,
      ),
      style,
    );
  },
  migrate: (style) => {
    const pipelines = migration.pipelines.map((each) => ({
      ...each,
      steps: each.steps.map(({ step, what }) => ({ step, what, done: false })),
    }));
    return migrateScreen({ pipelines, warnings: [] }, false, style);
  },
  "migrate-yes": (style) => migrateScreen(migration, true, style),
  "state-show": (style) => stateScreen(state, style),
  "state-forget": (style) =>
    forgetScreen(
      {
        pipelines: [
          { name: "aws_cur", table: "billing_data.aws_cur_data", forgotten: ["2025-01", "2025-02", "2025-04"] },
          { name: "azure_billing", table: "billing_data.azure_billing_data", forgotten: ["2025-01"] },
          { name: "other", table: "billing_data.other_data", forgotten: [] },
        ],
        warnings: [],
      },
      style,
    ),
  costs: (style) => costsScreen(costsOfMonth, style),
  "costs-running": (style) => costsScreen(costsOfRunningMonth, style),
  "costs-span": (style) => costsScreen(costsOfSpan, style),
  "costs-none": (style) => costsScreen(noCosts, style),
  explain: (style) => explainScreen(explained, style),
  "explain-verbose": (style) => explainScreen(explained, { ...style, verbose: true }),
  "explain-at-once": (style) => explainScreen(explainedAtOnce, style),
  commitments: (style) => commitmentsScreen(committed, style),
  "commitments-verbose": (style) => commitmentsScreen(committed, { ...style, verbose: true }),
  "commitments-none": (style) => commitmentsScreen(uncommitted, style),
  untagged: (style) => untaggedScreen(withoutTag, style),
  "untagged-nothing": (style) => untaggedScreen(nothingTaggable, style),
  questions: (style) => questionsScreen(listQuestions(), style),
  validate: (style) => validateScreen(validated, { ...style, all: false }),
  "validate-all": (style) => validateScreen(validated, { ...style, all: true }),
  "validate-pass": (style) => validateScreen(allPass, { ...style, all: false }),
  report: (style) => reportScreen(reportDocument(reported), style),
  "report-alone": (style) => reportScreen(reportDocument(reportedAlone), style),
  query: answer,
  failure: (style) => failureText(failure, style),
};

/** `run` on a terminal while it works. */
const progress = ({ columns }: ScreenStyle): string =>
  [0, 1, 5, firstRead, firstRead + 2, firstRead + 4, firstRead + 5, firstRead + 6, firstRead + 10, watched.length - 1]
    .map((count) => progressAfter(count, columns))
    .join("\n");

/** `verify --deep` and `init` on a terminal while they work. */
const otherProgress = ({ columns }: ScreenStyle): string => {
  const verifying = watchVerify(0);
  const shown: (readonly string[])[] = [verifying.lines(0, columns)];
  const month = { name: "aws_cur", billingMonth: "2025-01" };
  const of = (done: number, total: number) => ({ done, total });
  verifying.see({ ...month, phase: "comparing", months: of(0, 0), files: of(0, 0), bytes: of(0, 0) });
  shown.push(verifying.lines(1000, columns));
  for (let second = 0; second <= 40; second += 1) {
    const [months, files] = [of(Math.floor(second / 10), 4), of(Math.floor(second / 5), 8)];
    verifying.see({ ...month, phase: "reading", months, files, bytes: of(second * 30e6, 1.2e9) });
    const lines = verifying.lines(1000 + second * 1000, columns);
    if (second % 20 === 0) shown.push(lines);
  }
  const search = { objects: 12_345, bytes: 3e9, exports: 0, described: 0 };
  for (const each of [undefined, search, { ...search, exports: 3, described: 1 }]) {
    shown.push(blockLines({ ...searchShown("gs://acme-billing", each), elapsed: 12_000 }, 0, columns));
  }
  const what = "Months become partitions: the table is rebuilt beside the old one, and the two are swapped.".repeat(2);
  shown.push(blockLines({ title: `aws_cur: ${what}`, elapsed: 75_000 }, 0, columns));
  return shown.map((lines) => `${lines.join("\n")}\n`).join("\n");
};

const firstRead = watched.findIndex(({ event }) => event === "month_progress");

/** The words that show the help of the program, and of each command. */
const helps: readonly (readonly string[])[] = [
  ["--help"],
  ...createProgram(
    {
      folder: ".",
      environment: {},
      stdin: () => process.stdin,
      stdout: recordingOutput(),
      stderr: recordingOutput(),
      sharedOutput: false,
      signal: new AbortController().signal,
      now: () => now,
    },
    () => undefined,
  ).commands.flatMap((command) => [
    [command.name(), "--help"],
    ...command.commands.map((inner) => [command.name(), inner.name(), "--help"]),
  ]),
];

const drawn: Readonly<Record<string, (style: ScreenStyle) => string | Promise<string>>> = {
  ...screens,
  progress,
  "progress-others": otherProgress,
  ...Object.fromEntries(
    helps.map((words) => [
      `help/${words.slice(0, -1).join("-") || "billhouse"}`,
      async ({ columns, colour }: ScreenStyle) =>
        (await billhouse(".", words, {}, { isTerminal: columns > 0, columns, colour })).stdout,
    ]),
  ),
};

/** A pipe, where lines may have any width, and two usual terminals. */
const widths = [0, 80, 120];

/** The block of a run exists only on terminals. */
const widthsOf = (name: string): readonly number[] =>
  widths.filter((width) => width > 0 || !name.startsWith("progress"));

const titleOf = (width: number): string => (width === 0 ? "a pipe" : `${width} columns`);

describe("screens are as recorded (UPDATE=1 accepts them)", () => {
  const folder = new URL("../fixtures/screens/", import.meta.url);
  for (const [name, draw] of Object.entries(drawn)) {
    test(name, async () => {
      const shown = await Promise.all(
        widthsOf(name).map(async (columns) => ({ columns, screen: await draw({ ...plain, columns }) })),
      );
      // Widths at which a screen is the same stand together.
      const parts = [...Map.groupBy(shown, ({ screen }) => screen)].map(
        ([screen, own]) => `======== ${own.map(({ columns }) => titleOf(columns)).join(", ")}\n${screen}`,
      );
      const file = new URL(`${name}.txt`, folder);
      if (process.env["UPDATE"] === "1") {
        await mkdir(new URL(".", file), { recursive: true });
        await writeFile(file, parts.join("\n"));
      }
      assert.equal(parts.join("\n"), await readFile(file, "utf8"));
    });
  }

  test("each recorded file belongs to a screen", async () => {
    const files = await readdir(folder, { recursive: true });
    const names = [...Object.keys(drawn), "run-lines", "run-lines-verbose"].map((name) => `${name}.txt`);
    assert.deepEqual(
      files
        .map((file) => file.replaceAll("\\", "/"))
        .filter((file) => file !== "help")
        .toSorted(),
      names.toSorted(),
    );
  });

  test("the lines of a run on a pipe", async () => {
    for (const verbose of [false, true]) {
      const file = new URL(verbose ? "run-lines-verbose.txt" : "run-lines.txt", folder);
      const lines = events.flatMap((event) => eventLine(event, { colour: false }, verbose) ?? []);
      const text = lines.map((line) => `${line}\n`).join("");
      if (process.env["UPDATE"] === "1") await writeFile(file, text);
      assert.equal(text, await readFile(file, "utf8"));
    }
  });
});

/** Lines that may be wider than a terminal, because they are copied as a whole. Prose is not among them. */
const unbreakable: readonly RegExp[] = [
  // An id, a path or an address that stands alone.
  /^\s*\S+$/,
  // A command in backticks, with the punctuation behind it.
  /^\s*`[^`]+`\S?$/,
  // What to paste to a shell or a program.
  /^\s*(?:billhouse |duckdb -readonly |duckdb\.connect\(|await DuckDBInstance\.create\(|duckdb:\/\/\/|jdbc:)/,
];

describe("screens fit a terminal", () => {
  for (const [name, draw] of Object.entries(drawn)) {
    test(`${name}: no line is too wide, unless it has to stay whole`, async () => {
      for (const columns of widths.filter((width) => width > 0)) {
        for (const line of (await draw({ ...plain, columns })).split("\n")) {
          const isWhole = unbreakable.some((pattern) => pattern.test(line));
          assert.ok(isWhole || displayWidth(line) <= columns, `${columns}: ${line}`);
        }
      }
    });

    test(`${name}: colours change nothing but colours`, async () => {
      for (const columns of widthsOf(name)) {
        const screen = await draw({ ...plain, columns, colour: true });
        assert.equal(stripVTControlCharacters(screen), await draw({ ...plain, columns }));
      }
    });
  }

  for (const [name, draw] of Object.entries(screens)) {
    test(`${name}: a pipe gets the whole screen, unwrapped`, async () => {
      assert.equal(await draw(plain), await draw({ ...plain, columns: 10_000 }));
    });
  }
});

test("diff says why the newer load is a restatement or not", () => {
  const screen = (reason: DiffResult["reason"]): string =>
    diffScreen({ ...difference, reason, isRestatement: reason === "restated" }, plain).split("\n")[1] ?? "";
  assert.match(screen("restated"), /^ {2}The newer load is a restatement: it replaced the bill of a month/);
  for (const reason of ["days added", "updated", "forced", "restored", "new"] as const)
    assert.match(screen(reason), /^ {2}The newer load is not a restatement/);
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

test("a progress line is never wider than the terminal", () => {
  let progress = startProgress(0);
  for (const [index, event] of watched.entries()) {
    progress = passTime(advance(progress, event, index * 1000), index * 1000);
    for (const width of [20, 40, 60]) {
      for (const line of progressLines(progress, index * 1000, width)) assert.ok(line.length <= width, line);
    }
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
            notes: [],
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
            counted: [{ months: ["2025-01"], order: [[evil], [evil]] }],
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
