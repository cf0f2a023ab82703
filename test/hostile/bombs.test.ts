import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateRawSync, gzipSync } from "node:zlib";
import { byteCount } from "../../src/config/schema.ts";
import { decompressedSize, readHeader, verifyBytes } from "../../src/files/read.ts";
import { decompressedLimit } from "../../src/files/decompress.ts";
import { openStorage } from "../../src/storages/index.ts";
import { readerOf } from "../../src/storages/storage.ts";
import { curColumns, csvText, curRows, deliver, withFile, type Delivery } from "../support/deliveries.ts";
import { onlyResult, runProject, runWell } from "../support/projects.ts";
import { temporaryFolder, writeKey } from "../support/folders.ts";
import { rejects } from "../support/rejects.ts";
import { zipBytes, type ZipFile } from "../support/zip.ts";
import {
  type HostileCase,
  loadedProject,
  refusesEach,
  runBounded,
  soundDelivery,
  withSettings,
} from "../support/hostile/projects.ts";

const megabyte = 1024 * 1024;

/** A file of gzip with so many megabytes, made of one that was packed once: the members of gzip stand in a row. */
function gzipBomb(start: string, megabytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(16 * megabyte, "\n"), { level: 9 });
  return Buffer.concat([gzipSync(start), ...Array.from({ length: megabytes / 16 }, () => member)]);
}

const sound = (month: string): string => csvText(curColumns, curRows(month, "3"));

function packed(bytes: (month: string) => Uint8Array, compression: "gzip" | "zip" = "gzip"): HostileCase["delivery"] {
  return (month, id): Delivery => withFile(soundDelivery(month, id, "3", { compression }), 0, () => bytes(month));
}

const zip = (...files: readonly ZipFile[]): HostileCase["delivery"] => packed(() => zipBytes(...files), "zip");

const zipped = (month: string, changes: Partial<ZipFile>): Buffer =>
  zipBytes({ name: "x.csv", bytes: Buffer.from(sound(month)), ...changes });

/** An archive with two entries in its directory, of which the second points at the data of the first. */
function overlapping(month: string): Buffer {
  const [one, two] = [zipped(month, { name: "a.csv" }), zipped(month, { name: "b.csv" })];
  const entry = (archive: Buffer): Buffer =>
    archive.subarray(archive.readUInt32LE(archive.length - 6), archive.length - 22);
  const end = Buffer.from(one.subarray(one.length - 22));
  end.writeUInt16LE(2, 8);
  end.writeUInt16LE(2, 10);
  end.writeUInt32LE(entry(one).length + entry(two).length, 12);
  return Buffer.concat([one.subarray(0, one.length - 22), entry(two), end]);
}

const cases: Readonly<Record<string, HostileCase>> = {
  "a gzip bomb": {
    code: "LIMIT_EXCEEDED",
    delivery: packed((month) => gzipBomb(sound(month), 128)),
    says: /64000000 bytes/,
  },
  "a gzip bomb before the header": {
    code: "FILE_INVALID",
    delivery: packed(() => gzipSync(Buffer.alloc(64 * megabyte, "x"))),
    says: /header is longer/,
  },
  "a header in gzip that never ends": {
    code: "FILE_INVALID",
    delivery: packed(() => gzipSync("a,".repeat(8 * megabyte))),
    says: /header is longer/,
  },
  "gzip in gzip": { code: "FILE_INVALID", delivery: packed((month) => gzipSync(gzipSync(sound(month)))) },
  "a zip file in a zip file": {
    code: "FILE_INVALID",
    delivery: packed((month) => zipBytes({ name: "x.csv", bytes: zipped(month, {}), stored: true }), "zip"),
  },
  "a zip file with two entries": {
    code: "FILE_INVALID",
    delivery: zip({ name: "a.csv", bytes: Buffer.from("a") }, { name: "b.csv", bytes: Buffer.from("a") }),
    says: /more than one/,
  },
  "a zip file of overlapping entries": {
    code: "FILE_INVALID",
    delivery: packed(overlapping, "zip"),
    says: /more than one/,
  },
  "a zip file of 60,000 folders": {
    code: "FILE_INVALID",
    delivery: zip(
      ...Array.from({ length: 60_000 }, (_, index) => ({ name: `${index}/`, bytes: Buffer.alloc(0), stored: true })),
    ),
    says: /lists 60000 entries/,
  },
  "a zip file that says it is smaller": {
    code: "FILE_CORRUPT",
    delivery: packed((month) => zipped(month, { size: 10 }), "zip"),
  },
  "a zip file that says it is larger": {
    code: "FILE_CORRUPT",
    delivery: packed((month) => zipped(month, { size: 10_000_000 }), "zip"),
  },
  "a zip bomb that says it is small": {
    code: "FILE_CORRUPT",
    delivery: packed(
      (month) =>
        zipBytes({
          name: "x.csv",
          bytes: Buffer.concat([Buffer.from(sound(month)), Buffer.alloc(32 * megabyte, "\n")]),
          size: 1000,
        }),
      "zip",
    ),
  },
  "a zip bomb": {
    code: "LIMIT_EXCEEDED",
    delivery: packed(
      (month) =>
        zipBytes({
          name: "x.csv",
          bytes: Buffer.concat([Buffer.from(sound(month)), Buffer.alloc(70 * megabyte, "\n")]),
        }),
      "zip",
    ),
  },
  "a zip file with an impossible method": {
    code: "FILE_INVALID",
    delivery: packed((month) => zipped(month, { method: 99 }), "zip"),
  },
  "an encrypted zip file": { code: "FILE_INVALID", delivery: packed((month) => zipped(month, { flags: 0x09 }), "zip") },
};

