import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { azureDelivery, azureRows } from "../support/deliveries.ts";
import { account, startAzurite } from "../servers/azurite.ts";
import { createPlace, failAtAll } from "../support/secrets/places.ts";

const limits = { concurrency: 2, timeout: 240_000 };

describe("Azure Blob Storage", limits, () => {
  test("no secret is shown by any command", async (t) => {
    const place = await createPlace(t);
    const azurite = await startAzurite();
    t.after(() => azurite.close());
    const container = await azurite.container();
    const delivery = azureDelivery({ month: "2025-01", id: "b1", files: [azureRows("2025-01", "1.5")] });
    for (const [key, bytes] of delivery.objects) await container.getBlockBlobClient(key).uploadData(Buffer.from(bytes));
    const url = `az://${account}/${container.containerName}`;
    await place.write(
      "billhouse.toml",
      `[sources.azure_billing]\nbucket_url = "${url}"\nendpoint = "${azurite.endpoint}"\n`,
    );
    const key = /AccountKey=([^;]+)/.exec(azurite.connectionString)?.[1] ?? "";
    place.markers.adopt("account key", key);
    place.environment["AZURE_STORAGE_CONNECTION_STRING"] = azurite.connectionString;
    for (const words of [
      ["doctor", "--json"],
      ["plan", "--json", "--debug"],
      ["run", "--verbose", "--debug"],
      ["config"],
    ]) {
      await place.run(words, { code: 0 });
    }
    const other = place.markers.adopt("another account key", randomBytes(64).toString("base64"));
    const wrong = { AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString.replace(key, other) };
    await failAtAll(place, /CREDENTIALS_INVALID/, url, wrong, azurite.endpoint);
    const signature = place.markers.plant("signature");
    const token = {
      AZURE_STORAGE_CONNECTION_STRING: "",
      AZURE_STORAGE_SAS_TOKEN: `?sv=2025-01-05&sr=c&sp=rl&sig=${signature}`,
    };
    await failAtAll(place, /CREDENTIALS_INVALID/, url, token, azurite.endpoint);
    const text = { AZURE_STORAGE_CONNECTION_STRING: place.markers.plant("no connection string") };
    await place.run(["plan", "--json", "--debug"], { environment: text, shows: /CREDENTIALS_INVALID/ });
    assert.ok((await place.search()) > 0);
  });
});
