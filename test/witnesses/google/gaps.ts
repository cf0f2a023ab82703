import type { Gap } from "./trials.ts";

/** Cases that one server does not pass for one reason. */
interface GapGroup {
  readonly server: string;
  readonly reason: string;
  readonly titles: readonly string[];
}

const sameBytes =
  "makes an ETag of the bytes alone, as S3 does with objects that no key of KMS encrypts: the same bytes written again are the same version.";
const unordered =
  "lists objects in the order in which they were written; Cloud Storage lists them in the order of their names.";
const unguarded = "ignores permissions: anyone can read everything.";
const noBignumeric =
  "cannot create a table with a BIGNUMERIC column: it asks DuckDB for a DECIMAL(76, 38), which allows at most 38 digits, and answers 500.";
const noParameters = "does not pass query parameters to scripts, so writes in a transaction fail.";
const noSchema = "cannot create a table from a Parquet file alone: a load job needs a schema or a table.";
const noScripts =
  "gives every statement of a script all query parameters of the script, and fails (`sql: expected ... arguments`) where one uses fewer";
const noParquetSchema = "stops with a nil pointer when a Parquet file is loaded without a schema.";
const noFailedJob =
  "answers a load of a broken CSV file with HTTP 400 and jobInternalError; BigQuery gives a job that failed, with the byte where the row starts.";
const brokenReplacement =
  "breaks replacements of REGEXP_REPLACE that end in a group: `\\3-\\1-\\2` makes `2025-01-${2` of `01/02/2025`.";

const groups: readonly GapGroup[] = [
  { server: "moto", reason: sameBytes, titles: ["says OBJECT_CHANGED for an object written again while it is read"] },
  {
    server: "gcp-storage-emulator",
    reason: unordered,
    titles: [
      "lists in the order of the keys' UTF-8 bytes",
      "lists all pages",
      "keeps spaces, plus, percent, colon, equals, quotes and unicode in keys",
    ],
  },
  {
    server: "gcp-storage-emulator",
    reason: unguarded,
    titles: ["says STORAGE_DENIED, with a hint, for what may not be read"],
  },
  {
    server: "fake-gcs-server",
    reason: unguarded,
    titles: ["says STORAGE_DENIED, with a hint, for what may not be read"],
  },
  {
    server: "bqemulator",
    reason: noParameters,
    titles: [
      "makes a table and its registry, and making them again changes nothing",
      "takes the table and its columns away again with a month that fails",
      "gives rows without a period the month of the delivery",
      "reads cells as they were written",
      "takes no name and no value for SQL",
      "commits summaries and forgettings without rows",
      "converts floats to the exact numbers of their text, and reports how many were rounded",
      "makes text exact amounts, and blank text NULL",
      "does not change a column that contains a value other than an amount",
    ],
  },
  {
    server: "bqemulator",
    reason: noBignumeric,
    titles: [
      "loads a month and remembers its delivery",
      "gives the same rows when the same load runs twice",
      "replaces only the month it is given",
      "takes a column that appears later, and leaves one that is missing empty",
      "loads files with different headers, and empty ones, into one month",
      "leaves everything as it was when a load fails",
      "leaves rows of other months out, and takes those without a period unless they need one",
      "measures files that only the warehouse has read",
      "reads words that mean NULL in columns that are not text",
      "keeps decimals exactly, with or without an exponent, and rounds half away from zero",
      "sums per currency, exactly, also where there is none",
      "reads every form of time that clouds write, as UTC",
      "finds the month in every form of period",
      "keeps two columns apart that are equal but for case",
      "takes the types of Parquet files, amounts by their shortest text",
      "refuses other forms of CSV",
      "answers with text where JSON numbers would lose digits",
      "shows the old month until the new one is committed",
      "writes a state that dlt's own query finds",
      "lets one of two writers win",
      "commits months that are asked for together one after the other",
      "rolls back what is running when it is closed",
      "sums a month up by service, account and charge type, the largest amount first",
      "adds up the accounts of small lines, and loses no row and no cent of them",
      "lacks a summary without costs, and a count without invoices",
      "measures a month later as it was measured when it was loaded",
      "sums the costs of a month by any of its columns",
      "lists every load of a month and of all months, the newest first",
      "keeps the rows that it replaces, and restores them",
      "keeps the requested number of earlier loads of a month",
      "leaves everything as it was when the rows that it has are not the right ones",
      "says that it has rows no more, and changes nothing",
      "does not need to migrate its own tables, and running a step anyway changes nothing",
      "shows readers what was published, and nothing before",
      "answers questions and refuses everything else",
      "searches the datasets for a table without one, and reports the columns of an answer without rows",
    ],
  },
  { server: "bqemulator", reason: noSchema, titles: ["keeps nested values as JSON text"] },
  {
    server: "bigquery-emulator",
    reason: noScripts,
    titles: [
      "makes a table and its registry, and making them again changes nothing",
      "loads a month and remembers its delivery",
      "gives the same rows when the same load runs twice",
      "replaces only the month it is given",
      "takes a column that appears later, and leaves one that is missing empty",
      "loads files with different headers, and empty ones, into one month",
      "leaves everything as it was when a load fails",
      "leaves rows of other months out, and takes those without a period unless they need one",
      "measures files that only the warehouse has read",
      "takes the table and its columns away again with a month that fails",
      "reads words that mean NULL in columns that are not text",
      "gives rows without a period the month of the delivery",
      "keeps decimals exactly, with or without an exponent, and rounds half away from zero",
      "sums per currency, exactly, also where there is none",
      "reads every form of time that clouds write, as UTC",
      "keeps two columns apart that are equal but for case",
      "reads cells as they were written",
      "takes no name and no value for SQL",
      "answers with text where JSON numbers would lose digits",
      "shows the old month until the new one is committed",
      "writes a state that dlt's own query finds",
      "commits summaries and forgettings without rows",
      "lets one of two writers win",
      "commits months that are asked for together one after the other",
      "rolls back what is running when it is closed",
      "sums a month up by service, account and charge type, the largest amount first",
      "adds up the accounts of small lines, and loses no row and no cent of them",
      "lacks a summary without costs, and a count without invoices",
      "measures a month later as it was measured when it was loaded",
      "sums the costs of a month by any of its columns",
      "lists every load of a month and of all months, the newest first",
      "keeps the rows that it replaces, and restores them",
      "keeps the requested number of earlier loads of a month",
      "leaves everything as it was when the rows that it has are not the right ones",
      "says that it has rows no more, and changes nothing",
      "does not need to migrate its own tables, and running a step anyway changes nothing",
      "converts floats to the exact numbers of their text, and reports how many were rounded",
      "makes text exact amounts, and blank text NULL",
      "does not change a column that contains a value other than an amount",
      "shows readers what was published, and nothing before",
      "answers questions and refuses everything else",
      "searches the datasets for a table without one, and reports the columns of an answer without rows",
    ],
  },
  { server: "bigquery-emulator", reason: brokenReplacement, titles: ["finds the month in every form of period"] },
  {
    server: "bigquery-emulator",
    reason: noParquetSchema,
    titles: ["keeps nested values as JSON text", "takes the types of Parquet files, amounts by their shortest text"],
  },
  { server: "bigquery-emulator", reason: noFailedJob, titles: ["refuses other forms of CSV"] },
];

/** What the emulators are known not to do as Google Cloud does it. An entry whose case holds again must go. */
export const gaps: readonly Gap[] = groups.flatMap(({ server, reason, titles }) =>
  titles.map((title) => ({ server, title, reason })),
);
