import type { PipelineConfig } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import type { BillingMonth } from "../../model.ts";
import { monthSpans } from "../../schema/periods.ts";
import { addDecimals } from "../../schema/sums.ts";
import { requireCapability, type Warehouse } from "../../warehouses/warehouse.ts";
import { loadedMonth, type LoadedTable, measuredColumns, readLoaded } from "../months/loaded.ts";

/** The loaded costs of one export in the month. */
export interface LoadedBill {
  /** The name of the pipeline. */
  readonly pipeline: string;
  readonly lines: readonly BilledLine[];
}

/**
 * The tables of those pipelines that have the month. Errors: USAGE_INVALID when none has it, which lists the loaded months;
 * STATE_INVALID.
 */
export async function tablesWith(
  pipelines: readonly PipelineConfig[],
  warehouse: Warehouse,
  month: BillingMonth,
): Promise<readonly LoadedTable[]> {
  const tables: LoadedTable[] = [];
  for (const pipeline of pipelines) tables.push(await readLoaded(pipeline, warehouse));
  const [only] = tables;
  if (only !== undefined && tables.length === 1) loadedMonth(only, month);
  const having = tables.filter(({ months }) => months.has(month));
  if (having.length > 0) return having;
  const known = tables.map(
    ({ pipeline, months }) => `${pipeline.name}: ${monthSpans([...months.keys()]) || "nothing"}`,
  );
  throw new BillhouseError("USAGE_INVALID", `${month} is not loaded.`, { hint: `Loaded: ${known.join("; ")}.` });
}

/** Requires a single table. Error: USAGE_INVALID, which names their exports. */
export function requireOne(tables: readonly LoadedTable[], month: BillingMonth): void {
  if (tables.length === 1) return;
  const names = tables.map(({ pipeline }) => pipeline.name);
  throw new BillhouseError("USAGE_INVALID", `${month} is loaded in several exports: ${names.join(", ")}.`, {
    hint: `Choose the export with --export, for example --export ${names[0]}, or give the invoices of all of them with --invoices.`,
  });
}

/** The costs of a month by everything that explains an invoice. Error: USAGE_INVALID where nothing billed is loaded. */
export async function billOf(table: LoadedTable, warehouse: Warehouse, month: BillingMonth): Promise<LoadedBill> {
  const columns = measuredColumns(table, month);
  const [billed = ""] = columns.costColumns;
  const isThere = table.ledger.columns?.some(({ name }) => name.toLowerCase() === billed.toLowerCase());
  if (billed !== "" && isThere !== true) {
    throw new BillhouseError("USAGE_INVALID", `The table of ${table.pipeline.name} is missing column ${billed}.`, {
      hint: `Add the column again, or reload the month: billhouse run ${table.pipeline.name} --month ${month} --force.`,
    });
  }
  const { invoiceColumn, payerColumn, chargeTypeColumn, serviceColumn, accountColumn } = columns;
  const pipeline = table.pipeline.name;
  if (columns.costColumns.length === 0) {
    throw new BillhouseError("USAGE_INVALID", `The table of ${pipeline} is missing a column with billed costs.`, {
      hint: "Choose another export with --export.",
    });
  }
  const by = [invoiceColumn, payerColumn, chargeTypeColumn, serviceColumn, accountColumn];
  const costs = await requireCapability(warehouse, "measuring").costsBy(columns, by);
  const lines = costs.map(({ values, currency, rows, cost }): BilledLine => {
    const [invoice = null, payer = null, chargeType = null, service = null, account = null] = values;
    return { invoice, payer, chargeType, service, account, currency, rows, cost };
  });
  return { pipeline, lines };
}

/** Loaded rows of one month that share everything by which an invoice is explained, added up. */
export interface BilledLine {
  /** The id of the invoice; null while there is none. */
  readonly invoice: string | null;
  /** The account, or billing profile, that gets the bill. */
  readonly payer: string | null;
  readonly chargeType: string | null;
  readonly service: string | null;
  /** The account, or subscription, that used what is billed. */
  readonly account: string | null;
  /** Empty where the delivery names none. */
  readonly currency: string;
  readonly rows: number;
  /** Exact decimal text. */
  readonly cost: string;
}

/** Lines with what people call them. */
export interface NamedLines {
  readonly name: string;
  readonly lines: readonly BilledLine[];
}

/** What rows without an invoice id are called. */
export const uninvoicedName = "rows without an invoice id";

/** What charges of no other part are called. */
export const usageName = "usage";

/** The exact sum of the costs of lines. */
export function costOf(lines: readonly BilledLine[]): string {
  return addDecimals(lines.map(({ cost }) => cost));
}

/**
 * Lines by the parts of which a bill is made up; each line is in one part. Where some lines have an invoice id, those
 * without one are a part, whatever they are charges for.
 */
export function partsOf(lines: readonly BilledLine[]): readonly NamedLines[] {
  const someInvoiced = lines.some(({ invoice }) => invoice !== null);
  const parts = Map.groupBy(lines, (line) => (someInvoiced && line.invoice === null ? uninvoicedName : kindOf(line)));
  return partNames.flatMap((name) => {
    const members = parts.get(name);
    return members === undefined ? [] : [{ name, lines: members }];
  });
}

/**
 * Whether lines are of an amortized export, in which the price of a commitment is spread over the time that it is for
 * and no purchase is left: only such exports have these types of charges.
 * Source: Microsoft Learn, "Understand cost details fields", ChargeType.
 */
export function areAmortized(lines: readonly BilledLine[]): boolean {
  return lines.some(({ chargeType }) => /^unused(reservation|savingsplan)$/i.test(chargeType ?? ""));
}

/** Whether a line is tax. */
export function isTax(line: BilledLine): boolean {
  return kindOf(line) === "tax";
}

/**
 * What a line charges for, by the words of AWS (line item types), of Azure (charge types) and of FOCUS (charge
 * categories). Tax on support is tax. Covered usage of a Savings Plan and its negation cancel out: both are usage.
 * Sources: AWS data dictionary, "Line item details"; Microsoft Learn, "Understand cost details fields"; FOCUS 1.2,
 * ChargeCategory.
 */
function kindOf({ chargeType, service }: BilledLine): string {
  const type = chargeType ?? "";
  if (/^tax$/i.test(type)) return "tax";
  if (/^credit$/i.test(type)) return "credits";
  if (/^refund$/i.test(type)) return "refunds";
  if (/discount$/i.test(type)) return "discounts";
  if (supportService.test(service ?? "")) return "support";
  if (/^((RI)?Fee|SavingsPlan(Upfront|Recurring)Fee|Purchase)$/i.test(type)) return "fees and purchases";
  if (/adjustment$/i.test(type)) return "adjustments";
  return usageName;
}

const partNames = [
  usageName,
  "tax",
  "support",
  "fees and purchases",
  "credits",
  "refunds",
  "discounts",
  "adjustments",
  uninvoicedName,
];

// `AWSSupportBusiness`, `AWSDeveloperSupport`, `AWS Support (Business)`, `OCBPremiumSupport` (its name of old), `Azure Support`.
const supportService = /^(AWS ?(Developer ?)?Support|OCBPremiumSupport$|((Azure|Microsoft) ([\w-]+ )*)?Support\b)/i;
