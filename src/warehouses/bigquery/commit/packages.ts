import type { Table } from "../../../model.ts";
import type { LoadPackage } from "../../../state/package.ts";
import { packageRows } from "../../../state/rows.ts";
import { leaseTable, loadsTable, pipelineStateTable, receiptsTable } from "../../../state/tables.ts";
import type { Current } from "../ledger.ts";
import { newestLoadIds } from "../ledger.ts";
import { identifier } from "../sql/names.ts";
import type { Parameters } from "../api/parameters.ts";
import type { QuerySettings } from "../api/statements.ts";
import { nameOf, type Surroundings } from "../companion-tables.ts";
import { columnsOf } from "../api/tables.ts";

/** What a script says when somebody else was faster. */
export const moved = { lease: "billhouse: the lease has moved", state: "billhouse: the state has moved" } as const;

/**
 * Statements that stop a transaction when anything was committed since `current` was read. The lease is updated, which
 * two transactions cannot both do; that dlt wrote a package is seen by the newest load_id.
 */
export function guardStatements(
  settings: QuerySettings,
  table: Table,
  current: Current,
  load: LoadPackage,
  parameters: Parameters,
): readonly string[] {
  const lease = nameOf(settings, table, leaseTable.name);
  const loadId = parameters.text(load.loadId);
  const newest = parameters.text(current.newestLoadId);
  const take =
    current.lease === null
      ? `INSERT INTO ${lease} (load_id) SELECT ${loadId} AS load_id FROM (SELECT 1 AS one) AS x WHERE NOT EXISTS (SELECT 1 FROM ${lease} AS l)`
      : `UPDATE ${lease} SET load_id = ${loadId} WHERE load_id = ${parameters.text(current.lease)}`;
  return [
    take,
    `ASSERT @@row_count > 0 AS '${moved.lease}'`,
    `ASSERT (SELECT MAX(x.id) FROM (${newestLoadIds(settings, table)}) AS x) IS NOT DISTINCT FROM ${newest} AS '${moved.state}'`,
  ];
}

/** Statements that write the rows of a package, in the order in which dlt may see them. */
export function packageStatements(
  settings: QuerySettings,
  table: Table,
  load: LoadPackage,
  around: Surroundings,
  parameters: Parameters,
): readonly string[] {
  const present = new Map(
    (["loads", "states", "receipts", "tracking"] as const).map((key) => [key, columnsOf(around[key])]),
  );
  const keyOf = (name: string): "loads" | "states" | "receipts" | "tracking" =>
    name === loadsTable.name
      ? "loads"
      : name === pipelineStateTable.name
        ? "states"
        : name === receiptsTable.name
          ? "receipts"
          : "tracking";
  return packageRows(load, table, present.get("tracking") ?? []).map((row) => {
    const types = new Map((present.get(keyOf(row.table.name)) ?? []).map(({ name, nativeType }) => [name, nativeType]));
    const entries = Object.entries(row.values);
    const columns = entries.map(([name]) => identifier(name)).join(", ");
    // Every value is bound as text, which is cast to the type of its column: a JSON number would arrive as a float.
    const values = entries.map(([name, value]) => {
      const place = parameters.text(value === null ? null : String(value));
      const type = types.get(name) ?? "STRING";
      return type === "STRING" ? place : `CAST(${place} AS ${type})`;
    });
    return `INSERT INTO ${nameOf(settings, table, row.table.name)} (${columns}) VALUES (${values.join(", ")})`;
  });
}

/** Statements as the script of one transaction. */
export function transaction(statements: readonly string[]): string {
  return ["BEGIN TRANSACTION", ...statements, "COMMIT TRANSACTION", ""].join(";\n");
}
