import { BillhouseError } from "../errors.ts";
import type { FileFormat, RegisteredColumn, SourceColumn } from "../model.ts";
import { deliveredName, fold, normaliseCurName, numberedName } from "./names.ts";

/** How source columns are identified and named. */
export interface NamingRules {
  /** `cur-legacy`: `category/name` becomes snake case as in the Python pipelines. `as-delivered`: kept. */
  readonly naming: "cur-legacy" | "as-delivered";
  /** Whether `product/ecu` and `product/ECU` are two columns (AWS CUR) or one (elsewhere). */
  readonly caseSensitive: boolean;
}

/** The header of a file: its columns in the file's order. */
export interface FileHeader {
  readonly format: FileFormat;
  readonly columns: readonly SourceColumn[];
}

/** Which table column belongs to which source column: the part of a registry row that decides. */
export type Claim = Pick<RegisteredColumn, "sourceName" | "columnName">;

/** The names that `assignHeader` may use. */
export interface Holdings {
  /** Names of all columns that exist or will exist, in order; compared without regard to case, as warehouses do. */
  readonly columns: readonly string[];
  readonly claims: readonly Claim[];
  /** Names reserved for billhouse, never assigned to a source column. */
  readonly reserved: readonly string[];
  /**
   * Whether columns without a claim were created by an earlier tool from this same header, so that a numbered name among
   * them (`product_ecu_1`) is continued and not skipped.
   */
  readonly takenOver: boolean;
}

/**
 * The claim names of a header's columns, by position: their source names, made unique. A repeated name gets
 * ` [2]`; a legacy CUR CSV column without a category gets an empty one (`/name`), because names without `/` are those
 * of Parquet files, and the slash distinguishes the two forms.
 */
export function claimNames(header: FileHeader, rules: NamingRules): string[] {
  const used = new Set<string>();
  // Where to continue counting: a header can contain one name ten thousand times.
  const counts = new Map<string, number>();
  return header.columns.map(({ name }) => {
    const plain = formName(name, header, rules);
    let unique = plain;
    let count = counts.get(plain) ?? 2;
    for (; used.has(unique); count++) unique = `${plain} [${count}]`;
    counts.set(plain, count);
    used.add(unique);
    return unique;
  });
}

/**
 * The table columns that the claims already assign to a header, by position; undefined for a column without one. The
 * name goes first, then, where case does not count, a name that differs in case only and whose column is still free.
 * Error: FILE_INVALID when two columns of the header would share a table column.
 */
export function claimedColumns(
  names: readonly string[],
  claims: readonly Claim[],
  rules: NamingRules,
): (string | undefined)[] {
  const exact = new Map(claims.map((claim) => [claim.sourceName, claim.columnName]));
  const holder = new Map<string, string>();
  const found = names.map((name) => {
    const column = exact.get(name);
    if (column === undefined) return undefined;
    const other = holder.get(fold(column));
    if (other !== undefined) {
      throw new BillhouseError(
        "FILE_INVALID",
        `The columns "${other}" and "${name}" of one file both belong to the table column "${column}".`,
        { hint: "Export only one of the two columns, or load this export into a separate table." },
      );
    }
    holder.set(fold(column), name);
    return column;
  });
  if (rules.caseSensitive) return found;

  const variants = Map.groupBy(claims, (claim) => fold(claim.sourceName));
  return found.map((column, position) => {
    const name = names[position] ?? "";
    if (column !== undefined) return column;
    // Warehouses return rows in any order: the unnumbered column covers all spellings, else the first one by name.
    const candidates = (variants.get(fold(name)) ?? [])
      .map((claim) => claim.columnName)
      .toSorted((first, second) => first.length - second.length || (first < second ? -1 : 1));
    const free = candidates.find((candidate) => !holder.has(fold(candidate)));
    if (free !== undefined) holder.set(fold(free), name);
    return free;
  });
}

/**
 * The claims that a header adds: one for each of its columns that the existing claims do not cover, in the
 * order in which they were decided. No two columns of a header share a table column, and no two source columns of one
 * form ever do. Error: as `claimedColumns`.
 */
