import type {
  BigqueryConfig,
  BudgetsConfig,
  Config,
  ConfigPlace,
  DuckdbConfig,
  FocusConfig,
  NotifyConfig,
  PipelineConfig,
  StorageConfig,
} from "./config.ts";
import { nearest } from "./nearest.ts";
import { BillhouseError } from "../errors.ts";
import { docsPage } from "../version.ts";

/** What is wrong with a value at a path such as `options.months`, or null. */
export type Rule = (value: unknown, path: string) => Problem | null;

/** A sentence about an argument, and what to do about it. */
export interface Problem {
  readonly message: string;
  readonly hint: string;
}

/** One rule for each property of a type. */
export type Shape<T> = { readonly [Key in keyof Required<T>]: Rule };

/**
 * Checks the arguments of a function of the library, which JavaScript programs call without a compiler: the configuration,
 * and options with these properties and no others. Error: USAGE_INVALID.
 */
export function checkArguments<Options>(config: unknown, options: unknown, rules: Shape<Options>): void {
  requireHolds(configuration, config, "config");
  requireHolds(objectOf(rules), options, "options");
}

/** Checks where a configuration is looked for. Error: USAGE_INVALID. */
export function checkPlace(place: unknown): void {
  const rules: Shape<ConfigPlace> = { file: optional(text), folder: text, environment: anyObject };
  requireHolds(objectOf(rules), place, "place");
}

/** Checks one argument. Error: USAGE_INVALID. */
export function requireHolds(rule: Rule, value: unknown, path: string): void {
  const problem = rule(value, path);
  if (problem !== null) throw new BillhouseError("USAGE_INVALID", problem.message, { hint: problem.hint });
}

/** Text. */
export const text: Rule = rule("text", (value) => typeof value === "string");

/** True or false. */
export const flag: Rule = rule("true or false", (value) => typeof value === "boolean");

/** A whole number of at least one. */
export const count: Rule = rule("a whole number from 1", (value) => Number.isSafeInteger(value) && Number(value) >= 1);

/** A number that is not negative. */
export const notNegative: Rule = rule("a number from 0", (value) => typeof value === "number" && value >= 0);

/** A valid Date. */
export const date: Rule = rule("a valid Date", (value) => value instanceof Date && !Number.isNaN(value.getTime()));

/** An AbortSignal. */
export const signal: Rule = rule("an AbortSignal", (value) => value instanceof AbortSignal);

/** A function. */
export const callback: Rule = rule("a function", (value) => typeof value === "function");

/** An object whose properties are not looked at. */
export const anyObject: Rule = rule("an object", isObject);

/** A value that may be left out. */
export function optional(inner: Rule): Rule {
  return (value, path) => (value === undefined ? null : inner(value, path));
}

