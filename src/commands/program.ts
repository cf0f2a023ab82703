import { Command } from "@commander-js/extra-typings";
import type { Command as PlainCommand } from "commander";
import { interrupted } from "../errors.ts";
import type { CommandContext, ExitCode } from "./context.ts";
import { addMonth, addWord, parseAge, parseJobs, parseMonth } from "./flags.ts";
import { paint } from "./output.ts";
import { version } from "../version.ts";
import { commandFirst, explainWrongUse } from "./usage.ts";

/** What surrounds the program: everything of a command's context that the command line does not say. */
export type Surroundings = Omit<CommandContext, "flags" | "loadConfig">;

/** Runs the command that the words name, and gives its exit code. Errors: those of the command, and USAGE_INVALID. */
export async function runProgram(words: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = createProgram(surroundings, (code) => {
    exitCode = code;
  });
  await program.parseAsync(commandFirst(words, program), { from: "user" });
  return exitCode;
}

/** The whole command line. Commands are loaded when they run, so that `--help` and `--version` stay quick. */
export function createProgram(surroundings: Surroundings, finish: (code: ExitCode) => void): PlainCommand {
  const { stdout, stderr } = surroundings;
  const program = new Command("billhouse")
    .description(
      "Loads AWS and Azure billing exports into a warehouse you own: every month once, whole, and proved to the cent.",
    )
    .option("--json", "write the result as JSON to stdout, one event per line for run")
    .option("-c, --config <file>", "read this file instead of billhouse.toml or .dlt/config.toml")
    .option("-q, --quiet", "show nothing on stderr but errors")
    .option("-v, --verbose", "show every month, file and execution")
    .option("--debug", "show the cause and the stack of an error")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .configureHelp({ showGlobalOptions: true, styleTitle: (title) => paint(stdout, "strong", title) })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => stdout.columns || 100,
      getErrHelpWidth: () => stderr.columns || 100,
      getOutHasColors: () => stdout.colour,
      getErrHasColors: () => stderr.colour,
    });

  const context = (): CommandContext => {
    const { json, quiet, verbose, debug, config } = program.opts();
    const flags = { json: json === true, quiet: quiet === true, verbose: verbose === true, debug: debug === true };
    const place = { folder: surroundings.folder, environment: surroundings.environment };
    return {
      ...surroundings,
      flags,
      loadConfig: async () => {
        const { loadConfig } = await import("../config/reading.ts");
        return loadConfig(config === undefined ? place : { ...place, file: config });
      },
    };
  };
  const exportsHelp = "exports by section (aws_cur) or cloud (aws, azure); all when none is named";

  program
    .command("demo")
    .description("Write sample AWS and Azure exports, load them, and show the result; needs no account and no network.")
    .action(async () => {
      const { demo } = await import("./demo.ts");
      finish(await demo(context()));
    });

  program
    .command("init")
    .description("Look at a bucket, list the billing exports in it, and write billhouse.toml, or what --config names.")
    .argument(
      "<bucket-url>",
      "gs://bucket, s3://bucket, az://account/container or a folder; folders behind it narrow the look",
    )
    .option("--endpoint <address>", "a server that speaks the storage's protocol, such as an emulator")
    .option("--force", "replace a configuration that is there")
    .action(async (bucketUrl, options) => {
      const { init } = await import("./init.ts");
      const { endpoint } = options;
      const force = options.force === true;
      const file = program.opts().config;
      finish(await interruptible(init({ bucketUrl, endpoint, file, force }, context()), surroundings));
    });

  program
    .command("plan")
    .description("Show what run would do, month by month, and why. Writes nothing.")
    .argument("[export...]", exportsHelp)
    .option("--from <YYYY-MM>", "first billing month", parseMonth)
    .option("--to <YYYY-MM>", "last billing month", parseMonth)
    .option("--month <YYYY-MM>", "one billing month (repeatable)", addMonth)
    .option(
      "--force",
      "plan unchanged, refused and waiting deliveries too, unless a file is missing or has another size than declared",
    )
    .option("--detailed-exitcode", "exit with 2 when there is something to load")
    .action(async (exports, options) => {
      const { plan } = await import("./plan.ts");
      const { from, to, month = [] } = options;
      const force = options.force === true;
      const detailedExitcode = options.detailedExitcode === true;
      finish(await interruptible(plan({ exports, from, to, month, force, detailedExitcode }, context()), surroundings));
    });

  program
    .command("run")
    .description("Load every month that is new or restated; each month is replaced whole or not at all.")
    .argument("[export...]", exportsHelp)
    .option("--from <YYYY-MM>", "first billing month", parseMonth)
    .option("--to <YYYY-MM>", "last billing month", parseMonth)
    .option("--month <YYYY-MM>", "one billing month (repeatable)", addMonth)
    .option(
      "--force",
      "load unchanged, refused and waiting deliveries too, unless a file is missing or has another size than declared",
    )
    .option(
      "--accept <check>",
      "waive a check for this run: row-count, scope or other-months; with --month also shrink or gap (repeatable)",
      addWord,
    )
    .option("--reason <text>", "why a gap is accepted; its receipt keeps it")
    .option(
      "--jobs <number>",
      "how many files are read or wait for the warehouse at the same time (default 2); with BigQuery, how many months (8)",
      parseJobs,
    )
    .option("--dry-run", "the same as plan")
    .action(async (exports, options) => {
      const { run } = await import("./run.ts");
      const { from, to, month = [], accept = [], jobs, reason } = options;
      const force = options.force === true;
      const dryRun = options.dryRun === true;
      finish(await run({ exports, from, to, month, accept, jobs, reason, force, dryRun }, context()));
    });

  program
    .command("doctor")
    .description("Check configuration, login, permissions, locations and expirations; each failure with what mends it.")
    .argument("[export...]", exportsHelp)
    .action(async (exports) => {
      const { doctor } = await import("./doctor.ts");
      finish(await interruptible(doctor({ exports }, context()), surroundings));
    });

  program
    .command("status")
    .description("Show what is loaded: months and whether they are final, executions, rows, costs, ages and gaps.")
    .argument("[export...]", exportsHelp)
    .option("--max-age <time>", "exit with 4 when the newest load of an export is older, such as 36h", parseAge)
    .option(
      "--check",
      "exit with 4 when something needs attention: days or months missing, a final month restated, ...",
    )
    .option("--offline", "do not look for deliveries that wait in the storage")
    .action(async (exports, options) => {
      const { status } = await import("./status.ts");
      const { maxAge } = options;
      const offline = options.offline === true;
      const check = options.check === true;
      finish(await interruptible(status({ exports, maxAge, offline, check }, context()), surroundings));
    });

  program
    .command("verify")
    .description("Hold what is loaded against its receipts and the storage; name every difference with both figures.")
    .argument("[export...]", exportsHelp)
    .option("--from <YYYY-MM>", "first billing month", parseMonth)
    .option("--to <YYYY-MM>", "last billing month", parseMonth)
    .option("--month <YYYY-MM>", "one billing month (repeatable)", addMonth)
    .option("--deep", "read the files of every month again, whole")
    .action(async (exports, options) => {
      const { verify } = await import("./verify.ts");
      const { from, to, month = [] } = options;
      const deep = options.deep === true;
      finish(await interruptible(verify({ exports, from, to, month, deep }, context()), surroundings));
    });

  program
    .command("diff")
    .description("Show what the newest restatement of a month changed, by service, account and charge type.")
    .argument("<export>", "export by section (aws_cur)")
    .argument("<month>", "billing month (YYYY-MM)", parseMonth)
    .action(async (name, month) => {
      const { diff } = await import("./diff.ts");
      finish(await interruptible(diff({ export: name, month }, context()), surroundings));
    });

  program
    .command("reconcile")
    .description("Hold what is loaded of a month against invoices, and explain what differs.")
    .argument("<month>", "billing month (YYYY-MM)", parseMonth)
    .option("--invoice <amount>", "amount of the invoice of the whole month, such as 1234.56")
    .option(
      "--invoices <file>",
      "CSV file with a line for each invoice: invoice_id,amount; also currency, billing_account",
    )
    .option("--currency <code>", "currency of amounts that name none; the only one that is loaded by default")
    .option("--tolerance <amount>", "difference that is still right (default 0.01)")
    .option(
      "--export <name>",
      "export by section (aws_cur) or cloud (aws, azure); all by default (repeatable)",
      addWord,
    )
    .action(async (month, options) => {
      const { reconcile } = await import("./reconcile.ts");
      const { invoice, invoices, currency, tolerance, export: exports = [] } = options;
      const told = { month, exports, invoice, invoices, currency, tolerance };
      finish(await interruptible(reconcile(told, context()), surroundings));
    });

  program
    .command("undo")
    .description("Put the load before back in the place of a month, and do not take what was undone again until told.")
    .argument("<export>", "export by section (aws_cur)")
    .argument("<month>", "billing month (YYYY-MM)", parseMonth)
    .action(async (name, month) => {
      const { undo } = await import("./undo.ts");
      finish(await undo({ export: name, month }, context()));
    });

  program
    .command("migrate")
    .description("Show how tables of the Python pipelines become exact and complete; with --yes, do it.")
    .argument("[export...]", exportsHelp)
    .option("--yes", "take the steps; without it nothing is written")
    .action(async (exports, options) => {
      const { migrate } = await import("./migrate.ts");
      finish(await migrate({ exports, yes: options.yes === true }, context()));
    });

  const state = program.command("state").description("Look at the state, or forget a part of it.");
  state
    .command("show")
    .description("Show which execution each month was loaded from.")
    .argument("[export...]", exportsHelp)
    .action(async (exports) => {
      const { stateShow } = await import("./state.ts");
      finish(await interruptible(stateShow({ exports }, context()), surroundings));
    });
  state
    .command("forget")
    .description("Forget months, so that the next run loads them again. Their rows stay until then.")
    .argument("<export>", "export by section (aws_cur)")
    .argument("[month...]", "billing months (YYYY-MM)", addMonth)
    .option("--all", "forget every month of the export")
    .action(async (name, months = [], options) => {
      const { stateForget } = await import("./state.ts");
      finish(await stateForget({ export: name, months, all: options.all === true }, context()));
    });

  program
    .command("query")
    .description("Answer a SQL statement from what is loaded: a table, or --csv or --json.")
    .argument("<sql>", "one statement that only reads, in quotes")
    .option("--csv", "write CSV with a header")
    .action(async (sql, options) => {
      const { query } = await import("./query.ts");
      finish(await interruptible(query({ sql, csv: options.csv === true }, context()), surroundings));
    });

  program
    .command("connect")
    .description("Show how to open what is loaded in the DuckDB shell, in BI tools and in programs.")
    .option("--shell", "print only the command that opens the DuckDB shell")
    .action(async (options) => {
      const { connect } = await import("./connect.ts");
      finish(await connect({ shell: options.shell === true }, context()));
    });

  program
    .command("config")
    .description("Show every value of the configuration and where it came from, with secrets masked.")
    .argument("[export...]", exportsHelp)
    .action(async (exports) => {
      const { config } = await import("./config.ts");
      finish(await config({ exports, file: program.opts().config }, context()));
    });

  // The typed program is the plain one at run time; from here on nothing depends on the types of its options.
  const plain = program as unknown as PlainCommand;
  explainWrongUse(plain);
  return plain;
}

/** What only reads may be left at any point: waiting for the database to notice would only keep a person waiting. */
async function interruptible(work: Promise<ExitCode>, { signal }: Surroundings): Promise<ExitCode> {
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(interrupted("Stopped. Nothing was written.", { hint: "Run the command again." }));
    });
  });
  return Promise.race([work, stopped]);
}
