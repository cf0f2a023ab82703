import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import { answering, bill, charge } from "../answers/bills.ts";
import type { GoogleProject } from "../support/google.ts";
import { dashboard } from "./dashboard.ts";

const months = ["2025-02", "2025-03"] as const;

async function loaded(t: TestContext): Promise<GoogleProject> {
  const bills = months.map((month) => bill(month, [charge(month, { EffectiveCost: "1234.5" })]));
  return (await answering.BigQuery(t, await Promise.all(bills))) as GoogleProject;
}

/** The statements on the view, and on the sums that are kept of it, that were run, and not only estimated. */
function statementsRun({ bigquery }: GoogleProject): number {
  return [...bigquery.jobs.values()].filter(({ configuration }) =>
    /focus_(?:costs|daily|sku_monthly)/u.test(JSON.stringify(configuration)),
  ).length;
}

/** What statements read that were estimated. */
function estimated({ bigquery }: GoogleProject): readonly string[] {
  const texts = bigquery.requests
    .map(({ body }) => JSON.stringify(body) ?? "")
    .filter((body) => body.includes('"dryRun":true'));
  return [...new Set(texts.flatMap((text) => /focus_(?:costs|daily|sku_monthly)/u.exec(text)?.[0] ?? []))];
}

describe("the dashboard on BigQuery", () => {
  test("shows what a page would bill before it does, and runs no statement until it is confirmed", async (t) => {
    const project = await loaded(t);
    const before = statementsRun(project);
    const { get } = await dashboard(t, project.config, { maxBytes: 0 });
    const refused = await get("/costs?month=2025-03");
    assert.equal(refused.status, 403);
    assert.match(refused.text, /BigQuery would bill [\d.]+ k?B for this/u);
    assert.equal(statementsRun(project), before);
    assert.deepEqual(
      estimated(project),
      ["focus_sku_monthly", "focus_daily"],
      "the estimate is that of the sums that are kept",
    );
    const [, link = ""] = /href="([^"]+bytes=\d+)"/u.exec(refused.text) ?? [];
    const shown = await get(link.replaceAll("&amp;", "&"));
    assert.equal(shown.status, 200);
    assert.match(shown.text, /1,234\.50/u);
    const after = statementsRun(project);
    assert.ok(after > before);
    // What is in memory is free.
    assert.equal((await get("/costs?month=2025-03")).status, 200);
    assert.equal(statementsRun(project), after);
    assert.equal((await get("/csv/costs.csv?month=2025-02")).status, 403);
    assert.equal((await get("/loads")).status, 200);
  });

  test("shows all pages that bill little at once, and asks again after ten minutes", async (t) => {
    const project = await loaded(t);
    let now = new Date("2025-06-01T00:00:00Z");
    const { get } = await dashboard(t, project.config, { now: () => now });
    const { status, text } = await get("/");
    assert.equal(status, 200);
    assert.match(text, /1,234\.50 <small>USD/u);
    const once = statementsRun(project);
    await get("/");
    assert.equal(statementsRun(project), once);
    for (const path of [
      "/?grain=month&by=account",
      "/costs?from=2025-02&to=2025-03&grain=month",
      "/costs?filter=service%3DServers&by=account",
      "/changes?filter=service%3DServers",
      "/commitments",
      "/untagged",
      "/questions/services",
      "/quality",
      "/source/savings?month=2025-03",
      "/csv/untagged.csv?month=2025-03",
    ]) {
      const page = await get(path);
      assert.equal(page.status, 200, `${path}: ${page.text.slice(0, 500)}`);
    }
    const all = statementsRun(project);
    await get("/costs?filter=service%3DServers&by=account");
    assert.equal(statementsRun(project), all);
    now = new Date("2025-06-01T00:11:00Z");
    await get("/");
    assert.ok(statementsRun(project) > all);
  });
});
