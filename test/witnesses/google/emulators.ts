import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { freePort, runToEnd, startServer, type RunningServer } from "./processes.ts";

/** A server that others wrote, which stands for a service of a cloud. */
export interface Emulator {
  readonly name: string;
  readonly version: string;
  /** Where it comes from. */
  readonly source: string;
  readonly role: "s3" | "storage" | "warehouse";
  /** Whether it finds the objects of `gs://` in a folder; else it asks a Cloud Storage for them. */
  readonly readsFolder: boolean;
  /** Brings it below a folder and gives its program. Error: its registry or its language is not here. */
  install(home: string): Promise<string>;
}

/** A program of a Go module. */
interface GoProgram {
  readonly module: string;
  readonly version: string;
  /** The package of the program. */
  readonly program: string;
}

/** Every emulator that is asked. */
export const emulators: readonly Emulator[] = [
  {
    name: "moto",
    version: "5.2.5",
    source: "PyPI",
    role: "s3",
    readsFolder: false,
    install: (home) => installPython(home, "moto", "5.2.5", { extra: "server", program: "moto_server" }),
  },
  {
    name: "gcp-storage-emulator",
    version: "2024.8.3",
    source: "PyPI",
    role: "storage",
    readsFolder: false,
    // Its file system library still imports what setuptools dropped in version 81.
    install: (home) => installPython(home, "gcp-storage-emulator", "2024.8.3", { more: ["setuptools<81"] }),
  },
  {
    name: "fake-gcs-server",
    version: "v1.55.1",
    source: "github.com/fsouza/fake-gcs-server",
    role: "storage",
    readsFolder: false,
    install: (home) => {
      const module = "github.com/fsouza/fake-gcs-server";
      return installGo(home, { module, version: "v1.55.1", program: module });
    },
  },
  {
    name: "bqemulator",
    version: "1.4.0",
    source: "PyPI",
    role: "warehouse",
    readsFolder: true,
    install: installBqemulator,
  },
  {
    name: "bigquery-emulator",
    version: "v0.8.1",
    source: "github.com/goccy/bigquery-emulator",
    role: "warehouse",
    readsFolder: false,
    install: (home) => {
      const module = "github.com/goccy/bigquery-emulator";
      return installGo(home, { module, version: "v0.8.1", program: `${module}/cmd/bigquery-emulator` });
    },
  },
];

/** Starts an emulator of Amazon S3 or Cloud Storage with nothing in it. */
export async function startStorage(emulator: Emulator, program: string): Promise<RunningServer> {
  if (emulator.role === "s3") {
    // Few objects on a page, so that the cases see several pages.
    return startServer(program, (port) => ["-H", "127.0.0.1", "-p", String(port)], { MOTO_S3_DEFAULT_MAX_KEYS: "5" });
  }
  return emulator.name === "fake-gcs-server"
    ? startFakeGcs(program)
    : startServer(program, (port) => [
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        String(port),
        "--in-memory",
        "--quiet",
      ]);
}

/** Starts an emulator of BigQuery with nothing in it, which finds the objects of `gs://` where they are put. */
export async function startWarehouse(
  emulator: Emulator,
  program: string,
  project: string,
  storage: { readonly endpoint: string; readonly files: string },
): Promise<RunningServer> {
  if (emulator.readsFolder) {
    return startServer(
      program,
      (port) => [
        "start",
        "--rest-port",
        String(port),
        "--grpc-port",
        "0",
        "--project",
        project,
        "--log-level",
        "error",
      ],
      // DuckDB looks for its extensions below the home.
      { BQEMU_GCS_LOCAL_ROOT: storage.files, BQEMU_ENABLE_FORMAT_EXTENSIONS: "false", HOME: dirname(dirname(program)) },
    );
  }
  const grpcPort = await freePort();
  return startServer(
    program,
    (port) => ["--project", project, "--port", String(port), "--grpc-port", String(grpcPort), "--log-level", "error"],
    // Its Go client takes the address of the storage without a path.
    { STORAGE_EMULATOR_HOST: storage.endpoint },
  );
}

function startFakeGcs(program: string): Promise<RunningServer> {
  return startServer(program, (port) => {
    const address = ["-host", "127.0.0.1", "-port", String(port), "-public-host", `127.0.0.1:${port}`];
    return ["-scheme", "http", "-backend", "memory", "-log-level", "error", ...address];
  });
}

/** `extra` is a set of optional dependencies, `more` are other packages; the program has the name of the package by default. */
async function installPython(
  home: string,
  name: string,
  version: string,
  how: { readonly extra?: string; readonly more?: readonly string[]; readonly program?: string },
): Promise<string> {
  const folder = join(home, `${name}-${version}`);
  const program = join(folder, "bin", how.program ?? name);
  if (existsSync(program)) return program;
  await mkdir(home, { recursive: true });
  runToEnd("python3", ["-m", "venv", folder]);
  const extra = how.extra === undefined ? "" : `[${how.extra}]`;
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  runToEnd(join(folder, "bin", "python"), [...pip, `${name}${extra}==${version}`, ...(how.more ?? [])]);
  return program;
}

/**
 * Its package names neither numpy nor DuckDB's spatial extension, without which it does not start; it would fetch the
 * latter from another place than PyPI.
 */
async function installBqemulator(home: string): Promise<string> {
  const duckdb = "1.5.5";
  const program = await installPython(home, "bqemulator", "1.4.0", {
    more: [`duckdb==${duckdb}`, `duckdb-extension-spatial==${duckdb}`, "numpy"],
  });
  const folder = dirname(dirname(program));
  const install = `import duckdb, duckdb_extension_spatial as found
duckdb.execute(f"INSTALL '{list(found.__path__)[0]}/extensions/v${duckdb}/spatial.duckdb_extension'")`;
  runToEnd(join(folder, "bin", "python"), ["-c", install], { HOME: folder });
  return program;
}

/**
 * Builds the program of a package of a module. `go install` would also read the list of the module's versions, which a
 * proxy need not have.
 */
async function installGo(home: string, { module, version, program: path }: GoProgram): Promise<string> {
  const name = basename(path);
  const folder = join(home, `${name}-${version}`);
  const program = join(folder, name);
  if (existsSync(program)) return program;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  runToEnd("go", ["-C", folder, "mod", "init", "emulator"]);
  runToEnd("go", ["-C", folder, "mod", "edit", `-require=${module}@${version}`]);
  runToEnd("go", ["-C", folder, "build", "-mod=mod", "-o", program, path]);
  return program;
}
