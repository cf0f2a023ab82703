import { dirname, join } from "node:path";
import type { DemoRestatement } from "../../demo/buckets.ts";
import type { RunFinished } from "../pipeline/events.ts";
import type { CommandContext, ExitCode, Perform, Program } from "./context.ts";
import { formatCount } from "./figures.ts";
import { example } from "./flags.ts";
import { followRun, wantsProgress } from "./follow.ts";
import { paint, screenStyle, wrapText } from "./output.ts";
import { runExitCode, runScreen } from "./run.ts";

/** Registers `billhouse demo`. */
export function addDemo(program: Program, perform: Perform): void {
  program
    .command("demo")
    .description(
      "Write sample AWS, Azure and SaaS bills, load them, and show the result; needs no account and no network.",
    )
    .addHelpText("after", example("billhouse demo"))
    .action(() => perform.writing(demo));
}

/** The folder below the working folder that the demo writes, and nothing else. */
export const demoFolder = "billhouse-demo";

/**
 * Writes sample bills of AWS, Azure and a SaaS vendor, loads them, lets two months be delivered again, loads again, and names commands to
 * try. With `--json` the events of both runs are written. Errors: DEMO_FOLDER_FOREIGN, OUTPUT_FAILED.
 */
export async function demo(context: CommandContext): Promise<ExitCode> {
  const { deliverRestatement, demoQuestions, writeDemoBuckets } = await import("../../demo/buckets.ts");
  const folder = join(context.folder, demoFolder);
  const say = (text: string): void => {
    if (!context.flags.json) context.stdout.write(text);
  };
  const step = (number: number, text: string): void =>
    say(`${paint(context.stdout, "strong", `${number}. ${text}`)}\n`);

  step(1, `Six months of AWS, Azure and SaaS bills are written to ./${demoFolder}`);
  const { configuration, deliveries } = await writeDemoBuckets(folder);
  const files = deliveries.reduce((sum, delivery) => sum + delivery.files, 0);
  say(`   ${formatCount(deliveries.length)} deliveries, ${formatCount(files)} data files and their manifests\n\n`);

  step(2, "billhouse run");
  const first = await load(configuration, context);
  say("\n");

  step(3, "The clouds deliver again");
  for (const restatement of await deliverRestatement(folder))
    say(`   ${wrapText(describe(restatement), context.stdout.columns, 3)}\n`);
  say("\n");

  step(4, "billhouse run");
  const second = await load(configuration, context);
  say("\n");

  step(5, "Look at it");
  // Run through npm there is usually no billhouse on the path.
  const program = context.environment["npm_execpath"] === undefined ? "billhouse" : "npx billhouse";
  say(`   cd ${demoFolder}\n   ${program} status\n`);
  for (const { title, command } of demoQuestions) {
    const question = paint(context.stdout, "quiet", `# ${title}`);
    say(`\n   ${question}\n   ${program} ${command.replaceAll("\n", "\n     ")}\n`);
  }
  return runExitCode(first) || runExitCode(second);
}

/** Below the heading of a step. */
const indent = "   ";

async function load(configuration: string, context: CommandContext): Promise<RunFinished> {
  const [{ loadConfig }, { run }] = await Promise.all([import("../config/reading.ts"), import("../pipeline/run.ts")]);
  // The demo depends neither on the environment nor on another configuration.
  const config = await loadConfig({ file: configuration, folder: dirname(configuration), environment: {} });
  const finished = await followRun(
    run(config, {
      signal: context.signal,
      holder: { pid: process.pid, command: "billhouse demo" },
      progress: wantsProgress(context),
    }),
    context,
  );
  if (finished === undefined) throw new Error("The run ended without its last event.");
  if (!context.flags.json) {
    const style = screenStyle(context);
    const screen = runScreen(finished, { ...style, columns: Math.max(style.columns - indent.length, 0) });
    context.stdout.write(screen.replaceAll(/^(?=.)/gm, indent));
  }
  return finished;
}

function describe({ before, after, because }: DemoRestatement): string {
  const rows = `${formatCount(before.rows)} -> ${formatCount(after.rows)} rows`;
  return `${after.source} ${after.billingMonth}: ${because.join(", ")}; ${rows}`;
}
