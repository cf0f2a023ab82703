import type { Output } from "../../src/commands/context.ts";
import type { DiffResult } from "../../src/pipeline/diff.ts";
import type {
  LoadedMonth,
  MonthProgress,
  PipelineResult,
  PlannedMonth,
  RunEvent,
  RunFinished,
} from "../../src/pipeline/events.ts";
import type { HistoryLoad } from "../../src/pipeline/history.ts";
import type { ReadSource } from "../../src/pipeline/open.ts";
import type { PlanResult } from "../../src/pipeline/plan.ts";
import type { StatusResult } from "../../src/pipeline/status.ts";
import type { MonthStatus } from "../../src/pipeline/status/month.ts";
import type { UndoResult } from "../../src/pipeline/undo.ts";
import type { VerifyResult } from "../../src/pipeline/verify.ts";

/** What an answer is read from while no run is at work. */
export const fromDatabase: ReadSource = { readFrom: "database", publishedAt: null, lockedBy: null };

/** The events of one run, as the engine yields them: a restated month, a new one, kept ones, a failed one, a lost export. */
/** What a month is as a bill, where nothing stands out. */
export const plainBill: Pick<
  LoadedMonth,
  "finalBasis" | "lateCharges" | "dataUntil" | "dataEndsEarly" | "missingDays" | "accepted" | "unsettledDays"
> = {
  finalBasis: null,
  lateCharges: false,
  dataUntil: null,
  dataEndsEarly: false,
  missingDays: [],
  accepted: false,
  unsettledDays: [],
};

/** The same of a month in `status`. */
export const plainMonth: typeof plainBill &
  Pick<MonthStatus, "isRestatement" | "executionIds" | "notFinalBecause" | "waitingSince"> = {
  ...plainBill,
  isRestatement: false,
  executionIds: [],
  notFinalBecause: null,
  waitingSince: null,
};

const restated: LoadedMonth = {
  ...plainBill,
  billingMonth: "2025-01",
  executionId: "5b3c1f6e-0d3e-4a40-9d5c-0e4f5f2f7a11",
  executionIds: ["5b3c1f6e-0d3e-4a40-9d5c-0e4f5f2f7a11"],
  action: "restated",
  isRestatement: true,
  state: "restated-after-final",
  rows: 10_080,
  files: 4,
  bytes: 620_123,
  cost: { USD: "1650.2589" },
  seconds: 1.2,
  roundedValues: 3,
  schemaChanges: ["Column product_new was added.", "Column product_old is missing and NULL."],
  notes: [],
  previous: {
    executionId: "aaaa1111-0d3e-4a40-9d5c-0e4f5f2f7a11",
    rows: 10_416,
    cost: { USD: "1705.755" },
    sameFigures: false,
  },
};

const added: LoadedMonth = {
  ...plainBill,
  billingMonth: "2025-03",
  executionId: "20250401T000000Z",
  executionIds: ["20250401T000000Z"],
  action: "new",
  isRestatement: false,
  state: "open",
  rows: 9000,
  files: 1,
  bytes: 1_500_000,
  cost: { EUR: "0.004", USD: "1234567.005" },
  seconds: 75.4,
  roundedValues: 0,
  schemaChanges: [],
  notes: [],
  previous: null,
};

const aws: PipelineResult = {
  acceptedGaps: [],
  notes: [],
  name: "aws_cur",
  table: "billing_data.aws_cur_data",
  loaded: [added, restated],
  unchanged: ["2024-12", "2024-11", "2024-10", "2024-09"].map((month) => ({
    billingMonth: month,
    executionId: `id-of-${month}`,
    reason: "Same delivery, same files.",
    missingDays: [],
  })),
  waiting: [
    {
      billingMonth: "2025-04",
      executionId: "next",
      reason: "2 of 4 files of next are missing.",
      missingDays: [],
    },
  ],
  refused: [
    {
      billingMonth: "2025-02",
      executionId: "short",
      reason: "short covers 2025-02-01 to 2025-02-09 only.",
      missingDays: [],
    },
  ],
  failed: [
    {
      billingMonth: "2025-05",
      code: "FILE_CORRUPT",
      message: "a/b/part-2.csv.gz is cut off: the archive ends early.",
      hint: "Copy the file again. The month keeps its previous rows.",
    },
  ],
};

const lost = {
  code: "STORAGE_DENIED",
  message: "Access to gs://acme/azure is denied.",
  hint: "Run `gcloud storage buckets add-iam-policy-binding gs://acme --member=user:ops@acme.example --role=roles/storage.objectViewer`, or ask the owner to do so.",
};

const azure: PipelineResult = {
  acceptedGaps: [],
  notes: [],
  name: "azure_billing",
  table: "billing_data.azure_billing_data",
  loaded: [],
  unchanged: [],
  waiting: [],
  refused: [],
  failed: [],
  error: lost,
};

