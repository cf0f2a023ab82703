import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { addDecimals } from "../../src/schema/sums.ts";
import type { Row } from "../support/deliveries.ts";
import { type MadeTable, viewOver, type ViewRow } from "./made-tables.ts";
import { line, unpriced } from "./rules-of-aws-cur.ts";
import { ea, mca, pair } from "./rules-of-azure-cost.ts";

/** A small bill, and what FOCUS demands of it, computed by hand from the specification. */
interface Bill {
  readonly tables: readonly MadeTable[];
  /** Some columns of each row, by its description; `<description> unused` is the unused part of a commitment. */
  readonly rows: Readonly<Record<string, ViewRow>>;
  /** The sums over all rows. */
  readonly billed: string;
  readonly effective: string;
}

const aws = (...rows: readonly Row[]): readonly MadeTable[] => [
  { exportName: "aws_cur", idColumn: "assembly_id", period: "bill/BillingPeriodStartDate", rows },
];

const reservations = "arn:aws:ec2:us-east-1:000022222222";
const exchange = `${reservations}:reserved-instance-exchange/riex-1`;
const exchanged = `${reservations}:reserved-instances/new`;
const plan = "arn:aws:savingsplans::000022222222:savingsplan/partial";
const chinese = "arn:aws-cn:savingsplans::000022222222:savingsplan/cn";
const seller = {
  "bill/BillingEntity": "AWS Marketplace",
  "lineItem/LegalEntity": "Northwind Ltd.",
  "lineItem/ProductCode": "8x2k1",
  "product/ProductName": "Northwind Search",
  "product/productFamily": "",
};
const inChina = {
  "lineItem/CurrencyCode": "CNY",
  "pricing/currency": "CNY",
  "product/regionCode": "cn-north-1",
  "product/location": "China (Beijing)",
};
const planOrder = "/providers/microsoft.billingbenefits/savingsplanorders/1";
const eaPlan = { PricingModel: "SavingsPlan", benefitName: "eu" };
const eaPlanUse = (cost: string): Row =>
  ea("plan use", { ...eaPlan, benefitId: `${planOrder}/savingsplans/2`, Quantity: "100", CostInBillingCurrency: cost });
const order = "/providers/microsoft.capacity/reservationorders/1";
const inPounds = { billingCurrency: "GBP", exchangeRatePricingToBilling: "0.8" };
const reserved = { ...inPounds, pricingModel: "Reservation", benefitName: "uk", paygCostInBillingCurrency: "0" };
const reservedUse = (cost: string, priced: string): Row =>
  mca("reserved use", {
    ...reserved,
    benefitId: `${order}/reservations/2`,
    unitPrice: "0.2",
    PayGPrice: "0.25",
    paygCostInBillingCurrency: "2",
    costInBillingCurrency: cost,
    costInPricingCurrency: priced,
  });
const contoso = {
  publisherType: "Marketplace",
  publisherName: "Contoso Ltd",
  PayGPrice: "0",
  paygCostInBillingCurrency: "0",
};
const freeAndSupport = [
  ea("free", { UnitPrice: "0", PayGPrice: "0", CostInBillingCurrency: "0" }),
  ea("usage taken back", { Quantity: "-2", CostInBillingCurrency: "-0.2304" }),
  ea("support", {
    ChargeType: "Purchase",
    Frequency: "Recurring",
    MeterCategory: "Azure Support",
    MeterSubCategory: "Standard",
    ConsumedService: "Microsoft.Support",
    ResourceId: "",
    Quantity: "1",
    UnitOfMeasure: "1/Month",
    UnitPrice: "100",
    PayGPrice: "100",
    CostInBillingCurrency: "100",
  }),
];
const marketplace = [
  mca("metered by a seller", {
    ...contoso,
    quantity: "3",
    unitPrice: "2",
    costInBillingCurrency: "5.25",
    costInPricingCurrency: "6",
  }),
  mca("offer of a year", {
    ...contoso,
    chargeType: "Purchase",
    frequency: "OneTime",
    quantity: "1",
    unitPrice: "1200",
    costInBillingCurrency: "1050",
    costInPricingCurrency: "1200",
  }),
  mca("rounding", {
    chargeType: "RoundingAdjustment",
    frequency: "OneTime",
    meterSubCategory: "Rounding Adjustment",
    quantity: "0",
    unitPrice: "",
    PayGPrice: "",
    paygCostInBillingCurrency: "",
    costInBillingCurrency: "-0.0007",
    costInPricingCurrency: "",
  }),
];

