import { Readable } from "node:stream";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { exitCodeMeanings, exitCodes, type Output } from "../src/commands/context.ts";
import { createProgram } from "../src/commands/program.ts";
import { caseGroups, type EdgeCase } from "../test/support/edge-cases.ts";
import { questionsPage } from "./focus-questions.ts";
import { focusRules } from "./focus-rules.ts";
import { focusSources } from "./focus-sources.ts";
import { promises, type ReliabilityPromise } from "../test/support/promises.ts";

/** The path of the command reference. */
export const commandsFile: URL = new URL("../docs/commands.md", import.meta.url);

/** The path of the list of edge cases. */
export const edgeCasesFile: URL = new URL("../docs/edge-cases.md", import.meta.url);

/** The page of which the list of promises is a part. */
export const reliabilityFile: URL = new URL("../docs/reliability.md", import.meta.url);

/** The page of which the sources of the columns of the FOCUS views are a part. */
export const focusFile: URL = new URL("../docs/focus.md", import.meta.url);

/** The page of which what decides the rules of FOCUS is a part. */
export const rulesFile: URL = new URL("../docs/validate.md", import.meta.url);

/** The page on questions. */
export const questionsFile: URL = new URL("../docs/questions.md", import.meta.url);

const nowhere: Output = {
  write: () => {},
  drained: async () => {},
  isTerminal: false,
  colour: false,
  columns: 0,
  closed: false,
};

/** The context of the program when only its help is read. */
export const silentHost: Parameters<typeof createProgram>[0] = {
  folder: ".",
  environment: {},
  stdin: () => Readable.from([]),
  stdout: nowhere,
  stderr: nowhere,
  sharedOutput: false,
  signal: new AbortController().signal,
  now: () => new Date(0),
};

/** The command reference, from what `--help` says. */
export function commandsPage(): string {
  const program = createProgram(silentHost, () => {});
  const commands = program.commands.flatMap((command) => (command.commands.length > 0 ? command.commands : [command]));
  return [
    introduction,
    section("billhouse", program),
    ...commands.map((command) => section(fullName(command), command)),
    exitCodesSection(),
  ].join("\n");
}

/** The list of edge cases, from the data that their tests are checked against. */
export function edgeCasesPage(): string {
  const cases = caseGroups.flatMap((group) => group.cases);
  const applicable = cases.filter(({ notApplicable }) => notApplicable === undefined);
  const tables = caseGroups.map(
    ({ title, cases: members }) =>
      `## ${title}\n\n| case | what happens | what billhouse does | test |\n|---|---|---|---|\n${members.map(caseLine).join("\n")}\n`,
  );
  return [edgeCasesIntroduction(cases.length, applicable.length), ...tables].join("\n");
}

/** The page on reliability with the current list of promises between its marks. */
export function withPromises(page: string): string {
  const table = `| promise | how it is kept | test |\n|---|---|---|\n${promises.map(promiseLine).join("\n")}`;
  return between(page, promisesMark, table, endOfPromises);
}

/** The page on the FOCUS views with the current sources of their columns between its marks. */
export function withSources(page: string): string {
  return between(page, sourcesMark, focusSources(), endOfSources);
}

/** The page on the rules of FOCUS with what decides them between its marks. */
export function withRules(page: string): string {
  return between(page, rulesMark, focusRules(), endOfRules);
}

/** A page with a text between two marks, instead of what is there. */
function between(page: string, mark: string, text: string, end: string): string {
  const [before, rest] = page.split(`${mark}\n`);
  const [, after] = rest?.split(end) ?? [];
  if (before === undefined || after === undefined) throw new Error(`The page lacks its marks: ${mark}`);
  return `${before}${mark}\n\n${text}\n\n${end}${after}`;
}

const promisesMark =
  "<!-- Promises, written by scripts/generate-docs.ts from test/support/promises.ts: change them there and run `npm run docs`. -->";
const endOfPromises = "<!-- End of the promises -->";

const sourcesMark =
  "<!-- Sources, written by scripts/generate-docs.ts from src/focus/mappings/: change them there and run `npm run docs`. -->";
const endOfSources = "<!-- End of the sources -->";

const rulesMark =
  "<!-- Rules, written by scripts/generate-docs.ts from src/focus/rules/: change them there and run `npm run docs`. -->";
const endOfRules = "<!-- End of the rules -->";

function promiseLine({ title, how, tests }: ReliabilityPromise): string {
  const links = tests.map(([file, name]) => `[${name}](../test/${file})`);
  return `| ${[`**${title}.**`, how, links.join("<br>")].join(" | ")} |`;
}

function edgeCasesIntroduction(all: number, applicable: number): string {
  return `# Edge cases

<!-- Written by scripts/generate-docs.ts from test/support/edge-cases.ts: change the cases and run \`npm run docs\`. -->

What has broken loaders of cloud bills: ${all} cases, of which ${applicable} concern billhouse. Each of these has a test, whose
title is in the last column; for the other cases the reason is given. The tests run with \`npm test\`, and one of them
compares this list with the test files.
`;
}

function caseLine({ number, title, does, tests, notApplicable }: EdgeCase): string {
  const links = tests.map(({ file, title: name }) => `[${name}](../${file})`);
  const shownBy = notApplicable === undefined ? links.join("<br>") : `does not concern billhouse: ${notApplicable}`;
  return `| ${[number, `${title}.`, does, shownBy].join(" | ")} |`;
}

const introduction = `# Commands

<!-- Written by scripts/generate-docs.ts from what --help says: change the help and run \`npm run docs\`. -->

The result of a command goes to stdout, and everything else (progress, notes, errors) to stderr. Flags may stand anywhere:
\`billhouse --json status\` and \`billhouse status --json\` are the same. Colours and the live progress block appear on a
terminal only; \`NO_COLOR\` and \`TERM=dumb\` are honoured.

With \`--json\` a command writes one JSON document, and \`run\` one event per line, the last of which is \`run_finished\`. The events
\`month_progress\` and \`publishing\`, which describe how far a run is, are among them only with \`--verbose\`. An error is then
\`{"error":{"code","message","hint"}}\` on stdout.
`;

function exitCodesSection(): string {
  const rows = Object.entries(exitCodeMeanings).map(
    ([name, meaning]) => `| ${exitCodes[name as keyof typeof exitCodes]} | ${meaning} |`,
  );
  return `## Exit codes

| code | meaning |
|---|---|
${rows.join("\n")}

New codes may be added: treat an unknown code as a failure.
`;
}

function section(title: string, command: Command): string {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return `## ${title}\n\n\`\`\`\n${help.trimEnd()}\n\`\`\`\n`;
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(commandsFile, commandsPage());
  await writeFile(edgeCasesFile, edgeCasesPage());
  await writeFile(questionsFile, questionsPage());
  await writeFile(reliabilityFile, withPromises(await readFile(reliabilityFile, "utf8")));
  await writeFile(focusFile, withSources(await readFile(focusFile, "utf8")));
  await writeFile(rulesFile, withRules(await readFile(rulesFile, "utf8")));
}
