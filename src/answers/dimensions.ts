import type { FocusConfig } from "../config/config.ts";
import { nearest } from "../config/nearest.ts";
import { BillhouseError, quoted } from "../errors.ts";
import {
  type Condition,
  day,
  type Expression,
  field,
  isOneOf,
  lower,
  not,
  present,
  replaced,
  some,
} from "../focus/expression.ts";
import { sku, tagValue } from "../focus/rollup-columns.ts";

/** What costs can be grouped and filtered by, as people name it, with the column of the view. */
const dimensions: Readonly<Record<string, Expression>> = {
  cloud: field("HostProviderName"),
  provider: field("ServiceProviderName"),
  export: field("x_Export"),
  payer: field("BillingAccountId"),
  account: field("SubAccountId"),
  owner: field("x_AccountOwner"),
  environment: field("x_AccountEnvironment"),
  category: field("ServiceCategory"),
  service: field("ServiceName"),
  region: field("RegionId"),
  resource: field("ResourceId"),
  sku,
  meter: field("SkuMeter"),
  charge: field("ChargeCategory"),
  pricing: field("PricingCategory"),
  commitment: field("CommitmentDiscountId"),
  invoice: field("InvoiceId"),
  month: field("x_BillingMonth"),
  day: day(field("ChargePeriodStart", "timestamp")),
};

/** The id of a sub-account in lower case and without the path that Azure writes in some bills, as people write it. */
export const plainAccountId: Expression = replaced(lower(field("SubAccountId")), "^/subscriptions/", "");

/** An id of a sub-account as `plainAccountId` has it. */
export function plainAccount(id: string): string {
  return id.toLowerCase().replace(/^\/subscriptions\//, "");
}

/** The start of a dimension that is a tag: `tag:team`. */
const tagPrefix = "tag:";

/** The names of all dimensions, for help and hints. */
export const dimensionNames: readonly string[] = [...Object.keys(dimensions), `${tagPrefix}KEY`];

/** The column or tag that a word names. Error: USAGE_INVALID, which lists the words that there are. */
export function dimensionOf(name: string, tags: FocusConfig["tags"]): Expression {
  if (name.startsWith(tagPrefix) && name.length > tagPrefix.length) return tag(name.slice(tagPrefix.length), tags);
  const dimension = Object.hasOwn(dimensions, name) ? dimensions[name] : undefined;
  if (dimension !== undefined) return dimension;
  const close = nearest(name, Object.keys(dimensions));
  throw new BillhouseError("USAGE_INVALID", `Costs cannot be grouped or filtered by ${quoted(name)}.`, {
    hint: `${close === undefined ? "" : `Did you mean ${close}? `}Choose from ${dimensionNames.join(", ")}.`,
  });
}

/**
 * A name for the column of each dimension in a statement: that of its column in FOCUS where it is one, such as `ServiceName`. All
 * differ, also without regard to case.
 */
export function columnNamesOf(by: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return by.map((name) => {
    const column = Object.hasOwn(dimensions, name) ? dimensions[name] : undefined;
    const own = name.startsWith(tagPrefix) ? `x_Tag_${name.slice(tagPrefix.length)}`.replaceAll(/\W/g, "_") : name;
    const wanted = column?.is === "field" ? column.name : own;
    let free = wanted;
    for (let number = 2; taken.has(free.toLowerCase()); number += 1) free = `${wanted}_${number}`;
    taken.add(free.toLowerCase());
    return free;
  });
}

/**
 * The value of a tag, in the first of its configured spellings that a charge has; NULL where it has none, and where the value is
 * empty. Native AWS exports write `user:` before the keys of users. Error: USAGE_INVALID.
 */
export function tag(key: string, tags: FocusConfig["tags"]): Expression {
  if (!/["\\\p{Cc}]/u.test(key)) {
    const { spellings = [] } = tags.find((each) => each.key === key) ?? {};
    return tagValue({ key, spellings });
  }
  throw new BillhouseError("USAGE_INVALID", `${quoted(key)} is not a key of a tag.`, {
    hint: "Use a key without quotes, backslashes and control characters, such as tag:team.",
  });
}

/** The dimension and the value of each filter such as `service=Amazon EC2`. Error: USAGE_INVALID. */
export function filterParts(filters: readonly string[]): readonly { readonly name: string; readonly value: string }[] {
  return filters.map((filter) => {
    const [, name, value] = /^(tag:[^=]+|[^=]+)=(.*)$/su.exec(filter) ?? [];
    if (name !== undefined && value !== undefined) return { name, value };
    throw new BillhouseError("USAGE_INVALID", `${quoted(filter)} is not a filter.`, {
      hint: "Write a name, = and a value, such as 'service=Amazon EC2' or tag:team=web.",
    });
  });
}

/**
 * The conditions of filters: charges with this value, or without one where nothing follows the sign. Several filters of one
 * dimension allow each of their values. Error: USAGE_INVALID.
 */
export function filterConditions(filters: readonly string[], tags: FocusConfig["tags"]): readonly Condition[] {
  return [...Map.groupBy(filterParts(filters), ({ name }) => name)].map(([name, own]) => {
    const column = dimensionOf(name, tags);
    const values = own.map(({ value }) => value).filter((value) => value !== "");
    const isWanted =
      name === "account" ? isOneOf(plainAccountId, ...values.map(plainAccount)) : isOneOf(column, ...values);
    const given = values.length > 0 ? [isWanted] : [];
    return some(...given, ...(values.length < own.length ? [not(present(column))] : []));
  });
}
