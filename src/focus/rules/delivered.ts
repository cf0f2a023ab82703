import { chargesOf } from "../charges.ts";
import type { FocusVersion } from "../columns.ts";
import type { Dialect } from "../dialects/dialect.ts";
import type { ChargeTable, Mapping } from "../mapping.ts";
import { nativeColumns } from "../mappings/native.ts";
import { composed } from "../relations.ts";
import type { CheckedRows } from "./checked.ts";

/** Whether the tables of a mapping are exports in FOCUS columns, whose own values can be checked. */
export function isNative({ columns }: Mapping): boolean {
  return Object.keys(nativeColumns).every((name) => columns[name] !== undefined);
}

/**
 * The rows of an export in FOCUS columns as the cloud delivered them, without what the view corrects. A column that the export
 * lacks is NULL.
 */
export function deliveredRows(
  table: ChargeTable,
  mapping: Mapping,
  version: FocusVersion,
  dialect: Dialect,
): Pick<CheckedRows, "from" | "dialect"> {
  const delivered: Mapping = {
    ...mapping,
    facts: {},
    columns: nativeColumns,
    versions: {},
    branches: [{ name: "charges", columns: {} }],
  };
  const { relations, select } = chargesOf([table], delivered, version, dialect);
  return { from: `(${composed(relations, select, dialect)})`, dialect };
}
