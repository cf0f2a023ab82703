import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keepKey, keepSecret, maskSecrets } from "../../src/secrets.ts";
import { createMarkers } from "../support/secrets/markers.ts";

describe("output", () => {
  test("holds no secret that was kept, however it is spelt", () => {
    const markers = createMarkers();
    const secret = markers.adopt("here", `two words/${crypto.randomUUID()}+"end"`);
    const bytes = Buffer.from(`user:${secret}`);
    const texts = [
      secret,
      encodeURIComponent(secret),
      JSON.stringify({ token: secret }),
      ...["", "a", "ab"].map((before) => Buffer.from(`${before}${secret}:x`).toString("base64")),
      bytes.toString("base64url"),
      bytes.toString("hex"),
    ];
    for (const text of texts) assert.notDeepEqual(markers.find(text), [], text);
    keepSecret(secret);
    for (const text of texts) assert.deepEqual(markers.find(maskSecrets(`It was ${text}.`)), [], text);
  });

  test("holds no line of a private key, and the names beside it", () => {
    const lines = [crypto.randomUUID(), crypto.randomUUID()];
    const pem = `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
    keepKey({ type: "service_account", client_email: "loader@acme.example", private_key: pem });
    const masked = maskSecrets(`loader@acme.example: ${lines[0]} and ${JSON.stringify(pem)}`);
    for (const line of lines) assert.ok(!masked.includes(line), masked);
    assert.match(masked, /^loader@acme\.example: \*{8} and /);
  });

  for (const [what, text] of Object.entries({
    "a login in an address": "cannot reach https://me:hunter2-hunter2@proxy:8080/x",
    "a signature": "https://acme.blob.core.windows.net/x?sv=1&sig=hunter2-hunter2&se=2",
    "an account's key": "AccountName=a;AccountKey=hunter2-hunter2==;x=y",
    "a signed request of AWS": "X-Amz-Security-Token=hunter2-hunter2&X-Amz-Signature=hunter2-hunter2",
    "a header": 'headers {"authorization":"Bearer hunter2-hunter2"}, next',
    "a signed header": "x-amz-security-token:hunter2-hunter2\nhost:x",
    "a token": "the token Bearer hunter2-hunter2-hunter2 is bad",
    "a form": "grant_type=refresh_token&refresh_token=hunter2-hunter2&client_secret=hunter2-hunter2",
    "a key file": '{"private_key": "hunter2-hunter2", "type": "x"}',
    "a private key": "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----",
    "a web token": "assertion eyJhunter2hunter2.eyJhunter2hunter2.hunter2-hunter2 refused",
    "a token of Google": "ya29.hunter2-hunter2 refused",
  })) {
    test(`holds nothing that has the shape of ${what}`, () => {
      assert.doesNotMatch(maskSecrets(text), /hunter2/);
      assert.match(maskSecrets(text), /\*{8}/);
    });
  }

  test("is else as it was written", () => {
    for (const text of [
      "You may not read gs://acme-billing: Permission denied. Run `gcloud auth login`.",
      "Basic authentication is off; set AWS_SECRET_ACCESS_KEY, or token_uri in .dlt/secrets.toml.",
      "The file cur/data/token=7/key=9/x.csv.gz lies outside gs://acme, https://example.com/a@b.",
      '{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::acme/*"}',
      "az storage account show --name acme --query id --output tsv",
    ]) {
      assert.equal(maskSecrets(text), text);
    }
  });
});
