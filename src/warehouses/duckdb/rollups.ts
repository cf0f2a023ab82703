import type { DuckDBConnection } from "@duckdb/node-api";
import type { BillhouseError } from "../../errors.ts";
import type { BillingMonth, Table } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import {
  type CloudRollups,
  isOwnComment,
  kindsFrom,
  kindsText,
  nameTaken,
  readKinds,
  rollupComment,
  type Rollups,
  type ShownKinds,
  type StaleMonth,
  unbuiltClouds,
  type ViewSource,
} from "../views.ts";
import { type Database, readRows } from "./database.ts";
import { identifier, literal, tableName } from "./sql.ts";
import { withoutNote } from "./view-note.ts";
import { makeViews, objectsIn, shapesOf, viewSchema } from "./view-objects.ts";

/**
 * Makes the tables of the sums and the views over them; tables with other columns are made again, empty. Returns what kept it
 * from doing so. The connection must be in a transaction.
 */
export async function makeRollups(
  connection: DuckDBConnection,
  rollups: Rollups,
  present: ReadonlyMap<string, string | null>,
): Promise<readonly BillhouseError[]> {
  const taken = nameProblems(rollups, present);
  if (taken.length > 0) return taken;
  for (const table of areMade(rollups, present) ? [] : rollups.tables) {
    const target = tableName(viewSchema, table.name);
    const columns = table.columns.map(({ name, type }) => `${identifier(name)} ${type}`);
    await connection.run(`DROP TABLE IF EXISTS ${target}`);
    await connection.run(`CREATE TABLE ${target} (${columns.join(", ")})`);
    await connection.run(`COMMENT ON TABLE ${target} IS ${literal(rollupComment(table))}`);
  }
  return makeViews(connection, rollups.views, present);
}

/** The error for tables of someone else that have the names of the tables of sums. */
export function nameProblems(
  { tables }: Rollups,
  present: ReadonlyMap<string, string | null>,
): readonly BillhouseError[] {
  const isTaken = (name: string): boolean => present.has(fold(name)) && !isOwnComment(present.get(fold(name)) ?? null);
  const taken = tables.map(({ name }) => name).filter(isTaken);
  return taken.length === 0 ? [] : [nameTaken(taken, identifier(viewSchema))];
}

/** Whether the tables of the sums are there, with the columns that they must have. */
export function areMade({ tables }: Rollups, present: ReadonlyMap<string, string | null>): boolean {
  return tables.every((table) => withoutNote(present.get(fold(table.name)) ?? null) === rollupComment(table));
}

/** The months whose sums differ from what the present tables and mappings would give, in tables that are made. */
export async function findStaleMonths(connection: DuckDBConnection, rollups: Rollups): Promise<readonly StaleMonth[]> {
  if (rollups.tables.length === 0) return [];
  const { months } = targetsOf(rollups);
  const built = await readRows(connection, `SELECT DISTINCT "cloud", "version" FROM ${months}`);
  const versions = built.map(({ cloud, version }) => ({ cloud: String(cloud), version: String(version) }));
  const found = new Map<string, StaleMonth>();
  const add = (cloud: string, month: string): unknown => found.set(JSON.stringify([cloud, month]), { cloud, month });
  for (const row of await readRows(connection, rollups.stale)) add(String(row["cloud"]), String(row["billing_month"]));
  for (const { cloud, months: all } of unbuiltClouds(rollups, versions)) {
    for (const row of await readRows(connection, all)) add(cloud, String(row["billing_month"]));
  }
  return [...found.values()];
}

/** The rollups over the tables as they are; null if their tables are not made. */
async function currentRollups(connection: DuckDBConnection, source: ViewSource): Promise<Rollups | null> {
  const rollups = await source.rollups(await shapesOf(connection, source), { dialect: "duckdb", dataset: viewSchema });
  return areMade(rollups, await objectsIn(connection)) ? rollups : null;
}

/** Builds the sums of a stale month; those of a cloud without tables are removed. The connection must be in a transaction. */
export async function rebuildMonth(
  connection: DuckDBConnection,
  source: ViewSource,
  { cloud, month }: StaleMonth,
): Promise<void> {
  const rollups = await currentRollups(connection, source);
  if (rollups === null) return;
  await removeMonth(connection, rollups, cloud, month);
  const own = rollups.clouds.find((each) => each.cloud === cloud);
  if (own !== undefined) await build(connection, rollups, own, month);
}

