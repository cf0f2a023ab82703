import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { type Catalog, createCatalog } from "./catalog.ts";
import { createEngine } from "./engine.ts";
import { type Refusal, refusal, refusalOf } from "./failures.ts";
import {
  type Asked,
  createFaults,
  type Fault,
  faultError,
  type FaultKind,
  jobKinds,
  type OrderedFault,
  requestKinds,
} from "./faults.ts";
import type { Job } from "./job-resources.ts";
import { createJobs } from "./jobs.ts";
import type { ReadObject, StoredObject } from "./load-configuration.ts";
import { createPermissions } from "./permissions.ts";
import { createHandlers, routeOf } from "./routes.ts";
import { runScript } from "./scripts.ts";
import type { Table } from "./table-settings.ts";

export type { Fault, FaultKind, OrderedFault, Asked } from "./faults.ts";
export type { ReadObject, StoredObject, Table };

/** What a server is started with. */
export interface BigqueryServerOptions {
  /** The projects that there are; any when left out. */
  readonly projects?: readonly string[];
  readonly readObject: ReadObject;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
}

/** A BigQuery inside the test process. */
export interface BigqueryServer {
  /** `http://127.0.0.1:12345`, for `apiEndpoint`. */
  readonly endpoint: string;
  /** Every request, in the order in which they came. */
  readonly requests: readonly Asked[];
  /** Requests that were refused because this server does not know them; a test ends with none. */
  readonly refused: readonly { readonly request: Asked; readonly message: string }[];
  readonly counts: { loads: number; queries: number; jobs: number; requests: number };
  readonly jobs: ReadonlyMap<string, Job>;
  readonly catalog: Catalog;
  /** Called before every statement of every query job; the job waits for it. */
  onStatement: (sql: string, jobId: string) => void | Promise<void>;
  /** The token without which requests are refused; null lets everybody in. */
  requireToken: string | null;
  /** Refuses DML, as a project without billing does. */
  sandbox: boolean;
  /** Loads replace bytes that are not UTF-8 by U+FFFD, as the service does, instead of refusing them. */
  replacesInvalidText: boolean;
  fault(fault: Fault): OrderedFault;
  /** Takes permissions away: `bigquery.jobs.create`. */
  deny(...permissions: readonly string[]): void;
  allow(...permissions: readonly string[]): void;
  createDataset(
    name: string,
    settings?: {
      readonly project?: string;
      readonly location?: string;
      readonly defaultTableExpirationMs?: string;
      readonly defaultPartitionExpirationMs?: string;
      readonly maxTimeTravelHours?: string;
    },
  ): void;
  tableNames(dataset: string, project?: string): string[];
  table(dataset: string, name: string, project?: string): Table | undefined;
  /** Runs GoogleSQL past the log, the counts, the permissions and the faults; values are text or null. */
  rows(sql: string, project?: string): Promise<unknown[][]>;
  close(): Promise<void>;
}

/** The project of what is named without one. */
const defaultProject = "p";

