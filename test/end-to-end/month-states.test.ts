import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { diff, plan, status, type MonthStatus, type StatusResult } from "../../src/index.ts";
import {
  azureDelivery,
  azureRows,
  curColumns,
  curDelivery,
  curRow,
  deliver,
  type Delivery,
  type Row,
} from "../support/deliveries.ts";
import { rejects } from "../support/rejects.ts";
import {
  ask,
  azureSection,
  billhouse,
  createProject,
  curSection,
  runByCommand,
  runProject,
  runWell,
  type Project,
} from "../support/projects.ts";
import { parseResult } from "../support/json.ts";

const month = "2025-01";

/** A delivery whose rows have these invoice ids. */
function cur(id: string, invoices: readonly string[], cost = "1.5", of = month): Delivery {
  const rows = invoices.map((invoice) => curRow(of, { "bill/InvoiceId": invoice, "lineItem/UnblendedCost": cost }));
  return curDelivery({ month: of, id, files: [rows] });
}

async function months(project: Project, now = "2025-06-01"): Promise<readonly MonthStatus[]> {
  const { pipelines } = await status(project.config, { now: new Date(`${now}T00:00:00Z`) });
  return pipelines.flatMap((pipeline) => pipeline.months);
}

async function states(project: Project, now?: string): Promise<string[]> {
  return (await months(project, now)).map(({ billingMonth: name, state }) => `${name} ${state}`);
}

describe("a month that is asked for by name", () => {
  test("and is not delivered, or is before first_month, is named with the reason in plan and run", async (t) => {
    const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], first_month: "2025-01" } });
    const removed = cur("b", ["1"], "2", "2025-03");
    for (const delivery of [cur("a", ["1"]), removed]) await deliver(project.bucket, delivery);
    await runWell(project);
    for (const key of removed.objects.keys()) await rm(join(project.bucket, key));
    const asked = ["2024-12", "2025-01", "2025-02", "2025-03"];
    const notes = [
      "2024-12 is before first_month (2025-01).",
      "No delivery of 2025-02 is in the storage, only 2025-01.",
      "No delivery of 2025-03 is in the storage, only 2025-01. Its loaded rows stay.",
    ];
    const result = await runWell(project, { months: { only: asked } });
    assert.deepEqual(result.notes, notes);
    assert.deepEqual((await plan(project.config, { months: { only: asked } })).pipelines[0]?.notes, notes);
    for (const command of ["run", "plan"]) {
      const { code, stdout } = await billhouse(project, [command, "--month", "2025-02"]);
      assert.equal(code, 0);
      assert.match(stdout, /^ +! No delivery of 2025-02 is in the storage, only 2025-01\.$/mu);
    }
    assert.deepEqual((await runWell(project)).notes, []);
  });
});

