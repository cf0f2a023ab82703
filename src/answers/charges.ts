import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import { bigquery } from "../focus/dialects/bigquery.ts";
import type { Dialect } from "../focus/dialects/dialect.ts";
import { duckdb } from "../focus/dialects/duckdb.ts";
import {
  all,
  compared,
  type Condition,
  type Expression,
  field,
  isOneOf,
  not,
  some,
  time,
} from "../focus/expression.ts";
import { renderCondition, renderExpression, type Scope } from "../focus/render.ts";
import { monthStartColumn, rollupsWith } from "../focus/rollup-columns.ts";
import { rollupMonthsView } from "../focus/rollups.ts";
import { newestView } from "../focus/views.ts";
import type { BillingMonth } from "../model.ts";
import { requireCapability, type Warehouse } from "../warehouses/warehouse.ts";
import type { ChargeSums } from "./charge-sums.ts";
import { monthsAsked, onRollup } from "./rollups.ts";

export type { ChargeSums } from "./charge-sums.ts";

/** A group: its keys and values by name. A key can be null; so is a sum without any value. */
export type ChargeGroup = Readonly<Record<string, string | null>>;

/** The name under which a group that adds up others has their number; other groups have null. */
export const othersCount = "othersCount";

/** How many groups others add up. */
export function countOthers(groups: readonly ChargeGroup[]): number {
  return groups.reduce((sum, group) => sum + Number(group[othersCount] ?? 0), 0);
}

/**
 * Computes sums over `focus_costs`, exactly: decimals come as text. The only place where answers read rows of the view.
 * Error: WAREHOUSE_NOT_FOUND if the view does not exist yet.
 */
export async function sumCharges(
  { warehouse, config }: { readonly warehouse: Warehouse; readonly config: Config },
  sums: ChargeSums,
): Promise<readonly ChargeGroup[]> {
  const names = sums.within === undefined ? namesOf(sums) : [...namesOf(sums), othersCount];
  const run = async (statement: string): Promise<readonly ChargeGroup[]> => {
    const groups: ChargeGroup[] = [];
    for await (const row of requireCapability(warehouse, "query")(statement)) {
      groups.push(Object.fromEntries(names.map((name) => [name, textOf(row[name])])));
    }
    return groups;
  };
  const { dialect, placed } = placeOf(config);
  const ofView = chargeStatement(sums, dialect, placed(newestView));
  try {
    const statement = await statementFor(sums, ofView, warehouse, config);
    // The rollups of an earlier version lack columns until the next run builds them.
    return await run(statement).catch((error: unknown) => {
      if (statement === ofView || !isWithoutColumn(error)) throw error;
      return run(ofView);
    });
  } catch (error) {
    throw isWithout(newestView, error) ? noView(error) : error;
  }
}

function isWithoutColumn(error: unknown): boolean {
  return (
    error instanceof BillhouseError &&
    error.code === "QUERY_INVALID" &&
    /does not have a column named|Name \S+ not found inside/.test(error.message)
  );
}

/** The statement that reads the sums from a rollup as far as it is current, and else from the view, as `ofView` does for all. */
async function statementFor(sums: ChargeSums, ofView: string, warehouse: Warehouse, config: Config): Promise<string> {
  const { dialect, placed } = placeOf(config);
  // The largest groups of two statements are not those of both together.
  const isPossible =
    sums.most === undefined && rollupsWith(config.focus.tags).some((rollup) => onRollup(sums, rollup) !== null);
  if (!isPossible) return ofView;
  const { current, others, tags, exports } = await readMonths(warehouse, monthsStatement(config));
  // The columns of tags are read only where they are known to be in a rollup.
  const isTagged = tags === JSON.stringify(config.focus.tags);
  const rollups = rollupsWith(isTagged ? config.focus.tags : []);
  const rollup = rollups.find((each) => onRollup(sums, each) !== null);
  const asked = monthsAsked({ is: "all", of: sums.rows }) ?? [...current, ...others];
  const stale = others.filter((month) => asked.includes(month));
  if (rollup === undefined || !asked.some((month) => current.includes(month))) return ofView;
  // DuckDB reads only these months anyway, and a database of an earlier version lacks the column.
  const span = config.warehouse.kind === "bigquery" ? spanOf(asked) : [];
  const kept = (part: ChargeSums): string => {
    const onKept = onRollup(part, rollup) ?? part;
    return chargeStatement({ ...onKept, rows: [...onKept.rows, ...span] }, dialect, placed(rollup.name));
  };
  const fromView = [
    ...(stale.length === 0 ? [] : [isOneOf(field("x_BillingMonth"), ...stale)]),
    ...(exports.length === 0 ? [] : [isOneOf(field("x_Export"), ...exports)]),
  ];
  const [first, ...more] = fromView;
  if (first === undefined) return kept(sums);
  const isFromView = some(first, ...more);
  const ofRows = (condition: Condition): ChargeSums => ({ ...sums, rows: [...sums.rows, condition] });
  return together(
    sums,
    dialect,
    kept(ofRows(not(isFromView))),
    chargeStatement(ofRows(isFromView), dialect, placed(newestView)),
  );
}

/** The statement for which months the rollups can be read: it reads little, whatever the question. */
export function monthsStatement(config: Config): string {
  return `SELECT * FROM ${placeOf(config).placed(rollupMonthsView)}`;
}

function placeOf({ warehouse, focus }: Config): {
  readonly dialect: Dialect;
  placed(this: void, name: string): string;
} {
  const dialect = warehouse.kind === "bigquery" ? bigquery : duckdb;
  const dataset = warehouse.kind === "bigquery" ? focus.dataset : "main";
  return { dialect, placed: (name) => dialect.tableName({ dataset }, name) };
}

