import type { BillhouseError } from "../../../errors.ts";
import type { MonthPackage } from "../../../state/package.ts";
import { reachPoint } from "../../points.ts";
import type { MonthReplacement, Settle } from "../../warehouse.ts";
import { commitPackage, type Committed, tableGone } from "../commit/commits.ts";
import { findMisfit } from "./locate-misfit.ts";
import { explainGone, explainSwap, goesOn } from "./explanations.ts";
import { stagedInsertions } from "./insertions.ts";
import { keepStatements, prepareKept } from "../previous/kept.ts";
import { measuresOf, refuseMisfits } from "./measures.ts";
import { checkExpiration, periodColumn } from "../sql/months.ts";
import type { Parameters } from "../api/parameters.ts";
import type { QuerySettings } from "../api/statements.ts";
import { type FileGroup, groupFiles, identityOf, type Staged } from "./sources.ts";
import { dropStaging, stageGroups, stagingNames } from "./staging.ts";
import { lookAround, referenceTo } from "../companion-tables.ts";
import { swapStatements } from "./swap.ts";
import { columnsOf } from "../api/tables.ts";
import { collectFiles, type Uploads } from "./uploads.ts";
import { measureStaged } from "./measure-staged.ts";

/** What replacing months needs besides a connection. */
export interface LoadSettings extends QuerySettings {
  /** Null when no staging bucket is configured. */
  readonly uploads: Uploads | null;
  /** Runs work when all that was queued before has ended: commits of one process do not stand in each other's way. */
  readonly queue: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Replaces the rows of one billing month, and gives what was committed: see `Warehouse.replaceMonth`. */
export async function replaceMonth(
  settings: LoadSettings,
  replacement: MonthReplacement,
  settle: Settle,
): Promise<Committed<MonthPackage>> {
  const reference = referenceTo(settings, replacement.table);
  let committed: Committed<MonthPackage>;
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
    committed = await replaceWith(settings, replacement, groups, identity, settle);
  } catch (error) {
    if (!goesOn(error)) await dropStaging(settings, reference, ownPrefix);
    throw error;
  } finally {
    await collected.remove();
  }
  await dropStaging(settings, reference, names.ofMonth);
  return committed;
}

async function replaceWith(
  settings: LoadSettings,
  replacement: MonthReplacement,
  groups: readonly FileGroup[],
  identity: string,
  settle: Settle,
): Promise<Committed<MonthPackage>> {
  const { table, billingMonth, replaces, partitionColumn, keepPrevious } = replacement;
  const around = await lookAround(settings, table);
  const { table: bill, location } = around;
  if (bill === null || location === null) throw tableGone(table);
  const columns = columnsOf(bill);
  const period = periodColumn(replacement, columns);
  checkExpiration(bill, billingMonth, new Date());

  const staged = await stageGroups(settings, groups, columns, replacement, location);
  const found = await measureStaged(settings, staged, replacement, period, location).catch(async (error: unknown) => {
    throw await explainGone(settings, error, replacement, around);
  });
  const describe = (one: Staged): Promise<BillhouseError | undefined> =>
    findMisfit(settings, one, replacement, period, location);
  await refuseMisfits(found.groups, replacement, describe);
  const measures = measuresOf(found, staged, replacement);
  reachPoint("measured");

  const inserted = new Map<Staged, number>();
  for (const group of found.groups.filter(({ state }) => state === "in")) {
    inserted.set(group.staged, (inserted.get(group.staged) ?? 0) + group.rows);
  }
  const keeps = keepPrevious > 0 && replaces !== null;
  const kept = keeps ? await prepareKept(settings, table, bill, partitionColumn, location) : null;
  const statements = (parameters: Parameters): readonly string[] => {
    const insertions = stagedInsertions(bill.tableReference, replacement, period, staged, inserted, parameters);
    return [
      ...(kept === null ? [] : keepStatements(replacement, bill, kept, period, parameters)),
      ...swapStatements(replacement, bill, period, insertions, measures, parameters),
    ];
  };
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
      const reason = await explainGone(settings, error, replacement, around);
      throw await explainSwap(reason, replacement, "the files", async () => firstOf(staged, describe));
    }
  });
}

/** The first misfit in staging tables. */
async function firstOf(
  staged: readonly Staged[],
  describe: (staged: Staged) => Promise<BillhouseError | undefined>,
): Promise<BillhouseError | undefined> {
  for (const each of staged) {
    const misfit = await describe(each);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}
