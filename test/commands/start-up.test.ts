import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { compileCacheFolder } from "../../src/commands/compile-cache.ts";
import { temporaryFolder } from "../support/folders.ts";
import { modulesLoadedBy, packagesOf } from "../support/loaded-modules.ts";

const root = join(import.meta.dirname, "..", "..");
const cli = join(root, "src", "cli.ts");

describe("starting billhouse", () => {
  test("--help and --version load no database, no zod and no SDK", async () => {
    for (const flag of ["--help", "--version"]) {
      const loaded = await modulesLoadedBy(cli, [flag], { folder: root });
      assert.deepEqual(packagesOf(loaded), ["@commander-js/extra-typings", "commander"], flag);
      assert.ok(loaded.length < 70, `${flag} loads ${loaded.length} files`);
    }
  });

  test("a query loads no storage, no SDK and nothing that writes", async (t) => {
    const folder = await temporaryFolder(t);
    const published = await DuckDBInstance.create(join(folder, "billhouse.read.duckdb"));
    published.closeSync();
    const environment = { SOURCES__AWS_CUR__BUCKET_URL: folder };
    const loaded = await modulesLoadedBy(cli, ["query", "SELECT 1"], { folder, environment });
    assert.deepEqual(packagesOf(loaded), [
      "@commander-js/extra-typings",
      "@duckdb/node-api",
      "@duckdb/node-bindings",
      "commander",
      "detect-libc",
      "smol-toml",
      "zod",
    ]);
    assert.ok(
      loaded.some((url) => url.endsWith("/warehouses/duckdb/query.ts")),
      "the query was run",
    );
    const needless = /\/src\/(?:storages|files|state|pipeline\/(?:discover|load)|warehouses\/duckdb\/replace)/;
    assert.deepEqual(
      loaded.filter((url) => needless.test(url)),
      [],
    );
  });
});

describe("the code that Node keeps compiled", () => {
  test("is in the cache folder of this user, which only this user can enter", async (t) => {
    const home = await temporaryFolder(t);
    for (const [platform, below] of [
      ["linux", ".cache"],
      ["darwin", "Library/Caches"],
    ] as const) {
      assert.equal(compileCacheFolder({ HOME: home }, platform), join(home, below, "billhouse", "node"));
      assert.equal((await stat(join(home, below, "billhouse"))).mode & 0o777, 0o700);
    }
    const named = join(home, "named");
    assert.equal(compileCacheFolder({ HOME: home, XDG_CACHE_HOME: named }, "linux"), join(named, "billhouse", "node"));
    assert.equal(compileCacheFolder({ LOCALAPPDATA: named }, "win32"), join(named, "billhouse", "node"));
  });

  test("is not kept where other users could change it", async (t) => {
    const home = await temporaryFolder(t);
    const open = join(home, "open", "billhouse");
    await mkdir(open, { recursive: true });
    await chmod(open, 0o777);
    assert.equal(compileCacheFolder({ XDG_CACHE_HOME: join(home, "open") }, "linux"), null);
    await chmod(home, 0o775);
    assert.equal(compileCacheFolder({ HOME: home }, "linux"), null);
  });

  test("is not kept without a home, in a home that does not exist, and below a file", async (t) => {
    const home = await temporaryFolder(t);
    assert.equal(compileCacheFolder({}, "linux"), null);
    assert.equal(compileCacheFolder({ HOME: "relative" }, "linux"), null);
    assert.equal(compileCacheFolder({ HOME: join(home, "none") }, "linux"), null);
    assert.deepEqual(await readdir(home), []);
    await symlink("/dev/null", join(home, ".cache"));
    assert.equal(compileCacheFolder({ HOME: home }, "linux"), null);
  });

  test("is written by the program, unless Node's own variables say otherwise", async (t) => {
    const home = await temporaryFolder(t);
    const environment = { PATH: process.env["PATH"], HOME: home };
    const help = async (more: Readonly<Record<string, string>>): Promise<void> => {
      await promisify(execFile)(process.execPath, [cli, "--help"], { env: { ...environment, ...more } });
    };
    const other = join(home, "other");
    await help({ NODE_DISABLE_COMPILE_CACHE: "1" });
    await help({ NODE_COMPILE_CACHE: other });
    assert.deepEqual(await readdir(home), ["other"]);
    await help({});
    const kept = await readdir(join(home, ".cache", "billhouse", "node"));
    assert.equal(kept.length, 1);
  });
});
