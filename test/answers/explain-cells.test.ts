import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { ChargeGroup } from "../../src/answers/charges.ts";
import { explanation } from "../../src/answers/explain.ts";
import type { ExplainedChange } from "../../src/answers/explanation.ts";
import type { CellKeys } from "../../src/answers/explain-cells.ts";
import { driverDimensions, parts } from "../../src/answers/parts.ts";
import { addDecimals } from "../../src/schema/sums.ts";

const change: ExplainedChange = {
  month: "2025-03",
  vs: "2025-02",
  comparison: { kind: "months" },
  measure: "effective",
  by: ["account", "service", "sku"],
  top: Infinity,
  currency: "USD",
  accountNames: {},
};

/** A group of usage of one price, as the warehouse adds it up. */
function usage(period: "before" | "after", cells: ChargeGroup = {}): ChargeGroup {
  const effective = cells["effective"] ?? "100";
  return {
    currency: "USD",
    provider: "AWS",
    account: "012345678901",
    service: "Servers",
    region: "eu-central-1",
    sku: "sku-1",
    unit: "Hours",
    period,
    class: "metered",
    used: "no",
    effective,
    billed: effective,
    quantity: "10",
    contracted: effective,
    missingEffective: null,
    missingQuantity: null,
    rowsWithoutRate: null,
    leastRate: "1",
    greatestRate: "1",
    meter: null,
    ...cells,
  };
}

/** The parts that are not zero. */
function partsOf(
  groups: readonly ChargeGroup[],
  options: Partial<ExplainedChange> = {},
): Readonly<Record<string, string>> {
  const { parts: all, residual } = explanation(groups, { ...change, ...options });
  assert.equal(residual, "0");
  return Object.fromEntries(Object.entries(all).filter(([, amount]) => amount !== "0"));
}

describe("one cause changes one part", () => {
  test("twice the quantity at the same price is only usage", () => {
    const groups = [usage("before"), usage("after", { quantity: "20", effective: "200" })];
    assert.deepEqual(partsOf(groups), { usage: "100" });
  });

  test("the same quantity at a price of 1.1 times is only price", () => {
    assert.deepEqual(partsOf([usage("before"), usage("after", { effective: "110" })]), { price: "10" });
  });

  test("the same quantity, first on demand and then covered by a reservation, is only commitment", () => {
    const covered = usage("after", { used: "yes", effective: "60", contracted: "100" });
    assert.deepEqual(partsOf([usage("before"), covered]), { commitment: "-40" });
  });

  test("another exchange rate is only fx", () => {
    const rate = (of: string) => ({ leastRate: of, greatestRate: of });
    const groups = [usage("before", rate("0.8")), usage("after", { ...rate("0.9"), effective: "112.5" })];
    assert.deepEqual(partsOf(groups), { fx: "12.5" });
  });

  test("without one known rate, a change of the rate is part of the price, and this is said", () => {
    for (const unknown of [{ rowsWithoutRate: "1" }, { leastRate: "0.8" }]) {
      const groups = [usage("before"), usage("after", { effective: "112.5", ...unknown })];
      assert.deepEqual(partsOf(groups), { price: "12.5" });
      assert.equal(explanation(groups, change).priceIncludesFx, true);
    }
    assert.equal(explanation([usage("before"), usage("after")], change).priceIncludesFx, false);
  });

  test("a discount at the same contracted cost is only discount", () => {
    const groups = [usage("before"), usage("after", { effective: "95", contracted: "100" })];
    assert.deepEqual(partsOf(groups), { discount: "-5" });
  });

  test("covered usage that stops is usage down, its commitment unused, and no money saved", () => {
    const covered = { used: "yes", effective: "60", contracted: "100" };
    const half = { ...covered, quantity: "5", effective: "30", contracted: "50" };
    const unused = { class: "commitmentUnused", quantity: null, contracted: "0", effective: "30", sku: null };
    const groups = [usage("before", covered), usage("after", half), usage("after", unused)];
    assert.deepEqual(partsOf(groups), { usage: "-50", commitment: "20", commitmentUnused: "30" });
    const { difference, sentence } = explanation(groups, change);
    assert.equal(difference, "0");
    assert.match(sentence, /^2025-03 cost 60\.00 USD, the same as 2025-02: usage -50\.00, /u);
    assert.match(
      sentence,
      /Usage that commitments cover fell by 30\.00 USD, but 30\.00 USD more was paid for unused commitments: no money was saved\.$/u,
    );
    const partly = [...groups.slice(0, 2), usage("after", { ...unused, effective: "10" })];
    assert.match(explanation(partly, change).sentence, /: only 20\.00 USD was saved\.$/u);
  });

  test("the negotiated price that a reservation hides is that of the usage on demand beside it", () => {
    const hidden = { used: "yes", effective: "60", contracted: null, missingEffective: "60", missingQuantity: "10" };
    const groups = [
      usage("before", { quantity: "20", effective: "200" }),
      usage("after"),
      usage("after", { ...hidden, quantity: "10" }),
    ];
    assert.deepEqual(partsOf(groups), { commitment: "-40" });
    assert.equal(explanation(groups, change).estimatedShare, "0.166667");
    // Without usage on demand beside it, the saving cannot be known.
    assert.deepEqual(partsOf([usage("before"), usage("after", { ...hidden, quantity: "10" })]), { price: "-40" });
  });

  test("a class of charges that is not metered is its own part", () => {
    for (const [name, part] of [
      ["tax", "tax"],
      ["credit", "credit"],
      ["refund", "refund"],
      ["fees", "fees"],
      ["other", "other"],
      ["commitment", "commitment"],
      ["commitmentUnused", "commitmentUnused"],
    ] as const) {
      assert.deepEqual(partsOf([usage("after", { class: name, effective: "7" })]), { [part]: "7" });
    }
  });

  test("billed cost differs by the timing of payments", () => {
    const groups = [usage("before", { billed: "0" }), usage("after", { effective: "110", billed: "500" })];
    assert.deepEqual(partsOf(groups, { measure: "billed" }), { price: "10", timing: "490" });
    assert.deepEqual(partsOf(groups), { price: "10" });
  });
});

