import type { ChangedGroup, ComparedLoad, DiffResult } from "../pipeline/diff.ts";
import type { ReadSource } from "../pipeline/open.ts";
import type { CurrencySums } from "../model.ts";
import { lastName } from "../pipeline/reconcile/names.ts";
import { subtractDecimals } from "../schema/decimals.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import {
  costCells,
  formatAmount,
  formatChange,
  formatCount,
  formatRowChange,
  formatTime,
  noteSource,
} from "./figures.ts";
import { example, oneExport, oneMonth, readScope, withMonths } from "./flags.ts";
import {
  cutText,
  executionNames,
  heading,
  noteLine,
  resultText,
  paint,
  screenStyle,
  type ScreenStyle,
  visible,
  wrapText,
} from "./output.ts";
import { fitTable } from "./tables.ts";
import { type Row, writeCsv } from "./query-formats.ts";

const usageExample = "billhouse diff aws_cur 2025-01";

/** Registers `billhouse diff`. */
export function addDiff(program: Program, perform: Perform): void {
  withMonths(program.command("diff"))
    .description("Show what the newest restatement of a month changed, by service, account and charge type.")
    .argument("[export-or-month...]", "one export by section (aws_cur) and one billing month (YYYY-MM)")
    .option("--csv", "write CSV with a header, a line for each service, account and charge type that changed")
    .usage("[options] <export> <month>")
    .addHelpText("after", example(usageExample))
    .action((words, { csv, ...months }) =>
      perform.reading((context) => {
        const scope = readScope(words, months);
        const [name, month] = [oneExport(scope, usageExample), oneMonth(scope, usageExample)];
        return diff({ export: name, month, csv: csv === true }, context);
      }),
    );
}

/** Options of `billhouse diff`. */
export interface DiffCommandOptions {
  readonly export: string;
  readonly month: string;
  readonly csv: boolean;
}

/** Shows what the newest restatement of a month changed. */
export async function diff(options: DiffCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { diff: compareLoads } = await import("../pipeline/diff.ts");
  const result = await compareLoads(await context.loadConfig(), { pipeline: options.export, month: options.month });
  noteSource(result, context);
  if (context.flags.json) context.stdout.write(`${resultText(result, 2)}\n`);
  else if (options.csv) writeCsv(csvColumns, csvRows(result), context.stdout);
  else context.stdout.write(diffScreen(result, screenStyle(context)));
  return exitCodes.done;
}

const csvColumns = "by value currency rows_before rows_after cost_before cost_after difference".split(" ");

function* csvRows({ services, accounts, chargeTypes }: DiffResult): Generator<Row> {
  for (const [by, groups] of Object.entries({ service: services, account: accounts, charge_type: chargeTypes })) {
    for (const { value, currency, rowsBefore, rowsAfter, costBefore, costAfter, difference } of groups) {
      const rows = { rows_before: rowsBefore, rows_after: rowsAfter };
      yield { by, value, currency, ...rows, cost_before: costBefore, cost_after: costAfter, difference };
    }
  }
}

/** What changed, for people: the totals, then by service, account and charge type, the largest change first. */
export function diffScreen(result: Omit<DiffResult, keyof ReadSource>, style: ScreenStyle): string {
  const { services, accounts, chargeTypes, lines, notes } = result;
  const shortened = accounts.map((group) =>
    style.verbose || group.value === null ? group : { ...group, value: lastName(group.value) },
  );
  const parts = [
    groupLines("by service", services, style),
    groupLines("by account", shortened, style),
    groupLines("by charge type", chargeTypes, style),
  ];
  const nothing = lines.length === 0 && notes.length === 0 ? ["", "  No charge of the month changed."] : [];
  return `${[
    `${heading(result, style)}  ${result.billingMonth}`,
    `  ${wrapText(meanings[result.reason], style.columns, 2)}`,
    ...totalLines(result, style),
    ...parts.flatMap((part) => (part.length === 0 ? [] : ["", ...part])),
    ...nothing,
    ...notes.map((note) => noteLine(note, style)),
  ].join("\n")}\n`;
}

