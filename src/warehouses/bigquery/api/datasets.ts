import type { Table } from "../../../model.ts";
import { isAbsence, refusalOf } from "./api-error.ts";
import type { QuerySettings } from "./statements.ts";

/** What the REST API tells of a dataset. */
export interface DatasetResource {
  readonly location?: string;
  /** For how many hours its tables remember earlier rows. */
  readonly maxTimeTravelHours?: string;
}

/** Where a dataset lies, or null when it is not there. */
export async function findLocation(settings: QuerySettings, project: string, dataset: string): Promise<string | null> {
  return (await findDataset(settings, project, dataset))?.location ?? null;
}

/** A dataset, or null when it is not there. Every other refusal is told. */
export async function findDataset(
  { connection }: QuerySettings,
  project: string,
  dataset: string,
): Promise<DatasetResource | null> {
  try {
    return await connection.call<DatasetResource>({ method: "GET", project, path: `datasets/${dataset}` });
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
