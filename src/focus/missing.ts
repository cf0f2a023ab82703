import { type Condition, type Expression, type Field, type Members, nothing, typeOf } from "./expression.ts";
import { familyFields } from "./family.ts";
import { type Branch, type ChargeTable, type ColumnSources, fieldsOf, type Mapping } from "./mapping.ts";
import { fieldsUsed, isCondition, mapWithin, type Part } from "./reading.ts";

/** A condition that always holds. */
const always: Condition = { is: "all", of: [] };
/** A condition that never holds. */
const never: Condition = { is: "some", of: [] };

/**
 * The mapping for tables that lack some of its columns: what reads a column that all of them lack is worked out here, and branches
 * without possible rows are left out. Its rows are the same, and the text of a view over few columns is a fraction.
 */
export function withoutMissing(mapping: Mapping, tables: readonly ChargeTable[]): Mapping {
  const having = tables.map((table) => fieldsOf(table, mapping));
  const used = fieldsUsed(mapping);
  const folded = new Map<Part, Part>();
  const facts = mapRecord(mapping.facts, value);
  const branches = mapping.branches
    .map((branch) => foldBranch(branch))
    .filter(({ rows, grouped }) => !isNever(rows) && !isNever(grouped?.having));
  const result: Mapping = {
    ...mapping,
    columns: mapSources(mapping.columns),
    versions: mapRecord(mapping.versions, (sources) => mapSources(sources ?? {})),
    totals: mapRecord(mapping.totals, (total) =>
      total === undefined
        ? total
        : { ...total, rule: value(total.rule), ...(total.open === undefined ? {} : { open: value(total.open) }) },
    ),
    ...(mapping.family === undefined
      ? {}
      : { family: { ...mapping.family, kinds: mapping.family.kinds.map(([kind, rows]) => [kind, when(rows)]) } }),
    // Without any branch the view would lack its columns.
    branches: branches.length > 0 ? branches : mapping.branches.slice(0, 1).map(foldBranch),
    facts: {},
  };
  const groups = new Set([
    ...(mapping.family?.keys ?? []),
    ...result.branches.flatMap(({ grouped }) => grouped?.by ?? []),
  ]);
  const kept = Object.entries(facts).filter(([name, fact]) => groups.has(name) || !isNull(fact));
  return { ...result, facts: Object.fromEntries(kept) };

  function foldBranch(branch: Branch): Branch {
    const { rows, grouped, columns, versions } = branch;
    return {
      ...branch,
      columns: mapSources(columns),
      ...(versions === undefined ? {} : { versions: mapRecord(versions, (sources) => mapSources(sources ?? {})) }),
      ...(rows === undefined ? {} : { rows: when(rows) }),
      ...(grouped === undefined
        ? {}
        : {
            grouped: {
              by: grouped.by.filter((name) => !isMissing(used.get(name))),
              row: when(grouped.row),
              sums: mapSources(grouped.sums),
              having: when(grouped.having),
            },
          }),
    };
  }

  function mapSources(sources: ColumnSources): ColumnSources {
    return mapRecord(sources, value);
  }

  function value(part: Expression): Expression {
    return fold(part) as Expression;
  }

  function when(part: Condition): Condition {
    return fold(part) as Condition;
  }

  // One part stays one part wherever it is used: see `withSharedParts`.
  function fold(part: Part): Part {
    let result = folded.get(part);
    if (result === undefined) {
      const inner = mapWithin(part, fold);
      result = isCondition(inner) ? foldCondition(inner) : foldExpression(inner);
      folded.set(part, result);
    }
    return result;
  }

  function foldExpression(part: Expression): Expression {
    if (part.is === "field" || part.is === "members") {
      const fact = part.is === "field" ? mapping.facts[part.name] : undefined;
      const isNothing = fact === undefined ? isMissing(used.get(part.name)) : isNull(value(fact));
      return isNothing ? nothing(typeOf(part)) : part;
    }
    return simplified(part);
  }

  function foldCondition(part: Condition): Condition {
    if (part.is !== "column") return decided(part);
    if (having.every((columns) => columns.has(part.name))) return always;
    return having.some((columns) => columns.has(part.name)) ? part : never;
  }

  /** Whether all tables lack a field; false for what is not a field of tables. */
  function isMissing(one: Field | Members | undefined): boolean {
    if (one === undefined || familyFields(mapping.family).includes(one.name)) return false;
    if (one.is === "field") return !having.some((columns) => columns.has(one.name));
    const names = having.flatMap((columns) => [...columns.values()].flat().map((column) => column.sourceName));
    return !names.some((name) => one.prefixes.some((each) => name.toLowerCase().startsWith(each.toLowerCase())));
  }
}

