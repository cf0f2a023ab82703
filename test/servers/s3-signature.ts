import { createHash, createHmac } from "node:crypto";

import { refusal } from "./s3-answers.ts";
import type { S3Request } from "./s3-faults.ts";

/** The one key that the server knows. */
export const testKey = {
  accessKeyId: "AKIATESTTESTTEST1234",
  secretAccessKey: "test/secret+key/of/the/strict/server",
  sessionToken: "token-of-the-strict-server",
};

/**
 * Refuses a request that is not signed with the test key, in `region`. All documented in Amazon S3's API reference:
 * sigv4-auth-using-authorization-header (what is signed, and how), ErrorResponses (codes and words).
 */
export function requireSignature(request: S3Request, region: string): void {
  const { method, path, rawQuery, headers } = request;
  const header = headers["authorization"];
  if (header === undefined) throw refusal(403, "AccessDenied", "Access Denied");
  const parts =
    /^AWS4-HMAC-SHA256 Credential=(?<key>[^/]+)\/(?<day>\d{8})\/(?<region>[\w-]+)\/s3\/aws4_request, ?SignedHeaders=(?<signed>[\w;-]+), ?Signature=(?<signature>[0-9a-f]{64})$/u.exec(
      String(header),
    )?.groups;
  if (parts === undefined) {
    throw refusal(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.");
  }
  const { key, day = "", region: signedRegion = "", signed = "", signature } = parts;
  if (key !== testKey.accessKeyId) {
    throw refusal(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", {
      AWSAccessKeyId: key ?? "",
    });
  }
  const token = headers["x-amz-security-token"];
  if (token !== undefined && token !== testKey.sessionToken) {
    throw refusal(400, "ExpiredToken", "The provided token has expired.", { "Token-0": String(token) });
  }
  if (signedRegion !== region) {
    throw refusal(
      400,
      "AuthorizationHeaderMalformed",
      `The authorization header is malformed; the region '${signedRegion}' is wrong; expecting '${region}'`,
      { Region: region },
      // documented: API_HeadBucket (x-amz-bucket-region); assumed: of other answers only those to HEAD need it
      method === "HEAD" ? { "x-amz-bucket-region": region } : {},
    );
  }
  const names = signed.split(";");
  // documented: sig-v4-header-based-auth - host and every x-amz header must be signed
  const required = ["host", ...Object.keys(headers).filter((name) => name.startsWith("x-amz-"))];
  if (required.some((name) => !names.includes(name))) {
    throw refusal(403, "AccessDenied", "There were headers present in the request which were not signed");
  }
  const time = String(headers["x-amz-date"]);
  const sent = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/u, "$1-$2-$3T$4:$5:$6Z"));
  // documented: ErrorResponses - 15 minutes
  if (!(Math.abs(Date.now() - sent) < 900_000)) {
    throw refusal(
      403,
      "RequestTimeTooSkewed",
      "The difference between the request time and the server's time is too large.",
    );
  }
  const query = rawQuery
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => (pair.includes("=") ? pair : `${pair}=`))
    .toSorted();
  const canonical = [
    method,
    path,
    query.join("&"),
    ...names.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/gu, " ")}`),
    "",
    signed,
    String(headers["x-amz-content-sha256"]),
  ].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", time, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const signingKey = [day, region, "s3", "aws4_request"].reduce<Buffer>(
    (secret, text) => createHmac("sha256", secret).update(text).digest(),
    Buffer.from(`AWS4${testKey.secretAccessKey}`),
  );
  if (createHmac("sha256", signingKey).update(toSign).digest("hex") === signature) return;
  throw refusal(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    { AWSAccessKeyId: testKey.accessKeyId, StringToSign: toSign, CanonicalRequest: canonical },
  );
}
