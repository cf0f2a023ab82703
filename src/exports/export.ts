import type { DaySpan, FileFormat, IdColumn, SourceColumn } from "../model.ts";
import type { ColumnRules } from "../schema/columns.ts";

/**
 * What a format of billing exports means: the second of the three axes. A declaration: how to recognise and read a
 * manifest, which column carries the billing month, how columns are named and typed. It holds no loop over months, no
 * state and no SQL; what all exports share is in `pipeline/`.
 */
export interface ExportFormat {
  /** The value of `kind` in the configuration: `aws-cur`, `azure-cost`. */
  readonly kind: string;
  /** The cloud that writes it; commands accept it for all exports of that cloud. */
  readonly cloud: Cloud;
  /** Its name in messages. */
  readonly title: string;
  /**
   * The form of dlt's state and of the tracking table: `assembly_id` or `execution_id` with `loaded_at`, or `run_id` with
   * `submitted_time`.
   */
  readonly idColumn: IdColumn;

  /** Where a manifest is and what its key says, or undefined when the key is not a manifest of this format. */
  recognise(key: string): ManifestPlace | undefined;

  /**
   * Reads one manifest. Lenient: unknown fields are ignored, missing optional ones stay empty.
   * `json` is the parsed text; null for a place that `isDataFile`, where everything is in the path.
   * Errors: MANIFEST_INVALID when a required field is missing or contradicts the key; EXPORT_NOT_FOUND when the manifest
   * says that its export does not contain bills.
   */
  readManifest(json: unknown, place: ManifestPlace): Manifest;

  /** How its files are read if it lacks manifests; `recognise` then recognises nothing. */
  readonly folder?: FolderRules;

  /** Words that mean NULL in columns that are not text, besides those of the configuration. */
  readonly nullValues?: readonly string[];

  /** Exports of this cloud that do not contain bills, named in the error when a prefix contains only those. */
  readonly others: readonly OtherExport[];

  /** The layouts of this cloud's data files, and what to do when their manifest is missing. */
  readonly dataFiles: readonly DataFileLayout[];

  /**
   * When the cloud has closed a month, in days of the following month (UTC). `invoice`: from then on a month is closed when
   * every row with a cost has an invoice id. `schedule`: when the last scheduled run over a month without invoice ids is
   * past; null where only invoices close a month.
   */
  readonly closed: { readonly invoice: number; readonly schedule: number | null };

  /** Which charges the cloud adds to a closed month: by their charge type in lower case, or by their service. */
  readonly lateCharges: { readonly chargeTypes: readonly string[]; readonly services: RegExp };

  readonly columns: ColumnRules;
}

/** Whose bills a format contains; `focus` stands for any vendor that writes FOCUS files. */
export type Cloud = "aws" | "azure" | "focus";

/** A bill that is a folder of data files without manifests. Their rows say which months they contain. */
export interface FolderRules {
  /** Matches the paths of data files below the prefix. */
  readonly file: RegExp;
  /** The column with the billing period of each row, which every file must have. */
  readonly period: string;
  /** Every file must have at least one of these. */
  readonly costs: readonly string[];
  /**
   * The columns that together distinguish most charges, whichever of them a file has: its cost, the start of its time, and texts.
   * They show which files repeat charges of others.
   */
  readonly charge: { readonly cost: string; readonly time: string; readonly texts: readonly string[] };
  /** The columns by which a folder is recognised where no export is configured. */
  readonly recognised: readonly string[];
  /** Files that may be beside the bills and are ignored, each by a column that no bill has. */
  readonly others: readonly { readonly column: string; readonly title: string }[];
}

/** Exports of a cloud that are not bills: recommendations, carbon emissions, price sheets. */
export interface OtherExport {
  /** Matches the keys of their manifests, which `recognise` does not take; the group `name` is the name of the export. */
  readonly manifest: RegExp;
  /** Their name in messages: `AWS carbon emissions`. */
  readonly title: string;
}

/** One layout of data files, for the message when they were copied without their manifests. */
export interface DataFileLayout {
  /** Matches the keys of data files that have a manifest. */
  readonly path: RegExp;
  /** What to do, or what is missing, after "but no manifest: ": `copy the metadata/ folder too`. */
  readonly missing: string;
}

/** What the path of a manifest says, before it is read. */
export interface ManifestPlace {
  readonly key: string;
  /** Folder that contains everything of this export, with its trailing `/` (or empty). */
  readonly folder: string;
  /** The name of the export: the manifest's file name (AWS), the folder (Azure). */
  readonly exportName: string;
  /** The days that the path names; both ends included. */
  readonly period: DaySpan;
  /**
   * Orders several manifests of one month, the larger the newer, where a cloud keeps them side by side: Azure's run
   * time `YYYYMMDDHHmm`. Empty for formats with one pointer manifest per month.
   */
  readonly order: string;
  /** The id that the path names (Azure's run folder), or null. */
  readonly id: string | null;
  /** Whether there is no manifest and this is the data file itself (Azure's oldest exports). It is not read as JSON. */
  readonly isDataFile: boolean;
  /**
   * Whether the payer of these charges is unknown: the delivery lacks a manifest, or (Azure before 2023) has one without
   * the name of the export.
   */
  readonly isAnonymous: boolean;
}

/** The content of a manifest. */
export interface Manifest {
  readonly id: string;
  /** The name of the export in the manifest, if it has one. */
  readonly exportName: string | null;
  /** The billing period; both ends included. */
  readonly period: DaySpan;
  readonly format: FileFormat;
  /** The bucket of the delivery, if the manifest names it; listed addresses must not name another. */
  readonly bucket: string | null;
  readonly files: readonly ListedFile[];
  readonly columns: readonly SourceColumn[];
  readonly rows: number | null;
  readonly submittedTime: string | null;
  /** Whether `period` is what this delivery covers (Azure) rather than always the whole month (AWS). */
  readonly partial: boolean;
  /** Bytes that the manifest declares for the whole delivery, or null. */
  readonly bytes: number | null;
  /** The owner of the charges, if the manifest names it: the payer's account (AWS), the scope of the export (Azure). */
  readonly scope: string | null;
  /** What the export contains, in the cloud's own word of today, where one format has several: `ActualCost`. */
  readonly dataset?: string | null;
}

/** A data file in the list of a manifest. */
export interface ListedFile {
  /** The key as written in the manifest. */
  readonly key: string;
  readonly rows: number | null;
  /** Bytes that the manifest declares, or null. */
  readonly size: number | null;
}
