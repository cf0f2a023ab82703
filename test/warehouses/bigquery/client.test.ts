import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test, type TestContext } from "node:test";

import { apiErrorOf, translateFailure } from "../../../src/warehouses/bigquery/api/api-error.ts";
import { openConnection, type Call, type Connection } from "../../../src/warehouses/bigquery/api/client.ts";
import { rejects } from "../../support/rejects.ts";

const page = "<html><body>Log in to the network of Acme, secret-of-the-page</body></html>";
const get: Call = { method: "GET", project: "acme.com:p", path: "datasets/d", query: { location: "EU west" } };

describe("a response that is not BigQuery's", () => {
  for (const [title, status, body] of [
    ["a page with status 200", 200, page],
    ["an empty response with status 200", 200, ""],
    ["half of a response", 200, '{"id": "p:d", "lab'],
    ["a page with status 502", 502, page],
  ] as const) {
    test(`${title} is retried, then WAREHOUSE_UNAVAILABLE, and not quoted`, async (t) => {
      let requests = 0;
      const connection = await connect(t, (_, response) => {
        requests += 1;
        response.writeHead(status, { "content-type": "text/html" }).end(body);
      });
      const asked = connection.call(get).catch((error: unknown) => {
        throw translateFailure(error, "BigQuery p");
      });
      const error = await rejects(asked, "WAREHOUSE_UNAVAILABLE");
      assert.doesNotMatch(error.message + String(error.cause), /secret-of-the-page/u);
      assert.equal(requests, 7);
    });
  }

  test("a page with status 403 is not retried, and not quoted", async (t) => {
    const connection = await connect(t, (_, response) => void response.writeHead(403).end(page));
    await assert.rejects(connection.call(get), (error) => {
      assert.deepEqual(apiErrorOf(error), {
        status: 403,
        reason: "http 403",
        message: "The response has the HTTP status 403 and no explanation.",
        location: null,
        details: [],
      });
      return true;
    });
  });
});

describe("a request", () => {
  test("carries address, query and body as they were given, and no token to a configured endpoint", async (t) => {
    const seen: string[] = [];
    const connection = await connect(t, async (request, response) => {
      let body = "";
      for await (const piece of request) body += String(piece);
      seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? "no token"} ${body}`);
      if (request.method === "DELETE") response.writeHead(204).end();
      else response.writeHead(200).end('{"a": "ü"}');
    });
    assert.deepEqual(await connection.call(get), { a: "ü" });
    await connection.call({ method: "POST", project: "p", path: "jobs", body: { name: "{{projectId}} ü" } });
    assert.equal(await connection.call({ method: "DELETE", project: "p", path: "datasets/d/tables/t" }), undefined);
    assert.deepEqual(seen, [
      "GET /bigquery/v2/projects/acme.com:p/datasets/d?location=EU+west no token ",
      'POST /bigquery/v2/projects/p/jobs no token {"name":"{{projectId}} ü"}',
      "DELETE /bigquery/v2/projects/p/datasets/d/tables/t no token ",
    ]);
    assert.ok(Math.abs(connection.skew() ?? Infinity) < 5000);
  });

  test("that is not answered in time is a transient error of the network", () => {
    const late = Object.assign(new Error("No answer came within 90 seconds"), { code: "ETIMEDOUT" });
    assert.equal(apiErrorOf(late)?.reason, "network");
  });
});

/** A connection to a server of the test. */
async function connect(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<Connection> {
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return openConnection({ projectId: "p", jobProjectId: null, endpoint, credentials: null, pollInterval: 0.1 });
}
