import type { Catalog } from "./catalog.ts";
import type { Engine } from "./engine.ts";
import { refusal } from "./failures.ts";
import type { Asked, FaultKind } from "./faults.ts";
import { pageSize, pageStart, pageToken } from "./job-resources.ts";
import type { Jobs } from "./jobs.ts";
import type { Permissions } from "./permissions.ts";
import { type Dataset, type Table, tableId, type TableRequest } from "./table-settings.ts";

/** What requests are answered with. */
export interface RoutesOptions {
  readonly engine: Engine;
  readonly catalog: Catalog;
  readonly jobs: Jobs;
  readonly permissions: Permissions;
  readonly projects: readonly string[] | undefined;
}

type Handler = (parts: readonly string[], request: Asked, fault: JobFault) => Promise<unknown>;

/** The fault that a test wants for the job of a request. */
export type JobFault = { readonly kind: FaultKind; readonly released: Promise<void> } | undefined;

const routes: readonly (readonly [name: string, method: string, path: RegExp])[] = [
  ["datasets.list", "GET", /^\/projects\/([^/]+)\/datasets$/u],
  ["datasets.insert", "POST", /^\/projects\/([^/]+)\/datasets$/u],
  ["datasets.get", "GET", /^\/projects\/([^/]+)\/datasets\/([^/]+)$/u],
  ["tables.list", "GET", /^\/projects\/([^/]+)\/datasets\/([^/]+)\/tables$/u],
  ["tables.insert", "POST", /^\/projects\/([^/]+)\/datasets\/([^/]+)\/tables$/u],
  ["tables.getIamPolicy", "POST", /^\/projects\/([^/]+)\/datasets\/([^/]+)\/tables\/([^/]+):getIamPolicy$/u],
  ["rowAccessPolicies.list", "GET", /^\/projects\/([^/]+)\/datasets\/([^/]+)\/tables\/([^/]+)\/rowAccessPolicies$/u],
  ["tables.get", "GET", /^\/projects\/([^/]+)\/datasets\/([^/]+)\/tables\/([^/]+)$/u],
  ["tables.patch", "PATCH", /^\/projects\/([^/]+)\/datasets\/([^/]+)\/tables\/([^/]+)$/u],
  ["tables.delete", "DELETE", /^\/projects\/([^/]+)\/datasets\/([^/]+)\/tables\/([^/]+)$/u],
  ["jobs.insert", "POST", /^\/projects\/([^/]+)\/jobs$/u],
  ["jobs.get", "GET", /^\/projects\/([^/]+)\/jobs\/([^/]+)$/u],
  ["jobs.cancel", "POST", /^\/projects\/([^/]+)\/jobs\/([^/]+)\/cancel$/u],
  ["queries.get", "GET", /^\/projects\/([^/]+)\/queries\/([^/]+)$/u],
];

/** The name of a request and the parts of its path; undefined for what the server does not know. */
export function routeOf(
  method: string,
  path: string,
): { readonly name: string; readonly parts: readonly string[] } | undefined {
  for (const [name, wanted, form] of routes) {
    const match = wanted === method ? form.exec(path) : null;
    if (match !== null) return { name, parts: match.slice(1).map(decodeURIComponent) };
  }
  return undefined;
}

