import { nearest } from "../config/nearest.ts";
import type { Bills } from "./bills.ts";
import { sumCharges } from "./charges.ts";
import { inMonths, ofExports } from "./conditions.ts";
import { dimensionOf, filterParts, plainAccount } from "./dimensions.ts";
import { type Period, titleOf } from "./periods.ts";

/** How many values of a dimension a note lists. */
const listedValues = 5;

/** Sentences on filters whose value no charge of a period has, with the nearest value, or some of those that there are. */
export async function unmatchedFilters(
  bills: Bills,
  filters: readonly string[],
  period: Period,
): Promise<readonly string[]> {
  const notes: string[] = [];
  for (const { name, value } of filterParts(filters).filter((part) => part.value !== "")) {
    const groups = await sumCharges(bills, {
      by: { value: dimensionOf(name, bills.config.focus.tags) },
      rows: [inMonths([period]), ofExports(bills.exports)],
    });
    const values = groups.flatMap((group) => group["value"] ?? []).toSorted();
    const isSame = name === "account" ? (one: string) => plainAccount(one) === plainAccount(value) : undefined;
    if (values.some(isSame ?? ((one) => one === value))) continue;
    const close = nearest(value, values);
    const others = values.length > listedValues ? `, and ${values.length - listedValues} others` : "";
    const known = values.length === 0 ? "." : `. There is ${values.slice(0, listedValues).join(", ")}${others}.`;
    const hint = close === undefined ? known : `. Did you mean '${name}=${close}'?`;
    notes.push(`No charge of ${titleOf(period)} has ${name}=${value}${hint}`);
  }
  return notes;
}