/** How the run ended. */
export const finished: RunFinished = {
  event: "run_finished",
  warnings: [],
  time: "2025-06-01T12:01:20.000Z",
  seconds: 80.04,
  pipelines: [aws, azure],
};

/** How a run ended that had nothing to do. */
export const idle: RunFinished = {
  ...finished,
  seconds: 0.31,
  pipelines: [{ ...aws, loaded: [], waiting: [], refused: [], failed: [], unchanged: aws.unchanged.slice(0, 2) }],
};

/** What the plan says of a month that is whole. */
export const wholeMonth: Pick<PlannedMonth, "executionIds" | "missingDays" | "unsettledDays" | "passedOver"> = {
  executionIds: [],
  missingDays: [],
  unsettledDays: [],
  passedOver: [],
};

const planned = { event: "month_planned", name: "aws_cur", ...wholeMonth } as const;

/** All events of the run, in order. */
export const events: readonly RunEvent[] = [
  {
    event: "run_started",
    time: "2025-06-01T12:00:00.000Z",
    version: "0.1.0",
    warehouse: "DuckDB billhouse.duckdb",
    pipelines: [
      { name: "aws_cur", table: "billing_data.aws_cur_data" },
      { name: "azure_billing", table: "billing_data.azure_billing_data" },
    ],
  },
  {
    event: "export_found",
    name: "aws_cur",
    table: "billing_data.aws_cur_data",
    kind: "aws-cur",
    exportName: "acme-cur",
    url: "gs://acme",
    months: 9,
  },
  {
    ...planned,
    billingMonth: "2025-03",
    action: "new",
    reason: "This month is not loaded yet.",
    executionId: "20250401T000000Z",
    files: 1,
    bytes: 1_500_000,
  },
  {
    ...planned,
    billingMonth: "2025-01",
    action: "restated",
    reason: "5b3c replaces aaaa.",
    executionId: restated.executionId,
    files: 4,
    bytes: 620_123,
  },
  {
    ...planned,
    billingMonth: "2025-05",
    action: "new",
    reason: "This month is not loaded yet.",
    executionId: "may",
    files: 2,
    bytes: 900_000,
  },
  ...aws.waiting.map((month) => ({ ...planned, ...month, action: "waiting" as const, files: 2, bytes: 0 })),
  ...aws.refused.map((month) => ({ ...planned, ...month, action: "refused" as const, files: 1, bytes: 10 })),
  ...aws.unchanged.map((month) => ({ ...planned, ...month, action: "unchanged" as const, files: 1, bytes: 10 })),
  {
    event: "file_read",
    name: "aws_cur",
    billingMonth: "2025-03",
    key: "a/b/part-1.csv.gz",
    rows: 9000,
    bytes: 1_500_000,
  },
  { event: "month_loaded", name: "aws_cur", ...added },
  {
    event: "file_read",
    name: "aws_cur",
    billingMonth: "2025-01",
    key: "a/c/part-1.csv.gz",
    rows: 10_080,
    bytes: 620_123,
  },
  { event: "month_loaded", name: "aws_cur", ...restated },
  ...aws.failed.map((month) => ({ event: "month_failed" as const, name: "aws_cur", ...month })),
  { event: "pipeline_failed", name: "azure_billing", ...lost },
  finished,
];

const firstRead = events.findIndex(({ event }) => event === "file_read");

/** The same run as a terminal watches it, with how far its months are: one is read ahead while the other is inserted. */
export const watched: readonly RunEvent[] = [
  ...events.slice(0, firstRead),
  progressOf("2025-03", "reading", 700_000, 0, 0.13),
  progressOf("2025-03", "reading", 1_500_000, 0, 0.28),
  ...events.slice(firstRead, firstRead + 1),
  progressOf("2025-03", "inserting", 1_500_000, 600_000, 0.56),
  progressOf("2025-01", "reading", 310_000, 0, 0.14),
  progressOf("2025-03", "checking", 1_500_000, 1_500_000, 0.97),
  progressOf("2025-03", "committing", 1_500_000, 1_500_000, 0.99),
  ...events.slice(firstRead + 1, firstRead + 3),
  { ...progressOf("2025-01", "inserting", 620_123, 310_000, 0.62), jobs: { done: 1, total: 2 } },
  ...events.slice(firstRead + 3, -1),
  { event: "publishing" },
  finished,
];

function progressOf(
  billingMonth: string,
  phase: MonthProgress["phase"],
  bytesRead: number,
  bytesInserted: number,
  share: number,
): MonthProgress {
  return { event: "month_progress", name: "aws_cur", billingMonth, phase, bytesRead, bytesInserted, jobs: null, share };
}

