import type { DaySpan, FileFormat, SourceColumn } from "../model.ts";
import type { ColumnRules } from "../schema/columns.ts";

/**
 * What a format of billing exports means: the second of the three axes. A declaration: how to recognise and read a
 * manifest, which column carries the billing month, how columns are named and typed. It holds no loop over months, no
 * state and no SQL; what all exports share stands once, in `pipeline/`.
 */
export interface ExportFormat {
  /** The word for `kind` in the configuration: `aws-cur`, `azure-cost`. */
  readonly kind: string;
  /** The cloud that writes it: the word with which a command names all exports of a cloud. */
  readonly cloud: "aws" | "azure";
  /** What a person calls it. */
  readonly title: string;
  /** Which form dlt's state and the tracking table take: `assembly_id` with `loaded_at`, or `run_id` with `submitted_time`. */
  readonly idColumn: "assembly_id" | "run_id";

  /** What a key says about the manifest that lies there, or undefined when it is no manifest of this format. */
  recognise(key: string): ManifestPlace | undefined;

  /**
   * Reads one manifest. Lenient: unknown fields are ignored, missing ones that are not needed stay empty.
   * `json` is the parsed text; null for a place that `isDataFile`, where everything is in the path.
   * Errors: MANIFEST_INVALID when what is needed is missing or contradicts the place; EXPORT_NOT_FOUND when the manifest
   * says that its export holds no bills.
   */
  readManifest(json: unknown, place: ManifestPlace): Manifest;

  /** What this cloud delivers in the same way and what holds no bills, so that it can be named where no bill is found. */
  readonly others: readonly OtherExport[];

  /** Where data files lie in the layouts of this cloud, and what is missing where no manifest lies with them. */
  readonly dataFiles: readonly DataFileLayout[];

  /**
   * When the cloud has closed a month, in days of the following month (UTC). `invoice`: from then on a month is closed when
   * every row with a cost has an invoice id. `schedule`: when the last scheduled run over a month without invoice ids is
   * made; null where only invoices close a month.
   */
  readonly closed: { readonly invoice: number; readonly schedule: number | null };

  /** Which charges the cloud adds to a closed month: by their charge type in lower case, or by their service. */
  readonly lateCharges: { readonly chargeTypes: readonly string[]; readonly services: RegExp };

  readonly columns: ColumnRules;
}

/** Exports of a cloud that are no bills: savings that it recommends, what its machines emit, its prices. */
export interface OtherExport {
  /** Matches the keys of their manifests, which `recognise` does not take; the group `name` is what the export is called. */
  readonly manifest: RegExp;
  /** What a person calls them: `AWS carbon emissions`. */
  readonly title: string;
}

/** One layout of data files, for the message where they were copied without their manifests. */
export interface DataFileLayout {
  /** Matches the keys of data files that have a manifest. */
  readonly path: RegExp;
  /** What to do, or what is missing, after "but no manifest: ": `copy the metadata/ folder too`. */
  readonly missing: string;
}

/** What the path of a manifest tells before it is read. */
export interface ManifestPlace {
  readonly key: string;
  /** Folder below which everything of this export lies, with its trailing `/` (or empty). */
  readonly folder: string;
  /** What the format calls the export: the manifest's file name (AWS), the folder (Azure). */
  readonly exportName: string;
  /** The days that the path names; both ends included. */
  readonly period: DaySpan;
  /**
   * Orders several manifests of one month, the larger the newer, where a cloud keeps them side by side: Azure's run
   * time `YYYYMMDDHHmm`. Empty where there is one pointer manifest per month.
   */
  readonly order: string;
  /** The id that the path names (Azure's run folder), or null. */
  readonly id: string | null;
  /** Whether there is no manifest and this is the data file itself (Azure's oldest exports). It is not read as JSON. */
  readonly isDataFile: boolean;
  /** Whether nothing says whose charges these are: there is no manifest, or (Azure before 2023) one that names no export. */
  readonly isAnonymous: boolean;
}

/** A manifest, read. */
export interface Manifest {
  readonly id: string;
  /** What the manifest itself calls its export, where it says so. */
  readonly exportName: string | null;
  /** The billing period; both ends included. */
  readonly period: DaySpan;
  readonly format: FileFormat;
  /** The bucket that the manifest says it was delivered to, where it does; listed addresses must not name another. */
  readonly bucket: string | null;
  readonly files: readonly ListedFile[];
  readonly columns: readonly SourceColumn[];
  readonly rows: number | null;
  readonly submittedTime: string | null;
  /** Whether `period` is what this delivery covers (Azure) rather than always the whole month (AWS). */
  readonly partial: boolean;
  /** Bytes that the manifest declares for the whole delivery, or null where it does not. */
  readonly bytes: number | null;
  /** Whose charges these are, where the manifest says so: the payer's account (AWS), the scope of the export (Azure). */
  readonly scope: string | null;
}

/** A data file as the manifest lists it. */
export interface ListedFile {
  /** The key as written. */
  readonly key: string;
  readonly rows: number | null;
  /** Bytes that the manifest declares, or null where it does not. */
  readonly size: number | null;
}
