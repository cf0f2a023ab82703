import type { CurrencySums } from "../model.ts";
import type { HistoryLoad, HistoryResult } from "../pipeline/history.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import {
  costCells,
  formatChange,
  formatCount,
  formatNumber,
  formatRowChange,
  formatTime,
  noteSource,
} from "./figures.ts";
import { example, exportsAndMonths, readScope, type Scope, withMonths } from "./flags.ts";
import {
  errorLines,
  executionNames,
  heading,
  type Look,
  paint,
  resultText,
  screenStyle,
  type ScreenStyle,
  visible,
} from "./output.ts";
import { fitTable } from "./tables.ts";
import { writeCsv } from "./query-formats.ts";

/** Registers `billhouse history`. */
export function addHistory(program: Program, perform: Perform): void {
  withMonths(program.command("history"))
    .description("Show every load of a month: deliveries, rows, cost, what it changed, and why it was made.")
    .argument("[export-or-month...]", exportsAndMonths)
    .option("--csv", "write CSV with a header, a line for each load and currency")
    .addHelpText("after", example("billhouse history aws_cur --month 2025-01"))
    .action((words, { csv, ...months }) =>
      perform.reading((context) => history({ ...readScope(words, months), csv: csv === true }, context)),
    );
}

/** Options of `billhouse history`. */
export interface HistoryCommandOptions extends Scope {
  readonly csv: boolean;
}

/** Shows every load of the selected months; fails when the receipts of an export cannot be read. */
export async function history(options: HistoryCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { history: readHistory } = await import("../pipeline/history.ts");
  const { flags, stdout } = context;
  const { exports: pipelines, months, csv } = options;
  const result = await readHistory(await context.loadConfig(), { pipelines, months });
  noteSource(result, context);
  const style = screenStyle(context);
  if (flags.json) stdout.write(`${resultText(result, 2)}\n`);
  else if (csv) writeCsv(csvColumns, csvRows(result.loads), stdout);
  else stdout.write(historyScreen(result, style));
  return result.failed.length > 0 ? exitCodes.failed : exitCodes.done;
}

/** The loads for people: a table for each export, the newest load at the bottom. */
export function historyScreen({ loads, failed }: Pick<HistoryResult, "loads" | "failed">, style: ScreenStyle): string {
  const parts = [...Map.groupBy(loads, ({ pipeline }) => pipeline)].map(([name, own]) => {
    const table = own[0]?.table ?? "";
    return [heading({ name, table }, style), ...loadLines(own, style), `  ${formatNumber(own.length, "load")}`];
  });
  const errors = failed.map((error) => [
    visible(error.pipeline),
    `  ${paint(style, "bad", "✖")} ${errorLines(error, style, 4).join("\n")}`,
  ]);
  const shown = [...parts, ...errors].map((lines) => lines.join("\n"));
  return `${shown.length === 0 ? "Nothing of these months was loaded." : shown.join("\n\n")}\n`;
}

const looks: Readonly<Record<HistoryLoad["reason"], Look | null>> = {
  new: "good",
  restated: "changed",
  "days added": null,
  updated: null,
  forced: "quiet",
  restored: "changed",
  migrated: "quiet",
};

function loadLines(loads: readonly HistoryLoad[], style: ScreenStyle): string[] {
  const changes = loads.map(({ change }) => change?.cost ?? null);
  return fitTable(
    [
      {
        title: "  month",
        cells: loads.map(({ billingMonth: month }, index) =>
          loads[index - 1]?.billingMonth === month ? "" : `  ${month}`,
        ),
      },
      { title: "loaded (UTC)", cells: loads.map(({ loadedAt }) => visible(formatTime(loadedAt))), spare: 1 },
      { title: "reason", cells: loads.map((load) => reasonCell(load, style)) },
      {
        title: "delivery",
        cells: loads.map(({ executionIds }) => executionNames(executionIds, style)),
        ...(style.verbose ? { below: true } : { spare: 4 }),
      },
      { title: "rows", lean: "right", cells: loads.map(({ rows }) => formatCount(rows)), spare: 2 },
      {
        title: "change",
        lean: "right",
        cells: loads.map(({ change }) => (change === null ? "" : formatRowChange(change.rows))),
        spare: 3,
      },
      { title: "cost", lean: "right", cells: costCells(loads.map(({ cost }) => cost)) },
      { title: "change", lean: "right", cells: costCells(changes, formatChange) },
    ],
    style.columns,
    style,
  );
}

function reasonCell({ reason, undone }: HistoryLoad, style: ScreenStyle): string {
  const look = looks[reason];
  const text = look === null ? reason : paint(style, look, reason);
  return `${text}${undone ? paint(style, "bad", ", undone") : ""}`;
}

const csvColumns = [
  "pipeline",
  "billing_month",
  "loaded_at",
  "load_id",
  "reason",
  "is_restatement",
  "undone",
  "current",
  "execution_ids",
  "rows",
  "row_change",
  "currency",
  "cost",
  "cost_change",
] as const;

function* csvRows(loads: readonly HistoryLoad[]): Generator<Readonly<Record<(typeof csvColumns)[number], unknown>>> {
  for (const load of loads) {
    const { pipeline, billingMonth, loadedAt, loadId, reason, executionIds, rows, cost, change } = load;
    const currencies = [...new Set([...Object.keys(cost ?? {}), ...Object.keys(change?.cost ?? {})])];
    for (const currency of currencies.length === 0 ? [""] : currencies) {
      yield {
        pipeline,
        billing_month: billingMonth,
        loaded_at: loadedAt,
        load_id: loadId,
        reason,
        is_restatement: load.isRestatement,
        undone: load.undone,
        current: load.current,
        execution_ids: executionIds.join(" "),
        rows,
        row_change: change?.rows ?? null,
        currency: currency === "" ? null : currency,
        cost: amountOf(cost, currency),
        cost_change: amountOf(change?.cost ?? null, currency),
      };
    }
  }
}

function amountOf(sums: CurrencySums | null, currency: string): string | null {
  return sums !== null && Object.hasOwn(sums, currency) ? (sums[currency] ?? null) : null;
}
