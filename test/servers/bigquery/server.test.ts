import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { bills, monthly, refuses, text, useBench } from "./bench.ts";
import { queryConfiguration } from "./client.ts";

const bench = useBench();

test("a query job of the BigQuery server takes a key only for the table of a SELECT", async () => {
  const destinationEncryptionConfiguration = { kmsKeyName: "key" };
  const run = async (sql: string, more: object = {}): Promise<string | undefined> =>
    bench.client.failure({ query: { ...queryConfiguration(sql, {}), destinationEncryptionConfiguration, ...more } });
  await bench.createTable("t", [text("x")]);
  for (const [sql, message] of [
    ["SELECT 1 AS x; SELECT 2 AS x", "destinationEncryptionConfiguration cannot be set for scripts"],
    ["INSERT INTO d.t (x) VALUES ('a')", "Cannot set kms key name"],
    ["ALTER TABLE d.t RENAME TO u", "Cannot set kms key name"],
    ["CREATE TABLE d.u AS SELECT 1 AS x", "Cannot set kms key name"],
  ] as const) {
    assert.ok((await run(sql))?.includes(message), sql);
  }
  const destinationTable = { projectId: "p", datasetId: "d", tableId: "made" };
  assert.equal(await run("SELECT 1 AS x", { destinationTable, writeDisposition: "WRITE_TRUNCATE" }), undefined);
  await bench.client.query("CREATE TABLE d.u OPTIONS (kms_key_name = 'key') AS SELECT 1 AS x");
  for (const name of ["made", "u"]) {
    assert.deepEqual(bench.server.table("d", name)?.encryptionConfiguration, { kmsKeyName: "key" });
  }
});

