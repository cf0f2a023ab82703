import { powerOfTen } from "../schema/decimals.ts";

/** A unit as a multiple of its base: `GB-Hours` is 3,600,000,000,000 `Bytes-Seconds`. */
export interface Unit {
  readonly base: string;
  readonly factor: bigint;
}

const prefixes = ["", "K", "M", "G", "T", "P", "E"];

/** Units of which one is a whole number of another: sizes of data in the decimal and the binary system, and times. */
const known: ReadonlyMap<string, Unit> = new Map([
  ...prefixes.slice(1).flatMap((prefix, index): [string, Unit][] => [
    [`${prefix}B`, { base: "Bytes", factor: powerOfTen(3 * (index + 1)) }],
    [`${prefix}iB`, { base: "Bytes", factor: 1024n ** BigInt(index + 1) }],
  ]),
  ...(
    [
      ["Byte", "Bytes", 1n],
      ["Second", "Seconds", 1n],
      ["Minute", "Seconds", 60n],
      ["Hour", "Seconds", 3600n],
      ["Day", "Seconds", 86_400n],
    ] as const
  ).flatMap(([name, base, factor]): [string, Unit][] => [
    [name, { base, factor }],
    [`${name}s`, { base, factor }],
  ]),
]);

/**
 * A PricingUnit as a multiple of its base: a number in front of it (`100 Hours`, `10K Requests`) and known units are converted;
 * of other units only the plural is. NULL is a base of its own.
 */
export function unitOf(name: string | null): Unit {
  const [, count = "1", thousands = "", rest = ""] =
    /^\s*(?:(\d{1,12})([KM]?)\s+|\b)(.*?)\s*$/su.exec(name ?? "") ?? [];
  const block = BigInt(count) * { "": 1n, K: 1000n, M: 1_000_000n }[thousands as "" | "K" | "M"];
  const parts = rest
    .split("-")
    .map((part) => known.get(part) ?? { base: part.replace(/(?<=[a-z])s$/u, ""), factor: 1n });
  return {
    base: parts.map(({ base }) => base).join("-"),
    factor: parts.reduce((product, { factor }) => product * factor, block === 0n ? 1n : block),
  };
}
