import { rm } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import type { DaySpan } from "../../src/model.ts";
import { monthSpan, nextMonth } from "../../src/schema/periods.ts";
import { writeKey } from "./folders.ts";
import { zipBytes } from "./zip.ts";

/** A row of a bill: cell by source column. A column that it does not name is empty. */
export type Row = Readonly<Record<string, string>>;

/** One delivery of one export as its cloud writes it: objects by key, in memory until `deliver` writes them. */
export interface Delivery {
  /** `assemblyId`, `executionId` or `runId`. */
  readonly id: string;
  readonly month: string;
  /** The manifest that counts. */
  readonly manifestKey: string;
  /** The data files where they really lie, in the manifest's order. */
  readonly fileKeys: readonly string[];
  readonly objects: ReadonlyMap<string, Uint8Array>;
}

/** What an AWS delivery is made of. */
export interface CurOptions {
  readonly month: string;
  readonly id: string;
  /** The rows of each file. */
  readonly files: readonly (readonly Row[])[];
  /** The header of all files, or of each; by default `curColumns`. */
  readonly columns?: readonly string[] | readonly (readonly string[])[];
  /** The manifest's words for types, by column; false leaves types out, as before 2019. By default `curManifestTypes`. */
  readonly types?: Readonly<Record<string, string>> | false;
  /** `year-month`: as until 2019, in `{report}/year=2018/month=1/` with the manifest beside the files. */
  readonly shape?: "create-new" | "overwrite" | "year-month";
  readonly compression?: "gzip" | "zip";
  /** The folder of the export. A mirror keeps the path from the period on, below another folder than in the manifest's keys. */
  readonly folder?: string;
  /** Its folder according to the manifest; by default `folder`. */
  readonly writtenFolder?: string;
  readonly exportName?: string;
  /** Keys for the manifest to list instead of its files'. */
  readonly listedKeys?: readonly string[];
}

/** The columns of a small CUR, with what every real one has. */
export const curColumns: readonly string[] = [
  "identity/LineItemId",
  "identity/TimeInterval",
  "bill/InvoiceId",
  "bill/PayerAccountId",
  "bill/BillingPeriodStartDate",
  "bill/BillingPeriodEndDate",
  "lineItem/UsageAccountId",
  "lineItem/LineItemType",
  "lineItem/UsageStartDate",
  "lineItem/UsageEndDate",
  "lineItem/ProductCode",
  "lineItem/UsageAmount",
  "lineItem/CurrencyCode",
  "lineItem/UnblendedRate",
  "lineItem/UnblendedCost",
  "lineItem/LineItemDescription",
  "product/region",
];

/** The words with which AWS types these columns in its manifests. */
export const curManifestTypes: Readonly<Record<string, string>> = {
  "identity/TimeInterval": "Interval",
  "bill/InvoiceId": "OptionalString",
  "bill/BillingPeriodStartDate": "DateTime",
  "bill/BillingPeriodEndDate": "DateTime",
  "lineItem/UsageStartDate": "DateTime",
  "lineItem/UsageEndDate": "DateTime",
  "lineItem/UsageAmount": "OptionalBigDecimal",
  "lineItem/UnblendedCost": "BigDecimal",
};

/** A row of a CUR of this month, with the cells that matter to a test on top. */
export function curRow(month: string, cells: Row = {}): Row {
  const day = cells["lineItem/UsageStartDate"] ?? `${month}-02T00:00:00Z`;
  return {
    "identity/LineItemId": "qmooz4hg3jabcd",
    "identity/TimeInterval": `${month}-02T00:00:00Z/${month}-02T01:00:00Z`,
    "bill/PayerAccountId": "0022222222222",
    "bill/BillingPeriodStartDate": `${month}-01T00:00:00Z`,
    "bill/BillingPeriodEndDate": `${nextMonth(month)}-01T00:00:00Z`,
    "lineItem/UsageAccountId": "012345678901",
    "lineItem/LineItemType": "Usage",
    "lineItem/UsageStartDate": day,
    "lineItem/UsageEndDate": day,
    "lineItem/ProductCode": "AmazonEC2",
    "lineItem/UsageAmount": "1.0000000000",
    "lineItem/CurrencyCode": "USD",
    "lineItem/UnblendedRate": "0.0416000000",
    "lineItem/UnblendedCost": "0.0416000000",
    "lineItem/LineItemDescription": '$0.0416 per On Demand Linux t3.medium, "burst"',
    "product/region": "eu-central-1",
    ...cells,
  };
}