describe("a file that decompresses to more than it should", { timeout: 300_000 }, () => {
  it("fails its month, and no other", async (t) => {
    await refusesEach(t, cases, 'unpacked_limit = "64 MB"');
  });

  it("never fills memory", async (t) => {
    const project = await withSettings(
      await loadedProject(t),
      'unpacked_limit = "256 MiB"\n[destination.duckdb]\nmemory_limit = "512MB"\nthreads = 2',
    );
    await deliver(project.bucket, await packed((month) => gzipBomb(sound(month), 384))("2025-02", "evil"));
    const { code, memory, seconds } = await runBounded(project, 128, 150);
    assert.equal(code, 3);
    assert.ok(memory < 600, `${memory} MB`);
    assert.ok(seconds < 120, `${seconds} s`);
  });

  it("is loaded when the limit is raised, and refused when it is lowered", async (t) => {
    const project = await loadedProject(t);
    const large = packed((month) => gzipBomb(sound(month), 32));
    await deliver(project.bucket, await large("2025-02", "large"));
    const narrow = {
      ...project,
      config: {
        ...project.config,
        pipelines: project.config.pipelines.map((one) => ({ ...one, unpackedLimit: 16 * megabyte })),
      },
    };
    const refused = onlyResult((await runProject(narrow)).finished);
    assert.deepEqual(
      refused.failed.map(({ code }) => code),
      ["LIMIT_EXCEEDED"],
    );
    assert.match(refused.failed[0]?.hint ?? "", /unpacked_limit/);
    assert.equal((await runWell(project)).loaded.length, 1);
  });

  it("names of zip entries are not used as paths", async (t) => {
    const project = await loadedProject(t);
    const names = ["../../../evil.csv", "/etc/cron.d/evil.csv", "..\\evil.csv", "a\0b.csv", "\u001b[2J.csv"];
    for (const [index, name] of names.entries()) {
      await deliver(project.bucket, await packed((month) => zipped(month, { name }), "zip")("2025-02", `zip-${index}`));
      assert.equal((await runWell(project)).loaded.length, 1, name);
    }
  });
});

describe("the limit of what a file may unpack to", () => {
  it("is 250 times its size, and at least 1 GiB, by default", () => {
    assert.equal(decompressedLimit({ size: 1000 }, null), 1024 ** 3);
    assert.equal(decompressedLimit({ size: 1024 ** 3 }, null), 250 * 1024 ** 3);
    assert.equal(decompressedLimit({ size: 1024 ** 3 }, 5), 5);
  });

  it("is written as a size", () => {
    assert.equal(byteCount("64 GB"), 64_000_000_000);
    assert.equal(byteCount("64GiB"), 64 * 1024 ** 3);
    assert.equal(byteCount("1.5 mb"), 1_500_000);
    assert.equal(byteCount("100 B"), 100);
    for (const wrong of ["", "64", "GB", "0 GB", "-1 GB", "1e9 GB", "64 iB", "64 PB", "９ GB", "1_000 GB"]) {
      assert.equal(byteCount(wrong), undefined, wrong);
    }
  });

  it("holds wherever something is unpacked, and an estimate of it unpacks nothing", async (t) => {
    const folder = await temporaryFolder(t);
    const storage = await openStorage(folder);
    const plain = Buffer.concat([Buffer.from("a,b\n1,2\n"), Buffer.alloc(4 * megabyte, "\n")]);
    const files = {
      "a.csv": plain,
      "a.csv.gz": gzipSync(plain),
      "a.csv.zip": zipBytes({ name: "a.csv", bytes: plain }),
      "b.csv.zip": zipBytes({ name: "a.csv", bytes: plain, stored: true }),
    };
    for (const [key, bytes] of Object.entries(files)) {
      await writeKey(folder, key, bytes);
      const object = await storage.find(key);
      assert.ok(object !== undefined);
      const file = { ...object, format: "csv" as const, rows: null, declaredSize: null };
      const read = readerOf(storage, file);
      assert.equal((await readHeader(file, read, megabyte)).columns.length, 2, key);
      await rejects(verifyBytes(file, read, megabyte), "LIMIT_EXCEEDED", key);
      await verifyBytes(file, read, 8 * megabyte);
      assert.equal(await decompressedSize(file, read), plain.length, key);
    }
  });

  it("is not passed by gzip that hides its data behind an endless name", async (t) => {
    const folder = await temporaryFolder(t);
    const head = Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]);
    await writeKey(
      folder,
      "a.csv.gz",
      Buffer.concat([head, Buffer.alloc(48 * megabyte, "x"), Buffer.from([0]), deflateRawSync("a,b\n")]),
    );
    const storage = await openStorage(folder);
    const object = await storage.find("a.csv.gz");
    assert.ok(object !== undefined);
    const { columns } = await readHeader(
      { ...object, format: "csv", rows: null, declaredSize: null },
      readerOf(storage, object),
      null,
    );
    assert.equal(columns.length, 2);
  });
});
