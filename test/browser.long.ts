import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import type { Browser, Page } from "puppeteer-core";

import { type Config, loadConfig, query } from "../src/index.ts";
import { formatAmount } from "../src/schema/decimals.ts";
import { startBrowser } from "./support/browser.ts";
import { temporaryFolder } from "./support/folders.ts";
import { billhouse } from "./support/in-process.ts";
import { dashboard } from "./web/dashboard.ts";

const now = new Date("2026-11-30T12:00:00Z");
const axe = readFileSync(join(import.meta.dirname, "../node_modules/axe-core/axe.min.js"), "utf8");

const pages = [
  "/",
  "/?grain=month&by=account",
  "/costs",
  "/costs?month=2026-10&filter=service%3DAmazon%20SageMaker&by=account",
  "/costs?from=2026-05&to=2026-10&grain=month&by=tag%3Ateam",
  "/changes",
  "/changes?month=2026-10&drill=1",
  "/changes?month=2026-05",
  "/changes?month=2026-10&filter=service%3DAmazon%20SageMaker",
  "/commitments",
  "/untagged",
  "/questions",
  "/questions/regions",
  "/questions/service-months",
  "/quality",
  "/quality?focus=1.4",
  "/loads",
  "/loads/aws_cur/2026-08",
  "/source/costs?month=2026-10",
  "/?month=1999-01",
];

let config: Config;
let url: string;

/** The effective cost of the newest month, and of the month before, by SQL. */
let [cost, costBefore]: [string, string] = ["", ""];
let started: Awaited<ReturnType<typeof startBrowser>>;

before(async (t) => {
  const outer = await temporaryFolder(t as TestContext);
  const demo = await billhouse(outer, ["demo", "--quiet"], {}, { now });
  assert.equal(demo.code, 0, demo.stderr);
  config = await loadConfig({ folder: join(outer, "billhouse-demo"), environment: {} });
  ({ url } = await dashboard(t as TestContext, config, { now: () => now }));
  const ofMonth = (month: string): Promise<string> =>
    amount(`SELECT sum(EffectiveCost) FROM focus_costs WHERE x_BillingMonth = '${month}'`);
  [cost, costBefore] = [await ofMonth("2026-10"), await ofMonth("2026-09")];
  started = await startBrowser();
});

after(() => started.close());

/** A page of the browser that fails the test when anything is written to its console, or a request leaves the server. */
async function open(t: TestContext, browser: Browser = started.browser): Promise<Page> {
  // With cookies of its own.
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) said.push(`requested ${request.url()}`);
  });
  t.after(async () => {
    await context.close();
    // Pages that say what is wrong have a status of their own, which Chromium writes to the console.
    assert.deepEqual(
      said.filter((text) => !/status of 400/u.test(text)),
      [],
    );
  });
  return page;
}

const at = (path: string): string => new URL(path, url).href;

/** The only value of a query, as money. */
async function amount(sql: string): Promise<string> {
  for await (const row of query(config, { sql })) return formatAmount(String(Object.values(row)[0]));
  return assert.fail(sql);
}

const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => (element as unknown as { innerText: string }).innerText);

describe("every page in a browser", () => {
  for (const [width, theme, shown] of [
    [1440, "light", pages],
    [390, "dark", pages],
    [1024, "light", pages.slice(0, 3)],
    [1440, "dark", pages.slice(0, 3)],
  ] as const) {
    test(`${width} pixels wide and ${theme}, it fits, and axe finds nothing serious`, async (t) => {
      const page = await open(t);
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
      for (const path of shown) {
        await page.goto(at(path), { waitUntil: "networkidle0" });
        const overflow = await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        assert.equal(overflow, 0, `${path} is ${String(overflow)} pixels too wide`);
        await page.evaluate(axe);
        const found = (await page.evaluate(
          "axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => [id, impact, nodes.slice(0, 3).map((node) => node.html + ' ' + node.failureSummary)]))",
        )) as readonly (readonly [id: string, impact: string, nodes: readonly string[]])[];
        assert.deepEqual(
          found.filter(([, impact]) => impact === "serious" || impact === "critical"),
          [],
          path,
        );
      }
    });
  }
});

