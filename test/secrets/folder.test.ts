import assert from "node:assert/strict";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { azureDelivery, azureRows, curDelivery, curRows, jsonBytes, type Delivery } from "../support/deliveries.ts";
import { createPlace, type Place } from "../support/secrets/places.ts";

const limits = { timeout: 240_000 };

describe("a folder and DuckDB", limits, () => {
  test("no command shows the logins and sections of other programs", async (t) => {
    const place = await createPlace(t);
    await plantEverywhere(place);
    for (const delivery of [
      curDelivery({ month: "2025-01", id: "one", files: [curRows("2025-01", "1.5")] }),
      azureDelivery({ month: "2025-01", id: "b1", files: [azureRows("2025-01", "2.5")] }),
    ]) {
      await deliver(place, delivery);
    }
    for (const words of [
      ["config", "--debug"],
      ["config", "--json"],
      ["doctor", "--json"],
      ["plan", "--verbose", "--debug"],
      ["run", "--verbose", "--debug"],
      ["run", "--force", "--json", "--debug"],
      ["status", "--json"],
      ["state", "show", "--json"],
      ["state", "forget", "aws_cur", "2025-01", "--debug"],
      ["migrate", "--verbose", "--debug"],
      ["query", "SELECT * FROM billing_data.aws_cur_data", "--csv"],
      ["connect", "--json"],
      ["connect"],
    ]) {
      await place.run(words, { code: 0 });
    }
    for (const words of [
      ["verify", "--json"],
      ["diff", "aws_cur", "2025-01"],
      ["undo", "aws_cur", "2025-01"],
    ]) {
      await place.run([...words, "--debug"]);
    }
    await place.run(["query", "SELECT nothing FROM nowhere", "--json", "--debug"], { code: 1, shows: /QUERY_INVALID/ });
    await mkdir(join(place.folder, "second"));
    await place.run(["init", "../bucket", "--verbose", "--debug"], { folder: "second", code: 0, shows: /^Wrote /m });
    await copyFile(join(place.folder, "second", "billhouse.toml"), join(place.folder, "billhouse.toml"));
    await place.run(["init", "bucket", "--json", "--debug"], { code: 1, shows: /CONFIG_EXISTS/ });
    assert.ok((await place.search()) > 0);
  });

  test("no command shows the signatures in a manifest", async (t) => {
    const place = await createPlace(t);
    const { markers } = place;
    const sections = ["aws_cur", "azure_billing"].map((name) => `[sources.${name}]\nbucket_url = "bucket/${name}"\n`);
    await place.write("billhouse.toml", sections.join("\n"));
    const signed = (key: string, place_: string): string => `${key}?sv=2025-01-05&sr=b&sig=${markers.plant(place_)}`;
    const cur = curDelivery({
      month: "2025-01",
      id: "one",
      files: [curRows("2025-01", "1.5")],
      listedKeys: [`s3://acme/cur/20250101-20250201/one/x.csv.gz?X-Amz-Security-Token=${markers.plant("AWS token")}`],
    });
    const listed = azureDelivery({
      month: "2025-01",
      id: "b1",
      files: [azureRows("2025-01", "2.5")],
      listedKeys: [
        signed("https://acme.blob.core.windows.net/exports/acme-actual/20250101-20250131/b1/x.csv", "blobName"),
      ],
    });
    const outside = azureDelivery({
      month: "2025-02",
      id: "b2",
      files: [azureRows("2025-02", "2.5")],
      listedKeys: [signed("../../x.csv", "blobName outside")],
    });
    const whole = azureDelivery({ month: "2025-03", id: "b3", files: [azureRows("2025-03", "2.5")] });
    await deliver(place, cur, "aws_cur/");
    for (const delivery of [listed, outside, withSignatures(whole, place)])
      await deliver(place, delivery, "azure_billing/");
    for (const words of [["doctor"], ["plan", "--verbose", "--debug"], ["plan", "--json"], ["status", "--json"]]) {
      await place.run(words);
    }
    for (const words of [
      ["run", "--verbose", "--debug"],
      ["run", "--json", "--debug", "--force"],
    ]) {
      await place.run(words, { shows: /2025-03/ });
    }
    await place.run(["init", "bucket/azure_billing", "--force", "--debug"], { shows: /^Wrote /m });
    assert.ok((await place.search()) > 0);
  });
});