export function assignHeader(header: FileHeader, holdings: Holdings, rules: NamingRules): Claim[] {
  const names = claimNames(header, rules);
  const wanted = header.columns.map(({ name }) => wantedName(formName(name, header, rules), rules));
  const given = claimedColumns(names, holdings.claims, rules);
  if (!given.includes(undefined)) return [];
  const taken = new Set(given.filter((column) => column !== undefined).map(fold));
  const reserved = new Set(holdings.reserved.map(fold));
  const existing = new Map(holdings.columns.map((column) => [fold(column), column]));
  const holders = Map.groupBy(holdings.claims, (claim) => fold(claim.columnName));
  // Columns by their name without underscores; a numbered one (`product_ecu_1`) by its unnumbered name.
  const alike = new Map<string, Set<string>>();
  for (const [key, column] of existing) {
    const claimants = holders.get(key);
    if (claimants === undefined) liken(bare(column), column);
    else for (const { sourceName } of claimants) liken(bare(wantedName(sourceName, rules)), column);
  }
  const waiting = Map.groupBy(
    wanted.filter((_, position) => given[position] === undefined),
    bare,
  );
  const added: Claim[] = [];

  function liken(key: string, column: string): void {
    alike.set(key, (alike.get(key) ?? new Set()).add(column));
  }

  function isOpen(column: string, name: string): boolean {
    if (taken.has(fold(column)) || reserved.has(fold(column))) return false;
    const claimants = holders.get(fold(column)) ?? [];
    return !claimants.some(
      ({ sourceName }) => rules.naming === "as-delivered" || isCsvName(sourceName) === isCsvName(name),
    );
  }

  function give(position: number, name: string, column: string): void {
    const key = fold(column);
    const claim = { sourceName: name, columnName: column };
    given[position] = column;
    taken.add(key);
    existing.set(key, column);
    liken(bare(wantedName(name, rules)), column);
    holders.set(key, [...(holders.get(key) ?? []), claim]);
    added.push(claim);
  }

  function onlyAlike(name: string, want: string): string | undefined {
    const [column, ...others] = alike.get(bare(want)) ?? [];
    const certain = others.length === 0 && waiting.get(bare(want))?.length === 1;
    return certain && column !== undefined && isOpen(column, name) ? column : undefined;
  }

  // Remembers used numbers: a header can contain one name ten thousand times.
  const numbers = new Map<string, number>();

  function freeName(want: string): string {
    const key = fold(want);
    for (let number = numbers.get(key) ?? 0; ; number++) {
      numbers.set(key, number);
      const name = number === 0 ? want : numberedName(want, number);
      if (reserved.has(fold(name))) continue;
      const column = existing.get(fold(name));
      if (column === undefined) return name;
      if (holdings.takenOver && !holders.has(fold(column))) return column;
    }
  }

  // Existing columns of the wanted name first, for all columns, so that a looser match cannot take the column of an exact one.
  names.forEach((name, position) => {
    const want = wanted[position] ?? "";
    const column = existing.get(fold(want));
    if (given[position] === undefined && column !== undefined && isOpen(column, name)) {
      give(position, name, column);
    }
  });
  names.forEach((name, position) => {
    const want = wanted[position] ?? "";
    if (given[position] !== undefined) return;
    const paired = rules.naming === "cur-legacy" ? onlyAlike(name, want) : undefined;
    give(position, name, paired ?? freeName(want));
  });
  return added;
}

function wantedName(sourceName: string, rules: NamingRules): string {
  return rules.naming === "cur-legacy" && isCsvName(sourceName)
    ? normaliseCurName(sourceName)
    : deliveredName(sourceName);
}

function formName(sourceName: string, header: FileHeader, rules: NamingRules): string {
  const isCsv = rules.naming === "cur-legacy" && header.format === "csv";
  return isCsv && !isCsvName(sourceName) ? `/${sourceName}` : sourceName;
}

function isCsvName(sourceName: string): boolean {
  return sourceName.includes("/");
}

function bare(name: string): string {
  return fold(name).replaceAll("_", "");
}
