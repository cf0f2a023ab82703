import type { ColumnType, FileFormat } from "../model.ts";
import type { FileHeader, NamingRules } from "./assignment.ts";
import { type ColumnPlan, mapHeader } from "./columns.ts";

/**
 * How one month's delivery differs from its table, as sentences for its tracking record: columns added for it, columns
 * of unknown type, values stored as another type, columns it lacks, in the table's order. The columns with which a
 * table was created are no drift. Takes all different headers of the delivery. Error: as `mapHeader`.
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
      // A column that another month of the same run brings was never there to be missed.
      if (!newColumns.has(name)) sentences.push(`Column ${name} is missing and will be NULL.`);
      continue;
    }
    if (added.has(name)) sentences.push(`Column ${name} was added (${type}).`);
    if (untyped.has(name)) sentences.push(`The type of column ${name} is not known; it is stored as text.`);
    for (const other of differing) sentences.push(`Column ${name} comes as ${other} and is stored as ${type}.`);
  }
  return sentences;
}

/** Whether values of a type go into a column as they are: doubles and the maps of CSV files are read through their text. */
function fits(type: ColumnType, format: FileFormat, stored: ColumnType): boolean {
  if (type === stored || (type === "double" && stored === "decimal")) return true;
  return type === "text" && format === "csv" && stored === "json";
}
