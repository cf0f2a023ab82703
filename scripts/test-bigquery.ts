import { parseArgs } from "node:util";
import { storageCases } from "../test/conformance/storage.ts";
import { uploadCases, warehouseCases } from "../test/conformance/warehouse.ts";
import { openRealProject } from "../test/witnesses/google/project.ts";
import { surprises, tryCases, type Gap, type Outcome } from "../test/witnesses/google/trials.ts";

/*
 * Runs the storage and warehouse suites on a real project of Google Cloud, with the default credentials of this machine.
 * It creates a bucket and the dataset `billing`, and removes them: use a project for tests. If another dataset `billing`
 * exists it is not touched, and the suites do not run.
 *
 *   npm run test:bigquery -- --project acme-test
 *   npm run test:bigquery -- --project acme-test --location EU --case "keeps decimals"
 */

const { values: options } = parseArgs({
  options: { project: { type: "string" }, location: { type: "string", default: "US" }, case: { type: "string" } },
});
const project = options.project ?? process.env["BILLHOUSE_TEST_PROJECT"];

/** Milliseconds that one case may take: a load or a query takes seconds, and a case has up to thirty. */
const timeout = 20 * 60_000;

/** The case that one identity cannot show. */
const known: readonly Gap[] = [
  {
    server: "Cloud Storage",
    title: "says STORAGE_DENIED, with a hint, for what may not be read",
    reason: "needs a second identity, without rights",
  },
];

if (project === undefined) {
  console.error("Not run: name a project for tests, as in npm run test:bigquery -- --project acme-test");
  process.exitCode = 64;
} else {
  const failed = await askProject(project).catch((error: unknown) => [
    `Not finished: ${error instanceof Error ? error.message : String(error)}`,
  ]);
  if (failed.length > 0) process.exitCode = 1;
  console.log(failed.length === 0 ? "Every case holds on Google Cloud." : failed.join("\n"));
}

/** Runs all cases and returns the unexpected results. */
async function askProject(name: string): Promise<readonly string[]> {
  const real = await openRealProject(name, options.location);
  try {
    const storage = await tryCases(chosen(storageCases), () => real.makeBucket(), timeout);
    show("Cloud Storage", storage);
    const native = await tryCases(chosen(warehouseCases), () => real.makeDataset("in the bucket"), timeout);
    show("BigQuery", native);
    const uploaded = await tryCases(chosen(uploadCases), () => real.makeDataset("to upload"), timeout);
    show("BigQuery, with uploads", uploaded);
    const gaps = options.case === undefined ? known : known.filter(({ title }) => title.includes(options.case ?? ""));
    return [
      ...surprises("Cloud Storage", storage, gaps),
      ...surprises("BigQuery", native, []),
      ...surprises("BigQuery, with uploads", uploaded, []),
    ];
  } finally {
    await real.close();
  }
}

function show(server: string, outcomes: readonly Outcome[]): void {
  for (const { title, failure } of outcomes) {
    console.log(`${failure === null ? "✔" : "✖"} ${server}: ${title}${failure === null ? "" : `\n    ${failure}`}`);
  }
}

function chosen<T>(cases: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  const word = options.case;
  return word === undefined
    ? cases
    : Object.fromEntries(Object.entries(cases).filter(([title]) => title.includes(word)));
}
