import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import {
  drawers,
  packagesLoadedAtOnce,
  undeclarativeFormats,
  undocumentedExports,
  usesOfAny,
  usesOfProcess,
  wrongDependencies,
  wrongImports,
  type Dependencies,
  type Sources,
} from "./support/source-rules.ts";
import { codeOf, importsOf } from "./support/source-text.ts";

const root = join(import.meta.dirname, "..");
const src = readSources("src");
const all = new Map([...src, ...readSources("demo"), ...readSources("test"), ...readSources("scripts")]);

/** Packages that may be loaded for `--help`. */
const helpPackages = ["@commander-js/extra-typings", "commander"];

/** Packages that the library may load at once: small ones, that most of its functions need. */
const lightPackages = ["p-map", "smol-toml", "zod"];

describe("the source tree", () => {
  test("has its entries and the list of each axis", () => {
    for (const file of ["cli", "index", "exports/index", "storages/index", "warehouses/index"]) {
      assert.ok(src.has(`src/${file}.ts`), `src/${file}.ts`);
    }
  });

  test("imports in one direction, and no driver imports another", () => {
    assert.deepEqual(wrongImports(src), []);
  });

  test("imports only files that are there", () => {
    const lost = [...all].flatMap(([file, source]) =>
      importsOf(source)
        .filter(({ from }) => from.startsWith(".") && from.endsWith(".ts"))
        .filter(({ from }) => !all.has(join(file, "..", from)))
        .map(({ from }) => `${file} imports ${from}`),
    );
    assert.deepEqual(lost, []);
  });

  test("loads no database and no SDK before a command needs it", () => {
    assert.deepEqual(packagesLoadedAtOnce(src, "src/cli.ts", helpPackages), []);
    assert.deepEqual(packagesLoadedAtOnce(src, "src/index.ts", lightPackages), []);
  });

  test("touches the process, and prints, only on the command line", () => {
    assert.deepEqual(usesOfProcess(src), []);
  });

  test("does not have a folder for miscellaneous code", () => {
    assert.deepEqual(drawers(all), []);
  });

  test("never says any", () => {
    assert.deepEqual(usesOfAny(all), []);
  });

  test("says of every export what must hold", () => {
    assert.deepEqual(undocumentedExports(all), []);
  });

  test("declares AWS and Azure exports without SQL, state or loops over months", () => {
    assert.ok([...src.keys()].some((file) => file.startsWith("src/exports/aws-")));
    assert.ok([...src.keys()].some((file) => file.startsWith("src/exports/azure-")));
    assert.deepEqual(undeclarativeFormats(src), []);
  });

  test("depends on exactly what it imports", () => {
    const listed = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Dependencies;
    assert.deepEqual(wrongDependencies(src, listed, installedPeersOf), []);
  });
});

