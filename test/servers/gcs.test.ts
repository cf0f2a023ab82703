import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import { Storage, type Bucket } from "@google-cloud/storage";

import { startGcsServer, type GcsServer } from "./gcs.ts";

describe("the strict server of Cloud Storage, asked by Google's client", () => {
  test("takes objects in one request and in several, and checks their sums", async (t) => {
    const { server, bucket } = await start(t);
    const bytes = Buffer.from("a\r\n--b\r\n\r\nc".repeat(100_000));
    await bucket.file("one/x.csv").save(bytes, { resumable: false, validation: "md5", contentType: "text/csv" });
    await bucket.file("two/x y+%.csv").save(bytes, { resumable: true });
    await bucket.file("three").save(bytes, { resumable: true, chunkSize: 256 * 1024 });
    await bucket.file("empty").save("", { resumable: false });
    assert.deepEqual(server.keys("staging"), ["empty", "one/x.csv", "three", "two/x y+%.csv"]);
    for (const key of ["one/x.csv", "two/x y+%.csv", "three"]) {
      assert.ok(server.object("staging", key)?.bytes.equals(bytes), key);
    }
    assert.equal(server.object("staging", "one/x.csv")?.contentType, "text/csv");
    assert.equal(server.object("staging", "empty")?.bytes.length, 0);
    assert.deepEqual([server.count("upload"), server.count("session")], [2, 2]);
    assert.equal(server.count("chunk"), 1 + Math.ceil(bytes.length / (256 * 1024)));
    for (const sum of [{ md5Hash: "AAAAAAAAAAAAAAAAAAAAAA==" }, { crc32c: "AAAAAA==" }]) {
      for (const resumable of [false, true]) {
        const wrong = bucket.file("wrong").save("x", { resumable, validation: false, metadata: sum });
        await assert.rejects(wrong, hasStatus(400));
      }
    }
    assert.equal(server.object("staging", "wrong"), undefined);
  });

  test("keeps an upload to its condition", async (t) => {
    const { server, bucket } = await start(t);
    for (const resumable of [false, true]) {
      const key = String(resumable);
      const options = { resumable, preconditionOpts: { ifGenerationMatch: 0 } };
      await bucket.file(key).save("first", options);
      await assert.rejects(bucket.file(key).save("second", options), hasStatus(412));
      const { generation } = server.object("staging", key) ?? {};
      await bucket.file(key).save("third", { resumable, preconditionOpts: { ifGenerationMatch: Number(generation) } });
      assert.equal(server.object("staging", key)?.bytes.toString(), "third");
      assert.ok(BigInt(server.object("staging", key)?.generation ?? 0) > BigInt(generation ?? 0));
    }
  });

  test("resumes an upload whose connection broke", async (t) => {
    const { server, bucket } = await start(t);
    const bytes = Buffer.alloc(1_000_000, "bytes");
    server.fault({ kind: "reset-after-bytes", bytes: 300_000, match: { kind: "chunk" } });
    const options = { resumable: true, chunkSize: 512 * 1024, preconditionOpts: { ifGenerationMatch: 0 } };
    await bucket.file("x").save(bytes, options);
    assert.ok(server.object("staging", "x")?.bytes.equals(bytes));
  });

  test("deletes, once", async (t) => {
    const { server, bucket } = await start(t);
    server.put("staging", "x", "bytes");
    await assert.rejects(bucket.file("x").delete({ ifGenerationMatch: 1 }), hasStatus(412));
    await bucket.file("x").delete();
    assert.equal(server.object("staging", "x"), undefined);
    await assert.rejects(bucket.file("x").delete(), hasStatus(404));
  });

  test("refuses to write to a bucket where bills are delivered, and what it does not know", async (t) => {
    const server = await startGcsServer("bills");
    t.after(() => server.close());
    const service = new Storage({ apiEndpoint: server.endpoint, retryOptions: { autoRetry: false } });
    const bucket = service.bucket("bills");
    server.put("bills", "x", "bytes");
    await assert.rejects(bucket.file("y").save("bytes", { resumable: false }), hasStatus(501));
    await assert.rejects(bucket.file("x").delete(), hasStatus(501));
    await assert.rejects(bucket.getMetadata(), hasStatus(501));
    await assert.rejects(bucket.getFiles({ delimiter: "/" }), hasStatus(501));
    await assert.rejects(bucket.file("x").setMetadata({ contentType: "text/csv" }), hasStatus(501));
    assert.equal(server.refused.length, 5);
    assert.deepEqual(server.keys("bills"), ["x"]);
  });

  test("unpacks an object with Content-Encoding: gzip for who does not take it", async (t) => {
    const { gzipSync } = await import("node:zlib");
    const { server } = await start(t);
    server.put("staging", "x", gzipSync("text"), { contentEncoding: "gzip" });
    const address = `${server.endpoint}/storage/v1/b/staging/o/x?alt=media`;
    const answer = await fetch(address, { headers: { "accept-encoding": "identity", range: "bytes=1-2" } });
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), "text");
  });
});

async function start(t: TestContext): Promise<{ server: GcsServer; bucket: Bucket }> {
  const server = await startGcsServer();
  server.addBucket("staging", { writable: true });
  t.after(async () => {
    await server.close();
    assert.deepEqual(server.refused, []);
  });
  const retryOptions = { maxRetries: 2, retryDelayMultiplier: 1, maxRetryDelay: 1 };
  return { server, bucket: new Storage({ apiEndpoint: server.endpoint, retryOptions }).bucket("staging") };
}

/** The SDK tells the status as `code`, as `status`, or in the answer it hands on. */
function hasStatus(status: number): (error: unknown) => boolean {
  return (error) => {
    const { code, status: own } = error as { code?: unknown; status?: unknown };
    assert.ok(
      [code, own].some((value) => Number(value) === status),
      String(error),
    );
    return true;
  };
}
