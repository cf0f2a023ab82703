import { randomBytes } from "node:crypto";
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { BillhouseError } from "../errors.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { addWord, example } from "./flags.ts";
import { reportFailure } from "./failure.ts";
import { paint, resultText, visible, wrapText } from "./output.ts";

/** Registers `billhouse serve`. */
export function addServe(program: Program, perform: Perform): void {
  program
    .command("serve")
    .description("Serve a dashboard: what was spent, what changed and why, and how complete the data is.")
    .addOption(new Option("--port <number>", "the port; 0 means any free one").argParser(parsePort).default(8377))
    .option(
      "--host <address>",
      "the address to listen on; other machines reach only addresses of the network",
      "127.0.0.1",
    )
    .option("--allow-host <name>", "another name under which it is served, as behind a proxy (repeatable)", addWord)
    .option("--no-token", "require no token on an address of the network, because a proxy authenticates people")
    .addOption(
      new Option("--locale <tag>", "how numbers are written, such as en-US or de-DE")
        .argParser(parseLocale)
        .default("en-US"),
    )
    .addOption(
      new Option("--max-bytes <size>", "on BigQuery, ask before a page bills more than this")
        .argParser(parseSize)
        .default(1e9, "1 GB"),
    )
    .addHelpText("after", example("billhouse serve --port 8080"))
    .action(({ port, host, allowHost, token, locale, maxBytes }) =>
      perform.writing((context) =>
        serve({ port, host, locale, maxBytes, allowedHosts: allowHost ?? [], hasToken: token }, context),
      ),
    );
}

/** Options of `billhouse serve`. */
export interface ServeCommandOptions {
  readonly port: number;
  readonly host: string;
  readonly allowedHosts: readonly string[];
  /** Whether an address of the network requires a token. An address of this machine never does. */
  readonly hasToken: boolean;
  readonly locale: string;
  readonly maxBytes: number;
}

/**
 * Serves the dashboard until Ctrl-C. The token of the environment variable BILLHOUSE_TOKEN is used, else a random one.
 * Errors: USAGE_INVALID, and those of reading the configuration.
 */
export async function serve(options: ServeCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { flags, stdout, stderr, signal } = context;
  const { isLoopback, serveDashboard } = await import("../web/server.ts");
  const needsToken = options.hasToken && !isLoopback(options.host);
  const config = await context.loadConfig();
  const dashboard = await serveDashboard(config, {
    ...options,
    token: needsToken ? tokenOf(context) : null,
    isWarm: true,
    now: () => context.now(),
    onError: (error) => void reportFailure(error, { stdout: stderr, stderr, flags: { ...flags, json: false } }),
  });
  try {
    if (flags.json) stdout.write(`${resultText({ url: dashboard.url })}\n`);
    else stdout.write(`${paint(stdout, "strong", "The dashboard")} ${visible(dashboard.url)}\n`);
    if (!flags.quiet) stderr.write(`${wrapText(noteOn(options, needsToken), stderr.columns, 0)}\n`);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  } finally {
    await dashboard.close();
  }
  return exitCodes.done;
}

function noteOn({ hasToken }: ServeCommandOptions, needsToken: boolean): string {
  const reach = needsToken
    ? "Everybody with this address and its token can read it."
    : hasToken
      ? "Only programs of this machine can read it."
      : "Everybody who reaches it can read it, unless a proxy authenticates them.";
  return `${reach} Stop with Ctrl-C.`;
}

function tokenOf({ environment }: CommandContext): string {
  const given = environment["BILLHOUSE_TOKEN"] ?? "";
  if (given === "") return randomBytes(24).toString("base64url");
  if (/^[\w-]{16,200}$/u.test(given)) return given;
  throw new BillhouseError("USAGE_INVALID", "The value of BILLHOUSE_TOKEN is not a token.", {
    hint: "Use 16 to 200 letters, digits, - and _, or unset it: then a random token is used.",
  });
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/u.test(text) && Number(text) < 65_536) return Number(text);
  throw new InvalidArgumentError("It must be a number from 0 to 65535.");
}

function parseSize(text: string): number {
  const [, figure = "", unit = ""] = /^(\d{1,6}(?:\.\d{1,3})?)\s*([KMGT]?)B$/iu.exec(text) ?? [];
  if (figure !== "") return Math.round(Number(figure) * 1000 ** " KMGT".indexOf(unit.toUpperCase() || " "));
  throw new InvalidArgumentError('It must be a size such as "2 GB".');
}

function parseLocale(text: string): string {
  try {
    return new Intl.Locale(text).toString();
  } catch {
    throw new InvalidArgumentError("It must be the tag of a locale, such as en-US.");
  }
}
