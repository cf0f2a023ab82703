import type { BudgetUse } from "../../src/answers/budgets.ts";
import type { CommitmentsResult } from "../../src/answers/commitments.ts";
import type { CostRow, CostsResult, CurrencyCosts } from "../../src/answers/costs.ts";
import type { ExplainResult } from "../../src/answers/explain.ts";
import type { AnswerLoad } from "../../src/answers/loads.ts";
import type { ReportResult } from "../../src/answers/report.ts";
import type { UntaggedResult } from "../../src/answers/untagged.ts";
import type { RuleResult, ValidateResult } from "../../src/answers/validate.ts";
import type { ReadSource } from "../../src/pipeline/open.ts";

/** The loads of two exports in two months, of which one was made by another program. */
const loads: readonly AnswerLoad[] = [
  load("aws", "aws_cur", "2025-02", "20250303T061512Z", 6854, "2025-03-07T05:00:04.000000+00:00"),
  load("aws", "aws_cur", "2025-03", "20250407T061512Z", 7012, "2025-04-08T05:00:04.000000+00:00"),
  load("azure", "azure_billing", "2025-02", "81b94e0d-2f63-4a8c-a7d5-0e9b3c6f2a71", null, null),
  load(
    "azure",
    "azure_billing",
    "2025-03",
    "5b3c1f6e-0d3e-4a40-9d5c-0e4f5f2f7a11",
    16_869,
    "2025-04-08T05:00:09.000000+00:00",
  ),
];

function load(
  provider: string,
  name: string,
  billingMonth: string,
  executionId: string,
  rows: number | null,
  verifiedAt: string | null,
): AnswerLoad {
  const loadedAt = verifiedAt ?? "2025-03-06T04:00:00.000000+00:00";
  return { provider, export: name, billingMonth, executionId, executionIds: [executionId], rows, loadedAt, verifiedAt };
}

function budget(
  by: string,
  value: string | null,
  currency: string,
  amount: string,
  spent: string,
  share: string,
  left: string,
  forecast: readonly [amount: string, share: string] | null,
): BudgetUse {
  return {
    by,
    value,
    currency,
    budget: amount,
    spent,
    share,
    left,
    forecast: forecast === null ? null : { forecast: forecast[0], band: null },
    forecastShare: forecast?.[1] ?? null,
  };
}

function row(keys: CostRow["keys"], cost: string, previous: string, change: string, share: string): CostRow {
  return { keys, cost, compared: cost, previous, change, share };
}

const dollars: CurrencyCosts = {
  rows: [
    row({ service: "Amazon Elastic Compute Cloud" }, "16985.1063855174", "16427.91", "557.1963855174", "0.191644"),
    row({ service: "Azure Database for PostgreSQL flexible server" }, "7047.8354", "2652.3", "4395.5354", "0.079521"),
    row({ service: null }, "0.004", "12", "-11.996", "0"),
  ],
  rest: { ...row({}, "45768.96", "43298.67", "2470.29", "0.516414"), groups: 29 },
  below: [
    { charge: "commitment purchases", ...row({}, "0", "0", "0", "0") },
    { charge: "credits", ...row({}, "-650", "-650", "0", "-0.007334") },
    { charge: "tax", ...row({}, "3350.26", "2945.33", "404.93", "0.037801") },
  ],
  total: row({}, "72502.1657855174", "64686.21", "7815.9557855174", "1"),
  invoiced: { billed: "72213.3449855174", effective: "72502.1657855174", timing: "-288.8208" },
};

/** The answer of `costs` for a month in two currencies. */
export const costsOfMonth: Omit<CostsResult, keyof ReadSource> = {
  measure: "effective",
  from: "2025-03",
  to: "2025-03",
  previousFrom: "2025-02",
  previousTo: "2025-02",
  by: ["service"],
  filters: [],
  comparison: { kind: "months" },
  partialMonths: [],
  exports: [
    { name: "aws_cur", cloud: "aws", missingMonths: [] },
    { name: "azure_billing", cloud: "azure", missingMonths: [] },
  ],
  loads,
  budgets: [],
  forecast: null,
  accountNames: {},
  notes: [
    "Azure cost exports (azure_billing) do not contain tax, support plans, or all of the credits that invoices apply.",
  ],
  currency: {
    EUR: {
      rows: [row({ service: "Virtual Machines" }, "1250.5", "1000", "250.5", "1")],
      rest: { ...row({}, "0", "0", "0", "0"), groups: 0 },
      below: [],
      total: row({}, "1250.5", "1000", "250.5", "1"),
      invoiced: { billed: "1250.5", effective: "1250.5", timing: "0" },
    },
    USD: dollars,
  },
};