/** A plan of the same exports. */
export const plan: PlanResult = {
  ...fromDatabase,
  pipelines: [
    {
      name: "aws_cur",
      table: "billing_data.aws_cur_data",
      months: events.flatMap((event) => {
        if (event.event !== "month_planned") return [];
        const { event: _, name: __, ...month } = event;
        return event.billingMonth === "2025-05" ? [] : [month];
      }),
      failed: [
        {
          billingMonth: "2025-05",
          code: "MANIFEST_INVALID",
          message: "The manifest a/m.json is not valid JSON.",
          hint: "Wait for the next delivery.",
        },
      ],
      notes: [],
    },
    { name: "azure_billing", table: "billing_data.azure_billing_data", months: [], failed: [], notes: [], error: lost },
  ],
};

/** What is loaded, with a gap, a month of the Python pipelines, one that was changed after it was final, and one held back. */
export const status: StatusResult = {
  ...fromDatabase,
  pipelines: [
    {
      name: "aws_cur",
      table: "billing_data.aws_cur_data",
      months: [
        {
          ...plainMonth,
          billingMonth: "2025-05",
          state: "waiting",
          finality: "open",
          executionId: "20250501T000000Z",
          rows: 9000,
          cost: { USD: "1234567.005" },
          loadedAt: "2025-06-01T11:30:00.000000+00:00",
          reason: "1 of 4 files of 20250601T000000Z are missing; the first is cur/a.csv.gz.",
          notes: [],
        },
        {
          ...plainMonth,
          billingMonth: "2025-04",
          state: "estimated",
          finality: "estimated",
          notFinalBecause: "3 rows with a cost lack an invoice id",
          executionId: "20250501T000000Z",
          rows: 9000,
          cost: { USD: "1234567.005" },
          loadedAt: "2025-06-01T11:30:00.000000+00:00",
          reason: null,
          notes: [],
        },
        {
          ...plainMonth,
          billingMonth: "2025-03",
          state: "missing",
          finality: null,
          executionId: null,
          rows: null,
          cost: null,
          loadedAt: null,
          reason: null,
          notes: [],
        },
        {
          ...plainMonth,
          billingMonth: "2025-02",
          state: "restated-after-final",
          finality: "restated-after-final",
          executionId: restated.executionId,
          rows: 10_080,
          cost: { USD: "1650.2589" },
          loadedAt: "2025-03-01T00:00:00.000000+00:00",
          reason: null,
          notes: [],
        },
        {
          ...plainMonth,
          billingMonth: "2025-01",
          state: "final",
          finality: "final",
          finalBasis: "invoice",
          executionId: "python",
          rows: null,
          cost: null,
          loadedAt: null,
          reason: null,
          notes: [],
        },
      ],
      missingMonths: ["2025-03"],
      total: { rows: 28_080, cost: { USD: "2470784.2789" } },
      newestLoad: "2025-06-01T11:30:00.000000+00:00",
      lastRun: null,
      attention: [
        {
          billingMonth: "2025-03",
          kind: "missing",
          reason: "2025-03 is missing, and the months around it are loaded.",
        },
        {
          billingMonth: "2025-02",
          kind: "changed after it was final",
          reason: "2025-02 was final and has changed since: billhouse diff aws_cur 2025-02 shows the changes.",
        },
      ],
      stale: true,
      kept: { loads: 2, rows: 20_496, bytes: 1_310_720 },
      counted: [
        { months: ["2025-01", "2025-02"], order: [["aws_cur"], ["aws_cur2"]] },
        { months: ["2025-04"], order: [["aws_cur2"], ["aws_cur"]] },
      ],
      notes: ["Amounts are stored as floats: line_item_unblended_cost. Run billhouse migrate to make them exact."],
    },
    {
      name: "azure_billing",
      table: "billing_data.azure_billing_data",
      months: [],
      missingMonths: [],
      total: { rows: 0, cost: {} },
      newestLoad: null,
      lastRun: null,
      attention: [],
      kept: null,
      counted: [],
      notes: [],
    },
  ],
};

/** Every load of two months: a restatement, an undo, and costs in two currencies. */
export const loads: readonly HistoryLoad[] = [
  recordedLoad("2025-01", "5b3c1f6e-0d3e-4a40-9d5c-0e4f5f2f7a10", "new", { USD: "1705.755" }, null),
  {
    ...recordedLoad("2025-01", restated.executionId, "restated", { USD: "1650.2589" }, { USD: "-55.4961" }),
    undone: true,
  },
  recordedLoad("2025-01", "5b3c1f6e-0d3e-4a40-9d5c-0e4f5f2f7a10", "restored", { USD: "1705.755" }, { USD: "55.4961" }),
  recordedLoad("2025-02", "20250301T000000Z", "migrated", null, null),
  recordedLoad("2025-02", "20250302T000000Z", "days added", { USD: "1234567.005", EUR: "3" }, { USD: "0.5", EUR: "3" }),
];

