/**
 * Walks over runs of Parquet's RLE and bit-packing hybrid until there are `count` values of `width` bits, and returns
 * how many of them are 1. Throws an Error for runs of more values than are left, and for runs that end too early.
 * Source: apache/parquet-format, Encodings.md, as for `checkPrefixes`.
 */
export function checkRuns(bytes: Uint8Array, width: number, count: number): number {
  let at = 0;
  let seen = 0;
  let ones = 0;
  while (seen < count) {
    const [head, next] = integerAt(bytes, at);
    at = next;
    const isPacked = head % 2 === 1;
    const length = Math.floor(head / 2) * (isPacked ? 8 : 1);
    // Packed values are padded to whole bytes.
    if (length > count - seen + (isPacked ? 511 : 0)) {
      throw new Error(`a page repeats a value ${length} times, but only ${count - seen} are left`);
    }
    const taken = Math.min(length, count - seen);
    if (width === 1 && isPacked) {
      for (let bit = 0; bit < taken; bit += 1) ones += ((bytes[at + (bit >> 3)] ?? 0) >> (bit & 7)) & 1;
    } else if (width === 1 && bytes[at] === 1) ones += taken;
    at += isPacked ? (length / 8) * width : Math.ceil(width / 8);
    seen += taken;
  }
  return ones;
}

/**
 * Adds up the weights of `count` values of `width` bits in Parquet's RLE and bit-packing hybrid: with
 * the lengths of a dictionary's entries as weights, the bytes of the texts that a page refers to.
 * Throws an Error for a value without a weight, and for runs that end too early.
 */
export function sumRuns(bytes: Uint8Array, width: number, count: number, weights: ArrayLike<number>): number {
  const weightOf = (value: number): number => {
    const weight = weights[value];
    if (weight === undefined)
      throw new Error("a page refers to a value outside its dictionary, or has levels that its column lacks");
    return weight;
  };
  if (width > 32) throw new Error(`a page has values of ${width} bits`);
  // With a width of zero, all values are the first one.
  if (width === 0) return count === 0 ? 0 : count * weightOf(0);
  let at = 0;
  let total = 0;
  for (let left = count; left > 0;) {
    const [head, next] = integerAt(bytes, at);
    const isPacked = head % 2 === 1;
    const length = Math.floor(head / 2) * (isPacked ? 8 : 1);
    const size = isPacked ? (length / 8) * width : Math.ceil(width / 8);
    at = next;
    const taken = Math.min(length, left);
    // The last run may be shorter than declared: its padding is optional.
    const needed = isPacked ? Math.ceil((taken * width) / 8) : size;
    if (needed > bytes.length - at) throw new Error("the values of a page end too early");
    if (!isPacked) total += taken * weightOf(bitsAt(bytes, at * 8, size * 8));
    else for (let item = 0; item < taken; item += 1) total += weightOf(bitsAt(bytes, at * 8 + item * width, width));
    at += size;
    left -= taken;
  }
  return total;
}

/**
 * Checks the lengths of texts that are stored as a prefix shared with the previous text and a suffix, and returns the
 * total size of all texts. Throws an Error for impossible lengths.
 */
export function checkPrefixes(bytes: Uint8Array, count: number): number {
  const prefixes = deltas(bytes, 0, count);
  const suffixes = deltas(bytes, prefixes.end, count);
  let total = 0;
  let before = 0;
  for (const [index, prefix] of prefixes.values.entries()) {
    const suffix = suffixes.values[index] ?? 0;
    if (prefix < 0 || suffix < 0 || prefix > before)
      throw new Error("a page refers to a longer prefix than the previous text has");
    before = prefix + suffix;
    total += before;
  }
  return total;
}

/** 32-bit integers stored as differences, in packed blocks. */
function deltas(
  bytes: Uint8Array,
  start: number,
  count: number,
): { readonly values: Int32Array; readonly end: number } {
  let at = start;
  const integer = (): number => {
    const [value, next] = integerAt(bytes, at);
    at = next;
    return value;
  };
  const signed = (): number => {
    const coded = integer();
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
  };
  const [block, parts] = [integer(), integer()];
  const perPart = block / parts;
  if (!Number.isInteger(perPart) || perPart % 8 !== 0 || perPart === 0) throw new Error("a page has impossible blocks");
  integer();
  const values = new Int32Array(count);
  let value = signed();
  for (let index = 0; index < count;) {
    if (index === 0) values[index++] = value;
    if (index === count) break;
    const least = signed();
    const widths = bytes.subarray(at, at + parts);
    at += parts;
    for (const width of widths) {
      if (index === count) break;
      if (width > 32 || at + (perPart * width) / 8 > bytes.length) throw new Error("a page has impossible blocks");
      for (let item = 0; item < perPart && index < count; item += 1) {
        value = (value + least + bitsAt(bytes, at * 8 + item * width, width)) | 0;
        values[index++] = value;
      }
      at += (perPart * width) / 8;
    }
    if (widths.length < parts) throw new Error("the values of a page end too early");
  }
  return { values, end: at };
}

function bitsAt(bytes: Uint8Array, position: number, width: number): number {
  const skipped = position % 8;
  const at = (position - skipped) / 8;
  let value = (bytes[at] ?? 0) >> skipped;
  for (let bits = 8 - skipped, next = at + 1; bits < width; bits += 8, next += 1)
    value += (bytes[next] ?? 0) * 2 ** bits;
  return value % 2 ** width;
}

/** An integer stored in groups of seven bits, and where it ends. */
function integerAt(bytes: Uint8Array, start: number): readonly [value: number, end: number] {
  let value = 0;
  for (let at = start, shift = 0; shift <= 35; at += 1, shift += 7) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error("the values of a page end too early");
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at + 1];
  }
  throw new Error("a page contains an integer of more than six bytes");
}
