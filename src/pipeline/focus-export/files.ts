import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline as pass } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { BillhouseError } from "../../errors.ts";
import type { WrittenColumn } from "../../files/parquet/write.ts";
import type { BillingMonth, CurrencySums } from "../../model.ts";
import { type DecimalSum, fractionDigits } from "../../schema/decimals.ts";
import { createSum } from "../../schema/sums.ts";
import type { ExportedRow } from "./anonymise.ts";

/** The formats of exported files. */
export const exportFileFormats = ["parquet", "csv"] as const;

/** One of `exportFileFormats`. */
export type ExportFileFormat = (typeof exportFileFormats)[number];

/** A file of an export. */
export interface ExportedFile {
  /** Below the folder of the export. */
  readonly path: string;
  readonly bytes: number;
  readonly rows: number;
  /** Of its bytes, in hex. */
  readonly sha256: string;
}

/** The files of one billing month. */
export interface ExportedMonth {
  readonly billingMonth: BillingMonth;
  readonly rows: number;
  /** Exact sums of BilledCost and of EffectiveCost. */
  readonly billedCost: CurrencySums;
  readonly effectiveCost: CurrencySums;
  readonly files: readonly ExportedFile[];
}

/** How the files of a month are written. */
export interface FileSettings {
  readonly folder: string;
  readonly format: ExportFileFormat;
  /** `focus_1_4`: the start of the names of files. */
  readonly name: string;
  readonly columns: readonly WrittenColumn[];
  readonly rowsPerFile: number;
  readonly signal: AbortSignal | undefined;
  readonly onRows: (rows: number) => void;
}

/**
 * Writes the rows of a month to files of at most `rowsPerFile` rows, in a folder `billing_period=YYYY-MM`. Rows are streamed: memory
 * does not grow with them. Errors: VALUE_INVALID for a number that Parquet cannot hold, those of `rows` and of the file system.
 */
export async function writeMonth(
  billingMonth: BillingMonth,
  rows: AsyncIterable<ExportedRow>,
  settings: FileSettings,
): Promise<ExportedMonth> {
  const { folder, format, name, columns, rowsPerFile, signal, onRows } = settings;
  const part = `billing_period=${billingMonth}`;
  const sums = { billed: new Map<string, DecimalSum>(), effective: new Map<string, DecimalSum>() };
  const iterator = rows[Symbol.asyncIterator]();
  const files: ExportedFile[] = [];
  let next = await iterator.next();
  let total = 0;
  while (next.done !== true) {
    await mkdir(join(folder, part), { recursive: true });
    const start = `${part}/${name}-${String(files.length + 1).padStart(5, "0")}`;
    let written = 0;
    const lines = async function* (): AsyncGenerator<string> {
      let text = format === "csv" ? `${columns.map((column) => column.name).join(",")}\n` : "";
      while (next.done !== true && written < rowsPerFile) {
        signal?.throwIfAborted();
        const row = next.value;
        addTo(sums.billed, row, "BilledCost");
        addTo(sums.effective, row, "EffectiveCost");
        text += `${columns.map((column) => cellOf(row, column, format)).join(",")}\n`;
        written += 1;
        if (text.length > 65_536) {
          onRows(total + written);
          yield text;
          text = "";
        }
        next = await iterator.next();
      }
      yield text;
    };
    const path = format === "csv" ? `${start}.csv.gz` : `${start}.snappy.parquet`;
    const target = join(folder, path);
    if (format === "csv") await pass(lines, createGzip(), createWriteStream(target));
    else {
      await pass(lines, createWriteStream(`${target}.csv`));
      const { writeParquet } = await import("../../files/parquet/write.ts");
      await writeParquet(`${target}.csv`, target, columns, signal);
    }
    total += written;
    files.push({ path, bytes: (await stat(target)).size, rows: written, sha256: await sha256Of(target) });
  }
  onRows(total);
  return {
    billingMonth,
    rows: total,
    billedCost: totalsOf(sums.billed),
    effectiveCost: totalsOf(sums.effective),
    files,
  };
}

/** Digits after the point that the decimals of exported Parquet files have. */
const parquetDigits = 18;

function cellOf(row: ExportedRow, { name, type }: WrittenColumn, format: ExportFileFormat): string {
  const cell = row[name] ?? "";
  if (type === "decimal") {
    if (format === "parquet" && cell.length > parquetDigits && (fractionDigits(cell) ?? 0) > parquetDigits) {
      throw new BillhouseError(
        "VALUE_INVALID",
        `${name} ${cell} has more than ${parquetDigits} digits after the point.`,
        {
          hint: "Parquet files have decimals of 18 digits after the point. Export CSV, which has all digits: --format csv",
        },
      );
    }
    return cell;
  }
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

function addTo(sums: Map<string, DecimalSum>, row: ExportedRow, name: string): void {
  const amount = row[name] ?? null;
  if (amount === null) return;
  const currency = row["BillingCurrency"] ?? "";
  const sum = sums.get(currency) ?? createSum();
  sums.set(currency, sum);
  sum.add(amount);
}

function totalsOf(sums: ReadonlyMap<string, DecimalSum>): CurrencySums {
  return Object.fromEntries([...sums].map(([currency, sum]) => [currency, sum.total()]));
}

/** SHA-256 of a file, in hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest("hex");
}
