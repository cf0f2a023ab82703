import * as z from "zod";
import type { CostLine, CurrencySums, MeasuredColumns, ReceiptFile, UndoneLoad } from "../model.ts";
import { parseDecimal } from "../schema/decimals.ts";
import { daysInMonth } from "../schema/periods.ts";

/*
 * What the columns of a receipt hold, each as JSON text. Keys that a newer billhouse has added are left out; a key that an
 * older one did not know yet is null.
 */

const amount = z.string().refine((text) => parseDecimal(text) !== undefined, "an amount was expected");

const count = z.number().int().nonnegative();

const textOrNull = z.string().nullable().default(null);

/** Sums by currency, every amount a decimal. By hand: a record of zod's loses the key `__proto__`. */
export const currencySums: z.ZodType<CurrencySums> = z.custom<CurrencySums>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((sum) => amount.safeParse(sum).success),
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
  }),
);

/** Rows and costs of a month. The order of the keys is that in which summaries are compared as text. */
export const costLines: z.ZodType<readonly CostLine[]> = listOf(
  z.object({
    service: textOrNull,
    account: textOrNull,
    charge_type: textOrNull,
    currency: z.string(),
    rows: count,
    cost: amount,
  }),
);

/** The columns by which a month was measured. */
export const measuredColumns: z.ZodType<MeasuredColumns> = z.object({
  partitionColumn: z.string(),
  costColumns: z.array(z.string()).max(2),
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
  z.object({ loadId: z.string(), executionId: z.string(), fingerprint: textOrNull, checksums: textOrNull }),
);

/** Sentences, or the names of checks. */
export const texts: z.ZodType<readonly string[]> = listOf(z.string());

/** Whether text is a day of the calendar, `YYYY-MM-DD`. */
export function isDay(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  return Number(day) >= 1 && Number(day) <= daysInMonth(Number(year), Number(month));
}

/** Whether text is a load_id as dlt makes them: Unix seconds, of a time that there is. */
export function isLoadId(text: string): boolean {
  return /^\d{1,12}(\.\d+)?$/.test(text);
}

/** A list. Unlike zod's own it stops at the first item that is wrong: text from outside can hold millions of them. */
function listOf<T>(item: z.ZodType<T>): z.ZodType<T[]> {
  return z.array(z.unknown()).transform((values, context) => {
    const items: T[] = [];
    for (const value of values) {
      const result = item.safeParse(value);
      if (!result.success) {
        context.addIssue({ code: "custom", message: "it has another shape" });
        return z.NEVER;
      }
      items.push(result.data);
    }
    return items;
  });
}
