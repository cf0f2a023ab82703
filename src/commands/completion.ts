import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { BillhouseError, quoted } from "../errors.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { example } from "./flags.ts";

/** The shells that have completion. */
const shells = ["bash", "zsh", "fish"] as const;

type Shell = (typeof shells)[number];

/** What the scripts pass before the words that are to be completed. */
const request = "complete";

/** Registers `billhouse completion`. */
export function addCompletion(program: Program, perform: Perform): void {
  program
    .command("completion")
    .description("Print the script that completes commands, flags, exports and months in bash, zsh or fish.")
    .argument("<shell>", "bash, zsh or fish", parseShell)
    .argument("[words...]", "after complete: the words to complete, as the script passes them")
    .usage("[options] <shell>")
    .addHelpText("after", example("billhouse completion bash > ~/.local/share/bash-completion/completions/billhouse"))
    .action((shell, words) => perform.reading((context) => completion({ shell, words }, program, context)));
}

/** Options of `billhouse completion`. */
export interface CompletionOptions {
  readonly shell: Shell | typeof request;
  /** The words after `billhouse`, the last of which is to be completed. */
  readonly words: readonly string[];
}

/** Prints the script of a shell, or the words that the last word may become, for the script. */
export async function completion(
  { shell, words }: CompletionOptions,
  program: CommandUnknownOpts,
  context: CommandContext,
): Promise<ExitCode> {
  const { RootCommand } = await import("@bomb.sh/tab");
  const root = new RootCommand();
  if (shell === request) {
    const values = { months: recentMonths(context.now()), exports: await exportNames(context) };
    for (const [path, command] of commandsBelow(program))
      addTo(root.command(path, command.description()), command, program, values);
    const offered = printed(() => root.parse([...words]));
    context.stdout.write(offered.startsWith(":") ? fileNames : offered);
  } else if (shell === "bash") {
    context.stdout.write(bashScript);
  } else {
    context.stdout.write(printed(() => root.setup("billhouse", "billhouse completion", shell)));
  }
  return exitCodes.done;
}

/** The answer that makes zsh and fish complete file names, for values that billhouse does not know; bash needs no answer. */
const fileNames = ":0\n";

/**
 * The script for bash. That of the library needs the package bash-completion, prints errors when it is read twice, runs the
 * words that were typed as shell code, and does not complete `--month=2025-`, which bash splits into three words.
 */
const bashScript = `# bash completion for billhouse

_billhouse() {
    local word words=()
    for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
        [[ $word == "=" ]] || words+=("$word")
    done
    [[ \${COMP_WORDS[COMP_CWORD]} == "=" ]] && words+=("")
    COMPREPLY=()
    while IFS=$'\\t' read -r word _; do
        [[ $word == :* ]] || COMPREPLY+=("$word")
    done < <(billhouse completion ${request} -- "\${words[@]}" 2>/dev/null)
}

complete -o default -F _billhouse billhouse
`;

/** The shell, or the word that the scripts pass. Error: USAGE_INVALID. */
function parseShell(word: string): Shell | typeof request {
  const known = ([...shells, request] as const).find((each) => each === word);
  if (known !== undefined) return known;
  throw new BillhouseError("USAGE_INVALID", `There is no completion for ${quoted(word)}.`, {
    hint: `Use one of: ${shells.join(", ")}.`,
  });
}

/** Words that depend on the configuration and the time. */
interface Values {
  readonly months: readonly string[];
  readonly exports: readonly string[];
}

type CompletedCommand = InstanceType<typeof import("@bomb.sh/tab").Command>;

function addTo(
  completed: CompletedCommand,
  command: CommandUnknownOpts,
  program: CommandUnknownOpts,
  values: Values,
): void {
  completed.option("help", "show this help", "h");
  for (const { long, short, description, required, argChoices = [] } of [...command.options, ...program.options]) {
    if (long == null) continue;
    const name = long.slice(2);
    const alias = short?.slice(1);
    const words =
      { month: values.months, from: values.months, to: values.months, export: values.exports }[name] ?? argChoices;
    if (required) completed.option(name, description, (offer) => words.forEach((word) => offer(word, "")), alias);
    else completed.option(name, description, alias ?? "");
  }
  for (const argument of command.registeredArguments) {
    const name = argument.name();
    const words = [
      ...(name.startsWith("export") ? values.exports : []),
      ...(name.endsWith("month") ? values.months : []),
      ...(name === "shell" ? shells : []),
    ];
    completed.argument(name, (offer) => words.forEach((word) => offer(word, "")), argument.variadic);
  }
}

function commandsBelow(parent: CommandUnknownOpts, before = ""): [path: string, command: CommandUnknownOpts][] {
  return parent.commands.flatMap((command) => {
    const path = before + command.name();
    return [[path, command] as [string, CommandUnknownOpts], ...commandsBelow(command, `${path} `)];
  });
}

/** The sections of the exports, and the clouds; the clouds alone where the configuration cannot be read. */
async function exportNames(context: CommandContext): Promise<string[]> {
  try {
    return [...(await context.loadConfig()).pipelines.map(({ name }) => name), "aws", "azure"];
  } catch (error) {
    if (error instanceof BillhouseError) return ["aws", "azure"];
    throw error;
  }
}

/** The running month and the twelve before it, newest first. */
function recentMonths(now: Date): string[] {
  return Array.from({ length: 13 }, (_, before) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - before)).toISOString().slice(0, 7),
  );
}

/** What the library prints: it writes with console.log only, and --output and full disks concern its text as any other. */
function printed(print: () => void): string {
  const { log } = console;
  let text = "";
  console.log = (line: string) => {
    text += `${line}\n`;
  };
  try {
    print();
  } finally {
    console.log = log;
  }
  return text;
}
