import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";

/** What a person has chosen for all pages; it is kept in a cookie. */
export interface Settings {
  /** The tag of a locale that `Intl` knows. */
  readonly locale: string;
  readonly theme: Theme;
}

/** The colours of the pages, by the names that people see. */
export const themes = { auto: "as the system", light: "light", dark: "dark" } as const;

/** The name of a choice of colours. */
export type Theme = keyof typeof themes;

/** Locales to choose from: together they have every usual way to write numbers. */
export const locales: readonly string[] = [
  "en-US",
  "en-IN",
  "de-DE",
  "de-CH",
  "fr-FR",
  "es-ES",
  "pt-BR",
  "sv-SE",
  "ja-JP",
];

const cookie = "billhouse_settings";

/** The settings of a request; without a cookie, those of the server. */
export function readSettings(context: Context, locale: string): Settings {
  const chosen = new URLSearchParams(getCookie(context, cookie) ?? "");
  return { locale: localeOf(chosen.get("locale")) ?? localeOf(locale) ?? "en-US", theme: themeOf(chosen.get("theme")) };
}

/** Keeps the settings that the address of a request names. */
export function keepSettings(context: Context, locale: string): void {
  const before = readSettings(context, locale);
  const chosen = new URLSearchParams({
    locale: localeOf(context.req.query("locale") ?? null) ?? before.locale,
    theme: themeOf(context.req.query("theme") ?? before.theme),
  });
  setCookie(context, cookie, chosen.toString(), { path: "/", sameSite: "Lax", httpOnly: true, maxAge: 365 * 86_400 });
}

function localeOf(tag: string | null): string | undefined {
  if (tag === null || tag === "") return undefined;
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag)[0];
  } catch {
    return undefined;
  }
}

function themeOf(name: string | null): Theme {
  return name !== null && Object.hasOwn(themes, name) ? (name as Theme) : "auto";
}