describe("the checks themselves", () => {
  test("distinguish code from comments, strings, templates and regular expressions", () => {
    const source = [
      'const a = "any // \\" any"; // any',
      "const b = `any ${c /* any */ + `any ${{ d: '}' }.d} any`} any`;",
      'const e = 1 / 2; /* any\n any */ const f = /[/"]any\\//u.test(g) / 3;',
      "return /any/u;",
    ].join("\n");
    assert.doesNotMatch(codeOf(source), /any/u);
    assert.equal(codeOf(source).length, source.length);
    assert.deepEqual(codeOf(source).match(/\b[a-h]\b/gu), ["a", "b", "c", "d", "d", "e", "f", "g"]);
    assert.equal(codeOf(source, { withStrings: true }).match(/any/gu)?.length, 8);
  });

  test("find imports of every form", () => {
    const source = [
      'import a from "a";\nimport * as b from "b";\nimport {\n  c,\n  type C,\n} from "c";\nimport "d";',
      'import type { E } from "e";\nexport type { F } from "f";\nexport * from "g";\nexport { h } from "h";',
      'const i = await import("i");\nexport const j = "from";\nconst k = `\nimport x from "x";\nimport("y")`; // import("z")',
    ].join("\n");
    assert.deepEqual(
      importsOf(source).map(({ from, how }) => `${from} ${how}`),
      ["a value", "b value", "c value", "d value", "e type", "f type", "g value", "h value", "i dynamic"],
    );
  });

  test("see an import against the arrows", () => {
    const against = {
      "src/model.ts": 'import { a } from "./schema/types.ts";',
      "src/schema/types.ts": 'import type { A } from "../state/dlt.ts";',
      "src/pipeline/run.ts": 'const a = await import("../commands/run.ts");',
      "src/web/page.ts": 'import { a } from "../commands/run.ts";',
      "src/storages/file.ts": 'export { a } from "../exports/index.ts";',
      "src/warehouses/duckdb.ts": 'import { a } from "../config.ts";',
      "src/mist/fog.ts": 'import { a } from "../model.ts";',
    };
    for (const [file, source] of Object.entries(against)) {
      assert.equal(wrongImports(new Map([[file, source]])).length, 1, file);
    }
    const along = {
      "src/cli.ts": 'import { a } from "./commands/run.ts";\nimport { b } from "./errors.ts";',
      "src/commands/run.ts": 'import { a } from "../pipeline/run.ts";\nimport { b } from "../config.ts";',
      "src/pipeline/run.ts": 'import { a } from "../warehouses/index.ts";\nimport { b } from "./plan.ts";',
      "src/warehouses/duckdb.ts": 'import { a } from "../state/package.ts";\nimport { b } from "@duckdb/node-api";',
      "src/state/dlt.ts": 'import { a } from "../schema/types.ts";',
    };
    assert.deepEqual(wrongImports(new Map(Object.entries(along))), []);
  });

  test("see a driver that imports another, and let it import its own files and the contract", () => {
    const axis = {
      "src/storages/index.ts":
        'import { a } from "./s3.ts";\nimport { b } from "./gs.ts";\nimport type { C } from "./storage.ts";',
      "src/storages/s3.ts":
        'import { a } from "./s3-pages.ts";\nimport type { C } from "./storage.ts";\nimport { k } from "./keys.ts";',
    };
    assert.deepEqual(wrongImports(new Map(Object.entries(axis))), []);
    for (const [file, target] of [
      ["src/storages/s3.ts", "./gs.ts"],
      ["src/storages/s3-pages.ts", "./gs.ts"],
      ["src/storages/keys.ts", "./gs.ts"],
    ] as const) {
      const sources = new Map([...Object.entries(axis), [file, `import { a } from "${target}";`]] as const);
      assert.equal(wrongImports(sources).length, 1, file);
    }
  });

  test("see a heavy package through any number of files, and not behind a dynamic or a type import", () => {
    const sources = new Map([
      ["src/cli.ts", 'import { a } from "./a.ts";\nimport { z } from "zod";\nimport { r } from "node:fs";'],
      ["src/a.ts", 'export * from "./b.ts";\nimport { c } from "./cli.ts";'],
      ["src/b.ts", 'import { type D } from "@duckdb/node-api";'],
    ]);
    const way = "src/cli.ts -> src/a.ts -> src/b.ts -> @duckdb/node-api";
    assert.deepEqual(packagesLoadedAtOnce(sources, "src/cli.ts", ["zod"]), [way]);
    sources.set("src/b.ts", 'import type { D } from "@duckdb/node-api";\nawait import("@duckdb/node-api/lib/x.js");');
    assert.deepEqual(packagesLoadedAtOnce(sources, "src/cli.ts", ["zod"]), []);
    assert.deepEqual(packagesLoadedAtOnce(sources, "src/cli.ts", []), ["src/cli.ts -> zod"]);
  });

  test("see process and console outside the command line", () => {
    for (const source of [
      "const a = process.env;",
      "const { env } = process;",
      "console.log(1);",
      "globalThis.process.exit();",
      'import { env } from "node:process";',
    ]) {
      assert.equal(usesOfProcess(new Map([["src/pipeline/run.ts", source]])).length, 1, source);
      assert.deepEqual(usesOfProcess(new Map([["src/commands/run.ts", source]])), []);
    }
    const innocent = '// process.env\nconst a = "console.log"; b.process(); const c = { process: 1 }; preprocess();';
    assert.deepEqual(usesOfProcess(new Map([["src/pipeline/run.ts", innocent]])), []);
  });

  test("see drawers, any, and exports without a comment", () => {
    const names = ["src/utils/a.ts", "test/helpers.ts", "src/common/b.ts", "src/schema/util.ts"];
    assert.deepEqual(drawers(new Map([...names, "src/schema/commons.ts"].map((name) => [name, ""]))), names);
    for (const source of ["let a: any;", "f<any>()", "x as any", "type A = any[];"]) {
      assert.deepEqual(usesOfAny(new Map([["a.ts", source]])), ["a.ts:1 uses any"], source);
    }
    assert.deepEqual(usesOfAny(new Map([["a.ts", 'Promise.any(a); const many = "any"; // any']])), []);
    for (const bare of ["", "/** Of the file. */\n\n", "// Not a doc comment.\n", "/* Nor this. */\n", "/** */\n"]) {
      for (const export_ of ["function a(): void {}", "const a = 1;", "async function* a() {}", "type a = 1;"]) {
        assert.deepEqual(undocumentedExports(new Map([["a.ts", `${bare}export ${export_}`]])), [
          "a.ts: a has no doc comment",
        ]);
      }
    }
    const fine =
      '/** One. */\nexport function a(b: 1): 1;\nexport function a(b: 2): 2;\nexport * from "c";\nexport { d };';
    assert.deepEqual(undocumentedExports(new Map([["a.ts", fine]])), []);
  });

  test("find anything but a declaration in an export format", () => {
    for (const source of [
      'const a = "DELETE FROM t";',
      "const a = `select x from y`;",
      "const state = 1;",
      "function a(receipt: 1) {}",
      'const a = ["loaded_executions"];',
      "for (const month of months) {}",
    ]) {
      assert.equal(undeclarativeFormats(new Map([["src/exports/aws-cur.ts", source]])).length, 1, source);
    }
    const fine = "// A state of its own would be SQL.\nconst a = { estate: 1, createNew: 2, statement: 3 };";
    assert.deepEqual(undeclarativeFormats(new Map([["src/exports/azure-cost.ts", fine]])), []);
  });

  test("see versions that float and packages that are imported or listed for nothing", () => {
    const sources = new Map([
      ["src/a.ts", 'import { a } from "@x/a/lib";\nimport type { b } from "b";\nimport "node:fs";'],
    ]);
    const dependencies = { "@x/a": "1.2.3", b: "1.0.0-r.1", peer: "1.0.0" };
    const peersOf = (name: string): readonly string[] => (name === "b" ? ["peer"] : []);
    assert.deepEqual(wrongDependencies(sources, { dependencies, devDependencies: { c: "1.0.0" } }, peersOf), []);
    const wrong = { dependencies: { "@x/a": "^1.2.3", c: "1.0.0" }, devDependencies: { d: "latest" } };
    assert.deepEqual(wrongDependencies(sources, wrong, () => []).toSorted(), [
      "@x/a: not exact",
      "b: not listed",
      "c: not imported",
      "d: not exact",
    ]);
  });
});

/** The TypeScript files of a folder of the project, without fixtures. */
function readSources(folder: string): Sources {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((file) => file.endsWith(".ts") && !file.startsWith("test/fixtures/"));
  return new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));
}

function installedPeersOf(name: string): readonly string[] {
  const installed = readFileSync(join(root, "node_modules", name, "package.json"), "utf8");
  return Object.keys((JSON.parse(installed) as { peerDependencies?: object }).peerDependencies ?? {});
}