const running = (keys: CostRow["keys"], cost: string, compared: string, previous: string, change: string): CostRow => ({
  keys,
  cost,
  compared,
  previous,
  change,
  share: "0.5",
});

/** The same for a running month by two dimensions, with a filter, while an export lacks it. */
export const costsOfRunningMonth: typeof costsOfMonth = {
  ...costsOfMonth,
  by: ["account", "tag:team"],
  filters: ["service=Amazon EC2"],
  accountNames: { "012345678901": "Shop production" },
  comparison: { kind: "days", days: 11 },
  forecast: {
    month: "2025-03",
    settledDays: 11,
    reason: null,
    currency: {
      USD: {
        settled: "1010",
        remaining: "1800.25",
        fees: "3993.2",
        forecast: "6803.45",
        band: { low: "6500.1234", high: "7250.5" },
      },
    },
  },
  budgets: [
    budget("owner", "Ada Lovelace", "USD", "1000", "1211.5", "1.2115", "-211.5", ["3000.75", "3.00075"]),
    budget("tag:team", "web\u001b[31m", "USD", "9000", "1200.5", "0.133389", "7799.5", ["6700", "0.744444"]),
    budget("total", null, "EUR", "12500.5", "0", "0", "12500.5", null),
  ],
  exports: [
    { name: "aws_cur", cloud: "aws", missingMonths: [] },
    { name: "azure_billing", cloud: "azure", missingMonths: ["2025-03"] },
  ],
  currency: {
    USD: {
      ...dollars,
      rows: [
        running({ account: "012345678901", "tag:team": "web" }, "1200.5", "1000", "900", "100"),
        running(
          { account: "/subscriptions/81b94e0d-2f63-4a8c-a7d5-0e9b3c6f2a71", "tag:team": null },
          "1",
          "1",
          "2",
          "-1",
        ),
      ],
      rest: { ...running({}, "10", "9", "8", "1"), groups: 1 },
      below: [],
      total: running({}, "1211.5", "1010", "910", "100"),
    },
  },
};

/** The same for a span of months that cannot be compared. */
export const costsOfSpan: typeof costsOfMonth = {
  ...costsOfMonth,
  measure: "billed",
  from: "2025-02",
  by: [],
  comparison: { kind: "none", reason: "azure_billing 2024-12 is partial" },
  forecast: {
    month: "2025-03",
    settledDays: 3,
    reason: "only 3 days of 2025-03 are settled, and a forecast needs 7",
    currency: {},
  },
  partialMonths: ["2024-12"],
  currency: {
    USD: {
      ...dollars,
      rows: [],
      rest: { keys: {}, cost: "69152.5", compared: null, previous: null, change: null, share: "0.95", groups: 4 },
      below: [],
      total: { keys: {}, cost: "69152.5", compared: null, previous: null, change: null, share: "1" },
    },
  },
};

/** The same where nothing was charged. */
export const noCosts: typeof costsOfMonth = { ...costsOfMonth, filters: ["tag:team=nobody"], currency: {} };

/** The answer of `explain` for two months. */
export const explained: Omit<ExplainResult, keyof ReadSource> = {
  month: "2025-03",
  vs: "2025-02",
  measure: "effective",
  filters: [],
  by: ["service", "sku", "account"],
  comparison: { kind: "months" },
  accountNames: { "562017734490": "Research \u001b[1m sandbox" },
  notes: [],
  loads,
  currency: {
    USD: {
      sentence:
        "2025-03 cost 7,847.84 USD, 4,395.54 USD (127.3 %) more than 2025-02: usage +4,327.95, new +80.10, unused commitments +60.00, and smaller parts. The largest driver is Amazon SageMaker Train:ml.g5.12xlarge in account 562017734490, usage +4,327.95. Usage that commitments cover fell by 60.00 USD, but 60.00 USD more was paid for unused commitments: no money was saved.",
      before: "3452.3",
      after: "7847.8354",
      difference: "4395.5354",
      parts: {
        usage: "4327.9521768192",
        price: "-12.5",
        fx: "0",
        commitment: "-60",
        commitmentUnused: "60",
        discount: "0.0023",
        new: "80.1",
        gone: "0",
        fees: "0",
        credit: "0",
        refund: "0",
        tax: "0",
        other: "-0.0190768192",
        timing: "0",
      },
      residual: "0",
      drivers: [
        {
          keys: { service: "Amazon SageMaker", sku: "HAGAEDU7CCE3RQ3E", account: "562017734490" },
          part: "usage",
          amount: "4327.9521768192",
          label: null,
          meter: "Train:ml.g5.12xlarge",
        },
        {
          keys: {
            service: "Azure Database for PostgreSQL flexible server",
            sku: null,
            account: "/subscriptions/81b94e0d-2f63-4a8c-a7d5-0e9b3c6f2a71",
          },
          part: "new",
          amount: "80.1",
          label: "sku",
          meter: null,
        },
        {
          keys: { service: "Amazon S3", sku: "sku", account: null },
          part: "other",
          amount: "-0.0190768192",
          label: "unit changed",
          meter: null,
        },
      ],
      details: [],
      rest: { drivers: 12, amount: "-12.4977" },
      estimatedShare: "0.125",
      priceIncludesFx: true,
    },
  },
};