/** Rows of a CUR of this month with these costs. */
export function curRows(month: string, ...costs: readonly string[]): Row[] {
  return costs.map((cost, index) =>
    curRow(month, { "identity/LineItemId": `line${index}`, "lineItem/UnblendedCost": cost }),
  );
}

/**
 * A delivery of an AWS Cost and Usage Report, gzip CSV. Create-new: a folder per assembly with a copy of the manifest,
 * and the pointer manifest above it. Overwrite: everything in the date-range folder, under names that every assembly
 * uses again.
 */
export function curDelivery(options: CurOptions): Delivery {
  const { compression = "gzip", exportName = "acme-cur" } = options;
  const headers = headersOf(options.columns ?? curColumns, options.files.length);
  const contents = options.files.map((rows, index) => {
    const text = csvText(headers[index] ?? [], rows);
    if (compression === "gzip") return gzipSync(text);
    return zipBytes({ name: `${exportName}-${index + 1}.csv`, bytes: Buffer.from(text) });
  });
  return curFrom(options, headers, contents, compression === "gzip" ? "csv.gz" : "csv.zip");
}

/**
 * A delivery of an AWS Cost and Usage Report for Athena: Parquet in `{report}/year=2025/month=1/` with Athena's names for
 * the same columns and floats for amounts, and the manifest, which names them as CSV has them, in the date-range folder.
 */
export async function curParquetDelivery(options: CurOptions, scratch: string): Promise<Delivery> {
  const headers = headersOf(options.columns ?? curColumns, options.files.length);
  const contents: Uint8Array[] = [];
  for (const [index, rows] of options.files.entries()) {
    const header = headers[index] ?? [];
    const renamed = rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, cell]) => [athenaName(name), cell])),
    );
    const typeOf = (column: string): string =>
      /_(cost|amount)$/.test(column) ? "DOUBLE" : /_(start|end)_date$/.test(column) ? "TIMESTAMP" : "VARCHAR";
    contents.push(await parquetBytes(header.map(athenaName), renamed, scratch, typeOf));
  }
  return curFrom(options, headers, contents, "snappy.parquet");
}

function athenaName(column: string): string {
  return column
    .replaceAll(/([A-Z])/g, "_$1")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "");
}

function curFrom(
  options: CurOptions,
  headers: readonly (readonly string[])[],
  contents: readonly Uint8Array[],
  suffix: "csv.gz" | "csv.zip" | "snappy.parquet",
): Delivery {
  const { month, id, shape = "create-new", folder = "cur/acme-cur", exportName = "acme-cur" } = options;
  const parquet = suffix === "snappy.parquet";
  const writtenFolder = options.writtenFolder ?? folder;
  const range = `${compact(monthSpan(month).start)}-${compact(monthSpan(nextMonth(month)).start)}`;
  const yearMonth = `${exportName}/year=${month.slice(0, 4)}/month=${Number(month.slice(5))}`;
  const isYearMonth = shape === "year-month";
  const within = parquet || isYearMonth ? yearMonth : shape === "create-new" ? `${range}/${id}` : range;
  const names = contents.map((_, index) => `${within}/${exportName}-${String(index + 1).padStart(5, "0")}.${suffix}`);
  const types = options.types ?? curManifestTypes;
  const manifest = jsonBytes({
    assemblyId: id,
    account: "123456789012",
    columns: [...new Set(headers.flat())].map((column) => {
      const [category = "", ...name] = column.split("/");
      const type = types === false ? {} : { type: types[column] ?? "String" };
      return { category, name: name.join("/"), ...type };
    }),
    charset: "UTF-8",
    compression: parquet ? "Parquet" : suffix === "csv.zip" ? "ZIP" : "GZIP",
    contentType: parquet ? "Parquet" : "text/csv",
    reportId: "16040782d03a0000144edc39a0c0011bb0760f3c9dc00432f4c450045c9c0000",
    reportName: exportName,
    billingPeriod: { start: `${range.slice(0, 8)}T000000.000Z`, end: `${range.slice(9)}T000000.000Z` },
    bucket: "acme-billing-source",
    reportKeys: options.listedKeys ?? names.map((name) => `${writtenFolder}/${name}`),
    additionalArtifactKeys: [],
  });
  const manifestKey = `${folder}/${isYearMonth ? yearMonth : range}/${exportName}-Manifest.json`;
  const fileKeys = names.map((name) => `${folder}/${name}`);
  const copies = shape === "create-new" && !parquet ? [`${folder}/${range}/${id}/${exportName}-Manifest.json`] : [];
  return {
    id,
    month,
    manifestKey,
    fileKeys,
    objects: new Map([
      ...fileKeys.map((key, index) => [key, contents[index] ?? new Uint8Array()] as const),
      ...[...copies, manifestKey].map((key) => [key, manifest] as const),
    ]),
  };
}

