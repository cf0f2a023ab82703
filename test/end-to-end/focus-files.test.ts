import assert from "node:assert/strict";
import { readFile, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { plan, status, undo, verify } from "../../src/index.ts";
import { focusCsv, focusParquet, focusRow, type FocusRow, vendorFile } from "../support/focus-files.ts";
import { createGoogleProject, exportBucket, requireClean } from "../support/google.ts";
import { temporaryFolder, writeKey } from "../support/folders.ts";
import { ask, billhouse, createProject, onlyResult, outcomes, runProject, runWell } from "../support/projects.ts";
import type { Project } from "../support/projects.ts";

const section = { saas: { bucket_url: "bucket", prefix: "saas", kind: "focus-files" } };

/** What happened to each month, without the ids of executions. */
async function run(project: Project, options: Parameters<typeof runProject>[1] = {}): Promise<string[]> {
  const { finished } = await runProject(project, options);
  return outcomes(onlyResult(finished)).map((line) => line.replace(/ files-[\da-f]{16}$/, ""));
}

/** Rows and cost of each month in the view. */
async function viewed(project: Project): Promise<string[]> {
  const rows = await ask(
    project,
    `SELECT x_BillingMonth || ' ' || count(*) || ' ' || CAST(sum(BilledCost) AS VARCHAR) AS line FROM focus_costs GROUP BY x_BillingMonth ORDER BY 1`,
  );
  return rows.map(({ line }) => String(line).replace(/\.?0+$/, ""));
}

describe("published FOCUS files of several vendors", () => {
  test("load by init and run alone, and stand in focus_costs", async (t) => {
    const bucket = await temporaryFolder(t);
    const oracle = gzipSync(await vendorFile("oracle"));
    await writeKey(bucket, "oci/FOCUS Reports/2024/10/02/0001000001234567-00001.csv.gz", oracle);
    await writeKey(bucket, "microsoft/2024-09/part-0.csv", await vendorFile("microsoft"));
    await writeKey(bucket, "aws-reseller/bill.csv", await vendorFile("aws"));
    const folder = await temporaryFolder(t);
    const init = await billhouse({ folder }, ["init", bucket]);
    assert.equal(init.code, 0, init.stderr);
    const toml = await readFile(join(folder, "billhouse.toml"), "utf8");
    assert.deepEqual(
      [...toml.matchAll(/prefix = "(.*)"\nexport_name = "(.*)"\nkind = "focus-files"/gu)].map(([, ...found]) => found),
      [
        ["aws-reseller", "aws-reseller"],
        ["microsoft", "microsoft"],
        ["oci/FOCUS Reports", "FOCUS Reports"],
      ],
    );
    const loaded = await billhouse({ folder }, ["run"]);
    assert.equal(loaded.code, 0, loaded.stderr);
    const { stdout } = await billhouse({ folder }, [
      "query",
      "--json",
      `SELECT ServiceProviderName AS provider, x_BillingMonth AS month, count(*) AS rows, sum(BilledCost) AS cost,
        count(CommitmentDiscountId) AS commitments FROM focus_costs GROUP BY ALL ORDER BY ALL`,
    ]);
    assert.deepEqual(JSON.parse(stdout), [
      { provider: "AWS", month: "2024-09", rows: "8", cost: "0.0001907906", commitments: "0" },
      { provider: "Microsoft", month: "2024-09", rows: "8", cost: "1.568033558", commitments: "0" },
      { provider: "Oracle", month: "2024-09", rows: "6", cost: "0.29707392473", commitments: "0" },
      { provider: "Oracle", month: "2024-10", rows: "1", cost: "0.24", commitments: "0" },
    ]);
    const again = await billhouse({ folder }, ["verify", "--deep"]);
    assert.equal(again.code, 0, again.stdout);
  });
});

test("BigQuery has the same rows of published FOCUS files as DuckDB", async (t) => {
  const google = await createGoogleProject(t, { oci: { prefix: "oci", kind: "focus-files" } });
  const local = await createProject(t, { oci: { bucket_url: "bucket", prefix: "oci", kind: "focus-files" } });
  for (const vendor of ["oracle", "microsoft"] as const) {
    const bytes = gzipSync(await vendorFile(vendor));
    google.gcs.put(exportBucket, `oci/${vendor}.csv.gz`, bytes);
    await writeKey(local.bucket, `oci/${vendor}.csv.gz`, bytes);
  }
  const parquet = await focusParquet(local.folder, focusRow("2024-11", "0.1"));
  google.gcs.put(exportBucket, "oci/part-0.parquet", parquet);
  await writeKey(local.bucket, "oci/part-0.parquet", parquet);
  const [ours, theirs] = [await runWell(google), await runWell(local)];
  const figures = ({ loaded }: typeof ours): unknown =>
    loaded
      .map(({ billingMonth, rows, files, cost }) => [billingMonth, rows, files, cost] as const)
      .toSorted(([one], [other]) => (one < other ? -1 : 1));
  assert.deepEqual(figures(ours), figures(theirs));
  assert.deepEqual(figures(ours), [
    ["2024-09", 14, 2, { USD: "1.86510748273" }],
    ["2024-10", 1, 1, { USD: "0.24" }],
    ["2024-11", 1, 1, { USD: "0.1" }],
  ]);
  const rows = await ask(
    google,
    "SELECT ServiceProviderName AS provider, COUNT(*) AS n, CAST(SUM(BilledCost) AS STRING) AS cost FROM billing_focus.focus_costs GROUP BY 1 ORDER BY 1",
  );
  assert.deepEqual(
    rows.map(({ provider, n, cost }) => [provider, Number(n), cost]),
    [
      ["Chat AI", 1, "0.1"],
      ["Microsoft", 8, "1.568033558"],
      ["Oracle", 7, "0.53707392473"],
    ],
  );
  assert.deepEqual(await run(google), ["2024-09 unchanged", "2024-10 unchanged", "2024-11 unchanged"]);
  requireClean(google);
});

describe("a folder of FOCUS files", () => {
  test("is a month per billing period: a file with several months is loaded into each of them once", async (t) => {
    const project = await createProject(t, section);
    const both = focusCsv(focusRow("2025-01", "1.10"), focusRow("2025-02", "2.20"));
    await writeKey(project.bucket, "saas/a.csv", both);
    await writeKey(project.bucket, "saas/deep/b.csv.gz", gzipSync(focusCsv(focusRow("2025-02", "0.05"))));
    assert.deepEqual(await run(project), ["2025-01 new", "2025-02 new"]);
    assert.deepEqual(await viewed(project), ["2025-01 1 1.1", "2025-02 2 2.25"]);
    assert.deepEqual(await run(project), ["2025-01 unchanged", "2025-02 unchanged"]);
    assert.equal((await verify(project.config, { deep: true })).ok, true);
  });

  test("restates only the months of a new, rewritten or larger file", async (t) => {
    const project = await createProject(t, section);
    await writeKey(project.bucket, "saas/1.csv", focusCsv(focusRow("2025-01", "1")));
    await writeKey(project.bucket, "saas/2.csv", focusCsv(focusRow("2025-02", "2")));
    await runWell(project);
    await writeKey(project.bucket, "saas/2b.csv", focusCsv(focusRow("2025-02", "3")));
    assert.deepEqual(await run(project), ["2025-01 unchanged", "2025-02 restated"]);
    await writeKey(project.bucket, "saas/1.csv", focusCsv(focusRow("2025-01", "1"), focusRow("2025-01", "7")));
    assert.deepEqual(await run(project), ["2025-01 restated", "2025-02 unchanged"]);
    assert.deepEqual(await viewed(project), ["2025-01 2 8", "2025-02 2 5"]);
  });

  test("changes nothing when files are copied again with the same bytes", async (t) => {
    const project = await createProject(t, section);
    const bytes = focusCsv(focusRow("2025-01", "1"));
    await writeKey(project.bucket, "saas/1.csv", bytes);
    await runWell(project);
    await writeKey(project.bucket, "saas/1.csv", bytes);
    assert.deepEqual(await run(project), ["2025-01 unchanged"]);
  });

  test("waits for a file that may still be arriving, also for one that was loaded before", async (t) => {
    const project = await createProject(t, section);
    await writeKey(project.bucket, "saas/1.csv", focusCsv(focusRow("2025-01", "1")));
    const young = await writeKey(project.bucket, "saas/2.csv", focusCsv(focusRow("2025-01", "2")), true);
    // Cut off in its first line: nothing says yet which month it belongs to.
    await writeKey(project.bucket, "saas/3.csv.gz", gzipSync("BilledCost,Bill").subarray(0, 12), true);
    assert.deepEqual(await run(project), ["2025-01 waiting"]);
    const hourAgo = Date.now() / 1000 - 3600;
    await utimes(young, hourAgo, hourAgo);
    assert.deepEqual(await run(project), ["2025-01 new"]);
    await writeKey(project.bucket, "saas/1.csv", focusCsv(focusRow("2025-01", "5")), true);
    assert.deepEqual(await run(project), ["2025-01 waiting"]);
    assert.deepEqual(await run(project, { force: true }), ["2025-01 restated"]);
    assert.deepEqual(await viewed(project), ["2025-01 2 7"]);
  });

  test("keeps a month whose file vanished until the file is back or its absence is accepted", async (t) => {
    const project = await createProject(t, section);
    await writeKey(project.bucket, "saas/1.csv", focusCsv(focusRow("2025-01", "1")));
    const second = await writeKey(
      project.bucket,
      "saas/2.csv",
      focusCsv(focusRow("2025-01", "1", { ServiceName: "Search" })),
    );
    const only = await writeKey(project.bucket, "saas/3.csv", focusCsv(focusRow("2025-02", "4")));
    await runWell(project);
    await rm(second);
    await rm(only);
    const { pipelines } = await plan(project.config);
    assert.deepEqual(
      pipelines[0]?.months.map(({ billingMonth, action, reason }) => [billingMonth, action, reason]),
      [
        [
          "2025-02",
          "waiting",
          "saas/3.csv is no longer in the storage, and the loaded rows are kept. The month loads once files with its rows are there; if they were deleted on purpose, set `first_month` to a later month.",
        ],
        [
          "2025-01",
          "waiting",
          "saas/2.csv is no longer in the storage, and the loaded rows are kept. The month loads once the file is back, or without it: billhouse run saas --accept removed-files --month 2025-01",
        ],
      ],
    );
    assert.deepEqual(await run(project, { force: true }), ["2025-01 waiting", "2025-02 waiting"]);
    const accepted = { accept: ["removed-files"], months: { only: ["2025-01"] } };
    assert.deepEqual(await run(project, accepted), ["2025-01 restated"]);
    assert.deepEqual(await viewed(project), ["2025-01 1 1", "2025-02 1 4"]);
    await writeKey(project.bucket, "saas/3.csv", focusCsv(focusRow("2025-02", "4")));
    assert.deepEqual(await run(project), ["2025-01 unchanged", "2025-02 unchanged"]);
  });

  test("keeps a month whose rows are no longer in the file that was written again", async (t) => {
    const project = await createProject(t, section);
    await writeKey(project.bucket, "saas/latest.csv", focusCsv(focusRow("2025-01", "1")));
    await runWell(project);
    await writeKey(project.bucket, "saas/latest.csv", focusCsv(focusRow("2025-02", "2")));
    assert.deepEqual(await run(project), ["2025-01 waiting", "2025-02 new"]);
    assert.deepEqual(await viewed(project), ["2025-01 1 1", "2025-02 1 2"]);
    const [pipeline] = (await plan(project.config)).pipelines;
    assert.match(pipeline?.months[1]?.reason ?? "", /latest\.csv was written again without rows of 2025-01/u);
    const { notes } = await runWell(project, { accept: ["removed-files"], months: { only: ["2025-01"] } });
    assert.deepEqual(notes, ["No delivery of 2025-01 is in the storage, only 2025-02. Its loaded rows stay."]);
  });

  test("undo restores the previous files, and the undone set is refused", async (t) => {
    const project = await createProject(t, section);
    await writeKey(project.bucket, "saas/1.csv", focusCsv(focusRow("2025-01", "1")));
    await runWell(project);
    await writeKey(project.bucket, "saas/2.csv", focusCsv(focusRow("2025-01", "2")));
    await runWell(project);
    await undo(project.config, { pipeline: "saas", month: "2025-01" });
    assert.deepEqual(await run(project), ["2025-01 refused"]);
    assert.deepEqual(await viewed(project), ["2025-01 1 1"]);
    await writeKey(project.bucket, "saas/3.csv", focusCsv(focusRow("2025-01", "4")));
    assert.deepEqual(await run(project), ["2025-01 restated"]);
    assert.deepEqual(await viewed(project), ["2025-01 3 7"]);
  });

  test("reads FOCUS 1.0 to 1.4 in one folder, in CSV and Parquet", async (t) => {
    const project = await createProject(t, section);
    const newer = focusRow("2025-02", "2.5", {
      ProviderName: undefined,
      PublisherName: undefined,
      ServiceProviderName: "Chat AI",
      HostProviderName: "AWS",
      InvoiceDetailId: "d-1",
    });
    await writeKey(project.bucket, "saas/1.0.csv", focusCsv(focusRow("2025-01", "1.25")));
    await writeKey(project.bucket, "saas/1.4.csv", focusCsv(newer));
    await writeKey(
      project.bucket,
      "saas/part-0.snappy.parquet",
      await focusParquet(project.folder, focusRow("2025-03", "0.1")),
    );
    assert.deepEqual(await run(project), ["2025-01 new", "2025-02 new", "2025-03 new"]);
    const rows = await ask(
      project,
      `SELECT x_BillingMonth AS month, ServiceProviderName AS provider, HostProviderName AS host, CAST(BilledCost AS VARCHAR) AS cost,
        Tags AS tags FROM focus_costs ORDER BY 1`,
    );
    assert.deepEqual(rows, [
      {
        month: "2025-01",
        provider: "Chat AI",
        host: "Chat AI",
        cost: "1.250000000000000000",
        tags: '{"team":"search"}',
      },
      { month: "2025-02", provider: "Chat AI", host: "AWS", cost: "2.500000000000000000", tags: '{"team":"search"}' },
      {
        month: "2025-03",
        provider: "Chat AI",
        host: "Chat AI",
        cost: "0.100000000000000000",
        tags: '{"team":"search"}',
      },
    ]);
    const older = await ask(project, `SELECT ProviderName AS name FROM focus_v1_2 WHERE x_BillingMonth = '2025-02'`);
    assert.deepEqual(older, [{ name: "Chat AI" }]);
  });

  test("keeps cents, hours and zeros of later files where the first one has whole costs, days and accounts as numbers", async (t) => {
    const google = await createGoogleProject(t, { saas: { prefix: "saas", kind: "focus-files" } });
    const local = await createProject(t, section);
    const put = async (key: string, bytes: string | Uint8Array): Promise<void> => {
      google.gcs.put(exportBucket, key, bytes);
      await writeKey(local.bucket, key, bytes);
    };
    const narrow = { BilledCost: "BIGINT", EffectiveCost: "INTEGER", SubAccountId: "BIGINT" };
    const days = { BillingPeriodStart: "DATE", BillingPeriodEnd: "DATE", ChargePeriodStart: "DATE" };
    const whole = focusRow("2025-01", "3", { SubAccountId: "12" });
    await put("saas/1.parquet", await focusParquet(local.folder, whole, { ...narrow, ...days }));
    for (const project of [google, local]) assert.deepEqual(await run(project), ["2025-01 new"]);
    const later = focusRow("2025-02", "0.25", { SubAccountId: "007", ChargePeriodStart: "2025-02-02T05:00:00Z" });
    await put("saas/2.parquet", await focusParquet(local.folder, later));
    for (const project of [google, local]) {
      assert.deepEqual(await run(project), ["2025-01 unchanged", "2025-02 new"]);
      const rows = await ask(
        project,
        `SELECT CAST(BilledCost AS STRING) AS cost, SubAccountId AS account, EXTRACT(HOUR FROM ChargePeriodStart) AS hour
          FROM billing_data.saas_data ORDER BY BilledCost`,
      );
      assert.deepEqual(
        rows.map(({ cost, account, hour }) => [Number(cost), account, Number(hour)]),
        [
          [0.25, "007", 5],
          [3, "12", 0],
        ],
      );
    }
  });

  test("leaves out files of the other FOCUS datasets, and files that a writer has not published", async (t) => {
    const project = await createProject(t, section);
    await writeKey(project.bucket, "saas/costs.csv", focusCsv(focusRow("2025-01", "1")));
    await writeKey(project.bucket, "saas/periods.csv", "BillingPeriodStart,BillingPeriodStatus\n2025-01-01,Open\n");
    await writeKey(
      project.bucket,
      "saas/invoices.csv",
      "BilledCost,BillingPeriodStart,InvoiceIssueStatus\n1,2025-01-01,Open\n",
    );
    await writeKey(project.bucket, "saas/_temporary/0/part-0.csv", focusCsv(focusRow("2025-01", "9")));
    await writeKey(project.bucket, "saas/_SUCCESS", "");
    await writeKey(project.bucket, "saas/manifest.json", "{}");
    await writeKey(project.bucket, "saas/empty.csv", "");
    assert.deepEqual(await run(project), ["2025-01 new"]);
    assert.deepEqual(await viewed(project), ["2025-01 1 1"]);
  });

  test("counts a charge once that two folders have, and keeps those of different vendors apart", async (t) => {
    const project = await createProject(t, {
      first: { bucket_url: "bucket", prefix: "first", kind: "focus-files" },
      second: { bucket_url: "bucket", prefix: "second", kind: "focus-files" },
    });
    const other = { ProviderName: "Data Lake", SubAccountId: "" };
    await writeKey(project.bucket, "first/a.csv", focusCsv(focusRow("2025-01", "1")));
    await writeKey(project.bucket, "second/a.csv", focusCsv(focusRow("2025-01", "1"), focusRow("2025-01", "4", other)));
    await runProject(project);
    assert.deepEqual(await viewed(project), ["2025-01 2 5"]);
    const older = await ask(project, "SELECT CAST(sum(BilledCost) AS VARCHAR) AS cost FROM focus_v1_2");
    assert.deepEqual(older, [{ cost: "5.000000000000000000" }]);
  });
});

describe("FOCUS files that repeat others", () => {
  test("of several files with the same bytes one is loaded, and plan, run, status and verify name the others", async (t) => {
    const project = await createProject(t, section);
    const bytes = focusCsv(focusRow("2025-01", "1"));
    await writeKey(project.bucket, "saas/bill.csv", bytes);
    await writeKey(project.bucket, "saas/2025-02-01/copy.csv", bytes);
    await writeKey(project.bucket, "saas/other.csv", focusCsv(focusRow("2025-01", "2")));
    const [planned] = (await plan(project.config)).pipelines;
    assert.deepEqual(
      planned?.months.map(({ action, files, passedOver }) => [action, files, passedOver]),
      [["new", 2, [{ executionId: "saas/bill.csv", reason: "It has the same bytes as saas/2025-02-01/copy.csv." }]]],
    );
    const { loaded } = await runWell(project);
    const note = "saas/bill.csv left out: it has the same bytes as saas/2025-02-01/copy.csv";
    assert.deepEqual(
      loaded.map(({ rows, cost, notes }) => [rows, cost, notes]),
      [[2, { USD: "3" }, [note]]],
    );
    assert.deepEqual((await status(project.config)).pipelines[0]?.months[0]?.notes, [note]);
    const verified = await verify(project.config, { deep: true });
    assert.equal(verified.ok, true);
    assert.ok(verified.checks.some(({ name, note: text }) => name === "copies" && text === note));
    assert.deepEqual(await run(project), ["2025-01 unchanged"]);
  });

  test("a copy that appears later, and a file that is renamed, change nothing", async (t) => {
    const project = await createProject(t, section);
    const bytes = focusCsv(focusRow("2025-01", "1"));
    const first = await writeKey(project.bucket, "saas/b.csv", bytes);
    await runWell(project);
    await writeKey(project.bucket, "saas/a.csv", bytes);
    assert.deepEqual(await run(project), ["2025-01 unchanged"]);
    await rm(first);
    assert.deepEqual(await run(project), ["2025-01 restated"]);
    assert.deepEqual(await run(project), ["2025-01 unchanged"]);
    assert.deepEqual(await viewed(project), ["2025-01 1 1"]);
  });

  test("an older export beside a newer one fails the month until one of them is gone, or both are accepted", async (t) => {
    const project = await createProject(t, section);
    const day = (number: number, columns: FocusRow = {}): FocusRow =>
      focusRow("2025-01", `${number}.10`, { ChargePeriodStart: `2025-01-0${number}T00:00:00Z`, ...columns });
    const older = await writeKey(project.bucket, "saas/run-1/bill.csv", focusCsv(day(1), day(2), day(3)));
    await runWell(project);
    // Other columns, another order of rows, other texts of the same times and costs, and more charges.
    const plainer = { ChargePeriodStart: "2025-01-01", BilledCost: "1.1", Tags: undefined };
    const newer = focusCsv(day(5, { Tags: undefined }), day(4), day(3), day(2), day(1, plainer));
    await writeKey(project.bucket, "saas/run-2/bill.csv", newer);
    assert.deepEqual(await run(project), ["2025-01 failed CHARGES_REPEATED"]);
    assert.deepEqual(await run(project, { force: true }), ["2025-01 failed CHARGES_REPEATED"]);
    assert.deepEqual(await viewed(project), ["2025-01 3 6.3"]);
    const [failed] = (await plan(project.config)).pipelines[0]?.failed ?? [];
    assert.equal(
      failed?.message,
      "saas/run-1/bill.csv has charges that are also in saas/run-2/bill.csv: 3 of 3 that were compared. Loading all of these files would count them twice.",
    );
    const command = /charges of its own: billhouse (run .*)$/u.exec(failed.hint)?.[1]?.split(" ") ?? [];
    const both = await createProject(t, { saas: { ...section.saas, bucket_url: project.bucket } });
    assert.equal((await billhouse(both, command)).code, 0);
    assert.deepEqual(await run(both), ["2025-01 unchanged"]);
    // What was accepted is not compared again, new files are.
    await writeKey(project.bucket, "saas/run-3/bill.csv", focusCsv(day(6)));
    assert.deepEqual(await run(both), ["2025-01 restated"]);
    await rm(older);
    assert.deepEqual(await run(project), ["2025-01 restated"]);
    assert.deepEqual(await viewed(project), ["2025-01 6 21.6"]);
  });

  test("parts of one export, days, accounts, and many charges of one price do not count as repeated", async (t) => {
    const project = await createProject(t, section);
    const calls = (account: string): FocusRow[] =>
      Array.from({ length: 40 }, () => focusRow("2025-01", "0.04", { SubAccountId: account }));
    const days = (part: number): FocusRow[] =>
      Array.from({ length: 100 }, (_, index) => focusRow("2025-01", `0.${1000 + index * 2 + part}`));
    await writeKey(project.bucket, "saas/part-0.csv", focusCsv(...days(0), ...calls("a")));
    await writeKey(project.bucket, "saas/part-1.csv", focusCsv(...days(1), ...calls("a")));
    await writeKey(project.bucket, "saas/part-2.csv", focusCsv(...calls("a"), ...calls("b")));
    assert.deepEqual(await run(project), ["2025-01 new"]);
  });

  test("beside Oracle's own reports nothing is loaded until the folder of its FOCUS files is named, as the hints say", async (t) => {
    const project = await createProject(t, { bills: { bucket_url: "bucket" } });
    await writeKey(project.bucket, "reports/cost-csv/0001000000012345.csv.gz", gzipSync("lineItem/referenceNo\n1\n"));
    await writeKey(
      project.bucket,
      "FOCUS Reports/2024/10/02/0001000001234567-00001.csv.gz",
      gzipSync(await vendorFile("oracle")),
    );
    const { error } = onlyResult((await runProject(project)).finished);
    assert.equal(error?.code, "EXPORT_NOT_FOUND");
    assert.match(error.message, /looks like Oracle Cloud reports, which are not supported/u);
    assert.match(error.hint ?? "", /Set `prefix` in \[sources\.bills\] to "FOCUS Reports"\.$/u);
    const folder = await temporaryFolder(t);
    const refused = await billhouse({ folder }, ["init", project.bucket]);
    const [, address = ""] = /Run `billhouse init "(.*)"`/u.exec(refused.stderr.replaceAll(/\s+/gu, " ")) ?? [];
    assert.equal(address, `${project.bucket}/FOCUS Reports`, refused.stderr);
    assert.equal((await billhouse({ folder }, ["init", address])).code, 0);
    assert.equal((await billhouse({ folder }, ["run"])).code, 0);
    const named = await createProject(t, { bills: { bucket_url: project.bucket, prefix: "FOCUS Reports" } });
    assert.deepEqual(await run(named), ["2024-09 new", "2024-10 new"]);
  });
});

describe("FOCUS files that cannot be loaded", () => {
  test("a file without BillingPeriodStart or costs is named, and nothing is loaded", async (t) => {
    for (const [left, what] of [
      [["BillingPeriodStart"], "the column BillingPeriodStart is missing"],
      [["BilledCost", "EffectiveCost"], "it lacks a cost column (BilledCost, EffectiveCost)"],
    ] as const) {
      const project = await createProject(t, section);
      await writeKey(project.bucket, "saas/good.csv", focusCsv(focusRow("2025-01", "1")));
      const lacking = Object.fromEntries(left.map((name) => [name, undefined]));
      await writeKey(project.bucket, "saas/stray.csv", focusCsv(focusRow("2025-01", "1", lacking)));
      const { finished } = await runProject(project);
      const { error } = onlyResult(finished);
      assert.equal(error?.code, "FILE_INVALID");
      assert.equal(error.message, `saas/stray.csv is not a FOCUS file of costs: ${what}.`);
    }
  });

  test("a row without a period fails the months of its file alone", async (t) => {
    const project = await createProject(t, section);
    await writeKey(project.bucket, "saas/1.csv", focusCsv(focusRow("2025-01", "1")));
    const lacking = focusRow("2025-02", "1", { BillingPeriodStart: "" });
    await writeKey(project.bucket, "saas/2.csv", focusCsv(focusRow("2025-02", "1"), lacking));
    const { finished } = await runProject(project);
    const result = onlyResult(finished);
    assert.deepEqual(
      outcomes(result).map((line) => line.replace(/ files-.*/, "")),
      ["2025-01 new", "2025-02 failed PERIOD_MISSING"],
    );
    assert.match(result.failed[0]?.message ?? "", /^saas\/2\.csv, line 3, column BillingPeriodStart:/u);
  });

  test("files of a month with different cost columns are refused", async (t) => {
    const project = await createProject(t, section);
    await writeKey(project.bucket, "saas/1.csv", focusCsv(focusRow("2025-01", "1")));
    await writeKey(project.bucket, "saas/2.csv", focusCsv(focusRow("2025-01", "2", { EffectiveCost: undefined })));
    const { finished } = await runProject(project);
    const result = onlyResult(finished);
    assert.deepEqual(outcomes(result), ["2025-01 failed FILE_INVALID"]);
    assert.match(
      result.failed[0]?.message ?? "",
      /saas\/2\.csv is missing the column "EffectiveCost", which other files of the month have/u,
    );
  });

  test("an empty folder is an error that names the prefix", async (t) => {
    const project = await createProject(t, section);
    await writeKey(project.bucket, "saas/readme.txt", "hello");
    const { finished } = await runProject(project);
    assert.equal(onlyResult(finished).error?.code, "EXPORT_NOT_FOUND");
    assert.equal((await status(project.config)).pipelines[0]?.months.length, 0);
  });
});
