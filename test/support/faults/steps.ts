/** The steps of a run at which a fault can strike, in their order. */
export const steps = [
  "list",
  "manifest",
  "header",
  "prepare",
  "read",
  "delete",
  "insert",
  "measure",
  "look",
  "commit",
  "summary",
  "publish",
] as const;

/** A step of a run. */
export type Step = (typeof steps)[number];

/** Where bills lie and where they go in a trial. */
export interface Place {
  readonly warehouse: "duckdb" | "bigquery";
  readonly storage: "folder" | "s3" | "gcs";
}

/** DuckDB, and bills in a folder of the same machine. */
export const local: Place = { warehouse: "duckdb", storage: "folder" };
/** DuckDB, and bills in Amazon S3. */
export const amazon: Place = { warehouse: "duckdb", storage: "s3" };
/** DuckDB, and bills in Cloud Storage. */
export const mixed: Place = { warehouse: "duckdb", storage: "gcs" };
/** BigQuery, and bills in Cloud Storage, which it reads itself. */
export const google: Place = { warehouse: "bigquery", storage: "gcs" };
/** BigQuery, and bills in Amazon S3, which go through a staging bucket. */
export const staged: Place = { warehouse: "bigquery", storage: "s3" };

/** How a place is called in tables and folders. */
export function placeName({ warehouse, storage }: Place): string {
  return `${warehouse}-${storage}`;
}

/** A moment that a run publishes, or at which a test server can stop it. */
export type Moment =
  | { readonly kind: "point"; readonly point: string; readonly nth: number }
  | { readonly kind: "request" }
  | { readonly kind: "statement"; readonly sql: RegExp };

/** Points of both warehouses, each the last that a run reaches before the step; `last` is the last time. */
const points: Readonly<Partial<Record<Step, readonly [point: string, nth: number | "last"]>>> = {
  list: ["opened", 1],
  header: ["planned", 1],
  prepare: ["headers-read", 1],
  look: ["measured", 1],
  commit: ["before-commit", 1],
  summary: ["before-commit", "last"],
  publish: ["before-publish", 1],
};

const own: Readonly<Record<Place["warehouse"], Readonly<Partial<Record<Step, readonly [string, number]>>>>> = {
  // The month that is loaded first has two files, which are read while its table is prepared.
  duckdb: {
    read: ["file-checked", 1],
    delete: ["before-delete", 1],
    insert: ["after-delete", 1],
    measure: ["batch-inserted", 1],
  },
  // The table is prepared when a month is measured. The first commit can be the one that registers its new columns.
  bigquery: {
    prepare: ["measured", 1],
    read: ["headers-read", 1],
    measure: ["staged-file", 1],
    commit: ["before-commit", 2],
  },
};

const statements: Readonly<Partial<Record<Step, RegExp>>> = {
  delete: /^DELETE FROM \S+aws_cur_data`/u,
  insert: /^INSERT INTO \S+aws_cur_data`/u,
};

/**
 * The moment at which a step of a run begins, or the reason why it cannot occur there. `reached` are the points that an undisturbed
 * run of the place reaches, in order.
 */
export function momentOf({ warehouse, storage }: Place, step: Step, reached: readonly string[]): Moment | string {
  const found = own[warehouse][step] ?? points[step];
  if (found !== undefined) {
    const [point, nth] = found;
    return { kind: "point", point, nth: nth === "last" ? reached.filter((name) => name === point).length : nth };
  }
  const sql = statements[step];
  if (sql !== undefined) return { kind: "statement", sql };
  if (storage !== "folder") return { kind: "request" };
  return "between listing and reading manifests a run over a folder does not publish a point";
}
