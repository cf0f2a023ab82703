import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { answering, bill, charge, focusSection } from "../answers/bills.ts";
import { deliver, type Row } from "../support/deliveries.ts";
import { createProject, type Project, runWell } from "../support/projects.ts";
import { coloured, coloursOf } from "../../src/web/colours.ts";
import { dashboard } from "./dashboard.ts";

const months = ["2025-02", "2025-03"] as const;

const loaded = async (t: TestContext): Promise<Project> =>
  answering.DuckDB(
    t,
    await Promise.all(
      months.map((month) => bill(month, [charge(month, { EffectiveCost: "1234.5", SubAccountName: "Shop" })])),
    ),
  );

describe("the dashboard", () => {
  test("shows what a month cost, what changed, and the state of the data", async (t) => {
    const { get } = await dashboard(t, (await loaded(t)).config);
    const { status, text } = await get("/");
    assert.equal(status, 200);
    assert.match(text, /<h1>March 2025<\/h1>/u);
    assert.match(text, /1,234\.50 <small>USD<\/small>/u);
    assert.match(text, /Data until <b>2025-03-02<\/b>/u);
    assert.match(text, /2025-03 cost 1,234\.50 USD, the same as 2025-02/u);
  });

  test("has a page for costs, changes, commitments, untagged cost, questions, loads and quality, and every link of them leads somewhere", async (t) => {
    const { get } = await dashboard(t, (await loaded(t)).config);
    const seen = new Set<string>();
    const paths = ["/"];
    for (const path of paths) {
      const { status, text, headers } = await get(path);
      assert.equal(status, 200, path);
      if (!String(headers["content-type"]).startsWith("text/html")) continue;
      for (const [, href = ""] of text.matchAll(/(?:href)="([^"]+)"/gu)) {
        const target = href.replaceAll("&amp;", "&").replace(/#.*$/u, "");
        // One link of each form is enough.
        const form = target.replaceAll(/=[^&]*/gu, "").replaceAll(/\d/gu, "");
        if (target === "" || seen.has(form)) continue;
        seen.add(form);
        paths.push(target);
      }
    }
    for (const path of [
      "/costs",
      "/changes",
      "/commitments",
      "/untagged",
      "/questions/",
      "/quality/rules.csv",
      "/loads",
      "/source/costs",
      "/csv/series.csv",
    ]) {
      assert.ok(
        paths.some((each) => each.startsWith(path)),
        path,
      );
    }
  });

  test("explains a change within filters, and removes them one by one", async (t) => {
    const { get } = await dashboard(t, (await loaded(t)).config);
    const { text } = await get("/changes?month=2025-03&filter=service%3DServers&filter=cloud%3DAWS");
    assert.match(text, /aria-label="Remove the filter service=Servers"/u);
    assert.match(text, /2025-03 cost 1,234\.50 USD/u);
    assert.match((await get("/changes?month=2025-03&filter=service%3DDisks")).text, /There are no charges/u);
    assert.match((await get("/costs?month=2025-03&filter=service%3DServers")).text, /href="\/changes\?month=2025-03&/u);
    for (const page of ["costs", "changes", "lines"]) {
      const { text: named } = await get(`/${page}?month=2025-03&filter=account%3D012345678901`);
      assert.match(named, /<b title="012345678901">Shop<\/b\s*>\s*<span>012345678901</u, page);
    }
    const day = (await get("/costs?month=2025-03&filter=day%3D2025-03-01")).text;
    assert.match(day, /<h1>Costs of 2025-03-01<\/h1>/u);
    assert.match(day, /Not compared with 2025-02: the filter day=2025-03-01 leaves out the charges of 2025-02\./u);
    assert.doesNotMatch(day, /Why it differs|>before</u);
  });

  test("answers only requests for its own names, with GET, and not of other sites", async (t) => {
    const { get } = await dashboard(t, (await loaded(t)).config, { allowedHosts: ["costs.example"] });
    assert.equal((await get("/healthz", { host: "attacker.example" })).status, 421);
    assert.equal((await get("/healthz", { host: "attacker.example:80" })).status, 421);
    for (const host of ["localhost:1234", "127.0.0.1", "[::1]:80", "Costs.example"]) {
      assert.equal((await get("/healthz", { host })).status, 200, host);
    }
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      assert.equal((await get("/", {}, method)).status, 405, method);
    }
    assert.equal((await get("/", { origin: "https://attacker.example" })).status, 403);
    assert.equal((await get("/", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" })).status, 403);
    assert.equal((await get("/healthz", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).status, 200);
    assert.equal((await get("/nowhere")).status, 404);
  });

  test("needs its token, takes it from the address into a cookie, and shows it in no page", async (t) => {
    const { get } = await dashboard(t, (await loaded(t)).config, { token: "a-long-token-of-a-test" });
    const refused = await get("/");
    assert.equal(refused.status, 401);
    assert.doesNotMatch(refused.text, /a-long-token/u);
    assert.equal((await get("/?token=a-wrong-token-of-a-test")).status, 401);
    assert.equal((await get("/metrics", { authorization: "Bearer wrong" })).status, 401);
    assert.equal((await get("/metrics", { authorization: "Bearer a-long-token-of-a-test" })).status, 200);
    assert.equal((await get("/healthz")).status, 200);
    const accepted = await get("/?by=account&token=a-long-token-of-a-test");
    assert.equal(accepted.status, 303);
    assert.equal(accepted.headers["location"], "/?by=account");
    const [cookie = ""] = accepted.headers["set-cookie"] ?? [];
    assert.match(cookie, /HttpOnly/u);
    const page = await get("/", { cookie: cookie.split(";")[0] ?? "" });
    assert.equal(page.status, 200);
    assert.doesNotMatch(page.text, /a-long-token/u);
  });

  test("has a strict policy: no inline style or script, nothing from elsewhere", async (t) => {
    const { get } = await dashboard(t, (await loaded(t)).config);
    const { headers, text } = await get("/");
    assert.match(
      String(headers["content-security-policy"]),
      /^default-src 'none'; style-src 'self'; script-src 'self';/u,
    );
    assert.doesNotMatch(text, /\sstyle=|<style|\son\w+=|javascript:|https?:\/\//u);
    const assets = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/gu)].map(([, path = ""]) => path);
    assert.equal(new Set(assets).size, 3);
    for (const path of assets) assert.equal((await get(path)).status, 200, path);
  });

  test("follows new publications without a restart", async (t) => {
    const project = await createProject(t, focusSection);
    const { get } = await dashboard(t, project.config);
    const empty = await get("/");
    assert.equal(empty.status, 503);
    assert.match(empty.text, /Nothing is loaded yet.*billhouse run/su);
    assert.equal((await get("/healthz")).status, 503);
    for (const month of months) {
      await deliver(project.bucket, await bill(month, [charge(month, { EffectiveCost: "10" })]));
      await runWell(project);
      assert.match((await get("/")).text, new RegExp(`value="${month}"\\s+selected`, "u"));
    }
    assert.equal((await get("/healthz")).text, '{"status":"ok"}');
  });

  test("shows values of bills as text, whatever they contain", async (t) => {
    const hostile = `"><img src=x onerror=alert(1)></script><script>alert(2)</script>{{7*7}}`;
    const rows = months.map((month, index) => [
      charge(month, {
        ServiceName: hostile,
        SubAccountId: hostile,
        ResourceId: hostile,
        EffectiveCost: `${index + 1}00`,
      }),
    ]);
    const project = await answering.DuckDB(t, [
      await bill(months[0], rows[0] ?? []),
      await bill(months[1], rows[1] ?? []),
    ]);
    const { get } = await dashboard(t, project.config);
    for (const path of [
      "/",
      "/?by=account",
      `/?by=${encodeURIComponent(hostile)}`,
      `/?month=${encodeURIComponent(hostile)}`,
    ]) {
      const { text } = await get(path);
      assert.doesNotMatch(text, /<img src=x|<script>|onerror=alert\(1\)>/u, path);
      assert.match(text, /&lt;img src=x/u, path);
    }
  });

  test("opens with the running month once it can be forecast, with its budget", async (t) => {
    const days = (month: string, count: number): Row[] =>
      Array.from({ length: count }, (_, index) => {
        const start = `${month}-${String(index + 1).padStart(2, "0")}T00:00:00Z`;
        const end = new Date(Date.parse(start) + 86_400_000).toISOString();
        return charge(month, { ChargePeriodStart: start, ChargePeriodEnd: end, EffectiveCost: "10" });
      });
    const project = await answering.DuckDB(t, [
      await bill("2025-02", days("2025-02", 28)),
      await bill("2025-03", [
        ...days("2025-03", 19),
        charge("2025-03", { ChargeCategory: "Tax", EffectiveCost: "5", ServiceName: "Servers" }),
      ]),
    ]);
    const file = join(project.folder, "budgets.csv");
    await writeFile(file, "by,value,month,amount,currency\ntotal,,,300,USD\ntotal,,2025-02,100,USD\n");
    const config = { ...project.config, budgets: { file } };
    const { get } = await dashboard(t, config, { now: () => new Date("2025-03-23T12:00:00Z") });
    const { text } = await get("/?grain=month");
    assert.match(text, /<h1>March 2025<\/h1>/u);
    assert.match(text, /Forecast of 2025-03<\/h2>\s*<p class="value">310\.00 /u);
    assert.match(text, /103\.3% of the budget/u);
    assert.match(text, /Budget of 2025-03 300\.00/u);
    assert.match((await get("/source/budgets?month=2025-03")).text, /<h1>Sources of “Budgets”.*AS &quot;day&quot;/su);
    assert.match(text, /class="limit" d="M0 [\d.]+h1000"/u);
    assert.match(text, /usage of the first 19 days, vs the same days of 2025-02/u);
    assert.match((await get("/costs?month=2025-03")).text, /usage and fees<\/td>.*190\.00.*>tax<.*195\.00/su);
    const over = await dashboard(t, config, { now: () => new Date("2025-06-01T00:00:00Z") });
    assert.doesNotMatch((await over.get("/")).text, /Forecast of|>forecast</u);
    const exceeded = (await over.get("/?month=2025-02")).text;
    assert.match(exceeded, /class="bar more".*class="end" x1="66\.7%".*<b class="more">280\.0%<\/b>/su);
  });

  test("compares a period with any other one of equal length", async (t) => {
    const amounts = { "2025-01": "100", "2025-02": "70", "2025-03": "150" };
    const bills = Object.entries(amounts).map(([month, EffectiveCost]) =>
      bill(month, [charge(month, { EffectiveCost })]),
    );
    const project = await answering.DuckDB(t, await Promise.all(bills));
    const { get } = await dashboard(t, project.config);
    const source = (await get("/source/costs?month=2025-03")).text;
    const statements = [...source.matchAll(/<pre data-copy>(.*?)<\/pre>/gsu)].map(([, sql = ""]) => sql);
    assert.match(statements[0] ?? "", /AS &quot;currency&quot;.*AS &quot;cost&quot;/su, "the figures come first");
    assert.match(source, /<summary>Show 1 statement<\/summary>/u);
    assert.equal(new Set(statements).size, statements.length);
    // Days and groups come from the sums that are kept with each load.
    assert.match((await get("/source/series?month=2025-03")).text, /FROM &quot;main&quot;\.&quot;focus_daily&quot;/u);
    assert.match((await get("/changes?month=2025-03&drill=1")).text, /most expensive days/u);
    assert.match((await get("/costs?month=2025-03")).text, /Compared with 2025-02\..*\+80\.00/su);
    const { text } = await get("/costs?month=2025-03&vs=2025-01");
    assert.match(text, /Compared with 2025-01\..*\+50\.00/su);
    assert.match((await get("/changes?month=2025-03&vs=2025-01")).text, /2025-03 cost 150\.00 USD, 50\.00 USD/u);
  });

  test("shows what the last load of a month changed, in all and by account", async (t) => {
    const project = await loaded(t);
    const cells = {
      SubAccountName: "Shop",
      BilledCost: "1300",
      EffectiveCost: "1300",
      ResourceId: "disk-1",
      Tags: "{}",
    };
    const rows = ["{}", '{"team":"shop"}'].map((Tags, index) =>
      charge("2025-02", { ...cells, ResourceId: `disk-${index}`, Tags }),
    );
    await deliver(project.bucket, await bill("2025-02", rows));
    await runWell(project);
    const { get } = await dashboard(t, project.config);
    const [, changed = ""] = /What the last load changed">([^<]+)</u.exec((await get("/loads")).text) ?? [];
    assert.match(changed, /^[+][\d,.]+ USD$/u);
    assert.ok((await get("/")).text.includes(`${changed} in its last load`));
    const page = (await get("/loads/aws_focus/2025-02")).text;
    assert.match((await get("/untagged?month=2025-02")).text, /<h2>By account<\/h2>.*>Shop<.*<h2>By service<\/h2>/su);
    assert.match(page, /<span class="said">Shop<\/span>/u);
    assert.match(page, new RegExp(`all changes.*\\${changed.replace(" USD", "")}\\s`, "su"));
  });

  test("shows the account and term of a commitment, and how it was used month by month", async (t) => {
    const plan = (month: string, unused: string): Row[] => {
      const of = {
        CommitmentDiscountId: "plan-1",
        CommitmentDiscountType: "Savings Plan",
        SubAccountId: "012345678901",
      };
      return [
        charge(month, { ...of, CommitmentDiscountStatus: "Used", EffectiveCost: "3", SubAccountId: "consumer" }),
        charge(month, { ...of, CommitmentDiscountStatus: "Unused", EffectiveCost: unused }),
        charge(month, {
          ...of,
          ChargeCategory: "Purchase",
          EffectiveCost: "0",
          SubAccountName: "Platform",
          x_SkuTerm: "36",
        }),
      ];
    };
    const bills = [await bill("2025-02", plan("2025-02", "2")), await bill("2025-03", plan("2025-03", "1"))];
    const { config } = await answering.DuckDB(t, bills);
    const { text } = await (await dashboard(t, config)).get("/commitments?to=2025-03");
    const shown = text.replaceAll(/<[^>]*>/gu, " ").replaceAll(/\s+/gu, " ");
    assert.match(shown, /plan-1 AWS Savings Plan Platform 3 years 75\.0% 3\.00 1\.00/u);
    assert.match(shown, /Utilisation by month .* 2025-02 2025-03 plan-1 60\.0% 75\.0% total 60\.0% 75\.0%/u);
  });

  test("lists deliveries that wait in the storage, with the reason", async (t) => {
    const project = await loaded(t);
    const delivery = await bill("2025-04", [charge("2025-04")]);
    await deliver(project.bucket, delivery);
    const [file = ""] = delivery.fileKeys;
    await rm(join(project.bucket, file));
    const { get } = await dashboard(t, project.config);
    const { text } = await get("/loads");
    assert.match(text, /2025-04<\/a>.*class="month waiting".*waiting/su);
    assert.ok(text.includes(basename(file)), file);
    assert.match((await get("/")).text, /2025-04 waiting|waits/u);
  });

  test("says what is wrong with an address, and what to do", async (t) => {
    const { get } = await dashboard(t, (await loaded(t)).config);
    for (const path of [
      "/?month=March",
      "/?month=2024-01",
      "/?measure=gross",
      "/?grain=hour",
      "/?by=colour",
      "/?from=2025-03&to=2025-02",
    ]) {
      const { status, text } = await get(path);
      assert.ok(status === 400 || /class="empty"/u.test(text), `${path}: ${status}`);
      assert.match(text, /class="hint"/u, path);
    }
  });

  test("keeps the chosen locale and colours in a cookie, and redirects only within the site", async (t) => {
    const { get } = await dashboard(t, (await loaded(t)).config);
    const chosen = await get("/settings?locale=de-DE&theme=dark&back=/costs");
    assert.deepEqual([chosen.status, chosen.headers["location"]], [303, "/costs"]);
    const [cookie = ""] = chosen.headers["set-cookie"] ?? [];
    const { text } = await get("/", { cookie: cookie.split(";")[0] ?? "" });
    assert.match(text, /1\.234,50 <small>USD/u);
    assert.match(text, /<html lang="en" class="dark">/u);
    for (const back of [
      "//attacker.example",
      "https://attacker.example",
      "/\\attacker.example",
      "javascript:alert(1)",
    ]) {
      assert.equal(
        (await get(`/settings?locale=xx-invalid-&back=${encodeURIComponent(back)}`)).headers["location"],
        "/",
        back,
      );
    }
  });

  test("has metrics that Prometheus reads", async (t) => {
    const { get } = await dashboard(t, (await loaded(t)).config);
    const { text, headers } = await get("/metrics");
    assert.match(String(headers["content-type"]), /^text\/plain; version=0\.0\.4/u);
    assert.match(text, /^billhouse_months\{export="aws_focus",state="\w+"\} 2$/mu);
    assert.match(text, /^billhouse_data_age_seconds\{export="aws_focus"\} 7776000$/mu);
    for (const line of text.trim().split("\n"))
      assert.match(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{(?:\w+="[^"]*",?)+\})? -?\d+(?:\.\d+)?)$/u);
  });
});

test("services have the colour of their rank on all pages, others one that is free", () => {
  const ranking = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
  assert.deepEqual(coloursOf(["c", "a"], ranking), ["s2", "s0"]);
  // The eighth service would have the colour of the first one.
  assert.deepEqual(coloursOf(["h", "a", "i", null], ranking), ["s1", "s0", "s2", "s3"]);
  assert.deepEqual(coloursOf(["x", "y"], []), ["s0", "s1"]);
  assert.equal(new Set(coloursOf(["g", "h", "i", "x", "y", "z", null], ranking)).size, coloured);
});

test("the style of the pages has every class of a state of a month", async () => {
  const style = await readFile(join(import.meta.dirname, "../../src/web/assets/style.css"), "utf8");
  for (const state of [
    "open",
    "estimated",
    "restated-after-final",
    "partial",
    "waiting",
    "refused",
    "missing",
    "forgotten",
  ]) {
    assert.ok(style.includes(`.month.${state}`), state);
  }
});
