import { existsSync } from "node:fs";
import type { Config, DuckdbConfig } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { example } from "./flags.ts";
import {
  displayWidth,
  resultText,
  paint,
  screenStyle,
  type ScreenStyle,
  unbroken,
  visible,
  wrapText,
} from "./output.ts";
import { alignRows, alignSentences } from "./tables.ts";

/** Registers `billhouse connect`. */
export function addConnect(program: Program, perform: Perform): void {
  program
    .command("connect")
    .description("Show how to open what is loaded in the DuckDB shell, in BI tools and in programs.")
    .option("--shell", "print only the command that opens the DuckDB shell")
    .addHelpText("after", example("billhouse connect"))
    .action(({ shell }) => perform.reading((context) => connect({ shell: shell === true }, context)));
}

/** Options of `billhouse connect`. */
export interface ConnectCommandOptions {
  /** Whether only the command of the DuckDB shell is wanted. */
  readonly shell: boolean;
}

/** How other programs open what is loaded; `--json` writes it. */
export interface ConnectResult {
  /** Absolute path of the copy for readers. */
  readonly path: string;
  readonly exists: true;
  readonly readOnly: true;
  /** A command for a POSIX shell. */
  readonly shell: string;
  readonly python: string;
  readonly node: string;
  /** The address alone opens the file for writing: `jdbc_properties` belong to it. */
  readonly jdbc: string;
  readonly jdbcProperties: Readonly<Record<string, string>>;
  readonly sqlalchemy: string;
  readonly storageVersion: string;
  readonly tables: readonly { readonly name: string; readonly table: string }[];
}

/** Shows how to open the database elsewhere; it is not opened. Errors: WAREHOUSE_NOT_FOUND, WAREHOUSE_UNSUPPORTED. */
export async function connect(options: ConnectCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { flags, stdout } = context;
  const configuration = await context.loadConfig();
  const { warehouse } = configuration;
  if (warehouse.kind !== "duckdb") {
    const { tableTitle } = await import("../pipeline/months/select.ts");
    const tables = configuration.pipelines.map(tableTitle).join(", ");
    throw new BillhouseError("WAREHOUSE_UNSUPPORTED", "The warehouse is BigQuery, which is not a file to open.", {
      hint: `Open its tables with the bq tool or in the Google Cloud console: ${tables}.`,
    });
  }
  const result = await connections(configuration, warehouse);
  if (!existsSync(result.path)) {
    throw new BillhouseError("WAREHOUSE_NOT_FOUND", `There is no ${result.path}: nothing has been loaded yet.`, {
      hint: "Load the bills first: billhouse run.",
    });
  }
  if (flags.json) stdout.write(`${resultText(result, 2)}\n`);
  // To a shell every byte counts; on a terminal a path must not act.
  else if (options.shell) stdout.write(`${stdout.isTerminal ? visible(result.shell) : result.shell}\n`);
  else stdout.write(connectScreen(result, screenStyle(context)));
  return exitCodes.done;
}

/** How programs open the read copy of a DuckDB warehouse. */
export async function connections(configuration: Config, warehouse: DuckdbConfig): Promise<ConnectResult> {
  const [{ tableTitle }, { readCopyPath }] = await Promise.all([
    import("../pipeline/months/select.ts"),
    import("../warehouses/duckdb/paths.ts"),
  ]);
  const path = readCopyPath(warehouse.path);
  const literal = JSON.stringify(path);
  return {
    path,
    exists: true,
    readOnly: true,
    shell: `duckdb -readonly ${shellWord(path)}`,
    python: `duckdb.connect(${literal}, read_only=True)`,
    node: `await DuckDBInstance.create(${literal}, { access_mode: "READ_ONLY" })`,
    jdbc: `jdbc:duckdb:${path}`,
    jdbcProperties: { "duckdb.read_only": "true" },
    // SQLAlchemy before 2.1 takes the path as it stands, so nothing is percent-encoded.
    sqlalchemy: `duckdb:///${path}?access_mode=read_only`,
    storageVersion: warehouse.storageVersion,
    tables: configuration.pipelines.map((pipeline) => ({ name: pipeline.name, table: tableTitle(pipeline) })),
  };
}

/** How to open the database elsewhere, for people. Lines of code are never broken, so that they can be copied. */
export function connectScreen(result: ConnectResult, style: ScreenStyle): string {
  const { columns } = style;
  const property = Object.entries(result.jdbcProperties).map(([name, value]) => `${name} = ${value}`);
  const programs = [
    ["DuckDB shell", unbroken(visible(result.shell))],
    ["Python", unbroken(visible(result.python))],
    ["Node", unbroken(visible(result.node))],
    ["Superset, SQLAlchemy", unbroken(visible(result.sqlalchemy))],
    ["JDBC", `${unbroken(visible(result.jdbc))}\nwith the driver property ${property.join(", ")}`],
    ["DBeaver", "the path above, and the same driver property"],
    ["Metabase", 'the path above, and "Establish a read-only connection"'],
  ];
  const beside = alignSentences(
    programs.map(([name = "", text = ""]) => [`  ${name}`, text]),
    ["left", "left"],
    0,
  );
  const isNarrow = columns > 0 && beside.some((line) => displayWidth(line) > columns);
  const below = programs.flatMap(([name = "", text = ""]) => [`  ${name}`, `    ${wrapText(text, columns, 4)}`]);
  const tables = result.tables.map(({ name, table }) => [`  ${visible(table)}`, paint(style, "quiet", visible(name))]);
  const blocks = [
    [paint(style, "strong", visible(result.path)), `  ${wrapText(copyText, columns, 2)}`],
    isNarrow ? below : beside,
    [paint(style, "strong", "Tables"), ...alignRows(tables, ["left", "left"])],
    [wrapText(readers(result.storageVersion), columns, 0)],
  ];
  return `${blocks.map((block) => block.join("\n")).join("\n\n")}\n`;
}

const copyText =
  "A copy for readers. Each run that loads something replaces it in one step, and readers never block a run. Open it read-only, and reconnect to see a newer copy.";

function readers(storageVersion: string): string {
  const which =
    storageVersion === "latest" ? "DuckDB at least as new as that of billhouse" : `DuckDB ${storageVersion} or newer`;
  return `Reading it takes ${visible(which)}: storage_version in [destination.duckdb] sets this when the database is created.`;
}

/** A word of a POSIX shell. A plain path stays bare, because the shell does not take quotes away in `$(...)`. */
function shellWord(word: string): string {
  return /^[\w/.:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
