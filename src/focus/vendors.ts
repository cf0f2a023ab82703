import type { FocusVersion } from "./columns.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { nothing } from "./expression.ts";
import type { ChargeTable, Mapping } from "./mapping.ts";
import { withColumns } from "./reading.ts";
import { renderExpression } from "./render.ts";
import { own, rowRelations, scopeOf } from "./rows.ts";

/** The names of the clouds as vendors of FOCUS files, in lower case. Source: the clouds' own FOCUS exports, and published FOCUS files. */
const cloudNames: Readonly<Record<string, readonly string[]>> = {
  aws: ["aws", "amazon", "amazon web services", "amazon web services, inc."],
  azure: ["azure", "microsoft", "microsoft azure", "microsoft corporation"],
};

/** The tables of a cloud's own exports in one mapping. */
export interface CloudTables {
  readonly mapping: Mapping;
  readonly tables: readonly ChargeTable[];
}

/** A provider as text in SQL: the cloud where it is one under any of its names, else its name in lower case, or the empty text. */
export function vendorOf(provider: string, { literal }: Dialect): string {
  const name = `LOWER(${provider})`;
  const clouds = Object.entries(cloudNames).map(
    ([cloud, names]) => `WHEN ${name} IN (${names.map(literal).join(", ")}) THEN ${literal(cloud)}`,
  );
  return `COALESCE(CASE ${clouds.join(" ")} ELSE ${name} END, '')`;
}

/** An account as text in SQL, or the empty text: Azure writes a subscription with and without its path. */
export function accountOf(account: string, dialect: Dialect): string {
  return `COALESCE(${dialect.replaced(`LOWER(${account})`, "^/subscriptions/", "")}, '')`;
}

/** The query for the accounts that a cloud's own exports have in each month: `month`, `account` and `vendor`. */
export function accountsOfCloud({ mapping, tables }: CloudTables, version: FocusVersion, dialect: Dialect): string {
  const asked = withColumns(mapping, version, new Set(["SubAccountId"]));
  const account = asked.branches.map(({ columns }) => columns["SubAccountId"]).find((source) => source !== undefined);
  const { lines } = rowRelations(tables, asked, dialect);
  const text = renderExpression(account ?? nothing("text"), scopeOf(tables, asked, "r", dialect));
  return `SELECT DISTINCT COALESCE(r.${dialect.identifier(own.month)}, '') AS month, ${accountOf(text, dialect)} AS account, ${dialect.literal(mapping.cloud)} AS vendor
FROM (${lines.sql}) AS r`;
}
