import { html, type Markup } from "../drawing/markup.ts";
import { version } from "../version.ts";
import { addressOf, type View } from "./address.ts";
import type { Asset } from "./assets.ts";
import type { Page } from "./page.ts";
import { locales, type Settings, themes } from "./settings.ts";

/** The pages of the navigation, in their order. */
const places: Readonly<Record<string, string>> = {
  "/": "Overview",
  "/costs": "Costs",
  "/changes": "Changes",
  "/commitments": "Commitments",
  "/untagged": "Untagged",
  "/questions": "Questions",
  "/loads": "Loads",
  "/quality": "Quality",
};

/** What surrounds every page. */
export interface Surroundings {
  readonly assets: Readonly<Record<"style" | "script" | "icon", Asset>>;
  readonly settings: Settings;
  /** In words, such as `Published 3 min ago`. Null where nothing is published. */
  readonly source: string | null;
  /** The address of the page itself. */
  readonly address: string;
}

/** A whole page. */
export function wholePage({ title, path, view, body }: Page, surroundings: Surroundings): Markup {
  const { assets, settings, source } = surroundings;
  return html`<!doctype html>
    <html lang="en" class="${settings.theme}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · billhouse</title>
        <link rel="icon" href="${assets.icon.path}" />
        <link rel="stylesheet" href="${assets.style.path}" />
        <script src="${assets.script.path}" defer></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header class="top">
          <a class="name" href="/"><img src="${assets.icon.path}" alt="" width="22" height="22" />billhouse</a>
          <nav aria-label="Pages">
            ${Object.entries(places).map(
              ([place, name]) =>
                html`<a href="${addressOf(place, kept(view))}" ${place === path ? html` aria-current="page"` : ""}
                  >${name}</a
                >`,
            )}
          </nav>
        </header>
        <main id="main">${body}</main>
        <footer class="bottom">
          <p>${source === null ? "Nothing is published yet." : source} <span>billhouse ${version}</span></p>
          ${settingsForm(surroundings)}
        </footer>
      </body>
    </html>`;
}

/** The parts of a view that other pages share. */
function kept({ from, to, currency }: View): Partial<View> {
  return { from, to, currency };
}

function settingsForm({ settings, address }: Surroundings): Markup {
  const options = (choices: Readonly<Record<string, string>>, chosen: string): Markup[] =>
    Object.entries(choices).map(
      ([value, name]) => html`<option value="${value}" ${value === chosen ? html` selected` : ""}>${name}</option>`,
    );
  const known = {
    ...Object.fromEntries(locales.map((locale) => [locale, locale])),
    [settings.locale]: settings.locale,
  };
  return html`<form action="/settings" class="settings" data-auto>
    <input type="hidden" name="back" value="${address}" />
    <label
      >Numbers
      <select name="locale">
        ${options(known, settings.locale)}
      </select></label
    >
    <label
      >Colours
      <select name="theme">
        ${options(themes, settings.theme)}
      </select></label
    >
    <button>Apply</button>
  </form>`;
}
