import type { BillingMonth, Receipt } from "../../model.ts";
import { monthSpans } from "../../schema/periods.ts";

/** An export as far as it can hold the same charges as another one. */
export interface ScopedExport {
  readonly name: string;
  readonly cloud: string;
  /** Whose charges it holds, where that is known. */
  readonly scope: string | null;
  /** The billing months that it holds. */
  readonly months: readonly BillingMonth[];
}

/** Whose charges a table holds, by the newest receipt that has it; null where none does. */
export function scopeOf(receipts: readonly Receipt[]): string | null {
  return receipts.findLast(({ scope }) => scope !== null)?.scope ?? null;
}

/** By name, a sentence for every other export that holds the same charges in the same months; nothing without one. */
export function doubleCounting(exports: readonly ScopedExport[]): ReadonlyMap<string, readonly string[]> {
  const notes = new Map<string, readonly string[]>();
  for (const each of exports) {
    const shared = exports.flatMap((other) => {
      const isSame = other !== each && each.scope !== null && other.scope === each.scope && other.cloud === each.cloud;
      const months = isSame ? each.months.filter((month) => other.months.includes(month)) : [];
      return months.length === 0 ? [] : { name: other.name, months: monthSpans(months) };
    });
    const sentences = [...Map.groupBy(shared, ({ months }) => months)].map(
      ([months, others]) =>
        `Holds the charges of ${each.scope} in ${months}, as ${others.map(({ name }) => name).join(" and ")} ${others.length === 1 ? "does" : "do"}: adding them up counts these costs more than once.`,
    );
    if (sentences.length > 0) notes.set(each.name, sentences);
  }
  return notes;
}
