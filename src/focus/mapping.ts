import type { Cloud } from "../exports/export.ts";
import { type IdColumn, idColumns, type RegisteredColumn, type Table, type TableColumn } from "../model.ts";
import type { FocusVersion } from "./columns.ts";
import type { Condition, Expression } from "./expression.ts";

/** Where columns of the view (`columns.ts`) come from, by name. A column that is not named is NULL. */
export type ColumnSources = Readonly<Record<string, Expression>>;

/**
 * How the tables of one dataset family become rows of the view: a declaration, rendered for each warehouse. To add a family,
 * write a file in `mappings/` and add a line to its list.
 */
export interface Mapping {
  /** Its name in documentation and in the SQL of the views: `aws_cur`. */
  readonly name: string;
  readonly title: string;
  /**
   * Whose bills its tables are: charges that two exports of one cloud have are counted once. `focus` stands for all vendors of
   * FOCUS files, whose charges are distinguished by their provider.
   */
  readonly cloud: Cloud;
  /** Which of the sources of a cloud counts for a charge that several have: the lowest, among those that are complete. */
  rank(this: void, fields: ReadonlySet<string>): number;
  /** Whether it maps a table of its cloud with these fields. */
  recognises(this: void, fields: ReadonlySet<string>): boolean;
  /** The field that a column of the table is, by its source name. Several columns can be the same field. */
  fieldOf(this: void, sourceName: string): string;
  /** The fields with amounts in the billing currency, which receipts have sums of. */
  readonly amounts: readonly string[];
  /** The word that stands for an empty cell in text, if bills have one. */
  readonly emptyWord?: string;
  /** Values that several columns use, in order: each is a field for `columns` and for later facts. */
  readonly facts: Readonly<Record<string, Expression>>;
  /** What a row knows of the other tables of the family. Absent where each table is complete by itself. */
  readonly family?: Family;
  /** The columns of every branch, unless a branch says otherwise. */
  readonly columns: ColumnSources;
  /** Whether a row has a tag with a value, where `Tags` of `columns` need not be made for that. */
  readonly isTagged?: Condition;
  /** Columns that a version of the view defines differently. */
  readonly versions: Readonly<Partial<Record<FocusVersion, ColumnSources>>>;
  /** What columns of the newest view add up to: the rules by which the sums of the view are proved. */
  readonly totals: Readonly<Partial<Record<ProvedColumn, Total>>>;
  /** The kinds of rows that become rows of the view. A row of the table can be in several of them. */
  readonly branches: readonly Branch[];
}

/** A column that queries of charges can ask for and views lack: `yes` where a charge has a tag with a value, else NULL. */
export const hasTagColumn = "x_HasTag";

/** The columns of the view whose sums can be proved. */
export const provedColumns = ["BilledCost", "EffectiveCost", "ContractedCost", "ListCost"] as const;

/** One of them. */
export type ProvedColumn = (typeof provedColumns)[number];

/** The sum of a column over a month, from fields and facts of all rows of its tables. */
export interface Total {
  /** What a row of a table adds to the sum. */
  readonly rule: Expression;
  /** An amount whose sum is zero where the rule can be applied; elsewhere the sum is not decidable. */
  readonly open?: Expression;
  /** Why a sum is not decidable, as the end of a sentence, where one reason explains it. */
  readonly whyOpen?: string;
}

/**
 * How several tables of a dataset family complement each other. Each row gets `own_kind`, the
 * kind of its table, and for every kind and key `<kind>_in_<key>`: the first export of that kind, by name, that has the key
 * of the row in the same month, or NULL. Branches read them as fields.
 */
export interface Family {
  /** Facts that the tables of the family have in common, such as the account. They are never NULL. */
  readonly keys: readonly string[];
  /**
   * The kinds of tables, with rows that only such a table has, the surest first: the first that holds for any row of a table is
   * its kind, in all months for which nothing else is declared. A table without such rows is `unknown`.
   */
  readonly kinds: readonly (readonly [kind: string, rows: Condition])[];
  /** The kinds that manifests declare, by their own word for what they contain. What they declare is stronger than rows. */
  readonly datasets: Readonly<Record<string, string>>;
}

