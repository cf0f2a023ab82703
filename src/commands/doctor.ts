import type { DoctorResult } from "../pipeline/doctor.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { noteSource } from "./figures.ts";
import { example, exportsOnly } from "./flags.ts";
import { resultText, paint, type ScreenStyle, visible } from "./output.ts";

/** Registers `billhouse doctor`. */
export function addDoctor(program: Program, perform: Perform): void {
  program
    .command("doctor")
    .description("Check configuration, login, permissions, locations and expirations, with the fix for each failure.")
    .argument("[export...]", exportsOnly)
    .addHelpText("after", example("billhouse doctor aws_cur"))
    .action((exports) => perform.reading((context) => doctor({ exports }, context)));
}

/** Checks what a run requires, and shows the command that fixes each failure. */
export async function doctor(
  options: { readonly exports: readonly string[] },
  context: CommandContext,
): Promise<ExitCode> {
  const { doctor: examine } = await import("../pipeline/doctor.ts");
  const result = await examine(await context.loadConfig(), { pipelines: options.exports });
  noteSource(result, context);
  const style = { colour: context.stdout.colour, verbose: context.flags.verbose };
  context.stdout.write(context.flags.json ? `${resultText(result, 2)}\n` : doctorScreen(result, style));
  return result.ok ? exitCodes.done : exitCodes.checkFailed;
}

/** The checks, for people: grouped by what they are about, each failure with its remedy below. */
export function doctorScreen({ checks }: DoctorResult, style: ScreenStyle): string {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const lines: string[] = [];
  let subject: string | undefined;
  for (const finding of checks) {
    if (finding.subject !== subject) lines.push(...(subject === undefined ? [] : [""]), visible(finding.subject));
    subject = finding.subject;
    const mark = finding.ok ? paint(style, "good", "✔") : paint(style, "bad", "✖");
    lines.push(`  ${mark} ${finding.check.padEnd(width)}  ${visible(finding.found)}`);
    for (const line of finding.remedy?.split("\n") ?? []) lines.push(`      ${visible(line)}`);
  }
  const failed = checks.filter(({ ok }) => !ok).length;
  const summary = failed === 0 ? "Everything is well." : `${failed} of ${checks.length} checks failed.`;
  return `${[...lines, "", summary].join("\n")}\n`;
}
