import { posix } from "node:path";

import { codeOf, importsOf, linesWith, type Import } from "./source-text.ts";

/** Source files by their path in the project: `src/cli.ts`. */
export type Sources = ReadonlyMap<string, string>;

const foundation = ["model", "errors", "secrets", "version"];
const drivers = ["schema", "state", ...foundation];
const services = ["retry", "google-login", ...drivers];
const engine = ["exports", "storages", "warehouses", ...drivers];
const surfaces = ["answers", "pipeline", "focus", "drawing", "web", "demo"];

/** What each part of `src/` may import besides itself: the arrows point one way. */
const layers: Readonly<Record<string, readonly string[]>> = {
  secrets: [],
  retry: [],
  "google-login": ["retry", "model", "secrets"],
  errors: ["secrets"],
  version: [],
  model: ["errors"],
  schema: foundation,
  state: ["schema", ...foundation],
  config: [...foundation, "schema"],
  exports: drivers,
  storages: services,
  warehouses: services,
  files: drivers,
  focus: ["exports", ...drivers],
  pipeline: [...engine, "focus", "files", "config"],
  answers: ["pipeline", "focus", "files", ...engine, "config"],
  drawing: ["schema", ...foundation],
  web: ["answers", "pipeline", "drawing", ...engine, "config"],
  commands: [...surfaces, ...engine, "files", "config"],
  index: [...surfaces, ...engine, "config"],
  cli: ["commands", ...surfaces, ...engine, "config"],
};

/** The file of each axis that holds its contract. */
const contracts: Readonly<Record<string, string>> = {
  exports: "export.ts",
  storages: "storage.ts",
  warehouses: "warehouse.ts",
};

/** Imports against the arrows, of a part outside the layers, or of one driver by another. */
export function wrongImports(sources: Sources): readonly string[] {
  return [...sources].flatMap(([file, source]) =>
    importsOf(source)
      .filter(({ from }) => from.startsWith("."))
      .flatMap(({ from }) => {
        const target = posix.join(posix.dirname(file), from);
        const [here, there] = [layerOf(file), layerOf(target)];
        const allowed = layers[here];
        if (allowed === undefined) return [`${file}: src/${here} has no place among the layers`];
        if (here !== there && !allowed.includes(there))
          return [`${file} imports ${target}: ${here} may not use ${there}`];
        const [driver, other] = [driverOf(sources, file), driverOf(sources, target)];
        const foreign = other !== undefined && driver !== other && posix.basename(file) !== "index.ts";
        return here === there && foreign ? [`${file} imports ${target}: that is another driver's`] : [];
      }),
  );
}

/** Packages, other than `light` ones, that are loaded as soon as `entry` is, with the way that leads to each. */
export function packagesLoadedAtOnce(sources: Sources, entry: string, light: readonly string[]): readonly string[] {
  const ways = new Map([[entry, entry]]);
  const heavy: string[] = [];
  // A map gives the entries that are added while it is walked, too.
  for (const [file, way] of ways) {
    for (const { from, how } of importsOf(sources.get(file) ?? "")) {
      if (how !== "value" || from.startsWith("node:")) continue;
      const target = from.startsWith(".") ? posix.join(posix.dirname(file), from) : packageOf(from);
      if (from.startsWith(".")) ways.set(target, ways.get(target) ?? `${way} -> ${target}`);
      else if (!light.includes(target)) heavy.push(`${way} -> ${target}`);
    }
  }
  return heavy;
}

/** Uses of `process` and `console` outside the command line. */
export function usesOfProcess(sources: Sources): readonly string[] {
  return (
    [...sources]
      // The name of a program that billhouse starts as a process of its own ends with `-process`.
      .filter(([file]) => file !== "src/cli.ts" && !file.startsWith("src/commands/") && !file.endsWith("-process.ts"))
      .flatMap(([file, source]) => [
        ...linesWith(codeOf(source), /(?<![\w$.])(?:process|console|globalThis)\b(?!\s*:)/gu).map(
          (line) => `${file}:${line} uses process or console`,
        ),
        ...importsOf(source)
          .filter(({ from }) => /^(?:node:)?(?:process|console)$/u.test(from))
          .map(({ from }) => `${file} imports ${from}`),
      ])
  );
}

/** Files and folders for miscellaneous code. */
export function drawers(sources: Sources): readonly string[] {
  return [...sources.keys()].filter((file) => /(?:^|\/)(?:utils?|helpers?|common|misc|shared)(?:\/|\.ts$)/u.test(file));
}

