import { BillhouseError, quoted } from "../../errors.ts";
import type { ListedFile, Manifest } from "../../exports/export.ts";
import type { StoredObject } from "../../model.ts";

/** The result of resolving the listed keys of one manifest. */
export interface ResolvedFiles {
  readonly found: readonly { readonly listed: ListedFile; readonly object: StoredObject }[];
  /** Keys that the storage lacks, as they were looked up. */
  readonly missing: readonly string[];
}

/**
 * Resolves the files in a manifest to the objects in the storage. Pure.
 *
 * Mirrors do not keep the manifest's keys, so one relocation per execution is allowed: what precedes the period
 * segment (`YYYYMMDD-YYYYMMDD/`, `data/PART=` with its manifest in `metadata/PART=`, `year=`) may differ, alike for all keys;
 * from there on a key must equal the object's path, including the execution's own folder if the manifest names one. A file
 * is never matched by its name alone, because the previous execution used the same names.
 *
 * Errors: KEY_OUTSIDE_PREFIX for a key that leaves the prefix; MANIFEST_INVALID for a key that is listed twice, and for keys
 * with several heads or more than one possible relocation.
 */
export function resolveFiles(
  manifest: Pick<Manifest, "files" | "bucket">,
  manifestKey: string,
  objects: ReadonlyMap<string, StoredObject>,
): ResolvedFiles {
  const listed = manifest.files;
  const split = listed.map((file) => splitKey(file.key, manifestKey, manifest.bucket));
  const heads = new Set(split.map(({ head }) => head));
  if (heads.size > 1) {
    throw new BillhouseError(
      "MANIFEST_INVALID",
      `The files that the manifest ${manifestKey} lists are in different folders: ${named([...heads])}.`,
      { hint: "All files of a delivery must be in one folder. Check the manifest; the month was not loaded." },
    );
  }
  const tails = split.map(({ tail }) => tail);
  const seen = new Set<string>();
  for (const tail of tails) {
    if (seen.has(tail)) {
      throw new BillhouseError("MANIFEST_INVALID", `The manifest ${manifestKey} lists the file ${tail} twice.`, {
        hint: "Its rows would be loaded twice. Check the manifest; the month was not loaded.",
      });
    }
    seen.add(tail);
  }
  const head = relocate(split[0]?.head ?? "", tails, manifestKey, objects);
  const found: { listed: ListedFile; object: StoredObject }[] = [];
  const missing: string[] = [];
  for (const [index, file] of listed.entries()) {
    const key = head + tails[index];
    const object = objects.get(key);
    if (object === undefined) missing.push(key);
    else found.push({ listed: file, object });
  }
  return { found, missing };
}

/**
 * The head below which the files are looked up: beside the manifest, at the listed path, or the only other place with all
 * files.
 */
function relocate(
  listedHead: string,
  tails: readonly string[],
  manifestKey: string,
  objects: ReadonlyMap<string, StoredObject>,
): string {
  const beside = splitAtPeriod(manifestKey)?.head ?? "";
  const holdsAll = (head: string): boolean => tails.every((tail) => objects.has(head + tail));
  if (holdsAll(beside)) return beside;
  if (holdsAll(listedHead)) return listedHead;
  const elsewhere = headsBelow(beside, tails[0] ?? "", objects).filter(holdsAll);
  if (elsewhere.length > 1) {
    throw new BillhouseError(
      "MANIFEST_INVALID",
      `The files of the manifest ${manifestKey} are in more than one place: ${named(elsewhere)}.`,
      { hint: "Set a narrower `prefix` that contains one copy of the export." },
    );
  }
  if (elsewhere[0] !== undefined) return elsewhere[0];
  // Not complete anywhere: report missing files in the place with at least some of them.
  const holdsSome = (head: string): boolean => tails.some((tail) => objects.has(head + tail));
  return [beside, listedHead].find(holdsSome) ?? beside;
}

/** Folders for a message: the first three. */
function named(folders: readonly string[]): string {
  const first = folders.slice(0, 3).map((folder) => `"${folder}"`);
  return folders.length > 3 ? `${first.join(", ")} and ${folders.length - 3} more` : first.join(", ");
}

function headsBelow(folder: string, tail: string, objects: ReadonlyMap<string, StoredObject>): string[] {
  const heads: string[] = [];
  for (const key of objects.keys()) {
    if (key.startsWith(folder) && key.endsWith(`/${tail}`)) heads.push(key.slice(0, key.length - tail.length));
  }
  return heads;
}

function splitKey(written: string, manifestKey: string, bucket: string | null): { head: string; tail: string } {
  // Some manifests write whole addresses or a leading slash; only the path in their own bucket matters.
  const address = /^[a-z][a-z0-9+.-]*:\/\/([^/]*)\/(.*)$/i.exec(written);
  const foreign = address !== null && (address[1] === "" || (bucket !== null && address[1] !== bucket));
  const key = (address?.[2] ?? written).replace(/^\/+/, "");
  const split = splitAtPeriod(key);
  const absolute = address === null && split === undefined && written.startsWith("/");
  const climbs = key.split("/").some((step) => step === ".." || step === ".");
  // A backslash is a folder separator to some systems, a NUL ends a path in others.
  if (foreign || absolute || climbs || /[\\\0]/.test(key) || key === "") {
    throw new BillhouseError(
      "KEY_OUTSIDE_PREFIX",
      `The manifest ${manifestKey} lists the file ${quoted(written, 1000)}, which is outside the export.`,
      { hint: "Check the manifest: billhouse reads only below the prefix of the export." },
    );
  }
  return split ?? { head: "", tail: key };
}

/** Splits a key before its last period segment: a folder above the export may look like one too. */
function splitAtPeriod(key: string): { head: string; tail: string } | undefined {
  const head = /^(?:.*\/)?(?=\d{8}-\d{8}\/|(?:meta)?data\/[^/=]+=|year=\d)/s.exec(key)?.[0];
  return head === undefined ? undefined : { head, tail: key.slice(head.length) };
}
