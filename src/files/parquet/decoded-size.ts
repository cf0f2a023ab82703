import type { AsyncBuffer, SchemaElement, SchemaTree } from "hyparquet";
import { corruptParquet, readFooter } from "./footer.ts";
import {
  decompressPage,
  encodings,
  isDictionary,
  mostBytes,
  pagesOf,
  pageTypes,
  verifyChecksum,
  type Page,
  type Pages,
} from "./pages.ts";
import { checkPrefixes, sumRuns } from "./rle.ts";

/**
 * The bytes that a reader decodes from a local Parquet file, whatever its footer says: the decompressed pages of all
 * columns, and the texts that they refer to. A page of a few bytes can repeat one text of a megabyte for every
 * row, from a dictionary or as a prefix shared with the previous text. The result is an upper bound that is cheap to
 * compute; it is above `most` only if the true size is too. `key` names the file in errors.
 * Errors: as `readFooter`; FILE_CORRUPT for pages that cannot be read, or whose checksum is wrong.
 */
export async function measureParquet(key: string, bytes: AsyncBuffer, most: number): Promise<number> {
  const { parquetSchema, snappyUncompress } = await import("hyparquet");
  const metadata = await readFooter(key, bytes);
  const leaves = leavesOf(parquetSchema(metadata));
  const unsure: { readonly chunk: Chunk; readonly bound: number }[] = [];
  let storedSize = 0;
  let decompressed = 0;
  try {
    for (const group of metadata.row_groups) {
      if (group.columns.length !== leaves.length) throw new Error("a row group has another number of columns");
      for (const [index, leaf] of leaves.entries()) {
        const column = group.columns[index]?.meta_data;
        if (column === undefined) continue;
        // As many as a reader requests: one per row, or the footer's count if a row can have any number of values.
        const values = leaf.repetition === 0 ? Number(group.num_rows) : Number(column.num_values);
        const chunk: Chunk = {
          ...leaf,
          bytes,
          start: Number(column.dictionary_page_offset || column.data_page_offset),
          values,
          decompress: (page, size) => decompressPage(page, size, column.codec, snappyUncompress),
        };
        const found = await lookAt(chunk);
        storedSize += found.storedSize;
        if (storedSize > bytes.byteLength) throw new Error("its columns overlap");
        decompressed += found.decompressed;
        if (decompressed > most) return decompressed;
        if (found.bound > 0) unsure.push({ chunk, bound: found.bound });
      }
    }
    // The largest first: counting a few of them is often enough.
    unsure.sort((one, other) => other.bound - one.bound);
    let texts = unsure.reduce((sum, { bound }) => sum + bound, 0);
    let counted = 0;
    for (const { chunk, bound } of unsure) {
      if (decompressed + counted + texts <= most || decompressed + counted > most) break;
      texts -= bound;
      counted += await textsOf(chunk);
    }
    return decompressed + counted + texts;
  } catch (cause) {
    throw corruptParquet(key, cause);
  }
}

/** A column without children, and the levels at which a value exists or is one of several in a row. */
interface Leaf {
  readonly element: SchemaElement;
  readonly definition: number;
  readonly repetition: number;
}

/** The values of a leaf in one row group. */
interface Chunk extends Leaf, Pages {
  readonly decompress: (page: Uint8Array, size: number) => Uint8Array;
}

function leavesOf(tree: SchemaTree, definition = 0, repetition = 0): readonly Leaf[] {
  return tree.children.flatMap((child) => {
    const { element } = child;
    const defined = definition + (element.repetition_type === "REQUIRED" ? 0 : 1);
    const repeated = repetition + (element.repetition_type === "REPEATED" ? 1 : 0);
    if (child.children.length > 0) return leavesOf(child, defined, repeated);
    return element.type === undefined ? [] : [{ element, definition: defined, repetition: repeated }];
  });
}

