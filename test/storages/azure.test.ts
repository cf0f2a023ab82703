import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";

import type { ContainerClient } from "@azure/storage-blob";

import type { StoredObject } from "../../src/model.ts";
import { azureStorageWith } from "../../src/storages/azure/driver.ts";
import { openStorage } from "../../src/storages/index.ts";
import type { Storage, StorageOptions } from "../../src/storages/storage.ts";
import { rejects } from "../support/rejects.ts";
import { account, startAzurite, type Azurite } from "../servers/azurite.ts";

/** The real driver, with shorter delays and smaller pages. */
const policy = { retries: 3, firstDelay: 10, multiplier: 1, longestDelay: 10, timeout: 800 };
const pageSize = 3;
const driver = azureStorageWith(policy, pageSize);

const noOptions: StorageOptions = { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null };
let azurite: Azurite;

before(async () => {
  azurite = await startAzurite();
});
after(() => azurite.close());

describe("a listing of Azure Blob Storage", () => {
  test("of one page is one request", async () => {
    const { container, storage } = await start();
    for (const key of ["cur/1", "cur/2", "cur/3"]) await put(container, key, "content");
    assert.deepEqual(await keysOf(storage, "cur"), ["cur/1", "cur/2", "cur/3"]);
    assert.equal(azurite.count("list"), 1);
    assert.equal(azurite.requests.length, 1, "nothing else is asked");
  });

  test("of more than a page goes folder by folder, in byte order, and stops with the reader", async () => {
    const { container, storage } = await start();
    const keys = ["a-b/x", "a/1", "a/2", "a/3/y", "a/4", "a/5", "a0", "b/1", "b/2", "c"];
    for (const key of keys.toReversed()) await put(container, key, "content");
    assert.deepEqual(await keysOf(storage), keys);
    const all = azurite.count("list");
    azurite.requests.splice(0);
    for await (const { key } of storage.list("")) if (key === "a-b/x") break;
    assert.ok(azurite.count("list") < all / 2);
  });

  test("gives the MD5 of a blob that has one", async () => {
    const { container, storage } = await start();
    await put(container, "a", "bytes");
    const blob = container.getBlockBlobClient("b");
    await blob.stageBlock("AAAA", "bytes", 5);
    await blob.commitBlockList(["AAAA"]);
    const [a, b] = await collect(storage.list(""));
    assert.equal(a?.checksum, `md5:${createHash("md5").update("bytes").digest("hex")}`);
    assert.match(a?.version ?? "", /^0x[0-9A-F]+$/u);
    assert.deepEqual(await storage.find("a"), a);
    assert.deepEqual(await storage.find("b"), b);
  });

  test("leaves out blobs that stand for folders", async () => {
    const { container, storage } = await start();
    await put(container, "cur/v1/x", "content");
    for (const key of ["cur", "cur/v1"]) {
      await container.getBlockBlobClient(key).upload("", 0, { metadata: { hdi_isfolder: "true" } });
    }
    assert.deepEqual(await keysOf(storage), ["cur/v1/x"]);
    for (const key of ["cur", "cur/v1", "cur/", ".", "cur/./v1/x", "cur\\v1\\x", "\ud800", "x".repeat(1025)]) {
      // A key that only looks like leaving the root is not valid either.
      assert.equal(await storage.find(key), undefined, JSON.stringify(key));
    }
  });

  test("and every other request rejects the sign-in page of a network", async () => {
    const { storage, object } = await startWithObject();
    const works = [
      ["list", () => collect(storage.list(""))],
      ["head", () => storage.find(object.key)],
      ["get", () => collect(storage.read(object))],
      ["get", () => collect(storage.read(object, { start: 1, end: 9 }))],
    ] as const;
    for (const [match, work] of works) {
      azurite.fault({ kind: "page", match, times: 10 });
      await rejects(work(), "STORAGE_UNAVAILABLE", storage.url);
      azurite.heal();
    }
  });
});

