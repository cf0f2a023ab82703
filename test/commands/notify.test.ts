import assert from "node:assert/strict";
import { appendFile, mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { azureDelivery, azureRows, curDelivery, curRow, curRows, deliver } from "../support/deliveries.ts";
import { billhouse, type Ended, oneThread } from "../support/in-process.ts";
import { azureSection, createProject, curSection, type Project, type Sections } from "../support/projects.ts";

interface Told {
  readonly event: string;
  readonly message: string;
  readonly billing_month: string | null;
  readonly name: string | null;
  readonly pipelines?: readonly { readonly loaded: readonly { readonly billing_month: string }[] }[];
  readonly error?: { readonly code: string };
}

/** A project whose alerts go to `alerts.jsonl`. */
async function watched(
  t: TestContext,
  sections: Sections,
  command: string | readonly string[] = keepAlerts,
): Promise<Project> {
  const project = await createProject(t, sections);
  await appendFile(join(project.folder, "billhouse.toml"), `\n[notify]\ncommand = ${JSON.stringify(command)}\n`);
  return project;
}

const keepAlerts = 'test -n "$BILLHOUSE_EVENT" && cat >> alerts.jsonl';

/** Runs at a day, and gives the alerts of that run: `month_partial aws_cur 2025-01`. */
async function alertsOf(project: Project, day: string, ...words: readonly string[]): Promise<string[]> {
  await run(project, day, ...words);
  return eventsOf(await told(project));
}

function eventsOf(alerts: readonly Told[]): string[] {
  return alerts.map(({ event, name, billing_month: month }) => [event, name, month].join(" ").trim());
}

function run(project: Project, day: string, ...words: readonly string[]): Promise<Ended> {
  return billhouse(project.folder, ["run", ...words], oneThread, { now: new Date(`${day}T00:00:00Z`) });
}

async function told(project: Project): Promise<Told[]> {
  const file = join(project.folder, "alerts.jsonl");
  const text = await readFile(file, "utf8").catch(() => "");
  await rm(file, { force: true });
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Told);
}

const month = "2025-01";

