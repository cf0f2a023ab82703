import type { Engine } from "./engine.ts";
import { refusal } from "./failures.ts";
import { checkFields, checkTableName } from "./names.ts";
import { remember } from "./past.ts";
import { alterSchema } from "./schema-changes.ts";

import {
  changePartitioning,
  clusteringFields,
  columnsOf,
  columnSql,
  type Dataset,
  described,
  expiration,
  layout,
  normalised,
  type Table,
  tableId,
  type TableRequest,
} from "./table-settings.ts";
import { type FieldSchema, fieldSchema, quoted } from "./types.ts";
import { readView } from "./views.ts";

/** The datasets and tables of all projects. */
export interface Catalog {
  readonly datasets: Map<string, Dataset>;
  /** Error: notFound, also when the dataset is not in the location. */
  dataset(project: string, name: string, location?: string): Dataset;
  createDataset(project: string, name: string, settings: Partial<Dataset>): Dataset;
  /** Error: notFound. */
  table(project: string, dataset: string, name: string, location?: string): Table;
  createTable(dataset: Dataset, name: string, request: TableRequest): Promise<Table>;
  patchTable(table: Table, request: TableRequest): Promise<void>;
  dropTable(table: Table): Promise<void>;
  /** Lets go of the rows of a table that has lost its name, now and before. */
  dropCopies(table: Table): Promise<void>;
  /** Lets go of what has expired. */
  sweep(): Promise<void>;
}

/** An empty catalog. */
export function createCatalog(engine: Engine, clock: () => number): Catalog {
  const datasets = new Map<string, Dataset>();
  let tables = 0;

  const catalog: Catalog = {
    datasets,

    dataset(project, name, location) {
      const found = datasets.get(`${project}:${name}`);
      if (found === undefined || (location !== undefined && found.location.toUpperCase() !== location.toUpperCase())) {
        const where = location === undefined ? "" : ` was not found in location ${location}`;
        throw refusal("notFound", `Not found: Dataset ${project}:${name}${where}`);
      }
      return found;
    },

    createDataset(project, name, settings) {
      checkTableName("dataset", name);
      if (datasets.has(`${project}:${name}`)) {
        throw refusal("duplicate", `Already Exists: Dataset ${project}:${name}`);
      }
      const dataset = { location: "US", ...settings, project, name, tables: new Map<string, Table>() };
      datasets.set(`${project}:${name}`, dataset);
      return dataset;
    },

    table(project, datasetName, name, location) {
      const dataset = catalog.dataset(project, datasetName, location);
      const table = dataset.tables.get(name);
      if (table === undefined || isExpired(table, clock())) {
        const where = location === undefined ? "" : ` was not found in location ${location}`;
        throw refusal("notFound", `Not found: Table ${project}:${datasetName}.${name}${where}`);
      }
      return table;
    },

    async createTable(dataset, name, request) {
      checkTableName("table", name);
      const existing = dataset.tables.get(name);
      if (existing !== undefined && isExpired(existing, clock())) await catalog.dropTable(existing);
      else if (existing !== undefined) throw refusal("duplicate", `Already Exists: Table ${tableId(existing)}`);
      const view = viewOf(catalog, dataset, request);
      const fields = view?.fields ?? (request.schema?.fields ?? []).map(normalised);
      checkFields(fields);
      const physical = `main."t${++tables}"`;
      const table: Table = {
        dataset,
        name,
        physical,
        fields,
        creationTime: clock(),
        lastModifiedTime: clock(),
        lastMutation: 0,
        past: [],
        ...(view !== undefined && { view: { query: view.query } }),
        ...layout(dataset, fields, request),
        ...expiration(dataset, request, clock()),
        ...described(request),
      };
      dataset.tables.set(name, table);
      if (view !== undefined) return table;
      // DuckDB does not allow a table without columns.
      const columns = fields.length === 0 ? [`"no columns" BIGINT`] : fields.map(columnSql);
      await engine.run(`CREATE TABLE ${physical} (${columns.join(", ")})`);
      return table;
    },

    async patchTable(table, request) {
      const { timePartitioning, schema } = request;
      const view = viewOf(catalog, table.dataset, request);
      if (view !== undefined && table.view === undefined) throw refusal("invalid", `${tableId(table)} is not a view`);
      if (view !== undefined) Object.assign(table, { view: { query: view.query }, fields: view.fields });
      if (timePartitioning !== undefined) changePartitioning(table, timePartitioning);
      if (schema !== undefined) {
        await remember(engine, [table], clock);
        await alterSchema(engine, table, (schema.fields ?? []).map(normalised));
      }
      if (request.expirationTime === null) delete table.expirationTime;
      else if (request.expirationTime !== undefined) Object.assign(table, expiration(table.dataset, request, clock()));
      if (request.clustering === null) delete table.clustering;
      else if (request.clustering !== undefined)
        table.clustering = { fields: clusteringFields(table.fields, request.clustering.fields) };
      Object.assign(table, described({ ...request, labels: { ...table.labels, ...request.labels } }));
      table.lastModifiedTime = clock();
    },

    async dropTable(table) {
      table.dataset.tables.delete(table.name);
      await catalog.dropCopies(table);
    },

    async dropCopies(table) {
      if (table.view !== undefined) return;
      for (const { physical } of [table, ...table.past]) await engine.run(`DROP TABLE IF EXISTS ${physical}`);
    },

    async sweep() {
      for (const dataset of datasets.values()) {
        for (const table of dataset.tables.values()) {
          if (isExpired(table, clock())) await catalog.dropTable(table);
          else await expirePartitions(engine, table, clock());
        }
      }
    },
  };
  return catalog;
}

/** The view that a request describes: its query is checked, and gives its columns. Errors: those of the query. */
function viewOf(
  catalog: Catalog,
  dataset: Dataset,
  { view }: TableRequest,
): { readonly query: string; readonly fields: FieldSchema[] } | undefined {
  if (view === undefined) return undefined;
  // Documented: reference/rest/v2/tables#ViewDefinition; without useLegacySql the query is in the older dialect.
  if (view.useLegacySql !== false || view.query === undefined)
    throw refusal("notImplemented", "This server knows views in GoogleSQL only");
  return { query: view.query, fields: readView(catalog, dataset, view.query).columns.map(fieldSchema) };
}

function isExpired({ expirationTime }: Table, now: number): boolean {
  return expirationTime !== undefined && Number(expirationTime) <= now;
}

/** Documented: managing-partitioned-tables#partition-expiration; counted from the start of the partition is assumed. */
async function expirePartitions(engine: Engine, table: Table, now: number): Promise<void> {
  const { field, expirationMs, type } = table.timePartitioning ?? {};
  if (field === undefined || expirationMs === undefined || type === undefined || table.holder !== undefined) return;
  const kind = columnsOf(table).find(({ name }) => name.toLowerCase() === field.toLowerCase())?.type.kind;
  const moment = kind === "TIMESTAMP" ? `timezone('UTC', ${quoted(field)})` : `CAST(${quoted(field)} AS TIMESTAMP)`;
  const age = `epoch_ms(date_trunc('${type.toLowerCase()}', ${moment}))`;
  await engine.run(`DELETE FROM ${table.physical} WHERE ${age} + ${expirationMs} <= ${now}`);
}