/** What an Azure delivery is made of. */
export interface AzureOptions {
  readonly month: string;
  readonly id: string;
  readonly files: readonly (readonly Row[])[];
  readonly columns?: readonly string[] | readonly (readonly string[])[];
  readonly format?: "csv" | "csv.gz" | "parquet";
  readonly shape?: "create-new" | "overwrite";
  /** `overwrite` with a folder per run, as Azure writes it, or without: then every run uses the same keys. */
  readonly runFolder?: boolean;
  /** `YYYYMMDDHHmm`: the folder of a create-new run. */
  readonly pathTime?: string;
  /** By default the minute of `pathTime`. */
  readonly submittedTime?: string | null;
  /** The days that the folder and the manifest name; by default those of the month. */
  readonly days?: DaySpan;
  /** The last day that the folder names, and the manifest; by default the last one of `days`. */
  readonly pathEnd?: string;
  readonly manifestEnd?: string;
  readonly folder?: string;
  readonly exportName?: string;
  readonly type?: "ActualCost" | "AmortizedCost" | "FocusCost";
  /** What the manifest declares instead of the true counts; null leaves the field out. */
  readonly declared?: { readonly total?: number | null; readonly blobs?: readonly (number | null)[] };
  readonly listedKeys?: readonly string[];
}

/** The columns of a small actual-cost file of an Enterprise Agreement. */
export const azureColumns: readonly string[] = [
  "SubscriptionId",
  "ResourceId",
  "Date",
  "MeterCategory",
  "Quantity",
  "EffectivePrice",
  "CostInBillingCurrency",
  "CostCenter",
  "Tags",
  "ChargeType",
  "BillingCurrency",
  "BillingPeriodStartDate",
  "BillingPeriodEndDate",
];

/** The columns of a small FOCUS file. */
export const focusColumns: readonly string[] = [
  "BilledCost",
  "EffectiveCost",
  "BillingCurrency",
  "BillingPeriodStart",
  "BillingPeriodEnd",
  "ChargePeriodStart",
  "ChargePeriodEnd",
  "ChargeCategory",
  "ConsumedQuantity",
  "ServiceName",
  "SubAccountId",
  "Tags",
];

/** A row of an Azure bill of this month that serves both column sets. */
export function azureRow(month: string, cells: Row = {}): Row {
  const { start, end } = monthSpan(month);
  return {
    SubscriptionId: "38f1d748-3ac7-4b7f-a5ae-8b5ff16db82c",
    ResourceId: "/subscriptions/38f1d748/resourceGroups/RG1/providers/Microsoft.Compute/virtualMachines/web",
    Date: `${month}-02`,
    MeterCategory: "Virtual Machines",
    Quantity: "24",
    EffectivePrice: "0.0960000000",
    CostInBillingCurrency: "2.304",
    CostCenter: "0042",
    Tags: '{"team": "web", "Cost Center": "say \\"hi\\""}',
    ChargeType: "Usage",
    BillingCurrency: "EUR",
    BillingPeriodStartDate: start,
    BillingPeriodEndDate: end,
    BilledCost: "2.304",
    EffectiveCost: "1.1520000000",
    BillingPeriodStart: `${start}T00:00:00Z`,
    BillingPeriodEnd: `${nextMonth(month)}-01T00:00:00Z`,
    ChargePeriodStart: `${month}-02T00:00:00Z`,
    ChargePeriodEnd: `${month}-03T00:00:00Z`,
    ChargeCategory: "Usage",
    ConsumedQuantity: "24",
    ServiceName: "Virtual Machines",
    SubAccountId: "0042",
    ...cells,
  };
}

/** Rows of an Azure bill of this month with these costs, whichever column set has them. */
export function azureRows(month: string, ...costs: readonly string[]): Row[] {
  return costs.map((cost) => azureRow(month, { CostInBillingCurrency: cost, BilledCost: cost }));
}

