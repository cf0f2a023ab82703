import { amount, amountText, times } from "../../demo/amounts.ts";
import { daysOf, randomFrom } from "../../demo/company.ts";
import { nextMonth } from "../../src/schema/periods.ts";
import { curRow, type Row } from "../../test/support/deliveries.ts";

/** What a line of the bill is for. */
export type Kind =
  | "usage"
  | "covered"
  | "negation"
  | "reserved"
  | "fee"
  | "upfront"
  | "credit"
  | "refund"
  | "tax"
  | "marketplace"
  | "support"
  | "discount";

/** What FOCUS demands of a line, from the numbers that the line was made of. Amounts are exact decimal text. */
export interface Truth {
  readonly line: string;
  readonly kind: Kind;
  readonly billed: string;
  /** Of a recurring fee for a commitment, what was not used of it: the effective cost of its row with the status Unused. */
  readonly effective: string;
  /** Null where FOCUS leaves it open. */
  readonly category: string | null;
  readonly pricing: string | null;
  readonly isCorrection: boolean;
}

/** A generated month. */
export interface Bill {
  readonly month: string;
  readonly rows: readonly Row[];
  readonly truths: readonly Truth[];
}

/** In the first month discounts are lines of their own, in the second one the report has net amounts. */
export const months: readonly string[] = ["2026-03", "2026-04"];

const plan = "arn:aws:savingsplans::111100002222:savingsplan/aaaa";
const upfrontPlan = "arn:aws:savingsplans::111100002222:savingsplan/bbbb";
const reservation = "arn:aws:ec2:us-east-1:111100002222:reserved-instances/cccc";

/** The cells of a line in which its net amount, unlike its cost, is not a tenth less. */
interface Amounts {
  readonly net?: bigint;
  readonly billed?: bigint;
  readonly effective?: bigint;
}

