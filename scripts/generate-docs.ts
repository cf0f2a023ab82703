import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { Output } from "../src/commands/context.ts";
import { createProgram } from "../src/commands/program.ts";

/** Where the command reference is kept. */
export const commandsFile: URL = new URL("../docs/commands.md", import.meta.url);

/** The command reference, from what `--help` says. */
export function commandsPage(): string {
  const nowhere: Output = { write: () => {}, isTerminal: false, colour: false, columns: 0, closed: false };
  const program = createProgram(
    {
      folder: ".",
      environment: {},
      stdout: nowhere,
      stderr: nowhere,
      signal: new AbortController().signal,
      now: () => new Date(0),
    },
    () => {},
  );
  const commands = program.commands.flatMap((command) => (command.commands.length > 0 ? command.commands : [command]));
  return [
    introduction,
    section("billhouse", program),
    ...commands.map((command) => section(fullName(command), command)),
    exitCodes,
  ].join("\n");
}

const introduction = `# Commands

<!-- Written by scripts/generate-docs.ts from what --help says: change the help and run \`npm run docs\`. -->

The result of a command goes to stdout, and everything else (progress, notes, errors) to stderr. Flags may stand anywhere:
\`billhouse --json status\` and \`billhouse status --json\` are the same. Colours and the live progress block appear on a
terminal only; \`NO_COLOR\` and \`TERM=dumb\` are honoured.

With \`--json\` a command writes one JSON document, and \`run\` one event per line, the last of which is \`run_finished\`. An error
is then \`{"error":{"code","message","hint"}}\` on stdout.
`;

const exitCodes = `## Exit codes

| code | meaning |
|---|---|
| 0 | done; months that are waiting or refused are told, and are no failure |
| 1 | failed: nothing could be done, or a whole export could not be read |
| 2 | only from \`plan --detailed-exitcode\`: there is something to load |
| 3 | one or more months failed and keep their old rows; the others are loaded |
| 4 | a check failed |
| 64 | wrong use or wrong configuration; nothing was done |
| 130 | stopped by Ctrl-C or SIGTERM; nothing is half written |

New codes may come: treat an unknown one as a failure.
`;

function section(title: string, command: Command): string {
  return `## ${title}\n\n\`\`\`\n${command.helpInformation().trimEnd()}\n\`\`\`\n`;
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(commandsFile, commandsPage());
