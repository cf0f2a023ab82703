import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { diff, forget, history, migrate, status, undo, verify, type HistoryLoad } from "../../src/index.ts";
import { azureDelivery, azureRow, curDelivery, curRows, deliver } from "../support/deliveries.ts";
import { billhouse } from "../support/in-process.ts";
import { azureSection, createProject, curSection, runWell, type Project } from "../support/projects.ts";
import { makePythonTables, pythonSections } from "../support/python-tables.ts";

const month = "2025-01";

/** Delivers the month with these costs and loads it; returns whether the run reported a restatement. */
async function load(project: Project, id: string, costs: readonly string[], day: string): Promise<boolean | undefined> {
  await deliver(project.bucket, curDelivery({ month, id, files: [curRows(month, ...costs)] }));
  return (await runWell(project, { now: new Date(`${day}T00:00:00Z`) })).loaded[0]?.isRestatement;
}

function figures({ executionIds, rows, cost, change, reason, undone }: HistoryLoad): readonly unknown[] {
  return [executionIds.join(), rows, cost?.["USD"], change && [change.rows, change.cost?.["USD"]], reason, undone];
}

describe("history", () => {
  test("has every load of a month with its reason, what it changed, and whether it was undone", async (t) => {
    const project = await createProject(t, curSection);
    const reported = [
      await load(project, "a", ["1", "0.5"], "2025-01-20"),
      await load(project, "b", ["1", "2"], "2025-01-25"),
      await load(project, "c", ["1", "2", "0.25"], "2025-03-01"),
    ];
    await runWell(project, { force: true });
    await undo(project.config, { pipeline: "aws_cur", month });
    await forget(project.config, { pipelines: ["aws_cur"], all: true });
    await runWell(project, { months: { only: [month] }, force: true });
    const { loads, failed } = await history(project.config, { pipelines: ["aws"], months: { only: [month] } });
    assert.deepEqual(failed, []);
    assert.deepEqual(loads.map(figures), [
      ["a", 2, "1.5", null, "new", false],
      ["b", 2, "3", [0, "1.5"], "updated", false],
      ["c", 3, "3.25", [1, "0.25"], "restated", false],
      ["c", 3, "3.25", [0, "0"], "forced", true],
      ["b", 2, "3", [-1, "-0.25"], "restored", false],
      ["c", 3, "3.25", [1, "0.25"], "forced", false],
    ]);
    assert.deepEqual(
      loads.slice(0, 3).map(({ isRestatement }) => isRestatement),
      reported,
      "as run reported it",
    );
    assert.deepEqual(
      loads.map(({ current }) => current),
      [false, false, false, false, false, true],
    );
    assert.deepEqual((await history(project.config, { months: { to: "2024-12" } })).loads, []);
  });

  test("shows a table, JSON with the fields of every load, and CSV with exact amounts", async (t) => {
    const project = await createProject(t, curSection);
    await load(project, "a", ["1000", "234.5678"], "2025-03-01");
    await load(project, "b", ["1000", "1"], "2025-03-02");
    const screen = await billhouse(project.folder, ["history", "aws_cur", month]);
    assert.match(
      screen.stdout,
      /^ {2}2025-01 +\S+ \S+ +new +a +2 +1,234\.57 USD\n {11}\S+ \S+ +restated +b +2 +0 +1,001\.00 USD +-233\.57 USD\n {2}2 loads\n$/m,
    );
    const json = JSON.parse((await billhouse(project.folder, ["history", "--json"])).stdout) as {
      loads: Record<string, unknown>[];
    };
    const { billing_month, load_id, execution_ids, rows, cost, change, reason, undone } = json.loads[1] ?? {};
    assert.deepEqual(
      [billing_month, typeof load_id, execution_ids, rows, cost, change, reason, undone],
      [month, "string", ["b"], 2, { USD: "1001" }, { rows: 0, cost: { USD: "-233.5678" } }, "restated", false],
    );
    const csv = await billhouse(project.folder, ["history", "--csv", "--from", month]);
    const [header = "", , second = ""] = csv.stdout.split("\n");
    assert.match(
      header,
      /^pipeline,billing_month,loaded_at,load_id,reason,is_restatement,undone,current,execution_ids,/,
    );
    assert.match(second, /,restated,true,false,true,b,2,0,USD,1001,-233\.5678$/);
  });

  test("has a load that only adds days, which is not a restatement in run, status, history and diff; and an accepted gap is not a load", async (t) => {
    const project = await createProject(t, azureSection);
    const week = (id: string, start: string, end: string, made: string): ReturnType<typeof azureDelivery> =>
      azureDelivery({
        month,
        id,
        days: { start, end },
        pathTime: made,
        files: [[azureRow(month, { Date: `01/${start.slice(8)}/2025`, CostInBillingCurrency: "2" })]],
      });
    await deliver(project.bucket, week("w1", "2025-01-01", "2025-01-15", "202501190400"));
    await runWell(project);
    await runWell(project, { accept: ["gap"], months: { only: [month] } });
    await deliver(project.bucket, week("w2", "2025-01-16", "2025-01-31", "202502060400"));
    const [loaded] = (await runWell(project)).loaded;
    const { loads } = await history(project.config);
    assert.deepEqual(
      loads.map(({ executionIds, reason, isRestatement, deliveries }) => [
        executionIds,
        reason,
        isRestatement,
        deliveries.map(({ coverage, rows }) => [coverage?.from, rows]),
      ]),
      [
        [["w1"], "new", false, [["2025-01-01", 1]]],
        [
          ["w1", "w2"],
          "days added",
          false,
          [
            ["2025-01-01", 1],
            ["2025-01-16", 1],
          ],
        ],
      ],
    );
    const [pipeline] = (await status(project.config)).pipelines;
    const compared = await diff(project.config, { pipeline: "azure_billing", month });
    assert.deepEqual(
      [loaded?.action, loaded?.isRestatement, pipeline?.months[0]?.isRestatement, compared.isRestatement],
      ["restated", false, false, false],
    );
  });

  test("has what the Python pipelines loaded, and its cost once migrate has measured it; status and verify say so before", async (t) => {
    const project = await createProject(t, pythonSections);
    await makePythonTables(project);
    const { loads } = await history(project.config);
    assert.ok(loads.length > 0);
    for (const { reason, deliveries, cost, isRestatement } of loads) {
      assert.deepEqual([reason, deliveries, cost, isRestatement], ["migrated", [], null, false]);
    }
    const notes = async (): Promise<string> => {
      const { pipelines } = await status(project.config, { offline: true });
      return pipelines.flatMap((pipeline) => pipeline.notes).join("\n");
    };
    assert.match(await notes(), /The cost of 2025-09 to 2025-11 was not recorded when the months were loaded\./);
    const { checks } = await verify(project.config);
    const cost = checks.find(
      ({ name, billingMonth }) => name === "cost" && billingMonth === loads.at(-1)?.billingMonth,
    );
    assert.deepEqual([cost?.ok, cost?.expected === cost?.actual], [true, true]);
    assert.match(
      cost?.note ?? "",
      /was not recorded .* The table contains \S+ USD\. To record it: billhouse migrate aws_cur --yes$/,
    );

    await migrate(project.config, { yes: true });
    const after = (await history(project.config)).loads;
    assert.deepEqual(
      after.map(({ loadId }) => loadId),
      loads.map(({ loadId }) => loadId),
      "recording a cost is no load",
    );
    assert.equal(`${after.at(-1)?.cost?.["USD"]} USD`, cost?.actual);
    assert.doesNotMatch(await notes(), /recorded/);
    const again = (await verify(project.config)).checks.find(({ name, note }) => name === "cost" && note !== undefined);
    assert.equal(again, undefined, "now the cost is compared with its receipt");
  });
});
