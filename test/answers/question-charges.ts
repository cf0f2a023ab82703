import type { Row } from "../support/deliveries.ts";
import { charge } from "./bills.ts";

/** Charges of two months, on which every question has an answer that can be worked out by hand. */
export const questionCharges = (month: string): readonly Row[] => {
  const of = (cells: Row): Row =>
    charge(month, { InvoiceId: "inv-1", BillingAccountId: "payer", InvoiceIssuerName: "AWS Inc.", ...cells });
  const commitment = { CommitmentDiscountId: "plan-1", CommitmentDiscountType: "Savings Plan" };
  return [
    of({
      EffectiveCost: "10",
      ListCost: "20",
      ContractedCost: "16",
      Tags: '{"team":"web"}',
      ConsumedQuantity: "4",
      ConsumedUnit: "GB",
    }),
    of({
      ...commitment,
      CommitmentDiscountStatus: "Used",
      PricingCategory: "Committed",
      BilledCost: "0",
      EffectiveCost: "6",
      ContractedCost: "9",
      ListCost: "12",
      SkuId: "sku-2",
    }),
    of({
      ...commitment,
      CommitmentDiscountStatus: "Unused",
      PricingCategory: "Committed",
      BilledCost: "0",
      EffectiveCost: "2",
      ContractedCost: "0",
      ListCost: "0",
      ResourceId: "plan-1",
    }),
    of({
      ...commitment,
      ChargeCategory: "Purchase",
      ChargeFrequency: "Recurring",
      BilledCost: "8",
      EffectiveCost: "0",
      CommitmentDiscountQuantity: "8",
      CommitmentDiscountUnit: "USD",
    }),
    of({
      EffectiveCost: "3",
      ServiceCategory: "Storage",
      ServiceName: "Disks",
      ServiceSubcategory: "Block Storage",
      PublisherName: "Northwind",
      RegionId: "us-east-1",
      AvailabilityZone: "us-east-1a",
      SubAccountId: "shop",
    }),
    of({
      EffectiveCost: "-5",
      ChargeCategory: "Credit",
      ChargeDescription: "promotion",
      ResourceId: "",
      SkuId: "",
      RegionId: "",
    }),
    of({ EffectiveCost: "-1", ChargeClass: "Correction" }),
    of({ EffectiveCost: "4", CapacityReservationId: "cr-1", CapacityReservationStatus: "Unused" }),
  ];
};
