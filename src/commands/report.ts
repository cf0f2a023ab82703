import { extname } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { BillhouseError } from "../errors.ts";
import { listed, monthOption, scopeOfAnswer, topOption } from "./answer.ts";
import { type CommandContext, exitCodes, type Perform, type Program } from "./context.ts";
import { noteSource } from "./figures.ts";
import { addWord, example, exportsAndMonths } from "./flags.ts";

const usageExample = "billhouse report 2025-03 --output report.html";

const formats = ["terminal", "markdown", "html", "json", "csv"] as const;

/** How a report is written. */
export type ReportFormat = (typeof formats)[number];

const formatsOfEndings: Readonly<Record<string, ReportFormat | undefined>> = {
  ".csv": "csv",
  ".htm": "html",
  ".html": "html",
  ".json": "json",
  ".md": "markdown",
};

/** Registers `billhouse report`. */
export function addReport(program: Program, perform: Perform): void {
  program
    .command("report")
    .description(
      "Write a month on one page: costs, their change and its causes, waste, untagged cost, budgets and proof.",
    )
    .argument("[export-or-month...]", exportsAndMonths)
    .addOption(monthOption())
    .addOption(
      new Option(
        "--format <format>",
        "how it is written; otherwise by the ending of --output (.html, .md, .json, .csv), or for the terminal",
      ).choices(formats),
    )
    .option(
      "--tag <key>",
      "a tag by which costs are shown, with what lacks it; otherwise those of [focus] (repeatable)",
      addWord,
    )
    .addOption(topOption("how many services, drivers and untagged groups are listed"))
    .option("--csv", "the same as --format csv")
    .addHelpText("after", example(usageExample))
    .action((words, { month, format, tag, top, csv = false }) =>
      perform.reading(async (context) => {
        const chosen = chooseFormat(format, csv, context);
        const { report } = await import("../answers/report.ts");
        const { writeReport } = await import("./report/write.ts");
        const scope = scopeOfAnswer(words, month, usageExample);
        const tags = tag === undefined ? {} : { tags: tag };
        const options = { ...scope, ...tags, ...listed(top, context), now: context.now() };
        const result = await report(await context.loadConfig(), options);
        noteSource(result, context);
        await writeReport(result, chosen, context);
        return exitCodes.done;
      }),
    );
}

/** The one format that the flags name, else that of the ending of `--output`. Error: USAGE_INVALID for several. */
function chooseFormat(format: ReportFormat | undefined, csv: boolean, context: CommandContext): ReportFormat {
  const { flags, outputFile = "" } = context;
  const wanted = new Set<ReportFormat>([
    ...(format === undefined ? [] : [format]),
    ...(csv ? ["csv" as const] : []),
    ...(flags.json ? ["json" as const] : []),
  ]);
  const [chosen = formatsOfEndings[extname(outputFile).toLowerCase()] ?? "terminal", ...others] = wanted;
  if (others.length === 0) return chosen;
  throw new BillhouseError("USAGE_INVALID", `A report has one format, not ${[...wanted].join(" and ")}.`, {
    hint: "Keep one of --format, --csv and --json.",
  });
}
