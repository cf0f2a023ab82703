import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { doctor, status, undo, verify } from "../../src/index.ts";
import type { Check } from "../../src/pipeline/verify.ts";
import {
  azureColumns,
  azureDelivery,
  azureRow,
  azureRows,
  curColumns,
  curDelivery,
  curRow,
  curRows,
  deliver,
  type Delivery,
  type Row,
} from "../support/deliveries.ts";
import {
  ask,
  azureSection,
  configure,
  createProject,
  curSection,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  type Project,
} from "../support/projects.ts";
import { azureTable } from "../support/tables.ts";

const [january, february, march, april] = ["2025-01", "2025-02", "2025-03", "2025-04"];
const withoutPeriods = azureColumns.filter((name) => !name.startsWith("BillingPeriod"));
const accept = ["other-months"];

function withPeriod(month: string, cost: string): Delivery {
  return azureDelivery({ month, id: `with ${month}`, files: [azureRows(month, cost)] });
}

function withoutPeriod(month: string, cost: string): Delivery {
  return azureDelivery({ month, id: `without ${month}`, files: [azureRows(month, cost)], columns: withoutPeriods });
}

/** What `status` says of each month: rows, cost and notes. */
async function shown(project: Project): Promise<Record<string, string>> {
  const { pipelines } = await status(project.config);
  return Object.fromEntries(
    (pipelines[0]?.months ?? []).map(({ billingMonth: month, rows, cost, notes }) => [
      month,
      [`${rows} rows`, ...Object.entries(cost ?? {}).map(([currency, sum]) => `${sum} ${currency}`), ...notes].join(
        ", ",
      ),
    ]),
  );
}

/** The checks that verify makes; all of them must have passed. */
async function verified(project: Project, deep = true): Promise<readonly Check[]> {
  const { ok, checks } = await verify(project.config, { deep });
  assert.ok(ok, JSON.stringify(checks.filter((check) => !check.ok)));
  return checks;
}

/** Runs, and gives the months that failed, each with code, message and hint. */
async function failures(project: Project): Promise<readonly string[]> {
  const { finished } = await runProject(project);
  return onlyResult(finished).failed.map(
    ({ billingMonth: month, code, message, hint }) => `${month} ${code} ${message} ${hint}`,
  );
}

async function loadedIn(t: TestContext, ...runs: readonly (readonly Delivery[])[]): Promise<Project> {
  const project = await createProject(t, azureSection);
  for (const deliveries of runs) {
    for (const delivery of deliveries) await deliver(project.bucket, delivery);
    await runWell(project);
  }
  return project;
}

