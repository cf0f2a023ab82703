import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import { type BillingMonth, type CostLine, type CurrencySums, executionIdsOf, type Receipt } from "../model.ts";
import { compareDecimals, subtractDecimals } from "../schema/decimals.ts";
import { addDecimals } from "../schema/sums.ts";
import { otherAccounts, requireCapability, type Warehouse } from "../warehouses/warehouse.ts";
import { loadedMonth, measuredColumns, readLoaded, type LoadedTable } from "./months/loaded.ts";
import { selectOne, tableTitle } from "./months/select.ts";
import { isSameDelivery } from "./months/undone.ts";
import { reading } from "./open.ts";

/** The answer of `diff`. */
export interface DiffResult {
  readonly name: string;
  readonly table: string;
  readonly billing_month: BillingMonth;
  readonly before: ComparedLoad;
  readonly after: ComparedLoad;
  /** What changed, the largest difference first; empty also where the previous load has no summary. */
  readonly lines: readonly ChangedLine[];
  /** What the month came to by service, account and charge type, where that changed; as `lines`. */
  readonly services: readonly ChangedGroup[];
  readonly accounts: readonly ChangedGroup[];
  readonly charge_types: readonly ChangedGroup[];
  readonly notes: readonly string[];
}

/** What all lines with one service, account or charge type come to in one currency, before and after. */
export interface ChangedGroup extends Omit<ChangedLine, "service" | "account" | "charge_type"> {
  readonly value: string | null;
}

/** One of two loads that are compared. */
export interface ComparedLoad {
  /** The newest of `execution_ids`. */
  readonly execution_id: string;
  /** The deliveries that were loaded together, oldest first. */
  readonly execution_ids: readonly string[];
  readonly loaded_at: string;
  readonly rows: number;
  /** As the table holds it; null where its receipt does not have it. */
  readonly cost: CurrencySums | null;
}

/** Rows and costs that share service, account, charge type and currency, before and after. */
export interface ChangedLine {
  readonly service: string | null;
  readonly account: string | null;
  readonly charge_type: string | null;
  readonly currency: string;
  readonly rows_before: number;
  readonly rows_after: number;
  readonly cost_before: string;
  readonly cost_after: string;
  /** `cost_after` less `cost_before`. */
  readonly difference: string;
}

/** Two summaries of a month in which the same accounts have lines of their own. */
export interface ComparedSummaries {
  readonly before: readonly CostLine[];
  readonly after: readonly CostLine[];
}

type Property = "service" | "account" | "charge_type";

/**
 * What the newest restatement of a month changed: by service, account and charge type, what its load before held and what
 * is loaded now. Reads receipts; only a month without a summary of its own is measured in its table.
 * Errors: USAGE_INVALID when the month is not loaded, or was loaded once only; STATE_INVALID, and those of
 * opening the warehouse.
 */
export async function diff(config: Config, name: string, billingMonth: BillingMonth): Promise<DiffResult> {
  const pipeline = selectOne(config, name);
  return reading(config, async (warehouse) => {
    const loaded = await readLoaded(pipeline, warehouse);
    loadedMonth(loaded, billingMonth);
    const [after, ...older] = await requireCapability(warehouse, "previous").history(loaded.table, billingMonth);
    const before = after === undefined ? undefined : older.find((receipt) => !isSameDelivery(receipt, after));
    if (after === undefined || before === undefined) {
      throw new BillhouseError("USAGE_INVALID", `${billingMonth} of ${name} was loaded once only.`, {
        hint: "There is nothing to compare it with until the cloud restates it.",
      });
    }
    const now = after.summary ?? (await summaryNow(loaded, billingMonth, warehouse));
    const summaries = before.summary === null ? null : alignSummaries(before.summary, now);
    const by = (property: Property): readonly ChangedGroup[] =>
      summaries === null ? [] : changesBy(summaries, property);
    const isFolded = [...(before.summary ?? []), ...now].some(({ account }) => account === otherAccounts);
    return {
      name: pipeline.name,
      table: tableTitle(pipeline),
      billing_month: billingMonth,
      before: describeReceipt(before),
      after: describeReceipt(after),
      lines: summaries === null ? [] : compareLines(summaries),
      services: by("service"),
      accounts: by("account"),
      charge_types: by("charge_type"),
      notes: [
        ...(summaries === null ? ["The receipt of the load before tells only its totals."] : []),
        ...(isFolded ? [`Accounts with small amounts are added up as ${otherAccounts}.`] : []),
      ],
    };
  });
}

