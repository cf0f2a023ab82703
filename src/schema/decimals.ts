import { quoted } from "../errors.ts";

/**
 * Digits that a decimal may have before and after the point; text with more is not read as a number. The limit fits the
 * shortest text of every double (up to 341 digits after the point), and keeps `1e999999999` from filling the memory.
 */
export const digitLimit = 400;

/** Characters that a decimal may have; longer text is not read as a number. */
export const textLimit = 1000;

const pattern = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/;

/** An exact decimal: `coefficient` divided by ten to the power of `scale`, which is never negative. */
export interface Decimal {
  readonly coefficient: bigint;
  readonly scale: number;
}

/** An exact running sum of decimals. */
export interface DecimalSum {
  /** Adds a value; returns false and adds nothing when `parseDecimal` rejects the text. */
  add(text: string): boolean;
  /** The sum so far, as `formatDecimal` writes it. */
  total(): string;
}

/**
 * Reads a decimal, plain (`-1.50`, `.5`) or with an exponent (`1.2E-7`), with a point and without blanks or separators;
 * undefined for everything else, and beyond `digitLimit`. CUR writes both forms.
 */
export function parseDecimal(text: string): Decimal | undefined {
  if (text.length > textLimit) return undefined;
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const fraction = match[3] ?? match[4] ?? "";
  const digits = `${match[2] ?? ""}${fraction}`.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return { coefficient: 0n, scale: 0 };
  const exponent = Number(match[5] ?? "0");
  const scale = fraction.length - exponent - (digits.length - significant.length);
  if (scale > digitLimit || significant.length - scale > digitLimit) return undefined;
  const unsigned = scale < 0 ? BigInt(significant) * powerOfTen(-scale) : BigInt(significant);
  return { coefficient: match[1] === "-" ? -unsigned : unsigned, scale: Math.max(scale, 0) };
}

/** Whether `parseDecimal` reads a text, without parsing the plain ones: a run checks thousands of amounts. */
export function isDecimal(text: string): boolean {
  return (text.length <= digitLimit && /^-?\d+(?:\.\d+)?$/.test(text)) || parseDecimal(text) !== undefined;
}

/** Canonical text of a decimal: no exponent, no zeros at the end of a fraction, `0` and never `-0`. */
export function formatDecimal({ coefficient, scale }: Decimal): string {
  const sign = coefficient < 0n ? "-" : "";
  const digits = (coefficient < 0n ? -coefficient : coefficient).toString().padStart(scale + 1, "0");
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, "");
  const whole = digits.slice(0, digits.length - scale);
  return scale === 0 || fraction === "" ? sign + whole : `${sign}${whole}.${fraction}`;
}

/** Digits after the point that are not zeros at its end (`1.50` and `15E-1` have one); undefined when not a decimal. */
export function fractionDigits(text: string): number | undefined {
  return parseDecimal(text)?.scale;
}

/**
 * Negative, zero or positive as the first decimal is smaller than, equal to or larger than the second. Both must be
 * decimals.
 */
export function compareDecimals(first: string, second: string): number {
  const { coefficient } = difference(first, second);
  return coefficient < 0n ? -1 : coefficient > 0n ? 1 : 0;
}

/** The first decimal minus the second, as `formatDecimal` writes it. Both must be decimals. */
export function subtractDecimals(first: string, second: string): string {
  return formatDecimal(difference(first, second));
}

/** Ten to a power that is a whole number and not negative. */
export function powerOfTen(power: number): bigint {
  let known = powers[power];
  if (known === undefined) powers[power] = known = 10n ** BigInt(power);
  return known;
}

const powers: bigint[] = [];

function difference(first: string, second: string): Decimal {
  const left = readDecimal(first);
  const right = readDecimal(second);
  const scale = Math.max(left.scale, right.scale);
  return { coefficient: atScale(left, scale) - atScale(right, scale), scale };
}

/** As `parseDecimal`. Throws a TypeError for text that is not a decimal, which the caller must have checked. */
export function readDecimal(text: string): Decimal {
  const decimal = parseDecimal(text);
  if (decimal === undefined) throw new TypeError(`Not a decimal: ${quoted(text)}`);
  return decimal;
}

function atScale({ coefficient, scale }: Decimal, wanted: number): bigint {
  return scale === wanted ? coefficient : coefficient * powerOfTen(wanted - scale);
}

/**
 * Exact decimal text as people read money: two digits after the point, rounded half away from zero, grouped thousands.
 * It is rounded as text: a float would change the cents of large bills. Text that is not a decimal is returned unchanged.
 */
export function formatAmount(text: string): string {
  const decimal = parseDecimal(text);
  if (decimal === undefined) return text;
  const cents = centsOf(decimal);
  const digits = (cents < 0n ? -cents : cents).toString().padStart(3, "0");
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${cents < 0n ? "-" : ""}${whole}.${digits.slice(-2)}`;
}

/** A decimal as `formatAmount` writes it, but with all digits if it is less than a cent: `-0.0049`. */
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