describe("datasets and tables of the BigQuery server", () => {
  test("are listed page by page, three at a time", async () => {
    for (const name of ["a", "b", "c", "e", "f", "g", "h"]) await bench.createTable(name, [text("x")]);
    const names: string[] = [];
    let pageToken: string | undefined;
    let pages = 0;
    do {
      const page = await bench.client.request<{
        tables: { tableReference: { tableId: string } }[];
        nextPageToken?: string;
      }>({
        uri: "/datasets/d/tables",
        qs: { maxResults: 1000, pageToken },
      });
      names.push(...page.tables.map(({ tableReference }) => tableReference.tableId));
      pageToken = page.nextPageToken;
      pages++;
    } while (pageToken !== undefined);
    assert.deepEqual([names.join(""), pages], ["abcefgh", 3]);
    await refuses(bench.client.request({ uri: "/datasets/d/tables", qs: { pageToken: "mine" } }), "page token");
  });

  test("say what is not there, and what is there already", async () => {
    await bench.createTable("t", [text("x")]);
    await refuses(bench.client.request({ uri: "/datasets/no" }), "Not found: Dataset p:no", "notFound");
    await refuses(bench.client.request({ uri: "/datasets/d/tables/no" }), "Not found: Table p:d.no", "notFound");
    await refuses(bench.createTable("t", [text("x")]), "Already Exists: Table p:d.t", "duplicate");
    const json = { datasetReference: { datasetId: "d" } };
    await refuses(
      bench.client.request({ method: "POST", uri: "/datasets", json }),
      "Already Exists: Dataset p:d",
      "duplicate",
    );
    await refuses(bench.client.request({ uri: "/datasets/d/models" }), "does not know GET", "notImplemented");
    assert.equal(bench.server.refused.length, 1);
  });

  test("answer with and without the base path", async () => {
    for (const base of ["/bigquery/v2", ""]) {
      assert.equal((await fetch(`${bench.server.endpoint}${base}/projects/p/datasets/d`)).status, 200);
    }
  });

  test("take names of columns by the rules", async () => {
    await bench.createTable("t", ["a b", "größe", "a&b%c=d+e:f'g<h>i#j|k-l", "_x", "x".repeat(300)].map(text));
    const wrong = [
      "",
      "a.b",
      "a/b",
      'a"b',
      "a`b",
      "a(b",
      "x".repeat(301),
      "_TABLE_x",
      "_partitiontime",
      "_Change_Type",
    ];
    for (const name of wrong) await refuses(bench.createTable("u", [text(name)]), "Invalid field name", "invalid");
    await refuses(bench.createTable("u", [text("Cost"), text("cost")]), "Duplicate field name", "invalid");
    const many = Array.from({ length: 10_001 }, (_, index) => text(`c${index}`));
    await refuses(bench.createTable("u", many), "Too many columns", "invalid");
  });

  test("let a schema grow, and change in no other way", async () => {
    await bench.createTable("t", [{ name: "a", type: "STRING", mode: "REQUIRED" }, text("b")]);
    const relaxed = [text("a"), { ...text("b"), description: "said" }, text("c")];
    await bench.patch("t", { schema: { fields: relaxed } });
    assert.deepEqual(
      bench.server.table("d", "t")?.fields.map(({ name, mode, description }) => [name, mode, description]),
      [
        ["a", "NULLABLE", undefined],
        ["b", "NULLABLE", "said"],
        ["c", "NULLABLE", undefined],
      ],
    );
    for (const [fields, why] of [
      [[text("a"), text("b")], "Field c is missing in new schema"],
      [[...relaxed.slice(0, 2), { name: "c", type: "INT64" }], "has changed type from STRING to INTEGER"],
      [[...relaxed, { name: "e", type: "STRING", mode: "REQUIRED" }], "Cannot add required fields"],
      [[{ name: "a", type: "STRING", mode: "REQUIRED" }, ...relaxed.slice(1)], "has changed mode"],
    ] as const) {
      await refuses(bench.patch("t", { schema: { fields } }), why, "invalid");
    }
  });

  test("keep their partitioning, and may change when partitions expire", async () => {
    await bench.createTable("t", bills, {
      timePartitioning: { type: "MONTH", field: "period", expirationMs: "1000000000000" },
    });
    await bench.patch("t", { timePartitioning: { type: "MONTH", field: "period", expirationMs: null } });
    assert.deepEqual(bench.server.table("d", "t")?.timePartitioning, { type: "MONTH", field: "period" });
    const other = { timePartitioning: { type: "DAY", field: "period" } };
    await refuses(bench.patch("t", other), "Cannot change partitioning", "invalid");
    await refuses(
      bench.createTable("u", bills, { timePartitioning: { type: "MONTH", field: "id" } }),
      "type found is: STRING",
    );
    await refuses(
      bench.createTable("u", bills, { clustering: { fields: ["cost2"] } }),
      "cannot be found in the schema",
    );
  });

  test("take over the expirations of their dataset, and lose what is older at once", async () => {
    const day = 86_400_000;
    bench.server.createDataset("short", {
      defaultTableExpirationMs: String(day),
      defaultPartitionExpirationMs: String(60 * day),
    });
    await bench.createTable("plain", [text("x")], {}, "short");
    await bench.createTable("parts", bills, monthly, "short");
    await bench.createTable(
      "kept",
      bills,
      { timePartitioning: { ...monthly.timePartitioning, expirationMs: null } },
      "short",
    );
    assert.equal(bench.server.table("short", "plain")?.expirationTime, String(bench.now + day));
    assert.equal(bench.server.table("short", "parts")?.timePartitioning?.expirationMs, String(60 * day));
    for (const name of ["parts", "kept"]) {
      const values = `VALUES ('old', '2024-01-01', NULL), ('new', '2025-03-01', NULL), ('none', NULL, NULL)`;
      await bench.client.query(`INSERT INTO short.${name} (id, period, cost) ${values}`);
    }
    assert.deepEqual(await bench.client.query("SELECT id FROM short.parts ORDER BY id"), [["new"], ["none"]]);
    assert.equal((await bench.client.query("SELECT id FROM short.kept")).length, 3);
    bench.now += day;
    await refuses(bench.client.request({ uri: "/datasets/short/tables/plain" }), "Not found: Table");
    assert.deepEqual(bench.server.tableNames("short"), ["kept", "parts"]);
  });

  test("want a filter where it is required, and values where they are", async () => {
    const required = [{ name: "id", type: "STRING", mode: "REQUIRED" }, ...bills.slice(1)];
    await bench.createTable("t", required, { ...monthly, requirePartitionFilter: true });
    const why =
      "Cannot query over table 'd.t' without a filter over column(s) 'period' that can be used for partition elimination";
    await refuses(bench.client.query("SELECT COUNT(*) FROM d.t"), why);
    await refuses(bench.client.query("DELETE FROM d.t WHERE id = 'x'"), why);
    assert.deepEqual(await bench.client.query("SELECT COUNT(*) FROM d.t WHERE period > TIMESTAMP '2025-01-01'"), [
      ["0"],
    ]);
    await refuses(bench.client.query("INSERT INTO d.t (cost) VALUES (1)"), "Required field id cannot be null");
  });
});

