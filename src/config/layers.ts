import { readFile } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { editDistance } from "./nearest.ts";
import { keysAt, looksSecret } from "./schema.ts";
import { BillhouseError } from "../errors.ts";

/** The files of a configuration, read. */
export interface ConfigFiles {
  /** `dlt` files contain sections of other programs; `billhouse.toml` contains only ours. */
  readonly style: "billhouse" | "dlt" | "none";
  /** The file that names the configuration, absolute; null without one. */
  readonly file: string | null;
  /** The folder that relative paths start from. */
  readonly folder: string;
  readonly layers: readonly Layer[];
  /** `.dlt/secrets.toml` beside a `billhouse.toml`: read for credentials alone. */
  readonly secrets: readonly Layer[];
}

/**
 * Finds and reads the configuration files: the one that was named, else `billhouse.toml`, else `.dlt/config.toml` with
 * `.dlt/secrets.toml`, else none. Error: CONFIG_INVALID.
 */
export async function readConfigFiles(folder: string, named: string | undefined): Promise<ConfigFiles> {
  if (named !== undefined) {
    const file = resolve(folder, named);
    if (basename(dirname(file)) === ".dlt") return readDltFiles(dirname(file), folder, file);
    const layer = await readLayer(file, folder);
    if (layer === null) throw missingFile(named);
    return billhouseFiles(file, folder, layer);
  }
  const file = resolve(folder, "billhouse.toml");
  const layer = await readLayer(file, folder);
  if (layer !== null) return billhouseFiles(file, folder, layer);
  return readDltFiles(resolve(folder, ".dlt"), folder, undefined);
}

async function billhouseFiles(file: string, folder: string, layer: Layer): Promise<ConfigFiles> {
  const secrets = await readLayer(resolve(dirname(file), ".dlt", "secrets.toml"), folder);
  const credentials = secrets?.filter(({ path }) => path.includes("credentials")) ?? [];
  return { style: "billhouse", file, folder: dirname(file), layers: [layer], secrets: [credentials] };
}

async function readDltFiles(dlt: string, folder: string, named: string | undefined): Promise<ConfigFiles> {
  const config = resolve(dlt, "config.toml");
  const secrets = resolve(dlt, "secrets.toml");
  const files = named === undefined || named === config || named === secrets ? [config, secrets] : [named, secrets];
  const layers = await Promise.all(files.map((file) => readLayer(file, folder)));
  const found = files.filter((_, index) => layers[index] !== null);
  if (named !== undefined && !found.includes(named)) throw missingFile(relative(folder, named));
  const [file] = found;
  if (file === undefined) return { style: "none", file: null, folder, layers: [], secrets: [] };
  // dlt's own relative paths start from the folder that holds `.dlt`, where its pipelines run.
  return { style: "dlt", file, folder: dirname(dlt), layers: layers.filter((layer) => layer !== null), secrets: [] };
}

/** The settings of one TOML file, or null when there is no such file. */
async function readLayer(file: string, folder: string): Promise<Layer | null> {
  const inside = relative(folder, file);
  const shown = inside.startsWith("..") ? file : inside;
  const text = await readText(file, shown);
  if (text === null) return null;
  try {
    return tomlLayer(parse(text), (path) => ({ file: shown, line: lineOf(text, path) }));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Only the first line of the parser's message: the rest quotes the file, which may contain secrets.
    const reason = (error.message.split("\n")[0] ?? "").replace("Invalid TOML document: ", "");
    throw new BillhouseError("CONFIG_INVALID", `${shown}, line ${error.line}: this is not valid TOML (${reason}).`, {
      hint: `Look at line ${error.line}, column ${error.column}: text needs quotes, and a key may appear only once.`,
    });
  }
}

async function readText(file: string, shown: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    const reason = code === "EISDIR" ? "is a folder" : code === "EACCES" ? "cannot be read: access is denied" : null;
    if (reason === null) throw error;
    throw new BillhouseError("CONFIG_INVALID", `The configuration file ${shown} ${reason}.`, {
      hint: "Choose a readable TOML file, for example --config billhouse.toml.",
      cause: error,
    });
  }
}

function missingFile(named: string): BillhouseError {
  return new BillhouseError("CONFIG_INVALID", `There is no configuration file ${named}.`, {
    hint: "Correct the path after --config, or omit it to use billhouse.toml in the working folder.",
  });
}

