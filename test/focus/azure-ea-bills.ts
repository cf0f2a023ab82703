import type { Row } from "../support/deliveries.ts";
import { type Bill, eaRow } from "./azure-bills.ts";

/** The order of a reservation, as its purchase has it. */
export const order = "/providers/Microsoft.Capacity/reservationOrders/AAAAAAAA-1111-4222-8333-444455556666";
/** The reservation, as its use has it. */
export const reservation: string = `${order}/reservations/BBBBBBBB-7777-4888-8999-aaaabbbbcccc`;

/** What both exports of the Enterprise Agreement have. */
const eaShared: readonly Row[] = [
  eaRow({ Tags: '"env": "prod","team": "a, {b}"' }),
  eaRow({ ProductName: "broken", Tags: '"env": "pro', AdditionalInfo: '{"VCPUs": 2, "Usa' }),
  eaRow({ ProductName: "spot", PricingModel: "Spot", CostInBillingCurrency: "0.2", UnitPrice: "0.02" }),
  eaRow({
    ProductName: "operations",
    ConsumedService: "Microsoft.Storage",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.Storage/storageAccounts/files",
    UnitOfMeasure: "10K",
    Quantity: "0.0129",
    UnitPrice: "0.05",
    PayGPrice: "0.06",
    CostInBillingCurrency: "0.000645",
  }),
  eaRow({
    ProductName: "seats",
    ChargeType: "Purchase",
    Frequency: "Recurring",
    PublisherType: "Marketplace",
    PublisherName: "Contoso Ltd",
    ConsumedService: "Microsoft.SaaS",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.SaaS/resources/backup",
    UnitOfMeasure: "1/Month",
    Quantity: "1",
    UnitPrice: "400",
    PayGPrice: "0",
    CostInBillingCurrency: "400",
  }),
  eaRow({ ProductName: "tax", ChargeType: "Tax", Frequency: "OneTime", CostInBillingCurrency: "7.5", UnitPrice: "" }),
  eaRow({ ProductName: "mystery", ChargeType: "Surprise", Frequency: "OneTime", CostInBillingCurrency: "-0.25" }),
  eaRow({ ProductName: "no price", UnitPrice: "0", PayGPrice: "0", CostInBillingCurrency: "2" }),
  eaRow({ ProductName: "dear", UnitPrice: "0.1", CostInBillingCurrency: "1.152" }),
  eaRow({
    ProductName: "unknown words",
    ConsumedService: "Microsoft.Nowhere",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.Nowhere/things/one",
    ResourceLocation: "Moon North",
    UnitOfMeasure: "3 Wishes",
    MeterCategory: "Wishes",
  }),
  eaRow({
    ProductName: "reserved capacity",
    AdditionalInfo: '{"VMCapacityReservationId": "/subscriptions/X/capacityReservationGroups/G"}',
  }),
  eaRow({
    ProductName: "reserved capacity, unused",
    ResourceId:
      "/subscriptions/x/resourceGroups/y/providers/Microsoft.Compute/capacityReservationGroups/g/capacityReservations/c",
    AdditionalInfo: '{"VMCapacityReservationId": "/subscriptions/X/capacityReservationGroups/G"}',
  }),
  eaRow({
    ProductName: "function",
    ConsumedService: "Functions",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.Web/sites/one",
  }),
  eaRow({
    ProductName: "site",
    ConsumedService: "Microsoft.Web",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.Web/sites/two",
  }),
  eaRow({ ProductName: "refund of seats", ChargeType: "Refund", Frequency: "OneTime", CostInBillingCurrency: "-40" }),
];
/** Usage that the reservation covers. */
export const covered: Row = {
  ProductName: "covered",
  PricingModel: "Reservation",
  ReservationId: "BBBBBBBB-7777-4888-8999-aaaabbbbcccc",
  benefitId: reservation,
  benefitName: "shop",
  AdditionalInfo: '{"RINormalizationRatio": 2}',
};
/** The unused part of the reservation. */
export const unused: Row = {
  ProductName: "unused reservation",
  ChargeType: "UnusedReservation",
  PricingModel: "Reservation",
  Quantity: "5",
  UnitPrice: "0",
  PayGPrice: "0",
  CostInBillingCurrency: "0.3",
  ConsumedService: "Microsoft.Capacity",
  ResourceId: reservation,
  benefitId: reservation,
  benefitName: "shop",
};
/** A payment for the reservation. */
export const purchase: Row = {
  ProductName: "reservation",
  ChargeType: "Purchase",
  Frequency: "Recurring",
  PricingModel: "Reservation",
  Quantity: "1",
  CostInBillingCurrency: "61.2",
  UnitPrice: "61.2",
  PayGPrice: "0",
  ConsumedService: "Microsoft.Capacity",
  ResourceId: order,
  benefitId: order,
  benefitName: "shop",
};
const refund = {
  ...purchase,
  ProductName: "refund of a reservation",
  ChargeType: "Refund",
  Frequency: "OneTime",
  Quantity: "-1",
  CostInBillingCurrency: "-10.5",
};
/** Actual cost. */
export const eaActual: Bill = {
  name: "azure_actual",
  month: "2025-03",
  type: "ActualCost",
  rows: [...eaShared, eaRow({ ...covered, CostInBillingCurrency: "0" }), eaRow(purchase), eaRow(refund)],
};
/** Amortized cost of the same month. */
export const eaAmortized: Bill = {
  name: "azure_amortized",
  month: "2025-03",
  type: "AmortizedCost",
  rows: [...eaShared, eaRow({ ...covered, CostInBillingCurrency: "0.5" }), eaRow(unused)],
};
