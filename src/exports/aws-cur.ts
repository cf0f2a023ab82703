import * as z from "zod";
import { BillhouseError } from "../errors.ts";
import { curTypes, manifestType } from "../schema/well-known.ts";
import type { ExportFormat, Manifest } from "./export.ts";
import { folderPeriod, parseManifest } from "./manifest.ts";

/**
 * The AWS Cost and Usage Report, legacy form. One pointer manifest per month lies in the date-range folder and is
 * overwritten by each delivery; the copies in the assembly folders below it are never read as deliveries of their own.
 * Sources: AWS Cost and Usage Reports user guide, "Understanding your report versions" and "Data dictionary".
 */
export const awsCur: ExportFormat = {
  kind: "aws-cur",
  cloud: "aws",
  title: "AWS Cost and Usage Report",
  idColumn: "assembly_id",

  recognise(key) {
    const match = pointerManifest.exec(key);
    if (match === null) return undefined;
    const { folder = "", start = "", end = "", name = "" } = match.groups ?? {};
    const period = folderPeriod(start, end, "excluded");
    return period && { key, folder, exportName: name, period, order: "", id: null };
  },

  readManifest(json, place): Manifest {
    const manifest = parseManifest(manifestShape, json, place);
    const start = manifest.billingPeriod.start;
    const folderMonth = place.period.start.slice(0, 7);
    if (`${start.slice(0, 4)}-${start.slice(4, 6)}` !== folderMonth) {
      throw new BillhouseError(
        "MANIFEST_INVALID",
        `The manifest ${place.key} says that its billing period starts at ${start}, but it lies in the folder of ${folderMonth}.`,
        { hint: "Find out who moved the file: the folder and the manifest of a delivery name the same month." },
      );
    }
    const parquet = [manifest.contentType, manifest.compression].some((word) => word?.toLowerCase() === "parquet");
    return {
      id: manifest.assemblyId,
      exportName: null,
      period: place.period,
      format: parquet ? "parquet" : "csv",
      bucket: manifest.bucket ?? null,
      files: manifest.reportKeys.map((key) => ({ key, rows: null })),
      columns: manifest.columns.map(({ category, name, type }) => ({
        name: `${category}/${name}`,
        type: manifestType(type),
      })),
      rows: null,
      submittedTime: null,
      partial: false,
    };
  },

  columns: {
    naming: "cur-legacy",
    caseSensitive: true,
    wellKnown: curTypes,
    partition: ["bill/BillingPeriodStartDate", "bill_billing_period_start_date"],
    cost: [["lineItem/UnblendedCost", "line_item_unblended_cost"]],
    currency: ["lineItem/CurrencyCode", "line_item_currency_code"],
    usage: ["lineItem/UsageStartDate", "line_item_usage_start_date"],
  },
};

// Directly in the date-range folder: one level deeper lies the immutable copy of an assembly.
const pointerManifest = /^(?<folder>(?:.*\/)?)(?<start>\d{8})-(?<end>\d{8})\/(?<name>[^/]+)-[Mm]anifest\.json$/;

// Only what is used: types are absent before 2019, and `additionalArtifactKeys` need not be there.
const manifestShape = z.object({
  assemblyId: z.string().min(1),
  billingPeriod: z.object({ start: z.string().regex(/^\d{8}/) }),
  bucket: z.string().nullish(),
  reportKeys: z.array(z.string()),
  contentType: z.string().nullish(),
  compression: z.string().nullish(),
  columns: z
    .array(z.object({ category: z.string(), name: z.string(), type: z.string().nullish() }))
    .nullish()
    .transform((columns) => columns ?? []),
});