/** The files of dlt and the environment, full of logins of other programs. */
async function plantEverywhere(place: Place): Promise<void> {
  const { markers } = place;
  const plant = (name: string): string => markers.plant(name);
  await place.write(
    ".dlt/config.toml",
    `[runtime]
sentry_dsn = "https://${plant("dsn")}@sentry.example/1"

[sources.aws_cur]
bucket_url = "bucket/cur"
api_token = "${plant("api_token")}"

[sources.azure_billing]
bucket_url = "bucket/exports"
client_secret = "${plant("config client_secret")}"

[sources.other]
password = "${plant("other source")}"

[destination.postgres]
credentials = "postgres://me:${plant("postgres")}@db/x"
`,
  );
  await place.write(
    ".dlt/secrets.toml",
    `[sources.azure_billing]
connection_string = "AccountName=a;AccountKey=${plant("account key")}"
sas_token = "?sv=1&sig=${plant("sas token")}"
client_secret = "${plant("client_secret")}"
refresh_token = "${plant("refresh_token")}"

[sources.other.credentials]
aws_secret_access_key = "${plant("filesystem")}"
private_key = """-----BEGIN PRIVATE KEY-----
${plant("private key")}
-----END PRIVATE KEY-----
"""
`,
  );
  const key = await place.write(
    "key.json",
    JSON.stringify({ type: "service_account", private_key: plant("key file") }),
  );
  Object.assign(place.environment, {
    AWS_ACCESS_KEY_ID: plant("AWS_ACCESS_KEY_ID"),
    AWS_SECRET_ACCESS_KEY: plant("AWS_SECRET_ACCESS_KEY"),
    AWS_SESSION_TOKEN: plant("AWS_SESSION_TOKEN"),
    AZURE_STORAGE_CONNECTION_STRING: `AccountName=a;AccountKey=${plant("environment account key")}`,
    AZURE_STORAGE_SAS_TOKEN: `?sv=1&sig=${plant("environment sas")}`,
    GOOGLE_APPLICATION_CREDENTIALS: key,
    HTTP_PROXY: `http://${plant("proxy user")}:${plant("proxy password")}@127.0.0.1:1`,
    SOURCES__AWS_CUR__SECRET_KEY: plant("environment source secret"),
    BILLHOUSE_PASSWORD: plant("unknown variable"),
  });
}

async function deliver(place: Place, { objects }: Delivery, below = ""): Promise<void> {
  for (const [key, bytes] of objects) await place.write(`bucket/${below}${key}`, bytes);
}

/** The delivery with signatures wherever its manifest has an address, and in fields that are never read. */
function withSignatures(delivery: Delivery, { markers }: Place): Delivery {
  const manifest = JSON.parse(Buffer.from(delivery.objects.get(delivery.manifestKey) ?? "").toString()) as Record<
    string,
    Record<string, unknown>
  >;
  const address = (name: string): string =>
    `https://acme.blob.core.windows.net/exports?sv=2025-01-05&sig=${markers.plant(name)}`;
  const changed = {
    ...manifest,
    sasUrl: address("sasUrl"),
    deliveryConfig: { ...manifest["deliveryConfig"], destination: { url: address("destination") } },
    exportConfig: {
      ...manifest["exportConfig"],
      resourceId: `${String(manifest["exportConfig"]?.["resourceId"])}?sig=${markers.plant("resourceId")}`,
    },
  };
  return { ...delivery, objects: new Map([...delivery.objects, [delivery.manifestKey, jsonBytes(changed)]]) };
}
