/** Whole numbers from 0 to below a limit, the same for the same seed (mulberry32). */
export function numbersOf(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** An input made of another: a few bytes, or a value of its JSON, are others. `donor` may lend a piece. */
export function mutate(bytes: Buffer, donor: Buffer, next: (limit: number) => number): Buffer {
  if (next(2) === 0) {
    const json = mutateJson(bytes, next);
    if (json !== undefined) return json;
  }
  let changed: Buffer = Buffer.from(bytes);
  for (let count = 1 + next(4); count > 0; count -= 1) changed = mutateBytes(changed, donor, next);
  return changed.subarray(0, 256 * 1024);
}

/** A small CSV file of odd cells, between odd delimiters and line ends now and then. */
export function oddCsv(next: (limit: number) => number): Buffer {
  const pick = (from: readonly string[]): string => from[next(from.length)] ?? "";
  const width = 1 + next(4);
  const usual = pick(["\n", "\n", "\r\n"]);
  const lineEnd = (): string => (next(40) === 0 ? pick(["\n", "\r\n", "\r", "\r\r\n", ""]) : usual);
  const cell = (): string => {
    const text = Array.from({ length: next(3) }, () => pick(oddTexts)).join("");
    const quoted = `"${text.replaceAll('"', '""')}"`;
    if (next(25) === 0) return pick([" ", "\t", ""]) + quoted + pick([" ", "x", '"', ""]);
    return next(3) === 0 ? quoted : next(8) === 0 ? text : text.replaceAll(/[",\r\n]/g, "");
  };
  const row = (last: () => string): string =>
    [...Array.from({ length: width - 1 }, cell), last()].join(next(200) === 0 ? pick([";", ", ", "\t"]) : ",");
  const number = (): string => (next(10) === 0 ? cell() : pick(oddBlanks) + pick(oddNumbers) + pick(oddBlanks));
  const head = row(() => "cost");
  const rows = Array.from({ length: next(6) }, () => (next(15) === 0 ? "" : row(number)));
  const start = pick(["", "", "", "\ufeff", "\n", "\r\n", " \n"]);
  const text = start + [head, ...rows].map((line) => line + lineEnd()).join("");
  return Buffer.from(next(6) === 0 ? text.replace(/[\r\n]+$/, "") : text);
}

const oddTexts = [
  "",
  "x",
  " ",
  "  ",
  "\t",
  '"',
  '""',
  "'",
  ",",
  "\n",
  "\r\n",
  "\r",
  "\0",
  "\\",
  "\\N",
  "NULL",
  "#",
  "\ufeff",
  "\u00a0",
  "ü€",
  "😀",
  ";",
  "|",
  "1",
  "\x1a",
  "\f",
  "\u2028",
];
const oddBlanks = ["", "", "", "", " ", "  ", "\t", "\u00a0"];
const oddNumbers = [
  "0",
  "1",
  "1.5",
  "-0.0",
  "+1.5",
  ".5",
  "1.",
  "1E+3",
  "-0E-10",
  "1e-18",
  "5e-19",
  "-4.9e-19",
  "848888E-28",
  "1e-400",
  "99999999999999999999.999999999999999999",
  "1e20",
  "0.1234567890123456789",
  "",
  "NaN",
  "1_000",
  "0x10",
  "1,5",
  "1 5",
  "--1",
  "1e",
  "00012.50",
  "123456789012345678.5E-20",
];

const oddBytes = [
  "\0",
  "\xff",
  "\x80",
  "\x7f",
  '"',
  '""',
  "\r",
  "\n",
  ",",
  "\ufeff",
  "\u202e",
  "{",
  "}",
  "[",
  "]",
  "\\",
  "__proto__",
  "1e999",
  "PAR1",
  "\x1f\x8b",
  "PK\x03\x04",
];

function mutateBytes(bytes: Buffer, donor: Buffer, next: (limit: number) => number): Buffer {
  const at = next(bytes.length + 1);
  const length = next(Math.min(bytes.length - at, 64) + 1);
  const [before, part, behind] = [bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at + length)];
  const from = next(donor.length + 1);
  const odd = Buffer.from(oddBytes[next(oddBytes.length)] ?? "", next(2) === 0 ? "latin1" : "utf8");
  switch (next(7)) {
    case 0:
      return Buffer.concat([before, behind]);
    case 1:
      return Buffer.concat([before, odd, behind]);
    case 2:
      return Buffer.concat([before, ...Array.from({ length: 1 + next(200) }, () => part), behind]);
    case 3:
      return Buffer.concat([before, donor.subarray(from, from + next(500)), behind]);
    case 4:
      return Buffer.from(before);
    case 5: {
      const flipped = Buffer.from(bytes);
      if (at < bytes.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << next(8));
      return flipped;
    }
    default: {
      const set = Buffer.from(bytes);
      if (at < bytes.length) set[at] = next(256);
      return set;
    }
  }
}

function mutateJson(bytes: Buffer, next: (limit: number) => number): Buffer | undefined {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
  for (let count = 1 + next(3); count > 0; count -= 1) document = withOdd(document, next, 0);
  return Buffer.from(JSON.stringify(document) ?? "");
}

/** The value with another one somewhere inside. */
function withOdd(value: unknown, next: (limit: number) => number, depth: number): unknown {
  const isInner = typeof value === "object" && value !== null;
  if (!isInner || depth > 20 || next(6) === 0) return oddValue(value, next);
  if (Array.isArray(value)) {
    if (value.length === 0 || next(8) === 0)
      return [...(value as unknown[]), ...(value as unknown[]), oddValue(value, next)];
    const at = next(value.length);
    return value.map((item: unknown, index) => (index === at ? withOdd(item, next, depth + 1) : item));
  }
  const entries = Object.entries(value);
  const at = next(entries.length + 1);
  if (at === entries.length)
    return Object.fromEntries([...entries, [oddNames[next(oddNames.length)] ?? "", oddValue(value, next)]]);
  return Object.fromEntries(
    entries.flatMap(([name, inner], index) => {
      if (index !== at) return [[name, inner]];
      return next(8) === 0 ? [] : [[name, withOdd(inner, next, depth + 1)]];
    }),
  );
}

const oddNames = [
  "",
  "__proto__",
  "constructor",
  "toString",
  "then",
  "length",
  "0",
  "reportKeys",
  "blobs",
  "dataFiles",
];

function oddValue(value: unknown, next: (limit: number) => number): unknown {
  const text = typeof value === "string" ? value : "x";
  // Repeated again and again, a large value becomes longer than a string may be.
  const mostCopies = (JSON.stringify(value) ?? "").length > 1000 ? 5 : 1000;
  const odd: readonly unknown[] = [
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    Number.MAX_SAFE_INTEGER + 2,
    "",
    " ",
    "__proto__",
    "constructor",
    "\u0000",
    "\u001b[2J",
    "\ud800",
    "../".repeat(1 + next(5)) + text,
    `/${text}`,
    `${text}/../${text}`,
    `s3://acme/${text}`,
    `${text}\\${text}`,
    text.slice(0, next(text.length + 1)),
    text.repeat(1 + next(50)),
    text.toUpperCase(),
    "9999-99-99",
    "0000-00-00T00:00:00Z",
    "2025-01-31T25:61:61Z",
    [],
    {},
    [value],
    { x: value },
    { __proto__: null, constructor: value },
    Array.from({ length: next(mostCopies) }, () => value),
    "[".repeat(next(100)),
  ];
  return odd[next(odd.length)];
}
