import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { exportFocus } from "../../src/index.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { curDelivery, curRow, deliver } from "../support/deliveries.ts";
import { focusCsv, focusRow } from "../support/focus-files.ts";
import { createGoogleProject, exportBucket } from "../support/google.ts";
import { temporaryFolder, writeKey } from "../support/folders.ts";
import { ask, billhouse, createProject, type Project, runProject, runWell } from "../support/projects.ts";
import { rejects } from "../support/rejects.ts";

const sections = {
  aws_cur: { bucket_url: "bucket", prefix: "cur" },
  saas: { bucket_url: "bucket", prefix: "saas", kind: "focus-files" },
};

/** A project with bills of two vendors in two months and currencies, with texts that CSV has to quote. */
async function loadedProject(t: Parameters<typeof createProject>[0]): Promise<Project> {
  const project = await createProject(t, sections);
  for (const month of ["2025-01", "2025-02"]) {
    const rows = ["0.1234567891", "1E-12", "-3"].map((cost, index) =>
      curRow(month, {
        "identity/LineItemId": `${month}-${index}`,
        "lineItem/UnblendedCost": cost,
        "lineItem/LineItemDescription": 'a "quoted", text\nof two lines',
        "lineItem/UsageAccountId": "001234567890",
      }),
    );
    await deliver(project.bucket, curDelivery({ month, id: `${month}-a`, files: [rows] }));
  }
  const tagged = { Tags: '{"team":"search","env":"prod"}', ResourceId: "prod-db", SubAccountName: "Search" };
  await writeKey(
    project.bucket,
    "saas/a.csv",
    focusCsv(
      focusRow("2025-01", "0.000000000000000001", tagged),
      focusRow("2025-02", "7.25", { ...tagged, BillingCurrency: "EUR" }),
      focusRow("2025-02", "3", { ...tagged, ChargeCategory: "Tax", EffectiveCost: "2" }),
    ),
  );
  await runProject(project);
  return project;
}

/** Rows and exact sums of every group of charges. */
async function sumsOf(project: Project, view = "focus_v1_4"): Promise<readonly unknown[]> {
  const amounts = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingQuantity"];
  return ask(
    project,
    `SELECT x_BillingMonth AS month, BillingCurrency AS currency, ServiceName AS service, ChargeCategory AS category,
      SubAccountId AS account, ChargePeriodStart AS start, Tags AS tags, ChargeDescription AS description, count(*) AS rows,
      ${amounts.map((name) => `CAST(sum(${name}) AS VARCHAR) AS ${name}`).join(", ")}
      FROM ${view} GROUP BY ALL ORDER BY ALL`,
  );
}

/** A project that loads the files of an export. */
async function loadAgain(t: Parameters<typeof createProject>[0], folder: string): Promise<Project> {
  const project = await createProject(t, { again: { bucket_url: "bucket", kind: "focus-files", settle: "0m" } });
  await cp(folder, project.bucket, { recursive: true });
  await runWell(project);
  return project;
}

