/** The digits after the point of a BIGNUMERIC. */
export const bigScale = 38;

const lane = 10n ** 19n;

const one = 10n ** 38n;

/** Documented: standard-sql/data-types#decimal_types; the largest BIGNUMERIC, times 10^38. */
const largest = 2n ** 255n - 1n;

/** The lanes in which DuckDB holds a BIGNUMERIC. */
export interface Lanes {
  readonly a: bigint;
  readonly b: bigint;
  readonly c: bigint;
  readonly d: bigint;
}

/**
 * A number's text times 10^scale, rounded half away from zero; undefined when it is not a number. Accepts exponents and blanks
 * around (documented: standard-sql/conversion_functions#cast_numeric).
 */
export function parseScaled(written: string, scale: number): bigint | undefined {
  const parts = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?\s*$/u.exec(written);
  if (parts === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = parts;
  const digits = whole + fraction;
  if (digits === "") return undefined;
  const shift = scale + Number(exponent) - fraction.length;
  let value: bigint;
  if (shift >= 0) value = /^0+$/u.test(digits) ? 0n : BigInt(digits) * 10n ** BigInt(shift);
  else value = divideRounded(BigInt(digits), 10n ** BigInt(-shift));
  return sign === "-" ? -value : value;
}

/** A quotient, rounded half away from zero. */
export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  if (divisor < 0n) return divideRounded(-dividend, -divisor);
  const half = divisor / 2n;
  return dividend < 0n ? -((-dividend + half) / divisor) : (dividend + half) / divisor;
}

/** A number times 10^scale as text, without zeros at the end. */
export function formatScaled(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  const fraction = digits.slice(digits.length - scale).replace(/0+$/u, "");
  return `${value < 0n ? "-" : ""}${digits.slice(0, digits.length - scale)}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Whether a number times 10^38 fits a BIGNUMERIC. */
export function fitsBig(value: bigint): boolean {
  return value <= largest && value >= -largest - 1n;
}

/** A number times 10^38, in lanes. */
export function toLanes(value: bigint): Lanes {
  const d = modulo(value);
  const second = (value - d) / lane;
  const c = modulo(second);
  const third = (second - c) / lane;
  const b = modulo(third);
  return { a: (third - b) / lane, b, c, d };
}

/** The number times 10^38 that lanes stand for, also when they are sums of lanes. */
export function fromLanes({ a, b, c, d }: Lanes): bigint {
  return ((a * lane + b) * lane + c) * lane + d;
}

/** A product of two numbers times 10^38, and its like for a quotient. */
export function multiplyBig(first: bigint, second: bigint): bigint {
  return divideRounded(first * second, one);
}

/** A quotient of two numbers times 10^38. */
export function divideBig(first: bigint, second: bigint): bigint {
  return divideRounded(first * one, second);
}

/** Rounds a number times 10^38 to some digits after the point. */
export function roundBig(value: bigint, digits: number): bigint {
  const unit = 10n ** BigInt(Math.max(0, bigScale - digits));
  return divideRounded(value, unit) * unit;
}

function modulo(value: bigint): bigint {
  const rest = value % lane;
  return rest < 0n ? rest + lane : rest;
}
