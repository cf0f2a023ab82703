import { BillhouseError } from "../errors.ts";
import type { ColumnType, FileFormat, RegisteredColumn, TableColumn } from "../model.ts";
import { assignHeader, claimedColumns, claimNames, type FileHeader, type NamingRules } from "./assignment.ts";
import { canonicalName, fold, normaliseCurName } from "./names.ts";

/** How the columns of an export are named, typed and used. */
export interface ColumnRules extends NamingRules {
  /**
   * Types of well-known source columns, for deliveries whose manifest does not declare them. Names are compared without
   * regard to case where `caseSensitive` is false; an entry `category/*` covers all other columns of a category.
   */
  readonly wellKnown: Readonly<Record<string, ColumnType>>;
  /** Source names of the column with the billing month; the first one in a header is used. */
  readonly partition: readonly string[];
  /**
   * Source names of the end of the billing period: `included` where it is the last day, `excluded` where it is the day
   * after.
   */
  readonly periodEnd: { readonly included: readonly string[]; readonly excluded: readonly string[] };
  /** Source names of the first cost column, then of the second; the first of each in a header is summed. */
  readonly cost: readonly (readonly string[])[];
  /** Source names of the currency of those costs. */
  readonly currency: readonly string[];
  /** Source names of the start of usage: for clustering and for the usage span of a receipt. */
  readonly usage: readonly string[];
  /** Source names of the readable name of the service. */
  readonly service: readonly string[];
  /** Source names of the account, or subscription, that used what is billed. */
  readonly account: readonly string[];
  /** Source names of the kind of charge: usage, tax, credit. */
  readonly chargeType: readonly string[];
  /** Source names of the id of the invoice. */
  readonly invoice: readonly string[];
  /** Source names of the account, or billing profile, that receives the bill. */
  readonly payer: readonly string[];
}

/** The rules that decide names and types. */
export type SchemaRules = Pick<ColumnRules, "naming" | "caseSensitive" | "wellKnown">;

/** The header of the files of one delivery. */
export interface DeliveredHeader extends FileHeader {
  readonly executionId: string;
}

/** A column of a file and the table column that it is stored in. */
export interface MappedColumn {
  readonly sourceName: string;
  readonly columnName: string;
  /** The type in the table; null if the table was taken over and its type is one that billhouse never creates. */
  readonly type: ColumnType | null;
}

/** The input of `planColumns`. */
export interface ColumnSituation {
  /**
   * The headers of all months that will be loaded, newest month first; before them, for a table without a registry, the
   * header of its newest loaded month. The order decides names, so it must not change between runs.
   */
  readonly headers: readonly DeliveredHeader[];
  /** The registry rows of this table, in any order. */
  readonly registry: readonly RegisteredColumn[];
  /** The columns of the table, or null when the table does not exist. */
  readonly table: readonly TableColumn[] | null;
  /** Columns that billhouse fills itself (`billing_month`): never assigned to a source column, never missing. */
  readonly reserved: readonly string[];
}

/** The changes to a table and its registry that the headers require. */
export interface ColumnPlan {
  /** Whether the table does not exist yet; it is then created from `added`. */
  readonly creates: boolean;
  /** Columns that the table lacks, in order. */
  readonly added: readonly { readonly name: string; readonly type: ColumnType }[];
  /** Registry rows to write. */
  readonly registered: readonly RegisteredColumn[];
  /** The registry afterwards. */
  readonly registry: readonly RegisteredColumn[];
  /** The columns of the table afterwards, without reserved ones. */
  readonly columns: readonly { readonly name: string; readonly type: ColumnType | null }[];
  /** Names of added columns of unknown type: they become text. */
  readonly untyped: readonly string[];
}

/**
 * Finds a table column for every source column of every header, and a type for every column that is new. Pure and
 * deterministic: the same situation gives the same plan, and planning again with the plan's own registry and columns
 * gives nothing new. Error: FILE_INVALID when two columns of one header would share a table column.
 */
