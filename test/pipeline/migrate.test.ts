import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { status } from "../../src/index.ts";
import { migrate, type MigratedPipeline, type MigrateResult } from "../../src/pipeline/migrate.ts";
import { loadPackage } from "../../src/state/package.ts";
import { normaliseCurName } from "../../src/schema/names.ts";
import { createSum } from "../../src/schema/sums.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import type { Ledger } from "../../src/warehouses/warehouse.ts";
import { billReceipt, rows } from "../conformance/bills.ts";
import { duckdbWarehouse } from "../support/duckdb-warehouse.ts";
import { curDelivery, curRow, deliver } from "../support/deliveries.ts";
import {
  ask,
  billhouse,
  createProject,
  curSection,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  textRows,
  type Project,
} from "../support/projects.ts";
import {
  bill,
  inexactTypes,
  makePythonTables,
  pythonDataset,
  pythonSections,
  pythonTable,
  restoreDataset,
} from "../support/python-tables.ts";
import { dltFixtures } from "../state/fixtures.ts";
import { parseResult } from "../support/json.ts";

const amounts = Object.keys(inexactTypes).map(normaliseCurName);
const december = bill("2025-12", "5d2f9a10-1c1b-4e0e-8a55-0f7f3a9f0c11");

/** A project with the tables of the Python pipelines; with `continued`, billhouse has loaded December into them. */
async function pythonProject(t: TestContext, continued = false): Promise<Project> {
  const project = await createProject(t, pythonSections);
  await makePythonTables(project);
  if (!continued) return project;
  await deliver(project.bucket, december);
  await runWell(project);
  return project;
}

/** Rows and, for every column, values and the exact sum of their text where they are amounts, month by month. */
async function figures(project: Project): Promise<Record<string, unknown>> {
  const texts = amounts.map((name) => `CAST(${name} AS VARCHAR) AS ${name}`);
  const texted = await textRows(
    project,
    `SELECT strftime(bill_billing_period_start_date, '%Y-%m') AS month, * REPLACE (${texts.join(", ")})
      FROM ${pythonTable} ORDER BY identity_line_item_id`,
  );
  const months = Map.groupBy(
    texted.map((row) => JSON.parse(row) as Record<string, string>),
    (row) => row["month"] ?? "",
  );
  const told = [...months].map(([month, all]) => {
    const sums = amounts.map((name) => {
      const sum = createSum();
      const filled = all.map((row) => row[name]?.trim() ?? "").filter((text) => text !== "");
      for (const text of filled) assert.ok(sum.add(text), text);
      return [name, { values: filled.length, sum: sum.total() }] as const;
    });
    const rest = createHash("md5")
      .update(all.map((row) => row["rest"]).join())
      .digest("hex");
    return [month, { rows: all.length, rest, ...Object.fromEntries(sums) }] as const;
  });
  return Object.fromEntries(told);
}

async function ledgerOf(project: Project): Promise<Ledger> {
  const warehouse = await openWarehouse(project.config.warehouse, "read");
  try {
    return await warehouse.ledger(pythonDataset.table);
  } finally {
    await warehouse.close();
  }
}

function only(result: MigrateResult): MigratedPipeline {
  const [pipeline, ...others] = result.pipelines;
  assert.ok(pipeline !== undefined && others.length === 0);
  return pipeline;
}

function namesOf({ steps }: MigratedPipeline): string[] {
  return steps.map(({ step, column }) => (column === undefined ? step : `${step} ${column}`));
}

/** Works on the database itself. */
async function withDatabase(project: Project, ...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  for (const statement of statements) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
}

const allSteps = ["tracking-columns", "registry", ...amounts.map((name) => `decimals ${name}`), "costs"];

