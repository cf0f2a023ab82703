import type { BillingMonth } from "../src/model.ts";
import { amount, amountText, multiply } from "./amounts.ts";
import { azureSubscriptions, type AzureSubscription } from "./azure-fleets.ts";
import type { Cells } from "./delivery.ts";
import { nextMonth, randomFrom } from "./company.ts";

/** One row of an Azure bill in FOCUS: its cells, and the two costs that later steps count with. */
export interface AzureRow {
  readonly cells: Cells;
  /** `ChargePeriodStart`, `YYYY-MM-DD`. */
  readonly date: string;
  readonly billed: bigint;
  readonly effective: bigint;
}

/** What one charge costs by four measures, and at which prices. */
export interface AzurePrice {
  readonly quantity: bigint;
  readonly list: bigint;
  readonly contracted: bigint;
  /** Null where it is the contracted cost: nothing is paid beforehand. */
  readonly billed: bigint | null;
  readonly effective: bigint | null;
}

/** The part of list prices that the agreement takes off: prices have ten digits, quantities eight, so costs are exact. */
export const agreementFactor = 0.96;

/** A row from its cells and prices. */
export function azureRow(cells: Cells, start: string, end: string, price: AzurePrice): AzureRow {
  const contracted = multiply(price.quantity, price.contracted);
  const billed = price.billed ?? contracted;
  const effective = price.effective ?? contracted;
  return {
    date: start,
    billed,
    effective,
    cells: {
      ...cells,
      ...costCells(billed, effective, multiply(price.quantity, price.list), contracted),
      ChargePeriodStart: `${start} 00:00:00`,
      ChargePeriodEnd: `${end} 00:00:00`,
      x_ServicePeriodStart: `${start} 00:00:00`,
      x_ServicePeriodEnd: `${end} 00:00:00`,
      PricingQuantity: amountText(price.quantity),
      ListUnitPrice: amountText(price.list),
      ContractedUnitPrice: amountText(price.contracted),
    },
  };
}

/** A row that has a cost but neither quantity nor price: a credit, an adjustment, a correction. */
export function azureBookedRow(cells: Cells, start: string, end: string, cost: string): AzureRow {
  const value = amount(cost);
  const span = { ChargePeriodStart: `${start} 00:00:00`, ChargePeriodEnd: `${end} 00:00:00` };
  return {
    date: start,
    billed: value,
    effective: value,
    cells: { ...cells, ...span, ...costCells(value, value, value, value) },
  };
}

function costCells(billed: bigint, effective: bigint, list: bigint, contracted: bigint): Cells {
  return {
    BilledCost: amountText(billed),
    EffectiveCost: amountText(effective),
    ListCost: amountText(list),
    ContractedCost: amountText(contracted),
    x_BilledCostInUsd: amountText(billed),
    x_EffectiveCostInUsd: amountText(effective),
    x_ListCostInUsd: amountText(list),
    x_ContractedCostInUsd: amountText(contracted),
  };
}

/** The cells that every row of a month has; the invoice is null while the month is open. */
export function azureBillCells(month: BillingMonth, invoice: string): Cells {
  return {
    ProviderName: "Microsoft",
    InvoiceIssuerName: "Microsoft",
    InvoiceId: invoice,
    BillingAccountId: billingProfile,
    BillingAccountName: "Acme",
    BillingAccountType: "Billing Profile",
    BillingCurrency: "USD",
    PricingCurrency: "USD",
    BillingPeriodStart: `${month}-01 00:00:00`,
    BillingPeriodEnd: `${nextMonth(month)}-01 00:00:00`,
    x_BillingExchangeRate: "1",
    x_BillingExchangeRateDate: `${month}-01 00:00:00`,
    x_BillingProfileId: "7QK2-LM9T-BG7-PGB",
    x_BillingProfileName: "Acme",
  };
}

/** The cells that say which subscription a row belongs to. */
export function subscriptionCells(subscription: AzureSubscription): Cells {
  const { id, name } = azureSubscriptions[subscription];
  return {
    SubAccountId: `/subscriptions/${id}`,
    SubAccountName: name,
    SubAccountType: "Subscription",
    x_InvoiceSectionName: subscription === "insights" ? "Insights" : "Retail",
  };
}

/** The invoice of a month. */
export function azureInvoice(month: BillingMonth): string {
  return `G${randomFrom(`azure invoice ${month}`).text("0123456789", 9)}`;
}

const billingAccount = "/providers/microsoft.billing/billingaccounts/5f0c2a7e-91d4-4b3e-8a6d-3e7c9b12f480";
const billingProfile = `${billingAccount}/billingprofiles/7qk2-lm9t-bg7-pgb`;