export function planColumns(situation: ColumnSituation, rules: SchemaRules): ColumnPlan {
  const { headers, registry, reserved } = situation;
  const table = situation.table ?? [];
  const claims: RegisteredColumn[] = [...registry];
  const names = new Map([...registry.map((row) => row.columnName), ...table.map((column) => column.name)].map(keyed));
  headers.forEach((header, position) => {
    const takenOver = position === 0 && registry.length === 0;
    const claimed = assignHeader(header, { columns: [...names.values()], claims, reserved, takenOver }, rules);
    for (const { sourceName, columnName } of claimed) {
      names.set(fold(columnName), columnName);
      // A placeholder until all headers have been read.
      claims.push({ sourceName, columnName, type: "text", firstExecution: header.executionId });
    }
  });

  const declared = new Map<string, TypeOpinion[]>();
  const known = new Map<string, ColumnType>();
  const lookUp = createTypeLookup(rules);
  const needed = new Map<string, string>();
  for (const header of headers) {
    const columns = claimedColumns(claimNames(header, rules), claims, rules);
    header.columns.forEach((source, position) => {
      const column = columns[position] ?? "";
      const key = fold(column);
      if (!needed.has(key)) needed.set(key, column);
      const type = lookUp(source.name);
      if (type !== undefined) known.set(key, type);
      if (source.type !== null) {
        declared.set(key, [...(declared.get(key) ?? []), { type: source.type, format: header.format }]);
      }
    });
  }

  const present = new Map(table.map((column) => [fold(column.name), column.type]));
  // If a table that was taken over is gone, its floats are not created again.
  const recorded = new Map(registry.map((row) => [fold(row.columnName), row.type === "double" ? "decimal" : row.type]));
  const typeOf = (key: string): ColumnType | undefined =>
    present.get(key) ?? recorded.get(key) ?? commonType(declared.get(key) ?? [], known.get(key));
  const missing = [...needed].filter(([key]) => !present.has(key));
  const added = missing.map(([key, name]) => ({ name, type: typeOf(key) ?? "text" }));
  const registered = claims
    .slice(registry.length)
    .map((row): RegisteredColumn => ({ ...row, type: typeOf(fold(row.columnName)) ?? "text" }));
  const own = new Set(reserved.map(fold));
  return {
    creates: situation.table === null,
    added,
    registered,
    registry: [...registry, ...registered],
    columns: [...table.filter((column) => !own.has(fold(column.name))), ...added].map(({ name, type }) => ({
      name,
      type,
    })),
    untyped: missing.filter(([key]) => typeOf(key) === undefined).map(([, name]) => name),
  };
}

/**
 * The table column for every column of a file, by position. Error: FILE_INVALID when the header contains a column that was
 * not planned.
 */
export function mapHeader(
  header: FileHeader,
  plan: Pick<ColumnPlan, "registry" | "columns">,
  rules: NamingRules,
): MappedColumn[] {
  const types = new Map(plan.columns.map((column) => [fold(column.name), column]));
  const columns = claimedColumns(claimNames(header, rules), plan.registry, rules);
  return header.columns.map(({ name }, position) => {
    const column = types.get(fold(columns[position] ?? ""));
    if (column === undefined) {
      throw new BillhouseError("FILE_INVALID", `The table is missing a column for "${name}" of the file.`, {
        hint: "Run again: the header of the file has changed since the table was prepared.",
      });
    }
    return { sourceName: name, columnName: column.name, type: column.type };
  });
}

/**
 * The mapped column that an export knows by the first of some source names that the file has, in any form: CSV or
 * Parquet, another case, localised. Undefined when the file lacks all of them.
 */
export function findColumn(
  columns: readonly MappedColumn[],
  sourceNames: readonly string[],
  rules: NamingRules,
): MappedColumn | undefined {
  for (const wanted of sourceNames) {
    const exact = columns.find(({ sourceName }) => sourceName === wanted);
    const found = exact ?? columns.find(({ sourceName }) => isSameColumn(sourceName, wanted, rules));
    if (found !== undefined) return found;
  }
  return undefined;
}

function isSameColumn(sourceName: string, wanted: string, rules: NamingRules): boolean {
  if (rules.naming === "cur-legacy" && !sourceName.includes("/") && normaliseCurName(wanted) === sourceName)
    return true;
  return !rules.caseSensitive && fold(canonicalName(sourceName)) === fold(wanted);
}

function keyed(name: string): [key: string, name: string] {
  return [fold(name), name];
}

/**
 * The differences between one month's delivery and its table, as sentences for its tracking record: columns added for it,
 * columns of unknown type, values stored as another type, missing columns, in the table's order. The columns with which a
 * table was created are not drift. Takes all different headers of the delivery. Error: as `mapHeader`.
 */
