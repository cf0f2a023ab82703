import { BillhouseError, firstLine } from "../../../errors.ts";
import type { Refusal } from "../api/api-error.ts";
import { refusalOf } from "../api/api-error.ts";
import { type FileGroup, titleOfGroup } from "./sources.ts";

/**
 * The error that a person can act on behind a load job that failed because of a file. Any other failure is returned as
 * it is. Codes: FILE_INVALID, FILE_CORRUPT, FILE_NOT_FOUND, VALUE_INVALID, WAREHOUSE_DENIED.
 */
export function explainLoad(error: unknown, group: FileGroup): unknown {
  const refusal = refusalOf(error);
  if (refusal === undefined) return error;
  const key = fileOf(refusal, group) ?? titleOfGroup(group);
  const text = textOf(refusal);
  if (/Access Denied/i.test(text) && /gs:\/\/|storage\.objects/i.test(text)) {
    return new BillhouseError(
      "WAREHOUSE_DENIED",
      `BigQuery may not read ${key}: the permission storage.objects.get is missing.`,
      {
        hint: "Grant the role Storage Object Viewer on the bucket to the account that billhouse runs as, and the job runs as.",
        cause: error,
      },
    );
  }
  if (refusal.reason === "notFound" && /gs:\/\/|URI|file/i.test(text)) {
    return new BillhouseError("FILE_NOT_FOUND", `${key} is not in the bucket any more.`, {
      hint: "Run again: the export is looked at anew.",
      cause: error,
    });
  }
  if (refusal.reason !== "invalid" || /different locations/i.test(text)) return error;
  const position = positionOf(refusal);
  const place = position === undefined ? key : `${key}, byte ${position}`;
  const hint = "Look at this row of the file; if it is damaged, have the export delivered again.";
  const reason = csvReason(text);
  if (group.files[0]?.mapped.file.format === "csv" && reason !== undefined) {
    return new BillhouseError("FILE_INVALID", `${place}: this is not the CSV that was expected. ${reason}`, {
      hint,
      cause: error,
    });
  }
  return new BillhouseError("FILE_CORRUPT", `${key} cannot be read: ${firstLine(refusal.message)}`, {
    hint: "Have the export delivered again, or copy the file again from where it came.",
    cause: error,
  });
}

/** The byte, counted in the unpacked file, at which the row begins that stopped a load. */
export function positionOf(refusal: Refusal): string | undefined {
  return /starting at (?:position|location):?\s*(\d+)/i.exec(textOf(refusal))?.[1];
}

/** The key of the file that stopped a load. */
export function fileOf(refusal: Refusal, { files }: FileGroup): string | undefined {
  const told = [refusal.location, ...refusal.details.map(({ location }) => location)];
  const text = textOf(refusal);
  const found =
    files.find(({ uri }) => told.includes(uri)) ??
    (files.length === 1 ? undefined : files.find(({ uri }) => text.includes(uri)));
  return found?.mapped.file.key;
}

/** All that a refusal says. */
export function textOf(refusal: Refusal): string {
  return [refusal.message, ...refusal.details.map(({ message }) => message ?? "")].join("\n");
}

/** What BigQuery says about a row, without the row itself. */
function csvReason(text: string): string | undefined {
  if (/too many values/i.test(text)) return "A row has more columns than the header.";
  if (/missing required fields|too few|missing values|only \d+ (?:columns|values)/i.test(text)) {
    return "A row has fewer columns than the header.";
  }
  if (/close quote/i.test(text)) return "A quote is not closed.";
  if (/utf-?8|bad character|ascii 0/i.test(text)) return "It is not UTF-8.";
  if (/row size|larger than|exceeds the maximum/i.test(text)) return "A row is longer than BigQuery takes.";
  return /CSV (?:processing|table)/i.test(text) && !/gzip|decompress/i.test(text)
    ? "BigQuery cannot read a row of it."
    : undefined;
}
