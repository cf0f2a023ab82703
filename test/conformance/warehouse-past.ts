import assert from "node:assert/strict";
import type { MeasuredColumns } from "../../src/model.ts";
import { loadPackage } from "../../src/state/package.ts";
import {
  otherAccounts,
  summaryLines,
  type MappedFile,
  type MonthColumns,
  type TableMeasures,
  type Warehouse,
} from "../../src/warehouses/warehouse.ts";
import {
  billColumns,
  billMeasured,
  billReceipt,
  csv,
  loadAndMeasure,
  month,
  newestLoad,
  prepare,
  rows,
  table,
  type Columns,
  type LoadChoices,
} from "./bills.ts";
import type { TestWarehouse } from "./warehouse.ts";

/** The small bill with what summaries are made of. */
const wideColumns: Columns = { ...billColumns, service: "text", account: "text", charge: "text", invoice: "text" };

const measured: MeasuredColumns = {
  ...billMeasured,
  serviceColumn: "service",
  accountColumn: "account",
  chargeTypeColumn: "charge",
  invoiceColumn: "invoice",
};

const wideMonth: MonthColumns = { ...measured, table, billingMonth: month };

interface Line {
  readonly cost: string;
  readonly service?: string;
  readonly account?: string;
  readonly charge?: string;
  readonly invoice?: string;
  readonly currency?: string;
}

async function bill(test: TestWarehouse, lines: readonly Line[], of = month): Promise<MappedFile> {
  const cells = lines.map((line, index): Readonly<Record<string, string>> => ({
    id: `${index}`,
    period: `${of}-01`,
    used: `${of}-02`,
    currency: "USD",
    ...line,
  }));
  const text = cells
    .map(
      (row) =>
        `${Object.keys(wideColumns)
          .map((name) => row[name] ?? "")
          .join(",")}\n`,
    )
    .join("");
  return csv(test, text, wideColumns);
}

async function loadBill(
  test: TestWarehouse,
  warehouse: Warehouse,
  executionId: string,
  lines: readonly Line[],
  choices: LoadChoices = {},
): Promise<TableMeasures> {
  return loadAndMeasure(warehouse, [await bill(test, lines, choices.billingMonth)], {
    ...measured,
    executionId,
    ...choices,
  });
}

/** Puts the rows of a load back, and gives what was measured of them; null when the warehouse has them no more. */
async function restore(
  warehouse: Warehouse,
  loadId: string,
  until: string,
  judge: (measures: TableMeasures) => void = () => {},
): Promise<TableMeasures | null> {
  let found: TableMeasures | null = null;
  const replaces = await newestLoad(warehouse, month);
  const isBack = await warehouse.restoreMonth(
    { ...wideMonth, executionId: "back", replaces, loadId, until },
    async (measures, current) => {
      judge(measures);
      found = measures;
      const receipt = billReceipt("back", month, measures.rows);
      return loadPackage(current, table, { receipt, submittedTime: null }, warehouse.destinationType, new Date());
    },
  );
  assert.equal(isBack, found !== null);
  return found;
}

const longAgo = "2020-01-01T00:00:00.000000+00:00";
const costs = `SELECT CAST(cost AS STRING) AS cost FROM billing.bills ORDER BY 1`;

async function prepareWide(warehouse: Warehouse, keepsPrevious: boolean, columns = wideColumns): Promise<void> {
  const added = Object.entries(columns).map(([name, type]) => ({ name, type }));
  await warehouse.prepare(table, {
    added,
    registered: [],
    partitionColumn: "period",
    usageColumn: null,
    keepsPrevious,
  });
}

