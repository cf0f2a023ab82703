import { families, type Family } from "./rows.ts";
import { type Finding, rulesVersion, type Verdict, versions } from "./programs.ts";
import type { Reason } from "./reasons.ts";
import type { VerdictDifference } from "./verdicts.ts";

/** What both programs say of the rows of a family. */
export interface Judgement {
  readonly family: Family;
  readonly rows: number;
  readonly validator: Verdict;
  readonly lint: readonly Finding[];
}

/** A rule that is broken, where, and why; null if no reason is known. */
export interface Difference {
  readonly finding: Finding;
  readonly counts: ReadonlyMap<Family, number>;
  readonly reason: Reason | null;
}

/** `docs/focus-conformance.md`: the counts of each family, then the differences with their reasons. */
export function conformancePage(
  judgements: readonly Judgement[],
  validator: readonly Difference[],
  lint: readonly Difference[],
  verdicts: readonly VerdictDifference[],
): string {
  const counts = judgements.map(({ family, rows, validator: { passed, failed, skipped }, lint: findings }) => [
    families[family],
    format(rows),
    passed,
    failed,
    skipped,
    findings.length,
  ]);
  return `${[
    introduction,
    table(["dataset family", "rows", "pass", "fail", "skipped", "rules that the lint finds broken"], counts),
    "## What focus-validator finds in `focus_v1_2`",
    "A number is how many rows, or services, break the rule. Rules that fail only because a listed rule fails are counted above, and not listed.",
    differences(judgements, validator),
    "## What focus-data-toolkit finds in `focus_v1_4`",
    differences(judgements, lint),
    "## Where `billhouse validate` differs from focus-validator",
    `[\`billhouse validate\`](validate.md) answers the same rules. Below are the rules to which it gives another verdict on the same rows than focus-validator does for a provider that supports everything (\`--applicability-criteria ALL\`), and why; on all other rules that focus-validator runs they agree. Here billhouse decides by the rows alone; \`billhouse validate\` also considers what a bill lacks.`,
    table(
      ["rule", "focus-validator", "billhouse", "dataset families", "reason"],
      verdicts.map(({ rule, official, own, families: where, reason }) => [
        `\`${rule}\``,
        official,
        own,
        where.length === judgements.length ? "all" : where.map((family) => families[family]).join(", "),
        reason ?? "**No reason is known.**",
      ]),
    ),
  ].join("\n\n")}\n`;
}

const introduction = `# Conformance with FOCUS

<!-- Written by scripts/test-focus.ts: run \`npm run test:focus\`. -->

Two programs of other authors check the rows of the [FOCUS views](focus.md): focus-validator ${versions["focus-validator"]} checks \`focus_v1_2\` with the
official rules ${rulesVersion} of FOCUS, and the lint of focus-data-toolkit ${versions["focus-data-toolkit"]} checks \`focus_v1_4\`. The rows are those of sample deliveries
and of small bills with many kinds of charges. Every rule that fails is listed with its reason; \`npm run test:focus\` fails for a
rule without a known reason. focus-validator skips rules for features that it is not asked to check.`;

function differences(judgements: readonly Judgement[], list: readonly Difference[]): string {
  if (list.length === 0) return "Nothing.";
  const head = ["rule", ...judgements.map(({ family }) => families[family]), "by", "reason"];
  const lines = list.map(({ finding, counts, reason }) => [
    finding.demand === "" ? `\`${finding.rule}\`` : `\`${finding.rule}\` ${finding.demand}`,
    ...judgements.map(({ family }) => (counts.has(family) ? format(counts.get(family) ?? 0) : "")),
    reason?.by ?? "unknown",
    reason?.text ?? "**No reason is known.**",
  ]);
  return table(head, lines);
}

function format(count: number): string {
  return count.toLocaleString("en-US");
}

function table(head: readonly string[], lines: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
