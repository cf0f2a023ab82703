import { formatDecimal, readDecimal, subtractDecimals } from "../schema/decimals.ts";
import { addDecimals } from "../schema/sums.ts";
import { isPositive, isZero, negative, plus, proportion } from "./arithmetic.ts";
import type { ChargeGroup } from "./charges.ts";
import { type Part, parts } from "./parts.ts";
import { unitOf } from "./units.ts";

/** What the smallest unit of an explanation is: a price of one account. */
export interface CellKeys {
  readonly provider: string | null;
  readonly account: string | null;
  /** From the list of accounts; null where drivers are not grouped by owner. */
  readonly owner: string | null;
  readonly service: string | null;
  readonly region: string | null;
  readonly sku: string | null;
}

/** An amount of one part in one cell. */
export interface CellAmount {
  readonly keys: CellKeys;
  readonly part: Part;
  readonly amount: string;
  /** Of `new` and `gone`: what is new or gone; of `other`: why it could not be split. Else null. */
  readonly label: CellLabel | null;
  /** The meter of the SKU, which people recognise; null where it is not known. */
  readonly meter: string | null;
}

/** What is new or gone as a whole, or why a cell could not be split. */
export type CellLabel = "account" | "service" | "sku" | "unit changed" | "no quantity";

/** The parts of all cells, with what was estimated. */
export interface Decomposition {
  readonly amounts: readonly CellAmount[];
  /** Effective cost of metered usage in both periods, and of that whose contracted cost was estimated. */
  readonly metered: string;
  readonly estimated: string;
  /** Whether the price of a cell may contain a change of exchange rates, because its rate is not known. */
  readonly priceIncludesFx: boolean;
  /** Effective cost of usage that commitments covered: before and after. */
  readonly covered: readonly [before: string, after: string];
}

/** Metered usage of a cell in one period. */
interface Side {
  readonly quantity: string;
  readonly effective: string;
  readonly contracted: string;
  /** What commitments saved, and what other discounts did. */
  readonly savedByCommitments: string;
  readonly savedByDiscounts: string;
  /** One billing currency per pricing currency; null if there is not one rate. */
  readonly rate: string | null;
}

/**
 * Splits the difference of two periods into parts, cell by cell. The groups are those of `explain-sums.ts`, of one currency.
 * The parts of a cell add up to its difference exactly: all but one are rounded, and that one is what remains.
 */
export function decompose(groups: readonly ChargeGroup[]): Decomposition {
  const amounts: CellAmount[] = [];
  const metered = groups.filter((group) => group["class"] === "metered");
  for (const [, own] of Map.groupBy(groups, (group) => JSON.stringify([group["class"], keysOf(group)]))) {
    const [first] = own;
    if (first === undefined || first["class"] === "metered") continue;
    const amount = subtractDecimals(sumOf(after(own), "effective"), sumOf(before(own), "effective"));
    amounts.push({
      keys: keysOf(first),
      part: first["class"] as Part,
      amount,
      label: null,
      meter: first["meter"] ?? null,
    });
  }
  const known = knownBefore(groups);
  let priceIncludesFx = false;
  for (const [, own] of Map.groupBy(metered, (group) => JSON.stringify(keysOf(group)))) {
    const cells = splitCells(own, known);
    amounts.push(...cells.amounts);
    priceIncludesFx ||= cells.priceIncludesFx;
  }
  const covered = metered.filter((group) => group["used"] === "yes");
  return {
    amounts: amounts.filter(({ amount }) => !isZero(amount)),
    metered: sumOf(metered, "effective"),
    estimated: sumOf(metered, "missingEffective"),
    priceIncludesFx,
    covered: [sumOf(before(covered), "effective"), sumOf(after(covered), "effective")],
  };
}

/** The cells of one SKU, which differ only in the unit. */
function splitCells(groups: readonly ChargeGroup[], known: Known): Pick<Decomposition, "amounts" | "priceIncludesFx"> {
  const cells = [...Map.groupBy(groups, (group) => unitOf(group["unit"] ?? null).base).values()].map((own) => ({
    own,
    old: sideOf(before(own)),
    now: sideOf(after(own)),
  }));
  const [first] = groups;
  if (first === undefined) return { amounts: [], priceIncludesFx: false };
  const keys = keysOf(first);
  const meter = first["meter"] ?? null;
  const amounts: CellAmount[] = [];
  const add = (part: Part, amount: string, label: CellLabel | null = null): unknown =>
    amounts.push({ keys, part, amount, label, meter });
  const isChanged = cells.some(({ old }) => old === null) && cells.some(({ now }) => now === null);
  let priceIncludesFx = false;
  for (const { old, now } of cells) {
    const difference = subtractDecimals(now?.effective ?? "0", old?.effective ?? "0");
    if (old === null || now === null) {
      if (isChanged) add("other", difference, "unit changed");
      else add(old === null ? "new" : "gone", difference, labelOf(keys, old === null ? known.before : known.after));
    } else if (!isPositive(old.quantity) || !isPositive(now.quantity)) add("other", difference, "no quantity");
    else {
      const moved = subtractDecimals(now.contracted, old.contracted);
      const usage = proportion(old.contracted, subtractDecimals(now.quantity, old.quantity), old.quantity);
      const fx = fxOf(old, now);
      priceIncludesFx ||= fx === null;
      add("usage", usage);
      add("fx", fx ?? "0");
      add("price", subtractDecimals(subtractDecimals(moved, usage), fx ?? "0"));
      add("commitment", subtractDecimals(old.savedByCommitments, now.savedByCommitments));
      add("discount", subtractDecimals(old.savedByDiscounts, now.savedByDiscounts));
    }
  }
  return { amounts, priceIncludesFx };
}

