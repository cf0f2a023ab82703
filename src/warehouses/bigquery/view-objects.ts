import { isOwnComment, type View, viewComment } from "../views.ts";
import type { Settings } from "./api/client.ts";
import { createTable, findTable, patchTable, type TableReference } from "./api/tables.ts";

/** The dataset of the views, and its location. */
export interface ViewDataset {
  readonly project: string;
  readonly dataset: string;
  readonly location: string;
}

/** A table or view in the dataset of the views. */
export function objectIn({ project, dataset }: Omit<ViewDataset, "location">, name: string): TableReference {
  return { projectId: project, datasetId: dataset, tableId: name };
}

/** Makes views, and returns the names that are taken by something else; a view whose text is unchanged is left alone. */
export async function makeViews(
  settings: Settings,
  views: readonly View[],
  place: Omit<ViewDataset, "location">,
): Promise<readonly string[]> {
  const taken: string[] = [];
  for (const view of views) {
    const isMade = view.reads !== null && taken.includes(view.reads) ? false : await makeView(settings, view, place);
    if (!isMade) taken.push(view.name);
  }
  return taken;
}

/** Makes a view, or changes its text; false if its name is taken by something else. */
async function makeView({ connection }: Settings, view: View, place: Omit<ViewDataset, "location">): Promise<boolean> {
  const reference = objectIn(place, view.name);
  const description = viewComment(view);
  const wanted = { view: { query: view.sql, useLegacySql: false }, description };
  for (;;) {
    const present = await findTable(connection, reference);
    if (present === null) {
      if (await createTable(connection, wanted, reference)) return true;
    } else {
      if (present.type !== "VIEW" || !isOwnComment(present.description ?? null)) return false;
      if (present.description !== description) await patchTable(connection, reference, wanted);
      return true;
    }
  }
}
