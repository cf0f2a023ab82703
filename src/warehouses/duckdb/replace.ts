import type { MonthPackage } from "../../state/package.ts";
import { reachPoint } from "../points.ts";
import type { MonthReplacement, Settle } from "../warehouse.ts";
import type { Database } from "./database.ts";
import { explainFailure } from "./diagnosis.ts";
import { keepRows } from "./previous.ts";
import { readCurrentState } from "./ledger.ts";
import { measureMonth, nativeColumns } from "./measure.ts";
import { monthCondition } from "./months.ts";
import { identifier, tableName } from "./names.ts";
import { takeLease, writePackage } from "./packages.ts";
import { describeSource, type Source } from "./sources.ts";

/** Replaces the rows of one billing month: see `Warehouse.replaceMonth`. */
export async function replaceMonth(
  database: Database,
  replacement: MonthReplacement,
  settle: Settle,
): Promise<MonthPackage> {
  const { table } = replacement;
  const target = tableName(table.dataset, table.name);
  const committed = await database.transact(async (connection) => {
    // First of all: two writers conflict here, and not after an hour of loading.
    await takeLease(connection, table);
    const columns = await nativeColumns(connection, table.dataset, table.name);
    const inMonth = monthCondition(replacement, columns);
    await keepRows(connection, replacement, inMonth);
    reachPoint("before-delete");
    await connection.run(`DELETE FROM ${target} WHERE ${inMonth}`);
    reachPoint("after-delete");
    let inserted = 0;
    for await (const file of replacement.files) {
      database.throwIfClosing();
      const source = await describeSource(connection, file, columns, replacement);
      try {
        const result = await connection.run(insertStatement(target, source, replacement, inMonth));
        inserted += result.rowsChanged;
        reachPoint("file-inserted");
      } catch (cause) {
        // Here and not further out: when the loop ends, whoever gives the files takes them away.
        throw await explainFailure(database, source, replacement, inMonth, cause);
      }
    }
    const measures = { ...(await measureMonth(connection, replacement)), inserted, delivered: null };
    reachPoint("measured");
    const load = await settle(measures, await readCurrentState(connection, table));
    await writePackage(connection, table, load);
    return load;
  });
  // Gives the place of the old rows to the next month. It is no part of the load: publishing does it again, and tells.
  await database.use((connection) => connection.run("CHECKPOINT")).catch(() => undefined);
  return committed;
}

function insertStatement(target: string, source: Source, replacement: MonthReplacement, inMonth: string): string {
  const { partitionColumn, billingMonth, stamped, spansMonths } = replacement;
  const column = identifier(partitionColumn);
  const values = source.columns.map(({ expression, columnName }) => `${expression} AS ${identifier(columnName)}`);
  if (stamped) {
    const cells = [`CAST('${billingMonth}-01' AS DATE) AS ${column}`, ...values];
    return `INSERT INTO ${target} BY NAME SELECT ${cells.join(", ")} FROM ${source.relation}`;
  }
  // A row of another month, or of none, stops the load at once; the diagnosis then says which row it is.
  const guard = `CASE WHEN ${inMonth} THEN ${column} ELSE error('not a row of the month') END AS ${column}`;
  const rows = `(SELECT ${values.join(", ")} FROM ${source.relation})`;
  const others = spansMonths ? ` WHERE ${column} IS NULL OR ${inMonth}` : "";
  return `INSERT INTO ${target} BY NAME SELECT * REPLACE (${guard}) FROM ${rows}${others}`;
}
