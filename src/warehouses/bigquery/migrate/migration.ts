import type { Table } from "../../../model.ts";
import { fold } from "../../../schema/names.ts";
import {
  columnsToAdd,
  keepsReceipts,
  leaseTable,
  type PresentColumn,
  receiptsTable,
  trackingTableName,
  trackingTableOf,
} from "../../../state/tables.ts";
import type { MigrationOutcome, MigrationStep, Partitioning, PendingStep } from "../../warehouse.ts";
import { makeDecimal } from "./decimals.ts";
import { identifier } from "../sql/names.ts";
import { createParameters, type Parameters } from "../api/parameters.ts";
import { transaction } from "../commit/packages.ts";
import { askForParts, part, type QuerySettings, runStatement } from "../api/statements.ts";
import { rebuild } from "./rebuild.ts";
import { finishRebuild } from "./renaming.ts";
import { prepareState, type SchemaSettings } from "../schema.ts";
import { lookAround, nameOf, type Surroundings } from "../companion-tables.ts";
import { columnsOf, type TableResource } from "../api/tables.ts";

/** What is left to migrate beside and in a table: see `Migration.pendingSteps`. */
export async function pendingSteps(
  settings: QuerySettings,
  table: Table,
  partitioning: Partitioning,
): Promise<readonly PendingStep[]> {
  const around = await lookAround(settings, table);
  return [...(await receiptSteps(settings, table, around)), ...partitioningSteps(around.table, table, partitioning)];
}

/** Takes one step: see `Migration.migrate`. */
export async function migrate(settings: SchemaSettings, table: Table, step: MigrationStep): Promise<MigrationOutcome> {
  await finishRebuild(settings, table);
  if (step.step === "tracking-columns") await keepReceipts(settings, table);
  if (step.step === "partitioning") await partition(settings, table, step);
  return step.step === "decimals" ? makeDecimal(settings, table, step.column) : { roundedValues: 0 };
}

async function receiptSteps(settings: QuerySettings, table: Table, around: Surroundings): Promise<PendingStep[]> {
  const name = trackingTableName(table);
  const tracking = columnsOf(around.tracking);
  if (tracking.length === 0) return [];
  const added = keepsReceipts(tracking) ? 0 : columnsToAdd(trackingTableOf(table), tracking, { migrate: true }).length;
  const moved = await countApart(settings, table, around);
  if (added === 0 && moved === 0) return [];
  const receipts = `${moved} ${moved === 1 ? "receipt moves" : "receipts move"} into`;
  const columns = `${name} gets ${added} columns for receipts`;
  const both = moved === 0 ? columns : `${columns}, and ${receipts} its rows`;
  const what = added === 0 ? `${receipts} the rows of ${name}.` : `${both}.`;
  return [{ step: { step: "tracking-columns" }, what }];
}

async function keepReceipts(settings: SchemaSettings, table: Table): Promise<void> {
  const pending = await receiptSteps(settings, table, await lookAround(settings, table));
  if (pending.length === 0) return;
  const around = await prepareState(settings, table, { migrate: true });
  const moved = await countApart(settings, table, around);
  if (moved === 0) return;
  const present = new Set(columnsOf(around.tracking).map(({ name }) => name));
  const kept = columnsOf(around.receipts)
    .map(({ name }) => name)
    .filter((name) => !keys.has(name) && present.has(name));
  const target = nameOf(settings, table, trackingTableName(table));
  const source = nameOf(settings, table, receiptsTable.name);
  const lease = nameOf(settings, table, leaseTable.name);
  const parameters = createParameters();
  const same = sameLoad(table, parameters);
  // As readers do it: what the tracking row itself says comes first.
  const values = kept.map(identifier).map((name) => `${name} = COALESCE(t.${name}, r.${name})`);
  const sql = transaction([
    // Two writers cannot both change the lease: nobody commits meanwhile.
    `UPDATE ${lease} SET load_id = load_id WHERE TRUE`,
    `UPDATE ${target} AS t SET ${values.join(", ")} FROM ${source} AS r WHERE ${same}`,
    `ASSERT @@row_count = ${parameters.integer(moved)} AS 'billhouse: other receipts would move than were counted'`,
    `DELETE FROM ${source} AS r WHERE EXISTS (SELECT 1 FROM ${target} AS t WHERE ${same})`,
    `ASSERT @@row_count = ${parameters.integer(moved)} AS 'billhouse: other receipts would go than were moved'`,
  ]);
  const labels = { billhouse: "migrate", table: table.name };
  await runStatement(settings, { sql, parameters, location: around.location, labels });
}

