import type { Engine } from "./engine.ts";
import { queryError } from "./failures.ts";
import type { Expression } from "./syntax.ts";
import { type Table, tableId } from "./table-settings.ts";
import { parseTimestamp } from "./times.ts";

let copies = 0;

/** For how many hours tables remember (documented: docs/time-travel; the default of a dataset). */
const usualHours = 168;

/** Copies tables as they are for everybody, before they are changed. */
export async function remember(engine: Engine, tables: Iterable<Table>, clock: () => number): Promise<void> {
  for (const table of tables) {
    copies += 1;
    const physical = `main."past${copies}"`;
    await engine.run(`CREATE TABLE ${physical} AS SELECT * FROM ${table.physical}`);
    table.past.push({ until: clock(), physical, fields: table.fields });
  }
}

/** The moment of FOR SYSTEM_TIME AS OF, in milliseconds since 1970. Error: invalidQuery. */
export function momentOf(expression: Expression): number {
  // Documented: standard-sql/query-syntax#for_system_time_as_of; a constant expression, of which this server takes a literal.
  const micros =
    expression.e === "typed" && expression.type === "TIMESTAMP" ? parseTimestamp(expression.value) : undefined;
  if (micros === undefined) throw queryError("FOR SYSTEM_TIME AS OF takes a TIMESTAMP literal in this server");
  return Number(micros / 1000n);
}

/**
 * A table as it was at a moment, columns and rows (documented: standard-sql/query-syntax#for_system_time_as_of). What a
 * load job made of a table that was there before is not remembered. Error: invalidQuery.
 */
export function asOf(table: Table, moment: number, now: number): Table {
  const hours = Number(table.dataset.maxTimeTravelHours ?? usualHours);
  const oldest = Math.max(now - hours * 3_600_000, table.creationTime);
  const id = tableId(table);
  // Documented with this wording: docs/access-historical-data. That the future is refused alike is assumed.
  if (moment < oldest) {
    throw queryError(`Invalid snapshot time ${moment} for table ${id}@${moment}. Cannot read before ${oldest}.`);
  }
  if (moment > now)
    throw queryError(`Invalid snapshot time ${moment} for table ${id}@${moment}. Cannot read after ${now}.`);
  const earlier = table.past.find(({ until }) => until > moment);
  return earlier === undefined ? table : { ...table, physical: earlier.physical, fields: earlier.fields };
}
