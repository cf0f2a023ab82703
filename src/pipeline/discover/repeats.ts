import pMap from "p-map";
import { checksumOf } from "../../files/read.ts";
import type { FolderRules } from "../../exports/export.ts";
import type { FileCopy, SourceColumn, StoredObject } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import { readerOf, type Storage } from "../../storages/storage.ts";

/** A file of a folder without manifests, as far as others can repeat it. */
interface RepeatedFile {
  readonly object: StoredObject;
  /** Others with the same bytes. */
  readonly copies: readonly FileCopy[];
}

// Comparing bytes keeps a processor busy.
const filesRead = 4;

/**
 * The files without those that have the bytes of another one, which counts: one with a key in `loaded`, else the first by its key. Only
 * files of one size are compared, and read if the storage does not give their checksums. Errors: those of the storage.
 */
export async function withoutCopies<File extends RepeatedFile>(
  files: readonly File[],
  loaded: ReadonlySet<string>,
  storage: Storage,
): Promise<readonly File[]> {
  const sizes = [...Map.groupBy(files, ({ object }) => object.size).values()].filter((alike) => alike.length > 1);
  const compared = await pMap(
    sizes.flat(),
    async (file) => {
      const checksum = await checksumOf(file.object, readerOf(storage, file.object));
      return { ...file, object: { ...file.object, checksum } };
    },
    { concurrency: filesRead },
  );
  const counting = new Map(files.map((file) => [file.object.key, file]));
  for (const alike of Map.groupBy(compared, ({ object }) => object.checksum).values()) {
    const byKey = alike.toSorted((one, other) => (one.object.key < other.object.key ? -1 : 1));
    const chosen = byKey.find(({ object }) => loaded.has(object.key)) ?? byKey[0];
    if (chosen === undefined) continue;
    const copies = byKey.filter((file) => file !== chosen).map(({ object: { key, version } }) => ({ key, version }));
    counting.set(chosen.object.key, { ...chosen, copies });
    for (const { key } of copies) counting.delete(key);
  }
  return [...counting.values()];
}

/** How the charges of a file are distinguished. */
export interface ChargeReader {
  /** The positions of the columns to read. */
  readonly positions: readonly number[];
  /** A number of 40 bits for the charge in the cells of these columns: equal charges have equal numbers. */
  digest(cells: readonly string[]): number;
}

/** Reads charges by those columns of a file that the rules name; nested columns of Parquet files are left out. */
export function chargeReader(
  columns: readonly SourceColumn[],
  { cost, time, texts }: FolderRules["charge"],
): ChargeReader {
  const names = columns.map(({ name, type }) => (type === "json" ? "" : fold(name)));
  const wanted = [cost, time, ...texts].map((name) => ({ name, position: names.indexOf(fold(name)) }));
  const present = wanted.filter(({ position }) => position >= 0);
  const plain = present.map(({ name }) => (name === cost ? plainNumber : name === time ? plainTime : asIs));
  return {
    positions: present.map(({ position }) => position),
    digest(cells) {
      let [high, low] = [0x811c9dc5, 0x9e3779b9];
      for (let index = 0; index < present.length; index += 1) {
        const text = plain[index]?.(cells[index] ?? "") ?? "";
        for (let at = 0; at < text.length; at += 1) {
          const code = text.charCodeAt(at);
          high = Math.imul(high ^ code, 0x01000193);
          low = Math.imul(low ^ code, 0x85ebca6b);
        }
        // Where a cell ends is part of the charge.
        high = Math.imul(high ^ 0x1f, 0x01000193);
        low ^= low >>> 15;
      }
      high = Math.imul(high ^ (high >>> 16), 0xc2b2ae35);
      return ((high ^ (high >>> 13)) >>> 0) * 256 + (low >>> 24);
    },
  };
}

function asIs(text: string): string {
  return text;
}

/** A number without zeros at its end: formats write the same cost with more or fewer of them. */
function plainNumber(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** The digits of a time without zeros at its end, in whichever form it is written. */
function plainTime(text: string): string {
  return text.replaceAll(/\D/g, "").replace(/0+$/, "");
}

/** Chooses a few charges of a file, the same ones in every file that has them: those with the least numbers. */
export function createSampler(): { add(digest: number): void; sample(): readonly number[] } {
  const repeated = new Map<number, boolean>();
  let limit = Infinity;
  return {
    add(digest) {
      if (digest > limit) return;
      repeated.set(digest, repeated.has(digest));
      if (repeated.size <= sampleSize) return;
      repeated.delete(Math.max(...repeated.keys()));
      limit = Math.max(...repeated.keys());
    },
    // Charges that a file has several times, such as calls of one price, do not show that another file repeats it.
    sample: () => [...repeated].flatMap(([digest, isRepeated]) => (isRepeated ? [] : [digest])).toSorted(ascending),
  };
}

// Half of the charges of a file are found within a tenth of them, and a receipt stays small.
const sampleSize = 24;

function ascending(one: number, other: number): number {
  return one - other;
}

/** A file with the sample of its charges. */
interface SampledFile {
  readonly key: string;
  readonly sample: readonly number[];
}

/** Charges of a file that others have too. */
export interface RepeatedCharges<File> {
  /** The files that have them. */
  readonly others: readonly File[];
  /** How many charges were compared, and how many of them the others have. */
  readonly compared: number;
  readonly shared: number;
}

/** The charges that a file has in common with others, if they are at least half of those that were compared; null otherwise. */
export function repeatedCharges<File extends SampledFile>(
  { sample }: SampledFile,
  others: readonly File[],
): RepeatedCharges<File> | null {
  const own = new Set(sample);
  const sharing = others.filter((other) => other.sample.some((digest) => own.has(digest)));
  // A full sample leaves out all charges with greater numbers.
  const limit = Math.min(
    ...[sample, ...sharing.map((other) => other.sample)].map((each) =>
      each.length < sampleSize ? Infinity : (each.at(-1) ?? Infinity),
    ),
  );
  const theirs = new Set(sharing.flatMap((other) => other.sample));
  const compared = sample.filter((digest) => digest <= limit);
  const shared = compared.filter((digest) => theirs.has(digest)).length;
  return shared > 0 && shared * 2 >= compared.length ? { others: sharing, compared: compared.length, shared } : null;
}
