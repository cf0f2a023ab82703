import { createHash } from "node:crypto";
import type { DuckDBConnection } from "@duckdb/node-api";
import { readRows } from "./database.ts";
import { literal, tableName } from "./sql.ts";
import { objectsIn, viewSchema } from "./view-objects.ts";

/*
 * Rendering the views takes longer than all else that a run without new deliveries does. Therefore, once the views and their sums
 * are found to be as they must be, a note says for which tables, configuration, code and views that was. It is in the comment of
 * the table that records what the sums were built from, so that it goes with that table.
 */

// The warehouses do not import the views, whose names these are.
const noted = { table: "_billhouse_focus_months", months: "focus_rollup_months" } as const;

const start = " Compared: ";

/** The note for these inputs of the views, and these comments of the views and tables that there are; null without inputs. */
export function noteFor(inputs: string | null, present: ReadonlyMap<string, string | null>): string | null {
  if (inputs === null) return null;
  const comments = [...present].map(([name, comment]) => [name, withoutNote(comment)] as const);
  return createHash("sha256")
    .update(JSON.stringify([inputs, comments.toSorted(([one], [other]) => (one < other ? -1 : 1))]))
    .digest("hex");
}

/** Whether a note is there, and all months of the sums are still current: so says a view, which the note is about too. */
export async function isNoted(
  connection: DuckDBConnection,
  note: string,
  present: ReadonlyMap<string, string | null>,
): Promise<boolean> {
  if (present.get(noted.table)?.endsWith(`${start}${note}`) !== true) return false;
  const stale = `SELECT 1 FROM ${tableName(viewSchema, noted.months)} WHERE NOT "is_current" LIMIT 1`;
  return (await readRows(connection, stale)).length === 0;
}

/** Writes a note. The connection must be in a transaction. */
export async function writeNote(connection: DuckDBConnection, note: string): Promise<void> {
  const comment = (await objectsIn(connection)).get(noted.table) ?? null;
  const text = literal(`${withoutNote(comment)}${start}${note}`);
  await connection.run(`COMMENT ON TABLE ${tableName(viewSchema, noted.table)} IS ${text}`);
}

/** The comment of a table without the note. */
export function withoutNote(comment: string | null): string | null {
  return comment?.split(start)[0] ?? null;
}
