import { gzipSync } from "node:zlib";
import { monthSpan, nextMonth } from "../../src/schema/periods.ts";
import { zipBytes } from "./zip.ts";
import { compact, csvText, jsonBytes, parquetBytes, type Delivery, type Row } from "./deliveries.ts";

/** What a delivery of an AWS Data Export is made of. */
export interface DataExportOptions {
  readonly month: string;
  readonly id: string;
  readonly files: readonly (readonly Row[])[];
  readonly columns?: readonly string[];
  /** The manifest's words for types, by column; false leaves the columns out. By default `dataExportManifestTypes`. */
  readonly types?: Readonly<Record<string, string>> | false;
  readonly format?: "csv.gz" | "csv.zip" | "snappy.parquet";
  readonly shape?: "create-new" | "overwrite";
  readonly runTime?: string;
  /** `BILLING_PERIOD` in CUR 2.0, `billing_period` in FOCUS. */
  readonly part?: string;
  /** The folder of the export, and its folder according to the manifest; by default the same. */
  readonly folder?: string;
  readonly writtenFolder?: string;
  readonly exportName?: string;
  /** Files as `s3://` addresses, or as keys in the bucket. */
  readonly addresses?: "s3" | "keys";
}

/** The columns of a small CUR 2.0. */
export const cur2Columns: readonly string[] = [
  "bill_billing_period_start_date",
  "bill_payer_account_id",
  "line_item_usage_account_id",
  "line_item_usage_start_date",
  "line_item_line_item_type",
  "line_item_usage_amount",
  "line_item_currency_code",
  "line_item_unblended_rate",
  "line_item_unblended_cost",
  "resource_tags",
];

/** The words with which AWS types the columns of Data Exports that are not strings. */
export const dataExportManifestTypes: Readonly<Record<string, string>> = {
  bill_billing_period_start_date: "timestamp",
  line_item_usage_start_date: "timestamp",
  line_item_usage_amount: "double",
  line_item_unblended_cost: "double",
  resource_tags: "map",
  BilledCost: "double",
  EffectiveCost: "double",
  ConsumedQuantity: "double",
  BillingPeriodStart: "timestamp",
  BillingPeriodEnd: "timestamp",
  ChargePeriodStart: "timestamp",
  ChargePeriodEnd: "timestamp",
  Tags: "map",
};

/** A row of a CUR 2.0 of this month. */
export function cur2Row(month: string, cells: Row = {}): Row {
  return {
    bill_billing_period_start_date: `${month}-01T00:00:00.000Z`,
    bill_payer_account_id: "0022222222222",
    line_item_usage_account_id: "012345678901",
    line_item_usage_start_date: `${month}-02T00:00:00.000Z`,
    line_item_line_item_type: "Usage",
    line_item_usage_amount: "1.5",
    line_item_currency_code: "USD",
    line_item_unblended_rate: "0.0416000000",
    line_item_unblended_cost: "0.0416",
    resource_tags: '{"user_name":"web, \\"eu\\"","user_cost_center":"0042"}',
    ...cells,
  };
}