/** The same without dimensions. */
export const explainedAtOnce: typeof explained = {
  ...explained,
  by: [],
  currency: Object.fromEntries(
    Object.entries(explained.currency).map(([currency, one]) => [
      currency,
      {
        ...one,
        drivers: one.drivers.map((driver) => ({ ...driver, keys: {}, meter: null })),
        estimatedShare: "0",
        priceIncludesFx: false,
      },
    ]),
  ),
};

/** The answer of `commitments` for a month that is not over. */
export const committed: Omit<CommitmentsResult, keyof ReadSource> = {
  month: "2025-03",
  isOver: false,
  loads,
  currency: {
    EUR: {
      rows: [],
      months: [],
      total: { used: "0", unused: "0", utilisation: null, contracted: "0", netSavings: "0" },
      coverage: "0",
      coverageOf: "all usage",
      effectiveSavingsRate: "0",
      commitmentSavingsRate: "0",
      publicPriceShare: null,
      missingPriceShare: null,
    },
    USD: {
      rows: [
        {
          commitmentId: "arn:aws:savingsplans::014523987610:savingsplan/7f1d0c52-93ab-4c0e-8a57-21f4be6d9c03",
          name: null,
          type: "Savings Plan",
          provider: "AWS",
          accountId: "014523987610",
          accountName: "Retail payer",
          termMonths: 12,
          months: [
            { month: "2025-01", used: "6400", unused: "900", utilisation: "0.876712" },
            { month: "2025-02", used: "6672.07", unused: "745.61", utilisation: "0.899482" },
            { month: "2025-03", used: "6672.071610011", unused: "745.608389989", utilisation: "0.899482" },
          ],
          used: "6672.071610011",
          unused: "745.608389989",
          utilisation: "0.899482",
          contracted: "9266.7661250156",
          netSavings: "1849.0861250156",
        },
        {
          commitmentId: "/providers/microsoft.capacity/reservationorders/0b6d31c8/reservations/9e4c7f20",
          name: "storefront",
          type: "Reservation",
          provider: "Microsoft",
          accountId: null,
          accountName: null,
          termMonths: 36,
          months: [
            { month: "2025-02", used: "80", unused: "13.63", utilisation: "0.854433" },
            { month: "2025-03", used: "0", unused: "93.63", utilisation: "0" },
          ],
          used: "0",
          unused: "93.63",
          utilisation: "0",
          contracted: "0",
          netSavings: "-93.63",
        },
        {
          commitmentId: null,
          name: null,
          type: null,
          provider: "AWS",
          accountId: null,
          accountName: null,
          termMonths: null,
          months: [{ month: "2025-03", used: "5", unused: "0", utilisation: "1" }],
          used: "5",
          unused: "0",
          utilisation: "1",
          contracted: "5",
          netSavings: "0",
        },
      ],
      months: [
        { month: "2025-01", used: "6400", unused: "900", utilisation: "0.876712" },
        { month: "2025-02", used: "6752.07", unused: "759.24", utilisation: "0.898921" },
        { month: "2025-03", used: "6677.071610011", unused: "839.238389989", utilisation: "0.888345" },
      ],
      total: {
        used: "6677.071610011",
        unused: "839.238389989",
        utilisation: "0.888345",
        contracted: "9271.7661250156",
        netSavings: "1755.4561250156",
      },
      coverage: "0.19344",
      coverageOf: "eligible usage",
      effectiveSavingsRate: "0.05769",
      commitmentSavingsRate: "0.044874",
      publicPriceShare: "0.999461",
      missingPriceShare: "0.000539",
    },
  },
};

/** The same without commitments. */
export const uncommitted: typeof committed = { month: "2025-03", isOver: true, loads: [], currency: {} };

