import type { RegisteredColumn } from "../../model.ts";
import { type DeliveredHeader, findColumn, planColumns } from "../../schema/columns.ts";
import { fold } from "../../schema/names.ts";
import type { Partitioning, PendingStep } from "../../warehouses/warehouse.ts";
import { inexactColumns } from "./inexact-columns.ts";
import { stampedColumn } from "../load/layout.ts";
import type { Survey } from "../months/survey.ts";

/** What the columns of a table and the deliveries behind them say is left to migrate. */
export interface MigrationPlan {
  readonly partitioning: Partitioning;
  /** Rows that the registry lacks altogether: for columns that the table has. */
  readonly registered: readonly RegisteredColumn[];
  /** One step for each column of amounts that is not exact. */
  readonly decimals: readonly PendingStep[];
  /** Sentences on what has to wait, and why. */
  readonly notes: readonly string[];
}

/**
 * Plans what is left to migrate of a table. Pure: everything comes from the survey and the header of the newest loaded
 * month (none where the storage does not hold it any more). Error: FILE_INVALID, as `planColumns`.
 */
export function planMigration(found: Survey, headers: readonly DeliveredHeader[]): MigrationPlan {
  const { discovery, ledger, pipeline, plans } = found;
  const rules = discovery.format.columns;
  const table = ledger.columns ?? [];
  const plan = planColumns(
    { headers, registry: ledger.registry, table: ledger.columns, reserved: [stampedColumn] },
    rules,
  );
  const present = new Set(table.map(({ name }) => fold(name)));
  // A column that the table lacks is registered by the run that adds it.
  const registry = plan.registry.filter(({ columnName }) => present.has(fold(columnName)));
  const nameOf = (sources: readonly string[]): string | null =>
    findColumn(registry, sources, rules)?.columnName ?? null;
  const declared = plans.flatMap(({ execution }) => execution ?? []);
  return {
    partitioning: {
      partitionColumn: pipeline.partitionColumn ?? nameOf(rules.partition) ?? stampedColumn,
      usageColumn: nameOf(rules.usage),
    },
    registered: ledger.registry.length > 0 ? [] : registry,
    decimals: inexactColumns(table, registry, [...headers, ...declared], rules).map(({ name, nativeType }) => ({
      step: { step: "decimals", column: name },
      what: `${name} becomes an exact decimal instead of ${nativeType}.`,
    })),
    notes: table.length > 0 && registry.length === 0 ? [unregistered] : [],
  };
}

const unregistered =
  "The columns cannot be registered now, because no loaded month is in the storage; the next run that loads one does it.";
