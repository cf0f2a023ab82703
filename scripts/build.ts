import { chmodSync, cpSync, globSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { build } from "esbuild";

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

rmSync(target, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  // Code starts a thread or a process from the file of this name beside it.
  entryPoints: ["src/cli.ts", ...globSync("src/**/{thread,*-process}.ts", { cwd: root })],
  outdir: target,
  entryNames: "[name]",
  bundle: true,
  splitting: true,
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
});
refuseLazyPackages();
// The pages of the dashboard read their style, script and icon from beside the program.
cpSync(join(root, "src", "web", "assets"), join(target, "assets"), { recursive: true });
chmodSync(join(target, "cli.js"), 0o755);
writeFileSync(join(target, "LICENSES.md"), licences());

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
  for (const [file, { imports }] of Object.entries(metafile.inputs)) {
    const lazy = imports.find(({ kind, path }) => kind === "dynamic-import" && path.includes("node_modules/"));
    if (lazy !== undefined) throw new Error(`${file} imports ${lazy.path} lazily. Import it at the top of the file.`);
  }
}

/** The licences of the bundled packages, which their copies must carry. */
function licences(): string {
  const inputs = Object.keys(metafile.inputs);
  return bundled
    .filter((name) => inputs.some((path) => path.includes(`node_modules/${name}/`)))
    .map((name) => {
      const folder = join(root, "node_modules", name);
      const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
      if (file === undefined) throw new Error(`The package ${name} contains no licence.`);
      return `# ${name}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
    })
    .join("\n");
}
