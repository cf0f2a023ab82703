import assert from "node:assert/strict";
import { fork, spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { chmod, copyFile, open, readdir, rename, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { text } from "node:stream/consumers";
import { DuckDBInstance } from "@duckdb/node-api";
import { summaryPackage } from "../../../src/state/package.ts";
import { copyDatabase } from "../../../src/warehouses/duckdb/copy.ts";
import { offline } from "../../../src/warehouses/duckdb/database.ts";
import { csv, load, prepare, rows, table } from "../../conformance/bills.ts";
import { duckdbWarehouse, type TestDuckdb } from "../../support/duckdb-warehouse.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { rejects } from "../../support/rejects.ts";

const onWindows = process.platform === "win32" ? "Windows has no modes, and keeps open files" : false;
const child = join(import.meta.dirname, "child.ts");
const copyProcess = join(import.meta.dirname, "../../../src/warehouses/duckdb/copy-process.ts");

test("a copy is not made again by a run that loaded nothing, unless it was cut off", { skip: onWindows }, async (t) => {
  const bills = await duckdbWarehouse(t);
  // DuckDB cuts the free blocks off its file, and still counts them when it opens the file again.
  const instance = await DuckDBInstance.create(bills.path, offline);
  const connection = await instance.connect();
  await connection.run("CREATE TABLE gone AS SELECT range, random() AS other FROM range(300000); CHECKPOINT");
  await connection.run("DROP TABLE gone; CHECKPOINT");
  instance.closeSync();
  const copy = join(bills.folder, "bills.read.duckdb");
  const publish = async (since?: Date): Promise<number> => {
    const warehouse = await bills.open();
    await prepare(warehouse);
    const counts = { totalRows: 0, manifestsProcessed: 0, manifestsSkipped: 1 };
    await warehouse.append(table, (current) => summaryPackage(current, table, counts, new Date()));
    await warehouse.publish(since);
    await warehouse.close();
    return (await stat(copy)).ino;
  };
  const first = await publish();
  // The second time it is opened, the third time a note in the database says what it holds.
  for (const _ of [2, 3]) assert.equal(await publish(new Date(0)), first);
  await truncate(copy, (await stat(copy)).size - 1);
  const second = await publish(new Date(0));
  assert.notEqual(second, first);
  await publish(new Date(0));
  await copyFile(copy, `${copy}.old`);
  // As if a run was killed after its commit.
  const killed = await bills.open();
  await load(killed, [await csv(bills, "one,2025-01-01,,1,USD\n")]);
  await killed.close();
  assert.notEqual(await publish(new Date(0)), second);
  assert.deepEqual(await idsIn(bills), ["one"]);
  await publish(new Date(0));
  await rename(`${copy}.old`, copy);
  await publish(new Date(0));
  assert.deepEqual(await idsIn(bills), ["one"]);
});

describe("publishing a database that another process copies", { skip: onWindows }, () => {
  test("keeps its permissions, and the lock of this process", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await largeWarehouse(bills, "one");
    await chmod(bills.path, 0o640);
    await warehouse.publish();
    const copy = await stat(join(bills.folder, "bills.read.duckdb"));
    assert.equal(copy.mode & 0o777, 0o640);
    assert.equal(copy.size, (await stat(bills.path)).size);
    assert.deepEqual(await idsIn(bills), ["one"]);
    assert.deepEqual(await readdir(workFolderOf(warehouse.workFolder)), []);
    // The lock of a process ends when it closes any handle of the file.
    const task = JSON.stringify({ path: bills.path, file: null, killAt: null, lockWait: 0, asNobody: false });
    assert.match(await text(spawn(process.execPath, [child, task]).stdout), /^WAREHOUSE_LOCKED/);
  });

  test("leaves a reader the copy that it has open, and shows the new one to the next reader", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await largeWarehouse(bills, "one");
    await warehouse.publish();
    const reader = await bills.open("reader");
    const answer = reader.query("SELECT one FROM large ORDER BY one LIMIT 5000")[Symbol.asyncIterator]();
    await answer.next();
    await load(warehouse, [await csv(bills, "two,2025-01-01,,1,USD\n")]);
    await warehouse.publish();
    let count = 1;
    for await (const _ of { [Symbol.asyncIterator]: () => answer }) count += 1;
    assert.equal(count, 5000);
    assert.deepEqual(await rows(reader, "SELECT id FROM billing.bills"), [{ id: "one" }]);
    assert.deepEqual(await idsIn(bills), ["two"]);
  });

  test("stops at once when the warehouse is closed, and keeps the old copy", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await largeWarehouse(bills, "one");
    await warehouse.publish();
    await load(warehouse, [await csv(bills, "two,2025-01-01,,1,USD\n")]);
    const atPoint = new Promise<void>((resolve) => {
      const listen = (message: unknown): void => {
        if ((message as { name: string }).name === "before-publish") resolve();
      };
      subscribe("billhouse:point", listen);
      t.after(() => unsubscribe("billhouse:point", listen));
    });
    const publishing = rejects(warehouse.publish(), "INTERRUPTED");
    await atPoint;
    await warehouse.close();
    await publishing;
    assert.deepEqual(await idsIn(bills), ["one"]);
    assert.deepEqual(
      (await readdir(bills.folder)).filter((name) => !name.endsWith(".csv")),
      ["bills.duckdb", "bills.read.duckdb"],
    );
  });

  test("leaves no half copy when both processes are killed while one copies, and its reader the old one", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await largeWarehouse(bills, "one");
    await warehouse.publish();
    await warehouse.close();
    const reader = await bills.open("reader");
    const file = await csv(bills, "two,2025-01-01,,1,USD\n");
    const task = { path: bills.path, file, killAt: null, lockWait: 0, asNobody: false };
    const publishing = spawn(process.execPath, [child, JSON.stringify(task)], { detached: true });
    const ended = once(publishing, "close");
    const scratch = `${bills.path}.tmp`;
    const isCopying = async (): Promise<boolean> =>
      (await readdir(scratch, { recursive: true }).catch(() => [])).some((name) => name.endsWith(".duckdb"));
    while (!(await isCopying())) {
      assert.equal(publishing.exitCode, null, "it ended before it copied");
      await sleep(1);
    }
    // A group: the process and the one that copies for it.
    process.kill(-(publishing.pid ?? 0), "SIGKILL");
    await ended;
    assert.ok(["one", "two"].includes(String((await idsIn(bills))[0])));
    const again = await bills.open();
    await again.publish();
    await again.close();
    assert.deepEqual(await idsIn(bills), ["two"]);
    const [old] = await rows(reader, "SELECT id, (SELECT count(*) FROM large) AS large FROM billing.bills");
    assert.deepEqual([old?.["id"], Number(old?.["large"])], ["one", 10_000_000]);
    assert.deepEqual(
      (await readdir(bills.folder)).filter((name) => name.includes(".tmp")),
      [],
    );
  });

  test("ends its copying process when the process that started it is gone", async (t) => {
    const { path, target } = await largeFile(t);
    const copying = fork(copyProcess, [], { execArgv: [] });
    const ended = once(copying, "exit");
    copying.send({ path, target, size: (await stat(path)).size, mode: 0o600 });
    copying.disconnect();
    assert.deepEqual(await ended, [null, "SIGKILL"]);
  });

  test("fails with the error of the file system", async (t) => {
    const { path, target } = await largeFile(t);
    const source = await open(path);
    t.after(() => source.close());
    await assert.rejects(
      copyDatabase({ source, path }, join(target, "missing", "copy"), () => {}),
      {
        code: "ENOENT",
        syscall: "copyfile",
      },
    );
    await writeFile(target, "here already");
    await assert.rejects(
      copyDatabase({ source, path }, target, () => {}),
      { code: "EEXIST" },
    );
  });
});

