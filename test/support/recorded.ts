import type { Output } from "../../src/commands/context.ts";
import type { DiffResult } from "../../src/pipeline/diff.ts";
import type { LoadedMonth, PipelineResult, PlannedMonth, RunEvent, RunFinished } from "../../src/pipeline/events.ts";
import type { PlanResult } from "../../src/pipeline/plan.ts";
import type { MonthStatus, StatusResult } from "../../src/pipeline/status.ts";
import type { UndoResult } from "../../src/pipeline/undo.ts";
import type { VerifyResult } from "../../src/pipeline/verify.ts";

/** The events of one run, as the engine told them: a restated month, a new one, kept ones, a failed one, a lost export. */
/** What a month is as a bill, where nothing stands out. */
export const plainBill: Pick<
  LoadedMonth,
  "final_basis" | "late_charges" | "data_until" | "data_ends_early" | "missing_days" | "accepted" | "unsettled_days"
> = {
  final_basis: null,
  late_charges: false,
  data_until: null,
  data_ends_early: false,
  missing_days: [],
  accepted: false,
  unsettled_days: [],
};

/** The same of a month in `status`. */
export const plainMonth: typeof plainBill & Pick<MonthStatus, "execution_ids" | "not_final_because" | "waiting_since"> =
  {
    ...plainBill,
    execution_ids: [],
    not_final_because: null,
    waiting_since: null,
  };

const restated: LoadedMonth = {
  ...plainBill,
  billing_month: "2025-01",
  execution_id: "5b3c1f6e-0d3e-4a40-9d5c-0e4f5f2f7a11",
  execution_ids: ["5b3c1f6e-0d3e-4a40-9d5c-0e4f5f2f7a11"],
  action: "restated",
  is_restatement: true,
  state: "restated-after-final",
  rows: 10_080,
  files: 4,
  bytes: 620_123,
  cost: { USD: "1650.2589" },
  seconds: 1.2,
  rounded_values: 3,
  schema_changes: ["Column product_new was added.", "Column product_old is missing and NULL."],
  notes: [],
  previous: {
    execution_id: "aaaa1111-0d3e-4a40-9d5c-0e4f5f2f7a11",
    rows: 10_416,
    cost: { USD: "1705.755" },
    same_figures: false,
  },
};

const added: LoadedMonth = {
  ...plainBill,
  billing_month: "2025-03",
  execution_id: "20250401T000000Z",
  execution_ids: ["20250401T000000Z"],
  action: "new",
  is_restatement: false,
  state: "open",
  rows: 9000,
  files: 1,
  bytes: 1_500_000,
  cost: { EUR: "0.004", USD: "1234567.005" },
  seconds: 75.4,
  rounded_values: 0,
  schema_changes: [],
  notes: [],
  previous: null,
};

const aws: PipelineResult = {
  accepted_gaps: [],
  name: "aws_cur",
  table: "billing_data.aws_cur_data",
  loaded: [added, restated],
  unchanged: ["2024-12", "2024-11", "2024-10", "2024-09"].map((month) => ({
    billing_month: month,
    execution_id: `id-of-${month}`,
    reason: "Same delivery, same files.",
    missing_days: [],
  })),
  waiting: [
    {
      billing_month: "2025-04",
      execution_id: "next",
      reason: "2 of 4 files of next have not arrived.",
      missing_days: [],
    },
  ],
  refused: [
    {
      billing_month: "2025-02",
      execution_id: "short",
      reason: "short covers 2025-02-01 to 2025-02-09 only.",
      missing_days: [],
    },
  ],
  failed: [
    {
      billing_month: "2025-05",
      code: "FILE_CORRUPT",
      message: "a/b/part-2.csv.gz is cut off: the archive ends early.",
      hint: "Copy the file again. The old rows of the month stay.",
    },
  ],
};

const lost = {
  code: "STORAGE_DENIED",
  message: "Access to gs://acme/azure is denied.",
  hint: "Grant storage.objects.list and storage.objects.get.",
};

