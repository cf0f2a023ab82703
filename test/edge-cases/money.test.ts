import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { temporaryFolder } from "../support/folders.ts";
import {
  azureDelivery,
  azureParquetDelivery,
  azureRow,
  azureRows,
  curDelivery,
  curRow,
  deliver,
  type Row,
} from "../support/deliveries.ts";
import {
  ask,
  azureSection,
  configure,
  createProject,
  curSection,
  onlyResult,
  runProject,
  runWell,
} from "../support/projects.ts";
import { azureTable, curTable, held } from "../support/tables.ts";

const march = "2025-03";

describe("what money means", { concurrency: 2 }, () => {
  test("case 65: credits, refunds and savings plan discounts are negative", async (t) => {
    const project = await createProject(t, curSection);
    const line = (type: string, cost: string): Row =>
      curRow(march, { "lineItem/LineItemType": type, "lineItem/UnblendedCost": cost });
    const rows = [
      line("Usage", "10"),
      line("Credit", "-2.5"),
      line("Refund", "-1"),
      line("SavingsPlanCoveredUsage", "4"),
      line("SavingsPlanNegation", "-4"),
    ];
    await deliver(project.bucket, curDelivery({ month: march, id: "negative", files: [rows] }));
    const { loaded } = await runWell(project);
    assert.deepEqual(loaded[0]?.cost, { USD: "6.5" });
    assert.deepEqual(
      await ask(
        project,
        `SELECT line_item_line_item_type AS type, line_item_unblended_cost AS cost FROM ${curTable.name} WHERE line_item_unblended_cost < 0 ORDER BY 2`,
      ),
      [
        { type: "SavingsPlanNegation", cost: "-4" },
        { type: "Credit", cost: "-2.5" },
        { type: "Refund", cost: "-1" },
      ],
    );
  });

  test("case 66: some rows of a bill only round it to its invoice", async (t) => {
    const project = await createProject(t, azureSection);
    const rounding = azureRow(march, {
      ChargeType: "RoundingAdjustment",
      CostInBillingCurrency: "-0.0043219876",
      ResourceId: "",
      Quantity: "0",
    });
    const rows = [...azureRows(march, "1.0043219876", "2"), rounding];
    await deliver(project.bucket, azureDelivery({ month: march, id: "rounded", files: [rows] }));
    const { loaded } = await runWell(project);
    assert.deepEqual(loaded[0]?.cost, { EUR: "3" });
    assert.deepEqual(await held(project, azureTable), { [march]: "3 rows 3" });
  });

  test("case 67: actual, amortized and FOCUS cost of one month differ", async (t) => {
    const project = await createProject(t, azureSection);
    const scratch = await temporaryFolder(t);
    const focus = [azureRow(march, { BilledCost: "12", EffectiveCost: "1" })];
    await deliver(
      project.bucket,
      azureDelivery({ month: march, id: "actual", exportName: "actual", files: [azureRows(march, "12")] }),
    );
    await deliver(
      project.bucket,
      azureDelivery({
        month: march,
        id: "amortized",
        exportName: "amortized",
        type: "AmortizedCost",
        files: [azureRows(march, "1")],
      }),
    );
    await deliver(
      project.bucket,
      await azureParquetDelivery({ month: march, id: "focus", exportName: "focus", files: [focus] }, scratch),
    );
    const { error } = onlyResult((await runProject(project)).finished);
    assert.equal(error?.code, "EXPORT_AMBIGUOUS");
    for (const named of ["actual", "amortized", "focus"]) assert.ok(error?.message.includes(named), error?.message);

    const apart = await configure(
      project,
      Object.fromEntries(
        ["actual", "amortized", "focus"].map((name) => [
          `azure_${name}`,
          { bucket_url: "bucket", prefix: "exports", export_name: name },
        ]),
      ),
    );
    const { finished } = await runProject(apart);
    assert.deepEqual(
      finished.pipelines.map(({ loaded }) => loaded[0]?.cost),
      [{ EUR: "12" }, { EUR: "1" }, { EUR: "12" }],
    );
    const receipts = `SELECT * FROM billing_data.azure_focus_data_load_tracking WHERE billing_month = '${march}'`;
    const [receipt] = await ask(apart, receipts);
    assert.deepEqual(
      [receipt?.["cost_by_currency"], receipt?.["effective_cost_by_currency"]],
      ['{"EUR":"12"}', '{"EUR":"1"}'],
    );
  });

  test("case 68: a month has several currencies, unknown accounts and rows without a region", async (t) => {
    const project = await createProject(t, curSection);
    const line = (currency: string, cost: string, cells: Row = {}): Row =>
      curRow(march, { "lineItem/CurrencyCode": currency, "lineItem/UnblendedCost": cost, ...cells });
    const rows = [
      line("USD", "1.5"),
      line("CNY", "100.25"),
      line("USD", "2", { "lineItem/UsageAccountId": "", "product/region": "" }),
      line("CNY", "0.75", { "product/region": "" }),
    ];
    await deliver(project.bucket, curDelivery({ month: march, id: "several", files: [rows] }));
    const { loaded } = await runWell(project);
    assert.deepEqual(loaded[0]?.cost, { USD: "3.5", CNY: "101" });
    const nameless = `SELECT sum(line_item_unblended_cost) AS cost FROM ${curTable.name} WHERE product_region IS NULL`;
    assert.deepEqual(await ask(project, nameless), [{ cost: "2.75" }]);
  });
});
