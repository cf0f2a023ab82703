import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { describe, test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";

import type { StoredObject } from "../../src/model.ts";
import { gcsStorageWith } from "../../src/storages/gcs/driver.ts";
import { openStorage } from "../../src/storages/index.ts";
import type { Storage, StorageOptions } from "../../src/storages/storage.ts";
import { rejects } from "../support/rejects.ts";
import { pageSize, startGcsServer, type GcsServer } from "../servers/gcs.ts";

/** The real driver, with shorter delays. */
const driver = gcsStorageWith({ retries: 3, firstDelay: 10, multiplier: 1, longestDelay: 10, timeout: 1_000 });

const noOptions: StorageOptions = { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null };
const reader = "billhouse@acme-reader.iam.gserviceaccount.com";

describe("a listing of Cloud Storage", () => {
  test("requests one page after the other, and only the fields it needs", async (t) => {
    const { server, storage } = await start(t);
    putMany(server, 25);
    assert.equal((await collect(storage.list("cur"))).length, 25);
    assert.equal(server.count("list"), Math.ceil(25 / pageSize));
    assert.equal(server.requests.length, 9, "nothing else is asked");
    assert.deepEqual(server.requests[0]?.query, {
      prefix: "cur/",
      fields: "items(name,size,generation,md5Hash,updated),nextPageToken",
    });
  });

  test("requests no further page when the reader stops", async (t) => {
    const { server, storage } = await start(t);
    putMany(server, 25);
    for await (const object of storage.list("")) if (object.key === "cur/04") break;
    assert.equal(server.count("list"), 2);
  });

  test("gives the MD5 of an object that has one", async (t) => {
    const { server, storage } = await start(t);
    server.put("acme", "a", "bytes");
    server.put("acme", "b", "bytes", { composed: true });
    const [a, b] = await collect(storage.list(""));
    assert.equal(a?.checksum, `md5:${createHash("md5").update("bytes").digest("hex")}`);
    assert.equal(a?.version, server.object("acme", "a")?.generation);
    assert.deepEqual(Object.keys(b ?? {}), ["key", "size", "version", "modified"]);
  });

  test("leaves out objects that stand for folders, and keys that leave the bucket", async (t) => {
    const { server, storage } = await start(t);
    for (const key of ["cur/", "cur/v1/", "cur/v1/x", "cur/../x", "/x", "../x", "cur/v1/a\\..\\b"]) {
      server.put("acme", key, "");
    }
    assert.deepEqual(await keysOf(storage), ["cur/v1/x"]);
    assert.deepEqual(await keysOf(storage, "cur"), ["cur/v1/x"]);
    for (const key of ["cur/", "cur/v1/", ".", "a\nb", "\ud800", "x".repeat(1025)]) {
      assert.equal(await storage.find(key), undefined, JSON.stringify(key));
      const object = { key, size: 1, version: "1", modified: "2025-01-01T00:00:00Z" };
      await rejects(collect(storage.read(object)), "FILE_NOT_FOUND", "gs://acme");
    }
  });

  test("and every other request rejects the sign-in page of a network", async (t) => {
    const { server, storage, object } = await startWithObject(t);
    const works = [
      ["list", () => collect(storage.list(""))],
      ["metadata", () => storage.find(object.key)],
      ["media", () => collect(storage.read(object))],
      ["media", () => collect(storage.read(object, { start: 1, end: 9 }))],
    ] as const;
    for (const [kind, work] of works) {
      server.fault({ kind: "page", match: { kind } });
      await rejects(work(), "STORAGE_UNAVAILABLE", "gs://acme");
    }
  });
});

describe("a download from Cloud Storage", () => {
  test("is one request for the bytes and one for the version", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    assert.ok((await bytesOf(storage, object)).equals(bytes));
    assert.deepEqual([server.count("media"), server.count("metadata")], [1, 1]);
    assert.equal(server.mediaBytes.get(object.key), bytes.length);
  });

  test("transfers of a range only its bytes, and nothing for an empty one", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    const part = await bytesOf(storage, object, { start: 1_000_000, end: 1_000_100 });
    assert.ok(part.equals(bytes.subarray(1_000_000, 1_000_100)));
    assert.equal(server.mediaBytes.get(object.key), 100);
    assert.equal((await bytesOf(storage, object, { start: 5, end: 5 })).length, 0);
    assert.deepEqual([server.count("media"), server.count("metadata")], [1, 2]);
  });

  test("gives the stored bytes of an object with Content-Encoding: gzip", async (t) => {
    const { server, storage } = await start(t);
    const packed = gzipSync("one,two\n".repeat(1_000));
    server.put("acme", "a.csv", packed, { contentEncoding: "gzip", contentType: "text/csv" });
    const object = await only(storage);
    assert.equal(object.size, packed.length);
    assert.ok((await bytesOf(storage, object)).equals(packed));
    assert.ok((await bytesOf(storage, object, { start: 3, end: 20 })).equals(packed.subarray(3, 20)));
  });

  test("resumes at the byte where the connection broke, also several times and in a range", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    for (let times = 0; times < 5; times += 1) {
      server.fault({ kind: "reset-after-bytes", bytes: 300_000, match: { kind: "media" } });
    }
    assert.ok((await bytesOf(storage, object)).equals(bytes));
    assert.equal(server.count("media"), 6);
    const ranges = server.requests.filter(({ kind }) => kind === "media").map(({ headers }) => headers["range"]);
    assert.equal(ranges[0], undefined);
    assert.match(String(ranges[1]), /^bytes=\d+-1999999$/u);
    server.fault({ kind: "reset-after-bytes", bytes: 1_000, match: { kind: "media" } });
    const part = await bytesOf(storage, object, { start: 10, end: 500_000 });
    assert.ok(part.equals(bytes.subarray(10, 500_000)));
  });

  test("repeats no bytes that it has", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    server.fault({ kind: "stall-after-bytes", bytes: 700_000, match: { kind: "media" } });
    assert.ok((await bytesOf(storage, object)).equals(bytes));
    assert.equal(server.mediaBytes.get(object.key), bytes.length);
    assert.equal(server.requests.findLast(({ kind }) => kind === "media")?.headers["range"], "bytes=700000-1999999");
  });

  test("gives up when it breaks repeatedly without a byte", async (t) => {
    const { server, storage, object } = await startWithObject(t);
    server.fault({ kind: "reset-after-bytes", bytes: 0, times: 100, match: { kind: "media" } });
    await rejects(collect(storage.read(object)), "STORAGE_UNAVAILABLE", "gs://acme");
  });

  test("never resumes with another generation", async (t) => {
    for (const versioning of [false, true]) {
      const { server, storage, object, bytes } = await startWithObject(t, { versioning });
      const pieces: Uint8Array[] = [];
      server.fault({ kind: "reset-after-bytes", bytes: 300_000, match: { kind: "media" } });
      const reading = (async () => {
        for await (const piece of storage.read(object)) {
          if (pieces.length === 0) server.put("acme", object.key, Buffer.alloc(object.size, 1));
          pieces.push(piece);
        }
      })();
      await rejects(reading, "OBJECT_CHANGED", object.key);
      const seen = Buffer.concat(pieces);
      assert.ok(seen.length < bytes.length && seen.equals(bytes.subarray(0, seen.length)), "only bytes of the first");
    }
  });

  test("sees a new generation between listing and reading, also where old ones are kept", async (t) => {
    for (const versioning of [false, true]) {
      const { server, storage, object } = await startWithObject(t, { versioning });
      server.put("acme", object.key, "other bytes");
      await rejects(collect(storage.read(object)), "OBJECT_CHANGED", object.key);
      await rejects(collect(storage.read(object, { start: 3, end: 3 })), "OBJECT_CHANGED", object.key);
      server.remove("acme", object.key);
      await rejects(collect(storage.read(object)), "FILE_NOT_FOUND", object.key);
      assert.equal(server.mediaBytes.size, 0);
    }
  });

  test("is not misled by a server that ignores condition or range", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    server.fault({ kind: "ignore-range", match: { kind: "media" } });
    await rejects(collect(storage.read(object, { start: 1, end: 2 })), "STORAGE_UNAVAILABLE", object.key);
    server.put("acme", object.key, bytes);
    server.fault({ kind: "ignore-condition", match: { kind: "media" } });
    await rejects(collect(storage.read(object)), "OBJECT_CHANGED", object.key);
  });

  test("compares whole objects with the checksum of the bucket", async (t) => {
    for (const composed of [false, true]) {
      const { server, storage } = await start(t);
      server.put("acme", "x", Buffer.alloc(100_000, "x"), { composed });
      const object = await only(storage);
      assert.equal((await bytesOf(storage, object)).length, 100_000);
      server.fault({ kind: "corrupt", match: { kind: "media" } });
      await rejects(collect(storage.read(object)), "FILE_CORRUPT", "x", "gs://acme");
    }
  });

  test("frees the connection when the reader stops", async (t) => {
    const { server, storage } = await start(t);
    server.put("acme", "x", Buffer.alloc(30_000_000));
    const object = await only(storage);
    for await (const piece of storage.read(object)) if (piece.length > 0) break;
    const sent = server.mediaBytes.get("x") ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(sent < 15_000_000, `${sent} bytes were sent`);
    assert.equal(await server.connections(), 0);
  });
});