/**
 * Two summaries that can be compared: where one of them has added up small accounts, an account that only the other one
 * lists is added up there, too.
 */
export function alignSummaries(before: readonly CostLine[], after: readonly CostLine[]): ComparedSummaries {
  const groupOf = ({ service, charge_type, currency }: CostLine): string =>
    JSON.stringify([service, charge_type, currency]);
  const folded = new Set([...before, ...after].filter(({ account }) => account === otherAccounts).map(groupOf));
  const [olds, news] = [before, after].map((lines) => new Set(lines.map(nameOf)));
  const aligned = (lines: readonly CostLine[]): readonly CostLine[] =>
    addUp(
      lines.map((line) => {
        const isInBoth = olds?.has(nameOf(line)) === true && news?.has(nameOf(line)) === true;
        return isInBoth || !folded.has(groupOf(line)) ? line : { ...line, account: otherAccounts };
      }),
      nameOf,
    );
  return { before: aligned(before), after: aligned(after) };
}

/** What of two summaries differs, line by line, the largest change first. */
export function compareLines({ before, after }: ComparedSummaries): readonly ChangedLine[] {
  return changes(before, after, nameOf).map(({ line: { service, account, charge_type, currency }, ...change }) => ({
    service,
    account,
    charge_type,
    currency,
    ...change,
  }));
}

/** What the whole month came to for each value of one property, before and after, where that changed. */
export function changesBy({ before, after }: ComparedSummaries, property: Property): readonly ChangedGroup[] {
  const valueOf = (line: CostLine): string => JSON.stringify([line[property], line.currency]);
  return changes(addUp(before, valueOf), addUp(after, valueOf), valueOf).map(({ line, ...change }) => ({
    value: line[property],
    currency: line.currency,
    ...change,
  }));
}

/** A load as it is compared with another one. */
export function describeReceipt(receipt: Receipt): ComparedLoad {
  const { executionId, loadedAt, rows, tableCost, cost } = receipt;
  return {
    execution_id: executionId,
    execution_ids: executionIdsOf(receipt),
    loaded_at: loadedAt,
    rows,
    // What the lines add up to: the table, which rounds what has more digits than it keeps.
    cost: tableCost ?? cost,
  };
}

interface Change extends Omit<ChangedLine, Property | "currency"> {
  readonly line: CostLine;
}

function changes(
  before: readonly CostLine[],
  after: readonly CostLine[],
  name: (line: CostLine) => string,
): readonly Change[] {
  const olds = new Map(before.map((line) => [name(line), line]));
  const news = new Map(after.map((line) => [name(line), line]));
  const changed = [...new Set([...olds.keys(), ...news.keys()])].flatMap((key): Change[] => {
    const [old, now] = [olds.get(key), news.get(key)];
    const line = now ?? old;
    const [costBefore, costAfter] = [old?.cost ?? "0", now?.cost ?? "0"];
    const [rowsBefore, rowsAfter] = [old?.rows ?? 0, now?.rows ?? 0];
    const difference = subtractDecimals(costAfter, costBefore);
    if (line === undefined || (rowsBefore === rowsAfter && difference === "0")) return [];
    const rows = { rows_before: rowsBefore, rows_after: rowsAfter };
    return [{ line, ...rows, cost_before: costBefore, cost_after: costAfter, difference }];
  });
  const size = ({ difference }: Change): string => difference.replace("-", "");
  return changed.toSorted((one, other) => compareDecimals(size(other), size(one)));
}

/** One line for each name, with the rows and costs of all that have it. */
function addUp(lines: readonly CostLine[], name: (line: CostLine) => string): readonly CostLine[] {
  return [...Map.groupBy(lines, name).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const rows = group.reduce((total, line) => total + line.rows, 0);
    return [{ ...first, rows, cost: addDecimals(group.map(({ cost }) => cost)) }];
  });
}

function nameOf({ service, account, charge_type, currency }: CostLine): string {
  return JSON.stringify([service, account, charge_type, currency]);
}

async function summaryNow(
  loaded: LoadedTable,
  billingMonth: BillingMonth,
  warehouse: Warehouse,
): Promise<readonly CostLine[]> {
  return (await requireCapability(warehouse, "measuring").measureMonth(measuredColumns(loaded, billingMonth))).summary;
}
