import { amount, javaText, multiply, rateText, times } from "./amounts.ts";
import { awsAccounts, type AwsFleet } from "./aws-fleets.ts";
import { awsLine, type AwsLine, monthSpan, usageSpan } from "./aws-lines.ts";
import { awsProducts } from "./aws-meters.ts";
import { daysOf, type DemoDay, hoursOf } from "./company.ts";
import type { Cells } from "./delivery.ts";
import type { BillingMonth } from "../src/model.ts";

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

/** The cells with the savings plan's terms. */
export const savingsPlanTerms: Cells = {
  "savingsPlan/OfferingType": "ComputeSavingsPlans",
  "savingsPlan/PaymentOption": "No Upfront",
  "savingsPlan/PurchaseTerm": "1yr",
  "savingsPlan/StartTime": "2026-01-15T09:00:00.000Z",
  "savingsPlan/EndTime": "2027-01-15T08:59:59.000Z",
};

/** The cells with a reservation's terms. */
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

/** What the commitments themselves cost in a month, and the lines that take covered usage off the bill again. */
export function awsCommitments(month: BillingMonth, usage: readonly AwsLine[]): AwsLine[] {
  const owned = Object.values(reservations).filter(({ since }) => since <= month);
  return [
    ...owned.flatMap((reservation) => reservationFees(reservation, month, usage)),
    ...daysOf(month).map((day) => savingsPlanFee(day, month, usage)),
    ...negations(usage),
  ];
}

const hoursOfTerm = amount("8760");

function reservationFees(reservation: AwsReservation, month: BillingMonth, usage: readonly AwsLine[]): AwsLine[] {
  const bought = amount((hoursOf(month) * reservation.count).toString());
  const covered = usage.filter(({ cells }) => cells["reservation/ReservationARN"] === reservation.arn);
  const unused = bought - covered.reduce((sum, { quantity }) => sum + quantity, 0n);
  const cells = {
    ...monthSpan(month),
    ...reservationCells(reservation),
    "lineItem/UsageAccountId": awsAccounts.production.id,
    "lineItem/ProductCode": reservation.productCode,
    "lineItem/UsageType": reservation.usageType,
    "lineItem/Operation": reservation.operation,
    "product/ProductName": awsProducts[reservation.productCode] ?? "",
    "product/region": "us-east-1",
    "product/regionCode": "us-east-1",
    "product/servicecode": reservation.productCode,
    "pricing/unit": "Hrs",
  };
  const fee = {
    ...cells,
    "lineItem/LineItemType": "RIFee",
    "lineItem/LineItemDescription": `USD ${rateText(reservation.recurringHourly)} hourly fee for ${reservation.usageType}, ${reservation.purchaseOption}`,
    "reservation/AmortizedUpfrontFeeForBillingPeriod": javaText(multiply(bought, reservation.upfrontHourly, 10)),
    "reservation/TotalReservedUnits": javaText(bought),
    "reservation/UnusedQuantity": javaText(unused),
    "reservation/UnusedRecurringFee": javaText(multiply(unused, reservation.recurringHourly, 10)),
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": javaText(multiply(unused, reservation.upfrontHourly, 10)),
  };
  const lines = [awsLine(fee, bought, reservation.recurringHourly)];
  if (reservation.since === month && reservation.upfrontHourly > 0n) {
    const upfront = multiply(reservation.upfrontHourly, hoursOfTerm);
    const purchase = {
      ...cells,
      ...usageSpan(`${month}-01`, `${month}-02`),
      "bill/BillType": "Purchase",
      "lineItem/LineItemType": "Fee",
      "lineItem/LineItemDescription": `Sign up charge for subscription: ${reservation.subscription}`,
      "reservation/UpfrontValue": javaText(upfront),
    };
    lines.push(awsLine(purchase, amount(reservation.count.toString()), upfront));
  }
  return lines;
}

function savingsPlanFee(day: DemoDay, month: BillingMonth, usage: readonly AwsLine[]): AwsLine {
  const start = `${day.date}T00:00:00Z`;
  const used = usage
    .filter(
      ({ cells }) => cells["savingsPlan/SavingsPlanARN"] !== undefined && cells["lineItem/UsageStartDate"] === start,
    )
    .reduce((sum, { cells }) => sum + amount(cells["savingsPlan/SavingsPlanEffectiveCost"] ?? "0"), 0n);
  const total = times(savingsPlan.hourly, 24);
  return awsLine(
    {
      ...savingsPlanProduct,
      ...savingsPlanTerms,
      ...usageSpan(day.date, day.next),
      "lineItem/LineItemType": "SavingsPlanRecurringFee",
      "lineItem/UsageAccountId": awsAccounts.management.id,
      "lineItem/UsageType": "ComputeSP:1yrNoUpfront",
      "lineItem/LineItemDescription": "1 year No Upfront Compute Savings Plan",
      "pricing/unit": "Hrs",
      "savingsPlan/TotalCommitmentToDate": javaText(total),
      "savingsPlan/UsedCommitment": javaText(used),
      "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod": "0.0",
      "savingsPlan/RecurringCommitmentForBillingPeriod": javaText(savingsPlan.hourly * hoursOf(month)),
    },
    amount("24"),
    savingsPlan.hourly,
  );
}

const savingsPlanProduct = {
  "lineItem/ProductCode": "ComputeSavingsPlans",
  "lineItem/ResourceId": savingsPlan.arn,
  "product/ProductName": "Savings Plans for AWS Compute usage",
  "product/servicecode": "ComputeSavingsPlans",
  "savingsPlan/SavingsPlanARN": savingsPlan.arn,
};

/** One line for each account, usage type and day that the savings plan covered, of exactly what it covered. */
function negations(usage: readonly AwsLine[]): AwsLine[] {
  const groups = Map.groupBy(
    usage.filter(({ cells }) => cells["lineItem/LineItemType"] === "SavingsPlanCoveredUsage"),
    ({ cells }) =>
      [cells["lineItem/UsageAccountId"], cells["lineItem/UsageType"], cells["lineItem/UsageStartDate"]].join(" "),
  );
  return [...groups.values()].flatMap((lines) => {
    const cells = lines[0]?.cells ?? {};
    const kept = [
      "identity/TimeInterval",
      "lineItem/UsageStartDate",
      "lineItem/UsageEndDate",
      "lineItem/UsageAccountId",
      "lineItem/ProductCode",
      "lineItem/UsageType",
      "lineItem/Operation",
      "lineItem/UnblendedRate",
      "product/ProductName",
      "product/region",
      "product/regionCode",
      "product/servicecode",
      "pricing/unit",
    ];
    return {
      cells: {
        ...Object.fromEntries(kept.map((name) => [name, cells[name] ?? ""])),
        ...savingsPlanTerms,
        "lineItem/LineItemType": "SavingsPlanNegation",
        "lineItem/LineItemDescription": `SavingsPlanNegation used by AccountId : ${cells["lineItem/UsageAccountId"]} and UsageSku : ${cells["product/sku"]}`,
        "savingsPlan/SavingsPlanARN": savingsPlan.arn,
      },
      quantity: lines.reduce((sum, { quantity }) => sum + quantity, 0n),
      cost: -lines.reduce((sum, { cost }) => sum + cost, 0n),
    };
  });
}
