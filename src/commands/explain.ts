import { Option } from "@commander-js/extra-typings";
import { magnitude } from "../answers/arithmetic.ts";
import type { AccountNames } from "../answers/bills.ts";
import type { ExplainResult } from "../answers/explain.ts";
import type { CellKeys } from "../answers/explain-cells.ts";
import type { Driver, DriverDetails, Explanation } from "../answers/explanation.ts";
import { driverDimensions, partNames, parts } from "../answers/parts.ts";
import { BillhouseError } from "../errors.ts";
import { lastName } from "../pipeline/reconcile/names.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { compareDecimals } from "../schema/decimals.ts";
import { answer, byOption, listed, monthOption, scopeOfAnswer, topOption } from "./answer.ts";
import type { Perform, Program } from "./context.ts";
import { accountCell, barOf, formatAmount, formatChange, formatNumber, isShownAsZero, sourcePart } from "./figures.ts";
import { dimensionWords, example, exportsAndMonths, parseCount, parseMonth } from "./flags.ts";
import { restatementColumns, restatementRows, restatementScreen } from "./restatement-screen.ts";
import { noteLine, paint, type ScreenStyle, visible, wrapText } from "./output.ts";
import type { Row } from "./query-formats.ts";
import { type Column, fitNames, indented } from "./tables.ts";

const usageExample = "billhouse explain 2025-03 --by service";

/** Registers `billhouse explain`. */
export function addExplain(program: Program, perform: Perform): void {
  program
    .command("explain")
    .description("Explain why a month cost more or less than another: usage, prices, commitments and other parts.")
    .argument("[export-or-month...]", exportsAndMonths)
    .addOption(monthOption())
    .addOption(
      new Option("--vs <YYYY-MM>", "the month to compare with; otherwise the previous one").argParser(parseMonth),
    )
    .option("--as-of <time>", "compare two loads of the month: a day, a time, or previous")
    .addOption(byOption(`group the drivers by ${driverDimensions.join(", ")} (repeatable)`))
    .addOption(
      new Option("--drill <number>", "of how many of the largest drivers resources and days are shown").argParser(
        parseCount,
      ),
    )
    .addOption(
      new Option("--measure <measure>", "the cost that is explained")
        .choices(["effective", "billed"] as const)
        .default("effective" as const),
    )
    .addOption(topOption("how many drivers are listed"))
    .option("--csv", "write CSV with a header, a line for each part and each driver")
    .addHelpText("after", example(usageExample))
    .action((words, { month, vs, asOf, by, drill, measure, top, csv = false }) =>
      perform.reading(async (context) => {
        if (asOf !== undefined) {
          refuseBoth({
            "--vs": vs !== undefined,
            "--by": by !== undefined,
            "--drill": drill !== undefined,
            "--measure billed": measure === "billed",
          });
          const { restatement } = await import("../answers/restatement.ts");
          const options = { ...scopeOfAnswer(words, month, usageExample), ...listed(top, context), asOf };
          const shown = { columns: () => restatementColumns, rows: restatementRows, screen: restatementScreen };
          return answer(restatement, options, { csv, ...shown }, context);
        }
        const { explain } = await import("../answers/explain.ts");
        const dimensions = dimensionWords(by);
        const options = {
          ...scopeOfAnswer(words, month, usageExample),
          ...(vs === undefined ? {} : { vs }),
          ...(dimensions === undefined ? {} : { by: dimensions }),
          ...listed(top, context),
          ...(drill === undefined ? {} : { drill }),
          measure,
        };
        return answer(explain, options, { csv, columns: csvColumns, rows: csvRows, screen: explainScreen }, context);
      }),
    );
}

/** Error: USAGE_INVALID for a flag that is given together with `--as-of`. */
function refuseBoth(given: Readonly<Record<string, boolean>>): void {
  const [flag] = Object.entries(given).find(([, isGiven]) => isGiven) ?? [];
  if (flag === undefined) return;
  throw new BillhouseError("USAGE_INVALID", `--as-of and ${flag} exclude each other.`, {
    hint: "--as-of compares two loads of one month by their receipts; without it, explain compares two months.",
  });
}

function csvColumns({ by }: ExplainResult): readonly string[] {
  return ["currency", "row", ...by, "meter", "part", "label", "amount"];
}

function* csvRows({ currency }: ExplainResult): Generator<Row> {
  for (const [name, explanation] of Object.entries(currency)) {
    const { before, after, drivers, rest } = explanation;
    yield { currency: name, row: "before", amount: before };
    for (const part of parts)
      yield { currency: name, row: "part", part: partNames[part], amount: explanation.parts[part] };
    yield { currency: name, row: "after", amount: after };
    for (const { keys, part, ...driver } of drivers) {
      yield { currency: name, row: "driver", ...keys, part: partNames[part], ...driver };
    }
    if (rest.drivers > 0) yield { currency: name, row: "rest", amount: rest.amount };
  }
}

