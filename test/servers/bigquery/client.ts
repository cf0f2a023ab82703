import { BigQuery } from "@google-cloud/bigquery";

/** What the server tells of a job. */
export interface JobAnswer {
  readonly jobReference: { readonly jobId: string };
  readonly status: {
    readonly state: string;
    readonly errorResult?: { readonly reason: string; readonly message: string };
    readonly errors?: readonly { readonly reason: string; readonly message: string }[];
  };
  readonly statistics: {
    readonly load?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, unknown>>;
    readonly totalBytesProcessed?: string;
  };
}

/** A request as the client library takes it. */
export interface ClientRequest {
  readonly method?: string;
  readonly uri: string;
  readonly qs?: object;
  readonly json?: object;
}

/** The real client library, talking to a server that a test has started. */
export interface Client {
  readonly bigquery: BigQuery;
  /** Errors: those of the library, with `code` and `errors`. */
  request<T = Readonly<Record<string, unknown>>>(request: ClientRequest): Promise<T>;
  /** Runs a job until it is DONE. */
  job(configuration: object, jobId?: string, location?: string): Promise<JobAnswer>;
  /** The message with which a job fails; undefined when it does not. */
  failure(configuration: object): Promise<string | undefined>;
  /** Rows of GoogleSQL, all pages. Error: the message of a job that failed. */
  query(sql: string, parameters?: Readonly<Record<string, string | null | readonly string[]>>): Promise<unknown[][]>;
}

/** A client whose requests are not retried, and need no credentials. */
export function createClient(endpoint: string, project = "p", token = "token"): Client {
  // All that the library asks of whoever authenticates.
  const authClient = {
    getProjectId: async () => project,
    authorizeRequest: async (options: object) => ({ ...options, headers: { authorization: `Bearer ${token}` } }),
    getRequestHeaders: async () => new Headers({ authorization: `Bearer ${token}` }),
  };
  const bigquery = new BigQuery({
    projectId: project,
    apiEndpoint: endpoint,
    authClient: authClient as never,
    retryOptions: { autoRetry: false },
  });
  let jobs = 0;

  const request: Client["request"] = (options) =>
    new Promise((resolve, reject) => {
      bigquery.request(options, (error, body) => {
        if (error === null || error === undefined) resolve(body as never);
        else reject(error);
      });
    });

  async function job(configuration: object, jobId = `job-${++jobs}`, location = "US"): Promise<JobAnswer> {
    const jobReference = { projectId: project, jobId, location };
    await request({ method: "POST", uri: "/jobs", json: { jobReference, configuration } });
    for (;;) {
      const answer = await request<JobAnswer>({ uri: `/jobs/${jobId}`, qs: { location } });
      if (answer.status.state === "DONE") return answer;
    }
  }

  return {
    bigquery,
    request,
    job,
    failure: async (configuration) => (await job(configuration)).status.errorResult?.message,

    async query(sql, parameters = {}) {
      const { status, jobReference } = await job({ query: queryConfiguration(sql, parameters) });
      if (status.errorResult !== undefined) throw new Error(status.errorResult.message);
      const rows: unknown[][] = [];
      let pageToken: string | undefined;
      do {
        const qs = { location: "US", pageToken, "formatOptions.useInt64Timestamp": true };
        const page = await request<{ rows?: { f: { v: unknown }[] }[]; pageToken?: string }>({
          uri: `/queries/${jobReference.jobId}`,
          qs,
        });
        rows.push(...(page.rows ?? []).map(({ f }) => f.map(({ v }) => v)));
        pageToken = page.pageToken;
      } while (pageToken !== undefined);
      return rows;
    },
  };
}

/** `configuration.query` of GoogleSQL with parameters of text. */
export function queryConfiguration(
  sql: string,
  parameters: Readonly<Record<string, string | null | readonly string[]>> = {},
): object {
  const queryParameters = Object.entries(parameters).map(([name, value]) => ({
    name,
    parameterType:
      value === null || typeof value === "string"
        ? { type: "STRING" }
        : { type: "ARRAY", arrayType: { type: "STRING" } },
    parameterValue:
      value === null || typeof value === "string" ? { value } : { arrayValues: value.map((one) => ({ value: one })) },
  }));
  return { query: sql, useLegacySql: false, parameterMode: "NAMED", queryParameters };
}

/** `configuration.load` of CSV with columns of text, or of the types given. */
export function csvLoad(uris: readonly string[], table: string, types: readonly string[], more: object = {}): object {
  return {
    load: {
      sourceUris: uris,
      destinationTable: { projectId: "p", datasetId: "d", tableId: table },
      createDisposition: "CREATE_IF_NEEDED",
      writeDisposition: "WRITE_EMPTY",
      sourceFormat: "CSV",
      schema: { fields: types.map((type, index) => ({ name: `c${index}`, type })) },
      skipLeadingRows: "1",
      quote: '"',
      allowQuotedNewlines: true,
      encoding: "UTF-8",
      maxBadRecords: 0,
      preserveAsciiControlCharacters: true,
      ...more,
    },
  };
}

/** `configuration.load` of Parquet. */
export function parquetLoad(uris: readonly string[], table: string): object {
  return {
    load: {
      sourceUris: uris,
      destinationTable: { projectId: "p", datasetId: "d", tableId: table },
      createDisposition: "CREATE_IF_NEEDED",
      writeDisposition: "WRITE_EMPTY",
      sourceFormat: "PARQUET",
      decimalTargetTypes: ["BIGNUMERIC"],
      columnNameCharacterMap: "V2",
    },
  };
}
