import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { conformancePage, type Difference, type Judgement } from "../test/witnesses/focus/page.ts";
import { type Finding, installPrograms, lint, ruleVerdicts, validate } from "../test/witnesses/focus/programs.ts";
import { lintReasons, type Reason, validatorReasons } from "../test/witnesses/focus/reasons.ts";
import { type Family, writeRows } from "../test/witnesses/focus/rows.ts";
import { opponentsOf, withOpponents } from "./opponents/page.ts";
import { ownVerdicts, verdictDifferences } from "../test/witnesses/focus/verdicts.ts";

/*
 * Loads the sample deliveries (BILLHOUSE_SAMPLES, or ../shared/samples), has focus-validator and focus-data-toolkit check the
 * rows of the FOCUS views, and writes docs/focus-conformance.md. Installs both into a temporary folder.
 *
 *   node scripts/test-focus.ts
 */

const samples = resolve(import.meta.dirname, "..", process.env["BILLHOUSE_SAMPLES"] || "../shared/samples");
const system = ["python3", "python"].find((name) => spawnSync(name, ["-c", "import venv, ensurepip"]).status === 0);
if (system === undefined) {
  console.log("Not run: Python with venv is missing, so the FOCUS views were not checked.");
} else if (!existsSync(samples)) {
  console.log(`Not run: there are no sample deliveries in ${samples} (BILLHOUSE_SAMPLES names another place).`);
} else {
  const home = await mkdtemp(join(tmpdir(), "billhouse-focus-"));
  try {
    await check(system, samples, home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Writes the page. A rule that fails without a known reason, or a reason that nothing needs, is a failure. */
async function check(python: string, deliveries: string, home: string): Promise<void> {
  const programs = await installPrograms(python, home);
  const judgements: Judgement[] = [];
  const verdicts: Parameters<typeof verdictDifferences>[0][number][] = [];
  for (const { family, files, rows } of await writeRows(deliveries, home)) {
    const validator = validate(programs, files.focus_v1_2);
    const findings = lint(programs, files.focus_v1_4);
    judgements.push({ family, rows, validator, lint: findings });
    const official = ruleVerdicts(programs, files.focus_v1_2);
    verdicts.push({ family, official, own: await ownVerdicts(files.focus_v1_2) });
    const { passed, failed, skipped } = validator;
    console.log(
      `${family}: ${rows} rows; focus-validator: ${passed} pass, ${failed} fail, ${skipped} skipped; lint: ${findings.length} rules broken`,
    );
  }
  const validator = differences(judgements, (each) => each.validator.findings, validatorReasons);
  const linted = differences(judgements, (each) => each.lint, lintReasons);
  const unlike = verdictDifferences(verdicts);
  const page = new URL("../docs/focus-conformance.md", import.meta.url);
  const opponents = opponentsOf(await readFile(page, "utf8"));
  await writeFile(page, withOpponents(conformancePage(judgements, validator, linted, unlike), opponents));
  for (const { rule, official, own, families } of unlike.filter(({ reason }) => reason === null)) {
    console.error(`✖ ${rule}: focus-validator says ${official}, billhouse ${own}, in ${families.join(", ")}.`);
    process.exitCode = 1;
  }
  for (const { finding, counts, reason } of [...validator, ...linted]) {
    if (reason !== null) continue;
    const places = [...counts].map(([family, rows]) => `${family} (${rows})`).join(", ");
    console.error(`✖ ${finding.rule} fails without a known reason in ${places}. ${finding.demand}`);
    process.exitCode = 1;
  }
  requireUse(validatorReasons, validator);
  requireUse(lintReasons, linted);
}

/** The rules that fail for their own sake, each with the families that need the same reason. */
function differences(
  judgements: readonly Judgement[],
  findingsOf: (judgement: Judgement) => readonly Finding[],
  reasons: Readonly<Record<string, readonly Reason[]>>,
): readonly Difference[] {
  const found = judgements.flatMap((judgement) => {
    const findings = findingsOf(judgement);
    const failed = new Set(findings.map(({ rule }) => rule));
    return findings
      .filter(({ causes }) => causes.length === 0 || !causes.every((cause) => failed.has(cause)))
      .map((finding) => ({ finding, family: judgement.family, reason: reasonOf(finding, judgement.family, reasons) }));
  });
  const groups = Map.groupBy(found, ({ finding, reason }) => JSON.stringify([finding.rule, reason]));
  return [...groups.values()]
    .flatMap((group) => {
      const [first] = group;
      if (first === undefined) return [];
      const counts = new Map(group.map(({ family, finding }) => [family, finding.rows]));
      return [{ finding: first.finding, counts, reason: first.reason }];
    })
    .toSorted((one, other) => (one.finding.rule < other.finding.rule ? -1 : 1));
}

function reasonOf(
  { rule }: Finding,
  family: Family,
  reasons: Readonly<Record<string, readonly Reason[]>>,
): Reason | null {
  return reasons[rule]?.find(({ families }) => families === undefined || families.includes(family)) ?? null;
}

/** A reason for a rule that no longer fails has to go. */
function requireUse(reasons: Readonly<Record<string, readonly Reason[]>>, found: readonly Difference[]): void {
  const used = new Set(found.map(({ reason }) => reason));
  for (const [rule, list] of Object.entries(reasons)) {
    if (list.every((reason) => used.has(reason))) continue;
    console.error(`✖ ${rule} does not fail as a reason says that it does. Remove the reason.`);
    process.exitCode = 1;
  }
}
