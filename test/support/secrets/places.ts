import { spawn } from "node:child_process";
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { temporaryFolder } from "../folders.ts";
import { createMarkers, type Markers } from "./markers.ts";

/** A machine of its own for a program: home, temporary files and programs to start, and secrets planted in it. */
export interface Place {
  readonly folder: string;
  readonly markers: Markers;
  readonly environment: Record<string, string>;
  /** Writes a file below the folder that may hold secrets; the search passes it by. */
  write(path: string, text: string | Uint8Array): Promise<string>;
  /** Runs the command line to its end, and requires that its output contains no secret. Returns its output. */
  run(words: readonly string[], expected?: Expected): Promise<string>;
  /**
   * Requires that no file holds a secret that was not written there by the test, nor any row of a database. Gives the
   * number of tables that it has searched.
   */
  search(): Promise<number>;
}

/** How a command is to end. */
export interface Expected {
  /** Below the place's own; by default that itself. */
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Any when left out. */
  readonly code?: number;
  /** What the output must show, which proves that the command did what is tested. */
  readonly shows?: RegExp;
}

const cli = fileURLToPath(new URL("../../../src/cli.ts", import.meta.url));
/** Programs that SDKs start to find a login. */
const programs = ["az", "azd", "gcloud", "pwsh", "powershell"];

/** An empty place. */
export async function createPlace(t: TestContext): Promise<Place> {
  const folder = await temporaryFolder(t);
  const markers = createMarkers();
  const planted = new Set<string>();
  for (const name of ["home", "tmp", "programs", "work"]) await mkdir(join(folder, name));
  for (const name of programs) {
    const path = join(folder, "programs", name);
    // What a program is started with stands in the list of processes, for everybody to see.
    await writeFile(path, `#!/bin/sh\necho "$0 $*" >> '${join(folder, "started.txt")}'\nexit 1\n`);
    await chmod(path, 0o755);
  }
  const environment = {
    PATH: `${join(folder, "programs")}:/usr/bin:/bin`,
    HOME: join(folder, "home"),
    TMPDIR: join(folder, "tmp"),
    AWS_EC2_METADATA_DISABLED: "true",
    METADATA_SERVER_DETECTION: "none",
    // Programs start sooner with the compiled code of earlier ones; it holds no data.
    ...(process.env["NODE_COMPILE_CACHE"] === undefined
      ? {}
      : { NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] }),
  };
  const work = join(folder, "work");

  return {
    folder: work,
    markers,
    environment,
    async write(path, text) {
      const file = join(work, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      planted.add(file);
      return file;
    },
    async run(words, expected = {}) {
      const { code, output } = await start(join(work, expected.folder ?? ""), words, {
        ...environment,
        ...expected.environment,
      });
      const what = `billhouse ${words.join(" ")}`;
      assert.deepEqual(markers.find(output), [], `${what} shows secrets`);
      if (expected.shows !== undefined) assert.match(output, expected.shows, what);
      if (expected.code !== undefined) assert.equal(code, expected.code, `${what}: ${output}`);
      return output;
    },
    async search() {
      let tables = 0;
      for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (!entry.isFile() || planted.has(path)) continue;
        const texts = path.endsWith(".duckdb") ? await tablesOf(path) : [];
        tables += texts.length;
        const found = markers.find([await readFile(path, "latin1"), ...texts].join("\n"));
        assert.deepEqual(found, [], `${relative(folder, path)} holds secrets`);
      }
      return tables;
    },
  };
}

/** Every command that reads a storage fails as expected, and neither output nor files show a secret. */
export async function failAtAll(
  place: Place,
  shows: RegExp,
  url: string,
  environment: Readonly<Record<string, string>> = {},
  endpoint?: string,
): Promise<void> {
  const address = endpoint === undefined ? [url] : [url, "--endpoint", endpoint];
  const isWarehouse = /WAREHOUSE/.test(shows.source);
  const all = [
    ["doctor", "--verbose", "--debug"],
    ["plan", "--verbose", "--debug"],
    ["run", "--json", "--debug"],
    ["status", "--debug"],
  ];
  for (const words of isWarehouse ? all : [...all.slice(1, 3), ["init", ...address, "--debug"]]) {
    await place.run(words, { environment, ...(words[0] === "doctor" ? {} : { shows }) });
  }
  await place.search();
}

async function start(
  folder: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [cli, ...words], { cwd: folder, env: environment, timeout: 120_000 });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** The rows of every table of a database. */
async function tablesOf(path: string): Promise<string[]> {
  const instance = await DuckDBInstance.create(path, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  try {
    const tables = await connection.runAndReadAll("SELECT table_schema, table_name FROM information_schema.tables");
    const texts: string[] = [];
    for (const [schema, name] of tables.getRowsJson()) {
      const rows = await connection.runAndReadAll(`SELECT * FROM ${JSON.stringify(schema)}.${JSON.stringify(name)}`);
      texts.push(JSON.stringify(rows.getRowObjectsJson()));
    }
    return texts;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
