import type { DoctorCheck, DoctorResult } from "../pipeline/doctor.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { noteSource } from "./figures.ts";
import { example, exportsOnly } from "./flags.ts";
import { resultText, paint, screenStyle, type ScreenStyle, visible, wrapText } from "./output.ts";

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
  const examined = await examine(await context.loadConfig(), { pipelines: options.exports });
  const result = { ...examined, checks: await withOrigins(examined.checks, context) };
  noteSource(result, context);
  const style = screenStyle(context);
  context.stdout.write(context.flags.json ? `${resultText(result, 2)}\n` : doctorScreen(result, style));
  return result.ok ? exitCodes.done : exitCodes.checkFailed;
}

/** A check, and where the settings were written that a failed one of exports depends on. */
export interface ShownCheck extends DoctorCheck {
  /** `bucket_url in billhouse.toml:2`. */
  readonly origins: readonly string[];
}

async function withOrigins(
  checks: readonly DoctorCheck[],
  { folder, environment, configFile }: CommandContext,
): Promise<readonly ShownCheck[]> {
  if (checks.every(({ ok }) => ok)) return checks.map((check) => ({ ...check, origins: [] }));
  const place = { folder, environment, ...(configFile === undefined ? {} : { file: configFile }) };
  const { explainConfig } = await import("../config/explain.ts");
  const { values } = await explainConfig(place);
  return checks.map((check) => {
    const sections = new Set(check.ok ? [] : check.exports.map((name) => `sources.${name}`));
    const origins = values
      .filter(({ section, key, value }) => {
        // A key of no export, such as a login, can be the cause of a failure of all.
        const isLogin = sections.size > 0 && section.split(".").includes("credentials") && key !== "project_id";
        const isPlace = sections.has(section) && (key === "bucket_url" || (key === "prefix" && value !== ""));
        return isLogin || isPlace;
      })
      .map(({ key, origin }) => `${key} in ${origin}`);
    return { ...check, origins: [...new Set(origins)] };
  });
}

/** The checks, for people: grouped by what they are about, each failure with its fix and its origin below. */
export function doctorScreen(
  { checks }: Pick<DoctorResult, "ok"> & { readonly checks: readonly ShownCheck[] },
  style: ScreenStyle,
): string {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const lines: string[] = [];
  let subject: string | undefined;
  for (const finding of checks) {
    if (finding.subject !== subject) lines.push(...(subject === undefined ? [] : [""]), visible(finding.subject));
    subject = finding.subject;
    const mark = finding.ok ? paint(style, "good", "✔") : paint(style, "bad", "✖");
    lines.push(
      `  ${mark} ${finding.check.padEnd(width)}  ${wrapText(visible(finding.found), style.columns, width + 6)}`,
    );
    const origins = finding.origins.length === 0 ? [] : [`Configured: ${finding.origins.join(", ")}`];
    for (const text of [...(finding.remedy?.split("\n") ?? []), ...origins])
      lines.push(`      ${wrapText(visible(text), style.columns, 6)}`);
  }
  const failed = checks.filter(({ ok }) => !ok).length;
  const summary = failed === 0 ? "All checks passed." : `${failed} of ${checks.length} checks failed.`;
  return `${[...lines, "", summary].join("\n")}\n`;
}
