import type { ColumnType, FileFormat, RegisteredColumn, TableColumn } from "../../src/model.ts";
import {
  type ColumnPlan,
  type ColumnSituation,
  type DeliveredHeader,
  planColumns,
  type SchemaRules,
} from "../../src/schema/columns.ts";

/** Rules of legacy CUR, without a dictionary. */
export const legacy: SchemaRules = { naming: "cur-legacy", caseSensitive: true, wellKnown: {} };

/** Rules of all other exports, without a dictionary. */
export const modern: SchemaRules = { naming: "as-delivered", caseSensitive: false, wellKnown: {} };

const typed = /^(.*):(text|decimal|timestamp|date|boolean|bigint|double|json)$/;

/** A header of columns written `name` or `name:type`. */
export function header(format: FileFormat, ...columns: readonly string[]): DeliveredHeader {
  return {
    executionId: "newest",
    format,
    columns: columns.map((column) => {
      const [, name = column, type = null] = typed.exec(column) ?? [];
      return { name, type: type as ColumnType | null };
    }),
  };
}

/** Existing columns written `name` (text) or `name:type`. */
export function tableOf(...columns: readonly string[]): TableColumn[] {
  return header("csv", ...columns).columns.map(({ name, type }) => ({ name, type: type ?? "text", nativeType: "" }));
}

/** A plan for headers, newest first, on a fresh table or in a situation. */
export function plan(
  rules: SchemaRules,
  headers: readonly DeliveredHeader[],
  situation: Pick<ColumnSituation, "registry" | "table"> = { registry: [], table: null },
): ColumnPlan {
  const dated = headers.map((one, age) => ({ ...one, executionId: age === 0 ? "newest" : `older-${age}` }));
  return planColumns({ headers: dated, reserved: ["billing_month"], ...situation }, rules);
}

/** The situation after a plan was carried out. */
export function after({ registry, columns }: ColumnPlan): Pick<ColumnSituation, "registry" | "table"> {
  return { registry, table: columns.map((column) => ({ ...column, nativeType: "" })) };
}

/** The whole registry after a plan: source name to column name. */
export function given({ registry }: ColumnPlan): Record<string, string> {
  return Object.fromEntries(registry.map(({ sourceName, columnName }) => [sourceName, columnName]));
}

/** Names of the columns that a plan adds. */
export function added(planned: ColumnPlan): string[] {
  return planned.added.map(({ name }) => name);
}

/** The registry row of a source column after a plan. */
export function row(planned: ColumnPlan, sourceName: string): RegisteredColumn | undefined {
  return planned.registry.find((one) => one.sourceName === sourceName);
}
