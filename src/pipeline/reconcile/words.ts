import { type BillingMonth, executionIdsOf, type Finality, type Receipt } from "../../model.ts";
import {
  compareDecimals,
  formatAmount,
  formatSmallAmount,
  roundToCents,
  subtractDecimals,
} from "../../schema/decimals.ts";
import { floatNotes } from "../migrate/inexact-columns.ts";
import { finalityNow } from "../months/finality.ts";
import { type LoadedTable, measuredColumns } from "../months/loaded.ts";
import { areAmortized, type BilledLine, costOf, uninvoicedName } from "./bills.ts";
import { type InvoiceMatch, lastName } from "./matches.ts";
import { type Reason, type Residual, roundingName } from "./residual.ts";

/** What became of one invoice, in words: every difference is named with its reasons, or with what is loaded. */
export function reconciliationSentence(match: InvoiceMatch, residual: Residual): string {
  const { ok, difference, reasons } = residual;
  if (match.invoiced === null) return uninvited(match, residual);
  if (difference === "0") return "The invoice is what is loaded, to the last digit.";
  if (ok && roundToCents(difference) === "0") return "The invoice is what is loaded, to the cent.";
  if (ok) return `${distance(match, residual)}, which is within the tolerance.`;
  const text = match.lines.length === 0 ? notLoaded(match, match.invoiced) : distance(match, residual);
  if (reasons.length > 0) return `${text}: ${because(match, residual)}.`;
  if (match.lines.length === 0) return `${text}.`;
  return `${text}, and nothing that is loaded explains it. ${partsSentence(residual)}`;
}

function uninvited(match: InvoiceMatch, { loaded }: Residual): string {
  const [what, them] =
    match.invoiceId === null ? ["Rows without an invoice id come", "them"] : [`Invoice ${match.invoiceId} comes`, "it"];
  return `${what} to ${money(loaded, match)}, and the list of invoices has no line for ${them}.`;
}

function notLoaded({ invoiceId, account, currency, otherCurrencies }: InvoiceMatch, invoiced: string): string {
  const who =
    invoiceId !== null
      ? `Invoice ${invoiceId}`
      : account !== null
        ? `Account ${lastName(account)}`
        : "The month of the invoice";
  if (otherCurrencies.length > 0) return `${who} is loaded in ${otherCurrencies.join(" and ")}, and not in ${currency}`;
  return `${who} is invoiced with ${money(invoiced, { currency })}, and is not loaded`;
}

function distance(match: InvoiceMatch, { difference }: Residual): string {
  const way = difference.startsWith("-") ? "less" : "more";
  return `The invoice is ${money(difference.replace("-", ""), match)} ${way} than what is loaded`;
}

function because(match: InvoiceMatch, { reasons, alternatives, unexplained }: Residual): string {
  const shown = [reasons, ...alternatives.slice(0, 2)].map((one) => `it ${reasonWords(one)}`);
  const more = alternatives.length > 2 ? [`one of ${alternatives.length - 2} other reasons`] : [];
  const left = roundToCents(unexplained) === "0" ? "" : `; ${money(unexplained, match)} is left`;
  return `${[...shown, ...more].join(", or ")}${left}`;
}

function reasonWords(reasons: readonly Reason[]): string {
  const amountsOf = (how: Reason["how"]): string[] =>
    reasons
      .filter((reason) => reason.how === how)
      // What is left out is named by what it comes to, which is what it takes from the difference.
      .map(
        ({ name, amount }) =>
          `${name} (${formatSmallAmount(how === "leaves out" ? subtractDecimals("0", amount) : amount)})`,
      );
  const [out, held] = [amountsOf("leaves out"), amountsOf("holds")];
  const roundings = reasons.flatMap(({ how, amount }) => {
    if (how === "rounds its total") return [`rounds its total to cents (${formatSmallAmount(amount)})`];
    return how === "rounds its lines"
      ? [`rounds each service of each account to cents (${formatSmallAmount(amount)})`]
      : [];
  });
  return listed([
    ...(out.length === 0 ? [] : [`leaves out ${listed(out)}`]),
    ...(held.length === 0 ? [] : [`holds ${listed(held)}`]),
    ...roundings,
  ]);
}

function partsSentence({ parts, difference }: Residual): string {
  const text = parts
    .filter(({ name }) => name !== roundingName)
    .map(({ name, amount }) => `${name} ${formatAmount(amount)}`);
  const rounding = parts.find(({ name }) => name === roundingName)?.amount ?? "0";
  // Clouds add taxes to an invoice that their exports do not always hold.
  const untaxed = !difference.startsWith("-") && !parts.some(({ name }) => name === "tax") ? " No tax is loaded." : "";
  return `Loaded: ${listed(text)}; rounding each service of each account to cents would add ${formatAmount(rounding)}.${untaxed}`;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function money(amount: string, { currency }: Pick<InvoiceMatch, "currency">): string {
  return `${formatSmallAmount(amount)} ${currency}`.trimEnd();
}

/** One export whose month is compared with invoices. */
export interface NotedExport {
  readonly table: LoadedTable;
  readonly month: BillingMonth;
  readonly lines: readonly BilledLine[];
  /** Every receipt of the month. */
  readonly history: readonly Receipt[];
  /** The currency in which the month is compared with one amount; null with a list of invoices. */
  readonly asOne: string | null;
  /** The amounts that differ from what is loaded. */
  readonly wrong: readonly { readonly invoiced: string; readonly currency: string }[];
  readonly tolerance: string;
}

/**
 * What a person should know of an export whose month is compared with invoices: that the month may still change or has
 * changed, that its costs are not billed costs, that it is missing invoice ids. Pure.
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
    const { loadedAt } = receipt;
    const ids = executionIdsOf(receipt).join(" and ");
    const isUndone = months.get(month)?.receipt?.undone.some(({ loadId }) => loadId === receipt.loadId) ?? false;
    if (isUndone) return [`${formatAmount(invoiced)} ${currency} is what was loaded from ${ids}, which was undone.`];
    return [
      `${formatAmount(invoiced)} ${currency} is what was loaded on ${loadedAt.slice(0, 10)}, from ${ids}: the invoice is that of before the restatement. billhouse diff ${pipeline.name} ${month} shows what the last one changed.`,
    ];
  });
}

function finalityNote(table: LoadedTable, month: BillingMonth, now: Date): string | null {
  const receipt = table.months.get(month)?.receipt ?? null;
  if (receipt === null) return "Nothing tells whether the month is final: billhouse has no receipt of its load.";
  return finalityWords[finalityNow(receipt, { ...table, now }).state];
}

const finalityWords: Readonly<Record<Finality, string | null>> = {
  open: "The month is not over, and no invoice can be that of what is loaded.",
  partial: "Some days of the month are missing, and an invoice is of all of them.",
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
  const text = [...invoices].map(([id, members]) => `${id ?? uninvoicedName} (${formatAmount(costOf(members))})`);
  return `The month has several invoices: ${text.join(", ")}. --invoices holds each against its own amount.`;
}

function otherCurrencies(lines: readonly BilledLine[], currency: string): string | null {
  const others = Map.groupBy(
    lines.filter((line) => line.currency !== currency),
    (line) => line.currency,
  );
  if (others.size === 0) return null;
  const text = [...others].map(([other, members]) => `${formatAmount(costOf(members))} ${other}`.trimEnd());
  return `There are other currencies too, which the amount is not held against: ${text.join(", ")}.`;
}
