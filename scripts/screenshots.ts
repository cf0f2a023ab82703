import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../src/index.ts";
import { serveDashboard } from "../src/web/server.ts";
import { startBrowser } from "../test/support/browser.ts";
import { billhouse } from "../test/support/in-process.ts";

/*
 * Renews the pictures of the dashboard in docs/images/, from the demo. Needs Chromium, or the browser that CHROMIUM names; the
 * pages use the font Inter where it is installed.
 *
 *   npm run screenshots
 */

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly theme: "light" | "dark";
  /** What the pointer is on. */
  readonly hover?: string;
}

const pictures: readonly Picture[] = [
  { name: "overview", path: "/", width: 1280, height: 900, theme: "light", hover: 'a[data-bucket="74"]' },
  { name: "overview-dark", path: "/", width: 1280, height: 900, theme: "dark" },
  { name: "phone", path: "/", width: 390, height: 844, theme: "light" },
  { name: "changes", path: "/changes?month=2026-10&drill=1", width: 1280, height: 820, theme: "light" },
  { name: "commitments", path: "/commitments?month=2026-10", width: 1280, height: 900, theme: "light" },
  { name: "loads", path: "/loads/aws_cur/2026-08", width: 1280, height: 780, theme: "light" },
];

const now = new Date("2026-11-30T12:00:00Z");
const target = join(import.meta.dirname, "..", "docs", "images");
const folder = await mkdtemp(join(tmpdir(), "billhouse-screenshots-"));
const { code, stderr } = await billhouse(folder, ["demo", "--quiet"], {}, { now });
if (code !== 0) throw new Error(stderr);
const config = await loadConfig({ folder: join(folder, "billhouse-demo"), environment: {} });
const dashboard = await serveDashboard(config, {
  host: "127.0.0.1",
  port: 0,
  allowedHosts: [],
  token: null,
  locale: "en-US",
  isWarm: false,
  maxBytes: 1e9,
  now: () => now,
  onError: (error) => {
    throw error;
  },
});
const { browser, close } = await startBrowser();
await mkdir(target, { recursive: true });
for (const { name, path, width, height, theme, hover } of pictures) {
  const page = await browser.newPage();
  await page.setViewport({ width, height, deviceScaleFactor: width < 500 ? 2 : 1 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  await page.goto(new URL(path, dashboard.url).href, { waitUntil: "networkidle0" });
  if (hover !== undefined) await page.hover(hover);
  const file = join(target, `${name}.png`);
  await writeFile(file, await page.screenshot());
  console.log(`${name}.png ${Math.round((await stat(file)).size / 1000)} kB`);
  await page.close();
}
await close();
await dashboard.close();
await rm(folder, { recursive: true, force: true });
