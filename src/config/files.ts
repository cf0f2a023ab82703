import { readFile } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { BillhouseError } from "../errors.ts";
import { type Layer, tomlLayer } from "./settings.ts";

/** The files of a configuration, read. */
export interface ConfigFiles {
  /** `dlt` files hold sections of other programs; `billhouse.toml` holds ours alone. */
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
    // Only the first line of the parser's message: the rest shows the file, and the file may hold secrets.
    const reason = (error.message.split("\n")[0] ?? "").replace("Invalid TOML document: ", "");
    throw new BillhouseError("CONFIG_INVALID", `${shown}, line ${error.line}: this is not valid TOML (${reason}).`, {
      hint: `Look at line ${error.line}, column ${error.column}: text stands in quotes, and a key stands once.`,
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
      hint: "Name a readable TOML file, such as --config billhouse.toml.",
      cause: error,
    });
  }
}

function missingFile(named: string): BillhouseError {
  return new BillhouseError("CONFIG_INVALID", `There is no configuration file ${named}.`, {
    hint: "Correct the path after --config, or leave it out to use billhouse.toml of the working folder.",
  });
}

/** The line that writes a key or opens a section, or null when it cannot be told. */
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
