/**
 * Decompresses one block of LZ4, which is what Parquet calls LZ4_RAW, to exactly `size` bytes.
 * Throws an Error for a block that decompresses to another number of bytes or refers to bytes that it lacks.
 * Source: lz4/lz4, doc/lz4_Block_format.md.
 */
export function decompressLz4(input: Uint8Array, size: number): Uint8Array {
  // One byte of a length stands for 255 bytes at most.
  if (size > 255 * input.length + 16) throw new Error(`a page declares ${size} bytes in ${input.length}`);
  const output = new Uint8Array(size);
  let from = 0;
  let to = 0;
  const next = (): number => {
    const byte = input[from];
    if (byte === undefined) throw new Error("the LZ4 data of a page ends too early");
    from += 1;
    return byte;
  };
  const length = (start: number): number => {
    let total = start;
    if (start < 15) return total;
    for (let more = 255; more === 255; total += more) more = next();
    return total;
  };
  while (from < input.length) {
    const token = next();
    const literals = length(token >> 4);
    if (literals > input.length - from || literals > size - to) throw new Error("the LZ4 data of a page is not valid");
    output.set(input.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    // The last sequence contains only literals.
    if (from === input.length) break;
    const offset = next() + next() * 256;
    const end = to + length(token & 15) + 4;
    if (offset === 0 || offset > to || end > size) throw new Error("the LZ4 data of a page is not valid");
    // A match may overlap itself, so that it repeats.
    for (; to < end; to += 1) output[to] = output[to - offset] ?? 0;
  }
  if (to !== size) throw new Error(`a page decompresses to ${to} bytes, not to the ${size} that it declares`);
  return output;
}
