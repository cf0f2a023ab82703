import { BillhouseError } from "../../errors.ts";
import type { MonthSelection } from "../../schema/periods.ts";

/** A check that `--accept` waives for one run; the receipt of what is loaded keeps its name. */
interface WaivableCheck {
  readonly name: string;
  /** Whether the months have to be named one by one, so that it never waives the check for a month by accident. */
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

/** Checks the names of checks to waive. Error: USAGE_INVALID for an unknown name, and for months that are not named. */
export function checkAccepted(accept: readonly string[], { only = [] }: MonthSelection): void {
  for (const name of accept) {
    const check = waivableChecks.find((one) => one.name === name);
    if (check === undefined) {
      throw new BillhouseError("USAGE_INVALID", `There is no check named ${name} that can be waived.`, {
        hint: `--accept takes: ${waivableChecks.map((one) => one.name).join(", ")}.`,
      });
    }
    if (check.needsMonths && only.length === 0) {
      throw new BillhouseError("USAGE_INVALID", `--accept ${name} needs the month for which the check is waived.`, {
        hint: `Name it with --month, for example --accept ${name} --month 2025-01.`,
      });
    }
  }
}
