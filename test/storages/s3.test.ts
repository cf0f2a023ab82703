import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { inspect } from "node:util";

import type { StoredObject } from "../../src/model.ts";
import { openStorage } from "../../src/storages/index.ts";
import { s3StorageWith } from "../../src/storages/s3/driver.ts";
import type { Storage, StorageOptions } from "../../src/storages/storage.ts";
import { rejects } from "../support/rejects.ts";
import { setAwsVariables, testLogin, type AwsVariables } from "../servers/s3-environment.ts";
import { testKey } from "../servers/s3-signature.ts";
import type { BucketSettings } from "../servers/s3-store.ts";
import { pageSize, startS3Server, type S3Server } from "../servers/s3.ts";

/** The real driver, with shorter delays. */
const driver = s3StorageWith({ retries: 3, firstDelay: 10, multiplier: 1, longestDelay: 10, timeout: 500 });

const noOptions: StorageOptions = { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null };

describe("a listing of S3", () => {
  test("requests one page after the other, and nothing else", async (t) => {
    const { server, storage } = await start(t);
    putMany(server, 25);
    assert.equal((await collect(storage.list("cur"))).length, 25);
    assert.equal(server.requests.length, Math.ceil(25 / pageSize));
    assert.deepEqual(server.requests[0]?.query, { "encoding-type": "url", "list-type": "2", prefix: "cur/" });
  });

  test("requests no further page when the reader stops", async (t) => {
    const { server, storage } = await start(t);
    putMany(server, 25);
    for await (const object of storage.list("")) if (object.key === "cur/04") break;
    assert.equal(server.count("list"), 2);
  });

  test("gives the ETag as version, and no checksum, because S3 lists none", async (t) => {
    const { server, storage } = await start(t);
    const { tag } = server.put("acme", "a", "bytes");
    server.put("acme", "b", "bytes", { isMultipart: true });
    const [a, b] = await collect(storage.list(""));
    assert.deepEqual(Object.keys(a ?? {}), ["key", "size", "version", "modified"]);
    assert.equal(a?.version, tag);
    assert.match(b?.version ?? "", /^[0-9a-f]{32}-2$/u);
    assert.deepEqual(await storage.find("b"), b);
    server.put("acme", "a", "bytes");
    assert.equal((await storage.find("a"))?.version, tag, "the same bytes are the same version");
  });

  test("leaves out objects that stand for folders, and keys that leave the bucket", async (t) => {
    const { server, storage } = await start(t);
    for (const key of ["cur/", "cur/v1/", "cur/v1/x", "cur/../x", "/x", "../x", "cur/v1/a\\..\\b"]) {
      server.put("acme", key, "");
    }
    assert.deepEqual(await keysOf(storage), ["cur/v1/x"]);
    for (const key of ["cur/", "cur/v1/", "\ud800", "x".repeat(1025)]) {
      assert.equal(await storage.find(key), undefined, JSON.stringify(key));
      const object = { key, size: 1, version: "1", modified: "2025-01-01T00:00:00Z" };
      await rejects(collect(storage.read(object)), "FILE_NOT_FOUND", "s3://acme");
    }
  });

  test("keeps keys that XML cannot hold, and those with two slashes or dots", async (t) => {
    const { server, storage } = await start(t);
    const keys = ["\u0001\u001f", " a ", "a\nb\r", "a/./b", "a//b", "b&amp;<c>", "d!'()*~", "e%2Bf+g"];
    for (const key of keys) server.put("acme", key, "content");
    const objects = await collect(storage.list(""));
    assert.deepEqual(
      objects.map(({ key }) => key),
      keys,
    );
    for (const object of objects) {
      assert.deepEqual(await storage.find(object.key), object);
      assert.equal((await bytesOf(storage, object)).toString(), "content");
    }
  });

  test("and every other request rejects the sign-in page of a network", async (t) => {
    const { server, storage, object } = await startWithObject(t);
    const works = [
      ["list", () => collect(storage.list(""))],
      ["head", () => storage.find(object.key)],
      ["get", () => collect(storage.read(object))],
      ["get", () => collect(storage.read(object, { start: 1, end: 9 }))],
    ] as const;
    for (const [match, work] of works) {
      server.fault({ kind: "page", match, times: 10 });
      await rejects(work(), "STORAGE_UNAVAILABLE", "s3://acme");
      server.heal();
    }
  });
});

