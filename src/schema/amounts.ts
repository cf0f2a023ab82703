import { type Decimal, formatDecimal, parseDecimal, powerOfTen, readDecimal } from "./decimals.ts";

/**
 * Exact decimal text as people read money: two digits after the point, rounded half away from zero, grouped thousands.
 * It is rounded as text: a float would change the cents of large bills. Text that is no decimal stays as it is.
 */
export function formatAmount(text: string): string {
  const decimal = parseDecimal(text);
  if (decimal === undefined) return text;
  const cents = centsOf(decimal);
  const digits = (cents < 0n ? -cents : cents).toString().padStart(3, "0");
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${cents < 0n ? "-" : ""}${whole}.${digits.slice(-2)}`;
}

/** A decimal as `formatAmount` writes it, and one that has only fractions of a cent with all its digits: `-0.0049`. */
export function formatSmallAmount(text: string): string {
  const decimal = parseDecimal(text);
  const isFraction = decimal !== undefined && decimal.coefficient !== 0n && centsOf(decimal) === 0n;
  return isFraction ? formatDecimal(decimal) : formatAmount(text);
}

/** A decimal rounded half away from zero to two digits after the point, as `formatDecimal` writes it. Must be a decimal. */
export function roundToCents(text: string): string {
  return formatDecimal({ coefficient: centsOf(readDecimal(text)), scale: 2 });
}

function centsOf({ coefficient, scale }: Decimal): bigint {
  const magnitude = coefficient < 0n ? -coefficient : coefficient;
  const divisor = powerOfTen(Math.max(scale - 2, 0));
  const cents = (magnitude * powerOfTen(Math.max(2 - scale, 0)) + divisor / 2n) / divisor;
  return coefficient < 0n ? -cents : cents;
}