describe("a download from Azure Blob Storage", () => {
  test("is one request for the bytes and one for the version", async () => {
    const { storage, object, bytes } = await startWithObject();
    assert.ok((await bytesOf(storage, object)).equals(bytes));
    assert.deepEqual([azurite.count("get"), azurite.count("head")], [1, 1]);
    assert.equal(azurite.requests.find(({ kind }) => kind === "get")?.headers["if-match"], `"${object.version}"`);
    assert.equal((await bytesOf(storage, object, { start: 5, end: 5 })).length, 0);
    assert.deepEqual([azurite.count("get"), azurite.count("head")], [1, 2]);
  });

  test("gives the stored bytes of a blob with Content-Encoding: gzip", async () => {
    const { container, storage } = await start();
    const packed = gzipSync("one,two\n".repeat(1_000));
    const blobHTTPHeaders = { blobContentEncoding: "gzip" };
    await container.getBlockBlobClient("a.csv").upload(packed, packed.length, { blobHTTPHeaders });
    const object = await only(storage);
    assert.ok((await bytesOf(storage, object)).equals(packed));
    assert.ok((await bytesOf(storage, object, { start: 3, end: 20 })).equals(packed.subarray(3, 20)));
  });

  for (const kind of ["reset-after-bytes", "stall-after-bytes"] as const) {
    test(`resumes at the next byte after ${kind}, and repeats none`, async () => {
      const { storage, object, bytes } = await startWithObject();
      azurite.fault({ kind, bytes: 300_000, times: 3, match: "get" });
      assert.ok((await bytesOf(storage, object)).equals(bytes));
      const asked = azurite.requests.filter(({ kind }) => kind === "get").map(({ headers }) => headers);
      assert.deepEqual(
        asked.map((headers) => headers["x-ms-range"] ?? headers["range"]),
        [undefined, "bytes=300000-1999999", "bytes=600000-1999999", "bytes=900000-1999999"],
      );
      assert.ok(asked.every((headers) => headers["if-match"] === `"${object.version}"`));
    });
  }

  test("gives up when it breaks repeatedly without a byte", async () => {
    const { storage, object } = await startWithObject();
    azurite.fault({ kind: "reset-after-bytes", bytes: 0, times: 100, match: "get" });
    await rejects(collect(storage.read(object)), "STORAGE_UNAVAILABLE", storage.url);
    assert.equal(azurite.count("get"), 4);
  });

  test("never resumes with another version", async () => {
    const { container, storage, object, bytes } = await startWithObject();
    const pieces: Uint8Array[] = [];
    azurite.fault({ kind: "reset-after-bytes", bytes: 300_000, match: "get" });
    const reading = (async () => {
      for await (const piece of storage.read(object)) {
        if (pieces.length === 0) await put(container, object.key, Buffer.alloc(object.size, 1));
        pieces.push(piece);
      }
    })();
    await rejects(reading, "OBJECT_CHANGED", object.key);
    const seen = Buffer.concat(pieces);
    assert.ok(seen.length < bytes.length && seen.equals(bytes.subarray(0, seen.length)), "only bytes of the first");
  });

  test("compares whole blobs with the MD5 that the container holds", async () => {
    const { storage, object } = await startWithObject();
    azurite.fault({ kind: "corrupt", match: "get" });
    await rejects(collect(storage.read(object)), "FILE_CORRUPT", object.key, storage.url);
  });
});

