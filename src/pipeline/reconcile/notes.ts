import type { BillingMonth, Finality, Receipt } from "../../model.ts";
import { formatAmount } from "../../schema/amounts.ts";
import { compareDecimals, subtractDecimals } from "../../schema/decimals.ts";
import { areAmortized, type BilledLine, costOf, uninvoicedName } from "./lines.ts";
import { floatNotes } from "../migrate/inexact-columns.ts";
import { finalityNow } from "../months/finality.ts";
import { type LoadedTable, measuredColumns } from "../months/loaded.ts";

/** One export whose month is held against invoices. */
export interface NotedExport {
  readonly table: LoadedTable;
  readonly month: BillingMonth;
  readonly lines: readonly BilledLine[];
  /** Every receipt of the month. */
  readonly history: readonly Receipt[];
  /** The currency in which the month is held against one amount; null with a list of invoices. */
  readonly asOne: string | null;
  /** The amounts that differ from what is loaded. */
  readonly wrong: readonly { readonly invoiced: string; readonly currency: string }[];
  readonly tolerance: string;
}

/**
 * What a person should know of an export whose month is held against invoices: that the month may still change or has
 * changed, that its costs are no billed costs, that it has no invoice ids. Pure.
 */
export function reconciliationNotes(noted: NotedExport, now: Date): readonly string[] {
  const { table, month, lines, asOne } = noted;
  const { name } = table.pipeline;
  const notes = [
    finalityNote(table, month, now),
    ...earlierLoads(noted),
    areAmortized(lines)
      ? "It is an amortized export, which spreads what was paid once over the months that it is for: it does not reconcile with an invoice. An export of actual costs does."
      : null,
    ...(asOne === null
      ? [invoiceIdNote(table, month, lines)]
      : [otherInvoices(lines, asOne), otherCurrencies(lines, asOne)]),
    ...floatNotes(table.ledger.columns ?? []),
  ];
  return notes.flatMap((note) => (note === null ? [] : [`${name} ${month}: ${note}`]));
}

/** Amounts that are what an earlier load of the month came to: the month was restated after the invoice was made. */
function earlierLoads({ table, month, history, wrong, tolerance }: NotedExport): readonly string[] {
  const { pipeline, months } = table;
  const earlier = history.filter(({ loadId }) => loadId !== months.get(month)?.receipt?.loadId);
  return wrong.flatMap(({ invoiced, currency }) => {
    const receipt = earlier.find(({ cost }) => {
      const before = cost?.[currency];
      return (
        before !== undefined && compareDecimals(subtractDecimals(invoiced, before).replace("-", ""), tolerance) <= 0
      );
    });
    if (receipt === undefined) return [];
    const { executionId, loadedAt } = receipt;
    const isUndone = months.get(month)?.receipt?.undone.some(({ loadId }) => loadId === receipt.loadId) ?? false;
    if (isUndone)
      return [`${formatAmount(invoiced)} ${currency} is what was loaded from ${executionId}, which was undone.`];
    return [
      `${formatAmount(invoiced)} ${currency} is what was loaded on ${loadedAt.slice(0, 10)}, from ${executionId}: the invoice is that of before the restatement. billhouse diff ${pipeline.name} ${month} shows what the last one changed.`,
    ];
  });
}

function finalityNote({ months, format }: LoadedTable, month: BillingMonth, now: Date): string | null {
  const receipt = months.get(month)?.receipt ?? null;
  if (receipt === null) return "Nothing tells whether the month is final: billhouse has no receipt of its load.";
  return finalityWords[finalityNow(receipt, format.closed, now)];
}

const finalityWords: Readonly<Record<Finality, string | null>> = {
  open: "The month is not over, and no invoice can be that of what is loaded.",
  estimated: "The month is not final: the cloud may still change it.",
  final: null,
  "restated-after-final": "The month was restated after it was final: an invoice of before does not show what changed.",
};

function invoiceIdNote(table: LoadedTable, month: BillingMonth, lines: readonly BilledLine[]): string | null {
  if (lines.some(({ invoice }) => invoice !== null)) return null;
  return measuredColumns(table, month).invoiceColumn === null
    ? "The export has no invoice ids: invoices are found by their billing account."
    : "No row has an invoice id yet: invoices are found by their billing account.";
}

function otherInvoices(lines: readonly BilledLine[], currency: string): string | null {
  const invoices = Map.groupBy(
    lines.filter((line) => line.currency === currency),
    ({ invoice }) => invoice,
  );
  if ([...invoices.keys()].filter((id) => id !== null).length < 2) return null;
  const told = [...invoices].map(([id, members]) => `${id ?? uninvoicedName} (${formatAmount(costOf(members))})`);
  return `The month has several invoices: ${told.join(", ")}. --invoices holds each against its own amount.`;
}

function otherCurrencies(lines: readonly BilledLine[], currency: string): string | null {
  const others = Map.groupBy(
    lines.filter((line) => line.currency !== currency),
    (line) => line.currency,
  );
  if (others.size === 0) return null;
  const told = [...others].map(([other, members]) => `${formatAmount(costOf(members))} ${other}`.trimEnd());
  return `There are other currencies too, which the amount is not held against: ${told.join(", ")}.`;
}
