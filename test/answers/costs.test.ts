import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { commitments } from "../../src/answers/commitments.ts";
import { costs, type CostsOptions, type CurrencyCosts } from "../../src/answers/costs.ts";
import { columnNamesOf } from "../../src/answers/dimensions.ts";
import { explain } from "../../src/answers/explain.ts";
import { untagged } from "../../src/answers/untagged.ts";
import { costsScreen } from "../../src/commands/costs.ts";
import type { Config, PipelineConfig } from "../../src/index.ts";
import { addDecimals } from "../../src/schema/sums.ts";
import { azureDelivery, azureRow, type Row } from "../support/deliveries.ts";
import { ask, billhouse, createProject, type Project } from "../support/projects.ts";
import { rejects } from "../support/rejects.ts";
import { answering, bill, charge, focusSection } from "./bills.ts";

const [before, month] = ["2025-02", "2025-03"];

/** Charges of every kind in two currencies. */
function charges(of: string, scale: string): readonly Row[] {
  const cost = (amount: string): string => `${amount}${scale}`;
  return [
    charge(of, { EffectiveCost: cost("10.000000000000000"), ServiceName: "Servers" }),
    charge(of, { EffectiveCost: cost("4.5"), ServiceName: "Disks", Tags: '{"team":"web"}' }),
    charge(of, { EffectiveCost: cost("0.25"), ServiceName: "Queues", SubAccountId: "098765432109" }),
    charge(of, { EffectiveCost: "3", BilledCost: "0", CommitmentDiscountId: "ri-1", CommitmentDiscountStatus: "Used" }),
    charge(of, {
      EffectiveCost: "2",
      BilledCost: "0",
      CommitmentDiscountId: "ri-1",
      CommitmentDiscountStatus: "Unused",
    }),
    charge(of, { EffectiveCost: "0", BilledCost: "7", ChargeCategory: "Purchase", CommitmentDiscountId: "ri-1" }),
    charge(of, { EffectiveCost: "1.75", ChargeCategory: "Purchase", ServiceName: "Support" }),
    charge(of, { EffectiveCost: "-1.5", ChargeCategory: "Credit" }),
    charge(of, { EffectiveCost: "-0.5", ChargeClass: "Correction" }),
    charge(of, { EffectiveCost: "0.01", ChargeCategory: "Adjustment" }),
    charge(of, { EffectiveCost: "3.8", ChargeCategory: "Tax" }),
    charge(of, { EffectiveCost: "100", BillingCurrency: "EUR", ServiceName: "" }),
  ];
}

const bills = async () => [await bill(before, charges(before, "1")), await bill(month, charges(month, "3"))];

const now = new Date("2025-06-01T00:00:00Z");