/** A warehouse of more than 64 MB, with one bill. */
async function largeWarehouse(bills: TestDuckdb, id: string): ReturnType<TestDuckdb["open"]> {
  const warehouse = await bills.open();
  await prepare(warehouse);
  await load(warehouse, [await csv(bills, `${id},2025-01-01,,1,USD\n`)]);
  const settings = { access_mode: "READ_WRITE", storage_compatibility_version: "v1.3.0", ...offline };
  const instance = await DuckDBInstance.fromCache(bills.path, settings);
  const connection = await instance.connect();
  await connection.run("CREATE TABLE large AS SELECT hash(i) AS one FROM range(10_000_000) AS r(i)");
  connection.closeSync();
  instance.closeSync();
  return warehouse;
}

async function largeFile(t: TestContext): Promise<{ readonly path: string; readonly target: string }> {
  const folder = await temporaryFolder(t);
  const path = join(folder, "large");
  await writeFile(path, Buffer.alloc(70 * 1024 ** 2, 1));
  return { path, target: join(folder, "copy") };
}

async function idsIn(bills: TestDuckdb): Promise<readonly unknown[]> {
  const reader = await bills.open("reader");
  const found = await rows(reader, "SELECT id FROM billing.bills");
  await reader.close();
  return found.map(({ id }) => id);
}

function workFolderOf(folder: string | null): string {
  assert.ok(folder !== null);
  return folder;
}
