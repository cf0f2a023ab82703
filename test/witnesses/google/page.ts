import type { Emulator } from "./emulators.ts";
import { analyzerSource, type Judgement, oneLine } from "./statements.ts";
import type { Gap, Outcome } from "./trials.ts";

/** The outcome of each case on one emulator; or why the emulator is not available. */
export type Witness =
  | { readonly emulator: Emulator; readonly outcomes: readonly Outcome[] }
  | { readonly emulator: Emulator; readonly absent: string };

/** What the analyzer of GoogleSQL says, or why it is not available. */
export type Statements = Judgement | { readonly absent: string };

/** `docs/compatibility.md`: a table of cases and servers, the reasons of the gaps, and what the analyzer says. */
export function compatibilityPage(witnesses: readonly Witness[], gaps: readonly Gap[], statements: Statements): string {
  const present = new Set(witnesses.flatMap((witness) => ("absent" in witness ? [] : [witness.emulator.name])));
  const reasons = [...new Set(gaps.filter(({ server }) => present.has(server)).map(reasonOf))];
  const numbers = new Map(gaps.map((gap) => [keyOf(gap.server, gap.title), reasons.indexOf(reasonOf(gap)) + 1]));
  const parts = [introduction];
  for (const [role, title] of Object.entries({ s3: "Amazon S3", storage: "Cloud Storage", warehouse: "BigQuery" })) {
    const asked = witnesses.filter(({ emulator }) => emulator.role === role);
    parts.push(`## ${title}`, servers(asked), matrix(asked, numbers));
  }
  parts.push("## What the emulators do differently");
  parts.push(reasons.length === 0 ? "Nothing that a case shows." : reasons.map(numbered).join("\n"));
  parts.push("## GoogleSQL", statementsSection(statements));
  return `${parts.join("\n\n")}\n`;
}

function reasonOf({ server, reason }: Gap): string {
  return `**${server}** ${reason}`;
}

function numbered(reason: string, index: number): string {
  return `${index + 1}. ${reason}`;
}

function keyOf(server: string, title: string): string {
  return JSON.stringify([server, title]);
}

const introduction = `# Compatibility

<!-- Written by scripts/test-emulators.ts: run \`npm run test:emulators\`. -->

\`npm test\` runs the storage and warehouse suites for Amazon S3 and Google Cloud against the servers in \`test/servers/\`, which follow
billhouse's own reading of the documentation. Here the same cases run against servers that others wrote, through the same
client libraries. ✔: the case passes. A number: it fails because of a difference of that emulator, which is explained below.
The script fails when a case fails that is not a known gap, and when a known gap closes. \`npm run test:bigquery\` runs the
same cases on a real project.`;

function statementsSection(statements: Statements): string {
  const asked = `Every statement that the tests send to BigQuery is checked by GoogleSQL's own parser and analyzer, as \`${analyzerSource}\` offers them to
Go, with the language features of BigQuery's reference. Statements count as distinct when their text, their tables or the
types of their parameters differ.`;
  if ("absent" in statements) return `${asked}\n\nIt is not available here: ${statements.absent}`;
  const { accepted, refusedByBoth, findings, unjudged } = statements;
  const counts = [
    "| statements | |",
    "|---|---|",
    `| accepted | ${accepted} |`,
    `| rejected, and rejected by the server of the tests too, as the test expects | ${refusedByBoth} |`,
    `| rejected, although the server of the tests runs them | ${findings.length} |`,
    `| not judged | ${unjudged.length} |`,
  ].join("\n");
  const reasons = Map.groupBy(unjudged, ({ reason }) => reason);
  const lines = [...reasons].map(
    ([reason, list]) => `- ${list.length} × ${reason}: \`${oneLine(list[0]?.statement ?? "").replaceAll("`", "")}\``,
  );
  return [asked, counts, ...(lines.length === 0 ? [] : ["Not judged:", lines.join("\n")])].join("\n\n");
}

function servers(witnesses: readonly Witness[]): string {
  const lines = witnesses.map((witness) => {
    const { name, version, source } = witness.emulator;
    if ("absent" in witness) return `| ${name} | ${version} | ${source} | not available: ${witness.absent} |`;
    const held = witness.outcomes.filter(({ failure }) => failure === null).length;
    return `| ${name} | ${version} | ${source} | ${held} of ${witness.outcomes.length} cases pass |`;
  });
  return ["| server | version | from | |", "|---|---|---|---|", ...lines].join("\n");
}

function matrix(witnesses: readonly Witness[], numbers: ReadonlyMap<string, number>): string {
  const present = witnesses.filter((witness) => "outcomes" in witness);
  const titles = [...new Set(present.flatMap(({ outcomes }) => outcomes.map(({ title }) => title)))];
  if (titles.length === 0) return "None of them is available.";
  const cell = ({ emulator, outcomes }: (typeof present)[number], title: string): string => {
    if (outcomes.find((outcome) => outcome.title === title)?.failure === null) return "✔";
    return String(numbers.get(keyOf(emulator.name, title)) ?? "✖");
  };
  const head = ["case", ...present.map(({ emulator }) => emulator.name)];
  const lines = titles.map((title) => [title, ...present.map((witness) => cell(witness, title))]);
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
