import { type MeasuredColumns, summedColumns } from "../../../model.ts";
import { otherAccounts, summaryLines } from "../../warehouse.ts";
import { part } from "../api/jobs.ts";
import { exactMoment, exactNumber } from "./casts.ts";

/** A value as the table stores it, and the type of its column. */
export interface TableValue {
  readonly sql: string;
  readonly nativeType: string;
}

/**
 * The values needed from each row to measure a month, as SQL by names: `currency` (empty without one),
 * `service`, `account` and `charge_type` (NULL for empty text), `uninvoiced`, `used`, and for each summed column the exact
 * number that the table stores, as `kept0`, `kept1`. `valueOf` returns the value of a column of the table, and undefined
 * if the rows lack it.
 */
export function measuredCells(
  columns: MeasuredColumns,
  valueOf: (name: string) => TableValue | undefined,
): Readonly<Record<string, string>> {
  const find = (name: string | null): TableValue | undefined => (name === null ? undefined : valueOf(name));
  const used = find(columns.usageColumn);
  return {
    currency: `COALESCE(${filledTextOf(find(columns.currencyColumn))}, '')`,
    service: filledTextOf(find(columns.serviceColumn)),
    account: filledTextOf(find(columns.accountColumn)),
    charge_type: filledTextOf(find(columns.chargeTypeColumn)),
    uninvoiced: `${filledTextOf(find(columns.invoiceColumn))} IS NULL`,
    used: used === undefined ? "CAST(NULL AS TIMESTAMP)" : exactMoment(used.sql, used.nativeType),
    ...Object.fromEntries(
      summedColumns(columns).map((name, position) => {
        const cost = find(name);
        return [`kept${position}`, cost === undefined ? nullNumber : exactNumber(cost.sql, cost.nativeType)];
      }),
    ),
  };
}

/** The text of a value; NULL for empty text, and without a value. */
export function filledTextOf(value: TableValue | undefined): string {
  return value === undefined ? "CAST(NULL AS STRING)" : `NULLIF(CAST(${value.sql} AS STRING), '')`;
}

/** SQL of the smallest and the largest moment of a column `used`, as in measurements. */
export const usageSpan = {
  first: "FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%SZ', MIN(v.used))",
  last: "FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%SZ', MAX(v.used))",
} as const;

/** SQL that counts the rows `v` of `measuredCells` without an invoice, and those of them with a cost. */
export function countsOfUninvoiced({ costColumns }: Pick<MeasuredColumns, "costColumns">): {
  readonly uninvoiced: string;
  readonly uninvoiced_costs: string;
} {
  const withCost = costColumns.length === 0 ? "v.uninvoiced" : "v.uninvoiced AND v.kept0 != 0";
  return { uninvoiced: "COUNTIF(v.uninvoiced)", uninvoiced_costs: `COUNTIF(${withCost})` };
}

const nullNumber = "CAST(NULL AS BIGNUMERIC)";

/** The part of a query that sums up the positive costs of the rows `v` of `measuredCells` by account and currency. */
export function accountsPart(hasCosts: boolean, condition: string): string {
  const positive = hasCosts ? "SUM(IF(v.kept0 > CAST('0' AS BIGNUMERIC), v.kept0, NULL))" : nullNumber;
  const cells = { account: "v.account", currency: "v.currency", rows: "COUNT(*)", positive };
  return part("account", cells, `v WHERE ${condition} GROUP BY v.account, v.currency`);
}

/**
 * The part of a query that sums up the rows `v` of `measuredCells` that meet a condition. All folding is done in the query:
 * the result has only the lines to keep, and one for each service, charge type and currency of the rest.
 */
export function summaryPart(condition: string): string {
  const keys = ["service", "account", "charge_type", "currency"];
  const lines = `SELECT ${keys.map((key) => `v.${key} AS ${key}`).join(", ")}, COUNT(*) AS row_count,
    COALESCE(SUM(v.kept0), CAST('0' AS BIGNUMERIC)) AS cost FROM v WHERE ${condition} GROUP BY ${keys.map((key) => `v.${key}`).join(", ")}`;
  const order = ["ABS(l.cost) DESC", ...keys.map((key) => `l.${key} NULLS LAST`)].join(", ");
  const ranked = `SELECT l.*, ROW_NUMBER() OVER (ORDER BY ${order}) AS place FROM (${lines}) AS l`;
  const folded = `SELECT r.service, IF(r.place <= ${summaryLines}, r.account, '${otherAccounts}') AS account, r.charge_type,
    r.currency, r.row_count, r.cost FROM (${ranked}) AS r`;
  const cells = {
    ...Object.fromEntries(keys.map((key) => [key, `f.${key}`])),
    rows: "SUM(f.row_count)",
    cost: "SUM(f.cost)",
  };
  return part("line", cells, `(${folded}) AS f GROUP BY ${keys.map((key) => `f.${key}`).join(", ")}`);
}