describe("the column of the billing period never blocks", () => {
  const payg = withoutPeriod(january, "2.5");
  const mca = withPeriod(february, "4");
  for (const [title, runs] of Object.entries({
    "pay-as-you-go, then MCA": [[payg], [mca]],
    "MCA, then pay-as-you-go": [[mca], [payg]],
    "both at once": [[payg, mca]],
  })) {
    test(`${title}: each row is in the month of its delivery`, async (t) => {
      const project = await loadedIn(t, ...runs);
      assert.deepEqual(await shown(project), {
        [february]: "1 rows, 4 EUR",
        [january]: "1 rows, 2.5 EUR, 1 row without a billing period",
      });
      await verified(project);
      // And each month can be replaced, whatever the column of the table is.
      await runWell(project, { force: true });
      assert.deepEqual(
        (await ask(project, `SELECT count(*) AS n FROM ${azureTable.name}`)).map(({ n }) => String(n)),
        ["2"],
      );
    });
  }

  test("a row without a value gets the month of its delivery; verify reports it", async (t) => {
    const rows = [azureRow(march, { BillingPeriodStartDate: "" }), azureRow(march)];
    const project = await loadedIn(t, [azureDelivery({ month: march, id: "blank", files: [rows] })]);
    assert.deepEqual(await shown(project), { [march]: "2 rows, 4.608 EUR, 1 row without a billing period" });
    const checks = await verified(project);
    assert.deepEqual(
      checks.flatMap(({ note }) => note ?? []),
      ["1 row without a billing period"],
    );
  });

  test("rows without a period that another program left are reported by doctor and verify, and stay", async (t) => {
    const project = await loadedIn(t, [withPeriod(january, "1")]);
    const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
    const connection = await instance.connect();
    await connection.run(`INSERT INTO ${azureTable.name} (CostInBillingCurrency) VALUES (7)`);
    connection.closeSync();
    instance.closeSync();
    const { checks } = await doctor(project.config);
    const found = checks.filter(({ ok }) => !ok);
    assert.deepEqual(
      found.map(({ check, found: words }) => [check, words.startsWith("1 row")]),
      [["billing periods", true]],
    );
    await runWell(project, { force: true });
    const failed = (await verify(project.config)).checks.filter(({ ok }) => !ok);
    assert.match(
      failed.map(({ expected, actual }) => `${expected}: ${actual}`).join(),
      /every row has a billing period\): 1 rows/,
    );
    assert.equal((await ask(project, `SELECT 1 AS n FROM ${azureTable.name}`)).length, 2);
  });

  test("in a delivery over several months a row without a period fails; its hint is followed", async (t) => {
    const rows = [...azureRows(january, "1"), azureRow(february, { BillingPeriodStartDate: "" })];
    const project = await createProject(t, azureSection);
    await deliver(project.bucket, azureDelivery({ month: january, id: "two", pathEnd: "2025-02-28", files: [rows] }));
    const failed = await failures(project);
    assert.equal(failed.length, 2);
    for (const failure of failed) assert.match(failure, /PERIOD_MISSING .*line 3.*one month at a time/);
    for (const month of [january, february]) {
      const own = rows.filter(({ Date: day = "" }) => day.startsWith(month));
      const again = azureDelivery({ month, id: `alone ${month}`, pathTime: "202506010042", files: [own] });
      await deliver(project.bucket, again);
    }
    await runWell(project);
    assert.deepEqual(Object.keys(await shown(project)), [february, january]);
  });

  test("billing_month as the partition column works on a new table and on one that has another column", async (t) => {
    const stamped = { azure_billing: { ...azureSection["azure_billing"], partition_column: "billing_month" } };
    const project = await loadedIn(t, [withPeriod(january, "1")]);
    await deliver(project.bucket, withoutPeriod(february, "2"));
    const changed = await configure(project, stamped);
    await runWell(changed, { force: true });
    assert.deepEqual(await shown(changed), {
      [february]: "1 rows, 2 EUR, 1 row without a billing period",
      [january]: "1 rows, 1 EUR",
    });
    await verified(changed);
    const other = await createProject(t, stamped);
    await deliver(other.bucket, withPeriod(january, "1"));
    await runWell(other);
    await deliver(other.bucket, withPeriod(february, "2"));
    // Without the key again, the table keeps its column.
    await runWell(await configure(other, azureSection), { force: true });
    assert.deepEqual(
      (await ask(other, `SELECT CAST(billing_month AS VARCHAR) AS m FROM ${azureTable.name} ORDER BY 1`)).map(
        ({ m }) => m,
      ),
      ["2025-01-01", "2025-02-01"],
    );
  });

  test("a configured column that is not that of the table is refused; its hint is followed", async (t) => {
    const project = await loadedIn(t, [withPeriod(january, "1")]);
    await deliver(project.bucket, withPeriod(february, "2"));
    const wrong = { azure_billing: { ...azureSection["azure_billing"], partition_column: "Date" } };
    const { finished } = await runProject(await configure(project, wrong));
    const { error } = onlyResult(finished);
    const column = /partition_column = "(\w+)"/.exec(error?.hint ?? "")?.[1] ?? "";
    assert.deepEqual([error?.code, column], ["CONFIG_INVALID", "BillingPeriodStartDate"]);
    const right = { azure_billing: { ...azureSection["azure_billing"], partition_column: column } };
    await runWell(await configure(project, right));
  });

  test("a failed first load leaves no table behind, and a failed month no columns", async (t) => {
    const project = await createProject(t, azureSection);
    const columns = [...azureColumns, "NewColumn"];
    const bad = azureRow(january, { Quantity: "many", NewColumn: "x" });
    await deliver(project.bucket, azureDelivery({ month: january, id: "bad", files: [[bad]], columns }));
    assert.match((await failures(project))[0] ?? "", /VALUE_INVALID/);
    const names = async (): Promise<unknown[]> => {
      const sql = "SELECT column_name AS name FROM duckdb_columns() WHERE table_name = 'azure_billing_data'";
      return (await ask(project, sql)).map(({ name }) => name);
    };
    await deliver(project.bucket, withoutPeriod(february, "1"));
    await runProject(project);
    // Its own columns, and the month of its delivery in the column of the table.
    assert.deepEqual(
      (await names()).filter((name) => name === "NewColumn" || name === "BillingPeriodEndDate"),
      [],
    );
    assert.ok((await names()).includes("MeterCategory"));
    const good = azureRow(january, { NewColumn: "x" });
    await deliver(
      project.bucket,
      azureDelivery({ month: january, id: "good", pathTime: "202506010042", files: [[good]], columns }),
    );
    await runWell(project);
    assert.ok((await names()).includes("NewColumn"));
    await verified(project);
  });
});

