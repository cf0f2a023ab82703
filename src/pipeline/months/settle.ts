import type { StoredObject } from "../../model.ts";

/** A delivery as it is in the storage now, for the rules that decide whether it is complete. */
export interface ArrivingDelivery {
  readonly id: string;
  /** Null if the data file itself serves as the manifest. */
  readonly manifest: StoredObject | null;
  /** The files that were found, each with the bytes that the manifest declares, or null. */
  readonly files: readonly (StoredObject & { readonly declaredSize: number | null })[];
  /** Keys that the manifest lists but the storage lacks. */
  readonly missing: readonly string[];
}

/** A loaded delivery: one of those in the receipt of the month. */
export interface LoadedArrival {
  readonly id: string;
  /** Null if the receipt does not record it. */
  readonly manifestVersion: string | null;
  readonly files: readonly Pick<StoredObject, "key" | "version">[];
  /** Whether it was loaded although a rule suspected it. */
  readonly isFlagged: boolean;
}

/** The input of the rules. */
export interface Arrival {
  readonly delivery: ArrivingDelivery;
  /** The delivery that the month was last loaded from; null if it never was. */
  readonly loaded: LoadedArrival | null;
  /** Whether its files have the loaded bytes although their versions differ. */
  readonly isSameBytes: boolean;
  readonly now: Date;
  /** Milliseconds; 0 switches off the rules that end with time. */
  readonly settle: number;
}

/** Why a delivery waits. */
export interface Waiting {
  /** A sentence that names the file and what is wrong with it. */
  readonly reason: string;
  /**
   * When it ends: `on-arrival` when the file arrives as declared, `on-manifest` with a new manifest, otherwise
   * the time in milliseconds at which the delivery has been unchanged for long enough.
   */
  readonly until: "on-arrival" | "on-manifest" | number;
}

/** One rule: what it suspects of a delivery, or null. Pure. */
export type ArrivalRule = (arrival: Arrival) => Waiting | null;

/** Whether a delivery waits, and whether its load must be flagged. */
export interface ArrivalVerdict {
  readonly waiting: Waiting | null;
  /** Whether a rule suspects the delivery but it has been unchanged for long enough to be loaded. */
  readonly isFlagged: boolean;
}

/**
 * Decides whether a delivery is complete: the first rule that holds it back counts. A rule that ends with time
 * only flags the delivery once its objects have not changed for `settle`. `force` waits only for objects that
 * are missing or whose size differs from the declared size, and flags a delivery that a rule suspects.
 */
export function judgeArrival(
  arrival: Arrival,
  rules: readonly ArrivalRule[] = arrivalRules,
  force = false,
): ArrivalVerdict {
  const suspicions = rules.flatMap((rule) => rule(arrival) ?? []);
  const holdsBack = ({ until }: Waiting): boolean =>
    until === "on-arrival" || (!force && (until === "on-manifest" || arrival.now.getTime() < until));
  const waiting = suspicions.find(holdsBack);
  return { waiting: waiting ?? null, isFlagged: waiting === undefined && suspicions.length > 0 };
}

/** An object is missing, or its size is not the one that the manifest declares. Not even `--force` loads it. */
export const isIncomplete: ArrivalRule = ({ delivery: { id, files, missing }, loaded }) => {
  const [first] = missing;
  if (first !== undefined) {
    const total = files.length + missing.length;
    const gone = loaded?.id === id ? missing.filter((key) => versionOf(loaded, key) !== undefined) : [];
    const [firstGone] = gone;
    if (firstGone !== undefined) {
      const reason = `${gone.length} of ${total} files of ${id} are no longer in the storage; the first is ${firstGone}. They were there when the month was loaded, and its rows are kept.`;
      return { reason, until: "on-arrival" };
    }
    const reason = `${missing.length} of ${total} files of ${id} are missing; the first is ${first}. It loads once they arrive.`;
    return { reason, until: "on-arrival" };
  }
  const torn = files.find(({ size, declaredSize }) => declaredSize !== null && declaredSize !== size);
  if (torn === undefined) return null;
  const [size, declared] = [torn.size, torn.declaredSize ?? 0].map((bytes) => bytes.toLocaleString("en-US"));
  const reason = `${torn.key} has ${size} bytes in the storage, but ${declared} in the manifest. It loads once the file has the declared size.`;
  return { reason, until: "on-arrival" };
};

/**
 * Files of the loaded delivery were written again but its manifest was not: the next delivery is overwriting it. This
 * is not limited in time, unless the load was flagged: then the files count as the better version once they are unchanged.
 */