describe("a download from S3", () => {
  test("is one request for the bytes and one for the version", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    assert.ok((await bytesOf(storage, object)).equals(bytes));
    assert.deepEqual([server.count("get"), server.count("head")], [1, 1]);
    assert.equal(server.sentBytes.get(object.key), bytes.length);
    assert.equal(server.requests.find(({ kind }) => kind === "get")?.headers["if-match"], `"${object.version}"`);
  });

  test("transfers of a range only its bytes, and nothing for an empty one", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    const part = await bytesOf(storage, object, { start: 1_000_000, end: 1_000_100 });
    assert.ok(part.equals(bytes.subarray(1_000_000, 1_000_100)));
    assert.equal(server.sentBytes.get(object.key), 100);
    assert.equal((await bytesOf(storage, object, { start: 5, end: 5 })).length, 0);
    assert.deepEqual([server.count("get"), server.count("head")], [1, 2]);
  });

  test("resumes at the byte where the connection broke, also several times and in a range", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    server.fault({ kind: "reset-after-bytes", bytes: 300_000, times: 5, match: "get" });
    assert.ok((await bytesOf(storage, object)).equals(bytes));
    const asked = server.requests.filter(({ kind }) => kind === "get").map(({ headers }) => headers);
    assert.equal(asked.length, 6);
    assert.equal(asked[0]?.["range"], undefined);
    assert.match(String(asked[1]?.["range"]), /^bytes=[1-9]\d*-1999999$/u);
    assert.ok(asked.every((headers) => headers["if-match"] === `"${object.version}"`));
    server.fault({ kind: "reset-after-bytes", bytes: 1_000, match: "get" });
    const part = await bytesOf(storage, object, { start: 10, end: 500_000 });
    assert.ok(part.equals(bytes.subarray(10, 500_000)));
  });

  test("repeats no bytes that it has", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    server.fault({ kind: "stall-after-bytes", bytes: 700_000, match: "get" });
    assert.ok((await bytesOf(storage, object)).equals(bytes));
    assert.equal(server.sentBytes.get(object.key), bytes.length);
    assert.equal(server.requests.findLast(({ kind }) => kind === "get")?.headers["range"], "bytes=700000-1999999");
  });

  test("gives up when it breaks repeatedly without a byte", async (t) => {
    const { server, storage, object } = await startWithObject(t);
    server.fault({ kind: "reset-after-bytes", bytes: 0, times: 100, match: "get" });
    await rejects(collect(storage.read(object)), "STORAGE_UNAVAILABLE", "s3://acme");
    assert.equal(server.count("get"), 4);
  });

  test("never resumes with another version", async (t) => {
    for (const size of [2_000_000, 100]) {
      const { server, storage, object, bytes } = await startWithObject(t);
      const pieces: Uint8Array[] = [];
      server.fault({ kind: "reset-after-bytes", bytes: 300_000, match: "get" });
      const reading = (async () => {
        for await (const piece of storage.read(object)) {
          if (pieces.length === 0) server.put("acme", object.key, Buffer.alloc(size, 1));
          pieces.push(piece);
        }
      })();
      await rejects(reading, "OBJECT_CHANGED", object.key);
      const seen = Buffer.concat(pieces);
      assert.ok(seen.length < bytes.length && seen.equals(bytes.subarray(0, seen.length)), "only bytes of the first");
    }
  });

  test("is not misled by a server that ignores condition or range", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    server.fault({ kind: "ignore-range", match: "get" });
    await rejects(collect(storage.read(object, { start: 1, end: 2 })), "STORAGE_UNAVAILABLE", object.key);
    server.put("acme", object.key, Buffer.from(bytes).fill(0));
    server.fault({ kind: "ignore-condition", match: "get" });
    await rejects(collect(storage.read(object)), "OBJECT_CHANGED", object.key);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await server.connections(), 0);
  });

  test("compares whole objects with the checksum of the answer", async (t) => {
    const { server, storage, object } = await startWithObject(t);
    server.fault({ kind: "corrupt", match: "get" });
    await rejects(collect(storage.read(object)), "FILE_CORRUPT", object.key, "s3://acme");
  });

  test("frees the connection when the reader stops", async (t) => {
    const { server, storage } = await start(t);
    server.put("acme", "x", Buffer.alloc(30_000_000));
    const object = await only(storage);
    for await (const piece of storage.read(object)) if (piece.length > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
    const sent = server.sentBytes.get("x") ?? 0;
    assert.ok(sent < 15_000_000, `${sent} bytes were sent`);
    assert.equal(await server.connections(), 0);
  });
});

