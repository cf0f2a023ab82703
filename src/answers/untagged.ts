import { checkArguments, count, date, listOf, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import {
  all,
  cases,
  decimal,
  field,
  isOneOf,
  lower,
  not,
  present,
  text as constant,
  where,
} from "../focus/expression.ts";
import { anyTag, isTaggable } from "../focus/rollup-columns.ts";
import type { BillingMonth } from "../model.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { compareDecimals, subtractDecimals } from "../schema/decimals.ts";
import { checkMonths } from "../schema/periods.ts";
import { addDecimals } from "../schema/sums.ts";
import { shareOf } from "./arithmetic.ts";
import {
  type AccountNames,
  accountNamesOf,
  type AnswerOptions,
  type Bills,
  byCurrency,
  monthOfAnswer,
  readingBills,
} from "./bills.ts";
import { type ChargeGroup, countOthers, othersCount, sumCharges } from "./charges.ts";
import { ofExports } from "./conditions.ts";
import { columnNamesOf, dimensionOf, tag } from "./dimensions.ts";
import { type Answer, loadsOf } from "./loads.ts";
import { loadedMonthsOf } from "./periods.ts";

/** What `untagged` looks for. */
export interface UntaggedOptions extends AnswerOptions {
  /** By default the newest loaded month that is over. */
  readonly month?: BillingMonth;
  /** The key of a tag; without one, a charge is untagged if it lacks tags altogether. */
  readonly tag?: string;
  /** Values that mean that a tag is not set, such as `n/a`, in any case, besides those of `[focus]`. Empty values always do. */
  readonly placeholders?: readonly string[];
  /** Dimensions as in `costs`; by default service, account and resource. */
  readonly by?: readonly string[];
  /** How many groups are listed; by default all. */
  readonly top?: number;
}

/** The answer of `untagged`. Amounts are exact decimal text of effective cost; shares are rounded to 6 digits after the point. */
export interface UntaggedResult extends Answer {
  readonly month: BillingMonth;
  /** Null if any tag counts. */
  readonly tag: string | null;
  readonly by: readonly string[];
  /** The names of the sub-accounts, where groups are by account. */
  readonly accountNames: AccountNames;
  readonly currency: Readonly<Record<string, CurrencyUntagged>>;
}

/** What is untagged in one currency. */
export interface CurrencyUntagged {
  /** Effective cost before credits and tax. */
  readonly total: string;
  /** Usage of resources with a cost, without unused commitments, corrections, and clouds where the key is not activated. */
  readonly taggable: string;
  /** The part of `taggable` without the tag. */
  readonly untagged: string;
  /** untagged / taggable; null without taggable cost. */
  readonly untaggedShare: string | null;
  /** 1 - untagged / taggable. */
  readonly coverage: string | null;
  /** Total minus what is tagged: untagged, and what cannot have a tag. */
  readonly unallocated: string;
  /** unallocated / total. */
  readonly unallocatedShare: string | null;
  /** The clouds in which no charge of the month has the key, with what would be taggable there. */
  readonly notActivated: readonly { readonly cloud: string; readonly taggable: string }[];
  /** The most expensive groups first. */
  readonly rows: readonly UntaggedRow[];
  /** The groups that are not listed. */
  readonly rest: { readonly groups: number; readonly cost: string };
  /** The loaded months up to this one, at most 12, oldest first. */
  readonly months: readonly TaggedMonth[];
}

/** Untagged cost of a group. */
export interface UntaggedRow {
  readonly keys: Readonly<Record<string, string | null>>;
  readonly cost: string;
  /** The part of all untagged cost. */
  readonly share: string | null;
}

/** How much of a month is tagged. */
export interface TaggedMonth {
  readonly month: BillingMonth;
  readonly taggable: string;
  readonly untagged: string;
  readonly coverage: string | null;
}

const category = field("ChargeCategory");
const effective = field("EffectiveCost", "decimal");
const cloud = field("HostProviderName");

/** Months whose coverage is shown. */
const shownMonths = 12;

/**
 * What lacks a tag in a month, by service, account and resource.
 * Errors: CONFIG_INVALID, USAGE_INVALID (also for a month that is not loaded), WAREHOUSE_NOT_FOUND if nothing is loaded,
 * and those of opening the warehouse.
 */
export async function untagged(config: Config, options: UntaggedOptions = {}): Promise<UntaggedResult> {
  checkArguments(config, options, untaggedRules);
  checkMonths({ only: options.month === undefined ? [] : [options.month] });
  return readingBills(config, options, (bills) => untaggedIn(bills, options));
}

/** The same of bills that are open, with checked options. */
export async function untaggedIn(
  bills: Bills,
  options: UntaggedOptions,
): Promise<Omit<UntaggedResult, keyof ReadSource>> {
  const { by = ["service", "account", "resource"], top = Infinity } = options;
  const { config, exports } = bills;
  const dimensions = by.map((name) => dimensionOf(name, config.focus.tags));
  const columns = columnNamesOf(by);
  const value = options.tag === undefined ? anyTag : tag(options.tag, config.focus.tags);
  const month = monthOfAnswer(bills, options.month);
  const months = loadedMonthsOf(exports)
    .filter((each) => each <= month)
    .slice(-shownMonths);
  const words = [...config.focus.placeholders, ...(options.placeholders ?? []).map((word) => word.toLowerCase())];
  // What is read where no key is named is all tags of a charge, which are not one of the words.
  const isPlaceholder = options.tag === undefined || words.length === 0 ? [] : [isOneOf(lower(value), ...words)];
  const isTagged = all(present(value), ...isPlaceholder.map(not));
  const keys = { currency: field("BillingCurrency"), month: field("x_BillingMonth"), cloud };
  const states = await sumCharges(bills, {
    by: {
      ...keys,
      kind: cases([[isTaggable, constant("taggable")]], constant("other")),
      tagged: cases([[isTagged, constant("yes")]], constant("no")),
    },
    sum: {
      cost: where(not(isOneOf(category, "Credit", "Tax")), effective),
      present: where(present(value), decimal("1")),
    },
    rows: [ofExports(exports), isOneOf(field("x_BillingMonth"), ...months)],
  });
  const groups = await sumCharges(bills, {
    by: { ...keys, ...Object.fromEntries(dimensions.map((dimension, index) => [columns[index] ?? "", dimension])) },
    sum: { cost: effective },
    ...(by.includes("account") ? { greatest: { accountName: field("SubAccountName") } } : {}),
    rows: [ofExports(exports), isOneOf(field("x_BillingMonth"), month), isTaggable, not(isTagged)],
    // A bill can have a million resources, each of one cloud. Other groups of two clouds can be the same.
    ...(by.includes("resource") && top !== Infinity ? { most: top, within: ["currency", "cloud"] } : {}),
  });
  const inMonth = new Set(states.filter((state) => state["month"] === month).map(({ currency }) => currency));
  return {
    month,
    tag: options.tag ?? null,
    by,
    accountNames: accountNamesOf(groups, columns[by.indexOf("account")] ?? ""),
    loads: loadsOf(exports, months),
    currency: byCurrency(
      states.filter(({ currency }) => inMonth.has(currency)),
      (own, currency) => {
        const of = groups.filter((group) => (group["currency"] ?? "") === currency);
        return currencyUntagged(own, of, { month, months, by, top });
      },
    ),
  };
}

const untaggedRules: Shape<UntaggedOptions> = {
  month: optional(text),
  tag: optional(text),
  placeholders: optional(listOf(text)),
  pipelines: names,
  by: optional(listOf(text)),
  top: optional(count),
  now: optional(date),
};

function currencyUntagged(
  states: readonly ChargeGroup[],
  groups: readonly ChargeGroup[],
  scope: {
    readonly month: BillingMonth;
    readonly months: readonly BillingMonth[];
    readonly by: readonly string[];
    readonly top: number;
  },
): CurrencyUntagged {
  const own = states.filter((state) => state["month"] === scope.month);
  const columns = columnNamesOf(scope.by);
  const activated = activatedClouds(own);
  const { taggable, untagged: missing, coverage } = monthOf(scope.month, states);
  const total = totalOf(own);
  const unallocated = subtractDecimals(total, subtractDecimals(taggable, missing));
  const withoutKey = [...Map.groupBy(own.filter(isTaggableGroup), cloudOf)].filter(([name]) => !activated.has(name));
  const ofActivated = groups.filter((group) => activated.has(cloudOf(group)));
  const others = ofActivated.filter((group) => group[othersCount] != null);
  const rows = ofActivated
    .filter((group) => group[othersCount] == null)
    .map((group) => ({
      keys: Object.fromEntries(scope.by.map((name, index) => [name, group[columns[index] ?? ""] ?? null])),
      cost: group["cost"] ?? "0",
    }));
  const ranked = [...Map.groupBy(rows, ({ keys }) => JSON.stringify(keys))]
    .map(([name, same]) => {
      const cost = addDecimals(same.map((row) => row.cost));
      return { name, row: { keys: same[0]?.keys ?? {}, cost, share: shareOf(cost, missing) } };
    })
    .toSorted((one, other) => compareDecimals(other.row.cost, one.row.cost) || (one.name < other.name ? -1 : 1))
    .map(({ row }) => row);
  const listed = ranked.slice(0, scope.top);
  const rest = [...ranked.slice(listed.length).map(({ cost }) => cost), ...others.map(({ cost }) => cost ?? "0")];
  return {
    total,
    taggable,
    untagged: missing,
    untaggedShare: shareOf(missing, taggable),
    coverage,
    unallocated,
    unallocatedShare: shareOf(unallocated, total),
    notActivated: withoutKey.map(([name, same]) => ({ cloud: name, taggable: totalOf(same) })),
    rows: listed,
    rest: { groups: ranked.length - listed.length + countOthers(others), cost: addDecimals(rest) },
    months: scope.months.map((month) => monthOf(month, states)),
  };
}

/** The taggable cost of a month, in the clouds where the key is activated. */
function monthOf(month: BillingMonth, states: readonly ChargeGroup[]): TaggedMonth {
  const own = states.filter((state) => state["month"] === month);
  const activated = activatedClouds(own);
  const taggable = own.filter((state) => isTaggableGroup(state) && activated.has(cloudOf(state)));
  const all = totalOf(taggable);
  const missing = totalOf(taggable.filter((state) => state["tagged"] === "no"));
  return { month, taggable: all, untagged: missing, coverage: shareOf(subtractDecimals(all, missing), all) };
}

/** The clouds with at least one charge that has the key. */
function activatedClouds(states: readonly ChargeGroup[]): ReadonlySet<string> {
  return new Set(states.filter((state) => (state["present"] ?? null) !== null).map(cloudOf));
}

function isTaggableGroup(state: ChargeGroup): boolean {
  return state["kind"] === "taggable";
}

function cloudOf(group: ChargeGroup): string {
  return group["cloud"] ?? "";
}

function totalOf(groups: readonly ChargeGroup[]): string {
  return addDecimals(groups.map((group) => group["cost"] ?? "0"));
}
