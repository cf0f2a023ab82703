import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { writeKey } from "../support/folders.ts";
import { zipBytes } from "../support/zip.ts";
import {
  azureRow,
  curColumns,
  curDelivery,
  curParquetDelivery,
  curRows,
  deliver,
  focusColumns,
  withFile,
  type CurOptions,
  type Row,
} from "../support/deliveries.ts";
import { cur2Row, dataExportDelivery, type DataExportOptions } from "../support/deliveries-of-exports.ts";
import {
  ask,
  createProject,
  curSection,
  monthsOfTable,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  type Project,
} from "../support/projects.ts";

const exportSection = { aws_exports: { bucket_url: "bucket", prefix: "exports" } };
const exportTable = "billing_data.aws_exports_data";
const curTable = "billing_data.aws_cur_data";
const cur2Proof = { partition: "bill_billing_period_start_date", cost: "line_item_unblended_cost" };

async function columnsOf(project: Project, name: string): Promise<Record<string, unknown>> {
  const rows = await ask(
    project,
    `SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '${name}' ORDER BY ordinal_position`,
  );
  return Object.fromEntries(rows.map((row) => [String(row["column_name"]), row["data_type"]]));
}

function cur2(
  project: Project,
  month: string,
  id: string,
  options: Partial<DataExportOptions> = {},
  costs = ["0.1", "2E-10"],
): ReturnType<typeof dataExportDelivery> {
  const rows = costs.map((cost) => cur2Row(month, { line_item_unblended_cost: cost }));
  return dataExportDelivery({ month, id, files: [rows], ...options }, project.folder);
}

