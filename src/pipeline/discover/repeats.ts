import pMap from "p-map";
import { checksumOf } from "../../files/read.ts";
import type { FileCopy, StoredObject } from "../../model.ts";
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
