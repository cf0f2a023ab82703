import { countingOrder } from "../../focus/counting.ts";
import { mappingOf } from "../../focus/mappings/index.ts";
import type { BillingMonth } from "../../model.ts";
import type { LoadedTable } from "../months/loaded.ts";
import { chargeTable } from "./source.ts";

/** Months that several exports of a cloud have, and which of them counts in the FOCUS views for a charge that several have. */
export interface CountedMonths {
  /** Oldest first. */
  readonly months: readonly BillingMonth[];
  /** The exports in the order in which they count; those that count together are in one list. */
  readonly order: readonly (readonly string[])[];
}

/** By export, the months that other exports of the same cloud have too; without such months an export is not in the map. */
export function countedMonths(loaded: readonly LoadedTable[]): ReadonlyMap<string, readonly CountedMonths[]> {
  const tables = loaded.flatMap(({ pipeline, table, ledger, months }) => {
    const { columns, registry, receipts } = ledger;
    if (columns === null) return [];
    const own = chargeTable({ table, columns, registry, tracking: [], stateIn: table.dataset }, pipeline);
    const mapping = mappingOf(own);
    // Which FOCUS files have charges of the same vendor is known only from their rows.
    if (mapping === undefined || mapping.cloud === "focus") return [];
    // Rows of a month that the state has forgotten are still in the table.
    const held = new Set([...months.keys(), ...receipts.map(({ billingMonth }) => billingMonth)]);
    const partial = receipts.filter(({ missingDays }) => missingDays.length > 0);
    return { table: own, mapping, held, partial: new Set(partial.map(({ billingMonth }) => billingMonth)) };
  });
  const found = [...Map.groupBy(tables, ({ mapping }) => mapping.cloud).values()].flatMap((ofCloud) => {
    const months = [...new Set(ofCloud.flatMap(({ held }) => [...held]))].toSorted();
    const orders = months.map((month) => {
      const having = ofCloud.filter(({ held }) => held.has(month));
      const partial = having.filter((each) => each.partial.has(month)).map(({ table }) => table.exportName);
      const parts = having.map(({ mapping, table }) => ({ mapping, tables: [table] }));
      return { month, order: countingOrder(parts, new Set(partial)) };
    });
    return [...Map.groupBy(orders, ({ order }) => JSON.stringify(order)).values()].flatMap((alike) => {
      const order = alike[0]?.order ?? [];
      return order.length < 2 ? [] : { months: alike.map(({ month }) => month), order };
    });
  });
  const named = found.flatMap((each) => each.order.flat().map((name) => ({ name, each })));
  return new Map([...Map.groupBy(named, ({ name }) => name)].map(([name, own]) => [name, own.map(({ each }) => each)]));
}
