import type { FocusConfig } from "../config/config.ts";
import { BillhouseError, quoted } from "../errors.ts";
import { type ListKind, readList, type TextList } from "../files/list.ts";
import type { BillingMonth } from "../model.ts";
import { isBillingMonth } from "../schema/periods.ts";
import { dimensionOf } from "./dimensions.ts";

/** What something may cost in a month. */
export interface Budget {
  /** `total`, or a dimension such as `owner`, `account` or `tag:team`. */
  readonly by: string;
  /** The value of the dimension; null for `total`. */
  readonly value: string | null;
  /** Null for every month without a budget of its own. */
  readonly month: BillingMonth | null;
  /** Exact decimal text, greater than zero. */
  readonly amount: string;
  readonly currency: string;
}

/** The word for all costs in place of a dimension. */
const everything = "total";

/** Dimensions that are not for budgets: a budget is one of a month. */
const unusable: readonly string[] = ["month", "day", "invoice"];

const budgetList: ListKind = {
  title: "list of budgets",
  // Their costs are read by value; more budgets than these are those of many years.
  most: 10_000,
  keep: "Keep the budgets of the months that matter.",
  correct: "Correct file in [budgets], or remove the section.",
};

/**
 * Reads a list of budgets: CSV with the columns `by`, `value`, `month`, `amount` and `currency` in any order, of which only
 * `month` may be missing. Errors: FILE_NOT_FOUND; FILE_INVALID for a column that is missing, and a budget that is there twice;
 * VALUE_INVALID with line, column and value; LIMIT_EXCEEDED.
 */
export async function readBudgets(path: string, tags: FocusConfig["tags"]): Promise<readonly Budget[]> {
  return budgetsOf(await readList(path, budgetList), tags);
}

function budgetsOf({ name, header, rows }: TextList, tags: FocusConfig["tags"]): readonly Budget[] {
  const columns = header.map((title) => title.trim().toLowerCase());
  const missing = ["by", "value", "amount", "currency"].find((column) => !columns.includes(column));
  if (missing !== undefined) {
    throw new BillhouseError("FILE_INVALID", `${name}, line 1: column ${missing} is missing.`, {
      hint: "Write a header such as by,value,month,amount,currency, separated by commas.",
    });
  }
  const lines = new Map<string, number>();
  return rows.map(({ cells, line }) => {
    const cell = (column: string): string => cells[columns.indexOf(column)]?.trim() ?? "";
    const [by, value, month, amount] = [cell("by"), cell("value"), cell("month"), cell("amount")];
    const currency = cell("currency").toUpperCase();
    const check = (column: string, isValid: boolean, hint: string): void => {
      if (isValid) return;
      const message = `${name}, line ${line}, column ${column}: ${quoted(cell(column))} is not valid.`;
      throw new BillhouseError("VALUE_INVALID", message, { hint });
    };
    check("by", isDimension(by, tags), `Write ${everything}, or a dimension such as owner, account or tag:team.`);
    if (by === everything) check("value", value === "", `Leave it empty: the budget ${everything} is for all costs.`);
    else check("value", value !== "", `Write the value of ${by} that the budget is for.`);
    check("month", month === "" || isBillingMonth(month), "Write it as 2025-03, or leave it empty for every month.");
    const isAmount = /^\d{1,18}(\.\d{1,18})?$/.test(amount) && /[1-9]/.test(amount);
    check("amount", isAmount, "Write it as 1234.56, without thousands separators and without a currency.");
    check("currency", /^[A-Z]{3}$/.test(currency), "Write the three letters of a currency, such as USD.");
    const key = JSON.stringify([by, value, month, currency]);
    const other = lines.get(key);
    if (other !== undefined) {
      throw new BillhouseError("FILE_INVALID", `${name}, line ${line}: this budget is also in line ${other}.`, {
        hint: "Keep one of the two lines.",
      });
    }
    lines.set(key, line);
    return { by, value: value === "" ? null : value, month: month === "" ? null : month, amount, currency };
  });
}

function isDimension(by: string, tags: FocusConfig["tags"]): boolean {
  if (by === everything) return true;
  if (unusable.includes(by)) return false;
  try {
    dimensionOf(by, tags);
    return true;
  } catch (error) {
    if (error instanceof BillhouseError) return false;
    throw error;
  }
}
