import { BillhouseError } from "../../errors.ts";
import type { BillingMonth, DataFile, Execution, Receipt, ReceiptFile } from "../../model.ts";
import { monthSpan } from "../../schema/periods.ts";
import type { Discovery } from "../discover/discover.ts";
import { dataFileOf, type FolderFile } from "../discover/folder.ts";
import { repeatedCharges } from "../discover/repeats.ts";
import { commandToAccept, type LoadCommand } from "./accept.ts";
import type { MonthRuns } from "./choose.ts";
import type { LoadedPartition } from "./loaded.ts";
import { fingerprintOf, holdsFiles } from "./undone.ts";

/**
 * The delivery of one month of a folder without manifests: all files with rows of the month. Its id follows from their keys and
 * versions; a file with the bytes that are loaded counts as that version, so that a copy changes nothing. A month with a file that
 * was loaded and is gone, or lacks rows of the month now, keeps its rows.
 * Errors: that of a file of the month that cannot be loaded; CHARGES_REPEATED.
 */
export function folderRuns(
  { exportName, files }: Pick<Discovery, "exportName"> & { readonly files: readonly FolderFile[] },
  billingMonth: BillingMonth,
  loaded: LoadedPartition | null,
  command: LoadCommand,
): MonthRuns {
  const own = files.filter(({ months }) => months.includes(billingMonth));
  for (const { error } of own) if (error !== null) throw error;
  const receipt = loaded?.receipt ?? null;
  const execution = executionOf(own, billingMonth, exportName, receipt);
  const isUndone =
    !command.force &&
    execution !== null &&
    execution.id !== receipt?.executionId &&
    (loaded?.undone ?? []).some((one) => holdsFiles(one, execution.files));
  if (!command.accept.includes("repeated-charges") && execution?.id !== receipt?.executionId) {
    requireOwnCharges(own, billingMonth, receipt, command);
  }
  const days = monthSpan(billingMonth);
  return {
    runs: execution === null || isUndone ? [] : [execution],
    days,
    coveredDays: 0,
    missingDays: [],
    unsettledDays: [],
    passedOver: own.flatMap(({ object, copies }) =>
      copies.map(({ key }) => ({
        id: key,
        why: "copy" as const,
        reason: `It has the same bytes as ${object.key}.`,
        isNewer: false,
      })),
    ),
    undone: isUndone ? execution : null,
    torn: [],
    removed: isUndone || command.accept.includes("removed-files") ? null : removal(own, files, receipt, command),
  };
}

function executionOf(
  own: readonly FolderFile[],
  billingMonth: BillingMonth,
  exportName: string,
  receipt: Receipt | null,
): Execution | null {
  const files = own
    .map(({ object, months, copies, sample }): DataFile => ({
      ...dataFileOf(object),
      months,
      ...(copies.length === 0 ? {} : { copies }),
      ...(sample === undefined ? {} : { sample }),
    }))
    .toSorted((one, other) => (one.key < other.key ? -1 : 1));
  const newest = files.toSorted((one, other) => Date.parse(one.modified) - Date.parse(other.modified)).at(-1);
  if (newest === undefined) return null;
  const months = own.flatMap((file) => file.months).toSorted();
  const [first = billingMonth, last = billingMonth] = [months.at(0), months.at(-1)];
  const asLoaded = files.map((file) => {
    const before = receipt?.files?.find(({ key }) => key === file.key);
    const isSame = before !== undefined && file.checksum !== undefined && before.checksum === file.checksum;
    return { key: file.key, version: isSame ? before.version : file.version };
  });
  const { key, size, version, modified } = newest;
  return {
    id: `files-${fingerprintOf(asLoaded).slice(0, 16)}`,
    billingMonth,
    exportName,
    // The newest file stands for the manifest.
    manifest: { key, size, version, modified },
    format: files.every(({ format }) => format === "parquet") ? "parquet" : "csv",
    files,
    missing: [],
    columns: [],
    rows: null,
    submittedTime: null,
    made: modified,
    coverage: null,
    declared: { start: monthSpan(first).start, end: monthSpan(last).end },
    isEmpty: false,
    scope: null,
    spansMonths: true,
  };
}

/**
 * Checks that no file of the month has charges of others, as an older export beside a newer one has. Files that were loaded
 * together are not compared again. Error: CHARGES_REPEATED.
 */
function requireOwnCharges(
  own: readonly FolderFile[],
  billingMonth: BillingMonth,
  receipt: Receipt | null,
  load: LoadCommand,
): void {
  const loaded = new Set((receipt?.files ?? []).map(({ key, version }) => `${key} ${version}`));
  const files = own.map((file) => ({
    ...asSampled(file),
    isLoaded: loaded.has(`${file.object.key} ${file.object.version}`),
  }));
  for (const file of files) {
    const others = files.filter((other) => other !== file && !(other.isLoaded && file.isLoaded));
    const repeated = repeatedCharges(file, others);
    if (repeated === null) continue;
    const names = repeated.others.map(({ key }) => key);
    const more = names.length > 1 ? ` and ${names.length - 1} more` : "";
    throw new BillhouseError(
      "CHARGES_REPEATED",
      `${file.key} has charges that are also in ${names[0]}${more}: ${repeated.shared} of ${repeated.compared} that were compared. Loading all of these files would count them twice.`,
      {
        hint: `Move the older files out of the folder, if they are an earlier export of the same bill; the month then loads without them. If every file has charges of its own: ${commandToAccept(load, "repeated-charges", billingMonth, true)}`,
      },
    );
  }
}

function sampled({ key, sample = [] }: ReceiptFile): { readonly key: string; readonly sample: readonly number[] } {
  return { key, sample };
}

function asSampled({ object, sample }: FolderFile): ReturnType<typeof sampled> {
  return { key: object.key, sample: sample ?? [] };
}

/** Why the month keeps its rows although its files could be loaded: a sentence; null if all loaded files are there. */
function removal(
  own: readonly FolderFile[],
  files: readonly FolderFile[],
  receipt: Receipt | null,
  load: LoadCommand,
): string | null {
  const here = new Set(own.map(({ object }) => object.key));
  const bytes = new Set(own.flatMap(({ object }) => object.checksum ?? []));
  // A file that was renamed, or exported again under another name, is not gone.
  const gone = (receipt?.files ?? []).filter(
    (file) =>
      !here.has(file.key) &&
      (file.checksum === null || !bytes.has(file.checksum)) &&
      repeatedCharges(sampled(file), own.map(asSampled)) === null,
  );
  const [first] = gone;
  if (receipt === null || first === undefined) return null;
  const isThere = files.some(({ object }) => object.key === first.key);
  const what = isThere
    ? `${first.key} was written again without rows of ${receipt.billingMonth}`
    : `${first.key} is no longer in the storage`;
  const others = gone.length === 1 ? "" : `, as are ${gone.length - 1} more files`;
  const command = commandToAccept(load, "removed-files", receipt.billingMonth, true);
  const end =
    here.size === 0
      ? "The month loads once files with its rows are there; if they were deleted on purpose, set `first_month` to a later month."
      : `The month loads once the file is back, or without it: ${command}`;
  return `${what}${others}, and the loaded rows are kept. ${end}`;
}
