/** What the server returns about a job. */
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

/** A request below the project. */
export interface ClientRequest {
  readonly method?: string;
  readonly uri: string;
  readonly qs?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: object;
}

/** A client of a server that a test has started. */
export interface Client {
  /** Errors: those of the response, with `code` and `errors`. */
  request<T = Readonly<Record<string, unknown>>>(request: ClientRequest): Promise<T>;
  /** Runs a job until it is DONE. */
  job(configuration: object, jobId?: string, location?: string): Promise<JobAnswer>;
  /** The message with which a job fails; undefined when it does not. */
  failure(configuration: object): Promise<string | undefined>;
  /** Rows of GoogleSQL, all pages. Error: the message of a job that failed. */
  query(sql: string, parameters?: Readonly<Record<string, string | null | readonly string[]>>): Promise<unknown[][]>;
}

/** A client whose requests are not retried. */
export function createClient(endpoint: string, project = "p", token = "token"): Client {
  let jobs = 0;

  async function request<T>({ method = "GET", uri, qs = {}, json }: ClientRequest): Promise<T> {
    const url = new URL(`${endpoint}/bigquery/v2/projects/${project}${uri}`);
    for (const [name, value] of Object.entries(qs)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    const body = (text === "" ? {} : JSON.parse(text)) as T & { readonly error?: Error };
    if (!response.ok) throw Object.assign(new Error(body.error?.message), body.error);
    return body;
  }

  async function job(configuration: object, jobId = `job-${++jobs}`, location = "US"): Promise<JobAnswer> {
    const jobReference = { projectId: project, jobId, location };
    await request({ method: "POST", uri: "/jobs", json: { jobReference, configuration } });
    for (;;) {
      const answer = await request<JobAnswer>({ uri: `/jobs/${jobId}`, qs: { location } });
      if (answer.status.state === "DONE") return answer;
    }
  }

  return {
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
