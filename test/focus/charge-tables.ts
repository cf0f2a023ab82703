import type { ChargeTable } from "../../src/focus/mapping.ts";
import type { Config } from "../../src/index.ts";
import { tableOf } from "../../src/pipeline/months/select.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { requireCapability, type QueryRow } from "../../src/warehouses/warehouse.ts";
import { trackingTableName } from "../../src/state/tables.ts";

/** The loaded tables of a project, as the view reads them. */
export async function chargeTables(config: Config): Promise<readonly ChargeTable[]> {
  const warehouse = await openWarehouse(config.warehouse, "read");
  try {
    return await Promise.all(
      config.pipelines.map(async (pipeline) => {
        const table = tableOf(pipeline);
        const { columns, registry, receipts } = await warehouse.ledger(table);
        const tracking = await warehouse.ledger({ ...table, name: trackingTableName(table) });
        const partitionColumn = receipts[0]?.measured?.partitionColumn ?? "";
        return {
          exportName: pipeline.name,
          table,
          columns: columns ?? [],
          registry,
          partitionColumn,
          tracking: tracking.columns ?? [],
        };
      }),
    );
  } finally {
    await warehouse.close();
  }
}

/** The rows of a query in the warehouse of a project. */
export async function rowsOf(config: Config, sql: string): Promise<readonly QueryRow[]> {
  const warehouse = await openWarehouse(config.warehouse, "read");
  try {
    const rows: QueryRow[] = [];
    for await (const row of requireCapability(warehouse, "query")(sql)) rows.push(row);
    return rows;
  } finally {
    await warehouse.close();
  }
}
