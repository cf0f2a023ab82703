import { setTimeout as sleep } from "node:timers/promises";

/** What became of one case on one server. */
export interface Outcome {
  readonly title: string;
  /** Null when the case holds; else the first line of what did not. */
  readonly failure: string | null;
}

/** A case that a server is known not to pass, and why that is its own affair. */
export interface Gap {
  readonly server: string;
  readonly title: string;
  readonly reason: string;
}

/** Runs cases one after the other, each with a subject of its own; one may take so many milliseconds. */
export async function tryCases<Subject>(
  cases: Readonly<Record<string, (subject: Subject) => Promise<void>>>,
  makeSubject: () => Promise<{ readonly subject: Subject; close(): Promise<void> }>,
  patience = 60_000,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [title, check] of Object.entries(cases)) {
    let failure: string | null = null;
    try {
      const made = await makeSubject();
      try {
        failure = await Promise.race([
          check(made.subject).then(() => null),
          sleep(patience, `it did not end in ${patience / 1000} seconds`, { ref: false }),
        ]);
      } finally {
        await made.close();
      }
    } catch (error) {
      failure = firstLine(error);
    }
    outcomes.push({ title, failure });
  }
  return outcomes;
}

/** What is not as it is known to be: cases that fail without being a known gap, and gaps that have closed. */
export function surprises(server: string, outcomes: readonly Outcome[], gaps: readonly Gap[]): string[] {
  const known = new Map(gaps.filter((gap) => gap.server === server).map((gap) => [gap.title, gap]));
  const found = outcomes.flatMap(({ title, failure }) => {
    const gap = known.get(title);
    if (failure !== null && gap === undefined) return [`${server}: "${title}" fails: ${failure}`];
    if (failure === null && gap !== undefined) return [`${server}: "${title}" holds now; take it off the known gaps.`];
    return [];
  });
  const titles = new Set(outcomes.map(({ title }) => title));
  const stale = [...known.keys()].filter((title) => !titles.has(title));
  return [...found, ...stale.map((title) => `${server}: there is no case "${title}" any more.`)];
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? `${String(error.code)}: ` : "";
  return `${code}${text.split("\n").slice(0, 3).join(" ").slice(0, 300)}`;
}
