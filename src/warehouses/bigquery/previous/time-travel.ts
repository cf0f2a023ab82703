import type { MonthRestoration } from "../../warehouse.ts";
import { findDataset } from "../api/datasets.ts";
import { runJob } from "../api/jobs.ts";
import { type PeriodColumn, tableMonth } from "../sql/months.ts";
import { type TableReference, tableName } from "../sql/names.ts";
import { createParameters } from "../api/parameters.ts";
import { queryConfiguration, type QuerySettings } from "../api/statements.ts";
import { refusalOf } from "../api/api-error.ts";
import { keepForADay } from "../replace/staging.ts";
import type { TableResource } from "../api/tables.ts";

/** For how many hours a table remembers where its dataset does not say: https://cloud.google.com/bigquery/docs/time-travel */
const usualHours = 168;

/**
 * Copies the rows that a table had of a month, at the moment at which the next load was made, into a staging table; that
 * load was committed after it. Null when BigQuery remembers that moment no more, or the table is younger.
 *
 * One query names a table at one point in time only, and reads in a transaction see one snapshot of it, so that the rows
 * are copied before they change places: https://cloud.google.com/bigquery/docs/access-historical-data,
 * https://cloud.google.com/bigquery/docs/transactions
 */
export async function stagePast(
  settings: QuerySettings,
  bill: TableResource & { readonly location: string },
  { table, billingMonth, until }: MonthRestoration,
  period: PeriodColumn,
  staging: { readonly table: TableReference; readonly jobPrefix: string },
): Promise<TableResource | null> {
  const { tableReference, location } = bill;
  const moment = new Date(until);
  if (!(await remembers(settings, bill, moment))) return null;
  const sql = `SELECT * FROM ${tableName(tableReference)} FOR SYSTEM_TIME AS OF TIMESTAMP '${moment.toISOString()}'
    WHERE ${tableMonth(period, billingMonth)}`;
  const labels = { billhouse: "restore", table: table.name, month: billingMonth };
  const { query, ...configuration } = queryConfiguration(settings, {
    sql,
    parameters: createParameters(),
    location,
    labels,
  }) as { query: object };
  const destination = {
    destinationTable: staging.table,
    createDisposition: "CREATE_IF_NEEDED",
    writeDisposition: "WRITE_TRUNCATE",
  };
  const request = { location, configuration: { ...configuration, query: { ...query, ...destination } } };
  let copy: TableResource | undefined;
  try {
    await runJob(settings.connection, staging.jobPrefix, request, async () => {
      // A table that somebody took away, or that expired, is made again under the next id.
      copy = await keepForADay(settings, staging.table);
      return copy !== undefined;
    });
  } catch (error) {
    if (isForgotten(error)) return null;
    throw error;
  }
  return copy ?? null;
}

async function remembers(settings: QuerySettings, bill: TableResource, moment: Date): Promise<boolean> {
  const { projectId, datasetId } = bill.tableReference;
  const dataset = await findDataset(settings, projectId, datasetId);
  const hours = Number(dataset?.maxTimeTravelHours ?? usualHours);
  const oldest = Math.max(Date.now() - hours * 3_600_000, Number(bill.creationTime ?? 0));
  return moment.getTime() >= oldest;
}

/** What only BigQuery's clock can tell, or a table that told its months by no such column then. */
function isForgotten(error: unknown): boolean {
  const { message = "" } = refusalOf(error) ?? {};
  return /invalid (snapshot time|time travel timestamp)|cannot read before|unrecognized name/i.test(message);
}
