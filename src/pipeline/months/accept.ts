import { BillhouseError } from "../../errors.ts";
import type { MonthSelection } from "../../schema/periods.ts";

/** A check that `--accept` waives for one run; the receipt of the load records its name. */
interface WaivableCheck {
  readonly name: string;
  /** Whether --month is required, so that the check is never waived for a month by accident. */
  readonly needsMonths: boolean;
}

/** Every check that can be waived. */
export const waivableChecks: readonly WaivableCheck[] = [
  { name: "row-count", needsMonths: false },
  { name: "scope", needsMonths: false },
  { name: "other-months", needsMonths: false },
  { name: "shrink", needsMonths: true },
  { name: "gap", needsMonths: true },
];

/** Checks the names of checks to waive. Error: USAGE_INVALID for an unknown name, and for a missing --month. */
export function checkAccepted(accept: readonly string[], { only = [] }: MonthSelection): void {
  for (const name of accept) {
    const check = waivableChecks.find((one) => one.name === name);
    if (check === undefined) {
      throw new BillhouseError("USAGE_INVALID", `--accept ${name} is not a valid check.`, {
        hint: `Valid checks: ${waivableChecks.map((one) => one.name).join(", ")}.`,
      });
    }
    if (check.needsMonths && only.length === 0) {
      throw new BillhouseError("USAGE_INVALID", `--accept ${name} requires --month.`, {
        hint: `Add the month, for example --accept ${name} --month 2025-01.`,
      });
    }
  }
}