describe("the state of an AWS month", () => {
  test("is open, then estimated, then final when every row has an invoice, and said loudly when it changes after that", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, cur("a", ["", "1"]));
    await runWell(project);
    assert.deepEqual(await states(project, "2025-01-31"), ["2025-01 open"]);
    assert.deepEqual(await states(project, "2025-02-01"), ["2025-01 estimated"]);

    await deliver(project.bucket, cur("b", ["1", "1"]));
    const [final] = (await runWell(project)).loaded;
    assert.equal(final?.state, "final");
    assert.deepEqual(await states(project), ["2025-01 final"]);

    await deliver(project.bucket, cur("c", ["1", "2"]));
    assert.equal((await runWell(project)).loaded[0]?.state, "final", "other ids, and the same costs");

    await deliver(project.bucket, cur("d", ["1", "2"], "1.4"));
    const { events, finished, code } = await runByCommand(project);
    assert.equal(code, 0);
    assert.equal(finished.pipelines[0]?.loaded[0]?.state, "restated-after-final");
    assert.ok(events.some((event) => event.event === "month_loaded" && event.state === "restated-after-final"));
    assert.deepEqual(await states(project), ["2025-01 restated-after-final"]);
    const screen = await billhouse(project, ["status"]);
    assert.match(
      screen.stdout,
      /! 2025-01 was final and has changed since: billhouse diff aws_cur 2025-01 shows the changes\./,
    );

    await runWell(project, { force: true });
    assert.deepEqual(await states(project), ["2025-01 restated-after-final"], "loading it again hides nothing");
  });

  test("is said loudly by run", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, cur("a", ["1"]));
    await runWell(project);
    await deliver(project.bucket, cur("b", ["1"], "1.4"));
    const { stdout, stderr } = await billhouse(project, ["run"]);
    assert.match(
      stdout,
      /2025-01 restated: 1 row, 1\.50 -> 1\.40 USD\n +This month was already final; its bill changed by -0\.10 USD\./,
    );
    assert.match(stderr, /aws_cur 2025-01 restated: 1 row, 1\.50 -> 1\.40 USD, already final/);
  });

  test("is estimated if the export lacks a column for invoices", async (t) => {
    const project = await createProject(t, curSection);
    const columns = curColumns.filter((column) => column !== "bill/InvoiceId");
    await deliver(project.bucket, curDelivery({ month, id: "a", files: [[curRow(month)]], columns }));
    await runWell(project);
    assert.deepEqual(await states(project), ["2025-01 estimated"]);
  });

  test("stays final with late charges when only a support fee is added, which run and status say without alarm", async (t) => {
    const project = await createProject(t, curSection);
    const rows = [curRow(month, { "bill/InvoiceId": "1", "lineItem/UnblendedCost": "9" })];
    const fee = { "lineItem/ProductCode": "AWSSupportBusiness", "lineItem/LineItemType": "Fee" };
    await deliver(project.bucket, curDelivery({ month, id: "a", files: [rows] }));
    await runWell(project);
    const late = curRow(month, { ...fee, "lineItem/UnblendedCost": "1" });
    await deliver(project.bucket, curDelivery({ month, id: "b", files: [[...rows, late]] }));
    const run = await billhouse(project, ["run"]);
    assert.match(run.stdout, /2025-01 restated: 1 -> 2 rows, 9\.00 -> 10\.00 USD/);
    assert.match(run.stdout, /late charges: only support, tax, credits or corrections changed since it was final/);
    assert.doesNotMatch(run.stdout + run.stderr, /WAS FINAL/);
    const [only] = await months(project);
    assert.deepEqual([only?.state, only?.finalBasis, only?.lateCharges], ["final", "invoice", true]);
    const { code, stdout } = await billhouse(project, ["status", "--check"]);
    assert.match(stdout, /2025-01 +final \(invoice\), late charges/);
    assert.equal(code, 0, stdout);

    const usage = curRow(month, { "bill/InvoiceId": "1", "lineItem/UnblendedCost": "8" });
    await deliver(project.bucket, curDelivery({ month, id: "c", files: [[usage, late]] }));
    assert.equal((await runWell(project)).loaded[0]?.state, "restated-after-final");
    assert.equal((await billhouse(project, ["status", "--check"])).code, 4);
  });

  test("says on which day its data end, and after the 10th what it lacks to be final", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, cur("a", ["", "1"]));
    const run = await billhouse(project, ["run"]);
    assert.match(run.stdout, /data ends 2 January/);
    const seen = async (day: string): Promise<readonly unknown[]> => {
      const [only] = await months(project, day);
      return [only?.state, only?.dataUntil, only?.dataEndsEarly, only?.notFinalBecause, only?.missingDays];
    };
    const lacks = "1 row with a cost lacks an invoice id";
    assert.deepEqual(await seen("2025-01-31"), ["open", "2025-01-02", false, null, []]);
    assert.deepEqual(await seen("2025-02-10"), ["estimated", "2025-01-02", true, null, []]);
    assert.deepEqual(await seen("2025-02-11"), ["estimated", "2025-01-02", true, lacks, []]);
    const { code, stdout } = await billhouse(project, ["status", "--check"]);
    assert.match(
      stdout,
      /! 2025-01: data ends 2 January\.\n +! 2025-01 is not final: 1 row with a cost lacks an invoice id\./,
    );
    assert.equal(code, 4);
    await deliver(project.bucket, cur("b", ["1", "1"]));
    await runWell(project);
    assert.deepEqual(await seen("2025-02-11"), ["final", "2025-01-02", false, null, []]);
  });

  test("needs attention when a delivery has waited for more than a day", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, cur("a", ["1"]));
    await runWell(project);
    const next = cur("b", ["1"], "2");
    await deliver(project.bucket, next);
    await rm(join(project.bucket, next.fileKeys[0] ?? ""));
    const since = Date.parse((await months(project))[0]?.waitingSince ?? "");
    const attention = async (hours: number): Promise<readonly string[]> => {
      const now = new Date(since + hours * 3_600_000);
      const { pipelines } = await status(project.config, { now });
      assert.equal(pipelines[0]?.months[0]?.state, "waiting");
      return pipelines.flatMap((pipeline) => pipeline.attention.map(({ reason }) => reason));
    };
    assert.deepEqual(await attention(23), []);
    assert.deepEqual(await attention(25), ["2025-01 has been waiting for more than 24 hours."]);
    // Deliveries of tests are days old.
    assert.equal((await billhouse(project, ["status", "--check"])).code, 4);
  });

  test("is missing, waiting or refused, beside what the loaded rows are", async (t) => {
    const project = await createProject(t, curSection);
    for (const each of [month, "2025-04"]) await deliver(project.bucket, cur(`${each}-a`, ["1"], "1", each));
    await runWell(project);
    assert.deepEqual(await states(project), ["2025-04 final", "2025-03 missing", "2025-02 missing", "2025-01 final"]);

    for (const each of ["2025-02", "2025-04"]) {
      const delivery = cur(`${each}-b`, ["1"], "2", each);
      await deliver(project.bucket, delivery);
      await rm(join(project.bucket, delivery.fileKeys[0] ?? ""));
    }
    assert.deepEqual(await states(project), ["2025-04 waiting", "2025-03 missing", "2025-02 waiting", "2025-01 final"]);
    const [april, , february] = await months(project);
    assert.deepEqual([april?.finality, april?.executionId, april?.rows], ["final", "2025-04-a", 1]);
    assert.match(april?.reason ?? "", /^1 of 1 files of 2025-04-b are missing/);
    assert.deepEqual([february?.finality, february?.executionId, february?.rows], [null, null, null]);
    const { pipelines } = await status(project.config);
    assert.deepEqual(pipelines[0]?.missingMonths, ["2025-02", "2025-03"]);
    const offline = await status(project.config, { offline: true });
    assert.deepEqual(
      offline.pipelines[0]?.months.map(({ state }) => state),
      ["final", "missing", "missing", "final"],
    );
  });
});

