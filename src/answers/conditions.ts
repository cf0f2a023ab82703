import { all, compared, type Condition, field, isOneOf, not, time } from "../focus/expression.ts";
import { isCorrection } from "../focus/rollup-columns.ts";
import type { BillingMonth } from "../model.ts";
import { addDays } from "../schema/periods.ts";
import { monthsIn, type Period } from "./periods.ts";

/** Rows of the billing months of some periods. */
export function inMonths(periods: readonly Period[]): Condition {
  return isOneOf(field("x_BillingMonth"), ...periods.flatMap(monthsIn));
}

/** Rows of some exports. */
export function ofExports(pipelines: readonly { readonly name: string }[]): Condition {
  return isOneOf(field("x_Export"), ...pipelines.map(({ name }) => name));
}

/** Usage of the first days of a month. Corrections of earlier usage are not part of it. */
export function inFirstDays(month: BillingMonth, days: number): Condition {
  const end = addDays(`${month}-01`, days);
  return all(
    inMonths([{ from: month, to: month }]),
    isOneOf(field("ChargeCategory"), "Usage"),
    not(isCorrection),
    compared(field("ChargePeriodStart", "timestamp"), "<", time(end)),
  );
}
