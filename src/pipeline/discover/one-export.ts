import { BillhouseError } from "../../errors.ts";
import type { ExportFormat } from "../../exports/export.ts";
import { createCsvScanner } from "../../files/csv.ts";
import { decompress } from "../../files/decompress.ts";
import type { BillingMonth, StoredObject } from "../../model.ts";
import { findColumn } from "../../schema/columns.ts";
import { readerOf, type Storage } from "../../storages/storage.ts";
import type { Discovery } from "./discover.ts";

/**
 * Requires that the data files without manifests of one month are runs of one export: their paths do not say it, and two
 * subscriptions may write files of one name to one folder. Runs of one export have an account in common. Of each file no
 * more is read than it takes to find one, and nothing of files that are older than those of `loadedIds`.
 * Errors: EXPORT_AMBIGUOUS, which names two files and their accounts; those of the storage.
 */
export async function requireOneExport(
  { format, storage, objects, months }: Pick<Discovery, "format" | "storage" | "objects" | "months">,
  billingMonth: BillingMonth,
  loadedIds: readonly string[],
): Promise<void> {
  const files = (months.get(billingMonth) ?? [])
    .filter(({ isDataFile }) => isDataFile)
    .flatMap((place) => {
      const object = objects.get(place.key);
      return object === undefined ? [] : [{ place, object }];
    });
  const isLoaded = ({ place }: (typeof files)[number]): boolean => loadedIds.includes(place.id ?? place.key);
  const loaded = files.filter(isLoaded);
  // Files that can take the place of what is loaded: newer ones, and those of other days.
  const unseen = files.filter(
    ({ place: { period }, object: { modified } }) =>
      loaded.every((one) => one.object.modified < modified) ||
      loaded.every((one) => one.place.period.start !== period.start || one.place.period.end !== period.end),
  );
  const [newest, ...others] = [...new Set([...loaded, ...unseen])]
    .map(({ object }) => object)
    .toSorted((one, other) => (one.modified < other.modified ? 1 : -1));
  if (newest === undefined || unseen.length === 0) return;
  const known = await accountsIn(newest, format, storage, (accounts) => accounts.size > 0);
  for (const other of others) {
    const accounts = await accountsIn(other, format, storage, (found) => haveCommon(found, known));
    if (known.size === 0 || accounts.size === 0 || haveCommon(accounts, known)) continue;
    const all = await accountsIn(newest, format, storage, (found) => haveCommon(found, accounts));
    if (haveCommon(all, accounts)) continue;
    const named = ([account = ""]: ReadonlySet<string>, { key }: StoredObject): string => `${key} (${account})`;
    throw new BillhouseError(
      "EXPORT_AMBIGUOUS",
      `The files ${named(all, newest)} and ${named(accounts, other)} have no account in common: they are of two exports in one folder.`,
      {
        hint: "Move the files of each export into a folder of its own, and set `prefix` to one of them. If both are runs of one export, run with --accept scope.",
      },
    );
  }
}

function haveCommon(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].some((account) => other.has(account));
}

/** The accounts in a data file, in lower case, until there are enough of them; none where it cannot be read. */
async function accountsIn(
  object: StoredObject,
  format: ExportFormat,
  storage: Storage,
  isEnough: (accounts: ReadonlySet<string>) => boolean,
): Promise<ReadonlySet<string>> {
  const accounts = new Set<string>();
  const scanner = createCsvScanner(object.key, {
    header: (names) => {
      const columns = names.map((name) => ({ sourceName: name, columnName: name, type: "text" as const }));
      const position = names.indexOf(findColumn(columns, format.columns.account, format.columns)?.sourceName ?? "");
      return position < 0 ? [] : [position];
    },
    row: ([account = ""]) => {
      if (account !== "") accounts.add(account.toLowerCase());
    },
  });
  const file = { ...object, format: "csv" as const, rows: null, declaredSize: null };
  try {
    for await (const piece of decompress(file, readerOf(storage, object), null)) {
      scanner.write(piece);
      if (isEnough(accounts)) return accounts;
    }
    scanner.end();
  } catch (error) {
    // A file that is damaged fails its month when it is loaded.
    const codes = ["FILE_CORRUPT", "FILE_INVALID", "LIMIT_EXCEEDED"];
    if (!(error instanceof BillhouseError) || !codes.includes(error.code)) throw error;
  }
  return accounts;
}