const bills: Readonly<Record<string, Bill>> = {
  "a convertible reservation that was exchanged: the true-up fee is spread over the new reservation": {
    tables: aws(
      line("true-up", "Fee", "50", {
        ...unpriced,
        "bill/BillType": "Purchase",
        "lineItem/UsageAmount": "1",
        "lineItem/UnblendedRate": "50",
        "reservation/ReservationARN": exchange,
      }),
      // The recurring fee is 10, and 2 of the true-up fee fall on this month: a quarter was not used.
      line("new fee", "RIFee", "10", {
        ...unpriced,
        "lineItem/UsageAmount": "744",
        "lineItem/UnblendedRate": "",
        "reservation/ReservationARN": exchanged,
        "reservation/UnusedQuantity": "186",
        "reservation/UnusedRecurringFee": "2.5",
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "0.5",
      }),
      line("new use", "DiscountedUsage", "0", {
        "lineItem/UsageAmount": "558",
        "pricing/publicOnDemandCost": "66.96",
        "reservation/ReservationARN": exchanged,
        "reservation/EffectiveCost": "9",
      }),
    ),
    rows: {
      "true-up": {
        ChargeCategory: "Purchase",
        ChargeFrequency: "One-Time",
        BilledCost: "50",
        EffectiveCost: "0",
        PricingCategory: "Standard",
        CommitmentDiscountId: exchange,
        CommitmentDiscountStatus: null,
      },
      "new fee": { ChargeCategory: "Purchase", ChargeFrequency: "Recurring", BilledCost: "10", EffectiveCost: "0" },
      "new fee unused": {
        ChargeCategory: "Usage",
        BilledCost: "0",
        EffectiveCost: "3",
        CommitmentDiscountQuantity: "186",
        ConsumedQuantity: null,
        ResourceId: exchanged,
      },
      "new use": { BilledCost: "0", EffectiveCost: "9", ListCost: "66.96", ConsumedQuantity: "558" },
    },
    billed: "60",
    effective: "12",
  },
  "a savings plan that is partly paid upfront, with tax, and the upfront fee paid back": {
    tables: aws(
      line("upfront", "SavingsPlanUpfrontFee", "100", {
        ...unpriced,
        "lineItem/UsageAmount": "1",
        "lineItem/UnblendedRate": "100",
        "savingsPlan/SavingsPlanARN": plan,
      }),
      line("tax", "Tax", "10", unpriced),
      // An hour costs 1: half of it was paid upfront, and all of it was used.
      line("fee", "SavingsPlanRecurringFee", "0.5", {
        ...unpriced,
        "lineItem/UsageAmount": "1",
        "lineItem/UnblendedRate": "0.5",
        "savingsPlan/SavingsPlanARN": plan,
        "savingsPlan/TotalCommitmentToDate": "1",
        "savingsPlan/UsedCommitment": "1",
      }),
      line("use", "SavingsPlanCoveredUsage", "1.4", {
        "lineItem/UnblendedRate": "0.7",
        "savingsPlan/SavingsPlanARN": plan,
        "savingsPlan/SavingsPlanEffectiveCost": "1",
      }),
      line("negation", "SavingsPlanNegation", "-1.4", { "savingsPlan/SavingsPlanARN": plan }),
      line("paid back", "Refund", "-100", {
        ...unpriced,
        "lineItem/UsageAmount": "-1",
        "lineItem/UnblendedRate": "100",
        "savingsPlan/SavingsPlanARN": plan,
      }),
    ),
    rows: {
      upfront: { ChargeCategory: "Purchase", ChargeFrequency: "One-Time", BilledCost: "100", EffectiveCost: "0" },
      tax: { ChargeCategory: "Tax", BilledCost: "10", EffectiveCost: "10", PricingCategory: null, SkuId: null },
      fee: { ChargeCategory: "Purchase", ChargeFrequency: "Recurring", BilledCost: "0.5", EffectiveCost: "0" },
      use: {
        BilledCost: "0",
        EffectiveCost: "1",
        ContractedCost: "1.4",
        PricingCategory: "Committed",
        CommitmentDiscountQuantity: "1",
      },
      "paid back": { ChargeCategory: "Purchase", ChargeClass: null, BilledCost: "-100", EffectiveCost: "0" },
    },
    billed: "10.5",
    effective: "11",
  },
  "an enterprise discount in net columns, with credit, tax and support": {
    tables: aws(
      line("usage", "Usage", "100", {
        "lineItem/UsageAmount": "1000",
        "lineItem/NetUnblendedCost": "91",
        "lineItem/NetUnblendedRate": "0.091",
        "pricing/publicOnDemandCost": "120",
      }),
      line("discount", "EdpDiscount", "-9", { ...unpriced, "lineItem/NetUnblendedCost": "0" }),
      line("credit", "Credit", "-20", { ...unpriced, "lineItem/NetUnblendedCost": "-20" }),
      line("tax", "Tax", "7.1", { ...unpriced, "lineItem/NetUnblendedCost": "7.1" }),
      line("support", "Fee", "10", {
        "lineItem/ProductCode": "AWSSupportEnterprise",
        "product/ProductName": "AWS Support (Enterprise)",
        "lineItem/UsageAmount": "1",
        "lineItem/UnblendedRate": "10",
        "lineItem/NetUnblendedCost": "9.1",
        "lineItem/NetUnblendedRate": "9.1",
      }),
    ),
    rows: {
      usage: {
        BilledCost: "91",
        EffectiveCost: "91",
        ContractedCost: "91",
        ContractedUnitPrice: "0.091",
        ListCost: "120",
      },
      discount: { BilledCost: "0", EffectiveCost: "0", ConsumedQuantity: "0", ListCost: "0" },
      credit: { ChargeCategory: "Credit", BilledCost: "-20", EffectiveCost: "-20", ConsumedQuantity: null },
      tax: { BilledCost: "7.1", EffectiveCost: "7.1" },
      support: {
        ChargeCategory: "Purchase",
        ChargeFrequency: "Recurring",
        BilledCost: "9.1",
        EffectiveCost: "9.1",
        ContractedCost: "9.1",
        ContractedUnitPrice: "9.1",
        PricingQuantity: "1",
        ConsumedQuantity: null,
      },
    },
    billed: "87.2",
    effective: "87.2",
  },
  "spot, data transfer, the free tier, and a private rate in a line of its own": {
    tables: aws(
      line("spot", "Usage", "0.5", {
        "lineItem/UsageType": "USE1-SpotUsage:c5.large",
        "lineItem/UsageAmount": "20",
        "lineItem/UnblendedRate": "0.025",
        "pricing/publicOnDemandRate": "0.085",
        "pricing/publicOnDemandCost": "1.7",
      }),
      line("transfer", "Usage", "2.7", {
        "lineItem/ProductCode": "AWSDataTransfer",
        "product/ProductName": "AWS Data Transfer",
        "product/productFamily": "Data Transfer",
        "lineItem/UsageType": "USE1-DataTransfer-Out-Bytes",
        "lineItem/UsageAmount": "30",
        "lineItem/UnblendedRate": "0.09",
        "pricing/publicOnDemandRate": "0.09",
        "pricing/publicOnDemandCost": "2.7",
        "pricing/unit": "GB",
      }),
      line("free tier", "Usage", "0", {
        "lineItem/UsageAmount": "5",
        "lineItem/UnblendedRate": "0",
        "pricing/publicOnDemandRate": "0",
        "pricing/publicOnDemandCost": "0",
      }),
      line("private rate", "PrivateRateDiscount", "-0.7", unpriced),
    ),
    rows: {
      spot: {
        PricingCategory: "Dynamic",
        BilledCost: "0.5",
        EffectiveCost: "0.5",
        ContractedCost: "0.5",
        ContractedUnitPrice: "0.025",
        ListCost: "1.7",
        ListUnitPrice: "0.085",
      },
      transfer: { ServiceCategory: "Networking", PricingUnit: "GB", ConsumedQuantity: "30", ListCost: "2.7" },
      "free tier": {
        PricingCategory: "Standard",
        BilledCost: "0",
        ContractedCost: "0",
        ContractedUnitPrice: "0",
        ListCost: "0",
        ListUnitPrice: "0",
        ConsumedQuantity: "5",
      },
      "private rate": {
        ChargeCategory: "Usage",
        BilledCost: "-0.7",
        ContractedCost: "-0.7",
        ConsumedQuantity: "0",
        ListCost: "0",
      },
    },
    billed: "2.5",
    effective: "2.5",
  },
  "AWS China: identifiers of another partition, in yuan": {
    tables: aws(
      line("fee", "SavingsPlanRecurringFee", "5", {
        ...inChina,
        "lineItem/UnblendedRate": "2.5",
        "savingsPlan/SavingsPlanARN": chinese,
        "savingsPlan/TotalCommitmentToDate": "5",
        "savingsPlan/UsedCommitment": "4",
      }),
      line("use", "SavingsPlanCoveredUsage", "8", {
        ...inChina,
        "lineItem/UnblendedRate": "4",
        "savingsPlan/SavingsPlanARN": chinese,
        "savingsPlan/SavingsPlanEffectiveCost": "4",
      }),
      line("negation", "SavingsPlanNegation", "-8", { ...inChina, "savingsPlan/SavingsPlanARN": chinese }),
      line("bucket", "Usage", "2", {
        ...inChina,
        "lineItem/UnblendedRate": "1",
        "lineItem/ResourceId": "arn:aws-cn:s3:::logs",
      }),
    ),
    rows: {
      fee: { BilledCost: "5", EffectiveCost: "0", BillingCurrency: "CNY", CommitmentDiscountCategory: "Spend" },
      "fee unused": { EffectiveCost: "1", CommitmentDiscountUnit: "CNY", CommitmentDiscountType: "Savings Plan" },
      use: { EffectiveCost: "4", RegionId: "cn-north-1", RegionName: "China (Beijing)" },
      bucket: { ResourceType: "bucket", EffectiveCost: "2" },
    },
    billed: "7",
    effective: "7",
  },
  "AWS Marketplace: usage, its tax, and the refund of an earlier month": {
    tables: aws(
      line("metered", "Usage", "3", { ...seller, "lineItem/UnblendedRate": "1.5" }),
      line("tax", "Tax", "0.6", { ...seller, ...unpriced }),
      line("money back", "Refund", "-2", {
        ...seller,
        ...unpriced,
        "lineItem/UsageStartDate": "2025-02-03T00:00:00Z",
        "lineItem/UsageEndDate": "2025-02-04T00:00:00Z",
      }),
    ),
    rows: {
      metered: {
        BilledCost: "3",
        EffectiveCost: "3",
        ServiceProviderName: "Northwind Ltd.",
        ServiceName: "Northwind Search",
        InvoiceIssuerName: "Amazon Web Services, Inc.",
        ContractedUnitPrice: "1.5",
      },
      tax: { ChargeCategory: "Tax", BilledCost: "0.6", EffectiveCost: "0.6", ServiceProviderName: "Northwind Ltd." },
      "money back": { ChargeCategory: "Usage", ChargeClass: "Correction", BilledCost: "-2", EffectiveCost: "-2" },
    },
    billed: "1.6",
    effective: "1.6",
  },
  "a savings plan of an Enterprise Agreement, paid by the month": {
    tables: pair(
      "ea",
      "2025-03",
      "BillingPeriodStartDate",
      [
        eaPlanUse("0"),
        ea("plan", {
          ...eaPlan,
          ChargeType: "Purchase",
          Frequency: "Recurring",
          benefitId: planOrder,
          Quantity: "1",
          UnitPrice: "372",
          PayGPrice: "0",
          CostInBillingCurrency: "372",
        }),
      ],
      [
        eaPlanUse("9"),
        ea("plan", {
          ...eaPlan,
          ChargeType: "UnusedSavingsPlan",
          benefitId: `${planOrder}/savingsplans/2`,
          Quantity: "1",
          UnitPrice: "0",
          PayGPrice: "0",
          CostInBillingCurrency: "3",
        }),
      ],
    ),
    rows: {
      "plan use": {
        BilledCost: "0",
        EffectiveCost: "9",
        ContractedCost: "11.52",
        ListCost: "12",
        PricingCategory: "Committed",
        CommitmentDiscountStatus: "Used",
        CommitmentDiscountCategory: "Spend",
        CommitmentDiscountQuantity: "9",
        CommitmentDiscountUnit: "EUR",
        ConsumedQuantity: "100",
      },
      "plan unused": {
        BilledCost: "0",
        EffectiveCost: "3",
        CommitmentDiscountQuantity: "3",
        ConsumedQuantity: null,
        ResourceId: `${planOrder}/savingsplans/2`,
        ResourceName: "eu",
      },
      plan: {
        ChargeCategory: "Purchase",
        ChargeFrequency: "Recurring",
        BilledCost: "372",
        EffectiveCost: "0",
        ContractedCost: "372",
        PricingCategory: "Standard",
        CommitmentDiscountStatus: null,
      },
    },
    billed: "372",
    effective: "12",
  },
  "a reservation priced in dollars and billed in pounds, and a refund of an earlier invoice": {
    tables: pair(
      "mca",
      "2025-06",
      "billingPeriodStartDate",
      [
        reservedUse("0", "0"),
        mca("reservation", {
          ...reserved,
          chargeType: "Purchase",
          frequency: "OneTime",
          benefitId: order,
          quantity: "1",
          unitPrice: "1000",
          PayGPrice: "0",
          costInBillingCurrency: "800",
          costInPricingCurrency: "1000",
        }),
        mca("refund", {
          ...reserved,
          chargeType: "Refund",
          frequency: "OneTime",
          previousInvoiceId: "G068887776",
          benefitId: order,
          quantity: "-1",
          unitPrice: "100",
          PayGPrice: "0",
          costInBillingCurrency: "-80",
          costInPricingCurrency: "-100",
        }),
      ],
      [
        reservedUse("0.88", "1.1"),
        mca("reservation", {
          ...reserved,
          chargeType: "UnusedReservation",
          benefitId: `${order}/reservations/2`,
          quantity: "2",
          unitPrice: "0",
          PayGPrice: "0",
          costInBillingCurrency: "0.176",
          costInPricingCurrency: "0.22",
        }),
      ],
    ),
    rows: {
      "reserved use": {
        BilledCost: "0",
        EffectiveCost: "0.88",
        PricingCurrencyEffectiveCost: "1.1",
        ContractedUnitPrice: "0.16",
        ContractedCost: "1.6",
        ListUnitPrice: "0.2",
        ListCost: "2",
        PricingCurrencyContractedUnitPrice: "0.2",
        PricingCurrencyListUnitPrice: "0.25",
        CommitmentDiscountQuantity: "10",
        CommitmentDiscountUnit: "Hours",
      },
      "reservation unused": { BilledCost: "0", EffectiveCost: "0.176", PricingCurrencyEffectiveCost: "0.22" },
      reservation: {
        BilledCost: "800",
        EffectiveCost: "0",
        PricingCurrencyEffectiveCost: "0",
        ContractedCost: "800",
        ContractedUnitPrice: "800",
        PricingCurrencyContractedUnitPrice: "1000",
      },
      refund: {
        ChargeCategory: "Purchase",
        ChargeClass: "Correction",
        BilledCost: "-80",
        EffectiveCost: "0",
        SkuId: null,
        SkuMeter: null,
        PricingQuantity: null,
      },
    },
    billed: "720",
    effective: "1.056",
  },
  "free services, usage that was taken back, and a support plan": {
    tables: pair("ea", "2025-03", "BillingPeriodStartDate", freeAndSupport, freeAndSupport),
    rows: {
      free: {
        BilledCost: "0",
        EffectiveCost: "0",
        ContractedCost: "0",
        ContractedUnitPrice: "0",
        ListCost: "0",
        ListUnitPrice: "0",
        ConsumedQuantity: "10",
        x_QualityFlags: null,
      },
      "usage taken back": {
        ChargeCategory: "Usage",
        BilledCost: "-0.2304",
        EffectiveCost: "-0.2304",
        ContractedCost: "-0.2304",
        ContractedUnitPrice: "0.1152",
        ListCost: "-0.24",
        ConsumedQuantity: "-2",
      },
      support: {
        ChargeCategory: "Purchase",
        ChargeFrequency: "Recurring",
        BilledCost: "100",
        EffectiveCost: "100",
        PricingCategory: "Standard",
        CommitmentDiscountId: null,
        ConsumedQuantity: null,
        ResourceId: null,
        ResourceName: null,
      },
    },
    billed: "99.7696",
    effective: "99.7696",
  },
  "Azure Marketplace in another currency than prices, and a rounding": {
    tables: pair("mca", "2025-06", "billingPeriodStartDate", marketplace, marketplace),
    rows: {
      "metered by a seller": {
        BilledCost: "5.25",
        EffectiveCost: "5.25",
        PricingCurrencyEffectiveCost: "6",
        ContractedCost: "5.25",
        ContractedUnitPrice: "1.75",
        ServiceProviderName: "Contoso Ltd",
        InvoiceIssuerName: "Microsoft",
      },
      "offer of a year": {
        ChargeCategory: "Purchase",
        ChargeFrequency: "One-Time",
        BilledCost: "1050",
        EffectiveCost: "1050",
        ContractedUnitPrice: "1050",
        PricingCurrencyContractedUnitPrice: "1200",
        CommitmentDiscountId: null,
      },
      rounding: {
        ChargeCategory: "Adjustment",
        BilledCost: "-0.0007",
        EffectiveCost: "-0.0007",
        ContractedCost: "-0.0007",
        ListCost: "-0.0007",
        PricingCategory: null,
        PricingQuantity: null,
        ConsumedQuantity: null,
        ServiceName: "Rounding Adjustment",
      },
    },
    billed: "1055.2493",
    effective: "1055.2493",
  },
};

for (const warehouse of ["DuckDB", "BigQuery"] as const) {
  describe(`bills that were computed by hand, in ${warehouse}`, () => {
    for (const [title, { tables, rows, billed, effective }] of Object.entries(bills)) {
      test(title, async (t) => {
        const found = await (await viewOver(t, tables, warehouse))();
        const named = new Map(found.map((row) => [nameOf(row), row]));
        assert.deepEqual([...named.keys()].toSorted(), Object.keys(rows).toSorted());
        assert.equal(found.length, named.size);
        const actual = Object.fromEntries(
          Object.entries(rows).map(([name, columns]) => [
            name,
            Object.fromEntries(Object.keys(columns).map((column) => [column, named.get(name)?.[column]])),
          ]),
        );
        assert.deepEqual(actual, rows);
        const sum = (column: string): string => addDecimals(found.map((row) => row[column] ?? "0"));
        assert.deepEqual([sum("BilledCost"), sum("EffectiveCost")], [billed, effective]);
      });
    }
  });
}

function nameOf({ ChargeDescription: name, CommitmentDiscountStatus: status }: ViewRow): string {
  return status === "Unused" ? `${name} unused` : String(name);
}