/** The answer of `untagged` for a key that one cloud does not have. */
export const withoutTag: Omit<UntaggedResult, keyof ReadSource> = {
  month: "2025-03",
  tag: "team",
  by: ["service", "account", "resource"],
  accountNames: { "330918274655": "Commerce" },
  loads,
  currency: {
    USD: {
      total: "85928.23843830394155816",
      taggable: "79206.913247850188",
      untagged: "2593.8277920064",
      untaggedShare: "0.032747",
      coverage: "0.967253",
      unallocated: "9315.15298246015355816",
      unallocatedShare: "0.108406",
      notActivated: [{ cloud: "Microsoft", taggable: "26999.9" }],
      rows: [
        {
          keys: {
            service: "Azure OpenAI Service",
            account: "/subscriptions/81b94e0d-2f63-4a8c-a7d5-0e9b3c6f2a71",
            resource: "/subscriptions/81b94e0d/resourcegroups/rg/providers/microsoft.cognitiveservices/accounts/models",
          },
          cost: "420.572971104",
          share: "0.162144",
        },
        {
          keys: { service: "Amazon Elastic Compute Cloud", account: "330918274655", resource: "i-f7d0cb1f71c83c4cd" },
          cost: "177.87627072",
          share: "0.068577",
        },
      ],
      rest: { groups: 35, cost: "1995.3785501824" },
      months: [
        { month: "2025-02", taggable: "0", untagged: "0", coverage: null },
        { month: "2025-03", taggable: "79206.913247850188", untagged: "2593.8277920064", coverage: "0.967253" },
      ],
    },
  },
};

/** The same where nothing can be untagged. */
export const nothingTaggable: typeof withoutTag = {
  ...withoutTag,
  tag: null,
  currency: {
    USD: {
      total: "9",
      taggable: "0",
      untagged: "0",
      untaggedShare: null,
      coverage: null,
      unallocated: "9",
      unallocatedShare: "1",
      notActivated: [{ cloud: "AWS", taggable: "9" }],
      rows: [],
      rest: { groups: 0, cost: "0" },
      months: [{ month: "2025-03", taggable: "0", untagged: "0", coverage: null }],
    },
  },
};

const rule: Pick<
  RuleResult,
  "pipeline" | "billingMonth" | "parts" | "counted" | "origin" | "rows" | "examples" | "reason"
> = {
  pipeline: "aws_focus",
  billingMonth: "2025-03",
  parts: 0,
  counted: "row",
  origin: null,
  rows: 0,
  examples: [],
  reason: null,
};

/** The answer of `validate` with rules that fail, are undecidable and pass. */
export const validated: Omit<ValidateResult, keyof ReadSource> = {
  version: "1.2",
  ok: false,
  scores: [
    {
      pipeline: "aws_cur",
      billingMonth: "2025-03",
      rows: 1204331,
      passed: 314,
      failed: 0,
      undecidable: 86,
      score: "1",
    },
    {
      pipeline: "aws_focus",
      billingMonth: "2025-03",
      rows: 880120,
      passed: 318,
      failed: 2,
      undecidable: 80,
      score: "0.99375",
    },
  ],
  results: [
    { ...rule, rule: "BilledCost-C-003-M", text: "BilledCost MUST NOT be null.", verdict: "pass" },
    {
      ...rule,
      rule: "ListCost-C-009-C",
      text: 'The product of ListUnitPrice and PricingQuantity MUST match the ListCost when ListUnitPrice is not null, PricingQuantity is not null, and ChargeClass is not "Correction".',
      verdict: "fail",
      origin: "billhouse",
      rows: 12,
      examples: [
        {
          ListUnitPrice: "0",
          PricingQuantity: "10",
          ListCost: "2.5",
          ChargeDescription: "D2 v3",
        },
      ],
    },
    {
      ...rule,
      counted: "value",
      rule: "ServiceName-C-005-C",
      text: "ServiceName MUST have one and only one ServiceCategory that best aligns with its primary purpose, except when no suitable ServiceCategory is available.",
      verdict: "fail",
      origin: "cloud",
      rows: 1,
      examples: [{ ServiceName: "Amazon Elastic Compute Cloud" }],
    },
    {
      ...rule,
      rule: "ServiceName-C-004-C",
      text: "The relationship between ServiceName and ServiceCategory is defined as follows:",
      verdict: "fail",
      origin: "cloud",
      parts: 2,
      reason: "It consists of rules that fail: ServiceName-C-005-C.",
    },
    {
      ...rule,
      pipeline: "aws_cur",
      rule: "SubAccountName-C-005-C",
      text: "SubAccountName MUST NOT be null when SubAccountId is not null.",
      verdict: "undecidable",
      rows: 1204331,
      reason: "Legacy reports lack the names of accounts. `accounts` in [focus] adds those of sub accounts.",
    },
    {
      ...rule,
      rule: "BilledCost-C-007-M",
      text: "The sum of the BilledCost for a given InvoiceId MUST match the sum of the payable amount provided in the corresponding invoice with the same id generated by the InvoiceIssuer.",
      verdict: "undecidable",
      reason: "The invoice is not part of the bill. `billhouse reconcile` compares a month with its invoices.",
    },
  ],
  withoutRows: [{ pipeline: "aws_legacy", billingMonth: "2025-03" }],
};