describe("billhouse focus export", () => {
  for (const format of ["parquet", "csv"] as const) {
    for (const focusVersion of ["1.4", "1.2"] as const) {
      test(`files of FOCUS ${focusVersion} in ${format} load again with the same rows and exact sums`, async (t) => {
        const project = await loadedProject(t);
        const folder = join(await temporaryFolder(t), "out");
        const { code, stderr, stdout } = await billhouse(
          project,
          `focus export --format ${format} --focus-version ${focusVersion} --folder ${folder} --json`.split(" "),
        );
        assert.equal(code, 0, stderr);
        assert.equal((JSON.parse(stdout) as { months: readonly unknown[] }).months.length, 2);
        const again = await loadAgain(t, folder);
        const view = focusVersion === "1.4" ? "focus_v1_4" : "focus_v1_2";
        assert.deepEqual(await sumsOf(again, view), await sumsOf(project, view));
      });
    }
  }

  test("has a manifest with sums, and checksums of every file, and needs an empty folder", async (t) => {
    const project = await loadedProject(t);
    // As a folder of a partition, which the files are not in.
    const folder = join(project.folder, "BilledCost=3");
    const options = { folder, months: { only: ["2025-02"] } };
    const { months } = await exportFocus(project.config, options);
    assert.deepEqual(
      months.map(({ billingMonth, rows, billedCost }) => ({ billingMonth, rows, billedCost })),
      [{ billingMonth: "2025-02", rows: 5, billedCost: { USD: "0.123456789101", EUR: "7.25" } }],
    );
    const found = (await readdir(folder, { recursive: true })).toSorted();
    const file = join("billing_period=2025-02", "focus_1_4-00001.snappy.parquet");
    assert.deepEqual(found, ["SHA256SUMS", "billing_period=2025-02", file, "manifest.json"]);
    const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as {
      readonly billing_periods: readonly {
        readonly billed_cost: unknown;
        readonly files: readonly { readonly sha256: string }[];
      }[];
    };
    const sha256 = createHash("sha256")
      .update(await readFile(join(folder, file)))
      .digest("hex");
    assert.equal(manifest.billing_periods[0]?.files[0]?.sha256, sha256);
    assert.deepEqual(manifest.billing_periods[0]?.billed_cost, months[0]?.billedCost);
    assert.equal(await readFile(join(folder, "SHA256SUMS"), "utf8"), `${sha256}  ${file}\n`);
    await rejects(exportFocus(project.config, options), "USAGE_INVALID", "is not empty");
    await rejects(
      exportFocus(project.config, { folder: join(project.folder, "none"), months: { only: ["2030-01"] } }),
      "USAGE_INVALID",
      "No month to export is loaded",
    );
  });

  test("starts again in the folder of an export that was stopped, and in no other", async (t) => {
    const project = await loadedProject(t);
    const folder = join(project.folder, "out");
    const stop = new AbortController();
    const stopping = exportFocus(project.config, {
      folder,
      format: "csv",
      signal: stop.signal,
      onProgress: ({ month }) => month === 2 && stop.abort(),
    });
    const error = await rejects(stopping, "INTERRUPTED", `The folder ${folder} has 1 of 2 months and is not finished`);
    assert.match(error.hint, /Run the same command again/);
    const left = await readdir(folder);
    assert.ok(left.includes("manifest.json.unfinished") && !left.includes("manifest.json"), left.join(" "));

    await writeFile(join(folder, "notes.txt"), "mine");
    await rejects(exportFocus(project.config, { folder }), "USAGE_INVALID", "a file that no export wrote: notes.txt");
    assert.equal(await readFile(join(folder, "notes.txt"), "utf8"), "mine");
    await rm(join(folder, "notes.txt"));

    const running = { host: hostname(), pid: process.pid };
    await writeFile(join(folder, "manifest.json.unfinished"), JSON.stringify(running));
    await rejects(exportFocus(project.config, { folder }), "USAGE_INVALID", `The process ${process.pid} exports to`);
    assert.deepEqual((await readdir(folder)).toSorted(), left.toSorted());

    await mkdir(join(folder, "billing_period=2024-01", "rows"), { recursive: true });
    await writeFile(join(folder, "manifest.json.unfinished"), "");
    const { months } = await exportFocus(project.config, { folder });
    assert.deepEqual((await readdir(folder, { recursive: true })).toSorted(), [
      "SHA256SUMS",
      "billing_period=2025-01",
      "billing_period=2025-01/focus_1_4-00001.snappy.parquet",
      "billing_period=2025-02",
      "billing_period=2025-02/focus_1_4-00001.snappy.parquet",
      "manifest.json",
    ]);
    assert.equal(months.length, 2);
    await rejects(exportFocus(project.config, { folder }), "USAGE_INVALID", "is not empty");
  });

  test("says that nothing was written where it was stopped before", async (t) => {
    const project = await loadedProject(t);
    const folder = join(project.folder, "out");
    const signal = AbortSignal.abort();
    await rejects(exportFocus(project.config, { folder, signal }), "INTERRUPTED", "Nothing was written");
    await assert.rejects(readdir(folder), { code: "ENOENT" });
  });

  test("writes the same rows from the published copy, which DuckDB does not write to files itself", async (t) => {
    const project = await loadedProject(t);
    const [own, copied] = [join(project.folder, "own"), join(project.folder, "copied")];
    const first = await exportFocus(project.config, { folder: own });
    const writer = await openWarehouse(project.config.warehouse, "write");
    t.after(() => writer.close());
    const second = await exportFocus(project.config, { folder: copied });
    assert.deepEqual([first.readFrom, second.readFrom], ["database", "published copy"]);
    const sums = (months: typeof first.months): unknown =>
      months.map(({ billedCost, effectiveCost, rows }) => ({ billedCost, effectiveCost, rows }));
    assert.deepEqual(sums(first.months), sums(second.months));
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    t.after(() => instance.closeSync());
    const [one, other] = [own, copied].map((folder) => `FROM '${folder}/*/*.parquet'`);
    const types = async (from: string | undefined): Promise<unknown> =>
      (await connection.runAndReadAll(`SELECT column_name, column_type FROM (DESCRIBE ${from})`)).getRows();
    assert.deepEqual(await types(one), await types(other));
    for (const pair of [`${one} EXCEPT ALL ${other}`, `${other} EXCEPT ALL ${one}`])
      assert.deepEqual((await connection.runAndReadAll(pair)).getRows(), []);
    assert.equal((await connection.runAndReadAll(`${one}`)).currentRowCount, 9);
    connection.closeSync();
  });

  test("writes the charges of the chosen exports alone", async (t) => {
    const project = await loadedProject(t);
    const { months } = await exportFocus(project.config, { folder: join(project.folder, "out"), pipelines: ["saas"] });
    assert.deepEqual(
      months.map(({ billingMonth, rows }) => [billingMonth, rows]),
      [
        ["2025-01", 1],
        ["2025-02", 2],
      ],
    );
  });

  test("exports from BigQuery what it exports from DuckDB", async (t) => {
    const google = await createGoogleProject(t, { saas: { prefix: "saas", kind: "focus-files" } });
    const local = await createProject(t, { saas: sections.saas });
    const bytes = focusCsv(focusRow("2025-01", "1.25"), focusRow("2025-01", "0.1", { Tags: '{"a":"b,\\"c"}' }));
    google.gcs.put(exportBucket, "saas/a.csv", Buffer.from(bytes));
    await writeKey(local.bucket, "saas/a.csv", bytes);
    const texts: string[] = [];
    for (const project of [google, local]) {
      await runWell(project);
      const folder = join(project.folder, "out");
      await exportFocus(project.config, { folder, format: "csv" });
      const path = join(folder, "billing_period=2025-01", "focus_1_4-00001.csv.gz");
      const [header = "", ...lines] = gunzipSync(await readFile(path))
        .toString()
        .trimEnd()
        .split("\n");
      // The execution is of the versions of the files.
      texts.push([header, ...lines.map((line) => line.replaceAll(/files-[\da-f]{16}/g, "")).toSorted()].join("\n"));
    }
    assert.equal(texts[0], texts[1]);
  });
});

