import type { Emulator } from "./emulators.ts";
import type { Gap, Outcome } from "./trials.ts";

/** What one emulator was tried with, and what came of it; or why it could not be had. */
export type Witness =
  | { readonly emulator: Emulator; readonly outcomes: readonly Outcome[] }
  | { readonly emulator: Emulator; readonly absent: string };

/** `docs/compatibility.md`: cases x servers, and the reasons of the gaps. */
export function compatibilityPage(witnesses: readonly Witness[], gaps: readonly Gap[]): string {
  const present = new Set(witnesses.flatMap((witness) => ("absent" in witness ? [] : [witness.emulator.name])));
  const reasons = [...new Set(gaps.filter(({ server }) => present.has(server)).map(reasonOf))];
  const numbers = new Map(gaps.map((gap) => [keyOf(gap.server, gap.title), reasons.indexOf(reasonOf(gap)) + 1]));
  const parts = [introduction];
  for (const [role, title] of Object.entries({ s3: "Amazon S3", storage: "Cloud Storage", warehouse: "BigQuery" })) {
    const asked = witnesses.filter(({ emulator }) => emulator.role === role);
    parts.push(`## ${title}`, servers(asked), matrix(asked, numbers));
  }
  parts.push("## What the emulators do differently");
  parts.push(reasons.length === 0 ? "Nothing that a case would show." : reasons.map(numbered).join("\n"));
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

The servers in \`test/servers/\`, against which \`npm test\` runs the storage and warehouse suites for Amazon S3 and Google Cloud,
share billhouse's own reading of their documentation. Here the same cases are run against servers that others wrote, through
the same client libraries. ✔: the case holds. A number: it does not, because of what the emulator does differently, which
is told below. The script fails when a gap closes, and when a case fails that is no known gap. What no emulator shows, a
real project does: \`npm run test:bigquery\`.`;

function servers(witnesses: readonly Witness[]): string {
  const lines = witnesses.map((witness) => {
    const { name, version, source } = witness.emulator;
    if ("absent" in witness) return `| ${name} | ${version} | ${source} | could not be had: ${witness.absent} |`;
    const held = witness.outcomes.filter(({ failure }) => failure === null).length;
    return `| ${name} | ${version} | ${source} | ${held} of ${witness.outcomes.length} cases hold |`;
  });
  return ["| server | version | from | |", "|---|---|---|---|", ...lines].join("\n");
}

function matrix(witnesses: readonly Witness[], numbers: ReadonlyMap<string, number>): string {
  const present = witnesses.filter((witness) => "outcomes" in witness);
  const titles = [...new Set(present.flatMap(({ outcomes }) => outcomes.map(({ title }) => title)))];
  if (titles.length === 0) return "None of them could be had.";
  const cell = ({ emulator, outcomes }: (typeof present)[number], title: string): string => {
    if (outcomes.find((outcome) => outcome.title === title)?.failure === null) return "✔";
    return String(numbers.get(keyOf(emulator.name, title)) ?? "✖");
  };
  const head = ["case", ...present.map(({ emulator }) => emulator.name)];
  const lines = titles.map((title) => [title, ...present.map((witness) => cell(witness, title))]);
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
