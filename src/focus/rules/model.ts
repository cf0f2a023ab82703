import type { ValueType } from "../columns.ts";
import type { Condition } from "../expression.ts";
import focus12 from "./focus-1.2.json" with { type: "json" };
import focus14 from "./focus-1.4.json" with { type: "json" };

/**
 * What a rule demands, as data. The first word is the kind of check, the second the column. Checks of values say nothing about
 * NULL: other rules decide where a column may be NULL.
 */
export type Check =
  | readonly ["is" | "is not", column: string, value: string | null]
  | readonly ["one of", column: string, values: readonly string[]]
  /** Each value of the first column has one value of the second: by that value, those that belong to it. */
  | readonly ["belongs", column: string, parent: string, members: Readonly<Record<string, readonly string[]>>]
  | readonly ["column", column: string]
  | readonly ["type", column: string, type: ValueType]
  | readonly ["format", column: string, format: Format]
  | readonly ["at least", column: string, least: string]
  | readonly ["decimal" | "national currency", column: string]
  | readonly ["not same", column: string, other: string]
  /** The first column times the second is the third. */
  | readonly ["product", price: string, quantity: string, cost: string]
  /** For each value of the first column there is exactly one of the second. */
  | readonly ["one for each", key: string, counted: string]
  | readonly ["all" | "some", ...Check[]];

/** A format of FOCUS. */
export type Format = "Currency" | "DateTime" | "KeyValue" | "Numeric" | "Object" | "String" | "Unit";

/** A rule of FOCUS: what it says, and what its machine-readable form demands. */
export interface Rule {
  readonly id: string;
  /** The words of FOCUS. */
  readonly text: string;
  /** The rows for which it holds; absent for all. */
  readonly if?: Check;
  /** Absent for a rule that consists of others, and for a rule that FOCUS calls dynamic. */
  readonly check?: Check;
  /** The rules that it consists of. */
  readonly parts?: readonly string[];
  /** Rules with SHOULD and MAY that it also consists of, which do not decide it. */
  readonly others?: readonly string[];
}

/** What decides a rule. */
export type Answer =
  /** The columns and types of the view, which are the same for every bill. */
  | { readonly by: "view"; readonly holds: boolean; readonly because: string }
  /** Rows that break it. `columns` are those that an example shows. */
  | { readonly by: "rows"; readonly broken: Condition; readonly columns: readonly string[] }
  /**
   * Values of a column with another number of values of a second column than one; with `most`, those with more. Rows without a
   * key count nowhere.
   */
  | {
      readonly by: "groups";
      readonly key: string;
      readonly counted: string;
      readonly most?: 1;
      /** Rows that do not count. */
      readonly exempt?: Condition;
    }
  /** Commitments whose used and unused part differs from what was purchased, in cost or in quantity. */
  | { readonly by: "commitments"; readonly measure: "cost" | "quantity" }
  /** The rules that it consists of. */
  | { readonly by: "parts"; readonly parts: readonly string[] }
  /** Nothing: bills cannot decide it, for the reason. */
  | { readonly by: "nothing"; readonly because: string };

/** A column of the Cost and Usage dataset of FOCUS 1.4. */
interface Column14 {
  readonly name: string;
  readonly type: ValueType;
  readonly required?: true;
  readonly values?: readonly string[];
  readonly format?: string;
  readonly least?: string;
}

/** The versions of FOCUS with rules. */
export type RulesVersion = "1.2" | "1.4";

const formats: Readonly<Record<string, readonly [Format, demand: string]>> = {
  Currency: ["Currency", "a currency code of three letters"],
  "Key-Value": ["KeyValue", "a JSON object of keys with plain values"],
  "JSON Object": ["Object", "a JSON object"],
};

/** The rules for a column of FOCUS 1.4. Their names are those of billhouse: the model does not name any. */
function rulesOfColumn({ name, type, required, values, format, least }: Column14): readonly Rule[] {
  const [wanted, demand] = formats[format ?? ""] ?? [];
  return [
    { id: `${name}-present`, text: `${name} is a column of the dataset.`, check: ["column", name] },
    { id: `${name}-type`, text: `${name} is of the type ${typeNames[type]}.`, check: ["type", name, type] },
    ...(required === true
      ? [{ id: `${name}-not-null`, text: `${name} is not null.`, check: ["is not", name, null] } as const]
      : []),
    ...(values === undefined
      ? []
      : [
          {
            id: `${name}-allowed`,
            text: `${name} is one of the allowed values.`,
            check: ["one of", name, values],
          } as const,
        ]),
    ...(name === "ServiceSubcategory"
      ? [
          {
            id: `${name}-allowed`,
            text: `${name} is one of the allowed values, and belongs to the ServiceCategory.`,
            check: ["belongs", name, "ServiceCategory", focus14.subcategories],
          } as const,
        ]
      : []),
    ...(wanted === undefined
      ? []
      : [{ id: `${name}-format`, text: `${name} is ${demand}.`, check: ["format", name, wanted] } as const]),
    ...(least === undefined
      ? []
      : [
          {
            id: `${name}-range`,
            text: `${name} is not less than ${least}.`,
            check: ["at least", name, least],
          } as const,
        ]),
  ];
}

const typeNames: Readonly<Record<ValueType, string>> = {
  text: "String",
  decimal: "Decimal",
  timestamp: "Date/Time",
  json: "JSON",
};

/** Every MUST and MUST NOT rule of FOCUS 1.2, and what the column model of FOCUS 1.4 demands. */
export const rulesOf: Readonly<Record<RulesVersion, readonly Rule[]>> = {
  "1.2": focus12.rules as readonly unknown[] as readonly Rule[],
  "1.4": (focus14.columns as readonly Column14[]).flatMap(rulesOfColumn),
};
