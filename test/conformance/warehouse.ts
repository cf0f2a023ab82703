import type { MappedFile, OpenMode, Warehouse } from "../../src/warehouses/warehouse.ts";
import { loadCases } from "./warehouse-loads.ts";
import { migrationCases } from "./warehouse-migration.ts";
import { pastCases } from "./warehouse-past.ts";
import { sharingCases } from "./warehouse-sharing.ts";
import { valueCases } from "./warehouse-values.ts";

/** An empty database of one warehouse, made for one case, and what only its owner can do with it. */
export interface TestWarehouse {
  /** Opens it, as often as a case wants. Without a mode: to write. */
  open(mode?: OpenMode): Promise<Warehouse>;
  /** Puts a data file where the warehouse reads it: plain CSV or Parquet. */
  put(name: string, bytes: string | Uint8Array): Promise<Pick<MappedFile, "file" | "path" | "storageUrl">>;
  /** The bytes of a Parquet file with the rows of a query of DuckDB. */
  parquet(sql: string): Promise<Uint8Array>;
  /**
   * How the warehouse names the place of a row in a CSV file's text, whose line this is, from 1: `line 3`; empty where it
   * cannot tell the place of this value.
   */
  place(text: string, line: number, value?: string): string;
  /** A column name with as much of quotes, blanks and punctuation as the warehouse takes. */
  readonly oddName: string;
}

/** What every warehouse must do, as named cases that know no test runner. Each takes a database of its own. */
export const warehouseCases: Readonly<Record<string, (test: TestWarehouse) => Promise<void>>> = {
  ...loadCases,
  ...valueCases,
  ...sharingCases,
  ...migrationCases,
  ...pastCases,
};

/** The cases that also tell whether files which reach a warehouse in another way come to the same end. */
export const uploadCases: Readonly<Record<string, (test: TestWarehouse) => Promise<void>>> = Object.fromEntries(
  Object.entries(warehouseCases).filter(
    ([title]) => title in loadCases || /parquet|nested|cells|no such csv/iu.test(title),
  ),
);