/** A list of values that each hold to a rule. */
export function listOf(inner: Rule): Rule {
  const list = rule("a list", Array.isArray);
  return (value, path) => {
    if (!Array.isArray(value)) return list(value, path);
    for (const [index, member] of value.entries()) {
      const problem = inner(member, `${path}[${index}]`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

/** An object with these properties and no others. */
export function objectOf<T>(rules: Shape<T>): Rule {
  const members = new Map(Object.entries<Rule>(rules));
  return (value, path) => {
    if (!isObject(value)) return anyObject(value, path);
    for (const name of Object.keys(value)) if (!members.has(name)) return unknown(name, path, [...members.keys()]);
    for (const [name, member] of members) {
      const problem = member(value[name], `${path}.${name}`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

/** The names of exports, as every function takes them. */
export const names: Rule = optional(listOf(text));

/** The process that holds a warehouse. */
export const holder: Rule = optional(objectOf({ pid: count, command: text }));

function rule(expected: string, holds: (value: unknown) => boolean): Rule {
  return (value, path) => {
    if (holds(value)) return null;
    const message = value === undefined ? `${path} is missing.` : `${path} must be ${expected}, not ${kindOf(value)}.`;
    return {
      message,
      hint: path === "config" ? configHint : `Pass ${expected}. ${docsPage("library.md")} has examples.`,
    };
  };
}

const configHint = "Pass what loadConfig returns, such as await loadConfig({ folder: '.', environment: process.env }).";

function unknown(name: string, path: string, known: readonly string[]): Problem {
  const guess = nearest(name, known);
  return {
    message: `${path}.${name} is not known.`,
    hint: `${guess === undefined ? "" : `Did you mean ${guess}? `}The properties of ${path} are ${known.join(", ")}.`,
  };
}

function nullable(inner: Rule): Rule {
  return (value, path) => (value === null ? null : inner(value, path));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a Date";
  const kinds = { string: "text", number: "a number", boolean: "true or false", function: "a function" };
  return kinds[typeof value as keyof typeof kinds] ?? "an object";
}

/** How requests are retried and how often jobs are polled does not come from a file: programs may add it. */
const storageRules: Shape<StorageConfig & { readonly retryPolicy?: object }> = {
  retryPolicy: optional(anyObject),
  endpoint: nullable(text),
  payer: nullable(text),
  googleCredentials: nullable(anyObject),
  azureCredentials: nullable(anyObject),
};

const pipelineRules: Shape<PipelineConfig> = {
  name: text,
  bucketUrl: text,
  prefix: text,
  exportName: nullable(text),
  tableName: text,
  dataset: text,
  kind: nullable(text),
  partitionColumn: nullable(text),
  firstMonth: nullable(text),
  projectId: nullable(text),
  keepPrevious: notNegative,
  unpackedLimit: nullable(count),
  settle: notNegative,
  activeFrom: nullable(text),
  activeTo: nullable(text),
  nullValues: listOf(text),
  storage: objectOf(storageRules),
};

const duckdbRules: Shape<DuckdbConfig> = {
  kind: text,
  path: text,
  storageVersion: text,
  memoryLimit: nullable(text),
  threads: nullable(count),
};

const bigqueryRules: Shape<BigqueryConfig & { readonly pollInterval?: number }> = {
  pollInterval: optional(notNegative),
  kind: text,
  projectId: nullable(text),
  jobProjectId: nullable(text),
  location: text,
  stagingBucket: nullable(text),
  kmsKeyName: nullable(text),
  maximumBytesBilled: nullable(text),
  endpoint: nullable(text),
  storageEndpoint: nullable(text),
  credentials: nullable(anyObject),
};

const warehouses = new Map<unknown, Rule>([
  ["duckdb", objectOf(duckdbRules)],
  ["bigquery", objectOf(bigqueryRules)],
]);

const warehouse: Rule = (value, path) => {
  if (!isObject(value)) return anyObject(value, path);
  const rules = warehouses.get(value["kind"]) ?? null;
  return rules === null
    ? rule('"duckdb" or "bigquery"', () => false)(value["kind"], `${path}.kind`)
    : rules(value, path);
};

const notifyRules: Shape<NotifyConfig> = {
  command: (value, path) => (Array.isArray(value) ? listOf(text)(value, path) : text(value, path)),
  folder: text,
  maxAge: nullable(notNegative),
};

const focusRules: Shape<FocusConfig> = {
  dataset: text,
  accounts: nullable(text),
  tags: listOf(objectOf({ key: text, spellings: listOf(text) })),
  placeholders: listOf(text),
  tables: listOf(objectOf({ name: text, project: nullable(text), dataset: text, table: text })),
};

const budgetsRules: Shape<BudgetsConfig> = { file: nullable(text) };

const configRules: Shape<Config> = {
  file: nullable(text),
  pipelines: listOf(objectOf(pipelineRules)),
  warehouse,
  notify: nullable(objectOf(notifyRules)),
  focus: objectOf(focusRules),
  budgets: objectOf(budgetsRules),
};

const configuration: Rule = objectOf(configRules);
