import type { BillingMonth } from "../src/model.ts";
import { azureBookedRow, subscriptionCells, type AzureRow } from "./azure-rows.ts";
import { lastDayOf, nextMonth } from "./months.ts";
import { alphabets, randomFrom } from "./random.ts";

/** What is on a bill beside usage and commitments: a credit, and in July the correction of an earlier month. */
export function azureCharges(month: BillingMonth): AzureRow[] {
  const credit = azureBookedRow(
    {
      ...bookedCells,
      ChargeCategory: "Credit",
      ChargeDescription: "Azure sponsorship credit",
      ServiceName: "Azure Credits",
    },
    `${month}-01`,
    `${month}-02`,
    "-650",
  );
  if (month !== "2026-07") return [credit];
  const correction = azureBookedRow(
    {
      ...bookedCells,
      ...subscriptionCells("retail"),
      ChargeCategory: "Adjustment",
      ChargeClass: "Correction",
      ChargeDescription: "Correction of Azure Cosmos DB usage of 2026-06",
      ServiceName: "Azure Cosmos DB",
      ServiceCategory: "Databases",
      ServiceSubcategory: "NoSQL Databases",
    },
    "2026-06-21",
    "2026-06-22",
    "-83.174219640000000012",
  );
  return [credit, correction];
}

/** The rounding that an invoice takes to the cent; it comes with the invoice. */
export function roundingAdjustment(month: BillingMonth): AzureRow {
  const last = lastDayOf(month);
  const draw = randomFrom(`azure rounding ${month}`);
  return azureBookedRow(
    {
      ...bookedCells,
      ChargeCategory: "Adjustment",
      ChargeDescription: "Rounding adjustment",
      ServiceName: "Rounding Adjustment",
    },
    last,
    `${nextMonth(month)}-01`,
    `${draw.text("-+", 1)}0.00${draw.text("01234", 1)}${draw.text(alphabets.decimal, 15)}`.replace("+", ""),
  );
}

const bookedCells = {
  ...subscriptionCells("shared"),
  ChargeFrequency: "One-Time",
  PricingCategory: "Other",
  PublisherName: "Microsoft",
  ServiceCategory: "Other",
  ServiceSubcategory: "Other (Other)",
  x_PublisherCategory: "Cloud Provider",
  x_ServiceModel: "",
};
