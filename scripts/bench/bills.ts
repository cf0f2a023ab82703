import { mkdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { monthSpan, nextMonth } from "../../src/schema/periods.ts";

/** A generated delivery: the same options give the same rows with the same DuckDB. */
export interface GeneratedBill {
  /** The folder that holds the delivery. */
  readonly bucket: string;
  /** Paths of its data files. */
  readonly files: readonly string[];
  /** Bytes of the data files, as delivered. */
  readonly bytes: number;
}

/** A column of a generated bill: its name in the header and the SQL of its cell. `i` is the number of the row. */
interface GeneratedColumn {
  readonly name: string;
  readonly type: string;
  readonly sql: string;
}

/** What to generate. */
export interface BillOptions {
  readonly rows: number;
  readonly files: number;
  readonly month: string;
  /** Columns besides the 30 that every row fills. */
  readonly more: number;
  /** Of 100 rows, how many fill one of these columns. */
  readonly filled: number;
}

/**
 * A delivery of an AWS Cost and Usage Report (legacy, CSV with gzip, create-new) below `bucket`, with manifest and object
 * times in the past. Amounts have 10 decimals, ids are distinct, texts repeat as they do in bills.
 */
export async function generateCur(bucket: string, options: BillOptions): Promise<GeneratedBill> {
  const { rows, files, month, more, filled } = options;
  const [start, end] = [monthSpan(month).start, monthSpan(nextMonth(month)).start];
  const columns = [...usualColumns(start, end), ...moreColumns(more, filled)];
  const range = `${start.replaceAll("-", "")}-${end.replaceAll("-", "")}`;
  const folder = join(bucket, "cur/bench", range);
  await mkdir(join(folder, "a1"), { recursive: true });
  const keys = Array.from({ length: files }, (_, index) => `a1/bench-${index + 1}.csv.gz`);
  await using database = await openMemory();
  for (const [index, key] of keys.entries()) {
    const [from, to] = [index, index + 1].map((part) => Math.floor((rows * part) / files));
    await writeRows(database.connection, join(folder, key), columns, `range(${from}, ${to})`);
  }
  const manifest = {
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
    billingPeriod: { start: `${range.slice(0, 8)}T000000.000Z`, end: `${range.slice(9)}T000000.000Z` },
    bucket: "bench",
    reportKeys: keys.map((key) => `cur/bench/${range}/${key}`),
    additionalArtifactKeys: [],
  };
  const manifestPath = join(folder, "bench-Manifest.json");
  await writeFile(manifestPath, JSON.stringify(manifest));
  const paths = keys.map((key) => join(folder, key));
  const past = new Date(Date.now() - 5 * 86_400_000);
  for (const path of [...paths, manifestPath]) await utimes(path, past, past);
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return { bucket, files: paths, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function writeRows(
  connection: DuckDBConnection,
  path: string,
  columns: readonly GeneratedColumn[],
  numbers: string,
): Promise<void> {
  const cells = columns.map(({ name, sql }) => `${sql} AS "${name}"`).join(", ");
  const part = `${path}.part`;
  await rm(part, { force: true });
  await connection.run(
    `COPY (SELECT ${cells} FROM (SELECT range AS i, hash(range) AS h FROM ${numbers})) TO '${part}' (FORMAT csv, HEADER, COMPRESSION gzip)`,
  );
  await rename(part, path);
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

function usualColumns(start: string, end: string): readonly GeneratedColumn[] {
  const text = (name: string, sql: string): GeneratedColumn => ({ name, type: "String", sql });
  const hour = `(TIMESTAMP '${start}' + to_hours(${pick(1, 28 * 24)}::INTEGER))`;
  const time = (moment: string): string => `strftime(${moment}, '%Y-%m-%dT%H:%M:%SZ')`;
  return [
    text("identity/LineItemId", `md5(i::VARCHAR) || substr(md5((i + 7)::VARCHAR), 1, 20)`),
    { name: "identity/TimeInterval", type: "Interval", sql: `${time(hour)} || '/' || ${time(`${hour} + to_hours(1)`)}` },
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
    text("lineItem/ProductCode", `'Amazon' || ['EC2','S3','RDS','CloudWatch','DynamoDB','EKS','VPC'][1 + ${pick(4, 7)}::INTEGER]`),
    text("lineItem/UsageType", `'EUC1-BoxUsage:m' || ${pick(5, 40)} || '.large'`),
    text("lineItem/Operation", `'RunInstances:' || lpad(${pick(6, 30)}::VARCHAR, 4, '0')`),
    text("lineItem/AvailabilityZone", `'eu-central-1' || chr((97 + ${pick(7, 3)})::INTEGER)`),
    text("lineItem/ResourceId", `'arn:aws:ec2:eu-central-1:210000000000:instance/i-' || substr(md5(${pick(8, 20_000)}::VARCHAR), 1, 17)`),
    { name: "lineItem/UsageAmount", type: "OptionalBigDecimal", sql: amount(10) },
    { name: "lineItem/NormalizationFactor", type: "OptionalBigDecimal", sql: `'4.0'` },
    { name: "lineItem/NormalizedUsageAmount", type: "OptionalBigDecimal", sql: amount(12) },
    text("lineItem/CurrencyCode", `'USD'`),
    { name: "lineItem/UnblendedRate", type: "OptionalBigDecimal", sql: amount(14) },
    { name: "lineItem/UnblendedCost", type: "BigDecimal", sql: amount(16) },
    { name: "lineItem/BlendedRate", type: "OptionalBigDecimal", sql: amount(18) },
    { name: "lineItem/BlendedCost", type: "BigDecimal", sql: amount(20) },
    text("lineItem/LineItemDescription", `'$0.0416 per On Demand Linux m' || ${pick(5, 40)} || '.large, "burst" Instance Hour'`),
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