/** The size of a column by its page headers and its dictionary: `bound` is the maximum size of its texts. */
async function lookAt(
  chunk: Chunk,
): Promise<{ readonly storedSize: number; readonly decompressed: number; readonly bound: number }> {
  let storedSize = 0;
  let decompressed = 0;
  let bound = 0;
  let references = 0;
  let dictionary: Page | undefined;
  const isText = chunk.element.type === "BYTE_ARRAY" || chunk.element.type === "FIXED_LEN_BYTE_ARRAY";
  for await (const page of pagesOf(chunk)) {
    await verifyChecksum(chunk.bytes, page);
    storedSize += page.storedSize;
    decompressed += page.size;
    if (!isText) continue;
    if (page.type === pageTypes.dictionary && dictionary !== undefined) {
      throw new Error("a column has two dictionaries");
    }
    if (page.type === pageTypes.dictionary) dictionary = page;
    else if (isDictionary(page.encoding)) references += page.count;
    // No text in a page is longer than the previous text and everything that the page adds.
    else if (page.encoding === encodings.prefixes) bound += page.count * page.size;
  }
  if (references === 0) return { storedSize, decompressed, bound };
  // Without a dictionary there can only be empty values; counting verifies that.
  if (dictionary === undefined) return { storedSize, decompressed, bound: bound + (await textsOf(chunk)) };
  const longest = (await entriesOf(chunk, dictionary)).reduce((most, length) => Math.max(most, length), 0);
  return { storedSize, decompressed, bound: bound + references * longest };
}

/** The bytes of all texts that the pages of a column refer to. */
async function textsOf(chunk: Chunk): Promise<number> {
  let entries: Uint32Array = new Uint32Array();
  let total = 0;
  for await (const page of pagesOf(chunk)) {
    const isReference = isDictionary(page.encoding);
    if (page.type === pageTypes.dictionary) entries = await entriesOf(chunk, page);
    else if (page.count > 0 && (isReference || page.encoding === encodings.prefixes)) {
      const { present, values } = await valuesOf(chunk, page);
      if (present === 0) continue;
      if (isReference) total += sumRuns(values.subarray(1), values[0] ?? 0, present, entries);
      else if (present > mostTexts) throw new Error(`a page of ${page.size} bytes claims ${present} texts`);
      else total += Math.max(checkPrefixes(values, present) - values.length, 0);
    }
  }
  return total;
}

// Their lengths are kept in memory. Pages have about 100,000 values; the limit is also that of a row group.
const mostTexts = 2 ** 22;

/** The lengths of a dictionary's entries. */
async function entriesOf(chunk: Chunk, page: Page): Promise<Uint32Array> {
  const { element } = chunk;
  const { count, size } = page;
  const isFixed = element.type === "FIXED_LEN_BYTE_ARRAY";
  // An empty text takes the four bytes of its length.
  if (size > mostBytes || count * Math.max(isFixed ? (element.type_length ?? 0) : 4, 1) > size) {
    throw new Error(`a dictionary of ${size} bytes claims ${count} values`);
  }
  if (isFixed) return new Uint32Array(count).fill(element.type_length ?? 0);
  const entries = Buffer.from(chunk.decompress(await storedPage(chunk, page), size));
  const lengths = new Uint32Array(count);
  for (let index = 0, at = 0; index < count; index += 1) {
    const length = at + 4 <= entries.length ? entries.readUInt32LE(at) : entries.length;
    at += 4 + length;
    if (at > entries.length) throw new Error("a text in a dictionary ends outside it");
    lengths[index] = length;
  }
  return lengths;
}

/** The values of a page without their levels, and how many of them are not empty. */
async function valuesOf(chunk: Chunk, page: Page): Promise<{ readonly present: number; readonly values: Uint8Array }> {
  const { definition, repetition } = chunk;
  const { count, size, storedSize } = page;
  const stored = await storedPage(chunk, page);
  const presentIn = (levels: Uint8Array): number => {
    const weights = Array.from({ length: definition + 1 }, (_, level) => (level === definition ? 1 : 0));
    return sumRuns(levels, 32 - Math.clz32(definition), count, weights);
  };
  if (page.type === pageTypes.second) {
    const levels = page.repetitions + page.definitions;
    if (levels > storedSize || levels > size) throw new Error("a page has impossible levels");
    const values = stored.subarray(levels);
    return {
      present: definition === 0 ? count : presentIn(stored.subarray(page.repetitions, levels)),
      values: page.isCompressed ? chunk.decompress(values, size - levels) : values,
    };
  }
  const bytes = Buffer.from(chunk.decompress(stored, size));
  let at = 0;
  const levels = (): Uint8Array => {
    const length = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : bytes.length;
    at += 4 + length;
    if (at > bytes.length) throw new Error("a page has impossible levels");
    return bytes.subarray(at - length, at);
  };
  if (repetition > 0) levels();
  const present = definition === 0 ? count : presentIn(levels());
  return { present, values: bytes.subarray(at) };
}

async function storedPage({ bytes }: Chunk, { start, storedSize, size }: Page): Promise<Uint8Array> {
  if (Math.max(storedSize, size) > mostBytes) throw new Error(`a page decompresses to more than ${mostBytes} bytes`);
  return new Uint8Array(await bytes.slice(start, start + storedSize));
}