describe("the first page", () => {
  test("shows the restated month with its amount, the spike and its cause, unused commitments and untagged cost", async (t) => {
    const page = await open(t);
    await page.goto(at("/"));
    const text = await textOf(page, "main");
    assert.match(text, /2026-08 changed after it was final\s+-1,936\.03 USD/u);
    assert.match(text, /The largest driver is Amazon SageMaker [^.]*usage \+4,327\.95/u);
    assert.match(text, /Unused commitments\s+1,111\.12 of/u);
    assert.match(text, /2,593\.83 of [\d,.]+ USD taggable, 3\.\d%/u);
    assert.match(text, new RegExp(`Effective cost\\s+${cost} USD`, "u"));
  });

  test("has charts with the figures that SQL gives, and with columns of their heights", async (t) => {
    const page = await open(t);
    await page.goto(at("/"));
    const rows = (await page.$$eval("figure.time tbody tr", (elements) =>
      elements.map((element) => [...element.children].map((cell) => cell.textContent?.trim() ?? "")),
    )) as string[][];
    assert.equal(rows.length, 92);
    for (const [day = "", total] of rows.filter((_, index) => index % 30 === 13)) {
      const sql = `SELECT sum(EffectiveCost) FROM focus_costs WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL
        AND ChargePeriodStart = '${day}' AND ChargePeriodEnd <= ChargePeriodStart + INTERVAL 1 DAY`;
      assert.equal(total, await amount(sql), day);
    }
    // The heights of the columns of the first group follow its amounts in the table.
    const [path = ""] = await page.$$eval(".plot path", (elements) =>
      elements.map((element) => element.getAttribute("d") ?? ""),
    );
    const heights = [...path.matchAll(/v([\d.]+)h/gu)].map(([, height = ""]) => Number(height));
    const amounts = rows.map((cells) => Number(cells[2]?.replaceAll(",", "")));
    assert.equal(heights.length, amounts.length);
    const scale = (amounts[0] ?? 0) / (heights[0] ?? 1);
    for (const [index, height] of heights.entries()) {
      assert.ok(Math.abs(height * scale - (amounts[index] ?? 0)) < scale, `column ${index}`);
    }
  });

  test("leads from a service to its accounts, its resources and their meters, and to the days of a month", async (t) => {
    const page = await open(t);
    await page.goto(at("/?month=2026-10"));
    const follow = async (selector: string): Promise<void> => {
      await Promise.all([page.waitForNavigation(), page.click(selector)]);
    };
    const total = (): Promise<string> => textOf(page, "tfoot tr td:last-child:not(figure *)");
    await follow('.legend a[href*="SageMaker"]');
    const where = "x_BillingMonth >= '2026-08' AND ServiceName = 'Amazon SageMaker'";
    assert.equal(await total(), await amount(`SELECT sum(EffectiveCost) FROM focus_costs WHERE ${where}`));
    await follow('.list a[href*="562017734490"]');
    const inAccount = `${where} AND SubAccountId = '562017734490'`;
    assert.equal(await total(), await amount(`SELECT sum(EffectiveCost) FROM focus_costs WHERE ${inAccount}`));
    assert.match(page.url(), /by=resource/u);
    await follow(".list tbody a");
    assert.match(page.url(), /by=meter/u);
    await page.goto(at("/costs?month=2026-10&filter=day%3D2026-10-14"));
    assert.equal(
      await total(),
      await amount(
        "SELECT sum(EffectiveCost) FROM focus_costs WHERE x_BillingMonth = '2026-10' AND strftime(ChargePeriodStart, '%Y-%m-%d') = '2026-10-14'",
      ),
    );
    await follow(".chips a");
    assert.doesNotMatch(page.url(), /filter=/u);
  });

  test("shows the figures of a column beside the pointer and by the arrow keys", async (t) => {
    const page = await open(t);
    await page.goto(at("/"));
    await page.hover('a[data-bucket="70"]');
    assert.match(await textOf(page, ".tip"), /^2026-10-10\s[^]*total/u);
    await page.$eval('a[data-bucket="0"]', (column) => (column as unknown as { focus: () => void }).focus());
    await page.keyboard.press("ArrowRight");
    assert.match(await textOf(page, ".tip"), /^2026-08-02/u);
    await page.keyboard.press("End");
    assert.match(await textOf(page, ".tip"), /^2026-10-31/u);
    await page.keyboard.press("Escape");
    assert.equal(await page.$eval(".tip", (element) => element.hasAttribute("hidden")), true);
  });

  test("changes with its controls, whose choices are in the address", async (t) => {
    const page = await open(t);
    await page.goto(at("/"));
    await Promise.all([page.waitForNavigation(), page.select('select[name="grain"]', "month")]);
    await Promise.all([page.waitForNavigation(), page.select('select[name="by"]', "tag:team")]);
    assert.match(page.url(), /by=tag%3Ateam/u);
    assert.match(page.url(), /grain=month/u);
    assert.match(await textOf(page, ".legend"), /no team/u);
    await Promise.all([page.waitForNavigation(), page.select('select[name="locale"]', "de-DE")]);
    assert.ok((await textOf(page, ".keys")).includes(cost.replaceAll(/[,.]/gu, (sign) => (sign === "," ? "." : ","))));
    assert.match(page.url(), /by=tag%3Ateam/u);
  });
});

describe("without JavaScript", () => {
  test("pages have all figures, and forms have buttons", async (t) => {
    const page = await open(t);
    await page.setJavaScriptEnabled(false);
    await page.goto(at("/"));
    assert.ok((await textOf(page, "main")).includes(cost));
    await page.select('select[name="month"]', "2026-09");
    await Promise.all([page.waitForNavigation(), page.click(".switch button")]);
    assert.match(await textOf(page, "h1"), /September 2026/u);
    assert.ok((await textOf(page, "main")).includes(costBefore));
    await Promise.all([page.waitForNavigation(), page.click('.legend a[href*="Elastic"]')]);
    assert.match(await textOf(page, ".chips"), /Amazon Elastic Compute Cloud/u);
  });
});

test("on paper there are figures and charts, and neither navigation nor forms", async (t) => {
  const page = await open(t);
  await page.goto(at("/"));
  await page.emulateMediaType("print");
  const shown = await page.$$eval("nav, form, .tile > footer", (elements) =>
    elements.map((element) => (element as unknown as { offsetHeight: number }).offsetHeight),
  );
  assert.deepEqual(
    shown.filter((height) => height > 0),
    [],
  );
  assert.ok((await textOf(page, "main")).includes(cost));
});
