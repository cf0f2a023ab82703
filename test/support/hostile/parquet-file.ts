/** A value of Thrift's compact protocol, for a Parquet file that is written by hand. */
export type Field =
  | { readonly int: number | bigint }
  | { readonly long: number | bigint }
  | { readonly yes: boolean }
  | { readonly text: string | Uint8Array }
  | { readonly list: readonly Field[] }
  | { readonly struct: Fields };

/** Fields by their numbers, which ascend. */
export type Fields = Readonly<Record<number, Field>>;

/** Bytes of an integer in groups of seven bits. */
export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** Bytes of a struct. */
export function structBytes(fields: Fields): Buffer {
  let before = 0;
  const parts = Object.entries(fields).map(([number, field]) => {
    const delta = Number(number) - before;
    before = Number(number);
    return Buffer.concat([Buffer.from([(delta << 4) | typeOf(field)]), valueBytes(field)]);
  });
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function typeOf(field: Field): number {
  if ("yes" in field) return field.yes ? 1 : 2;
  if ("int" in field) return 5;
  if ("long" in field) return 6;
  if ("text" in field) return 8;
  return "list" in field ? 9 : 12;
}

function valueBytes(field: Field): Buffer {
  // The type says it all.
  if ("yes" in field) return Buffer.alloc(0);
  if ("int" in field) return varint(zigzag(field.int));
  if ("long" in field) return varint(zigzag(field.long));
  if ("text" in field) return Buffer.concat([varint(Buffer.from(field.text).length), Buffer.from(field.text)]);
  if ("struct" in field) return structBytes(field.struct);
  const head = Buffer.concat([Buffer.from([0xf0 | typeOf(field.list[0] ?? { int: 0 })]), varint(field.list.length)]);
  return Buffer.concat([head, ...field.list.map(valueBytes)]);
}

function zigzag(value: number | bigint): bigint {
  const wide = BigInt(value);
  return wide < 0n ? -wide * 2n - 1n : wide * 2n;
}

/** A column of one page, as a file is written by hand: what it holds, and what it says of itself. */
export interface HandColumn {
  readonly name: string;
  /** parquet.thrift, `Type`: 5 is DOUBLE, 6 BYTE_ARRAY. */
  readonly type: number;
  /** Bytes of the page, as they are stored. */
  readonly page: Uint8Array;
  readonly optional?: boolean;
  /** `Encoding`: 0 is PLAIN, 8 RLE_DICTIONARY. */
  readonly encoding?: number;
  /** `CompressionCodec`: 0 is none, 1 Snappy, 7 LZ4_RAW. */
  readonly codec?: number;
  readonly values?: number;
  readonly unpacked?: number;
  readonly packed?: number;
  /** CRC-32 of the page, signed. */
  readonly checksum?: number;
  readonly offset?: number | bigint;
  readonly size?: number | bigint;
  readonly schema?: Fields;
  /** A page of entries in front of the column's own. */
  readonly dictionary?: { readonly page: Uint8Array; readonly entries: number } | undefined;
  /** Elements of the schema that stand around the column, each with one child, and its path with their names. */
  readonly groups?: readonly Fields[];
  readonly path?: readonly string[];
}

/** The bytes of a Parquet file with one row group of these columns, and what it claims instead of the truth. */
export function parquetFile(
  columns: readonly HandColumn[],
  rows: number | bigint,
  claims: { readonly total?: number | bigint; readonly group?: number | bigint } = {},
): Buffer {
  const parts: Buffer[] = [Buffer.from("PAR1")];
  let offset = 4;
  const chunks = columns.map((column): Field => {
    const { name, type, page, encoding = 0, codec = 0, values = Number(rows) } = column;
    const head = structBytes({
      1: { int: 0 },
      2: { int: column.unpacked ?? page.length },
      3: { int: column.packed ?? page.length },
      ...(column.checksum === undefined ? {} : { 4: { int: column.checksum } }),
      5: { struct: { 1: { int: values }, 2: { int: encoding }, 3: { int: 3 }, 4: { int: 3 } } },
    });
    const entries = column.dictionary === undefined ? Buffer.alloc(0) : dictionaryPage(column.dictionary);
    const bytes = Buffer.concat([entries, head, page]);
    const chunk: Fields = {
      1: { int: type },
      2: { list: [{ int: encoding }] },
      3: { list: (column.path ?? [name]).map((text) => ({ text })) },
      4: { int: codec },
      5: { long: values },
      6: { long: bytes.length },
      7: { long: column.size ?? bytes.length },
      9: { long: column.offset ?? offset + entries.length },
      ...(column.dictionary === undefined ? {} : { 11: { long: offset } }),
    };
    parts.push(bytes);
    offset += bytes.length;
    return { struct: { 2: { long: 0 }, 3: { struct: chunk } } };
  });
  const schema: Field[] = [
    { struct: { 4: { text: "root" }, 5: { int: columns.length } } },
    ...columns.flatMap(({ name, type, optional = false, schema: own = {}, groups = [] }): Field[] => [
      ...groups.map((struct) => ({ struct })),
      { struct: { 1: { int: type }, 3: { int: optional ? 1 : 0 }, 4: { text: name }, ...own } },
    ]),
  ];
  const footer = structBytes({
    1: { int: 1 },
    2: { list: schema },
    3: { long: claims.total ?? rows },
    4: { list: [{ struct: { 1: { list: chunks }, 2: { long: offset }, 3: { long: claims.group ?? rows } } }] },
  });
  return withFooter(Buffer.concat(parts), footer);
}

function dictionaryPage({ page, entries }: NonNullable<HandColumn["dictionary"]>): Buffer {
  const head = structBytes({
    1: { int: 2 },
    2: { int: page.length },
    3: { int: page.length },
    7: { struct: { 1: { int: entries }, 2: { int: 0 } } },
  });
  return Buffer.concat([head, page]);
}

/** A file with this footer, and the length that it claims for it. */
export function withFooter(
  data: Uint8Array,
  footer: Uint8Array,
  length: number = footer.length,
  magic = "PAR1",
): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(length);
  return Buffer.concat([data, footer, size, Buffer.from(magic)]);
}

/** A page of texts, PLAIN. */
export function texts(...values: readonly string[]): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const size = Buffer.alloc(4);
      size.writeUInt32LE(Buffer.byteLength(value));
      return Buffer.concat([size, Buffer.from(value)]);
    }),
  );
}

/** Levels of an optional column in front of its values, with their length. */
export function levels(runs: Uint8Array, values: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(runs.length);
  return Buffer.concat([size, runs, values]);
}