function recordedLoad(
  billingMonth: string,
  executionId: string,
  reason: HistoryLoad["reason"],
  cost: HistoryLoad["cost"],
  change: HistoryLoad["cost"],
): HistoryLoad {
  return {
    pipeline: "aws_cur",
    table: "billing_data.aws_cur_data",
    billingMonth,
    loadId: "1740787200.5",
    loadedAt: "2025-03-01T00:00:00.000000+00:00",
    executionIds: [executionId],
    deliveries: [],
    rows: 10_080,
    cost,
    change: change && { rows: -336, cost: change },
    reason,
    isRestatement: reason === "restated",
    state: null,
    undone: false,
    current: false,
    flags: [],
  };
}

/** What a restatement changed. */
export const difference: DiffResult = {
  ...fromDatabase,
  name: "aws_cur",
  table: "billing_data.aws_cur_data",
  billingMonth: "2025-01",
  isRestatement: true,
  reason: "restated",
  before: {
    executionId: "aaaa1111-0d3e-4a40-9d5c-0e4f5f2f7a11",
    executionIds: ["aaaa1111-0d3e-4a40-9d5c-0e4f5f2f7a11"],
    loadedAt: "2025-02-03T04:05:06.000000+00:00",
    rows: 10_416,
    cost: { USD: "1705.764399984" },
  },
  after: {
    executionId: restated.executionId,
    executionIds: [restated.executionId],
    loadedAt: "2025-02-05T04:05:06.000000+00:00",
    rows: 10_080,
    cost: { USD: "1650.25587096" },
  },
  lines: [
    {
      service: "AmazonEC2",
      account: "111122223333",
      chargeType: "Usage",
      currency: "USD",
      rowsBefore: 10_000,
      rowsAfter: 9664,
      costBefore: "1700",
      costAfter: "1640.241470976",
      difference: "-59.758529024",
    },
    {
      service: null,
      account: "111122223333",
      chargeType: "Tax",
      currency: "USD",
      rowsBefore: 0,
      rowsAfter: 1,
      costBefore: "0",
      costAfter: "4.25",
      difference: "4.25",
    },
  ],
  services: [
    {
      value: "AmazonEC2",
      currency: "USD",
      rowsBefore: 10_000,
      rowsAfter: 9664,
      costBefore: "1700",
      costAfter: "1640.241470976",
      difference: "-59.758529024",
    },
    {
      value: null,
      currency: "USD",
      rowsBefore: 0,
      rowsAfter: 1,
      costBefore: "0",
      costAfter: "4.25",
      difference: "4.25",
    },
  ],
  accounts: [
    {
      value: "111122223333",
      currency: "USD",
      rowsBefore: 10_416,
      rowsAfter: 10_080,
      costBefore: "1705.764399984",
      costAfter: "1650.25587096",
      difference: "-55.508529024",
    },
  ],
  chargeTypes: [],
  notes: [],
};

/** What a verification found. */
export const verification: VerifyResult = {
  ...fromDatabase,
  ok: false,
  checks: [
    {
      name: "rows",
      pipeline: "aws_cur",
      billingMonth: "2025-01",
      ok: false,
      expected: "10080 rows",
      actual: "10079 rows",
    },
    {
      name: "cost",
      pipeline: "aws_cur",
      billingMonth: "2025-01",
      ok: false,
      expected: "1650.25587096 USD",
      actual: "1650.25487096 USD",
    },
    {
      name: "files",
      pipeline: "aws_cur",
      billingMonth: "2025-02",
      ok: true,
      expected: "4 files as loaded",
      actual: "4 files as loaded",
    },
  ],
};

/** What an undo did. */
export const undone: UndoResult = {
  name: "aws_cur",
  table: "billing_data.aws_cur_data",
  billingMonth: "2025-01",
  undone: difference.after,
  restored: difference.before,
  from: "storage",
  notes: [],
  warnings: [],
  state: "estimated",
  seconds: 1.25,
};

/** What no screen may hold: every control character but the line feed, and marks that are not seen. */
export const obeyed: RegExp = /[^\P{Cc}\n]|\p{Cf}/u;

/** An output that keeps what is written. */
export function recordingOutput(form: Partial<Omit<Output, "write">> = {}): Output & { readonly text: string } {
  const written: string[] = [];
  return {
    isTerminal: false,
    colour: false,
    columns: 0,
    closed: false,
    drained: async () => undefined,
    ...form,
    write: (text) => {
      written.push(text);
    },
    get text(): string {
      return written.join("");
    },
  };
}
