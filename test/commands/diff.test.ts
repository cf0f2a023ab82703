import assert from "node:assert/strict";
import { test } from "node:test";
import { curDelivery, curRow, deliver } from "../support/deliveries.ts";
import { billhouse } from "../support/in-process.ts";
import { createProject, curSection, runWell } from "../support/projects.ts";

test("diff --csv has a line for each service, account and charge type that changed, with exact amounts", async (t) => {
  const project = await createProject(t, curSection);
  const month = "2025-01";
  const row = (service: string, cost: string) =>
    curRow(month, {
      "lineItem/ProductCode": service,
      "lineItem/UsageAccountId": "0042",
      "lineItem/UnblendedCost": cost,
    });
  for (const [id, rows] of [
    ["old", [row("AmazonEC2", "1.10"), row("AmazonS3", "2")]],
    ["new", [row("AmazonEC2", "1.1000000001"), row("AmazonS3", "2"), row('a "b", c', "-0.5")]],
  ] as const) {
    await deliver(project.bucket, curDelivery({ month, id, files: [rows] }));
    await runWell(project);
  }
  const { code, stdout, stderr } = await billhouse(project.folder, ["diff", "aws_cur", month, "--csv"]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(
    stdout,
    [
      "by,value,currency,rows_before,rows_after,cost_before,cost_after,difference",
      'service,"a ""b"", c",USD,0,1,0,-0.5,-0.5',
      "service,AmazonEC2,USD,1,1,1.1,1.1000000001,0.0000000001",
      "account,0042,USD,2,3,3.1,2.6000000001,-0.4999999999",
      "charge_type,Usage,USD,2,3,3.1,2.6000000001,-0.4999999999",
      "",
    ].join("\n"),
  );
});
