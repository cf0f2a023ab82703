import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { commitments } from "../../src/answers/commitments.ts";
import { savings } from "../../src/answers/savings.ts";
import { curDelivery, curRow, type Row } from "../support/deliveries.ts";
import { answering, bill, charge } from "./bills.ts";

const month = "2025-03";
const now = new Date("2025-06-01T00:00:00Z");

/** Usage that a commitment covers, and its unused part. */
const used = (id: string, effective: string, contracted: string, cells: Row = {}): Row =>
  charge(month, {
    CommitmentDiscountId: id,
    CommitmentDiscountStatus: "Used",
    CommitmentDiscountType: "Reserved Instance",
    PricingCategory: "Committed",
    EffectiveCost: effective,
    ContractedCost: contracted,
    ListCost: contracted,
    ...cells,
  });
const unused = (id: string, effective: string): Row =>
  used(id, effective, "0", { CommitmentDiscountStatus: "Unused", ListCost: "0" });

const rows: readonly Row[] = [
  used("ri-1", "60", "100", { CommitmentDiscountName: "servers" }),
  unused("ri-1", "20"),
  used("ri-2", "30", "40"),
  used("ri-2", "5", ""),
  charge(month, { EffectiveCost: "90", ContractedCost: "100", ListCost: "120" }),
  charge(month, { EffectiveCost: "7", PricingCategory: "Dynamic", ListCost: "20" }),
  // Neither of them is part of any figure.
  used("ri-1", "1000", "1000", { ChargeClass: "Correction" }),
  charge(month, { EffectiveCost: "0", BilledCost: "500", ChargeCategory: "Purchase", CommitmentDiscountId: "ri-1" }),
  charge(month, { EffectiveCost: "3", ChargeCategory: "Tax" }),
  used("ri-3", "8", "10", { BillingCurrency: "EUR" }),
];

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`commitments in ${warehouse}`, () => {
    test("savings lead from list prices to effective cost, with the same rate as commitments", async (t) => {
      const { config } = await load(t, [await bill(month, rows)]);
      const own = (await savings(config, { now })).currency["USD"] ?? assert.fail();
      // List 100 + 40 + 5 + 120 + 20; spot usage without a contracted cost counts as paid.
      assert.deepEqual(own, [
        {
          month,
          list: "285",
          negotiated: "33",
          committed: "50",
          others: "10",
          unused: "20",
          effective: "212",
          rate: (await commitments(config, { now })).currency["USD"]?.effectiveSavingsRate,
        },
      ]);
    });

    test("what was used and unused, utilisation, net savings, coverage and both savings rates", async (t) => {
      const { config } = await load(t, [await bill(month, rows)]);
      const result = await commitments(config, { now });
      assert.deepEqual([result.month, result.isOver, Object.keys(result.currency)], [month, true, ["EUR", "USD"]]);
      const own = result.currency["USD"] ?? assert.fail();
      const type = "Reserved Instance";
      assert.deepEqual(own.rows, [
        {
          commitmentId: "ri-1",
          name: "servers",
          type,
          provider: "AWS",
          accountId: "012345678901",
          accountName: null,
          termMonths: null,
          months: [{ month, used: "60", unused: "20", utilisation: "0.75" }],
          used: "60",
          unused: "20",
          utilisation: "0.75",
          contracted: "100",
          netSavings: "20",
        },
        {
          commitmentId: "ri-2",
          name: null,
          type,
          provider: "AWS",
          accountId: null,
          accountName: null,
          termMonths: null,
          months: [{ month, used: "35", unused: "0", utilisation: "1" }],
          used: "35",
          unused: "0",
          utilisation: "1",
          contracted: "45",
          netSavings: "10",
        },
      ]);
      assert.deepEqual(own.total, {
        used: "95",
        unused: "20",
        utilisation: "0.826087",
        contracted: "145",
        netSavings: "30",
      });
      // 145 / (145 + 100)
      assert.deepEqual([own.coverage, own.coverageOf], ["0.591837", "all usage"]);
      // 1 - (95 + 20 + 90 + 7) / (100 + 40 + 5 + 120 + 20)
      assert.equal(own.effectiveSavingsRate, "0.25614");
      // 30 / (145 + 100 + 7)
      assert.equal(own.commitmentSavingsRate, "0.119048");
      // 5 of 145 lack a contracted cost.
      assert.deepEqual([own.missingPriceShare, own.publicPriceShare], ["0.034483", "0"]);
    });

    test("who pays a commitment, for how long it was bought, and how it was used month by month", async (t) => {
      const order = "/providers/microsoft.capacity/reservationorders/0b6d31c8";
      const inFebruary = { ChargePeriodStart: "2025-02-02T00:00:00Z", BillingPeriodStart: "2025-02-01T00:00:00Z" };
      const purchase = (id: string, account: string, cells: Row = {}): Row =>
        charge(month, {
          ...cells,
          EffectiveCost: "0",
          BilledCost: "10",
          ChargeCategory: "Purchase",
          CommitmentDiscountId: id,
          SubAccountId: account,
        });
      const february = [
        // Bought and paid in full in February, under the identifier of the order.
        purchase(order, "payer", { ...inFebruary, SubAccountName: "Payer", x_SkuTerm: "36" }),
        used(`${order}/reservations/9e4c7f20`, "3", "4", inFebruary),
        used("ended", "5", "8", inFebruary),
      ];
      const march = [
        used(`${order}/reservations/9e4c7f20`, "1", "4"),
        used(`${order}/reservations/9e4c7f20`, "2", "4", { SubAccountId: "consumer" }),
        { ...unused(`${order}/reservations/9e4c7f20`, "1"), SubAccountId: "somebody" },
        // Its fee is paid by one account, and another uses it.
        purchase("plan", "owner", { x_SkuTerm: "12.000000000000000000" }),
        used("plan", "6", "8", { SubAccountId: "consumer" }),
        // Two accounts pay for it.
        purchase("shared", "one"),
        purchase("shared", "two"),
        used("shared", "2", "3"),
      ];
      const { config } = await load(t, [await bill("2025-02", february), await bill(month, march)]);
      const own = (await commitments(config, { now })).currency["USD"] ?? assert.fail();
      const facts = own.rows.map(({ commitmentId, accountId, accountName, termMonths }) => [
        commitmentId?.split("/").at(-1),
        accountId,
        accountName,
        termMonths,
      ]);
      assert.deepEqual(facts, [
        ["9e4c7f20", "payer", "Payer", 36],
        ["plan", "owner", null, 12],
        ["shared", null, null, null],
      ]);
      assert.deepEqual(own.rows[0]?.months, [
        { month: "2025-02", used: "3", unused: "0", utilisation: "1" },
        { month, used: "3", unused: "1", utilisation: "0.75" },
      ]);
      assert.deepEqual(
        own.rows.slice(1).map(({ months }) => months.map((use) => use.month)),
        [[month], [month]],
      );
      assert.deepEqual(own.months, [
        { month: "2025-02", used: "8", unused: "0", utilisation: "1" },
        { month, used: "11", unused: "1", utilisation: "0.916667" },
      ]);
    });

    test("coverage is that of eligible usage where the bill says which it is", async (t) => {
      const eligible = charge(month, {
        EffectiveCost: "10",
        CommitmentProgramEligibilityDetails: '{"programs":["Compute"]}',
      });
      const { config } = await load(t, [await bill(month, [...rows, eligible])]);
      const own = (await commitments(config, { now, month })).currency["USD"];
      // 145 / (145 + 10)
      assert.deepEqual([own?.coverage, own?.coverageOf], ["0.935484", "eligible usage"]);
    });
  });
}