/** A delivery of an AWS Data Export. `scratch` is a folder to write Parquet in. */
export async function dataExportDelivery(options: DataExportOptions, scratch: string): Promise<Delivery> {
  const { month, id, files, columns = cur2Columns, format = "csv.gz", shape = "overwrite" } = options;
  const { exportName = "acme-cur2", folder = `exports/${exportName}`, part = "BILLING_PERIOD" } = options;
  const types = options.types ?? dataExportManifestTypes;
  const run = shape === "overwrite" ? "" : `${options.runTime ?? `${nextMonth(month)}-02T23:48:02.356Z`}-${id}/`;
  const contents: Uint8Array[] = [];
  for (const rows of files) {
    const text = csvText(columns, rows);
    const words: Readonly<Record<string, string>> = {
      double: "DOUBLE",
      timestamp: "TIMESTAMP",
      map: "MAP(VARCHAR, VARCHAR)",
    };
    const typeOf = (column: string): string => words[dataExportManifestTypes[column] ?? ""] ?? "VARCHAR";
    if (format === "csv.gz") contents.push(gzipSync(text));
    else if (format === "csv.zip")
      contents.push(zipBytes({ name: `${exportName}-00001.csv`, bytes: Buffer.from(text) }));
    else contents.push(await parquetBytes(columns, rows, scratch, typeOf));
  }
  const names = files.map(
    (_, index) => `data/${part}=${month}/${run}${exportName}-${String(index + 1).padStart(5, "0")}.${format}`,
  );
  const manifestKey = `${folder}/metadata/${part}=${month}/${exportName}-Manifest.json`;
  const head = options.addresses === "keys" ? "" : "s3://acme-exports/";
  const manifest = jsonBytes({
    executionId: id,
    exportArn: `arn:aws:bcm-data-exports:us-east-1:012345678901:export/${exportName}-78f845f5`,
    ...(types === false ? {} : { columns: columns.map((name) => ({ name, type: types[name] ?? "string" })) }),
    dataFiles: names.map((name) => `${head}${options.writtenFolder ?? folder}/${name}`),
    additionalOutputFiles: [],
  });
  const fileKeys = names.map((name) => `${folder}/${name}`);
  return {
    id,
    month,
    manifestKey,
    fileKeys,
    objects: new Map([
      ...fileKeys.map((key, index) => [key, contents[index] ?? new Uint8Array()] as const),
      [manifestKey, manifest] as const,
    ]),
  };
}

/** What a delivery of an Azure export of the old kinds is made of. */
export interface AzureLegacyOptions {
  readonly month: string;
  /** The run's GUID. */
  readonly id: string;
  /** The text of each file; of one only where there is no manifest. */
  readonly files: readonly (string | Uint8Array)[];
  /** `partitioned`: with a `_manifest.json` of 2021; `plain`: one file per run and nothing that names it. */
  readonly kind: "partitioned" | "plain";
  readonly pathTime?: string;
  /** Days of the folder; by default those of the month. */
  readonly span?: { readonly start: string; readonly end: string };
  readonly exportName?: string;
  readonly rows?: readonly (number | null)[];
}

/** A delivery of an Azure export by an API before 2023, which names neither the run nor its period in a manifest. */
export function azureLegacyDelivery(options: AzureLegacyOptions): Delivery {
  const { month, id, files, kind, exportName = "acme-legacy", span = monthSpan(month) } = options;
  const range = `exports/${exportName}/${compact(span.start)}-${compact(span.end)}`;
  const plainKey = `${range}/${exportName}_${id}.csv`;
  if (kind === "plain") {
    const objects = new Map([[plainKey, Buffer.from(files[0] ?? "")]]);
    return { id, month, manifestKey: plainKey, fileKeys: [plainKey], objects };
  }
  const folder = `${range}/${options.pathTime ?? `${compact(nextMonth(month))}040042`}/${id}`;
  const contents = files.map((file) => Buffer.from(file));
  const fileKeys = contents.map((_, index) => `${folder}/${String(index + 1).padStart(6, "0")}.csv`);
  const manifest = jsonBytes({
    manifestVersion: "2021-01-01",
    dataFormat: "csv",
    blobCount: contents.length,
    byteCount: contents.reduce((sum, bytes) => sum + bytes.length, 0),
    dataRowCount: null,
    blobs: fileKeys.map((blobName, index) => ({
      blobName,
      byteCount: contents[index]?.length,
      dataRowCount: options.rows?.[index] ?? null,
      headerRowCount: 1,
    })),
  });
  const manifestKey = `${folder}/_manifest.json`;
  return {
    id,
    month,
    manifestKey,
    fileKeys,
    objects: new Map([
      ...fileKeys.map((key, index) => [key, contents[index] ?? Buffer.alloc(0)] as const),
      [manifestKey, manifest] as const,
    ]),
  };
}
