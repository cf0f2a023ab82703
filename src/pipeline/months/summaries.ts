import type { CostLine } from "../../model.ts";
import { compareDecimals, subtractDecimals } from "../../schema/decimals.ts";
import { addDecimals } from "../../schema/sums.ts";
import { otherAccounts } from "../../warehouses/warehouse.ts";

/** Rows and costs that share service, account, charge type and currency, before and after. */
export interface ChangedLine {
  readonly service: string | null;
  readonly account: string | null;
  readonly chargeType: string | null;
  readonly currency: string;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  readonly costBefore: string;
  readonly costAfter: string;
  /** `costAfter` minus `costBefore`. */
  readonly difference: string;
}

/** The totals of all lines with one service, account or charge type in one currency, before and after. */
export interface ChangedGroup extends Omit<ChangedLine, "service" | "account" | "chargeType"> {
  readonly value: string | null;
}

/** Two summaries of a month in which the same accounts have separate lines. */
export interface ComparedSummaries {
  readonly before: readonly CostLine[];
  readonly after: readonly CostLine[];
}

/** The properties that distinguish lines. */
export type Property = "service" | "account" | "charge_type";

/**
 * Two comparable summaries: an account that only one of them lists is added up in both, if the other one has added up
 * small accounts.
 */
export function alignSummaries(before: readonly CostLine[], after: readonly CostLine[]): ComparedSummaries {
  const groupOf = ({ service, charge_type, currency }: CostLine): string =>
    JSON.stringify([service, charge_type, currency]);
  const folded = new Set([...before, ...after].filter(({ account }) => account === otherAccounts).map(groupOf));
  const [olds, news] = [before, after].map((lines) => new Set(lines.map(nameOf)));
  const aligned = (lines: readonly CostLine[]): readonly CostLine[] =>
    addUp(
      lines.map((line) => {
        const isInBoth = olds?.has(nameOf(line)) === true && news?.has(nameOf(line)) === true;
        return isInBoth || !folded.has(groupOf(line)) ? line : { ...line, account: otherAccounts };
      }),
      nameOf,
    );
  return { before: aligned(before), after: aligned(after) };
}

/** The differences between two summaries, line by line, the largest change first. */
export function compareLines({ before, after }: ComparedSummaries): readonly ChangedLine[] {
  return changes(before, after, nameOf).map(({ line, ...change }) => ({
    service: line.service,
    account: line.account,
    chargeType: line.charge_type,
    currency: line.currency,
    ...change,
  }));
}

/** The month's totals for each value of one property, before and after, if they changed. */
export function changesBy({ before, after }: ComparedSummaries, property: Property): readonly ChangedGroup[] {
  const valueOf = (line: CostLine): string => JSON.stringify([line[property], line.currency]);
  return changes(addUp(before, valueOf), addUp(after, valueOf), valueOf).map(({ line, ...change }) => ({
    value: line[property],
    currency: line.currency,
    ...change,
  }));
}

interface Change extends Omit<ChangedGroup, "value" | "currency"> {
  readonly line: CostLine;
}

function changes(
  before: readonly CostLine[],
  after: readonly CostLine[],
  name: (line: CostLine) => string,
): readonly Change[] {
  const olds = new Map(before.map((line) => [name(line), line]));
  const news = new Map(after.map((line) => [name(line), line]));
  const changed = [...new Set([...olds.keys(), ...news.keys()])].flatMap((key): Change[] => {
    const [old, now] = [olds.get(key), news.get(key)];
    const line = now ?? old;
    const [costBefore, costAfter] = [old?.cost ?? "0", now?.cost ?? "0"];
    const [rowsBefore, rowsAfter] = [old?.rows ?? 0, now?.rows ?? 0];
    const difference = subtractDecimals(costAfter, costBefore);
    if (line === undefined || (rowsBefore === rowsAfter && difference === "0")) return [];
    return [{ line, rowsBefore, rowsAfter, costBefore, costAfter, difference }];
  });
  const size = ({ difference }: Change): string => difference.replace("-", "");
  return changed.toSorted((one, other) => compareDecimals(size(other), size(one)));
}

/** One line for each name, with the rows and costs of all lines of that name. */
function addUp(lines: readonly CostLine[], name: (line: CostLine) => string): readonly CostLine[] {
  return [...Map.groupBy(lines, name).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const rows = group.reduce((total, line) => total + line.rows, 0);
    return [{ ...first, rows, cost: addDecimals(group.map(({ cost }) => cost)) }];
  });
}

function nameOf({ service, account, charge_type, currency }: CostLine): string {
  return JSON.stringify([service, account, charge_type, currency]);
}
