import { BillhouseError } from "../../errors.ts";
import type { BillingMonth, CurrencySums, MeasuredColumns, Receipt, ReceiptFile } from "../../model.ts";
import { compareDecimals, formatDecimal, readDecimal } from "../../schema/decimals.ts";
import { addDecimals } from "../../schema/sums.ts";
import type { AccountCosts, MonthMeasures, Warehouse } from "../../warehouses/warehouse.ts";
import { commandToAccept, type LoadCommand } from "../months/accept.ts";
import { measuredBy, type LoadedTable } from "../months/loaded.ts";
import { holdsFiles, undoneLoad } from "../months/undone.ts";

/** The measured values of a month, and whether its rows name accounts. */
export type ComparedMonth = Pick<MonthMeasures, "rows" | "sums" | "accounts"> & Pick<MeasuredColumns, "accountColumn">;

/** A month to load, as its guard needs it. */
interface GuardedMonth {
  readonly billingMonth: BillingMonth;
  readonly newestReceipt: Receipt | null;
  readonly measured: MeasuredColumns;
}

/**
 * Measures the rows of a month in the table before they are replaced: by the columns of the newest receipt (also of a
 * forgotten load), else by those in the table. Null if the table did not exist, or the warehouse does not
 * measure.
 */
export async function measureBefore(
  { billingMonth, newestReceipt, measured }: GuardedMonth,
  loaded: LoadedTable,
  { measuring }: Pick<Warehouse, "measuring">,
): Promise<ComparedMonth | null> {
  if (measuring === undefined || loaded.ledger.columns === null) return null;
  const known = newestReceipt?.measured ?? measuredBy(loaded, billingMonth);
  // These rows are replaced.
  const columns = { ...known, partitionColumn: measured.partitionColumn };
  const measures = await measuring.measureMonth({ ...columns, table: loaded.table, billingMonth });
  return { ...measures, accountColumn: columns.accountColumn };
}

/** What a load changes: the month before and after it, and the delivery. */
export interface GuardedLoad {
  /** The command that loads the delivery. */
  readonly command: LoadCommand;
  readonly billingMonth: BillingMonth;
  readonly executionId: string;
  readonly files: readonly ReceiptFile[];
  readonly before: ComparedMonth;
  readonly after: ComparedMonth;
  /** Every receipt of the month; read only when the month would shrink. */
  readonly history: () => Promise<readonly Receipt[]>;
}

/**
 * Protects a month from a delivery that removes much of it. A delivery that was loaded before, byte for byte or at
 * the same versions, is exempt: it is restored. Error: MONTH_SHRUNK, which names what would be lost.
 */
export async function guardMonth(load: GuardedLoad): Promise<void> {
  const { command, billingMonth, executionId, files, before, after } = load;
  const lost = losses(before, after);
  if (lost.length === 0) return;
  const wasLoaded = (receipt: Receipt): boolean => files.length > 0 && holdsFiles(undoneLoad(receipt), files);
  if ((await load.history()).some(wasLoaded)) return;
  const isSameCost = sumsText(before.sums[0]) === sumsText(after.sums[0]);
  const granularity = isSameCost
    ? "The cost is unchanged, so the time granularity of the export was probably changed, from hourly to daily or monthly. "
    : "";
  throw new BillhouseError("MONTH_SHRUNK", `${executionId} would shrink ${billingMonth}: ${lost.join("; ")}.`, {
    hint: `${granularity}The month keeps its previous rows. If this delivery is right, load it: ${commandToAccept(command, "shrink", billingMonth, true)}`,
  });
}

/**
 * The parts of a month that a load would remove, as phrases; empty if nothing that matters. These are all rows, more than
 * half of its rows, more than half of its positive cost in a currency, or an account with at least 5 % of that cost. Pure.
 */
export function losses(before: ComparedMonth, after: ComparedMonth): readonly string[] {
  if (before.rows > 0 && after.rows === 0) return [`all of its ${before.rows} rows disappear`];
  const rows = after.rows * 2 < before.rows ? [`its rows fall from ${before.rows} to ${after.rows}`] : [];
  const [totals, left] = [positiveCosts(before), positiveCosts(after)];
  const costs = [...totals].flatMap(([currency, total]) => {
    const now = left.get(currency) ?? "0";
    if (compareDecimals(times(now, 2n), total) >= 0) return [];
    return [`its positive cost falls from ${total} to ${now} ${currency}`.trimEnd()];
  });
  return [...rows, ...costs, ...lostAccounts(before, after, totals)];
}

/** Accounts in a message; a whole organization can be gone. */
const namedAccounts = 10;

function lostAccounts(before: ComparedMonth, after: ComparedMonth, totals: ReadonlyMap<string, string>): string[] {
  // A delivery without the column does not name accounts.
  if (before.accountColumn === null || after.accountColumn === null) return [];
  // Azure writes subscription ids in either case.
  const present = new Set(after.accounts.map(({ account }) => account?.toLowerCase()));
  const lost = before.accounts.flatMap(({ account, currency, positive }) => {
    if (account === null || present.has(account.toLowerCase())) return [];
    const total = totals.get(currency) ?? "0";
    const isLarge = compareDecimals(positive, "0") > 0 && compareDecimals(times(positive, 20n), total) >= 0;
    return isLarge ? [`account ${account} disappears, which had ${positive} of ${total} ${currency}`.trimEnd()] : [];
  });
  const more = lost.length - namedAccounts;
  return more > 0 ? [...lost.slice(0, namedAccounts), `${more} more accounts disappear`] : lost;
}

function positiveCosts({ accounts }: ComparedMonth): ReadonlyMap<string, string> {
  const byCurrency = Map.groupBy(accounts, ({ currency }: AccountCosts) => currency);
  return new Map([...byCurrency].map(([currency, own]) => [currency, addDecimals(own.map((each) => each.positive))]));
}

function times(decimal: string, factor: bigint): string {
  const { coefficient, scale } = readDecimal(decimal);
  return formatDecimal({ coefficient: coefficient * factor, scale });
}

function sumsText(sums: CurrencySums = {}): string {
  return JSON.stringify(Object.entries(sums).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