describe("S3 that fails for a while", () => {
  for (const kind of [503, 429, 500, "reset"] as const) {
    test(`is retried after ${kind}`, async (t) => {
      const { server, storage } = await start(t);
      putMany(server, 4);
      server.fault({ kind, times: 2, match: "list" });
      const [object] = await collect(storage.list(""));
      assert.ok(object);
      server.fault({ kind, times: 2, match: "get" });
      server.fault({ kind, times: 2, match: "head" });
      assert.equal((await bytesOf(storage, object)).toString(), "content");
      assert.deepEqual([server.count("list"), server.count("get"), server.count("head")], [4, 3, 3]);
    });
  }

  test("is retried after a timeout", async (t) => {
    const { server, storage } = await start(t);
    putMany(server, 1);
    for (const match of ["list", "get", "head"] as const) server.fault({ kind: "stall", match });
    assert.equal((await bytesOf(storage, await only(storage))).toString(), "content");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await server.connections(), 0);
  });

  test("is STORAGE_UNAVAILABLE after the last retry", async (t) => {
    const { server, storage, object } = await startWithObject(t);
    for (const [kind, named] of [
      [503, "503"],
      ["reset", "ECONNRESET"],
      ["stall", "ETIMEDOUT"],
    ] as const) {
      const works = {
        list: () => collect(storage.list("")),
        get: () => collect(storage.read(object)),
        head: () => storage.find("x"),
      };
      for (const [match, work] of Object.entries(works)) {
        server.fault({ kind, times: 1_000, match: match as "list" | "get" | "head" });
        await rejects(work(), "STORAGE_UNAVAILABLE", "s3://acme", named);
        server.heal();
      }
    }
    assert.ok((await bytesOf(storage, object)).length > 0, "and answers again");
  });

  test("is STORAGE_UNAVAILABLE when there is no server at all", async (t) => {
    const { server, storage } = await start(t);
    await server.close();
    await rejects(collect(storage.list("")), "STORAGE_UNAVAILABLE", "ECONNREFUSED");
  });

  test("may have another clock", async (t) => {
    const { server, storage } = await start(t);
    putMany(server, 1);
    server.fault({ kind: "skew" });
    assert.equal((await collect(storage.list(""))).length, 1);
    server.fault({ kind: "skew", times: 2 });
    await rejects(collect(storage.list("")), "CREDENTIALS_INVALID", "clock");
  });
});

