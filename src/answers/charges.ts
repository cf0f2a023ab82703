import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import { bigquery } from "../focus/dialects/bigquery.ts";
import type { Dialect } from "../focus/dialects/dialect.ts";
import { duckdb } from "../focus/dialects/duckdb.ts";
import { all, type Condition, type Expression } from "../focus/expression.ts";
import { renderCondition, renderExpression, type Scope } from "../focus/render.ts";
import { newestView } from "../focus/views.ts";
import { requireCapability, type Warehouse } from "../warehouses/warehouse.ts";

/** Sums over rows of the view `focus_costs`, as data: what is grouped, what is computed of each group, and of which rows. */
export interface ChargeSums {
  /** The columns by which rows are grouped, by their names in the result. */
  readonly by: Readonly<Record<string, Expression>>;
  /** What is computed of each group: sums of numbers, the least or the greatest of values. NULL counts nowhere. */
  readonly sum?: Readonly<Record<string, Expression>>;
  readonly least?: Readonly<Record<string, Expression>>;
  readonly greatest?: Readonly<Record<string, Expression>>;
  /** Only rows for which all of these hold. */
  readonly rows: readonly Condition[];
  /** Only so many groups: those whose first sum is the largest. */
  readonly most?: number;
}

/** A group: its keys and values by name. A key can be null; so is a sum without any value. */
export type ChargeGroup = Readonly<Record<string, string | null>>;

/**
 * Computes sums over `focus_costs`, exactly: decimals come as text. The only place where answers read rows of the view.
 * Error: WAREHOUSE_NOT_FOUND if the view does not exist yet.
 */
export async function sumCharges(
  { warehouse, config }: { readonly warehouse: Warehouse; readonly config: Config },
  sums: ChargeSums,
): Promise<readonly ChargeGroup[]> {
  const dialect = config.warehouse.kind === "bigquery" ? bigquery : duckdb;
  const dataset = config.warehouse.kind === "bigquery" ? config.focus.dataset : "main";
  const names = Object.keys({ ...sums.by, ...sums.sum, ...sums.least, ...sums.greatest });
  const groups: ChargeGroup[] = [];
  try {
    const rows = requireCapability(
      warehouse,
      "query",
    )(chargeStatement(sums, dialect, dialect.tableName({ dataset }, newestView)));
    for await (const row of rows) {
      groups.push(Object.fromEntries(names.map((name, index) => [name, textOf(row[`v${index}`])])));
    }
  } catch (error) {
    throw isWithoutView(error) ? noView(error) : error;
  }
  return groups;
}

/** The statement for sums, in a dialect; the columns of its result are `v0`, `v1` and so on, in the order of the names. */
export function chargeStatement(
  { by, sum = {}, least = {}, greatest = {}, rows, most }: ChargeSums,
  dialect: Dialect,
  view: string,
): string {
  const scope: Scope = {
    dialect,
    from: "c",
    hasColumn: () => "TRUE",
    joined: () => {
      throw new TypeError("An answer cannot use lookups.");
    },
  };
  const computed = (name: string, values: Readonly<Record<string, Expression>>): string[] =>
    Object.values(values).map((value) => `${name}(${renderExpression(value, scope)})`);
  const keys = Object.values(by).map((key) => renderExpression(key, scope));
  const columns = [...keys, ...computed("SUM", sum), ...computed("MIN", least), ...computed("MAX", greatest)];
  const selected = columns.map((sql, index) => `${sql} AS v${index}`);
  const grouped = keys.length === 0 ? "" : ` GROUP BY ${keys.map((_, index) => index + 1).join(", ")}`;
  const limited = most === undefined ? "" : ` ORDER BY v${keys.length} DESC LIMIT ${most}`;
  return `SELECT ${selected.join(", ")} FROM ${view} AS c WHERE ${renderCondition(all(...rows), scope)}${grouped}${limited}`;
}

function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  throw new TypeError(`An answer reads text and decimals, not ${typeof value}.`);
}

function isWithoutView(error: unknown): boolean {
  return (
    error instanceof BillhouseError &&
    error.code === "QUERY_INVALID" &&
    error.message.includes(newestView) &&
    /does not exist|not found/i.test(error.message)
  );
}

function noView(cause: unknown): BillhouseError {
  return new BillhouseError("WAREHOUSE_NOT_FOUND", `The view ${newestView} does not exist yet.`, {
    hint: "billhouse run loads the bills and makes the view.",
    cause,
  });
}
