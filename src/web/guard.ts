import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";

/** Who may read the pages. */
export interface Access {
  /** The names under which the dashboard is served, without ports. Requests for other names are refused (DNS rebinding). */
  readonly hosts: readonly string[];
  /** The token that each request must have; null without one. */
  readonly token: string | null;
}

/** The names that mean this machine. */
export const loopbackHosts: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** The cookie that holds the token after the first request with it. */
const tokenCookie = "billhouse_token";

/**
 * The headers of every response: a page uses only its own style and script, is not shown in frames, and does not send its
 * address to other sites.
 */
const headers: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** Adds the security headers, and refuses requests that must not be answered, each with a sentence. */
export function guard({ hosts, token }: Access): MiddlewareHandler {
  return async (context, next) => {
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    context.header("Cache-Control", "private, no-store");
    const host = context.req.header("host") ?? "";
    if (!hosts.includes(withoutPort(host))) {
      return context.text(
        `The dashboard is not served as ${JSON.stringify(host)}. Add --allow-host for this name.\n`,
        421,
      );
    }
    if (context.req.method !== "GET" && context.req.method !== "HEAD") {
      context.header("Allow", "GET, HEAD");
      return context.text("The dashboard only reads: use GET.\n", 405);
    }
    if (isForeign(context, host)) return context.text("Requests of other sites are refused.\n", 403);
    if (token === null || context.req.path === "/healthz") return next();
    return withToken(context, token, next);
  };
}

/** Whether a page of another site sent the request, other than by a link that a person follows. */
function isForeign(context: Context, host: string): boolean {
  const origin = context.req.header("origin");
  if (origin !== undefined && !new Set([`http://${host}`, `https://${host}`]).has(origin)) return true;
  const isNavigation = context.req.header("sec-fetch-mode") === "navigate";
  return context.req.header("sec-fetch-site") === "cross-site" && !isNavigation;
}

/** A token in the address becomes a cookie, so that it is neither in the history of the browser nor in links. */
async function withToken(context: Context, token: string, next: () => Promise<void>): Promise<Response | void> {
  const inAddress = context.req.query("token");
  if (inAddress !== undefined && isSame(inAddress, token)) {
    const path = new URL(context.req.url);
    path.searchParams.delete("token");
    setCookie(context, tokenCookie, token, { httpOnly: true, sameSite: "Lax", path: "/" });
    return context.redirect(`${path.pathname}${path.search}`, 303);
  }
  const [, bearer] = /^Bearer (\S+)$/u.exec(context.req.header("authorization") ?? "") ?? [];
  if ([bearer, getCookie(context, tokenCookie)].some((given) => given !== undefined && isSame(given, token))) {
    return next();
  }
  context.header("WWW-Authenticate", "Bearer");
  return context.text("The token is missing or wrong. Open the address that billhouse serve printed.\n", 401);
}

/** Compared in the same time whatever differs. */
function isSame(given: string, token: string): boolean {
  const [one, other] = [given, token].map((text) => createHash("sha256").update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}

function withoutPort(host: string): string {
  return host.toLowerCase().replace(/:\d+$/u, "");
}
