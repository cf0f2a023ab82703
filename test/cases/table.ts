/**
 * What must happen to the deliveries in `../shared/cases`, as their INDEX.md says it, step by step.
 */
export interface Case {
  /** The folder below the cases. */
  readonly folder: string;
  /** What is different from the other case of the same folder. */
  readonly variant?: string;
  /** The table columns that hold costs; of each row at most one is not NULL. */
  readonly cost: readonly string[];
  readonly actions: readonly Action[];
}

/** One command, after a step of the case was put in place where one is named, and what must hold then. */
export interface Action {
  /** `step-2`; empty for a case without steps; left out if the bucket does not change. */
  readonly step?: string;
  /** Whether the data files that are new in this step were written within the last minutes. */
  readonly isFresh?: boolean;
  /** How many minutes later than now the command runs. */
  readonly minutesLater?: number;
  /** By default `run`. */
  readonly command?: readonly string[];
  /** Exit codes of which one must be the command's; by default 0. */
  readonly exits?: readonly number[];
  /** What each month must be then; a month that is not named must not be loaded. Left out where only words are compared. */
  readonly months?: Readonly<Record<string, MonthAnswer>>;
  /** Words that the screens of commands must have, in any case. `command` is the command of this action. */
  readonly says?: Readonly<Partial<Record<Screen, readonly string[]>>>;
  /** Words that they must not have. */
  readonly saysNot?: Readonly<Partial<Record<Screen, readonly string[]>>>;
  /** Words of the newest tracking row, as JSON text. */
  readonly receipt?: readonly string[];
  /** The type of a table column, as SQL names it. */
  readonly types?: Readonly<Record<string, RegExp>>;
  /** What no column of the table may have in its name. */
  readonly noColumn?: RegExp;
  /** Another command that must end with this code: `status --check`. */
  readonly also?: readonly { readonly command: readonly string[]; readonly exit: number }[];
}

/** A command whose screen is read. */
export type Screen = "command" | "plan" | "status" | "verify" | "init";

/** What a month must be. Without `rows`, nothing of it may be loaded. */
export interface MonthAnswer {
  readonly rows?: number;
  /** Exact: `700.00 EUR`. */
  readonly cost?: string;
  readonly state?: string;
  readonly stateNot?: readonly string[];
  readonly basis?: "invoice" | "schedule";
  /** Spans `2025-03-01/2025-03-30`; an empty list where no day may be missing. */
  readonly missing?: readonly string[];
  /** It waits, and the reason has these words. */
  readonly waits?: readonly string[];
  /** It fails, and the command says these words: an error code first. */
  readonly fails?: readonly string[];
  /** How often it was loaded since the first step. */
  readonly loads?: number;
  /** What may be instead of all this. */
  readonly or?: MonthAnswer;
}

/** Cases that do not do yet what they must, by the reason. A case here that passes fails its test. */
export const notYet: ReadonlyMap<string, string> = new Map();

const azure = ["CostInBillingCurrency"];
const aws = ["line_item_unblended_cost"];
const notZero = [1, 3, 4, 64];
const whole = { state: "final", basis: "schedule", missing: [] } as const;
const march = "2025-03";

