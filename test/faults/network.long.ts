import { describe, test } from "node:test";
import { startClouds } from "../support/secrets/clouds.ts";
import { createGooglePlace } from "../support/secrets/google.ts";
import { createPlace } from "../support/secrets/places.ts";

// A service that does not answer is asked for about a minute; meanwhile nothing is done here. The last files of a run do not wait.
describe("when the network is cut, no secret is shown", { concurrency: 5, timeout: 240_000 }, () => {
  for (const [name, host, shows] of [
    ["Cloud Storage", "storage.googleapis.com", /STORAGE_UNAVAILABLE/],
    ["BigQuery", "bigquery.googleapis.com", /WAREHOUSE_UNAVAILABLE/],
    ["the token service", "oauth2.googleapis.com", /(?:STORAGE|WAREHOUSE)_UNAVAILABLE/],
  ] as const) {
    test(`before ${name}`, async (t) => {
      const place = await createGooglePlace(t);
      place.refuse = (request) => (request.host === host ? null : undefined);
      await place.run([name === "BigQuery" ? "status" : "plan", "--json", "--debug"], { shows });
      await place.search();
    });
  }

  test("before Azure Blob Storage", async (t) => {
    const place = await createPlace(t);
    const { markers } = place;
    const login = `${markers.plant("proxy user")}:${markers.plant("proxy password")}`;
    const clouds = await startClouds(login, `${place.folder}/clouds.pem`, () => null);
    t.after(() => clouds.close());
    await place.write("clouds.pem", clouds.certificate);
    await place.write("billhouse.toml", '[sources.azure_billing]\nbucket_url = "az://acmebilling/exports"\n');
    const signature = `?sv=2025-01-05&sr=c&sp=rl&sig=${markers.plant("signature")}`;
    Object.assign(place.environment, clouds.environment, { AZURE_STORAGE_SAS_TOKEN: signature });
    await place.run(["plan", "--verbose", "--debug"], { shows: /STORAGE_UNAVAILABLE/ });
    await place.search();
  });

  test("before Amazon S3", async (t) => {
    const place = await createPlace(t);
    const unreachable = '[sources.aws_cur]\nbucket_url = "s3://acme"\nendpoint = "http://127.0.0.1:1"\n';
    await place.write("billhouse.toml", unreachable);
    Object.assign(place.environment, {
      AWS_ACCESS_KEY_ID: place.markers.plant("access key"),
      AWS_SECRET_ACCESS_KEY: place.markers.plant("secret key"),
      AWS_SESSION_TOKEN: place.markers.plant("session token"),
      AWS_REGION: "us-east-1",
    });
    await place.run(["plan", "--verbose", "--debug"], { shows: /STORAGE_UNAVAILABLE/ });
    await place.search();
  });
});