/** What a change of the exchange rate added; null if a period does not have one rate. */
function fxOf(old: Side, now: Side): string | null {
  if (old.rate === null || now.rate === null || isZero(now.rate)) return null;
  return proportion(now.contracted, subtractDecimals(now.rate, old.rate), now.rate);
}

function sideOf(groups: readonly ChargeGroup[]): Side | null {
  if (groups.length === 0) return null;
  const used = groups.filter((group) => group["used"] === "yes");
  const others = groups.filter((group) => group["used"] !== "yes");
  // Where the negotiated cost is not known, uncommitted usage cost what it did cost.
  const contractedOthers = plus(sumOf(others, "contracted"), sumOf(others, "missingEffective"));
  const quantityOthers = quantityOf(others, "quantity");
  const missing = quantityOf(used, "missingQuantity");
  const estimated =
    isPositive(quantityOthers) && isPositive(missing)
      ? proportion(missing, contractedOthers, quantityOthers)
      : sumOf(used, "missingEffective");
  const contractedUsed = plus(sumOf(used, "contracted"), estimated);
  return {
    quantity: plus(quantityOf(used, "quantity"), quantityOthers),
    effective: sumOf(groups, "effective"),
    contracted: plus(contractedUsed, contractedOthers),
    savedByCommitments: subtractDecimals(contractedUsed, sumOf(used, "effective")),
    savedByDiscounts: subtractDecimals(contractedOthers, sumOf(others, "effective")),
    rate: rateOf(groups),
  };
}

/** The one rate of all rows; null if there are several, or if one of them is not known. */
function rateOf(groups: readonly ChargeGroup[]): string | null {
  const rates = new Set(groups.flatMap((group) => [group["leastRate"] ?? null, group["greatestRate"] ?? null]));
  const [rate = null, ...others] = rates;
  const isUnknown = groups.some((group) => !isZero(group["rowsWithoutRate"] ?? "0"));
  return others.length > 0 || isUnknown ? null : rate;
}

/** The accounts, and the services of each account, that had charges in a period. */
interface Known {
  readonly before: ReadonlySet<string>;
  readonly after: ReadonlySet<string>;
}

function knownBefore(groups: readonly ChargeGroup[]): Known {
  const names = (own: readonly ChargeGroup[]): ReadonlySet<string> =>
    new Set(own.map(keysOf).flatMap((keys) => [accountKey(keys), serviceKey(keys)]));
  return { before: names(before(groups)), after: names(after(groups)) };
}

function labelOf(keys: CellKeys, elsewhere: ReadonlySet<string>): CellLabel {
  if (!elsewhere.has(accountKey(keys))) return "account";
  return elsewhere.has(serviceKey(keys)) ? "sku" : "service";
}

function accountKey({ provider, account }: CellKeys): string {
  return JSON.stringify([provider, account]);
}

function serviceKey({ provider, account, service }: CellKeys): string {
  return JSON.stringify([provider, account, service]);
}

function keysOf(group: ChargeGroup): CellKeys {
  const { provider = null, account = null, owner = null, service = null, region = null, sku = null } = group;
  return { provider, account, owner, service, region, sku };
}

function before(groups: readonly ChargeGroup[]): readonly ChargeGroup[] {
  return groups.filter((group) => group["period"] === "before");
}

function after(groups: readonly ChargeGroup[]): readonly ChargeGroup[] {
  return groups.filter((group) => group["period"] === "after");
}

function sumOf(groups: readonly ChargeGroup[], name: string): string {
  return addDecimals(groups.map((group) => group[name] ?? "0"));
}

/** A sum of quantities in the base of their units. */
function quantityOf(groups: readonly ChargeGroup[], name: string): string {
  return addDecimals(
    groups.map((group) => {
      const { coefficient, scale } = readDecimal(group[name] ?? "0");
      return formatDecimal({ coefficient: coefficient * unitOf(group["unit"] ?? null).factor, scale });
    }),
  );
}

/** The amounts of all cells by part; parts without an amount are zero. */
export function sumParts(amounts: readonly Pick<CellAmount, "part" | "amount">[]): Readonly<Record<Part, string>> {
  const byPart = Map.groupBy(amounts, ({ part }) => part);
  return Object.fromEntries(
    parts.map((part) => [part, addDecimals((byPart.get(part) ?? []).map(({ amount }) => amount))]),
  ) as Record<Part, string>;
}

/** What billing adds to the difference of effective costs: the change of billed minus effective. */
export function timingOf(groups: readonly ChargeGroup[]): string {
  const of = (own: readonly ChargeGroup[]): string => subtractDecimals(sumOf(own, "billed"), sumOf(own, "effective"));
  return plus(of(after(groups)), negative(of(before(groups))));
}

/** The cost of both periods. */
export function costsOf(groups: readonly ChargeGroup[], column: "effective" | "billed"): readonly [string, string] {
  return [sumOf(before(groups), column), sumOf(after(groups), column)];
}
