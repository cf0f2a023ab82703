import { checkArguments, count, date, listOf, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { day, decimal, field } from "../focus/expression.ts";
import type { BillingMonth } from "../model.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { checkMonths } from "../schema/periods.ts";
import { type AnswerOptions, type Bills, readingBills } from "./bills.ts";
import { sumCharges } from "./charges.ts";
import { inMonths, ofExports } from "./conditions.ts";
import { checkMeasure, measureColumns } from "./costs.ts";
import { filterConditions } from "./dimensions.ts";
import { type Answer, loadsOf } from "./loads.ts";
import type { Measure } from "./measures.ts";
import { monthsIn, newestMonth, requireLoaded } from "./periods.ts";

/** Which charge lines `lines` lists. */
export interface LinesOptions extends AnswerOptions {
  /** The first and the last billing month; by default the newest loaded month that is over. One alone is both. */
  readonly from?: BillingMonth;
  readonly to?: BillingMonth;
  /** As in `costs`. */
  readonly filters?: readonly string[];
  /** By what the largest lines are chosen; by default `effective`. */
  readonly measure?: Measure;
  /** How many lines are listed; by default 100. */
  readonly top?: number;
}

/** The answer of `lines`. */
export interface LinesResult extends Answer {
  readonly from: BillingMonth;
  readonly to: BillingMonth;
  readonly filters: readonly string[];
  /** The largest first. Equal charges of one day, resource and price are one line. */
  readonly lines: readonly ChargeLine[];
  /** Whether there are more lines than the listed ones. */
  readonly isCut: boolean;
}

/** A line of a bill, as the view has it. Amounts are exact decimal text, null where the bill lacks them. */
export interface ChargeLine {
  readonly [column: string]: string | null;
}

/** The columns of a line, besides its amounts. */
const columns = {
  currency: field("BillingCurrency"),
  day: day(field("ChargePeriodStart", "timestamp")),
  month: field("x_BillingMonth"),
  export: field("x_Export"),
  account: field("SubAccountId"),
  service: field("ServiceName"),
  region: field("RegionId"),
  resource: field("ResourceId"),
  sku: field("SkuId"),
  meter: field("SkuMeter"),
  description: field("ChargeDescription"),
  category: field("ChargeCategory"),
  class: field("ChargeClass"),
  pricing: field("PricingCategory"),
  commitment: field("CommitmentDiscountId"),
  unit: field("PricingUnit"),
  invoice: field("InvoiceId"),
  execution: field("x_ExecutionId"),
  line_item: field("x_LineItemId"),
};

/**
 * The largest charge lines of a period. Errors: CONFIG_INVALID, USAGE_INVALID (also for a month that is not loaded),
 * WAREHOUSE_NOT_FOUND if nothing is loaded, and those of opening the warehouse.
 */
export async function lines(config: Config, options: LinesOptions = {}): Promise<LinesResult> {
  checkArguments(config, options, linesRules);
  checkMeasure(options.measure);
  checkMonths(options);
  return readingBills(config, options, (bills) => linesIn(bills, options));
}

const linesRules: Shape<LinesOptions> = {
  from: optional(text),
  to: optional(text),
  filters: optional(listOf(text)),
  measure: optional(text),
  top: optional(count),
  pipelines: names,
  now: optional(date),
};

/** The same of bills that are open, with checked options. */
export async function linesIn(bills: Bills, options: LinesOptions): Promise<Omit<LinesResult, keyof ReadSource>> {
  const { filters = [], measure = "effective", top = 100 } = options;
  const { config, exports, now } = bills;
  const newest = newestMonth(exports, now);
  const period = { from: options.from ?? options.to ?? newest, to: options.to ?? options.from ?? newest };
  requireLoaded(exports, period);
  const found = await sumCharges(bills, {
    by: columns,
    sum: {
      // The lines are ordered by the first sum.
      [measure]: measureColumns[measure],
      ...measureColumns,
      quantity: field("PricingQuantity", "decimal"),
      rows: decimal("1"),
    },
    rows: [inMonths([period]), ofExports(exports), ...filterConditions(filters, config.focus.tags)],
    most: top + 1,
  });
  return {
    ...period,
    filters,
    lines: found.slice(0, top),
    isCut: found.length > top,
    loads: loadsOf(exports, monthsIn(period)),
  };
}
