import { link, mkdir, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { monthSpan, nextMonth } from "../../src/schema/periods.ts";

/** A generated delivery: the same options give the same rows with the same DuckDB. */
export interface Bill {
  /** The folder that holds the delivery. */
  readonly bucket: string;
  readonly prefix: string;
  /** Paths of its data files. */
  readonly files: readonly string[];
  readonly format: "csv" | "parquet";
  /** The columns of its files, in order. */
  readonly names: readonly string[];
  /** The name of its cost column. */
  readonly cost: string;
  readonly rows: number;
  /** Bytes of the data files, as delivered. */
  readonly bytes: number;
}

/** A column of a generated bill: its name in the header and the SQL of its cell. `i` is the number of the row. */
interface GeneratedColumn {
  readonly name: string;
  readonly type: string;
  readonly sql: string;
}

/** How large a bill is. */
export interface BillSize {
  readonly rows: number;
  readonly files: number;
  /** `YYYY-MM`. */
  readonly month: string;
  /** How many files have rows of their own; the others repeat them. Without it, all. */
  readonly distinct?: number;
}

/** How wide a CUR is. */
export interface CurWidth {
  /** Columns besides the 30 that every row fills. */
  readonly more: number;
  /** Of 100 rows, how many fill one of these columns. */
  readonly filled: number;
}

/**
 * A delivery of an AWS Cost and Usage Report (legacy, CSV with gzip, create-new) below `bucket`, with its manifest and
 * object times in the past. Amounts have 10 decimals, ids are distinct, other texts repeat as they do in bills.
 */
export async function generateCur(bucket: string, size: BillSize & CurWidth): Promise<Bill> {
  const [start, end] = [monthSpan(size.month).start, monthSpan(nextMonth(size.month)).start];
  const columns = [...curColumns(start, end), ...moreColumns(size.more, size.filled)];
  const range = `${compact(start)}-${compact(end)}`;
  const keys = Array.from({ length: size.files }, (_, index) => `cur/bench/${range}/a1/bench-${index + 1}.csv.gz`);
  return generate(bucket, size, {
    prefix: "cur/bench",
    format: "csv",
    cost: "lineItem/UnblendedCost",
    columns,
    keys,
    manifestKey: `cur/bench/${range}/bench-Manifest.json`,
    manifest: () => ({
      assemblyId: "a1",
      account: "123456789012",
      columns: columns.map(({ name, type }) => {
        const [category = "", ...rest] = name.split("/");
        return { category, name: rest.join("/"), type };
      }),
      charset: "UTF-8",
      compression: "GZIP",
      contentType: "text/csv",
      reportId: "bench",
      reportName: "bench",
      billingPeriod: { start: `${compact(start)}T000000.000Z`, end: `${compact(end)}T000000.000Z` },
      bucket: "bench",
      reportKeys: keys,
      additionalArtifactKeys: [],
    }),
  });
}

/** A delivery of an Azure FOCUS export (Parquet with Snappy, create-new) below `bucket`, in the same way. */
export async function generateAzure(bucket: string, size: BillSize): Promise<Bill> {
  const [{ start, end: last }, end] = [monthSpan(size.month), monthSpan(nextMonth(size.month)).start];
  const folder = `exports/bench/${compact(start)}-${compact(last)}/${compact(end)}0400/11111111-2222-3333-4444-555555555555`;
  const keys = Array.from({ length: size.files }, (_, index) => `${folder}/part_${index}_0001.snappy.parquet`);
  return generate(bucket, size, {
    prefix: "exports/bench",
    format: "parquet",
    cost: "BilledCost",
    columns: focusColumns(start, end),
    keys,
    manifestKey: `${folder}/manifest.json`,
    manifest: (sizes) => ({
      manifestVersion: "2024-04-01",
      byteCount: sizes.reduce((sum, bytes) => sum + bytes, 0),
      blobCount: keys.length,
      dataRowCount: size.rows,
      exportConfig: {
        exportName: "bench",
        resourceId: "/subscriptions/38f1d748/providers/Microsoft.CostManagement/exports/bench",
        dataVersion: "1.2-preview",
        type: "FocusCost",
        timeFrame: "MonthToDate",
        granularity: "Daily",
      },
      deliveryConfig: {
        partitionData: true,
        dataOverwriteBehavior: "CreateNewReport",
        fileFormat: "Parquet",
        compressionMode: "Snappy",
      },
      runInfo: {
        executionType: "Scheduled",
        submittedTime: `${end}T04:00:42Z`,
        runId: "11111111-2222-3333-4444-555555555555",
        startDate: `${start}T00:00:00`,
        endDate: `${last}T00:00:00Z`,
      },
      blobs: keys.map((blobName, index) => ({ blobName, byteCount: sizes[index] })),
    }),
  });
}

interface BillParts extends Pick<Bill, "prefix" | "format" | "cost"> {
  readonly columns: readonly GeneratedColumn[];
  readonly keys: readonly string[];
  readonly manifestKey: string;
  /** The manifest, once the sizes of the files in bytes are known. */
  readonly manifest: (sizes: readonly number[]) => unknown;
}

async function generate(bucket: string, size: BillSize, parts: BillParts): Promise<Bill> {
  const { rows, files, distinct = files } = size;
  const { prefix, format, cost, columns, keys, manifestKey, manifest } = parts;
  const cells = columns.map(({ name, sql }) => `${sql} AS "${name}"`).join(", ");
  const how = format === "csv" ? "FORMAT csv, HEADER, COMPRESSION gzip" : "FORMAT parquet, COMPRESSION snappy";
  const paths = keys.map((key) => join(bucket, key));
  await using database = await openMemory();
  for (const [index, path] of paths.entries()) {
    const [from, to] = [index, index + 1].map((part) => Math.floor((rows * part) / files));
    await mkdir(dirname(path), { recursive: true });
    const repeated = index < distinct ? undefined : paths[index % distinct];
    if (repeated !== undefined) {
      await link(repeated, path);
      continue;
    }
    await database.connection.run(`COPY (SELECT ${cells} FROM range(${from}, ${to}) AS r(i)) TO '${path}' (${how})`);
  }
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  const manifestPath = join(bucket, manifestKey);
  await writeFile(manifestPath, JSON.stringify(manifest(sizes)));
  const past = new Date(Date.now() - 5 * 86_400_000);
  for (const path of [...paths, manifestPath]) await utimes(path, past, past);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return { bucket, prefix, format, cost, files: paths, names: columns.map(({ name }) => name), rows, bytes };
}

/** `2026-08-01` as `20260801`. */
function compact(day: string): string {
  return day.replaceAll("-", "");
}

async function openMemory(): Promise<AsyncDisposable & { readonly connection: DuckDBConnection }> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  return {
    connection,
    async [Symbol.asyncDispose]() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** A number from 0 to below `below`, by row; `salt` makes the columns differ. */
function pick(salt: number, below: number): string {
  return `(hash(i * 1000003 + ${salt}) % ${below})`;
}

function amount(salt: number): string {
  return `printf('%d.%010d', ${pick(salt, 4)}, ${pick(salt + 1, 10_000_000_000)})`;
}

function curColumns(start: string, end: string): readonly GeneratedColumn[] {
  const text = (name: string, sql: string): GeneratedColumn => ({ name, type: "String", sql });
  const hour = `(TIMESTAMP '${start}' + to_hours(${pick(1, 28 * 24)}::INTEGER))`;
  const time = (moment: string): string => `strftime(${moment}, '%Y-%m-%dT%H:%M:%SZ')`;
  return [
    text("identity/LineItemId", `md5(i::VARCHAR) || substr(md5((i + 7)::VARCHAR), 1, 20)`),
    {
      name: "identity/TimeInterval",
      type: "Interval",
      sql: `${time(hour)} || '/' || ${time(`${hour} + to_hours(1)`)}`,
    },
    { name: "bill/InvoiceId", type: "OptionalString", sql: `'EUINDE21-1234567'` },
    text("bill/BillingEntity", `'AWS'`),
    text("bill/BillType", `'Anniversary'`),
    text("bill/PayerAccountId", `'123456789012'`),
    { name: "bill/BillingPeriodStartDate", type: "DateTime", sql: `'${start}T00:00:00Z'` },
    { name: "bill/BillingPeriodEndDate", type: "DateTime", sql: `'${end}T00:00:00Z'` },
    text("lineItem/UsageAccountId", `(210000000000 + ${pick(2, 60)})::VARCHAR`),
    text("lineItem/LineItemType", `CASE WHEN ${pick(3, 10)} < 8 THEN 'Usage' ELSE 'DiscountedUsage' END`),
    { name: "lineItem/UsageStartDate", type: "DateTime", sql: time(hour) },
    { name: "lineItem/UsageEndDate", type: "DateTime", sql: time(`${hour} + to_hours(1)`) },
    text(
      "lineItem/ProductCode",
      `'Amazon' || ['EC2','S3','RDS','CloudWatch','DynamoDB','EKS','VPC'][1 + ${pick(4, 7)}::INTEGER]`,
    ),
    text("lineItem/UsageType", `'EUC1-BoxUsage:m' || ${pick(5, 40)} || '.large'`),
    text("lineItem/Operation", `'RunInstances:' || lpad(${pick(6, 30)}::VARCHAR, 4, '0')`),
    text("lineItem/AvailabilityZone", `'eu-central-1' || chr((97 + ${pick(7, 3)})::INTEGER)`),
    text(
      "lineItem/ResourceId",
      `'arn:aws:ec2:eu-central-1:210000000000:instance/i-' || substr(md5(${pick(8, 20_000)}::VARCHAR), 1, 17)`,
    ),
    { name: "lineItem/UsageAmount", type: "OptionalBigDecimal", sql: amount(10) },
    { name: "lineItem/NormalizationFactor", type: "OptionalBigDecimal", sql: `'4.0'` },
    { name: "lineItem/NormalizedUsageAmount", type: "OptionalBigDecimal", sql: amount(12) },
    text("lineItem/CurrencyCode", `'USD'`),
    { name: "lineItem/UnblendedRate", type: "OptionalBigDecimal", sql: amount(14) },
    { name: "lineItem/UnblendedCost", type: "BigDecimal", sql: amount(16) },
    { name: "lineItem/BlendedRate", type: "OptionalBigDecimal", sql: amount(18) },
    { name: "lineItem/BlendedCost", type: "BigDecimal", sql: amount(20) },
    text(
      "lineItem/LineItemDescription",
      `'$0.0416 per On Demand Linux m' || ${pick(5, 40)} || '.large, "burst" Instance Hour'`,
    ),
    text("product/ProductName", `'Amazon Elastic Compute Cloud'`),
    text("product/region", `'eu-central-1'`),
    { name: "pricing/publicOnDemandCost", type: "OptionalBigDecimal", sql: amount(22) },
    text("pricing/unit", `'Hrs'`),
  ];
}

function moreColumns(count: number, filled: number): readonly GeneratedColumn[] {
  return Array.from({ length: count }, (_, index) => ({
    name: index % 10 === 9 ? `resourceTags/user:key${index}` : `product/attribute${index}`,
    type: "OptionalString",
    sql: `CASE WHEN ${pick(100 + index, 100)} < ${filled} THEN 'value ' || ${pick(300 + index, 5 + index * 3)} END`,
  }));
}

function focusColumns(start: string, end: string): readonly GeneratedColumn[] {
  const column = (name: string, sql: string): GeneratedColumn => ({ name, type: "", sql });
  const money = (salt: number): string => `CAST(${amount(salt)} AS DECIMAL(38,18))`;
  const time = (text: string): string => `CAST('${text}' AS TIMESTAMP)`;
  const day = `(TIMESTAMP '${start}' + to_days(${pick(1, 28)}::INTEGER))`;
  const word = (salt: number, count: number, text: string): string => `'${text} ' || ${pick(salt, count)}`;
  return [
    ...["BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "ConsumedQuantity", "PricingQuantity"].map(
      (name, index) => column(name, money(10 + 2 * index)),
    ),
    ...["ListUnitPrice", "ContractedUnitPrice", "x_EffectiveUnitPrice"].map((name, index) =>
      column(name, money(30 + 2 * index)),
    ),
    column("BillingCurrency", "'EUR'"),
    column("BillingPeriodStart", time(start)),
    column("BillingPeriodEnd", time(end)),
    column("ChargePeriodStart", day),
    column("ChargePeriodEnd", `${day} + to_days(1)`),
    column("ChargeCategory", "'Usage'"),
    column(
      "ResourceId",
      `'/subscriptions/38f1d748/resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm-' || ${pick(50, 20_000)}`,
    ),
    column("SubAccountId", word(51, 60, "sub")),
    column("ServiceName", word(52, 40, "Service")),
    column("Tags", `'{"team": "' || ${pick(53, 30)} || '", "env": "prod"}'`),
    ...Array.from({ length: 60 }, (_, index) => column(`x_Detail${index}`, word(100 + index, 3 + index * 5, "detail"))),
  ];
}
