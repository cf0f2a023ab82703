import { readdirSync, readFileSync } from "node:fs";
import type { Table } from "../../src/model.ts";

/** A golden fixture: what real dlt left in a DuckDB file, written by test/witnesses/dlt/golden.py. */
export interface DltFixture {
  /** `<dlt version>/<case>`, for the name of a test. */
  readonly title: string;
  readonly table: Table;
  readonly tables: Readonly<Record<string, DltTable>>;
  /** The JSON inside each row of `_dlt_pipeline_state`, as Python unpacked it. */
  readonly decodedStates: readonly string[];
}

/** A table of a fixture: columns as DuckDB names them, 64-bit integers and times as text. */
export interface DltTable {
  readonly columns: readonly { readonly name: string; readonly type: string; readonly nullable: boolean }[];
  readonly rows: readonly Readonly<Record<string, string | boolean | null>>[];
}

interface FixtureFile {
  readonly dataset: string;
  readonly table: string;
  readonly pipeline: string;
  readonly source: string;
  readonly tables: Readonly<Record<string, DltTable>>;
  readonly decoded_states: readonly string[];
}

const folder = new URL("../fixtures/dlt/", import.meta.url);

/** The versions of dlt that wrote fixtures. */
export const dltVersions: readonly string[] = readdirSync(folder).toSorted();

/** All fixtures of all versions. */
export const dltFixtures: readonly DltFixture[] = dltVersions.flatMap((version) =>
  readdirSync(new URL(`${version}/`, folder))
    .filter((name) => name !== "identifiers.json")
    .map((name) => readFixture(`${version}/${name}`)),
);

/** The fixtures of one case, one per version of dlt. */
export function fixturesOf(name: string): readonly DltFixture[] {
  return dltFixtures.filter((fixture) => fixture.title.endsWith(`/${name}`));
}

/** Names and what dlt's naming convention makes of them. */
export function readIdentifiers(version: string): Readonly<Record<string, string>> {
  const file = JSON.parse(readFileSync(new URL(`${version}/identifiers.json`, folder), "utf8")) as {
    readonly identifiers: Readonly<Record<string, string>>;
  };
  return file.identifiers;
}

/** The rows of a table of a fixture. */
export function rowsOf(fixture: DltFixture, name: string): DltTable["rows"] {
  return fixture.tables[name]?.rows ?? [];
}

/** The encoded state that counts: the last one, since dlt appends. */
export function newestState(fixture: DltFixture): string {
  return textOf(rowsOf(fixture, "_dlt_pipeline_state").at(-1)?.["state"]);
}

/** The greatest load id of a fixture. */
export function newestLoadId(fixture: DltFixture): string {
  return textOf(rowsOf(fixture, "_dlt_loads").at(-1)?.["load_id"]);
}

/** A value that must be text. */
export function textOf(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("The fixture holds no text here.");
  return value;
}

function readFixture(path: string): DltFixture {
  const file = JSON.parse(readFileSync(new URL(path, folder), "utf8")) as FixtureFile;
  return {
    title: path.replace(".json", ""),
    table: {
      dataset: file.dataset,
      name: file.table,
      pipelineName: file.pipeline,
      sourceName: file.source,
      idColumn: file.source.startsWith("aws") ? "assembly_id" : "run_id",
    },
    tables: file.tables,
    decodedStates: file.decoded_states,
  };
}