/** Every case of INDEX.md, in its order. */
export const cases: readonly Case[] = [
  {
    folder: "62-azure-selected-dates-off-by-one",
    cost: azure,
    actions: [
      {
        step: "",
        months: { "2024-03": { rows: 30, cost: "30.00 EUR", state: "partial", missing: ["2024-03-01/2024-03-01"] } },
      },
    ],
  },
  {
    folder: "10-azure-onetime-halves",
    cost: azure,
    actions: [
      {
        step: "",
        months: { [march]: { rows: 31, cost: "31.00 EUR", ...whole } },
        says: { status: ["final (schedule)"] },
      },
    ],
  },
  {
    folder: "10b-azure-oneday-final",
    cost: azure,
    actions: [
      {
        step: "",
        months: { [march]: { rows: 1, cost: "1.00 EUR", state: "partial", missing: ["2025-03-01/2025-03-30"] } },
      },
    ],
  },
  {
    folder: "01-azure-weekly-last7days",
    cost: azure,
    actions: [
      {
        step: "",
        months: { "2025-06": { rows: 28, cost: "700.00 EUR", state: "partial", missing: ["2025-06-29/2025-06-30"] } },
      },
    ],
  },
  {
    folder: "01c-azure-week-across-months",
    cost: azure,
    actions: [
      {
        step: "",
        months: {
          "2025-06": { rows: 10, cost: "100.00 EUR", state: "partial", missing: ["2025-06-01/2025-06-20"] },
          "2025-07": { rows: 11, cost: "110.00 EUR", state: "partial", missing: ["2025-07-12/2025-07-31"] },
        },
      },
    ],
  },
  {
    folder: "n1-azure-month-to-date-stopped",
    cost: azure,
    actions: [
      {
        step: "",
        months: { [march]: { rows: 13, cost: "16.25 EUR", state: "partial", missing: ["2025-03-14/2025-03-31"] } },
      },
      // The gap is accepted, and needs attention no longer.
      { command: ["run", "--accept", "gap", "--month", march], says: { status: ["partial (accepted)"] } },
      { command: ["status", "--check"] },
    ],
  },
  {
    folder: "n5-azure-active-from",
    cost: azure,
    actions: [
      {
        step: "",
        months: { [march]: { rows: 22, cost: "22.00 EUR", ...whole } },
        says: { status: ["final (schedule)"] },
      },
    ],
  },
  {
    folder: "n2-aws-data-ends-early",
    cost: aws,
    actions: [
      {
        step: "",
        months: { [march]: { rows: 12, cost: "15.00 USD", stateNot: ["final", "partial"], missing: [] } },
        says: { command: ["data ends"], status: ["data ends 12 March"] },
        receipt: ['"data_until":"2025-03-12'],
      },
    ],
  },
  {
    folder: "14-azure-multimonth-foreign-row",
    cost: azure,
    actions: [
      {
        step: "",
        exits: [3],
        months: Object.fromEntries(
          ["2025-01", "2025-02", march].map((month) => [
            month,
            { fails: [month, "MONTH_MISMATCH", "1 row", "2025-04", "8.00 EUR"] },
          ]),
        ),
      },
      {
        command: ["run", "--accept", "other-months"],
        months: {
          "2025-01": { rows: 1, cost: "1.00 EUR" },
          "2025-02": { rows: 1, cost: "2.00 EUR" },
          [march]: { rows: 1, cost: "4.00 EUR" },
        },
        receipt: ["2025-04", "8"],
        says: { verify: ["1 row", "2025-04", "8.00 EUR"] },
      },
    ],
  },
  {
    folder: "50-period-missing-hint-dead-end",
    cost: ["costInBillingCurrency"],
    actions: [
      {
        step: "step-1",
        months: { [march]: { rows: 1, cost: "1.50 EUR" } },
        says: { status: ["1 row without a billing period"] },
      },
      { step: "step-2", months: { [march]: { rows: 1, cost: "1.50 EUR" } } },
    ],
  },
  {
    folder: "50c-first-failed-run-fixes-types",
    cost: aws,
    actions: [
      { step: "step-1", exits: [0, 3] },
      {
        step: "step-2",
        months: { "2025-01": { rows: 1, cost: "1.25 USD" } },
        types: { bill_billing_period_start_date: /^TIMESTAMP/, line_item_unblended_cost: /^DECIMAL/ },
      },
    ],
  },
  {
    folder: "87a-payg-then-mca",
    cost: ["PreTaxCost", "CostInBillingCurrency"],
    actions: [
      { step: "step-1", months: { "2024-01": { rows: 1, cost: "2.50 EUR" } } },
      {
        step: "step-2",
        months: { "2024-01": { rows: 1, cost: "2.50 EUR" }, "2024-02": { rows: 1, cost: "4.00 EUR" } },
      },
    ],
  },
  {
    folder: "88-cur2-period-column-added-later",
    cost: aws,
    actions: [
      { step: "step-1", months: { "2025-01": { rows: 1, cost: "1.25 USD" } } },
      {
        step: "step-2",
        months: { "2025-01": { rows: 1, cost: "1.25 USD" }, "2025-02": { rows: 1, cost: "2.50 USD" } },
      },
    ],
  },
  {
    folder: "13-azure-bytecount-mismatch",
    cost: azure,
    actions: ["run", "run", "run --force"].map((command, index) => ({
      ...(index === 0 ? { step: "" } : {}),
      command: command.split(" "),
      months: { [march]: { waits: ["part_0_0001.csv", "2,064", "3,374"] } },
    })),
  },
  {
    folder: "f01-azure-part-cut-without-counts",
    cost: azure,
    actions: [
      { step: "step-1", months: { [march]: { waits: ["000002.csv", "2,362"] } } },
      {
        step: "step-2",
        months: { [march]: { rows: 12, cost: "21.00 EUR", state: "partial", missing: ["2025-03-14/2025-03-31"] } },
      },
    ],
  },
  ...[true, false].map((isFresh) => ({
    folder: "f02-aws-overwrite-old-manifest-new-files",
    ...(isFresh ? {} : { variant: "the new file is days old" }),
    cost: aws,
    actions: [
      { step: "step-1", months: { [march]: { rows: 20, cost: "25.00 USD" } } },
      {
        step: "step-2",
        isFresh,
        months: { [march]: { rows: 20, cost: "25.00 USD", waits: ["new manifest", "--force"] } },
      },
      { step: "step-3", months: { [march]: { rows: 30, cost: "75.00 USD" } } },
    ],
  })),
  {
    folder: "f06-aws-overwrite-run-before-the-manifest",
    cost: aws,
    actions: [
      { step: "step-1", isFresh: true, months: { [march]: { waits: ["manifest"] } } },
      { step: "step-2", months: { [march]: { rows: 20, cost: "15.00 USD" } } },
    ],
  },
  {
    folder: "f06-aws-overwrite-run-before-the-manifest",
    variant: "step 1 was forced",
    cost: aws,
    actions: [
      { step: "step-1", isFresh: true, command: ["run", "--force"] },
      { step: "step-2", minutesLater: 60, months: { [march]: { rows: 20, cost: "15.00 USD" } } },
    ],
  },
  {
    folder: "f13-azure-plain-csv-is-being-copied",
    cost: azure,
    actions: [
      { step: "step-1", months: { [march]: { rows: 10, cost: "10.00 EUR", loads: 1 } } },
      ...["step-2", "step-3"].map((step) => ({
        step,
        isFresh: true,
        months: { [march]: { rows: 10, cost: "10.00 EUR", waits: ["daily_00000001"], loads: 1 } },
      })),
      {
        step: "step-4",
        minutesLater: 60,
        months: { [march]: { rows: 10, cost: "10.00 EUR", loads: 1, stateNot: ["waiting", "restated-after-final"] } },
      },
    ],
  },
  {
    folder: "f03-aws-sum-over-128-bits",
    cost: aws,
    actions: [
      {
        step: "",
        exits: [0, 3],
        months: {
          "2025-01": { rows: 1, cost: "1.50 USD", loads: 1 },
          "2025-02": { rows: 2, cost: "199999999999999999998 USD", or: { fails: ["2025-02", "failed"] } },
          "2025-03": { rows: 1, cost: "2.50 USD", loads: 1 },
        },
        saysNot: { command: ["INTERNAL"] },
      },
      {
        exits: [0, 3],
        months: {
          "2025-01": { rows: 1, cost: "1.50 USD", loads: 1 },
          "2025-02": { rows: 2, cost: "199999999999999999998 USD", or: { fails: ["2025-02", "failed"] } },
          "2025-03": { rows: 1, cost: "2.50 USD", loads: 1 },
        },
      },
    ],
  },
  {
    folder: "20-azure-legacy-two-subscriptions-one-path",
    cost: azure,
    actions: [
      {
        step: "",
        exits: notZero,
        months: {},
        says: {
          command: ["EXPORT_AMBIGUOUS", "00000001-0000-4000-8000-000000000001", "00000002-0000-4000-8000-000000000002"],
        },
      },
    ],
  },
  {
    folder: "05-cur2-only-net-cost",
    cost: ["line_item_net_unblended_cost"],
    actions: [
      {
        step: "",
        months: { "2025-01": { rows: 2, cost: "4.25 USD" } },
        says: { command: ["4.25 USD"], status: ["4.25 USD"] },
        saysNot: { command: ["no cost proved"], status: ["no cost proved"], verify: ["no cost proved"] },
        also: [{ command: ["reconcile", "2025-01", "--invoice", "4.25"], exit: 0 }],
      },
    ],
  },
  notFound("02-cid-aggregated-no-metadata", "2 data files but no manifest: copy the metadata/ folder too"),
  notFound("67-cur-only-assembly-manifests", "1 data file", "manifest of the month", "one folder up"),
  // Once the hint is followed, the FOCUS files beside Oracle's own reports are loaded.
  notFound("22a-oracle-focus", "looks like Oracle", "not supported", "FOCUS Reports"),
  notFound("22d-finops-hub-ingestion", "looks like FinOps hub", "not supported"),
  {
    folder: "48-manifest-bom",
    cost: azure,
    actions: [
      {
        step: "",
        exits: [0, 3],
        months: {
          [march]: { rows: 1, cost: "1.00 EUR" },
          "2025-04": { rows: 1, cost: "1.00 EUR", or: { fails: ["2025-04", "UTF-16"] } },
        },
      },
    ],
  },
  {
    folder: "07-macos-appledouble",
    cost: aws,
    actions: [
      {
        step: "",
        months: { "2025-01": { rows: 1, cost: "1.50 USD" } },
        says: { init: ["1 export", "acme"] },
        saysNot: { init: ["._acme"] },
      },
    ],
  },
  {
    folder: "44-manifest-types-all-string",
    cost: aws,
    actions: [
      {
        step: "",
        months: { "2025-01": { rows: 1, cost: "1.25 USD" } },
        types: { bill_billing_period_start_date: /^TIMESTAMP/, line_item_unblended_cost: /^DECIMAL/ },
      },
    ],
  },
  {
    folder: "44b-manifest-cost-string",
    cost: aws,
    actions: [
      {
        step: "",
        months: { "2025-01": { rows: 2, cost: "3.75 USD" } },
        types: { line_item_unblended_cost: /^DECIMAL/ },
      },
    ],
  },
  {
    folder: "47-cur2-parquet-codecs-maps",
    cost: aws,
    actions: [
      {
        step: "",
        exits: [0, 3],
        months: Object.fromEntries(
          ["gzip", "zstd", "lz4_raw", "brotli", "uncompressed", "lz4_raw"].map((codec, index) => [
            `2025-0${index + 1}`,
            {
              rows: 3,
              cost: "0.60000000000000004 USD",
              ...([0, 1, 4].includes(index) ? {} : { or: { fails: [`2025-0${index + 1}`, codec] } }),
            },
          ]),
        ),
        saysNot: { command: ["Copy the file again", "copy it again"] },
      },
    ],
  },
  {
    folder: "18-azure-utf16",
    cost: azure,
    actions: [{ step: "", exits: [3], months: { [march]: { fails: ["UTF-16"] } } }],
  },
  {
    folder: "18b-azure-semicolon-decimal-comma",
    cost: azure,
    actions: [{ step: "", exits: [3], months: { [march]: { fails: [";", "delimiter"] } } }],
  },
  {
    folder: "41-odd-decimals",
    cost: azure,
    actions: [
      {
        step: "",
        exits: [3],
        months: {
          ...Object.fromEntries(
            ["0", "1.5", "1.5", "0.5", "1", "1000", "0"].map((cost, index) => [
              `2020-0${index + 1}`,
              { rows: 1, cost: `${cost} EUR` },
            ]),
          ),
          ...Object.fromEntries(
            [
              ["2020-08", "1,234.50"],
              ["2020-09", "$1.50"],
              ["2020-10", "(1.50)"],
              ["2020-11", "NaN"],
              ["2020-12", '"-"'],
              ["2021-01", "1e400"],
              ["2021-02", "1_000"],
              ["2021-03", "１.5"],
            ].map(([month = "", value = ""]) => [month, { fails: [month, "VALUE_INVALID", value] }]),
          ),
        },
      },
    ],
  },
  {
    folder: "f04-blank-before-quote-and-blank-first-line",
    cost: aws,
    actions: [
      {
        step: "",
        exits: [0, 3],
        months: {
          "2025-01": { rows: 3, or: { fails: ["2025-01", "acme-00001.csv.gz", "line", "column"] } },
          "2025-02": { rows: 3, cost: "4.50 USD" },
        },
        saysNot: { command: ["INTERNAL", "billhouse's fault", "a bug"] },
      },
    ],
  },
  {
    folder: "f05-header-ends-in-cr-cr-lf",
    cost: aws,
    actions: [
      {
        step: "step-1",
        exits: [0, 3],
        months: { "2025-01": { rows: 1, cost: "1.50 USD", or: { fails: ["line end"] } } },
      },
      {
        step: "step-2",
        exits: [0, 3],
        months: {
          "2025-01": { rows: 1, cost: "1.50 USD", or: { fails: ["line end"] } },
          "2025-02": { rows: 2, cost: "3.00 USD" },
        },
        noColumn: /["\r]|_1$/,
      },
    ],
  },
  {
    folder: "25-azure-zero-blobs",
    cost: azure,
    actions: [
      {
        step: "",
        months: { [march]: { rows: 0, stateNot: ["waiting"] }, "2025-04": { rows: 1, cost: "1.00 EUR" } },
      },
    ],
  },
  {
    folder: "57-azure-zero-byte-part",
    cost: azure,
    actions: [{ step: "", months: { [march]: { rows: 0 }, "2025-04": { rows: 1, cost: "1.00 EUR" } } }],
  },
  {
    folder: "n4-aws-account-lost",
    cost: aws,
    actions: [
      { step: "step-1", months: { [march]: { rows: 9, cost: "100.00 USD" } } },
      { step: "step-2", ...shrunk("run") },
      shrunk("run --force"),
      { command: ["state", "forget", "aws_cur", march] },
      // Its rows are still there, and are what the delivery is compared with.
      { command: ["run"], exits: [3], says: { command: ["MONTH_SHRUNK", "111111111111"] } },
      { command: ["run", "--accept", "shrink"], exits: [64] },
      {
        command: ["run", "--accept", "shrink", "--month", march],
        months: { [march]: { rows: 10, cost: "120.00 USD" } },
      },
    ],
  },
  {
    folder: "n3-aws-support-fee-after-final",
    cost: aws,
    actions: [
      {
        step: "step-1",
        months: { "2025-02": { rows: 4, cost: "10.00 USD", state: "final", basis: "invoice" } },
        says: { status: ["final (invoice)"] },
      },
      {
        step: "step-2",
        months: { "2025-02": { rows: 5, cost: "11.00 USD", state: "final" } },
        says: { command: ["late charges"], status: ["late charges"] },
        saysNot: { command: ["restated-after-final"], status: ["restated-after-final"] },
        also: [{ command: ["status", "--check"], exit: 0 }],
      },
    ],
  },
];

function notFound(folder: string, ...words: readonly string[]): Case {
  const both = ["EXPORT_NOT_FOUND", ...words];
  return {
    folder,
    cost: aws,
    actions: [{ step: "", exits: notZero, months: {}, says: { command: both, init: both } }],
  };
}

function shrunk(command: string): Action {
  const fails = ["MONTH_SHRUNK", "111111111111"];
  return { command: command.split(" "), exits: [3], months: { [march]: { rows: 9, cost: "100.00 USD", fails } } };
}