describe("migrate", () => {
  test("shows the steps and writes nothing", async (t) => {
    const project = await pythonProject(t);
    const file = join(project.folder, "billhouse.duckdb");
    const before = await readFile(file);
    const shown = await billhouse(project, ["migrate"]);
    assert.equal(shown.code, 0, shown.stdout + shown.stderr);
    assert.match(shown.stdout, /~ decimals\s+line_item_unblended_cost becomes an exact decimal instead of DOUBLE\./u);
    assert.match(
      shown.stdout,
      /7 steps to perform, nothing was written\. To perform them: billhouse migrate --yes\n$/u,
    );
    const { code, stdout } = await billhouse(project, ["migrate", "aws", "--json"]);
    assert.equal(code, 0);
    const result = parseResult(stdout) as MigrateResult;
    assert.deepEqual(
      result.pipelines.map(({ name, table }) => ({ name, table })),
      [{ name: "aws_cur", table: pythonTable }],
    );
    assert.deepEqual(namesOf(only(result)), allSteps);
    assert.ok(only(result).steps.every(({ done, what }) => !done && what.endsWith(".")));
    assert.deepEqual(await readFile(file), before);
  });

  test("takes every step once, and loses nothing", async (t) => {
    const project = await pythonProject(t, true);
    const before = { figures: await figures(project), ledger: await ledgerOf(project) };
    assert.equal(before.ledger.receipts.length, 4);
    assert.notEqual(before.ledger.receipts.at(-1)?.files ?? null, null, "the receipt that lives apart");

    const taken = await billhouse(project, ["migrate", "--yes", "--json"]);
    assert.equal(taken.code, 0, taken.stdout + taken.stderr);
    const steps = only(parseResult(taken.stdout) as MigrateResult).steps;
    assert.deepEqual(
      steps.map(({ step, column, done, error }) => ({ name: column ?? step, done, error })),
      // December has registered the columns.
      ["tracking-columns", ...amounts, "costs"].map((name) => ({ name, done: true, error: undefined })),
    );

    const after = { figures: await figures(project), ledger: await ledgerOf(project) };
    assert.deepEqual(after.figures, before.figures);
    assert.deepEqual(after.ledger.receipts.at(-1), before.ledger.receipts.at(-1), "the receipt of billhouse");
    for (const [index, receipt] of after.ledger.receipts.slice(0, -1).entries()) {
      const { billingMonth, tableCost, flags } = receipt;
      const old = before.ledger.receipts[index];
      assert.deepEqual([billingMonth, receipt.rows, receipt.loadedAt], [old?.billingMonth, old?.rows, old?.loadedAt]);
      const figure = (after.figures[billingMonth] ?? {}) as Record<string, { readonly sum: string } | undefined>;
      assert.deepEqual([tableCost?.["USD"], flags], [figure["line_item_unblended_cost"]?.sum, ["measured"]]);
    }
    assert.equal(after.ledger.state, before.ledger.state);
    assert.deepEqual(
      after.ledger.columns?.map(({ name }) => name),
      before.ledger.columns?.map(({ name }) => name),
      "in the same order",
    );
    for (const { name, type } of after.ledger.columns ?? []) {
      const old = before.ledger.columns?.find((column) => column.name === name);
      assert.equal(type, amounts.includes(name) ? "decimal" : old?.type, name);
    }
    assert.equal(after.ledger.columns?.find(({ name }) => name === "line_item_unblended_rate")?.type, "text");
    const { dataset, name } = pythonDataset.table;
    assert.deepEqual(await textRows(project, `FROM ${dataset}._billhouse_receipts`), []);
    const tracked = await ask(
      project,
      `SELECT * FROM ${dataset}.${name}_load_tracking WHERE billing_month = '2025-12'`,
    );
    assert.equal(tracked[0]?.["source_bytes"], String(before.ledger.receipts.at(-1)?.sourceBytes), "readers see it");

    const again = await billhouse(project, ["migrate", "--yes"]);
    assert.deepEqual([again.code, again.stdout.endsWith("Nothing to migrate.\n")], [0, true], again.stdout);
    assert.deepEqual(await ledgerOf(project), after.ledger);

    assert.equal((await runWell(project)).loaded.length, 0, "no month is loaded again");
    const [pipeline] = (await status(project.config)).pipelines;
    assert.deepEqual(pipeline?.notes, []);
    const january = bill("2026-01", "20260201T000000Z");
    await deliver(project.bucket, january);
    await runWell(project);
    const newest = (await ledgerOf(project)).receipts.at(-1);
    assert.deepEqual([newest?.billingMonth, newest?.cost], ["2026-01", newest?.tableCost]);
    assert.deepEqual(await textRows(project, `FROM ${dataset}._billhouse_receipts`), [], "receipts stay together");
  });

  test("registers each column with its source column, numbered ones too", async (t) => {
    const project = await pythonProject(t);
    await migrate(project.config, { yes: true });
    const { registry } = await ledgerOf(project);
    const named = new Map(registry.map(({ sourceName, columnName }) => [sourceName, columnName]));
    assert.equal(named.get("product/ecu"), "product_ecu");
    assert.equal(named.get("product/ECU"), "product_ecu_1");
    assert.equal(named.size, 11, "all but the one that the newest month does not have");
    // A run without a migration gives the same names.
    const other = await pythonProject(t, true);
    const registered = (await ledgerOf(other)).registry;
    assert.deepEqual(new Map(registered.map(({ sourceName, columnName }) => [sourceName, columnName])), named);
  });

  test("refuses a column whose values are not amounts, and continues with the others", async (t) => {
    const project = await pythonProject(t);
    await withDatabase(
      project,
      `UPDATE ${pythonTable} SET line_item_net_unblended_cost = 'n/a' WHERE identity_line_item_id IN ('2025-10-3', '2025-10-4')`,
    );
    const { code, stdout } = await billhouse(project, ["migrate", "--yes", "--json"]);
    assert.equal(code, 1);
    const refused = only(parseResult(stdout) as MigrateResult).steps.filter(({ done }) => !done);
    assert.deepEqual(
      refused.map(({ column, error }) => [column, error?.code]),
      [["line_item_net_unblended_cost", "VALUE_INVALID"]],
    );
    assert.match(refused[0]?.error?.message ?? "", /line_item_net_unblended_cost .* 2 values .*"n\/a"/u);
    const [kept] = await ask(
      project,
      `SELECT count(*) AS n FROM ${pythonTable} WHERE line_item_net_unblended_cost = 'n/a'`,
    );
    assert.equal(kept?.["n"], "2");
    const screen = await billhouse(project, ["migrate", "--yes"]);
    assert.match(screen.stdout, /✖ decimals .*VALUE_INVALID\n.*was not changed/u);
    assert.match(screen.stdout, /0 steps done; 1 step refused\.\n$/u);
  });

  test("names the obstacle when the database cannot change a column", async (t) => {
    const project = await pythonProject(t);
    await withDatabase(project, `CREATE INDEX by_id ON ${pythonTable} (identity_line_item_id)`);
    const before = await figures(project);
    const { steps } = only(await migrate(project.config, { yes: true }));
    assert.deepEqual(
      steps.map(({ done, error }) => error?.code ?? done),
      [true, true, ...amounts.map(() => "TYPE_MISMATCH")],
    );
    assert.deepEqual(await figures(project), before);
    await withDatabase(project, `DROP INDEX ${pythonDataset.table.dataset}.by_id`);
    assert.ok(only(await migrate(project.config, { yes: true })).steps.every(({ done }) => done));
  });

  test("reports how many values had more digits than an exact decimal", async (t) => {
    const project = await pythonProject(t);
    await withDatabase(
      project,
      `UPDATE ${pythonTable} SET line_item_net_unblended_cost = '0.1234567890123456785' WHERE identity_line_item_id = '2025-10-3'`,
    );
    const { steps } = only(await migrate(project.config, { yes: true }));
    assert.equal(steps.find(({ column }) => column === "line_item_net_unblended_cost")?.roundedValues, 1);
    const [row] = await ask(
      project,
      `SELECT line_item_net_unblended_cost AS cost FROM ${pythonTable} WHERE identity_line_item_id = '2025-10-3'`,
    );
    assert.equal(row?.["cost"], "0.123456789012345679");
  });

  test("continues after it was killed, whichever commit was the last one", async (t) => {
    const [wanted, before] = [await pythonProject(t, true), await createProject(t, pythonSections)];
    await cp(wanted.folder, before.folder, { recursive: true, preserveTimestamps: true });
    const undisturbed = [await figures(wanted), namesOf(only(await migrate(wanted.config, { yes: true })))] as const;
    const expected = await ledgerOf(wanted);
    for (const [nth, point] of [1, 2, 5].flatMap((nth) => [
      [nth, "before-commit"] as const,
      [nth, "after-commit"] as const,
    ])) {
      const project = await createProject(t, pythonSections);
      await cp(before.folder, project.folder, { recursive: true, preserveTimestamps: true });
      const died = await billhouse(
        project,
        ["migrate", "--yes"],
        `import { subscribe } from "node:diagnostics_channel";
        let left = ${nth};
        subscribe("billhouse:point", ({ name }) => {
          if (name === "${point}" && --left === 0) process.kill(process.pid, "SIGKILL");
        });`,
      );
      assert.equal(died.code, null, `${point} ${nth}: ${died.stdout}`);
      const left = namesOf(only(await migrate(project.config, { yes: true })));
      assert.deepEqual(left, undisturbed[1].slice(point === "before-commit" ? nth - 1 : nth), `${point} ${nth}`);
      assert.deepEqual(await figures(project), undisturbed[0], `${point} ${nth}`);
      assert.deepEqual((await ledgerOf(project)).columns, expected.columns);
      const seen = await ask(project, `SELECT DISTINCT typeof(line_item_unblended_cost) AS type FROM ${pythonTable}`);
      assert.deepEqual(seen, [{ type: "DECIMAL(38,18)" }], "and its readers see it");
    }
  });

  test("has nothing to do where billhouse made the tables, or nothing is loaded", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, december);
    assert.deepEqual(only(await migrate(project.config)), {
      name: "aws_cur",
      table: "billing_data.aws_cur_data",
      steps: [],
      notes: [],
    });
    await runWell(project);
    assert.deepEqual(only(await migrate(project.config, { yes: true })).steps, []);
    const { code, stdout } = await billhouse(project, ["migrate"]);
    assert.deepEqual(
      [code, stdout],
      [0, "aws_cur -> billing_data.aws_cur_data\n  Nothing to do.\n\nNothing to migrate.\n"],
    );
  });

  test("makes amounts exact that the table has as whole numbers, so that cents can be loaded", async (t) => {
    const project = await createProject(t, curSection);
    const deliverCost = (month: string, cost: string): Promise<void> => {
      const rows = [curRow(month, { "lineItem/UnblendedCost": cost })];
      return deliver(project.bucket, curDelivery({ month, id: month, files: [rows] }));
    };
    await deliverCost("2025-12", "3");
    await runWell(project);
    await withDatabase(
      project,
      "ALTER TABLE billing_data.aws_cur_data ALTER line_item_unblended_cost SET DATA TYPE BIGINT",
      "UPDATE billing_data._billhouse_columns SET \"type\" = 'bigint' WHERE column_name = 'line_item_unblended_cost'",
    );
    await deliverCost("2026-01", "0.25");
    assert.deepEqual(
      onlyResult((await runProject(project)).finished).failed.map(({ code }) => code),
      ["VALUE_INVALID"],
    );
    assert.deepEqual(namesOf(only(await migrate(project.config, { yes: true }))), [
      "decimals line_item_unblended_cost",
    ]);
    await runWell(project);
    const costs = await ask(
      project,
      "SELECT line_item_unblended_cost AS cost FROM billing_data.aws_cur_data ORDER BY 1",
    );
    assert.deepEqual(
      costs.map(({ cost }) => Number(cost)),
      [0.25, 3],
    );
  });

  test("does what needs no delivery when the loaded months are gone from the storage", async (t) => {
    const project = await pythonProject(t);
    await withDatabase(project, `DELETE FROM ${pythonDataset.table.dataset}._dlt_pipeline_state`);
    const { steps, notes } = only(await migrate(project.config));
    assert.deepEqual(namesOf({ ...only(await migrate(project.config)), steps }), [
      "tracking-columns",
      ...amounts.map((name) => `decimals ${name}`),
    ]);
    assert.match(notes[0] ?? "", /no loaded month is in the storage/u);
  });
});

