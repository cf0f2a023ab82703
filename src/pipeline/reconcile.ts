import {
  checkArguments,
  date,
  listOf,
  names,
  objectOf,
  optional,
  type Rule,
  type Shape,
  text,
} from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError, quoted } from "../errors.ts";
import type { BillingMonth } from "../model.ts";
import { addDecimals } from "../schema/sums.ts";
import { requireCapability } from "../warehouses/warehouse.ts";
import { selectPipelines } from "./months/select.ts";
import { checkMonths } from "../schema/periods.ts";
import { reading, type ReadSource } from "./open.ts";
import { billOf, type LoadedBill, requireOne, tablesWith } from "./reconcile/bills.ts";
import { type InvoiceLine, isPlainAmount } from "./reconcile/invoices.ts";
import { type InvoiceMatch, matchInvoices, matchMonth } from "./reconcile/matches.ts";
import { explainResidual, type NamedAmount } from "./reconcile/residual.ts";
import { reconciliationNotes, reconciliationSentence } from "./reconcile/words.ts";

/** What a month is compared with: one amount for the whole month of one export, or a list of invoices. */
export interface ReconcileOptions {
  readonly month: BillingMonth;
  /** Words that name exports; by default all that have the month. */
  readonly pipelines?: readonly string[];
  /** Exact decimal text, such as `1234.56`. */
  readonly invoice?: string;
  readonly invoices?: readonly InvoiceLine[];
  /** The currency of amounts that name none; by default the only one that is loaded. */
  readonly currency?: string;
  /** The largest difference that passes, in the currency of the invoice; by default `0.01`. */
  readonly tolerance?: string;
  /** The time at which the month is checked for being final; by default that of the call. */
  readonly now?: Date;
}

/** The answer of `reconcile`. Decimals are text. */
export interface ReconcileResult extends ReadSource {
  /** Whether every difference is within the tolerance. */
  readonly ok: boolean;
  readonly billingMonth: BillingMonth;
  readonly tolerance: string;
  readonly reconciliations: readonly Reconciliation[];
  /** Sentences that qualify the figures. */
  readonly notes: readonly string[];
}

/** One invoice, or the invoices of one account, compared with the loaded rows. */
export interface Reconciliation {
  /** The name of the export; null for an invoice that none of several exports has. */
  readonly pipeline: string | null;
  /** Null for a whole month, for the invoices of an account, and for rows without an invoice id. */
  readonly invoiceId: string | null;
  readonly billingAccount: string | null;
  readonly currency: string;
  /** What the invoice says; `0` if the list of invoices lacks a line for the loaded rows. */
  readonly invoiced: string;
  readonly loaded: string;
  /** `invoiced` less `loaded`. */
  readonly difference: string;
  readonly ok: boolean;
  /** `loaded` by part; `rounding` is what rounding each service of each account to cents would add to it. */
  readonly parts: readonly NamedAmount[];
  /** The fewest reasons that add up to the difference, each with its amount. */
  readonly explanation: readonly NamedAmount[];
  /** `difference` less the amounts of `explanation`. */
  readonly unexplained: string;
  readonly sentence: string;
}

/**
 * Compares the loaded costs of a month with invoices, and explains each difference as far as the loaded rows can.
 * Errors: USAGE_INVALID for a month that is not loaded, an invalid amount, several exports for one amount, or a
 * currency that is not clear; STATE_INVALID, and those of opening the warehouse.
 */
