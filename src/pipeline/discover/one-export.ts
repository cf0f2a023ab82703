import { BillhouseError } from "../../errors.ts";
import type { ManifestPlace } from "../../exports/export.ts";
import { createCsvScanner } from "../../files/csv.ts";
import { decompress } from "../../files/decompress.ts";
import type { BillingMonth, Execution, StoredObject } from "../../model.ts";
import { findColumn } from "../../schema/columns.ts";
import { readerOf } from "../../storages/storage.ts";
import type { Discovery } from "./discover.ts";
import { fileFormat, readManifest } from "./manifests.ts";
import { resolveFiles } from "./resolve.ts";

/**
 * Requires that the anonymous deliveries of one month are runs of one export: neither their paths nor manifests name it,
 * and two subscriptions may write files of one name to one folder. Runs of one export share an account. Files are read
 * only until such an account is found, and runs older than those of `loadedIds` are not read.
 * Errors: EXPORT_AMBIGUOUS, which names a file and an account of two exports; those of the storage.
 */
export async function requireOneExport(
  discovery: Pick<Discovery, "format" | "storage" | "objects" | "months">,
  billingMonth: BillingMonth,
  loadedIds: readonly string[],
): Promise<void> {
  const ageOf = ({ key, order }: ManifestPlace): string => order || (discovery.objects.get(key)?.modified ?? "");
  const spanOf = ({ period: { start, end } }: ManifestPlace): string => `${start} ${end}`;
  const places = (discovery.months.get(billingMonth) ?? [])
    .filter(({ isAnonymous }) => isAnonymous)
    .toSorted((one, other) => (ageOf(one) < ageOf(other) ? 1 : -1));
  const loaded = places.filter(({ id, key }) => loadedIds.includes(id ?? key));
  // Runs that can replace the loaded ones or join them.
  const unseen = places.filter(
    (place) =>
      !loaded.includes(place) && loaded.every((one) => ageOf(one) < ageOf(place) || spanOf(one) !== spanOf(place)),
  );
  if (unseen.length === 0) return;
  const newestOfSpans = [...Map.groupBy(unseen, spanOf).values()].flatMap((runs) => runs.slice(0, runsCompared));
  const [newest, ...others] = [...newestOfSpans, ...loaded];
  if (newest === undefined || others.length === 0) return;
  const newestFiles = await filesOf(discovery, newest);
  const known = await accountsIn(discovery, newestFiles, (accounts) => accounts.size > 0);
  for (const place of known.size === 0 ? [] : others) {
    const files = await filesOf(discovery, place);
    const accounts = await accountsIn(discovery, files, (found) => haveCommon(found, known));
    if (accounts.size === 0 || haveCommon(accounts, known)) continue;
    const all = await accountsIn(discovery, newestFiles, (found) => haveCommon(found, accounts));
    if (haveCommon(all, accounts)) continue;
    const named = ([account = ""]: ReadonlySet<string>, [file]: readonly StoredObject[]): string =>
      `${file?.key} (${account})`;
    throw new BillhouseError(
      "EXPORT_AMBIGUOUS",
      `The files ${named(all, newestFiles)} and ${named(accounts, files)} do not share an account: they belong to two exports in one folder.`,
      {
        hint: "Move the files of each export into a separate folder, and set `prefix` to one of them. If both are runs of one export, run with --accept scope.",
      },
    );
  }
}

/**
 * Requires that the newest run beside the chosen ones has the charges of their scope: on a first load there is no
 * receipt with the scope of the table, and a run of another export must not be passed over as an older run of this one.
 * One manifest is read, if there is such a run. Errors: EXPORT_AMBIGUOUS, which names a run and the scope of both; those of
 * the storage.
 */
export async function requireOneScope(
  { format, storage, objects, months }: Pick<Discovery, "format" | "storage" | "objects" | "months">,
  billingMonth: BillingMonth,
  chosen: readonly Pick<Execution, "id" | "scope" | "manifest">[],
): Promise<void> {
  const own = chosen.findLast(({ scope }) => scope !== null);
  const keys = new Set(chosen.map(({ manifest }) => manifest.key));
  const [rival] = (months.get(billingMonth) ?? [])
    .filter(({ key, isAnonymous }) => !isAnonymous && !keys.has(key))
    .toSorted((one, other) => (one.order < other.order ? 1 : -1));
  if (own === undefined || rival === undefined) return;
  const other = await readManifest(format, rival, storage, objects).catch((error: unknown) => {
    if (isOfFile(error)) return null;
    throw error;
  });
  if (other === null || other.scope === null || other.scope === own.scope) return;
  throw new BillhouseError(
    "EXPORT_AMBIGUOUS",
    `The runs ${own.id} (${own.scope}) and ${other.id} (${other.scope}) of ${billingMonth} contain the charges of two scopes: they belong to two exports in one folder.`,
    {
      hint: "Give each export its own folder, and set `prefix` to one of them. If the export was moved, run with --accept scope.",
    },
  );
}

// Two exports that write to one folder take turns: a few runs show both.
const runsCompared = 5;

/** The data files of a run that have arrived; empty if its manifest is invalid. */
async function filesOf(
  { format, storage, objects }: Pick<Discovery, "format" | "storage" | "objects">,
  place: ManifestPlace,
): Promise<readonly StoredObject[]> {
  try {
    const manifest = await readManifest(format, place, storage, objects);
    return resolveFiles(manifest, place.key, objects).found.map(({ object }) => object);
  } catch (error) {
    if (isOfFile(error)) return [];
    throw error;
  }
}

/** Whether an error says that a manifest or a file is invalid: loading its month reports it if it matters. */
function isOfFile(error: unknown): boolean {
  const codes = ["MANIFEST_INVALID", "KEY_OUTSIDE_PREFIX", "EXPORT_NOT_FOUND", "FILE_CORRUPT", "FILE_INVALID"];
  return error instanceof BillhouseError && [...codes, "LIMIT_EXCEEDED"].includes(error.code);
}

function haveCommon(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].some((account) => other.has(account));
}

/** The accounts in the CSV files of a run, in lower case, until there are enough of them. */
async function accountsIn(
  { format, storage }: Pick<Discovery, "format" | "storage">,
  files: readonly StoredObject[],
  isEnough: (accounts: ReadonlySet<string>) => boolean,
): Promise<ReadonlySet<string>> {
  const accounts = new Set<string>();
  for (const object of files) {
    const file = { ...object, format: fileFormat(object.key, "csv"), rows: null, declaredSize: null };
    if (file.format !== "csv") continue;
    const scanner = createCsvScanner(object.key, {
      header: (names) => {
        const columns = names.map((name) => ({ sourceName: name, columnName: name, type: "text" as const }));
        const column = findColumn(columns, format.columns.account, format.columns);
        return column === undefined ? [] : [names.indexOf(column.sourceName)];
      },
      row: ([account = ""]) => {
        if (account !== "") accounts.add(account.toLowerCase());
      },
    });
    try {
      for await (const piece of decompress(file, readerOf(storage, object), null)) {
        scanner.write(piece);
        if (isEnough(accounts)) return accounts;
      }
      scanner.end();
    } catch (error) {
      if (!isOfFile(error)) throw error;
    }
    if (isEnough(accounts)) return accounts;
  }
  return accounts;
}
