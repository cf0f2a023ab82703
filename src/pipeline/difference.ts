import type { Config } from "../config.ts";
import { BillhouseError } from "../errors.ts";
import type { BillingMonth, CostLine, Receipt } from "../model.ts";
import { compareDecimals, subtractDecimals } from "../schema/decimals.ts";
import { addDecimals } from "../schema/sums.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import type { ChangedLine, ComparedLoad, DiffResult } from "./events.ts";
import { reading } from "./inspect.ts";
import { loadedMonth, measuredColumns, readLoaded, titleOf, type LoadedTable } from "./loaded.ts";
import { selectOne } from "./select.ts";
import { fingerprintOf } from "./undone.ts";

/**
 * What the newest restatement of a month changed: by service, account and charge type, what its load before held and what
 * is loaded now. Reads receipts; only a month without a summary of its own is measured in its table.
 * Errors: USAGE_INVALID when the month is not loaded, or was loaded from one delivery only; STATE_INVALID, and those of
 * opening the warehouse.
 */
export async function diff(config: Config, name: string, billingMonth: BillingMonth): Promise<DiffResult> {
  const pipeline = selectOne(config, name);
  return reading(config, async (warehouse) => {
    const loaded = await readLoaded(pipeline, warehouse);
    loadedMonth(loaded, billingMonth);
    const [after, ...older] = await warehouse.history(loaded.table, billingMonth);
    const before = after === undefined ? undefined : older.find((receipt) => !isSameDelivery(receipt, after));
    if (after === undefined || before === undefined) {
      throw new BillhouseError("USAGE_INVALID", `${billingMonth} of ${name} was loaded from one delivery only.`, {
        hint: "There is nothing to compare it with until the cloud restates it.",
      });
    }
    const lines = {
      before: before.summary,
      after: after.summary ?? (await summaryNow(loaded, billingMonth, warehouse)),
    };
    const isKnown = lines.before !== null;
    return {
      name: pipeline.name,
      table: titleOf(loaded),
      billing_month: billingMonth,
      before: describeReceipt(before),
      after: describeReceipt(after),
      lines: lines.before === null ? [] : compareLines(lines.before, lines.after),
      notes: isKnown ? [] : ["The receipt of the load before tells only its totals: it was not made by this version."],
    };
  });
}

/** Whether two receipts tell of the same files, so that between them nothing was restated. */
export function isSameDelivery(one: Receipt, other: Receipt): boolean {
  if (one.executionId !== other.executionId) return false;
  return one.files === null || other.files === null || fingerprintOf(one.files) === fingerprintOf(other.files);
}

/** What of two summaries differs, the largest change first. */
export function compareLines(before: readonly CostLine[], after: readonly CostLine[]): readonly ChangedLine[] {
  const keyOf = ({ service, account, charge_type, currency }: CostLine): string =>
    JSON.stringify([service, account, charge_type, currency]);
  const olds = new Map(before.map((line) => [keyOf(line), line]));
  const news = new Map(after.map((line) => [keyOf(line), line]));
  const changed = [...new Set([...olds.keys(), ...news.keys()])].flatMap((key): ChangedLine[] => {
    const [old, now] = [olds.get(key), news.get(key)];
    const known = now ?? old;
    if (known === undefined) return [];
    const { service, account, charge_type, currency } = known;
    const [costBefore, costAfter] = [old?.cost ?? "0", now?.cost ?? "0"];
    const [rowsBefore, rowsAfter] = [old?.rows ?? 0, now?.rows ?? 0];
    const difference = subtractDecimals(costAfter, costBefore);
    if (rowsBefore === rowsAfter && difference === "0") return [];
    return [
      {
        service,
        account,
        charge_type,
        currency,
        rows_before: rowsBefore,
        rows_after: rowsAfter,
        cost_before: costBefore,
        cost_after: costAfter,
        difference,
      },
    ];
  });
  return bySize(changed);
}

/** What the lines come to for each value of one of their properties, the largest change first. */
export function changesBy(
  lines: readonly ChangedLine[],
  property: "service" | "account" | "charge_type",
): readonly (Omit<ChangedLine, "service" | "account" | "charge_type"> & { readonly value: string | null })[] {
  const groups = Map.groupBy(lines, (line) => JSON.stringify([line[property], line.currency]));
  const added = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const sum = (of: "cost_before" | "cost_after" | "difference"): string => addDecimals(group.map((line) => line[of]));
    return [
      {
        value: first[property],
        currency: first.currency,
        rows_before: group.reduce((total, line) => total + line.rows_before, 0),
        rows_after: group.reduce((total, line) => total + line.rows_after, 0),
        cost_before: sum("cost_before"),
        cost_after: sum("cost_after"),
        difference: sum("difference"),
      },
    ];
  });
  return bySize(added);
}

function bySize<T extends { readonly difference: string }>(changes: readonly T[]): readonly T[] {
  const size = ({ difference }: T): string => difference.replace("-", "");
  return changes.toSorted((one, other) => compareDecimals(size(other), size(one)));
}

/** A load as it is compared with another one. */
export function describeReceipt({ executionId, loadedAt, rows, tableCost, cost }: Receipt): ComparedLoad {
  // What the lines add up to: the table, which rounds what has more digits than it keeps.
  return { execution_id: executionId, loaded_at: loadedAt, rows, cost: tableCost ?? cost };
}

async function summaryNow(
  loaded: LoadedTable,
  billingMonth: BillingMonth,
  warehouse: Warehouse,
): Promise<readonly CostLine[]> {
  return (await warehouse.measureMonth(measuredColumns(loaded, billingMonth))).summary;
}
