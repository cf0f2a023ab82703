import { createHash } from "node:crypto";
import { BillhouseError } from "../errors.ts";
import type { RegisteredColumn, Table, TableColumn } from "../model.ts";

/** The views over the tables of all exports, which a warehouse makes and keeps current. */
export interface ViewSource {
  /** The tables of the configuration, whether they exist or not. */
  readonly tables: readonly Table[];
  /** The dataset of the views, in a warehouse that has datasets. */
  readonly dataset: string;
  /** The views over those of the tables that exist, in the order in which they must be made. */
  render(this: void, tables: readonly TableShape[], place: ViewPlace): readonly View[];
}

/** Where views are made, and in which SQL. */
export interface ViewPlace {
  readonly dialect: "duckdb" | "bigquery";
  readonly project?: string;
  readonly dataset: string;
}

/** A table that exists, as views read it. */
export interface TableShape {
  readonly table: Table;
  readonly columns: readonly TableColumn[];
  readonly registry: readonly RegisteredColumn[];
  /** The columns of its tracking table; empty without one. */
  readonly tracking: readonly TableColumn[];
  /** The dataset of its tracking table. */
  readonly stateIn: string;
}

/** A view: its name, and the query that it is. */
export interface View {
  readonly name: string;
  readonly sql: string;
  /** The name of another view that it reads, which must be one of billhouse too; null for none. */
  readonly reads: string | null;
}

/** What every view says of itself, so that a view of someone else is not replaced, and an unchanged one is not made again. */
export function viewComment({ sql }: View): string {
  return `${ownComment}${createHash("sha256").update(sql).digest("hex").slice(0, 16)}`;
}

/** Whether the comment of a view says that billhouse made it. */
export function isOwnComment(comment: string | null): boolean {
  return comment?.startsWith(ownComment) ?? false;
}

const ownComment = "Made by billhouse, and replaced by it. Version ";

/** The error for tables that are not in the location of the views. */
export function elsewhere(tables: readonly Table[], dataset: string, location: string): BillhouseError {
  const shown = tables.map((table) => `${table.dataset}.${table.name}`).join(", ");
  return new BillhouseError(
    "FOCUS_LOCATION",
    `The FOCUS views in ${dataset} are in ${location} and leave out ${shown}, which ${tables.length === 1 ? "is" : "are"} in another location.`,
    {
      hint: "A query of BigQuery reads one location only. Load the export into a dataset in the same location, or keep its configuration apart, with a dataset of its own in [focus].",
    },
  );
}

/** The error for views whose names are taken by objects that billhouse did not make. `place` is their schema or dataset. */
export function nameTaken(names: readonly string[], place: string): BillhouseError {
  const shown = names.map((name) => `${place}.${name}`).join(", ");
  return new BillhouseError(
    "FOCUS_NAME_TAKEN",
    `billhouse did not make ${shown}, and does not replace it with its view.`,
    {
      hint: "Rename or drop the object, then run again. Loading is not affected.",
    },
  );
}
