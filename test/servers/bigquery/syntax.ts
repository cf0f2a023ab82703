/** An expression of GoogleSQL, parsed. */
export type Expression =
  | { readonly e: "name"; readonly path: readonly string[]; readonly at: number }
  | { readonly e: "literal"; readonly kind: "STRING" | "INT64" | "FLOAT64" | "BOOL"; readonly value: string }
  | { readonly e: "null" }
  | { readonly e: "parameter"; readonly name: string }
  | { readonly e: "rowCount" }
  | { readonly e: "unary"; readonly operator: string; readonly operand: Expression }
  | { readonly e: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly e: "distinct"; readonly not: boolean; readonly left: Expression; readonly right: Expression }
  | { readonly e: "is"; readonly not: boolean; readonly what: string; readonly operand: Expression }
  | {
      readonly e: "between";
      readonly not: boolean;
      readonly operand: Expression;
      readonly low: Expression;
      readonly high: Expression;
    }
  | { readonly e: "in"; readonly not: boolean; readonly operand: Expression; readonly among: Among }
  | {
      readonly e: "case";
      readonly operand?: Expression;
      readonly whens: readonly (readonly [Expression, Expression])[];
      readonly otherwise?: Expression;
    }
  | { readonly e: "cast"; readonly safe: boolean; readonly operand: Expression; readonly type: string }
  | { readonly e: "typed"; readonly type: string; readonly value: string }
  | {
      readonly e: "call";
      readonly name: string;
      readonly at: number;
      readonly arguments: readonly Expression[];
      readonly star: boolean;
      readonly distinct: boolean;
      readonly order: readonly Ordering[];
      readonly limit?: string;
      readonly over?: Over;
    }
  | { readonly e: "extract"; readonly part: string; readonly operand: Expression }
  | { readonly e: "exists"; readonly query: Query }
  | { readonly e: "subquery"; readonly query: Query }
  | { readonly e: "arrayQuery"; readonly query: Query }
  | { readonly e: "array"; readonly items: readonly Expression[] }
  | { readonly e: "struct"; readonly fields: readonly { readonly name: string; readonly value: Expression }[] }
  | { readonly e: "field"; readonly operand: Expression; readonly name: string }
  | { readonly e: "offset"; readonly operand: Expression; readonly index: Expression; readonly safe: boolean };

/** What `IN` looks among. */
export type Among =
  | { readonly list: readonly Expression[] }
  | { readonly query: Query }
  | { readonly array: Expression };

/** One key of an order. */
export interface Ordering {
  readonly value: Expression;
  readonly descending: boolean;
  readonly nulls?: "FIRST" | "LAST";
}

/** A window. */
export interface Over {
  readonly partition: readonly Expression[];
  readonly order: readonly Ordering[];
}

/** A query with what may stand around its body. */
export interface Query {
  readonly with: readonly { readonly name: string; readonly query: Query }[];
  readonly body: Body;
  readonly order: readonly Ordering[];
  readonly limit?: Expression;
  readonly offset?: Expression;
}

/** The body of a query. */
export type Body =
  | { readonly b: "select"; readonly select: Select }
  | { readonly b: "query"; readonly query: Query }
  | { readonly b: "union"; readonly distinct: boolean; readonly parts: readonly Body[] };

/** A SELECT. */
export interface Select {
  readonly distinct: boolean;
  readonly items: readonly Item[];
  readonly from?: From;
  readonly where?: Expression;
  readonly group: readonly Expression[];
  /** The sets of GROUPING SETS; `group` is empty then. */
  readonly groupingSets?: readonly (readonly Expression[])[];
  readonly having?: Expression;
  readonly qualify?: Expression;
}

/** An item of a SELECT list. */
export type Item =
  | {
      readonly star: true;
      readonly of?: string;
      readonly except: readonly string[];
      readonly replace: readonly { readonly name: string; readonly value: Expression }[];
    }
  | { readonly star: false; readonly value: Expression; readonly name?: string };

/** What follows FROM. */
export type From =
  | {
      readonly f: "table";
      readonly path: readonly string[];
      readonly alias?: string;
      readonly at: number;
      /** The moment of FOR SYSTEM_TIME AS OF. */
      readonly asOf?: Expression;
    }
  | { readonly f: "query"; readonly query: Query; readonly alias?: string }
  | { readonly f: "unnest"; readonly array: Expression; readonly alias?: string; readonly offset?: string }
  | {
      readonly f: "join";
      readonly kind: "INNER" | "LEFT" | "RIGHT" | "FULL" | "CROSS";
      readonly left: From;
      readonly right: From;
      readonly on?: Expression;
      readonly using?: readonly string[];
    };

/** A statement of a script. */
export type Statement = { readonly sql: string } & (
  | { readonly s: "query"; readonly query: Query }
  | {
      readonly s: "insert";
      readonly table: readonly string[];
      readonly columns: readonly string[];
      readonly query?: Query;
      readonly values?: readonly (readonly Expression[])[];
    }
  | {
      readonly s: "update";
      readonly table: readonly string[];
      readonly alias?: string;
      readonly set: readonly { readonly name: string; readonly value: Expression }[];
      readonly from?: From;
      readonly where: Expression;
    }
  | { readonly s: "delete"; readonly table: readonly string[]; readonly alias?: string; readonly where: Expression }
  | { readonly s: "begin" }
  | { readonly s: "commit" }
  | { readonly s: "rollback" }
  | { readonly s: "raise"; readonly condition: Expression; readonly message: string }
  | {
      readonly s: "create";
      readonly table: readonly string[];
      readonly replace: boolean;
      readonly partition?: Expression;
      /** Days after which partitions go. */
      readonly expiration?: Expression;
      /** The name of the key with which the table is encrypted. */
      readonly key?: Expression;
      readonly cluster: readonly string[];
      readonly query: Query;
    }
  | { readonly s: "rename"; readonly table: readonly string[]; readonly to: string }
  | { readonly s: "drop"; readonly table: readonly string[]; readonly ifExists: boolean }
  | { readonly s: "dropColumn"; readonly table: readonly string[]; readonly column: string }
  | { readonly s: "renameColumn"; readonly table: readonly string[]; readonly column: string; readonly to: string }
);
