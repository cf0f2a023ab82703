import { editDistance } from "./nearest.ts";
import { keysAt } from "./schema.ts";
import { looksSecret } from "./secrets.ts";

/** Where a setting was written: in a file, at a line if it can be told, or in an environment variable. */
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
 * The settings of a TOML document, one for each key of a section. A value that stands where a section belongs is kept
 * as it is, for the check to refuse.
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
 * The names of the `[sources.*]` sections that are billing exports: dlt's files and the environment hold sections of
 * other programs too.
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

/** Whether a key is one of the known ones, or one with a slip of the finger. */
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

/** The environment knows only text; a few keys are numbers. */
function typedValue(key: string, text: string): unknown {
  const isNumber = key === "threads" || key === "keep_previous";
  return isNumber && /^\d+$/.test(text) ? Number(text) : text;
}
