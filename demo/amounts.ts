import { formatDecimal, parseDecimal, powerOfTen } from "../src/schema/decimals.ts";

/*
 * Money and quantities of the demo are exact, as integers of 10^-18, because the written sums are compared with
 * sums of what was loaded.
 */

const places = 18;
const one = powerOfTen(places);

/** An exact amount from decimal text with up to 18 digits after the point. */
export function amount(text: string): bigint {
  const decimal = parseDecimal(text);
  if (decimal === undefined || decimal.scale > places) throw new TypeError(`Not an amount: ${text}`);
  return decimal.coefficient * powerOfTen(places - decimal.scale);
}

/** The product of two amounts, rounded half away from zero to `digits` after the point. */
export function multiply(left: bigint, right: bigint, digits: number = places): bigint {
  return roundQuotient(left * right, one, digits);
}

/** The amount times a plain number (six digits of it count), rounded to `digits` after the point. */
export function times(value: bigint, factor: number, digits: number = places): bigint {
  return roundQuotient(value * BigInt(Math.round(factor * 1_000_000)), 1_000_000n, digits);
}

function roundQuotient(dividend: bigint, divisor: bigint, digits: number): bigint {
  const step = powerOfTen(places - digits);
  const size = divisor * step;
  const half = dividend < 0n ? -size / 2n : size / 2n;
  return ((dividend + half) / size) * step;
}

/** Plain decimal text: no exponent, no zeros at the end. */
export function amountText(value: bigint): string {
  return formatDecimal({ coefficient: value, scale: places });
}

/** Decimal text with exactly ten digits after the point, as AWS writes rates. */
export function rateText(value: bigint): string {
  const [whole = "0", fraction = ""] = amountText(value).split(".");
  return `${whole}.${fraction.padEnd(10, "0")}`;
}

/** Text as AWS writes amounts (Java's `Double.toString`): `4.608`, `0.0`, but `6.05E-5` and `2.5E7`. */
export function javaText(value: bigint): string {
  const size = value < 0n ? -value : value;
  if (size === 0n || (size >= one / 1_000n && size < one * 10_000_000n)) {
    const plain = amountText(value);
    return plain.includes(".") ? plain : `${plain}.0`;
  }
  const digits = size.toString();
  const fraction = digits.slice(1).replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${digits.charAt(0)}.${fraction === "" ? "0" : fraction}E${digits.length - 1 - places}`;
}
