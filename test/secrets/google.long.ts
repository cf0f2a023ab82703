import { describe, test } from "node:test";
import { curDelivery, curRows } from "../support/deliveries.ts";
import { echoOf, type CloudAnswer, type CloudRequest } from "../support/secrets/clouds.ts";
import { createGooglePlace, googleEcho } from "../support/secrets/google.ts";
import { failAtAll } from "../support/secrets/places.ts";

const limits = { concurrency: 2, timeout: 240_000 };

describe("Cloud Storage and BigQuery that repeat secrets", limits, () => {
  const refusals: Readonly<
    Record<string, [host: string, refuse: (request: CloudRequest) => CloudAnswer, shows: RegExp]>
  > = {
    "the token service repeats the key": [
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
    "Cloud Storage repeats the token, in an unexpected answer": [
      "storage.googleapis.com",
      (request) => googleEcho(request, 418, "teapot"),
      /INTERNAL|This is a bug/,
    ],
    "BigQuery repeats the token, and denies": [
      "bigquery.googleapis.com",
      (request) => googleEcho(request, 403, "accessDenied"),
      /WAREHOUSE_DENIED/,
    ],
    "BigQuery repeats the token, in an unexpected answer": [
      "bigquery.googleapis.com",
      (request) => googleEcho(request, 400, "invalid"),
      /WAREHOUSE_UNSUPPORTED/,
    ],
  };
  for (const [title, [host, refuse, shows]] of Object.entries(refusals)) {
    test(`no secret is shown when ${title}`, async (t) => {
      const place = await createGooglePlace(t);
      place.refuse = (request) => (request.host === host ? refuse(request) : undefined);
      await failAtAll(place, shows, "gs://acme-billing");
    });
  }

  test("no secret is shown when the staging bucket repeats the token", async (t) => {
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
    await place.run(["run", "--verbose", "--debug"], { environment, shows: /STORAGE_DENIED/ });
    await place.run(["doctor", "--json", "--debug"], { environment, shows: /does not accept files/ });
    place.refuse = (request) =>
      request.host === "storage.googleapis.com" ? googleEcho(request, 418, "teapot") : undefined;
    await place.run(["run", "--json", "--debug"], { environment, shows: /STORAGE_UNAVAILABLE/ });
    await place.search();
  });
});