/** The same where every rule passes. */
export const allPass: typeof validated = {
  ...validated,
  ok: true,
  scores: validated.scores.slice(0, 1),
  results: validated.results.slice(0, 1),
  withoutRows: [],
};

const spending = (by: string): ReportResult["clouds"] => ({ ...costsOfMonth, by: [by] });

/** The answer of `report` for a month in two currencies, with values that try to be markup. */
export const reported: ReportResult = {
  readFrom: "database",
  publishedAt: null,
  lockedBy: null,
  month: "2025-03",
  loads,
  clouds: {
    ...spending("cloud"),
    currency: {
      USD: {
        ...dollars,
        rows: [
          row({ cloud: "AWS" }, "45454.54", "43210.99", "2243.55", "0.626941"),
          row({ cloud: "<b>Micro|soft</b>" }, "24347.3657855174", "19179.89", "5167.4757855174", "0.335815"),
        ],
        rest: { ...row({}, "0", "0", "0", "0"), groups: 0 },
      },
    },
  },
  services: spending("service"),
  allocations: [
    {
      ...spending("tag:team"),
      currency: {
        USD: {
          ...dollars,
          rows: [
            row({ "tag:team": "web" }, "69801.9057855174", "62390.88", "7411.0257855174", "0.962757"),
            row({ "tag:team": null }, "0", "0", "0", "0"),
          ],
          rest: { ...row({}, "0", "0", "0", "0"), groups: 0 },
        },
      },
    },
  ],
  months: {
    grain: "month",
    from: "2025-02",
    to: "2025-03",
    by: "cloud",
    measure: "effective",
    filters: [],
    buckets: [
      { name: "2025-02", isOpen: false },
      { name: "2025-03", isOpen: false },
    ],
    accountNames: {},
    loads,
    currency: {
      USD: {
        groups: [
          { key: "AWS", amounts: ["43210.99", "45454.54"], total: "88665.53" },
          { key: null, amounts: ["19179.89", "24347.3657855174"], total: "43527.2557855174" },
        ],
        rest: { groups: 0, amounts: ["0", "0"], total: "0" },
        below: [],
        amounts: ["64686.21", "72502.1657855174"],
        total: "137188.3757855174",
        undated: "0",
      },
    },
  },
  explain: explained,
  notExplained: null,
  commitments: committed,
  untagged: [withoutTag, { ...withoutTag, tag: "cost_center" }],
  budgets: costsOfRunningMonth.budgets,
  forecast: { ...(costsOfRunningMonth.forecast ?? { month: null, settledDays: 0, reason: null, currency: {} }), loads },
  restatements: [
    {
      export: "aws_cur",
      billingMonth: "2025-02",
      loadedAt: "2025-03-07T05:00:04.000000+00:00",
      executionIds: ["20250303T061512Z"],
      rows: 6854,
      rowChange: -8,
      cost: { USD: "52978.4886931296" },
      costChange: { USD: "-1936.0343194700" },
      undone: false,
    },
    {
      export: "azure_billing",
      billingMonth: "2025-01",
      loadedAt: "2025-02-07T05:00:04.000000+00:00",
      executionIds: ["a", "b"],
      rows: 12,
      rowChange: null,
      cost: null,
      costChange: null,
      undone: true,
    },
  ],
  exports: loads
    .filter(({ billingMonth }) => billingMonth === "2025-03")
    .map((each) => ({ ...each, finality: "final", dataUntil: "2025-03-31" })),
};

/** The same of a month that cannot be compared, with nothing else to tell. */
export const reportedAlone: ReportResult = {
  ...reported,
  clouds: { ...noCosts, comparison: { kind: "none", reason: "aws_cur 2025-02 is not loaded" } },
  services: noCosts,
  allocations: [],
  months: { ...reported.months, buckets: [{ name: "2025-03", isOpen: true }] },
  explain: null,
  notExplained: "2025-02 is not loaded.",
  commitments: uncommitted,
  untagged: [],
  budgets: [],
  forecast: null,
  restatements: [],
  exports: [],
};
