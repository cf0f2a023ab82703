import type { DuckDBConnection } from "@duckdb/node-api";
import { type BillhouseError, messageOf } from "../../errors.ts";
import { fold } from "../../schema/names.ts";
import { missingTables, type Rollups, type StaleMonth, type TableShape, type View, type ViewSource } from "../views.ts";
import { areMade, findStaleMonths, makeRollups, nameProblems } from "./rollups.ts";
import { isNoted, noteFor } from "./view-note.ts";
import { compareWith, makeViews, objectsIn, shapesOf, viewSchema } from "./view-objects.ts";

/**
 * Makes the views over the tables as this transaction sees them, and the tables of their sums; a view whose text is unchanged is
 * left alone. Returns what kept it from making one. The connection must be in a transaction.
 */
export async function refreshViews(
  connection: DuckDBConnection,
  source: ViewSource,
): Promise<readonly BillhouseError[]> {
  const wanted = await wantedViews(source, await viewsIn(connection, source));
  if (wanted === null) return [];
  const made = await makeViews(connection, wanted.views, wanted.present);
  return [...wanted.missing, ...made, ...(await makeRollups(connection, wanted.rollups, wanted.present))];
}

/** What there is to do for the views, and what keeps them from being made. */
export interface ViewsCompared {
  /** Whether the views and the tables of their sums are as they must be, apart from those that cannot be made. */
  readonly isCurrent: boolean;
  readonly problems: readonly BillhouseError[];
  readonly stale: readonly StaleMonth[];
  /** The note to write, because nothing is left to do: the next comparison is short. Null for none. */
  readonly note: string | null;
}

/** Compares the views, and the months of their sums, with what the tables would give. */
export async function compareViews(connection: DuckDBConnection, source: ViewSource): Promise<ViewsCompared> {
  const found = await viewsIn(connection, source);
  const note = noteFor(source.inputs(found.shapes, place), found.present);
  if (note !== null && (await isNoted(connection, note, found.present))) return nothingToDo;
  const wanted = await wantedViews(source, found);
  if (wanted === null) return nothingToDo;
  const { views, rollups, present, missing } = wanted;
  const taken = nameProblems(rollups, present);
  const own = compareWith(views, present);
  const ofRollups = taken.length > 0 ? { outdated: [], problems: taken } : compareWith(rollups.views, present);
  const areTablesMade = areMade(rollups, present);
  const isCurrent = own.outdated.length + ofRollups.outdated.length === 0 && (areTablesMade || taken.length > 0);
  const problems = [...missing, ...own.problems, ...ofRollups.problems];
  const stale = areTablesMade ? await findStaleMonths(connection, rollups) : [];
  const isDone = isCurrent && problems.length === 0 && stale.length === 0;
  return { isCurrent, problems, stale, note: isDone ? note : null };
}

const nothingToDo: ViewsCompared = { isCurrent: true, problems: [], stale: [], note: null };

const place = { dialect: "duckdb", dataset: viewSchema } as const;

/** The tables of the views that exist, and the comments of the objects in the schema of the views. */
async function viewsIn(
  connection: DuckDBConnection,
  source: ViewSource,
): Promise<{ readonly shapes: readonly TableShape[]; readonly present: ReadonlyMap<string, string | null> }> {
  return { shapes: await shapesOf(connection, source), present: await objectsIn(connection) };
}

/** The views that there must be, and the objects that there are; null where there is nothing to make a view over. */
async function wantedViews(
  source: ViewSource,
  { shapes, present }: Awaited<ReturnType<typeof viewsIn>>,
): Promise<{
  readonly views: readonly View[];
  readonly rollups: Rollups;
  readonly present: ReadonlyMap<string, string | null>;
  /** The errors for joined tables that do not exist. */
  readonly missing: readonly BillhouseError[];
} | null> {
  const views = await source.render(shapes, place);
  // Without any table, only views that were made before are made again, without rows.
  if (shapes.length === 0 && !views.some(({ name }) => present.has(fold(name)))) return null;
  const missing = missingTables(source.joined, shapes);
  return { views, rollups: await source.rollups(shapes, place), present, missing };
}

/**
 * The same within the transaction of a load. What is wrong with a view must not fail the load: the views are made again at the
 * end of the run, which reports it. DuckDB keeps a transaction open after these errors.
 */
export async function refreshViewsInLoad(connection: DuckDBConnection, source: ViewSource): Promise<void> {
  try {
    await refreshViews(connection, source);
  } catch (error) {
    const isOfView = error instanceof TypeError || /^(?:Binder|Catalog|Parser) Error/.test(messageOf(error));
    if (!isOfView) throw error;
  }
}