describe("receipts move into the tracking table, and readers find the same ones", () => {
  for (const fixture of dltFixtures) {
    test(fixture.title, async (t) => {
      const { table } = fixture;
      const bills = await duckdbWarehouse(t);
      const instance = await DuckDBInstance.create(bills.path);
      const connection = await instance.connect();
      await connection.run("SET TimeZone = 'UTC'");
      await restoreDataset(connection, fixture);
      connection.closeSync();
      instance.closeSync();
      const warehouse = await bills.open();
      for (const [month, id] of [
        ["2030-01", "20300201T000000Z"],
        ["2030-02", "a"],
        ["2030-01", "b"],
      ] as const) {
        const load = { receipt: billReceipt(id, month, 1), submittedTime: "now" };
        await warehouse.append(table, (current) =>
          loadPackage(current, table, load, warehouse.destinationType, new Date()),
        );
      }
      const before = await warehouse.ledger(table);
      const [pending] = await warehouse.migration.pendingSteps(table, partitioning);
      assert.match(pending?.what ?? "", /columns for receipts, and 3 receipts move/u);
      for (const _ of [1, 2]) await warehouse.migration.migrate(table, { step: "tracking-columns" });
      assert.deepEqual(await warehouse.ledger(table), before);
      assert.deepEqual(await rows(warehouse, `FROM "${table.dataset}"._billhouse_receipts`), []);
      const all = await rows(warehouse, `SELECT * FROM "${table.dataset}"."${table.name}_load_tracking"`);
      assert.equal(all.filter((row) => row["billhouse_version"] !== null).length, 3, "replaced months too");
      assert.deepEqual(await warehouse.migration.pendingSteps(table, partitioning), []);
    });
  }
});

