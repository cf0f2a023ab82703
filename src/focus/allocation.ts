import { columnsOfVersion } from "./charges.ts";
import type { FocusVersion } from "./columns.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { type Relation, reference } from "./relations.ts";

/** What people know of an account, beyond its bill. */
export interface Account {
  readonly id: string;
  readonly name: string | null;
  readonly owner: string | null;
  readonly environment: string | null;
}

/** A tag by which people allocate costs: its key, and other spellings of it in bills. */
export interface AllocationTag {
  readonly key: string;
  readonly spellings: readonly string[];
}

/** How costs are allocated. */
export interface Allocation {
  readonly accounts: readonly Account[];
  readonly tags: readonly AllocationTag[];
}

/** The name of the column with the value of a tag. */
export function tagColumn({ key }: AllocationTag): string {
  return `x_Tag_${key}`;
}

/**
 * The charges of a query with what is known of their accounts, and a column for each tag. The name of an account in a bill is
 * stronger than that in the list. A tag has the value of its first spelling that the row has; native AWS exports write `user:`
 * before the keys of users.
 */
export function allocated(
  select: string,
  version: FocusVersion,
  { accounts, tags }: Allocation,
  dialect: Dialect,
): { readonly relations: readonly Relation[]; readonly select: string } {
  if (accounts.length === 0 && tags.length === 0) return { relations: [], select };
  const { identifier } = dialect;
  const { relation, on, given } = accountColumns(accounts, dialect);
  const columns = columnsOfVersion(version).map(({ name }) =>
    given[name] === undefined ? `c.${identifier(name)}` : `${given[name]} AS ${identifier(name)}`,
  );
  const values = tags.map((tag) => {
    const spellings = [tag.key, ...tag.spellings].flatMap((spelling) => [spelling, `user:${spelling}`]);
    const entries = [...new Set(spellings)].map((spelling) => dialect.entry(`c.${identifier("Tags")}`, spelling));
    return `COALESCE(${entries.join(", ")}) AS ${identifier(tagColumn(tag))}`;
  });
  return {
    relations: [
      { name: "accounts", sql: relation },
      { name: "charges", sql: select },
    ],
    select: `SELECT ${[...columns, ...values].join(", ")}\nFROM ${reference("charges")} AS c LEFT JOIN ${reference("accounts")} AS a ON ${on}`,
  };
}

/**
 * What is known of accounts: a relation, the condition by which a row `c` finds its account `a` in it, and the SQL of the columns
 * that it gives. The name in a bill is stronger.
 */
export function accountColumns(
  accounts: readonly Account[],
  dialect: Dialect,
): { readonly relation: string; readonly on: string; readonly given: Readonly<Record<string, string>> } {
  const { identifier, types } = dialect;
  const rows = accounts.map(({ id, name, owner, environment }) => [
    id.toLowerCase().replace(/^\/subscriptions\//, ""),
    name,
    owner,
    environment,
  ]);
  const names = ["id", "name", "owner", "environment"];
  const none = names.map((name) => `CAST(NULL AS ${types.text}) AS ${name}`).join(", ");
  return {
    relation: rows.length === 0 ? `SELECT ${none}` : dialect.relation(names, rows),
    // Azure writes a subscription with and without its path.
    on: `a.id = ${dialect.replaced(`LOWER(c.${identifier("SubAccountId")})`, "^/subscriptions/", "")}`,
    given: {
      SubAccountName: `COALESCE(c.${identifier("SubAccountName")}, a.name)`,
      x_AccountOwner: "a.owner",
      x_AccountEnvironment: "a.environment",
    },
  };
}
