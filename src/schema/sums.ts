import { quoted } from "../errors.ts";
import type { CostLine } from "../model.ts";
import { compareDecimals, type DecimalSum, formatDecimal, parseDecimal, powerOfTen, textLimit } from "./decimals.ts";

/** Ten to the fifteenth is the largest power of ten below 2^53, so any 15 digits are a safe integer. */
const digitsPerPart = 15;

/** Scales that have a lane; other numbers use big integers. Negative scales come from exponents (`5E3`). */
const lowestScale = -16;
const highestScale = 63;

/** The exact sum of decimals, as `formatDecimal` writes it. All must be decimals. */
export function addDecimals(texts: readonly string[]): string {
  const sum = createSum();
  for (const text of texts) {
    if (!sum.add(text)) throw new TypeError(`Not a decimal: ${quoted(text)}`);
  }
  return sum.total();
}

/**
 * A running sum that starts at zero. It keeps one lane per scale, a safe integer each, and falls back to big integers
 * only for unusual numbers and when a lane is about to leave the safe range: both are exact.
 */
export function createSum(): DecimalSum {
  const lanes = new Float64Array(highestScale - lowestScale + 1);
  let rest = 0n;
  let restScale = 0;

  function addBig(coefficient: bigint, scale: number): void {
    if (scale > restScale) {
      rest *= powerOfTen(scale - restScale);
      restScale = scale;
    }
    rest += scale === restScale ? coefficient : coefficient * powerOfTen(restScale - scale);
  }

  function addPart(part: number, scale: number): void {
    const lane = scale - lowestScale;
    const held = lanes[lane] ?? 0;
    const sum = held + part;
    // Both are safe integers: when their sum is in the safe range too, it was not rounded.
    if (Number.isSafeInteger(sum)) {
      lanes[lane] = sum;
      return;
    }
    lanes[lane] = part;
    addAtScale(held, scale);
  }

  function addAtScale(part: number, scale: number): void {
    if (scale < 0) addBig(BigInt(part) * powerOfTen(-scale), 0);
    else addBig(BigInt(part), scale);
  }

  function addSlowly(text: string): boolean {
    const decimal = parseDecimal(text);
    if (decimal === undefined) return false;
    addBig(decimal.coefficient, decimal.scale);
    return true;
  }

  return {
    add(text) {
      const length = text.length;
      if (length > textLimit) return false;
      let position = 0;
      let code = text.charCodeAt(0);
      const negative = code === minus;
      if (negative || code === plus) code = text.charCodeAt(++position);

      // The digits, 15 at a time: a full first part, and the part being read.
      let first = 0;
      let firstScale = 0;
      let parts = 0;
      let part = 0;
      let partDigits = 0;
      let scale = 0;
      let pointed = false;
      let digits = false;
      for (; position < length; code = text.charCodeAt(++position)) {
        const digit = code - zero;
        if (digit >= 0 && digit <= 9) {
          if (partDigits === digitsPerPart) {
            // The end of a part is only known behind the point.
            if (!pointed || parts === 1) return addSlowly(text);
            first = part;
            firstScale = scale;
            parts = 1;
            part = 0;
            partDigits = 0;
          }
          part = part * 10 + digit;
          if (partDigits > 0 || digit > 0) partDigits++;
          if (pointed) scale++;
          digits = true;
        } else if (code === point && !pointed) pointed = true;
        else break;
      }
      if (!digits) return false;

      if (position < length) {
        if (code !== smallE && code !== largeE) return false;
        const exponent = readExponent(text, position + 1);
        if (exponent === undefined) return addSlowly(text);
        scale -= exponent;
        firstScale -= exponent;
      }
      if (scale > highestScale || scale < lowestScale || (parts === 1 && firstScale < lowestScale)) {
        return addSlowly(text);
      }
      if (parts === 1) addPart(negative ? -first : first, firstScale);
      if (part !== 0) addPart(negative ? -part : part, scale);
      return true;
    },

    total() {
      lanes.forEach((held, lane) => {
        if (held !== 0) addAtScale(held, lane + lowestScale);
      });
      lanes.fill(0);
      return formatDecimal({ coefficient: rest, scale: restScale });
    },
  };
}

const zero = 48;
const plus = 43;
const minus = 45;
const point = 46;
const largeE = 69;
const smallE = 101;

/** The exponent that begins at a position and ends with the text, or undefined if it lacks digits or has more than three. */
function readExponent(text: string, start: number): number | undefined {
  let position = start;
  let code = text.charCodeAt(position);
  const negative = code === minus;
  if (negative || code === plus) code = text.charCodeAt(++position);
  if (position >= text.length || text.length - position > 3) return undefined;
  let exponent = 0;
  for (; position < text.length; code = text.charCodeAt(++position)) {
    const digit = code - zero;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    exponent = exponent * 10 + digit;
  }
  return negative ? -exponent : exponent;
}

/** The lines of a summary in the order in which receipts keep them: the largest amount first, whatever its sign. */
export function orderCostLines(lines: readonly CostLine[]): readonly CostLine[] {
  const name = ({ service, account, charge_type, currency }: CostLine): string =>
    JSON.stringify([service, account, charge_type, currency]);
  const size = ({ cost }: CostLine): string => cost.replace("-", "");
  return lines.toSorted((one, other) => compareDecimals(size(other), size(one)) || (name(one) < name(other) ? -1 : 1));
}
