import { createAdaptorServer } from "@hono/node-server";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import { createApp } from "./app.ts";
import { type OpenBills, openBills } from "./bills.ts";
import { loopbackHosts } from "./guard.ts";

/** How the dashboard is served. */
export interface ServeOptions {
  /** The address to listen on. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Further names under which it is served, as behind a proxy. */
  readonly allowedHosts: readonly string[];
  /** The token that requests must have; null without one. */
  readonly token: string | null;
  /** The locale of numbers, for people who have not chosen another one. */
  readonly locale: string;
  /** On BigQuery, the most bytes that a page may bill before somebody confirms it. */
  readonly maxBytes: number;
  /** Whether the first page is made when something was published, before somebody looks at it. Never where queries are billed. */
  readonly isWarm: boolean;
  readonly now: () => Date;
  /** Called with an error that is a bug, or that a person who looks at the page cannot fix. */
  readonly onError: (error: unknown) => void;
}

/** A dashboard that is served. */
export interface Dashboard {
  /** Its address, with the token. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the dashboard. Errors: USAGE_INVALID if the address is in use, or is not one of this machine. */
export async function serveDashboard(config: Config, options: ServeOptions): Promise<Dashboard> {
  const { host, port, token, allowedHosts } = options;
  limitHeap();
  const named = host.includes(":") ? `[${host}]` : host;
  const bills = openBills(config, options);
  const app = createApp(bills, config, {
    ...options,
    access: { token, hosts: [...loopbackHosts, named, ...allowedHosts].map((name) => name.toLowerCase()) },
  });
  const server = createAdaptorServer({ fetch: app.fetch });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(error, host, port)));
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const stopWarming = options.isWarm ? keepWarm(bills, () => app.request("/", { headers: loopback(token) })) : () => {};
  const path = token === null ? "/" : `/?token=${encodeURIComponent(token)}`;
  return {
    url: `http://${named}:${address.port}${path}`,
    async close() {
      stopWarming();
      if ("closeAllConnections" in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await bills.close();
    },
  };
}

/**
 * Keeps V8 from reserving memory after the rows of one large answer: 100 MB for young objects, and as much again for old ones
 * before it looks which of them are still used. It reads both settings whenever it wants more.
 */
function limitHeap(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=30");
}

/** How often it is looked for a new publication, in milliseconds. */
const lookingInterval = 10_000;

/** Makes the first page for each new publication, so that its answers are in memory; returns what ends that. */
function keepWarm(bills: OpenBills, makePage: () => Response | Promise<Response>): () => void {
  let last: string | null = null;
  let isWorking = false;
  const look = async (): Promise<void> => {
    if (isWorking) return;
    isWorking = true;
    try {
      const newest = await bills.newestWithoutBill();
      if (newest !== null && newest !== last) await makePage();
      last = newest;
    } finally {
      isWorking = false;
    }
  };
  const timer = setInterval(() => void look(), lookingInterval);
  timer.unref();
  void look();
  return () => clearInterval(timer);
}

function loopback(token: string | null): Record<string, string> {
  return { host: "localhost", ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
}

/** Whether only programs of this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/u.test(host);
}

function cannotListen(cause: NodeJS.ErrnoException, host: string, port: number): BillhouseError {
  const inUse = cause.code === "EADDRINUSE";
  const message = inUse
    ? `The port ${port} of ${host} is in use.`
    : `${host}:${port} cannot be listened on: ${cause.message}.`;
  return new BillhouseError("USAGE_INVALID", message, {
    hint: inUse
      ? "Choose another port with --port; 0 means any free one."
      : "Choose an address of this machine with --host, such as 127.0.0.1.",
    cause,
  });
}
