import type { BillingMonth } from "../src/model.ts";

/** A delivery that the demo wrote, with the figures that a load of it must give. */
export interface DemoDelivery {
  /** The section of `billhouse.toml` that loads it. */
  readonly source: "aws_cur" | "azure_billing" | "azure_actual" | "azure_amortized" | "lumen_ai";
  readonly billingMonth: BillingMonth;
  /** `assemblyId` or `runId`; null for files without a manifest, whose execution depends on their versions. */
  readonly executionId: string | null;
  readonly files: number;
  readonly rows: number;
  readonly currency: string;
  /** Exact sum of `lineItem/UnblendedCost`, `BilledCost` or `costInBillingCurrency`, as decimal text. */
  readonly cost: string;
}

/** A delivery with a manifest, which names its execution. */
export interface DemoExecution extends DemoDelivery {
  readonly executionId: string;
}

/** One row as columns name it; a column that is not there is empty. */
export type Cells = Readonly<Record<string, string>>;

/** CSV text (RFC 4180, lines end with LF) with the columns as its header. */
export function csvText(columns: readonly string[], rows: readonly Cells[]): string {
  const lines = [columns.map(quoted).join(",")];
  for (const row of rows) lines.push(columns.map((column) => quoted(row[column] ?? "")).join(","));
  return `${lines.join("\n")}\n`;
}

function quoted(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