/** Rows of a table that become rows of the view. */
export interface Branch {
  /** What they are, in a few words: `charges`. */
  readonly name: string;
  /** Which rows of the table. Absent for all. */
  readonly rows?: Condition;
  /** One row for every group of rows, instead of one for each. */
  readonly grouped?: Grouping;
  /** Whether `columns` names all columns of the branch, so that those of the mapping do not apply. */
  readonly isComplete?: boolean;
  /** Columns that differ from those of the mapping. */
  readonly columns: ColumnSources;
  /** The same for one version of the view. */
  readonly versions?: Readonly<Partial<Record<FocusVersion, ColumnSources>>>;
}

/** How rows are added up. */
export interface Grouping {
  /** Fields by which rows are grouped, besides the month. */
  readonly by: readonly string[];
  /** The rows of a group that give all other fields: the greatest value of each. */
  readonly row: Condition;
  /** Sums over all rows of a group, as further fields. */
  readonly sums: Readonly<Record<string, Expression>>;
  /** Which groups become rows. */
  readonly having: Condition;
}

/** A loaded table with charges, as a warehouse knows it. */
export interface ChargeTable {
  /** The name of its export in the configuration. */
  readonly exportName: string;
  readonly table: Table;
  readonly columns: readonly TableColumn[];
  /** The source names of its columns; empty for a table that another tool created. */
  readonly registry: readonly RegisteredColumn[];
  /** The column that contains the billing month of each row. */
  readonly partitionColumn: string;
  /** The tracking table's columns; empty if there is none. */
  readonly tracking: readonly TableColumn[];
  /** The columns of the table with the receipts that the tracking table lacks columns for; absent if there is none. */
  readonly receipts?: readonly TableColumn[];
  /** The dataset of the tracking table. */
  readonly stateIn: string;
  /** What the manifests of months say that these contain, where the receipts were read already. */
  readonly datasets?: ReadonlyMap<string, string>;
  /** The months that are read, the empty text for rows without a month; absent for all rows. */
  readonly months?: readonly string[];
  /** Its kind in its family, where only some months are read; else it is found in the rows of all months. */
  readonly kind?: string;
}

/** Tables with the project that those have which name none: where a view is read from another project, its tables must name theirs. */
export function inProject(tables: readonly ChargeTable[], project: string | undefined): readonly ChargeTable[] {
  return project === undefined ? tables : tables.map((each) => ({ ...each, table: { project, ...each.table } }));
}

/** The column with the ids of executions: as the tracking table has it, else as the table's export has it. */
export function idColumnOf({ table, tracking }: Pick<ChargeTable, "table" | "tracking">): IdColumn {
  const has = (id: IdColumn): boolean => tracking.some(({ name }) => name === id);
  return has(table.idColumn) ? table.idColumn : (idColumns.find(has) ?? table.idColumn);
}

/** The columns of a table that are a field, in the order of the table. */
export type FieldColumns = ReadonlyMap<string, readonly NamedColumn[]>;

/** A column with the name that the export gives it. */
export interface NamedColumn extends TableColumn {
  readonly sourceName: string;
}

/** The columns of a table by field: by their source names in the registry, or else by their own names. */
export function fieldsOf({ columns, registry }: ChargeTable, mapping: Pick<Mapping, "fieldOf">): FieldColumns {
  const sources = new Map(registry.map(({ columnName, sourceName }) => [columnName.toLowerCase(), sourceName]));
  const named = columns.map((column) => ({
    ...column,
    sourceName: sources.get(column.name.toLowerCase()) ?? column.name,
  }));
  return Map.groupBy(named, ({ sourceName }) => mapping.fieldOf(sourceName));
}
