import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { curDelivery, curRows } from "../support/deliveries.ts";
import { startS3Server } from "../servers/s3.ts";
import { testKey } from "../servers/s3-signature.ts";
import { echoOf, startEcho } from "../support/secrets/clouds.ts";
import { createPlace, failAtAll, type Place } from "../support/secrets/places.ts";

const limits = { concurrency: 2, timeout: 240_000 };

describe("Amazon S3", limits, () => {
  test("no secret is shown by any command", async (t) => {
    const place = await createPlace(t);
    const server = await startS3Server("acme");
    t.after(() => server.close());
    for (const [key, bytes] of curDelivery({ month: "2025-01", id: "one", files: [curRows("2025-01", "1.5")] })
      .objects) {
      server.put("acme", key, bytes);
    }
    await plantLogin(place, server.endpoint, testKey);
    for (const words of [
      ["doctor", "--json"],
      ["plan", "--json", "--debug"],
      ["run", "--verbose", "--debug"],
      ["status"],
    ]) {
      await place.run(words, { code: 0 });
    }
    const wrong = { AWS_SECRET_ACCESS_KEY: place.markers.plant("wrong secret key") };
    await failAtAll(place, /CREDENTIALS_INVALID/, "s3://acme", wrong, server.endpoint);
    assert.ok((await place.search()) > 0);
  });

  for (const [code, status, shows] of [
    ["SignatureDoesNotMatch", 403, /CREDENTIALS_INVALID/],
    ["AccessDenied", 403, /STORAGE_DENIED/],
    ["InvalidRequest", 400, /INTERNAL|This is a bug/],
  ] as const) {
    test(`no secret is shown when a server repeats the request with ${code}`, async (t) => {
      const place = await createPlace(t);
      const endpoint = await startEcho(t, (request) => ({
        status,
        body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${escaped(echoOf(request))}</Message><StringToSign>${escaped(echoOf(request))}</StringToSign></Error>`,
        headers: { "content-type": "application/xml" },
      }));
      await plantLogin(place, endpoint, {
        accessKeyId: place.markers.adopt("access key", `AKIA${randomBytes(8).toString("hex").toUpperCase()}`),
        secretAccessKey: place.markers.plant("secret key"),
        sessionToken: place.markers.plant("session token"),
      });
      await failAtAll(place, shows, "s3://acme", {}, endpoint);
    });
  }
});

/** A configuration with an export in S3, and a login in the environment. */
async function plantLogin(place: Place, endpoint: string, login: typeof testKey): Promise<void> {
  await place.write("billhouse.toml", `[sources.aws_cur]\nbucket_url = "s3://acme"\nendpoint = "${endpoint}"\n`);
  place.environment["AWS_REGION"] = "us-east-1";
  place.environment["AWS_ACCESS_KEY_ID"] = place.markers.adopt("access key", login.accessKeyId);
  place.environment["AWS_SECRET_ACCESS_KEY"] = place.markers.adopt("secret key", login.secretAccessKey);
  place.environment["AWS_SESSION_TOKEN"] = place.markers.adopt("session token", login.sessionToken);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
