import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";

import { isNetworkError, isTransientStatus, retry, retryPolicy, type RetryPolicy } from "../src/retry.ts";
import { azureStorageWith } from "../src/storages/azure/driver.ts";
import { gcsStorageWith } from "../src/storages/gcs/driver.ts";
import { s3StorageWith } from "../src/storages/s3/driver.ts";
import { setAwsVariables, testLogin } from "./servers/s3-environment.ts";

const transient = Object.assign(new Error("503"), { code: "ECONNRESET" });

describe("a request that fails", () => {
  test("is retried with growing delays, and fails with its last error", async () => {
    const delays: number[] = [];
    let requests = 0;
    const attempt = retry(service(delays), async () => {
      requests += 1;
      throw Object.assign(new Error(`attempt ${requests}`), { code: "ECONNRESET" });
    });
    await assert.rejects(attempt, { message: "attempt 8" });
    const planned = [1500, 2250, 3375, 5062.5, 7593.75, 10_000, 10_000];
    assert.equal(delays.length, planned.length);
    for (const [index, delay] of delays.entries()) {
      const least = planned[index] ?? 0;
      assert.ok(delay >= least && delay <= 1.25 * least, `delay ${index + 1} is ${delay} ms`);
    }
  });

  test("is not sent again when the error is not transient", async () => {
    const delays: number[] = [];
    await assert.rejects(
      retry(service(delays), async () => {
        throw new TypeError("a bug");
      }),
      TypeError,
    );
    assert.deepEqual(delays, []);
  });

  test("is aborted at its timeout, and given up after the second one", async () => {
    const delays: number[] = [];
    const aborted: boolean[] = [];
    const attempt = retry(
      service(delays, { timeout: 20 }),
      async (signal) =>
        new Promise<never>(() => {
          signal.addEventListener("abort", () => aborted.push(signal.aborted));
        }),
    );
    await assert.rejects(attempt, { code: "ETIMEDOUT", message: "No answer came within 0.02 seconds" });
    assert.deepEqual([aborted, delays.length], [[true, true], 1]);
  });

  test("ends when the wait is interrupted", async () => {
    const interrupted = { ...service([]), sleep: async () => Promise.reject(new Error("closing")) };
    await assert.rejects(
      retry(interrupted, async () => Promise.reject(transient)),
      { message: "closing" },
    );
  });
});

describe("Retry-After", () => {
  for (const [title, value, least, most] of [
    ["in seconds", "30", 30_000, 30_000],
    ["as a date", new Date(Date.now() + 30_000).toUTCString(), 25_000, 30_000],
    ["that asks for more than the timeout is shortened to it", "86400", 60_000, 60_000],
    ["that asks for less than the backoff does not shorten it", "0", 1500, 1875],
    ["that is not valid is ignored", "soon", 1500, 1875],
  ] as const) {
    test(title, async () => {
      const delays: number[] = [];
      const error = Object.assign(new Error("503"), {
        code: "ECONNRESET",
        response: { headers: { "retry-after": value } },
      });
      let requests = 0;
      await retry(service(delays), async () => {
        requests += 1;
        if (requests === 1) throw error;
      });
      const [delay = 0] = delays;
      assert.ok(delays.length === 1 && delay >= least && delay <= most, `${delay} ms`);
    });
  }

  const policy = { retries: 1, firstDelay: 1, multiplier: 1, longestDelay: 1, timeout: 5_000 };
  const sasToken = "sv=2025-01-05&sig=none";
  for (const [driver, url] of [
    [s3StorageWith(policy), "s3://acme"],
    [gcsStorageWith(policy), "gs://acme"],
    [azureStorageWith(policy, 10), "az://acmebilling/exports"],
  ] as const) {
    test(`is respected by ${driver.scheme}`, async (t) => {
      setAwsVariables(t, testLogin);
      const times: number[] = [];
      const server = createServer((_, response) => {
        times.push(performance.now());
        response.writeHead(503, { "Retry-After": "1" }).end();
      }).listen(0, "127.0.0.1");
      t.after(() => server.close());
      await new Promise((resolve) => server.once("listening", resolve));
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const azureCredentials = { connectionString: null, sasToken };
      const storage = await driver.open(url, { endpoint, payer: null, googleCredentials: null, azureCredentials });
      await assert.rejects(storage.list("")[Symbol.asyncIterator]().next(), { code: "STORAGE_UNAVAILABLE" });
      const [first = 0, second = 0] = times;
      assert.ok(times.length === 2 && second - first >= 990, `${times.length} requests, ${second - first} ms apart`);
    });
  }
});

test("transient are 408, 429 and 5xx but 501, and errors of the network also where they are a cause", () => {
  const statuses = [200, 400, 401, 403, 404, 408, 409, 412, 429, 500, 501, 502, 503, 504];
  assert.deepEqual(statuses.filter(isTransientStatus), [408, 429, 500, 502, 503, 504]);
  for (const code of ["ECONNRESET", "EAI_AGAIN", "ENOTFOUND", "ETIMEDOUT", "EPIPE", "UND_ERR_SOCKET"]) {
    const error = Object.assign(new Error("broken"), { code });
    assert.ok(isNetworkError(error) && isNetworkError(new Error("fetch failed", { cause: error })), code);
    assert.ok(isNetworkError(new AggregateError([error])));
  }
  for (const error of [new Error("x"), Object.assign(new Error("x"), { code: "ENOENT" }), undefined, "ECONNRESET"]) {
    assert.ok(!isNetworkError(error));
  }
});

function service(delays: number[], changes: Partial<RetryPolicy> = {}): Parameters<typeof retry>[0] {
  return {
    policy: { ...retryPolicy, ...changes },
    isTransient: isNetworkError,
    sleep: async (milliseconds) => delays.push(milliseconds),
  };
}
