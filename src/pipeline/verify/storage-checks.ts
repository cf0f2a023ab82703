import type { Receipt, ReceiptFile, StoredObject } from "../../model.ts";
import { difference, same, type MonthCheck } from "./checks.ts";
import { checksumOf } from "../../files/read.ts";
import type { LoadedTable } from "../months/loaded.ts";
import type { Survey, SurveyedWarehouse } from "../months/survey.ts";

/** Deliveries in the storage that are not what is loaded. What was refused on purpose is told, and is no difference. */
export function* newerDeliveries(loaded: LoadedTable, { plans }: Survey): Generator<MonthCheck> {
  for (const { billingMonth, action, execution, reason } of plans) {
    const current = loaded.months.get(billingMonth)?.ids.at(-1) ?? "nothing";
    const isWell = action === "unchanged" || action === "refused";
    const id = execution?.id ?? "an empty manifest";
    const found = action === "unchanged" ? id : `${id} is ${action}: ${reason}`;
    const actual = action === "refused" ? `${current}, on purpose` : current;
    yield { name: "newest-delivery", billing_month: billingMonth, ok: isWell, expected: found, actual };
  }
}

/**
 * The files of a receipt, held against the listing, and where their versions differ against their bytes. Whether all of
 * them are there. Of a load that `undo` put back the files may have been overwritten by what was undone. Errors: those of
 * the storage.
 */
export async function* filesOf(
  receipt: Receipt,
  { discovery, plans }: Survey,
  warehouse: SurveyedWarehouse,
): AsyncGenerator<MonthCheck, boolean> {
  const { billingMonth, restoredLoadId } = receipt;
  const files = receipt.files ?? [];
  const told = `${files.length} files as loaded`;
  const differing: { readonly file: ReceiptFile; readonly now: StoredObject | undefined }[] = [];
  for (const file of files) {
    const now = discovery.objects.get(file.key);
    if (now === undefined || !(await isSame(file, now, discovery.storage, warehouse))) differing.push({ file, now });
  }
  if (differing.length === 0) {
    yield same("files", billingMonth, told, told);
    return true;
  }
  const undone = plans.find(({ billingMonth: month, action }) => month === billingMonth && action === "refused");
  const overwriting = restoredLoadId === null ? [] : (undone?.execution?.files ?? []).map(({ key }) => key);
  const lost = differing.filter(({ file }) => !overwriting.includes(file.key));
  if (lost.length === 0) {
    const actual = `${differing.length} of them overwritten by ${undone?.execution?.id}, which was undone`;
    yield { name: "files", billing_month: billingMonth, ok: true, expected: told, actual };
    return false;
  }
  for (const { file, now } of lost) {
    const expected = `${file.key}: ${file.size} bytes, as loaded`;
    // Some clean up old deliveries: who does can tell the two apart.
    if (now === undefined) yield difference("file-gone", billingMonth, expected, `${file.key} is gone`);
    else {
      const what = now.size === file.size ? "as many, and others" : `${now.size} bytes`;
      yield difference("files", billingMonth, expected, `${file.key}: ${what}, written ${now.modified}`);
    }
  }
  return !differing.some(({ now }) => now === undefined);
}

async function isSame(
  file: ReceiptFile,
  now: StoredObject,
  storage: Survey["discovery"]["storage"],
  warehouse: SurveyedWarehouse,
): Promise<boolean> {
  if (now.version === file.version) return true;
  if (now.size !== file.size || file.checksum === null) return false;
  const object = { ...now, format: "csv" as const, rows: null };
  // Bytes that the warehouse reads by itself are not brought here to find that they are the same.
  if (now.checksum === undefined && warehouse.reads(storage.url, object)) return false;
  return (await checksumOf(storage, object)) === file.checksum;
}
