import type { MeasuredColumns } from "../../../model.ts";
import { exactMoment, exactNumber } from "./casts.ts";

/** A value as the table keeps it, and the type of its column there. */
export interface TableValue {
  readonly sql: string;
  readonly nativeType: string;
}

/**
 * What has to be known of each row to measure a month, as SQL by names: `currency` (empty where there is none),
 * `service`, `account` and `charge_type` (NULL for empty text), `uninvoiced`, `used`, and for each cost column the exact
 * number that the table keeps, as `kept0`, `kept1`. `valueOf` gives the value of a column of the table, and undefined
 * where the rows have none.
 */
export function measuredCells(
  columns: MeasuredColumns,
  valueOf: (name: string) => TableValue | undefined,
): Readonly<Record<string, string>> {
  const find = (name: string | null): TableValue | undefined => (name === null ? undefined : valueOf(name));
  const used = find(columns.usageColumn);
  return {
    currency: `COALESCE(${textOf(find(columns.currencyColumn))}, '')`,
    service: textOf(find(columns.serviceColumn)),
    account: textOf(find(columns.accountColumn)),
    charge_type: textOf(find(columns.chargeTypeColumn)),
    uninvoiced: `${textOf(find(columns.invoiceColumn))} IS NULL`,
    used: used === undefined ? "CAST(NULL AS TIMESTAMP)" : exactMoment(used.sql, used.nativeType),
    ...Object.fromEntries(
      columns.costColumns.map((name, position) => {
        const cost = find(name);
        return [`kept${position}`, cost === undefined ? noNumber : exactNumber(cost.sql, cost.nativeType)];
      }),
    ),
  };
}

/** The text of a value; NULL for empty text, and where there is no value. */
export function textOf(value: TableValue | undefined): string {
  return value === undefined ? "CAST(NULL AS STRING)" : `NULLIF(CAST(${value.sql} AS STRING), '')`;
}

/** SQL of the smallest and the largest moment of a column `used`, as measures tell it. */
export const usageSpan = {
  first: "FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%SZ', MIN(v.used))",
  last: "FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%SZ', MAX(v.used))",
} as const;

const noNumber = "CAST(NULL AS BIGNUMERIC)";
