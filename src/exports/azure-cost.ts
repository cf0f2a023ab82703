import * as z from "zod";
import { BillhouseError } from "../errors.ts";
import { azureTypes } from "../schema/well-known.ts";
import type { ExportFormat, Manifest, ManifestPlace } from "./export.ts";
import { day, deliveryId, folderPeriod, listedKey, listOf, parseManifest, shortText } from "./manifest.ts";

/**
 * Azure Cost Management exports: FOCUS, actual and amortized cost. Every run writes a folder of its own with a
 * `manifest.json`; in create-new mode all runs stay side by side, so that a month has many manifests. Older exports
 * write a `_manifest.json` that names neither run nor period, or, when they are not partitioned, no manifest at all: one
 * file per run in the folder of the month, of which the newest is the month.
 * Sources: Microsoft Learn, "Tutorial: Create and manage Cost Management exports", manifest version 2024-04-01;
 * project-koku/koku@768be82 `azure_report_downloader.py` and its real manifest of version 2021-01-01;
 * opencost/opencost@5f65333 `pkg/cloud/azure/storagebillingparser.go`.
 */
export const azureCost: ExportFormat = {
  kind: "azure-cost",
  cloud: "azure",
  title: "Azure Cost Management export",
  idColumn: "run_id",

  recognise(key) {
    const found = (runManifest.exec(key) ?? runFile.exec(key))?.groups;
    if (found === undefined) return undefined;
    const { folder = "", start = "", end = "", time, nameTime, run = null, name } = found;
    const exportName = name ?? folder.split("/").at(-2) ?? "";
    const period = folderPeriod(start, end, "included");
    return (
      period && {
        key,
        folder,
        exportName,
        period,
        order: time ?? nameTime ?? "",
        id: run,
        isDataFile: name !== undefined,
        isAnonymous: name !== undefined || /(?:^|\/)_manifest\.json$/i.test(key),
      }
    );
  },

  readManifest(json, place): Manifest {
    if (place.isDataFile) return soleFile(place);
    const manifest = parseManifest(manifestShape, json, place);
    const { runInfo, exportConfig, deliveryConfig, blobs } = manifest;
    const id = runInfo?.runId ?? place.id;
    if (id === null) {
      throw new BillhouseError(
        "MANIFEST_INVALID",
        `The manifest ${place.key} does not name its run: "runInfo.runId" is missing.`,
        {
          hint: "Check the file: Azure writes the run's id into the manifest and into the name of its folder.",
        },
      );
    }
    const type = exportConfig?.type ?? null;
    const dataset = type === null ? null : costTypes.get(type.toLowerCase());
    if (dataset === undefined) {
      throw new BillhouseError(
        "EXPORT_NOT_FOUND",
        `The export of ${place.key} has the type ${type}, which does not contain costs.`,
        {
          hint: "Set prefix to an export of the type FocusCost, ActualCost or AmortizedCost.",
        },
      );
    }
    const parquet =
      deliveryConfig?.fileFormat?.toLowerCase() === "parquet" ||
      blobs.some(({ blobName }) => /\.parquet$/i.test(blobName));
    return {
      id,
      exportName: exportConfig?.exportName ?? null,
      period: {
        start: runInfo?.startDate?.slice(0, 10) ?? place.period.start,
        end: runInfo?.endDate?.slice(0, 10) ?? place.period.end,
      },
      format: parquet ? "parquet" : "csv",
      bucket: null,
      files: blobs.map(({ blobName, dataRowCount, byteCount }) => ({
        key: blobName,
        rows: dataRowCount ?? null,
        size: byteCount ?? null,
      })),
      columns: [],
      rows: manifest.dataRowCount ?? null,
      bytes: manifest.byteCount ?? null,
      submittedTime: runInfo?.submittedTime ?? null,
      partial: true,
      scope: scopeOf(exportConfig?.resourceId),
      dataset,
    };
  },

  // Reservation recommendations lack a period folder; price sheets and the like give their type in the manifest.
  others: [
    {
      manifest:
        /^(?!(?:.*\/)?\d{8}-\d{8}\/)(?:.*\/)?(?<name>(?!\d{12}\/)[^/]+)\/(?:\d{12}\/)?[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\/_?manifest\.json$/i,
      title: "an Azure export without billing periods, such as reservation recommendations",
    },
  ],

  dataFiles: [
    {
      path: /(?:^|\/)\d{8}-\d{8}\/(?:\d{12}\/)?[^/]+\/(?:part_\d+_\d+|\d{6})\.(?:csv(?:\.gz)?|(?:snappy\.)?parquet)$/i,
      missing: "copy the manifest.json (or _manifest.json) beside each run's files too",
    },
  ],

  // Daily exports run over the previous month until the fifth: Microsoft Learn, "Create and manage Cost Management exports".
  closed: { invoice: 1, schedule: 5 },
  lateCharges: {
    chargeTypes: ["tax", "credit", "refund", "adjustment", "roundingadjustment"],
    services: /^(?:(?:Azure|Microsoft) )?(?:\w+ )?Support\b/i,
  },

  columns: {
    naming: "as-delivered",
    caseSensitive: false,
    wellKnown: azureTypes,
    partition: ["BillingPeriodStart", "BillingPeriodStartDate"],
    periodEnd: { included: ["BillingPeriodEndDate"], excluded: ["BillingPeriodEnd"] },
    cost: [["BilledCost", "CostInBillingCurrency", "Cost", "PreTaxCost"], ["EffectiveCost"]],
    currency: ["BillingCurrency", "BillingCurrencyCode", "Currency"],
    usage: ["ChargePeriodStart", "Date", "UsageDateTime"],
    service: ["ServiceName", "MeterCategory", "ConsumedService"],
    account: ["SubAccountId", "SubscriptionId", "SubscriptionGuid"],
    chargeType: ["ChargeCategory", "ChargeType"],
    invoice: ["InvoiceId", "x_InvoiceId"],
    payer: ["BillingProfileId", "BillingAccountId"],
  },
};

// `{folder}/{from}-{to}/[{run time}/]{run}/manifest.json`; an overwriting export omits the folder with the run's time.
const runManifest =
  /^(?<folder>(?:.*\/)?)(?<start>\d{8})-(?<end>\d{8})\/(?:(?<time>\d{12})\/)?(?:(?<run>[^/]+)\/)?_?manifest\.json$/i;

/** The scope in the resource id of an export. Azure ids are case-insensitive. */
function scopeOf(resourceId: string | null | undefined): string | null {
  const [scope = ""] = (resourceId ?? "").toLowerCase().split("/providers/microsoft.costmanagement/");
  const parts = scope.split("/").filter((part) => part !== "");
  return parts.length === 0 ? null : `/${parts.join("/")}`;
}

// `{folder}/{from}-{to}/[{run time}/]{export}_[{run time}_]{run}.csv`: an export without a manifest.
const runFile =
  /^(?<folder>(?:.*\/)?)(?<start>\d{8})-(?<end>\d{8})\/(?:(?<time>\d{12})\/)?(?<name>[^/]+?)_(?:(?<nameTime>\d{12})_)?(?<run>[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\.csv(?:\.gz)?$/i;

function soleFile({ key, id, period }: ManifestPlace): Manifest {
  return {
    id: id ?? key,
    exportName: null,
    period,
    format: "csv",
    bucket: null,
    files: [{ key, rows: null, size: null }],
    columns: [],
    rows: null,
    bytes: null,
    submittedTime: null,
    partial: true,
    scope: null,
  };
}

// The oldest API versions call actual cost "Usage".
const costTypes: ReadonlyMap<string, string> = new Map([
  ["focuscost", "FocusCost"],
  ["actualcost", "ActualCost"],
  ["usage", "ActualCost"],
  ["amortizedcost", "AmortizedCost"],
]);

const count = z.int().nonnegative().nullish();

// Early manifests (2023-07-01-preview) lack counts; hand-made ones have only the fields required here.
const manifestShape = z.lazy(() =>
  z.object({
    dataRowCount: count,
    byteCount: count,
    exportConfig: z
      .object({ exportName: shortText.nullish(), resourceId: shortText.nullish(), type: shortText.nullish() })
      .nullish(),
    deliveryConfig: z.object({ fileFormat: shortText.nullish() }).nullish(),
    runInfo: z
      .object({
        runId: deliveryId.nullish(),
        startDate: day.nullish(),
        endDate: day.nullish(),
        submittedTime: shortText.nullish(),
      })
      .nullish(),
    blobs: listOf(z.object({ blobName: listedKey, dataRowCount: count, byteCount: count }))
      .nullish()
      .transform((blobs) => blobs ?? []),
  }),
);
