import { crc32, deflateRawSync } from "node:zlib";

/** A file to put into a zip archive, and what to write of it that is not so. */
export interface ZipFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Store it as it is. */
  readonly stored?: boolean;
  /** The method that the archive names, whatever was done. */
  readonly method?: number;
  readonly flags?: number;
  readonly size?: number;
  readonly checksum?: number;
  /** Bytes behind the data that the archive counts as part of it. */
  readonly padding?: Uint8Array;
}

/** The bytes of a zip archive (PKWARE APPNOTE 6.3.10), with lengths behind the data as streaming writers have it. */
export function zipBytes(...files: readonly ZipFile[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const name = Buffer.from(file.name);
    const data = Buffer.concat([
      file.stored ? file.bytes : deflateRawSync(file.bytes),
      file.padding ?? Buffer.alloc(0),
    ]);
    const method = file.method ?? (file.stored ? 0 : 8);
    const flags = file.flags ?? 0x08;
    const checksum = file.checksum ?? crc32(file.bytes);
    const size = file.size ?? file.bytes.length;
    const local = numbers(
      [4, 0x04034b50],
      [2, 20],
      [2, flags],
      [2, method],
      [4, 0],
      [4, 0],
      [4, 0],
      [4, 0],
      [2, name.length],
      [2, 0],
    );
    const descriptor = numbers([4, 0x08074b50], [4, checksum], [4, data.length], [4, size]);
    parts.push(local, name, data, descriptor);
    directory.push(
      numbers(
        ...([
          [4, 0x02014b50],
          [2, 20],
          [2, 20],
          [2, flags],
          [2, method],
          [4, 0],
          [4, checksum],
        ] as const),
        ...([
          [4, data.length],
          [4, size],
          [2, name.length],
          [2, 0],
          [2, 0],
          [2, 0],
          [2, 0],
          [4, 0],
          [4, offset],
        ] as const),
      ),
      name,
    );
    offset += local.length + name.length + data.length + descriptor.length;
  }
  const central = Buffer.concat(directory);
  const end = numbers(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, files.length],
    [2, files.length],
    [4, central.length],
    [4, offset],
    [2, 0],
  );
  return Buffer.concat([...parts, central, end]);
}

function numbers(...fields: readonly (readonly [width: 2 | 4, value: number])[]): Buffer {
  return Buffer.concat(
    fields.map(([width, value]) => {
      const bytes = Buffer.alloc(width);
      bytes.writeUIntLE(value, 0, width);
      return bytes;
    }),
  );
}