const partitioning = { partitionColumn: "period", usageColumn: null };

describe("tables of the Python pipelines that are not migrated", () => {
  test("keep their types, and their tracking table is not changed", async (t) => {
    const project = await pythonProject(t);
    const before = await ledgerOf(project);
    const tracking = `SELECT column_name FROM duckdb_columns() WHERE table_name = '${pythonDataset.table.name}_load_tracking'`;
    const columns = await textRows(project, tracking);
    await deliver(project.bucket, december);
    const result = await runWell(project);
    assert.deepEqual(
      outcomes(result).map((outcome) => outcome.split(" ").slice(0, 2).join(" ")),
      ["2025-09 unchanged", "2025-10 unchanged", "2025-11 unchanged", "2025-12 new"],
    );
    const after = await ledgerOf(project);
    for (const { name, nativeType } of before.columns ?? []) {
      assert.equal(after.columns?.find((column) => column.name === name)?.nativeType, nativeType, name);
    }
    assert.deepEqual(await textRows(project, tracking), columns);
    const receipts = await textRows(
      project,
      `SELECT billing_month FROM ${pythonDataset.table.dataset}._billhouse_receipts`,
    );
    assert.deepEqual(receipts, ['{"billing_month":"2025-12"}']);
    assert.deepEqual(after.receipts.at(-1)?.cost, after.receipts.at(-1)?.tableCost);
    assert.equal((await runWell(project)).loaded.length, 0);
  });

  test("take amounts with more digits than a float keeps, and say so in the receipt", async (t) => {
    const project = await pythonProject(t);
    const rows = ["0.12345678901234567891", "1"].map((cost) => curRow("2025-12", { "lineItem/UnblendedCost": cost }));
    await deliver(project.bucket, curDelivery({ month: "2025-12", id: "long-digits", files: [rows] }));
    await runWell(project);
    const receipt = (await ledgerOf(project)).receipts.at(-1);
    assert.deepEqual(receipt?.cost, { USD: "1.12345678901234567891" });
    assert.deepEqual(receipt?.tableCost, { USD: "1.12345678901234568" });
    assert.equal(receipt?.roundedValues, 1);
  });

  test("are reported by status, with the fix", async (t) => {
    const project = await pythonProject(t);
    const unrecorded =
      "The cost of 2025-09 to 2025-11 was not recorded when the months were loaded. billhouse verify aws_cur measures it; to record it: billhouse migrate aws_cur --yes";
    const note =
      "Amounts are stored as floats: line_item_unblended_cost, line_item_usage_amount, reservation_unused_quantity. Run billhouse migrate to make them exact.";
    const [pipeline] = (await status(project.config)).pipelines;
    assert.deepEqual(pipeline?.notes, [unrecorded, note]);
    const { stdout } = await billhouse(project, ["status"]);
    assert.ok(stdout.includes(`  ! ${note}\n`), stdout);
  });
});