export function describeDrift(headers: readonly FileHeader[], plan: ColumnPlan, rules: NamingRules): string[] {
  const delivered = new Map<string, Set<ColumnType>>();
  for (const header of headers) {
    mapHeader(header, plan, rules).forEach(({ columnName, type: stored }, position) => {
      const differing = delivered.get(columnName) ?? new Set();
      const type = header.columns[position]?.type ?? null;
      if (type !== null && stored !== null && !fits(type, header.format, stored)) differing.add(type);
      delivered.set(columnName, differing);
    });
  }
  const newColumns = new Set(plan.added.map(({ name }) => name));
  const added = plan.creates ? new Set<string>() : newColumns;
  const untyped = new Set(plan.untyped);
  const sentences: string[] = [];
  for (const { name, type } of plan.columns) {
    const differing = delivered.get(name);
    if (differing === undefined) {
      // A column that another month of the same run adds does not count as missing.
      if (!newColumns.has(name)) sentences.push(`Column ${name} is missing and will be NULL.`);
      continue;
    }
    if (added.has(name)) sentences.push(`Column ${name} was added (${type}).`);
    if (untyped.has(name)) sentences.push(`The type of column ${name} is unknown; it is stored as text.`);
    for (const other of differing) sentences.push(`Column ${name} is delivered as ${other} and stored as ${type}.`);
  }
  return sentences;
}

/** Whether values of a type are stored unchanged: doubles, and maps in CSV files, are read as text. */
function fits(type: ColumnType, format: FileFormat, stored: ColumnType): boolean {
  if (type === stored || (type === "double" && stored === "decimal")) return true;
  return type === "text" && format === "csv" && stored === "json";
}

/** A column's type in one header, and the format of its file. */
export interface TypeOpinion {
  readonly type: ColumnType;
  readonly format: FileFormat;
}

/**
 * The type of a new column that can store what all headers declare for it, in any order. If no header declares one, or
 * they contradict each other, it is the `known` type of the column: one odd delivery must not decide for all others.
 * A declared type of which the known one stores every value is ignored: some generators declare every column as a
 * string, and programs write whole amounts and ids as integers, and days as dates.
 * Never `double`: the columns that billhouse creates are exact.
 */
export function commonType(opinions: readonly TypeOpinion[], known: ColumnType | undefined): ColumnType | undefined {
  const mapped = opinions.some(({ type }) => type === "json");
  const types = new Set<ColumnType>();
  for (const { type, format } of opinions) {
    if (known !== undefined && known !== type && narrower[type]?.includes(known) === true) continue;
    // A map is JSON text in CSV files, so that text there does not contradict the maps of Parquet files.
    if (mapped && type === "text" && format === "csv") continue;
    types.add(type === "double" ? "decimal" : type);
  }
  const [first] = types;
  if (types.size <= 1) return first ?? known;
  if (types.size === 2 && types.has("decimal") && types.has("bigint")) return "decimal";
  if (types.size === 2 && types.has("timestamp") && types.has("date")) return "timestamp";
  return known ?? "text";
}

/**
 * For a declared type, the known types that count instead. A column of integers would refuse the cents of the next month
 * and drop the zeros with which an account id begins, and a column of dates would cut the hours.
 */
const narrower: Partial<Readonly<Record<ColumnType, readonly ColumnType[]>>> = {
  text: ["json", "decimal", "timestamp", "date", "boolean", "bigint", "double"],
  bigint: ["decimal", "text"],
  date: ["timestamp"],
};

/**
 * Looks up types of well-known columns by source name. `category/*` in the dictionary covers a category; without
 * regard to case where names are not case-sensitive, and there a localised header is known by its canonical name. A
 * column of the legacy report is known in Parquet files too, where it has the name of its table column.
 */
export function createTypeLookup({
  naming,
  caseSensitive,
  wellKnown,
}: SchemaRules): (sourceName: string) => ColumnType | undefined {
  const types = new Map<string, ColumnType>();
  for (const [name, type] of Object.entries(wellKnown)) {
    if (naming === "cur-legacy" && !name.endsWith("/*")) types.set(normaliseCurName(name), type);
    types.set(caseSensitive ? name : fold(name), type);
  }
  return (sourceName) => {
    const name = caseSensitive ? sourceName : fold(canonicalName(sourceName));
    const slash = name.indexOf("/");
    return types.get(name) ?? (slash < 0 ? undefined : types.get(`${name.slice(0, slash)}/*`));
  };
}
