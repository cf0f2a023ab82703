import type { Config, PipelineConfig } from "../config/config.ts";
import type { BillingMonth } from "../model.ts";
import { selectPipelines } from "../pipeline/months/select.ts";
import { reading, type ReadSource } from "../pipeline/open.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import type { ChargeGroup } from "./charges.ts";
import { withCounted } from "./counted.ts";
import { readJoined } from "./joined.ts";
import { type LoadedExport, newestMonth, readExports, requireLoaded } from "./periods.ts";

/** What every answer can be asked for. */
export interface AnswerOptions {
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
  /** By default the time of the call. */
  readonly now?: Date;
}

/** The loaded bills, opened for one or more answers: all of them see the same exports at the same time. */
export interface Bills {
  readonly config: Config;
  readonly warehouse: Warehouse;
  readonly pipelines: readonly PipelineConfig[];
  /** The chosen exports, also those of which nothing is loaded; with all of them, tables of `[focus.tables]` too. */
  readonly exports: readonly LoadedExport[];
  readonly now: Date;
}

/**
 * Opens the bills, and returns an answer with what it was read from. Nothing is written. Errors: USAGE_INVALID for an unknown
 * export, those of opening the warehouse and of the answer.
 */
export async function readingBills<T extends object>(
  config: Config,
  { pipelines, now = new Date() }: AnswerOptions,
  answer: (bills: Bills) => Promise<T>,
): Promise<T & ReadSource> {
  const selected = await selectPipelines(config, pipelines);
  return reading(config, async (warehouse) => {
    const loaded = await withCounted(await readExports(selected, warehouse, now), { warehouse, config });
    // No section of [sources] chooses tables that others fill.
    const joined = selected.length === config.pipelines.length ? await readJoined(config, warehouse, now) : [];
    return answer({ config, warehouse, pipelines: selected, exports: [...loaded, ...joined], now });
  });
}

/**
 * The one month of an answer: the named one, else the newest loaded month that is over. Errors: USAGE_INVALID if it is not
 * loaded, WAREHOUSE_NOT_FOUND if nothing is.
 */
export function monthOfAnswer({ exports, now }: Bills, named: BillingMonth | undefined): BillingMonth {
  const month = named ?? newestMonth(exports, now);
  requireLoaded(exports, { from: month, to: month });
  return month;
}

/** The names of sub-accounts, by id. */
export type AccountNames = Readonly<Record<string, string>>;

/** The names that groups give their accounts in `accountName`: from the bill, or from the list of accounts. */
export function accountNamesOf(groups: readonly ChargeGroup[], id: string): AccountNames {
  return Object.fromEntries(
    groups.flatMap((group): [string, string][] => {
      const [account, name] = [group[id] ?? null, group["accountName"] ?? null];
      return account === null || name === null ? [] : [[account, name]];
    }),
  );
}

/** An answer for each currency, in the order of their names. Groups without a currency count under the empty text. */
export function byCurrency<G extends { readonly [name: string]: string | null }, T>(
  groups: readonly G[],
  answer: (own: readonly G[], currency: string) => T,
): Readonly<Record<string, T>> {
  const currencies = [...Map.groupBy(groups, (group) => group["currency"] ?? "")];
  return Object.fromEntries(
    currencies
      .toSorted(([first], [second]) => (first < second ? -1 : 1))
      .map(([currency, own]) => [currency, answer(own, currency)]),
  );
}
