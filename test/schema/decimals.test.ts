import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  compareDecimals,
  digitLimit,
  formatDecimal,
  fractionDigits,
  parseDecimal,
  subtractDecimals,
} from "../../src/schema/decimals.ts";
import { createSum } from "../../src/schema/sums.ts";

const canonical: Readonly<Record<string, string>> = {
  "0": "0",
  "-0": "0",
  "-0.00": "0",
  "0E-8": "0",
  "0e999999999": "0",
  "000": "0",
  "007.50": "7.5",
  "+1": "1",
  "-1.10": "-1.1",
  ".5": "0.5",
  "-.5": "-0.5",
  "5.": "5",
  "1.2E-7": "0.00000012",
  "6.05E-5": "0.0000605",
  "5.64902e-05": "0.0000564902",
  "1E+3": "1000",
  "12e-1": "1.2",
  "1200e-2": "12",
  "0.0000000186": "0.0000000186",
  "0.00000080000": "0.0000008",
  "0.9438334977583996123456": "0.9438334977583996123456",
  "123456789012345678901234567890.123456789012345678901234567890":
    "123456789012345678901234567890.12345678901234567890123456789",
  "-99999999999999999999": "-99999999999999999999",
  "9007199254740993": "9007199254740993",
  "9007199254740993e-20": "0.00009007199254740993",
  "7.275996342358936e-9": "0.000000007275996342358936",
  "-1.2345678901234567e20": "-123456789012345670000",
  "1.2345678901234567e31": "12345678901234567000000000000000",
  "0.0000000000000000000123456789012345678": "0.0000000000000000000123456789012345678",
  "1.000000000000000000000000000001": "1.000000000000000000000000000001",
  "5e-324": `0.${"0".repeat(323)}5`,
  "1.7976931348623157E308": `17976931348623157${"0".repeat(292)}`,
};

const notDecimals = [
  "",
  " ",
  "\t",
  "-",
  "+",
  ".",
  "-.",
  "e5",
  "1e",
  "1e+",
  "1e1.5",
  "1e5x",
  "--1",
  "1-",
  "1.2.3",
  "1,234",
  "1 234",
  " 1",
  "1 ",
  "1\n",
  "abc",
  "1a",
  "NaN",
  "Infinity",
  "0x10",
  "1_000",
  "١٢",
  "$5",
  "{}",
  "1e999999999",
  "-1e-999999999",
  "1e99999999999999999999999",
  `1e${digitLimit}`,
  `1e-${digitLimit + 1}`,
  "9".repeat(digitLimit + 1),
  `0.${"0".repeat(digitLimit)}1`,
  `${"0".repeat(2000)}1`,
];

