import type { Row } from "../support/deliveries.ts";
import { type Bill, mcaRow } from "./azure-bills.ts";

/** The order of a savings plan, as its purchase has it. */
export const planOrder = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/2D6B5A10-7c41-4f8e-b2a9-0c1d2e3f4a5b";
/** The savings plan, as its use has it. */
export const plan: string = `${planOrder}/savingsPlans/9A8B7C6D-1e2f-4a3b-8c4d-5e6f7a8b9c0d`;

/** What both exports of the Microsoft Customer Agreement have. */
const mcaShared: readonly Row[] = [
  mcaRow(),
  mcaRow({
    ProductName: "rounding",
    chargeType: "RoundingAdjustment",
    frequency: "OneTime",
    meterCategory: "",
    meterSubCategory: "Rounding Adjustment",
    consumedService: "",
    ResourceId: "",
    SubscriptionId: "",
    quantity: "0",
    unitPrice: "",
    PayGPrice: "",
    paygCostInBillingCurrency: "",
    costInBillingCurrency: "0.0041",
  }),
  mcaRow({
    ProductName: "shortfall",
    chargeType: "MACC Shortfall",
    frequency: "OneTime",
    meterCategory: "",
    meterSubCategory: "MACC Shortfall",
    consumedService: "",
    ResourceId: "",
    SubscriptionId: "00000000-0000-0000-0000-000000000000",
    unitPrice: "",
    costInBillingCurrency: "2500.77",
  }),
  mcaRow({ ProductName: "credit", chargeType: "Credit", frequency: "OneTime", costInBillingCurrency: "-50.125" }),
  mcaRow({ ProductName: "same invoice", chargeType: "Refund", frequency: "OneTime", costInBillingCurrency: "-1" }),
  mcaRow({
    ProductName: "earlier invoice",
    previousInvoiceId: "G068887776",
    chargeType: "Refund",
    frequency: "OneTime",
    costInBillingCurrency: "-2",
  }),
  mcaRow({
    ProductName: "dollars",
    billingCurrency: "USD",
    billingProfileId: "USUS-K2QD-BG7-PGB",
    exchangeRatePricingToBilling: "1",
    costInBillingCurrency: "0.96",
    paygCostInBillingCurrency: "1.01",
  }),
  mcaRow({ ProductName: "partner", partnerName: "Partner AG", tags: '{"a": "b"}' }),
];
const planned = { ProductName: "planned", pricingModel: "SavingsPlan", benefitId: plan, benefitName: "eu" };
const planPurchase = {
  ProductName: "plan",
  chargeType: "Purchase",
  frequency: "Recurring",
  pricingModel: "SavingsPlan",
  consumedService: "Microsoft.BillingBenefits",
  SubscriptionId: "",
  ResourceId: planOrder,
  quantity: "1",
  unitPrice: "3",
  PayGPrice: "0",
  costInBillingCurrency: "2.625",
  costInPricingCurrency: "3",
  benefitId: planOrder,
  benefitName: "eu",
};
/** Actual cost. */
export const mcaActual: Bill = {
  name: "azure_actual",
  month: "2025-06",
  type: "ActualCost",
  rows: [
    ...mcaShared,
    mcaRow({ ...planned, costInBillingCurrency: "0", costInPricingCurrency: "0", costInUsd: "0" }),
    mcaRow(planPurchase),
  ],
};
/** Amortized cost of the same month. */
export const mcaAmortized: Bill = {
  name: "azure_amortized",
  month: "2025-06",
  type: "AmortizedCost",
  rows: [
    ...mcaShared,
    mcaRow({ ...planned, costInBillingCurrency: "0.6125", costInPricingCurrency: "0.7" }),
    mcaRow({
      ...planned,
      ProductName: "",
      chargeType: "UnusedSavingsPlan",
      consumedService: "Microsoft.BillingBenefits",
      meterName: "unused plan",
      SubscriptionId: "",
      ResourceId: plan,
      publisherName: "",
      quantity: "1",
      unitPrice: "0",
      PayGPrice: "0",
      paygCostInBillingCurrency: "0",
      costInBillingCurrency: "0.35",
      costInPricingCurrency: "0.4",
    }),
  ],
};
