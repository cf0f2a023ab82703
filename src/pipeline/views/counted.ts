import { countingOrder } from "../../focus/counting.ts";
import { mappingOf } from "../../focus/mappings/index.ts";
import type { BillingMonth, Receipt } from "../../model.ts";
import { otherAccounts } from "../../warehouses/warehouse.ts";
import type { LoadedTable } from "../months/loaded.ts";
import { chargeTable } from "./source.ts";

/** Months that several exports of a cloud have, and which of them counts in the FOCUS views for a charge that several have. */
export interface CountedMonths {
  /** Oldest first. */
  readonly months: readonly BillingMonth[];
  /** The exports in the order in which they count; those that count together are in one list. */
  readonly order: readonly (readonly string[])[];
}

/**
 * By export, the months that other exports of the same cloud have too, and those in which FOCUS files have accounts of other
 * exports; without such months an export is not in the map.
 */
export function countedMonths(loaded: readonly LoadedTable[]): ReadonlyMap<string, readonly CountedMonths[]> {
  const all = loaded.flatMap(({ pipeline, table, ledger, months }) => {
    const { columns, registry, receipts } = ledger;
    if (columns === null) return [];
    const own = chargeTable({ table, columns, registry, tracking: [], stateIn: table.dataset }, pipeline);
    const mapping = mappingOf(own);
    if (mapping === undefined) return [];
    // Rows of a month that the state has forgotten are still in the table.
    const held = new Set([...months.keys(), ...receipts.map(({ billingMonth }) => billingMonth)]);
    const partial = receipts.filter(({ missingDays }) => missingDays.length > 0);
    return {
      table: own,
      mapping,
      held,
      partial: new Set(partial.map(({ billingMonth }) => billingMonth)),
      accounts: new Map(receipts.map((receipt) => [receipt.billingMonth, accountsOf(receipt)])),
    };
  });
  const tables = all.filter(({ mapping }) => mapping.cloud !== "focus");
  const files = all.filter(({ mapping }) => mapping.cloud === "focus");
  const found = [...Map.groupBy(tables, ({ mapping }) => mapping.cloud).values()].flatMap((ofCloud) => {
    const months = [...new Set(ofCloud.flatMap(({ held }) => [...held]))].toSorted();
    const orders = months.map((month) => {
      const having = ofCloud.filter(({ held }) => held.has(month));
      const known = new Set(having.flatMap(({ accounts }) => [...(accounts.get(month) ?? [])]));
      // Which other FOCUS files have charges of the same vendor is known only from their rows.
      const sharing = files.filter(({ accounts }) => [...(accounts.get(month) ?? [])].some((name) => known.has(name)));
      const partial = having.filter((each) => each.partial.has(month)).map(({ table }) => table.exportName);
      const parts = having.map(({ mapping, table }) => ({ mapping, tables: [table] }));
      const order = [...countingOrder(parts, new Set(partial)), ...sharing.map(({ table }) => [table.exportName])];
      return { month, order };
    });
    return [...Map.groupBy(orders, ({ order }) => JSON.stringify(order)).values()].flatMap((alike) => {
      const order = alike[0]?.order ?? [];
      return order.length < 2 ? [] : { months: alike.map(({ month }) => month), order };
    });
  });
  const named = found.flatMap((each) => each.order.flat().map((name) => ({ name, each })));
  return new Map([...Map.groupBy(named, ({ name }) => name)].map(([name, own]) => [name, own.map(({ each }) => each)]));
}

/** The accounts, or subscriptions, that a receipt names, without their paths. */
function accountsOf({ summary }: Receipt): ReadonlySet<string> {
  const named = (summary ?? []).flatMap(({ account }) => account ?? []).filter((account) => account !== otherAccounts);
  return new Set(named.map((account) => account.toLowerCase().replace(/^\/subscriptions\//, "")));
}
