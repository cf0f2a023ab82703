import {
  createServer,
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { parse as parseGcs } from "../../servers/gcs-requests.ts";
import { parse as parseS3 } from "../../servers/s3-faults.ts";

/** What is asked of a storage: a page of a listing, the facts of an object, or its bytes. */
export interface Question {
  readonly what: "list" | "look" | "read" | "other";
  readonly key: string;
}

/** An answer of the storage, whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What becomes of a question and its answer. */
export interface Treatment {
  /** Called before the request is passed to the storage. */
  readonly before?: () => unknown;
  /** The storage is not asked: an answer with this status, none (the connection breaks), or none ever. */
  readonly instead?: number | "reset" | "stall";
  /** The answer that takes the place of the storage's own. */
  readonly edit?: (answer: Answer) => Answer;
  /** Done when half of the body has been sent. */
  readonly between?: () => unknown;
  /** What follows the first half of the body in place of the second: a break, silence, or an end like any other. */
  readonly breaks?: "reset" | "stall" | "end";
}

/** The proxy between billhouse and a storage, which treats each request as instructed. */
export interface Proxy {
  /** `http://127.0.0.1:port`, in place of the storage's own. */
  readonly endpoint: string;
  /** Asked for each question; undefined lets it pass. */
  treat: (question: Question) => Treatment | undefined;
  close(): Promise<void>;
}

/** Starts a proxy before a storage server. Signatures hold: the name of the host is passed on as it came. */
export async function startProxy(storage: "s3" | "gcs", target: string): Promise<Proxy> {
  const server = createServer((message, response) => {
    pass(message, response).catch(() => message.socket.destroy());
  });

  async function pass(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const treatment = proxy.treat(questionOf(storage, message));
    const sent = await bytesOf(message);
    await treatment?.before?.();
    if (treatment?.instead === "reset") return void message.socket.destroy();
    if (treatment?.instead === "stall") return;
    const own =
      treatment?.instead === undefined ? await forward(target, message, sent) : failing(storage, treatment.instead);
    const { status, headers, body } = treatment?.edit?.(own) ?? own;
    response.writeHead(status, headers);
    if (message.method === "HEAD" || body.length === 0) return void response.end();
    const half = body.length >> 1;
    await new Promise((resolve) => response.write(body.subarray(0, half), resolve));
    await treatment?.between?.();
    // Bytes that are not flushed yet would go with the connection.
    if (treatment?.breaks !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    if (treatment?.breaks === "stall") return;
    if (treatment?.breaks === "reset") return void message.socket.destroy();
    if (treatment?.breaks === "end") return void message.socket.end();
    response.end(body.subarray(half));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: Proxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    treat: () => undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

function questionOf(storage: "s3" | "gcs", message: IncomingMessage): Question {
  const { kind, key } = storage === "s3" ? parseS3(message) : parseGcs(message);
  const what = { list: "list", head: "look", metadata: "look", get: "read", media: "read" }[kind as string];
  return { what: (what ?? "other") as Question["what"], key };
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function forward(target: string, message: IncomingMessage, sent: Buffer): Promise<Answer> {
  const { method, headers, url } = message;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const onward = ask(target + (url ?? ""), { method: method ?? "GET", headers, agent: false }, resolve);
    onward.on("error", reject);
    onward.end(sent);
  });
  const body = await bytesOf(answer);
  const kept = Object.fromEntries(
    Object.entries(answer.headers).filter(([name]) => !/^(connection|keep-alive|transfer-encoding)$/u.test(name)),
  );
  const length = method === "HEAD" || answer.statusCode === 204 ? {} : { "content-length": String(body.length) };
  return { status: answer.statusCode ?? 500, headers: { ...kept, ...length }, body };
}

/** An answer with a failure, in the words of the storage. */
function failing(storage: "s3" | "gcs", status: number): Answer {
  const message = status === 403 ? "Access Denied" : "Please try again.";
  const [type, text] =
    storage === "s3"
      ? [
          "application/xml",
          `<Error><Code>${status === 403 ? "AccessDenied" : "SlowDown"}</Code><Message>${message}</Message></Error>`,
        ]
      : [
          "application/json",
          JSON.stringify({
            error: {
              code: status,
              message,
              errors: [{ reason: status === 403 ? "forbidden" : "backendError", message }],
            },
          }),
        ];
  const body = Buffer.from(text);
  return { status, headers: { "content-type": type, "content-length": String(body.length) }, body };
}
