import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { compareDecimals, formatDecimal, parseDecimal, subtractDecimals } from "../../src/schema/decimals.ts";
import { createSum } from "../../src/schema/sums.ts";

/** A number as a fraction of big integers, and one of the texts that mean it. */
interface Written {
  readonly text: string;
  readonly numerator: bigint;
  /** A power of ten. */
  readonly denominator: bigint;
}

const written: fc.Arbitrary<Written> = fc
  .record({
    digits: fc.bigInt({ min: 0n, max: 10n ** 40n }),
    point: fc.nat(60),
    zeros: fc.nat(5),
    sign: fc.constantFrom("", "+", "-"),
    exponent: fc.option(fc.integer({ min: -60, max: 60 }), { nil: undefined }),
    mark: fc.constantFrom("e", "E"),
  })
  .map(({ digits, point, zeros, sign, exponent, mark }) => {
    const padded = "0".repeat(zeros) + digits.toString().padStart(point + 1, "0");
    const whole = padded.slice(0, padded.length - point);
    const text = `${sign}${whole}${point > 0 ? `.${padded.slice(padded.length - point)}` : ""}`;
    const power = point - (exponent ?? 0);
    const signed = sign === "-" ? -digits : digits;
    return {
      text: exponent === undefined ? text : `${text}${mark}${exponent}`,
      numerator: power < 0 ? signed * 10n ** BigInt(-power) : signed,
      denominator: power < 0 ? 1n : 10n ** BigInt(power),
    };
  });

/** The fraction that a canonical text means. */
function fraction(text: string): { readonly numerator: bigint; readonly denominator: bigint } {
  assert.match(text, /^(0|-?(0\.\d*[1-9]|[1-9]\d*(\.\d*[1-9])?))$/, "is canonical");
  const [whole = "", rest = ""] = text.split(".");
  return { numerator: BigInt(whole + rest), denominator: 10n ** BigInt(rest.length) };
}

function sameFraction(text: string, numerator: bigint, denominator: bigint): void {
  const parsed = fraction(text);
  assert.equal(parsed.numerator * denominator, numerator * parsed.denominator, text);
}

const runs = { numRuns: 1000, interruptAfterTimeLimit: 10_000 };

describe("decimals, compared with fractions of big integers,", { timeout: 120_000 }, () => {
  it("are read and written without loss", () => {
    fc.assert(
      fc.property(written, ({ text, numerator, denominator }) => {
        const decimal = parseDecimal(text);
        assert.ok(decimal !== undefined);
        sameFraction(formatDecimal(decimal), numerator, denominator);
        assert.deepEqual(parseDecimal(formatDecimal(decimal)), decimal);
      }),
      runs,
    );
  });

  it("are compared and subtracted as numbers", () => {
    fc.assert(
      fc.property(written, written, (one, other) => {
        const numerator = one.numerator * other.denominator - other.numerator * one.denominator;
        assert.equal(compareDecimals(one.text, subtractDecimals(one.text, "0")), 0);
        sameFraction(subtractDecimals(one.text, other.text), numerator, one.denominator * other.denominator);
        assert.equal(Math.sign(compareDecimals(one.text, other.text)), numerator < 0n ? -1 : numerator > 0n ? 1 : 0);
      }),
      runs,
    );
  });

  it("are added up exactly, in any order", () => {
    fc.assert(
      fc.property(fc.array(written, { maxLength: 40 }), (values) => {
        const denominator = 10n ** 130n;
        const numerator = values.reduce((sum, one) => sum + (one.numerator * denominator) / one.denominator, 0n);
        for (const order of [values, values.toReversed()]) {
          const sum = createSum();
          for (const { text } of order) assert.ok(sum.add(text));
          sameFraction(sum.total(), numerator, denominator);
        }
      }),
      runs,
    );
  });

  it("are distinguished from every other text by all readers", () => {
    const text = fc.oneof(
      fc.string({ unit: "grapheme-ascii" }),
      fc.stringMatching(/^[-+]?[\d._eE]{0,12}$/),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        const isDecimal = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(candidate);
        const sum = createSum();
        if (!isDecimal) assert.equal(parseDecimal(candidate), undefined);
        assert.equal(sum.add(candidate), parseDecimal(candidate) !== undefined);
      }),
      runs,
    );
  });
});
