import { BillhouseError, quoted } from "../errors.ts";
import { nearest } from "./nearest.ts";
import { expectation, holdsSecret, type Issue, keysAt, kinds, looksSecret } from "./schema.ts";
import { isTable, type Origin } from "./layers.ts";
import { docsPage } from "../version.ts";

/** One mistake in the configuration: where it was written, and a sentence about it. */
export interface Mistake {
  readonly origin: string;
  readonly sentence: string;
  /** How to fix it, where more can be said than "correct it". */
  readonly hint?: string;
}

/** Where something was written, in words that a sentence about it can follow. */
export function describeOrigin(origin: Origin | undefined): string {
  if (origin === undefined) return "The configuration";
  if ("variable" in origin) return `${origin.variable} in the environment`;
  return origin.line === null ? origin.file : `${origin.file}, line ${origin.line}`;
}

/** All mistakes of one reading of the configuration, as one error; of many, the first ones and how many there are. */
export function mistakesError(mistakes: readonly Mistake[]): BillhouseError {
  const ordered = mistakes.toSorted((one, other) => one.origin.localeCompare(other.origin, "en", { numeric: true }));
  const sentences = [...new Set(ordered.map(({ origin, sentence }) => `${origin}: ${sentence}`))];
  const shown = ordered.slice(0, mostMistakes);
  const hints = [...new Set(shown.flatMap(({ hint }) => hint ?? []))];
  const more = sentences.length - mostMistakes;
  const lines = [...sentences.slice(0, mostMistakes), ...(more > 0 ? [`and ${more} more`] : [])];
  return new BillhouseError("CONFIG_INVALID", lines.join("\n"), {
    hint:
      hints.length > 0
        ? hints.join("\n")
        : `Correct it and run the command again; ${docsPage("configuration.md")} has every key.`,
  });
}

const mostMistakes = 10;

/** The issues of a check as sentences, with the place where each mistake was written. */
export function describeIssues(
  issues: readonly Issue[],
  document: Readonly<Record<string, unknown>>,
  origin: (path: readonly string[]) => string,
): Mistake[] {
  return issues.flatMap((issue) => {
    const { path, unknownKeys } = issue;
    if (unknownKeys !== undefined) {
      return unknownKeys.map((key) => unknownKey([...path, key], valueAt(document, [...path, key]), origin));
    }
    return [wrongValue(path, valueAt(document, path), origin(path))];
  });
}

function unknownKey(path: readonly string[], value: unknown, origin: (path: readonly string[]) => string): Mistake {
  const key = path.at(-1) ?? "";
  const outer = path.slice(0, -1);
  if (looksSecret(key) || (isTable(value) && Object.keys(value).some(looksSecret))) {
    return {
      origin: origin(path),
      sentence: `"${key}" in ${sectionName(outer)} looks like a credential, and this file must not contain credentials.`,
      hint: "Remove it, and use the cloud's own login, .dlt/secrets.toml or the environment (DESTINATION__BIGQUERY__CREDENTIALS__PRIVATE_KEY).",
    };
  }
  const known = keysAt(outer) ?? [];
  const guess = nearest(key, known);
  const meant = guess === undefined ? "." : `; did you mean "${guess}"?`;
  return {
    origin: origin(path),
    sentence:
      outer.length === 0 ? `unknown section "${key}"${meant}` : `unknown key "${key}" in ${sectionName(outer)}${meant}`,
    hint: `The ${outer.length === 0 ? "sections of the file" : `keys of ${sectionName(outer)}`} are ${known.join(", ")}.`,
  };
}

function wrongValue(path: readonly string[], value: unknown, origin: string): Mistake {
  const key = path.at(-1) ?? "";
  const expected = expectation(path);
  if (expected === undefined) {
    const example =
      { destination: "[destination.duckdb]", notify: "[notify]", focus: "[focus]", budgets: "[budgets]" }[
        path[0] ?? ""
      ] ?? "[sources.aws_cur]";
    return { origin, sentence: `"${path.join(".")}" must be a section such as ${example}, not ${describe(value)}.` };
  }
  // An address can contain a key or a signature, so it is described and not repeated.
  const shown = key === "bucket_url" || key === "bucket" ? describe(value) : show(value);
  const guess = key === "kind" && typeof value === "string" ? nearest(value, kinds) : undefined;
  const meant = guess === undefined ? "." : `; did you mean "${guess}"?`;
  return {
    origin,
    sentence: `"${key}" in ${sectionName(path.slice(0, -1))} must be ${expected}, not ${shown}${meant}`,
  };
}

function show(value: unknown): string {
  if (value === "") return "empty text";
  if (typeof value === "string" && holdsSecret(value)) return describe(value);
  if (typeof value === "string") return quoted(value, 60);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : describe(value);
}

function describe(value: unknown): string {
  if (value === "") return "empty text";
  if (value instanceof Date) return "a date (put it in quotes)";
  if (Array.isArray(value)) return "a list";
  if (isTable(value)) return "a table";
  return typeof value === "string" ? "this text" : typeof value === "number" ? "a number" : "true or false";
}

function sectionName(path: readonly string[]): string {
  return path.length === 0 ? "the file" : `[${path.join(".")}]`;
}

function valueAt(document: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let value: unknown = document;
  for (const name of path) value = isTable(value) ? value[name] : undefined;
  return value;
}
