import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { temporaryFolder } from "./support/folders.ts";
import { modulesLoadedBy, packagesOf } from "./support/loaded-modules.ts";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);

// npm, npx and what they start run on the Node of the test, whatever stands first in the path.
const environment = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}` };

test("the package installs in an empty folder, and works there", { timeout: 180_000 }, async (t) => {
  const folder = await temporaryFolder(t);
  const source = join(folder, "source");
  const empty = join(folder, "empty");
  await mkdir(source);
  await mkdir(empty);
  // Packed from a copy: `prepare` writes dist/, and other tests may be reading that of the checkout.
  const names = [".npmrc", "package.json", "tsconfig.json", "tsconfig.build.json", "src", "demo", "docs", "LICENSE"];
  const pages = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"];
  for (const name of [...names, ...pages, "scripts/build.ts"]) {
    await cp(join(root, name), join(source, name), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(source, "node_modules"), "junction");

  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const tarball = join(folder, `billhouse-${version}.tgz`);
  await run("npm", ["pack", "--pack-destination", folder], { cwd: source, env: environment });

  await t.test("contains the program, its types and its documentation, and no sources or tests", async () => {
    const { stdout } = await run("tar", ["-tzf", tarball]);
    const files = stdout.trim().split("\n");
    for (const name of [
      "LICENSE",
      ...pages,
      "docs/errors.md",
      "package.json",
      "dist/program/cli.js",
      "dist/program/LICENSES.md",
      "dist/program/assets/style.css",
      "dist/src/index.js",
      "dist/src/index.d.ts",
    ]) {
      assert.ok(files.includes(`package/${name}`), name);
    }
    const allowed =
      /^package\/(?:LICENSE|[A-Z]+\.md|package\.json|docs\/.*\.md|dist\/src\/.*\.(?:js|d\.ts)|dist\/program\/[\w-]+\.(?:js|js\.map)|dist\/program\/LICENSES\.md|dist\/program\/assets\/(?:style\.css|script\.js|icon\.svg)|dist\/src\/focus\/(?:lookups|rules)\/.*\.json)$/u;
    assert.deepEqual(
      files.filter((file) => !allowed.test(file)),
      [],
    );
  });

  await t.test("npx billhouse in the checkout, and below it, asks the registry for nothing", async () => {
    let requests = 0;
    const registry = createServer((_, response) => {
      requests += 1;
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
    t.after(() => registry.close());
    const address = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
    const env = { ...environment, npm_config_registry: address, npm_config_cache: join(folder, "cache") };
    const below = join(source, "billhouse-demo");
    await mkdir(below);
    for (const cwd of [source, below]) {
      const { stdout, stderr } = await run("npx", ["billhouse", "--version"], { cwd, env });
      assert.deepEqual([stdout.trim(), stderr], [version, ""]);
    }
    assert.equal(requests, 0);
    await assert.rejects(run("npx", ["--yes", "no-such-billhouse"], { cwd: source, env }));
    assert.ok(requests > 0, "other packages are looked up there");
  });

  await t.test("npm link in the checkout puts billhouse on the path", async () => {
    const prefix = join(folder, "prefix");
    const env = { ...environment, npm_config_prefix: prefix };
    await run("npm", ["link", "--no-audit", "--no-fund", "--offline"], { cwd: source, env });
    const { stdout } = await run(join(prefix, "bin", "billhouse"), ["--version"], { cwd: empty, env });
    assert.equal(stdout.trim(), version);
  });

  await writeFile(join(empty, "package.json"), '{"private": true, "type": "module"}');
  const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball];
  await run("npm", install, { cwd: empty, env: environment });

  await t.test("runs as npx billhouse", async () => {
    const answer = await run("npx", ["billhouse", "--version"], { cwd: empty, env: environment });
    assert.equal(answer.stdout.trim(), version);
    const help = await run("npx", ["billhouse", "--help"], { cwd: empty, env: environment });
    for (const command of ["demo", "plan", "run", "status", "state", "query"]) {
      assert.match(help.stdout, new RegExp(`^\\s+${command}\\b`, "mu"), command);
    }
  });

  const program = join(empty, "node_modules", "billhouse", "dist", "program", "cli.js");

  await t.test("loads few files to start, and only what the command needs", async () => {
    const help = await modulesLoadedBy(program, ["--help"], { folder: empty });
    assert.ok(help.length < 30, `--help loads ${help.length} files`);
    const texts = await Promise.all(help.map((url) => readFile(new URL(url), "utf8")));
    // Each bundle names the files that are in it.
    for (const name of ["@duckdb/node-api", "zod", "smol-toml"]) {
      assert.ok(!texts.some((text) => text.includes(`node_modules/${name}/`)), name);
    }
    assert.deepEqual(packagesOf(help), ["billhouse"]);
    const environment = { SOURCES__AWS_CUR__BUCKET_URL: empty };
    const query = await modulesLoadedBy(program, ["query", "SELECT 1"], { folder: empty, environment });
    assert.ok(query.length < 60, `a query loads ${query.length} files`);
    assert.deepEqual(packagesOf(query), ["@duckdb/node-bindings", "billhouse", "detect-libc"]);
  });

  await t.test("loads, answers and shows the stack of an error as the sources have it", async () => {
    const demo = await run("npx", ["billhouse", "demo", "--json"], { cwd: empty, env: environment });
    assert.match(demo.stdout, /"event":"run_finished"/);
    const cwd = join(empty, "billhouse-demo");
    // The views are as the first run noted them.
    const idle = await modulesLoadedBy(program, ["run"], { folder: cwd });
    const files = await Promise.all(idle.map((url) => readFile(new URL(url), "utf8")));
    assert.ok(!files.some((text) => text.includes("// src/focus/views.ts")), "a run without deliveries renders views");
    const sql = "SELECT count(*) AS months FROM aws_cur_data_load_tracking";
    const answer = await run("npx", ["billhouse", "query", "--csv", sql], { cwd, env: environment });
    assert.match(answer.stdout, /^months\r?\n\d+/);
    await assert.rejects(
      run("npx", ["billhouse", "query", "SELEC", "--debug"], { cwd, env: environment }),
      (error: Error & { stderr: string }) =>
        /at prepareQuery \(.*src\/warehouses\/duckdb\/query\.ts:\d+/.test(error.stderr),
    );
  });

  await t.test("is a library", async () => {
    const use = 'import { run, plan, status } from "billhouse"; console.log(typeof run, typeof plan, typeof status);';
    await writeFile(join(empty, "use.js"), use);
    const { stdout } = await run(process.execPath, ["use.js"], { cwd: empty, env: environment });
    assert.equal(stdout.trim(), "function function function");
  });
});
