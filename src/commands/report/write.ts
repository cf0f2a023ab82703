import type { ReportResult } from "../../answers/report.ts";
import type { CommandContext } from "../context.ts";
import { resultText, screenStyle } from "../output.ts";
import { writeCsv } from "../query-formats.ts";
import type { ReportFormat } from "../report.ts";
import { reportColumns, reportRows } from "./csv.ts";
import { reportDocument } from "./document.ts";
import { reportMarkdown } from "./markdown.ts";
import { reportScreen } from "./terminal.ts";

/** Writes a report to the output of the command. */
export async function writeReport(result: ReportResult, format: ReportFormat, context: CommandContext): Promise<void> {
  const { stdout } = context;
  if (format === "json") stdout.write(`${resultText(result, 2)}\n`);
  else if (format === "csv") writeCsv(reportColumns, reportRows(result), stdout);
  else if (format === "markdown") stdout.write(reportMarkdown(reportDocument(result)));
  else if (format === "terminal") stdout.write(reportScreen(reportDocument(result), screenStyle(context)));
  else {
    const { reportHtml } = await import("./html.ts");
    stdout.write(await reportHtml(reportDocument(result)));
  }
}
