import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { link, mkdir, readdir, readlink, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { promisify } from "node:util";

import type { StoredObject } from "../../src/model.ts";
import { openStorage } from "../../src/storages/index.ts";
import type { Storage } from "../../src/storages/storage.ts";
import { temporaryFolder, withRights, writeKey } from "../support/folders.ts";
import { rejects } from "../support/rejects.ts";

const run = promisify(execFile);

test("storage file: a long listing lets other work of the process run, such as a signal", async (t) => {
  const folder = await temporaryFolder(t);
  for (let index = 0; index < 10_000; index += 1) writeFileSync(join(folder, String(index)), "");
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  t.after(() => clearInterval(timer));
  const storage = await openStorage(folder);
  let listed = 0;
  for await (const _ of storage.list("")) {
    // Before the first object it looks at the folder.
    if (listed === 0) turns = 0;
    listed += 1;
  }
  assert.equal(listed, 10_000);
  assert.ok(turns > 0);
});

describe("storage file: links and special files", () => {
  test("neither lists nor reads links, wherever they lead", async (t) => {
    const { folder, storage, object } = await seeded(t);
    const other = await temporaryFolder(t);
    await writeKey(other, "secret", "secret");
    await symlink(join(other, "secret"), join(folder, "file-out"));
    await symlink(other, join(folder, "folder-out"));
    await symlink("cur/x", join(folder, "file-in"));
    await symlink("cur", join(folder, "folder-in"));
    await symlink("nothing", join(folder, "dangling"));
    await symlink("loop", join(folder, "loop"));
    await symlink("..", join(folder, "cur", "up"));
    assert.deepEqual(await keysOf(storage), ["cur/x"]);
    for (const key of ["file-out", "folder-out/secret", "file-in", "folder-in/x", "cur/up/cur/x"]) {
      await rejects(storage.find(key), "KEY_OUTSIDE_PREFIX", key);
      await rejects(textOf(storage, { ...object, key }), "KEY_OUTSIDE_PREFIX", key);
    }
    for (const prefix of ["folder-out", "folder-in", "cur/up", "cur/up/cur"]) {
      await rejects(keysOf(storage, prefix), "KEY_OUTSIDE_PREFIX", prefix);
    }
    for (const key of ["dangling", "loop"]) {
      assert.equal(await storage.find(key), undefined, key);
      await rejects(textOf(storage, { ...object, key }), "FILE_NOT_FOUND", key);
    }
  });

  test("follows a link that is the root itself, and names it as it was given", async (t) => {
    const { folder, object } = await seeded(t);
    const name = join(await temporaryFolder(t), "bills");
    await symlink(folder, name);
    const storage = await openStorage(name);
    assert.equal(storage.url, name);
    assert.equal(await textOf(storage, object), "content");
  });

  test("refuses a file whose folder became a link out of the root since it was listed", async (t) => {
    const { folder, storage, object } = await seeded(t);
    const other = await temporaryFolder(t);
    await rename(join(folder, "cur"), join(other, "cur"));
    await symlink(join(other, "cur"), join(folder, "cur"));
    await rejects(textOf(storage, object), "KEY_OUTSIDE_PREFIX", "cur/x");
  });

  test("lists hard links, and leaves out pipes and sockets without waiting for their writers", async (t) => {
    const { folder, storage, object } = await seeded(t);
    await run("mkfifo", [join(folder, "pipe")]);
    const server = createServer().listen(join(folder, "socket"));
    t.after(() => server.close());
    await link(join(folder, "cur", "x"), join(folder, "hard"));
    assert.deepEqual(await keysOf(storage), ["cur/x", "hard"]);
    for (const key of ["pipe", "socket", "cur"]) {
      assert.equal(await storage.find(key), undefined, key);
      await rejects(textOf(storage, { ...object, key }), "FILE_NOT_FOUND", key);
    }
  });

  test("keeps a backslash in a name, unless the name seems to climb", async (t) => {
    const { folder, storage } = await seeded(t);
    await writeKey(folder, "a\\b", "odd");
    await writeKey(folder, "..\\c", "climbs where a backslash parts folders");
    assert.deepEqual(await keysOf(storage), ["a\\b", "cur/x"]);
  });
});

describe("storage file: changes", () => {
  test("notices that a file of the same size and time replaced the one being read", async (t) => {
    const { folder, storage, object } = await seeded(t, "a".repeat(1_000_000));
    const path = join(folder, "cur", "x");
    const replace = async (): Promise<void> => {
      const { atime, mtime } = await stat(path);
      await writeFile(`${path}.new`, "b".repeat(1_000_000));
      await utimes(`${path}.new`, atime, mtime);
      await rename(`${path}.new`, path);
    };
    // `utimes` knows no nanoseconds: the first replacement rounds the time, the second keeps it whole.
    await replace();
    const listed = (await storage.find("cur/x")) ?? object;
    await rejects(textOf(storage, listed, replace), "OBJECT_CHANGED", "cur/x");
    assert.deepEqual(await storage.find("cur/x"), listed);
  });

  test("notices a file that is cut off, rewritten or grows while it is read", async (t) => {
    for (const size of [0, 10, 300_000, 1_000_000, 2_000_000]) {
      const { folder, storage, object } = await seeded(t, "a".repeat(1_000_000));
      await utimes(join(folder, "cur", "x"), 1, 1);
      const listed = (await storage.find("cur/x")) ?? object;
      const rewrite = () => writeFile(join(folder, "cur", "x"), "b".repeat(size));
      await rejects(textOf(storage, listed, rewrite), "OBJECT_CHANGED", "cur/x");
    }
  });

  test("keeps the versions of a copy that keeps sizes and times", async (t) => {
    const { folder, object } = await seeded(t);
    const copy = join(await temporaryFolder(t), "copy");
    await run("cp", ["-a", folder, copy]);
    assert.deepEqual(await (await openStorage(copy)).find("cur/x"), object);
  });

  test("lists folders nested a thousand deep, in a moment", { timeout: 20_000 }, async (t) => {
    const { folder, storage } = await seeded(t);
    const deep = Array.from({ length: 1000 }, () => "q").join("/");
    await writeKey(folder, `${deep}/x`, "x");
    assert.deepEqual(await keysOf(storage), ["cur/x", `${deep}/x`]);
  });

  test("continues when a folder or a file vanishes while it lists", async (t) => {
    const { folder, storage } = await seeded(t);
    for (const key of ["a/x", "b/x", "c/x", "c/y"]) await writeKey(folder, key, key);
    const keys: string[] = [];
    for await (const { key } of storage.list("")) {
      keys.push(key);
      if (key === "a/x") await rm(join(folder, "b"), { recursive: true });
      if (key === "c/x") await rm(join(folder, "c"), { recursive: true });
    }
    assert.deepEqual(keys, ["a/x", "c/x", "cur/x"]);
  });

  test("says STORAGE_NOT_FOUND when the root was removed after it was opened", async (t) => {
    const { folder, storage } = await seeded(t);
    await rm(folder, { recursive: true });
    await rejects(keysOf(storage), "STORAGE_NOT_FOUND", folder);
    await rejects(keysOf(storage, "cur"), "STORAGE_NOT_FOUND", folder);
  });

  test("closes the file when the reader stops early, and when a read fails", async (t) => {
    const { folder, storage, object } = await seeded(t, "a".repeat(1_000_000));
    // Where there is no list of open files, a file that stays open makes Node complain when it is collected.
    const canCount = process.platform === "linux";
    for await (const piece of storage.read(object)) {
      assert.ok(piece.length < object.size);
      if (canCount) assert.equal((await openFiles(folder)).length, 1);
      break;
    }
    await rejects(
      textOf(storage, object, () => rm(join(folder, "cur", "x"))),
      "FILE_NOT_FOUND",
    );
    if (canCount) assert.deepEqual(await openFiles(folder), []);
  });
});

describe("storage file: denied access", () => {
  test("names the folder that may not be listed and the file that may not be read", async (t) => {
    const { folder, storage, object } = await seeded(t);
    await writeKey(folder, "closed/y", "y");
    const lacking: readonly (readonly [string, number, () => Promise<unknown>])[] = [
      ["closed", 0o000, () => keysOf(storage)],
      ["closed", 0o444, () => keysOf(storage, "closed")],
      ["closed", 0o000, () => storage.find("closed/y")],
      ["cur/x", 0o000, () => textOf(storage, object)],
    ];
    for (const [key, mode, work] of lacking) {
      const place = join(folder, key);
      await withRights(place, mode, async () => {
        const error = await rejects(work(), "STORAGE_DENIED", place);
        assert.ok(error.cause instanceof Error);
      });
    }
  });

  test("says so when a folder above the root is closed", async (t) => {
    const folder = await temporaryFolder(t);
    const root = join(folder, "closed", "root");
    await mkdir(root, { recursive: true });
    await withRights(join(folder, "closed"), 0o000, async () => {
      await rejects(openStorage(root), "STORAGE_DENIED", root);
    });
  });
});

/** A folder with the one file `cur/x`, its storage, and that object as it is listed. */
async function seeded(
  t: TestContext,
  content = "content",
): Promise<{ folder: string; storage: Storage; object: StoredObject }> {
  const folder = join(await temporaryFolder(t), "root");
  await writeKey(folder, "cur/x", content);
  const storage = await openStorage(folder);
  const object = await storage.find("cur/x");
  assert.ok(object);
  return { folder, storage, object };
}

async function keysOf(storage: Storage, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list(prefix)) keys.push(key);
  return keys;
}

async function textOf(storage: Storage, object: StoredObject, afterFirst?: () => Promise<void>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of storage.read(object)) {
    pieces.push(piece);
    if (pieces.length === 1) await afterFirst?.();
  }
  return Buffer.concat(pieces).toString();
}

async function openFiles(folder: string): Promise<string[]> {
  const descriptors = await readdir("/proc/self/fd");
  const targets = await Promise.all(descriptors.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(folder));
}
