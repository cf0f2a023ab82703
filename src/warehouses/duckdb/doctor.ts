import { existsSync } from "node:fs";
import { mkdtemp, rmdir, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Finding } from "../../model.ts";
import { readRows, type Database } from "./database.ts";

/** Less free space than this is reported: a month is decompressed beside the database while it is loaded. */
const wantedBytes = 2 * 1024 ** 3;

/** Checks the database file, its folder and its disk: see `Warehouse.doctor`. */
export async function doctor(database: Database, path: string): Promise<readonly Finding[]> {
  const [engine] = await database.use((connection) => readRows(connection, "SELECT version() AS version"));
  let folder = dirname(path);
  while (!existsSync(folder)) folder = dirname(folder);
  return [
    well("engine", `DuckDB ${String(engine?.["version"])}`),
    well("database", existsSync(path) ? path : `${path}, which the first run creates`),
    await folderFinding(folder),
    await diskFinding(folder),
  ];
}

async function folderFinding(folder: string): Promise<Finding> {
  // Tests by writing: permissions alone do not decide (a disk can be read-only).
  const writable = await mkdtemp(join(folder, ".billhouse-doctor-")).then(
    async (made) => {
      await rmdir(made);
      return true;
    },
    () => false,
  );
  if (writable) return well("folder", `${folder} can be written`);
  const remedy = `Grant write permission to the user that runs billhouse, or set path in [destination.duckdb] to another folder.`;
  return { check: "folder", ok: false, found: `${folder} cannot be written`, remedy };
}

async function diskFinding(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const found = `${(free / 1024 ** 3).toFixed(1)} GB free in ${folder}`;
  if (free >= wantedBytes) return well("disk", found);
  const remedy =
    "Free some space: a month is decompressed there while it is loaded, to about ten times its size in the bucket.";
  return { check: "disk", ok: false, found, remedy };
}

function well(check: string, found: string): Finding {
  return { check, ok: true, found, remedy: null };
}
