/** A test that shows a case: its file, from the root of the project, and its title as it is run. */
export interface CaseTest {
  readonly file: string;
  readonly title: string;
}

/** Something that has broken a loader of bills, and what billhouse does about it. */
export interface EdgeCase {
  readonly number: number;
  /** What happens, as a sentence without its stop. */
  readonly title: string;
  /** What billhouse does, in one sentence. */
  readonly does: string;
  /** The tests that show it; none only where `notApplicable` says why. */
  readonly tests: readonly CaseTest[];
  /** Why the case does not concern billhouse. */
  readonly notApplicable?: string;
}

/** Cases that belong together. */
export interface CaseGroup {
  readonly title: string;
  readonly cases: readonly EdgeCase[];
}

/** The name of the test that was written for a case. */
export function testTitle(number: number, title: string): string {
  return `case ${String(number).padStart(2, "0")}: ${title.charAt(0).toLowerCase()}${title.slice(1)}`;
}

type Place = readonly [file: string, title: string];

/** A case with a test of its own in this folder, and others that show more of it. */
function own(file: string, number: number, title: string, does: string, ...others: readonly Place[]): EdgeCase {
  return shown(number, title, does, [`edge-cases/${file}`, testTitle(number, title)], ...others);
}

/** A case that tests elsewhere show. */
function shown(number: number, title: string, does: string, ...places: readonly Place[]): EdgeCase {
  const tests = places.map(([file, name]) => ({ file: `test/${file}`, title: name }));
  return { number, title, does, tests };
}

const month = "which-month.test.ts";
const torn = "torn-deliveries.test.ts";
const cells = "cells.test.ts";
const columns = "columns.test.ts";
const money = "money.test.ts";