describe("the command of [notify]", () => {
  test("is run for a partial month once, again when its days change, and with a summary of a run that changed something", async (t) => {
    const project = await watched(t, azureSection);
    const upTo = (day: string, id: string) =>
      azureDelivery({ month, id, files: [azureRows(month, "1", "2")], days: { start: "2025-01-01", end: day } });
    await deliver(project.bucket, upTo("2025-01-20", "run-1"));
    assert.deepEqual(await alertsOf(project, "2025-03-01"), ["month_partial azure_billing 2025-01", "run_finished"]);
    assert.deepEqual(await alertsOf(project, "2025-03-02"), []);
    await deliver(project.bucket, upTo("2025-01-25", "run-2"));
    await run(project, "2025-03-03");
    const [partial, summary] = await told(project);
    assert.equal(partial?.message, "azure_billing 2025-01 is partial: 2025-01-26 to 2025-01-31 missing.");
    assert.deepEqual([summary?.event, summary?.pipelines?.[0]?.loaded[0]?.billing_month], ["run_finished", month]);
    assert.match(summary?.message ?? "", /^1 month loaded: 2 rows/);
  });

  test("is run for a final month that was restated, for months that fail, and for one that would shrink", async (t) => {
    const project = await watched(t, curSection);
    const bill = (of: string, id: string, ...costs: readonly string[]) =>
      deliver(
        project.bucket,
        curDelivery({
          month: of,
          id,
          files: [costs.map((cost) => curRow(of, { "lineItem/UnblendedCost": cost, "bill/InvoiceId": "900" }))],
        }),
      );
    await bill(month, "20250203T000000Z", "1", "2", "3");
    assert.deepEqual(await alertsOf(project, "2025-02-20"), ["run_finished"]);
    await bill(month, "20250301T000000Z", "1", "2", "4");
    await bill("2025-02", "20250301T000000Z", "abc");
    assert.deepEqual(await alertsOf(project, "2025-03-01"), [
      "month_failed aws_cur 2025-02",
      "month_restated aws_cur 2025-01",
      "run_finished",
    ]);
    await bill(month, "20250302T000000Z", "1");
    await run(project, "2025-03-02");
    const alerts = await told(project);
    assert.deepEqual(
      alerts.map(({ event, error }) => [event, error?.code]),
      [
        ["month_failed", "VALUE_INVALID"],
        ["month_shrunk", "MONTH_SHRUNK"],
      ],
    );
  });

  test("is run for a delivery that waits for more than a day, for a month that is due, and for an export that is stale", async (t) => {
    const project = await watched(t, curSection);
    await appendFile(join(project.folder, "billhouse.toml"), 'max_age = "36h"\n');
    await deliver(project.bucket, curDelivery({ month, id: "one", files: [curRows(month, "1")] }));
    const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
    const due = new Date(`${inDays(40).slice(0, 7)}-01T00:00:00Z`);
    await run(project, "2025-02-20");
    await told(project);
    const torn = curDelivery({ month: "2025-02", id: "two", files: [curRows("2025-02", "1")] });
    await deliver(project.bucket, torn, "manifest", true);
    // The clock of receipts is that of the machine: the run before was moments ago.
    assert.deepEqual(await alertsOf(project, inDays(0)), []);
    const later = `${due.toISOString().slice(0, 7)}-20`;
    assert.deepEqual(await alertsOf(project, later), [
      `month_late aws_cur ${previous(later)}`,
      "month_late aws_cur 2025-02",
      "export_stale aws_cur",
    ]);
  });

  test("is run once for a delivery that waits for more than a day, and for an export that is stale", async (t) => {
    // No month after these is expected, so that none of them is due.
    const project = await watched(t, { aws_cur: { ...curSection["aws_cur"], active_to: "2025-02-28" } });
    await appendFile(join(project.folder, "billhouse.toml"), 'max_age = "1s"\n');
    const next = async (): Promise<string[]> => {
      await billhouse(project.folder, ["run"], oneThread, { now: new Date() });
      return eventsOf(await told(project));
    };
    await deliver(project.bucket, curDelivery({ month, id: "one", files: [curRows(month, "1")] }));
    assert.deepEqual(await next(), ["run_finished"]);
    const torn = curDelivery({ month: "2025-02", id: "two", files: [curRows("2025-02", "1")] });
    await deliver(project.bucket, torn, "manifest");
    // It has been waiting for 24 hours between this run and the next.
    const time = Date.now() / 1000 + 0.5 - 24 * 60 * 60;
    for (const key of torn.objects.keys()) {
      if (!torn.fileKeys.includes(key)) await utimes(join(project.bucket, key), time, time);
    }
    await setTimeout(1100);
    assert.deepEqual(await next(), ["month_late aws_cur 2025-02", "export_stale aws_cur"]);
    assert.deepEqual(await next(), []);
  });

  test("is killed after 30 seconds, with what it started; the run succeeds, and the other events are not sent", async (t) => {
    const beat = "while true; do echo >> beats.txt; sleep 0.02; done";
    const project = await watched(t, azureSection, `echo $BILLHOUSE_EVENT >> started.txt; (${beat}) & wait`);
    const days = { start: "2025-01-01", end: "2025-01-20" };
    await deliver(project.bucket, azureDelivery({ month, id: "run-1", files: [azureRows(month, "1")], days }));
    const contentOf = (name: string): Promise<string> => readFile(join(project.folder, name), "utf8").catch(() => "");
    const isAlive = async (): Promise<boolean> => {
      const before = await contentOf("beats.txt");
      await setTimeout(200);
      return (await contentOf("beats.txt")) !== before;
    };
    // Only the timer of the product is held: those of this test are imported.
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const running = run(project, "2025-03-01");
    while ((await contentOf("beats.txt")) === "") await setTimeout(20);
    t.mock.timers.tick(29_999);
    assert.ok(await isAlive());
    t.mock.timers.tick(1);
    const { code, stderr } = await running;
    assert.equal(code, 0);
    const warning =
      "! The command of [notify] failed for month_partial: it took longer than 30 seconds, and was killed.\n";
    assert.ok(stderr.includes(warning), stderr);
    assert.equal(await isAlive(), false);
    assert.equal(await contentOf("started.txt"), "month_partial\n");
  });

  test("hears of an export and of a run that fail as a whole", async (t) => {
    const project = await watched(t, { aws_cur: { bucket_url: "nowhere" } });
    assert.deepEqual(await alertsOf(project, "2025-03-01"), ["export_failed aws_cur"]);
    await writeFile(join(project.folder, "billhouse.duckdb"), "this is not a database");
    const { code, stderr } = await run(project, "2025-03-01");
    assert.equal(code, 1, stderr);
    assert.doesNotMatch(stderr, /since the last run is not known/);
    assert.equal((await run(project, "2025-03-01", "unknown")).code, 64);
    assert.deepEqual(
      (await told(project)).map(({ event }) => event),
      ["run_failed"],
    );
  });

  test("can be a program with its arguments, which runs in the folder of the configuration", async (t) => {
    const keep = "require('fs').appendFileSync('alerts.jsonl', require('fs').readFileSync(0))";
    const project = await watched(t, curSection, [process.execPath, "-e", keep]);
    await deliver(project.bucket, curDelivery({ month, id: "one", files: [curRows(month, "1")] }));
    assert.deepEqual(await alertsOf(project, "2025-02-20"), ["run_finished"]);
  });

  test("is a warning when it fails, and the run succeeds; a run without news does not run it", async (t) => {
    const project = await watched(t, curSection, "echo no such channel >&2; exit 7");
    await deliver(project.bucket, curDelivery({ month, id: "one", files: [curRows(month, "1")] }));
    const { code, stderr } = await run(project, "2025-02-20");
    assert.equal(code, 0);
    assert.match(stderr, /! The command of \[notify\] failed for run_finished: exit code 7: no such channel\n/);
    assert.doesNotMatch((await run(project, "2025-02-20")).stderr, /notify/);
  });

  test("gets no secrets: what the configuration holds is masked in the event and missing in the environment", async (t) => {
    const project = await watched(
      t,
      { aws_cur: { bucket_url: "nowhere" } },
      "env > environment.txt; cat >> alerts.jsonl",
    );
    const secret = "hunter2-hunter2-hunter2";
    await mkdir(join(project.folder, ".dlt"));
    await writeFile(join(project.folder, ".dlt", "secrets.toml"), `[credentials]\nprivate_key = "${secret}"\n`);
    await run(project, "2025-02-20", "--debug");
    const environment = await readFile(join(project.folder, "environment.txt"), "utf8");
    const alerts = await readFile(join(project.folder, "alerts.jsonl"), "utf8");
    assert.match(environment, /^BILLHOUSE_EVENT=export_failed$/m);
    for (const text of [environment, alerts]) assert.doesNotMatch(text, /hunter2/);
    assert.doesNotMatch(alerts, /"stack"/);
  });
});

/** The month before that of a day. */
function previous(day: string): string {
  return new Date(Date.parse(`${day.slice(0, 7)}-01T00:00:00Z`) - 86_400_000).toISOString().slice(0, 7);
}