describe("Cloud Storage that fails for a while", () => {
  for (const kind of [503, 429, 500, "reset"] as const) {
    test(`is retried after ${kind}`, async (t) => {
      const { server, storage } = await start(t);
      putMany(server, 4);
      server.fault({ kind, times: 2, match: { kind: "list" } });
      const [object] = await collect(storage.list(""));
      assert.ok(object);
      server.fault({ kind, times: 2, match: { kind: "media" } });
      server.fault({ kind, times: 2, match: { kind: "metadata" } });
      assert.equal((await bytesOf(storage, object)).toString(), "content");
      assert.deepEqual([server.count("list"), server.count("media"), server.count("metadata")], [4, 3, 3]);
    });
  }

  test("is retried after a timeout", async (t) => {
    const { server, storage } = await start(t);
    putMany(server, 1);
    server.fault({ kind: "stall", match: { kind: "list" } });
    server.fault({ kind: "stall", match: { kind: "media" } });
    assert.equal((await bytesOf(storage, await only(storage))).toString(), "content");
  });

  test("does no harm with an answer after the timeout", async (t) => {
    const { server, storage, object, bytes } = await startWithObject(t);
    server.fault({ kind: "late", delay: 1_300, match: { kind: "media" } });
    server.fault({ kind: "late", delay: 1_300, match: { kind: "list" } });
    assert.ok((await bytesOf(storage, object)).equals(bytes));
    assert.deepEqual(await keysOf(storage), [object.key]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await server.connections(), 0);
  });

  test("is STORAGE_UNAVAILABLE after the last retry", async (t) => {
    const { server, storage, object } = await startWithObject(t);
    for (const [kind, named] of [
      [503, "503"],
      ["reset", "ECONNRESET"],
      ["stall", "gs://acme"],
    ] as const) {
      const works = {
        list: () => collect(storage.list("")),
        media: () => collect(storage.read(object)),
        metadata: () => storage.find("x"),
      };
      for (const [request, work] of Object.entries(works)) {
        let isOver = false;
        const before = server.requests.length;
        server.fault({ kind, times: 1_000, match: (asked) => !isOver && asked.kind === request });
        await rejects(work(), "STORAGE_UNAVAILABLE", "gs://acme", named);
        assert.equal(server.requests.length - before, kind === "stall" ? 2 : 4, "the SDK does not ask on its own");
        isOver = true;
      }
    }
    assert.ok((await bytesOf(storage, object)).length > 0, "and answers again");
  });

  test("is STORAGE_UNAVAILABLE when there is no server at all", async (t) => {
    const { server, storage } = await start(t);
    await server.close();
    await rejects(collect(storage.list("")), "STORAGE_UNAVAILABLE", "ECONNREFUSED");
  });
});

