import { createHash } from "node:crypto";
import { BillhouseError } from "../errors.ts";
import type { RegisteredColumn, Table, TableColumn } from "../model.ts";

/** The views over the tables of all exports, which a warehouse makes and keeps current. */
export interface ViewSource {
  /** The tables of the configuration, whether they exist or not. */
  readonly tables: readonly Table[];
  /** Those of them that others fill: it is reported when one does not exist. */
  readonly joined: readonly Table[];
  /** The dataset of the views, in a warehouse that has datasets. */
  readonly dataset: string;
  /** The views over those of the tables that exist, in the order in which they must be made. */
  render(this: void, tables: readonly TableShape[], place: ViewPlace): Promise<readonly View[]>;
  /** The sums of the views that are kept for each month, over those of the tables that exist. */
  rollups(this: void, tables: readonly TableShape[], place: ViewPlace): Promise<Rollups>;
  /**
   * A hash of all that `render` and `rollups` depend on, their own code too: where it is the same, they return the same. Null
   * where the code can change without it.
   */
  inputs(this: void, tables: readonly TableShape[], place: ViewPlace): string | null;
}

/** The sums of views that a warehouse keeps as tables. */
export interface Rollups {
  /** The tables: the first has the sums, the second records what they were built from. */
  readonly tables: readonly RollupTable[];
  /** Views over them. */
  readonly views: readonly View[];
  readonly clouds: readonly CloudRollups[];
  /**
   * The statement for the months of which the record in the second table differs from the present loads or versions: `cloud`,
   * `billing_month`, `loads` (the empty text without a load). Months that have rows and no load are found by `months` of their cloud.
   */
  readonly stale: string;
}

/** A table of sums, with its columns and their types in the warehouse. */
export interface RollupTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** The column with the time by whose month its rows are kept apart, in a warehouse that does that. */
  readonly partitionedBy?: string;
  /** The column by which the rows of such a month are ordered. */
  readonly clusteredBy?: string;
}

/** The sums of the exports of one cloud, of which a month is built together. */
export interface CloudRollups {
  readonly cloud: string;
  readonly tables: readonly { readonly table: Table; readonly exportName: string }[];
  /** Differs when the same rows of bills would give other sums. */
  readonly version: string;
  /** The statement for the months of all rows: `billing_month`, the empty text for rows without a month. */
  readonly months: string;
  /** The statement for the newest loads of each month, as a text: `billing_month`, `loads`. */
  readonly loads: string;
  /**
   * The statement for what the rows of months show of the kinds of their tables: `billing_month`, `export_name`, `shown`. Null if
   * the rows of a month do not depend on other months.
   */
  kindsShown(this: void, months: readonly string[]): string | null;
  /** The kind of a table of which the rows of all months show this. */
  kindOf(this: void, shown: readonly string[]): string;
  /** The query for the sums of a month, in the columns of the table; `kinds` has the kind of each export that has one. */
  rows(this: void, month: string, kinds: ReadonlyMap<string, string>): string;
}

/** A month of a cloud whose sums must be built again. */
export interface StaleMonth {
  readonly cloud: string;
  /** The empty text for rows without a month. */
  readonly month: string;
}

/**
 * The clouds of which no month was built, or one in another version, by the versions in the second table: a table that another
 * program filled can have months without a load.
 */
export function unbuiltClouds(
  { clouds }: Rollups,
  built: readonly { readonly cloud: string; readonly version: string }[],
): readonly CloudRollups[] {
  return clouds.filter(({ cloud, version }) => {
    const versions = built.filter((each) => each.cloud === cloud).map((each) => each.version);
    return versions.length === 0 || versions.some((each) => each !== version);
  });
}

/** What the rows of a month show of the kinds of their tables, by export. */
export type ShownKinds = ReadonlyMap<string, string | null>;

/** The kinds of the tables of a cloud, from what the rows of all its months show. */
export function kindsFrom({ tables, kindOf }: CloudRollups, shown: readonly ShownKinds[]): ReadonlyMap<string, string> {
  return new Map(
    tables.map(({ exportName }) => [exportName, kindOf(shown.flatMap((month) => month.get(exportName) ?? []))]),
  );
}

/** Kinds in the second table. */
export function kindsText(kinds: ReadonlyMap<string, string | null>): string {
  return JSON.stringify([...kinds].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** Reads what `kindsText` wrote. */
export function readKinds(text: string): ShownKinds {
  return new Map(JSON.parse(text) as [string, string | null][]);
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
  /** The columns of the table with the receipts that the tracking table lacks columns for; absent if there is none. */
  readonly receipts?: readonly TableColumn[];
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
  return commentOn(sql);
}

/** The same for a table of sums. */
export function rollupComment({ columns }: RollupTable): string {
  return commentOn(JSON.stringify(columns));
}

function commentOn(content: string): string {
  return `${ownComment}${createHash("sha256").update(content).digest("hex").slice(0, 16)}`;
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

/** The errors for tables that others fill and that do not exist, or may not be read, among the tables that were found. */
export function missingTables(joined: readonly Table[], found: readonly Pick<TableShape, "table">[]): BillhouseError[] {
  return joined
    .filter((table) => !found.some((shape) => shape.table === table))
    .map((table) => {
      const place = [...(table.project === undefined ? [] : [table.project]), table.dataset, table.name].join(".");
      return new BillhouseError(
        "FOCUS_TABLE_MISSING",
        `The FOCUS views leave out ${place}, which does not exist or may not be read.`,
        {
          hint: "Correct the address in [focus.tables], give read access to the table, or remove its section. Loading is not affected.",
        },
      );
    });
}

/** The error for views whose names are taken by objects that billhouse did not make. `place` is their schema or dataset. */
export function nameTaken(names: readonly string[], place: string): BillhouseError {
  const shown = names.map((name) => `${place}.${name}`).join(", ");
  return new BillhouseError("FOCUS_NAME_TAKEN", `billhouse did not make ${shown}, and does not replace it.`, {
    hint: "Rename or drop the object, then run again. Loading is not affected.",
  });
}