/** That rows are of no month before the first or after the last of these: BigQuery does not read, or bill, others then. */
function spanOf(months: readonly BillingMonth[]): readonly Condition[] {
  const named = months.filter((month) => month !== "").toSorted();
  const [first, last] = [named[0], named.at(-1)];
  if (first === undefined || last === undefined || named.length < months.length) return [];
  const start = field(monthStartColumn, "timestamp");
  return [compared(start, ">=", time(`${first}-01`)), compared(start, "<=", time(`${last}-01`))];
}

/** The sums of two statements for them. */
function together(sums: ChargeSums, { identifier }: Dialect, one: string, other: string): string {
  const kinds = columnKinds(sums);
  const names = namesOf(sums).map(identifier);
  const columns = names.map((name, index) =>
    kinds[index] === "" ? `u.${name}` : `${kinds[index]}(u.${name}) AS ${name}`,
  );
  const keys = kinds.filter((kind) => kind === "").map((_, index) => index + 1);
  const grouped = keys.length === 0 ? "" : ` GROUP BY ${keys.join(", ")}`;
  return `SELECT ${columns.join(", ")} FROM (${one} UNION ALL ${other}) AS u${grouped}`;
}

/** The names of the columns of a statement, in their order. */
function namesOf({ by, sum, least, greatest }: ChargeSums): readonly string[] {
  return Object.keys({ ...by, ...sum, ...least, ...greatest });
}

/** How the columns of a statement are added up to those of a larger group; the empty text for its keys. */
function columnKinds({ by, sum = {}, least = {}, greatest = {} }: Omit<ChargeSums, "rows">): readonly string[] {
  return [
    ...Object.keys(by).map(() => ""),
    ...Object.keys(sum).map(() => "SUM"),
    ...Object.keys(least).map(() => "MIN"),
    ...Object.keys(greatest).map(() => "MAX"),
  ];
}

/** The months whose rollups are current, the other months, the tags that rollups have, as JSON, and the exports that they leave out. */
async function readMonths(
  warehouse: Warehouse,
  statement: string,
): Promise<{
  readonly current: readonly string[];
  readonly others: readonly string[];
  readonly tags: string | null;
  readonly exports: readonly string[];
}> {
  const months = new Map<string, boolean>();
  let exports: readonly string[] = [];
  let tags: string | null = null;
  try {
    for await (const row of requireCapability(warehouse, "query")(statement)) {
      const month = textOf(row["billing_month"]) ?? "";
      // A month is current if it is for every cloud.
      months.set(month, row["is_current"] === true && (months.get(month) ?? true));
      tags = textOf(row["tags"]);
      // Views of older versions lack the column.
      exports = JSON.parse(textOf(row["other_exports"]) ?? "[]") as readonly string[];
    }
  } catch (error) {
    if (!isWithout(rollupMonthsView, error)) throw error;
  }
  const having = (isCurrent: boolean): readonly string[] =>
    [...months].filter(([, each]) => each === isCurrent).map(([month]) => month);
  return { current: having(true), others: having(false), tags, exports };
}

/** The statement for sums, in a dialect; the columns of its result have the names of what is grouped and computed. */
function chargeStatement(sums: ChargeSums, dialect: Dialect, view: string): string {
  const { by, sum = {}, least = {}, greatest = {}, rows, most, within } = sums;
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
  const names = namesOf(sums).map(dialect.identifier);
  const selected = columns.map((sql, index) => `${sql} AS ${names[index]}`);
  const grouped = keys.length === 0 ? "" : ` GROUP BY ${keys.map((_, index) => index + 1).join(", ")}`;
  const every = `SELECT ${selected.join(", ")} FROM ${view} AS c WHERE ${renderCondition(all(...rows), scope)}${grouped}`;
  if (most === undefined) return every;
  const largest = `${names[keys.length]} DESC`;
  if (within === undefined) return `${every} ORDER BY ${largest} LIMIT ${most}`;
  const combination = within.map((name) => names[Object.keys(by).indexOf(name)]);
  const places = `SELECT g.*, ROW_NUMBER() OVER (PARTITION BY ${combination.join(", ")} ORDER BY ${[largest, ...names.slice(0, keys.length)].join(", ")}) AS place FROM (${every}) AS g`;
  const kinds = columnKinds({ by, sum, least, greatest });
  const merged = names.map((name, index) => {
    const kind = kinds[index] ?? "";
    const isOwn = kind === "" && !combination.includes(name);
    return `${isOwn ? `CASE WHEN place <= ${most} THEN ${name} END` : kind === "" ? name : `${kind}(${name})`} AS ${name}`;
  });
  const others = `CASE WHEN MIN(place) > ${most} THEN CAST(COUNT(*) AS ${dialect.types.text}) END AS ${dialect.identifier(othersCount)}`;
  return `SELECT ${[...merged, others].join(", ")} FROM (${places}) AS p GROUP BY ${keys.map((_, index) => index + 1).join(", ")}, LEAST(place, ${most + 1})`;
}

function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  throw new TypeError(`An answer reads text and decimals, not ${typeof value}.`);
}

function isWithout(view: string, error: unknown): boolean {
  return (
    error instanceof BillhouseError &&
    error.code === "QUERY_INVALID" &&
    error.message.includes(view) &&
    /does not exist|not found/i.test(error.message)
  );
}

function noView(cause: unknown): BillhouseError {
  return new BillhouseError("WAREHOUSE_NOT_FOUND", `The view ${newestView} does not exist yet.`, {
    hint: "billhouse run loads the bills and makes the view.",
    cause,
  });
}
