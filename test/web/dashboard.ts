import assert from "node:assert/strict";
import { request } from "node:http";
import type { TestContext } from "node:test";

import type { Config } from "../../src/index.ts";
import { serveDashboard, type ServeOptions } from "../../src/web/server.ts";

/** An answer of the dashboard. */
export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Gets a path of a dashboard. */
export type Get = (path: string, headers?: Readonly<Record<string, string>>, method?: string) => Promise<Got>;

/** Serves a configuration until the end of the test, which then requires that no error was reported. */
export async function dashboard(
  t: Pick<TestContext, "after">,
  config: Config,
  options: Partial<ServeOptions> = {},
): Promise<{ readonly url: string; readonly get: Get }> {
  const errors: unknown[] = [];
  const served = await serveDashboard(config, {
    host: "127.0.0.1",
    port: 0,
    allowedHosts: [],
    token: null,
    locale: "en-US",
    isWarm: false,
    maxBytes: 1e9,
    now: () => new Date("2025-06-01T00:00:00Z"),
    onError: (error) => errors.push(error),
    ...options,
  });
  t.after(async () => {
    await served.close();
    assert.deepEqual(errors, []);
  });
  const get: Get = (path, headers = {}, method = "GET") =>
    new Promise((resolve, reject) => {
      const sent = request(new URL(path, served.url), { method, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
      sent.on("error", reject).end();
    });
  return { url: served.url, get };
}
