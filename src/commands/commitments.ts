import type { CommitmentRow, CommitmentsResult, CurrencyCommitments } from "../answers/commitments.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { termInWords } from "../schema/periods.ts";
import { answer, monthOption, scopeOfAnswer } from "./answer.ts";
import type { Perform, Program } from "./context.ts";
import { accountCell, formatAmount, formatChange, formatShare, sourcePart } from "./figures.ts";
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
    .option("--csv", "write CSV with a header, a line for each commitment, for the total, and for the months of each")
    .addHelpText("after", example(usageExample))
    .action((words, { month, csv = false }) =>
      perform.reading(async (context) => {
        const { commitments } = await import("../answers/commitments.ts");
        const shown = { csv, columns: () => csvColumns, rows: csvRows, screen: commitmentsScreen };
        return answer(commitments, scopeOfAnswer(words, month, usageExample), shown, context);
      }),
    );
}

const csvColumns =
  "currency row month commitment_id name type provider account_id account_name term_months used unused utilisation contracted net_savings".split(
    " ",
  );

/** The month of the answer in lines `commitment` and `total`; the months up to it in lines `commitment month` and `total month`. */
function* csvRows({ month, currency }: CommitmentsResult): Generator<Row> {
  for (const [name, { rows, total, months }] of Object.entries(currency)) {
    for (const row of rows) yield { ...namedCells(row), ...useCells(row), currency: name, row: "commitment", month };
    yield { ...useCells(total), currency: name, row: "total", month };
    for (const row of rows)
      for (const use of row.months) yield { ...namedCells(row), ...use, currency: name, row: "commitment month" };
    for (const use of months) yield { ...use, currency: name, row: "total month" };
  }
}

function namedCells({ commitmentId, name, type, provider, accountId, accountName, termMonths }: CommitmentRow): Row {
  return {
    commitment_id: commitmentId,
    name,
    type,
    provider,
    account_id: accountId,
    account_name: accountName,
    term_months: termMonths,
  };
}

function useCells({ used, unused, utilisation, contracted, netSavings }: CurrencyCommitments["total"]): Row {
  return { used, unused, utilisation, contracted, net_savings: netSavings };
}

/** Commitments for people: a table for each currency, and the rates below it. */
export function commitmentsScreen(result: Omit<CommitmentsResult, keyof ReadSource>, style: ScreenStyle): string {
  const { month, isOver, currency } = result;
  const title = paint(style, "strong", `Commitments in ${month}`);
  const sections = Object.entries(currency)
    .filter(([, { rows }]) => rows.length > 0)
    .map(([name, own]) =>
      [...tableOf(own, name, style), ...historyLines(own, style), "", ...rateLines(own, style)].join("\n"),
    );
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
    namesOf(rows, style),
    { title: "type", cells: [...rows.map(({ type }) => visible(type ?? "(none)")), ""] },
  ];
  return indented([...fitNames(names, figures, style), ...figures], style);
}

function namesOf(rows: readonly CommitmentRow[], style: ScreenStyle): Column {
  return { title: "commitment", cells: [...rows.map((row) => nameOf(row, style)), "total"] };
}

function accountOf({ accountId, accountName }: CommitmentRow, style: ScreenStyle): string {
  if (accountId === null) return "";
  return visible(accountCell(accountId, accountName === null ? {} : { [accountId]: accountName }, style));
}

/** How wide a month with its utilisation is, and what the columns before the months have at least. */
const [monthWidth, leastWidth] = [9, 40];

/** The account and term of each commitment, and its utilisation in the last months, as many as the screen is wide. */
function historyLines({ rows, months }: CurrencyCommitments, style: ScreenStyle): string[] {
  const room = style.columns === 0 ? months.length : Math.floor((style.columns - leastWidth) / monthWidth);
  const shown = months.slice(-Math.max(room, 1));
  const hasValues = ({ cells }: Column): boolean => cells.some((cell) => cell !== "");
  const accounts = [{ title: "account", cells: [...rows.map((row) => accountOf(row, style)), ""] }].filter(hasValues);
  const terms = [{ title: "term", cells: [...rows.map(({ termMonths }) => termInWords(termMonths)), ""] }];
  const figures = [
    ...terms.filter(hasValues),
    ...shown.map(({ month }): Column => {
      const cells = [...rows.map((row) => row.months), months].map((uses) =>
        formatShare(uses.find((use) => use.month === month)?.utilisation ?? null),
      );
      return { title: month, lean: "right", cells };
    }),
  ];
  const names = fitNames([namesOf(rows, style), ...accounts], figures, style);
  return ["", "  Utilisation by month", "", ...indented([...names, ...figures], style)];
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
