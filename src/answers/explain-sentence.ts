import { compareDecimals, formatAmount, subtractDecimals } from "../schema/decimals.ts";
import { isPositive, isZero, magnitude, negative, shareOf } from "./arithmetic.ts";
import type { AccountNames } from "./bills.ts";
import type { Driver, ExplainedChange, Explanation } from "./explanation.ts";
import { partNames, parts } from "./parts.ts";

/** How many parts a sentence names. */
const namedParts = 3;

/**
 * An explanation in a few sentences: the difference, its largest parts, the largest driver, and whether usage that ended
 * was covered by commitments that are still paid.
 */
export function explainInWords(
  result: Pick<Explanation, "before" | "after" | "difference" | "parts" | "drivers">,
  covered: readonly [before: string, after: string],
  { month, vs, comparison, measure, currency, accountNames }: ExplainedChange,
): string {
  const { before, after, difference } = result;
  const money = (amount: string): string => `${formatAmount(amount)}${currency === "" ? "" : ` ${currency}`}`;
  const share = shareOf(magnitude(difference), magnitude(before));
  const percent = share === null ? "" : ` (${(Number(share) * 100).toFixed(1)} %)`;
  const direction = isPositive(difference) ? "more" : "less";
  const isDays = comparison.kind === "days";
  const subject = isDays ? `The usage of the first ${comparison.days} days of ${month}` : month;
  const other = isDays ? `the same days of ${vs}` : vs;
  const changed = isZero(difference)
    ? `the same as ${other}`
    : `${money(magnitude(difference))}${percent} ${direction} than ${other}`;
  const verb = measure === "billed" ? "was billed at" : "cost";
  const largest = parts
    .filter((part) => !isShownAsZero(result.parts[part]))
    .toSorted((one, other) => compareDecimals(magnitude(result.parts[other]), magnitude(result.parts[one])));
  const named = largest.slice(0, namedParts).map((part) => `${partNames[part]} ${signed(result.parts[part])}`);
  const more = largest.length > namedParts ? ["and smaller parts"] : [];
  const [driver] = result.drivers;
  return [
    `${subject} ${verb} ${money(after)}, ${changed}${named.length === 0 ? "" : `: ${[...named, ...more].join(", ")}`}.`,
    ...(driver === undefined || named.length === 0
      ? []
      : [`The largest driver is ${driverInWords(driver, accountNames)}.`]),
    ...unsavedInWords(subtractDecimals(covered[0], covered[1]), result.parts.commitmentUnused, money),
  ].join(" ");
}

/** A driver: `Amazon EC2 in account 012345678901, usage +12.50`. */
function driverInWords({ keys, part, amount, label, meter }: Driver, names: AccountNames): string {
  const { provider = null, account = null, service = null, region = null, sku = null } = keys;
  const place = [
    service ?? provider,
    ...(meter === null && sku === null ? [] : [meter ?? sku]),
    ...(region === null ? [] : [`in ${region}`]),
    ...(account === null ? [] : [`in account ${Object.hasOwn(names, account) ? names[account] : account}`]),
  ].filter((word) => word !== null);
  const what =
    (part === "new" || part === "gone") && label !== null ? `${part} ${labelNames[label] ?? label}` : partNames[part];
  return `${place.length === 0 ? "" : `${place.join(" ")}, `}${what} ${signed(amount)}`;
}

const labelNames: Readonly<Record<string, string>> = { sku: "SKU" };

/** Whether covered usage ended while its commitments are still paid: then stopping it saved less than it seems, or nothing. */
function unsavedInWords(ended: string, unused: string, money: (amount: string) => string): string[] {
  if (!isPositive(ended) || !isPositive(unused) || isShownAsZero(ended) || isShownAsZero(unused)) return [];
  const saved = subtractDecimals(ended, unused);
  const result = isPositive(saved) ? `only ${money(saved)} was saved` : "no money was saved";
  return [
    `Usage that commitments cover fell by ${money(ended)}, but ${money(unused)} more was paid for unused commitments: ${result}.`,
  ];
}

function isShownAsZero(amount: string): boolean {
  return /^-?0\.00$/.test(formatAmount(amount));
}

function signed(amount: string): string {
  return amount.startsWith("-") ? `-${formatAmount(negative(amount))}` : `+${formatAmount(amount)}`;
}
