import * as z from "zod";
import type { ZodType } from "zod";
import { BillhouseError, shortened } from "../errors.ts";
import { idColumns } from "../model.ts";
import type {
  Acceptance,
  CostLine,
  CurrencySums,
  DaySpan,
  FileFormat,
  Finality,
  LoadReason,
  MeasuredColumns,
  OtherMonthRows,
  Receipt,
  ReceiptDelivery,
  ReceiptFile,
  ReceiptFlag,
  UndoneLoad,
} from "../model.ts";
import { isDecimal } from "../schema/decimals.ts";
import { isBillingMonth, isDay } from "../schema/periods.ts";

/** A row as a warehouse's driver reads it: 64-bit integers as numbers or text, times and dates as text. */
export type ReadRow = Readonly<Record<string, unknown>>;

/**
 * The receipt in a tracking row, or null for a row that is not a load (a run summary). `own` is the row of
 * `_billhouse_receipts` with the same load id and month, if the tracking table lacks columns for it.
 * Error: STATE_INVALID, naming load and column, for a value that is not valid in a receipt.
 */
export function readReceipt(row: ReadRow, own: ReadRow = {}): Receipt | null {
  const executionId = readId(row);
  const billingMonth = text(row["billing_month"]);
  const loadId = text(row["_dlt_load_id"]);
  if (row["is_run_summary"] === true || executionId === null || billingMonth === null || loadId === null) return null;
  // A migrated table has our columns, but its older receipts are still in a separate table.
  const kept = (column: string): unknown => row[column] ?? own[column];
  const invalid = (column: string, cause?: unknown): BillhouseError => {
    const place = row[column] == null ? "_billhouse_receipts" : "the tracking table";
    const load = `load ${shortened(loadId, 40)} of ${shortened(billingMonth, 40)}`;
    return new BillhouseError("STATE_INVALID", `The receipt of ${load} has an invalid ${column}.`, {
      hint: `Set ${column} to NULL in the row of ${place} with this load id: billhouse can work without it.`,
      cause,
    });
  };
  /** A text that must pass a test. */
  const checked = (column: string, isValid: (value: string) => boolean): string | null => {
    const value = text(kept(column));
    if (value !== null && !isValid(value)) throw invalid(column);
    return value;
  };
  const integer = (column: string): number | null => {
    const value = number(kept(column));
    if (value !== null && !Number.isSafeInteger(value)) throw invalid(column);
    return value;
  };
  const json = <T>(column: string, shape: ZodType<T>): T | null => {
    const value = text(kept(column));
    if (value === null) return null;
    try {
      const content: unknown = JSON.parse(value);
      return content === null ? null : shape.parse(content, uncompiled);
    } catch (cause) {
      throw invalid(column, cause);
    }
  };
  const loadedAt = text(row["loaded_at"]);
  const instant = loadedAt === null ? "" : readInstant(loadedAt);
  if (instant === null) throw invalid("loaded_at");
  const start = checked("coverage_start", isDay);
  const end = checked("coverage_end", isDay);
  const periodStart = checked("period_start", isDay);
  const periodEnd = checked("period_end", isDay);
  return {
    loadId,
    executionId,
    billingMonth,
    loadedAt: instant,
    rows: integer("row_count") ?? 0,
    fileCount: integer("file_count") ?? 0,
    format: readFormat(kept("format")),
    sourceBytes: integer("source_bytes"),
    cost: json("cost_by_currency", currencySums),
    tableCost: json("table_cost_by_currency", currencySums),
    effectiveCost: json("effective_cost_by_currency", currencySums),
    tableEffectiveCost: json("table_effective_cost_by_currency", currencySums),
    amounts: json("amounts_by_column", sumsByColumn),
    roundedValues: integer("rounded_values"),
    coverage: start === null || end === null ? null : { start, end },
    firstUsage: text(kept("first_usage")),
    lastUsage: text(kept("last_usage")),
    schemaChanges: json("schema_changes", texts) ?? [],
    files: json("files", receiptFiles),
    scope: text(kept("scope")),
    dataset: text(kept("dataset")),
    submittedTime: text(kept("submitted_time")),
    kind: text(kept("export_kind")),
    measured: json("measured_columns", measuredColumns),
    summary: json("cost_summary", costLines),
    uninvoicedRows: integer("uninvoiced_rows"),
    uninvoicedCostRows: integer("uninvoiced_cost_rows"),
    finality: checked("finality", (value) => Object.hasOwn(finalities, value)) as Finality | null,
    undone: json("undone_loads", undoneLoads) ?? [],
    // The time of that load is derived from it.
    restoredLoadId: checked("restored_load_id", isLoadId),
    waivers: json("waivers", texts) ?? [],
    durationSeconds: number(kept("duration_seconds")),
    version: text(kept("billhouse_version")),
    deliveries: json("deliveries", receiptDeliveries),
    flags: json("flags", receiptFlags) ?? [],
    dataUntil: checked("data_until", isDay),
    period: periodStart === null || periodEnd === null ? null : { start: periodStart, end: periodEnd },
    missingDays: json("missing_days", daySpans) ?? [],
    otherMonths: json("other_months", otherMonths) ?? [],
    rowsWithoutPeriod: integer("rows_without_period"),
    accepted: json("accepted", acceptances) ?? {},
    loadReason: checked("load_reason", (value) => Object.hasOwn(loadReasons, value)) as LoadReason | null,
  };
}

