import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What focus-validator says of a rule. */
export type OfficialVerdict = "pass" | "fail" | "skipped";

/** The versions that are installed: others have other rules, for which the known reasons need not hold. */
export const versions = { "focus-validator": "2.2.1", "focus-data-toolkit": "0.14.1" } as const;

/** The rules of FOCUS that focus-validator brings. */
export const rulesVersion = "1.2.0.1";

/** Python programs in virtual environments. */
export interface Programs {
  /** The Python that has focus-validator, and the folder of its packages. */
  readonly validator: { readonly python: string; readonly packages: string };
  /** The Python that has focus-data-toolkit. */
  readonly toolkit: string;
}

/** A rule that the rows of a view break. */
export interface Finding {
  readonly rule: string;
  /** Rows, or groups of rows, that break it. */
  readonly rows: number;
  /** What the rule demands, in the words of the program; empty if it has none. */
  readonly demand: string;
  /** The rules because of which alone it fails; empty for a rule about values. */
  readonly causes: readonly string[];
}

/** What focus-validator says of a file. */
export interface Verdict {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly findings: readonly Finding[];
}

/** Installs both programs below `home`. Throws if a command fails. */
export async function installPrograms(system: string, home: string): Promise<Programs> {
  const validator = install(system, join(home, "validator"), [
    // It names Python 3.12, but runs on 3.11 after the change below.
    ["--ignore-requires-python", `focus-validator==${versions["focus-validator"]}`],
    // The pyarrow that it installs requires NumPy 2.
    ["numpy>=2,<2.3"],
  ]);
  const toolkit = install(system, join(home, "toolkit"), [
    [`focus-data-toolkit[parquet]==${versions["focus-data-toolkit"]}`],
  ]);
  const packages = run(validator, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).trim();
  await removeBackslash(join(packages, "focus_validator", "config_objects", "focus_to_duckdb_converter.py"));
  return { validator: { python: validator, packages }, toolkit };
}

function install(system: string, folder: string, packages: readonly (readonly string[])[]): string {
  const python = process.platform === "win32" ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python");
  run(system, ["-m", "venv", folder]);
  for (const wanted of packages) {
    run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...wanted]);
  }
  return python;
}

/** Before Python 3.12 the expression of an f-string cannot contain a backslash: joins the text with `+` instead. */
async function removeBackslash(file: string): Promise<void> {
  const source = await readFile(file, "utf8");
  const before = String.raw`f"'{k.replace('\"', '\"\"')}'" for k in ignore_keys`;
  const after = `"'" + k.replace('"', '""') + "'" for k in ignore_keys`;
  if (!source.includes(before)) throw new Error(`The expected text is not in ${file}.`);
  await writeFile(file, source.replace(before, after));
}

/** Checks rows of `focus_v1_2` with focus-validator. Throws if its report is not complete. */
export function validate({ validator }: Programs, file: string): Verdict {
  const start = "import sys; from focus_validator.main import main; sys.exit(main())";
  const flags = ["--data-file", file, "--validate-version", rulesVersion, "--block-download"];
  // It opens its list of currencies below the working folder, and ends with 1 if a rule fails.
  const report = run(validator.python, ["-c", start, ...flags], { cwd: validator.packages, codes: [0, 1] });
  const summary = /Total: (?<total>\d+) \| Pass: (?<passed>\d+) \| Fail: (?<failed>\d+) \| Skipped: (?<skipped>\d+)/u;
  const { total, passed, failed, skipped } = summary.exec(report)?.groups ?? {};
  const failures = report.matchAll(
    /^- (?<rule>[\w.-]+): violations=(?<rows>\d+); (?<message>.*)\n +MustSatisfy: (?<demand>.*)$/gmu,
  );
  const findings = [...failures].map(({ groups }) => ({
    rule: groups?.["rule"] ?? "",
    rows: Number(groups?.["rows"]),
    demand: groups?.["demand"] ?? "",
    causes:
      /failed child rules: \[(?<rules>[\w., -]+)\]/u.exec(groups?.["message"] ?? "")?.groups?.["rules"]?.split(", ") ??
      [],
  }));
  if (total === undefined || findings.length !== Number(failed)) {
    throw new Error(`focus-validator gave no complete report on ${file}:\n${report}`);
  }
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped), findings };
}

/** What focus-validator says of each rule for rows of `focus_v1_2`, for a provider that supports everything. */
export function ruleVerdicts({ validator }: Programs, file: string): ReadonlyMap<string, OfficialVerdict> {
  const program = fileURLToPath(new URL("verdicts.py", import.meta.url));
  const answer = run(validator.python, ["-B", program, rulesVersion, file], { cwd: validator.packages });
  return new Map(Object.entries(JSON.parse(answer) as Record<string, OfficialVerdict>));
}

/** Checks rows of `focus_v1_4` with the lint of focus-data-toolkit: the rules that rows break. */
export function lint({ toolkit }: Programs, file: string): readonly Finding[] {
  const answer = run(toolkit, ["-B", fileURLToPath(new URL("lint.py", import.meta.url)), file]);
  const { findings } = JSON.parse(answer) as { findings: readonly Pick<Finding, "rule" | "rows">[] };
  return findings.map((finding) => ({ ...finding, demand: "", causes: [] }));
}

/** Runs a program and returns what it prints. Throws if it ends with another code than `codes`. */
function run(
  program: string,
  words: readonly string[],
  { cwd, codes = [0] }: { readonly cwd?: string; readonly codes?: readonly number[] } = {},
): string {
  const env = { ...process.env, PYTHONIOENCODING: "utf-8" };
  const { status, stdout, stderr, error } = spawnSync(program, words, {
    cwd,
    env,
    encoding: "utf8",
    maxBuffer: 256 << 20,
  });
  if (error !== undefined) throw error;
  if (status === null || !codes.includes(status))
    throw new Error(`${program} ended with ${status}:\n${stderr}${stdout}`);
  return stdout;
}
