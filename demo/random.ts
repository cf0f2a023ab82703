/** A source of numbers that depend on its seed alone. */
export interface Random {
  /** A number from `low` (included) to `high` (excluded). */
  between(low: number, high: number): number;
  /** Text of `length` characters out of `alphabet`. */
  text(alphabet: string, length: number): string;
  /** A version 4 UUID. */
  uuid(): string;
}

/** Alphabets for `Random.text`. */
export const alphabets = {
  decimal: "0123456789",
  hexadecimal: "0123456789abcdef",
  /** What AWS writes line item ids in. */
  base32: "abcdefghijklmnopqrstuvwxyz234567",
  /** What AWS writes SKUs in. */
  sku: "23456789ABCDEFGHJKMNPQRSTUVWXYZ",
} as const;

/** Numbers that a seed decides: only integer arithmetic, so that every machine draws the same ones (mulberry32). */
export function randomFrom(seed: string): Random {
  let state = hash(seed);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const text = (alphabet: string, length: number): string => {
    let drawn = "";
    for (let index = 0; index < length; index += 1) drawn += alphabet.charAt(Math.floor(next() * alphabet.length));
    return drawn;
  };
  return {
    between: (low, high) => low + next() * (high - low),
    text,
    uuid: () => {
      const digits = text(alphabets.hexadecimal, 30);
      const variant = "89ab".charAt(Math.floor(next() * 4));
      return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(12, 15)}-${variant}${digits.slice(15, 18)}-${digits.slice(18)}`;
    },
  };
}

/** FNV-1a over the characters, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value;
}