export const isOverwriting: ArrivalRule = (arrival) => {
  const { delivery, loaded, isSameBytes } = arrival;
  if (delivery.manifest === null || isSameBytes || !isKnown(arrival)) return null;
  const changed = delivery.files.find(({ key, version }) => versionOf(loaded, key) !== version);
  if (changed === undefined) return null;
  const reason = `${changed.key} was written again, but the manifest of ${delivery.id} was not: the next delivery is arriving. It loads with the new manifest, or now with --force.`;
  return { reason, until: loaded?.isFlagged === true ? quietFrom(arrival) : "on-manifest" };
};

/**
 * A delivery that is not loaded has a file that is newer than its manifest by more than `settle`: it may belong to the
 * next one.
 */
export const isNewerThanManifest: ArrivalRule = (arrival) => {
  const { manifest, files, id } = arrival.delivery;
  if (manifest === null || arrival.settle === 0 || isKnown(arrival)) return null;
  const newer = files.find(({ modified }) => Date.parse(modified) - Date.parse(manifest.modified) > arrival.settle);
  if (newer === undefined) return null;
  const reason = `${newer.key} is newer than the manifest of ${id}: the next delivery may be arriving. It loads with the new manifest, or once no file has changed for ${minutesOf(arrival)}.`;
  return { reason, until: quietFrom(arrival) };
};

/**
 * A delivery that is not loaded has a file that is older than its manifest by more than `settle`, at a key that other
 * deliveries use too: it may belong to the previous delivery, if that one was not loaded. A key that contains the
 * delivery's own id cannot contain another delivery's bytes.
 */
export const isOlderThanManifest: ArrivalRule = (arrival) => {
  const { manifest, files, id } = arrival.delivery;
  if (manifest === null || arrival.settle === 0 || isKnown(arrival)) return null;
  const older = files.find(
    ({ key, modified }) => !key.includes(id) && Date.parse(manifest.modified) - Date.parse(modified) > arrival.settle,
  );
  if (older === undefined) return null;
  const reason = `${older.key} is older than the manifest of ${id}, which may not have overwritten it yet. It loads once no file has changed for ${minutesOf(arrival)}.`;
  return { reason, until: quietFrom(arrival) };
};

/** A data file without a manifest may still be arriving while it is young. */
export const isBeingCopied: ArrivalRule = (arrival) => {
  const { manifest, files } = arrival.delivery;
  const changed = files.find(({ key, version }) => versionOf(arrival.loaded, key) !== version);
  if (manifest !== null || changed === undefined || arrival.isSameBytes) return null;
  if (arrival.now.getTime() >= quietFrom(arrival)) return null;
  const youngest =
    files.toSorted((one, other) => Date.parse(one.modified) - Date.parse(other.modified)).at(-1) ?? changed;
  const reason = `${youngest.key} was written less than ${minutesOf(arrival)} ago, and no manifest says that it is complete: it may still be arriving. It loads once the file has not changed for ${minutesOf(arrival)}.`;
  return { reason, until: quietFrom(arrival) };
};

/** A new delivery lists an object that is unchanged since another delivery was loaded from it. */
export const isNotOverwritten: ArrivalRule = (arrival) => {
  const { delivery, loaded } = arrival;
  if (loaded === null || delivery.manifest === null || arrival.settle === 0 || isKnown(arrival)) return null;
  const stale = delivery.files.find(({ key, version }) => versionOf(loaded, key) === version);
  if (stale === undefined || arrival.isSameBytes) return null;
  const reason = `${stale.key} is unchanged since ${loaded.id}: ${delivery.id} may not have overwritten it yet. It loads once no file has changed for ${minutesOf(arrival)}.`;
  return { reason, until: quietFrom(arrival) };
};

/** All rules, in the order in which they are reported. */
export const arrivalRules: readonly ArrivalRule[] = [
  isIncomplete,
  isOverwriting,
  isNewerThanManifest,
  isNotOverwritten,
  isOlderThanManifest,
  isBeingCopied,
];

/** Whether this delivery is loaded, by its id and the version of its manifest if the receipt records it. */
function isKnown({ delivery, loaded }: Arrival): boolean {
  if (loaded?.id !== delivery.id) return false;
  return loaded.manifestVersion === null || loaded.manifestVersion === delivery.manifest?.version;
}

function versionOf(loaded: LoadedArrival | null, key: string): string | undefined {
  return loaded?.files.find((file) => file.key === key)?.version;
}

/** When the objects of the delivery will have been unchanged for `settle`; times in the future count as settled. */
function quietFrom({ delivery: { manifest, files }, now, settle }: Arrival): number {
  const times = [...(manifest === null ? [] : [manifest]), ...files]
    .map(({ modified }) => Date.parse(modified))
    .filter((time) => time <= now.getTime());
  return Math.max(0, ...times) + settle;
}

function minutesOf({ settle }: Arrival): string {
  return `${Math.round(settle / 60_000)} minutes`;
}
