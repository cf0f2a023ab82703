import { randomUUID } from "node:crypto";
import { BillhouseError } from "../../errors.ts";
import type { Finding, Table } from "../../model.ts";
import { leaseTable } from "../../state/tables.ts";
import { findLocation } from "./datasets.ts";
import { translateFailure } from "./failures.ts";
import { tryJob } from "./jobs.ts";
import type { LoadSettings } from "./load.ts";
import { checkExpiration } from "./months.ts";
import { createParameters } from "./parameters.ts";
import { queryConfiguration } from "./queries.ts";
import type { SchemaSettings } from "./schema.ts";
import { nameOf, referenceTo } from "./surroundings.ts";
import { createTable, dropTable, findTable } from "./tables.ts";

/** Looks whether everything is there that loading needs: see `Warehouse.examine`. */
export async function examine(
  settings: LoadSettings & SchemaSettings,
  tables: readonly Table[],
  description: string,
): Promise<readonly Finding[]> {
  const { connection, uploads, location } = settings;
  const look = (check: string, work: () => Promise<string>): Promise<Finding> => lookAt(check, work, description);
  const findings = [
    await look("identity", () => connection.identity()),
    await look("run jobs", async () => {
      await tryStatement(settings, "SELECT 1 AS one", location);
      return `jobs run in ${connection.jobProject}, and are billed to it`;
    }),
  ];
  const datasets = new Map(tables.map((table) => [`${table.project ?? connection.project}.${table.dataset}`, table]));
  for (const [name, table] of datasets) {
    findings.push(await look(`dataset ${name}`, () => examineDataset(settings, table)));
  }
  for (const table of tables) {
    const found = await findTable(connection, referenceTo(settings, table)).catch(() => null);
    if (found === null) continue;
    findings.push(
      await look(`keep ${table.dataset}.${table.name}`, async () => {
        checkExpiration(found, "1960-01", new Date());
        return "neither the table nor its months expire";
      }),
    );
  }
  if (uploads !== null) findings.push(await look("staging bucket", () => uploads.examine()));
  return findings;
}

async function examineDataset(settings: SchemaSettings, table: Table): Promise<string> {
  const location = await findLocation(settings, table.project ?? settings.connection.project, table.dataset);
  if (location === null) return `is not there yet; the first run makes it in ${settings.location}`;
  const reference = referenceTo(settings, table, `_billhouse_examination_${randomUUID().replaceAll("-", "_")}`);
  const schema = { fields: [{ name: "one", type: "STRING" }] };
  await createTable(settings.connection, { schema, expirationTime: String(Date.now() + 3_600_000) }, reference);
  await dropTable(settings.connection, reference);
  const lease = await findTable(settings.connection, referenceTo(settings, table, leaseTable.name));
  if (lease !== null) {
    await tryStatement(settings, `DELETE FROM ${nameOf(settings, table, leaseTable.name)} WHERE FALSE`, location);
  }
  return `in ${location}; tables can be made and changed`;
}

async function tryStatement(settings: SchemaSettings, sql: string, location: string): Promise<void> {
  const statement = { sql, parameters: createParameters(), location, labels: { billhouse: "examine" } };
  await tryJob(settings.connection, { location, configuration: queryConfiguration(settings, statement) });
}

async function lookAt(check: string, work: () => Promise<string>, description: string): Promise<Finding> {
  try {
    return { check, ok: true, found: await work(), remedy: null };
  } catch (error) {
    const translated = translateFailure(error, description);
    if (!(translated instanceof BillhouseError) || translated.code === "INTERRUPTED") throw translated;
    return { check, ok: false, found: translated.message, remedy: translated.hint };
  }
}
