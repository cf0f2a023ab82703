import { generateKeyPairSync } from "node:crypto";
import type { TestContext } from "node:test";
import { curDelivery, curRows } from "../deliveries.ts";
import { exportBucket } from "../google.ts";
import { startBigqueryServer, type BigqueryServer } from "../../servers/bigquery/server.ts";
import { startGcsServer, type GcsServer } from "../../servers/gcs.ts";
import { echoOf, startClouds, type CloudAnswer, type CloudRequest, type Clouds } from "./clouds.ts";
import { createPlace, type Place } from "./places.ts";

/** Cloud Storage and BigQuery behind a proxy, with a key that is looked at and a token that is asked for. */
export interface GooglePlace extends Place {
  readonly clouds: Clouds;
  readonly gcs: GcsServer;
  readonly bigquery: BigqueryServer;
  /** What answers in place of Google: undefined leaves the answer to it, and null cuts the connection. */
  refuse: (request: CloudRequest) => CloudAnswer | null | undefined;
}

/** A refusal of a Google API that repeats the whole request. */
export function googleEcho(request: CloudRequest, status: number, reason: string): CloudAnswer {
  const message = echoOf(request);
  return { status, body: JSON.stringify({ error: { code: status, message, errors: [{ reason, message }] } }) };
}

/** A place whose configuration is that of dlt, with the key in `.dlt/secrets.toml`, and one month in the bucket. */
export async function createGooglePlace(t: TestContext): Promise<GooglePlace> {
  const place = await createPlace(t);
  const { markers } = place;
  const gcs = await startGcsServer(exportBucket);
  const bigquery = await startBigqueryServer({
    async readObject(bucket, key) {
      const object = gcs.object(bucket, key);
      return object === undefined ? undefined : { bytes: object.bytes, generation: object.generation };
    },
  });
  const token = markers.plant("access token");
  bigquery.requireToken = token;
  const certificateFile = `${place.folder}/clouds.pem`;
  const proxyLogin = `${markers.plant("user of the proxy")}:${markers.plant("password of the proxy")}`;
  const clouds = await startClouds(proxyLogin, certificateFile, (request) => {
    const refused = google.refuse(request);
    if (refused !== undefined) return refused;
    if (request.host === "oauth2.googleapis.com") {
      return { status: 200, body: JSON.stringify({ access_token: token, token_type: "Bearer", expires_in: 3600 }) };
    }
    const isKnown = request.headers.authorization === `Bearer ${token}`;
    if (!isKnown) return googleEcho(request, 401, "authError");
    return request.host === "storage.googleapis.com" ? gcs.endpoint : bigquery.endpoint;
  });
  t.after(async () => {
    await clouds.close();
    await bigquery.close();
    await gcs.close();
  });
  await place.write("clouds.pem", clouds.certificate);
  Object.assign(place.environment, clouds.environment);
  const google: GooglePlace = Object.assign(place, { clouds, gcs, bigquery, refuse: () => undefined });

  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = markers.adopt("private key", privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  await place.write(
    ".dlt/config.toml",
    `[sources.aws_cur]
bucket = "${exportBucket}"
prefix = "cur"

[destination.bigquery]
location = "US"
`,
  );
  await place.write(
    ".dlt/secrets.toml",
    `[sources.aws_cur]
api_key = "${markers.plant("secrets.toml api_key")}"

[destination.bigquery.credentials]
project_id = "acme"
client_email = "loader@acme.iam.gserviceaccount.com"
private_key_id = "${markers.plant("secrets.toml private_key_id")}"
private_key = ${JSON.stringify(pem)}

[destination.postgres.credentials]
password = "${markers.plant("secrets.toml password")}"
connection_string = "postgres://me:${markers.plant("secrets.toml connection string")}@db/x"
`,
  );
  const delivery = curDelivery({ month: "2025-01", id: "one", files: [curRows("2025-01", "1.5")] });
  for (const [key, bytes] of delivery.objects) gcs.put(exportBucket, key, bytes);
  return google;
}

/** Everything that BigQuery was sent beside the headers, and every row that it keeps. */
export async function sentToBigquery({ bigquery, clouds }: GooglePlace): Promise<string> {
  const texts = clouds.requests
    .filter(({ host }) => host === "bigquery.googleapis.com" || host === "storage.googleapis.com")
    .map(({ method, url, body }) => `${method} ${url} ${body}`);
  for (const [name, { tables }] of bigquery.catalog.datasets) {
    for (const table of tables.keys()) {
      const sql = `SELECT * FROM \`${name.replace(":", ".")}.${table}\``;
      texts.push(`${table} ${JSON.stringify(await bigquery.rows(sql, "acme"))}`);
    }
  }
  return texts.join("\n");
}
