import { addDecimals } from "../../schema/sums.ts";
import { type BilledLine, costOf, type LoadedBill, type NamedLines, uninvoicedName } from "./bills.ts";
import type { InvoiceLine } from "./invoices.ts";
import { lastName } from "./names.ts";

/** An invoice line whose currency is known: as the loaded lines write it. */
export type PricedInvoice = InvoiceLine & { readonly currency: string };

/** An amount of invoices, and the loaded lines that it is compared with. */
export interface InvoiceMatch {
  /** Null for an invoice that no export has. */
  readonly pipeline: string | null;
  readonly invoiceId: string | null;
  readonly account: string | null;
  readonly currency: string;
  /** Null for loaded lines that no line of the list is for. */
  readonly invoiced: string | null;
  readonly lines: readonly BilledLine[];
  /** Other lines that the invoice may include. */
  readonly beside: readonly NamedLines[];
  /** The currencies in which the invoice is loaded, where it is not in its own. */
  readonly otherCurrencies: readonly string[];
}

/**
 * Compares a list of invoices with what is loaded: each by its id, or, where that is not loaded or not given, by its
 * account, for the lines of which no invoice was found by its id. Several for one id or account are added up. In each
 * export a line is compared with one invoice at most; what is left of it comes last, by its own invoice id, but for lines
 * whose sum is zero. Pure.
 */
export function matchInvoices(
  bills: readonly LoadedBill[],
  invoices: readonly PricedInvoice[],
): readonly InvoiceMatch[] {
  const places = invoices.map((invoice) => ({ invoice, found: placesOf(bills, invoice) }));
  const grouped = Map.groupBy(
    places.flatMap(({ invoice, found }) => found.map((place) => ({ invoice, place }))),
    ({ place }) => keyOf(place),
  );
  const owned = Map.groupBy(
    bills.flatMap(({ pipeline, lines }) => lines.map((line) => ({ pipeline, line }))),
    ({ pipeline, line }) => ownerOf(pipeline, line, (key) => grouped.has(key)),
  );
  const linesOf = (key: string): BilledLine[] => (owned.get(key) ?? []).map(({ line }) => line);
  const invoiced = [...grouped].flatMap(([key, members]): InvoiceMatch[] => {
    const [first] = members;
    if (first === undefined) return [];
    const ids = new Set(members.flatMap(({ invoice }) => invoice.invoiceId ?? []));
    const lines = linesOf(key);
    const [id = null] = ids;
    const match = {
      pipeline: first.place.pipeline,
      invoiceId: ids.size === 1 ? id : null,
      account: members.find(({ invoice }) => invoice.account !== null)?.invoice.account ?? payerOf(lines),
      currency: first.invoice.currency,
      invoiced: addDecimals(members.map(({ invoice }) => invoice.amount)),
      lines,
    };
    return [{ ...match, beside: besides(bills, match), otherCurrencies: otherCurrencies(bills, match) }];
  });
  const uninvoiced = [...owned].flatMap(([key, members]): InvoiceMatch[] => {
    const [first] = members;
    const lines = linesOf(key);
    if (first === undefined || grouped.has(key) || costOf(lines) === "0") return [];
    const { pipeline, line } = first;
    const place = { pipeline, invoiceId: line.invoice, account: payerOf(lines), currency: line.currency };
    return [{ ...place, invoiced: null, lines, beside: [], otherCurrencies: [] }];
  });
  // Warehouses order NULL differently.
  return [
    ...invoiced,
    ...uninvoiced.toSorted((one, other) => Number(one.invoiceId === null) - Number(other.invoiceId === null)),
  ];
}

/** Compares one amount with all lines of an export in one currency. */
export function matchMonth({ pipeline, lines }: LoadedBill, invoiced: string, currency: string): InvoiceMatch {
  const own = lines.filter((line) => line.currency === currency);
  const place = { pipeline, invoiceId: null, account: payerOf(own), currency };
  return { ...place, invoiced, lines: own, beside: [], otherCurrencies: [] };
}

/** What lines are gathered by. */
interface Place {
  readonly pipeline: string | null;
  readonly by: "invoice" | "account";
  readonly id: string | null;
  readonly currency: string;
}

