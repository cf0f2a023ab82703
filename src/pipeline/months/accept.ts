import { BillhouseError } from "../../errors.ts";
import type { BillingMonth } from "../../model.ts";
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
  { name: "second-copy", needsMonths: false },
  { name: "shrink", needsMonths: true },
  { name: "gap", needsMonths: true },
  { name: "removed-files", needsMonths: true },
  { name: "repeated-charges", needsMonths: true },
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

/** A command that loads months and waives checks, as far as its next hint repeats it. */
export interface LoadCommand {
  readonly pipeline: string;
  readonly force: boolean;
  /** Checks that it waives already. */
  readonly accept: readonly string[];
}

/**
 * The command that waives one more check: it repeats `--force` and the checks that were waived before. It names the month
 * where it is given, or where one of the checks needs it.
 */
export function commandToAccept(
  { pipeline, force, accept }: LoadCommand,
  check: string,
  billingMonth: BillingMonth,
  isForMonth: boolean,
): string {
  const checks = [...new Set([...accept, check])];
  const needsMonth = waivableChecks.some(({ name, needsMonths }) => needsMonths && checks.includes(name));
  return [
    `billhouse run ${pipeline}`,
    ...(force ? ["--force"] : []),
    ...checks.map((one) => `--accept ${one}`),
    ...(isForMonth || needsMonth ? [`--month ${billingMonth}`] : []),
  ].join(" ");
}
