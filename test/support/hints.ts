import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { ErrorCode } from "../../src/errors.ts";
import { billhouse, oneThread } from "./in-process.ts";

/** How the hint of a code is followed. */
export type Trial =
  /** Causes the error, does what the hint says, and requires that it works. */
  | ((t: TestContext) => Promise<void>)
  /** A test that does so, by file and title. */
  | { readonly file: string; readonly title: string };

/** Where a command runs. */
export interface TrialPlace {
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The hint of the error that a command ends with, as `--json` writes it. */
export async function failing(place: TrialPlace, code: ErrorCode, ...words: readonly string[]): Promise<string> {
  const { stdout, stderr } = await perform(place, [...words, "--json"]);
  const found = stdout
    .split("\n")
    .filter((line) => line.startsWith("{") || line.startsWith(" "))
    .join("\n");
  const hint = new RegExp(`"code": ?"${code}"[^]*?"hint": ?("(?:[^"\\\\]|\\\\.)*")`).exec(found)?.[1];
  assert.ok(hint !== undefined, `${words.join(" ")} fails with ${code}: ${stdout}${stderr}`);
  return JSON.parse(hint) as string;
}

/** Requires that a command succeeds, and that a run leaves no month waiting. Gives its standard output. */
export async function works(place: TrialPlace, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await perform(place, words);
  assert.equal(code, 0, `${words.join(" ")}: ${stdout}${stderr}`);
  if (words[0] === "run") assert.doesNotMatch(stdout, /^ *[…!] \d{4}-\d\d +(?:waiting|refused) /m);
  return stdout;
}

function perform({ folder, environment = {} }: TrialPlace, words: readonly string[]): ReturnType<typeof billhouse> {
  return billhouse(folder, words, { ...oneThread, ...environment }, { now: new Date() });
}