test("savings by a public price are flagged, with the part of the covered usage", async (t) => {
  const curColumns = [
    "bill/BillingPeriodStartDate",
    "lineItem/UsageAccountId",
    "lineItem/LineItemType",
    "lineItem/UsageStartDate",
    "lineItem/ProductCode",
    "lineItem/UsageAmount",
    "lineItem/CurrencyCode",
    "lineItem/UnblendedCost",
    "lineItem/NetUnblendedCost",
    "pricing/publicOnDemandCost",
    "reservation/ReservationARN",
    "reservation/NetEffectiveCost",
  ];
  const reserved = curRow(month, {
    "lineItem/LineItemType": "DiscountedUsage",
    "lineItem/UnblendedCost": "0",
    "lineItem/NetUnblendedCost": "0",
    "pricing/publicOnDemandCost": "100",
    "reservation/ReservationARN": "arn:aws:rds:eu-central-1:012345678901:ri:db",
    "reservation/NetEffectiveCost": "60",
  });
  const delivery = curDelivery({ month, id: "20250403T000000Z", columns: curColumns, files: [[reserved]] });
  const { config } = await answering.DuckDB(t, [delivery], { aws_cur: { bucket_url: "bucket", prefix: "cur" } });
  const own = (await commitments(config, { now })).currency["USD"];
  assert.deepEqual([own?.total.netSavings, own?.publicPriceShare], ["40", "1"]);
});

test("a month that is not over is marked", async (t) => {
  const { config } = await answering.DuckDB(t, [await bill(month, rows)]);
  assert.equal((await commitments(config, { now: new Date("2025-03-20T00:00:00Z") })).isOver, false);
});
