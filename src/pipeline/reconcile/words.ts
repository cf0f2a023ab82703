import { formatAmount, formatSmallAmount, roundToCents } from "../../schema/amounts.ts";
import { type InvoiceMatch, lastName } from "./matches.ts";
import { type Reason, type Residual, roundingName } from "./residual.ts";

/** What became of one invoice, in words: every difference is named with its reasons, or with what is loaded. */
export function reconciliationSentence(match: InvoiceMatch, residual: Residual): string {
  const { ok, difference, reasons } = residual;
  if (match.invoiced === null) return uninvited(match, residual);
  if (difference === "0") return "The invoice is what is loaded, to the last digit.";
  if (ok && roundToCents(difference) === "0") return "The invoice is what is loaded, to the cent.";
  if (ok) return `${distance(match, residual)}, which is within the tolerance.`;
  const told = match.lines.length === 0 ? notLoaded(match, match.invoiced) : distance(match, residual);
  if (reasons.length > 0) return `${told}: ${because(match, residual)}.`;
  if (match.lines.length === 0) return `${told}.`;
  return `${told}, and nothing that is loaded explains it. ${partsSentence(residual)}`;
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
      .map(({ name, amount }) => `${name} (${formatSmallAmount(how === "leaves out" ? negated(amount) : amount)})`);
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
  const told = parts
    .filter(({ name }) => name !== roundingName)
    .map(({ name, amount }) => `${name} ${formatAmount(amount)}`);
  const rounding = parts.find(({ name }) => name === roundingName)?.amount ?? "0";
  // Clouds add taxes to an invoice that their exports do not always hold.
  const untaxed = !difference.startsWith("-") && !parts.some(({ name }) => name === "tax") ? " No tax is loaded." : "";
  return `Loaded: ${listed(told)}; rounding each service of each account to cents would add ${formatAmount(rounding)}.${untaxed}`;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function money(amount: string, { currency }: Pick<InvoiceMatch, "currency">): string {
  return `${formatSmallAmount(amount)} ${currency}`.trimEnd();
}

function negated(amount: string): string {
  return amount === "0" ? "0" : amount.startsWith("-") ? amount.slice(1) : `-${amount}`;
}
