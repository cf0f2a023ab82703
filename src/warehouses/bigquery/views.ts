import { BillhouseError } from "../../errors.ts";
import type { RegisteredColumn, Table } from "../../model.ts";
import { deliveredName, fold, normaliseCurName } from "../../schema/names.ts";
import { keepsReceipts, receiptsTable, trackingTableName } from "../../state/tables.ts";
import { elsewhere, missingTables, nameTaken, type TableShape, type ViewSource } from "../views.ts";
import type { Settings } from "./api/client.ts";
import { fieldsOf, findLocation, findTable, makeDataset, type TableResource } from "./api/tables.ts";
import type { NewestLoads } from "./cleanup.ts";
import { findBillingTable, referenceTo, stateDataset } from "./companion-tables.ts";
import { refreshRollups } from "./rollups.ts";
import { columnsOf } from "./sql/names.ts";
import { makeViews } from "./view-objects.ts";

/**
 * Makes the views over the tables of one location, that of the first table, and the sums that are kept of them; views and tables of
 * BigQuery must share it. A view whose text is unchanged is left alone. `known` are the newest loads that this process has read.
 * Returns what kept it from making one.
 */
export async function refreshViews(
  settings: Settings,
  source: ViewSource,
  known: NewestLoads,
): Promise<readonly BillhouseError[]> {
  const { connection } = settings;
  const found = await Promise.all(
    source.tables.map(async (table) =>
      shapeOf(settings, table).catch((error: unknown) => {
        // A table of another team may not be readable; the others still have their views.
        const isDenied = error instanceof BillhouseError && error.code === "WAREHOUSE_DENIED";
        if (isDenied && source.joined.includes(table)) return null;
        throw error;
      }),
    ),
  );
  const located = found.filter((each) => each !== null);
  const place = { project: connection.project, dataset: source.dataset };
  const present = await findLocation(settings, place.project, place.dataset);
  const location = present ?? located[0]?.location;
  if (location === undefined || (present === null && located.length === 0)) return [];
  const away = located.filter((each) => fold(each.location) !== fold(location));
  const here = located.filter((each) => !away.includes(each)).map(({ shape }) => shape);
  if (present === null) await makeDataset(settings, { ...place, name: "" } as Table, location);
  const viewPlace = { dialect: "bigquery", ...place } as const;
  const taken = await makeViews(settings, await source.render(here, viewPlace), place);
  const rollups = await source.rollups(here, viewPlace);
  const ofRollups = await refreshRollups(settings, rollups, { ...place, location }, known);
  return [
    ...missingTables(
      source.joined,
      located.map(({ shape }) => shape),
    ),
    ...(taken.length === 0 ? [] : [nameTaken(taken, `${place.project}.${place.dataset}`)]),
    ...ofRollups,
    ...(away.length === 0
      ? []
      : [
          elsewhere(
            away.map(({ shape }) => shape.table),
            place.dataset,
            location,
          ),
        ]),
  ];
}

/** A table that exists, with its location. */
async function shapeOf(
  settings: Settings,
  table: Table,
): Promise<{ readonly shape: TableShape; readonly location: string } | null> {
  const bill = await findBillingTable(settings, table);
  if (bill === null) return null;
  const tracking = await findTable(settings.connection, referenceTo(settings, table, trackingTableName(table)));
  // Only a table that another tool began has its receipts apart.
  const apart =
    tracking === null || keepsReceipts(columnsOf(tracking))
      ? {}
      : { receipts: columnsOf(await findTable(settings.connection, referenceTo(settings, table, receiptsTable.name))) };
  const stateIn = stateDataset(settings, table);
  return {
    shape: {
      table,
      columns: columnsOf(bill),
      registry: describedColumns(bill),
      tracking: columnsOf(tracking),
      ...apart,
      stateIn,
    },
    location: bill.location,
  };
}

/**
 * The source names of columns, from their descriptions: the registry is a table, and reading it at the end of every run would
 * be billed. A description that does not give the name of its column was written by someone else.
 */
function describedColumns(table: TableResource): RegisteredColumn[] {
  const types = new Map(columnsOf(table).map(({ name, type }) => [name, type]));
  return fieldsOf(table).flatMap(({ name, description = "" }) => {
    const bare = fold(name).replace(/_\d+$/, "");
    const names = [normaliseCurName(description), deliveredName(description)].map(fold);
    const isSource = description !== "" && names.some((each) => each === fold(name) || each === bare);
    return isSource
      ? [{ sourceName: description, columnName: name, type: types.get(name) ?? "text", firstExecution: "" }]
      : [];
  });
}
