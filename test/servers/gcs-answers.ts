import type { ServerResponse } from "node:http";

import type { GcsBucket } from "./gcs-store.ts";

/** An answer that is an error, thrown where it is found. */
export interface GcsRefusal extends Error {
  readonly status: number;
  readonly reason: string;
}

/** Makes one. */
export function refusal(status: number, reason: string, message: string): GcsRefusal {
  return Object.assign(new Error(message), { status, reason });
}

/** Whether an error is one; every other is a fault of the server itself. */
export function isRefusal(error: unknown): error is GcsRefusal {
  return error instanceof Error && "status" in error && "reason" in error;
}

/** Who asks, in messages: the server knows no credentials. */
export const asker = "billhouse@acme-reader.iam.gserviceaccount.com";

/** documented: storage/docs/json_api/v1/status-codes#404-not-found, with the text of the real service. */
export function noBucket(): GcsRefusal {
  return refusal(404, "notFound", "The specified bucket does not exist.");
}

/** documented: storage/docs/json_api/v1/status-codes#404-not-found, with the text of the real service. */
export function noObject(bucket: string, key: string): GcsRefusal {
  return refusal(404, "notFound", `No such object: ${bucket}/${key}`);
}

/** documented: storage/docs/json_api/v1/status-codes#403-forbidden, with the text of the real service. */
export function denied(permission: string, place: "bucket" | "object"): GcsRefusal {
  return refusal(
    403,
    "forbidden",
    `${asker} does not have ${permission} access to the Google Cloud Storage ${place}. Permission '${permission}' denied on resource (or it may not exist).`,
  );
}

/** documented: storage/docs/json_api/v1/status-codes#412-precondition-failed */
export function conditionNotMet(): GcsRefusal {
  return refusal(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.");
}

/** documented: storage/docs/json_api/v1/status-codes#400-bad-request */
export function invalid(message: string): GcsRefusal {
  return refusal(400, "invalid", message);
}

/** For what no request of billhouse asks: not a behaviour of the service. */
export function unsupported(what: string): GcsRefusal {
  return refusal(501, "notImplemented", `The strict server does not know ${what}.`);
}

/** Answers with JSON, of which `fields` chooses. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=UTF-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/**
 * Answers with an error. documented: storage/docs/json_api/v1/status-codes (the form of the body); assumed: downloads
 * fail with plain text, as clients show it.
 */
export function sendRefusal(response: ServerResponse, refused: GcsRefusal, isMedia: boolean): void {
  const { status, reason, message } = refused;
  if (isMedia) {
    response.writeHead(status, { "content-type": "text/html; charset=UTF-8" });
    response.end(message);
    return;
  }
  sendJson(response, status, { error: { code: status, message, errors: [{ message, domain: "global", reason }] } });
}

/**
 * What `fields` leaves of a body. documented: storage/docs/json_api#partial-response; only the forms `a,b` and
 * `a(b,c),d` are known here.
 */
export function choose(body: Readonly<Record<string, unknown>>, fields: string | undefined): Record<string, unknown> {
  if (fields === undefined) return { ...body };
  const chosen: Record<string, unknown> = {};
  for (const match of fields.matchAll(/(?<name>\w+)(?:\((?<inner>[\w,]*)\))?(?:,|$)/gu)) {
    const { name = "", inner } = match.groups ?? {};
    const value = body[name];
    if (value === undefined) continue;
    chosen[name] =
      inner !== undefined && Array.isArray(value)
        ? value.map((item: Readonly<Record<string, unknown>>) => choose(item, inner))
        : value;
  }
  return chosen;
}

/** Refuses requests without a project that pays, or without the permission. */
export function permit(bucket: GcsBucket, query: Readonly<Record<string, string>>, permission: string): void {
  // documented: storage/docs/requester-pays#using
  if (bucket.settings.requesterPays === true && query["userProject"] === undefined) {
    throw refusal(400, "required", "Bucket is a requester pays bucket but no user project provided.");
  }
  if (query["userProject"] === "foreign-project") throw denied("serviceusage.services.use", "bucket");
  if (bucket.denied) throw denied(permission, permission === "storage.objects.list" ? "bucket" : "object");
}
