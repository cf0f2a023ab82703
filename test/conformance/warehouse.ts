import type {
  Capability,
  FullWarehouse,
  MappedFile,
  OpenMode,
  QueryRow,
  Warehouse,
} from "../../src/warehouses/warehouse.ts";
import type { ViewSource } from "../../src/warehouses/views.ts";
import { doctorCases } from "./warehouse-doctor.ts";
import { loadCases } from "./warehouse-loads.ts";
import { measureCases, measuringCases } from "./warehouse-measures.ts";
import { migrationCases } from "./warehouse-migration.ts";
import { previousCases } from "./warehouse-previous.ts";
import { queryCases } from "./warehouse-query.ts";
import { sharingCases } from "./warehouse-sharing.ts";
import { valueCases } from "./warehouse-values.ts";
import { viewCases } from "./warehouse-views.ts";

/** An empty database of one warehouse, made for one case, and what only its owner can do with it. */
export interface TestWarehouse {
  /** Opens it, as often as a case wants. Without a mode: to write. */
  open(mode?: OpenMode): Promise<Warehouse>;
  /** All rows of a query, as this opened warehouse sees them now. */
  rows(warehouse: Warehouse, sql: string): Promise<QueryRow[]>;
  /** Puts a data file where the warehouse reads it: plain CSV or Parquet. */
  put(name: string, bytes: string | Uint8Array): Promise<Omit<MappedFile, "columns">>;
  /** The bytes of a Parquet file with the rows of a query of DuckDB. */
  parquet(sql: string): Promise<Uint8Array>;
  /**
   * How the warehouse names the place of a row in a CSV file's text, whose line this is, from 1: `line 3`; empty where it
   * cannot name the place of this value.
   */
  place(text: string, line: number, value?: string): string;
  /** A column name with as much of quotes, blanks and punctuation as the warehouse takes. */
  readonly oddName: string;
}

/** The database of a warehouse with every capability. */
export interface CapableTestWarehouse extends TestWarehouse {
  open(mode?: OpenMode): Promise<FullWarehouse>;
  /** Opens it to write, with the views that it keeps current. */
  openWithViews(views: ViewSource): Promise<FullWarehouse>;
  /** The dataset in which it makes views. */
  readonly viewDataset: string;
}

/**
 * What every warehouse must do, whatever it can do besides, as named cases that know no test runner. Each takes a
 * database of its own.
 */
export const coreCases: Readonly<Record<string, (test: TestWarehouse) => Promise<void>>> = {
  ...loadCases,
  ...valueCases,
  ...sharingCases,
  ...measureCases,
};

/** What a warehouse must do that has a capability. */
export const capabilityCases: Readonly<
  Record<Capability, Readonly<Record<string, (test: CapableTestWarehouse) => Promise<void>>>>
> = {
  measuring: measuringCases,
  previous: previousCases,
  migration: migrationCases,
  doctor: doctorCases,
  refreshViews: viewCases,
  query: queryCases,
};

/** All of them, for a warehouse with every capability. */
export const warehouseCases: Readonly<Record<string, (test: CapableTestWarehouse) => Promise<void>>> = Object.assign(
  {},
  coreCases,
  ...Object.values(capabilityCases),
);

/** The cases that also show whether files which reach a warehouse in another way come to the same end. */
export const uploadCases: Readonly<Record<string, (test: TestWarehouse) => Promise<void>>> = Object.fromEntries(
  Object.entries(coreCases).filter(([title]) => title in loadCases || /parquet|nested|cells|no such csv/iu.test(title)),
);