/** Uses of the type `any`. */
export function usesOfAny(sources: Sources): readonly string[] {
  return [...sources].flatMap(([file, source]) =>
    linesWith(codeOf(source), /(?<![\w$.])any(?![\w$(:])/gu).map((line) => `${file}:${line} uses any`),
  );
}

/** Exports without a doc comment directly above them. What is only passed on has its comment where it is made. */
export function undocumentedExports(sources: Sources): readonly string[] {
  return [...sources].flatMap(([file, source]) => {
    const declaration =
      /^export (?:default |declare |async |abstract )*(?:function\*?|const|let|class|interface|type|enum) ?(?<name>[\w$]+)/gmu;
    const documented = new Set<string>();
    return [...codeOf(source).matchAll(declaration)].flatMap((match) => {
      const name = match.groups?.["name"] ?? "";
      const comment = /\/\*\*(?<words>(?:(?!\*\/)[\s\S])*)\*\/\n$/u.exec(source.slice(0, match.index));
      // Overloads share the comment of the first.
      if (/\w/u.test(comment?.groups?.["words"] ?? "")) documented.add(name);
      return documented.has(name) ? [] : [`${file}: ${name} has no doc comment`];
    });
  });
}

/** Control flow over months, SQL and state in the declarations of export formats. */
export function undeclarativeFormats(sources: Sources): readonly string[] {
  const sql =
    /\b(?:SELECT|INSERT|DELETE|UPDATE|MERGE|CREATE|ALTER|DROP)\b|\b(?:select|delete)\b[^\n]*\bfrom\b|\binsert into\b/gu;
  const state = /\b(?:state|ledger|receipts?|lease|loadId|load_id|loaded_?executions)\b/giu;
  const months = /\b(?:for|while)\s*\([^)]*month/giu;
  return [...sources]
    .filter(([file]) => /^src\/exports\/(?:aws|azure)-[^/]*\.ts$/u.test(file))
    .flatMap(([file, source]) => {
      const code = codeOf(source, { withStrings: true });
      return [
        ...linesWith(code, sql).map((line) => `${file}:${line} holds SQL`),
        ...linesWith(code, state).map((line) => `${file}:${line} speaks of state`),
        ...linesWith(code, months).map((line) => `${file}:${line} walks over months`),
      ];
    });
}

/** What a `package.json` lists of its dependencies. */
export interface Dependencies {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/**
 * Versions that are not exact, packages that `src/` imports but does not list, and listed ones that are not imported;
 * `peersOf` returns the peer dependencies of a package.
 */
export function wrongDependencies(
  sources: Sources,
  listed: Dependencies,
  peersOf: (name: string) => readonly string[],
): readonly string[] {
  const imported = new Set(
    [...sources.values()].flatMap((source) =>
      importsOf(source)
        .filter(({ from }: Import) => !from.startsWith(".") && !from.startsWith("node:"))
        .map(({ from }) => packageOf(from)),
    ),
  );
  const needed = new Set([...imported, ...[...imported].flatMap(peersOf)]);
  const versions = Object.entries({ ...listed.devDependencies, ...listed.dependencies });
  return [
    ...versions
      .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/u.test(version))
      .map(([name]) => `${name}: not exact`),
    ...[...imported].filter((name) => listed.dependencies[name] === undefined).map((name) => `${name}: not listed`),
    ...Object.keys(listed.dependencies)
      .filter((name) => !needed.has(name))
      .map((name) => `${name}: not imported`),
  ];
}

function layerOf(file: string): string {
  return (
    file
      .replace(/^src\//u, "")
      .split("/")[0]
      ?.replace(/\.ts$/u, "") ?? ""
  );
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/**
 * The driver that a file belongs to: the first word of a name (`duckdb` for `duckdb-load.ts`) that the axis lists in its
 * `index.ts`; undefined for the contract, the list, and what the drivers of an axis share.
 */
function driverOf(sources: Sources, file: string): string | undefined {
  const axis = layerOf(file);
  if (contracts[axis] === undefined || posix.basename(file) === contracts[axis]) return undefined;
  const listed = importsOf(sources.get(`src/${axis}/index.ts`) ?? "")
    .filter(({ from }) => from.startsWith("./") && from !== `./${contracts[axis]}`)
    .map(({ from }) => firstWord(from.slice(2)));
  const word = firstWord(file.slice(`src/${axis}/`.length));
  return listed.includes(word) ? word : undefined;
}

function firstWord(name: string): string {
  return name.split(/[-./]/u)[0] ?? "";
}
