import {
  all,
  cases,
  compared,
  type Condition,
  decimal,
  type Expression,
  first,
  not,
  nothing,
  notZero,
  present,
  where,
} from "../expression.ts";

/** The currencies of a row, and what the bill says that the row costs in that of its prices, if it says so. */
export interface Currencies {
  readonly billing: Expression;
  readonly pricing: Expression;
  readonly given?: Expression;
}

/** Whether a row has one currency for its prices and its costs. */
export function isOneCurrency({ billing, pricing }: Currencies): Condition {
  return compared(pricing, "=", billing);
}

/**
 * The effective cost in the currency of the prices. In one currency it is the effective cost. In another it is what the bill
 * gives, or 0 where the effective cost is 0, as of the purchase of a commitment; else NULL, because no cost is converted. Sources:
 * FOCUS 1.2 and 1.4, rules of PricingCurrencyEffectiveCost.
 */
export function inPricingCurrency(effective: Expression, currencies: Currencies): Expression {
  const { given = nothing("decimal") } = currencies;
  return cases(
    [
      [not(present(effective)), nothing("decimal")],
      [isOneCurrency(currencies), effective],
    ],
    first(given, where(not(notZero(effective)), decimal("0"))),
  );
}

/** Whether a row has an effective cost that is not known in the currency of its prices, where `priced` is what is known. */
export function lacksPricingCurrency(effective: Expression, priced: Expression): Condition {
  return all(present(effective), not(present(priced)));
}
