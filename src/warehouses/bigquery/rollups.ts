import type { BillhouseError } from "../../errors.ts";
import { reachPoint } from "../points.ts";
import {
  type CloudRollups,
  isOwnComment,
  kindsFrom,
  kindsText,
  nameTaken,
  readKinds,
  rollupComment,
  type Rollups,
  type RollupTable,
  type ShownKinds,
  type StaleMonth,
  unbuiltClouds,
} from "../views.ts";
import { apiErrorOf } from "./api/api-error.ts";
import type { Settings } from "./api/client.ts";
import { createParameters, type Parameters, part, runStatement, selectParts, type TextRow } from "./api/jobs.ts";
import {
  createPermanentTable,
  dropTable,
  encryption,
  findTable,
  patchTable,
  type TableReference,
  type TableResource,
} from "./api/tables.ts";
import { type NewestLoads, tableKey } from "./cleanup.ts";
import { isConflict, requireTrue, transaction } from "./commit.ts";
import { digest, identifier, tableName } from "./sql/names.ts";
import { makeViews, objectIn, type ViewDataset } from "./view-objects.ts";

/** The label of the second table with `stateOf` when all months were current. */
const checkedLabel = "checked";

/** The message of a script if the month was loaded after it was found. */
const loadedMeanwhile = "billhouse: the month was loaded meanwhile";

const maxAttempts = 5;

/**
 * Makes the tables of the sums and the views over them, and builds the months that are not current: each in a transaction of its
 * own, which replaces its rows and records the loads that it read. While the newest loads that are `known` and the versions are those
 * with which all months were current, nothing is asked. Returns what kept it from making a table or view.
 * Errors: those of a month that cannot be built, after the others are.
 */
export async function refreshRollups(
  settings: Settings,
  rollups: Rollups,
  place: ViewDataset,
  known: NewestLoads,
): Promise<readonly BillhouseError[]> {
  if (rollups.tables.length === 0) return [];
  const objects = await Promise.all(
    rollups.tables.map(async (table) => {
      const reference = objectIn(place, table.name);
      return { table, reference, present: await findTable(settings.connection, reference) };
    }),
  );
  const named = `${place.project}.${place.dataset}`;
  const isForeign = ({ description }: TableResource): boolean => !isOwnComment(description ?? null);
  const foreign = objects.filter(({ present }) => present !== null && isForeign(present));
  if (foreign.length > 0)
    return [
      nameTaken(
        foreign.map(({ table }) => table.name),
        named,
      ),
    ];
  const areMade = objects.every(({ table, present }) => present?.description === rollupComment(table));
  if (!areMade) for (const { table, reference } of objects) await makeTable(settings, table, reference);
  const taken = await makeViews(settings, rollups.views, place);
  const [sums, months] = objects;
  if (sums === undefined || months === undefined) throw new TypeError("There are two tables of sums.");
  const checked = stateOf(rollups, known, place);
  if (!areMade || checked === null || months.present?.labels?.[checkedLabel] !== checked) {
    const target = { sums: tableName(sums.reference), months: tableName(months.reference), location: place.location };
    const areCurrent = await buildStaleMonths(settings, rollups, target);
    if (areCurrent && checked !== null)
      await patchTable(settings.connection, months.reference, { labels: { [checkedLabel]: checked } });
  }
  return taken.length === 0 ? [] : [nameTaken(taken, named)];
}

/** What the sums are built from, as far as this process knows it; null if it has not read the loads of a table. */
function stateOf({ clouds }: Rollups, known: NewestLoads, { project }: ViewDataset): string | null {
  const loads = clouds.flatMap(({ tables }) => tables.map(({ table }) => known.get(tableKey(table, project))?.months));
  if (loads.includes(undefined)) return null;
  const sorted = loads.map((months) => [...(months ?? [])].toSorted(([one], [other]) => (one < other ? -1 : 1)));
  return digest([clouds.map(({ cloud, version }) => [cloud, version]), sorted], 32);
}

