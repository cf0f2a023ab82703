/** A test by its file, from `test/`, and its title as it is run. */
export type PromiseTest = readonly [file: string, title: string];

/** Something that a user may rely on. */
export interface ReliabilityPromise {
  /** What is promised, as a sentence without its stop. */
  readonly title: string;
  /** How it is kept, in sentences. */
  readonly how: string;
  /** The tests that show it. */
  readonly tests: readonly PromiseTest[];
}

/** What `docs/reliability.md` promises, in its order. A new promise is an entry here. */
export const promises: readonly ReliabilityPromise[] = [
  {
    title: "No charge is loaded twice",
    how: "A load replaces a whole month and never adds to it. Rows, receipt and state are committed in one transaction, and a second run finds the month loaded.",
    tests: [
      ["conformance/warehouse-loads.ts", "gives the same rows when the same load runs twice"],
      ["conformance/warehouse-loads.ts", "replaces only the month it is given"],
      ["end-to-end/azure-runs.test.ts", "the submitted time decides between runs whose path times say the opposite"],
    ],
  },
  {
    title: "No month is loaded partly",
    how: "A month waits until every file that its manifest lists exists, and fails as a whole when one of them fails. Until the commit, readers see the old month.",
    tests: [
      [
        "end-to-end/waiting.test.ts",
        "AWS overwrite: the month waits, in plan and in run, until the last of them is there",
      ],
      ["end-to-end/faulty-deliveries.test.ts", "first load: each fails its month, and everything else continues"],
      ["conformance/warehouse-sharing.ts", "shows the old month until the new one is committed"],
    ],
  },
  {
    title: "No sum is a cent off",
    how: "Amounts are exact decimals from the delivered text to the table. Rows are counted and costs are summed independently of the database, and a month whose figures differ is not committed.",
    tests: [
      [
        "conformance/warehouse-values.ts",
        "keeps decimals exactly, with or without an exponent, and rounds half away from zero",
      ],
      ["conformance/warehouse-values.ts", "sums per currency, exactly, also where there is none"],
      ["end-to-end/faulty-deliveries.test.ts", "restatement: each fails its month, and everything else continues"],
    ],
  },
  {
    title: "A month that fails keeps its old rows",
    how: "The old rows are deleted in the transaction that inserts the new ones, and any failure rolls it back. The other months are loaded, and the run ends with exit code 3.",
    tests: [
      ["conformance/warehouse-loads.ts", "leaves everything as it was when a load fails"],
      ["end-to-end/faulty-deliveries.test.ts", "restatement: each fails its month, and everything else continues"],
    ],
  },
  {
    title: "A run may be killed at any moment",
    how: "The only state is in the warehouse, and it changes in the transaction of the rows. The next run loads the rest, and finds the BigQuery jobs of the killed run.",
    tests: [
      ["faults/kills.long.ts", "comes by every named point of duckdb"],
      [
        "support/faults/suite.ts",
        "restated months: the next run heals it, each load once, no file twice, nothing left",
      ],
      [
        "support/faults/suite.ts",
        "restated months on BigQuery: the next run heals it, each load once, no file twice, nothing left",
      ],
      ["end-to-end/changing-files.test.ts", "before-commit: the next run ends as if nothing had happened"],
      ["faults/signals.long.ts", "rolls that month back, keeps the earlier ones, and the next run continues"],
      ["warehouses/work-folders.test.ts", "folders that killed processes left are taken away, and no others"],
    ],
  },
  {
    title: "A failure is retried, or reported with a code and repaired by the next run",
    how: "Requests are retried, and lost responses are looked up before anything is repeated. A failure that remains is an error with a code and a hint, and after the next run nothing is left of the failed one.",
    tests: [
      ["faults/faults.long.ts", "every fault is tried, and every step"],
      ["warehouses/bigquery/faults.test.ts", "lost of jobs.insert is retried"],
      ["storages/s3.test.ts", "resumes at the byte where the connection broke, also several times and in a range"],
    ],
  },
  {
    title: "Two runs at once do no harm",
    how: "One of them waits or fails; they never both load a month. The commit lock is DuckDB's file lock, and in BigQuery one row that every commit updates.",
    tests: [
      ["end-to-end/concurrency.test.ts", "the second one waits for the first, and then finds nothing to do"],
      ["conformance/warehouse-sharing.ts", "lets one of two writers win"],
      ["warehouses/bigquery/writers.test.ts", "that loads the same month meanwhile has won"],
      [
        "warehouses/bigquery/writers.test.ts",
        "such as dlt, which does not use the commit lock, is detected by its package",
      ],
    ],
  },
  {
    title: "Nothing is loaded that was not delivered",
    how: "Only the listed version of a file is read. Its bytes are compared with the checksum of the storage, if there is one, and its version is checked again before the commit. A file is found by its whole path, never only by its name.",
    tests: [
      ["conformance/storage.ts", "says OBJECT_CHANGED for an object written again while it is read"],
      [
        "end-to-end/changing-files.test.ts",
        "the manifest, overwritten while its month is loaded: OBJECT_CHANGED, and the next run takes the new one",
      ],
      [
        "end-to-end/waiting.test.ts",
        "old files do not count as the new delivery's although the state has forgotten the month",
      ],
    ],
  },
  {
    title: "A delivery can only fill its own rows",
    how: "A key outside of the prefix is refused, names and values never become SQL, SQL of readers cannot open other files, and control characters are escaped on terminals.",
    tests: [
      ["conformance/storage.ts", "refuses keys that leave the root"],
      ["conformance/warehouse-values.ts", "takes no name and no value for SQL"],
      ["warehouses/duckdb/files.test.ts", "cannot be reached, nor can others, through the SQL of readers"],
      ["commands/failure.test.ts", "escape sequences in a message are spelt out"],
      ["hostile/keys.test.ts", "fails its month, and the key is never printed raw"],
      ["hostile/keys.test.ts", "is never read through links that lead out of it"],
      ["hostile/bombs.test.ts", "names of zip entries are not used as paths"],
    ],
  },
  {
    title: "A delivery cannot crash or hang billhouse, or fill its memory or disk",
    how: "Decompressed files, headers, fields, manifests and row groups have limits, and sizes that a file declares are compared with its real size before memory is allocated. A file beyond a limit fails its month with an error that names it, and the other months are loaded.",
    tests: [
      ["hostile/bombs.test.ts", "never fills memory"],
      ["hostile/manifests.test.ts", "is refused by its listed size, in little memory"],
      ["hostile/parquet.long.ts", "fails its month, and no other"],
      ["hostile/parquet.long.ts", "never fills memory or time, whatever byte of it is another"],
      ["hostile/corpus.test.ts", "of azure-cost is read or refused, in a moment"],
    ],
  },
  {
    title: "Loaded months can be proved again at any time",
    how: "The command `verify` compares rows, exact costs and their summary of every month with its receipt, and the receipt's files with the storage; `--deep` reads the files again. Each difference is shown with both values.",
    tests: [
      ["end-to-end/verify.test.ts", "one flipped digit of one cost"],
      ["end-to-end/verify.test.ts", "two digits that make up for each other, in two services"],
      ["end-to-end/verify.test.ts", "one deleted row"],
      ["end-to-end/verify.test.ts", "one replaced file, by its version and, deep, by its bytes and its rows"],
      [
        "end-to-end/google-undo.test.ts",
        "verify on BigQuery finds a flipped digit, a deleted row and a replaced file, and reads deep",
      ],
    ],
  },
  {
    title: "A restatement is reported, explained and can be undone",
    how: "Each receipt keeps the costs of the month by service, account and charge type. `undo` commits only when rows and sums match the restored load, and the undone delivery is loaded again only with `--force`.",
    tests: [
      ["end-to-end/undo.test.ts", "the sample restatement: diff explains it to the cent, and undo restores every row"],
      ["end-to-end/undo.test.ts", "when the kept rows are not those that were loaded"],
      ["end-to-end/google-undo.test.ts", "from time travel"],
      ["end-to-end/month-states.test.ts", "is said loudly by run"],
    ],
  },
  {
    title: "Secrets are never printed",
    how: "Keys and tokens are sent only to their service. If a service or a file repeats them, they are masked in messages, causes and stacks, and the configuration refuses values that contain them.",
    tests: [
      ["secrets/google.test.ts", "no secret leaves but in the headers of requests"],
      ["secrets/folder.test.ts", "no command shows the logins and sections of other programs"],
      ["secrets/folder.test.ts", "no command shows the signatures in a manifest"],
      ["secrets/configuration.test.ts", "is never shown by a command: a signature"],
      ["faults/network.long.ts", "before BigQuery"],
    ],
  },
];
