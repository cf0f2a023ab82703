import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { storageCases } from "../test/conformance/storage.ts";
import { warehouseCases } from "../test/conformance/warehouse.ts";
import { motoBucket } from "../test/witnesses/amazon/buckets.ts";
import { emulatorBucket } from "../test/witnesses/google/buckets.ts";
import { emulators, startStorage, type Emulator } from "../test/witnesses/google/emulators.ts";
import { gaps } from "../test/witnesses/google/gaps.ts";
import { compatibilityPage, type Statements, type Witness } from "../test/witnesses/google/page.ts";
import type { RunningServer } from "../test/witnesses/google/processes.ts";
import { buildAnalyzer, judgeStatements, oneLine, recordStatements } from "../test/witnesses/google/statements.ts";
import { surprises, tryCases, type Outcome } from "../test/witnesses/google/trials.ts";
import { emulatorWarehouse } from "../test/witnesses/google/warehouses.ts";

/*
 * Runs the storage and warehouse suites against independent emulators of Amazon S3 and Google Cloud, checks every
 * statement that the tests send to BigQuery with GoogleSQL's own analyzer, and writes docs/compatibility.md. Installs
 * everything below node_modules/.cache/emulators, which takes Python, Go and, the first time, about ten minutes.
 *
 *   node scripts/test-emulators.ts                         all of them
 *   node scripts/test-emulators.ts --only bqemulator       one of them; the page is not written
 *   node scripts/test-emulators.ts --only statements       the analyzer alone; the page is not written
 *   node scripts/test-emulators.ts --statements FILE       with statements that BILLHOUSE_TEST_STATEMENTS=FILE npm test
 *                                                          recorded, so that no tests are run
 *   node scripts/test-emulators.ts --program bigquery-emulator@1234abc=/path   with an installed program, and the
 *                                                          version that the page shows
 */

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    program: { type: "string", multiple: true },
    case: { type: "string" },
    statements: { type: "string" },
  },
});
const home = fileURLToPath(new URL("../node_modules/.cache/emulators", import.meta.url));
const programs = new Map(
  (options.program ?? []).map((entry) => {
    const [, name = "", version, path = ""] = /^(?<name>[^@=]+)(?:@(?<version>[^=]+))?=(?<path>.+)$/u.exec(entry) ?? [];
    return [name, { path, version: version ?? "unknown" }];
  }),
);

const witnesses: Witness[] = [];
for (const known of emulators) {
  if (options.only !== undefined && options.only !== known.name) continue;
  const emulator = { ...known, version: programs.get(known.name)?.version ?? known.version };
  const witness = await ask(emulator);
  witnesses.push(witness);
  if ("absent" in witness) {
    console.log(`– ${emulator.name} ${emulator.version} is not available: ${witness.absent}`);
    continue;
  }
  for (const { title, failure } of witness.outcomes) {
    console.log(
      `${failure === null ? "✔" : "✖"} ${emulator.name}: ${title}${failure === null ? "" : `\n    ${failure}`}`,
    );
  }
}

const statements =
  options.case === undefined && ["statements", undefined].includes(options.only) ? await askAnalyzer() : null;
if (options.only === undefined && statements !== null) {
  await writeFile(new URL("../docs/compatibility.md", import.meta.url), compatibilityPage(witnesses, gaps, statements));
}
const unknown = witnesses.flatMap((witness) =>
  "absent" in witness ? [] : surprises(witness.emulator.name, witness.outcomes, gaps),
);
if (options.case === undefined && unknown.length > 0) {
  console.error(unknown.join("\n"));
  process.exitCode = 1;
}

/** Prints what the analyzer rejects and what it could not judge; a statement that it alone rejects is a failure. */
async function askAnalyzer(): Promise<Statements> {
  let program: string;
  try {
    program = await buildAnalyzer(home);
  } catch (error) {
    const absent = reasonOf(error);
    console.log(`– the analyzer of GoogleSQL is not available: ${absent}`);
    return { absent };
  }
  const file = options.statements;
  const judged = judgeStatements(program, file === undefined ? await recordStatements() : await readFile(file, "utf8"));
  const { accepted, refusedByBoth, findings, unjudged } = judged;
  console.log(
    `✔ GoogleSQL accepts ${accepted} statements, and rejects ${refusedByBoth} that the tests expect to fail.`,
  );
  for (const { statement, reason } of unjudged) console.log(`– not judged: ${reason}\n    ${oneLine(statement)}`);
  for (const { statement, reason } of findings) console.log(`✖ GoogleSQL rejects: ${reason}\n    ${statement}`);
  if (findings.length > 0) process.exitCode = 1;
  return judged;
}

/** The first line of an error, without the folder of the emulators. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.replaceAll(`${home}/`, "").split("\n")[0] ?? "").slice(0, 200);
}

async function ask(emulator: Emulator): Promise<Witness> {
  let program: string;
  let storage: RunningServer | null = null;
  try {
    program = await programOf(emulator);
    if (emulator.role === "warehouse" && !emulator.readsFolder) storage = await startFiles();
  } catch (error) {
    return { emulator, absent: reasonOf(error) };
  }
  try {
    const outcomes =
      emulator.role === "warehouse"
        ? await askWarehouse(emulator, program, storage)
        : await askStorage(emulator, program);
    return { emulator, outcomes };
  } finally {
    await storage?.stop();
  }
}

async function programOf(emulator: Emulator): Promise<string> {
  return programs.get(emulator.name)?.path ?? emulator.install(home);
}

/** The Cloud Storage from which emulators of BigQuery load. */
async function startFiles(): Promise<RunningServer> {
  const emulator = emulators.find(({ name }) => name === "fake-gcs-server");
  if (emulator === undefined) throw new Error("an emulator of Cloud Storage to load from is missing");
  return startStorage(emulator, await programOf(emulator));
}

async function askStorage(emulator: Emulator, program: string): Promise<Outcome[]> {
  const server = await startStorage(emulator, program);
  let count = 0;
  try {
    return await tryCases(chosen(storageCases), async () => {
      count += 1;
      if (emulator.role === "s3") return motoBucket(server.endpoint, `case-${count}`);
      return { subject: await emulatorBucket(server.endpoint, `case-${count}`), close: async () => {} };
    });
  } finally {
    await server.stop();
  }
}

async function askWarehouse(emulator: Emulator, program: string, storage: RunningServer | null): Promise<Outcome[]> {
  const files = await mkdtemp(join(tmpdir(), "billhouse-emulators-"));
  try {
    const place = { endpoint: storage?.endpoint ?? "", files };
    return await tryCases(chosen(warehouseCases), () => emulatorWarehouse(emulator, program, place));
  } finally {
    await rm(files, { recursive: true, force: true });
  }
}

function chosen<T>(cases: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  const word = options.case;
  return word === undefined
    ? cases
    : Object.fromEntries(Object.entries(cases).filter(([title]) => title.includes(word)));
}
