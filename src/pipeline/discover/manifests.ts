import { BillhouseError, messageOf } from "../../errors.ts";
import type { ExportFormat, Manifest, ManifestPlace } from "../../exports/export.ts";
import type { BillingMonth, DaySpan, Execution, FileFormat, StoredObject } from "../../model.ts";
import { intersect, monthSpan, monthsOf } from "../../schema/periods.ts";
import type { Storage } from "../../storages/storage.ts";
import { resolveFiles } from "./resolve.ts";

/**
 * Reads one manifest, in UTF-8 or UTF-16; nothing is read if the data file itself serves as the manifest, or if it is empty.
 * Error: MANIFEST_INVALID when it is not JSON (`isTorn`), larger than 64 MB, or lacks required fields; those of the storage.
 */
export async function readManifest(
  format: ExportFormat,
  place: ManifestPlace,
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
): Promise<Manifest> {
  const object = objects.get(place.key);
  if (object === undefined) throw new Error(`The place ${place.key} was not listed.`);
  const invalid = (what: string, cause?: unknown): BillhouseError =>
    new BillhouseError("MANIFEST_INVALID", `The manifest ${place.key} ${what}.`, {
      hint: "Check the file. Every run reads it again; the month loads once the manifest is valid.",
      cause,
    });
  const empty = (): BillhouseError => invalid("is empty", new SyntaxError("The text is empty."));
  if (object.size === 0) throw empty();
  if (place.isDataFile) return format.readManifest(null, place);
  if (object.size > largestManifest) throw invalid(`has ${object.size} bytes, more than the limit for a manifest`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of storage.read(object)) {
    size += chunk.length;
    // The listing may be wrong.
    if (size > largestManifest) throw invalid("has more bytes than the limit for a manifest");
    chunks.push(chunk);
  }
  if (size === 0) throw empty();
  const bytes = Buffer.concat(chunks);
  const encoding = encodingOf(bytes);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder(encoding, { fatal: true }).decode(bytes));
  } catch (cause) {
    const kind = encoding === "utf-8" ? "JSON" : "JSON in UTF-16";
    throw invalid(`is not valid ${kind} (${messageOf(cause)})`, cause);
  }
  return format.readManifest(json, place);
}

/**
 * Whether an error of `readManifest` says that the manifest is empty or incomplete JSON, as while the
 * manifest is being written.
 */
export function isTorn(error: BillhouseError): boolean {
  // The errors of JSON.parse and of TextDecoder: a manifest may be cut inside a character.
  return error.code === "MANIFEST_INVALID" && (error.cause instanceof SyntaxError || error.cause instanceof TypeError);
}

/**
 * The encoding of a JSON text, whose first character is ASCII: by its byte order mark, else by the position of its zero
 * byte.
 */
function encodingOf([first, second]: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return "utf-16le";
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== undefined && second !== 0)) return "utf-16be";
  return "utf-8";
}

// Far more than clouds need for files and columns; a larger file is not a manifest.
const largestManifest = 64 * 1024 * 1024;

/**
 * Reads the manifest of one delivery, and resolves its files, for one billing month. `days` are those of the month, if
 * its billing period is not the calendar month.
 * Errors: as `readManifest`; KEY_OUTSIDE_PREFIX; MANIFEST_INVALID also when its days are outside the month.
 */
export async function readExecution(
  format: ExportFormat,
  place: ManifestPlace,
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
  billingMonth: BillingMonth,
  days: DaySpan = monthSpan(billingMonth),
): Promise<Execution> {
  const manifest = await readManifest(format, place, storage, objects);
  const { found, missing } = resolveFiles(manifest, place.key, objects);
  const object = objects.get(place.key);
  if (object === undefined) throw new Error(`The place ${place.key} was not listed.`);
  const coverage = intersect(manifest.period, days);
  if (coverage === undefined) {
    const { start, end } = manifest.period;
    throw new BillhouseError(
      "MANIFEST_INVALID",
      `The manifest ${place.key} covers ${start} to ${end}, but it is in a folder of ${billingMonth}.`,
      {
        hint: "Copy the delivery again with its paths: the folder and the manifest of a delivery must name the same days.",
      },
    );
  }
  return {
    id: manifest.id,
    billingMonth,
    exportName: manifest.exportName ?? place.exportName,
    manifest: object,
    format: manifest.format,
    files: found.map(({ listed, object: file }) => ({
      ...file,
      format: fileFormat(file.key, manifest.format),
      rows: listed.rows,
      declaredSize: listed.size,
    })),
    missing,
    columns: manifest.columns,
    rows: manifest.rows,
    submittedTime: manifest.submittedTime,
    made: madeOf(manifest.submittedTime, place, object.modified, manifest.period),
    scope: manifest.scope,
    dataset: manifest.dataset ?? null,
    coverage: manifest.partial ? coverage : null,
    declared: manifest.period,
    isEmpty: manifest.rows === 0 || manifest.bytes === 0,
    spansMonths: monthsOf(manifest.period).length > 1,
  };
}

/**
 * When a delivery was made, ISO 8601 in UTC: from its manifest, else its path, else the time when its manifest was written. A
 * copy can have any time: a time before the declared days is ignored, and the end of these days used instead.
 */
export function madeOf(submitted: string | null, place: ManifestPlace, written: string, declared: DaySpan): string {
  const path = timeOfPath(place.order);
  const copied = written.slice(0, 10) < declared.start ? `${declared.end}T23:59:59Z` : written;
  return utcOf(submitted) ?? (path || copied);
}

/** The minute in a path, such as 202501040000, in ISO 8601; other text as it is. */
function timeOfPath(order: string): string {
  if (!/^\d{12}$/.test(order)) return order;
  const [month, day, hour, minute] = [4, 6, 8, 10].map((start) => order.slice(start, start + 2));
  return `${order.slice(0, 4)}-${month}-${day}T${hour}:${minute}:00Z`;
}

/** A time as manifests write it, in UTC; null for what is not a time. */
function utcOf(text: string | null): string | null {
  if (text === null) return null;
  const [, time, zone] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[-+]\d\d:?\d\d)?$/.exec(text) ?? [];
  const moment = new Date(`${time}${zone ?? "Z"}`);
  if (time === undefined || Number.isNaN(moment.getTime())) return null;
  // Up to seven digits after the second are kept.
  return zone === undefined || zone === "Z" ? `${time}Z` : moment.toISOString();
}

/** The format of one file: by its name, else the one declared for the whole delivery. */
export function fileFormat(key: string, declared: FileFormat): FileFormat {
  return /\.parquet$/i.test(key) ? "parquet" : declared;
}