describe("AWS Data Exports", { concurrency: 2 }, () => {
  for (const shape of ["overwrite", "create-new"] as const) {
    for (const format of ["csv.gz", "csv.zip", "snappy.parquet"] as const) {
      test(`CUR 2.0, ${format}, ${shape}: loaded, restated, and then left alone`, async (t) => {
        const project = await createProject(t, exportSection);
        await deliver(project.bucket, await cur2(project, "2025-01", "first", { shape, format }));
        await deliver(project.bucket, await cur2(project, "2025-02", "february", { shape, format }));
        assert.deepEqual(outcomes(await runWell(project)), ["2025-01 new first", "2025-02 new february"]);
        const again = await cur2(project, "2025-01", "second", { shape, format, runTime: "2025-02-04T01:02:03.456Z" }, [
          "7",
        ]);
        await deliver(project.bucket, again);
        assert.deepEqual(outcomes(await runWell(project)), ["2025-01 restated second", "2025-02 unchanged february"]);
        assert.deepEqual(await monthsOfTable(project, exportTable, cur2Proof), {
          "2025-01": [1, "7.000000000000000000"],
          "2025-02": [2, "0.100000000200000000"],
        });
        assert.deepEqual((await runWell(project)).loaded, []);
      });
    }
  }

  test("keep the names of their columns; account ids and rates are text, amounts exact, maps JSON text", async (t) => {
    const project = await createProject(t, exportSection);
    await deliver(project.bucket, await cur2(project, "2025-01", "one"));
    await runWell(project);
    assert.deepEqual(await columnsOf(project, "aws_exports_data"), {
      bill_billing_period_start_date: "TIMESTAMP",
      bill_payer_account_id: "VARCHAR",
      line_item_usage_account_id: "VARCHAR",
      line_item_usage_start_date: "TIMESTAMP",
      line_item_line_item_type: "VARCHAR",
      line_item_usage_amount: "DECIMAL(38,18)",
      line_item_currency_code: "VARCHAR",
      line_item_unblended_rate: "VARCHAR",
      line_item_unblended_cost: "DECIMAL(38,18)",
      resource_tags: "VARCHAR",
    });
    const [row] = await ask(
      project,
      `SELECT bill_payer_account_id AS payer, resource_tags ->> '$.user_name' AS name, resource_tags ->> '$.user_cost_center' AS center FROM ${exportTable} LIMIT 1`,
    );
    assert.deepEqual(row, { payer: "0022222222222", name: 'web, "eu"', center: "0042" });
  });

  for (const order of [
    ["csv.gz", "snappy.parquet"],
    ["snappy.parquet", "csv.gz"],
  ] as const) {
    test(`${order.join(", then ")}: the same columns of the same types, with the same JSON text`, async (t) => {
      const project = await createProject(t, exportSection);
      await deliver(project.bucket, await cur2(project, "2025-01", "one", { format: order[0] }));
      await runWell(project);
      const columns = await columnsOf(project, "aws_exports_data");
      await deliver(project.bucket, await cur2(project, "2025-02", "two", { format: order[1] }));
      await runWell(project);
      assert.deepEqual(await columnsOf(project, "aws_exports_data"), columns);
      assert.deepEqual(Object.values(await monthsOfTable(project, exportTable, cur2Proof)), [
        [2, "0.100000000200000000"],
        [2, "0.100000000200000000"],
      ]);
      const tags = await ask(project, `SELECT DISTINCT resource_tags FROM ${exportTable}`);
      assert.deepEqual(tags, [{ resource_tags: '{"user_name":"web, \\"eu\\"","user_cost_center":"0042"}' }]);
    });
  }

  for (const format of ["csv.gz", "snappy.parquet"] as const) {
    test(`FOCUS, ${format}, by a manifest ${format === "csv.gz" ? "without" : "with"} columns: both costs are proved`, async (t) => {
      const project = await createProject(t, exportSection);
      const rows = ["0.3", "-0.1"].map((cost) =>
        azureRow("2026-05", { BilledCost: cost, EffectiveCost: "1e-7", BillingCurrency: "USD", Tags: '{"a":"b"}' }),
      );
      const options = {
        month: "2026-05",
        id: "run",
        files: [rows],
        columns: focusColumns,
        part: "billing_period",
        format,
      };
      await deliver(
        project.bucket,
        await dataExportDelivery(
          { ...options, ...(format === "csv.gz" ? { types: false as const } : {}) },
          project.folder,
        ),
      );
      const { loaded } = await runWell(project);
      assert.deepEqual(
        loaded.map(({ rows: count, cost }) => [count, cost]),
        [[2, { USD: "0.2" }]],
      );
      const [receipt] = await ask(
        project,
        `SELECT * FROM ${exportTable}_load_tracking WHERE billing_month IS NOT NULL`,
      );
      assert.equal(receipt?.["assembly_id"], "run");
      const types = await columnsOf(project, "aws_exports_data");
      assert.deepEqual(
        [types["BilledCost"], types["BillingPeriodStart"], types["Tags"]],
        ["DECIMAL(38,18)", "TIMESTAMP", "VARCHAR"],
      );
      const effective = JSON.stringify(Object.values(receipt));
      assert.ok(effective.includes("0.0000002"), effective);
    });
  }

  test("are found in a mirror, by whole addresses or by keys", async (t) => {
    for (const addresses of ["s3", "keys"] as const) {
      const project = await createProject(t, { aws_exports: { bucket_url: "bucket", prefix: "mirror" } });
      const places = { folder: "mirror/data/of=aws/cur2", writtenFolder: "exports/cur2", addresses };
      await deliver(project.bucket, await cur2(project, "2025-01", "one", places));
      assert.deepEqual(outcomes(await runWell(project)), ["2025-01 new one"]);
    }
  });

  test("wait for their files, and take nothing that the manifest does not list", async (t) => {
    const project = await createProject(t, exportSection);
    const delivery = await cur2(project, "2025-01", "one");
    await deliver(project.bucket, delivery, "manifest");
    assert.deepEqual(outcomes(await runWell(project)), ["2025-01 waiting one"]);
    await deliver(project.bucket, delivery, "files");
    // A run that shrank leaves its last part behind.
    await writeKey(project.bucket, "exports/acme-cur2/data/BILLING_PERIOD=2025-01/acme-cur2-00002.csv.gz", "orphan");
    assert.deepEqual(
      (await runWell(project)).loaded.map(({ rows, files }) => [rows, files]),
      [[2, 1]],
    );
  });

  test("that hold no bills are named", async (t) => {
    const project = await createProject(t, exportSection);
    const manifest = JSON.stringify({ executionId: "run", dataFiles: [] });
    await writeKey(project.bucket, "exports/coh/metadata/date=2024-06-01/coh-Manifest.json", manifest);
    await writeKey(
      project.bucket,
      "exports/co2/metadata/carbon_model_version=v3/usage_period=2025-03/co2-Manifest.json",
      manifest,
    );
    const { error } = onlyResult((await runProject(project)).finished);
    assert.equal(error?.code, "EXPORT_NOT_FOUND");
    assert.match(
      error.message,
      /found only exports without costs: co2 \(AWS carbon emissions\), coh \(AWS cost optimisation recommendations\)\.$/,
    );
    assert.match(error.hint, /Set `prefix` in \[sources\.aws_exports\] to an export of costs/);
    // Beside a bill they are ignored.
    await deliver(project.bucket, await cur2(project, "2025-01", "one"));
    assert.deepEqual(outcomes(await runWell(project)), ["2025-01 new one"]);
  });
});

