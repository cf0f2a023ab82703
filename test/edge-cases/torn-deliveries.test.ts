import assert from "node:assert/strict";
import { writeFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { forget } from "../../src/index.ts";
import { temporaryFolder } from "../support/folders.ts";
import {
  azureDelivery,
  azureRows,
  curDelivery,
  curRows,
  curParquetDelivery,
  deliver,
  type Delivery,
} from "../support/deliveries.ts";
import { cur2Row, dataExportDelivery } from "../support/deliveries-of-exports.ts";
import {
  azureSection,
  createProject,
  curSection,
  outcomes,
  runProject,
  runWell,
  type Project,
} from "../support/projects.ts";
import { azureTable, curTable, dataExportSection, dataExportTable, held } from "../support/tables.ts";

const [february, march] = ["2025-02", "2025-03"];

/** Writes objects at once, as another process would in the middle of a run. */
function deliverNow({ bucket }: Project, { objects }: Delivery, wanted: (key: string) => boolean = () => true): void {
  for (const [key, bytes] of objects) {
    if (!wanted(key)) continue;
    mkdirSync(dirname(join(bucket, key)), { recursive: true });
    writeFileSync(join(bucket, key), bytes);
  }
}

describe("deliveries that are torn, partial or overtaken", { concurrency: 2 }, () => {
  test("case 24: a mirror copies out of order, and objects land after the listing", async (t) => {
    const project = await createProject(t, azureSection);
    const run = (month: string, id: string, pathTime: string, cost: string): Delivery =>
      azureDelivery({ month, id, pathTime, files: [azureRows(month, cost), azureRows(month, cost)] });
    const newest = run(march, "newest", "202504050042", "3");
    const [first = ""] = newest.fileKeys;
    // The manifest and one file are there before the run; the other file and a whole month land while it is at work.
    deliverNow(project, newest, (key) => key === newest.manifestKey || key === first);
    const early = await runProject(project, {}, (event) => {
      if (event.event !== "export_found") return;
      deliverNow(project, newest);
      deliverNow(project, run(february, "february", "202503040042", "2"));
    });
    assert.deepEqual(early.finished.pipelines.map(outcomes), [["2025-03 waiting newest"]]);
    assert.deepEqual(outcomes(await runWell(project)), ["2025-02 new february", "2025-03 new newest"]);
    // A run that is older comes last, as mirrors do.
    deliverNow(project, run(march, "older", "202504040042", "9"));
    assert.deepEqual(outcomes(await runWell(project)), ["2025-02 unchanged february", "2025-03 unchanged newest"]);
    assert.deepEqual(await held(project, azureTable), { [february]: "2 rows 4", [march]: "2 rows 6" });
  });

  test("case 25: a manifest lists full addresses, or keys of another place than the mirror's", async (t) => {
    const project = await createProject(t, { ...curSection, ...dataExportSection });
    const scratch = await temporaryFolder(t);
    const rows = [cur2Row(march, { line_item_unblended_cost: "1.5" })];
    await deliver(
      project.bucket,
      await dataExportDelivery(
        { month: march, id: "addresses", folder: "exports/mirror", writtenFolder: "billing", files: [rows] },
        scratch,
      ),
    );
    await deliver(
      project.bucket,
      curDelivery({
        month: march,
        id: "keys",
        folder: "cur/of/mirror",
        writtenFolder: "billing",
        files: [curRows(march, "2")],
      }),
    );
    // The file that the keys of the older month would name by their last part alone.
    await deliver(
      project.bucket,
      curDelivery({
        month: february,
        id: "older",
        folder: "cur/of/mirror",
        writtenFolder: "billing",
        files: [curRows(february, "4")],
      }),
    );
    const { finished } = await runProject(project);
    assert.deepEqual(finished.pipelines.map(outcomes), [
      ["2025-02 new older", "2025-03 new keys"],
      ["2025-03 new addresses"],
    ]);
    assert.deepEqual(await held(project, curTable), { [february]: "1 rows 4", [march]: "1 rows 2" });
    assert.deepEqual(await held(project, dataExportTable), { [march]: "1 rows 1.5" });
  });

  test("case 26: an export changes between new folders for each delivery and overwriting", async (t) => {
    const project = await createProject(t, curSection);
    const shapes = ["create-new", "overwrite", "overwrite", "create-new"] as const;
    for (const [index, shape] of shapes.entries()) {
      const files = [curRows(march, `${index + 1}`)];
      await deliver(project.bucket, curDelivery({ month: march, id: `delivery ${index}`, shape, files }));
      await runWell(project);
      assert.deepEqual(await held(project, curTable), { [march]: `1 rows ${index + 1}` }, shape);
    }
  });

  test("case 27: parquet files are in folders of year and month, and their manifest is in a folder of dates", async (t) => {
    const project = await createProject(t, curSection);
    const scratch = await temporaryFolder(t);
    const months = ["2024-10", "2024-11", "2024-12", "2025-01", "2025-10"];
    for (const [index, month] of months.entries()) {
      const files = [curRows(month, `${index + 1}.1`), curRows(month, `${index + 1}.1`)];
      await deliver(project.bucket, await curParquetDelivery({ month, id: `id ${month}`, files }, scratch));
    }
    assert.deepEqual(
      outcomes(await runWell(project)),
      months.map((month) => `${month} new id ${month}`),
    );
    assert.deepEqual(
      await held(project, curTable),
      Object.fromEntries(months.map((month, index) => [month, `2 rows ${(index + 1) * 2}.2`])),
    );
    assert.deepEqual((await runWell(project)).loaded, []);
  });

  test("case 30: a month has rows in the table, but nothing shows that they are complete", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, curDelivery({ month: february, id: "whole", files: [curRows(february, "1")] }));
    const files = [curRows(march, "1", "2"), curRows(march, "4")];
    await deliver(project.bucket, curDelivery({ month: march, id: "partial", files }));
    await runWell(project);
    // As a loader leaves a month that writes rows first and remembers them later: two of three rows, no state.
    await forget(project.config, { pipelines: ["aws_cur"], months: [march] });
    const database = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
    const connection = await database.connect();
    await connection.run(`DELETE FROM ${curTable.name} WHERE line_item_unblended_cost = 2`);
    connection.closeSync();
    database.closeSync();
    assert.deepEqual(outcomes(await runWell(project)), ["2025-02 unchanged whole", "2025-03 new partial"]);
    assert.deepEqual(await held(project, curTable), { [february]: "1 rows 1", [march]: "3 rows 7" });
  });
});