/** A delivery of an Azure cost export in CSV, plain or packed. */
export function azureDelivery(options: AzureOptions & { readonly format?: "csv" | "csv.gz" }): Delivery {
  const { format = "csv.gz" } = options;
  const headers = headersOf(options.columns ?? azureColumns, options.files.length);
  return azureFrom(
    options,
    options.files.map((rows, index) => {
      const text = csvText(headers[index] ?? [], rows);
      return format === "csv" ? Buffer.from(text) : gzipSync(text);
    }),
  );
}

/** A delivery of an Azure FOCUS export in Parquet, with the types that Azure gives: DECIMAL(38,18) and timestamps. */
export async function azureParquetDelivery(options: AzureOptions, scratch: string): Promise<Delivery> {
  const headers = headersOf(options.columns ?? focusColumns, options.files.length);
  const contents: Uint8Array[] = [];
  for (const [index, rows] of options.files.entries()) {
    contents.push(await parquetBytes(headers[index] ?? [], rows, scratch));
  }
  return azureFrom({ type: "FocusCost", ...options, format: "parquet" }, contents);
}

function azureFrom(options: AzureOptions, contents: readonly Uint8Array[]): Delivery {
  const { month, id, shape = "create-new", runFolder = true, folder = "exports", exportName = "acme-actual" } = options;
  const { format = "csv.gz", type = "ActualCost", declared = {} } = options;
  const { start, end } = options.days ?? monthSpan(month);
  const lastMonth = (options.pathEnd ?? end).slice(0, 7);
  const pathTime = options.pathTime ?? `${compact(nextMonth(lastMonth))}040042`;
  const submitted = `${pathTime.slice(0, 4)}-${pathTime.slice(4, 6)}-${pathTime.slice(6, 8)}T${pathTime.slice(8, 10)}:${pathTime.slice(10)}:06.5756051Z`;
  const within = [
    `${compact(start)}-${compact(options.pathEnd ?? end)}`,
    ...(shape === "create-new" ? [pathTime] : []),
    ...(shape === "create-new" || runFolder ? [id] : []),
  ].join("/");
  const suffix = format === "parquet" ? "snappy.parquet" : format;
  const fileKeys = contents.map((_, index) => `${folder}/${exportName}/${within}/part_${index}_0001.${suffix}`);
  const rows = (index: number): number | null | undefined => declared.blobs?.[index];
  const total = options.files.reduce((sum, file) => sum + file.length, 0);
  const manifestKey = `${folder}/${exportName}/${within}/manifest.json`;
  const manifest = jsonBytes({
    manifestVersion: "2024-04-01",
    byteCount: contents.reduce((sum, bytes) => sum + bytes.length, 0),
    blobCount: contents.length,
    ...(declared.total === null ? {} : { dataRowCount: declared.total ?? total }),
    exportConfig: {
      exportName,
      resourceId: `/subscriptions/38f1d748/providers/Microsoft.CostManagement/exports/${exportName}`,
      dataVersion: type === "FocusCost" ? "1.2-preview" : "2023-12-01-preview",
      apiVersion: "2023-07-01-preview",
      type,
      timeFrame: "MonthToDate",
      granularity: "Daily",
    },
    deliveryConfig: {
      partitionData: true,
      dataOverwriteBehavior: shape === "create-new" ? "CreateNewReport" : "OverwritePreviousReport",
      fileFormat: format === "parquet" ? "Parquet" : "Csv",
      compressionMode: format === "csv.gz" ? "gzip" : format === "parquet" ? "Snappy" : "None",
      rootFolderPath: folder,
    },
    runInfo: {
      executionType: "Scheduled",
      submittedTime: options.submittedTime === undefined ? submitted : options.submittedTime,
      runId: id,
      startDate: `${start}T00:00:00`,
      endDate: `${options.manifestEnd ?? options.pathEnd ?? end}T00:00:00Z`,
    },
    blobs: (options.listedKeys ?? fileKeys).map((blobName, index) => ({
      blobName,
      byteCount: contents[index]?.length ?? 0,
      ...(rows(index) === null ? {} : { dataRowCount: rows(index) ?? options.files[index]?.length ?? 0 }),
    })),
  });
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

/** Which objects of a delivery arrive: all, its manifests alone, its data files alone, or these keys. */
export type Arrival = "all" | "manifest" | "files" | readonly string[];

/**
 * Writes objects of a delivery below a bucket's folder, data files before manifests as clouds do; days ago, or (`isFresh`)
 * right now.
 */
export async function deliver(
  bucket: string,
  delivery: Delivery,
  arrival: Arrival = "all",
  isFresh = false,
): Promise<void> {
  const { objects, fileKeys } = delivery;
  const manifests = [...objects.keys()].filter((key) => !fileKeys.includes(key));
  const keys = { all: [...fileKeys, ...manifests], manifest: manifests, files: fileKeys };
  for (const key of typeof arrival === "string" ? keys[arrival] : arrival) {
    const bytes = objects.get(key);
    if (bytes === undefined) throw new Error(`The delivery ${delivery.id} does not contain the object ${key}.`);
    await writeKey(bucket, key, bytes, isFresh);
  }
}

/** The delivery with other bytes in one of its data files; the size that the manifest declares is theirs. */
export function withFile(delivery: Delivery, index: number, change: (bytes: Buffer) => Uint8Array): Delivery {
  const key = delivery.fileKeys[index] ?? "";
  const bytes = delivery.objects.get(key);
  if (bytes === undefined) throw new Error(`The delivery ${delivery.id} does not contain file ${index}.`);
  const changed = change(Buffer.from(bytes));
  const manifest = declaring(delivery.objects.get(delivery.manifestKey), key, changed.length);
  const objects = new Map([...delivery.objects, [key, changed] as const]);
  return { ...delivery, objects: manifest === undefined ? objects : objects.set(delivery.manifestKey, manifest) };
}

/** The manifest with the size that it declares for a file, where it declares one. */
function declaring(manifest: Uint8Array | undefined, key: string, bytes: number): Uint8Array | undefined {
  const json: unknown = manifest && JSON.parse(Buffer.from(manifest).toString());
  if (typeof json !== "object" || json === null || !("blobs" in json) || !Array.isArray(json.blobs)) return undefined;
  const blobs = json.blobs as readonly { readonly blobName: string }[];
  return jsonBytes({
    ...json,
    blobs: blobs.map((blob) => (blob.blobName === key ? { ...blob, byteCount: bytes } : blob)),
  });
}

/** The text of a CSV file as clouds write it: LF, quotes only where they are needed. */
export function csvText(columns: readonly string[], rows: readonly Row[]): string {
  const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ""))];
  return lines.map((cells) => `${cells.map(cell).join(",")}\n`).join("");
}