/** The explanation for people: of each currency the sentence, the parts, and the largest drivers. */
export function explainScreen(result: Omit<ExplainResult, keyof ReadSource>, style: ScreenStyle): string {
  const { month, vs, measure, currency } = result;
  const title = paint(style, "strong", `Why the ${measure} cost of ${month} differs from ${vs}`);
  const sections = Object.entries(currency).map(([name, explanation]) =>
    [
      `  ${wrapText(visible(explanation.sentence), style.columns, 2)}`,
      "",
      ...partLines(explanation, name, result, style),
      ...driverLines(explanation, result, style),
      ...explanation.details.flatMap((details) => detailLines(details, name, result.accountNames, style)),
      ...notesOn(explanation).map((note) => noteLine(note, style)),
    ].join("\n"),
  );
  const none = sections.length === 0 ? ["  There are no charges in these months."] : [];
  const notes = result.notes.length === 0 ? [] : [result.notes.map((note) => noteLine(note, style)).join("\n")];
  return `${[title, ...sections, ...none, ...notes, ...sourcePart(result.loads, style)].join("\n\n")}\n`;
}

function partLines(
  { before, after, parts: amounts }: Explanation,
  currency: string,
  { month, vs }: Omit<ExplainResult, keyof ReadSource>,
  style: ScreenStyle,
): string[] {
  const shown = parts.filter((part) => !isShownAsZero(amounts[part]));
  const sizes = shown.map((part) => magnitude(amounts[part]));
  const largest = sizes.toSorted(compareDecimals).at(-1) ?? "0";
  return indented(
    [
      { title: "part", cells: [vs, ...shown.map((part) => partNames[part]), month] },
      {
        title: currency === "" ? "cost" : visible(currency),
        lean: "right",
        cells: [formatAmount(before), ...shown.map((part) => formatChange(amounts[part])), formatAmount(after)],
      },
      {
        title: "",
        cells: ["", ...sizes.map((size) => barOf(size, largest, 20)), ""],
        spare: 1,
      },
    ],
    style,
  );
}

function driverLines(
  { drivers, rest }: Explanation,
  { by, accountNames }: Omit<ExplainResult, keyof ReadSource>,
  style: ScreenStyle,
): string[] {
  if (drivers.length === 0) return [];
  const others = rest.drivers > 0 ? [formatNumber(rest.drivers, "other")] : [];
  const figures: Column[] = [
    { title: "driver", cells: [...drivers.map(partCell), ...others.map((other) => (by.length === 0 ? other : ""))] },
    {
      title: "amount",
      lean: "right",
      cells: [...drivers.map(({ amount }) => formatChange(amount)), ...others.map(() => formatChange(rest.amount))],
    },
  ];
  const names = by.map((name, index) => ({
    title: name,
    cells: [
      ...drivers.map((driver) => nameOf(driver, name, accountNames, style)),
      ...others.map((other) => (index === 0 ? other : "")),
    ],
  }));
  return ["", ...indented([...fitNames(names, figures, style), ...figures], style)];
}

/** The resources and the days of a driver, below its name. */
function detailLines(
  { resources, days, ...driver }: DriverDetails,
  currency: string,
  accountNames: AccountNames,
  style: ScreenStyle,
): string[] {
  const place = (Object.keys(driver.keys) as (keyof CellKeys)[]).map((name) =>
    nameOf(driver, name, accountNames, style),
  );
  const unit = currency === "" ? "" : ` ${visible(currency)}`;
  const head = `${[...place.filter((name) => name !== "(none)"), partNames[driver.part]].join(", ")} ${formatChange(driver.amount)}${unit}`;
  const changed = resources.map(({ resource }) => {
    const value = resource ?? "(none)";
    // The end of an ARN names the resource.
    const short = value.startsWith("arn:") ? (value.split(/[/:]/).at(-1) ?? value) : lastName(value);
    return visible(style.verbose ? value : short);
  });
  const figures: Column[] = [
    { title: "change", lean: "right", cells: resources.map(({ change }) => formatChange(change)) },
    { title: "before", lean: "right", cells: resources.map(({ before }) => formatAmount(before)), spare: 1 },
    { title: "after", lean: "right", cells: resources.map(({ after }) => formatAmount(after)), spare: 1 },
  ];
  const costly = days.map(({ day, cost }) => `${day} ${formatAmount(cost)}`).join(", ");
  return [
    "",
    `  ${wrapText(visible(head), style.columns, 2)}`,
    ...indented([...fitNames([{ title: "resource", cells: changed }], figures, style), ...figures], style),
    ...(costly === "" ? [] : [`  ${wrapText(`The days that cost most: ${costly}`, style.columns, 2)}`]),
  ];
}

function nameOf(
  { keys, meter }: Pick<Driver, "keys" | "meter">,
  name: keyof CellKeys,
  names: AccountNames,
  style: ScreenStyle,
): string {
  const value = name === "sku" ? (meter ?? keys.sku ?? null) : (keys[name] ?? null);
  if (value === null) return "(none)";
  return visible(name === "account" ? accountCell(value, names, style) : value);
}

function partCell({ part, label }: Driver): string {
  if (label === null) return partNames[part];
  return part === "other" ? label : `${part} ${label === "sku" ? "SKU" : label}`;
}

function notesOn({ estimatedShare, priceIncludesFx }: Explanation): readonly string[] {
  const percent = (Number(estimatedShare ?? "0") * 100).toFixed(1);
  return [
    ...(percent === "0.0"
      ? []
      : [
          `The bill lacks the negotiated cost of ${percent} % of the metered usage; it was estimated, which moves amounts between prices, commitments and discounts.`,
        ]),
    ...(priceIncludesFx
      ? ["The bill does not give one exchange rate for each month, so prices include changes of the rate."]
      : []),
  ];
}