const loadReasons: Readonly<Record<LoadReason, true>> = {
  new: true,
  restated: true,
  "days added": true,
  updated: true,
  forced: true,
  restored: true,
};

const finalities: Readonly<Record<Finality, true>> = {
  open: true,
  partial: true,
  estimated: true,
  final: true,
  "restated-after-final": true,
};

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
  for (const name of idColumns) {
    const id = text(row[`${name}__v_text`]) ?? text(row[name]);
    if (id === null) continue;
    // An id that dlt stored as a time is converted back to the form in which AWS wrote it.
    return (
      readInstant(id)
        ?.replace(/\.\d+\+00:00$/, "Z")
        .replaceAll(/[-:]/g, "") ?? id
    );
  }
  return null;
}

/** A time as warehouses write it, `2025-11-02 03:04:05.123456+00` or with a T and a Z, as ISO 8601 with `+00:00`; else null. */
function readInstant(time: string): string | null {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[-+]\d\d)?(?::?(\d\d))?$/.exec(time);
  if (match === null) return null;
  const [, day = "", clock, fraction = "", zone = "Z", minutes = "00"] = match;
  const offset = zone === "Z" ? "Z" : `${zone}:${minutes}`;
  const moment = new Date(`${day}T${clock}${offset}`);
  // An offset can produce a year of more than four digits, which is written with a sign.
  const isWritten = isDay(day) && !Number.isNaN(moment.getTime()) && /^\d/.test(moment.toISOString());
  if (!isWritten) return null;
  return `${moment.toISOString().slice(0, 19)}.${fraction.slice(0, 6).padEnd(6, "0")}+00:00`;
}

/** Null for an unknown format: other programs may write other values there. */
function readFormat(value: unknown): FileFormat | null {
  return value === "csv" || value === "parquet" ? value : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint" ? Number(value) : null;
}

// To compile a parser takes longer than to read the few values of a receipt without.
const uncompiled = { jitless: true };

/*
 * The content of a receipt's columns, each as JSON text. Keys that a newer billhouse has added are left out; a key that an
 * older one did not know yet is null.
 */

function isAmount(value: unknown): value is string {
  return typeof value === "string" && isDecimal(value);
}

const count = z.number().int().nonnegative();

const textOrNull = z.string().nullable().default(null);

/** Sums by currency, every amount a decimal. Written by hand: zod's record loses the key `__proto__`. */
export const currencySums: z.ZodType<CurrencySums> = z.custom<CurrencySums>(
  (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(isAmount),
);

/** Such sums by column. */
export const sumsByColumn: z.ZodType<Readonly<Record<string, CurrencySums>>> = z.custom<
  Readonly<Record<string, CurrencySums>>
>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((sums) => currencySums.safeParse(sums).success),
);

/** The files of a load. */
export const receiptFiles: z.ZodType<readonly ReceiptFile[]> = listOf(
  z.object({
    key: z.string(),
    size: count,
    version: z.string(),
    checksum: textOrNull,
    rows: count.nullable().default(null),
    replaced: z.string().exactOptional(),
    executionId: z.string().exactOptional(),
    months: z.array(z.string().refine(isBillingMonth, "a month was expected")).exactOptional(),
    copies: z.array(z.object({ key: z.string(), version: z.string() })).exactOptional(),
    sample: z.array(count).exactOptional(),
  }),
);

const daySpan: z.ZodType<DaySpan> = z.object({
  start: z.string().refine(isDay, "a day was expected"),
  end: z.string().refine(isDay, "a day was expected"),
});

/** Spans of days, both ends included. */
export const daySpans: z.ZodType<readonly DaySpan[]> = listOf(daySpan);