describe("jobs of the BigQuery server", () => {
  const question = { query: queryConfiguration("SELECT 1") };

  test("are never done at the first look, and keep their ids", async () => {
    const jobReference = { projectId: "p", jobId: "once", location: "US" };
    const insert = (): Promise<unknown> =>
      bench.client.request({ method: "POST", uri: "/jobs", json: { jobReference, configuration: question } });
    await insert();
    const states: string[] = [];
    do {
      const job = await bench.client.request<{ status: { state: string } }>({
        uri: "/jobs/once",
        qs: { location: "US" },
      });
      states.push(job.status.state);
    } while (states.at(-1) !== "DONE");
    assert.equal(states[0], "RUNNING");
    await refuses(insert(), "Already Exists: Job p:US.once", "duplicate");
    await bench.client.job(question, "once", "EU");
    await bench.client.failure({ query: queryConfiguration("SELEC 1") });
    await bench.client.job({ query: queryConfiguration("SELEC") }, "failed");
    await refuses(bench.client.job(question, "failed"), "Already Exists: Job p:US.failed", "duplicate");
  });

  test("are found with their location only", async () => {
    await bench.client.job(question, "here");
    for (const qs of [{}, { location: "EU" }]) {
      await refuses(bench.client.request({ uri: "/jobs/here", qs }), "Not found: Job p:here", "notFound");
    }
    await refuses(bench.client.job(question, "a b"), "Invalid job ID", "invalid");
    await refuses(bench.client.job(question, "x".repeat(1025)), "Invalid job ID", "invalid");
  });

  test("fail in their status, not over HTTP", async () => {
    for (const [sql, message, reason] of [
      ["SELEC 1", 'Syntax error: Unexpected identifier "SELEC" at [1:1]', "invalidQuery"],
      ["SELECT x FROM d.no", "Not found: Table p:d.no was not found in location US", "notFound"],
      ["SELECT SOUNDEX('x')", "Function not found: SOUNDEX", "invalidQuery"],
    ] as const) {
      const { status } = await bench.client.job({ query: queryConfiguration(sql) });
      assert.deepEqual(status.errorResult, { ...status.errorResult, reason, message });
      assert.equal(status.errors?.length, 1);
    }
  });

  test("see datasets of their own location only", async () => {
    bench.server.createDataset("eu", { location: "EU" });
    await bench.createTable("t", [text("x")], {}, "eu");
    await refuses(bench.client.query("SELECT x FROM eu.t"), "Not found: Dataset p:eu was not found in location US");
    const { status } = await bench.client.job({ query: queryConfiguration("SELECT x FROM eu.t") }, "in-eu", "EU");
    assert.equal(status.errorResult, undefined);
  });

  test("answer dry runs at once, with errors over HTTP", async () => {
    await bench.createTable("t", [text("x")]);
    const dry = (
      sql: string,
    ): Promise<{ statistics: { totalBytesProcessed: string; query: { statementType: string } } }> =>
      bench.client.request({
        method: "POST",
        uri: "/jobs",
        json: { jobReference: { location: "US" }, configuration: { dryRun: true, query: queryConfiguration(sql) } },
      });
    for (const [sql, type] of [
      ["SELECT x FROM d.t", "SELECT"],
      ["DELETE FROM d.t WHERE TRUE", "DELETE"],
      ["SELECT 1; SELECT 2", "SCRIPT"],
      ["DROP TABLE d.t", "DROP_TABLE"],
    ] as const) {
      assert.equal((await dry(sql)).statistics.query.statementType, type);
    }
    assert.deepEqual(bench.server.tableNames("d"), ["t"]);
    await refuses(dry("SELECT nothing FROM d.t"), "Unrecognized name: nothing at [1:8]", "invalidQuery");
  });

  test("bill ten megabytes per table at least, and stop above a limit", async () => {
    await bench.createTable("t", [text("x")]);
    const query = { ...queryConfiguration("SELECT x FROM d.t"), maximumBytesBilled: "10485759" };
    const { status } = await bench.client.job({ query });
    assert.equal(status.errorResult?.reason, "bytesBilledLimitExceeded");
    assert.equal(await bench.client.failure({ query: { ...query, maximumBytesBilled: "10485760" } }), undefined);
  });

  test("are refused when they are too large, or labelled wrongly", async () => {
    const long = { query: queryConfiguration(`SELECT 1 -- ${"x".repeat(1024 * 1024)}`) };
    await refuses(bench.client.job(long), "The query is too large", "invalid");
    const labels = { ...question, labels: { billhouse: "Load" } };
    await refuses(bench.client.job(labels), "Invalid label: billhouse=Load", "invalid");
    await refuses(bench.client.job({ ...question, extract: {} }), "configuration.extract", "notImplemented");
  });

  test("can be cancelled while they run", async () => {
    const fault = bench.server.fault({ on: "jobs.insert", kind: "stay-running" });
    const done = bench.client.job(question, "long");
    while (bench.server.jobs.get("p:US.long")?.state !== "RUNNING")
      await new Promise((resolve) => setImmediate(resolve));
    await bench.client.request({ method: "POST", uri: "/jobs/long/cancel", qs: { location: "US" } });
    assert.equal((await done).status.errorResult?.reason, "stopped");
    fault.release();
  });
});