export async function reconcile(config: Config, options: ReconcileOptions): Promise<ReconcileResult> {
  checkArguments(config, options, reconcileRules);
  const { month: billingMonth } = options;
  checkMonths({ only: [billingMonth] });
  const { invoice, invoices, currency = null, tolerance: limit = "0.01" } = options;
  if ((invoice === undefined) === (invoices === undefined)) {
    throw new BillhouseError("USAGE_INVALID", "Give either an amount or a list of invoices, and not both.", {
      hint: "For example: --invoice 1234.56, or --invoices invoices.csv.",
    });
  }
  const tolerance = amountOf(limit, "tolerance");
  if (tolerance.startsWith("-")) throw wrongAmount(limit, "tolerance");
  const amount = invoice === undefined ? null : amountOf(invoice, "amount of an invoice");
  const pipelines = await selectPipelines(config, options.pipelines);
  return reading(config, async (warehouse) => {
    const tables = await tablesWith(pipelines, warehouse, billingMonth);
    if (amount !== null) requireOne(tables, billingMonth);
    const bills: LoadedBill[] = [];
    for (const table of tables) bills.push(await billOf(table, warehouse, billingMonth));
    const loaded = currenciesOf(bills);
    const asOne = amount === null ? null : currencyOf(loaded, currency);
    if (asOne !== null) requireLoaded(loaded, asOne);
    const matches =
      amount === null || asOne === null
        ? matchInvoices(
            bills,
            (invoices ?? []).map((line) => ({ ...line, currency: currencyOf(loaded, line.currency ?? currency) })),
          )
        : bills.map((bill) => matchMonth(bill, amount, asOne));
    const reconciliations = matches.map((match) => reconciled(match, tolerance));
    const notes: string[] = [];
    for (const [index, table] of tables.entries()) {
      const { name } = table.pipeline;
      const wrong = reconciliations.filter(({ ok, pipeline }) => !ok && (pipeline ?? name) === name);
      const history =
        wrong.length === 0 ? [] : await requireCapability(warehouse, "previous").history(table.table, billingMonth);
      const lines = bills[index]?.lines ?? [];
      const noted = { table, month: billingMonth, lines, history, asOne, wrong, tolerance };
      notes.push(...reconciliationNotes(noted, options.now ?? new Date()));
    }
    const ok = reconciliations.every((one) => one.ok);
    return { ok, billingMonth, tolerance, reconciliations, notes };
  });
}

const textOrNull: Rule = (value, path) => (value === null ? null : text(value, path));

const invoiceRules: Shape<InvoiceLine> = {
  invoiceId: textOrNull,
  account: textOrNull,
  amount: text,
  currency: textOrNull,
};

const reconcileRules: Shape<ReconcileOptions> = {
  month: text,
  pipelines: names,
  invoice: optional(text),
  invoices: optional(listOf(objectOf(invoiceRules))),
  currency: optional(text),
  tolerance: optional(text),
  now: optional(date),
};

function reconciled(match: InvoiceMatch, tolerance: string): Reconciliation {
  const { invoiced, lines, beside } = match;
  const residual = explainResidual({ invoiced: invoiced ?? "0", lines, beside, tolerance });
  return {
    pipeline: match.pipeline,
    invoiceId: match.invoiceId,
    billingAccount: match.account,
    currency: match.currency,
    invoiced: residual.invoiced,
    loaded: residual.loaded,
    difference: residual.difference,
    ok: residual.ok,
    parts: residual.parts,
    explanation: residual.reasons.map(({ name, amount }) => ({ name, amount })),
    unexplained: residual.unexplained,
    sentence: reconciliationSentence(match, residual),
  };
}

/**
 * The currency of an amount as the loaded lines write it; where those name none, an amount is taken to be in the same.
 * Error: USAGE_INVALID when it is not clear.
 */
function currencyOf(loaded: readonly string[], named: string | null): string {
  const [only = "", ...others] = loaded;
  if (named !== null && (only !== "" || others.length > 0)) return named.toUpperCase();
  if (others.length === 0) return only;
  throw new BillhouseError("USAGE_INVALID", `The month is loaded in several currencies: ${currencyWords(loaded)}.`, {
    hint: "Give the currency of the amounts with --currency, for example --currency USD, or in a column of the list of invoices.",
  });
}

function requireLoaded(loaded: readonly string[], currency: string): void {
  if (loaded.length === 0 || loaded.includes(currency)) return;
  throw new BillhouseError("USAGE_INVALID", `The month does not have rows in ${currency}.`, {
    hint: `Loaded: ${currencyWords(loaded)}. Give the amount in one of these currencies.`,
  });
}

function currencyWords(loaded: readonly string[]): string {
  return loaded.map((currency) => currency || "rows without a currency").join(", ");
}

function currenciesOf(bills: readonly LoadedBill[]): readonly string[] {
  return [...new Set(bills.flatMap(({ lines }) => lines.map(({ currency }) => currency)))].toSorted();
}

function amountOf(text: string, what: string): string {
  if (!isPlainAmount(text)) throw wrongAmount(text, what);
  return addDecimals([text]);
}

function wrongAmount(text: string, what: string): BillhouseError {
  return new BillhouseError("USAGE_INVALID", `${quoted(text)} is not a valid ${what}.`, {
    hint: "Write it as 1234.56, with a decimal point and without thousands separators or a currency.",
  });
}
