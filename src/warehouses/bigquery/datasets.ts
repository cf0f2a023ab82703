import type { Table } from "../../model.ts";
import { isAbsence, refusalOf } from "./refusals.ts";
import type { QuerySettings } from "./queries.ts";

/** Where a dataset lies, or null when it is not there. */
export async function findLocation(
  { connection }: QuerySettings,
  project: string,
  dataset: string,
): Promise<string | null> {
  try {
    const path = `datasets/${dataset}`;
    const found = await connection.call<{ location?: string }>({ method: "GET", project, path });
    return found.location ?? null;
  } catch (error) {
    if (isAbsence(refusalOf(error))) return null;
    throw error;
  }
}

/** Makes the dataset of a table where there is none, and tells where it lies: a dataset never moves. */
export async function makeDataset(settings: QuerySettings, table: Table, location: string): Promise<string> {
  const project = table.project ?? settings.connection.project;
  const found = await findLocation(settings, project, table.dataset);
  if (found !== null) return found;
  const body = { datasetReference: { projectId: project, datasetId: table.dataset }, location };
  try {
    await settings.connection.call({ method: "POST", project, path: "datasets", body });
  } catch (error) {
    // Another process was faster.
    if (refusalOf(error)?.status !== 409) throw error;
  }
  return (await findLocation(settings, project, table.dataset)) ?? location;
}
