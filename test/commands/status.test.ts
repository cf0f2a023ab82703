import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { plan, status } from "../../src/index.ts";
import { azureDelivery, azureRow, curDelivery, curRow, curRows, deliver } from "../support/deliveries.ts";
import { billhouse } from "../support/in-process.ts";
import { azureSection, createProject, curSection, runProject, runWell } from "../support/projects.ts";

const now = new Date("2026-07-01T12:00:00Z");

describe("status", () => {
  test("has a digest, the newest 13 months, and exact totals per currency of all months", async (t) => {
    const project = await createProject(t, curSection);
    const months = Array.from({ length: 15 }, (_, index) =>
      new Date(Date.UTC(2025, index, 1)).toISOString().slice(0, 7),
    );
    for (const month of months) {
      const invoice = { "bill/InvoiceId": "1", "lineItem/UsageStartDate": `${month}-28T00:00:00Z` };
      const rows = [curRow(month, { ...invoice, "lineItem/UnblendedCost": "0.005" })];
      if (month === "2026-02")
        rows.push(curRow(month, { ...invoice, "lineItem/CurrencyCode": "EUR", "lineItem/UnblendedCost": "1.5" }));
      await deliver(project.bucket, curDelivery({ month, id: month, files: [rows] }));
    }
    await runWell(project, { now });
    const form = { now: new Date() };
    const shown = await billhouse(project.folder, ["status"], {}, form);
    assert.match(shown.stdout, /^All 15 months are loaded; newest load (just now|1 minute ago)\.\n/);
    assert.doesNotMatch(shown.stdout, /2025-02/);
    assert.match(shown.stdout, /2025-03 +final/);
    assert.match(shown.stdout, /\n {2}total +16 +0\.08 USD\n +1\.50 EUR\n {2}15 months loaded, no gaps\n/);
    assert.match(shown.stdout, /\n {2}2 older months not shown but included in the total; --all shows them\.\n/);
    assert.match((await billhouse(project.folder, ["status", "--all"], {}, form)).stdout, /2025-01 +final/);
    const { pipelines } = await status(project.config);
    assert.deepEqual(
      [pipelines[0]?.months.length, pipelines[0]?.total],
      [15, { rows: 16, cost: { USD: "0.075", EUR: "1.5" } }],
    );
    const some = await billhouse(project.folder, ["status", "--from", "2025-01", "--to", "2025-02"], {}, form);
    assert.match(some.stdout, /^All 2 months are loaded;[^]*\n {2}total +2 +0\.01 USD\n/);
    const json = await billhouse(project.folder, ["status", "aws_cur", "2026-02", "--json"], {}, form);
    const only = (JSON.parse(json.stdout) as { pipelines: { months: unknown[]; total: unknown }[] }).pipelines[0];
    assert.deepEqual([only?.months.length, only?.total], [1, { rows: 2, cost: { USD: "0.005", EUR: "1.5" } }]);
  });

  test("counts months that the state has forgotten, and plan says which rows are replaced", async (t) => {
    const project = await createProject(t, curSection);
    for (const month of ["2025-01", "2025-03"])
      await deliver(project.bucket, curDelivery({ month, id: `d-${month}`, files: [curRows(month, "1", "2")] }));
    await runWell(project);
    await billhouse(project.folder, ["state", "forget", "aws_cur", "2025-03"]);
    const [planned] = (await plan(project.config)).pipelines[0]?.months ?? [];
    assert.equal(planned?.reason, "The state has forgotten this month: the load replaces its 2 rows of d-2025-03.");
    const { stdout } = await billhouse(project.folder, ["status"]);
    assert.match(stdout, /2025-03 +forgotten/);
    assert.match(stdout, /\n {2}total +4 +6\.00 USD/);
    assert.match(stdout, /1 month loaded, 1 forgotten by the state \(the rows are still there\), 1 missing\n/);
    assert.equal((await status(project.config)).pipelines[0]?.missingMonths.join(), "2025-02");
  });

  test("and plan say that a file that was loaded is no longer there, and not that it has not arrived", async (t) => {
    const project = await createProject(t, curSection);
    const delivery = curDelivery({
      month: "2025-01",
      id: "a",
      files: [curRows("2025-01", "1"), curRows("2025-01", "2")],
    });
    await deliver(project.bucket, delivery);
    await runWell(project);
    await rm(join(project.bucket, delivery.fileKeys[1] ?? ""));
    const [planned] = (await plan(project.config)).pipelines[0]?.months ?? [];
    assert.equal(planned?.action, "waiting");
    assert.match(
      planned.reason,
      /^1 of 2 files of a are no longer in the storage; the first is .*\. They were there when/,
    );
    assert.match(
      (await billhouse(project.folder, ["status"])).stdout,
      /2025-01: 1 of 2 files of a are no longer in the storage/,
    );
  });
});

describe("run says", () => {
  test("that a month does not have a gap to accept, and that --reason needs one", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, curDelivery({ month: "2025-01", id: "a", files: [curRows("2025-01", "1")] }));
    for (const how of ["while it is loaded", "when it is loaded already"]) {
      const { code, stdout } = await billhouse(project.folder, ["run", "--accept", "gap", "--month", "2025-01"]);
      assert.equal(code, 0, how);
      assert.match(stdout, /2025-01 does not have a gap to accept: none of its days are missing\n/, how);
    }
    const { code, stderr } = await billhouse(project.folder, ["run", "--reason", "because"]);
    assert.equal(code, 64);
    assert.match(stderr, /--reason says why a gap is accepted, and --accept gap is missing\./);
  });

  test("which command waives a check, with the checks that were waived before", async (t) => {
    const project = await createProject(t, azureSection);
    const delivery = azureDelivery({
      month: "2025-01",
      id: "r1",
      files: [[azureRow("2025-01"), azureRow("2025-02", { BillingPeriodStartDate: "02/01/2025" })]],
      declared: { total: 5 },
    });
    await deliver(project.bucket, delivery);
    const hint = async (accept: readonly string[]): Promise<string> => {
      const { finished } = await runProject(project, { accept, force: accept.length > 0 });
      return finished.pipelines[0]?.failed[0]?.hint ?? "nothing failed";
    };
    const command = "billhouse run azure_billing --force --accept scope --accept other-months";
    assert.ok((await hint(["scope"])).endsWith(`leave these rows out: ${command}`));
    const row = await hint(["scope", "other-months"]);
    assert.ok(row.endsWith(`load it: ${command} --accept row-count --month 2025-01`), row);
    const { code, stdout } = await billhouse(project.folder, row.slice(row.indexOf(" run ") + 1).split(" "));
    assert.equal(code, 0, stdout);
  });
});
