import type { AccountNames } from "./bills.ts";
import type { BillingMonth } from "../model.ts";
import type { CellKeys, CellLabel } from "./explain-cells.ts";
import type { Part } from "./parts.ts";
import type { Comparison } from "./periods.ts";

/** Why the cost in one currency differs between two months. */
export interface Explanation {
  /** The answer in a sentence or two. */
  readonly sentence: string;
  readonly before: string;
  readonly after: string;
  readonly difference: string;
  /** They add up to the difference. */
  readonly parts: Readonly<Record<Part, string>>;
  /** The difference minus all parts: always 0. */
  readonly residual: string;
  /** The largest amounts first, whatever their sign. */
  readonly drivers: readonly Driver[];
  /** The resources and days of the largest drivers, as many as `drill` asked for. */
  readonly details: readonly DriverDetails[];
  /** The drivers that are not listed. */
  readonly rest: { readonly drivers: number; readonly amount: string };
  /** The part of the cost of metered usage whose negotiated cost is not in the bill and was estimated; null without such usage. */
  readonly estimatedShare: string | null;
  /** Whether a change of exchange rates may be part of `price`, because a bill does not give one rate for each month. */
  readonly priceIncludesFx: boolean;
}

/** An amount of one part, and where it comes from. */
export interface Driver {
  readonly keys: Readonly<Partial<Record<keyof CellKeys, string | null>>>;
  readonly part: Part;
  readonly amount: string;
  /** Of `new` and `gone`: `account`, `service` or `sku`; of `other`: `unit changed` or `no quantity`; else null. */
  readonly label: CellLabel | null;
  /** The meter of the SKU, such as `EUC1-BoxUsage:t3.micro`; null where drivers are not grouped by SKU, or it is unknown. */
  readonly meter: string | null;
}

/** Where one of the largest drivers comes from. All amounts are effective cost. */
export interface DriverDetails extends Pick<Driver, "keys" | "part" | "amount" | "meter"> {
  /** The resources whose cost changed most, whatever the sign; null for charges without one. */
  readonly resources: readonly {
    readonly resource: string | null;
    readonly before: string;
    readonly after: string;
    readonly change: string;
  }[];
  /** The days of the later month that cost most, `YYYY-MM-DD`. */
  readonly days: readonly { readonly day: string; readonly cost: string }[];
}

/** What an explanation is about. */
export interface ExplainedChange {
  readonly month: BillingMonth;
  readonly vs: BillingMonth;
  readonly comparison: Comparison;
  readonly measure: "effective" | "billed";
  readonly by: readonly (keyof CellKeys)[];
  readonly top: number;
  readonly currency: string;
  /** The names of sub-accounts, for the sentence. */
  readonly accountNames: AccountNames;
}
