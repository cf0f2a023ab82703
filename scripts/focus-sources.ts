import { focusColumns } from "../src/focus/columns.ts";
import type { Condition, Expression } from "../src/focus/expression.ts";
import { familyFields } from "../src/focus/family.ts";
import type { Branch, ColumnSources, Mapping } from "../src/focus/mapping.ts";
import { azureCostFields } from "../src/focus/mappings/azure-cost.ts";
import { mappings } from "../src/focus/mappings/index.ts";
import { partsIn } from "../src/focus/reading.ts";

/** The sources of every column of the FOCUS views, one section for each mapping. */
export function focusSources(): string {
  return [...mappings.map(mappingSection), azureCostNames()].join("\n\n");
}

/** The columns that `own` in `src/focus/rows.ts` and the configuration fill. */
const filledByView = [
  "x_Export",
  "x_ExecutionId",
  "x_BillingMonth",
  "x_AccountOwner",
  "x_AccountEnvironment",
  "x_QualityFlags",
];

function mappingSection(mapping: Mapping): string {
  const [, ...others] = mapping.branches;
  const facts = Object.entries(mapping.facts).map(([name, fact]) => line(`*${name}*`, fact, mapping));
  const names = focusColumns.map(({ name }) => name).filter((name) => !filledByView.includes(name));
  const isNative = names.every((name) => mapping.columns[name] !== undefined);
  const described = names.filter((name) => {
    const source = mapping.columns[name];
    return source !== undefined && !(isNative && source.is === "field" && source.name === name.toLowerCase());
  });
  const empty = names.filter((name) => mapping.columns[name] === undefined);
  const ofVersions = Object.entries(mapping.versions).flatMap(([version, own]) =>
    Object.entries(own).map(([name, source]) => line(`${name} in \`focus_${version}\``, source, mapping)),
  );
  return [
    `### ${mapping.title}`,
    table([...described.map((name) => line(name, mapping.columns[name], mapping)), ...ofVersions, ...facts]),
    isNative
      ? "Every other column comes from the column of the same name, and is NULL where the export lacks it."
      : `NULL: ${empty.join(", ")}.`,
    ...others.map((branch) => branchSection(branch, mapping)),
  ].join("\n\n");
}

function branchSection(branch: Branch, mapping: Mapping): string {
  const lines = Object.entries(branch.columns)
    .filter(([name]) => !filledByView.includes(name))
    .map(([name, source]) => line(name, source, mapping, branch));
  const rest = branch.isComplete === true ? "All other columns are NULL." : "The other columns are those of the line.";
  return `Rows for ${branch.name}. ${rest}\n\n${table(lines)}`;
}

/** What the names in an expression stand for. */
interface Names {
  /** Values that several columns use, which have a line of their own. */
  readonly facts: ColumnSources;
  /** Sums over a group of lines. */
  readonly sums: ColumnSources;
  /** What is known from all exports of a cloud together. */
  readonly family: readonly string[];
}

function line(name: string, source: Expression | undefined, mapping: Mapping, branch?: Branch): string {
  if (source === undefined) throw new TypeError(`${mapping.name} lacks a source of ${name}`);
  const { facts, family } = mapping;
  const names = { facts, sums: branch?.grouped?.sums ?? {}, family: familyFields(family).slice(1) };
  const values = valuesOf(source, names);
  const conditions = conditionsOf(source, names).filter((field) => !values.includes(field));
  return `| ${name} | ${values.join(", ") || "NULL"} | ${conditions.join(", ")} |`;
}

function table(lines: readonly string[]): string {
  return ["| column | from | depends on |", "|---|---|---|", ...lines].join("\n");
}

function azureCostNames(): string {
  const names = Map.groupBy(Object.entries(azureCostFields), ([, field]) => field);
  const lines = [...names].map(([field, own]) => `| ${code(field)} | ${own.map(([name]) => code(name)).join(", ")} |`);
  return [
    "The agreements of Azure name some columns of actual and amortized cost differently:",
    ["| name in the table above | other names in bills |", "|---|---|", ...lines].join("\n"),
  ].join("\n\n");
}

/** Everything that can be the value, in the order in which the mapping tries it. */
function valuesOf(expression: Expression, names: Names): readonly string[] {
  const within = (of: Expression): readonly string[] => valuesOf(of, names);
  const oneOf = (of: Expression): string => {
    const all = within(of);
    return all.length === 1 ? (all[0] ?? "") : `(${all.join(" or ")})`;
  };
  switch (expression.is) {
    case "field": {
      const sum = names.sums[expression.name];
      return sum === undefined ? [fieldName(expression.name, names)] : [`the sum of ${oneOf(sum)}`];
    }
    case "members":
      return expression.prefixes.map((prefix) => code(`${prefix}*`));
    case "constant":
      if (expression.value === null) return [];
      return [expression.type === "text" ? `"${expression.value}"` : expression.value];
    case "first":
      return unique(expression.of.flatMap(within));
    case "cases":
      return unique([...expression.cases.map(([, value]) => value), expression.otherwise].flatMap(within));
    case "arithmetic": {
      const sign = { "+": "+", "-": "−", "*": "×" }[expression.operator];
      return [`${oneOf(expression.left)} ${sign} ${oneOf(expression.right)}`];
    }
    case "joined":
      return [expression.of.map(oneOf).join(" + ")];
    case "object":
      return expression.members.map(([key, value]) => `${key}: ${oneOf(value)}`);
    case "entry":
      return within(expression.of).map((json) => `${expression.key} in ${json}`);
    case "lookup":
      return [`${expression.column} of ${oneOf(expression.key)} in the lookup ${code(expression.in)}`];
    case "extracted":
      return [`part of ${oneOf(expression.of)}`];
    case "next day":
      return [`the day after ${oneOf(expression.of)}`];
    case "day start":
    case "month start":
      return [`the first day of the month of ${oneOf(expression.of)}`];
    case "next month":
      return [`the month after ${oneOf(expression.of)}`];
    case "lower":
    case "replaced":
    case "number":
    case "day":
    case "month":
  }
  return within(expression.of);
}

/** What decides which of the values a row has. */
function conditionsOf(expression: Expression, names: Names): readonly string[] {
  const parts = partsIn(expression);
  const conditions = parts.flatMap((part) => (part.is === "cases" ? part.cases.map(([condition]) => condition) : []));
  return unique(conditions.flatMap((condition) => namesIn(condition, names)));
}

function namesIn(condition: Condition | Expression, names: Names): readonly string[] {
  return partsIn(condition).flatMap((part) => {
    if (part.is === "column") return [code(part.name)];
    if (part.is !== "field") return [];
    const sum = names.sums[part.name];
    return sum === undefined ? [fieldName(part.name, names)] : namesIn(sum, names);
  });
}

function fieldName(name: string, { facts, family }: Names): string {
  if (family.includes(name)) return "which exports are loaded";
  return facts[name] === undefined ? code(name) : `*${name}*`;
}

function code(name: string): string {
  return `\`${name}\``;
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
