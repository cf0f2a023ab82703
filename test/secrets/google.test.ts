import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { echoOf } from "../support/secrets/clouds.ts";
import { createGooglePlace, sentToBigquery } from "../support/secrets/google.ts";

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
    await place.run(["connect", "--debug"], { code: 1, shows: /WAREHOUSE_UNSUPPORTED/ });
    await place.run(["init", "gs://acme-billing/cur", "--force", "--verbose", "--debug"], {
      code: 0,
      shows: /^Wrote /m,
    });
    await place.search();
    const sent = await sentToBigquery(place);
    assert.match(sent, /_load_tracking/);
    assert.deepEqual(place.markers.find(sent), []);
    assert.deepEqual(place.bigquery.refused, []);
  });

  test("no secret is shown when a key is damaged, or is in a file", async (t) => {
    const place = await createGooglePlace(t);
    const broken = place.markers.plant("damaged key");
    const key = { DESTINATION__BIGQUERY__CREDENTIALS__PRIVATE_KEY: broken };
    await place.run(["run", "--verbose", "--debug"], { environment: key, shows: /CREDENTIALS_INVALID/ });
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
    await place.run(["plan", "--verbose", "--debug"], { environment, shows: /CREDENTIALS_INVALID/ });
    await place.run(["doctor", "--json", "--debug"], { environment, code: 4 });
    const damaged = await place.write("damaged.json", `{"private_key": "${broken}", oops`);
    await place.run(["run", "--json", "--debug"], {
      environment: { ...environment, GOOGLE_APPLICATION_CREDENTIALS: damaged },
      shows: /CREDENTIALS_INVALID/,
    });
    await place.search();
  });
});