/** Makes a table of sums, empty. */
async function makeTable(settings: Settings, table: RollupTable, reference: TableReference): Promise<void> {
  await dropTable(settings.connection, reference);
  const { columns, partitionedBy, clusteredBy } = table;
  await createPermanentTable(settings, reference, {
    description: rollupComment(table),
    schema: { fields: columns.map(({ name, type }) => ({ name, type, mode: "NULLABLE" })) },
    ...(partitionedBy === undefined ? {} : { timePartitioning: { type: "MONTH", field: partitionedBy } }),
    ...(clusteredBy === undefined ? {} : { clustering: { fields: [clusteredBy] } }),
    ...encryption(settings),
  });
}

/** The tables of the sums, as SQL. */
interface Target {
  readonly sums: string;
  readonly months: string;
  readonly location: string;
}

/** Builds the months that are not current; whether all are then. */
async function buildStaleMonths(settings: Settings, rollups: Rollups, target: Target): Promise<boolean> {
  // Building the months of actual and amortized cost can show that others must be built again.
  for (let pass = 0; pass < 3; pass += 1) {
    const planned = await planMonths(settings, rollups, await findStaleMonths(settings, rollups, target), target);
    if (planned.length === 0) return true;
    const failures: unknown[] = [];
    let areBuilt = true;
    for (const month of planned) {
      try {
        areBuilt = (await rebuildMonth(settings, rollups, month, target)) && areBuilt;
      } catch (error) {
        // A month that cannot be built does not keep the others from it.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    if (!areBuilt) return false;
    if (planned.every(({ kinds }) => kinds.size === 0)) return true;
  }
  return false;
}

/** A month that must be built again, as it was found. */
interface FoundMonth extends StaleMonth {
  /** Its newest loads; the empty text without one. */
  readonly loads: string;
}

/** The same, with the kinds of the tables of its cloud. */
interface PlannedMonth extends FoundMonth {
  /** Null for a cloud without tables, whose sums are removed. */
  readonly own: CloudRollups | null;
  readonly kinds: ReadonlyMap<string, string>;
  readonly shown: ShownKinds;
}

async function findStaleMonths(settings: Settings, rollups: Rollups, target: Target): Promise<readonly FoundMonth[]> {
  const found = await select(settings, target, [
    part("stale", { cloud: "s.cloud", month: "s.billing_month", loads: "s.loads" }, `(${rollups.stale}) AS s`),
    part(
      "built",
      { cloud: "b.cloud", version: "b.version" },
      `(SELECT DISTINCT cloud, version FROM ${target.months}) AS b`,
    ),
  ]);
  const built = rowsOf(found, "built").map(({ cloud, version }) => ({ cloud: cloud ?? "", version: version ?? "" }));
  const stale = rowsOf(found, "stale").map(({ cloud, month, loads }): FoundMonth => {
    return { cloud: cloud ?? "", month: month ?? "", loads: loads ?? "" };
  });
  const unbuilt = unbuiltClouds(rollups, built);
  if (unbuilt.length === 0) return stale;
  const held = await select(
    settings,
    target,
    unbuilt.map(({ cloud, months }) => part(cloud, { month: "m.billing_month" }, `(${months}) AS m`)),
  );
  const others = unbuilt.flatMap(({ cloud }) =>
    rowsOf(held, cloud).map(({ month }): FoundMonth => ({ cloud, month: month ?? "", loads: "" })),
  );
  const isKnown = (other: FoundMonth): boolean =>
    stale.some(({ cloud, month }) => cloud === other.cloud && month === other.month);
  return [...stale, ...others.filter((other) => !isKnown(other))];
}

/** Finds the kinds of the tables of each cloud: for each the first that any of its months shows. Other months have a record of that. */
async function planMonths(
  settings: Settings,
  rollups: Rollups,
  stale: readonly FoundMonth[],
  target: Target,
): Promise<readonly PlannedMonth[]> {
  const planned: PlannedMonth[] = [];
  for (const [cloud, found] of Map.groupBy(stale, (each) => each.cloud)) {
    const own = rollups.clouds.find((each) => each.cloud === cloud) ?? null;
    const statement = own?.kindsShown(found.map(({ month }) => month)) ?? null;
    if (own === null || statement === null) {
      planned.push(...found.map((month) => ({ ...month, own, kinds: new Map(), shown: new Map() })));
      continue;
    }
    const parameters = createParameters();
    const isOther = `cloud = ${parameters.text(cloud)} AND billing_month NOT IN UNNEST(${parameters.texts(found.map(({ month }) => month))})`;
    const shows = await select(
      settings,
      target,
      [
        part("shown", { month: "s.billing_month", export: "s.export_name", shown: "s.shown" }, `(${statement}) AS s`),
        part("others", { shown: "shown" }, `${target.months} WHERE ${isOther}`),
      ],
      parameters,
    );
    const shownIn = (wanted: string): ShownKinds => {
      const rows = rowsOf(shows, "shown").filter(({ month }) => month === wanted);
      return new Map(rows.map((row) => [row["export"] ?? "", row["shown"] ?? null]));
    };
    const months = found.map((month) => ({ ...month, own, shown: shownIn(month.month) }));
    const others = rowsOf(shows, "others").map(({ shown }) => readKinds(shown ?? "[]"));
    const kinds = kindsFrom(own, [...months.map(({ shown }) => shown), ...others]);
    planned.push(...months.map((month) => ({ ...month, kinds })));
  }
  return planned;
}

/**
 * Replaces the sums of a month, and records what they were built from. False, and nothing is changed, if the month was loaded
 * after it was found: the process that loaded it builds it too.
 */
async function rebuildMonth(
  settings: Settings,
  { tables }: Rollups,
  { cloud, month, loads, own, kinds, shown }: PlannedMonth,
  target: Target,
): Promise<boolean> {
  const parameters = createParameters();
  const [ofCloud, ofMonth] = [parameters.text(cloud), parameters.text(month)];
  const isMonth = `cloud = ${ofCloud} AND billing_month = ${ofMonth}`;
  const [sums, months] = tables;
  const start = month === "" ? "IS NULL" : `= CAST('${month}-01' AS TIMESTAMP)`;
  const statements = [
    `DELETE FROM ${target.months} WHERE ${isMonth}`,
    `DELETE FROM ${target.sums} WHERE cloud = ${ofCloud} AND ${identifier(sums?.partitionedBy ?? "")} ${start}`,
  ];
  if (own !== null) {
    const newest = `(SELECT l.loads FROM (${own.loads}) AS l WHERE l.billing_month = ${ofMonth})`;
    const texts = [own.version, loads, kindsText(kinds), kindsText(shown)].map((text) => parameters.text(text));
    statements.unshift(requireTrue(`COALESCE(${newest}, '') = ${texts[1]}`, loadedMeanwhile));
    statements.push(
      `INSERT INTO ${target.sums} (${columnList(sums)}) ${own.rows(month, kinds)}`,
      `INSERT INTO ${target.months} (${columnList(months)}) VALUES (${[ofCloud, ofMonth, ...texts].join(", ")})`,
    );
    // What other months were built from is not current any more.
    const isOther = `cloud = ${ofCloud} AND kinds <> ${texts[2]}`;
    if (kinds.size > 0) statements.push(`UPDATE ${target.months} SET loads = 'other kinds' WHERE ${isOther}`);
  }
  const labels = { billhouse: "sums", month };
  const statement = { sql: transaction(statements), parameters, location: target.location, labels };
  for (let attempt = 1; ; attempt += 1) {
    reachPoint("before-commit");
    try {
      await runStatement(settings, statement);
      reachPoint("after-commit");
      return true;
    } catch (error) {
      const apiError = apiErrorOf(error);
      if (apiError?.message.includes(loadedMeanwhile) === true) return false;
      if (apiError === undefined || !isConflict(apiError) || attempt === maxAttempts) throw error;
      await settings.connection.backOff(attempt);
    }
  }
}

function columnList(table: RollupTable | undefined): string {
  return (table?.columns ?? []).map(({ name }) => identifier(name)).join(", ");
}

async function select(
  settings: Settings,
  { location }: Target,
  parts: readonly string[],
  parameters: Parameters = createParameters(),
): Promise<ReadonlyMap<string, readonly TextRow[]>> {
  const labels = { billhouse: "sums" };
  return selectParts(settings, { sql: parts.join("\nUNION ALL\n"), parameters, location, labels });
}

function rowsOf(parts: ReadonlyMap<string, readonly TextRow[]>, name: string): readonly TextRow[] {
  return parts.get(name) ?? [];
}