/** Answers requests by their names. Errors: those of BigQuery. */
export function createHandlers(
  options: RoutesOptions,
): (name: string, parts: readonly string[], request: Asked, fault: JobFault) => Promise<unknown> {
  const { catalog, jobs, permissions, engine } = options;
  const handlers: Readonly<Record<string, Handler>> = {
    "datasets.list": async ([project = ""], { query }) => {
      const all = [...catalog.datasets.values()].filter((dataset) => dataset.project === project);
      return page(
        "datasets",
        all.map((dataset) => ({ datasetReference: reference(dataset), location: dataset.location })),
        query,
      );
    },
    "datasets.insert": async ([project = ""], { body }) => {
      const {
        datasetReference = {},
        location,
        defaultTableExpirationMs,
        defaultPartitionExpirationMs,
        maxTimeTravelHours,
        labels,
      } = body as Partial<Dataset> & { datasetReference?: { datasetId?: string } };
      permissions.project("bigquery.datasets.create", project);
      const settings = { location, defaultTableExpirationMs, defaultPartitionExpirationMs, maxTimeTravelHours, labels };
      const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
      return datasetResource(catalog.createDataset(project, datasetReference.datasetId ?? "", given));
    },
    "datasets.get": async ([project = "", name = ""]) => {
      permissions.dataset("bigquery.datasets.get", `${project}:${name}`);
      return datasetResource(catalog.dataset(project, name));
    },
    "tables.list": async ([project = "", name = ""], { query }) => {
      permissions.dataset("bigquery.tables.list", `${project}:${name}`);
      await catalog.sweep();
      const tables = [...catalog.dataset(project, name).tables.values()].toSorted((one, two) =>
        one.name < two.name ? -1 : 1,
      );
      return page(
        "tables",
        tables.map((table) => ({
          kind: "bigquery#table",
          id: tableId(table),
          tableReference: tableReference(table),
          type: table.view === undefined ? "TABLE" : "VIEW",
          ...layoutOf(table),
        })),
        query,
      );
    },
    "tables.insert": async ([project = "", name = ""], { body }) => {
      const request = body as TableRequest;
      permissions.dataset("bigquery.tables.create", `${project}:${name}`);
      const dataset = catalog.dataset(project, name);
      return tableResource(engine, await catalog.createTable(dataset, request.tableReference?.tableId ?? "", request));
    },
    "tables.get": async ([project = "", dataset = "", name = ""]) => {
      permissions.table("bigquery.tables.get", `${project}:${dataset}.${name}`);
      await catalog.sweep();
      return tableResource(engine, catalog.table(project, dataset, name));
    },
    // Documented: reference/rest/v2/tables/getIamPolicy, reference/rest/v2/rowAccessPolicies/list.
    "tables.getIamPolicy": async ([project = "", dataset = "", name = ""]) => {
      permissions.table("bigquery.tables.getIamPolicy", `${project}:${dataset}.${name}`);
      const { bindings } = catalog.table(project, dataset, name);
      return { etag: "ACAB", ...(bindings && { bindings }) };
    },
    "rowAccessPolicies.list": async ([project = "", dataset = "", name = ""]) => {
      permissions.table("bigquery.rowAccessPolicies.list", `${project}:${dataset}.${name}`);
      const { rowAccessPolicies } = catalog.table(project, dataset, name);
      const named = rowAccessPolicies?.map((policyId) => ({ rowAccessPolicyReference: { policyId } }));
      return { ...(named && { rowAccessPolicies: named }) };
    },
    "tables.patch": async ([project = "", dataset = "", name = ""], { body }) => {
      permissions.table("bigquery.tables.update", `${project}:${dataset}.${name}`);
      const table = catalog.table(project, dataset, name);
      await catalog.patchTable(table, body as TableRequest);
      await catalog.sweep();
      return tableResource(engine, table);
    },
    "tables.delete": async ([project = "", dataset = "", name = ""]) => {
      permissions.table("bigquery.tables.delete", `${project}:${dataset}.${name}`);
      await catalog.dropTable(catalog.table(project, dataset, name));
      return undefined;
    },
    "jobs.insert": async ([project = ""], { body }, fault) => jobs.insert(project, body, fault),
    "jobs.get": async ([project = "", id = ""], { query }) => jobs.get(project, id, query["location"]),
    "jobs.cancel": async ([project = "", id = ""], { query }) => jobs.cancel(project, id, query["location"]),
    "queries.get": async ([project = "", id = ""], { query }) => jobs.results(project, id, query),
  };
  return async (name, parts, request, fault) => {
    const handler = handlers[name];
    const [project = ""] = parts;
    if (handler === undefined)
      throw refusal("notImplemented", `This server does not know ${request.method} ${request.path}`);
    if (options.projects !== undefined && !options.projects.includes(project)) {
      throw refusal("notFound", `Not found: Project ${project}`);
    }
    return handler(parts, request, fault);
  };
}

function page(key: string, all: readonly unknown[], query: Readonly<Record<string, string>>): unknown {
  const start = pageStart(query["pageToken"]);
  const items = all.slice(start, start + pageSize);
  // An empty list is left out, as Google's services do.
  return {
    kind: `bigquery#${key.slice(0, -1)}List`,
    ...(items.length > 0 && { [key]: items }),
    ...(start + pageSize < all.length && { nextPageToken: pageToken(start + pageSize) }),
    ...(key === "tables" && { totalItems: all.length }),
  };
}

function reference({ project, name }: Dataset): unknown {
  return { projectId: project, datasetId: name };
}

function tableReference({ dataset, name }: Table): unknown {
  return { projectId: dataset.project, datasetId: dataset.name, tableId: name };
}

function datasetResource(dataset: Dataset): unknown {
  const { location, defaultTableExpirationMs, defaultPartitionExpirationMs, maxTimeTravelHours, labels } = dataset;
  return {
    kind: "bigquery#dataset",
    id: `${dataset.project}:${dataset.name}`,
    datasetReference: reference(dataset),
    location,
    defaultTableExpirationMs,
    defaultPartitionExpirationMs,
    maxTimeTravelHours,
    labels,
  };
}

function layoutOf({ timePartitioning, clustering, expirationTime, labels, creationTime }: Table): object {
  return { timePartitioning, clustering, expirationTime, labels, creationTime: String(creationTime) };
}

function viewResource(table: Table, { query }: NonNullable<Table["view"]>): unknown {
  return {
    kind: "bigquery#table",
    id: tableId(table),
    etag: `"${table.lastModifiedTime}"`,
    tableReference: tableReference(table),
    type: "VIEW",
    view: { query, useLegacySql: false },
    location: table.dataset.location,
    schema: { fields: table.fields },
    labels: table.labels,
    creationTime: String(table.creationTime),
    description: table.description,
    lastModifiedTime: String(table.lastModifiedTime),
  };
}

async function tableResource(engine: Engine, table: Table): Promise<unknown> {
  if (table.view !== undefined) return viewResource(table, table.view);
  const [rows = 0] = await engine.count([table.physical]);
  const { description, friendlyName, encryptionConfiguration, requirePartitionFilter } = table;
  return {
    kind: "bigquery#table",
    id: tableId(table),
    etag: `"${table.lastModifiedTime}"`,
    tableReference: tableReference(table),
    type: "TABLE",
    location: table.dataset.location,
    ...(table.fields.length > 0 && { schema: { fields: table.fields } }),
    ...layoutOf(table),
    description,
    friendlyName,
    encryptionConfiguration,
    requirePartitionFilter,
    lastModifiedTime: String(table.lastModifiedTime),
    numRows: String(rows),
    numBytes: String(rows * table.fields.length * 8),
  };
}
