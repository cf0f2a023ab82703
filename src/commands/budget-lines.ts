import type { BudgetUse } from "../answers/budgets.ts";
import { formatAmount, formatShare } from "./figures.ts";
import { paint, type ScreenStyle, visible } from "./output.ts";
import { type Column, fitNames, indented } from "./tables.ts";

/** Budgets for people, as a table: those that are exceeded, or will be, stand out. Nothing without budgets. */
export function budgetLines(budgets: readonly BudgetUse[], style: ScreenStyle): string[] {
  if (budgets.length === 0) return [];
  const share = (value: string | null): string =>
    paint(style, Number(value ?? 0) > 1 ? "bad" : "good", formatShare(value));
  const forecasts: Column[] = [
    {
      title: "forecast",
      lean: "right",
      cells: budgets.map(({ forecast }) => (forecast === null ? "" : formatAmount(forecast.forecast))),
      spare: 1,
    },
    { title: "", lean: "right", cells: budgets.map(({ forecastShare }) => share(forecastShare)), spare: 1 },
  ];
  const figures: Column[] = [
    {
      title: "amount",
      lean: "right",
      cells: budgets.map(({ budget, currency }) => `${formatAmount(budget)} ${visible(currency)}`),
    },
    { title: "spent", lean: "right", cells: budgets.map(({ spent }) => formatAmount(spent)) },
    { title: "", lean: "right", cells: budgets.map((each) => share(each.share)) },
    { title: "left", lean: "right", cells: budgets.map(({ left }) => formatAmount(left)), spare: 2 },
    ...(budgets.some(({ forecast }) => forecast !== null) ? forecasts : []),
  ];
  const names = [{ title: "budget", cells: budgets.map((each) => visible(nameOfBudget(each))) }];
  return indented([...fitNames(names, figures, style), ...figures], style);
}

/** What a budget is for: `owner Ada`, `tag:team web`, `total`. */
export function nameOfBudget({ by, value }: BudgetUse): string {
  return value === null ? by : `${by} ${value}`;
}