describe("what Cloud Storage refuses", () => {
  test("names the missing permission and the command that grants it", async (t) => {
    const { server, storage, object } = await startWithObject(t);
    server.deny("acme", true);
    const listing = await rejects(collect(storage.list("")), "STORAGE_DENIED", "storage.objects.list", reader);
    assert.ok(
      listing.hint.includes(
        `gcloud storage buckets add-iam-policy-binding gs://acme --member=serviceAccount:${reader} --role=roles/storage.objectViewer`,
      ),
      listing.hint,
    );
    await rejects(storage.find(object.key), "STORAGE_DENIED", "storage.objects.get", "gs://acme");
    await rejects(collect(storage.read(object)), "STORAGE_DENIED", "storage.objects.get", "gs://acme");
    assert.equal(server.count("list") + server.count("metadata") + server.count("media"), 4, "and not asked again");
  });

  test("names the command that finds the name of a bucket", async (t) => {
    const { server } = await start(t);
    const storage = await driver.open("gs://acme-old", { ...noOptions, endpoint: server.endpoint });
    const error = await rejects(collect(storage.list("cur")), "STORAGE_NOT_FOUND", "gs://acme-old");
    assert.match(error.hint, /gcloud storage buckets list --project=/u);
    assert.equal(await storage.find("x"), undefined);
  });

  test("names the setting for the paying account", async (t) => {
    const { server, storage } = await start(t, { requesterPays: true });
    putMany(server, 4);
    const error = await rejects(collect(storage.list("")), "STORAGE_DENIED", "gs://acme");
    assert.match(error.hint, /\bpayer\b/u);
    const options = { ...noOptions, endpoint: server.endpoint };
    const paid = await driver.open("gs://acme", { ...options, payer: "acme-billing" });
    const [object] = await collect(paid.list(""));
    assert.ok(object);
    assert.deepEqual(await paid.find(object.key), object);
    assert.equal((await bytesOf(paid, object)).toString(), "content");
    const foreign = await driver.open("gs://acme", { ...options, payer: "foreign-project" });
    const refused = await rejects(collect(foreign.list("")), "STORAGE_DENIED", "serviceusage.services.use");
    assert.match(refused.hint, /gcloud projects add-iam-policy-binding foreign-project .*serviceUsageConsumer/u);
  });

  test("is shown in Google's own words where no permission is missing", async (t) => {
    const { server, storage } = await start(t);
    server.fault({ kind: 403 });
    const words = "The billing account for the owning project is disabled in state absent.";
    await rejects(collect(storage.list("")), "STORAGE_DENIED", "gs://acme", words);
  });

  test("keeps the stack of unexpected errors", async (t) => {
    const { server, storage } = await start(t);
    server.fault({ kind: 416 });
    await assert.rejects(collect(storage.list("")), { name: "Error", code: 416 });
  });
});

