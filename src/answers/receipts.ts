import { checkArguments, date, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import type { BillingMonth } from "../model.ts";
import { checkMonths } from "../schema/periods.ts";
import { type AnswerOptions, readingBills } from "./bills.ts";
import { type Answer, loadsOf } from "./loads.ts";
import { monthsIn } from "./periods.ts";

/** Whose receipts are read. */
export interface ReceiptsOptions extends AnswerOptions {
  /** The billing months, both included. */
  readonly from: BillingMonth;
  readonly to: BillingMonth;
}

/**
 * The loads that figures of some months come from. Errors: CONFIG_INVALID, USAGE_INVALID, and those of opening the warehouse.
 */
export async function receipts(config: Config, options: ReceiptsOptions): Promise<Answer> {
  checkArguments(config, options, receiptsRules);
  const { from, to } = options;
  checkMonths({ from, to });
  return readingBills(config, options, ({ exports }) =>
    Promise.resolve({ loads: loadsOf(exports, monthsIn({ from, to })) }),
  );
}

const receiptsRules: Shape<ReceiptsOptions> = { from: text, to: text, pipelines: names, now: optional(date) };
