import { all, type Condition, day, type Expression, field, isOneOf, not, present } from "../focus/expression.ts";
import { compareDecimals, subtractDecimals } from "../schema/decimals.ts";
import { addDecimals } from "../schema/sums.ts";
import { isZero, magnitude } from "./arithmetic.ts";
import type { Bills } from "./bills.ts";
import { type ChargeGroup, sumCharges } from "./charges.ts";
import type { CellKeys } from "./explain-cells.ts";
import { cellKeys, chargeClass, periodOf } from "./explain-sums.ts";
import type { Driver, DriverDetails } from "./explanation.ts";
import type { Part } from "./parts.ts";

/** How many resources and days of a driver are listed. */
const listed = 5;

/**
 * Where a driver comes from: the resources whose cost changed most, and the days of the month that cost most. `rows` are those of
 * the two months that are compared.
 */
export async function detailsOf(
  bills: Bills,
  driver: Driver,
  { vs, currency, rows }: { readonly vs: string; readonly currency: string; readonly rows: readonly Condition[] },
): Promise<DriverDetails> {
  const conditions = [
    ...rows,
    isValue(field("BillingCurrency"), currency === "" ? null : currency),
    ...conditionsOf(driver),
  ];
  const groups = await sumCharges(bills, {
    by: {
      period: periodOf(vs),
      resource: field("ResourceId"),
      day: day(field("ChargePeriodStart", "timestamp")),
    },
    sum: { cost: field("EffectiveCost", "decimal") },
    rows: conditions,
  });
  const inPeriod = (own: readonly ChargeGroup[], period: string): string =>
    addDecimals(own.filter((group) => group["period"] === period).map(({ cost }) => cost ?? "0"));
  const resources = [...Map.groupBy(groups, ({ resource }) => resource ?? null)].map(([resource, own]) => {
    const [before, after] = [inPeriod(own, "before"), inPeriod(own, "after")];
    return { resource, before, after, change: subtractDecimals(after, before) };
  });
  const days = [...Map.groupBy(groups, (group) => group["day"] ?? "")].map(([name, own]) => ({
    day: name,
    cost: inPeriod(own, "after"),
  }));
  return {
    keys: driver.keys,
    part: driver.part,
    amount: driver.amount,
    meter: driver.meter,
    resources: resources
      .filter(({ change }) => !isZero(change))
      .toSorted(
        (one, other) =>
          compareDecimals(magnitude(other.change), magnitude(one.change)) ||
          ((one.resource ?? "") < (other.resource ?? "") ? -1 : 1),
      )
      .slice(0, listed),
    days: days
      .filter(({ day: name, cost }) => name !== "" && !isZero(cost))
      .toSorted((one, other) => compareDecimals(other.cost, one.cost) || (one.day < other.day ? -1 : 1))
      .slice(0, listed),
  };
}

/** The charges that a driver is about. */
function conditionsOf({ keys, part }: Driver): readonly Condition[] {
  const names = Object.keys(keys) as (keyof CellKeys)[];
  return [
    ...names.map((name) => isValue(cellKeys[name], keys[name] ?? null)),
    isOneOf(chargeClass, ...(classes[part] ?? [part])),
  ];
}

/** The classes of charges of which a part can be, where they are not named like it. */
const classes: Readonly<Partial<Record<Part, readonly string[]>>> = {
  usage: ["metered"],
  price: ["metered"],
  fx: ["metered"],
  discount: ["metered"],
  new: ["metered"],
  gone: ["metered"],
  commitment: ["metered", "commitment"],
  other: ["metered", "other"],
};

function isValue(column: Expression, value: string | null): Condition {
  return value === null ? all(not(present(column))) : isOneOf(column, value);
}
