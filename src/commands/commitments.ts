import type { CommitmentRow, CommitmentsResult, CurrencyCommitments } from "../answers/commitments.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { answer, monthOption, scopeOfAnswer } from "./answer.ts";
import type { Perform, Program } from "./context.ts";
import { formatAmount, formatChange, formatShare, sourcePart } from "./figures.ts";
import { example, exportsAndMonths } from "./flags.ts";
import { noteLine, paint, type ScreenStyle, visible, wrapText } from "./output.ts";
import type { Row } from "./query-formats.ts";
import { type Column, fitNames, indented } from "./tables.ts";

const usageExample = "billhouse commitments 2025-03";

/** Registers `billhouse commitments`. */
export function addCommitments(program: Program, perform: Perform): void {
  program
    .command("commitments")
    .description("Show how reservations and savings plans were used, what is unused, and what they saved.")
    .argument("[export-or-month...]", exportsAndMonths)
    .addOption(monthOption())
    .option("--csv", "write CSV with a header, a line for each commitment and for the total")
    .addHelpText("after", example(usageExample))
    .action((words, { month, csv = false }) =>
      perform.reading(async (context) => {
        const { commitments } = await import("../answers/commitments.ts");
        const shown = { csv, columns: () => csvColumns, rows: csvRows, screen: commitmentsScreen };
        return answer(commitments, scopeOfAnswer(words, month, usageExample), shown, context);
      }),
    );
}

const csvColumns = "currency row commitment_id name type provider used unused utilisation contracted net_savings".split(
  " ",
);

function* csvRows({ currency }: CommitmentsResult): Generator<Row> {
  for (const [name, { rows, total }] of Object.entries(currency)) {
    const lines = [...rows.map((row) => ({ ...row, row: "commitment" })), { ...total, row: "total" }];
    for (const { netSavings, ...line } of lines) {
      const id = "commitmentId" in line ? line.commitmentId : null;
      yield { ...line, currency: name, commitment_id: id, net_savings: netSavings };
    }
  }
}

/** Commitments for people: a table for each currency, and the rates below it. */
export function commitmentsScreen(result: Omit<CommitmentsResult, keyof ReadSource>, style: ScreenStyle): string {
  const { month, isOver, currency } = result;
  const title = paint(style, "strong", `Commitments in ${month}`);
  const sections = Object.entries(currency)
    .filter(([, { rows }]) => rows.length > 0)
    .map(([name, own]) => [...tableOf(own, name, style), "", ...rateLines(own, style)].join("\n"));
  const none = sections.length === 0 ? ["  No commitment was used or paid for."] : [];
  const open = isOver
    ? []
    : [noteLine(`${month} is not over: fees of the whole month can already count as unused.`, style)];
  return `${[title, ...sections, ...none, ...open, ...sourcePart(result.loads, style)].join("\n\n")}\n`;
}

function tableOf({ rows, total }: CurrencyCommitments, currency: string, style: ScreenStyle): string[] {
  const lines = [...rows, total];
  const figures: Column[] = [
    {
      title: `used${currency === "" ? "" : ` ${visible(currency)}`}`,
      lean: "right",
      cells: lines.map(({ used }) => formatAmount(used)),
    },
    { title: "unused", lean: "right", cells: lines.map(({ unused }) => formatAmount(unused)) },
    { title: "utilisation", lean: "right", cells: lines.map(({ utilisation }) => formatShare(utilisation)) },
    { title: "net savings", lean: "right", cells: lines.map(({ netSavings }) => formatChange(netSavings)) },
  ];
  const names: Column[] = [
    { title: "commitment", cells: [...rows.map((row) => nameOf(row, style)), "total"] },
    { title: "type", cells: [...rows.map(({ type }) => visible(type ?? "(none)")), ""] },
  ];
  return indented([...fitNames(names, figures, style), ...figures], style);
}

/** The name of a commitment, else the last part of its id. With `--verbose` the whole id. */
function nameOf({ commitmentId, name }: CommitmentRow, { verbose }: ScreenStyle): string {
  if (commitmentId === null) return "(none)";
  return visible(verbose ? commitmentId : (name ?? commitmentId.split(/[/:]/).at(-1) ?? commitmentId));
}

function rateLines(own: CurrencyCommitments, style: ScreenStyle): string[] {
  const { coverage, coverageOf, effectiveSavingsRate, commitmentSavingsRate, publicPriceShare, missingPriceShare } =
    own;
  const unknown = coverageOf === "all usage" ? " (the bills do not say which usage is eligible)" : "";
  const sentences = [
    `Coverage: commitments cover ${formatShare(coverage)} of ${coverageOf}, at contracted cost and without spot prices${unknown}.`,
    `Commitment savings rate: ${formatShare(commitmentSavingsRate)} of the contracted cost of usage.`,
    `Effective savings rate: ${formatShare(effectiveSavingsRate)} of the list cost of usage.`,
  ];
  return [
    ...sentences.map((sentence) => `  ${wrapText(sentence, style.columns, 2)}`),
    ...(isNone(publicPriceShare)
      ? []
      : [
          noteLine(
            `The bill has only the public price of ${formatShare(publicPriceShare)} of the covered usage: with a negotiated discount, savings are overstated.`,
            style,
          ),
        ]),
    ...(isNone(missingPriceShare)
      ? []
      : [
          noteLine(
            `The bill lacks the contracted cost of ${formatShare(missingPriceShare)} of the covered usage: it shows no savings.`,
            style,
          ),
        ]),
  ];
}

function isNone(share: string | null): boolean {
  return share === null || share === "0";
}
