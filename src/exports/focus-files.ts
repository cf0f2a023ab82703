import { focusTypes } from "../schema/well-known.ts";
import type { ExportFormat } from "./export.ts";

/**
 * A folder of FOCUS files that any vendor writes: CSV, gzipped or zipped CSV, or Parquet, in any layout, of FOCUS 1.0 to 1.4.
 * Without a manifest the billing periods in the rows say which months a file contains, and all files with rows of a month make up
 * that month.
 * Source: FOCUS 1.4, "Cost and Usage" and its other datasets, which have files of their own.
 */
export const focusFiles: ExportFormat = {
  kind: "focus-files",
  cloud: "focus",
  title: "FOCUS files",
  idColumn: "execution_id",

  recognise: () => undefined,

  readManifest(_json, place) {
    throw new TypeError(`${place.key} is not a manifest: FOCUS files lack them.`);
  },

  folder: {
    // Spark and Hive write `_temporary/` and `_SUCCESS`; names that begin with `_` or `.` are never data there.
    file: /^(?:[^/_.][^/]*\/)*[^/_.][^/]*\.(?:csv|csv\.gz|csv\.zip|parquet)$/i,
    period: "BillingPeriodStart",
    costs: ["BilledCost", "EffectiveCost"],
    charge: {
      cost: "BilledCost",
      time: "ChargePeriodStart",
      texts: [
        "BillingAccountId",
        "ChargeCategory",
        "ChargeDescription",
        "RegionId",
        "ResourceId",
        "ServiceName",
        "SkuId",
        "SubAccountId",
      ],
    },
    recognised: ["BilledCost", "BillingCurrency", "BillingPeriodStart", "ChargeCategory", "ChargePeriodStart"],
    others: [
      { column: "BillingPeriodStatus", title: "billing periods" },
      { column: "InvoiceIssueStatus", title: "invoice details" },
      { column: "ContractCommitmentCategory", title: "contract commitments" },
    ],
  },

  others: [],

  dataFiles: [],

  // Vendors differ: as for AWS, whose late charges arrive on the 6th or 7th.
  closed: { invoice: 8, schedule: null },
  lateCharges: { chargeTypes: ["tax", "credit", "adjustment"], services: /^$/ },

  // What the FOCUS Foundation's own samples write for an empty cell.
  nullValues: ["NULL"],

  columns: {
    naming: "as-delivered",
    caseSensitive: false,
    wellKnown: focusTypes,
    partition: ["BillingPeriodStart"],
    periodEnd: { included: [], excluded: ["BillingPeriodEnd"] },
    cost: [["BilledCost"], ["EffectiveCost"]],
    currency: ["BillingCurrency"],
    usage: ["ChargePeriodStart"],
    service: ["ServiceName"],
    account: ["SubAccountId"],
    chargeType: ["ChargeCategory"],
    invoice: ["InvoiceId"],
    payer: ["BillingAccountId"],
  },
};
