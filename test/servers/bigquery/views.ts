import type { Catalog } from "./catalog.ts";
import { queryError, refusal } from "./failures.ts";
import { parseScript } from "./parse-statements.ts";
import { translateQuery, type Translated } from "./queries.ts";
import { type Context, emptyScope } from "./scope.ts";
import { type Dataset, namedTable, type Table } from "./table-settings.ts";

/** A view as DuckDB reads it, and the tables that it reads, through other views too. */
export interface ReadView extends Translated {
  readonly tables: readonly Table[];
}

/** The longest text of a view: documented, quotas#view_limits. */
const longestText = 256 * 1024;

/**
 * Makes the SQL of DuckDB out of the query of a view in a dataset. Documented: docs/views; names of tables must have a dataset,
 * tables must be in the location of the view, and names without a project are those of the view's project.
 * Errors: invalidQuery, notFound.
 */
export function readView(catalog: Catalog, dataset: Dataset, query: string): ReadView {
  if (query.length > longestText) throw refusal("invalid", "The view's query is too long: 256K characters are allowed");
  const [statement, ...more] = parseScript(query);
  if (statement?.s !== "query" || more.length > 0) throw queryError("A view takes one query");
  const tables: Table[] = [];
  const around: Context = {
    sql: query,
    parameters: new Map(),
    rowCount: null,
    table(path) {
      const [name = "", datasetName = "", project = dataset.project] = path.toReversed();
      if (datasetName === "")
        throw queryError(`Table "${name}" must be qualified with a dataset (e.g. dataset.table).`);
      const table = catalog.table(project, datasetName, name, dataset.location);
      const view = table.view === undefined ? undefined : readView(catalog, table.dataset, table.view.query);
      tables.push(...(view?.tables ?? [table]));
      return view === undefined
        ? namedTable(table)
        : { id: namedTable(table).id, physical: `(${view.sql})`, columns: view.columns };
    },
  };
  return { ...translateQuery(statement.query, emptyScope, around), tables };
}
