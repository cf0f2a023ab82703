import type { BillingMonth } from "../src/model.ts";

/** A delivery that the demo wrote, with the figures that a load of it must give. */
export interface DemoDelivery {
  /** The section of `billhouse.toml` that loads it. */
  readonly source: "aws_cur" | "azure_billing";
  readonly billingMonth: BillingMonth;
  /** `assemblyId` or `runId`. */
  readonly executionId: string;
  readonly files: number;
  readonly rows: number;
  readonly currency: string;
  /** Exact sum of `lineItem/UnblendedCost` or `BilledCost`, as decimal text. */
  readonly cost: string;
}
