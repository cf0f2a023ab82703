import type { Place } from "./steps.ts";

/** DuckDB, and bills in a folder of the same machine. */
export const local: Place = { warehouse: "duckdb", storage: "folder" };
/** DuckDB, and bills in Amazon S3. */
export const amazon: Place = { warehouse: "duckdb", storage: "s3" };
/** DuckDB, and bills in Cloud Storage. */
export const mixed: Place = { warehouse: "duckdb", storage: "gcs" };
/** BigQuery, and bills in Cloud Storage, which it reads by itself. */
export const google: Place = { warehouse: "bigquery", storage: "gcs" };
/** BigQuery, and bills in Amazon S3, which go through a staging bucket. */
export const staged: Place = { warehouse: "bigquery", storage: "s3" };
