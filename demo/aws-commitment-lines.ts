import type { BillingMonth } from "../src/model.ts";
import { amount, javaText, multiply, rateText, times } from "./amounts.ts";
import {
  reservationCells,
  reservations,
  savingsPlan,
  savingsPlanTerms,
  type AwsReservation,
} from "./aws-commitments.ts";
import { awsAccounts } from "./aws-fleets.ts";
import { awsLine, monthSpan, usageSpan, type AwsLine } from "./aws-lines.ts";
import { awsProducts } from "./aws-meters.ts";
import { daysOf, hoursOf, type DemoDay } from "./months.ts";

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