describe("credentials to Cloud Storage", () => {
  test("that are missing are CREDENTIALS_INVALID, with the command to get some", async (t) => {
    withoutGoogleVariables(t);
    const storage = await openStorage("gs://acme");
    const error = await rejects(collect(storage.list("")), "CREDENTIALS_INVALID");
    assert.match(error.hint, /gcloud auth application-default login/u);
    assert.match(error.hint, /GOOGLE_APPLICATION_CREDENTIALS/u);
    await rejects(storage.find("x"), "CREDENTIALS_INVALID");
    const object = { key: "x", size: 1, version: "1", modified: "2025-01-01T00:00:00Z" };
    await rejects(collect(storage.read(object)), "CREDENTIALS_INVALID");
  });

  test("in a file that is missing or not a key are CREDENTIALS_INVALID, with the variable that names it", async (t) => {
    withoutGoogleVariables(t);
    setVariable(t, "GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/key.json");
    const storage = await openStorage("gs://acme");
    await rejects(collect(storage.list("")), "CREDENTIALS_INVALID", "GOOGLE_APPLICATION_CREDENTIALS");
    // A file that exists but is not a key.
    setVariable(t, "GOOGLE_APPLICATION_CREDENTIALS", import.meta.filename);
    await rejects((await openStorage("gs://acme")).identity(), "CREDENTIALS_INVALID", "GOOGLE_APPLICATION_CREDENTIALS");
  });

  test("that are damaged are CREDENTIALS_INVALID, and never shown", async (t) => {
    withoutGoogleVariables(t);
    for (const googleCredentials of [
      { client_email: reader, private_key: "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n" },
      { type: "service_account", private_key: "secret" },
      { refresh_token: "secret" },
    ]) {
      const storage = await openStorage("gs://acme", { ...noOptions, googleCredentials });
      const error = await rejects(collect(storage.list("")), "CREDENTIALS_INVALID");
      assert.doesNotMatch(error.message + error.hint, /secret|c2VjcmV0/u);
    }
  });

  test("are not sent to a configured endpoint", async (t) => {
    const { server } = await start(t);
    putMany(server, 1);
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const googleCredentials = { client_email: reader, private_key: key };
    const storage = await openStorage("gs://acme", { ...noOptions, endpoint: server.endpoint, googleCredentials });
    assert.equal((await bytesOf(storage, await only(storage))).toString(), "content");
    assert.ok(server.requests.every(({ headers }) => headers["authorization"] === undefined));
  });

  test("are not needed to reject an address that is not valid", async () => {
    for (const address of [
      "gs://",
      "gs://acme/cur",
      "gs://acme?sig=secret",
      "gs://user:secret@acme",
      "gs://AC",
      "gs://a_",
    ]) {
      const error = await rejects(openStorage(address), "CONFIG_INVALID");
      assert.doesNotMatch(error.message + error.hint, /secret/u);
    }
    assert.equal((await openStorage("GS://acme/")).url, "gs://acme");
  });
});

