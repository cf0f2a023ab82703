import { readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeKey } from "./folders.ts";

/** One step of a sequence of deliveries: what the whole bucket holds next. */
export interface BucketStep {
  /** 1 for the first step: each later one is dated a day later. */
  readonly number: number;
  /** Whether its new data files were written within the last minutes. Its manifests are still days old. */
  readonly isFresh?: boolean;
}

/**
 * Copies `source` to the folder `bucket`, with the times of real deliveries: data files of a
 * delivery first, its manifest a minute later, one delivery after the other, days ago. A file that the bucket holds with
 * the same bytes keeps its time; every other one is later than all that were there before. The same as a git checkout
 * without its times, which count.
 */
export async function placeBucket(
  source: string,
  bucket: string,
  { number, isFresh = false }: BucketStep,
): Promise<void> {
  const held = await readFolder(bucket);
  const next = await readFolder(source);
  const now = Date.now();
  const newest = Math.max(0, ...[...held.values()].map(({ time }) => time));
  const notBefore = (time: number): number => Math.max(time, newest + minute);
  const daysAgo = notBefore(now - (12 - number) * 24 * 60 * minute);
  const minutesAgo = notBefore(now - 10 * minute);
  const isSame = (key: string): boolean => held.get(key)?.bytes.equals(next.get(key)?.bytes ?? Buffer.of()) === true;
  const changed = [...next.keys()].filter((key) => !isSame(key));
  const times = new Map(
    inOrderOfArrival(changed).map(({ key, minutes }) => {
      const start = isFresh && !isManifest(key) ? minutesAgo : daysAgo;
      return [key, start + minutes * minute] as const;
    }),
  );
  await rm(bucket, { recursive: true, force: true });
  for (const [key, { bytes }] of next) {
    const seconds = (times.get(key) ?? held.get(key)?.time ?? now) / 1000;
    await utimes(await writeKey(bucket, key, bytes), seconds, seconds);
  }
}

const minute = 60_000;

interface HeldFile {
  readonly bytes: Buffer;
  /** Milliseconds. */
  readonly time: number;
}

async function readFolder(folder: string): Promise<Map<string, HeldFile>> {
  const names = await readdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const files = new Map<string, HeldFile>();
  for (const name of names) {
    const path = join(folder, name);
    const stats = await stat(path);
    if (stats.isFile()) files.set(name.replaceAll("\\", "/"), { bytes: await readFile(path), time: stats.mtimeMs });
  }
  return files;
}

/** When each file arrives, in minutes after the first: the data files of a folder, then the manifests about them. */
function inOrderOfArrival(keys: readonly string[]): { readonly key: string; readonly minutes: number }[] {
  const folders = [...new Set(keys.filter((key) => !isManifest(key)).map(dirname))].toSorted();
  return keys.map((key) => {
    if (!isManifest(key)) return { key, minutes: 2 * folders.indexOf(dirname(key)) };
    // A manifest of AWS is above the folders of its deliveries, or in a folder beside them.
    const above = `${dirname(key).replace(/(^|\/)metadata(?=\/)/, "$1data")}/`;
    const last = folders.findLastIndex((folder) => `${folder}/`.startsWith(above));
    return { key, minutes: 2 * (last < 0 ? folders.length : last) + 1 };
  });
}

function isManifest(key: string): boolean {
  return /manifest\.json$/i.test(key);
}
