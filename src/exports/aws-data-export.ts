import * as z from "zod";
import { dataExportTypes, manifestType } from "../schema/well-known.ts";
import type { ExportFormat, Manifest } from "./export.ts";
import { deliveryId, listedKey, listOf, monthPeriod, parseManifest, shortText } from "./manifest.ts";

/**
 * AWS Data Exports: CUR 2.0 and FOCUS with AWS columns. Data is in `{export}/data/{PART}={month}/`, in create-new mode
 * in a folder per run below it; the one manifest of a month is in `{export}/metadata/{PART}={month}/`, is overwritten by
 * each run after all of its data files, and is the only record of which files count: old runs stay permanently, and
 * a run that shrank leaves its last parts behind.
 * Source: AWS Data Exports user guide, "Understanding export delivery"; a real FOCUS 1.2 manifest.
 */
export const awsDataExport: ExportFormat = {
  kind: "aws-data-export",
  cloud: "aws",
  title: "AWS Data Export",
  idColumn: "assembly_id",

  recognise(key) {
    const match = monthManifest.exec(key);
    if (match === null) return undefined;
    const { folder = "", year = "", month = "", name = "" } = match.groups ?? {};
    const period = monthPeriod(year, month);
    return (
      period && { key, folder, exportName: name, period, order: "", id: null, isDataFile: false, isAnonymous: false }
    );
  },

  readManifest(json, place): Manifest {
    const { executionId, exportArn, dataFiles, columns } = parseManifest(manifestShape, json, place);
    const parquet = dataFiles.some((file) => /\.parquet$/i.test(file));
    return {
      id: executionId,
      exportName: null,
      // The manifest contains neither a period nor a time.
      period: place.period,
      format: parquet ? "parquet" : "csv",
      bucket: dataFiles.map((file) => /^s3:\/\/([^/]+)\//i.exec(file)?.[1]).find((bucket) => bucket) ?? null,
      files: dataFiles.map((key) => ({ key, rows: null, size: null })),
      columns: columns.map(({ name, type }) => ({ name, type: manifestType(type) })),
      rows: null,
      bytes: null,
      submittedTime: null,
      partial: false,
      scope: /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(exportArn ?? "")?.[1] ?? null,
    };
  },

  others: [
    {
      manifest: /(?:^|\/)metadata\/date=[^/]+\/(?<name>[^/]+)-manifest\.json$/i,
      title: "AWS cost optimisation recommendations",
    },
    {
      manifest: /(?:^|\/)metadata\/(?:carbon_model_version|usage_period)=(?:[^/]+\/)*(?<name>[^/]+)-manifest\.json$/i,
      title: "AWS carbon emissions",
    },
    {
      manifest:
        /(?:^|\/)metadata\/(?!billing_period=|date=|carbon_model_version=|usage_period=)[^/=]+=(?:[^/]+\/)*(?<name>[^/]+)-manifest\.json$/i,
      title: "an AWS Data Export without billing periods",
    },
  ],

  dataFiles: [{ path: /(?:^|\/)data\/billing_period=[^/]+\/.+$/i, missing: "copy the metadata/ folder too" }],

  // As in the legacy report. FOCUS 1.0 lacks such a column: its months stay estimated.
  closed: { invoice: 8, schedule: null },
  lateCharges: { chargeTypes: ["tax", "credit", "refund", "adjustment"], services: /^(?:AWS|OCB).*Support/ },

  // CUR 2.0 and FOCUS do not share a column name: the first name of each list found in a header identifies the format.
  columns: {
    naming: "as-delivered",
    caseSensitive: false,
    wellKnown: dataExportTypes,
    partition: ["bill_billing_period_start_date", "BillingPeriodStart"],
    periodEnd: { included: [], excluded: ["bill_billing_period_end_date", "BillingPeriodEnd"] },
    cost: [["line_item_unblended_cost", "BilledCost", "line_item_net_unblended_cost"], ["EffectiveCost"]],
    currency: ["line_item_currency_code", "BillingCurrency"],
    usage: ["line_item_usage_start_date", "ChargePeriodStart"],
    service: ["line_item_product_code", "ServiceName"],
    account: ["line_item_usage_account_id", "SubAccountId"],
    chargeType: ["line_item_line_item_type", "ChargeCategory"],
    invoice: ["bill_invoice_id", "InvoiceId"],
    payer: ["bill_payer_account_id", "BillingAccountId"],
  },
};

// `BILLING_PERIOD=` in CUR 2.0, `billing_period=` in FOCUS. One delivery had `-Metadata.json` instead of `-Manifest.json`.
const monthManifest =
  /^(?<folder>(?:.*\/)?)metadata\/billing_period=(?<year>\d{4})-(?<month>\d{2})\/(?<name>[^/]+)-(?:manifest|metadata)\.json$/i;

// Files are whole `s3://` addresses or keys in the bucket. Columns are optional.
const manifestShape = z.lazy(() =>
  z.object({
    executionId: deliveryId,
    exportArn: shortText.nullish(),
    dataFiles: listOf(listedKey),
    columns: listOf(z.object({ name: z.string(), type: z.string().nullish() }))
      .nullish()
      .transform((columns) => columns ?? []),
  }),
);
