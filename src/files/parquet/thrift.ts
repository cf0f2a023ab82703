/** A value other than a list or struct. Text comes as its bytes, in place. */
export type ThriftValue = number | bigint | boolean | Uint8Array;

/** Called for every value other than a list or struct. `path` has the field numbers from the outside in, and is reused. */
export type ThriftVisitor = (path: readonly number[], value: ThriftValue) => void;

/**
 * Walks over one struct of Thrift's compact protocol, in which Parquet describes files, and returns where it
 * ends. Recursion, integers and lists are bounded by the number of bytes, so that a reader which trusts them stays
 * safe: a list of a billion items in six bytes is refused.
 * Throws an Error for bytes that are not such a struct.
 * Source: apache/thrift, doc/specs/thrift-compact-protocol.md.
 */
export function walkStruct(bytes: Uint8Array, start: number, visit: ThriftVisitor): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const path: number[] = [];
  let at = start;
  let values = 0;

  const count = (more: number): void => {
    values += more;
    if (values > mostValues) throw new Error(`its metadata has more than ${mostValues} values`);
  };

  const take = (length: number): number => {
    if (length < 0 || length > bytes.length - at) throw new Error("its metadata ends too early");
    at += length;
    return at - length;
  };

  const integer = (bits: 32 | 64): bigint => {
    let result = 0n;
    for (let shift = 0; shift < bits; shift += 7) {
      const byte = view.getUint8(take(1));
      result |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) return BigInt.asUintN(bits, result);
    }
    throw new Error(`its metadata contains an integer of more than ${bits} bits`);
  };

  const signed = (bits: 32 | 64): bigint => {
    const coded = integer(bits);
    return (coded >> 1n) ^ -(coded & 1n);
  };

  const list = (): void => {
    const head = view.getUint8(take(1));
    const short = head >> 4;
    const size = short === 15 ? Number(integer(32)) : short;
    // Each item has one byte at least.
    if (size > bytes.length - at) throw new Error(`its metadata lists ${size} items in ${bytes.length - at} bytes`);
    count(size);
    for (let item = 0; item < size; item += 1) {
      const type = head & 0x0f;
      if (type <= types.no) visit(path, view.getUint8(take(1)) === 1);
      else value(type);
    }
  };

  const struct = (): void => {
    if (path.length >= deepest) throw new Error(`its metadata is nested more than ${deepest} deep`);
    let field = 0;
    for (let head = view.getUint8(take(1)); (head & 0x0f) !== types.stop; head = view.getUint8(take(1))) {
      field = head >> 4 === 0 ? Number(signed(32)) : field + (head >> 4);
      count(1);
      path.push(field);
      value(head & 0x0f);
      path.pop();
    }
  };

  const value = (type: number): void => {
    if (type === types.struct) struct();
    else if (type === types.list) nested(list);
    else visit(path, scalar(type));
  };

  // Nested lists lack field numbers, so a counter bounds their depth.
  let depth = 0;
  const nested = (read: () => void): void => {
    depth += 1;
    if (depth > deepest) throw new Error(`its metadata is nested more than ${deepest} deep`);
    read();
    depth -= 1;
  };

  const scalar = (type: number): ThriftValue => {
    if (type === types.yes || type === types.no) return type === types.yes;
    if (type === types.byte) return view.getInt8(take(1));
    if (type === types.short || type === types.int) return Number(signed(32));
    if (type === types.long) return signed(64);
    if (type === types.double) return view.getFloat64(take(8), true);
    if (type !== types.binary) throw new Error(`its metadata contains a value of the unknown type ${type}`);
    const length = Number(integer(32));
    const from = take(length);
    return bytes.subarray(from, from + length);
  };

  struct();
  return at;
}

// The metadata of a file of a thousand row groups and two hundred columns has five million values.
const mostValues = 8_000_000;

const deepest = 64;

const types = {
  stop: 0,
  yes: 1,
  no: 2,
  byte: 3,
  short: 4,
  int: 5,
  long: 6,
  double: 7,
  binary: 8,
  list: 9,
  struct: 12,
} as const;
