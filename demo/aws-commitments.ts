import type { BillingMonth } from "../src/model.ts";
import { amount, javaText, multiply, rateText, times } from "./amounts.ts";
import { awsAccounts, type AwsFleet } from "./aws-fleets.ts";
import { awsLine, usageSpan, type AwsLine } from "./aws-lines.ts";
import type { Cells } from "./csv.ts";
import type { DemoDay } from "./months.ts";

const payer = awsAccounts.management.id;
const production = awsAccounts.production.id;

/** A compute savings plan without upfront payment: what one hour of it costs, and what it takes off a price. */
export const savingsPlan: { readonly arn: string; readonly hourly: bigint; readonly priceFactor: number } = {
  arn: `arn:aws:savingsplans::${payer}:savingsplan/7f1d0c52-93ab-4c0e-8a57-21f4be6d9c03`,
  hourly: amount("9.97"),
  priceFactor: 0.72,
};

/** Reserved hours of one instance type. */
export interface AwsReservation {
  readonly arn: string;
  readonly subscription: string;
  readonly count: bigint;
  readonly usageType: string;
  readonly operation: string;
  readonly productCode: string;
  readonly purchaseOption: string;
  /** The first month that it covers; a part of its price is paid upfront on that day. */
  readonly since: BillingMonth;
  readonly recurringHourly: bigint;
  readonly upfrontHourly: bigint;
}

/** The reservations of the demo's company on AWS. */
export const reservations: Readonly<Record<"aurora" | "cache", AwsReservation>> = {
  aurora: {
    arn: `arn:aws:rds:us-east-1:${production}:ri:checkout-aurora-2026-02-11`,
    subscription: "4418270965",
    count: 4n,
    usageType: "InstanceUsage:db.r6g.2xl",
    operation: "CreateDBInstance:0021",
    productCode: "AmazonRDS",
    purchaseOption: "No Upfront",
    since: "2026-02",
    recurringHourly: amount("0.6747"),
    upfrontHourly: 0n,
  },
  // One more than the company runs, so that a part of it stays unused.
  cache: {
    arn: `arn:aws:elasticache:us-east-1:${production}:reserved-instance:storefront-cache-2026-06-01`,
    subscription: "4472913308",
    count: 6n,
    usageType: "NodeUsage:cache.r6g.large",
    operation: "CreateCacheCluster:0002",
    productCode: "AmazonElastiCache",
    purchaseOption: "Partial Upfront",
    since: "2026-06",
    recurringHourly: amount("0.0647"),
    upfrontHourly: amount("0.0647"),
  },
};

/** One day's usage of one resource, charged as its commitment says: on demand, by the savings plan, or by a reservation. */
export function chargedLine(
  fleet: AwsFleet,
  resource: Cells,
  rate: bigint,
  quantity: bigint,
  day: DemoDay,
  month: BillingMonth,
): AwsLine {
  const cells = {
    ...resource,
    ...usageSpan(day.date, day.next),
    "pricing/publicOnDemandCost": javaText(multiply(quantity, rate, 10)),
    "pricing/publicOnDemandRate": rateText(rate),
    "pricing/term": "OnDemand",
  };
  if (fleet.commitment === "savings-plan") {
    const planRate = times(rate, savingsPlan.priceFactor, 10);
    return awsLine(
      {
        ...cells,
        "lineItem/LineItemType": "SavingsPlanCoveredUsage",
        "savingsPlan/SavingsPlanARN": savingsPlan.arn,
        "savingsPlan/SavingsPlanRate": javaText(planRate),
        "savingsPlan/SavingsPlanEffectiveCost": javaText(multiply(quantity, planRate, 10)),
        ...savingsPlanTerms,
      },
      quantity,
      rate,
    );
  }
  const reservation = fleet.commitment === null ? undefined : reservations[fleet.commitment];
  if (reservation === undefined || month < reservation.since) {
    return awsLine({ ...cells, "lineItem/LineItemType": "Usage" }, quantity, rate);
  }
  const recurring = multiply(quantity, reservation.recurringHourly, 10);
  const upfront = multiply(quantity, reservation.upfrontHourly, 10);
  const covered = {
    ...cells,
    ...reservationCells(reservation),
    "lineItem/LineItemType": "DiscountedUsage",
    "reservation/AmortizedUpfrontCostForUsage": javaText(upfront),
    "reservation/RecurringFeeForUsage": javaText(recurring),
    "reservation/EffectiveCost": javaText(recurring + upfront),
  };
  return awsLine(covered, quantity, 0n);
}

/** The cells that tell the savings plan's terms. */
export const savingsPlanTerms: Cells = {
  "savingsPlan/OfferingType": "ComputeSavingsPlans",
  "savingsPlan/PaymentOption": "No Upfront",
  "savingsPlan/PurchaseTerm": "1yr",
  "savingsPlan/StartTime": "2026-01-15T09:00:00.000Z",
  "savingsPlan/EndTime": "2027-01-15T08:59:59.000Z",
};

/** The cells that tell a reservation's terms. */
export function reservationCells(reservation: AwsReservation): Cells {
  return {
    "reservation/ReservationARN": reservation.arn,
    "reservation/SubscriptionId": reservation.subscription,
    "reservation/NumberOfReservations": reservation.count.toString(),
    "reservation/UnitsPerReservation": "1",
    "pricing/term": "Reserved",
    "pricing/LeaseContractLength": "1yr",
    "pricing/OfferingClass": "standard",
    "pricing/PurchaseOption": reservation.purchaseOption,
  };
}
