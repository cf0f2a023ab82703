import { exportFormats } from "../../exports/index.ts";
import type { ColumnType, RegisteredColumn, TableColumn } from "../../model.ts";
import { claimedColumns, claimNames, type FileHeader } from "../../schema/assignment.ts";
import { commonType, createTypeLookup, type SchemaRules, type TypeOpinion } from "../../schema/columns.ts";
import { deliveredName, fold, normaliseCurName } from "../../schema/names.ts";

/**
 * The columns of a table that store amounts as floats, whole numbers or text: those declared as decimals by the deliveries,
 * or by the dictionary if the deliveries do not declare types. Intended text (rates, account ids) is not among them.
 */
export function inexactColumns(
  table: readonly TableColumn[],
  registry: readonly RegisteredColumn[],
  headers: readonly FileHeader[],
  rules: SchemaRules,
): readonly TableColumn[] {
  const declared = new Map<string, TypeOpinion[]>();
  for (const header of headers) {
    const columns = claimedColumns(claimNames(header, rules), registry, rules);
    for (const [position, { type }] of header.columns.entries()) {
      const key = fold(columns[position] ?? "");
      if (type !== null) declared.set(key, [...(declared.get(key) ?? []), { type, format: header.format }]);
    }
  }
  const known = new Map<string, ColumnType>();
  const lookUp = createTypeLookup(rules);
  for (const { sourceName, columnName } of registry) {
    const type = lookUp(sourceName);
    if (type !== undefined && !known.has(fold(columnName))) known.set(fold(columnName), type);
  }
  // Columns that only older months have are identified by their assigned names.
  const amounts = amountNames(rules);
  return table.filter(({ name, type }) => {
    const key = fold(name);
    const wanted = commonType(declared.get(key) ?? [], known.get(key)) ?? (amounts.has(key) ? "decimal" : undefined);
    return wanted === "decimal" && (type === "double" || type === "bigint" || type === "text");
  });
}

/** A note if some amounts of a table are floats, and how to convert them. */
export function floatNotes(table: readonly TableColumn[]): readonly string[] {
  const amounts = new Set(exportFormats.flatMap(({ columns }) => [...amountNames(columns)]));
  const floats = table.filter(({ name, type }) => type === "double" && amounts.has(fold(name))).map(({ name }) => name);
  if (floats.length === 0) return [];
  const shown = floats.slice(0, 5).join(", ");
  const more = floats.length > 5 ? ` and ${floats.length - 5} more` : "";
  return [`Amounts are stored as floats: ${shown}${more}. Run billhouse migrate to make them exact.`];
}

/** Table columns that are decimals in the dictionary, as `fold` writes them. */
function amountNames({ naming, wellKnown }: SchemaRules): ReadonlySet<string> {
  const nameOf = naming === "cur-legacy" ? normaliseCurName : deliveredName;
  const decimals = Object.entries(wellKnown).filter(([, type]) => type === "decimal");
  return new Set(decimals.map(([sourceName]) => fold(nameOf(sourceName))));
}
