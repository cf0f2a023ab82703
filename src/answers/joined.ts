import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import { field, isOneOf } from "../focus/expression.ts";
import { lastSettledDay } from "../pipeline/months/cover.ts";
import { monthSpan } from "../schema/periods.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import { type ChargeGroup, sumCharges } from "./charges.ts";
import type { LoadedExport, LoadedMonthFacts } from "./periods.ts";

/**
 * The tables that others fill and `[focus.tables]` joins into the FOCUS views, as exports without loads: their months are those of
 * their rows. Tables without rows are left out. Errors: those of the warehouse.
 */
export async function readJoined(config: Config, warehouse: Warehouse, now: Date): Promise<readonly LoadedExport[]> {
  const names = config.focus.tables.map(({ name }) => name);
  if (names.length === 0) return [];
  const groups = await monthsIn(names, config, warehouse);
  const dated = groups.filter(({ month }) => month !== null);
  return [...Map.groupBy(dated, (group) => group["name"] ?? "")].map(([name, own]) => ({
    name,
    cloud: "focus",
    title: "FOCUS table",
    replacedIn: new Set(),
    months: new Map(
      own.map(({ month, until }) => [month ?? "", factsOf(month ?? "", until?.slice(0, 10) ?? null, now)]),
    ),
  }));
}

/** The months of these tables, with the start of their last charge; none before the view exists. */
async function monthsIn(
  names: readonly string[],
  config: Config,
  warehouse: Warehouse,
): Promise<readonly ChargeGroup[]> {
  try {
    return await sumCharges(
      { warehouse, config },
      {
        by: { name: field("x_Export"), month: field("x_BillingMonth") },
        greatest: { until: field("ChargePeriodStart", "timestamp") },
        rows: [isOneOf(field("x_Export"), ...names)],
      },
    );
  } catch (error) {
    if (error instanceof BillhouseError && error.code === "WAREHOUSE_NOT_FOUND") return [];
    throw error;
  }
}

function factsOf(month: string, until: string | null, now: Date): LoadedMonthFacts {
  const { start, end } = monthSpan(month);
  const isOpen = end >= now.toISOString().slice(0, 10);
  const [last = end] = [
    ...(until === null || !isOpen ? [] : [until]),
    lastSettledDay(now.toISOString()),
    end,
  ].toSorted();
  return {
    state: isOpen ? "open" : "whole",
    settledUntil: last < start ? null : last,
    finality: isOpen ? "open" : "estimated",
    dataUntil: until,
    dataset: null,
    executionIds: [],
    rows: null,
    loadedAt: null,
    verifiedAt: null,
  };
}
