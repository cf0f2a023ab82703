import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { temporaryFolder } from "../support/folders.ts";
import {
  azureColumns,
  azureDelivery,
  azureRow,
  azureRows,
  curColumns,
  curDelivery,
  curManifestTypes,
  curRow,
  deliver,
  focusColumns,
  type Row,
} from "../support/deliveries.ts";
import { cur2Row, dataExportDelivery } from "../support/deliveries-of-exports.ts";
import { ask, azureSection, createProject, curSection, runWell } from "../support/projects.ts";
import { curTable, dataExportSection, dataExportTable, focusTable, held } from "../support/tables.ts";

const [january, february, march, april] = ["2025-01", "2025-02", "2025-03", "2025-04"];

describe("columns", { concurrency: 2 }, () => {
  test("case 59: a manifest has an unknown type, or none", async (t) => {
    const project = await createProject(t, curSection);
    const columns = [...curColumns, "novelty/vector", "novelty/untyped"];
    const types: Record<string, string> = {
      ...curManifestTypes,
      "lineItem/UnblendedCost": "HugeDecimal",
      "novelty/vector": "Vector",
    };
    const rows = [curRow(march, { "novelty/vector": "007", "novelty/untyped": "1e3" })];
    await deliver(project.bucket, curDelivery({ month: march, id: "unheard of", columns, types, files: [rows] }));
    const { loaded } = await runWell(project);
    assert.deepEqual(
      await ask(
        project,
        `SELECT line_item_unblended_cost AS cost, novelty_vector AS vector, novelty_untyped AS untyped FROM ${curTable.name}`,
      ),
      [{ cost: "0.0416", vector: "007", untyped: "1e3" }],
    );
    assert.ok(
      loaded[0]?.schemaChanges.some((sentence) => sentence.includes("novelty_vector")),
      "it is reported",
    );
    assert.ok(!loaded[0]?.schemaChanges.some((sentence) => sentence.includes("line_item_unblended_cost")));
  });

  test("case 62: a column gets another name in a later version", async (t) => {
    const project = await createProject(t, azureSection);
    const older = [...focusColumns, "x_InvoiceId", "x_SkuMeterName"];
    const newer = [...focusColumns, "InvoiceId", "SkuMeter"];
    const rows = (month: string, cells: Row): Row[] => [azureRow(month, { BilledCost: "1", ...cells })];
    const was = rows(february, { x_InvoiceId: "I-2", x_SkuMeterName: "D2" });
    const is = rows(march, { InvoiceId: "I-3", SkuMeter: "D2" });
    await deliver(project.bucket, azureDelivery({ month: february, id: "1.0", columns: older, files: [was] }));
    await runWell(project);
    await deliver(project.bucket, azureDelivery({ month: march, id: "1.2", columns: newer, files: [is] }));
    const { loaded } = await runWell(project);
    assert.deepEqual(loaded[0]?.schemaChanges.toSorted(), [
      "Column InvoiceId was added (text).",
      "Column SkuMeter was added (text).",
      "Column x_InvoiceId is missing and will be NULL.",
      "Column x_SkuMeterName is missing and will be NULL.",
    ]);
    assert.deepEqual(
      await ask(project, `SELECT "x_InvoiceId", "InvoiceId" FROM ${focusTable.name} ORDER BY "BillingPeriodStart"`),
      [
        { x_InvoiceId: "I-2", InvoiceId: null },
        { x_InvoiceId: null, InvoiceId: "I-3" },
      ],
    );
    assert.deepEqual(await held(project, focusTable), { [february]: "1 rows 1", [march]: "1 rows 1" });
  });

  test("case 63: one field comes as a map in Parquet and as JSON text in CSV", async (t) => {
    const project = await createProject(t, dataExportSection);
    const scratch = await temporaryFolder(t);
    const tags = '{"user_team":"web","user_note":"say \\"hi\\""}';
    for (const [month, format] of [
      [february, "csv.gz"],
      [march, "snappy.parquet"],
    ] as const) {
      const rows = [cur2Row(month, { resource_tags: tags, line_item_unblended_cost: "0.5" })];
      await deliver(project.bucket, await dataExportDelivery({ month, id: format, format, files: [rows] }, scratch));
    }
    await runWell(project);
    assert.deepEqual(
      await ask(
        project,
        `SELECT DISTINCT CAST(resource_tags AS VARCHAR) AS tags, resource_tags ->> '$.user_note' AS note FROM ${dataExportTable.name}`,
      ),
      [{ tags, note: 'say "hi"' }],
    );
    assert.deepEqual(await held(project, dataExportTable), { [february]: "1 rows 0.5", [march]: "1 rows 0.5" });
  });

  test("case 64: the names of the currency and cost columns differ between agreements", async (t) => {
    const project = await createProject(t, azureSection);
    const renamed = (names: Readonly<Record<string, string>>): { columns: string[]; of: (row: Row) => Row } => ({
      columns: azureColumns.map((column) => names[column] ?? column),
      of: (row) => Object.fromEntries(Object.entries(row).map(([name, cell]) => [names[name] ?? name, cell])),
    });
    const dialects = {
      [january]: renamed({}),
      [february]: renamed({ BillingCurrency: "BillingCurrencyCode" }),
      [march]: renamed({
        BillingCurrency: "billingCurrency",
        CostInBillingCurrency: "costInBillingCurrency",
        BillingPeriodStartDate: "billingPeriodStartDate",
      }),
      [april]: renamed({ BillingCurrency: "Currency", CostInBillingCurrency: "Cost" }),
    };
    for (const [month, { columns, of }] of Object.entries(dialects)) {
      const files = [azureRows(month, "2.5", "1").map((row) => of(row))];
      await deliver(project.bucket, azureDelivery({ month, id: `run ${month}`, columns, files }));
    }
    // Each month is proved by its own columns, also when all of them are loaded at once.
    const { loaded } = await runWell(project);
    assert.deepEqual(
      loaded.map(({ billingMonth, cost }) => [billingMonth, cost]),
      [april, march, february, january].map((month) => [month, { EUR: "3.5" }]),
    );
  });
});
