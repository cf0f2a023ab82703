import type { BillingMonth } from "../model.ts";
import { plainView, type View } from "./address.ts";
import { answerTo, type PageContext } from "./page.ts";
import { seriesQuestion } from "./questions.ts";

/** How many groups of a chart have a colour of their own. */
export const coloured = 7;

/** Services by their cost, the most expensive first: the first ones have the same colours on all pages. */
export type Ranking = readonly (string | null)[];

/** By the costs of how many months services are ranked, and how many of them. */
const [rankedMonths, rankedServices] = [13, 50];

/**
 * The ranking of services for a chart by a dimension; empty for other dimensions. Errors: those of `series`.
 */
export async function rankingFor(
  { by, currency = "" }: Pick<View, "by" | "currency">,
  months: readonly BillingMonth[],
  context: PageContext,
): Promise<Ranking> {
  if (by !== "service") return [];
  const view: View = { ...plainView, from: months.slice(-rankedMonths)[0], to: months.at(-1), grain: "month" };
  const { result } = await answerTo(context, seriesQuestion, { view, top: rankedServices });
  return (result.currency[currency]?.groups ?? []).map(({ key }) => key);
}

/** The colours of at most `coloured` groups of a chart, each a class: that of their rank, else one that is free. */
export function coloursOf(keys: readonly (string | null)[], ranking: Ranking): readonly string[] {
  const colours: (number | undefined)[] = keys.map(() => undefined);
  for (const [index, key] of keys.entries()) {
    const rank = ranking.indexOf(key);
    if (rank !== -1 && rank < coloured && !colours.includes(rank)) colours[index] = rank;
  }
  for (const [index, key] of keys.entries()) {
    const rank = ranking.indexOf(key);
    let colour = (rank === -1 ? index : rank) % coloured;
    while (colours[index] === undefined) {
      if (!colours.includes(colour)) colours[index] = colour;
      colour = (colour + 1) % coloured;
    }
  }
  return colours.map((colour) => `s${colour}`);
}
