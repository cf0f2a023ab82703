import { compareDecimals, formatDecimal, roundToCents, subtractDecimals } from "../../schema/decimals.ts";
import { addDecimals } from "../../schema/sums.ts";
import { type BilledLine, costOf, type NamedLines, partsOf, usageName } from "./bills.ts";
import { roundingName } from "./names.ts";

/** An amount of a bill with its name. */
export interface NamedAmount {
  readonly name: string;
  /** Exact decimal text. */
  readonly amount: string;
}

/** What an invoice is compared with. */
export interface ResidualFacts {
  /** What the invoice says, exact decimal text. */
  readonly invoiced: string;
  readonly lines: readonly BilledLine[];
  /** Other lines that the invoice may still contain. */
  readonly beside: readonly NamedLines[];
  /** The largest difference that passes: exact decimal text, not negative. */
  readonly tolerance: string;
}

/** One thing that would make what is loaded the invoice. `amount` is what it adds to the difference. */
export interface Reason extends NamedAmount {
  /**
   * Whether the invoice lacks such lines, has them although it is not compared with them, or rounds: its total, or each
   * service of each account.
   */
  readonly how: "leaves out" | "holds" | "rounds its total" | "rounds its lines";
}

/** The difference between an invoice and what is loaded, explained as far as what is loaded can. */
export interface Residual {
  readonly invoiced: string;
  readonly loaded: string;
  /** The invoice less what is loaded. */
  readonly difference: string;
  /** Whether the difference is at most the tolerance. */
  readonly ok: boolean;
  /** What is loaded, part by part, and at the end what rounding each account's services to cents would add. */
  readonly parts: readonly NamedAmount[];
  /** The fewest reasons that add up to the difference within the tolerance; empty when it is right or none do. */
  readonly reasons: readonly Reason[];
  /** Other possible reasons, equally few, for the same difference: the values alone do not decide. */
  readonly alternatives: readonly (readonly Reason[])[];
  /** The difference less the reasons. */
  readonly unexplained: string;
}

/** Explains a residual. Pure, and exact: every figure is the sum of the loaded costs to its last digit. */
export function explainResidual(facts: ResidualFacts): Residual {
  const { invoiced, lines } = facts;
  const loaded = costOf(lines);
  const difference = subtractDecimals(invoiced, loaded);
  const parts = partsOf(lines);
  const ok = isWithin(difference, facts.tolerance);
  const known = ok ? [] : explanations(difference, facts, parts);
  const fewest = Math.min(...known.map(({ reasons }) => reasons.length));
  const [best, ...others] = known
    .filter(({ reasons }) => reasons.length === fewest)
    .toSorted((one, other) => compareDecimals(magnitude(one.rest), magnitude(other.rest)));
  return {
    invoiced,
    loaded,
    difference,
    ok,
    parts: [
      ...parts.map((part) => ({ name: part.name, amount: costOf(part.lines) })),
      { name: roundingName, amount: roundingOf(lines) },
    ],
    reasons: best?.reasons ?? [],
    alternatives: others.map(({ reasons }) => reasons),
    unexplained: best?.rest ?? difference,
  };
}

/**
 * What rounding to cents adds, when the costs of each service of each account are added up and the sums rounded half
 * away from zero, as an invoice lists them.
 */
export function roundingOf(lines: readonly BilledLine[]): string {
  const sums = linesOfInvoice(lines).map(costOf);
  return subtractDecimals(addDecimals(sums.map(roundToCents)), addDecimals(sums));
}

/** Lines that an invoice may leave out, or include besides the lines that it is compared with. */
interface Move extends NamedLines {
  readonly how: "leaves out" | "holds";
  /** What it adds to the difference. */
  readonly amount: string;
}

interface Explanation {
  readonly reasons: readonly Reason[];
  /** What they leave of the difference. */
  readonly rest: string;
}