/** A month with each kind of charge. The same month has the same bill every time. */
export function billOf(month: string): Bill {
  const hasNet = month !== months[0];
  const random = randomFrom(`opponents ${month}`);
  const rows: Row[] = [];
  const truths: Truth[] = [];
  const net = (cost: bigint): bigint => (hasNet ? times(cost, 0.9, 10) : cost);
  const netCell = (column: string, value: bigint): Row => (hasNet ? { [column]: amountText(value) } : {});
  const some = (most: number): bigint => amount(random.between(0.01, most).toFixed(10));

  const add = (
    kind: Kind,
    type: string,
    cost: bigint,
    cells: Row,
    {
      category = "Usage",
      pricing = "Standard",
    }: { readonly category?: string | null; readonly pricing?: string | null },
    amounts: Amounts = {},
  ): void => {
    const line = `${month} ${rows.length}`;
    const { net: netCost = net(cost), billed = netCost, effective = billed } = amounts;
    rows.push(
      curRow(month, {
        "identity/LineItemId": line,
        ...billCells,
        "lineItem/LineItemType": type,
        "lineItem/UnblendedCost": amountText(cost),
        ...netCell("lineItem/NetUnblendedCost", netCost),
        ...cells,
      }),
    );
    const isCorrection = kind === "refund";
    truths.push({
      line,
      kind,
      billed: amountText(billed),
      effective: amountText(effective),
      category,
      pricing,
      isCorrection,
    });
  };

  const wholeMonth = spanOf(`${month}-01`, `${nextMonth(month)}-01`);
  let reservedHours = 0n;
  for (const { date, next } of daysOf(month)) {
    const instance = { ...spanOf(date, next), ...instanceCells };
    for (let count = 0; count < 6; count += 1) {
      const price = some(30);
      add("usage", "Usage", price, { ...instance, ...listed(price) }, {});
    }
    add(
      "usage",
      "Usage",
      some(4),
      { ...instance, "lineItem/UsageType": "USE1-SpotUsage:m5.large", "product/purchaseOption": "Spot Instances" },
      { pricing: "Dynamic" },
    );
    for (const arn of [plan, upfrontPlan]) {
      let [used, netUsed, offset, netOffset] = [0n, 0n, 0n, 0n];
      for (let count = 0; count < 4; count += 1) {
        const price = some(20);
        const cost = times(price, 0.72, 10);
        [used, netUsed, offset, netOffset] = [used + cost, netUsed + net(cost), offset + price, netOffset + net(price)];
        const cells = {
          "savingsPlan/SavingsPlanARN": arn,
          "savingsPlan/SavingsPlanEffectiveCost": amountText(cost),
          ...netCell("savingsPlan/NetSavingsPlanEffectiveCost", net(cost)),
        };
        const amounts = { billed: 0n, effective: net(cost) };
        add(
          "covered",
          "SavingsPlanCoveredUsage",
          price,
          { ...instance, ...listed(price), ...cells },
          { pricing: "Committed" },
          amounts,
        );
      }
      // AWS rounds negations on their own: a cent of what they take off stays on the bill.
      const left = amount("0.01");
      const negation = { ...instance, "savingsPlan/SavingsPlanARN": arn };
      add(
        "negation",
        "SavingsPlanNegation",
        left - offset,
        negation,
        { category: "Adjustment", pricing: null },
        { net: left - netOffset, billed: left },
      );

      const commitment = used + some(12);
      const isUpfront = arn === upfrontPlan;
      const fee = {
        ...spanOf(date, next),
        ...planProduct,
        "savingsPlan/SavingsPlanARN": arn,
        "savingsPlan/TotalCommitmentToDate": amountText(commitment),
        "savingsPlan/UsedCommitment": amountText(used),
        ...netCell("savingsPlan/NetRecurringCommitmentForBillingPeriod", isUpfront ? 0n : net(commitment)),
        ...netCell("savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod", isUpfront ? net(commitment) : 0n),
      };
      const paid = isUpfront ? 0n : commitment;
      add(
        "fee",
        "SavingsPlanRecurringFee",
        paid,
        fee,
        { category: "Purchase" },
        { effective: net(commitment) - netUsed },
      );
    }
    const hourly = { recurring: amount("0.048"), upfront: amount("0.024") };
    const hours = amount(String(Math.floor(random.between(12, 25))));
    const cost = times(hourly.recurring + hourly.upfront, Number(amountText(hours)), 10);
    reservedHours += hours;
    const covered = {
      ...instance,
      "lineItem/UsageAmount": amountText(hours),
      ...listed(times(amount("0.096"), Number(amountText(hours)), 10)),
      "product/purchaseOption": "Reserved Instances",
      "pricing/term": "Reserved",
      "reservation/ReservationARN": reservation,
      "reservation/EffectiveCost": amountText(cost),
      ...netCell("reservation/NetEffectiveCost", net(cost)),
    };
    add("reserved", "DiscountedUsage", 0n, covered, { pricing: "Committed" }, { effective: net(cost) });
  }

  const bought = amount("744");
  const unusedHours = Number(amountText(bought - reservedHours));
  const [recurring, amortized] = [times(amount("0.048"), unusedHours, 10), times(amount("0.024"), unusedHours, 10)];
  const reservationFee = {
    ...wholeMonth,
    ...instanceCells,
    "lineItem/UsageAmount": "744",
    "reservation/ReservationARN": reservation,
    "reservation/UnusedQuantity": String(unusedHours),
    "reservation/UnusedRecurringFee": amountText(recurring),
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": amountText(amortized),
    ...netCell("reservation/NetUnusedRecurringFee", net(recurring)),
    ...netCell("reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod", net(amortized)),
  };
  add(
    "fee",
    "RIFee",
    times(amount("0.048"), 744, 10),
    reservationFee,
    { category: "Purchase" },
    { effective: net(recurring) + net(amortized) },
  );

  const purchase = { ...wholeMonth, "bill/BillType": "Purchase" };
  const upfrontFee = { ...purchase, ...instanceCells, "reservation/ReservationARN": reservation };
  add("upfront", "Fee", amount("210.24"), upfrontFee, { category: "Purchase" }, { effective: 0n });
  const planFee = { ...purchase, ...planProduct, "savingsPlan/SavingsPlanARN": upfrontPlan };
  add("upfront", "SavingsPlanUpfrontFee", amount("18250"), planFee, { category: "Purchase" }, { effective: 0n });

  add(
    "credit",
    "Credit",
    amount("-1500"),
    { ...wholeMonth, "lineItem/LineItemDescription": "Migration credit" },
    { category: "Credit", pricing: null },
  );
  const earlier = spanOf("2026-01-18", "2026-01-19");
  const refund = { ...earlier, "bill/BillType": "Refund", "lineItem/UsageType": "DataTransfer-Out-Bytes" };
  add("refund", "Refund", amount("-212.37"), refund, { pricing: null });
  add(
    "tax",
    "Tax",
    amount("388.15"),
    { ...wholeMonth, "lineItem/TaxType": "USSalesTax" },
    { category: "Tax", pricing: null },
  );
  const seller = { "bill/BillingEntity": "AWS Marketplace", "lineItem/LegalEntity": "Northwind Ltd." };
  add(
    "marketplace",
    "Usage",
    amount("1617"),
    { ...wholeMonth, ...seller, "lineItem/ProductCode": "4r8kq1zvtw0cx7n2" },
    {},
  );
  add(
    "support",
    "Fee",
    amount("640.2"),
    { ...wholeMonth, "lineItem/ProductCode": "AWSSupportBusiness" },
    { category: null },
  );
  if (!hasNet) {
    const discount = { ...wholeMonth, "lineItem/LineItemDescription": "Enterprise discount" };
    add("discount", "EdpDiscount", amount("-431.09"), discount, { category: null, pricing: null });
  }
  return { month, rows, truths };
}

const billCells: Row = {
  "bill/BillType": "Anniversary",
  "bill/BillingEntity": "AWS",
  "bill/InvoicingEntity": "Amazon Web Services, Inc.",
  "lineItem/LegalEntity": "Amazon Web Services, Inc.",
};

const instanceCells: Row = {
  "lineItem/UsageType": "USE1-BoxUsage:m5.large",
  "lineItem/Operation": "RunInstances",
  "lineItem/ResourceId": "i-0a70000000000001",
  "pricing/unit": "Hrs",
};

const planProduct: Row = {
  "lineItem/ProductCode": "ComputeSavingsPlans",
  "lineItem/UsageType": "ComputeSP:1yrNoUpfront",
};

function spanOf(start: string, end: string): Row {
  return { "lineItem/UsageStartDate": `${start}T00:00:00Z`, "lineItem/UsageEndDate": `${end}T00:00:00Z` };
}

/** The cells of usage that has a public price. */
function listed(price: bigint): Row {
  return {
    "pricing/publicOnDemandCost": amountText(price),
    "pricing/publicOnDemandRate": amountText(price),
    "pricing/term": "OnDemand",
    "product/purchaseOption": "On-Demand",
  };
}