/** The line that sets a key or opens a section, or null if unknown. */
function lineOf(toml: string, path: readonly string[]): number | null {
  const wanted = path.join(".");
  let section = "";
  for (const [index, line] of toml.split("\n").entries()) {
    const header = /^\s*\[\[?([^\]]+)\]/.exec(line)?.[1];
    const key = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(line)?.[1];
    if (header !== undefined) section = plainName(header);
    else if (key === undefined) continue;
    const name = header === undefined ? [section, plainName(key ?? "")].filter(Boolean).join(".") : section;
    // The key itself, a section inside it, or the inline table around it.
    const around = header === undefined && wanted.startsWith(`${name}.`);
    if (name === wanted || name.startsWith(`${wanted}.`) || around) return index + 1;
  }
  return null;
}

function plainName(name: string): string {
  return name
    .split(".")
    .map((part) => part.trim().replace(/^["']|["']$/g, ""))
    .join(".");
}

/** Sections of billhouse that dlt does not know. */
const ownSections: ReadonlySet<string> = new Set(["notify", "focus", "budgets"]);

/** Where a setting was written: in a file, at a line if it is known, or in an environment variable. */
export type Origin = { readonly file: string; readonly line: number | null } | { readonly variable: string };

/** One key with its value, and where it was written. */
export interface Setting {
  /** `["sources", "aws_cur", "bucket"]`. */
  readonly path: readonly string[];
  readonly value: unknown;
  /** Where a path was written: the setting's own, or one around it or inside its value. */
  readonly origin: (path: readonly string[]) => Origin;
}

/** One place that settings come from; a later layer wins over an earlier one, key by key. */
export type Layer = readonly Setting[];

/**
 * The settings of a TOML document, one for each key of a section. A value instead of a section is kept, so that the
 * check refuses it.
 */
export function tomlLayer(document: Readonly<Record<string, unknown>>, origin: Setting["origin"]): Layer {
  const settings: Setting[] = [];
  const walk = (value: unknown, path: string[]): void => {
    if (path.length < 3 && isTable(value)) {
      // An empty section counts too: `[destination.bigquery]` alone chooses the warehouse.
      if (path.length === 2 && Object.keys(value).length === 0) settings.push({ path, value, origin });
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
    } else {
      settings.push({ path, value, origin });
    }
  };
  walk(document, []);
  return settings;
}

/**
 * The settings that environment variables make: `SOURCES__AWS_CUR__BUCKET`. `sections` are the names in the files, so
 * that a variable finds `[sources.Aws_Cur]` too. An empty variable counts as not set.
 */
export function environmentLayer(
  environment: Readonly<Record<string, string | undefined>>,
  sections: readonly string[],
): Layer {
  return Object.entries(environment).flatMap(([variable, value]): Setting[] => {
    const [root, ...rest] = variable.split("__");
    if (value === undefined || value === "") return [];
    const origin = (): Origin => ({ variable });
    if (root !== undefined && ownSections.has(root.toLowerCase()) && rest.length === 1) {
      const key = rest[0]?.toLowerCase() ?? "";
      return [{ path: [root.toLowerCase(), key], value: typedValue(key, value), origin }];
    }
    if (root === "CREDENTIALS" || (root === "DESTINATION" && rest[0] === "CREDENTIALS")) {
      return [{ path: variable.toLowerCase().split("__"), value, origin }];
    }
    if (rest.length < 2) return [];
    if (root === "SOURCES" && rest.length === 2) {
      const name = sections.find((section) => section.toUpperCase() === rest[0]) ?? rest[0]?.toLowerCase() ?? "";
      const key = rest[1]?.toLowerCase() ?? "";
      return [{ path: ["sources", name, key], value: typedValue(key, value), origin }];
    }
    const warehouse = rest[0]?.toLowerCase() ?? "";
    if (root !== "DESTINATION" || (warehouse !== "duckdb" && warehouse !== "bigquery")) return [];
    // A key of more than one part belongs to dlt (credentials), and still says which warehouse is meant.
    const key = rest.slice(1).join("__").toLowerCase();
    return [{ path: ["destination", warehouse, key], value: typedValue(key, value), origin }];
  });
}

/**
 * The names of the `[sources.*]` sections that are billing exports: dlt's files and the environment also
 * contain sections of other programs.
 */
export function exportSections(layers: readonly Layer[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { path } of layers.flat()) {
    const [root, section = "", key] = path;
    if (root === "sources" && key !== undefined && marksExport(section, key)) names.add(section);
  }
  return names;
}

/**
 * Leaves out what belongs to dlt alone: other sources, other destinations, credentials, and `[runtime]` and its like.
 * What looks like one of our keys mistyped stays, for the check to name.
 */
export function withoutForeign(layer: Layer, sections: ReadonlySet<string>): Layer {
  return layer.flatMap((setting): Setting[] => {
    const [root, section = "", key] = setting.path;
    if (root !== undefined && ownSections.has(root)) return isNear(section, keysAt([root]) ?? []) ? [setting] : [];
    if (root === "sources") return sections.has(section) && !looksSecret(key ?? "") ? [setting] : [];
    if (root !== "destination" || (section !== "duckdb" && section !== "bigquery")) return [];
    if (key === undefined) return isTable(setting.value) ? [setting] : [];
    if (isNear(key, keysAt(["destination", section]) ?? [])) return [setting];
    return section === "bigquery" ? [{ path: [root, section], value: {}, origin: setting.origin }] : [];
  });
}

/** Joins layers into one document, and remembers where each key came from. */
export function mergeLayers(layers: readonly Layer[]): {
  document: Record<string, unknown>;
  origins: ReadonlyMap<string, Origin>;
} {
  const document: Record<string, unknown> = {};
  const origins = new Map<string, Origin>();
  for (const layer of layers) {
    for (const setting of layer) {
      dropRival(document, setting.path, layer);
      place(document, setting.path, setting.value);
      for (let length = 1; length < setting.path.length; length++) {
        const outer = setting.path.slice(0, length).join(".");
        if (!origins.has(outer)) origins.set(outer, setting.origin(setting.path.slice(0, length)));
      }
      origins.set(setting.path.join("."), setting.origin(setting.path));
    }
  }
  return { document, origins };
}

/** Whether a value is a TOML table: an object that is neither a list nor a date. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function marksExport(section: string, key: string): boolean {
  if (section === "aws_cur" || section === "azure_billing") return true;
  // dlt's own source of this name has a `bucket_url` as well.
  return section !== "filesystem" && isNear(key, ["bucket", "bucket_url", "export_name", "first_month"]);
}

/** Whether a key is a known one, or a mistyped one. */
function isNear(key: string, known: readonly string[]): boolean {
  return known.some((name) => editDistance(key, name) <= (name.length < 6 ? 1 : 2));
}

/** `bucket` and `bucket_url` say the same thing: a later layer that gives one of them replaces both. */
function dropRival(document: Record<string, unknown>, path: readonly string[], layer: Layer): void {
  const rival = path[2] === "bucket" ? "bucket_url" : path[2] === "bucket_url" ? "bucket" : undefined;
  if (rival === undefined || path[0] !== "sources") return;
  const rivalPath = [...path.slice(0, 2), rival].join(".");
  if (layer.some((setting) => setting.path.join(".") === rivalPath)) return;
  const section = isTable(document["sources"]) ? document["sources"][path[1] ?? ""] : undefined;
  if (isTable(section)) delete section[rival];
}

function place(document: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let table = document;
  for (const name of path.slice(0, -1)) {
    const inner = table[name];
    table = isTable(inner) ? inner : (table[name] = {});
  }
  const last = path.at(-1) ?? "";
  if (!isTable(value) || !isTable(table[last])) table[last] = isTable(value) ? { ...value } : value;
}

/**
 * The environment has only text; a few keys are numbers, some are lists of words separated by commas, and joined tables are such a
 * list of `name=address`.
 */
function typedValue(key: string, text: string): unknown {
  if (["null_values", "tags", "placeholders"].includes(key)) return text.split(",");
  if (key === "tables") {
    const pairs = text.split(",").map((pair) => /^([^=]*)=?(.*)$/s.exec(pair) ?? []);
    return Object.fromEntries(pairs.map(([, name = "", table = ""]) => [name.trim(), { table: table.trim() }]));
  }
  const isNumber = key === "threads" || key === "keep_previous";
  return isNumber && /^\d+$/.test(text) ? Number(text) : text;
}