describe("cells of one period", () => {
  const labels = (groups: readonly ChargeGroup[]) =>
    explanation(groups, change).drivers.map(({ part, label, amount }) => [part, label, amount]);

  test("are new or gone: a SKU, a service of an account, or an account", () => {
    const old = usage("before");
    assert.deepEqual(labels([old, usage("after"), usage("after", { sku: "sku-2", effective: "3" })]), [
      ["new", "sku", "3"],
    ]);
    assert.deepEqual(labels([old, usage("after"), usage("after", { service: "Disks", effective: "3" })]), [
      ["new", "service", "3"],
    ]);
    assert.deepEqual(labels([old, usage("after"), usage("after", { account: "2", effective: "3" })]), [
      ["new", "account", "3"],
    ]);
    assert.deepEqual(labels([old]), [["gone", "account", "-100"]]);
  });

  test("with another unit are converted, or are other", () => {
    const seconds = usage("after", { unit: "Seconds", quantity: "72000", effective: "200" });
    assert.deepEqual(partsOf([usage("before"), seconds]), { usage: "100" });
    const blocks = usage("after", { unit: "100 Hours", quantity: "0.1", effective: "110" });
    assert.deepEqual(partsOf([usage("before"), blocks]), { price: "10" });
    const other = usage("after", { unit: "Requests", effective: "130" });
    assert.deepEqual(labels([usage("before"), other]), [["other", "unit changed", "30"]]);
  });

  test("without a quantity in a period are other", () => {
    assert.deepEqual(labels([usage("before"), usage("after", { quantity: "0", effective: "130" })]), [
      ["other", "no quantity", "30"],
    ]);
  });
});

/** Numbers from a seed, the same in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** An account and its owner: two accounts have one. */
function owned(account: string | null): { readonly account: string | null; readonly owner: string | null } {
  return { account, owner: account === null ? null : "Ada" };
}

function randomGroups(next: (below: number) => number): readonly ChargeGroup[] {
  const decimal = (): string => {
    const sign = next(12) === 0 ? "-" : "";
    const fraction = Array.from({ length: next(18) + 1 }, () => next(10)).join("");
    return `${sign}${next(10 ** (next(9) + 1))}.${fraction}`;
  };
  const maybe = (value: string): string | null => (next(5) === 0 ? null : value);
  const classes = [
    "metered",
    "metered",
    "metered",
    "metered",
    "tax",
    "credit",
    "refund",
    "fees",
    "other",
    "commitmentUnused",
  ];
  const groups = Array.from({ length: next(12) }, () => {
    const rate = ["1", "0.8", "0.9137"][next(3)] ?? null;
    return usage(next(2) === 0 ? "before" : "after", {
      provider: ["AWS", "Microsoft"][next(2)] ?? null,
      ...owned([null, "1", "2"][next(3)] ?? null),
      service: ["Servers", "Disks"][next(2)] ?? null,
      region: [null, "north"][next(2)] ?? null,
      sku: ["sku-1", "sku-2", null][next(3)] ?? null,
      unit: ["Hours", "Seconds", "100 Hours", "GB", null][next(5)] ?? null,
      class: classes[next(classes.length)] ?? null,
      used: ["yes", "no"][next(2)] ?? null,
      effective: maybe(decimal()),
      billed: maybe(decimal()),
      quantity: next(8) === 0 ? "0" : maybe(decimal()),
      contracted: maybe(decimal()),
      missingEffective: next(3) === 0 ? decimal() : null,
      missingQuantity: next(3) === 0 ? decimal() : null,
      rowsWithoutRate: next(6) === 0 ? "1" : null,
      leastRate: rate,
      greatestRate: next(6) === 0 ? "2" : rate,
    });
  });
  return groups;
}

test("10,000 random pairs of periods leave a residual of 0, and every grouping has the same parts", () => {
  const next = generator(20_250_301);
  const seen = new Set<string>();
  for (let pair = 0; pair < 10_000; pair += 1) {
    const groups = randomGroups(next);
    const measure = next(2) === 0 ? "effective" : "billed";
    const by: (keyof CellKeys)[] = driverDimensions.filter(() => next(2) === 0);
    const grouped = explanation(groups, { ...change, measure, by, top: next(5) + 1 });
    const whole = explanation(groups, { ...change, measure, by: [] });
    const cells = explanation(groups, { ...change, measure, by: driverDimensions });
    const shown = JSON.stringify(groups);
    assert.equal(grouped.residual, "0", shown);
    assert.equal(addDecimals(Object.values(grouped.parts)), grouped.difference, shown);
    assert.deepEqual(grouped.parts, whole.parts, shown);
    for (const part of parts.filter((each) => each !== "timing")) {
      for (const { drivers } of [whole, cells]) {
        const amounts = drivers.filter((driver) => driver.part === part).map(({ amount }) => amount);
        assert.equal(addDecimals(amounts), whole.parts[part], `${part} of ${shown}`);
      }
    }
    const listed = addDecimals([
      ...grouped.drivers.map(({ amount }) => amount),
      grouped.rest.amount,
      grouped.parts.timing,
    ]);
    assert.equal(listed, grouped.difference, shown);
    for (const [part, amount] of Object.entries(grouped.parts)) if (amount !== "0") seen.add(part);
  }
  assert.deepEqual([...seen].toSorted(), parts.toSorted(), "every part occurred");
});