describe("billhouse focus export --anonymize", () => {
  test("leaves no name of the company, and keeps the structure and the proportions exactly", async (t) => {
    const project = await loadedProject(t);
    const folder = join(project.folder, "out");
    const { code, stderr } = await billhouse(project, [
      "focus",
      "export",
      "--anonymize",
      "--format",
      "csv",
      "--folder",
      folder,
    ]);
    assert.equal(code, 0, stderr);
    for (const month of ["2025-01", "2025-02"]) {
      const bytes = await readFile(join(folder, `billing_period=${month}`, "focus_1_4-00001.csv.gz"));
      const text = gunzipSync(bytes).toString();
      for (const secret of [
        "001234567890",
        "prod-db",
        "Search",
        "search",
        "team",
        "acme",
        "aws_cur",
        "quoted",
        `${month}-a`,
      ])
        assert.ok(!text.includes(secret), secret);
      assert.ok(text.includes("Chat AI") && text.includes("AI and Machine Learning"), "vendors and services stay");
    }
    const again = await loadAgain(t, folder);
    const figures = async (of: Project): Promise<readonly (readonly bigint[])[]> => {
      const rows = await ask(
        of,
        `SELECT CAST(sum(BilledCost) AS VARCHAR) AS billed, CAST(count(DISTINCT SubAccountId) AS VARCHAR) AS accounts,
          CAST(count(*) AS VARCHAR) AS rows FROM focus_costs GROUP BY x_BillingMonth, BillingCurrency, ServiceName ORDER BY x_BillingMonth, BillingCurrency, ServiceName`,
      );
      return rows.map(({ billed, accounts, rows: n }) => [
        BigInt(String(billed).replace(".", "")),
        BigInt(String(accounts)),
        BigInt(String(n)),
      ]);
    };
    const [before, after] = [await figures(project), await figures(again)];
    assert.equal(after.length, before.length);
    const factor = (after[0]?.[0] ?? 0n) / (before[0]?.[0] ?? 1n);
    assert.ok(factor >= 2n && factor <= 997n, String(factor));
    assert.deepEqual(
      after,
      before.map(([billed = 0n, ...counts]) => [billed * factor, ...counts]),
    );
  });

  test("gives the same names and amounts with the same key file, which it makes", async (t) => {
    const project = await loadedProject(t);
    const words = [
      "focus",
      "export",
      "--anonymize",
      "--format",
      "csv",
      "--key-file",
      "export.key",
      "--month",
      "2025-02",
    ];
    const texts = [];
    for (const folder of ["one", "two"]) {
      assert.equal((await billhouse(project, [...words, "--folder", folder])).code, 0);
      const bytes = await readFile(join(project.folder, folder, "billing_period=2025-02", "focus_1_4-00001.csv.gz"));
      texts.push(gunzipSync(bytes).toString().split("\n").toSorted().join("\n"));
    }
    assert.equal(texts[0], texts[1]);
    const other = await billhouse(project, ["focus", "export", "--key-file", "export.key", "--folder", "three"]);
    assert.equal(other.code, 64);
    assert.match(other.stderr, /--key-file is the secret of --anonymize/u);
  });
});
