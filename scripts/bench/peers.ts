import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a peer loads, and where to: `peers.py` and `plain-duckdb.ts` read it as JSON. */
export interface PeerJob {
  /** The path of the new database. */
  readonly database: string;
  readonly files: readonly string[];
  readonly format: "csv" | "parquet";
  /** The columns of the files, in order, with the types of the table that billhouse made. */
  readonly columns: readonly (readonly [name: string, type: string])[];
  /** The name of the cost column. */
  readonly cost: string;
}

/** Another way to load the same files. */
export interface Peer {
  /** As the page calls it. */
  readonly name: string;
  readonly formats: readonly PeerJob["format"][];
  /** The command that loads a job; its path is appended. */
  readonly command: readonly string[];
}

/** The same engine, without anything that billhouse adds. */
export const plainDuckdb: Peer = {
  name: "plain DuckDB, same engine",
  formats: ["csv", "parquet"],
  command: [process.execPath, fileURLToPath(new URL("plain-duckdb.ts", import.meta.url))],
};

/** Peers written in Python; `missing` says why one cannot be had here. */
export interface PythonPeers {
  readonly peers: readonly Peer[];
  readonly missing: readonly string[];
}

const script = fileURLToPath(new URL("peers.py", import.meta.url));

/** Installs the Python peers below a folder, each DuckDB in a virtual environment of its own. */
export function installPython(folder: string): PythonPeers {
  const system = ["python3", "python"].find((name) => spawnSync(name, ["-c", "import venv, ensurepip"]).status === 0);
  if (system === undefined) return { peers: [], missing: ["peers in Python: there is no Python with venv"] };
  const missing: string[] = [];
  const environment = (
    name: string,
    packages: readonly string[],
    versions: string,
  ): { python: string; found: string } | null => {
    const home = join(folder, name);
    mkdirSync(folder, { recursive: true });
    const python = join(home, "bin", "python");
    const steps = [
      [system, "-m", "venv", home],
      [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages],
    ];
    for (const [program = "", ...words] of steps) {
      const { status, stderr } = spawnSync(program, words, { encoding: "utf8" });
      if (status !== 0) {
        missing.push(`${packages.join(", ")}: ${stderr.trim().split("\n").at(-1) ?? ""}`);
        return null;
      }
    }
    return { python, found: spawnSync(python, ["-c", versions], { encoding: "utf8" }).stdout.trim() };
  };
  const newest = environment("duckdb2", ["duckdb>=2,<3"], "import duckdb; print(duckdb.__version__)");
  const older = environment(
    "duckdb1",
    ["dlt[duckdb]>=1,<2", "duckdb<2", "pyarrow"],
    "import dlt, duckdb; print(dlt.__version__, duckdb.__version__)",
  );
  const [dlt, duckdb] = older?.found.split(" ") ?? [];
  return {
    missing,
    peers: [
      ...(newest === null
        ? []
        : [
            {
              name: `plain DuckDB ${newest.found} (Python)`,
              formats: ["csv", "parquet"] as const,
              command: [newest.python, script, "plain"],
            },
          ]),
      ...(older === null
        ? []
        : [
            {
              name: `one INSERT per file, the predecessor's way (Python, DuckDB ${duckdb})`,
              formats: ["csv"] as const,
              command: [older.python, script, "per-file"],
            },
            {
              name: `dlt ${dlt} with read_csv_duckdb and Arrow (DuckDB ${duckdb})`,
              formats: ["csv"] as const,
              command: [older.python, script, "dlt"],
            },
          ]),
    ],
  };
}
