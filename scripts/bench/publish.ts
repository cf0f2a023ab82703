import {
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
  closeSync,
  fsyncSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { copyDatabase, worthProcess } from "../../src/warehouses/duckdb/copy.ts";

/** The table of a generated database. */
const table = "billing_data.aws_cur_data";

/** How many of 120 columns hold a number, an id, and a text that repeats. */
const [numbers, ids, texts] = [10, 4, 106];

/** What it costs to publish one database after one of its months changed, by way; null where the disk cannot do it. */
export interface PublishingCost {
  readonly months: number;
  /** Bytes of the database. */
  readonly bytes: number;
  readonly ways: readonly { readonly way: string; readonly seconds: number; readonly written: number }[];
}

/**
 * Grows one database to each number of months of 100,000 rows with 120 columns, replaces its last month, and publishes it in
 * different ways, each time to the disk. `folder` decides the file system.
 */
export async function measurePublishing(folder: string, counts: readonly number[]): Promise<readonly PublishingCost[]> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "history.duckdb");
  const found: PublishingCost[] = [];
  let loaded = 0;
  for (const months of counts) {
    await change(path, async (connection) => {
      for (; loaded < months; loaded += 1) await insertMonth(connection, loaded);
    });
    const spare = join(folder, "spare.duckdb");
    copyFileSync(path, spare, constants.COPYFILE_FICLONE);
    await change(path, async (connection) => {
      await connection.run(`DELETE FROM ${table} WHERE month = ${months - 1}`);
      await insertMonth(connection, months - 1);
    });
    found.push({ months, bytes: statSync(path).size, ways: await publishInEachWay(path, spare) });
    rmSync(spare);
  }
  rmSync(path);
  return found;
}

async function publishInEachWay(path: string, spare: string): Promise<PublishingCost["ways"]> {
  const ways: { way: string; seconds: number; written: number }[] = [];
  const target = `${path}.copy`;
  const bytes = statSync(path).size;
  const measure = async (way: string, publish: () => Promise<number | null>): Promise<void> => {
    const started = performance.now();
    const written = await publish();
    const seconds = (performance.now() - started) / 1000;
    if (written !== null) ways.push({ way, seconds, written });
    rmSync(target, { force: true });
  };
  await measure("before: read and written by Node", async () => {
    copyPieces(path, target);
    return bytes;
  });
  const isCloned = bytes >= worthProcess && canClone(path, target);
  const way =
    bytes < worthProcess
      ? "as now: read and written by Node"
      : isCloned
        ? "as now: cloned"
        : "as now: copied by the operating system";
  await measure(way, async () => {
    const source = await open(path);
    await copyDatabase({ source, path }, target, () => {});
    await source.close();
    return isCloned ? 0 : bytes;
  });
  await measure("not chosen: changed blocks into a second copy", async () => takeOverBlocks(path, spare));
  return ways;
}

function canClone(path: string, target: string): boolean {
  try {
    copyFileSync(path, target, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(target, { force: true });
  }
}

function copyPieces(path: string, target: string): void {
  const [source, copy] = [openSync(path, "r"), openSync(target, "wx")];
  const buffer = Buffer.allocUnsafe(4 * 1024 * 1024);
  for (let position = 0; ;) {
    const bytes = readSync(source, buffer, 0, buffer.length, position);
    if (bytes === 0) break;
    writeSync(copy, buffer, 0, bytes, position);
    position += bytes;
  }
  fsyncSync(copy);
  closeSync(copy);
  closeSync(source);
}

/** DuckDB's blocks are of this size: https://duckdb.org/docs/stable/internals/storage */
const blockSize = 256 * 1024;

/** Writes the blocks in which a database and an older copy of it differ into the copy. Returns the bytes written. */
function takeOverBlocks(path: string, spare: string): number {
  const [source, copy] = [openSync(path, "r"), openSync(spare, "r+")];
  const [ours, theirs] = [Buffer.allocUnsafe(blockSize), Buffer.allocUnsafe(blockSize)];
  let written = 0;
  for (let position = 0; ; position += blockSize) {
    const bytes = readSync(source, ours, 0, blockSize, position);
    if (bytes === 0) break;
    const there = readSync(copy, theirs, 0, blockSize, position);
    if (there === bytes && ours.compare(theirs, 0, there, 0, bytes) === 0) continue;
    writeSync(copy, ours, 0, bytes, position);
    written += bytes;
  }
  fsyncSync(copy);
  closeSync(copy);
  closeSync(source);
  return written;
}

async function change(path: string, work: (connection: DuckDBConnection) => Promise<void>): Promise<void> {
  const instance = await DuckDBInstance.create(path, { storage_compatibility_version: "v1.3.0" });
  const connection = await instance.connect();
  await connection.run("CREATE SCHEMA IF NOT EXISTS billing_data");
  await work(connection);
  await connection.run("CHECKPOINT");
  connection.closeSync();
  instance.closeSync();
}

async function insertMonth(connection: DuckDBConnection, month: number): Promise<void> {
  const cell = (index: number): string => `hash(i * 1000003 + ${index} + ${month} * 7919)`;
  const columns = [
    `${month} AS month`,
    ...Array.from(
      { length: numbers },
      (_, index) => `CAST(${cell(index)} % 10000000 AS DECIMAL(38,18)) AS number${index}`,
    ),
    ...Array.from({ length: ids }, (_, index) => `md5(CAST(${cell(20 + index)} AS VARCHAR)) AS id${index}`),
    ...Array.from(
      { length: texts - 1 },
      (_, index) => `'value ' || ${cell(40 + index)} % ${5 + index * 3} AS text${index}`,
    ),
  ];
  const rows = `SELECT ${columns.join(", ")} FROM range(100000) AS r(i)`;
  await connection.run(`CREATE TABLE IF NOT EXISTS ${table} AS ${rows} LIMIT 0`);
  await connection.run(`INSERT INTO ${table} ${rows}`);
}
