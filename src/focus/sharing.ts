import type { FocusVersion } from "./columns.ts";
import { type Condition, type Expression, field, present, text, typeOf, where } from "./expression.ts";
import { familyFields } from "./family.ts";
import type { ColumnSources, Mapping } from "./mapping.ts";
import { fieldsIn, isCondition, mapWithin, type Part, partsIn, partsWithin, sourcesOf } from "./reading.ts";

/** Parts of at least this many parts become facts where several columns use them. */
const worthwhile = 5;

/**
 * The mapping for one version of the view, with parts that several columns use as further facts: without them the text of a view
 * is longer than BigQuery allows. A part that is a fact already is replaced by the fact's field. Branches with groups stay as
 * they are, because their columns read sums.
 */
export function withSharedParts(mapping: Mapping, version: FocusVersion): Mapping {
  const branches = mapping.branches.map((branch) => ({
    ...branch,
    columns: sourcesOf(mapping, branch, version),
    versions: {},
  }));
  const simple = branches.filter(({ grouped }) => grouped === undefined);
  const roots: readonly Part[] = [
    ...Object.values(mapping.facts),
    ...simple.flatMap(({ columns, rows }) => [...Object.values(columns), ...(rows === undefined ? [] : [rows])]),
  ];
  const uses = new Map<Part, number>();
  for (const root of roots) count(root);

  // A fact that is only a field, or that several names share, is not a name for its parts.
  const names = new Map<Part, string>();
  for (const [name, fact] of Object.entries(mapping.facts)) if (fact.is !== "field") names.set(fact, name);
  const added = new Set(familyFields(mapping.family));
  const shared = new Map<string, Part>();
  for (const [part, number] of uses) {
    if (number < 2 || names.has(part) || partsIn(part).length < worthwhile) continue;
    const isLate = fieldsIn(part).some(({ name }) => added.has(name));
    if (isLate) continue;
    const name = `part_${shared.size + 1}`;
    shared.set(name, part);
    names.set(part, name);
  }

  const replacedParts = new Map<Part, Part>();
  const facts = {
    ...Object.fromEntries([...shared].map(([name, part]) => [name, asFact(replaceWithin(part))])),
    ...Object.fromEntries(
      Object.entries(mapping.facts).map(([name, fact]) => [name, replaceWithin(fact) as Expression]),
    ),
  };
  return {
    ...mapping,
    facts,
    columns: {},
    versions: {},
    branches: branches.map((branch) =>
      branch.grouped === undefined
        ? {
            ...branch,
            columns: replaceAll(branch.columns),
            ...(branch.rows === undefined ? {} : { rows: replace(branch.rows) as Condition }),
          }
        : branch,
    ),
  };

  function count(part: Part): void {
    const before = uses.get(part) ?? 0;
    uses.set(part, before + 1);
    if (before === 0) for (const each of partsWithin(part)) count(each);
  }

  function replaceAll(columns: ColumnSources): ColumnSources {
    return Object.fromEntries(Object.entries(columns).map(([name, source]) => [name, replace(source) as Expression]));
  }

  function replace(part: Part): Part {
    const known = replacedParts.get(part);
    if (known !== undefined) return known;
    const name = names.get(part);
    const result = name === undefined ? replaceWithin(part) : asPart(name, part);
    replacedParts.set(part, result);
    return result;
  }

  function replaceWithin(part: Part): Part {
    return mapWithin(part, replace);
  }
}

/** A condition is a fact with a value where it holds. */
function asFact(part: Part): Expression {
  return isCondition(part) ? where(part, text("yes")) : part;
}

function asPart(name: string, part: Part): Part {
  return isCondition(part) ? present(field(name)) : field(name, typeOf(part));
}
