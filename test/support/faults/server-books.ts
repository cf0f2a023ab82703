import { googleProject } from "../google.ts";
import { readBooksOf, type Books } from "./books.ts";
import type { BigqueryServer } from "../../servers/bigquery/server.ts";

/** The dataset of a trial. */
export const dataset = "billing_data";

/** Reads the books in the dataset of a server, past its log, its permissions and its faults. */
export async function booksOfServer(server: BigqueryServer): Promise<Books> {
  const names = server.tableNames(dataset, googleProject).filter((name) => !name.startsWith("_billhouse_staging_"));
  const tables = names.map((name) => ({
    dataset,
    name,
    columns: (server.table(dataset, name, googleProject)?.fields ?? []).map((field) => ({
      name: field.name,
      type: field.type,
    })),
  }));
  const rowsOf = async ({ name, columns }: (typeof tables)[number]): Promise<Record<string, unknown>[]> => {
    const rows = await server.rows(`SELECT * FROM \`${googleProject}.${dataset}.${name}\``, googleProject);
    const value = (cell: unknown, type: string): unknown => (type.startsWith("BOOL") ? cell === "true" : cell);
    return rows.map((row) =>
      Object.fromEntries(
        columns.flatMap((column, index) =>
          row[index] === null ? [] : [[column.name, value(row[index], column.type)]],
        ),
      ),
    );
  };
  return readBooksOf({
    tables,
    rows: (table) => rowsOf(table as (typeof tables)[number]),
    async months(table, partition) {
      const rows = await rowsOf(table as (typeof tables)[number]);
      const groups = Map.groupBy(rows, (row) => monthOf(row[partition]));
      return [...groups].map(([month, group]) => {
        const hash = group
          .map((row) => JSON.stringify(row))
          .toSorted()
          .join("\n");
        return { month, rows: group.length, hash };
      });
    },
  });
}

/** Times are microseconds since 1970 in the answers of BigQuery. */
function monthOf(time: unknown): string {
  return new Date(Number(time) / 1000).toISOString().slice(0, 7);
}
