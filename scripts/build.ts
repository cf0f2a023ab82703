import { chmodSync, cpSync, globSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join, relative } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";

/*
 * Bundles the program into dist/program/, beside the library that tsc has written: Node takes longer to find and read
 * hundreds of small files than most commands take to run (docs/decisions/0014-the-program-is-bundled.md).
 *
 *   node scripts/build.ts
 */

/** Packages of which the program loads many files at each start. All others, the SDKs too, stay outside and load lazily. */
const bundled = ["@commander-js/extra-typings", "@duckdb/node-api", "commander", "smol-toml", "zod"];

const root = join(import.meta.dirname, "..");
const target = join(root, "dist", "program");
const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  dependencies: Readonly<Record<string, string>>;
};

/**
 * Modules that are loaded together, as one file each: what every start needs, what a query needs, what a run needs. Otherwise
 * esbuild makes a file for each set of modules that some commands share, and a run loads ninety of them, which takes Node longer
 * than to run what they contain. A module is in the first group that imports it.
 */
const groups: Readonly<Record<string, readonly string[]>> = {
  start: ["commands/program.ts", "commands/terminal.ts", "commands/failure.ts"],
  open: ["config/reading.ts", "pipeline/query.ts", "warehouses/index.ts", "warehouses/points.ts", "schema/names.ts"],
  duckdb: ["warehouses/duckdb/driver.ts"],
  run: [
    ...["run", "plan", "status", "views/source"].map((name) => `pipeline/${name}.ts`),
    "storages/file.ts",
    "state/receipts.ts",
    "warehouses/views.ts",
  ],
  write: ["warehouses/duckdb/every-run.ts"],
};

const options = {
  absWorkingDir: root,
  outdir: target,
  entryNames: "[name]",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node22.18",
  external: [...Object.keys(dependencies).filter((name) => !bundled.includes(name)), "@duckdb/node-bindings"],
  // The packages that are CommonJS call `require`. Any version of Node must be able to read this line: see src/cli.ts.
  banner: {
    js: `import { createRequire as requireFrom } from "module"; const require = requireFrom(import.meta.url);`,
  },
  define: { hashOfSources: JSON.stringify(hashOfSources()) },
  sourcemap: "linked",
  sourcesContent: false,
  metafile: true,
} as const satisfies BuildOptions;

rmSync(target, { recursive: true, force: true });
const program = { ...options, entryPoints: ["src/cli.ts"], splitting: true };
const { inputs } = (await build({ ...program, write: false })).metafile;
const { outputs } = (await build({ ...program, plugins: [grouping()] })).metafile;
refuseDuckdb("src/warehouses/bigquery/driver.ts");
// Code starts a thread or a process from the file of this name beside it, which is whole in itself.
await build({ ...options, entryPoints: globSync("src/**/{thread,*-process}.ts", { cwd: root }) });
refuseLazyPackages();
// The pages of the dashboard read their style, script and icon from beside the program.
cpSync(join(root, "src", "web", "assets"), join(target, "assets"), { recursive: true });
chmodSync(join(target, "cli.js"), 0o755);
writeFileSync(join(target, "LICENSES.md"), licences());

/** Makes one file of each group: whatever can be loaded alone and imports a module of a group imports the whole group. */
function grouping(): Plugin {
  const placed = new Set<string>();
  const members = Object.entries(groups).map(([name, seeds]) => {
    const own = [...closureOf(seeds.map((seed) => `src/${seed}`))].filter((file) => !placed.has(file));
    for (const file of own) placed.add(file);
    return { name, own };
  });
  const lazy = Object.values(inputs).flatMap(({ imports }) => imports.filter(({ kind }) => kind === "dynamic-import"));
  const starts = new Set(lazy.map(({ path }) => path));
  return {
    name: "grouping",
    setup(build) {
      build.onResolve({ filter: /^group:/ }, ({ path }) => ({ path, namespace: "group" }));
      build.onLoad({ filter: /.*/, namespace: "group" }, ({ path }) => {
        const own = members.find(({ name }) => path === `group:${name}`)?.own ?? [];
        // What is loaded alone imports the group itself.
        const files = own.filter((file) => /^src\/.*\.ts$/.test(file) && !starts.has(file));
        return {
          contents: files.map((file) => `import ${JSON.stringify(join(root, file))};`).join("\n"),
          resolveDir: root,
        };
      });
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const file = relative(root, path).replaceAll("\\", "/");
        if (!starts.has(file)) return undefined;
        const reached = closureOf([file]);
        const wanted = members.filter(({ own }) => own.some((each) => reached.has(each)));
        // On one line, so that source maps stay true.
        const imports = wanted.map(({ name }) => `import "group:${name}"; `).join("");
        return { contents: imports + readFileSync(path, "utf8"), loader: "ts" };
      });
    },
  };
}

/** Some modules and all that they import, those apart that are loaded when they are needed. */
function closureOf(files: readonly string[]): ReadonlySet<string> {
  const found = new Set(files);
  // Grows while it is walked through.
  for (const file of found)
    for (const { path, kind } of inputs[file]?.imports ?? [])
      if (kind !== "dynamic-import" && path in inputs) found.add(path);
  return found;
}

/** DuckDB, which takes longer to load than all else, must not come with a module that others need too. */
function refuseDuckdb(file: string): void {
  const [start] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === file) ?? [];
  if (start === undefined) throw new Error(`${file} is not loaded alone.`);
  const found = new Set([start]);
  for (const path of found) {
    for (const { path: next, kind, external } of outputs[path]?.imports ?? []) {
      if (external === true && next.startsWith("@duckdb/"))
        throw new Error(`${path} loads DuckDB with ${file}. Add what they share to a group that comes before DuckDB.`);
      if (external !== true && kind !== "dynamic-import") found.add(next);
    }
  }
}

/** A hash of everything that decides what the program does: its sources, and the versions of its packages. */
function hashOfSources(): string {
  const files = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash("sha256");
  for (const file of [...files.toSorted(), join(root, "package.json")])
    hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest("hex");
}

/** A bundled package that is CommonJS lacks its named exports where it is imported with `await import()`. */
function refuseLazyPackages(): void {
  for (const [file, { imports }] of Object.entries(inputs)) {
    const lazy = imports.find(({ kind, path }) => kind === "dynamic-import" && path.includes("node_modules/"));
    if (lazy !== undefined) throw new Error(`${file} imports ${lazy.path} lazily. Import it at the top of the file.`);
  }
}

/** The licences of the bundled packages, which their copies must carry. */
function licences(): string {
  return bundled
    .filter((name) => Object.keys(inputs).some((path) => path.includes(`node_modules/${name}/`)))
    .map((name) => {
      const folder = join(root, "node_modules", name);
      const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
      if (file === undefined) throw new Error(`The package ${name} contains no licence.`);
      return `# ${name}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
    })
    .join("\n");
}
