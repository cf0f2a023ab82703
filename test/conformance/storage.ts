import assert from "node:assert/strict";

import type { StoredObject } from "../../src/model.ts";
import type { Storage } from "../../src/storages/storage.ts";
import { rejects } from "../support/rejects.ts";

/** An empty bucket of one storage, made for one case, and what only its owner can do with it. */
export interface TestBucket {
  /** Opens the storage by its address, as `openStorage` does. */
  open(): Promise<Storage>;
  /** Opens a storage of the same kind whose root does not exist; may leave the error to the first call. */
  openMissing(): Promise<Storage>;
  /** Writes an object, whole, as a cloud does: one that is there already becomes another version. */
  put(key: string, bytes: string | Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  /** Runs `work` while the bucket can be neither listed nor read. */
  whileDenied(work: () => Promise<void>): Promise<void>;
}

/**
 * What every storage must do, as named cases that know no test runner. Each takes a bucket of its own. Storages that
 * list in pages should get a bucket with a page size of 3.
 */
export const storageCases: Readonly<Record<string, (bucket: TestBucket) => Promise<void>>> = {
  "lists every object with key, size, version and time": async (bucket) => {
    await put(bucket, { "a.csv": "12345", "b/c.csv": "" });
    const storage = await bucket.open();
    const objects = await collect(storage.list(""));
    assert.deepEqual(
      objects.map(({ key, size }) => ({ key, size })),
      [
        { key: "a.csv", size: 5 },
        { key: "b/c.csv", size: 0 },
      ],
    );
    for (const object of objects) {
      assert.match(object.version, /./u);
      assert.match(object.modified, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/u);
      if (object.checksum !== undefined) assert.match(object.checksum, /^md5:[0-9a-f]{32}$/u);
    }
  },

  "lists nothing in an empty bucket": async (bucket) => {
    assert.deepEqual(await keysOf(await bucket.open(), ""), []);
  },

  "lists only what the prefix covers, as a path": async (bucket) => {
    await put(
      bucket,
      "cur/v1/x",
      "cur/v1/y/z",
      "cur/v1-old/x",
      "cur/v1.json",
      "cur/v10/x",
      "cur/v0",
      "cu",
      "other/cur/v1/x",
    );
    const storage = await bucket.open();
    const covered = ["cur/v1/x", "cur/v1/y/z"];
    assert.deepEqual(await keysOf(storage, "cur/v1"), covered);
    assert.deepEqual(await keysOf(storage, "cur/v1/"), covered, "a slash at the end changes nothing");
    assert.deepEqual(await keysOf(storage, "cur/v1/y"), ["cur/v1/y/z"]);
    assert.deepEqual(await keysOf(storage, "cur/v"), [], "a part of a name is not a prefix");
    assert.deepEqual(await keysOf(storage, "cur/v0"), [], "an object is not below itself");
  },

  "lists nothing below a prefix that is not there": async (bucket) => {
    await put(bucket, "a/x");
    const storage = await bucket.open();
    assert.deepEqual(await keysOf(storage, "b"), []);
    assert.deepEqual(await keysOf(storage, "a/x/y"), []);
  },

  "lists in the order of the keys' UTF-8 bytes": async (bucket) => {
    const keys = [
      "a/x",
      "a/y/1",
      "a/y-1",
      "a-b/x",
      "a.b/x",
      "a.csv",
      "a0/x",
      "aa",
      "B/x",
      "b",
      "é/x",
      "e/x",
      "\u{FB01}/x",
      "\u{1F4B6}/x",
    ];
    await put(bucket, ...keys);
    assert.deepEqual(await keysOf(await bucket.open(), ""), inByteOrder(keys));
  },

  "lists all pages": async (bucket) => {
    const keys = Array.from({ length: 25 }, (_, index) => `cur/v1/month=${index % 4}/part-${index}.csv.gz`);
    await put(bucket, ...keys, "cur/v0/x", "cur/v2/x");
    assert.deepEqual(await keysOf(await bucket.open(), "cur/v1"), inByteOrder(keys));
  },

  "stops listing when the reader stops": async (bucket) => {
    await put(bucket, ...Array.from({ length: 10 }, (_, index) => `a/${index}`));
    const storage = await bucket.open();
    const seen: string[] = [];
    for await (const object of storage.list("")) {
      seen.push(object.key);
      if (seen.length === 4) break;
    }
    assert.deepEqual(seen, ["a/0", "a/1", "a/2", "a/3"]);
    assert.equal((await keysOf(storage, "")).length, 10);
  },

  "gives a version that stays until the object is written again": async (bucket) => {
    await put(bucket, { a: "one", b: "two" });
    const storage = await bucket.open();
    const [a, b] = await collect(storage.list(""));
    assert.deepEqual(await collect((await bucket.open()).list("")), [a, b]);
    await bucket.put("a", "ONE");
    const [changed, same, added] = (await bucket.put("c", "new"), await collect(storage.list("")));
    assert.notEqual(changed?.version, a?.version);
    assert.deepEqual(same, b);
    assert.equal(added?.key, "c");
  },

  "finds an object as the listing shows it": async (bucket) => {
    await put(bucket, "cur/v1/x", "cur/v1/y");
    const storage = await bucket.open();
    assert.deepEqual(await storage.find("cur/v1/y"), (await collect(storage.list("")))[1]);
  },

  "finds nothing where no object is": async (bucket) => {
    await put(bucket, "cur/v1/x");
    const storage = await bucket.open();
    for (const key of ["nothing", "cur/v1", "cur/v1/", "cur/v1/x/", "cur/v1/x/y", "cur//v1/x", "./cur/v1/x", ""]) {
      assert.equal(await storage.find(key), undefined, JSON.stringify(key));
    }
  },

  "keeps spaces, plus, percent, colon, equals, quotes and unicode in keys": async (bucket) => {
    const keys = [
      "a b/c d.csv",
      "plus+and%20percent%2F.csv",
      "year=2025/2025-01-01T00:00:00Z.csv",
      "'single' & \"double\"?#.csv",
      "kosten/März €/Ü.csv",
      "\u{1F4B6}.csv",
      ".hidden/.x",
    ];
    await put(bucket, ...keys);
    const storage = await bucket.open();
    const objects = await collect(storage.list(""));
    assert.deepEqual(
      objects.map(({ key }) => key),
      inByteOrder(keys),
    );
    for (const object of objects) {
      assert.deepEqual(await storage.find(object.key), object);
      assert.equal(await textOf(storage, object), `content of ${object.key}`);
      const folder = object.key.slice(0, Math.max(0, object.key.lastIndexOf("/")));
      assert.ok((await keysOf(storage, folder)).includes(object.key), `listed below ${folder}`);
    }
  },

  "reads every byte": async (bucket) => {
    const bytes = randomBytes(3_000_001);
    await put(bucket, { "bytes.bin": bytes, empty: "" });
    const storage = await bucket.open();
    assert.ok(Buffer.concat(await collect(storage.read(await listed(storage, "bytes.bin")))).equals(bytes));
    assert.equal(await textOf(storage, await listed(storage, "empty")), "");
  },

  "reads a range whose end is exclusive": async (bucket) => {
    await put(bucket, { digits: "0123456789" });
    const storage = await bucket.open();
    const digits = await listed(storage, "digits");
    assert.equal(await textOf(storage, digits, { start: 2, end: 5 }), "234");
    assert.equal(await textOf(storage, digits, { start: 0, end: 10 }), "0123456789");
    assert.equal(await textOf(storage, digits, { start: 9, end: 100 }), "9");
    assert.equal(await textOf(storage, digits, { start: 4, end: 4 }), "");
    assert.equal(await textOf(storage, digits, { start: 10, end: 12 }), "");
  },

  "gives pieces that do not change later": async (bucket) => {
    const bytes = randomBytes(2_000_000);
    await put(bucket, { "bytes.bin": bytes });
    const storage = await bucket.open();
    const object = await listed(storage, "bytes.bin");
    const [first, second] = await Promise.all([collect(storage.read(object)), collect(storage.read(object))]);
    assert.ok(Buffer.concat(first).equals(bytes));
    assert.ok(Buffer.concat(second).equals(bytes));
  },

  "stops reading when the reader stops": async (bucket) => {
    await put(bucket, { "bytes.bin": randomBytes(2_000_000) });
    const storage = await bucket.open();
    const object = await listed(storage, "bytes.bin");
    for await (const piece of storage.read(object)) {
      assert.ok(piece.length > 0);
      break;
    }
    await bucket.put("bytes.bin", "short");
    assert.equal(await textOf(storage, await listed(storage, "bytes.bin")), "short");
  },

  "says FILE_NOT_FOUND, with a hint, for an object that is gone": async (bucket) => {
    await put(bucket, "cur/v1/x");
    const storage = await bucket.open();
    const object = await listed(storage, "cur/v1/x");
    await bucket.remove("cur/v1/x");
    await rejects(collect(storage.read(object)), "FILE_NOT_FOUND", "cur/v1/x", storage.url);
  },

  "says FILE_NOT_FOUND for an object that vanishes while it is read": async (bucket) => {
    await put(bucket, { "bytes.bin": randomBytes(2_000_000) });
    const storage = await bucket.open();
    const object = await listed(storage, "bytes.bin");
    await rejects(
      collect(storage.read(object), () => bucket.remove("bytes.bin")),
      "FILE_NOT_FOUND",
      "bytes.bin",
    );
  },

  "says OBJECT_CHANGED for an object written again since it was listed": async (bucket) => {
    await put(bucket, { "cur/v1/x": "before" });
    const storage = await bucket.open();
    const object = await listed(storage, "cur/v1/x");
    await bucket.put("cur/v1/x", "after!");
    await rejects(collect(storage.read(object)), "OBJECT_CHANGED", "cur/v1/x", storage.url);
    await rejects(collect(storage.read(object, { start: 1, end: 2 })), "OBJECT_CHANGED", "cur/v1/x");
    assert.equal(await textOf(storage, await listed(storage, "cur/v1/x")), "after!");
  },

  "says OBJECT_CHANGED for an object written again while it is read": async (bucket) => {
    for (const next of [randomBytes(2_000_000), randomBytes(1_000), randomBytes(3_000_000)]) {
      await put(bucket, { "bytes.bin": randomBytes(2_000_000) });
      const storage = await bucket.open();
      const object = await listed(storage, "bytes.bin");
      await rejects(
        collect(storage.read(object), () => bucket.put("bytes.bin", next)),
        "OBJECT_CHANGED",
        "bytes.bin",
      );
    }
  },

  "refuses keys that leave the root": async (bucket) => {
    await put(bucket, "cur/v1/x");
    const storage = await bucket.open();
    const object = await listed(storage, "cur/v1/x");
    for (const key of [
      "../x",
      "cur/../../x",
      "cur/../cur/v1/x",
      "..",
      "cur/..",
      "/cur/v1/x",
      "/etc/passwd",
      "..\\x",
      "cur\\..\\x",
      "\\x",
      "cur/v1/x\0",
    ]) {
      await rejects(storage.find(key), "KEY_OUTSIDE_PREFIX", storage.url);
      await rejects(collect(storage.read({ ...object, key })), "KEY_OUTSIDE_PREFIX", storage.url);
      await rejects(collect(storage.list(key)), "KEY_OUTSIDE_PREFIX", storage.url);
    }
  },

  "says STORAGE_NOT_FOUND, with a hint, for a root that does not exist": async (bucket) => {
    const listing = async () => collect((await bucket.openMissing()).list(""));
    await rejects(listing(), "STORAGE_NOT_FOUND");
    const below = async () => collect((await bucket.openMissing()).list("cur"));
    await rejects(below(), "STORAGE_NOT_FOUND");
  },

  "says STORAGE_DENIED, with a hint, for what may not be read": async (bucket) => {
    await put(bucket, "cur/v1/x");
    const storage = await bucket.open();
    const object = await listed(storage, "cur/v1/x");
    await bucket.whileDenied(async () => {
      await rejects(collect(storage.list("")), "STORAGE_DENIED", storage.url);
      await rejects(collect(storage.list("cur")), "STORAGE_DENIED", storage.url);
      await rejects(storage.find("cur/v1/x"), "STORAGE_DENIED", storage.url);
      await rejects(collect(storage.read(object)), "STORAGE_DENIED", storage.url);
    });
    assert.equal(await textOf(storage, object), "content of cur/v1/x");
  },
};

/** Writes objects: keys with a content made from the key, or a record of contents by key. */
async function put(
  bucket: TestBucket,
  ...objects: readonly (string | Record<string, string | Uint8Array>)[]
): Promise<void> {
  for (const entry of objects) {
    const contents = typeof entry === "string" ? { [entry]: `content of ${entry}` } : entry;
    for (const [key, bytes] of Object.entries(contents)) await bucket.put(key, bytes);
  }
}

async function collect<T>(items: AsyncIterable<T>, afterFirst?: () => Promise<void>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) {
    collected.push(item);
    if (collected.length === 1) await afterFirst?.();
  }
  return collected;
}

async function keysOf(storage: Storage, prefix: string): Promise<string[]> {
  return (await collect(storage.list(prefix))).map(({ key }) => key);
}

async function listed(storage: Storage, key: string): Promise<StoredObject> {
  const object = (await collect(storage.list(""))).find((candidate) => candidate.key === key);
  assert.ok(object, `${key} is listed`);
  return object;
}

async function textOf(storage: Storage, object: StoredObject, range?: { start: number; end: number }): Promise<string> {
  return Buffer.concat(await collect(storage.read(object, range))).toString();
}

function inByteOrder(keys: readonly string[]): string[] {
  return keys.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
}

/** Bytes that do not compress and are the same in every run. */
function randomBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let value = length;
  for (let index = 0; index < length; index += 1) {
    value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = value >>> 24;
  }
  return bytes;
}