function focusType(column: string): string {
  return /Cost$|Quantity$/.test(column)
    ? "DECIMAL(38,18)"
    : /Period(Start|End)$/.test(column)
      ? "TIMESTAMP"
      : "VARCHAR";
}

/** The bytes of a Parquet file with these types (DuckDB's words); a cell of a MAP is JSON. `scratch` is a folder to write it in. */
export async function parquetBytes(
  columns: readonly string[],
  rows: readonly Row[],
  scratch: string,
  typeOf: (column: string) => string = focusType,
): Promise<Uint8Array> {
  const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const tuples = rows.map((row) => `(${columns.map((column) => literal(row[column] ?? "")).join(", ")})`);
  const cells = columns.map((column) => {
    const cell = `nullif("${column}", '')`;
    // Only JSON is cast to a map.
    const value = typeOf(column).startsWith("MAP") ? `CAST(${cell} AS JSON)` : cell;
    return `CAST(${value} AS ${typeOf(column)}) AS "${column}"`;
  });
  const names = columns.map((column) => `"${column}"`).join(", ");
  const path = join(scratch, "part.parquet");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT ${cells.join(", ")} FROM (VALUES ${tuples.join(", ")}) AS v(${names})) TO ${literal(path)} (FORMAT parquet, COMPRESSION snappy)`,
  );
  connection.closeSync();
  instance.closeSync();
  const { readFile } = await import("node:fs/promises");
  const bytes = await readFile(path);
  await rm(path);
  return bytes;
}

function headersOf(columns: NonNullable<CurOptions["columns"]>, files: number): readonly (readonly string[])[] {
  const own = columns.every((column) => typeof column !== "string");
  return own ? columns : Array.from({ length: files }, () => columns.filter((column) => typeof column === "string"));
}

/** `2025-01-31` as folders have it: `20250131`. */
export function compact(date: string): string {
  return date.replaceAll("-", "");
}

/** The bytes of a manifest. */
export function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}
