import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { recordVariable, type RecordedScript } from "../../servers/bigquery/record.ts";
import { importsOf } from "../../support/source-text.ts";
import { runToEnd } from "./processes.ts";

/** What the analyzer says of the statements that the tests send to BigQuery. */
export interface Judgement {
  /** Statements that differ in their text, their tables or the types of their parameters. */
  readonly accepted: number;
  /** Statements that the server of the tests refuses too: the tests send them to see that. */
  readonly refusedByBoth: number;
  /** Statements that the server of the tests runs and the analyzer refuses. */
  readonly findings: readonly JudgedStatement[];
  /** Statements that it was not asked about, or could not judge. */
  readonly unjudged: readonly JudgedStatement[];
}

/** A statement, and what the analyzer says against it, or why it could not be asked. */
export interface JudgedStatement {
  readonly statement: string;
  readonly reason: string;
}

interface Verdict {
  readonly script: number;
  readonly statement: string;
  readonly refused?: string;
  readonly unjudged?: string;
}

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Where the analyzer comes from: the first Go module that `analyzer/go.mod` requires, with its version. */
export const analyzerSource: string =
  /^require (?<module>\S+ \S+)/mu.exec(readFileSync(new URL("analyzer/go.mod", import.meta.url), "utf8"))?.groups?.[
    "module"
  ] ?? "";

/** Builds the analyzer below a folder and gives its program. Error: Go or its modules are not available. */
export async function buildAnalyzer(home: string): Promise<string> {
  await mkdir(home, { recursive: true });
  const program = join(home, "googlesql-analyzer");
  runToEnd("go", ["-C", join(root, "test/witnesses/google/analyzer"), "build", "-o", program, "."]);
  return program;
}

/**
 * Runs the tests whose modules start a BigQuery, and gives the scripts that they sent to it, one in a line.
 * Error: a test failed.
 */
export async function recordStatements(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "billhouse-statements-"));
  try {
    const file = join(folder, "statements.jsonl");
    const words = ["--test", "--test-concurrency=2", "--test-reporter=dot", ...testsOfBigquery()];
    const environment = { ...process.env, [recordVariable]: file };
    const ended = spawnSync(process.execPath, words, { cwd: root, env: environment, stdio: "inherit" });
    if (ended.status !== 0) throw new Error("the tests of BigQuery fail: run them first");
    return await readFile(file, "utf8");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Asks the analyzer about recorded scripts. */
export function judgeStatements(program: string, lines: string): Judgement {
  const scripts = lines
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as RecordedScript);
  const ended = spawnSync(program, { input: lines, encoding: "utf8", maxBuffer: 2 ** 30 });
  if (ended.status !== 0) throw new Error(`the analyzer failed: ${ended.stderr.slice(0, 2000)}`);
  const verdicts = ended.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Verdict);
  const refused = verdicts.flatMap((verdict) => (verdict.refused === undefined ? [] : [verdict]));
  const findings = refused.filter(({ script }) => scripts[script]?.refused === null);
  const unjudged = verdicts.filter((verdict) => verdict.unjudged !== undefined);
  return {
    accepted: verdicts.length - refused.length - unjudged.length,
    refusedByBoth: refused.length - findings.length,
    findings: findings.map(({ statement, refused: reason = "" }) => ({ statement, reason })),
    unjudged: unjudged.map(({ statement, unjudged: reason = "" }) => ({ statement, reason })),
  };
}

/** The start of a statement, on one line. */
export function oneLine(statement: string): string {
  const line = statement.replaceAll(/\s+/gu, " ").trim();
  return line.length > 160 ? `${line.slice(0, 160)}...` : line;
}

/** The test files whose modules, also those that they import, load the server of the tests. */
function testsOfBigquery(): readonly string[] {
  const files = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(root, "test", name));
  const imports = new Map(
    files.map((file) => [
      file,
      importsOf(readFileSync(file, "utf8"))
        .filter(({ from, how }) => from.startsWith(".") && how !== "type")
        .map(({ from }) => resolve(file, "..", from)),
    ]),
  );
  const reaching = new Set([join(root, "test/servers/bigquery/server.ts")]);
  for (let size = 0; size !== reaching.size;) {
    size = reaching.size;
    for (const [file, loaded] of imports) if (loaded.some((name) => reaching.has(name))) reaching.add(file);
  }
  return [...reaching].filter((file) => file.endsWith(".test.ts")).map((file) => relative(root, file));
}
