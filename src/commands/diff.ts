import type { ChangedGroup, ComparedLoad, DiffResult } from "../pipeline/diff.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { subtractDecimals } from "../schema/decimals.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import {
  formatAmount,
  formatChange,
  formatCost,
  formatCount,
  formatNumber,
  formatTime,
  noteSource,
} from "./figures.ts";
import { example, oneExport, oneMonth, readScope, withMonths } from "./flags.ts";
import {
  alignRows,
  executionNames,
  heading,
  resultText,
  paint,
  screenStyle,
  type ScreenStyle,
  visible,
} from "./output.ts";
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
  const { before, after, lines, notes } = result;
  const totals = alignRows(
    [loadRow("before", before, style), loadRow("after", after, style), changeRow(before, after)],
    ["left", "left", "left", "right", "right"],
  );
  const parts = [
    groupLines("by service", result.services, style),
    groupLines("by account", result.accounts, style),
    groupLines("by charge type", result.chargeTypes, style),
  ];
  const nothing = lines.length === 0 && notes.length === 0 ? ["", "  No line of it changed."] : [];
  return `${[
    `${heading(result, style)}  ${result.billingMonth}`,
    ...totals,
    ...parts.flatMap((part) => (part.length === 0 ? [] : ["", ...part])),
    ...nothing,
    ...notes.map((note) => `  ${paint(style, "changed", "!")} ${visible(note)}`),
  ].join("\n")}\n`;
}

function loadRow(title: string, load: ComparedLoad, style: ScreenStyle): string[] {
  return [
    `  ${title}`,
    executionNames(load.executionIds, style),
    paint(style, "quiet", `loaded ${visible(formatTime(load.loadedAt))}`),
    formatNumber(load.rows, "row"),
    load.cost === null ? "" : formatCost(load.cost),
  ];
}

function changeRow(before: ComparedLoad, after: ComparedLoad): string[] {
  const currencies = [...new Set([...Object.keys(before.cost ?? {}), ...Object.keys(after.cost ?? {})])];
  const changes = currencies.map((currency) => [
    currency,
    subtractDecimals(after.cost?.[currency] ?? "0", before.cost?.[currency] ?? "0"),
  ]);
  const isKnown = before.cost !== null && after.cost !== null;
  const rows = after.rows - before.rows;
  return [
    "  change",
    "",
    "",
    `${rows > 0 ? "+" : rows < 0 ? "-" : ""}${formatNumber(Math.abs(rows), "row")}`,
    isKnown ? changes.map(([currency = "", amount = ""]) => withCurrency(exactly(amount), currency)).join(", ") : "",
  ];
}

/** To the cent, and whole where that hides digits: rounded figures need not add up. */
function exactly(amount: string): string {
  const isRounded = (amount.split(".")[1] ?? "").length > 2;
  return isRounded ? `${formatChange(amount)} (${amount})` : formatChange(amount);
}

function withCurrency(amount: string, currency: string): string {
  return currency === "" ? amount : `${amount} ${visible(currency)}`;
}

function groupLines(title: string, groups: readonly ChangedGroup[], style: ScreenStyle): string[] {
  if (groups.length === 0) return [];
  const shown = style.verbose ? groups : groups.slice(0, 10);
  const rows = shown.map((group) => [
    `  ${visible(group.value ?? "(none)")}`,
    `${formatCount(group.rowsBefore)} -> ${formatCount(group.rowsAfter)} rows`,
    `${formatAmount(group.costBefore)} -> ${formatAmount(group.costAfter)}`,
    withCurrency(formatChange(group.difference), group.currency),
  ]);
  const left = groups.length - shown.length;
  return [
    `  ${paint(style, "strong", title)}`,
    ...alignRows(rows, ["left", "right", "right", "right"]),
    ...(left > 0 ? [paint(style, "quiet", `  and ${formatCount(left)} more (--verbose shows all)`)] : []),
  ];
}
