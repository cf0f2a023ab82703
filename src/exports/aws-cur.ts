import * as z from "zod";
import { BillhouseError } from "../errors.ts";
import { curTypes, manifestType } from "../schema/well-known.ts";
import type { ExportFormat, Manifest } from "./export.ts";
import { deliveryId, folderPeriod, listedKey, listOf, monthPeriod, parseManifest, shortText } from "./manifest.ts";

/**
 * The AWS Cost and Usage Report, legacy form. One pointer manifest per month is in the date-range folder and is
 * overwritten by each delivery; the copies in the assembly folders below it are never read as deliveries of their own.
 * Until 2019 the manifest of an overwriting report lay beside its files in `{report}/{report}/year=2018/month=12/`.
 * Sources: AWS Cost and Usage Reports user guide, "Understanding your report versions" and "Data dictionary", and the
 * change of February 2019 in its history (awsdocs/aws-cost-management-user-guide, billing-reports-costusage-files.md).
 */
export const awsCur: ExportFormat = {
  kind: "aws-cur",
  cloud: "aws",
  title: "AWS Cost and Usage Report",
  idColumn: "assembly_id",

  recognise(key) {
    const found = (pointerManifest.exec(key) ?? hiveManifest.exec(key))?.groups;
    if (found === undefined) return undefined;
    const { start = "", end = "", year = "", month = "", name = "" } = found;
    const period = year === "" ? folderPeriod(start, end, "excluded") : monthPeriod(year, month);
    const folder = year === "" ? (found["folder"] ?? "") : aboveRepeated(found["folder"] ?? "", name);
    return (
      period && { key, folder, exportName: name, period, order: "", id: null, isDataFile: false, isAnonymous: false }
    );
  },

  readManifest(json, place): Manifest {
    const manifest = parseManifest(manifestShape, json, place);
    const start = manifest.billingPeriod.start;
    const folderMonth = place.period.start.slice(0, 7);
    if (`${start.slice(0, 4)}-${start.slice(4, 6)}` !== folderMonth) {
      throw new BillhouseError(
        "MANIFEST_INVALID",
        `The manifest ${place.key} says that its billing period starts at ${start}, but it is in the folder of ${folderMonth}.`,
        {
          hint: "Copy the delivery again with its paths: the folder and the manifest of a delivery must name the same month.",
        },
      );
    }
    const parquet = [manifest.contentType, manifest.compression].some((word) => word?.toLowerCase() === "parquet");
    return {
      id: manifest.assemblyId,
      exportName: null,
      period: place.period,
      format: parquet ? "parquet" : "csv",
      bucket: manifest.bucket ?? null,
      files: manifest.reportKeys.map((key) => ({ key, rows: null, size: null })),
      columns: manifest.columns.map(({ category, name, type }) => ({
        name: `${category}/${name}`,
        type: manifestType(type),
      })),
      rows: null,
      bytes: null,
      submittedTime: null,
      partial: false,
      scope: manifest.account ?? null,
    };
  },

  others: [],

  dataFiles: [
    {
      path: /(?:^|\/)\d{8}-\d{8}\/[^/]+\/[^/]+-\d+\.(?:csv\.(?:gz|zip)|(?:snappy\.)?parquet)$/i,
      missing: "the manifest of the month, one folder up, is missing",
    },
    {
      path: /(?:^|\/)\d{8}-\d{8}\/[^/]+-\d+\.(?:csv\.(?:gz|zip)|(?:snappy\.)?parquet)$/i,
      missing: "copy the file that ends in -Manifest.json beside them too",
    },
    {
      path: /(?:^|\/)year=\d{4}\/month=\d{1,2}\/[^/]+$/i,
      missing: "copy the folders with the manifests, such as 20250101-20250201/, too",
    },
  ],

  // "The bill/InvoiceId column is blank until the report is finalized": user guide, "Finalizing your report". The fee for
  // premium support is charged on the 6th or 7th.
  closed: { invoice: 8, schedule: null },
  lateCharges: { chargeTypes: ["tax", "credit", "refund"], services: /^(?:AWS|OCB).*Support/ },

  columns: {
    naming: "cur-legacy",
    caseSensitive: true,
    wellKnown: curTypes,
    partition: ["bill/BillingPeriodStartDate", "bill_billing_period_start_date"],
    periodEnd: { included: [], excluded: ["bill/BillingPeriodEndDate", "bill_billing_period_end_date"] },
    cost: [
      [
        "lineItem/UnblendedCost",
        "line_item_unblended_cost",
        "lineItem/NetUnblendedCost",
        "line_item_net_unblended_cost",
      ],
    ],
    currency: ["lineItem/CurrencyCode", "line_item_currency_code"],
    usage: ["lineItem/UsageStartDate", "line_item_usage_start_date"],
    service: ["lineItem/ProductCode", "line_item_product_code"],
    account: ["lineItem/UsageAccountId", "line_item_usage_account_id"],
    chargeType: ["lineItem/LineItemType", "line_item_line_item_type"],
    invoice: ["bill/InvoiceId", "bill_invoice_id"],
    payer: ["bill/PayerAccountId", "bill_payer_account_id"],
  },
};

// Directly in the date-range folder: one level deeper lies the immutable copy of an assembly.
const pointerManifest = /^(?<folder>(?:.*\/)?)(?<start>\d{8})-(?<end>\d{8})\/(?<name>[^/]+)-manifest\.json$/i;

// Until 2019, in the folder of the data files. Months are not zero-padded.
const hiveManifest =
  /^(?<folder>(?:.*\/)?)year=(?<year>\d{4})\/month=(?<month>\d{1,2})\/(?<name>[^/]+)-manifest\.json$/i;

/**
 * The folder of the date ranges, without a last part that repeats the report's name: this joins the months before and
 * after 2019 into one export.
 */
function aboveRepeated(folder: string, name: string): string {
  return `/${folder}`.endsWith(`/${name}/`) ? folder.slice(0, -name.length - 1) : folder;
}

// Only the fields that are used: types are missing before 2019, and `additionalArtifactKeys` is optional.
const manifestShape = z.lazy(() =>
  z.object({
    assemblyId: deliveryId,
    account: shortText.nullish(),
    billingPeriod: z.object({ start: shortText.regex(/^\d{8}/, "a date such as 20250101T000000.000Z was expected") }),
    bucket: shortText.nullish(),
    reportKeys: listOf(listedKey),
    contentType: shortText.nullish(),
    compression: shortText.nullish(),
    columns: listOf(z.object({ category: z.string(), name: z.string(), type: z.string().nullish() }))
      .nullish()
      .transform((columns) => columns ?? []),
  }),
);