describe("rows of other months", () => {
  const rows = [...azureRows(january, "1"), ...azureRows(february, "2"), ...azureRows(april, "3", "5")];
  const twoMonths = azureDelivery({
    month: january,
    id: "two",
    pathEnd: "2025-02-28",
    files: [rows.slice(0, 3), rows.slice(3)],
  });

  test("fail all months of the delivery, are left out on request, and the receipt keeps them", async (t) => {
    const project = await createProject(t, azureSection);
    await deliver(project.bucket, twoMonths);
    const failed = await failures(project);
    assert.equal(failed.length, 2);
    for (const failure of failed)
      assert.match(failure, /MONTH_MISMATCH .*2 rows of 2025-04 \(8\.00 EUR\).*--accept other-months/);
    assert.deepEqual(await shown(project), {});
    const { loaded } = await runWell(project, { accept });
    assert.deepEqual(
      loaded.map(({ rows: count, notes }) => [count, notes]),
      [
        [1, ["2 rows of 2025-04 (8.00 EUR) left out (--accept other-months)"]],
        [1, ["2 rows of 2025-04 (8.00 EUR) left out (--accept other-months)"]],
      ],
    );
    const checks = await verified(project);
    assert.equal(checks.filter(({ name, note }) => name === "other-months" && note !== undefined).length, 2);
  });

  test("are loaded where the delivery covers them, or where another delivery was chosen", async (t) => {
    const project = await createProject(t, azureSection);
    const delivery = azureDelivery({ month: january, id: "two", pathEnd: "2025-02-28", files: [rows.slice(0, 2)] });
    await deliver(project.bucket, delivery);
    const alone = azureDelivery({
      month: february,
      id: "alone",
      pathTime: "202506010042",
      files: [azureRows(february, "9")],
    });
    await deliver(project.bucket, alone);
    assert.deepEqual(outcomes(await runWell(project)), ["2025-01 new two", "2025-02 new alone"]);
    await verified(project);
  });

  test("fail one month of AWS too, and the column of the delivery is checked in a stamped table", async (t) => {
    const cur = await createProject(t, curSection);
    const files = [curRows(march, "1"), curRows(april, "0.25")];
    await deliver(cur.bucket, curDelivery({ month: march, id: "mixed", files }));
    assert.match((await failures(cur))[0] ?? "", /2025-03 MONTH_MISMATCH .*1 row of 2025-04 \(0\.25 USD\)/);
    const stamped = { azure_billing: { ...azureSection["azure_billing"], partition_column: "billing_month" } };
    const azure = await createProject(t, stamped);
    const mixed = [...azureRows(march, "1"), ...azureRows(april, "2")];
    await deliver(azure.bucket, azureDelivery({ month: march, id: "mixed", files: [mixed] }));
    assert.match((await failures(azure))[0] ?? "", /2025-03 MONTH_MISMATCH .*1 row of 2025-04 \(2\.00 EUR\)/);
    await runWell(azure, { accept });
    assert.deepEqual(await shown(azure), {
      [march]: "1 rows, 1 EUR, 1 row of 2025-04 (2.00 EUR) left out (--accept other-months)",
    });
  });

  test("stay left out when the load is restored", async (t) => {
    const project = await createProject(t, azureSection);
    const mixed = [...azureRows(march, "1"), ...azureRows(april, "2")];
    await deliver(project.bucket, azureDelivery({ month: march, id: "mixed", files: [mixed] }));
    await runWell(project, { accept });
    await deliver(
      project.bucket,
      azureDelivery({ month: march, id: "later", pathTime: "202506010042", files: [azureRows(march, "3")] }),
    );
    await runWell(project);
    await undo(project.config, { pipeline: "azure_billing", month: march });
    assert.deepEqual(await shown(project), {
      [march]: "1 rows, 1 EUR, 1 row of 2025-04 (2.00 EUR) left out (--accept other-months)",
    });
    await verified(project);
  });
});

