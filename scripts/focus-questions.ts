import { openQuestions, questions } from "../src/focus/questions/index.ts";

/** The page on questions: those with an answer, then those of the FOCUS use-case library without one. */
export function questionsPage(): string {
  const answered = questions.map(({ name, title, library, difference = "" }) => [
    `\`${name}\``,
    title,
    library.join("; "),
    difference,
  ]);
  return `# Questions

<!-- Written by scripts/focus-questions.ts from src/focus/questions/: change the questions and run \`npm run docs\`. -->

\`billhouse questions run <name>\` answers a question from the view \`focus_costs\` ([FOCUS views](focus.md)), over all clouds, and
\`billhouse questions show <name>\` shows its SQL, which is the same in DuckDB and in BigQuery. Without \`--month\`, or \`--from\` and \`--to\`,
a question is about the newest month that is over, or about the twelve months that end with it. Currencies are never added up.

\`\`\`
$ billhouse questions run savings-rate --month 2025-03
\`\`\`

The questions are those of the use-case library of FOCUS 1.4, by their titles; the SQL is billhouse's own.

${table(["name", "question", "in the library", "where it differs from the library"], answered)}

## Questions without an answer

${table(
  ["in the library", "reason"],
  openQuestions.map(({ title, because }) => [title, because]),
)}
`;
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