/** What a warehouse remembers of months, and how it puts them back. */
export const pastCases: Readonly<Record<string, (test: TestWarehouse) => Promise<void>>> = {
  "sums a month up by service, account and charge type, the largest amount first": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, wideColumns);
    const { summary, uninvoicedRows } = await loadBill(test, warehouse, "e1", [
      { cost: "1.5", service: "EC2", account: "1", charge: "Usage", invoice: "I1" },
      { cost: "2", service: "EC2", account: "1", charge: "Usage", invoice: "I1" },
      { cost: "-9.000000000000000001", service: "EC2", account: "2", charge: "Credit" },
      { cost: "", service: "S3", account: "1", charge: "Usage", invoice: "I1" },
      { cost: "0.25", currency: "EUR", charge: "Tax" },
    ]);
    assert.equal(uninvoicedRows, 2);
    assert.deepEqual(summary, [
      { service: "EC2", account: "2", charge_type: "Credit", currency: "USD", rows: 1, cost: "-9.000000000000000001" },
      { service: "EC2", account: "1", charge_type: "Usage", currency: "USD", rows: 2, cost: "3.5" },
      { service: null, account: null, charge_type: "Tax", currency: "EUR", rows: 1, cost: "0.25" },
      { service: "S3", account: "1", charge_type: "Usage", currency: "USD", rows: 1, cost: "0" },
    ]);
  },

  "adds up the accounts of small lines, and loses no row and no cent of them": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, wideColumns);
    const lines = Array.from({ length: summaryLines + 100 }, (_, index): Line => ({
      cost: `${1000 - index}.01`,
      service: index % 2 === 0 ? "EC2" : "S3",
      account: `a${index}`,
      charge: "Usage",
    }));
    const { summary } = await loadBill(test, warehouse, "e1", lines);
    assert.equal(summary.length, summaryLines + 2);
    const others = summary.filter(({ account }) => account === otherAccounts);
    assert.deepEqual(
      others.map(({ service, rows: count, cost }) => [service, count, cost]),
      [
        ["EC2", 50, "22550.5"],
        ["S3", 50, "22500.5"],
      ],
    );
    assert.equal(
      summary.reduce((sum, line) => sum + line.rows, 0),
      lines.length,
    );
  },

  "has no summary without costs, and no count without invoices": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const file = await csv(test, "a,2025-01-01,2025-01-02,1.5,USD\n");
    const without = { costColumns: [], currencyColumn: null };
    const { summary, uninvoicedRows } = await loadAndMeasure(warehouse, [file], without);
    assert.deepEqual([summary, uninvoicedRows], [[], null]);
  },

  "measures a month later as it was measured when it was loaded": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, wideColumns);
    const lines = [
      { cost: "1.5", service: "EC2", account: "1", charge: "Usage", invoice: "I1" },
      { cost: "0.000000000000000001", service: "S3", account: "1", charge: "Tax", currency: "EUR" },
    ];
    const { delivered: _, inserted: __, ...first } = await loadBill(test, warehouse, "e1", lines);
    await loadBill(test, warehouse, "e2", [{ cost: "7" }], { billingMonth: "2025-02" });
    assert.deepEqual(await warehouse.measureMonth(wideMonth), first);
    assert.deepEqual(
      [...(await warehouse.monthsIn(table, "period"))],
      [
        ["2025-01", 2],
        ["2025-02", 1],
      ],
    );
    const empty = await warehouse.measureMonth({ ...wideMonth, billingMonth: "2024-12" });
    assert.deepEqual([empty.rows, empty.sums, empty.summary, empty.uninvoicedRows], [0, [{}], [], 0]);
    const gone = await warehouse.measureMonth({ ...wideMonth, serviceColumn: "gone", invoiceColumn: "gone" });
    assert.deepEqual([gone.uninvoicedRows, gone.summary.map(({ service }) => service)], [null, [null, null]]);
    const costless = await warehouse.measureMonth({ ...wideMonth, costColumns: ["gone", "cost"] });
    assert.deepEqual([costless.sums, costless.summary], [[{ EUR: "0", USD: "0" }, first.sums[0]], []]);
  },

  "tells the costs of a month by any of its columns": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, wideColumns);
    await loadBill(test, warehouse, "e1", [
      { cost: "1.5", service: "EC2", invoice: "I1" },
      { cost: "2", service: "EC2", invoice: "I2" },
      { cost: "0.1", service: "EC2", invoice: "I2" },
      { cost: "3", service: "EC2" },
    ]);
    const found = await warehouse.costsBy(wideMonth, ["invoice", null, "gone"]);
    const sorted = found.toSorted((one, other) => (String(one.values[0]) < String(other.values[0]) ? -1 : 1));
    assert.deepEqual(sorted, [
      { values: ["I1", null, null], currency: "USD", rows: 1, cost: "1.5" },
      { values: ["I2", null, null], currency: "USD", rows: 2, cost: "2.1" },
      { values: [null, null, null], currency: "USD", rows: 1, cost: "3" },
    ]);
    assert.deepEqual(await warehouse.costsBy({ ...wideMonth, billingMonth: "2024-12" }, ["invoice"]), []);
  },

  "knows nothing of tables that are not there": async (test) => {
    const warehouse = await test.open();
    assert.deepEqual(await warehouse.history(table, month), []);
    assert.deepEqual([...(await warehouse.monthsIn(table, "period"))], []);
    assert.deepEqual(await warehouse.keptMonths(table, "period"), { months: [], bytes: 0 });
  },

  "tells every load of a month, the newest first": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, wideColumns);
    for (const id of ["e1", "e2", "e1"]) await loadBill(test, warehouse, id, [{ cost: "1" }]);
    await loadBill(test, warehouse, "other", [{ cost: "1" }], { billingMonth: "2025-02" });
    const history = await warehouse.history(table, month);
    assert.deepEqual(
      history.map(({ executionId }) => executionId),
      ["e1", "e2", "e1"],
    );
    assert.equal(history[0]?.loadId, await newestLoad(warehouse, month));
    const { loadId: _, loadedAt: __, ...told } = history[1] ?? assert.fail("there is a second one");
    assert.deepEqual(told, billReceipt("e2", month, 1));
  },

  "keeps the rows that it replaces, and puts them back": async (test) => {
    const warehouse = await test.open();
    await prepareWide(warehouse, true);
    await loadBill(test, warehouse, "february", [{ cost: "5" }], { billingMonth: "2025-02", keepPrevious: 1 });
    const first = await loadBill(test, warehouse, "e1", [{ cost: "1" }, { cost: "2", service: "EC2" }], {
      keepPrevious: 1,
    });
    const loadId = (await newestLoad(warehouse, month)) ?? "";
    assert.deepEqual((await warehouse.keptMonths(table, "period")).months, [], "nothing was replaced yet");
    await prepareWide(warehouse, true, { later: "text" });
    await loadBill(test, warehouse, "e2", [{ cost: "9" }], { keepPrevious: 1 });
    const kept = await warehouse.keptMonths(table, "period");
    assert.deepEqual(kept.months, [{ billingMonth: month, loadId, rows: 2 }]);
    assert.ok(kept.bytes > 0);

    const back = await restore(warehouse, loadId, longAgo);
    assert.deepEqual(back, { ...first, delivered: null });
    assert.deepEqual(
      (await rows(warehouse, costs)).map(({ cost }) => Number(cost)),
      [1, 2, 5],
    );
    assert.deepEqual((await warehouse.keptMonths(table, "period")).months, [], "they are back, and kept no longer");
    assert.equal(
      (await warehouse.ledger(table)).receipts.find((one) => one.billingMonth === month)?.executionId,
      "back",
    );
  },

  "keeps as many earlier loads of a month as it is told": async (test) => {
    const warehouse = await test.open();
    await prepareWide(warehouse, true);
    const loads: string[] = [];
    for (const id of ["e1", "e2", "e3", "e4"]) {
      await loadBill(test, warehouse, id, [{ cost: "1" }], { keepPrevious: 2 });
      loads.push((await newestLoad(warehouse, month)) ?? "");
    }
    const kept = async (): Promise<string[]> =>
      (await warehouse.keptMonths(table, "period")).months.map(({ loadId }) => loadId);
    assert.deepEqual(await kept(), loads.slice(1, 3));
    await loadBill(test, warehouse, "e5", [{ cost: "1" }], { keepPrevious: 0 });
    assert.deepEqual(await kept(), loads.slice(1, 3), "what is kept stays");
  },

  "leaves everything as it was when the rows that it has are not the right ones": async (test) => {
    const warehouse = await test.open();
    await prepareWide(warehouse, true);
    await loadBill(test, warehouse, "e1", [{ cost: "1" }], { keepPrevious: 1 });
    const loadId = (await newestLoad(warehouse, month)) ?? "";
    await loadBill(test, warehouse, "e2", [{ cost: "9" }], { keepPrevious: 1 });
    const before = await warehouse.ledger(table);
    const wrong = new Error("not these");
    await assert.rejects(
      restore(warehouse, loadId, longAgo, () => {
        throw wrong;
      }),
      wrong,
    );
    assert.deepEqual(await warehouse.ledger(table), before);
    assert.deepEqual(
      (await rows(warehouse, costs)).map(({ cost }) => Number(cost)),
      [9],
    );
    assert.equal((await warehouse.keptMonths(table, "period")).months.length, 1);
  },

  "says that it has rows no more, and changes nothing": async (test) => {
    const warehouse = await test.open();
    await prepareWide(warehouse, false);
    await loadBill(test, warehouse, "e1", [{ cost: "1" }]);
    const loadId = (await newestLoad(warehouse, month)) ?? "";
    await loadBill(test, warehouse, "e2", [{ cost: "9" }]);
    const before = await warehouse.ledger(table);
    assert.equal(await restore(warehouse, loadId, longAgo), null);
    assert.deepEqual(await warehouse.ledger(table), before);
    assert.deepEqual(
      (await rows(warehouse, costs)).map(({ cost }) => Number(cost)),
      [9],
    );
  },
};
