import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { randomUUID } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import {
  chmod,
  copyFile,
  link as linkFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { text } from "node:stream/consumers";

import { DuckDBInstance } from "@duckdb/node-api";

import { offline } from "../../../src/warehouses/duckdb/database.ts";
import type { MappedFile } from "../../../src/warehouses/warehouse.ts";
import { csv, load, prepare, rows, table } from "../../conformance/bills.ts";
import { duckdbWarehouse } from "../../support/duckdb-warehouse.ts";
import { rejects } from "../../support/rejects.ts";

const onWindows = process.platform === "win32" ? "Windows has neither FIFOs nor modes, and keeps open files" : false;

describe("the files of warehouse duckdb", () => {
  test("come into being only to be written", async (t) => {
    const bills = await duckdbWarehouse(t);
    const reading = await bills.open("read");
    await reading.ledger(table);
    await rejects(rows(reading, "SELECT * FROM billing.bills"), "QUERY_INVALID", "bills");
    await assert.rejects(async () => reading.publish(), TypeError);
    await rejects(bills.open("reader"), "WAREHOUSE_NOT_FOUND", "bills.read.duckdb");
    assert.deepEqual(await readdir(bills.folder), []);
  });

  test("leave nothing behind but the database and its read copy", async (t) => {
    const bills = await duckdbWarehouse(t);
    // What a killed run left is removed by the next one.
    const stale = `${randomUUID()}-spill`;
    await mkdir(join(`${bills.path}.tmp`, stale), { recursive: true });
    await writeFile(join(`${bills.path}.tmp`, stale, "2025-01-0.csv"), "x");
    const warehouse = await bills.open();
    await writeFile(join(warehouse.workFolder ?? "", "file.csv"), "x");
    assert.deepEqual(await readdir(`${bills.path}.tmp`), [(warehouse.workFolder ?? "").split("/").at(-1)]);
    await prepare(warehouse);
    await warehouse.publish();
    await warehouse.close();
    assert.deepEqual((await readdir(bills.folder)).toSorted(), ["bills.duckdb", "bills.read.duckdb"]);
  });

  test("are beside files of other programs, which stay, and never in a linked folder", async (t) => {
    const bills = await duckdbWarehouse(t);
    await mkdir(join(`${bills.path}.tmp`, "photos"), { recursive: true });
    await (await bills.open()).close();
    assert.deepEqual(await readdir(`${bills.path}.tmp`), ["photos"]);
    await rename(`${bills.path}.tmp`, join(bills.folder, "other"));
    await symlink(join(bills.folder, "other"), `${bills.path}.tmp`);
    await rejects(bills.open(), "WAREHOUSE_DENIED", "bills.duckdb.tmp", "link");
    assert.deepEqual(await readdir(join(bills.folder, "other")), ["photos"]);
  });

  test("are copied for readers only when something changed", async (t) => {
    const bills = await duckdbWarehouse(t);
    const copies: string[] = [];
    const listen = (message: unknown): void => {
      const { name } = message as { name: string };
      if (name.includes("publish")) copies.push(name);
    };
    subscribe("billhouse:point", listen);
    t.after(() => unsubscribe("billhouse:point", listen));
    for (const changes of [true, false, true, false]) {
      const warehouse = await bills.open();
      if (changes) {
        await prepare(warehouse);
        await load(warehouse, []);
      }
      await warehouse.publish();
      await warehouse.close();
    }
    const changed = ["before-publish", "after-publish-copy", "after-publish"];
    assert.deepEqual(copies, [...changed, "before-publish", ...changed, "before-publish"]);
  });

  test("are opened again after a fatal error of DuckDB, for the loads that follow", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(bills, "a,2025-01-01,2025-01-02,1,USD\n")]);
    // The same instance: DuckDB calls a checkpoint that is cut short a fatal error, and refuses all work after it.
    const settings = { access_mode: "READ_WRITE", storage_compatibility_version: "v1.3.0", ...offline };
    const instance = await DuckDBInstance.fromCache(bills.path, settings);
    const connection = await instance.connect();
    await connection.run("SET GLOBAL debug_checkpoint_abort = 'before_header'");
    await connection.run("CREATE TABLE other AS SELECT 1 AS one");
    await assert.rejects(connection.run("CHECKPOINT"), /FATAL/);
    connection.closeSync();
    instance.closeSync();
    const february = { billingMonth: "2025-02" };
    const file = await csv(bills, "a,2025-02-01,2025-02-02,2,USD\n");
    await rejects(load(warehouse, [file], february), "WAREHOUSE_UNAVAILABLE", "bills.duckdb");
    assert.equal((await load(warehouse, [file], february)).rows, 1);
    await rejects(bills.open("write", { storageVersion: "latest" }), "WAREHOUSE_LOCKED");
    await warehouse.publish();
    await warehouse.close();
    const reader = await bills.open("reader");
    assert.equal((await rows(reader, "SELECT id FROM billing.bills")).length, 2);
  });

  test("are locked while they are written, also after they were published", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse);
    await warehouse.publish();
    const refused = await outputOf(startChild({ path: bills.path, lockWait: 300 }));
    assert.match(refused, /^WAREHOUSE_LOCKED The process \d+ has .*bills\.duckdb open\./u);
    assert.match(refused, new RegExp(`process ${process.pid} `, "u"));
    const { source, ledger } = await bills.open("read");
    assert.deepEqual([source.from, source.publishedAt === null], ["published copy", false]);
    assert.match(source.lockedBy ?? "", /bills\.duckdb open\./u);
    assert.notEqual((await ledger(table)).columns, null, "what was published");
    await warehouse.close();
    const reading = await bills.open("read");
    assert.equal(reading.source.from, "database");
    await reading.close();
    assert.match(await outputOf(startChild({ path: bills.path, lockWait: 0 })), /^opened/u);
  });

  test("are opened as soon as another process lets go", async (t) => {
    const bills = await duckdbWarehouse(t);
    const child = startChild({ path: bills.path, killAt: "input" });
    await once(child.stdout, "data");
    await rejects(bills.open("write"), "WAREHOUSE_LOCKED", String(child.pid));
    const opening = bills.open("write", { lockWait: 20_000 });
    child.stdin.write("go on");
    await (await opening).close();
  });

  test("hold what was committed when a process is killed", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(bills, "old,2025-01-01,,1,USD\n")]);
    await warehouse.close();
    let expected = "old";
    for (const killAt of ["before-commit", "after-commit", "before-publish", "after-publish-copy"]) {
      const child = startChild({ path: bills.path, file: await csv(bills, `${killAt},2025-01-01,,1,USD\n`), killAt });
      await once(child, "close");
      assert.equal(child.signalCode, "SIGKILL", killAt);
      if (killAt !== "before-commit") expected = killAt;
      // First to read: a write-ahead log is still there then.
      for (const mode of ["read", "write", "reader"] as const) {
        const opened = await bills.open(mode);
        assert.deepEqual(
          await rows(opened, "SELECT id FROM billing.bills"),
          [{ id: expected }],
          `${mode} after ${killAt}`,
        );
        if (mode === "write") await opened.publish();
        await opened.close();
      }
      const names = (await readdir(bills.folder)).filter((name) => !name.endsWith(".csv"));
      assert.deepEqual(names.toSorted(), ["bills.duckdb", "bills.read.duckdb"]);
    }
  });

  test("are refused if they are not a database, damaged, newer or badly configured", async (t) => {
    const bills = await duckdbWarehouse(t);
    await rejects(bills.open("write", { storageVersion: "v99" }), "CONFIG_INVALID", "storage_version");
    await rejects(bills.open("write", { memoryLimit: "lots" }), "CONFIG_INVALID", "lots");
    await (await bills.open()).close();
    const sound = await readFile(bills.path);
    const damaged = Buffer.from(sound).fill(7, 4096, 12_288);
    for (const [bytes, words] of [
      [Buffer.from("id,cost\n1,2\n".repeat(2000)), "not a DuckDB database"],
      [Buffer.alloc(0), "not a DuckDB database"],
      [await sqliteFile(bills.folder), "not a DuckDB database"],
      [sound.subarray(0, -1), "damaged"],
      [sound.subarray(0, 5000), "damaged"],
      [damaged, "damaged"],
    ] as const) {
      await writeFile(bills.path, bytes);
      await rejects(bills.open(), "WAREHOUSE_UNSUPPORTED", "bills.duckdb", words);
      await rejects(bills.open("read"), "WAREHOUSE_UNSUPPORTED", "bills.duckdb", words);
      assert.deepEqual(await readFile(bills.path), bytes, "and is left alone");
    }
    const folder = join(bills.folder, "folder.duckdb");
    await mkdir(folder);
    await rejects(bills.open("write", { path: folder }), "WAREHOUSE_NOT_FOUND", "folder.duckdb");
  });

  test(
    "are not opened if DuckDB would wait forever: a FIFO as database, log or read copy",
    { skip: onWindows },
    async (t) => {
      const bills = await duckdbWarehouse(t);
      for (const name of ["bills.duckdb", "bills.duckdb.wal"]) {
        execFileSync("mkfifo", [join(bills.folder, name)]);
        await rejects(bills.open(), "WAREHOUSE_UNSUPPORTED", name, "FIFO");
        await rm(join(bills.folder, name));
      }
      execFileSync("mkfifo", [join(bills.folder, "bills.read.duckdb")]);
      await rejects(bills.open("reader"), "WAREHOUSE_UNSUPPORTED", "bills.read.duckdb", "FIFO");
      const warehouse = await bills.open();
      await prepare(warehouse);
      await warehouse.publish(new Date());
      assert.ok((await stat(join(bills.folder, "bills.read.duckdb"))).isFile(), "and a read copy takes its place");
    },
  );

  test("keep what a killed process committed under another name: links are followed, hard links refused", async (t) => {
    const bills = await duckdbWarehouse(t);
    const first = await bills.open();
    await prepare(first);
    await first.close();
    const [link, second, away] = ["link.duckdb", "second.duckdb", "away.duckdb"].map((name) =>
      join(bills.folder, name),
    );
    assert.ok(link !== undefined && second !== undefined && away !== undefined);
    await symlink("bills.duckdb", link);
    const child = startChild({
      path: link,
      file: await csv(bills, "kept,2025-01-01,,1,USD\n"),
      killAt: "after-commit",
    });
    await once(child, "close");
    const warehouse = await bills.open();
    assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), [{ id: "kept" }]);
    await rejects(bills.open("write", { path: link, storageVersion: "latest" }), "WAREHOUSE_LOCKED");
    await warehouse.publish();
    const reader = await bills.open("reader", { path: link });
    assert.deepEqual(await rows(reader, "SELECT id FROM billing.bills"), [{ id: "kept" }]);
    await warehouse.close();
    await linkFile(bills.path, second);
    for (const path of [bills.path, second, link]) {
      await rejects(bills.open("write", { path }), "WAREHOUSE_UNSUPPORTED", "2 hard links");
      await rejects(bills.open("read", { path }), "WAREHOUSE_UNSUPPORTED", "2 hard links");
    }
    // As the hint says.
    await copyFile(second, `${second}.copy`);
    await rename(`${second}.copy`, second);
    await (await bills.open("write", { path: second })).close();
    // A link to a file that is still to be made.
    await rm(link);
    await symlink("away.duckdb", link);
    await (await bills.open("write", { path: link })).close();
    assert.ok((await stat(away)).isFile());
    assert.ok((await readdir(bills.folder)).every((name) => !/^link\..*(tmp|wal)$/u.test(name)));
  });

  test("may be read by those who may read the database", { skip: onWindows }, async (t) => {
    const bills = await duckdbWarehouse(t);
    await (await bills.open()).close();
    const copy = join(bills.folder, "bills.read.duckdb");
    for (const [mode, folderMode] of [
      [0o600, 0o700],
      [0o640, 0o750],
      [0o664, 0o775],
    ] as const) {
      await chmod(bills.path, mode);
      const warehouse = await bills.open();
      assert.equal((await stat(`${bills.path}.tmp`)).mode & 0o777, folderMode);
      // Small enough to stay in DuckDB's log.
      await prepare(warehouse, { [`added_${mode}`]: "text" });
      const log = await stat(`${bills.path}.wal`);
      assert.ok(log.size > 0);
      assert.equal(log.mode & 0o777, mode & ~process.umask());
      await warehouse.publish();
      await warehouse.close();
      assert.equal((await stat(copy)).mode & 0o777, mode);
    }
  });

  test(
    "that are deleted or replaced during a run fail the run, and no copy is made of others",
    { skip: onWindows },
    async (t) => {
      const bills = await duckdbWarehouse(t);
      const away = join(bills.folder, "away");
      for (const [replace, word] of [
        [async (): Promise<void> => undefined, "deleted"],
        [async (): Promise<void> => writeFile(bills.path, "another"), "replaced"],
      ] as const) {
        const warehouse = await bills.open();
        await prepare(warehouse);
        await rename(bills.path, away);
        await replace();
        await rejects(warehouse.publish(), "WAREHOUSE_NOT_FOUND", "bills.duckdb", word);
        await rename(away, bills.path);
        await warehouse.publish();
        await warehouse.close();
        await rm(join(bills.folder, "bills.read.duckdb"));
      }
    },
  );

  test("that may not be opened do not count as missing", async (t) => {
    const bills = await duckdbWarehouse(t);
    await (await bills.open()).close();
    await chmod(bills.folder, 0o755);
    await chmod(bills.path, 0o400);
    const refused = await outputOf(startChild({ path: bills.path, asNobody: true }));
    assert.match(refused, /^WAREHOUSE_DENIED .*bills\.duckdb cannot be opened: /u);
  });

  test("take a full disk as no harm", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(bills, "old,2025-01-01,,1,USD\n")]);
    await warehouse.close();
    const lines = Array.from(
      { length: 300_000 },
      (_, index) => `${(index * 7919) % 1_000_003}${"x".repeat(index % 50)},2025-01-01,,1,USD\n`,
    );
    const file = await csv(bills, lines.join(""));
    // The shell's limit on the size of files, in KiB, stands in for the disk.
    const told = await outputOf(startChild({ path: bills.path, file }, 2048));
    assert.match(told, /^opened\nWAREHOUSE_FULL The disk is full/u);
    const again = await bills.open();
    assert.deepEqual(await rows(again, "SELECT id FROM billing.bills"), [{ id: "old" }]);
    await load(again, [file]);
    assert.deepEqual(await rows(again, "SELECT count(*) AS n FROM billing.bills"), [{ n: "300000" }]);
  });

  test("cannot be reached, nor can others, through the SQL of readers", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse);
    await warehouse.publish();
    const secret = join(bills.folder, "secret.csv");
    await writeFile(secret, "a\n1\n");
    const reader = await bills.open("reader");
    for (const sql of [
      `SELECT * FROM '${secret}'`,
      `SELECT * FROM read_text('${secret}')`,
      `SELECT * FROM glob('${bills.folder}/*')`,
      `COPY billing.bills TO '${bills.folder}/out.csv'`,
      `ATTACH '${bills.path}' AS other`,
      "SET enable_external_access = true",
      "INSTALL httpfs",
      "CREATE TEMP TABLE x AS SELECT 1",
      "EXPLAIN ANALYZE DELETE FROM billing.bills",
    ]) {
      await rejects(rows(reader, sql), "QUERY_INVALID");
    }
    assert.deepEqual(
      await readdir(bills.folder),
      (await readdir(bills.folder)).filter((name) => name !== "out.csv"),
    );
    for (const sql of [
      "DESCRIBE billing.bills",
      "SHOW ALL TABLES",
      "SUMMARIZE billing.bills",
      "FROM billing.bills",
      "EXPLAIN SELECT 1",
      "WITH x AS (SELECT 1) FROM x",
    ]) {
      await rows(reader, sql);
    }
    // Large sorts still find room on the disk.
    const small = await bills.open("reader", { memoryLimit: "100MB", threads: 1 });
    const sorted = await rows(
      small,
      "SELECT max(i) AS m FROM (SELECT i, md5(i::VARCHAR) AS h, repeat('x', 100) AS f FROM range(1_000_000) t(i) ORDER BY h, f)",
    );
    assert.deepEqual(sorted, [{ m: "999999" }]);
  });
});

/** The bytes of a small SQLite database, for which DuckDB would fetch an extension. */
async function sqliteFile(folder: string): Promise<Buffer> {
  const { DatabaseSync } = await import("node:sqlite");
  const path = join(folder, "other.sqlite");
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE t (a)");
  database.close();
  const bytes = await readFile(path);
  await rm(path);
  return bytes;
}

interface ChildTask {
  readonly path: string;
  readonly file?: MappedFile;
  readonly killAt?: string;
  readonly lockWait?: number;
  readonly asNobody?: boolean;
}

/** Starts a process that does a task of duckdb-child.ts; it may not write files larger than a number of KiB. */
function startChild(task: ChildTask, largestFile?: number): ChildProcessWithoutNullStreams {
  const argument = JSON.stringify({ file: null, killAt: null, lockWait: 0, asNobody: false, ...task });
  const limit = largestFile === undefined ? "" : `ulimit -f ${largestFile * 2}; trap '' XFSZ; `;
  const script = join(import.meta.dirname, "child.ts");
  return spawn("sh", ["-c", `${limit}exec "$0" "$@"`, process.execPath, script, argument]);
}

async function outputOf(child: ChildProcessWithoutNullStreams): Promise<string> {
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return out + errors;
}