const azure: PipelineResult = {
  accepted_gaps: [],
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
export const wholeMonth: Pick<PlannedMonth, "execution_ids" | "missing_days" | "unsettled_days" | "passed_over"> = {
  execution_ids: [],
  missing_days: [],
  unsettled_days: [],
  passed_over: [],
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
    export_name: "acme-cur",
    url: "gs://acme",
    months: 9,
  },
  {
    ...planned,
    billing_month: "2025-03",
    action: "new",
    reason: "Nothing of this month is loaded.",
    execution_id: "20250401T000000Z",
    files: 1,
    bytes: 1_500_000,
  },
  {
    ...planned,
    billing_month: "2025-01",
    action: "restated",
    reason: "5b3c replaces aaaa.",
    execution_id: restated.execution_id,
    files: 4,
    bytes: 620_123,
  },
  {
    ...planned,
    billing_month: "2025-05",
    action: "new",
    reason: "Nothing of this month is loaded.",
    execution_id: "may",
    files: 2,
    bytes: 900_000,
  },
  ...aws.waiting.map((month) => ({ ...planned, ...month, action: "waiting" as const, files: 2, bytes: 0 })),
  ...aws.refused.map((month) => ({ ...planned, ...month, action: "refused" as const, files: 1, bytes: 10 })),
  ...aws.unchanged.map((month) => ({ ...planned, ...month, action: "unchanged" as const, files: 1, bytes: 10 })),
  {
    event: "file_read",
    name: "aws_cur",
    billing_month: "2025-03",
    key: "a/b/part-1.csv.gz",
    rows: 9000,
    bytes: 1_500_000,
  },
  { event: "month_loaded", name: "aws_cur", ...added },
  {
    event: "file_read",
    name: "aws_cur",
    billing_month: "2025-01",
    key: "a/c/part-1.csv.gz",
    rows: 10_080,
    bytes: 620_123,
  },
  { event: "month_loaded", name: "aws_cur", ...restated },
  ...aws.failed.map((month) => ({ event: "month_failed" as const, name: "aws_cur", ...month })),
  { event: "pipeline_failed", name: "azure_billing", ...lost },
  finished,
];

