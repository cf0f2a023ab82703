import type { Config } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import type { BillingMonth, CurrencySums, Receipt } from "../../model.ts";
import { receiptPackage } from "../../state/package.ts";
import type { Warehouse } from "../../warehouses/warehouse.ts";
import { type LoadedTable, readLoaded } from "../months/loaded.ts";
import { tableTitle } from "../months/select.ts";
import { viewDiffers, viewDiffersFlag } from "./flag.ts";
import { sumsOfView, type ViewSum } from "./sums.ts";

/** What a check of the FOCUS view found. */
export interface CheckedView {
  /** One error for each sum that differs: FOCUS_SUM_MISMATCH. */
  readonly errors: readonly BillhouseError[];
  /** Whether a receipt was written. */
  readonly isRecorded: boolean;
}

/**
 * Compares the sums of the FOCUS view over some months of each export with what was loaded. The months stay loaded, because
 * their rows are proved: the receipt of a month whose sums differ gets the flag `view-differs`, and loses it when they no longer do.
 * Errors: those of the warehouse.
 */
export async function checkView(
  months: ReadonlyMap<string, readonly BillingMonth[]>,
  config: Config,
  warehouse: Warehouse,
): Promise<CheckedView> {
  const errors: BillhouseError[] = [];
  let isRecorded = false;
  for (const pipeline of config.pipelines) {
    const wanted = months.get(pipeline.name) ?? [];
    if (wanted.length === 0 || warehouse.query === undefined) continue;
    const loaded = await readLoaded(pipeline, warehouse);
    const sums = await sumsOfView(loaded, config, warehouse, wanted);
    const differing = sums.filter(({ expected, actual }) => expected !== null && !isSame(expected, actual));
    errors.push(...differing.map((sum) => mismatch(loaded, sum)));
    for (const month of wanted) {
      const receipt = loaded.months.get(month)?.receipt ?? null;
      const differs = differing.some(({ billingMonth }) => billingMonth === month);
      if (receipt === null || viewDiffers(receipt) === differs) continue;
      await warehouse.append(loaded.table, (current) =>
        receiptPackage(current, loaded.table, withFlag(receipt, differs), new Date()),
      );
      isRecorded = true;
    }
  }
  return { errors, isRecorded };
}

function withFlag(receipt: Receipt, differs: boolean): Receipt {
  const others = receipt.flags.filter((one) => one !== viewDiffersFlag);
  return { ...receipt, flags: differs ? [...others, viewDiffersFlag] : others };
}

function isSame(one: CurrencySums, other: CurrencySums): boolean {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].every(
    (currency) => (one[currency] ?? "0") === (other[currency] ?? "0"),
  );
}

function mismatch({ pipeline }: LoadedTable, sum: ViewSum): BillhouseError {
  const { billingMonth, column, actual, expected, isOfSeveral } = sum;
  const show = (sums: CurrencySums | null): string =>
    Object.entries(sums ?? {})
      .map(([currency, amount]) => `${amount} ${currency}`.trim())
      .join(" and ") || "0";
  const what = `The ${column} of ${billingMonth} in the FOCUS view is ${show(actual)} for ${pipeline.name}, but ${show(expected)} was loaded.`;
  return new BillhouseError("FOCUS_SUM_MISMATCH", what, {
    hint: isOfSeveral
      ? `The exports of actual and amortized cost were probably made at different times. Run again when the next delivery of each has arrived; to compare both sums: billhouse verify ${pipeline.name} --month ${billingMonth}`
      : `The loaded rows are proved, and only the view differs: this is a bug in billhouse. Report it with both values, and use the table ${tableTitle(pipeline)} for this month.`,
  });
}