/** Everything that is known to have broken loaders of cloud bills. */
export const caseGroups: readonly CaseGroup[] = [
  {
    title: "Which data belongs to a month",
    cases: [
      own(
        month,
        1,
        "Several full snapshots of one month lie side by side",
        "Loads the snapshot that the top manifest names, and replaces the whole month with it.",
      ),
      own(
        month,
        2,
        "A snapshot has many parts, and the month consists of all parts of one id",
        "Loads exactly the files that the manifest lists: all of them, and none of another id.",
      ),
      own(
        month,
        3,
        "A manifest exists at the top, and as a copy in each snapshot",
        "Recognises manifests by their path, not by their name or age.",
      ),
      shown(
        4,
        "A cloud keeps many runs of a month",
        "Loads the run that was submitted last, according to its manifest.",
        ["end-to-end/azure-runs.test.ts", "the submitted time decides between runs whose path times say the opposite"],
      ),
      shown(
        5,
        "A later run covers fewer days than the one that is loaded",
        "Refuses it and says so; `--force` loads the delivery with more days again.",
        [
          "end-to-end/azure-runs.test.ts",
          "its path names nine days: it is refused when it comes after the full one was loaded, and --force loads that again",
        ],
        [
          "end-to-end/azure-runs.test.ts",
          "only its manifest names nine days: it is refused when it comes after the full one was loaded, and --force loads that again",
        ],
      ),
      own(
        month,
        6,
        "A one-off run and scheduled runs of one month lie in one folder",
        "Counts the month once: the newest run that covers it is the month, however it was started.",
      ),
      own(
        month,
        7,
        "Files of different runs and months have the same names",
        "Identifies a file by its full key, in the bucket and among its decompressed copies.",
      ),
      own(
        month,
        8,
        "A one-time export covers several months under one manifest",
        "Splits it by billing period and keeps track of each month, so that a later run of one month replaces that part alone.",
      ),
      own(
        month,
        9,
        "Each format has its own name for the execution id, and not every manifest names its month",
        "Reads `assemblyId`, `executionId` and `runId`, and takes the month from the path if the manifest lacks it.",
      ),
      own(
        month,
        10,
        "A closed month is restated with credits, refunds and an invoice",
        "Compares every month in every run, final or not: another id in the manifest means that the month is loaded again.",
      ),
      own(
        month,
        11,
        "Rows and files disappear when a month is restated",
        "Replaces whole months and never merges row by row, so that no row of the older delivery is left.",
      ),
      own(
        month,
        12,
        "The id of a line item is not unique",
        "Uses no column as a key: every delivered row becomes a row of the table.",
      ),
      own(
        month,
        13,
        "Rows that are equal in every cell are different charges",
        "Removes no duplicates within a delivery; the number of rows is part of the proof.",
      ),
      own(
        month,
        14,
        "A month changes years after it was loaded",
        "Compares the manifest of every month in every run, not only those of recent days.",
      ),
      own(
        month,
        15,
        "The legacy report and CUR 2.0 of one account are below one prefix",
        "Stops with EXPORT_AMBIGUOUS, which lists both; `kind`, `export_name` or a longer prefix chooses one.",
      ),
      own(
        month,
        16,
        "Exports of two scopes write to one path, or two sections to one table",
        "Never replaces one bill by another, in the bucket or in a table: the month fails, or the configuration is refused.",
        ["config/config.test.ts", "refuses two exports on one table"],
      ),
      own(
        month,
        17,
        "A month has begun, but its manifest is missing",
        "Ignores it until its manifest exists; the other months are loaded, and the run succeeds.",
      ),
      own(month, 18, "Rows are dated in the future", "Loads them into the month that bills them, like any other row."),
      own(month, 19, "Usage is outside the month that bills it", "Uses only the billing period, never the usage date."),
      own(
        month,
        20,
        "A billing period does not start on the first of its month",
        "Replaces the month in which the period starts, so that no row of an older delivery is left.",
      ),
      own(
        month,
        21,
        "An export was created again under another name, and both deliver one month",
        "Requires `export_name` while both are there; with the new name its months replace the old ones, and older months stay.",
      ),
    ],
  },
  {
    title: "Deliveries that are torn, partial or overtaken",
    cases: [
      shown(
        22,
        "A manifest appears before its files",
        "Lets the month wait with its old rows until every listed file is there.",
        [
          "end-to-end/waiting.test.ts",
          "AWS create-new: the month waits, in plan and in run, until the last of them is there",
        ],
        [
          "end-to-end/waiting.test.ts",
          "Azure create-new: the month waits, in plan and in run, until the last of them is there",
        ],
      ),
      shown(
        23,
        "An object is overwritten while it is read",
        "Reads the version that was listed and checks it again before the commit; if it changed, the month fails with OBJECT_CHANGED and keeps its old rows.",
        [
          "end-to-end/changing-files.test.ts",
          "one that is overwritten: OBJECT_CHANGED, exit code 3, the other month is loaded",
        ],
        [
          "end-to-end/changing-files.test.ts",
          "the manifest, overwritten while its month is loaded: OBJECT_CHANGED, and the next run takes the new one",
        ],
        ["end-to-end/google.long.ts", "keeps the old month when an object is written again while it is loaded"],
      ),
      own(
        torn,
        24,
        "A mirror copies out of order, and objects land after the listing",
        "Uses one listing for the whole run; the next run finds what arrives later.",
        [
          "end-to-end/waiting.test.ts",
          "AWS overwrite, mirrored: the month waits, in plan and in run, until the last of them is there",
        ],
      ),
      own(
        torn,
        25,
        "A manifest lists full addresses, or keys of another place than the mirror's",
        "Relocates all keys of a delivery in the same way to where the manifest is, and compares the rest of each path; a file name alone is not enough.",
      ),
      own(
        torn,
        26,
        "An export changes between new folders for each delivery and overwriting",
        "Resolves the files of each delivery separately, against the files that exist.",
      ),
      own(
        torn,
        27,
        "Parquet files are in folders of year and month, and their manifest is in a folder of dates",
        "Knows both layouts, with months of one or two digits.",
      ),
      shown(
        28,
        "A file that the manifest names is missing",
        "Never loads the other files: the month waits, and the reason names the missing file.",
        ["end-to-end/waiting.test.ts", "a month that was never loaded waits, and the other months are loaded"],
      ),
      shown(
        29,
        "One file of a month fails and the others would load",
        "Fails the month as a whole and keeps its previous rows; other months are loaded.",
        ["end-to-end/faulty-deliveries.test.ts", "restatement: each fails its month, and everything else continues"],
      ),
      own(
        torn,
        30,
        "A month has rows in the table, but nothing shows that they are complete",
        "Relies on the state, which is committed together with all rows of a month, and never on the rows that are there.",
      ),
      shown(
        31,
        "A run is killed in the middle of a load",
        "Leaves each month either old or new, and the next run ends as if nothing had happened.",
        ["end-to-end/changing-files.test.ts", "before-commit: the next run ends as if nothing had happened"],
        [
          "support/faults/suite.ts",
          "restated months on BigQuery: the next run heals it, each load once, no file twice, nothing left",
        ],
      ),
      shown(
        32,
        "Rows are committed and the state is not",
        "Commits rows, receipt and state in one transaction.",
        ["end-to-end/changing-files.test.ts", "after-commit: the next run ends as if nothing had happened"],
        ["conformance/warehouse-loads.ts", "leaves everything as it was when a load fails"],
      ),
      shown(
        33,
        "The old rows are deleted and the load fails",
        "Deletes and inserts in one transaction: readers see the old month until the new one is there.",
        ["conformance/warehouse-loads.ts", "leaves everything as it was when a load fails"],
        ["conformance/warehouse-sharing.ts", "shows the old month until the new one is committed"],
      ),
      shown(
        34,
        "An error while looking for a table looks like a missing table",
        "Treats a table as missing only after a clear answer; every other error ends the export.",
        [
          "warehouses/bigquery/faults.test.ts",
          "a project that does not exist is reported, and not mistaken for an empty one",
        ],
      ),
      shown(
        35,
        "Cleaning up after a load fails",
        "Stages rows beside the table and never in it, so that leftovers are never counted; the next run removes them.",
        [
          "warehouses/bigquery/jobs.test.ts",
          "leaves staging tables that the next run takes away, also when it has nothing to load",
        ],
      ),
      shown(
        36,
        "Two runs load one month at the same time",
        "Lets one of them win; the other one finds the month loaded, or waits.",
        ["end-to-end/concurrency.test.ts", "that holds an older delivery: load each month once"],
        ["conformance/warehouse-sharing.ts", "lets one of two writers win"],
        ["warehouses/bigquery/writers.test.ts", "that loads the same month meanwhile has won"],
      ),
      shown(37, "A listing has more than one page", "Reads all pages, of every storage.", [
        "conformance/storage.ts",
        "lists all pages",
      ]),
      {
        number: 38,
        title: "A catalogue of partitions is out of step with the files",
        does: "Does not use a catalogue.",
        tests: [],
        notApplicable:
          "billhouse reads manifests and the files that they list. It neither reads nor writes a catalogue of partitions, and leaves the SQL and status files beside a report alone.",
      },
    ],
  },
  {
    title: "Bytes and cells",
    cases: [
      shown(39, "A byte order mark stands at the start of a file and again on its first row", "Removes both.", [
        "end-to-end/changing-files.test.ts",
        "blank lines, a mark of order twice, CRLF and a file that is only a header are read as they are meant",
      ]),
      own(
        cells,
        40,
        "Headers are localised, with the name that programs know in parentheses",
        "Recognises such a column by the name in parentheses, in every language.",
      ),
      own(
        cells,
        41,
        "Dates are written in two orders, and change from row to row",
        "Reads ISO dates and month/day/year, cell by cell; a date that is neither is an error.",
      ),
      own(
        cells,
        42,
        "Times have seven fractional digits",
        "Compares runs by all digits, and keeps microseconds in the table.",
      ),
      own(cells, 43, "Tags are not JSON, or almost JSON", "Keeps the text of the cell as delivered."),
      own(
        cells,
        44,
        "Cells have line breaks, and lines are longer than 64 KB",
        "Reads CSV by its quotes, not by its lines, and lines of any length.",
        ["warehouses/duckdb/tables.test.ts", "read lines longer than DuckDB's own limit"],
      ),
      own(
        cells,
        45,
        "Files contain only a header, or are Parquet without rows",
        "Loads them as a part, or a month, without rows.",
        ["end-to-end/changing-files.test.ts", "a delivery without rows is a month without rows"],
      ),
      own(
        cells,
        46,
        "The row count in a manifest is missing, null or zero",
        "Compares only a number: a missing count and null are unknown, zero is zero.",
      ),
      own(
        cells,
        47,
        "A file has blank lines and a header cell without a name",
        "Skips blank lines, and keeps the column as `unknown_column`.",
      ),
      own(
        cells,
        48,
        "Files are plain, or compressed with gzip, zip or Snappy, whatever their names",
        "Recognises the compression by the first bytes; a zip archive must contain one file; manifests may be called `_manifest.json`.",
      ),
      own(
        cells,
        49,
        "One cloud delivers amounts as doubles, the other as decimals",
        "Converts both to exact decimals, a double by its shortest text.",
      ),
      own(
        cells,
        50,
        "Amounts have more than nine digits after the point",
        "Keeps 18 digits in DuckDB and 38 in BigQuery, and counts the values that were rounded.",
        [
          "conformance/warehouse-values.ts",
          "keeps decimals exactly, with or without an exponent, and rounds half away from zero",
        ],
      ),
      own(
        cells,
        51,
        "The first file has short amounts, the next ones long ones",
        "Infers no type from values: all amounts have one wide decimal type.",
      ),
      own(cells, 52, "Amounts have an exponent", "Reads it exactly."),
      shown(53, "Account ids begin with zeros", "Keeps ids as text.", [
        "end-to-end/columns.test.ts",
        "are right by the dictionary alone; account ids stay text",
      ]),
      own(
        cells,
        54,
        "A cell is empty, is zero, or says NULL",
        "Reads only an empty cell as NULL; the word NULL in an amount is an error.",
      ),
      own(cells, 55, "An amount is JSON", "Fails the month and names file, line, column and value."),
      shown(
        56,
        "A number cannot be read",
        "Fails the month and names file, line, column and value; it is never 0 or NULL.",
        [
          "end-to-end/columns.test.ts",
          "a value that does not fit an existing decimal column fails the month, whatever its manifest declares",
        ],
        [
          "end-to-end/columns.test.ts",
          "infinite amounts and empty cells: an amount that is none fails, an empty cell is NULL and never 0",
        ],
      ),
    ],
  },
  {
    title: "Columns",
    cases: [
      shown(
        57,
        "Columns come and go from month to month",
        "Adds new columns, leaves missing ones NULL, and records both in the receipt.",
        [
          "end-to-end/columns.test.ts",
          "a column that appears midway is NULL before, one that disappears is NULL after, and the receipts say so",
        ],
      ),
      shown(
        58,
        "The type of a column changes between months",
        "Casts to the type of the table; text accepts everything, and a value that does not fit fails its month.",
        ["end-to-end/columns.test.ts", "text takes everything that comes later"],
        [
          "end-to-end/columns.test.ts",
          "a value that does not fit an existing decimal column fails the month, whatever its manifest declares",
        ],
      ),
      own(
        columns,
        59,
        "A manifest has an unknown type, or none",
        "Uses a dictionary of well-known columns; unknown columns are text, and that is reported.",
      ),
      shown(
        60,
        "Names differ in case only",
        "Gives each its own column where case matters, and the same column in every later month.",
        [
          "end-to-end/columns.test.ts",
          "keep their meaning with types in the manifest, in any order of months and columns",
        ],
        ["end-to-end/columns.test.ts", "are one column in Azure, whose dialects write one name in several ways"],
      ),
      shown(
        61,
        "Tags make tables of a thousand columns, or long names",
        "Loads them, and shortens only names that are too long for the warehouse, so that they stay distinct.",
        ["warehouses/duckdb/tables.test.ts", "take 1,200 columns, and twice"],
        ["schema/names.test.ts", "cuts a long name to 300 characters, whole characters, and keeps long names apart"],
      ),
      own(
        columns,
        62,
        "A column gets another name in a later version",
        "Keeps both columns as they were delivered, and says in the receipt which one is missing and which one is new.",
      ),
      own(
        columns,
        63,
        "One field comes as a map in Parquet and as JSON text in CSV",
        "Makes the same JSON text of both, in one column.",
        ["conformance/warehouse-values.ts", "keeps nested values as JSON text"],
      ),
      own(
        columns,
        64,
        "The names of the currency and cost columns differ between agreements",
        "Knows all of these names in upper and lower case, and proves each month by the columns of its own files.",
      ),
    ],
  },
  {
    title: "Amounts",
    cases: [
      own(money, 65, "Credits, refunds and savings plan discounts are negative", "Keeps every row and every sign."),
      own(
        money,
        66,
        "Some rows of a bill only round it to its invoice",
        "Loads them like any other row: the sum equals that of the delivery to the last digit.",
      ),
      own(
        money,
        67,
        "Actual, amortized and FOCUS cost of one month differ",
        "Never mixes exports in a table, and sums billed and effective cost separately.",
      ),
      own(
        money,
        68,
        "A month has several currencies, unknown accounts and rows without a region",
        "Sums per currency, and leaves no row out.",
      ),
      shown(
        69,
        "Amounts of one month add up to more digits than the database can sum",
        "Fails that month with LIMIT_EXCEEDED, and loads and publishes the others.",
        [
          "end-to-end/one-bad-month.test.ts",
          "costs that add up to more than 38 digits fail their month with a clear code",
        ],
      ),
      shown(
        70,
        "An index or a view of another program blocks a month",
        "Fails that month with TABLE_UNUSABLE, and loads and publishes the others.",
        [
          "end-to-end/one-bad-month.test.ts",
          "a unique index of the user fails the month whose ids repeat; --debug shows the stack",
        ],
        [
          "end-to-end/one-bad-month.test.ts",
          "a view in place of a table fails its months, and the other exports are loaded and published",
        ],
      ),
    ],
  },
  {
    title: "The contents of the bucket",
    cases: [
      shown(
        71,
        "Data files were copied without their manifests",
        "Reports the number of data files and the missing manifests, in `run` and in `init`.",
        [
          "pipeline/discover/discover.test.ts",
          "describes what it finds, in run and in init: an AWS Data Export without metadata/",
        ],
        [
          "pipeline/discover/discover.test.ts",
          "describes what it finds, in run and in init: AWS CUR with the copies of the manifests in the folders of the deliveries alone",
        ],
      ),
      shown(
        72,
        "The files are Oracle's, Google's, detailed billing reports (DBR) or those of a FinOps hub",
        "Recognises them by their paths or their columns, and says that they are not supported.",
        ["pipeline/discover/discover.test.ts", "describes what it finds, in run and in init: Oracle's reports"],
        [
          "pipeline/discover/discover.test.ts",
          "describes what it finds, in run and in init: a detailed billing report under another name",
        ],
      ),
      shown(73, "A Mac leaves `._` files beside manifests and data", "Ignores them, in `init` too.", [
        "pipeline/discover/discover.test.ts",
        "count neither as exports nor as objects",
      ]),
      shown(
        74,
        "Two exports have one name, in two folders below one prefix",
        "Takes the folder as `export_name`, and lists the values to choose from.",
        [
          "pipeline/discover/discover.test.ts",
          "has a hint that chooses each of several exports of one name in two folders",
        ],
        ["commands/init.test.ts", "writes a configuration for two exports of one name that loads both"],
      ),
      shown(
        75,
        "Two subscriptions write files without manifests and of one name to one folder",
        "Fails the month with EXPORT_AMBIGUOUS, names both, and never loads one instead of the other.",
        [
          "end-to-end/formats-azure.test.ts",
          "of two subscriptions fail their month and name both; in a folder of its own each is loaded",
        ],
        ["end-to-end/formats-azure.test.ts", "never replace each other: what is loaded stays"],
      ),
      shown(
        76,
        "A file without a manifest was copied after a run of the same days was made",
        "Compares only the times of runs: a file without one does not count beside a run.",
        ["end-to-end/formats-azure.test.ts", "does not count, whenever it was copied; on other days it does"],
      ),
      shown(
        77,
        "A manifest is empty or half written",
        "Lets the month wait while it is the newest, loads an older complete run meanwhile, and ignores it once a newer run is there.",
        [
          "end-to-end/azure-runs.test.ts",
          "create-new: a manifest that is cut off blocks neither a newer run nor, while it is the newest, an older one",
        ],
        ["end-to-end/waiting.test.ts", "a manifest that is empty, cut off or lists no files empties no month"],
      ),
      shown(78, "A manifest has a byte order mark, or is UTF-16", "Reads it.", [
        "hostile/manifests.test.ts",
        "is loaded where what is odd does no harm",
      ]),
      shown(
        79,
        "A month is loaded from several runs, and a newer run replaces one of them",
        "Replaces, proves, compares, verifies and undoes the month as one; what was undone stays out of every later set of runs.",
        ["end-to-end/several-runs.test.ts", "DuckDB: is loaded, restated, compared, verified and undone as one month"],
        [
          "end-to-end/several-runs.test.ts",
          "BigQuery: is loaded, restated, compared, verified and undone as one month",
        ],
      ),
    ],
  },
  {
    title: "Deliveries that take much of a month away",
    cases: [
      shown(
        80,
        "A complete delivery has lost an account, or most of its month",
        "Fails the month with MONTH_SHRUNK, which names what would be lost, until `--accept shrink` is given for it.",
        [
          "end-to-end/shrinking-months.test.ts",
          "keeps its rows, with --force and after state forget too, until the hint is followed",
        ],
        ["end-to-end/shrinking-months.test.ts", "a month that the Python pipelines loaded is compared too"],
      ),
      shown(
        81,
        "The time granularity of an export is changed",
        "Fails the month with MONTH_SHRUNK when its rows fall by more than half; the hint says that the cost is unchanged.",
        ["end-to-end/shrinking-months.test.ts", "with an unchanged cost, the hint names the granularity"],
      ),
    ],
  },
  {
    title: "Rows, columns and costs that are not where they should be",
    cases: [
      shown(
        82,
        "A delivery holds rows of a month that it does not cover",
        "Fails all months of the delivery and gives number, month and cost of these rows; `--accept other-months` leaves them out and the receipt keeps them.",
        [
          "end-to-end/billing-periods.test.ts",
          "fail all months of the delivery, are left out on request, and the receipt keeps them",
        ],
        [
          "end-to-end/billing-periods.test.ts",
          "fail one month of AWS too, and the column of the delivery is checked in a stamped table",
        ],
      ),
      shown(
        83,
        "An export gains or loses its column of the billing period, or leaves it empty in some rows",
        "Gives such rows the month of their delivery, in whichever column the table has, and shows how many they are.",
        [
          "end-to-end/billing-periods.test.ts",
          "a row without a value gets the month of its delivery; verify reports it",
        ],
        [
          "end-to-end/billing-periods.test.ts",
          "billing_month as the partition column works on a new table and on one that has another column",
        ],
      ),
      shown(
        84,
        "The first load of a table fails",
        "Creates table and columns in the transaction of the month, or after it is proved: a month that fails leaves neither behind.",
        [
          "end-to-end/billing-periods.test.ts",
          "a failed first load leaves no table behind, and a failed month no columns",
        ],
        ["conformance/warehouse-loads.ts", "takes the table and its columns away again with a month that fails"],
      ),
      shown(
        85,
        "A part lacks the cost that its manifest declares, or that the other parts have",
        "Fails the month, since its amounts would be missing from every sum.",
        [
          "end-to-end/billing-periods.test.ts",
          "a part that lacks the cost, which the manifest declares, fails the month",
        ],
        [
          "end-to-end/billing-periods.test.ts",
          "a part that lacks the cost of the others fails the month where no manifest declares it",
        ],
      ),
      shown(
        86,
        "A bill has a net cost only, or none",
        "Proves the load by the net cost; without any known cost, run, status and verify say that no cost is proved.",
        [
          "end-to-end/billing-periods.test.ts",
          "where there is none, run, status and verify say so; a net cost of a legacy report counts",
        ],
      ),
      shown(
        87,
        "A word such as None is in a column of numbers",
        "Fails the month with file, line, column and value; words in `null_values` mean NULL in columns that are not text.",
        ["end-to-end/billing-periods.test.ts", "a word instead of a number is an error, whose hint is followed"],
      ),
      shown(88, "A manifest calls every column a string", "Keeps the documented types of known columns.", [
        "schema/columns.test.ts",
        "are those of the dictionary where a manifest calls a known column text",
      ]),
    ],
  },
  {
    title: "Files, names and processes",
    cases: [
      shown(
        89,
        "Access to the database is limited (umask 077, chmod 600)",
        "Gives the read copy and the write-ahead log the mode of the database, and the scratch folder a mode that admits the same users.",
        ["warehouses/duckdb/files.test.ts", "may be read by those who may read the database"],
      ),
      shown(
        90,
        "A database has two names",
        "Follows a symbolic link, so that log, scratch files and read copy are the same under every name; refuses a database with several hard links with WAREHOUSE_UNSUPPORTED.",
        [
          "warehouses/duckdb/files.test.ts",
          "keep what a killed process committed under another name: links are followed, hard links refused",
        ],
      ),
      shown(
        91,
        "The database path names a SQLite file, or the database is cut short",
        "Refuses it with WAREHOUSE_UNSUPPORTED and leaves it alone; DuckDB fetches and loads no extension.",
        [
          "warehouses/duckdb/files.test.ts",
          "are refused if they are not a database, damaged, newer or badly configured",
        ],
      ),
      shown(
        92,
        "A FIFO has the path of the database, its log or the read copy",
        "Refuses it with WAREHOUSE_UNSUPPORTED instead of waiting for a writer; the next run replaces one at the path of the read copy.",
        [
          "warehouses/duckdb/files.test.ts",
          "are not opened if DuckDB would wait forever: a FIFO as database, log or read copy",
        ],
      ),
      shown(
        93,
        "The database is deleted or replaced while a run works",
        "Fails the run with WAREHOUSE_NOT_FOUND, and keeps the read copy as it was.",
        [
          "warehouses/duckdb/files.test.ts",
          "that are deleted or replaced during a run fail the run, and no copy is made of others",
        ],
      ),
      shown(
        94,
        "A view has taken the place of a table",
        "Fails the months of that export with TABLE_UNUSABLE, and loads the other exports.",
        [
          "end-to-end/one-bad-month.test.ts",
          "a view in place of a table fails its months, and the other exports are loaded and published",
        ],
      ),
      shown(
        95,
        "The dataset has the name of a catalog of the warehouse, such as `information_schema`",
        "Refuses it with CONFIG_INVALID before anything is opened.",
        ["config/config.test.ts", "a dataset that is DuckDB's own"],
        ["config/config.test.ts", "a dataset that is BigQuery's own"],
      ),
      shown(
        96,
        "A section is named `constructor` or `__proto__`",
        "Accepts the first like any other name, and refuses the second with CONFIG_INVALID; in files of dlt, sections of other programs are ignored.",
        ["config/config.test.ts", "names of what every object of JavaScript has are names like any other"],
        ["config/config.test.ts", "an export named __proto__"],
        ["config/config.test.ts", "sections of other programs named __proto__ are left alone"],
      ),
      shown(
        97,
        "The standard output or the standard error is on a full disk, or its reader has gone",
        "Finishes its work first; a result that could not be written is OUTPUT_FAILED and exit code 1, a reader that went away is not a failure.",
        ["cli.test.ts", "says that the standard output is on a full disk, and exits with 1"],
        ["cli.test.ts", "keeps the exit code of a failure that cannot be shown, and the result beside a lost screen"],
        ["commands/failure.test.ts", "a reader that went away is not a failure"],
      ),
      shown(
        98,
        "SIGUSR1 is sent to a process that holds cloud keys",
        "Ignores it, so that Node's inspector stays closed.",
        ["cli.test.ts", "ignores SIGUSR1, which would open Node's inspector"],
      ),
    ],
  },
  {
    title: "Deliveries of some days, and deliveries that are still arriving",
    cases: [
      shown(
        99,
        "A billing period is not a calendar month: pay-as-you-go bills run from the 15th to the 14th",
        "Takes the period that the first rows name as the days of the month, so that a whole period is a whole month.",
        [
          "end-to-end/days-of-months.test.ts",
          "are those of its billing period, and every kind of run that covers some of them loads together",
        ],
      ),
      shown(
        100,
        "An export delivers weeks, single days, selected dates or a week to date",
        "Loads the runs without a common day that cover the most days as one month, and names the missing days and every other run.",
        [
          "end-to-end/days-of-months.test.ts",
          "are those of its billing period, and every kind of run that covers some of them loads together",
        ],
        [
          "pipeline/months/choose.test.ts",
          "are the runs whose days do not overlap, with the missing days and every run that was passed over",
        ],
      ),
      shown(
        101,
        "A month-to-date export, which declares the whole month, stopped on the 13th",
        "Counts only the days until the run was submitted; the month is partial.",
        [
          "pipeline/months/choose.test.ts",
          "cover no day after the one on which they were submitted, and active_from bounds what is expected",
        ],
      ),
      shown(
        102,
        "The newest run declares no rows, and an older one has rows",
        "Refuses it and loads the older run; `--force` loads it.",
        [
          "pipeline/months/choose.test.ts",
          "are refused where they cover fewer days than what is loaded, or declare no rows where rows are loaded",
        ],
      ),
      shown(
        103,
        "A mirror copies the files and manifests of two deliveries in any order",
        "Waits while a delivery looks as if it were still arriving, and loads one complete delivery.",
        [
          "mirrors/mirrors.test.ts",
          "never make a month of anything but one complete delivery, and always end with the newest",
        ],
      ),
    ],
  },
  {
    title: "CSV and Parquet that programs read in different ways",
    cases: [
      shown(
        104,
        "A CSV file contains what programs read in different ways: a blank before an opening quote, text after a closing one, CR or CR CR LF as the end of a line, or two kinds of line ends",
        "Refuses the file with FILE_INVALID and names the line and what is wrong with it: the counts of billhouse and of the database could differ.",
        [
          "files/csv.test.ts",
          "refuses what readers of CSV understand in different ways, and names it, in pieces of any size",
        ],
        ["hostile/csv.test.ts", "fails its month, and no other"],
      ),
      shown(
        105,
        "A CSV file is UTF-16, or has `;` or a tab as its delimiter",
        "Refuses the file with FILE_INVALID, which names the encoding or the delimiter.",
        [
          "files/csv.test.ts",
          "refuses what readers of CSV understand in different ways, and names it, in pieces of any size",
        ],
        ["hostile/csv.test.ts", "fails its month, and no other"],
      ),
      shown(
        106,
        "A CSV file starts with blank lines",
        "Skips them, and counts the lines in its messages from the first of them.",
        [
          "hostile/csv.test.ts",
          "that starts with blank lines is loaded, and its lines are counted from the first of them",
        ],
      ),
      shown(107, "There are blanks around a cost", "Reads the number, in the tally and in the database.", [
        "hostile/csv.test.ts",
        "with blanks around a number has the number",
      ]),
      shown(
        108,
        "A part is empty, and its manifest declares it empty",
        "Loads it as a part without rows; an empty file that no manifest declares is refused with FILE_INVALID.",
        ["end-to-end/changing-files.test.ts", "a part of zero bytes that its manifest declares is a part without rows"],
      ),
      shown(
        109,
        "A Parquet file is compressed with a codec that is not read, such as LZO or the deprecated LZ4",
        "Refuses the file with FILE_INVALID, which names the codec; Snappy, gzip, Zstandard, Brotli and LZ4_RAW are read.",
        ["hostile/parquet.long.ts", "fails its month, and no other"],
        ["files/parquet.test.ts", "is read, and its costs are those of the database: pyarrow-brotli"],
        ["files/parquet.test.ts", "is read, and its costs are those of the database: pyarrow-lz4"],
      ),
      shown(
        110,
        "Costs are FLOAT or half floats, or decimals of more than 38 digits (decimal256)",
        "Reads a float by its shortest text; refuses the wide decimals with FILE_INVALID, which names the column.",
        ["files/parquet.test.ts", "is read, and its costs are those of the database: pyarrow-float"],
        ["files/parquet.test.ts", "is read, and its costs are those of the database: pyarrow-half"],
        ["hostile/parquet.long.ts", "fails its month, and no other"],
      ),
      shown(
        111,
        "A Parquet file without rows, or with an empty row group",
        "Loads the rows that it contains, with and without dictionary pages.",
        ["files/parquet.test.ts", "is read, and its costs are those of the database: pyarrow-no-rows"],
        ["files/parquet.test.ts", "is read, and its costs are those of the database: pyarrow-no-rows-dictionary"],
        ["files/parquet.test.ts", "is read, and its costs are those of the database: pyarrow-empty-group"],
      ),
      shown(
        112,
        "A bit of a Parquet page with a checksum has changed",
        "Refuses the file with FILE_CORRUPT, in whichever column it is, before the database reads it.",
        ["files/parquet.test.ts", "is damaged where a bit of a page with a checksum is another"],
        ["hostile/parquet.long.ts", "fails its month, and no other"],
      ),
    ],
  },
  {
    title: "BigQuery",
    cases: [
      shown(
        113,
        "The dataset deletes tables or partitions by their age",
        "Refuses to rebuild a table with PARTITION_EXPIRED, since a renamed table keeps its creation time and could be deleted at once; the hint has the command that lifts the limit.",
        [
          "warehouses/bigquery/migrate.test.ts",
          "is not rebuilt while defaultTableExpirationMs is set, and is after the command in the hint",
        ],
        [
          "warehouses/bigquery/migrate.test.ts",
          "is whole when the limit is set during the step and the old table is deleted as soon as it is renamed",
        ],
        [
          "warehouses/bigquery/migrate.test.ts",
          "keeps its rebuilt table when the old one is gone, and the next run names it",
        ],
      ),
      shown(
        114,
        "A table has access roles, row access policies or policy tags of its own when `migrate` rebuilds it",
        "Keeps the policy tags, and names the roles and policies that must be granted again.",
        ["warehouses/bigquery/migrate.test.ts", "is rebuilt with its policy tags, and what it has not kept is named"],
        ["warehouses/bigquery/migrate.test.ts", "is rebuilt by an account that may not read it, which says so"],
      ),
      shown(
        115,
        "Tables are encrypted with a key of the customer, and BigQuery accepts none in scripts, DDL and DML",
        "Gives the key to load jobs, new tables and copies of earlier rows, so that everything it stores is encrypted with it.",
        [
          "warehouses/bigquery/jobs.test.ts",
          "are labelled with their purpose, bounded by the limit, and load staging tables with the key",
        ],
        [
          "warehouses/bigquery/previous.test.ts",
          "are encrypted with the configured key, also when their types change and when BigQuery remembers them",
        ],
      ),
      shown(
        116,
        "A dataset has another name in dlt: `AWS_Billing` becomes `aws_billing`",
        "Continues the state where dlt keeps it, and the rows in the configured dataset.",
        [
          "warehouses/bigquery/schema.test.ts",
          "is continued where dlt keeps it, beside rows that stay in the configured dataset",
        ],
        ["warehouses/bigquery/schema.test.ts", "is continued in a dataset that is the only one left"],
      ),
      shown(
        117,
        "A query bills at least 10 MB for each table that it names, however small",
        "Stages many small files in few tables; `plan` counts the verification and that minimum.",
        [
          "warehouses/bigquery/jobs.test.ts",
          "take many small files together, because every table of a query is billed",
        ],
        ["warehouses/bigquery/jobs.test.ts", "grows with what is inserted and with the columns that are verified"],
      ),
      shown(
        118,
        "A table was dropped, and the state says that its months are loaded",
        "`status` and `run` agree on these months, and the note names the command that loads them again.",
        [
          "end-to-end/verify.test.ts",
          "a table that was dropped, of which only the state knows: status and run agree, and the command in the note helps",
        ],
      ),
    ],
  },
];