describe("the cost that proves a load", () => {
  test("a part that lacks the cost, which the manifest declares, fails the month", async (t) => {
    const project = await createProject(t, curSection);
    const costless = curColumns.filter((name) => name !== "lineItem/UnblendedCost");
    const files = [curRows(march, "100"), curRows(march, "3.75")];
    await deliver(project.bucket, curDelivery({ month: march, id: "torn", files, columns: [curColumns, costless] }));
    assert.match(
      (await failures(project))[0] ?? "",
      /FILE_INVALID .*00002.*lineItem\/UnblendedCost.*its manifest declares/,
    );
    await deliver(project.bucket, curDelivery({ month: march, id: "whole", files }));
    assert.deepEqual((await runWell(project)).loaded[0]?.cost, { USD: "103.75" });
  });

  test("a part that lacks any other column that the manifest declares is loaded, and the receipt names it", async (t) => {
    const project = await createProject(t, curSection);
    const some = curColumns.filter((name) => name !== "product/region");
    const files = [curRows(march, "100"), curRows(march, "3.75")];
    await deliver(project.bucket, curDelivery({ month: march, id: "torn", files, columns: [curColumns, some] }));
    const { loaded } = await runWell(project);
    const [sentence, ...others] = loaded[0]?.schemaChanges ?? [];
    assert.match(
      sentence ?? "",
      /^The manifest declares the column "product\/region", but .*00002\.csv\.gz lacks it\.$/u,
    );
    assert.deepEqual(others, []);
  });

  test("a part that lacks the cost of the others fails the month where no manifest declares it", async (t) => {
    const project = await createProject(t, azureSection);
    const costless = azureColumns.filter((name) => name !== "CostInBillingCurrency");
    const files = [azureRows(march, "100"), azureRows(march, "3.75")];
    await deliver(
      project.bucket,
      azureDelivery({ month: march, id: "torn", files, columns: [azureColumns, costless] }),
    );
    assert.match(
      (await failures(project))[0] ?? "",
      /FILE_INVALID .*CostInBillingCurrency.*other files of the month have/,
    );
  });

  test("where there is none, run, status and verify say so; a net cost of a legacy report counts", async (t) => {
    const project = await createProject(t, curSection);
    const costless = curColumns.filter((name) => name !== "lineItem/UnblendedCost");
    await deliver(
      project.bucket,
      curDelivery({ month: march, id: "none", files: [[curRow(march)]], columns: costless }),
    );
    const { loaded } = await runWell(project);
    assert.match(loaded[0]?.notes.join() ?? "", /no cost proved/);
    assert.match((await shown(project))[march] ?? "", /no cost proved/);
    assert.match((await verified(project)).map(({ note }) => note).join(), /no cost proved/);
    const net = [...costless, "lineItem/NetUnblendedCost"];
    const row: Row = curRow(march, { "lineItem/NetUnblendedCost": "1.25" });
    await deliver(project.bucket, curDelivery({ month: march, id: "net", files: [[row]], columns: net }));
    assert.deepEqual((await runWell(project)).loaded[0]?.cost, { USD: "1.25" });
    assert.equal((await shown(project))[march], "1 rows, 1.25 USD");
  });

  test("a word instead of a number is an error, whose hint is followed", async (t) => {
    const project = await createProject(t, azureSection);
    const words = [
      azureRow(march, { CostInBillingCurrency: "None", Quantity: "None", CostCenter: "None" }),
      ...azureRows(march, "2"),
    ];
    await deliver(project.bucket, azureDelivery({ month: march, id: "words", files: [words] }));
    const [failure = ""] = await failures(project);
    assert.match(failure, /VALUE_INVALID .*part_0_0001.*line 2.*CostInBillingCurrency.*"None"/);
    const [, hinted = ""] = /add it to null_values in .*: null_values = (\[.*?\])/.exec(failure) ?? [];
    const section = {
      azure_billing: { ...azureSection["azure_billing"], null_values: JSON.parse(hinted) as string[] },
    };
    const changed = await configure(project, section);
    assert.deepEqual((await runWell(changed)).loaded[0]?.cost, { EUR: "2" });
    const sql = `SELECT CostCenter AS c, Quantity AS q FROM ${azureTable.name} WHERE CostInBillingCurrency IS NULL`;
    assert.deepEqual(await ask(changed, sql), [{ c: "None", q: null }]);
    await verified(changed);
  });
});