async function dollars(config: Config, options: CostsOptions): Promise<CurrencyCosts> {
  const { currency } = await costs(config, { now, ...options });
  assert.ok(currency["USD"] !== undefined);
  return currency["USD"];
}

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`costs in ${warehouse}`, () => {
    test("groups hold usage and fees, the rest stands below them, and the total is the sum of the view", async (t) => {
      const { config } = await load(t, await bills());
      const result = await costs(config, { now });
      assert.deepEqual([result.from, result.previousFrom, result.comparison], [month, before, { kind: "months" }]);
      assert.deepEqual(Object.keys(result.currency), ["EUR", "USD"]);
      const { rows, rest, below, total, invoiced } = result.currency["USD"] ?? assert.fail();
      assert.deepEqual(
        rows.map(({ keys, cost, previous, change }) => [keys["service"], cost, previous, change]),
        [
          ["Servers", "15.0000000000000003", "15.0000000000000001", "0.0000000000000002"],
          ["Disks", "4.53", "4.51", "0.02"],
          ["Support", "1.75", "1.75", "0"],
          ["Queues", "0.253", "0.251", "0.002"],
        ],
      );
      assert.deepEqual([rest.groups, rest.cost], [0, "0"]);
      assert.deepEqual(
        below.map(({ charge: kind, cost }) => [kind, cost]),
        [
          ["commitment purchases", "0"],
          ["credits", "-1.5"],
          ["corrections", "-0.5"],
          ["adjustments", "0.01"],
          ["tax", "3.8"],
        ],
      );
      assert.equal(total.cost, "23.3430000000000003");
      assert.equal(total.cost, addDecimals([...rows, rest, ...below].map(({ cost }) => cost)));
      assert.deepEqual(invoiced, { billed: "25.3430000000000003", effective: total.cost, timing: "2" });
      assert.deepEqual(
        result.currency["EUR"]?.rows.map(({ keys, cost, share }) => [keys["service"], cost, share]),
        [[null, "100", "1"]],
      );
    });

    test("every answer names the loads that its figures come from, with their rows and when they were proved", async (t) => {
      const { config } = await load(t, await bills());
      const loads = [before, month].map((billingMonth) => ({
        provider: "aws",
        export: "aws_focus",
        billingMonth,
        executionId: `acme-focus-${billingMonth}`,
        executionIds: [`acme-focus-${billingMonth}`],
        rows: 12,
      }));
      const answers = [
        [await costs(config, { now }), loads],
        [await explain(config, { now }), loads],
        [await untagged(config, { now }), loads],
        [await commitments(config, { now }), loads],
      ] as const;
      for (const [answer, expected] of answers) {
        const times = answer.loads.map(({ loadedAt, verifiedAt }) => ({ loadedAt, verifiedAt }));
        assert.deepEqual(
          answer.loads,
          expected.map((one, index) => ({ ...one, ...times[index] })),
        );
        for (const { loadedAt, verifiedAt } of answer.loads) {
          assert.match(verifiedAt ?? "", /^20\d\d-/u);
          assert.equal(verifiedAt, loadedAt);
        }
      }
    });

    test("each measure adds up to the sum of its column", async (t) => {
      const { config } = await load(t, await bills());
      const sums: Record<string, string> = {};
      for (const measure of ["effective", "billed", "list", "contracted"] as const) {
        sums[measure] = (await dollars(config, { measure })).total.cost;
      }
      assert.deepEqual(sums, {
        effective: "23.3430000000000003",
        billed: "25.3430000000000003",
        list: "23.3430000000000003",
        contracted: "23.3430000000000003",
      });
    });

    test("several dimensions, tags and filters group and choose the same charges", async (t) => {
      const { config } = await load(t, await bills());
      const { rows } = await dollars(config, { by: ["account", "tag:team"] });
      assert.deepEqual(
        rows.map(({ keys, cost }) => [keys["account"], keys["tag:team"], cost]),
        [
          ["012345678901", null, "16.7500000000000003"],
          ["012345678901", "web", "4.53"],
          ["098765432109", null, "0.253"],
        ],
      );
      const chosen = await dollars(config, { filters: ["service=Disks", "service=Queues", "tag:team="] });
      assert.deepEqual([chosen.rows.length, chosen.total.cost, chosen.total.previous], [1, "0.253", "0.251"]);
    });

    test("the groups that are not listed are one line that adds up", async (t) => {
      const { config } = await load(t, await bills());
      const { rows, rest, below, total } = await dollars(config, { top: 1 });
      assert.deepEqual([rows.length, rest.groups, rest.cost, rest.previous], [1, 3, "6.533", "6.511"]);
      assert.equal(total.cost, addDecimals([...rows, rest, ...below].map(({ cost }) => cost)));
    });

    test("the running month is compared by the usage of its settled days", async (t) => {
      const day = (of: string, number: string, cost: string, cells: Row = {}): Row =>
        charge(of, { ChargePeriodStart: `${of}-${number}T00:00:00Z`, EffectiveCost: cost, ...cells });
      const fee = { ChargeCategory: "Purchase" };
      const rows = (of: string, factor: number) => [
        day(of, "01", `${factor}`),
        day(of, "04", `${factor * 10}`),
        day(of, "05", `${factor * 100}`),
        day(of, "01", `${factor * 1000}`, fee),
        day(of, "20", `${factor * 10_000}`),
      ];
      // Azure says when a run was made: on the 8th the 4th is over for 72 hours.
      const azure = (of: string, pathTime: string, factor: number) =>
        azureDelivery({
          month: of,
          id: `0000-${of}`,
          files: [rows(of, factor).map((row) => ({ ...row, Date: row["ChargePeriodStart"]?.slice(0, 10) ?? "" }))],
          columns: focusColumnsOf(rows(of, factor)),
          type: "FocusCost",
          pathTime,
          submittedTime: `${pathTime.slice(0, 4)}-${pathTime.slice(4, 6)}-${pathTime.slice(6, 8)}T12:00:00Z`,
        });
      const { config } = await load(t, [azure("2025-03", "202504051200", 1), azure("2025-04", "202504081200", 2)], {
        azure_focus: { bucket_url: "bucket", prefix: "exports" },
      });
      const result = await costs(config, { from: "2025-04", now: new Date("2025-04-09T00:00:00Z") });
      assert.deepEqual(result.comparison, { kind: "days", days: 4 });
      const { total, rows: groups } = result.currency["USD"] ?? assert.fail();
      assert.deepEqual(total, {
        keys: {},
        cost: "22222",
        compared: "22",
        previous: "11",
        change: "11",
        share: "1",
      });
      assert.equal(groups[0]?.compared, "22");
    });
  });
}

/** The columns of rows, in a fixed order. */
function focusColumnsOf(rows: readonly Row[]): readonly string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

