import { randomUUID } from "node:crypto";
import { BillhouseError } from "../../errors.ts";
import type { Finding, Table } from "../../model.ts";
import { translateFailure } from "./api/api-error.ts";
import type { Settings } from "./api/client.ts";
import { createParameters, dryRunJob, queryConfiguration, runNewJob } from "./api/jobs.ts";
import { createTable, dropTable, encryption, findLocation, findTable } from "./api/tables.ts";
import { referenceTo } from "./companion-tables.ts";
import type { StagingBucket } from "./replace/staging-bucket.ts";
import { checkExpiration } from "./sql/months.ts";
import { tableName } from "./sql/names.ts";

/** Checks the requirements for loading: see `Warehouse.doctor`. */
export async function doctor(
  settings: Settings,
  bucket: StagingBucket | null,
  tables: readonly Table[],
  description: string,
): Promise<readonly Finding[]> {
  const { connection, location } = settings;
  const look = (check: string, work: () => Promise<string>): Promise<Finding> => tryCheck(check, work, description);
  const findings = [
    await look("identity", () => connection.identity()),
    await look("run jobs", async () => {
      await tryStatement(settings, "SELECT 1 AS one", location);
      return `jobs run in ${connection.jobProject} and are billed to it`;
    }),
  ];
  const datasets = new Map(tables.map((table) => [`${table.project ?? connection.project}.${table.dataset}`, table]));
  for (const [name, table] of datasets) {
    const finding = await look(`dataset ${name}`, () => checkDataset(settings, table));
    findings.push(finding);
    if (!finding.ok) datasets.delete(name);
  }
  for (const table of tables) {
    findings.push(
      await look(`keep ${table.dataset}.${table.name}`, async () => {
        const found = await findTable(connection, referenceTo(settings, table));
        if (found === null) return "does not exist yet";
        checkExpiration(found, "1960-01", new Date());
        return "neither the table nor its months expire";
      }),
    );
  }
  if (bucket !== null) {
    findings.push(await look("staging bucket", () => checkStagingBucket(settings, bucket, datasets)));
  }
  const skew = connection.skew();
  if (skew !== null) findings.push(clockFinding(skew));
  const account = findings.find(({ check, ok }) => check === "identity" && ok)?.found ?? "";
  return findings.map((finding) => ({ ...finding, remedy: withMember(finding.remedy, account) }));
}

/** A fix that names the account that needs a role, if it is known. */
function withMember(remedy: string | null, account: string): string | null {
  if (!account.includes("@")) return remedy;
  const kind = account.endsWith(".gserviceaccount.com") ? "serviceAccount" : "user";
  return remedy?.replaceAll("serviceAccount:ACCOUNT", `${kind}:${account}`) ?? null;
}

/** The maximum clock error in seconds before services refuse signed requests. */
const maxSkew = 300;

function clockFinding(skew: number): Finding {
  const seconds = Math.round(Math.abs(skew) / 1000);
  if (seconds <= maxSkew)
    return { check: "clock", ok: true, found: `is right to ${seconds + 1} seconds`, remedy: null };
  const found = `The clock of this machine is ${seconds} seconds ${skew > 0 ? "behind" : "ahead of"} that of BigQuery.`;
  return { check: "clock", ok: false, found, remedy: "Correct the clock, preferably by a time service (NTP)." };
}

/** The schema of the table that a check creates. */
const probeSchema = { fields: [{ name: "c0", type: "STRING", mode: "NULLABLE" }] };

/** Loads a file through the staging bucket into each existing dataset: only a load shows whether their locations match. */
async function checkStagingBucket(
  settings: Settings,
  bucket: StagingBucket,
  datasets: ReadonlyMap<string, Table>,
): Promise<string> {
  const loaded: string[] = [];
  await bucket.probe(async (uri) => {
    for (const [name, table] of datasets) if (await probeLoad(settings, uri, table)) loaded.push(name);
  });
  return loaded.length === 0 ? "accepts files" : `accepts files, which can be loaded into ${loaded.join(", ")}`;
}

/** Whether the dataset to load into exists. */
async function probeLoad(settings: Settings, uri: string, table: Table): Promise<boolean> {
  const { connection } = settings;
  const location = await findLocation(settings, table.project ?? connection.project, table.dataset);
  if (location === null) return false;
  const destinationTable = referenceTo(settings, table, probeTableName());
  const load = {
    sourceUris: [uri],
    destinationTable,
    createDisposition: "CREATE_IF_NEEDED",
    writeDisposition: "WRITE_EMPTY",
    sourceFormat: "CSV",
    schema: probeSchema,
    skipLeadingRows: 1,
    quote: '"',
    allowQuotedNewlines: true,
    encoding: "UTF-8",
  };
  await createTable(
    connection,
    { schema: probeSchema, ...expiresInAnHour(), ...encryption(settings) },
    destinationTable,
  );
  try {
    await runNewJob(connection, "examine", { location, configuration: { labels: { billhouse: "examine" }, load } });
  } finally {
    await dropTable(connection, destinationTable);
  }
  return true;
}

function probeTableName(): string {
  return `_billhouse_examination_${randomUUID().replaceAll("-", "_")}`;
}

function expiresInAnHour(): { readonly expirationTime: string } {
  return { expirationTime: String(Date.now() + 3_600_000) };
}

async function checkDataset(settings: Settings, table: Table): Promise<string> {
  const location = await findLocation(settings, table.project ?? settings.connection.project, table.dataset);
  if (location === null) return `does not exist yet; the first run creates it in ${settings.location}`;
  const reference = referenceTo(settings, table, probeTableName());
  await createTable(
    settings.connection,
    { schema: probeSchema, ...expiresInAnHour(), ...encryption(settings) },
    reference,
  );
  try {
    // A dry run: it fails in a sandbox, and without permission to read or change rows.
    await tryStatement(settings, `SELECT COUNT(*) AS found FROM ${tableName(reference)}`, location);
    await tryStatement(settings, `DELETE FROM ${tableName(reference)} WHERE FALSE`, location);
  } finally {
    await dropTable(settings.connection, reference);
  }
  return `in ${location}; tables can be created and changed`;
}

async function tryStatement(settings: Settings, sql: string, location: string): Promise<void> {
  const statement = { sql, parameters: createParameters(), location, labels: { billhouse: "examine" } };
  await dryRunJob(settings.connection, { location, configuration: queryConfiguration(settings, statement) });
}

async function tryCheck(check: string, work: () => Promise<string>, description: string): Promise<Finding> {
  try {
    return { check, ok: true, found: await work(), remedy: null };
  } catch (error) {
    const translated = translateFailure(error, description);
    if (!(translated instanceof BillhouseError) || translated.code === "INTERRUPTED") throw translated;
    return { check, ok: false, found: translated.message, remedy: translated.hint };
  }
}
