import { resolve } from "node:path";
import type { ReadSource } from "../pipeline/open.ts";
import { lastName, roundingName } from "../pipeline/reconcile/names.ts";
import type { Reconciliation, ReconcileResult } from "../pipeline/reconcile.ts";
import { formatSmallAmount } from "../schema/decimals.ts";
import { addDecimals } from "../schema/sums.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { formatAmount, noteSource } from "./figures.ts";
import { addWord, example, oneMonth, readScope, withMonths } from "./flags.ts";
import { noteLine, resultText, paint, screenStyle, type ScreenStyle, visible, wrapText } from "./output.ts";
import { alignRows, fitTable } from "./tables.ts";

const usageExample = "billhouse reconcile 2025-01 --invoice 1234.56 --export aws_cur";

/** Registers `billhouse reconcile`. */
export function addReconcile(program: Program, perform: Perform): void {
  withMonths(program.command("reconcile"))
    .description("Compare a month with its invoices and explain the difference.")
    .argument(
      "[export-or-month...]",
      "one billing month (YYYY-MM), and exports by section (aws_cur) or cloud (aws, azure)",
    )
    .option("--invoice <amount>", "amount of the invoice of the whole month, such as 1234.56")
    .option(
      "--invoices <file>",
      "CSV file with a line for each invoice: invoice_id,amount; also currency, billing_account",
    )
    .option("--currency <code>", "currency of amounts without one; by default the only currency that is loaded")
    .option("--tolerance <amount>", "largest difference that is accepted (default 0.01)")
    .option(
      "--export <name>",
      "export by section (aws_cur) or cloud (aws, azure); all by default (repeatable)",
      addWord,
    )
    .usage("[options] <month> [export...]")
    .addHelpText("after", example(usageExample))
    .action((words, { export: named = [], invoice, invoices, currency, tolerance, ...flags }) =>
      perform.reading((context) => {
        const scope = readScope(words, flags);
        const exports = [...scope.exports, ...named];
        const month = oneMonth(scope, usageExample);
        return reconcile({ month, exports, invoice, invoices, currency, tolerance }, context);
      }),
    );
}

/** Options of `billhouse reconcile`. */
export interface ReconcileCommandOptions {
  readonly month: string;
  readonly exports: readonly string[];
  readonly invoice: string | undefined;
  /** The path of a list of invoices, from the working folder. */
  readonly invoices: string | undefined;
  readonly currency: string | undefined;
  readonly tolerance: string | undefined;
}

/** Compares a month with its invoices. The check fails when one differs by more than the tolerance. */
export async function reconcile(options: ReconcileCommandOptions, context: CommandContext): Promise<ExitCode> {
  const [{ reconcile: reconcileMonth }, { readInvoices }] = await Promise.all([
    import("../pipeline/reconcile.ts"),
    import("../pipeline/reconcile/invoices.ts"),
  ]);
  const { month, exports, invoices, invoice, currency, tolerance } = options;
  const { flags, stdout } = context;
  const result = await reconcileMonth(await context.loadConfig(), {
    month,
    pipelines: exports,
    now: context.now(),
    ...(invoices === undefined ? {} : { invoices: await readInvoices(resolve(context.folder, invoices)) }),
    ...(invoice === undefined ? {} : { invoice }),
    ...(currency === undefined ? {} : { currency }),
    ...(tolerance === undefined ? {} : { tolerance }),
  });
  noteSource(result, context);
  const style = screenStyle(context);
  stdout.write(flags.json ? `${resultText(result, 2)}\n` : reconcileScreen(result, style));
  return result.ok ? exitCodes.done : exitCodes.checkFailed;
}

/** What the screen shows. */
type Reconciled = Omit<ReconcileResult, keyof ReadSource>;

/** The invoices and the loaded costs as a screen: a line with the figures and a sentence for each. */
export function reconcileScreen(result: Reconciled, style: ScreenStyle): string {
  const { reconciliations, notes } = result;
  const cells = (cell: (one: Reconciliation) => string): string[] => reconciliations.map(cell);
  const [header = "", ...lines] = fitTable(
    [
      {
        title: "  ",
        cells: cells(({ ok }) => `  ${paint(style, ok ? "good" : "bad", ok ? "✔" : "✖")}`),
      },
      { title: "export", cells: cells(({ pipeline }) => visible(pipeline ?? "")) },
      { title: "invoice", cells: cells((one) => visible(nameOf(one))) },
      { title: "invoiced", lean: "right", cells: cells(({ invoiced }) => formatAmount(invoiced)) },
      { title: "loaded", lean: "right", cells: cells(({ loaded }) => formatAmount(loaded)) },
      {
        title: "difference",
        lean: "right",
        // Fractions of a cent matter only in a difference.
        cells: cells(({ ok, difference }) => (ok ? formatAmount(difference) : formatSmallAmount(difference))),
        // The sentence below states it, too.
        spare: 1,
      },
      { title: "", cells: cells(({ currency }) => visible(currency)) },
    ],
    style.columns,
    style,
  );
  const texts = reconciliations.flatMap((one, index) => [
    lines[index] ?? "",
    `      ${wrapText(visible(one.sentence), style.columns, 6)}`,
    ...(style.verbose ? partLines(one, style) : []),
  ]);
  const remarks = notes.map((note) => noteLine(note, style));
  const end = `  ${wrapText(summary(result), style.columns, 2)}`;
  return [result.billingMonth, header, ...texts, ...remarks, end, ""].join("\n");
}

function nameOf({ invoiceId: invoice, billingAccount: account }: Reconciliation): string {
  return invoice ?? (account === null ? "(whole month)" : `account ${lastName(account)}`);
}

function partLines({ parts, loaded }: Reconciliation, style: ScreenStyle): string[] {
  const sum = { name: "loaded", amount: loaded };
  const rounding = parts.filter(({ name }) => name === roundingName);
  const shown = [...parts.filter((part) => !rounding.includes(part)), sum, ...rounding];
  const fraction = (amount: string): number => amount.length - (amount.split(".")[0] ?? "").length;
  const longest = Math.max(...shown.map(({ amount }) => fraction(amount)));
  const rows = shown.map(({ name, amount }) => [visible(name), amount + " ".repeat(longest - fraction(amount))]);
  return alignRows(rows, ["left", "right"]).map((line) => paint(style, "quiet", `        ${line}`));
}

function summary({ reconciliations, tolerance }: Reconciled): string {
  const wrong = reconciliations.filter(({ ok }) => !ok);
  const [count, right] = [reconciliations.length, reconciliations.length - wrong.length];
  if (wrong.length === 0)
    return count === 1 ? `It matches within ${tolerance}.` : `All ${count} match within ${tolerance}.`;
  if (count === 1) return `It differs by more than ${tolerance}.`;
  const sums = [...Map.groupBy(wrong, ({ currency }) => currency)].map(([currency, members]) =>
    `${formatSmallAmount(addDecimals(members.map(({ difference }) => difference)))} ${visible(currency)}`.trimEnd(),
  );
  return `${right} of ${count} ${right === 1 ? "matches" : "match"} within ${tolerance}; the others differ by ${sums.join(", ")} in all.`;
}
