import { checkArguments, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import {
  type BillingMonth,
  type CostLine,
  type CurrencySums,
  executionIdsOf,
  type LoadReason,
  type Receipt,
} from "../model.ts";
import { otherAccounts, requireCapability, type Warehouse } from "../warehouses/warehouse.ts";
import { reasonOfLoad } from "./months/decide.ts";
import { loadedMonth, measuredColumns, readLoaded, type LoadedTable } from "./months/loaded.ts";
import { selectOne, tableTitle } from "./months/select.ts";
import {
  alignSummaries,
  type ChangedGroup,
  type ChangedLine,
  changesBy,
  compareLines,
  type Property,
} from "./months/summaries.ts";
import { isSameDelivery } from "./months/undone.ts";
import { reading, type ReadSource } from "./open.ts";

export type { ChangedGroup, ChangedLine };

/** The scope of `diff`. */
export interface DiffOptions {
  /** The section of one export, or a cloud with only one. */
  readonly pipeline: string;
  readonly month: BillingMonth;
}

/** The result of `diff`. */
export interface DiffResult extends ReadSource {
  readonly name: string;
  readonly table: string;
  readonly billingMonth: BillingMonth;
  /** Whether figures of a month that was over may have changed; not where days were only added, or the month was not over. */
  readonly isRestatement: boolean;
  /** Why the newer load was made, as `history` says; `is_restatement` is true where it is `restated`. */
  readonly reason: LoadReason | "migrated";
  readonly before: ComparedLoad;
  readonly after: ComparedLoad;
  /** What changed, the largest difference first; also empty if the previous load lacks a summary. */
  readonly lines: readonly ChangedLine[];
  /** The month's totals by service, account and charge type, if they changed; ordered like `lines`. */
  readonly services: readonly ChangedGroup[];
  readonly accounts: readonly ChangedGroup[];
  readonly chargeTypes: readonly ChangedGroup[];
  readonly notes: readonly string[];
}

/** One of the two compared loads. */
export interface ComparedLoad {
  /** The newest of `execution_ids`. */
  readonly executionId: string;
  /** The deliveries that were loaded together, oldest first. */
  readonly executionIds: readonly string[];
  readonly loadedAt: string;
  readonly rows: number;
  /** As stored in the table; null if its receipt lacks it. */
  readonly cost: CurrencySums | null;
}

/**
 * What the newest restatement of a month changed, by service, account and charge type: the previous load compared with
 * the current one. Reads receipts; only a month without its own summary is measured in its table.
 * Errors: USAGE_INVALID when the month is not loaded, or only one delivery of it was loaded; STATE_INVALID, and those of
 * opening the warehouse.
 */
export async function diff(config: Config, options: DiffOptions): Promise<DiffResult> {
  checkArguments(config, options, diffRules);
  const { pipeline: name, month: billingMonth } = options;
  const pipeline = await selectOne(config, name);
  return reading(config, async (warehouse) => {
    const loaded = await readLoaded(pipeline, warehouse);
    loadedMonth(loaded, billingMonth);
    const [after, ...older] = await requireCapability(warehouse, "previous").history(loaded.table, billingMonth);
    const before = after === undefined ? undefined : older.find((receipt) => !isSameDelivery(receipt, after));
    if (after === undefined || before === undefined) {
      throw new BillhouseError(
        "USAGE_INVALID",
        `Only one delivery of ${billingMonth} was loaded into ${pipeline.name}.`,
        {
          hint: "There is nothing to compare until the cloud delivers the month again.",
        },
      );
    }
    // What is loaded now may have been loaded again since.
    const changing = [after, ...older].at(older.indexOf(before)) ?? after;
    const reason = reasonOfLoad(changing, before);
    const now = after.summary ?? (await summaryNow(loaded, billingMonth, warehouse));
    const summaries = before.summary === null ? null : alignSummaries(before.summary, now);
    const by = (property: Property): readonly ChangedGroup[] =>
      summaries === null ? [] : changesBy(summaries, property);
    const isFolded = [...(before.summary ?? []), ...now].some(({ account }) => account === otherAccounts);
    return {
      name: pipeline.name,
      table: tableTitle(pipeline),
      billingMonth,
      isRestatement: reason === "restated",
      reason,
      before: describeReceipt(before),
      after: describeReceipt(after),
      lines: summaries === null ? [] : compareLines(summaries),
      services: by("service"),
      accounts: by("account"),
      chargeTypes: by("charge_type"),
      notes: [
        ...(summaries === null ? ["The receipt of the previous load contains only totals."] : []),
        ...(isFolded ? [`Accounts with small amounts are added up as ${otherAccounts}.`] : []),
      ],
    };
  });
}

const diffRules: Shape<DiffOptions> = { pipeline: text, month: text };

/** A load in a comparison. */
export function describeReceipt(receipt: Receipt): ComparedLoad {
  const { executionId, loadedAt, rows, tableCost, cost } = receipt;
  return {
    executionId,
    executionIds: executionIdsOf(receipt),
    loadedAt,
    rows,
    // The sum of the lines is that of the table, which rounds values with too many digits.
    cost: tableCost ?? cost,
  };
}

async function summaryNow(
  loaded: LoadedTable,
  billingMonth: BillingMonth,
  warehouse: Warehouse,
): Promise<readonly CostLine[]> {
  return (await requireCapability(warehouse, "measuring").measureMonth(measuredColumns(loaded, billingMonth))).summary;
}
