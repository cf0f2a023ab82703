import { createServer, request as send, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TestContext } from "node:test";
import { makeCertificate } from "./certificate.ts";

/** A request that somebody sent to a cloud. */
export interface CloudRequest {
  readonly host: string;
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** What a cloud answers. */
export interface CloudAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A proxy of the network behind which all clouds are servers of the test, which speak TLS. */
export interface Clouds {
  /** The variables that lead a program here; the certificate has to be written to the file that they name. */
  readonly environment: Readonly<Record<string, string>>;
  readonly certificate: string;
  readonly requests: readonly CloudRequest[];
  close(): Promise<void>;
}

/** Answers a request itself, or names the server that has the answer: `http://127.0.0.1:port`; null cuts the connection. */
export type Answering = (request: CloudRequest) => CloudAnswer | string | null;

/** Starts a proxy that takes the login `user:password`, and no other. */
export async function startClouds(login: string, certificateFile: string, answer: Answering): Promise<Clouds> {
  const { key, certificate } = makeCertificate([
    "*.googleapis.com",
    "*.blob.core.windows.net",
    "login.microsoftonline.com",
  ]);
  const requests: CloudRequest[] = [];
  const secure = createSecureServer({ key, cert: certificate }, (message, response) => {
    respond(message, response).catch(() => message.socket.destroy());
  });

  async function respond(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of message) pieces.push(piece as Uint8Array);
    const body = Buffer.concat(pieces);
    const { method = "", url = "", headers } = message;
    const request = { host: headers.host ?? "", method, url, headers, body: body.toString() };
    requests.push(request);
    const found = answer(request);
    if (found === null) return void message.socket.destroy();
    if (typeof found !== "string") {
      response.writeHead(found.status, { "content-type": "application/json", ...found.headers }).end(found.body);
      return undefined;
    }
    const onward = send(`${found}${url}`, { method, headers }, (answered) => {
      response.writeHead(answered.statusCode ?? 500, answered.headers);
      answered.pipe(response);
    });
    onward.on("error", () => response.destroy());
    onward.end(body);
    return undefined;
  }

  // A connection that a proxy has passed on is no longer its own.
  const tunnels = new Set<Duplex>();
  const proxy = createServer((_, response) => response.writeHead(501).end());
  proxy.on("connect", (request, socket) => {
    tunnels.add(socket);
    const expected = `Basic ${Buffer.from(login).toString("base64")}`;
    if (request.headers["proxy-authorization"] !== expected) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    const inside = connect((secure.address() as AddressInfo).port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      inside.pipe(socket);
      socket.pipe(inside);
    });
    inside.on("error", () => socket.destroy());
    socket.on("error", () => inside.destroy());
    socket.on("close", () => {
      tunnels.delete(socket);
      inside.destroy();
    });
  });
  for (const server of [secure, proxy]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const [user = "", password = ""] = login.split(":").map(encodeURIComponent);
  return {
    environment: {
      HTTPS_PROXY: `http://${user}:${password}@127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      NO_PROXY: "127.0.0.1",
      NODE_EXTRA_CA_CERTS: certificateFile,
    },
    certificate,
    requests,
    async close() {
      secure.closeAllConnections();
      proxy.closeAllConnections();
      for (const tunnel of tunnels) tunnel.destroy();
      for (const server of [secure, proxy]) await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A server without TLS that answers every request with the same; gives its address. */
export async function startEcho(
  t: Pick<TestContext, "after">,
  answer: (request: CloudRequest) => CloudAnswer,
): Promise<string> {
  const server = createServer((message, response) => {
    const { method = "", url = "", headers } = message;
    const found = answer({ host: headers.host ?? "", method, url, headers, body: "" });
    response.writeHead(found.status, found.headers).end(method === "HEAD" ? "" : found.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Everything that was sent, as a server writes it that repeats what it did not like. */
export function echoOf({
  method,
  url,
  headers,
  body,
}: Pick<CloudRequest, "method" | "url" | "headers" | "body">): string {
  const token = (headers.authorization ?? "").split(" ").at(-1) ?? "";
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${String(value)}`);
  const bare = [token, encodeURIComponent(token), Buffer.from(token).toString("base64")];
  return [
    `${method} ${url} was refused`,
    ...lines,
    `the token ${bare.join(" and ")} is bad`,
    decodeURIComponent(body),
    body,
  ].join(" | ");
}
