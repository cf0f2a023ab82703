import { spawn } from "node:child_process";
import { createServer, request as send, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { ContainerSASPermissions, ContainerClient, BlobServiceClient } from "@azure/storage-blob";

/** How a request to Azurite fails; what it says is that of the strict servers of other clouds. */
export interface AzureFault {
  readonly kind: 500 | 503 | 429 | "reset" | "stall" | "page" | "reset-after-bytes" | "stall-after-bytes" | "corrupt";
  /** Requests that meet it: all by default. */
  readonly match?: AzureRequestKind;
  readonly times?: number;
  readonly bytes?: number;
}

/** What a request asks. */
export type AzureRequestKind = "list" | "head" | "get" | "other";

/** One request as it came. */
export interface AzureRequest {
  readonly kind: AzureRequestKind;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
}

/** Microsoft's emulator of Azure Blob Storage, and in front of it a server that can spoil what passes through. */
export interface Azurite {
  /** `http://127.0.0.1:port/devstoreaccount1`, of the server in front. */
  readonly endpoint: string;
  readonly connectionString: string;
  /** A container of its own, empty. Its owner's client goes past all faults and counts. */
  container(): Promise<ContainerClient>;
  /** A signature for a container with the permissions of its access policy `reader`. */
  signature(container: ContainerClient): Promise<string>;
  /** Sets what the access policy `reader` allows. */
  allow(container: ContainerClient, permissions: string): Promise<void>;
  fault(fault: AzureFault): void;
  heal(): void;
  /** Every request that came since the last container was made. */
  readonly requests: AzureRequest[];
  count(kind: AzureRequestKind): number;
  close(): Promise<void>;
}

/** The account of the emulator, and the key that everyone knows. */
export const account = "devstoreaccount1";
const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** Starts Azurite in a process of its own. */
export async function startAzurite(): Promise<Azurite> {
  const program = join(import.meta.dirname, "..", "..", "node_modules", "azurite", "dist", "src", "blob", "main.js");
  const flags = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"];
  const child = spawn(process.execPath, [program, ...flags, "--blobHost", "127.0.0.1", "--blobPort", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.once("exit", () => child.kill("SIGKILL"));
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", () => reject(new Error("Azurite has ended")));
    createInterface(child.stdout).on("line", (line) => {
      const found = /listens on http:\/\/127\.0\.0\.1:(?<port>\d+)/u.exec(line)?.groups?.["port"];
      if (found !== undefined) resolve(Number(found));
    });
  });
  const requests: AzureRequest[] = [];
  const script: { readonly fault: AzureFault; times: number }[] = [];
  let containers = 0;

  const front = createServer((message, response) => {
    const request = { kind: kindOf(message), url: message.url ?? "", headers: message.headers };
    requests.push(request);
    const met = script.find(({ fault, times }) => times > 0 && (fault.match ?? request.kind) === request.kind);
    if (met !== undefined) met.times -= 1;
    pass(message, response, port, met?.fault);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(front.address() as AddressInfo).port}/${account}`;
  const connectionString = (address: string): string =>
    `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};BlobEndpoint=${address};`;
  const owner = BlobServiceClient.fromConnectionString(connectionString(`http://127.0.0.1:${port}/${account}`));

  return {
    endpoint,
    connectionString: connectionString(endpoint),
    async container() {
      containers += 1;
      const container = owner.getContainerClient(`bills-${containers}`);
      await container.create();
      requests.splice(0);
      script.splice(0);
      return container;
    },
    async signature(container) {
      const url = await container.generateSasUrl({ identifier: "reader" });
      return new URL(url).search;
    },
    async allow(container, permissions) {
      const expiresOn = new Date(Date.now() + 3_600_000);
      const accessPolicy = {
        startsOn: new Date(Date.now() - 3_600_000),
        expiresOn,
        permissions: ContainerSASPermissions.parse(permissions).toString(),
      };
      await container.setAccessPolicy(undefined, [{ id: "reader", accessPolicy }]);
    },
    fault: (fault) => void script.push({ fault, times: fault.times ?? 1 }),
    heal: () => void script.splice(0),
    requests,
    count: (kind) => requests.filter((request) => request.kind === kind).length,
    async close() {
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function kindOf({ method, url = "" }: IncomingMessage): AzureRequestKind {
  if (method === "HEAD") return "head";
  if (method !== "GET") return "other";
  return /[?&]comp=list(?:&|$)/u.test(url) ? "list" : "get";
}

/** Hands a request on, and the answer back, unless it is to fail. */
function pass(message: IncomingMessage, response: ServerResponse, port: number, fault: AzureFault | undefined): void {
  const kind = fault?.kind;
  if (kind === "stall") return;
  if (kind === "reset") return void message.socket.destroy();
  if (typeof kind === "number") {
    response.writeHead(kind, { "x-ms-error-code": "ServerBusy", "content-type": "application/xml" });
    return void response.end("<Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>");
  }
  if (kind === "page") {
    response.writeHead(200, { "content-type": "text/html" });
    return void response.end("<html>Sign in to the network</html>");
  }
  const { method, url, headers } = message;
  const onward = send({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
    void (async () => {
      const pieces: Uint8Array[] = [];
      for await (const piece of answer) pieces.push(piece as Uint8Array);
      const bytes = Buffer.concat(pieces);
      if (kind === "corrupt" && bytes.length > 0) bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      if (kind !== "reset-after-bytes" && kind !== "stall-after-bytes") {
        response.end(bytes);
        return;
      }
      response.flushHeaders();
      response.write(bytes.subarray(0, fault?.bytes ?? 0), () => {
        // Time for what was sent to arrive: a reset takes away what the other side has not read.
        if (kind === "reset-after-bytes") setTimeout(() => response.socket?.destroy(), 20);
      });
    })();
  });
  onward.on("error", () => response.destroy());
  message.pipe(onward);
}