/** Whether the newer load is a restatement, and why or why not. */
const meanings: Readonly<Record<DiffResult["reason"], string>> = {
  restated: "The newer load is a restatement: it replaced the bill of a month that was already over.",
  "days added": "The newer load is not a restatement: it only added days to the month.",
  updated: "The newer load is not a restatement: the month was not over yet.",
  forced:
    "The newer load is not a restatement by the cloud: it was loaded with --force, or because its state was forgotten.",
  restored: "The newer load is not a restatement: undo restored an earlier delivery.",
  new: "The newer load is not a restatement: the month was not loaded at that time.",
  migrated: "The newer load was made by the Python pipeline, which does not record why.",
};

function totalLines({ before, after }: Pick<DiffResult, "before" | "after">, style: ScreenStyle): string[] {
  const loads = [before, after];
  const difference = after.rows - before.rows;
  const costs = costDifference(before, after);
  const exact = Object.entries(costs ?? {}).filter(([, amount]) => (amount.split(".")[1] ?? "").length > 2);
  const exactly = exact
    .map(([currency, amount]) => withCurrency(amount.startsWith("-") ? amount : `+${amount}`, currency))
    .join(", ");
  return [
    ...fitTable(
      [
        { title: "", cells: ["  before", "  after", "  change"] },
        {
          title: "delivery",
          cells: [...loads.map(({ executionIds }) => executionNames(executionIds, style)), ""],
          below: true,
        },
        { title: "loaded (UTC)", cells: [...loads.map(({ loadedAt }) => visible(formatTime(loadedAt))), ""], spare: 1 },
        {
          title: "rows",
          lean: "right",
          cells: [...loads.map(({ rows }) => formatCount(rows)), formatRowChange(difference)],
        },
        {
          title: "cost",
          lean: "right",
          cells: [...costCells(loads.map(({ cost }) => cost)), ...costCells([costs], formatChange)],
        },
      ],
      style.columns,
      style,
    ),
    // Rounded figures need not add up.
    ...(exact.length === 0 ? [] : [paint(style, "quiet", `  exactly ${wrapText(exactly, style.columns, 10)}`)]),
  ];
}

/** What was added to the cost, by currency; null where one of the costs is not known. */
function costDifference({ cost: before }: ComparedLoad, { cost: after }: ComparedLoad): CurrencySums | null {
  if (before === null || after === null) return null;
  const currencies = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return Object.fromEntries(
    currencies.map((currency) => [currency, subtractDecimals(after[currency] ?? "0", before[currency] ?? "0")]),
  );
}

function withCurrency(amount: string, currency: string): string {
  return currency === "" ? amount : `${amount} ${visible(currency)}`;
}

function groupLines(title: string, groups: readonly ChangedGroup[], style: ScreenStyle): string[] {
  if (groups.length === 0) return [];
  const shown = style.verbose ? groups : groups.slice(0, 10);
  const left = groups.length - shown.length;
  const table = fitTable(
    [
      { title: `  ${title}`, cells: shown.map(({ value }) => `  ${nameCell(value, style)}`) },
      {
        title: "rows",
        lean: "right",
        cells: shown.map(({ rowsBefore, rowsAfter }) => `${formatCount(rowsBefore)} -> ${formatCount(rowsAfter)}`),
        spare: 2,
      },
      {
        title: "cost",
        lean: "right",
        cells: shown.map(({ costBefore, costAfter }) => `${formatAmount(costBefore)} -> ${formatAmount(costAfter)}`),
        spare: 1,
      },
      {
        title: "change",
        lean: "right",
        cells: shown.map(({ difference, currency }) => withCurrency(formatChange(difference), currency)),
      },
    ],
    style.columns,
    style,
  );
  return [
    ...table,
    ...(left > 0 ? [paint(style, "quiet", `  and ${formatCount(left)} more (--verbose shows all)`)] : []),
  ];
}

/** A name, which leaves room for the change beside it on a terminal. */
function nameCell(value: string | null, { verbose, columns }: ScreenStyle): string {
  const name = visible(value ?? "(none)");
  return verbose || columns === 0 ? name : cutText(name, Math.max(columns - 24, 20));
}
