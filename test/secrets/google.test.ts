import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { curDelivery, curRows } from "../support/deliveries.ts";
import { echoOf, type CloudAnswer, type CloudRequest } from "../support/secrets/clouds.ts";
import { createGooglePlace, googleEcho, toldToBigquery } from "../support/secrets/google.ts";
import { failAtAll } from "../support/secrets/places.ts";

const limits = { concurrency: 2, timeout: 240_000 };

describe("Cloud Storage and BigQuery", limits, () => {
  test("no secret leaves but in the headers of requests", async (t) => {
    const place = await createGooglePlace(t);
    for (const words of [
      ["config"],
      ["config", "--json"],
      ["doctor", "--verbose", "--debug"],
      ["plan", "--json", "--debug"],
      ["run", "--verbose", "--debug"],
      ["run", "--json"],
      ["status", "--json"],
      ["state", "show", "--verbose"],
      ["migrate", "--json"],
      ["query", "SELECT line_item_unblended_cost FROM billing_data.aws_cur_data", "--json"],
    ]) {
      await place.run(words, { code: 0 });
    }
    await place.run(["connect", "--debug"], { code: 1, tells: /WAREHOUSE_UNSUPPORTED/ });
    await place.run(["init", "gs://acme-billing/cur", "--force", "--verbose", "--debug"], {
      code: 0,
      tells: /Written/,
    });
    await place.search();
    const told = await toldToBigquery(place);
    assert.match(told, /_load_tracking/);
    assert.deepEqual(place.markers.find(told), []);
    assert.deepEqual(place.bigquery.refused, []);
  });

  const refusals: Readonly<
    Record<string, [host: string, refuse: (request: CloudRequest) => CloudAnswer, tells: RegExp]>
  > = {
    "whoever gives out tokens repeats the key": [
      "oauth2.googleapis.com",
      (request) => ({
        status: 400,
        body: JSON.stringify({ error: "invalid_grant", error_description: echoOf(request) }),
      }),
      /CREDENTIALS_INVALID/,
    ],
    "Cloud Storage repeats the token, and denies": [
      "storage.googleapis.com",
      (request) => googleEcho(request, 403, "forbidden"),
      /STORAGE_DENIED/,
    ],
    "Cloud Storage repeats the token, in an answer that nobody expects": [
      "storage.googleapis.com",
      (request) => googleEcho(request, 418, "teapot"),
      /INTERNAL|This is a bug/,
    ],
    "BigQuery repeats the token, and denies": [
      "bigquery.googleapis.com",
      (request) => googleEcho(request, 403, "accessDenied"),
      /WAREHOUSE_DENIED/,
    ],
    "BigQuery repeats the token, in an answer that nobody expects": [
      "bigquery.googleapis.com",
      (request) => googleEcho(request, 400, "invalid"),
      /WAREHOUSE_UNSUPPORTED/,
    ],
  };
  for (const [title, [host, refuse, tells]] of Object.entries(refusals)) {
    test(`no secret is told when ${title}`, async (t) => {
      const place = await createGooglePlace(t);
      place.refuse = (request) => (request.host === host ? refuse(request) : undefined);
      await failAtAll(place, tells, "gs://acme-billing");
    });
  }

  test("no secret is told when the staging bucket repeats the token", async (t) => {
    const place = await createGooglePlace(t);
    place.gcs.put("acme-billing", "cur/20250101-20250201/acme-cur-Manifest.json", "{}");
    await place.write("bucket/.keep", "");
    const delivery = curDelivery({ month: "2025-01", id: "one", files: [curRows("2025-01", "1.5")] });
    for (const [key, bytes] of delivery.objects) await place.write(`bucket/${key}`, bytes);
    const environment = {
      SOURCES__AWS_CUR__BUCKET_URL: "bucket",
      DESTINATION__BIGQUERY__STAGING_BUCKET: "acme-staging",
    };
    place.refuse = (request) =>
      request.host === "storage.googleapis.com" ? googleEcho(request, 403, "forbidden") : undefined;
    await place.run(["run", "--verbose", "--debug"], { environment, tells: /STORAGE_DENIED/ });
    await place.run(["doctor", "--json", "--debug"], { environment, tells: /takes no files/ });
    place.refuse = (request) =>
      request.host === "storage.googleapis.com" ? googleEcho(request, 418, "teapot") : undefined;
    await place.run(["run", "--json", "--debug"], { environment, tells: /STORAGE_UNAVAILABLE/ });
    await place.search();
  });

  test("no secret is told when a key is damaged, or stands in a file", async (t) => {
    const place = await createGooglePlace(t);
    const broken = place.markers.plant("damaged key");
    const key = { DESTINATION__BIGQUERY__CREDENTIALS__PRIVATE_KEY: broken };
    await place.run(["run", "--verbose", "--debug"], { environment: key, tells: /CREDENTIALS_INVALID/ });
    await place.run(["config", "--json"], { environment: key, code: 0 });
    const text = { DESTINATION__BIGQUERY__CREDENTIALS: `{"private_key": "${broken}"`, CREDENTIALS: broken };
    await place.run(["plan", "--json", "--debug"], { environment: text });
    const user = {
      type: "authorized_user",
      client_id: "someone",
      client_secret: place.markers.plant("client secret"),
      refresh_token: place.markers.plant("refresh token"),
    };
    const file = await place.write("key.json", JSON.stringify(user));
    await place.write(".dlt/secrets.toml", "");
    place.refuse = (request) =>
      request.host === "oauth2.googleapis.com"
        ? { status: 400, body: JSON.stringify({ error: echoOf(request) }) }
        : undefined;
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: file, DESTINATION__BIGQUERY__PROJECT_ID: "acme" };
    await place.run(["plan", "--verbose", "--debug"], { environment, tells: /CREDENTIALS_INVALID/ });
    await place.run(["doctor", "--json", "--debug"], { environment, code: 4 });
    const damaged = await place.write("damaged.json", `{"private_key": "${broken}", oops`);
    await place.run(["run", "--json", "--debug"], {
      environment: { ...environment, GOOGLE_APPLICATION_CREDENTIALS: damaged },
      tells: /CREDENTIALS_INVALID/,
    });
    await place.search();
  });
});
