import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { BillhouseError, type ErrorCode } from "../../src/errors.ts";
import type { DataFile } from "../../src/model.ts";
import type { ReadBytes } from "../../src/files/decompress.ts";
import { readFile as readDataFile, readHeader, verifyBytes } from "../../src/files/read.ts";
import type { Tally } from "../../src/files/tally.ts";
import { temporaryFolder } from "../support/folders.ts";
import { zipBytes, type ZipFile } from "../support/zip.ts";

const csv = Buffer.from(`id,cost\n${Array.from({ length: 20_000 }, (_, row) => `${row},0.25\n`).join("")}`);
const part: ZipFile = { name: "acme-1.csv", bytes: csv };

interface Stored {
  readonly file: DataFile;
  readonly read: ReadBytes;
  readonly folder: string;
  /** Bytes that were read so far. */
  readonly bytesRead: () => number;
}

async function store(t: TestContext, bytes: Uint8Array): Promise<Stored> {
  let count = 0;
  async function* read(range = { start: 0, end: bytes.length }): AsyncGenerator<Uint8Array> {
    for (let at = range.start; at < Math.min(range.end, bytes.length); at += 65_536) {
      const piece = bytes.subarray(at, Math.min(at + 65_536, range.end));
      count += piece.length;
      yield piece;
    }
  }
  const file: DataFile = {
    key: "cur/acme-1.csv.zip",
    size: bytes.length,
    version: "1",
    modified: "2025-01-01T00:00:00Z",
    format: "csv",
    rows: null,
    declaredSize: null,
  };
  return { file, read, folder: await temporaryFolder(t), bytesRead: () => count };
}

/** A tally that only counts. */
function counting(): Tally {
  let rows = 0;
  return {
    wanted: [],
    header: () => {},
    row: () => (rows += 1),
    evidence: () => ({ rows, monthRows: rows, rowsWithoutPeriod: 0, otherMonths: [], sums: [], kept: [], rounded: [] }),
  };
}

async function decompressed({ file, read, folder }: Stored): Promise<{ text: Buffer; rows: number; checksum: string }> {
  const path = join(folder, "decompressed.csv");
  const { evidence, checksum } = await readDataFile(file, read, counting(), path, null);
  return { text: await readFile(path), rows: evidence.rows, checksum };
}

async function refuses(stored: Stored, code: ErrorCode, words: RegExp): Promise<void> {
  const isRight = (error: unknown): boolean => {
    assert.ok(error instanceof BillhouseError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, words);
    assert.ok(error.message.includes(stored.file.key));
    return true;
  };
  await assert.rejects(decompressed(stored), isRight);
  await assert.rejects(verifyBytes(stored.file, stored.read, null), isRight);
}

describe("a zip file of a report", () => {
  for (const [title, file] of [
    ["deflated", part],
    ["stored as it is", { ...part, stored: true }],
  ] as const) {
    it(`is decompressed, counted and summed in one pass over its bytes: ${title}`, async (t) => {
      const bytes = zipBytes(file);
      const stored = await store(t, bytes);
      const { text, rows, checksum } = await decompressed(stored);
      assert.deepEqual(text, csv);
      assert.equal(rows, 20_000);
      assert.equal(checksum, `md5:${createHash("md5").update(bytes).digest("hex")}`);
      // Its directory once more, and no more than that.
      assert.ok(
        stored.bytesRead() <= bytes.length + 70_000,
        `${stored.bytesRead()} bytes were read of ${bytes.length}`,
      );
    });
  }

  it("may hold a folder beside its file", async (t) => {
    const bytes = zipBytes(
      { name: "report/", bytes: Buffer.alloc(0), stored: true },
      { ...part, name: "report/a.csv" },
    );
    assert.deepEqual((await decompressed(await store(t, bytes))).text, csv);
  });

  it("is not read whole for its header", async (t) => {
    const noise = Buffer.concat([csv, Buffer.from(`1,${randomBytes(3_000_000).toString("base64")}\n`)]);
    const stored = await store(t, zipBytes({ ...part, bytes: noise }));
    const { columns } = await readHeader(stored.file, stored.read, null);
    assert.deepEqual(columns, [
      { name: "id", type: null },
      { name: "cost", type: null },
    ]);
    assert.ok(stored.bytesRead() < 400_000, `${stored.bytesRead()} bytes were read`);
  });

  it("is known by its first bytes and not by its name", async (t) => {
    assert.deepEqual((await decompressed(await store(t, csv))).text, csv);
    assert.deepEqual((await decompressed(await store(t, gzipSync(csv)))).text, csv);
    const text = Buffer.from("PKEY,cost\n1,2\n");
    assert.deepEqual((await decompressed(await store(t, text))).text, text);
  });

  it("must hold one file", async (t) => {
    const refused = (bytes: Uint8Array, words: RegExp): Promise<void> =>
      store(t, bytes).then((stored) => refuses(stored, "FILE_INVALID", words));
    await refused(zipBytes(), /does not contain a file: it must contain exactly one CSV file/);
    await refused(
      zipBytes(part, { ...part, name: "acme-2.csv" }),
      /more than one file, such as acme-1\.csv and acme-2\.csv/,
    );
    await refused(zipBytes({ ...part, flags: 0x09 }), /is encrypted/);
    await refused(zipBytes({ ...part, method: 12 }), /method 12, not with Deflate/);
    await refused(Buffer.from("PK\u0003\u0004, no zip"), /is not a complete archive/);
  });

  it("must be whole and as it was written", async (t) => {
    const refused = (bytes: Uint8Array, words: RegExp): Promise<void> =>
      store(t, bytes).then((stored) => refuses(stored, "FILE_CORRUPT", words));
    const whole = zipBytes(part);
    await refused(whole.subarray(0, whole.length - 30), /damaged: as a zip file/);
    await refused(whole.subarray(0, 200), /damaged: as a zip file/);
    await refused(zipBytes({ ...part, checksum: 1 }), /its checksum is wrong/);
    await refused(zipBytes({ ...part, stored: true, checksum: 1 }), /its checksum is wrong/);
    await refused(zipBytes({ ...part, size: csv.length - 1 }), /it does not decompress to the/);
    await refused(zipBytes({ ...part, size: csv.length + 1 }), /it does not decompress to the/);
    await refused(zipBytes({ ...part, padding: Buffer.alloc(300, 1) }), /damaged: /);
    const flipped = Buffer.from(whole);
    flipped[2_000] = (flipped[2_000] ?? 0) ^ 0xff;
    await refused(flipped, /damaged: /);
    // The directory counts fewer bytes of data than there are.
    const cut = Buffer.from(whole);
    const central = whole.indexOf(Buffer.from("PK\u0001\u0002"));
    cut.writeUInt32LE(cut.readUInt32LE(central + 20) - 10, central + 20);
    await refused(cut, /damaged: /);
  });

  it("passes on the errors of the storage", async (t) => {
    const stored = await store(t, zipBytes(part));
    const changed = new BillhouseError("OBJECT_CHANGED", "It was written again.", { hint: "Run again." });
    const read: ReadBytes = async function* read(range) {
      yield* stored.read(range);
      // Behind the last byte, as a storage finds out.
      throw changed;
    };
    await assert.rejects(decompressed({ ...stored, read }), (error) => error === changed);
  });
});