describe("what S3 refuses", () => {
  test("names the missing permission and the policy that gives it", async (t) => {
    const { server, storage, object } = await startWithObject(t);
    server.deny("acme", true);
    const user = "arn:aws:iam::111122223333:user/billhouse";
    const listing = await rejects(collect(storage.list("")), "STORAGE_DENIED", "s3:ListBucket", user, "s3://acme");
    const policy = JSON.parse(/\{.*\}/u.exec(listing.hint)?.[0] ?? "") as object;
    assert.deepEqual(policy, {
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: "s3:ListBucket", Resource: "arn:aws:s3:::acme" },
        { Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::acme/*" },
      ],
    });
    await rejects(storage.find(object.key), "STORAGE_DENIED", "s3:GetObject", user);
    await rejects(collect(storage.read(object)), "STORAGE_DENIED", "s3:GetObject", user);
    assert.deepEqual(
      [server.count("list"), server.count("head"), server.count("get")],
      [2, 1, 2],
      "and not asked again",
    );
  });

  test("names the key of an encrypted file that may not be used", async (t) => {
    const { server, storage, object } = await startWithObject(t);
    server.fault({ kind: "kms", match: "get" });
    const error = await rejects(collect(storage.read(object)), "STORAGE_DENIED", "kms:Decrypt");
    assert.match(error.hint, /arn:aws:kms:us-east-1:111122223333:key\/4f/u);
  });

  test("names the command that restores a file from the archive", async (t) => {
    const { server, storage } = await start(t);
    server.put("acme", "cur/it's.csv", "bytes", { isArchived: true });
    const object = await only(storage);
    assert.deepEqual(await storage.find(object.key), object);
    const error = await rejects(collect(storage.read(object)), "STORAGE_DENIED", "cur/it's.csv", "Glacier");
    assert.ok(error.hint.includes(`aws s3api restore-object --bucket acme --key 'cur/it'\\''s.csv'`), error.hint);
  });

  test("names the command that finds the name of a bucket", async (t) => {
    const { server } = await start(t);
    const storage = await driver.open("s3://acme-old", { ...noOptions, endpoint: server.endpoint });
    const error = await rejects(collect(storage.list("cur")), "STORAGE_NOT_FOUND", "s3://acme-old");
    assert.match(error.hint, /aws s3 ls/u);
    assert.equal(await storage.find("x"), undefined);
  });

  test("names the setting for the paying account", async (t) => {
    const { server, storage } = await start(t, { requesterPays: true });
    putMany(server, 4);
    const error = await rejects(collect(storage.list("")), "STORAGE_DENIED", "s3://acme", "s3:ListBucket");
    assert.match(error.hint, /\bset payer\b/u);
    const paid = await driver.open("s3://acme", { ...noOptions, endpoint: server.endpoint, payer: "acme-finance" });
    const [object] = await collect(paid.list(""));
    assert.ok(object);
    assert.deepEqual(await paid.find(object.key), object);
    assert.equal((await bytesOf(paid, object)).toString(), "content");
  });

  test("keeps the stack of unexpected errors", async (t) => {
    const { server, storage } = await start(t);
    server.fault({ kind: 418 });
    await assert.rejects(collect(storage.list("")), { name: "Teapot", status: 418 });
  });
});

describe("the region of a bucket", () => {
  for (const first of ["list", "head"] as const) {
    test(`is discovered by the first ${first}, and kept`, async (t) => {
      const { server, storage } = await start(t, { region: "eu-central-1" });
      putMany(server, 4);
      if (first === "head") assert.equal((await storage.find("cur/01"))?.size, 7);
      const [object] = await collect(storage.list(""));
      assert.ok(object);
      assert.equal((await bytesOf(storage, object)).toString(), "content");
      const before = server.requests.length;
      assert.equal((await collect(storage.list("cur"))).length, 4);
      assert.equal(server.requests.length - before, 2, "two pages");
    });
  }

  test("is that of the environment", async (t) => {
    const { server, storage } = await start(t, { region: "eu-central-1" }, { AWS_REGION: "eu-central-1" });
    putMany(server, 1);
    await collect(storage.list(""));
    assert.equal(server.requests.length, 1);
  });
});

describe("credentials to AWS", () => {
  test("that are missing are CREDENTIALS_INVALID, with the commands to get some", async (t) => {
    setAwsVariables(t, {});
    const storage = await openStorage("s3://acme");
    const error = await rejects(collect(storage.list("")), "CREDENTIALS_INVALID", "does not have credentials");
    assert.match(error.hint, /`aws sso login`.*AWS_PROFILE/u);
    await rejects(storage.find("x"), "CREDENTIALS_INVALID");
    await rejects(storage.identity(), "CREDENTIALS_INVALID");
    const object = { key: "x", size: 1, version: "1", modified: "2025-01-01T00:00:00Z" };
    await rejects(collect(storage.read(object)), "CREDENTIALS_INVALID");
  });

  for (const [title, variables, words] of [
    ["a wrong secret", { AWS_SECRET_ACCESS_KEY: "a wrong and secret key" }, "secret key"],
    ["a key that was deleted", { AWS_ACCESS_KEY_ID: "AKIAOLDOLDOLDOLD0000" }, "does not exist"],
    ["a session that has ended", { AWS_SESSION_TOKEN: "a secret token" }, "expired"],
  ] as const) {
    test(`with ${title} are CREDENTIALS_INVALID, and never shown`, async (t) => {
      const { server, storage } = await start(t, {}, variables);
      server.put("acme", "x", "content");
      const object = { key: "x", size: 7, version: "1", modified: "2025-01-01T00:00:00Z" };
      for (const work of [
        () => collect(storage.list("")),
        () => storage.find("x"),
        () => collect(storage.read(object)),
      ]) {
        const error = await rejects(work(), "CREDENTIALS_INVALID", words);
        const printed = inspect(error, { depth: 10, showHidden: true });
        assert.doesNotMatch(printed, /a wrong and secret key|a secret token|AKIAOLDOLDOLDOLD0000|Signature=/u);
      }
    });
  }

  test("with a session token are accepted", async (t) => {
    const { server, storage } = await start(t, {}, { AWS_SESSION_TOKEN: testKey.sessionToken });
    putMany(server, 1);
    assert.equal((await bytesOf(storage, await only(storage))).toString(), "content");
  });

  test("are shown as a part of the access key", async (t) => {
    const { storage } = await start(t);
    assert.equal(await storage.identity(), "access key AKIA…1234");
  });

  test("are not needed to reject an address that is not valid", async () => {
    for (const address of [
      "s3://",
      "s3://acme/cur",
      "s3://acme?sig=secret",
      "s3://user:secret@acme",
      "s3://AC",
      "s3://a_",
    ]) {
      const error = await rejects(openStorage(address), "CONFIG_INVALID");
      assert.doesNotMatch(error.message + error.hint, /secret/u);
    }
    assert.equal((await openStorage("S3://acme/")).url, "s3://acme");
  });
});

async function start(
  t: TestContext,
  settings: BucketSettings = {},
  variables: AwsVariables = {},
): Promise<{ server: S3Server; storage: Storage }> {
  setAwsVariables(t, { ...testLogin, ...variables });
  const server = await startS3Server();
  server.addBucket("acme", settings);
  t.after(async () => {
    await server.close();
    assert.deepEqual(server.refused, []);
  });
  return { server, storage: await driver.open("s3://acme", { ...noOptions, endpoint: server.endpoint }) };
}

async function startWithObject(
  t: TestContext,
): Promise<{ server: S3Server; storage: Storage; object: StoredObject; bytes: Buffer }> {
  const { server, storage } = await start(t);
  const bytes = Buffer.from(Uint32Array.from({ length: 500_000 }, (_, index) => index * 2_654_435_761).buffer);
  server.put("acme", "cur/bytes.bin", bytes);
  return { server, storage, object: await only(storage), bytes };
}

function putMany(server: S3Server, count: number): void {
  for (let index = 1; index <= count; index += 1) {
    server.put("acme", `cur/${String(index).padStart(2, "0")}`, "content");
  }
}

async function only(storage: Storage): Promise<StoredObject> {
  const [object] = await collect(storage.list(""));
  assert.ok(object);
  return object;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

async function keysOf(storage: Storage, prefix = ""): Promise<string[]> {
  return (await collect(storage.list(prefix))).map(({ key }) => key);
}

async function bytesOf(
  storage: Storage,
  object: StoredObject,
  range?: { start: number; end: number },
): Promise<Buffer> {
  return Buffer.concat(await collect(storage.read(object, range)));
}
