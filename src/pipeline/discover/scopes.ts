import type { Receipt } from "../../model.ts";

/** An export as far as it can hold the same charges as another one. */
export interface ScopedExport {
  readonly name: string;
  readonly cloud: string;
  /** Whose charges it holds, where that is known. */
  readonly scope: string | null;
}

/** Whose charges a table holds, by the newest receipt that has it; null where none does. */
export function scopeOf(receipts: readonly Receipt[]): string | null {
  return receipts.findLast(({ scope }) => scope !== null)?.scope ?? null;
}

/** By name, a sentence on every export that holds the same charges as another one; nothing for the others. */
export function doubleCounting(exports: readonly ScopedExport[]): ReadonlyMap<string, readonly string[]> {
  const notes = new Map<string, readonly string[]>();
  for (const each of exports) {
    const same = exports.filter(
      (other) => other !== each && each.scope !== null && other.scope === each.scope && other.cloud === each.cloud,
    );
    if (same.length === 0) continue;
    const names = same.map(({ name }) => name).join(" and ");
    notes.set(each.name, [
      `Holds the charges of ${each.scope}, as ${names} does: adding them up counts every cost more than once.`,
    ]);
  }
  return notes;
}