function placesOf(bills: readonly LoadedBill[], { invoiceId, account, currency }: PricedInvoice): readonly Place[] {
  const found = (by: "invoice" | "account", id: string | null, of: (line: BilledLine) => string | null): Place[] =>
    bills
      .filter(({ lines }) => lines.some((line) => isSame(of(line), id) && line.currency === currency))
      .map(({ pipeline }) => ({ pipeline, by, id, currency }));
  const byInvoice = found("invoice", invoiceId, ({ invoice }) => invoice);
  if (byInvoice.length > 0) return byInvoice;
  const byAccount = found("account", account, ({ payer }) => payer);
  if (byAccount.length > 0) return byAccount;
  const pipeline = bills.length === 1 ? (bills[0]?.pipeline ?? null) : null;
  const by = invoiceId === null ? "account" : "invoice";
  return [{ pipeline, by, id: invoiceId ?? account, currency }];
}

function ownerOf(pipeline: string, line: BilledLine, isInvoiced: (key: string) => boolean): string {
  const { invoice, payer, currency } = line;
  const byInvoice = keyOf({ pipeline, by: "invoice", id: invoice, currency });
  const byAccount = keyOf({ pipeline, by: "account", id: payer, currency });
  if (invoice !== null && isInvoiced(byInvoice)) return byInvoice;
  if (payer !== null && isInvoiced(byAccount)) return byAccount;
  // Without an id, lines of different payers never form one invoice.
  return invoice === null ? keyOf({ pipeline, by: "invoice", id: JSON.stringify([payer]), currency }) : byInvoice;
}

function besides(
  bills: readonly LoadedBill[],
  match: Pick<InvoiceMatch, "pipeline" | "invoiceId" | "account" | "currency" | "lines">,
): readonly NamedLines[] {
  const { pipeline, invoiceId, account, currency } = match;
  const held = new Set(match.lines);
  const outside = bills.flatMap((bill) =>
    bill.lines.filter((line) => line.currency === currency && !held.has(line)).map((line) => ({ ...bill, line })),
  );
  const uninvoiced = outside.filter(
    (other) =>
      (pipeline === null || other.pipeline === pipeline) &&
      other.line.invoice === null &&
      (account === null || isSame(other.line.payer, account)),
  );
  const elsewhere = outside.filter((other) => other.pipeline !== pipeline && isSame(other.line.invoice, invoiceId));
  const others = [...new Set(elsewhere.map((other) => other.pipeline))].join(", ");
  return [
    { name: uninvoicedName, lines: uninvoiced.map(({ line }) => line) },
    { name: `its rows in ${others}`, lines: elsewhere.map(({ line }) => line) },
  ];
}

function otherCurrencies(
  bills: readonly LoadedBill[],
  { invoiceId, account, lines }: Pick<InvoiceMatch, "invoiceId" | "account" | "lines">,
): readonly string[] {
  if (lines.length > 0) return [];
  const found = bills.flatMap((bill) =>
    bill.lines.filter(({ invoice, payer }) =>
      invoiceId === null ? isSame(payer, account) : isSame(invoice, invoiceId),
    ),
  );
  return [...new Set(found.map(({ currency }) => currency || "rows without a currency"))].toSorted();
}

function payerOf(lines: readonly BilledLine[]): string | null {
  const [payer = null, ...others] = new Set(lines.map((line) => line.payer));
  return others.length === 0 ? payer : null;
}

function keyOf({ pipeline, by, id, currency }: Place): string {
  return JSON.stringify([pipeline, by, id === null ? null : plainId(id), currency]);
}

/** Without an id nothing is the same. */
function isSame(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && plainId(one) === plainId(other);
}

/**
 * An id by which two are the same: in small letters; of Azure's paths only the name at the end, as invoices print it; of
 * numbers without the zeros in front, which spreadsheets drop.
 */
function plainId(id: string): string {
  const name = lastName(id).toLowerCase();
  return /^\d+$/.test(name) ? name.replace(/^0+(?=\d)/, "") : name;
}
