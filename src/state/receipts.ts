import { BillhouseError } from "../errors.ts";
import type {
  CostLine,
  CurrencySums,
  FileFormat,
  Finality,
  MeasuredColumns,
  Receipt,
  ReceiptFile,
  UndoneLoad,
} from "../model.ts";

/** A row as a warehouse's driver reads it: 64-bit integers as numbers or text, times and dates as text. */
export type ReadRow = Readonly<Record<string, unknown>>;

/**
 * The receipt in a tracking row, or null for a row that is no load (a run summary). `own` is the row of
 * `_billhouse_receipts` with the same load id and month, where the tracking table has no columns for it.
 * Error: STATE_INVALID for JSON text that cannot be read.
 */
export function readReceipt(row: ReadRow, own: ReadRow = {}): Receipt | null {
  const executionId = readId(row);
  const billingMonth = text(row["billing_month"]);
  const loadId = text(row["_dlt_load_id"]);
  if (row["is_run_summary"] === true || executionId === null || billingMonth === null || loadId === null) return null;
  // A migrated table has our columns, and its older receipts still in a table of their own.
  const kept = (column: string): unknown => row[column] ?? own[column];
  const json = (column: string): unknown => readJson(kept(column), column, loadId);
  const start = text(kept("coverage_start"));
  const end = text(kept("coverage_end"));
  return {
    loadId,
    executionId,
    billingMonth,
    loadedAt: readInstant(text(row["loaded_at"]) ?? ""),
    rows: number(row["row_count"]) ?? 0,
    fileCount: number(row["file_count"]) ?? 0,
    format: text(kept("format")) as FileFormat | null,
    sourceBytes: number(kept("source_bytes")),
    cost: json("cost_by_currency") as CurrencySums | null,
    tableCost: json("table_cost_by_currency") as CurrencySums | null,
    effectiveCost: json("effective_cost_by_currency") as CurrencySums | null,
    tableEffectiveCost: json("table_effective_cost_by_currency") as CurrencySums | null,
    roundedValues: number(kept("rounded_values")),
    coverage: start === null || end === null ? null : { start, end },
    firstUsage: text(kept("first_usage")),
    lastUsage: text(kept("last_usage")),
    schemaChanges: (json("schema_changes") ?? []) as readonly string[],
    files: json("files") as readonly ReceiptFile[] | null,
    scope: text(kept("scope")),
    submittedTime: text(kept("submitted_time")),
    kind: text(kept("export_kind")),
    measured: json("measured_columns") as MeasuredColumns | null,
    summary: json("cost_summary") as readonly CostLine[] | null,
    uninvoicedRows: number(kept("uninvoiced_rows")),
    finality: text(kept("finality")) as Finality | null,
    undone: (json("undone_loads") ?? []) as readonly UndoneLoad[],
    restoredLoadId: text(kept("restored_load_id")),
    waivers: (json("waivers") ?? []) as readonly string[],
    durationSeconds: number(kept("duration_seconds")),
    version: text(kept("billhouse_version")),
  };
}

/**
 * The newest receipt of each billing month, in the order of the months: the one with the greatest load id as text, as
 * dlt orders them, and the later one of a month that one run loaded twice. `own` are rows of `_billhouse_receipts` of
 * the same table. Error: STATE_INVALID.
 */
export function newestReceipts(rows: readonly ReadRow[], own: readonly ReadRow[] = []): readonly Receipt[] {
  const newest = new Map<string, Receipt>();
  for (const receipt of readReceipts(rows, own)) {
    const other = newest.get(receipt.billingMonth);
    if (other === undefined || isNewer(receipt, other)) newest.set(receipt.billingMonth, receipt);
  }
  return [...newest.values()].toSorted((first, second) => (first.billingMonth < second.billingMonth ? -1 : 1));
}

/** The receipts of one billing month, newest first. `own` as in `newestReceipts`. Error: STATE_INVALID. */
export function receiptHistory(rows: readonly ReadRow[], own: readonly ReadRow[] = []): readonly Receipt[] {
  return readReceipts(rows, own).toSorted((first, second) => (isNewer(first, second) ? -1 : 1));
}

function readReceipts(rows: readonly ReadRow[], own: readonly ReadRow[]): readonly Receipt[] {
  const ownByLoad = new Map(own.map((row) => [`${text(row["load_id"])} ${text(row["billing_month"])}`, row]));
  return rows.flatMap(
    (row) => readReceipt(row, ownByLoad.get(`${text(row["_dlt_load_id"])} ${text(row["billing_month"])}`)) ?? [],
  );
}

function isNewer(receipt: Receipt, other: Receipt): boolean {
  if (receipt.loadId !== other.loadId) return receipt.loadId > other.loadId;
  return receipt.loadedAt > other.loadedAt;
}

function readId(row: ReadRow): string | null {
  for (const name of ["assembly_id", "run_id"]) {
    const id = text(row[`${name}__v_text`]) ?? text(row[name]);
    if (id === null) continue;
    // An id that dlt took for a time comes back in the form in which AWS wrote it.
    const time = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d/.test(id) ? readInstant(id) : id;
    return time === id ? id : time.replace(/\.\d+\+00:00$/, "Z").replaceAll(/[-:]/g, "");
  }
  return null;
}

/** A time as warehouses write it, `2025-11-02 03:04:05.123456+00` or with a T and a Z, as ISO 8601 with `+00:00`. */
function readInstant(time: string): string {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[-+]\d\d)?(?::?(\d\d))?$/.exec(time);
  if (match === null) return time;
  const [, day, clock, fraction = "", zone = "Z", minutes = "00"] = match;
  const offset = zone === "Z" ? "Z" : `${zone}:${minutes}`;
  const second = new Date(`${day}T${clock}${offset}`).toISOString().slice(0, 19);
  return `${second}.${fraction.slice(0, 6).padEnd(6, "0")}+00:00`;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint" ? Number(value) : null;
}

function readJson(value: unknown, column: string, loadId: string): unknown {
  if (typeof value !== "string") return null;
  try {
    return JSON.parse(value);
  } catch (cause) {
    throw new BillhouseError("STATE_INVALID", `The receipt of load ${loadId} holds no readable ${column}.`, {
      hint: `Set ${column} to NULL in the row with this load id: billhouse then does without it.`,
      cause,
    });
  }
}