describe("Azure Blob Storage that fails for a while", () => {
  for (const kind of [503, 429, 500, "reset"] as const) {
    test(`is retried after ${kind}`, async () => {
      const { container, storage } = await start();
      await put(container, "x", "content");
      for (const match of ["list", "get", "head"] as const) azurite.fault({ kind, times: 2, match });
      assert.equal((await bytesOf(storage, await only(storage))).toString(), "content");
      assert.deepEqual([azurite.count("list"), azurite.count("get"), azurite.count("head")], [3, 3, 3]);
    });
  }

  test("is retried after a timeout", async () => {
    const { container, storage } = await start();
    await put(container, "x", "content");
    for (const match of ["list", "get", "head"] as const) azurite.fault({ kind: "stall", match });
    assert.equal((await bytesOf(storage, await only(storage))).toString(), "content");
  });

  test("is STORAGE_UNAVAILABLE after the last retry", async () => {
    const { storage, object } = await startWithObject();
    for (const [kind, named] of [
      [503, "503"],
      ["reset", "ECONNRESET"],
      ["stall", "ETIMEDOUT"],
    ] as const) {
      for (const work of [
        () => collect(storage.list("")),
        () => collect(storage.read(object)),
        () => storage.find("x"),
      ]) {
        azurite.fault({ kind, times: 1_000 });
        await rejects(work(), "STORAGE_UNAVAILABLE", storage.url, named);
        azurite.heal();
      }
    }
    assert.ok((await bytesOf(storage, object)).length > 0, "and answers again");
  });

  test("is STORAGE_UNAVAILABLE when there is no server at all", async () => {
    const endpoint = "http://127.0.0.1:1/devstoreaccount1";
    const azureCredentials = { connectionString: null, sasToken: "sv=2025-01-05&sig=secret" };
    const storage = await driver.open(`az://${account}/bills`, { ...noOptions, endpoint, azureCredentials });
    const error = await rejects(collect(storage.list("")), "STORAGE_UNAVAILABLE", "ECONNREFUSED");
    assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), /secret/u);
  });
});

describe("what Azure Blob Storage refuses", () => {
  test("names the missing role and the command that grants it", async () => {
    const { container, url } = await start();
    await put(container, "x", "content");
    await azurite.allow(container, "w");
    const sasToken = await azurite.signature(container);
    const azureCredentials = { connectionString: null, sasToken };
    const storage = await driver.open(url, { ...noOptions, endpoint: azurite.endpoint, azureCredentials });
    const object = { key: "x", size: 7, version: "0x1", modified: "2025-01-01T00:00:00Z" };
    for (const work of [
      () => collect(storage.list("")),
      () => storage.find("x"),
      () => collect(storage.read(object)),
    ]) {
      azurite.requests.splice(0);
      const error = await rejects(work(), "STORAGE_DENIED", "Storage Blob Data Reader", url);
      assert.match(
        error.hint,
        /az role assignment create --role "Storage Blob Data Reader" .*--name devstoreaccount1/u,
      );
      assert.equal(azurite.requests.length, 1, "and not asked again");
      const secret = new URLSearchParams(sasToken).get("sig") ?? "";
      const printed = decodeURIComponent(inspect(error, { depth: 10, showHidden: true }).replaceAll("%", "%25"));
      assert.ok(secret.length > 20 && !printed.includes(secret) && !printed.includes(encodeURIComponent(secret)));
    }
  });

  test("is CREDENTIALS_INVALID for a key or a signature that is wrong, and neither is shown", async () => {
    const { container, url } = await start();
    await put(container, "x", "content");
    const wrongKey = Buffer.from("a wrong and secret key").toString("base64");
    const connectionString = azurite.connectionString.replace(/AccountKey=[^;]+/u, `AccountKey=${wrongKey}`);
    const sasToken = (await azurite.signature(container)).replace(/sig=[^&]+/u, "sig=wrongAndSecret");
    for (const azureCredentials of [
      { connectionString, sasToken: null },
      { connectionString: null, sasToken },
    ]) {
      const storage = await driver.open(url, { ...noOptions, endpoint: azurite.endpoint, azureCredentials });
      const error = await rejects(collect(storage.list("")), "CREDENTIALS_INVALID", account);
      assert.match(error.hint, /az login.*AZURE_STORAGE_CONNECTION_STRING/u);
      const printed = inspect(error, { depth: 10, showHidden: true });
      assert.ok(!printed.includes(wrongKey) && !printed.includes("wrongAndSecret"), printed);
    }
  });

  test("names the command that finds the name of a container", async () => {
    const { connectionString, endpoint } = azurite;
    const options = { ...noOptions, endpoint, azureCredentials: { connectionString, sasToken: null } };
    const storage = await driver.open(`az://${account}/nothing`, options);
    const error = await rejects(collect(storage.list("cur")), "STORAGE_NOT_FOUND", `az://${account}/nothing`);
    assert.match(error.hint, /az storage container list --account-name devstoreaccount1/u);
    assert.equal(await storage.find("x"), undefined);
  });
});