/** Starts a server on its own port. The caller closes it. */
export async function startBigqueryServer(options: BigqueryServerOptions): Promise<BigqueryServer> {
  const clock = options.clock ?? Date.now;
  const engine = await createEngine();
  const catalog = createCatalog(engine, clock);
  const permissions = createPermissions();
  const faults = createFaults();
  const requests: Asked[] = [];
  const refused: { request: Asked; message: string }[] = [];
  const counts = { loads: 0, queries: 0, jobs: 0, requests: 0 };
  const sequence = { commits: 0, transactions: 0 };
  const jobs = createJobs({
    engine,
    catalog,
    readObject: options.readObject,
    replacesInvalidText: () => server.replacesInvalidText,
    permissions,
    clock,
    counts,
    sequence,
    onUnknown({ id, configuration, failure }) {
      const request = { name: "jobs.insert", method: "POST", path: id, query: {}, body: configuration };
      refused.push({ request, message: failure?.message ?? "" });
    },
    onStatement: async (sql, jobId) => server.onStatement(sql, jobId),
  });
  const handle = createHandlers({ engine, catalog, jobs, permissions, projects: options.projects });

  const http = createServer((request, response) => {
    answer(request, response).catch(() => request.socket.destroy());
  });

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "/", "http://bigquery");
    const path = url.pathname.replace(/^\/bigquery\/v2(?=\/)/u, "");
    const method = incoming.method ?? "GET";
    const body = await bodyOf(incoming);
    const route = routeOf(method, path);
    const request: Asked = {
      name: route?.name ?? "unknown",
      method,
      path,
      query: Object.fromEntries(url.searchParams),
      body,
    };
    requests.push(request);
    counts.requests++;
    const fault = faults.take(request, requestKinds);
    if (fault?.kind === "reset") return void incoming.socket.destroy();
    try {
      if (server.requireToken !== null && incoming.headers.authorization !== `Bearer ${server.requireToken}`) {
        throw refusal("authError", "Request had invalid authentication credentials. Expected OAuth 2 access token.", {
          status: 401,
        });
      }
      if (fault !== undefined && !isAfterwards(fault.kind)) throw faultError(fault.kind);
      if (route === undefined) throw refusal("notImplemented", `This server does not know ${method} ${path}`);
      const jobFault = route.name === "jobs.insert" ? faults.take(request, jobKinds) : undefined;
      const result = await handle(route.name, route.parts, request, jobFault);
      if (fault?.kind === "lost") return void incoming.socket.destroy();
      if (fault !== undefined) throw faultError(fault.kind);
      if (result === undefined) response.writeHead(204).end();
      else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(result));
    } catch (error) {
      const why = refusalOf(error);
      if (fault?.kind === "lost") return void incoming.socket.destroy();
      if (why.reason === "notImplemented") refused.push({ request, message: why.message });
      response.writeHead(why.status, { "content-type": "application/json" }).end(JSON.stringify(errorBody(why)));
    }
    return undefined;
  }

  const server: BigqueryServer = {
    endpoint: "",
    requests,
    refused,
    counts,
    jobs: jobs.all,
    catalog,
    onStatement: () => undefined,
    requireToken: null,
    replacesInvalidText: false,
    get sandbox() {
      return permissions.sandbox;
    },
    set sandbox(is) {
      permissions.sandbox = is;
    },
    fault: (fault) => faults.order(fault),
    deny(...names) {
      for (const name of names) permissions.denied.add(name);
    },
    allow(...names) {
      for (const name of names) permissions.denied.delete(name);
    },
    createDataset(name, { project = defaultProject, ...settings } = {}) {
      catalog.createDataset(project, name, settings);
    },
    tableNames: (dataset, project = defaultProject) =>
      [...(catalog.datasets.get(`${project}:${dataset}`)?.tables.keys() ?? [])].toSorted(),
    table: (dataset, name, project = defaultProject) => catalog.datasets.get(`${project}:${dataset}`)?.tables.get(name),
    async rows(sql, project = defaultProject) {
      await catalog.sweep();
      const anywhere: Catalog = {
        ...catalog,
        dataset: (p, name) => catalog.dataset(p, name),
        table: (p, dataset, name) => catalog.table(p, dataset, name),
      };
      const { rows } = await runScript(
        {
          engine,
          catalog: anywhere,
          project,
          location: "",
          sql,
          parameters: new Map(),
          clock,
          dryRun: false,
          permit: () => undefined,
          permitDml: () => undefined,
          beforeStatement: async () => undefined,
          running: () => undefined,
        },
        sequence,
      );
      return rows.map(({ f }) => f.map(({ v }) => v));
    },
    async close() {
      faults.releaseAll();
      for (const job of jobs.all.values()) {
        job.cancelled = job.state !== "DONE";
        job.cancel();
      }
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await Promise.all([...jobs.all.values()].map((job) => job.done));
      await engine.close();
    },
  };
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return Object.assign(server, { endpoint: `http://127.0.0.1:${(http.address() as AddressInfo).port}` });
}

/** Whether a fault strikes when the request is done. */
function isAfterwards(kind: FaultKind): boolean {
  return kind === "lost" || kind === "duplicate";
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** Documented: error-messages; the body of every error. */
function errorBody({ status, message, reason, location }: Refusal): unknown {
  const where = location === undefined ? {} : { location, locationType: "other" };
  return { error: { code: status, message, errors: [{ message, domain: "global", reason, ...where }] } };
}