/** A plan of the same exports. */
export const plan: PlanResult = {
  pipelines: [
    {
      name: "aws_cur",
      table: "billing_data.aws_cur_data",
      months: events.flatMap((event) => {
        if (event.event !== "month_planned") return [];
        const { event: _, name: __, ...month } = event;
        return event.billing_month === "2025-05" ? [] : [month];
      }),
      failed: [
        {
          billing_month: "2025-05",
          code: "MANIFEST_INVALID",
          message: "The manifest a/m.json is no JSON.",
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
  pipelines: [
    {
      name: "aws_cur",
      table: "billing_data.aws_cur_data",
      months: [
        {
          ...plainMonth,
          billing_month: "2025-05",
          state: "waiting",
          finality: "open",
          execution_id: "20250501T000000Z",
          rows: 9000,
          cost: { USD: "1234567.005" },
          loaded_at: "2025-06-01T11:30:00.000000+00:00",
          reason: "1 of 4 files of 20250601T000000Z have not arrived, the first is cur/a.csv.gz.",
          notes: [],
        },
        {
          ...plainMonth,
          billing_month: "2025-04",
          state: "estimated",
          finality: "estimated",
          not_final_because: "3 rows with a cost have no invoice id",
          execution_id: "20250501T000000Z",
          rows: 9000,
          cost: { USD: "1234567.005" },
          loaded_at: "2025-06-01T11:30:00.000000+00:00",
          reason: null,
          notes: [],
        },
        {
          ...plainMonth,
          billing_month: "2025-03",
          state: "missing",
          finality: null,
          execution_id: null,
          rows: null,
          cost: null,
          loaded_at: null,
          reason: null,
          notes: [],
        },
        {
          ...plainMonth,
          billing_month: "2025-02",
          state: "restated-after-final",
          finality: "restated-after-final",
          execution_id: restated.execution_id,
          rows: 10_080,
          cost: { USD: "1650.2589" },
          loaded_at: "2025-03-01T00:00:00.000000+00:00",
          reason: null,
          notes: [],
        },
        {
          ...plainMonth,
          billing_month: "2025-01",
          state: "final",
          finality: "final",
          final_basis: "invoice",
          execution_id: "python",
          rows: null,
          cost: null,
          loaded_at: null,
          reason: null,
          notes: [],
        },
      ],
      missing_months: ["2025-03"],
      newest_load: "2025-06-01T11:30:00.000000+00:00",
      attention: [
        { billing_month: "2025-03", reason: "2025-03 is missing, and the months around it are loaded." },
        {
          billing_month: "2025-02",
          reason: "2025-02 was final and has changed since: billhouse diff aws_cur 2025-02 shows what.",
        },
      ],
      stale: true,
      kept: { loads: 2, rows: 20_496, bytes: 1_310_720 },
      notes: ["Amounts are kept as floats: line_item_unblended_cost. billhouse migrate makes them exact."],
    },
    {
      name: "azure_billing",
      table: "billing_data.azure_billing_data",
      months: [],
      missing_months: [],
      newest_load: null,
      attention: [],
      kept: null,
      notes: [],
    },
  ],
};

/** What a restatement changed. */
export const difference: DiffResult = {
  name: "aws_cur",
  table: "billing_data.aws_cur_data",
  billing_month: "2025-01",
  before: {
    execution_id: "aaaa1111-0d3e-4a40-9d5c-0e4f5f2f7a11",
    execution_ids: ["aaaa1111-0d3e-4a40-9d5c-0e4f5f2f7a11"],
    loaded_at: "2025-02-03T04:05:06.000000+00:00",
    rows: 10_416,
    cost: { USD: "1705.764399984" },
  },
  after: {
    execution_id: restated.execution_id,
    execution_ids: [restated.execution_id],
    loaded_at: "2025-02-05T04:05:06.000000+00:00",
    rows: 10_080,
    cost: { USD: "1650.25587096" },
  },
  lines: [
    {
      service: "AmazonEC2",
      account: "111122223333",
      charge_type: "Usage",
      currency: "USD",
      rows_before: 10_000,
      rows_after: 9664,
      cost_before: "1700",
      cost_after: "1640.241470976",
      difference: "-59.758529024",
    },
    {
      service: null,
      account: "111122223333",
      charge_type: "Tax",
      currency: "USD",
      rows_before: 0,
      rows_after: 1,
      cost_before: "0",
      cost_after: "4.25",
      difference: "4.25",
    },
  ],
  services: [
    {
      value: "AmazonEC2",
      currency: "USD",
      rows_before: 10_000,
      rows_after: 9664,
      cost_before: "1700",
      cost_after: "1640.241470976",
      difference: "-59.758529024",
    },
    {
      value: null,
      currency: "USD",
      rows_before: 0,
      rows_after: 1,
      cost_before: "0",
      cost_after: "4.25",
      difference: "4.25",
    },
  ],
  accounts: [
    {
      value: "111122223333",
      currency: "USD",
      rows_before: 10_416,
      rows_after: 10_080,
      cost_before: "1705.764399984",
      cost_after: "1650.25587096",
      difference: "-55.508529024",
    },
  ],
  charge_types: [],
  notes: [],
};

/** What a verification found. */
export const verification: VerifyResult = {
  ok: false,
  checks: [
    {
      name: "rows",
      pipeline: "aws_cur",
      billing_month: "2025-01",
      ok: false,
      expected: "10080 rows",
      actual: "10079 rows",
    },
    {
      name: "cost",
      pipeline: "aws_cur",
      billing_month: "2025-01",
      ok: false,
      expected: "1650.25587096 USD",
      actual: "1650.25487096 USD",
    },
    {
      name: "files",
      pipeline: "aws_cur",
      billing_month: "2025-02",
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
  billing_month: "2025-01",
  undone: difference.after,
  restored: difference.before,
  from: "storage",
  notes: [],
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
