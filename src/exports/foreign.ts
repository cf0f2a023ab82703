/** Bills that billhouse does not load, and how to recognise their files, for the error when nothing else is found. */
export interface ForeignBills {
  /** Their name in messages: `Oracle Cloud reports`. */
  readonly title: string;
  /** Matches the keys of their files, but never a key of a format in `exportFormats`. */
  readonly path: RegExp;
  /** Sets of columns, in lower case: a file with all columns of one set belongs to them, whatever its key. */
  readonly columns: readonly (readonly string[])[];
  /** Matches the keys in the folder of FOCUS files that the vendor writes beside these bills, up to the end of that folder. */
  readonly focus?: RegExp;
}

/**
 * Bills that billhouse recognises but does not load.
 * Sources: Oracle Cloud, "Cost and Usage Reports"; Google Cloud, "Export Cloud Billing data to BigQuery" and the files of
 * project-koku/koku@768be82 `gcp_report_downloader.py`; AWS Billing user guide, "Detailed Billing Reports"; Microsoft,
 * "How data is processed in FinOps hubs".
 */
export const foreignBills: readonly ForeignBills[] = [
  {
    title: "Oracle Cloud reports",
    path: /(?:^|\/)(?:FOCUS(?:[ _+-]|%20)?Reports|reports\/(?:cost|usage)-csv)\/|(?:^|[/_])\d{16}(?:-\d{5})?\.csv(?:\.gz)?$/i,
    columns: [["lineitem/referenceno", "lineitem/tenantid"], ["oci_referencenumber"]],
    focus: /^(?:.*\/)?FOCUS(?:[ _+-]|%20)?Reports(?=\/)/i,
  },
  {
    title: "Google Cloud billing data",
    path: /(?:^|[/_.-])(?:gcp_billing_export|cloud_pricing_export)|(?:^|\/)\d{6}_[^/]+_\d{4}-\d\d-\d\d:\d{4}-\d\d-\d\d\.csv/i,
    columns: [
      ["billing_account_id", "usage_start_time"],
      ["service.id", "sku.id"],
      ["line item", "measurement1"],
    ],
  },
  {
    title: "detailed billing reports (DBR)",
    path: /(?:^|\/)\d{12}-aws-(?:billing-(?:csv|detailed-line-items)|cost-allocation)-/i,
    columns: [["payeraccountid", "linkedaccountid", "recordtype"]],
  },
  {
    title: "FinOps hub files",
    path: /(?:^|\/)(?:(?:Actual|Amortized)?Costs?|Prices|CommitmentDiscountUsage|Recommendations|Transactions)\/\d{4}\/\d\d\/|__[^/]+\.parquet$/i,
    columns: [["x_sourcechanges"], ["x_ingestiontime"]],
  },
];

/**
 * The folder of FOCUS files of a vendor that writes the same charges in its own format beside them, if `keys` has files of both;
 * undefined otherwise.
 */
export function focusBesideForeign(keys: Iterable<string>): string | undefined {
  const all = [...keys];
  for (const { path, focus } of foreignBills) {
    if (focus === undefined) continue;
    const folder = all.map((key) => focus.exec(key)?.[0]).find((found) => found !== undefined);
    if (folder !== undefined && all.some((key) => path.test(key) && !focus.test(key))) return folder;
  }
  return undefined;
}
