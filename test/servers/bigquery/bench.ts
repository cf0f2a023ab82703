import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";

import { type BigqueryServer, startBigqueryServer, type StoredObject } from "./server.ts";
import { type Client, createClient } from "./client.ts";

/** A server with the empty dataset `d`, which the tests of one file share, and what they do with it. */
export interface Bench {
  readonly server: BigqueryServer;
  readonly client: Client;
  /** The time of the server, in milliseconds since 1970. */
  now: number;
  /** Puts an object where loads find it, and gives its URI. */
  put(name: string, content: string | Uint8Array, size?: number): string;
  createTable(tableId: string, fields: readonly object[], more?: object, dataset?: string): Promise<void>;
  patch(table: string, json: object): Promise<unknown>;
}

/** Starts a server for the tests of a file, ends it after them, and takes its tables away before each. */
export function useBench(): Bench {
  const objects = new Map<string, StoredObject>();
  const bench = {
    now: Date.parse("2025-03-10T00:00:00Z"),

    put(name: string, content: string | Uint8Array, size?: number): string {
      const uri = `gs://b/${name}`;
      objects.set(uri, { bytes: Buffer.from(content), generation: "1", ...(size !== undefined && { size }) });
      return uri;
    },

    async createTable(tableId: string, fields: readonly object[], more: object = {}, dataset = "d"): Promise<void> {
      const json = { tableReference: { tableId }, schema: { fields }, ...more };
      await bench.client.request({ method: "POST", uri: `/datasets/${dataset}/tables`, json });
    },

    patch: (table: string, json: object): Promise<unknown> =>
      bench.client.request({ method: "PATCH", uri: `/datasets/d/tables/${table}`, json }),
  } as Bench & { server: BigqueryServer; client: Client };
  before(async () => {
    bench.server = await startBigqueryServer({
      readObject: async (bucket, key) => objects.get(`gs://${bucket}/${key}`),
      clock: () => bench.now,
    });
    bench.client = createClient(bench.server.endpoint);
    bench.server.createDataset("d");
  });
  after(() => bench.server.close());
  beforeEach(() => {
    bench.server.catalog.datasets.get("p:d")?.tables.clear();
  });
  return bench;
}

/** That a request or a statement fails with these words, and with this reason where the answer carries one. */
export async function refuses(work: Promise<unknown>, message: string | RegExp, reason?: string): Promise<void> {
  await assert.rejects(work, (error: Error & { errors?: { reason: string }[] }) => {
    if (typeof message === "string") assert.ok(error.message.includes(message), error.message);
    else assert.match(error.message, message);
    if (reason !== undefined) assert.equal(error.errors?.[0]?.reason, reason);
    return true;
  });
}

/** A column of text. */
export function text(name: string): object {
  return { name, type: "STRING" };
}

/** The columns of a small bill. */
export const bills: readonly object[] = [
  text("id"),
  { name: "period", type: "TIMESTAMP" },
  { name: "cost", type: "BIGNUMERIC" },
];

/** How bills are partitioned. */
export const monthly = { timePartitioning: { type: "MONTH", field: "period" } };