test("an endpoint wins over STORAGE_EMULATOR_HOST", async (t) => {
  setVariable(t, "STORAGE_EMULATOR_HOST", "http://127.0.0.1:1");
  const { server, storage } = await start(t);
  putMany(server, 1);
  assert.deepEqual(await keysOf(storage), ["cur/01"]);
});

async function start(
  t: TestContext,
  settings: { readonly requesterPays?: boolean; readonly versioning?: boolean } = {},
): Promise<{ server: GcsServer; storage: Storage }> {
  const server = await startGcsServer();
  server.addBucket("acme", settings);
  t.after(async () => {
    await server.close();
    assert.deepEqual(server.refused, []);
  });
  return { server, storage: await driver.open("gs://acme", { ...noOptions, endpoint: server.endpoint }) };
}

async function startWithObject(
  t: TestContext,
  settings: { readonly versioning?: boolean } = {},
): Promise<{ server: GcsServer; storage: Storage; object: StoredObject; bytes: Buffer }> {
  const { server, storage } = await start(t, settings);
  const bytes = Buffer.from(Uint32Array.from({ length: 500_000 }, (_, index) => index * 2_654_435_761).buffer);
  server.put("acme", "cur/bytes.bin", bytes);
  return { server, storage, object: await only(storage), bytes };
}

function putMany(server: GcsServer, count: number): void {
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

/** A machine without credentials of any kind, and without a network to look for some. */
function withoutGoogleVariables(t: TestContext): void {
  setVariable(t, "GOOGLE_APPLICATION_CREDENTIALS", undefined);
  setVariable(t, "HOME", "/nonexistent");
  setVariable(t, "CLOUDSDK_CONFIG", "/nonexistent");
  setVariable(t, "METADATA_SERVER_DETECTION", "none");
}

function setVariable(t: TestContext, name: string, value: string | undefined): void {
  const before = process.env[name];
  t.after(() => assign(before));
  assign(value);
  function assign(value: string | undefined): void {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