describe("the state of an Azure month", () => {
  const run = (id: string, day: string, end: string, cost: string): Delivery =>
    azureDelivery({
      month,
      id,
      pathTime: `2025${day}0042`,
      pathEnd: end,
      manifestEnd: end,
      files: [usedUntil(end, cost)],
    });
  /** Rows of the last day that is delivered. */
  const usedUntil = (day: string, cost: string): Row[] => {
    const [year, , date] = day.split("-");
    return azureRows(month, cost).map((row) => ({ ...row, Date: `01/${date}/${year}` }));
  };

  test("is final when the last scheduled run is past, and restated after final by what comes later", async (t) => {
    const project = await createProject(t, azureSection);
    await deliver(project.bucket, run("r1", "0120", "2025-01-20", "1"));
    await runWell(project);
    assert.deepEqual(await states(project, "2025-01-20"), ["2025-01 open"]);
    assert.deepEqual(await states(project, "2025-03-01"), ["2025-01 partial"], "the last days never came");
    await deliver(project.bucket, run("r2", "0204", "2025-01-31", "2"));
    await runWell(project);
    assert.deepEqual(await states(project, "2025-03-01"), ["2025-01 estimated"], "the run of the fifth never came");
    await deliver(project.bucket, run("r2-5", "0205", "2025-01-31", "2.5"));
    assert.equal((await runWell(project)).loaded[0]?.state, "final", "and a difference is not reported");
    assert.deepEqual(await states(project, "2025-02-06"), ["2025-01 final"]);
    await deliver(project.bucket, run("r3", "0220", "2025-01-31", "3"));
    await runWell(project);
    assert.deepEqual(await states(project), ["2025-01 restated-after-final"]);
  });

  test("is final by the time in its path if its manifest lacks one", async (t) => {
    for (const [time, state] of [
      ["202502040042", "estimated"],
      ["202502050042", "final"],
    ] as const) {
      const project = await createProject(t, azureSection);
      await deliver(
        project.bucket,
        azureDelivery({ month, id: "r1", pathTime: time, submittedTime: null, files: [usedUntil("2025-01-31", "1")] }),
      );
      assert.equal((await runWell(project)).loaded[0]?.state, state, "also when it is loaded much later");
      assert.deepEqual(await states(project), [`2025-01 ${state}`]);
    }
  });

  test("is partial when days are missing, everywhere, until somebody accepts the gap for this month", async (t) => {
    const project = await createProject(t, azureSection);
    await deliver(project.bucket, run("r1", "0113", "2025-01-31", "2"));
    const first = await billhouse(project, ["run"]);
    assert.match(first.stdout, /partial: 2025-01-14 to 2025-01-31 missing/);
    const missing = [{ from: "2025-01-14", to: "2025-01-31" }];
    const seen = async (day?: string): Promise<readonly unknown[]> => {
      const [only] = await months(project, day);
      return [only?.state, only?.finalBasis, only?.missingDays, only?.accepted];
    };
    assert.deepEqual(await seen("2025-01-31"), ["open", null, [], false]);
    assert.deepEqual(await seen(), ["partial", null, missing, false]);
    const checked = await billhouse(project, ["status", "--check"]);
    assert.equal(checked.code, 4);
    assert.match(checked.stdout, /2025-01 +partial .*\n +1 month loaded, 1 partial\n/);
    const [, command = ""] = /accept the gap: billhouse (.*)/.exec(checked.stdout) ?? [];
    const verified = await billhouse(project, ["verify"]);
    assert.match(
      verified.stdout,
      /missing-days\n +expected +every day is covered\n +found +2025-01-14 to 2025-01-31 missing/,
    );
    assert.match(
      verified.stdout,
      /-> Export these days, or accept the gap: billhouse run azure_billing --month 2025-01 --accept gap\n/,
    );
    assert.equal(verified.code, 4);

    assert.equal((await billhouse(project, ["run", "--accept", "gap"])).code, 64);
    const accepting = await billhouse(project, [...command.split(" "), "--reason", "moved in January"]);
    assert.match(accepting.stdout, /2025-01 is partial \(accepted\): 2025-01-14 to 2025-01-31 missing/);
    assert.deepEqual(await seen(), ["partial", null, missing, true]);
    const after = await billhouse(project, ["status", "--check"]);
    assert.equal(after.code, 0, after.stdout);
    assert.match(after.stdout, /2025-01 +partial \(accepted\)/);
    const well = await billhouse(project, ["verify"]);
    assert.equal(well.code, 0, well.stdout);
    assert.match(well.stdout, /! 2025-01-14 to 2025-01-31 missing, which \S+ accepted on /);
    const receipts = await ask(
      project,
      "SELECT row_count, loaded_at, accepted FROM billing_data.azure_billing_data_load_tracking WHERE billing_month IS NOT NULL ORDER BY _dlt_load_id",
    );
    assert.deepEqual(
      receipts.map((row) => (JSON.parse(String(row["accepted"])) as { gap?: { why: string } } | null)?.gap?.why),
      [undefined, "moved in January"],
    );
    assert.deepEqual(receipts[0]?.["loaded_at"], receipts[1]?.["loaded_at"], "no rows were loaded");
    await rejects(
      diff(project.config, { pipeline: "azure_billing", month: month }),
      "USAGE_INVALID",
      "Only one delivery of",
    );

    await runWell(project, { force: true });
    assert.deepEqual(await seen(), ["partial", null, missing, true], "of the same days");
    await deliver(project.bucket, run("r2", "0206", "2025-01-31", "3"));
    assert.equal((await runWell(project)).loaded[0]?.state, "final");
    assert.deepEqual(await seen(), ["final", "schedule", [], false]);
  });

  test("is refused while a shorter run is the newest", async (t) => {
    const project = await createProject(t, azureSection);
    await deliver(project.bucket, run("r1", "0205", "2025-01-31", "2"));
    await runWell(project);
    await deliver(project.bucket, run("r2", "0206", "2025-01-09", "1"));
    const [only] = await months(project);
    assert.deepEqual([only?.state, only?.finality, only?.executionId], ["refused", "final", "r1"]);
    assert.match(
      only?.reason ?? "",
      /^r2 is not part of the month\. It covers 2025-01-01 to 2025-01-09, which overlaps r1/,
    );
  });
});

