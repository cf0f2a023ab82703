import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Browser, launch } from "puppeteer-core";

/** Names and places where systems put Chromium and browsers made from it. */
const programs = [
  "chromium",
  "chromium-browser",
  "google-chrome-stable",
  "google-chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The path of a browser: `CHROMIUM` in the environment, else the first of the usual ones. Error if there is none. */
export function browserPath(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const named = process.env["CHROMIUM"];
  const candidates = named === undefined ? programs : [named];
  const found = candidates
    .flatMap((name) => (name.includes("/") ? [name] : folders.map((folder) => join(folder, name))))
    .find(existsSync);
  if (found !== undefined) return found;
  throw new Error(
    `There is no browser: install Chromium, or set CHROMIUM to its path. Tried: ${candidates.join(", ")}.`,
  );
}

/** Starts a browser with an empty profile, which sends no requests of its own. */
export async function startBrowser(): Promise<{ readonly browser: Browser; readonly close: () => Promise<void> }> {
  const userDataDir = mkdtempSync(join(tmpdir(), "billhouse-browser-"));
  const browser = await launch({
    executablePath: browserPath(),
    headless: true,
    userDataDir,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  return {
    browser,
    async close() {
      await browser.close();
      rmSync(userDataDir, { recursive: true, force: true });
    },
  };
}
