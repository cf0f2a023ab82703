import type { MeasuredColumns, TableColumn } from "../../model.ts";
import type { ColumnRules, MappedColumn } from "../../schema/columns.ts";
import type { Warehouse } from "../../warehouses/warehouse.ts";
import type { LaidOutFile, Layout } from "./layout.ts";
import type { Precision, ProofColumns } from "../../files/tally.ts";

/**
 * The table columns by which the load of a month is proved and summed up. Each month has its own: agreements differ in
 * what they call cost and currency, and both can follow each other in one table.
 */
export function measuredIn(
  files: readonly LaidOutFile[],
  { nameOf, partitionColumn }: Pick<Layout, "nameOf" | "partitionColumn">,
  rules: ColumnRules,
): MeasuredColumns {
  return {
    partitionColumn,
    costColumns: rules.cost.flatMap((sources) => nameOf(files, sources) ?? []),
    currencyColumn: nameOf(files, rules.currency),
    usageColumn: nameOf(files, rules.usage),
    serviceColumn: nameOf(files, rules.service),
    accountColumn: nameOf(files, rules.account),
    chargeTypeColumn: nameOf(files, rules.chargeType),
    invoiceColumn: nameOf(files, rules.invoice),
    payerColumn: nameOf(files, rules.payer),
  };
}

/**
 * What a table keeps of amounts in a column. One that does not exist yet (undefined), or that holds text, keeps what the
 * warehouse's own decimals keep.
 */
export function precisionOf(column: TableColumn | undefined, { decimalScale }: Warehouse): Precision {
  if (column?.type === "double") return "float";
  if (column?.type === "bigint" || column?.nativeType.endsWith("INTEGER")) return 0;
  // BigQuery's NUMERIC without parameters.
  if (column?.nativeType === "NUMERIC") return 9;
  const scale = /^(?:DECIMAL|NUMERIC)\(\d+, *(\d+)\)$/.exec(column?.nativeType ?? "")?.[1];
  return scale === undefined ? decimalScale : Number(scale);
}

/** Where the columns that prove a load stand in a file. `partition` is null where the month is stamped. */
export function proofColumns(
  columns: readonly MappedColumn[],
  partition: string | null,
  { currencyColumn, costColumns }: Pick<MeasuredColumns, "currencyColumn" | "costColumns">,
): ProofColumns {
  const position = (name: string | null): number | null => {
    const index = columns.findIndex(({ columnName }) => columnName === name);
    return index < 0 ? null : index;
  };
  return {
    partition: position(partition),
    currency: position(currencyColumn),
    costs: costColumns.map(position),
  };
}
