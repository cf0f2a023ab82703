import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { echoOf, startClouds, type CloudAnswer, type CloudRequest } from "../support/secrets/clouds.ts";
import { createPlace, failAtAll } from "../support/secrets/places.ts";

const limits = { concurrency: 2, timeout: 240_000 };

describe("Azure Blob Storage that repeats secrets", limits, () => {
  for (const [title, status, code, shows] of [
    ["the login", 400, "", /CREDENTIALS_INVALID/],
    ["the token, and refuses", 403, "AuthenticationFailed", /CREDENTIALS_INVALID/],
    ["the token, and denies", 403, "AuthorizationPermissionMismatch", /STORAGE_DENIED/],
    ["the token, in an unexpected answer", 400, "InvalidHeaderValue", /INTERNAL|This is a bug/],
  ] as const) {
    test(`no secret is shown when a server repeats ${title}`, async (t) => {
      const place = await createPlace(t);
      const token = place.markers.plant("azure access token");
      const login = `${place.markers.plant("proxy user")}:${place.markers.plant("proxy password")}`;
      const clouds = await startClouds(login, `${place.folder}/clouds.pem`, (request) => {
        if (request.host !== "login.microsoftonline.com") return azureEcho(request, status, code);
        return title === "the login" ? loginRefusal(request) : loginAnswer(request, token);
      });
      t.after(() => clouds.close());
      await place.write("clouds.pem", clouds.certificate);
      Object.assign(place.environment, clouds.environment, {
        AZURE_TENANT_ID: "11111111-1111-4111-8111-111111111111",
        AZURE_CLIENT_ID: "22222222-2222-4222-8222-222222222222",
        AZURE_CLIENT_SECRET: place.markers.plant("client secret"),
      });
      await place.write("billhouse.toml", `[sources.azure_billing]\nbucket_url = "az://acmebilling/exports"\n`);
      await failAtAll(place, shows, "az://acmebilling/exports");
      assert.ok(
        clouds.requests.some(
          ({ host }) =>
            host === (title === "the login" ? "login.microsoftonline.com" : "acmebilling.blob.core.windows.net"),
        ),
      );
    });
  }
});

function azureEcho(request: CloudRequest, status: number, code: string): CloudAnswer {
  const text = echoOf(request).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return {
    status,
    headers: { "content-type": "application/xml", "x-ms-error-code": code },
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${text}</Message><AuthenticationErrorDetail>${text}</AuthenticationErrorDetail></Error>`,
  };
}

/** What Microsoft's library asks before and when it logs in. */
function loginAnswer({ url, host }: CloudRequest, token: string): CloudAnswer {
  const tenant = `https://${host}/11111111-1111-4111-8111-111111111111`;
  if (url.includes("/discovery/instance")) {
    const names = { preferred_network: host, preferred_cache: host, aliases: [host] };
    return json(200, {
      tenant_discovery_endpoint: `${tenant}/v2.0/.well-known/openid-configuration`,
      metadata: [names],
    });
  }
  if (url.includes("/.well-known/openid-configuration")) {
    return json(200, {
      issuer: `${tenant}/v2.0`,
      authorization_endpoint: `${tenant}/oauth2/v2.0/authorize`,
      token_endpoint: `${tenant}/oauth2/v2.0/token`,
      jwks_uri: `${tenant}/discovery/v2.0/keys`,
    });
  }
  return json(200, { token_type: "Bearer", expires_in: 3600, ext_expires_in: 3600, access_token: token });
}

function loginRefusal(request: CloudRequest): CloudAnswer {
  if (!request.url.includes("/token")) return loginAnswer(request, "");
  return json(401, { error: "invalid_client", error_description: echoOf(request), error_codes: [7000215] });
}

function json(status: number, body: unknown): CloudAnswer {
  return { status, body: JSON.stringify(body) };
}
