import assert from "node:assert/strict";
import { test } from "node:test";

import {
  azureDelivery,
  curDelivery,
  curManifestTypes,
  deliver,
  type Delivery,
  type Row,
} from "../support/deliveries.ts";
import { dataExportDelivery, dataExportManifestTypes } from "../support/deliveries-of-exports.ts";
import { temporaryFolder } from "../support/folders.ts";
import { createProject, type Sections } from "../support/projects.ts";
import { requireProvedView } from "../support/proved-view.ts";
import { load, rowsOf } from "./loaded-cases.ts";
import { type MadeTable, viewOver, viewRow, type ViewRow } from "./made-tables.ts";
import { awsCurTables } from "./rules-of-aws-cur.ts";
import { awsFocusTables } from "./rules-of-aws-focus.ts";
import { azureCostTables } from "./rules-of-azure-cost.ts";
import { azureFocusTables } from "./rules-of-azure-focus.ts";

// The rules are tested on tables that were made without loading. Deliveries of the same rows must become the same.
const families = {
  "AWS reports": awsCurTables,
  "AWS exports in FOCUS columns": awsFocusTables,
  "Azure actual and amortized cost": azureCostTables,
  "Azure exports in FOCUS columns": azureFocusTables,
};

for (const [title, tables] of Object.entries(families)) {
  test(`deliveries of ${title} become the same rows as tables that were made`, async (t) => {
    const sections = tables.map(({ exportName, idColumn, rows }): [string, Sections[string]] => {
      const isReport = Object.keys(rows[0] ?? {}).some((name) => name.includes("/"));
      const kind = idColumn === "run_id" ? "azure-cost" : isReport ? "aws-cur" : "aws-data-export";
      return [exportName, { bucket_url: "bucket", prefix: `exports/${exportName}`, kind }];
    });
    const project = await createProject(t, Object.fromEntries(sections));
    for (const made of tables) {
      for (const [month, rows] of Map.groupBy(made.rows, (row) => (row[made.period] ?? "").slice(0, 7))) {
        await deliver(project.bucket, await deliveryOf(made, month, rows, await temporaryFolder(t)));
      }
    }
    await load(project);
    for (const version of ["v1_2", "v1_4"] as const) {
      const here = await (await viewOver(t, tables))(version);
      const loaded = (await rowsOf(project.config, `SELECT * FROM focus_${version}`)).map((row) =>
        viewRow(row, version),
      );
      assert.deepEqual(comparable(loaded), comparable(here));
    }
    assert.deepEqual(await requireProvedView(project.config), [], "every sum is decidable");
  });
}

/** The delivery of a month, as the cloud writes it. */
async function deliveryOf(made: MadeTable, month: string, rows: readonly Row[], scratch: string): Promise<Delivery> {
  const { exportName, idColumn, datasets = {} } = made;
  const options = { month, folder: `exports/${exportName}`, exportName, columns: columnsOf(made), files: [rows] };
  if (idColumn === "run_id") {
    const id = `5b0d1c2e-0000-4000-8000-0000${month.replace("-", "")}00`;
    return azureDelivery({ ...options, folder: "exports", id, type: datasets[month] ?? "FocusCost" });
  }
  if (options.columns.some((name) => name.includes("/")))
    return curDelivery({
      ...options,
      id: `${month}-assembly`,
      types: { ...typesOf(made, "BigDecimal"), ...curManifestTypes },
    });
  return await dataExportDelivery(
    { ...options, id: `${month}-execution`, types: { ...typesOf(made, "double"), ...dataExportManifestTypes } },
    scratch,
  );
}

function columnsOf({ rows }: MadeTable): readonly string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** The manifest's word for the type of amounts, by column. */
function typesOf(made: MadeTable, word: string): Readonly<Record<string, string>> {
  const isAmount = /(?:Cost|Quantity|Amount|Fee\w*|Commitment\w*|ToDate)$/iu;
  return Object.fromEntries(columnsOf(made).flatMap((name) => (isAmount.test(name) ? [[name, word]] : [])));
}

/** Rows in one order, without what only loading gives them. */
function comparable(rows: readonly ViewRow[]): readonly string[] {
  return rows.map((row) => JSON.stringify({ ...row, x_ExecutionId: null })).toSorted();
}