/** The deliveries of a load. */
export const receiptDeliveries: z.ZodType<readonly ReceiptDelivery[]> = listOf(
  z.object({
    execution_id: z.string(),
    manifest_key: z.string(),
    manifest_version: z.string(),
    submitted_time: textOrNull,
    made: textOrNull,
    coverage: daySpan.nullable().default(null),
    rows: count.nullable().default(null),
    cost: currencySums.nullable().default(null),
  }),
);

/** The flags of a load; those of a newer billhouse are left out. */
export const receiptFlags: z.ZodType<readonly ReceiptFlag[]> = listOf(z.string()).transform((words) =>
  words.filter((word): word is ReceiptFlag => Object.hasOwn(knownFlags, word)),
);

const knownFlags: Readonly<Record<ReceiptFlag, true>> = {
  unsettled: true,
  "no-cost": true,
  "late-charges": true,
  measured: true,
  "amounts-measured": true,
  "view-differs": true,
};

/** Rows that were left out. */
export const otherMonths: z.ZodType<readonly OtherMonthRows[]> = listOf(
  z.object({ month: z.string().refine(isBillingMonth, "a month was expected"), rows: count, cost: currencySums }),
);

/** What was accepted for a month. */
export const acceptances: z.ZodType<{ readonly gap?: Acceptance }> = z.object({
  gap: z.object({ who: z.string(), when: z.string(), why: textOrNull }).exactOptional(),
});

/**
 * Rows and costs of a month. Written by hand: every run reads some hundred lines of every month, which would take longer
 * than all else.
 */
export const costLines: z.ZodType<readonly CostLine[]> = z.array(z.unknown()).transform((values, context) => {
  const lines = values.map(costLineOf).filter((line) => line !== null);
  if (lines.length === values.length) return lines;
  context.addIssue({ code: "custom", message: "unexpected content" });
  return z.NEVER;
});

/** Null for what is not a line. The order of the keys is that in which summaries are compared as text. */
function costLineOf(value: unknown): CostLine | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const {
    service = null,
    account = null,
    charge_type = null,
    currency,
    rows,
    cost,
  } = value as Partial<Record<keyof CostLine, unknown>>;
  const isTextOrNull = (one: unknown): one is string | null => one === null || typeof one === "string";
  const isCount = typeof rows === "number" && Number.isSafeInteger(rows) && rows >= 0;
  if (!isTextOrNull(service) || !isTextOrNull(account) || !isTextOrNull(charge_type)) return null;
  return typeof currency === "string" && isCount && isAmount(cost)
    ? { service, account, charge_type, currency, rows, cost }
    : null;
}

// More than any bill has: text from outside must not make a statement long.
const mostAmounts = 100;

/** The columns by which a month was measured. */
export const measuredColumns: z.ZodType<MeasuredColumns> = z.object({
  partitionColumn: z.string(),
  costColumns: z.array(z.string()).max(2),
  amountColumns: z.array(z.string()).max(mostAmounts).default([]),
  currencyColumn: textOrNull,
  usageColumn: textOrNull,
  serviceColumn: textOrNull,
  accountColumn: textOrNull,
  chargeTypeColumn: textOrNull,
  invoiceColumn: textOrNull,
  payerColumn: textOrNull,
});

/** The loads that were undone. */
export const undoneLoads: z.ZodType<readonly UndoneLoad[]> = listOf(
  z
    .object({
      loadId: z.string(),
      executionId: z.string(),
      executionIds: z.array(z.string()).nonempty().optional(),
      fingerprint: textOrNull,
      checksums: textOrNull,
    })
    .transform(({ executionIds, ...one }) => ({ ...one, executionIds: executionIds ?? [one.executionId] })),
);

/** Sentences, or the names of checks. */
export const texts: z.ZodType<readonly string[]> = listOf(z.string());

/** Whether text is a load_id as dlt makes them: Unix seconds of a valid time. */
export function isLoadId(text: string): boolean {
  return /^\d{1,12}(\.\d+)?$/.test(text);
}

/** A list. Unlike zod's own it stops at the first invalid item: text from outside can contain millions of them. */
function listOf<T>(item: z.ZodType<T>): z.ZodType<T[]> {
  return z.array(z.unknown()).transform((values, context) => {
    const items: T[] = [];
    for (const value of values) {
      const result = item.safeParse(value, uncompiled);
      if (!result.success) {
        context.addIssue({ code: "custom", message: "unexpected content" });
        return z.NEVER;
      }
      items.push(result.data);
    }
    return items;
  });
}
