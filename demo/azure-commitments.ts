import type { BillingMonth } from "../src/model.ts";
import { amount, amountText, multiply, times } from "./amounts.ts";
import { azureRow, subscriptionCells, type AzureRow } from "./azure-rows.ts";
import type { Cells } from "./delivery.ts";
import { daysOf, hoursOf, type DemoDay } from "./company.ts";

/** A commitment that is paid by the month: hours of a machine (reservation) or money by the hour (savings plan). */
export interface AzureCommitment {
  readonly id: string;
  readonly name: string;
  readonly type: "Reservation" | "Savings Plan";
  readonly category: "Usage" | "Spend";
  readonly region: "westeurope" | null;
  /** Machines reserved; 1 for a savings plan. */
  readonly count: bigint;
  /** What one hour of one of them costs. */
  readonly hourly: bigint;
  readonly service: string;
  readonly meter: string;
}

/** The commitments of the demo's company on Azure, both a little larger than what it uses. */
export const azureCommitments: Readonly<Record<"reservation" | "savings-plan", AzureCommitment>> = {
  reservation: {
    id: "/providers/microsoft.capacity/reservationorders/0b6d31c8-75a2-4b8e-93f4-6f2e18d7c059/reservations/9e4c7f20-1d83-46ab-b0e7-5a3c92f8d164",
    name: "storefront-d4sv5",
    type: "Reservation",
    category: "Usage",
    region: "westeurope",
    count: 9n,
    hourly: amount("0.1403"),
    service: "Virtual Machines",
    meter: "D4s v5",
  },
  "savings-plan": {
    id: "/providers/microsoft.billingbenefits/savingsplanorders/47f9a1e3-20c6-4d75-8e9b-c3d6b0728f15/savingsplans/6a80d5b2-f94e-4137-a2c8-19e7b3d0f546",
    name: "compute-2026",
    type: "Savings Plan",
    category: "Spend",
    region: null,
    count: 1n,
    hourly: amount("2.2"),
    service: "Virtual Machines",
    meter: "Compute Savings Plan",
  },
};

/** The part of the list price that usage costs under the savings plan. */
const savingsPlanFactor = 0.71;

/** What a commitment has cost for some usage, and how much of the commitment that took. */
export interface CommittedPrice {
  readonly cost: bigint;
  readonly quantity: bigint;
}

/** What usage at a list price costs under a commitment. */
export function committedPrice(commitment: AzureCommitment, list: bigint, quantity: bigint): CommittedPrice {
  const hourly = commitment.category === "Usage" ? commitment.hourly : times(list, savingsPlanFactor, 10);
  const cost = multiply(quantity, hourly);
  return { cost, quantity: commitment.category === "Usage" ? quantity : cost };
}

/** The cells that name a commitment; a purchase lacks a status. */
export function commitmentCells(
  commitment: AzureCommitment,
  status: "Used" | "Unused" | "",
  { quantity }: CommittedPrice,
): Cells {
  return {
    CommitmentDiscountId: commitment.id,
    CommitmentDiscountName: commitment.name,
    CommitmentDiscountCategory: commitment.category,
    CommitmentDiscountType: commitment.type,
    CommitmentDiscountStatus: status,
    CommitmentDiscountQuantity: amountText(quantity),
    CommitmentDiscountUnit: commitment.category === "Usage" ? "Hours" : "USD",
    PricingCategory: status === "" ? "Standard" : "Committed",
    x_AmortizationClass: status === "" ? "Principal" : "Amortized Charge",
    x_SkuOrderId: commitment.id.split("/")[4] ?? "",
    x_SkuTerm: "12",
  };
}

/** The cost of the commitments in a month, and their unused part on each of its days. */
export function azureCommitmentRows(month: BillingMonth, usage: readonly AzureRow[]): AzureRow[] {
  return Object.values(azureCommitments).flatMap((commitment) => {
    const covered = usage.filter(({ cells }) => cells["CommitmentDiscountId"] === commitment.id);
    return [
      purchase(commitment, month),
      ...daysOf(month).flatMap((day) =>
        unused(
          commitment,
          day,
          covered.filter(({ date }) => date === day.date),
        ),
      ),
    ];
  });
}

function purchase(commitment: AzureCommitment, month: BillingMonth): AzureRow {
  const quantity = amount(commitment.count.toString());
  const fee = commitment.hourly * hoursOf(month);
  const cells = {
    ...ownCells(commitment),
    ...commitmentCells(commitment, "", { cost: 0n, quantity: amount((hoursOf(month) * commitment.count).toString()) }),
    ChargeCategory: "Purchase",
    ChargeFrequency: "Recurring",
    ChargeDescription: `${commitment.type}, ${commitment.meter}, 1 year, paid monthly`,
    PricingUnit: "Units",
  };
  const price = { quantity, list: fee, contracted: fee, billed: null, effective: 0n };
  return azureRow(cells, `${month}-01`, `${month}-02`, price);
}

function unused(commitment: AzureCommitment, day: DemoDay, covered: readonly AzureRow[]): AzureRow[] {
  const cost = times(commitment.hourly, 24) * commitment.count - covered.reduce((sum, row) => sum + row.effective, 0n);
  if (cost <= 0n) return [];
  const used = covered.reduce((sum, { cells }) => sum + amount(cells["CommitmentDiscountQuantity"] ?? "0"), 0n);
  const quantity = commitment.category === "Usage" ? amount((24n * commitment.count).toString()) - used : cost;
  const cells = {
    ...ownCells(commitment),
    ...commitmentCells(commitment, "Unused", { cost, quantity }),
    ChargeCategory: "Usage",
    ChargeFrequency: "Usage-Based",
    ChargeDescription: `${commitment.type}, ${commitment.meter}, unused`,
    PricingUnit: commitment.category === "Usage" ? "Hours" : "USD",
  };
  // Azure prices the unused part at zero: only its effective cost shows it.
  return [azureRow(cells, day.date, day.next, { quantity, list: 0n, contracted: 0n, billed: 0n, effective: cost })];
}

function ownCells(commitment: AzureCommitment): Cells {
  return {
    ...subscriptionCells("shared"),
    PublisherName: "Microsoft",
    ServiceName: commitment.service,
    ServiceCategory: "Compute",
    ServiceSubcategory: "Virtual Machines",
    ResourceId: commitment.id,
    ResourceName: commitment.name,
    ResourceType: commitment.type,
    RegionId: commitment.region ?? "",
    RegionName: commitment.region === null ? "" : "West Europe",
    SkuId: commitment.category === "Usage" ? "DZH318Z0CSHH" : "DZH318Z09V39",
    SkuPriceId: commitment.category === "Usage" ? "DZH318Z0CSHH_01L4_000D4S5" : "DZH318Z09V39_00C8_000SP1Y",
    SkuMeter: commitment.meter,
    x_PublisherCategory: "Cloud Provider",
    x_ServiceModel: "IaaS",
    x_SkuIsCreditEligible: "false",
  };
}
