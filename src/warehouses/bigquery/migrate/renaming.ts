import type { Table } from "../../../model.ts";
import { identifier, rebuildNames, type TableReference, tableName } from "../sql/names.ts";
import { createParameters } from "../api/parameters.ts";
import { type QuerySettings, runStatement } from "../api/statements.ts";
import { referenceTo } from "../companion-tables.ts";
import { dropTable, findTable } from "../api/tables.ts";

/** Ends a rebuilding that was interrupted between the two changes of names, and takes away what others left. */
export async function finishRebuild(settings: QuerySettings, table: Table): Promise<void> {
  const { connection } = settings;
  const reference = referenceTo(settings, table);
  const names = rebuildNames(reference);
  const old = { ...reference, tableId: names.old };
  const built = { ...reference, tableId: names.built };
  const [present, replaced, rebuilt] = await Promise.all(
    [reference, old, built].map((each) => findTable(connection, each)),
  );
  if (present === null && replaced !== null && replaced !== undefined) {
    // Nobody has looked whether the old one was written to until it lost its name: it is the one that holds everything.
    await renameTable(settings, old, reference.tableId, replaced.location ?? "");
    if (rebuilt !== null) await dropTable(connection, built);
    return;
  }
  if (replaced !== null) await dropTable(connection, old);
}

/** Gives a table another name. */
export async function renameTable(
  settings: QuerySettings,
  from: TableReference,
  name: string,
  location: string,
): Promise<void> {
  const sql = `ALTER TABLE ${tableName(from)} RENAME TO ${identifier(name)}`;
  const labels = { billhouse: "migrate", table: name };
  await runStatement(settings, { sql, parameters: createParameters(), location, labels });
}
