import assert from "node:assert/strict";
import { mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";

import { azureStorageWith } from "../../src/storages/azure/driver.ts";
import { openStorage, storageDrivers } from "../../src/storages/index.ts";
import { retryPolicy } from "../../src/retry.ts";
import { leavesRoot, type StorageOptions } from "../../src/storages/storage.ts";
import { memoryStorage, type MemoryBucket } from "../conformance/memory.ts";
import { storageCases, type TestBucket } from "../conformance/storage.ts";
import { temporaryFolder, withRights, writeKey } from "../support/folders.ts";
import { rejects } from "../support/rejects.ts";
import { account, startAzurite, type Azurite } from "../servers/azurite.ts";
import { startGcsServer } from "../servers/gcs.ts";
import { setAwsVariables, testLogin } from "../servers/s3-environment.ts";
import { startS3Server } from "../servers/s3.ts";

const noOptions: StorageOptions = { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null };

/** By scheme: how a test gets an empty bucket of that storage. */
const testBuckets: Readonly<Record<string, (t: TestContext) => Promise<TestBucket>>> = {
  file: fileBucket,
  gs: gcsBucket,
  memory: memoryBucket,
  s3: s3Bucket,
  az: azureBucket,
};

let azurite: Promise<Azurite> | undefined;
after(async () => (await azurite)?.close());

for (const [scheme, makeBucket] of Object.entries(testBuckets)) {
  describe(`storage ${scheme}`, () => {
    for (const [title, check] of Object.entries(storageCases)) {
      test(title, async (t) => check(await makeBucket(t)));
    }
  });
}

test("every storage is run through the cases", () => {
  assert.deepEqual(
    storageDrivers.filter(({ scheme }) => testBuckets[scheme] === undefined),
    [],
  );
});

describe("openStorage", () => {
  test("takes the path and the address of a folder", async (t) => {
    const folder = join(await temporaryFolder(t), "a b#c%20ü");
    await mkdir(folder);
    const address = pathToFileURL(folder).href;
    for (const url of [folder, `${folder}/`, address, `${address}/`, address.replace("file:", "FILE:")]) {
      assert.equal((await openStorage(url)).url, folder);
    }
  });

  test("names the scheme that it cannot open, and nothing else of the address", async () => {
    for (const scheme of ["oss", "https"]) {
      const open = openStorage(`${scheme}://acme-billing?sig=secret`);
      const error = await rejects(open, "STORAGE_UNSUPPORTED", `${scheme}://`);
      assert.doesNotMatch(error.message + error.hint, /secret/u);
    }
  });

  test("rejects what is not a folder of this machine", async (t) => {
    const folder = await temporaryFolder(t);
    await writeFile(join(folder, "file"), "");
    for (const url of ["bills", "./bills", "s3:bills", "file:bills", "file://user:secret@bills/cur", "file:///%", ""]) {
      const error = await rejects(openStorage(url), "CONFIG_INVALID");
      assert.doesNotMatch(error.message, /secret/u);
    }
    for (const path of [join(folder, "nothing"), join(folder, "file"), join(folder, "file", "below")]) {
      await rejects(openStorage(path), "STORAGE_NOT_FOUND", path);
    }
  });
});

test("leavesRoot distinguishes keys that climb from unusual ones", () => {
  for (const key of ["..", "../x", "a/..", "a/../b", "/", "/a", "\\a", "..\\a", "a\\..\\b", "a\0"]) {
    assert.equal(leavesRoot(key), true, JSON.stringify(key));
  }
  for (const key of ["", "a", "a/b", "..a", "a..", "a/...", "a/..b/c", "a b", "a\\b", "a//b", "./a", "%2e%2e/a"]) {
    assert.equal(leavesRoot(key), false, JSON.stringify(key));
  }
});

test("docs/adding-a-storage.md shows the driver that these tests run", async () => {
  const source = await readFile(join(import.meta.dirname, "../conformance/memory.ts"), "utf8");
  const page = await readFile(join(import.meta.dirname, "../../docs/adding-a-storage.md"), "utf8");
  const shown = /^```ts\n(?<code>[\s\S]*?)^```$/mu.exec(page)?.groups?.["code"];
  assert.equal(shown, source, "the page's first block is test/conformance/memory.ts");
});

test("docs/adding-a-storage.md lists the members of both interfaces", async () => {
  const page = await readFile(join(import.meta.dirname, "../../docs/adding-a-storage.md"), "utf8");
  for (const [section, file, names] of [
    ["The contract", "storage.ts", ["Storage", "StorageDriver"]],
    ["An object storage over HTTP", "object-storage.ts", ["ObjectService"]],
  ] as const) {
    const source = await readFile(join(import.meta.dirname, "../../src/storages", file), "utf8");
    const members = names.flatMap((name) => {
      const body = new RegExp(`^export interface ${name} \\{\\n(?<body>[\\s\\S]*?)^\\}`, "mu").exec(source)?.groups?.[
        "body"
      ];
      return [...(body ?? "").matchAll(/^ {2}(?:readonly )?(?<member>\w+)[(:]/gmu)].map(
        ({ groups }) => groups?.["member"],
      );
    });
    const text = page.split(`## ${section}\n`)[1]?.split("\n## ")[0] ?? "";
    const listed = [...text.matchAll(/^\| (?<cell>`.*?) \|/gmu)].flatMap(({ groups }) =>
      [...(groups?.["cell"] ?? "").matchAll(/`(?<member>\w+)/gu)].map((match) => match.groups?.["member"]),
    );
    assert.deepEqual(new Set(listed), new Set(members), section);
  }
});

async function fileBucket(t: TestContext): Promise<TestBucket> {
  const folder = await temporaryFolder(t);
  const root = join(folder, "root");
  await mkdir(root);
  let seconds = 1_700_000_000;
  return {
    open: () => openStorage(root),
    openMissing: () => openStorage(join(folder, "missing")),
    async put(key, bytes) {
      const path = await writeKey(root, key, bytes);
      // Two writes within one tick of the file system's clock would have the same time.
      seconds += 1;
      await utimes(path, seconds, seconds);
    },
    remove: (key) => rm(join(root, key)),
    whileDenied: (work) => withRights(root, 0o000, work),
  };
}

async function gcsBucket(t: TestContext): Promise<TestBucket> {
  const server = await startGcsServer("bucket");
  t.after(async () => {
    await server.close();
    assert.deepEqual(server.refused, []);
  });
  const options = { ...noOptions, endpoint: server.endpoint };
  return {
    open: () => openStorage("gs://bucket", options),
    openMissing: () => openStorage("gs://missing", options),
    put: async (key, bytes) => void server.put("bucket", key, bytes),
    remove: async (key) => server.remove("bucket", key),
    async whileDenied(work) {
      server.deny("bucket", true);
      await work().finally(() => server.deny("bucket", false));
    },
  };
}

async function s3Bucket(t: TestContext): Promise<TestBucket> {
  setAwsVariables(t, testLogin);
  const server = await startS3Server();
  // Elsewhere the same bytes are the same version.
  server.addBucket("bucket", { isEncrypted: true });
  t.after(async () => {
    await server.close();
    assert.deepEqual(server.refused, []);
  });
  const options = { ...noOptions, endpoint: server.endpoint };
  return {
    open: () => openStorage("s3://bucket", options),
    openMissing: () => openStorage("s3://missing", options),
    put: async (key, bytes) => void server.put("bucket", key, bytes),
    remove: async (key) => server.remove("bucket", key),
    async whileDenied(work) {
      server.deny("bucket", true);
      await work().finally(() => server.deny("bucket", false));
    },
  };
}

async function azureBucket(): Promise<TestBucket> {
  azurite ??= startAzurite();
  const server = await azurite;
  const container = await server.container();
  await server.allow(container, "rl");
  const { endpoint, connectionString } = server;
  const sasToken = await server.signature(container);
  // The service does not set a page size: here it is that of the driver.
  const driver = azureStorageWith(retryPolicy, 3);
  const open = (name: string, azureCredentials: StorageOptions["azureCredentials"]) =>
    driver.open(`az://${account}/${name}`, { ...noOptions, endpoint, azureCredentials });
  return {
    open: () => open(container.containerName, { connectionString: null, sasToken }),
    openMissing: () => open("missing", { connectionString, sasToken: null }),
    async put(key, bytes) {
      const content = Buffer.from(bytes);
      await container.getBlockBlobClient(key).upload(content, content.length);
    },
    async remove(key) {
      await container.deleteBlob(key);
    },
    async whileDenied(work) {
      await server.allow(container, "w");
      try {
        await work();
      } finally {
        await server.allow(container, "rl");
      }
    },
  };
}

async function memoryBucket(): Promise<TestBucket> {
  const bucket: MemoryBucket = { objects: new Map(), readable: true };
  const driver = memoryStorage(new Map([["bucket", bucket]]));
  let version = 0;
  return {
    open: () => driver.open("memory://bucket", noOptions),
    openMissing: () => driver.open("memory://missing", noOptions),
    async put(key, content) {
      const bytes = Buffer.from(content);
      version += 1;
      const object = { key, size: bytes.length, version: String(version), modified: "2025-01-01T00:00:00Z" };
      bucket.objects.set(key, { object, bytes });
    },
    async remove(key) {
      bucket.objects.delete(key);
    },
    async whileDenied(work) {
      bucket.readable = false;
      await work().finally(() => (bucket.readable = true));
    },
  };
}
