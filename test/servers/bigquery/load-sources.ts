import { isUtf8 } from "node:buffer";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { castTo } from "./casts.ts";
import { checkCsv } from "./csv.ts";
import { refusal } from "./failures.ts";
import { type LoadConfiguration, placeOf, type StoredObject } from "./load-configuration.ts";
import type { LoadOptions } from "./load.ts";
import { parserOf } from "./natives.ts";
import { readParquet } from "./parquet.ts";
import { type Column, columnOf, sameType, scalar, text } from "./types.ts";

/** A file that is ready to be inserted. */
export interface Source {
  readonly uri: string;
  readonly size: number;
  readonly columns: readonly Column[];
  /** For each column the SQL of its value, of the type of the column. */
  readonly values: readonly string[];
  readonly relation: string;
  readonly rows?: number;
}

/** Reads and checks all files of a job. Errors: invalid, notFound. */
export async function fetchFiles(options: LoadOptions, folder: string): Promise<Source[]> {
  const { load, readObject } = options;
  const objects: { uri: string; object: StoredObject }[] = [];
  for (const uri of load.sourceUris ?? []) {
    const { bucket, key } = placeOf(uri);
    const object = await readObject(bucket, key);
    if (object === undefined) throw refusal("notFound", `Not found: URI ${uri}`);
    objects.push({ uri, object });
  }
  const isPacked = objects.map(({ object }) => object.bytes[0] === 0x1f && object.bytes[1] === 0x8b);
  // Documented: batch-loading-data#limitations.
  if (load.sourceFormat === "CSV" && new Set(isPacked).size > 1) {
    throw refusal("invalid", "Compressed and uncompressed files cannot be mixed in one load job");
  }
  const sources: Source[] = [];
  for (const [index, { uri, object }] of objects.entries()) {
    const path = join(folder, `${index}`);
    const size = object.size ?? object.bytes.length;
    if (load.sourceFormat !== "CSV") {
      await writeFile(path, object.bytes);
      const parquet = await readParquet(options.engine, path, uri);
      sources.push({ uri, size, ...parquet });
      continue;
    }
    // Documented: quotas#load_jobs; 4 GB for a packed file.
    if (isPacked[index] === true && size > 4 * 1024 ** 3) {
      throw refusal(
        "invalid",
        `Error while reading data, error message: Input CSV files are not splittable and at least one of the files is larger than the maximum allowed size. Size is: ${size}. Max allowed size is: 4294967296. Filename: ${uri}`,
        { location: uri },
      );
    }
    sources.push({
      uri,
      size,
      ...(await csvSource(load, textOf(unpacked(object, uri), options.replacesInvalidText), path, uri)),
    });
  }
  return sources;
}

function unpacked({ bytes }: StoredObject, uri: string): Buffer {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return gunzipSync(bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : "";
    throw refusal(
      "invalid",
      `Error while reading data, error message: Failed to decompress gzip data: ${why}. File: ${uri}`,
      { location: uri },
    );
  }
}

async function csvSource(
  load: LoadConfiguration,
  bytes: Buffer,
  path: string,
  uri: string,
): Promise<Omit<Source, "uri" | "size">> {
  const columns = (load.schema?.fields ?? []).map(columnOf);
  const typed = columns.flatMap(({ name, type }, index) =>
    type.kind === "STRING" ? [] : [{ name, kind: type.kind, index, parse: parserOf(type.kind) }],
  );
  const check = (cells: readonly (string | null)[], position: number): string | null => {
    for (const { name, kind, index, parse } of typed) {
      const cell = cells[index] ?? null;
      if (cell === null || parse(cell) !== undefined) continue;
      return `Could not parse '${cell}' as ${kind} for field ${name} (position ${index}) starting at location ${position} with message 'Unable to parse'`;
    }
    return null;
  };
  const { rows, bytes: checked } = checkCsv(bytes, {
    uri,
    columns: columns.length,
    skipLeadingRows: Number(load.skipLeadingRows ?? 0),
    preserveAsciiControlCharacters: load.preserveAsciiControlCharacters === true,
    ...(typed.length > 0 && { check }),
  });
  await writeFile(path, checked);
  const names = columns.map((_, index) => `k${index}`);
  const relation = `read_csv(${text(path)}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
    nullstr = '', allow_quoted_nulls = false, strict_mode = true, new_line = '\\n', max_line_size = 104857600, parallel = ${checked.length < 50_000_000 ? "false" : "true"},
    columns = {${names.map((name) => `'${name}': 'VARCHAR'`).join(", ")}})`;
  const values = columns.map(({ type }, index) => {
    const value = { sql: names[index] ?? "", type: scalar("STRING") };
    return type.kind === "STRING" || type.kind === "ARRAY" || type.kind === "STRUCT"
      ? value.sql
      : castTo(value, type.kind, false).sql;
  });
  return { columns, values, relation, rows };
}

/** Refuses a file with other columns than the first one. Error: invalid. */
export function checkSame(columns: readonly Column[], file: Source): void {
  const isSame =
    columns.length === file.columns.length &&
    columns.every((column, index) => {
      const other = file.columns[index];
      return other !== undefined && column.name === other.name && sameType(column.type, other.type);
    });
  // Documented: loading-data-cloud-storage-parquet#wildcards; one schema for all files of a job.
  if (!isSame)
    throw refusal("invalid", `Error while reading data, error message: incompatible types found in file ${file.uri}`, {
      location: file.uri,
    });
}

// Documented: loading-data-cloud-storage-csv#encoding; characters that cannot be converted become U+FFFD. Refusing them,
// which this server does itself, is stricter than that.
function textOf(bytes: Buffer, replacesInvalidText: boolean): Buffer {
  return replacesInvalidText && !isUtf8(bytes) ? Buffer.from(bytes.toString("utf8")) : bytes;
}
