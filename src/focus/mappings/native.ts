import { focusColumns } from "../columns.ts";
import { field } from "../expression.ts";
import type { ColumnSources } from "../mapping.ts";

/** Every column of the view from the column of the same name, as an export in FOCUS columns has it. */
export const nativeColumns: ColumnSources = Object.fromEntries(
  focusColumns.map(({ name, type }) => [name, field(name.toLowerCase(), type)]),
);
