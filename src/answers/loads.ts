import type { BillingMonth } from "../model.ts";
import type { ReadSource } from "../pipeline/open.ts";
import type { LoadedExport } from "./periods.ts";

/** A load that the figures of an answer come from: one billing month of one export. */
export interface AnswerLoad {
  /** `aws` or `azure`. */
  readonly provider: string;
  /** The section of the export. */
  readonly export: string;
  readonly billingMonth: BillingMonth;
  /** The newest of `executionIds`; null where neither state nor receipt names one. */
  readonly executionId: string | null;
  /** The deliveries that were loaded together, oldest first. */
  readonly executionIds: readonly string[];
  /** Rows of the table; null where they were not recorded, as after the Python pipelines. */
  readonly rows: number | null;
  /** ISO 8601. */
  readonly loadedAt: string | null;
  /**
   * When rows and costs were last proved equal to those of the delivery, ISO 8601: billhouse proves them in the transaction of
   * every load. Null for a month that another program loaded.
   */
  readonly verifiedAt: string | null;
}

/** What every answer says of its figures: what they were read from, and the loads that they come from. */
export interface Answer extends ReadSource {
  /** Export by export, in each the oldest month first. */
  readonly loads: readonly AnswerLoad[];
}

/** The loads of some months. */
export function loadsOf(exports: readonly LoadedExport[], months: readonly BillingMonth[]): readonly AnswerLoad[] {
  return exports.flatMap(({ name, cloud, months: own }) =>
    months.toSorted().flatMap((billingMonth) => {
      const facts = own.get(billingMonth);
      if (facts === undefined) return [];
      const { executionIds, rows, loadedAt, verifiedAt } = facts;
      const executionId = executionIds.at(-1) ?? null;
      return [{ provider: cloud, export: name, billingMonth, executionId, executionIds, rows, loadedAt, verifiedAt }];
    }),
  );
}