describe("status --max-age", () => {
  test("exits with 4 when the newest load is older, or nothing is loaded", async (t) => {
    const project = await createProject(t, curSection);
    const age = async (words: readonly string[]): Promise<readonly [number | null, boolean | undefined]> => {
      const { code, stdout } = await billhouse(project, ["status", "--json", ...words]);
      return [code, (parseResult(stdout) as StatusResult).pipelines[0]?.stale];
    };
    assert.deepEqual(await age(["--max-age", "36h"]), [4, true]);
    await deliver(project.bucket, cur("a", ["1"]));
    await runWell(project);
    assert.deepEqual(await age(["--max-age", "36h"]), [0, false]);
    assert.deepEqual(await age([]), [0, undefined]);
    assert.deepEqual(await age(["--max-age", "0m"]), [4, true]);
    const { code, stderr } = await billhouse(project, ["status", "--max-age", "soon"]);
    assert.deepEqual([code, /--max-age takes a time such as 36h, not "soon"/.test(stderr)], [64, true]);
  });

  test("reports a storage that cannot be read, and still shows the loaded months", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, cur("a", ["1"]));
    await runWell(project);
    await rm(project.bucket, { recursive: true });
    const { code, stdout } = await billhouse(project, ["status"]);
    assert.deepEqual(
      [code, /2025-01 +final/.test(stdout), /The storage cannot be searched for new deliveries/.test(stdout)],
      [0, true, true],
    );
    const { finished } = await runProject(project);
    assert.ok(finished.pipelines[0]?.error);
  });
});