describe("costs", () => {
  test("never compares a partial month, and says why", async (t) => {
    const days = (of: string, start: string, end: string) =>
      azureDelivery({
        month: of,
        id: `run-${of}`,
        files: [[azureRow(of, { Date: `${of}-${start}` })]],
        days: { start: `${of}-${start}`, end: `${of}-${end}` },
      });
    const sections = { azure_billing: { bucket_url: "bucket", prefix: "exports", active_from: "2025-02-01" } };
    const { config } = await answering.DuckDB(t, [days("2025-02", "01", "28"), days("2025-03", "01", "20")], sections);
    const result = await costs(config, { from: "2025-03", to: "2025-03", now });
    assert.deepEqual(result.partialMonths, ["2025-03"]);
    assert.deepEqual(result.comparison, { kind: "none", reason: "azure_billing 2025-03 is partial" });
    const [euros] = Object.values(result.currency);
    assert.deepEqual([euros?.total.previous, euros?.total.change], [null, null]);
    assert.match(result.notes.join(), /^Azure cost exports \(azure_billing\) do not contain tax/u);
    const others = await costs(config, { from: "2025-03", now, filters: ["service=Nothing"] });
    assert.doesNotMatch(others.notes.join(), /Azure cost exports/u);
  });

  const twoExports = {
    ...focusSection,
    aws_other: { bucket_url: "bucket", prefix: "exports/acme-other", table_name: "other_data" },
  };

  test("does not compare a month with one that an export lacks", async (t) => {
    const other = await bill(month, [charge(month, { SubAccountId: "555555555555" })], "acme-other");
    const { config } = await answering.DuckDB(t, [...(await bills()), other], twoExports);
    const result = await costs(config, { now });
    assert.deepEqual(result.comparison, { kind: "none", reason: `aws_other ${before} is not loaded` });
    const alone = await costs(config, { now, pipelines: ["aws_focus"] });
    assert.deepEqual(alone.comparison, { kind: "months" });
    assert.equal(alone.currency["USD"]?.total.cost, "23.3430000000000003");
  });

  test("does not compare one day with a month, and neither explains it", async (t) => {
    const { config } = await answering.DuckDB(t, await bills());
    const filters = [`day=${month}-01`];
    const reason = `the filter day=${month}-01 leaves out the charges of ${before}`;
    assert.deepEqual((await costs(config, { now, filters })).comparison, { kind: "none", reason });
    await rejects(explain(config, { now, filters }), "USAGE_INVALID", reason);
  });

  test("does not compare days and invoices with a month that cannot have them", async (t) => {
    const late = charge(month, { ChargePeriodStart: `${month}-09T00:00:00Z`, EffectiveCost: "50" });
    const { config } = await answering.DuckDB(t, [
      await bill(before, charges(before, "1")),
      await bill(month, [...charges(month, "3"), late]),
    ]);
    for (const by of ["day", "invoice"]) {
      const result = await costs(config, { now, by: [by] });
      assert.deepEqual(result.comparison, { kind: "none", reason: `each ${by} is a group of its own` });
      const { rows, rest, below, total } = result.currency["USD"] ?? assert.fail();
      for (const row of [...rows, rest, ...below, total]) assert.deepEqual([row.previous, row.change], [null, null]);
      // Days are in their order, whatever they cost.
      const days = rows.map(({ keys }) => keys["day"]);
      if (by === "day") assert.deepEqual([days.at(0), days.at(-1)], [`${month}-02`, `${month}-09`]);
    }
  });

  test("keeps tags apart whose keys differ only in case or in signs, and names columns as FOCUS does", async (t) => {
    const tags = (of: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
      Tags: JSON.stringify(of),
    });
    const rows = [charge(month, tags({ "a-b": "1", a_b: "2", A_B: "3" }))];
    const { config } = await answering.DuckDB(t, [await bill(month, rows)]);
    const by = ["service", "tag:a-b", "tag:a_b", "tag:A_B", "service"];
    const result = await costs(config, { now, from: month, by });
    assert.deepEqual(Object.values(result.currency["USD"]?.rows[0]?.keys ?? {}).slice(1), ["1", "2", "3"]);
    assert.deepEqual(columnNamesOf(by), ["ServiceName", "x_Tag_a_b", "x_Tag_a_b_2", "x_Tag_A_B_3", "ServiceName_2"]);
  });

  test("leaves out an export whose charges count from another one, and compares the months", async (t) => {
    const other = await bill(month, charges(month, "9"), "acme-other");
    const { config } = await answering.DuckDB(t, [...(await bills()), other], twoExports);
    const result = await costs(config, { now });
    assert.deepEqual([result.comparison, result.notes], [{ kind: "months" }, []]);
    assert.deepEqual(
      result.exports.map(({ name }) => name),
      ["aws_focus"],
    );
    const earlier = await costs(config, { from: before, now });
    assert.deepEqual(
      earlier.exports.map(({ name }) => name),
      ["aws_focus"],
    );
    assert.deepEqual(
      result.loads.map((load) => `${load.export} ${load.billingMonth}`),
      [`aws_focus ${before}`, `aws_focus ${month}`],
    );
    assert.equal(result.currency["USD"]?.total.cost, "23.3430000000000003");
  });

  test("compares months that count from different exports of the same accounts, and says so", async (t) => {
    const deliveries = [await bill(before, charges(before, "1")), await bill(month, charges(month, "3"), "acme-other")];
    const { config } = await answering.DuckDB(t, deliveries, twoExports);
    const note = "The charges of 2025-02 are those of aws_focus, and of 2025-03 those of aws_other.";
    const result = await costs(config, { now });
    assert.deepEqual([result.comparison, result.notes], [{ kind: "months" }, [note]]);
    assert.equal(result.currency["USD"]?.total.previous, "23.3210000000000001");
    assert.deepEqual((await explain(config, { now })).notes, [note]);
  });

  test("names an export that is configured and not loaded, and compares the others", async (t) => {
    const project = await answering.DuckDB(t, await bills());
    const other = { ...project.config.pipelines[0], name: "azure_other", tableName: "other_data" } as PipelineConfig;
    const config = { ...project.config, pipelines: [...project.config.pipelines, other] };
    const result = await costs(config, { now });
    assert.deepEqual(
      result.exports.map(({ name, missingMonths }) => [name, missingMonths]),
      [
        ["aws_focus", []],
        ["azure_other", [month]],
      ],
    );
    assert.deepEqual([result.comparison, result.notes], [{ kind: "months" }, []]);
    const screen = costsScreen(result, { colour: false, verbose: false, columns: 80 });
    assert.match(screen, /! azure_other is missing: 2025-03 is not loaded\./u);
  });

  test("refuses unknown dimensions, measures and filters, and months that are not loaded", async (t) => {
    const { config } = await answering.DuckDB(t, await bills());
    const hint = async (options: object): Promise<string> =>
      (await rejects(costs(config, { now, ...options }), "USAGE_INVALID")).hint;
    assert.match(await hint({ by: ["servce"] }), /^Did you mean service\? Choose from /u);
    assert.match(await hint({ measure: "net" }), /^Choose from effective, billed, list, contracted\.$/u);
    assert.match(await hint({ filters: ["Disks"] }), /'service=Amazon EC2'/u);
    assert.equal(await hint({ from: "2024-01" }), "Loaded: 2025-02 to 2025-03.");
  });

  test("says which values there are where no charge has the value of a filter", async (t) => {
    const { config } = await answering.DuckDB(t, await bills());
    const notes = async (...filters: readonly string[]) => (await costs(config, { now, filters })).notes;
    assert.deepEqual(await notes("service=servers"), [
      "No charge of 2025-03 has service=servers. Did you mean 'service=Servers'?",
    ]);
    assert.deepEqual(await notes("account=9", "service=Disks"), [
      "No charge of 2025-03 has account=9. There is 012345678901, 098765432109.",
    ]);
    // Each value is there, but no charge has both.
    assert.deepEqual(await notes("service=Queues", "tag:team=web"), []);
  });

  test("says what to do before anything is loaded", async (t) => {
    const { config } = await createProject(t, focusSection);
    await rejects(costs(config, { now }), "WAREHOUSE_NOT_FOUND", "Nothing is loaded yet.");
  });

  test("writes a line of CSV for each group and total, and keeps the names of tags in JSON", async (t) => {
    const project: Project = await answering.DuckDB(t, await bills());
    const csv = await billhouse(project, ["costs", month, "--by", "service,tag:team", "--top", "1", "--csv"]);
    assert.deepEqual(csv.stdout.split("\n").slice(0, 5), [
      "currency,row,service,tag:team,cost,compared,previous,change,share",
      "EUR,group,,,100,100,100,0,1",
      "EUR,total,,,100,100,100,0,1",
      "USD,group,Servers,,15.0000000000000003,15.0000000000000003,15.0000000000000001,0.0000000000000002,0.642591",
      "USD,rest,,,6.533,6.533,6.511,0.022,0.27987",
    ]);
    const json = await billhouse(project, ["costs", "--by", "tag:costCenter", "--json"]);
    const { currency, previous_from: previous } = JSON.parse(json.stdout) as {
      currency: Record<string, { rows: { keys: object }[] }>;
      previous_from: string;
    };
    assert.deepEqual([currency["USD"]?.rows[0]?.keys, previous], [{ "tag:costCenter": null }, before]);
    const [{ sum } = { sum: null }] = await ask(
      project,
      `SELECT SUM(EffectiveCost) AS sum FROM focus_costs WHERE x_BillingMonth = '${month}' AND BillingCurrency = 'USD'`,
    );
    assert.equal(sum, "23.3430000000000003");
  });
});
