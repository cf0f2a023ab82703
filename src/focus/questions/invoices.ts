import { type Question, sums } from "./question.ts";

const billed = { billed: "SUM(BilledCost)" };
const currency = "BillingCurrency";

/** Questions of finance: what was billed, by whom, and what was corrected. */
export const invoiceQuestions: readonly Question[] = [
  {
    name: "invoices",
    title: "What does each invoice come to?",
    library: ["Verify accuracy of provider invoices aka invoice reconciliation"],
    sql: sums(["InvoiceIssuerName", "InvoiceId", currency], billed),
  },
  {
    name: "billing-accounts",
    title: "What did each provider bill to each billing account?",
    library: ["Verify accuracy of service provider invoices"],
    sql: sums(["ServiceProviderName", "BillingAccountId", "BillingAccountName", currency], billed),
  },
  {
    name: "provider-services",
    title: "What did each provider bill for each service?",
    library: ["Verify accuracy of services charges across service providers"],
    sql: sums(["ServiceProviderName", "BillingAccountId", "ServiceName", currency], billed),
  },
  {
    name: "credits",
    title: "Which credits were granted, and on which invoices?",
    library: ["Analyze credit memos"],
    sql: sums(["ServiceProviderName", "InvoiceId", "ChargeDescription", currency], billed, {
      where: "ChargeCategory = 'Credit'",
    }),
  },
  {
    name: "corrections",
    title: "What was corrected of earlier, invoiced periods?",
    library: ["Report corrections for a previously invoiced billing period"],
    sql: sums(["ServiceProviderName", "BillingAccountId", "ServiceName", "ChargeCategory", currency], billed, {
      where: "ChargeClass = 'Correction'",
    }),
  },
  {
    name: "account-corrections",
    title: "Which sub accounts have corrections of earlier, invoiced periods?",
    library: ["Report corrections by subaccount for a previously invoiced billing period"],
    sql: sums(["ServiceProviderName", "SubAccountId", "SubAccountName", "ServiceCategory", currency], billed, {
      where: "ChargeClass = 'Correction'",
    }),
  },
  {
    name: "billed-sources",
    title: "Who hosts, provides and invoices what is billed?",
    library: ["Identify sources of billed cost"],
    sql: sums(["InvoiceIssuerName", "ServiceProviderName", "HostProviderName", "InvoiceId", currency], billed),
  },
  {
    name: "entities",
    title: "Which companies take part in each service?",
    library: ["Analyze cost by participating entities"],
    sql: sums(["ServiceName", "InvoiceIssuerName", "ServiceProviderName", "HostProviderName", currency], billed),
  },
  {
    name: "marketplace",
    title: "What was bought from other vendors through a cloud?",
    library: ["Analyze marketplace vendors costs", "Track marketplace purchases across providers"],
    sql: sums(
      ["ServiceProviderName", "HostProviderName", "InvoiceIssuerName", "ServiceName", currency],
      { ...billed, effective: "SUM(EffectiveCost)", resources: "COUNT(DISTINCT ResourceId)" },
      { where: "ServiceProviderName <> HostProviderName" },
    ),
  },
  {
    name: "cash-and-accrual",
    title: "How do billed and effective cost differ in each month?",
    library: ["Cash vs. Accrual Comparison by Billing Period"],
    sql: sums(["x_BillingMonth", "InvoiceIssuerName", currency], {
      ...billed,
      effective: "SUM(EffectiveCost)",
      difference: "SUM(BilledCost) - SUM(EffectiveCost)",
    }),
    months: 12,
  },
  {
    name: "discounted-prices",
    title: "Which discounts did each service get, without corrections?",
    library: ["Verify discount accuracy for a previously invoiced billing period (corrections excluded)"],
    sql: sums(
      ["ServiceProviderName", "BillingAccountId", "ServiceName", currency],
      { list: "SUM(ListCost)", effective: "SUM(EffectiveCost)", discount: "SUM(ListCost) - SUM(EffectiveCost)" },
      { where: "ChargeClass IS NULL AND ChargeCategory = 'Usage'" },
    ),
    rates: { discount_rate: ["discount", "list"] },
  },
  {
    name: "billing-entities",
    title: "Which kinds of billing accounts and sub accounts are there?",
    library: ["Understand the billing account or sub account entity"],
    sql: sums(
      ["ServiceProviderName", "BillingAccountId", "BillingAccountName", "BillingAccountType", "SubAccountType"],
      {
        sub_accounts: "COUNT(DISTINCT SubAccountId)",
      },
    ),
  },
  {
    name: "billed-months",
    title: "What was billed in each month, as the base of a budget or a cash forecast?",
    library: [
      "Update budgets with billed costs",
      "Report spending across billing periods for a service provider by service category",
      "Forecast cashflow month over month based on historical trends by service",
    ],
    sql: sums(["x_BillingMonth", "ServiceProviderName", "ServiceCategory", currency], billed),
    months: 12,
  },
  {
    name: "billed-accounts",
    title: "What was billed to each sub account, to compare with its budget?",
    library: ["Compare billed cost per subaccount to budget"],
    sql: sums(["ServiceProviderName", "SubAccountId", "SubAccountName", currency], billed, {
      where: "ChargeCategory IN ('Usage', 'Purchase')",
    }),
  },
];
