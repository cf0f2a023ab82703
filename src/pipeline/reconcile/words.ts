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
import { areAmortized, type BilledLine, costOf, isTax, uninvoicedName } from "./bills.ts";
import type { InvoiceMatch } from "./matches.ts";
import { lastName, roundingName } from "./names.ts";
import type { Reason, Residual } from "./residual.ts";

/** The result for one invoice, as a sentence: every difference with its reasons, or with the loaded charges. */
export function reconciliationSentence(match: InvoiceMatch, residual: Residual): string {
  const { ok, difference, reasons } = residual;
  if (match.invoiced === null) return unlisted(match, residual);
  if (difference === "0") return "The invoice matches what is loaded, to the last digit.";
  if (ok && roundToCents(difference) === "0") return "The invoice matches what is loaded, to the cent.";
  if (ok) return `${distance(match, residual)}, which is within the tolerance.`;
  const text = match.lines.length === 0 ? notLoaded(match, match.invoiced) : distance(match, residual);
  if (reasons.length > 0) {
    // Sums that match are not a proof.
    const possible = residual.alternatives.length > 0 ? "Possible reasons" : "Possible reason";
    return `${text}. ${possible}: ${because(match, residual)}.`;
  }
  if (match.lines.length === 0) return `${text}.`;
  return `${text}, and no loaded charges explain the difference. ${partsSentence(match, residual)}`;
}

function unlisted({ invoiceId, currency }: InvoiceMatch, { loaded }: Residual): string {
  const what = invoiceId === null ? "Rows without an invoice id" : `Invoice ${invoiceId}`;
  const [comes, them] = invoiceId === null ? ["come", "them"] : ["comes", "it"];
  // The list may have the invoice in another currency.
  const inCurrency = currency === "" ? "" : ` in ${currency}`;
  return `${what} ${comes} to ${money(loaded, { currency })}, but the list of invoices lacks a line for ${them}${inCurrency}.`;
}

function notLoaded({ invoiceId, account, currency, otherCurrencies }: InvoiceMatch, invoiced: string): string {
  const who =
    invoiceId !== null ? `Invoice ${invoiceId}` : account !== null ? `Account ${lastName(account)}` : "The month";
  if (otherCurrencies.length > 0) return `${who} is loaded in ${otherCurrencies.join(" and ")}, not in ${currency}`;
  return `${who} was invoiced at ${money(invoiced, { currency })}, and no rows of it are loaded`;
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
      // What is left out is shown with its own sum, which reduces the difference.
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

function partsSentence({ lines }: InvoiceMatch, { parts, difference }: Residual): string {
  const text = parts
    .filter(({ name }) => name !== roundingName)
    .map(({ name, amount }) => `${name} ${formatAmount(amount)}`);
  const rounding = parts.find(({ name }) => name === roundingName)?.amount ?? "0";
  // Clouds add taxes to an invoice that their exports do not always contain.
  const untaxed = !difference.startsWith("-") && !lines.some(isTax) ? " None of these rows is tax." : "";
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
 * Notes on an export whose month is compared with invoices: that the month may still change or has changed, that its costs
 * are not billed costs, that it is missing invoice ids. Pure.
 */
export function reconciliationNotes(noted: NotedExport, now: Date): readonly string[] {
  const { table, month, lines, asOne } = noted;
  const { name } = table.pipeline;
  const notes = [
    finalityNote(table, month, now),
    ...earlierLoads(noted),
    areAmortized(lines)
      ? "This export holds amortized costs, which spread a purchase over its term and do not match an invoice. Compare an export of actual costs."
      : null,
    ...(asOne === null
      ? [invoiceIdNote(table, month, lines)]
      : [otherInvoices(lines, asOne), otherCurrencies(lines, asOne)]),
    ...floatNotes(table.ledger.columns ?? []),
  ];
  return notes.flatMap((note) => (note === null ? [] : [`${name} ${month}: ${note}`]));
}

/** Amounts that match the total of an earlier load, and not the total that is loaded now. */
function earlierLoads({ table, month, lines, history, wrong, tolerance }: NotedExport): readonly string[] {
  const { pipeline, months } = table;
  const current = months.get(month)?.receipt ?? null;
  const matches = (one: string, other: string): boolean =>
    compareDecimals(subtractDecimals(one, other).replace("-", ""), tolerance) <= 0;
  return wrong.flatMap(({ invoiced, currency }) => {
    // A reload, or an undo, has the total of a load before it.
    if (matches(invoiced, costOf(lines.filter((line) => line.currency === currency)))) return [];
    const receipt = history.find(({ loadId, cost }) => {
      const total = cost?.[currency];
      return loadId !== current?.loadId && total !== undefined && matches(invoiced, total);
    });
    if (receipt === undefined) return [];
    const load = `the load of ${receipt.loadedAt.slice(0, 10)} (${executionIdsOf(receipt).join(" and ")})`;
    const isUndone = current?.undone.some(({ loadId }) => loadId === receipt.loadId) ?? false;
    const fate = isUndone
      ? "was undone"
      : `was replaced since. billhouse diff ${pipeline.name} ${month} shows the newest change`;
    return [`${formatAmount(invoiced)} ${currency} is the total of ${load}, which ${fate}.`];
  });
}

function finalityNote(table: LoadedTable, month: BillingMonth, now: Date): string | null {
  const receipt = table.months.get(month)?.receipt ?? null;
  if (receipt === null) return "It is not known whether the month is final: there is no receipt of its load.";
  return finalityWords[finalityNow(receipt, { ...table, now }).state];
}

const finalityWords: Readonly<Record<Finality, string | null>> = {
  open: "The month is not over yet, so that its invoice will differ.",
  partial: "Some days of the month are not loaded, and an invoice covers all of them.",
  estimated: "The month is not final: the cloud may still change it.",
  final: null,
  "restated-after-final": "The month was restated after it was final: an invoice issued before that may differ.",
};

function invoiceIdNote(table: LoadedTable, month: BillingMonth, lines: readonly BilledLine[]): string | null {
  if (lines.some(({ invoice }) => invoice !== null)) return null;
  return measuredColumns(table, month).invoiceColumn === null
    ? "The export does not contain invoice ids: invoices are matched by billing account."
    : "No row has an invoice id yet: invoices are matched by billing account.";
}

function otherInvoices(lines: readonly BilledLine[], currency: string): string | null {
  const invoices = Map.groupBy(
    lines.filter((line) => line.currency === currency),
    ({ invoice }) => invoice,
  );
  if ([...invoices.keys()].filter((id) => id !== null).length < 2) return null;
  const text = [...invoices].map(([id, members]) => `${id ?? uninvoicedName} (${formatAmount(costOf(members))})`);
  return `The month has several invoices: ${text.join(", ")}. Use --invoices to compare each with its own amount.`;
}

function otherCurrencies(lines: readonly BilledLine[], currency: string): string | null {
  const others = Map.groupBy(
    lines.filter((line) => line.currency !== currency),
    (line) => line.currency,
  );
  if (others.size === 0) return null;
  const text = [...others].map(([other, members]) => `${formatAmount(costOf(members))} ${other}`.trimEnd());
  return `The month also has costs in other currencies, which are not compared: ${text.join(", ")}.`;
}
