import { formatDecimal, powerOfTen, readDecimal } from "../schema/decimals.ts";

/** Digits after the point of a part of a cost that is not a sum: those of the warehouse's decimals. */
const costDigits = 18;

/** Digits after the point of a share: a hundredth of a percent, and two more. */
const shareDigits = 6;

/** The first decimal plus the second, as `formatDecimal` writes it. Both must be decimals. */
export function plus(first: string, second: string): string {
  const [left, right] = [readDecimal(first), readDecimal(second)];
  const scale = Math.max(left.scale, right.scale);
  const coefficient =
    left.coefficient * powerOfTen(scale - left.scale) + right.coefficient * powerOfTen(scale - right.scale);
  return formatDecimal({ coefficient, scale });
}

/** The decimal with the other sign. */
export function negative(decimal: string): string {
  const { coefficient, scale } = readDecimal(decimal);
  return formatDecimal({ coefficient: -coefficient, scale });
}

/** Whether the decimal is zero. */
export function isZero(decimal: string): boolean {
  return readDecimal(decimal).coefficient === 0n;
}

/** Whether the decimal is greater than zero. */
export function isPositive(decimal: string): boolean {
  return readDecimal(decimal).coefficient > 0n;
}

/** The decimal without its sign. */
export function magnitude(decimal: string): string {
  return decimal.startsWith("-") ? negative(decimal) : decimal;
}

/** So many tenths of a decimal, exactly. */
export function tenths(decimal: string, count: number): string {
  const { coefficient, scale } = readDecimal(decimal);
  return formatDecimal({ coefficient: coefficient * BigInt(count), scale: scale + 1 });
}

/** `amount` times `part` divided by `whole`, rounded half to even to 18 digits after the point. `whole` must not be zero. */
export function proportion(amount: string, part: string, whole: string): string {
  return quotient(amount, part, whole, costDigits);
}

/** What part of the whole an amount is, rounded half to even to 6 digits after the point; null where the whole is zero. */
export function shareOf(amount: string, whole: string): string | null {
  return isZero(whole) ? null : quotient(amount, "1", whole, shareDigits);
}

function quotient(amount: string, part: string, whole: string, digits: number): string {
  const [first, second, divisor] = [readDecimal(amount), readDecimal(part), readDecimal(whole)];
  // All scales are brought to the numerator, so that the division is one of whole numbers.
  const shift = digits + divisor.scale - first.scale - second.scale;
  const numerator = first.coefficient * second.coefficient * powerOfTen(Math.max(shift, 0));
  const denominator = divisor.coefficient * powerOfTen(Math.max(-shift, 0));
  return formatDecimal({ coefficient: dividedHalfEven(numerator, denominator), scale: digits });
}

function dividedHalfEven(numerator: bigint, denominator: bigint): bigint {
  const isNegative = numerator < 0n !== denominator < 0n;
  const [size, divisor] = [numerator < 0n ? -numerator : numerator, denominator < 0n ? -denominator : denominator];
  const [whole, rest] = [size / divisor, size % divisor];
  const isUp = rest * 2n > divisor || (rest * 2n === divisor && whole % 2n === 1n);
  const rounded = isUp ? whole + 1n : whole;
  return isNegative ? -rounded : rounded;
}
