import type { Condition, Expression } from "../focus/expression.ts";

/** Sums over rows of the view `focus_costs`, as data: what is grouped, what is computed of each group, and of which rows. */
export interface ChargeSums {
  /** The columns by which rows are grouped, by their names in the result. */
  readonly by: Readonly<Record<string, Expression>>;
  /** What is computed of each group: sums of numbers, the least or the greatest of values. NULL counts nowhere. */
  readonly sum?: Readonly<Record<string, Expression>>;
  readonly least?: Readonly<Record<string, Expression>>;
  readonly greatest?: Readonly<Record<string, Expression>>;
  /** Only rows for which all of these hold. */
  readonly rows: readonly Condition[];
  /** Only so many groups: those whose first sum is the largest. */
  readonly most?: number;
  /**
   * Keys by name, for each combination of which there are so many groups, and one more that adds up the others: its other keys are
   * null, and it has their number under `othersCount`.
   */
  readonly within?: readonly string[];
}
