import type { Config } from "../../config/config.ts";
import { type ChargeTable, type Mapping, type ProvedColumn, provedColumns } from "../../focus/mapping.ts";
import { mappingOf } from "../../focus/mappings/index.ts";
import { openName, soleColumn, sumsOfCharges } from "../../focus/sums.ts";
import { BillhouseError } from "../../errors.ts";
import type { BillingMonth, CurrencySums, Receipt } from "../../model.ts";
import { compareDecimals, formatDecimal, readDecimal } from "../../schema/decimals.ts";
import { fold } from "../../schema/names.ts";
import { addDecimals } from "../../schema/sums.ts";
import { requireCapability, type Warehouse } from "../../warehouses/warehouse.ts";
import { type LoadedTable, readLoaded } from "../months/loaded.ts";
import { tableOf } from "../months/select.ts";
import { chargeTable, dialects } from "./source.ts";

/** A sum of the FOCUS view over the charges of a month. */
export interface ViewSum {
  readonly billingMonth: BillingMonth;
  readonly column: ProvedColumn;
  readonly actual: CurrencySums;
  /** What was loaded, by the rule of the mapping; null if the loaded exports do not show it. */
  readonly expected: CurrencySums | null;
  /** Why it is not decidable, as the end of a sentence; empty where it is. */
  readonly why: string;
  /** Whether it is the sum of several exports that make up charges together. */
  readonly isOfSeveral: boolean;
}

/**
 * The sums of the FOCUS view over some months of an export, and what was loaded: from the receipt where the rule of the mapping
 * is the sum of one column, else from the table, whose columns the receipt proves. Exports that make up charges together have
 * sums together: each of them is given for one export, what was billed for actual cost. Errors: those of the warehouse.
 */
export async function sumsOfView(
  loaded: LoadedTable,
  config: Config,
  warehouse: Warehouse,
  wanted: readonly BillingMonth[],
): Promise<readonly ViewSum[]> {
  const own = asCharges(loaded);
  const mapping = own === null ? undefined : mappingOf(own);
  if (own === null || mapping === undefined || wanted.length === 0) return [];
  const tables = mapping.family === undefined ? [own] : await familyOf(own, mapping, config, warehouse);
  if (tables === null) return [];
  // The kind of a table can show in other months.
  const read = mapping.family === undefined ? tables.map((table) => ({ ...table, months: wanted })) : tables;
  const statement = sumsOfCharges(read, mapping, dialects[config.warehouse.kind]);
  if (statement === null) return [];
  const found: SumRow[] = [];
  for await (const row of requireCapability(warehouse, "query")(statement)) found.push(row as unknown as SumRow);
  return wanted.flatMap((billingMonth) => {
    const ofMonth = found.filter(({ month }) => month === billingMonth);
    return provedColumns
      .filter((column) => mapping.totals[column] !== undefined && ownerOf(column, tables, ofMonth) === own.exportName)
      .map((column): ViewSum => {
        const isOfSeveral = tables.length > 1;
        const actual = totalOf(ofMonth, "view", column);
        const isOpen = ofMonth.some((row) => compareDecimals(row[openName(column)] ?? "0", "0") !== 0);
        if (isOpen) {
          const why = mapping.totals[column]?.whyOpen ?? "the bill does not have it for all of its charges";
          return { billingMonth, column, actual, expected: null, why, isOfSeveral };
        }
        const receipt = loaded.months.get(billingMonth)?.receipt ?? null;
        const sole = isOfSeveral ? null : soleColumn(own, mapping, column);
        const recorded = sole === null ? null : recordedSums(receipt, sole);
        const expected = recorded ?? totalOf(ofMonth, "table", column);
        return { billingMonth, column, actual, expected, why: "", isOfSeveral };
      });
  });
}

/** A row of the statement of `sumsOfCharges`: values as text. */
type SumRow = Readonly<Record<string, string | null>>;

function asCharges({ pipeline, table, ledger }: LoadedTable): ChargeTable | null {
  const { columns, registry, receipts } = ledger;
  if (columns === null) return null;
  const datasets = receipts.flatMap(({ billingMonth, dataset }) =>
    dataset === null ? [] : [[billingMonth, dataset] as const],
  );
  const shape = { table, columns, registry, tracking: [], stateIn: table.dataset };
  return { ...chargeTable(shape, pipeline), datasets: new Map(datasets) };
}

/** The tables of a family, in the order of the configuration; null if one of them cannot be read. */
async function familyOf(
  own: ChargeTable,
  mapping: Mapping,
  config: Config,
  warehouse: Warehouse,
): Promise<readonly ChargeTable[] | null> {
  const tables: ChargeTable[] = [];
  for (const pipeline of config.pipelines) {
    try {
      const table = pipeline.name === own.exportName ? own : asCharges(await readLoaded(pipeline, warehouse));
      if (table !== null && mappingOf(table) === mapping) tables.push(table);
    } catch (error) {
      // The checks of that table report it. Without its state only its section says which cloud it is of.
      if (!(error instanceof BillhouseError)) throw error;
      if (tableOf(pipeline).idColumn === own.table.idColumn) return null;
    }
  }
  return tables;
}

/** The export for which a sum of a month is given: what was billed for actual cost, what it cost for amortized cost. */
function ownerOf(
  column: ProvedColumn,
  tables: readonly ChargeTable[],
  rows: readonly SumRow[],
): string | null | undefined {
  const kind = column === "BilledCost" ? "actual" : "amortized";
  // The statement gives them in any order.
  const ofTables = tables.flatMap(({ exportName }) =>
    rows.filter((row) => row["side"] === "table" && row["export_name"] === exportName),
  );
  return (ofTables.find((row) => row["kind"] === kind) ?? ofTables[0])?.["export_name"];
}

function totalOf(rows: readonly SumRow[], side: "view" | "table", column: ProvedColumn): CurrencySums {
  const byCurrency = Map.groupBy(
    rows.filter((row) => row["side"] === side),
    ({ currency }) => currency ?? "",
  );
  return Object.fromEntries(
    [...byCurrency].map(([currency, own]) => [
      currency,
      addDecimals(own.map((row) => formatDecimal(readDecimal(row[column] ?? "0")))),
    ]),
  );
}

/** The sum of a column in a receipt; null if it lacks it. */
function recordedSums(receipt: Receipt | null, column: string): CurrencySums | null {
  if (receipt?.measured == null) return null;
  const { measured, tableCost, tableEffectiveCost, amounts } = receipt;
  const position = measured.costColumns.findIndex((name) => fold(name) === fold(column));
  if (position === 0) return tableCost;
  return position === 1 ? tableEffectiveCost : (amounts?.[column] ?? null);
}
