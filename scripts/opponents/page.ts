import type { Conversion } from "./conversions.ts";
import { rules } from "./rules.ts";

/** How far a conversion is from each rule, as text with two digits after the point; null if it does not fill the column. */
export interface Result {
  readonly conversion: Conversion;
  readonly errors: readonly (string | null)[];
}

const start = "<!-- Written by scripts/test-opponents.ts: run `npm run test:opponents`. -->";
const end = "<!-- End of the other conversions -->";

/** The section of the page with the errors of each conversion. */
export function opponentsSection(
  results: readonly Result[],
  { billed, lines }: { readonly billed: string; readonly lines: number },
): string {
  const names = results.map(({ conversion }) => conversion.name);
  const body = rules.map(({ text }, index) => [text, ...results.map(({ errors }) => money(errors[index] ?? null))]);
  const others = results.filter(({ conversion }) => conversion.repository !== "");
  const takes = others.map(
    ({ conversion: { name, repository, takes } }) => `- **Conversion ${name}** (${repository}). ${takes}`,
  );
  return `${start}

## Other conversions on the same bill

Public conversions of AWS reports to FOCUS, and billhouse, on two generated months with ${lines.toLocaleString("en-US")} lines of all kinds, of which
${money(Number(billed).toFixed(2))} USD is billed. In the first month discounts are lines of their own, in the second one the report has net columns. What is right comes from
the generator of the bill, not from billhouse. A number is the amount, in USD, that breaks the rule; – means that the conversion does not fill the column.

${takes.join("\n")}

Conversion A is run as its authors publish it. The rules of the others are written again here from their repositories, so they can have changed since.
Columns of commitments are NULL in lines without one, as in CSV reports; where a Parquet report has 0 instead, the first value that is not NULL is 0.

${table(["rule", ...names.map((name) => (name === "billhouse" ? name : `conversion ${name}`))], body)}

${end}
`;
}

/** The page with this section in place of the one that it has. */
export function withOpponents(page: string, section: string): string {
  return `${page.split(start)[0]?.trimEnd()}\n\n${section}`;
}

/** The section of a page that was written before; empty if there is none. */
export function opponentsOf(page: string): string {
  const from = page.indexOf(start);
  return from === -1 ? "" : page.slice(from);
}

function money(text: string | null): string {
  return text === null
    ? "–"
    : Number(text).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map((_, index) => (index === 0 ? "---" : "---:")), ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