describe("faults of the BigQuery server", () => {
  const question = { query: queryConfiguration("SELECT 1") };

  test("hit requests as often as asked", async () => {
    const fault = bench.server.fault({
      on: "datasets.*",
      kind: "503",
      times: 2,
      when: ({ path }) => path.endsWith("/d"),
    });
    await refuses(bench.client.request({ uri: "/datasets/d" }), "Retrying may solve", "backendError");
    await refuses(bench.client.request({ uri: "/datasets/d" }), "Retrying may solve");
    await bench.client.request({ uri: "/datasets/d" });
    assert.equal(fault.happened, 2);
    bench.server.fault({ on: "*", kind: "rateLimitExceeded" });
    await refuses(bench.client.request({ uri: "/datasets" }), "Exceeded rate limits", "rateLimitExceeded");
  });

  test("end connections before and after the work", async () => {
    bench.server.fault({ on: "tables.insert", kind: "reset" });
    await assert.rejects(bench.createTable("t", [text("x")]));
    assert.deepEqual(bench.server.tableNames("d"), []);
    bench.server.fault({ on: "tables.insert", kind: "lost" });
    await assert.rejects(bench.createTable("t", [text("x")]));
    assert.deepEqual(bench.server.tableNames("d"), ["t"]);
  });

  test("lose the answer to a job that runs", async () => {
    bench.server.fault({ on: "jobs.insert", kind: "lost" });
    await assert.rejects(bench.client.job(question, "lost"));
    await refuses(bench.client.job(question, "lost"), "Already Exists: Job p:US.lost", "duplicate");
    bench.server.fault({ on: "jobs.insert", kind: "reset" });
    await assert.rejects(bench.client.job(question, "reset"));
    await bench.client.job(question, "reset");
  });

  test("fail jobs that have done nothing", async () => {
    for (const kind of ["jobBackendError", "jobRateLimitExceeded", "backendError", "internalError"] as const) {
      bench.server.fault({ on: "jobs.insert", kind });
      assert.equal((await bench.client.job(question)).status.errorResult?.reason, kind);
    }
    bench.server.fault({ on: "jobs.insert", kind: "jobQuotaExceeded" });
    assert.equal((await bench.client.job(question)).status.errorResult?.reason, "quotaExceeded");
  });

  test("keep a job running until it is released", async () => {
    const fault = bench.server.fault({ on: "jobs.insert", kind: "stay-running" });
    let isDone = false;
    const done = bench.client.job(question).then(() => (isDone = true));
    const asked = bench.server.counts.requests;
    while (bench.server.counts.requests < asked + 10) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isDone, false);
    fault.release();
    await done;
  });

  test("take permissions, billing and credentials away", async () => {
    await bench.createTable("t", [text("x")]);
    for (const [permission, work, message] of [
      [
        "bigquery.jobs.create",
        () => bench.client.query("SELECT 1"),
        "Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.",
      ],
      [
        "bigquery.tables.getData",
        () => bench.client.query("SELECT x FROM d.t"),
        "Access Denied: Table p:d.t: User does not have permission to query table p:d.t",
      ],
      [
        "bigquery.tables.get",
        () => bench.client.request({ uri: "/datasets/d/tables/t" }),
        "Access Denied: Table p:d.t",
      ],
      ["bigquery.tables.create", () => bench.createTable("u", [text("x")]), "Access Denied: Dataset p:d"],
    ] as const) {
      bench.server.deny(permission);
      await refuses(work(), message);
      bench.server.allow(permission);
      if (permission !== "bigquery.tables.create") await work();
    }
    bench.server.sandbox = true;
    const { status } = await bench.client.job({ query: queryConfiguration("DELETE FROM d.t WHERE TRUE") });
    assert.equal(status.errorResult?.reason, "billingNotEnabled");
    assert.match(status.errorResult?.message ?? "", /DML queries are not allowed in the free tier/u);
    bench.server.sandbox = false;
    bench.server.requireToken = "other";
    await refuses(bench.client.request({ uri: "/datasets/d" }), "invalid authentication credentials");
    bench.server.requireToken = null;
  });

  test("are derived from the requests to the server", () => {
    const names = new Set(bench.server.requests.map(({ name }) => name));
    for (const name of ["tables.insert", "tables.patch", "jobs.insert", "jobs.get", "queries.get", "jobs.cancel"])
      assert.ok(names.has(name), name);
    assert.equal(bench.server.counts.jobs, bench.server.counts.loads + bench.server.counts.queries);
  });
});
