import { BillhouseError } from "../../errors.ts";
import { reachPoint } from "../points.ts";
import type { MonthReplacement, Settle } from "../warehouse.ts";
import { commitPackage, loadedMeanwhile } from "./commits.ts";
import { findMisfit } from "./diagnosis.ts";
import { readCurrent } from "./ledger.ts";
import { measuresOf, refuseMisfits } from "./measures.ts";
import { checkExpiration, periodColumn } from "./months.ts";
import type { Parameters } from "./parameters.ts";
import type { QuerySettings } from "./queries.ts";
import { isPassing, refusalOf } from "./refusals.ts";
import { type FileGroup, groupFiles, identityOf, type Staged } from "./sources.ts";
import { dropStaging, stageGroups, stagingNames, stagingPrefix } from "./staging.ts";
import { lookAround, referenceTo, type Surroundings } from "./surroundings.ts";
import { messages, swapStatements } from "./swap.ts";
import { columnsOf } from "./tables.ts";
import { collectFiles, type Uploads } from "./uploads.ts";
import { measureStaged } from "./verify.ts";

/** What replacing months needs besides a connection. */
export interface LoadSettings extends QuerySettings {
  /** Null when no staging bucket is configured. */
  readonly uploads: Uploads | null;
  /** Runs work when all that was queued before has ended: commits of one process do not stand in each other's way. */
  readonly queue: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Replaces the rows of one billing month, and gives its load_id then: see `Warehouse.replaceMonth`. */
export async function replaceMonth(
  settings: LoadSettings,
  replacement: MonthReplacement,
  settle: Settle,
): Promise<string> {
  const reference = referenceTo(settings, replacement.table);
  let loadId: string;
  const names = stagingNames(replacement, reference);
  const collected = await collectFiles(settings, replacement);
  const { files } = collected;
  const identity = identityOf(replacement, reference, files);
  const ownPrefix = `${names.ofLoad}${identity.slice(0, 16)}_`;
  try {
    const groups = groupFiles(files, (number) => ({
      table: { ...reference, tableId: `${ownPrefix}${number}` },
      jobPrefix: `billhouse_load_${identity}_${number}`,
    }));
    loadId = await replaceWith(settings, replacement, groups, identity, settle);
  } catch (error) {
    // What is interrupted, or waits for BigQuery to come back, goes on with what is staged.
    const refusal = refusalOf(error);
    const goesOn = error instanceof BillhouseError && error.code === "INTERRUPTED";
    if (!goesOn && (refusal === undefined || !isPassing(refusal))) await dropStaging(settings, reference, ownPrefix);
    throw error;
  } finally {
    await collected.remove();
  }
  await dropStaging(settings, reference, names.ofMonth);
  return loadId;
}

async function replaceWith(
  settings: LoadSettings,
  replacement: MonthReplacement,
  groups: readonly FileGroup[],
  identity: string,
  settle: Settle,
): Promise<string> {
  const { table, billingMonth, replaces } = replacement;
  const reference = referenceTo(settings, table);
  const around = await lookAround(settings, table);
  const { location } = around;
  if (around.table === null || location === null) throw new TypeError(`${table.name} was not prepared.`);
  const columns = columnsOf(around.table);
  const period = periodColumn(replacement, reference, columns);
  checkExpiration(around.table, billingMonth, new Date());

  const staged = await stageGroups(settings, groups, columns, replacement, location);
  const found = await measureStaged(settings, staged, replacement, period, columns, location).catch(
    async (error: unknown) => {
      throw await explainGone(settings, error, replacement, around);
    },
  );
  const describe = (one: Staged): Promise<BillhouseError | undefined> =>
    findMisfit(settings, one, replacement, period, location);
  await refuseMisfits(found, replacement, describe);
  const measures = measuresOf(found, staged, replacement);
  reachPoint("measured");

  const inserted = new Map<Staged, number>();
  for (const group of found.filter(({ state }) => state === "in")) {
    inserted.set(group.staged, (inserted.get(group.staged) ?? 0) + group.rows);
  }
  const statements = (parameters: Parameters): readonly string[] =>
    swapStatements(replacement, around.table, period, staged, inserted, measures, parameters);
  return settings.queue(async () => {
    try {
      return await commitPackage(settings, {
        table,
        around,
        location,
        jobPrefix: `billhouse_swap_${identity}`,
        labels: { billhouse: "swap", table: table.name, month: billingMonth },
        replaced: { billingMonth, loadId: replaces },
        statements,
        settle: (current) => settle(measures, current),
      });
    } catch (error) {
      throw await explainSwap(await explainGone(settings, error, replacement, around), replacement, staged, describe);
    }
  });
}

/** Whoever loads a month takes away what others staged for it: that it is gone is how the slower one notices first. */
async function explainGone(
  settings: QuerySettings,
  error: unknown,
  { table, billingMonth, replaces }: MonthReplacement,
  around: Surroundings,
): Promise<unknown> {
  const refusal = refusalOf(error);
  if (refusal?.reason !== "notFound" || !refusal.message.includes(stagingPrefix)) return error;
  const { monthLoadId } = await readCurrent(settings, table, around, billingMonth);
  if (monthLoadId !== replaces) return loadedMeanwhile(table, billingMonth);
  return new BillhouseError(
    "WAREHOUSE_LOCKED",
    `Another run took away what was staged for ${billingMonth} of ${table.dataset}.${table.name}.`,
    { hint: "Run again when the other run has ended: nothing of this load was kept.", cause: error },
  );
}

/** Which value it was that stopped the script, or which of our own proofs. */
async function explainSwap(
  error: unknown,
  { table, billingMonth }: MonthReplacement,
  staged: readonly Staged[],
  describe: (staged: Staged) => Promise<BillhouseError | undefined>,
): Promise<unknown> {
  const refusal = refusalOf(error);
  if (refusal === undefined) return error;
  const hint =
    "Nothing was changed. This is a fault of billhouse or of the database: report it with the export's name.";
  const title = `${billingMonth} of ${table.dataset}.${table.name}`;
  if (refusal.message.includes(messages.inserted) || refusal.message.includes(messages.held)) {
    return new BillhouseError("ROW_COUNT_MISMATCH", `Other rows of ${title} went into the table than were counted.`, {
      hint,
      cause: error,
    });
  }
  if (refusal.message.includes(messages.sum)) {
    return new BillhouseError("SUM_MISMATCH", `The cost of ${title} is another in the table than in the files.`, {
      hint,
      cause: error,
    });
  }
  if (refusal.reason !== "invalidQuery" && refusal.reason !== "invalid") return error;
  for (const each of staged) {
    const misfit = await describe(each);
    if (misfit !== undefined) return misfit;
  }
  return error;
}