async function countApart(settings: QuerySettings, table: Table, around: Surroundings): Promise<number> {
  if (around.receipts === null || around.location === null || !hasKeys(columnsOf(around.tracking))) return 0;
  const parameters = createParameters();
  const found = `SELECT 1 FROM ${nameOf(settings, table, trackingTableName(table))} AS t WHERE ${sameLoad(table, parameters)}`;
  const from = `${nameOf(settings, table, receiptsTable.name)} AS r WHERE EXISTS (${found})`;
  const sql = part("apart", { count: "COUNT(*)" }, from);
  const labels = { billhouse: "migrate", table: table.name };
  const parts = await askForParts(settings, { sql, parameters, location: around.location, labels });
  return Number(parts.get("apart")?.[0]?.["count"] ?? 0);
}

const keys: ReadonlySet<string> = new Set(["table_name", "billing_month", "load_id"]);

function sameLoad(table: Table, parameters: Parameters): string {
  return `r.table_name = ${parameters.text(table.name)} AND t._dlt_load_id = r.load_id AND t.billing_month = r.billing_month`;
}

function hasKeys(tracking: readonly PresentColumn[]): boolean {
  return ["_dlt_load_id", "billing_month"].every((key) => tracking.some(({ name }) => name === key));
}

function partitioningSteps(resource: TableResource | null, table: Table, wanted: Partitioning): PendingStep[] {
  if (resource === null || !canPartition(resource, wanted) || isPartitioned(resource, wanted)) return [];
  const usage = usageColumn(resource, wanted);
  const clusters = usage === undefined ? "" : `, in which rows are clustered by ${usage}`;
  const what = `Months become partitions of ${table.dataset}.${table.name}${clusters}: the table is rebuilt beside the old one, and the two change places.`;
  return [{ step: { step: "partitioning", ...wanted }, what }];
}

async function partition(settings: SchemaSettings, table: Table, wanted: Partitioning): Promise<void> {
  const { table: resource } = await lookAround(settings, table);
  if (resource === null || !canPartition(resource, wanted) || isPartitioned(resource, wanted)) return;
  const usage = usageColumn(resource, wanted);
  const { requirePartitionFilter } = resource.timePartitioning ?? resource;
  const field = columnNamed(resource, wanted.partitionColumn)?.name ?? wanted.partitionColumn;
  await rebuild(settings, table, {
    timePartitioning: { type: "MONTH", field },
    ...(requirePartitionFilter === true ? { requirePartitionFilter } : {}),
    clustering: usage === undefined ? undefined : { fields: [usage] },
  });
}

function isPartitioned({ timePartitioning }: TableResource, { partitionColumn }: Partitioning): boolean {
  return timePartitioning?.type === "MONTH" && fold(timePartitioning.field ?? "") === fold(partitionColumn);
}

function canPartition(resource: TableResource, { partitionColumn }: Partitioning): boolean {
  return ["DATE", "TIMESTAMP", "DATETIME"].includes(columnNamed(resource, partitionColumn)?.nativeType ?? "");
}

function usageColumn(
  resource: TableResource,
  { usageColumn: name, partitionColumn }: Partitioning,
): string | undefined {
  const column = name === null ? undefined : columnNamed(resource, name);
  const isOther = column !== undefined && fold(column.name) !== fold(partitionColumn);
  return isOther && ["DATE", "TIMESTAMP", "DATETIME", "STRING"].includes(column.nativeType) ? column.name : undefined;
}

function columnNamed(resource: TableResource, name: string): ReturnType<typeof columnsOf>[number] | undefined {
  return columnsOf(resource).find((column) => fold(column.name) === fold(name));
}