const proof = { partition: "bill_billing_period_start_date", cost: "line_item_unblended_cost" };
const month = "2018-02";

function cur(id: string, options: Partial<CurOptions> = {}): CurOptions {
  return { month, id, files: [curRows(month, "1.25", "0E-8"), curRows(month, "-0.0000000001")], ...options };
}

describe("AWS CUR in its older shapes", { concurrency: 2 }, () => {
  const shapes: Readonly<Record<string, Partial<CurOptions>>> = {
    "zip, a folder per assembly": { compression: "zip" },
    "zip, overwritten": { compression: "zip", shape: "overwrite" },
    "zip, year and month folders with the manifest in them": { compression: "zip", shape: "year-month" },
    "gzip, year and month folders, without types": { shape: "year-month", types: false },
    "keys with a slash in front": {
      listedKeys: [1, 2].map((part) => `/cur/acme-cur/20180201-20180301/one/acme-cur-0000${part}.csv.gz`),
    },
    "keys below an empty folder": {
      listedKeys: [1, 2].map((part) => `//cur//acme-cur/20180201-20180301/one/acme-cur-0000${part}.csv.gz`),
    },
  };
  for (const [name, options] of Object.entries(shapes)) {
    test(`${name}: loaded once`, async (t) => {
      const project = await createProject(t, curSection);
      await deliver(project.bucket, curDelivery(cur("one", options)));
      assert.deepEqual(outcomes(await runWell(project)), [`${month} new one`]);
      assert.deepEqual(await monthsOfTable(project, curTable, proof), { [month]: [3, "1.249999999900000000"] });
      assert.deepEqual((await runWell(project)).loaded, []);
    });
  }

  test("files beside the data are not data", async (t) => {
    const project = await createProject(t, { aws_cur: { bucket_url: "bucket" } });
    const delivery = await curParquetDelivery(cur("one"), project.folder);
    await deliver(project.bucket, delivery);
    const report = "cur/acme-cur";
    for (const key of [
      "aws-programmatic-access-test-object",
      `${report}/acme-cur/cost_and_usage_data_status/cost_and_usage_data_status.parquet`,
      `${report}/crawler-cfn.yml`,
      `${report}/20180201-20180301/acme-cur-create-table.sql`,
      `${report}/20180201-20180301/acme-cur-RedshiftManifest.json`,
      `${report}/20180201-20180301/acme-cur-RedshiftCommands.sql`,
      `${report}/acme-cur/year=2018/month=2/_SUCCESS`,
    ]) {
      await writeKey(project.bucket, key, "no data");
    }
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new one`]);
    assert.deepEqual(await monthsOfTable(project, curTable, proof), { [month]: [3, "1.249999999900000000"] });
  });

  test("the months before and after AWS moved the manifests are one export", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, curDelivery(cur("before", { shape: "year-month", compression: "zip" })));
    await deliver(
      project.bucket,
      curDelivery({ month: "2019-03", id: "after", files: [curRows("2019-03", "5")], shape: "overwrite" }),
    );
    assert.deepEqual(outcomes(await runWell(project)), [`${month} new before`, "2019-03 new after"]);
  });

  test("a zip file must hold one file, and be whole", async (t) => {
    const file = { name: "a.csv", bytes: Buffer.from(`${curColumns.join(",")}\n`) };
    for (const [bytes, code] of [
      [zipBytes(), "FILE_INVALID"],
      [zipBytes(file, file), "FILE_INVALID"],
      [zipBytes({ ...file, checksum: 1 }), "FILE_CORRUPT"],
      [zipBytes(file).subarray(0, -1), "FILE_CORRUPT"],
    ] as const) {
      const project = await createProject(t, curSection);
      await deliver(
        project.bucket,
        withFile(curDelivery(cur("one", { compression: "zip" })), 1, () => bytes),
      );
      const { finished } = await runProject(project);
      assert.deepEqual(outcomes(onlyResult(finished)), [`${month} failed ${code}`]);
    }
  });
});

describe("a table of CSV and of Parquet months of one AWS CUR", { concurrency: 2 }, () => {
  // Athena's names of the last two are not what the CSV names become.
  const columns = [
    ...curColumns,
    "reservation/ReservationARN",
    "savingsPlan/SavingsPlanARN",
    "pricing/publicOnDemandCost",
  ];
  const odd: Row = {
    "reservation/ReservationARN": "arn:ri",
    "savingsPlan/SavingsPlanARN": "arn:sp",
    "pricing/publicOnDemandCost": "0.125",
  };
  const rowsOf = (each: string): Row[] =>
    curRows(each, "0.1", "0.2", "3.0000000001").map((row) => ({ ...row, ...odd }));
  const months = ["2025-01", "2025-02"] as const;

  for (const order of [
    ["csv", "parquet"],
    ["parquet", "csv"],
  ] as const) {
    for (const together of [false, true]) {
      test(`${order.join(", then ")}${together ? ", in one run" : ""}: no column is doubled, the sums are exact`, async (t) => {
        const project = await createProject(t, curSection);
        for (const [index, each] of months.entries()) {
          const options: CurOptions = {
            month: each,
            id: `${each}-${order[index]}`,
            files: [rowsOf(each)],
            columns,
            shape: "overwrite",
          };
          await deliver(
            project.bucket,
            order[index] === "csv" ? curDelivery(options) : await curParquetDelivery(options, project.folder),
          );
          if (!together) await runWell(project);
        }
        await runWell(project);
        assert.equal(Object.keys(await columnsOf(project, "aws_cur_data")).length, columns.length);
        const sum = [3, "3.300000000100000000"];
        assert.deepEqual(await monthsOfTable(project, curTable, proof), { "2025-01": sum, "2025-02": sum });
        const names = Object.keys(await columnsOf(project, "aws_cur_data"));
        const cells = names.map((name) => `count("${name}") AS "${name}"`).join(", ");
        const counts = await ask(project, `SELECT ${cells} FROM ${curTable} GROUP BY bill_billing_period_start_date`);
        assert.deepEqual(counts[0], counts[1]);
        for (const name of names.filter((each) => /arn|a_r_n|demand/.test(each)))
          assert.equal(Number(counts[0]?.[name]), 3, name);
      });
    }
  }
});