function explanations(
  difference: string,
  { lines, beside, tolerance }: ResidualFacts,
  parts: readonly NamedLines[],
): readonly Explanation[] {
  const everything = [...lines, ...beside.flatMap((besides) => besides.lines)];
  // Rounding moves each line of an invoice by half a cent at most.
  const furthest = formatDecimal({ coefficient: BigInt(linesOfInvoice(everything).length * 5), scale: 3 });
  const choices = [...subsets([...leftOut(parts), ...held(beside)]), ...singleInvoices(lines)];
  return choices.flatMap((moves): Explanation[] => {
    const reasons = moves.map(({ name, how, amount }): Reason => ({ name, how, amount }));
    const rest = subtractDecimals(difference, addDecimals(reasons.map(({ amount }) => amount)));
    if (isWithin(rest, tolerance)) return [{ reasons, rest }];
    if (!isWithin(rest, addDecimals([furthest, tolerance]))) return [];
    const invoiced = linesAfter(lines, moves);
    const total = costOf(invoiced);
    const roundings: readonly Reason[] = [
      { name: roundingName, how: "rounds its total", amount: subtractDecimals(roundToCents(total), total) },
      { name: roundingName, how: "rounds its lines", amount: roundingOf(invoiced) },
    ];
    const rounding = roundings.find(({ how, amount }) => {
      const left = subtractDecimals(rest, amount);
      // The total of an invoice is rounded once: it is that amount, or something else.
      return how === "rounds its total" ? left === "0" : isWithin(left, tolerance);
    });
    if (rounding === undefined) return [];
    return [{ reasons: [...reasons, rounding], rest: subtractDecimals(rest, rounding.amount) }];
  });
}

/** The parts that an invoice may lack. Usage is what it is for. */
function leftOut(parts: readonly NamedLines[]): readonly Move[] {
  return parts.filter(({ name }) => name !== usageName).flatMap(({ name, lines }) => move("leaves out", name, lines));
}

function held(beside: readonly NamedLines[]): readonly Move[] {
  return beside.flatMap(({ name, lines }) => move("holds", name, lines));
}

/** For several invoices in one amount: that one of them is missing, or that the amount is one of them alone. */
function singleInvoices(lines: readonly BilledLine[]): readonly (readonly Move[])[] {
  const invoices = Map.groupBy(lines, ({ invoice }) => invoice);
  const ids = [...invoices.keys()].filter((id) => id !== null);
  if (ids.length < 2) return [];
  const without = ids.map((id) => move("leaves out", `invoice ${id}`, invoices.get(id) ?? []));
  if (invoices.size === 2) return without.filter((moves) => moves.length > 0);
  const alone = ids.map((id) =>
    move(
      "leaves out",
      `everything but invoice ${id}`,
      lines.filter(({ invoice }) => invoice !== id),
    ),
  );
  return [...without, ...alone].filter((moves) => moves.length > 0);
}

/** A move, or none when it would move nothing. */
function move(how: Move["how"], name: string, lines: readonly BilledLine[]): readonly Move[] {
  const cost = costOf(lines);
  return cost === "0" ? [] : [{ how, name, lines, amount: how === "holds" ? cost : subtractDecimals("0", cost) }];
}

function linesAfter(lines: readonly BilledLine[], moves: readonly Move[]): readonly BilledLine[] {
  const gone = new Set(moves.filter(({ how }) => how === "leaves out").flatMap((left) => left.lines));
  const added = moves.filter(({ how }) => how === "holds").flatMap((hold) => hold.lines);
  return [...lines.filter((line) => !gone.has(line)), ...added];
}

/** Lines of one service of one account each. */
function linesOfInvoice(lines: readonly BilledLine[]): readonly (readonly BilledLine[])[] {
  return [...Map.groupBy(lines, ({ service, account }) => JSON.stringify([service, account])).values()];
}

/** Every choice of some of the members; there are ten of them at most. */
function subsets<T>(members: readonly T[]): readonly (readonly T[])[] {
  return members.reduce<T[][]>((chosen, member) => [...chosen, ...chosen.map((one) => [...one, member])], [[]]);
}

function isWithin(amount: string, limit: string): boolean {
  return compareDecimals(magnitude(amount), limit) <= 0;
}

function magnitude(amount: string): string {
  return amount.replace("-", "");
}
