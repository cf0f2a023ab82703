import type { CurrencyUntagged, UntaggedResult } from "../answers/untagged.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { lastName } from "../pipeline/reconcile/names.ts";
import { answer, byOption, listed, monthOption, scopeOfAnswer, topOption } from "./answer.ts";
import type { Perform, Program } from "./context.ts";
import { accountCell, formatAmount, formatNumber, formatShare, sourcePart } from "./figures.ts";
import { addWord, dimensionWords, example, exportsAndMonths } from "./flags.ts";
import { noteLine, paint, type ScreenStyle, visible, wrapText } from "./output.ts";
import type { Row } from "./query-formats.ts";
import { type Column, fitNames, indented } from "./tables.ts";

const usageExample = "billhouse untagged 2025-03 --tag team";

/** Registers `billhouse untagged`. */
export function addUntagged(program: Program, perform: Perform): void {
  program
    .command("untagged")
    .description("Show what lacks a tag, ranked by money: by service, account and resource, and over months.")
    .argument("[export-or-month...]", exportsAndMonths)
    .addOption(monthOption())
    .option("--tag <key>", "the key of the tag; otherwise any tag counts")
    .option("--placeholder <value>", "a value that means that the tag is not set, such as n/a (repeatable)", addWord)
    .addOption(byOption("other dimensions, as in costs (repeatable)"))
    .addOption(topOption("how many groups are listed"))
    .option("--csv", "write CSV with a header, a line for each group")
    .addHelpText("after", example(usageExample))
    .action((words, { month, tag, placeholder, by, top, csv = false }) =>
      perform.reading(async (context) => {
        const { untagged } = await import("../answers/untagged.ts");
        const dimensions = dimensionWords(by);
        const options = {
          ...scopeOfAnswer(words, month, usageExample),
          ...(tag === undefined ? {} : { tag }),
          ...(placeholder === undefined ? {} : { placeholders: placeholder }),
          ...(dimensions === undefined ? {} : { by: dimensions }),
          ...listed(top, context),
        };
        return answer(untagged, options, { csv, columns: csvColumns, rows: csvRows, screen: untaggedScreen }, context);
      }),
    );
}

function csvColumns({ by }: UntaggedResult): readonly string[] {
  return ["currency", "row", ...by, "cost", "share"];
}

function* csvRows({ currency }: UntaggedResult): Generator<Row> {
  for (const [name, { rows, rest, untagged: total }] of Object.entries(currency)) {
    for (const { keys, ...figures } of rows) yield { currency: name, row: "group", ...keys, ...figures };
    if (rest.groups > 0) yield { currency: name, row: "rest", cost: rest.cost };
    yield { currency: name, row: "total", cost: total };
  }
}

/** What lacks a tag, for people: both shares, the most expensive groups, and the coverage of the last months. */
export function untaggedScreen(result: Omit<UntaggedResult, keyof ReadSource>, style: ScreenStyle): string {
  const { month, tag, currency } = result;
  const title = `Cost without ${tag === null ? "any tag" : `the tag ${visible(tag)}`} in ${month}`;
  const sections = Object.entries(currency).map(([name, own]) =>
    [
      ...shareLines(own, name, style),
      ...own.notActivated.map(({ cloud, taggable }) =>
        noteLine(
          `Tags are not activated in ${cloud}: no charge has ${tag === null ? "one" : `the tag ${tag}`}, and ${formatAmount(taggable)}${unitOf(name)} of usage count as not taggable.`,
          style,
        ),
      ),
      ...(own.rows.length === 0 ? [] : ["", ...tableOf(own, name, result, style)]),
      ...(own.months.every(({ coverage }) => coverage === null) ? [] : ["", ...monthLines(own, style)]),
    ].join("\n"),
  );
  const none = sections.length === 0 ? ["  There are no charges in this month."] : [];
  return `${[paint(style, "strong", title), ...sections, ...none, ...sourcePart(result.loads, style)].join("\n\n")}\n`;
}

function unitOf(currency: string): string {
  return currency === "" ? "" : ` ${visible(currency)}`;
}

function shareLines(own: CurrencyUntagged, currency: string, style: ScreenStyle): string[] {
  const unit = unitOf(currency);
  const { untagged: missing, taggable, untaggedShare, unallocated, total, unallocatedShare } = own;
  const of = (share: string | null): string => (share === null ? "" : `, ${formatShare(share)}`);
  return [
    `Untagged: ${formatAmount(missing)} of ${formatAmount(taggable)}${unit} of taggable usage${of(untaggedShare)}.`,
    `Unallocated: ${formatAmount(unallocated)} of ${formatAmount(total)}${unit} before credits and tax${of(unallocatedShare)}. That includes what cannot be tagged.`,
  ].map((line) => `  ${wrapText(line, style.columns, 2)}`);
}

function tableOf(
  { rows, rest, untagged: total }: CurrencyUntagged,
  currency: string,
  { by, accountNames }: Omit<UntaggedResult, keyof ReadSource>,
  style: ScreenStyle,
): string[] {
  const others = rest.groups > 0 ? [formatNumber(rest.groups, "other")] : [];
  const ends = [...others, "total"];
  const names: Column[] = (by.length === 0 ? [""] : by).map((name, index) => ({
    title: visible(name),
    cells: [
      ...rows.map(({ keys }) => {
        const value = keys[name] ?? null;
        if (value === null) return "(none)";
        if (name === "account") return visible(accountCell(value, accountNames, style));
        return visible(name === "resource" && !style.verbose ? lastName(value) : value);
      }),
      ...ends.map((end) => (index === 0 ? end : "")),
    ],
  }));
  const figures: Column[] = [
    {
      title: `untagged${unitOf(currency)}`,
      lean: "right",
      cells: [...rows.map(({ cost }) => cost), ...others.map(() => rest.cost), total].map(formatAmount),
    },
    { title: "share", lean: "right", cells: [...rows.map(({ share }) => formatShare(share)), ...ends.map(() => "")] },
  ];
  return indented([...fitNames(names, figures, style), ...figures], style);
}

function monthLines({ months }: CurrencyUntagged, style: ScreenStyle): string[] {
  return indented(
    [
      { title: "month", cells: months.map(({ month }) => month) },
      { title: "taggable", lean: "right", cells: months.map(({ taggable }) => formatAmount(taggable)) },
      { title: "untagged", lean: "right", cells: months.map((each) => formatAmount(each.untagged)) },
      { title: "tagged", lean: "right", cells: months.map(({ coverage }) => formatShare(coverage)) },
    ],
    style,
  );
}
