import type { BillingMonth } from "../src/model.ts";
import { javaText, multiply, rateText } from "./amounts.ts";
import { awsAccounts } from "./aws-fleets.ts";
import type { Cells } from "./delivery.ts";
import { alphabets, nextMonth, openMonth, randomFrom } from "./company.ts";

/** One line item of an AWS bill: its cells, and the two amounts that later steps count with. */
export interface AwsLine {
  readonly cells: Cells;
  readonly quantity: bigint;
  /** `lineItem/UnblendedCost`. */
  readonly cost: bigint;
}

/** A line item of `quantity` units at `rate`; AWS rounds costs to ten digits after the point. */
export function awsLine(cells: Cells, quantity: bigint, rate: bigint): AwsLine {
  return {
    cells: { ...cells, "lineItem/UnblendedRate": rateText(rate), "lineItem/BlendedRate": rateText(rate) },
    quantity,
    cost: multiply(quantity, rate, 10),
  };
}

/** The cells of a span of usage, from the start of one day to the start of another (`YYYY-MM-DD`). */
export function usageSpan(start: string, end: string): Cells {
  const [from, to] = [`${start}T00:00:00Z`, `${end}T00:00:00Z`];
  return { "identity/TimeInterval": `${from}/${to}`, "lineItem/UsageStartDate": from, "lineItem/UsageEndDate": to };
}

/** The span of a whole billing month. */
export function monthSpan(month: BillingMonth): Cells {
  return usageSpan(`${month}-01`, `${nextMonth(month)}-01`);
}

/**
 * The lines as one delivery writes them: amounts as AWS writes numbers, the cells of the bill, and line item ids,
 * which AWS generates again for every delivery.
 */
export function deliveredCells(lines: readonly AwsLine[], month: BillingMonth, assemblyId: string): Cells[] {
  const ids = randomFrom(`aws line ids ${assemblyId}`);
  const bill = billCells(month);
  return lines.map(({ cells, quantity, cost }) => ({
    ...bill,
    ...categories.get(cells["lineItem/UsageAccountId"] ?? ""),
    ...cells,
    "identity/LineItemId": ids.text(alphabets.base32, 52),
    "lineItem/UsageAmount": javaText(quantity),
    "lineItem/UnblendedCost": javaText(cost),
    "lineItem/BlendedCost": javaText(cost),
  }));
}

/** Cost categories, by which the company names its accounts: the report itself knows only their ids. */
const categories: ReadonlyMap<string, Cells> = new Map(
  Object.values(awsAccounts).map(({ id, name, businessUnit }) => [
    id,
    { "costCategory/AccountName": name, "costCategory/BusinessUnit": businessUnit },
  ]),
);

function billCells(month: BillingMonth): Cells {
  // AWS fills the invoice in when the month is final.
  const invoice = month === openMonth ? "" : randomFrom(`aws invoice ${month}`).text("123456789", 10);
  return {
    "bill/InvoiceId": invoice,
    "bill/InvoicingEntity": "Amazon Web Services, Inc.",
    "bill/BillingEntity": "AWS",
    "bill/BillType": "Anniversary",
    "bill/PayerAccountId": awsAccounts.management.id,
    "bill/BillingPeriodStartDate": `${month}-01T00:00:00Z`,
    "bill/BillingPeriodEndDate": `${nextMonth(month)}-01T00:00:00Z`,
    "lineItem/CurrencyCode": "USD",
    "lineItem/LegalEntity": "Amazon Web Services, Inc.",
  };
}
