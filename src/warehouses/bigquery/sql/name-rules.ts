import { BillhouseError, quoted } from "../../../errors.ts";
import type { Table } from "../../../model.ts";
import { fold, longestName } from "../../../schema/names.ts";
import type { SchemaChange } from "../../warehouse.ts";

const mostColumns = 10_000;

const refusedPrefix =
  /^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP)/i;

/** Explains limits before anything is changed; `present` are the names of the table's columns. Error: LIMIT_EXCEEDED. */
export function checkLimits(table: Table, { added }: SchemaChange, present: readonly string[]): void {
  const title = `${table.dataset}.${table.name}`;
  const columns = new Set([...present, ...added.map(({ name }) => name)].map(fold)).size;
  if (columns > mostColumns) {
    throw new BillhouseError(
      "LIMIT_EXCEEDED",
      `${title} would have ${columns} columns; BigQuery takes ${mostColumns}.`,
      {
        hint: "Leave out tags or attributes in the export at the cloud, so that it delivers fewer columns.",
      },
    );
  }
  for (const { name } of added) {
    const reason =
      Array.from(name).length > longestName
        ? `is longer than ${longestName} characters`
        : refusedPrefix.test(name)
          ? "begins with a word that BigQuery keeps for itself"
          : /[!"$()*,./;?@[\\\]^`{}~\p{Cc}]/u.test(name)
            ? "holds a character that BigQuery takes in no name"
            : fold(name) === fold(table.name)
              ? "is the name of the table, which BigQuery mixes up"
              : undefined;
    if (reason === undefined) continue;
    throw new BillhouseError(
      "LIMIT_EXCEEDED",
      `${title} cannot get the column ${quoted(name, 300)}: the name ${reason}.`,
      {
        hint: "Rename the column in the export, or load into a table of another name.",
      },
    );
  }
}