describe("decimals", () => {
  for (const [text, written] of Object.entries(canonical)) {
    it(`reads ${text.slice(0, 40)}`, () => {
      const decimal = parseDecimal(text);
      assert.ok(decimal);
      assert.equal(formatDecimal(decimal), written);
      const sum = createSum();
      assert.equal(sum.add(text), true);
      assert.equal(sum.total(), written);
    });
  }

  for (const text of notDecimals) {
    it(`refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
      assert.equal(parseDecimal(text), undefined);
      const sum = createSum();
      sum.add("1.5");
      assert.equal(sum.add(text), false);
      assert.equal(sum.total(), "1.5");
    });
  }

  it("takes as many digits as it says on either side of the point", () => {
    const largest = "9".repeat(digitLimit);
    assert.equal(createText(largest), largest);
    assert.equal(createText(`-0.${largest}`), `-0.${largest}`);
    assert.equal(createText(`1e${digitLimit - 1}`), `1${"0".repeat(digitLimit - 1)}`);
  });

  it("reads the shortest text of every double exactly", () => {
    for (const [value] of randomly(2000)) {
      const double = (value - 0.5) * 10 ** Math.floor(value * 600 - 300);
      const decimal = parseDecimal(String(double));
      assert.ok(decimal, String(double));
      assert.equal(Number(formatDecimal(decimal)), double);
    }
  });

  it("counts the digits after the point that matter", () => {
    const expected = { "1.50": 1, "1.00": 0, "100": 0, "0.0000000186": 10, "15E-1": 1, "1E-20": 20, "0E-8": 0 };
    for (const [text, digits] of Object.entries(expected)) assert.equal(fractionDigits(text), digits, text);
    assert.equal(fractionDigits("x"), undefined);
  });

  it("compares and subtracts across scales", () => {
    assert.equal(compareDecimals("1.10", "1.1"), 0);
    assert.equal(compareDecimals("-0", "0E-8"), 0);
    assert.equal(compareDecimals("0.1", "0.09999999999999999999999"), 1);
    assert.equal(compareDecimals("-2", "1"), -1);
    assert.equal(subtractDecimals("0.3", "0.1"), "0.2");
    assert.equal(subtractDecimals("1", "1.000000000000000000000001"), "-0.000000000000000000000001");
    assert.equal(subtractDecimals("5", "5.0"), "0");
    assert.throws(() => subtractDecimals("1", "one"), TypeError);
  });
});

describe("sums of decimals", () => {
  it("is zero at first, and continues after it was read", () => {
    const sum = createSum();
    assert.equal(sum.total(), "0");
    sum.add("0.1");
    assert.equal(sum.total(), "0.1");
    assert.equal(sum.total(), "0.1");
    sum.add("0.2");
    assert.equal(sum.total(), "0.3");
  });

  it("stays exact where a lane of safe integers overflows", () => {
    const sum = createSum();
    let expected = 0n;
    for (let count = 0; count < 100; count++) {
      sum.add("999999999999999");
      sum.add("0.999999999999999");
      expected += 999_999_999_999_999n * 10n ** 15n + 999_999_999_999_999n;
    }
    assert.equal(sum.total(), formatDecimal({ coefficient: expected, scale: 15 }));
  });

  it("lets opposite values cancel exactly", () => {
    const sum = createSum();
    for (const text of ["123456789012345678.123456789", "-123456789012345678.123456788", "-1E-9", "-0"]) sum.add(text);
    assert.equal(sum.total(), "0");
  });

  it("adds nothing of a text whose end shows that it is not a decimal", () => {
    const sum = createSum();
    for (const text of ["0.1234567890123456789x", "1.5e", "12345678901234567890.1.2"])
      assert.equal(sum.add(text), false);
    assert.equal(sum.total(), "0");
  });

  it("equals sums of big integers for values of every shape and length", () => {
    const common = 80;
    for (let round = 0; round < 50; round++) {
      const sum = createSum();
      let expected = 0n;
      for (const [size, place, form] of randomly(200, round)) {
        const digits = randomDigits(1 + Math.floor(size * 40), size + place);
        const scale = Math.floor(place * 40);
        const negative = form < 0.5;
        const coefficient = BigInt(digits) * (negative ? -1n : 1n);
        expected += coefficient * 10n ** BigInt(common - scale);
        const text =
          (form * 10) % 1 < 0.3 ? `${negative ? "-" : ""}${digits}E-${scale}` : plain(digits, scale, negative);
        assert.equal(sum.add(text), true, text);
      }
      assert.equal(sum.total(), formatDecimal({ coefficient: expected, scale: common }));
    }
  });

  it("does not depend on order", () => {
    const texts = randomly(500).map(([size, place]) => `${(size - 0.5) * 10 ** Math.floor(place * 30 - 20)}`);
    assert.equal(sumOf(texts), sumOf(texts.toReversed()));
    assert.equal(sumOf(texts), sumOf(texts.toSorted()));
  });
});

function createText(text: string): string {
  const decimal = parseDecimal(text);
  assert.ok(decimal);
  return formatDecimal(decimal);
}

function sumOf(texts: readonly string[]): string {
  const sum = createSum();
  for (const text of texts) assert.equal(sum.add(text), true, text);
  return sum.total();
}

function plain(digits: string, scale: number, negative: boolean): string {
  const padded = digits.padStart(scale + 1, "0");
  const whole = padded.slice(0, padded.length - scale);
  return `${negative ? "-" : ""}${whole}${scale === 0 ? "" : `.${padded.slice(padded.length - scale)}`}`;
}

function randomDigits(length: number, seed: number): string {
  return randomly(length, seed)
    .map(([value]) => String(Math.floor(value * 10)))
    .join("");
}

/** Triples of numbers from 0 to 1, the same ones in every run. */
function randomly(count: number, seed = 1): [number, number, number][] {
  let state = Math.floor((seed + 1) * 2_654_435) % 2_147_483_647 || 1;
  const next = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  return Array.from({ length: count }, () => [next(), next(), next()]);
}