describe("credentials to Azure Blob Storage", () => {
  test("that are not a connection string of this account are CREDENTIALS_INVALID", async () => {
    for (const [connectionString, named] of [
      ["secret", "AZURE_STORAGE_CONNECTION_STRING"],
      ["DefaultEndpointsProtocol=secret;AccountName=acme;AccountKey=c2VjcmV0", "AZURE_STORAGE_CONNECTION_STRING"],
      [azurite.connectionString, "devstoreaccount1"],
    ] as const) {
      const azureCredentials = { connectionString, sasToken: null };
      const opening = openStorage("az://acmebilling/exports", { ...noOptions, azureCredentials });
      const error = await rejects(opening, "CREDENTIALS_INVALID", named);
      assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), /secret|c2VjcmV0|Eby8/u);
    }
  });

  test("of a login are sent over HTTPS only", async () => {
    const opening = openStorage("az://acmebilling/exports", { ...noOptions, endpoint: azurite.endpoint });
    const error = await rejects(opening, "CREDENTIALS_INVALID", "az://acmebilling/exports");
    assert.match(error.hint, /AZURE_STORAGE_CONNECTION_STRING/u);
  });

  test("are shown without a secret", async () => {
    const { storage, url, container } = await start();
    assert.equal(await storage.identity(), "the connection string of the account devstoreaccount1");
    const azureCredentials = { connectionString: null, sasToken: await azurite.signature(container) };
    const signed = await driver.open(url, { ...noOptions, endpoint: azurite.endpoint, azureCredentials });
    assert.equal(await signed.identity(), "a shared access signature");
  });

  test("are not needed to reject an address that is not valid", async () => {
    for (const address of [
      "az://",
      "az://acme",
      "az://acmebilling/exports/cur",
      "az://acmebilling/exports?sig=secret",
      "az://user:secret@acmebilling/exports",
      "az://Acme/exports",
      "az://acmebilling/a--b",
    ]) {
      const error = await rejects(openStorage(address), "CONFIG_INVALID");
      assert.doesNotMatch(error.message + error.hint, /secret/u);
    }
  });
});

interface Started {
  readonly container: ContainerClient;
  readonly storage: Storage;
  readonly url: string;
}

async function start(): Promise<Started> {
  const container = await azurite.container();
  const { endpoint, connectionString } = azurite;
  const url = `az://${account}/${container.containerName}`;
  const options = { ...noOptions, endpoint, azureCredentials: { connectionString, sasToken: null } };
  return { container, storage: await driver.open(url, options), url };
}

async function startWithObject(): Promise<Started & { readonly object: StoredObject; readonly bytes: Buffer }> {
  const started = await start();
  const bytes = Buffer.from(Uint32Array.from({ length: 500_000 }, (_, index) => index * 2_654_435_761).buffer);
  await put(started.container, "cur/bytes.bin", bytes);
  return { ...started, object: await only(started.storage), bytes };
}

async function put(container: ContainerClient, key: string, content: string | Uint8Array): Promise<void> {
  const bytes = Buffer.from(content);
  await container.getBlockBlobClient(key).upload(bytes, bytes.length);
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
