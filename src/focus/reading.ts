import type { FocusVersion } from "./columns.ts";
import {
  type Condition,
  type Expression,
  type Field,
  hasTag,
  type Members,
  text,
  typeOf,
  where,
} from "./expression.ts";
import { familyFields } from "./family.ts";
import { type Branch, type ColumnSources, hasTagColumn, type Mapping } from "./mapping.ts";

/** An expression or a condition. */
export type Part = Expression | Condition;

/** Whether a part is a condition. */
export function isCondition(part: Part): part is Condition {
  return conditions.has(part.is);
}

const conditions: ReadonlySet<string> = new Set<Condition["is"]>([
  "one of",
  "match",
  "present",
  "json",
  "compared",
  "product",
  "all",
  "some",
  "not",
  "column",
]);

/** A part with all parts within it. */
export function partsIn(part: Part): readonly Part[] {
  let parts = knownParts.get(part);
  if (parts === undefined) {
    parts = [part, ...partsWithin(part).flatMap(partsIn)];
    knownParts.set(part, parts);
  }
  return parts;
}

/** The views are rendered at the end of every run, which asks for the same parts again and again. */
const knownParts = new WeakMap<Part, readonly Part[]>();

/** The parts directly within a part. */
export function partsWithin(part: Part): readonly Part[] {
  const parts: Part[] = [];
  mapWithin(part, (each) => {
    parts.push(each);
    return each;
  });
  return parts;
}

/** A part whose parts directly within it are changed; a part without any is returned as it is. */
export function mapWithin(part: Part, change: (part: Part) => Part): Part {
  switch (part.is) {
    case "field":
    case "members":
    case "constant":
    case "column":
      return part;
    case "first":
    case "joined":
      return { ...part, of: part.of.map((each) => change(each) as Expression) };
    case "all":
    case "some":
      return { ...part, of: part.of.map((each) => change(each) as Condition) };
    case "cases":
      return {
        ...part,
        cases: part.cases.map(([when, then]) => [change(when) as Condition, change(then) as Expression]),
        otherwise: change(part.otherwise) as Expression,
      };
    case "arithmetic":
    case "compared":
      return { ...part, left: change(part.left) as Expression, right: change(part.right) as Expression };
    case "product":
      return {
        ...part,
        price: change(part.price) as Expression,
        quantity: change(part.quantity) as Expression,
        cost: change(part.cost) as Expression,
      };
    case "lookup":
      return { ...part, key: change(part.key) as Expression };
    case "object":
      return { ...part, members: part.members.map(([key, value]) => [key, change(value) as Expression]) };
    case "one of":
    case "match":
    case "present":
    case "json":
      return { ...part, value: change(part.value) as Expression };
    case "not":
      return { ...part, of: change(part.of) as Condition };
    case "entry":
    case "lower":
    case "replaced":
    case "extracted":
    case "number":
    case "day":
    case "month":
    case "next day":
    case "day start":
    case "month start":
    case "next month":
  }
  return { ...part, of: change(part.of) as Expression };
}

/** The fields that a part reads. */
export function fieldsIn(part: Part): readonly (Field | Members)[] {
  return partsIn(part).filter((each): each is Field | Members => each.is === "field" || each.is === "members");
}

/** Whether a part reads a lookup. */
export function readsLookup(part: Part): boolean {
  return partsIn(part).some((each) => each.is === "lookup");
}

/** Where the columns of a branch come from: what a branch or a version says is stronger than what the mapping says. */
export function sourcesOf(mapping: Mapping, branch: Branch, version: FocusVersion): ColumnSources {
  return {
    ...(branch.isComplete === true ? {} : { ...mapping.columns, ...mapping.versions[version] }),
    ...branch.columns,
    ...branch.versions?.[version],
  };
}

/** The columns of a branch with the one that says whether a charge has a tag. */
function withTagFlag(sources: ColumnSources, { columns, isTagged }: Mapping): ColumnSources {
  const { Tags: tags } = sources;
  if (tags === undefined) return sources;
  const condition = isTagged !== undefined && tags === columns["Tags"] ? isTagged : hasTag(tags);
  return { ...sources, [hasTagColumn]: where(condition, text("yes")) };
}

/** Everything that a mapping declares, for all versions. */
function declared(mapping: Mapping): readonly Part[] {
  const versions = ["v1_2", "v1_4"] as const;
  return [
    ...Object.values(mapping.facts),
    ...(mapping.family?.kinds ?? []).map(([, rows]) => rows),
    ...mapping.branches.flatMap((branch) => [
      ...versions.flatMap((version) => Object.values(sourcesOf(mapping, branch, version))),
      ...(branch.rows === undefined ? [] : [branch.rows]),
      ...(branch.grouped === undefined
        ? []
        : [...Object.values(branch.grouped.sums), branch.grouped.row, branch.grouped.having]),
    ]),
  ];
}

/** The fields that a mapping reads from the table, by name. Error: TypeError where one name has two types. */
export function fieldsUsed(mapping: Mapping): ReadonlyMap<string, Field | Members> {
  const made = new Set([
    ...Object.keys(mapping.facts),
    ...familyFields(mapping.family),
    ...mapping.branches.flatMap(({ grouped }) => Object.keys(grouped?.sums ?? {})),
  ]);
  const fields = new Map<string, Field | Members>();
  for (const one of declared(mapping).flatMap(fieldsIn)) {
    if (made.has(one.name)) continue;
    const known = fields.get(one.name);
    if (known !== undefined && typeOf(known) !== typeOf(one)) {
      throw new TypeError(`${mapping.name} reads ${one.name} as ${typeOf(known)} and as ${typeOf(one)}`);
    }
    fields.set(one.name, one);
  }
  return fields;
}

/** The fields of which a mapping asks whether the table has them at all. */
export function fieldsAsked(mapping: Mapping): readonly string[] {
  const asked = declared(mapping).flatMap((part) =>
    partsIn(part).flatMap((each) => (each.is === "column" ? [each.name] : [])),
  );
  return [...new Set(asked)];
}

/** The mapping for one version of the view with only these columns, and the facts that they, its branches and its family read. */
export function withColumns(mapping: Mapping, version: FocusVersion, names: ReadonlySet<string>): Mapping {
  const branches = mapping.branches.map((branch) => ({
    ...branch,
    columns: Object.fromEntries(
      Object.entries(withTagFlag(sourcesOf(mapping, branch, version), mapping)).filter(([name]) => names.has(name)),
    ),
    versions: {},
  }));
  const facts = new Map<string, Expression>();
  const keep = (name: string): void => {
    const fact = mapping.facts[name];
    if (fact === undefined || facts.has(name)) return;
    facts.set(name, fact);
    for (const each of fieldsIn(fact)) keep(each.name);
  };
  const read = declared({ ...mapping, facts: {}, columns: {}, versions: {}, branches }).flatMap(fieldsIn);
  for (const { name } of read) keep(name);
  for (const name of [...(mapping.family?.keys ?? []), ...branches.flatMap(({ grouped }) => grouped?.by ?? [])])
    keep(name);
  const isKept = ([name]: readonly [string, Expression]): boolean => facts.has(name);
  return {
    ...mapping,
    facts: Object.fromEntries(Object.entries(mapping.facts).filter(isKept)),
    columns: {},
    versions: {},
    branches,
  };
}
