import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { temporaryFolder } from "../support/folders.ts";
import { zipBytes } from "../support/zip.ts";
import {
  azureColumns,
  azureDelivery,
  azureParquetDelivery,
  azureRow,
  azureRows,
  csvText,
  curColumns,
  curDelivery,
  curRow,
  curRows,
  deliver,
  focusColumns,
  withFile,
  type Row,
} from "../support/deliveries.ts";
import { dataExportDelivery } from "../support/deliveries-of-exports.ts";
import { ask, azureSection, createProject, curSection, outcomes, runProject, runWell } from "../support/projects.ts";
import { azureTable, curTable, dataExportSection, focusTable, held, emptyParquet, values } from "../support/tables.ts";

const [february, march, april] = ["2025-02", "2025-03", "2025-04"];

describe("bytes and cells", { concurrency: 2 }, () => {
  test("case 40: headers are localised, with the name that programs know in parentheses", async (t) => {
    const project = await createProject(t, azureSection);
    const german: Readonly<Record<string, string>> = {
      CostCenter: "Kostenstelle (CostCenter)",
      CostInBillingCurrency: "Kosten in Abrechnungswährung (CostInBillingCurrency)",
      BillingCurrency: "Abrechnungswährung (BillingCurrency)",
      BillingPeriodStartDate: "Beginn des Abrechnungszeitraums (BillingPeriodStartDate)",
      Date: "Datum (Date)",
    };
    const columns = azureColumns.map((column) => german[column] ?? column);
    const rows = azureRows(march, "1.5", "2").map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, cell]) => [german[name] ?? name, cell])),
    );
    await deliver(project.bucket, azureDelivery({ month: march, id: "german", columns, files: [rows] }));
    const { loaded } = await runWell(project);
    assert.deepEqual(loaded[0]?.cost, { EUR: "3.5" });
    const types = await ask(
      project,
      `SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = 'azure_billing_data' AND column_name SIMILAR TO '(Kosten|Beginn).*' ORDER BY 1`,
    );
    assert.deepEqual(
      types.map(({ type }) => type),
      ["TIMESTAMP", "DECIMAL(38,18)", "VARCHAR"],
    );
  });

  test("case 41: dates are written in two orders, and change from row to row", async (t) => {
    const project = await createProject(t, azureSection);
    const forms = ["2025-03-01", "03/01/2025", "2025-03-01T00:00:00Z", "2025-03-01T00:00Z", "3/1/2025"];
    const rows = forms.map((form) =>
      azureRow(march, {
        BillingPeriodStartDate: form,
        Date: form.replace("03-01", "03-04").replace(/\/0?1\//, "/04/"),
      }),
    );
    await deliver(project.bucket, azureDelivery({ month: march, id: "forms", files: [rows] }));
    await runWell(project);
    const dates = await ask(
      project,
      `SELECT DISTINCT "BillingPeriodStartDate" AS period, "Date" AS day FROM ${azureTable.name}`,
    );
    assert.deepEqual(dates, [{ period: "2025-03-01T00:00:00Z", day: "2025-03-04T00:00:00Z" }]);
    assert.equal((await held(project, azureTable))[march], "5 rows 11.52");
  });

  test("case 42: times have seven fractional digits", async (t) => {
    const project = await createProject(t, azureSection);
    const run = (id: string, submittedTime: string): ReturnType<typeof azureDelivery> =>
      azureDelivery({
        month: march,
        id,
        submittedTime,
        files: [[azureRow(march, { Date: "2025-03-04T05:06:07.1234567Z" })]],
      });
    await deliver(project.bucket, run("later", "2025-04-04T00:42:06.1234568Z"));
    await deliver(project.bucket, run("earlier", "2025-04-04T00:42:06.1234567Z"));
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 new later"]);
    assert.deepEqual(await values(project, azureTable, "Date"), ["2025-03-04T05:06:07.123456Z"]);
  });

  test("case 43: tags are not JSON, or almost JSON", async (t) => {
    const project = await createProject(t, azureSection);
    const tags = [
      '"team": "web","env": "prod"',
      "{'team': 'web'}",
      '"team": "say \\"hi\\"","note":',
      '{"team": "web"',
      "team:",
      "{}",
    ];
    const rows = tags.map((cell) => azureRow(march, { Tags: cell }));
    await deliver(project.bucket, azureDelivery({ month: march, id: "tags", files: [rows] }));
    await runWell(project);
    assert.deepEqual(new Set(await values(project, azureTable, "Tags")), new Set(tags));
  });

  test("case 44: cells have line breaks, and lines are longer than 64 KB", async (t) => {
    const project = await createProject(t, curSection);
    const broken = 'first line\nsecond, "quoted"\r\nthird\n';
    const long = `start ${"x".repeat(300_000)}\n end`;
    const rows = [broken, long, "plain"].map((text) =>
      curRow(march, { "lineItem/LineItemDescription": text, "lineItem/UnblendedCost": "1" }),
    );
    await deliver(project.bucket, curDelivery({ month: march, id: "long", files: [rows] }));
    await runWell(project);
    assert.deepEqual(await held(project, curTable), { [march]: "3 rows 3" });
    const found = await values(project, curTable, "line_item_line_item_description");
    assert.deepEqual(new Set(found), new Set([broken, long, "plain"]));
  });

  test("case 45: files contain only a header, or are Parquet without rows", async (t) => {
    const project = await createProject(t, { ...curSection, ...azureSection });
    const scratch = await temporaryFolder(t);
    await deliver(project.bucket, curDelivery({ month: march, id: "header", files: [[], curRows(march, "1"), []] }));
    const focus = await azureParquetDelivery(
      {
        month: march,
        id: "focus",
        files: [azureRows(march, "1"), azureRows(march, "2")],
        declared: { total: 1, blobs: [1, 0] },
      },
      scratch,
    );
    const empty = await emptyParquet(scratch);
    await deliver(
      project.bucket,
      withFile(focus, 1, () => empty),
    );
    const first = await runProject(project);
    assert.deepEqual(first.finished.pipelines.map(outcomes), [["2025-03 new header"], ["2025-03 new focus"]]);
    assert.deepEqual(await held(project, curTable), { [march]: "1 rows 1" });
    assert.deepEqual(await held(project, focusTable), { [march]: "1 rows 1" });
    const header = azureDelivery({ month: april, id: "nothing", format: "csv", files: [[]], declared: { total: 0 } });
    const nothing = withFile(header, 0, () => empty);
    const manifest = Buffer.from(nothing.objects.get(nothing.manifestKey) ?? []).toString();
    await deliver(project.bucket, {
      ...nothing,
      objects: new Map([
        ...nothing.fileKeys.map((key) => [key.replace(/csv$/, "parquet"), empty] as const),
        [nothing.manifestKey, Buffer.from(manifest.replaceAll('.csv"', '.parquet"').replace('"Csv"', '"Parquet"'))],
      ]),
      fileKeys: nothing.fileKeys.map((key) => key.replace(/csv$/, "parquet")),
    });
    const second = await runProject(project, { pipelines: ["azure"] });
    assert.deepEqual(second.finished.pipelines.map(outcomes), [["2025-03 unchanged focus", "2025-04 new nothing"]]);
  });

  test("case 46: the row count in a manifest is missing, null or zero", async (t) => {
    const project = await createProject(t, azureSection);
    const declared = {
      [february]: { total: null, blobs: [null] },
      [march]: { total: 0, blobs: [0] },
    };
    for (const [month, counts] of Object.entries(declared)) {
      const files = [azureRows(month, "1", "2")];
      await deliver(project.bucket, azureDelivery({ month, id: month, files, declared: counts }));
    }
    const nulls = azureDelivery({ month: april, id: april, files: [azureRows(april, "1", "2")] });
    const manifest = Buffer.from(nulls.objects.get(nulls.manifestKey) ?? []).toString();
    const unknown = Buffer.from(manifest.replaceAll(/"dataRowCount": \d+/g, '"dataRowCount": null'));
    await deliver(project.bucket, { ...nulls, objects: new Map([...nulls.objects, [nulls.manifestKey, unknown]]) });
    const { finished } = await runProject(project);
    assert.deepEqual(finished.pipelines.map(outcomes), [
      ["2025-02 new 2025-02", "2025-03 failed ROW_COUNT_MISMATCH", "2025-04 new 2025-04"],
    ]);
  });

  test("case 47: a file has blank lines and a header cell without a name", async (t) => {
    const project = await createProject(t, azureSection);
    const plain = azureDelivery({ month: march, id: "blank", files: [azureRows(march, "1", "2")] });
    const odd = withFile(plain, 0, (bytes) => {
      const [header = "", ...lines] = gunzipSync(bytes).toString().trimEnd().split("\n");
      return gzipSync(`${header},\n\n${lines.map((line) => `${line},nameless`).join("\n\n\n")}\n\n`);
    });
    await deliver(project.bucket, odd);
    await runWell(project);
    assert.deepEqual(await held(project, azureTable), { [march]: "2 rows 3" });
    assert.deepEqual(await values(project, azureTable, "unknown_column"), ["nameless", "nameless"]);
  });

  test("case 48: files are plain, or compressed with gzip, zip or Snappy, whatever their names", async (t) => {
    const project = await createProject(t, { ...curSection, ...azureSection });
    const scratch = await temporaryFolder(t);
    const rows = curRows(march, "1", "2.5");
    const text = csvText(curColumns, rows);
    const packings: Readonly<Record<string, Uint8Array>> = {
      plain: Buffer.from(text),
      gzip: gzipSync(text),
      zip: zipBytes({ name: "acme-cur-1.csv", bytes: Buffer.from(text) }),
    };
    for (const [id, bytes] of Object.entries(packings)) {
      await deliver(
        project.bucket,
        withFile(curDelivery({ month: march, id, files: [rows] }), 0, () => bytes),
      );
      const { finished } = await runProject(project, { pipelines: ["aws"] });
      assert.match(finished.pipelines.map(outcomes).join(), new RegExp(`^2025-03 (new|restated) ${id}$`));
      assert.deepEqual(await held(project, curTable), { [march]: "2 rows 3.5" });
    }
    const two = zipBytes(...["1.csv", "2.csv"].map((name) => ({ name, bytes: Buffer.from(text) })));
    await deliver(
      project.bucket,
      withFile(curDelivery({ month: march, id: "two", files: [rows] }), 0, () => two),
    );
    const { finished } = await runProject(project, { pipelines: ["aws"] });
    assert.deepEqual(finished.pipelines.map(outcomes), [["2025-03 failed FILE_INVALID"]]);
    assert.deepEqual(await held(project, curTable), { [march]: "2 rows 3.5" });

    const files = [azureRows(march, "4")];
    await deliver(project.bucket, await azureParquetDelivery({ month: march, id: "snappy", files }, scratch));
    const { objects, ...plain } = azureDelivery({
      month: february,
      id: "underscored",
      columns: focusColumns,
      files: [azureRows(february, "8")],
    });
    const renamed = [...objects].map(([key, bytes]) => [key.replace("/manifest.", "/_manifest."), bytes] as const);
    await deliver(project.bucket, { ...plain, objects: new Map(renamed) });
    const azure = await runProject(project, { pipelines: ["azure"] });
    assert.deepEqual(azure.finished.pipelines.map(outcomes), [["2025-02 new underscored", "2025-03 new snappy"]]);
    assert.deepEqual(await held(project, focusTable), { [february]: "1 rows 8", [march]: "1 rows 4" });
  });

  test("case 49: one cloud delivers amounts as doubles, the other as decimals", async (t) => {
    const project = await createProject(t, {
      ...dataExportSection,
      azure_billing: { bucket_url: "bucket", prefix: "azure" },
    });
    const scratch = await temporaryFolder(t);
    const costs = ["0.1", "0.2", "0.0000000186", "1234567890.12"];
    const rows = costs.map((cost) =>
      azureRow(march, { BilledCost: cost, EffectiveCost: cost, BillingCurrency: "USD" }),
    );
    await deliver(
      project.bucket,
      await dataExportDelivery(
        {
          month: march,
          id: "doubles",
          part: "billing_period",
          format: "snappy.parquet",
          columns: focusColumns,
          files: [rows],
        },
        scratch,
      ),
    );
    await deliver(
      project.bucket,
      await azureParquetDelivery({ month: march, id: "decimals", folder: "azure", files: [rows] }, scratch),
    );
    const { finished } = await runProject(project);
    assert.deepEqual(
      finished.pipelines.map(({ loaded }) => loaded[0]?.cost),
      [{ USD: "1234567890.4200000186" }, { USD: "1234567890.4200000186" }],
    );
    const types = await ask(
      project,
      `SELECT DISTINCT data_type AS type FROM information_schema.columns WHERE column_name = 'BilledCost'`,
    );
    assert.deepEqual(types, [{ type: "DECIMAL(38,18)" }]);
  });

  test("case 50: amounts have more than nine digits after the point", async (t) => {
    const project = await createProject(t, curSection);
    const costs = ["0.0000000186", "0.00000080000", "0.000000000000000001", "-0.0000000000186"];
    await deliver(project.bucket, curDelivery({ month: march, id: "small", files: [curRows(march, ...costs)] }));
    const { loaded } = await runWell(project);
    assert.deepEqual(loaded[0]?.cost, { USD: "0.000000818581400001" });
    assert.deepEqual(await values(project, curTable, curTable.cost), [
      "-0.0000000000186",
      "0.000000000000000001",
      "0.0000000186",
      "0.0000008",
    ]);
    assert.equal(loaded[0]?.roundedValues, 0);
  });

  test("case 51: the first file has short amounts, the next ones long ones", async (t) => {
    const project = await createProject(t, curSection);
    const files = [curRows(march, "1", "2.5"), curRows(march, "12345678901.123456789012"), curRows(march, "0.25")];
    await deliver(project.bucket, curDelivery({ month: march, id: "growing", types: false, files }));
    await runWell(project);
    assert.deepEqual(await values(project, curTable, curTable.cost), ["0.25", "1", "2.5", "12345678901.123456789012"]);
  });

  test("case 52: amounts have an exponent", async (t) => {
    const project = await createProject(t, curSection);
    const costs = ["1.5E-7", "2e3", "-4.0E+1", "6.05E-5"];
    await deliver(project.bucket, curDelivery({ month: march, id: "exponents", files: [curRows(march, ...costs)] }));
    const { loaded } = await runWell(project);
    assert.deepEqual(loaded[0]?.cost, { USD: "1960.00006065" });
    assert.deepEqual(await values(project, curTable, curTable.cost), ["-40", "0.00000015", "0.0000605", "2000"]);
  });

  test("case 54: a cell is empty, is zero, or says NULL", async (t) => {
    const project = await createProject(t, azureSection);
    const price = "EffectivePrice";
    const rows = [
      azureRow(march, { [price]: "", CostCenter: "" }),
      azureRow(march, { [price]: "0", CostCenter: "NULL" }),
      azureRow(march, { [price]: "0.00", CostCenter: "null" }),
    ];
    await deliver(project.bucket, azureDelivery({ month: march, id: "empty", files: [rows] }));
    await runWell(project);
    assert.deepEqual(await values(project, azureTable, price), [null, "0", "0"]);
    assert.deepEqual(await values(project, azureTable, "CostCenter"), [null, "NULL", "null"]);
    const bad = [azureRow(april, { [price]: "NULL" })];
    await deliver(project.bucket, azureDelivery({ month: april, id: "null", files: [bad] }));
    const { finished } = await runProject(project);
    assert.deepEqual(finished.pipelines.map(outcomes), [["2025-03 unchanged empty", "2025-04 failed VALUE_INVALID"]]);
  });

  test("case 55: an amount is JSON", async (t) => {
    const project = await createProject(t, azureSection);
    const cells: Row = { Quantity: '{"Value": 24, "Unit": "Hours"}' };
    await deliver(project.bucket, azureDelivery({ month: march, id: "object", files: [[azureRow(march, cells)]] }));
    const { finished } = await runProject(project);
    assert.deepEqual(finished.pipelines.map(outcomes), [["2025-03 failed VALUE_INVALID"]]);
    const message = finished.pipelines[0]?.failed[0]?.message ?? "";
    for (const named of ["line 2", "Quantity", "Hours"]) assert.ok(message.includes(named), message);
  });
});
