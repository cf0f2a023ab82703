import { requireHolds, text } from "../../config/arguments.ts";
import { BillhouseError, quoted } from "../../errors.ts";
import { type ListKind, parseList, readList, type TextList } from "../../files/list.ts";

/** One line of a list of invoices. It has an invoice id, or an account, or both. */
export interface InvoiceLine {
  readonly invoiceId: string | null;
  /** The account, or billing profile, that gets the bill. */
  readonly account: string | null;
  /** Exact decimal text. */
  readonly amount: string;
  /** Null where the list names none. */
  readonly currency: string | null;
}

/** Whether text is an amount as billhouse takes it from people: `1234.56`, `-12.30`, and nothing else. */
export function isPlainAmount(text: string): boolean {
  return /^-?\d{1,30}(\.\d{1,30})?$/.test(text);
}

/**
 * Reads a list of invoices from a CSV file.
 * Errors: USAGE_INVALID, FILE_NOT_FOUND, and those of `parseInvoices`.
 */
export async function readInvoices(path: string): Promise<readonly InvoiceLine[]> {
  requireHolds(text, path, "path");
  return invoicesOf(await readList(path, invoiceList));
}

/**
 * The lines of a list of invoices: CSV with a header, whose columns are found by their names without regard to case,
 * blanks and underscores. `name` is the file's, for errors.
 * Errors: LIMIT_EXCEEDED for more than 10,000 lines; FILE_INVALID when a column is missing or there twice, or there is no line; VALUE_INVALID for a cell that cannot be
 * what its column is for, with file, line, column and value.
 */
export function parseInvoices(name: string, bytes: Uint8Array): readonly InvoiceLine[] {
  return invoicesOf(parseList(name, bytes, invoiceList));
}

function invoicesOf({ name, header, rows }: TextList): readonly InvoiceLine[] {
  const columns = meaningsOf(name, header);
  if (rows.length === 0) {
    throw new BillhouseError("FILE_INVALID", `${name} does not list an invoice.`, {
      hint: "Write a header such as invoice_id,amount and below it one line per invoice.",
    });
  }
  return rows.map(({ cells, line }) => {
    const cell = (meaning: Meaning): string => cells[columns[meaning] ?? -1]?.trim() ?? "";
    const refuse = (meanings: readonly Meaning[], value: string, hint: string): BillhouseError => {
      const titles = meanings.flatMap((meaning) => header[columns[meaning] ?? -1] ?? []).join(" and ");
      const message = `${name}, line ${line}, column ${titles}: ${quoted(value)} is not valid.`;
      return new BillhouseError("VALUE_INVALID", message, { hint });
    };
    const [invoice, account, amount, currency] = [cell("invoice"), cell("account"), cell("amount"), cell("currency")];
    if (invoice === "" && account === "") {
      throw refuse(["invoice", "account"], "", "Give each line the id of its invoice or its account.");
    }
    if (!isPlainAmount(amount)) {
      throw refuse(["amount"], amount, "Write it as 1234.56, without thousands separators and without a currency.");
    }
    if (currency !== "" && !/^[A-Z]{3}$/i.test(currency)) {
      throw refuse(["currency"], currency, "Write the three letters of a currency, such as USD.");
    }
    return { invoiceId: invoice || null, account: account || null, amount, currency: currency.toUpperCase() || null };
  });
}

const invoiceList: ListKind = {
  title: "list of invoices",
  // No month has more invoices; a list of this many is compared with a month in seconds.
  most: 10_000,
  keep: "Keep one line for each invoice of the month.",
  correct: "Check the path: it is relative to the folder in which billhouse runs.",
};

type Meaning = "invoice" | "amount" | "currency" | "account";

const names: Readonly<Record<Meaning, readonly string[]>> = {
  invoice: ["invoiceid", "invoice", "invoicenumber"],
  amount: ["amount", "total"],
  currency: ["currency", "currencycode"],
  account: ["billingaccount", "billingaccountid", "account", "accountid", "payeraccount", "payeraccountid"],
};

function meaningsOf(name: string, header: readonly string[]): Readonly<Record<Meaning, number | null>> {
  const positionOf = (meaning: Meaning): number | null => {
    const known = names[meaning];
    const found = header.flatMap((title, position) => {
      const plain = title.toLowerCase().replace(/[\s_]/g, "");
      return known.includes(plain) ? [position] : [];
    });
    if (found.length > 1) {
      const titles = found.map((position) => quoted(header[position] ?? "")).join(" and ");
      throw new BillhouseError("FILE_INVALID", `${name}, line 1: the columns ${titles} have the same meaning.`, {
        hint: "Remove or rename one of them.",
      });
    }
    return found[0] ?? null;
  };
  const columns = {
    invoice: positionOf("invoice"),
    amount: positionOf("amount"),
    currency: positionOf("currency"),
    account: positionOf("account"),
  };
  const missing =
    columns.amount === null ? "amount" : columns.invoice === null && columns.account === null ? "invoice_id" : null;
  if (missing !== null) {
    throw new BillhouseError("FILE_INVALID", `${name}, line 1: column ${missing} is missing.`, {
      hint: `The columns are ${header.map((title) => quoted(title)).join(", ")}. Write a header such as invoice_id,amount, separated by commas; currency and billing_account are optional.`,
    });
  }
  return columns;
}