/** An expression or condition where these fields have fixed values, worked out as far as NULLs decide it. */
export function withFixed(part: Part, fixed: ReadonlyMap<string, Expression>): Part {
  const known = part.is === "field" ? fixed.get(part.name) : undefined;
  if (known !== undefined) return known;
  const inner = mapWithin(part, (each) => withFixed(each, fixed));
  return isCondition(inner) ? decided(inner) : simplified(inner);
}

/** An expression whose parts are worked out. */
function simplified(part: Expression): Expression {
  const none = nothing(typeOf(part));
  switch (part.is) {
    case "field":
    case "members":
    case "constant":
      return part;
    case "first": {
      const of = part.of.filter((each) => !isNull(each));
      return of.length === 1 ? (of[0] ?? none) : of.length === 0 ? none : { ...part, of };
    }
    case "cases": {
      const possible = part.cases.filter(([condition]) => !isNever(condition));
      const sure = possible.findIndex(([condition]) => isAlways(condition));
      const rest = sure === -1 ? possible : possible.slice(0, sure);
      const otherwise = possible[sure]?.[1] ?? part.otherwise;
      const isNothing = isNull(otherwise) && rest.every(([, each]) => isNull(each));
      if (isNothing) return none;
      return rest.length === 0 ? otherwise : { ...part, cases: rest, otherwise };
    }
    case "arithmetic":
      return isNull(part.left) || isNull(part.right) ? none : part;
    case "lookup":
      return isNull(part.key) ? none : part;
    case "joined": {
      const of = part.of.filter((each) => !isNull(each));
      return of.length === 0 ? none : { ...part, of };
    }
    case "object": {
      const members = part.members.filter(([, each]) => !isNull(each));
      return members.length === 0 ? none : { ...part, members };
    }
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
  return isNull(part.of) ? none : part;
}

/** A condition whose parts are worked out. */
function decided(part: Condition): Condition {
  switch (part.is) {
    case "one of":
    case "match":
    case "json":
    case "present":
      return isNull(part.value) ? never : part;
    case "compared":
      return isNull(part.left) || isNull(part.right) ? never : part;
    case "product":
      return [part.price, part.quantity, part.cost].some(isNull) ? never : part;
    case "all": {
      const of = part.of.filter((each) => !isAlways(each));
      return of.some(isNever) ? never : of.length === 1 ? (of[0] ?? part) : { ...part, of };
    }
    case "some": {
      const of = part.of.filter((each) => !isNever(each));
      return of.some(isAlways) ? always : of.length === 1 ? (of[0] ?? part) : { ...part, of };
    }
    case "not":
      return isAlways(part.of) ? never : isNever(part.of) ? always : part;
    case "column":
  }
  return part;
}

function isNull(part: Expression): boolean {
  return part.is === "constant" && part.value === null;
}

function isAlways(part: Condition): boolean {
  return part.is === "all" && part.of.length === 0;
}

/** Whether a part is a condition that never holds. */
export function isNever(part: Part | undefined): boolean {
  return part?.is === "some" && part.of.length === 0;
}

function mapRecord<Key extends string, In, Out>(
  record: Readonly<Partial<Record<Key, In>>>,
  change: (value: In) => Out,
): Record<Key, Out> {
  const entries = Object.entries(record) as [Key, In][];
  return Object.fromEntries(entries.map(([key, each]) => [key, change(each)])) as Record<Key, Out>;
}
