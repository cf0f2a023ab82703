import assert from "node:assert/strict";
import { openStorage } from "../../../src/storages/index.ts";
import type { TestBucket } from "../../conformance/storage.ts";

/** Makes an empty bucket on an emulator of Cloud Storage, filled by plain HTTP and read by the real client library. */
export async function emulatorBucket(endpoint: string, name: string): Promise<TestBucket> {
  await send(`${endpoint}/storage/v1/b?project=billhouse`, "POST", JSON.stringify({ name }), "application/json");
  const options = { endpoint, payer: null, googleCredentials: null, azureCredentials: null };
  return {
    open: () => openStorage(`gs://${name}`, options),
    openMissing: () => openStorage(`gs://${name}-missing`, options),
    put: (key, bytes) => putObject(endpoint, name, key, bytes),
    remove: (key) => send(`${endpoint}/storage/v1/b/${name}/o/${encodeURIComponent(key)}`, "DELETE"),
    whileDenied: () => Promise.reject(new assert.AssertionError({ message: "it ignores permissions" })),
  };
}

/** Writes an object by one upload. */
export async function putObject(
  endpoint: string,
  bucket: string,
  key: string,
  bytes: string | Uint8Array,
): Promise<void> {
  const url = `${endpoint}/upload/storage/v1/b/${bucket}/o`;
  const name = encodeURIComponent(key);
  if (bytes.length > 0) {
    await send(`${url}?uploadType=media&name=${name}`, "POST", bytes, "application/octet-stream");
    return;
  }
  // Without a body, gcp-storage-emulator takes an object in parts only.
  const parts = [`application/json\r\n\r\n${JSON.stringify({ name: key })}`, "application/octet-stream\r\n\r\n"];
  const body = `${parts.map((part) => `--part\r\nContent-Type: ${part}\r\n`).join("")}--part--\r\n`;
  await send(`${url}?uploadType=multipart&name=${name}`, "POST", body, "multipart/related; boundary=part");
}

/** Makes a bucket, whether it is there or not. */
export async function makeBucket(endpoint: string, name: string): Promise<void> {
  const answer = await fetch(`${endpoint}/storage/v1/b?project=billhouse`, {
    method: "POST",
    body: JSON.stringify({ name }),
    headers: { "content-type": "application/json" },
  });
  await answer.body?.cancel();
}

async function send(url: string, method: string, body?: string | Uint8Array, type?: string): Promise<void> {
  const answer = await fetch(url, {
    method,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : Uint8Array.from(body) }),
    ...(type === undefined ? {} : { headers: { "content-type": type } }),
  });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${(await answer.text()).slice(0, 500)}`);
  await answer.body?.cancel();
}