/**
 * Builds the sums of a month that was just loaded, in a transaction of its own: DuckDB lacks savepoints, so that an error would undo
 * the load, and the rows of a load that is not committed take most of its memory (docs/decisions/0017). What fails here is tried
 * again, and reported, at the end of the run; until then the month is not current.
 */
export async function rebuildLoadedMonth(
  { views, transact }: Pick<Database, "views" | "transact">,
  { table, billingMonth }: { readonly table: Table; readonly billingMonth: BillingMonth },
): Promise<void> {
  if (views === null) return;
  const isTable = (one: { readonly table: Table }): boolean =>
    fold(one.table.dataset) === fold(table.dataset) && fold(one.table.name) === fold(table.name);
  const rebuild = async (connection: DuckDBConnection): Promise<void> => {
    const rollups = await currentRollups(connection, views);
    if (rollups === null) return;
    for (const own of rollups.clouds.filter(({ tables }) => tables.some(isTable))) {
      await removeMonth(connection, rollups, own.cloud, billingMonth);
      await build(connection, rollups, own, billingMonth);
    }
  };
  await transact(rebuild, "macros").catch(() => undefined);
}

async function removeMonth(
  connection: DuckDBConnection,
  rollups: Rollups,
  cloud: string,
  month: BillingMonth,
): Promise<void> {
  const { sums, months } = targetsOf(rollups);
  const isCloud = `"cloud" = ${literal(cloud)}`;
  await connection.run(`DELETE FROM ${months} WHERE ${isCloud} AND "billing_month" = ${literal(month)}`);
  await connection.run(`DELETE FROM ${sums} WHERE ${isCloud} AND coalesce("x_BillingMonth", '') = ${literal(month)}`);
}

/** Adds the sums of a month that were removed, and records what they were built from. */
async function build(
  connection: DuckDBConnection,
  rollups: Rollups,
  own: CloudRollups,
  month: BillingMonth,
): Promise<void> {
  const { sums, months } = targetsOf(rollups);
  const loads = (await readRows(connection, own.loads)).find((row) => row["billing_month"] === month);
  const { kinds, shown } = await kindsOf(connection, own, month, months);
  await connection.run(`INSERT INTO ${sums} ${own.rows(month, kinds)}`);
  const texts = [own.cloud, month, own.version, String(loads?.["loads"] ?? ""), kindsText(kinds), kindsText(shown)];
  await connection.run(`INSERT INTO ${months} VALUES (${texts.map(literal).join(", ")})`);
  // What other months were built from is not current any more.
  const isOther = `"cloud" = ${literal(own.cloud)} AND "kinds" <> ${literal(kindsText(kinds))}`;
  await connection.run(`UPDATE ${months} SET "loads" = 'other kinds' WHERE ${isOther}`);
}

/**
 * The kinds of the tables of a family: for each the first that any of its months shows. What other months show is recorded with
 * them.
 */
async function kindsOf(
  connection: DuckDBConnection,
  own: CloudRollups,
  month: BillingMonth,
  months: string,
): Promise<{ readonly kinds: ReadonlyMap<string, string>; readonly shown: ShownKinds }> {
  const statement = own.kindsShown([month]);
  if (statement === null) return { kinds: new Map(), shown: new Map() };
  const rows = await readRows(connection, statement);
  const shown = new Map(rows.map((row) => [String(row["export_name"]), textOrNull(row["shown"])]));
  const recorded = await readRows(connection, `SELECT "shown" FROM ${months} WHERE "cloud" = ${literal(own.cloud)}`);
  return { kinds: kindsFrom(own, [shown, ...recorded.map((row) => readKinds(String(row["shown"])))]), shown };
}

function textOrNull(value: string | number | boolean | null | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

function targetsOf({ tables }: Rollups): { readonly sums: string; readonly months: string } {
  const [sums = "", months = ""] = tables.map(({ name }) => tableName(viewSchema, name));
  return { sums, months };
}
