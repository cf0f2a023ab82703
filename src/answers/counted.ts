import type { Config } from "../config/config.ts";
import { field, isOneOf } from "../focus/expression.ts";
import type { BillingMonth } from "../model.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import { type ChargeGroup, sumCharges } from "./charges.ts";
import { ofExports } from "./conditions.ts";
import { type LoadedExport, type LoadedMonthFacts, loadedMonthsOf, monthsIn, type Period, titleOf } from "./periods.ts";

/**
 * The exports by what counts of them in the FOCUS views. Where several exports of a cloud are loaded, their charges count once: a
 * month of which nothing counts is in `replacedIn` and no longer in `months`. So is a month that an export does not have while
 * another one counts for its accounts, as after a change from a CUR to a FOCUS export, and any month of an export of which nothing
 * counts anywhere.
 * Errors: those of reading the view.
 */
export async function withCounted(
  exports: readonly LoadedExport[],
  reading: { readonly warehouse: Warehouse; readonly config: Config },
): Promise<readonly LoadedExport[]> {
  const loaded = exports.filter(({ months }) => months.size > 0);
  const rivals = [...Map.groupBy(loaded, ({ cloud }) => cloud).values()].filter((own) => own.length > 1).flat();
  if (rivals.length === 0) return exports;
  const places = await sumCharges(reading, {
    by: { export: field("x_Export"), month: field("x_BillingMonth"), account: field("SubAccountId") },
    rows: [ofExports(rivals), isOneOf(field("x_BillingMonth"), ...loadedMonthsOf(rivals))],
  });
  return exports.map((each) => {
    const others = rivals.filter(({ cloud, name }) => cloud === each.cloud && name !== each.name);
    return rivals.includes(each) ? asCounted(each, others, places) : each;
  });
}

/** An export, beside the other ones of its cloud. */
function asCounted(each: LoadedExport, others: readonly LoadedExport[], places: readonly ChargeGroup[]): LoadedExport {
  const own = places.filter((place) => place["export"] === each.name);
  const accounts = new Set(own.map(({ account }) => account));
  const ofOthers = places.filter((place) => others.some(({ name }) => name === place["export"]));
  const isReplaced = (month: BillingMonth): boolean => {
    if (own.some((place) => place["month"] === month)) return false;
    const rival = ofOthers.filter((place) => place["month"] === month);
    const facts = each.months.get(month);
    if (facts !== undefined) {
      const counting = others.filter(({ name }) => rival.some((place) => place["export"] === name));
      const isTogether = counting.some(({ months }) => isOneBill(facts, months.get(month)));
      // A month that was delivered without rows counts as it is.
      return facts.rows !== 0 && counting.length > 0 && !isTogether;
    }
    if (own.length === 0 && each.months.size > 0) return rival.length > 0 && [...each.months.keys()].every(isReplaced);
    return rival.some(({ account = null }) => account !== null && accounts.has(account));
  };
  const replacedIn = new Set(loadedMonthsOf([each, ...others]).filter(isReplaced));
  return { ...each, replacedIn, months: new Map([...each.months].filter(([month]) => !replacedIn.has(month))) };
}

/** Whether two exports make one bill, as actual and amortized cost do: then both count, even where only one has rows. */
function isOneBill({ dataset }: LoadedMonthFacts, other: LoadedMonthFacts | undefined): boolean {
  const both = [dataset, other?.dataset];
  return both.includes("ActualCost") && both.includes("AmortizedCost");
}

/** Which exports of a cloud count for two periods, as sentences, where they are not the same ones. */
export function changedSources(exports: readonly LoadedExport[], before: Period, period: Period): readonly string[] {
  return [...Map.groupBy(exports, ({ cloud }) => cloud).values()].flatMap((own) => {
    const namesIn = (months: readonly BillingMonth[]): string =>
      own
        .filter((each) => months.some((month) => each.months.has(month)))
        .map(({ name }) => name)
        .join(" and ");
    const [then, now] = [namesIn(monthsIn(before)), namesIn(monthsIn(period))];
    if (then === now || then === "" || now === "") return [];
    return [`The charges of ${titleOf(before)} are those of ${then}, and of ${titleOf(period)} those of ${now}.`];
  });
}
