import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { loadConfig } from "../src/index.ts";
import { serveDashboard } from "../src/web/server.ts";

/*
 * Measures the dashboard over the bills of a configuration, by default those of the demo: how large its pages are, how long the
 * server takes for them the first time and again, and how much memory it has used.
 *
 *   npm run bench:dashboard
 *   npm run bench:dashboard -- --rows 1000000    # 36 months, with the sums of a month of so many rows for each export
 *   npm run bench:dashboard -- --config /data/billhouse.toml --month 2025-03 --filter 'service=Amazon EC2'
 */

const { values } = parseArgs({
  options: {
    config: { type: "string" },
    rows: { type: "string" },
    month: { type: "string" },
    filter: { type: "string", multiple: true },
  },
});

/** What the pages should stay below: kilobytes of the first page with all that belongs to it, and milliseconds. */
const limits = { kilobytes: 60, milliseconds: 300 };

const folder = await mkdtemp(join(tmpdir(), "billhouse-dashboard-"));
// The demo and the history are made in processes of their own, whose memory is not that of the dashboard.
const made = async (script: string, ...words: readonly string[]): Promise<void> =>
  void (await promisify(execFile)(process.execPath, [join(import.meta.dirname, script), ...words], { cwd: folder }));
if (values.rows !== undefined) await made("bench/dashboard-history.ts", folder, "36", values.rows);
const named = values.rows === undefined ? values.config : join(folder, "months", "billhouse.toml");
const file = named === undefined ? undefined : resolve(named);
if (file === undefined) await made("../src/cli.ts", "demo", "--quiet");
const config = await loadConfig({
  folder: file === undefined ? join(folder, "billhouse-demo") : dirname(file),
  ...(file === undefined ? {} : { file }),
  environment: process.env,
});
const dashboard = await serveDashboard(config, {
  host: "127.0.0.1",
  port: 0,
  allowedHosts: [],
  token: null,
  locale: "en-US",
  isWarm: false,
  maxBytes: 1e12,
  now: () => new Date(),
  onError: (error) => console.error(error),
});

const month = values.month === undefined ? "" : `month=${values.month}&`;
const filtered =
  values.rows === undefined
    ? ["service=Amazon SageMaker", "account=562017734490", "tag:team=search"]
    : ["service=AmazonEC2", "region=us-east-1"];
const filters = (values.filter ?? filtered).map((filter) => `filter=${encodeURIComponent(filter)}`);
const paths = [
  `/?${month}`,
  `/?${month}grain=month`,
  `/?${month}by=account`,
  `/costs?${month}`,
  ...filters.map((filter) => `/costs?${month}${filter}&by=region`),
  `/costs?${month}by=tag%3Ateam&grain=month`,
  `/changes?${month}`,
  `/commitments?${month}`,
  `/untagged?${month}`,
  "/loads",
  "/metrics",
];

console.log(`${"page".padEnd(64)} ${"gzip kB".padStart(8)} ${"first ms".padStart(9)} ${"again ms".padStart(9)}`);
let [slowest, firstPage] = [0, ""];
for (const [index, path] of paths.entries()) {
  const first = await get(path);
  const again: number[] = [];
  for (let times = 0; times < 5; times++) again.push((await get(path)).milliseconds);
  const [, , median = 0] = again.toSorted((one, other) => one - other);
  if (index === 0) firstPage = first.text;
  else slowest = Math.max(slowest, first.milliseconds);
  const figures = [kilobytes(first.bytes), first.milliseconds.toFixed(0), median.toFixed(0)];
  const [size = "", once = "", twice = ""] = figures;
  console.log(`${path.padEnd(64)} ${size.padStart(8)} ${once.padStart(9)} ${twice.padStart(9)}`);
}
const assets = [...new Set([...firstPage.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/gu)].map(([, path = ""]) => path))];
let all = (await get(paths[0] ?? "/")).bytes;
for (const path of assets) all += (await get(path)).bytes;
console.log(`\nThe first page with its style, script and icon: ${kilobytes(all)} kB (at most ${limits.kilobytes}).`);
console.log(`The slowest page after the first one: ${slowest.toFixed(0)} ms (at most ${limits.milliseconds}).`);
console.log(`Memory of the process: ${(process.resourceUsage().maxRSS / 1000).toFixed(0)} MB.`);
await dashboard.close();
await rm(folder, { recursive: true, force: true });

interface Got {
  readonly bytes: number;
  readonly milliseconds: number;
  readonly text: string;
}

/** Gets a path as a browser does, compressed. */
function get(path: string): Promise<Got> {
  const start = performance.now();
  return new Promise((done, reject) => {
    const sent = request(new URL(path, dashboard.url), { headers: { "accept-encoding": "gzip" } }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const body = Buffer.concat(chunks);
        const text = response.headers["content-encoding"] === "gzip" ? gunzipSync(body).toString() : body.toString();
        if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}\n${text.slice(0, 2000)}`));
        else done({ bytes: body.length, milliseconds: performance.now() - start, text });
      });
    });
    sent.on("error", reject).end();
  });
}

function kilobytes(bytes: number): string {
  return (bytes / 1000).toFixed(1);
}
