import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { showCursor } from "../../src/commands/live-block.ts";
import {
  run,
  undo,
  verify,
  type LoadEvent,
  type MonthProgress,
  type RunEvent,
  type VerifyProgress,
} from "../../src/index.ts";
import { type CountedMonth, countMonth } from "../../src/pipeline/load/progress.ts";
import { curDelivery, curRows, deliver } from "../support/deliveries.ts";
import { createGoogleProject, upload } from "../support/google.ts";
import { billhouse } from "../support/in-process.ts";
import { createProject, curSection, onlyResult, runProject, runWell, type Project } from "../support/projects.ts";

const phases = ["reading", "inserting", "checking", "committing"];

async function progressOf(project: Project): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run(project.config, { progress: true })) events.push(event);
  return events;
}

function ofMonth(events: readonly RunEvent[], month: string): readonly MonthProgress[] {
  return events.filter((event) => event.event === "month_progress").filter((event) => event.billingMonth === month);
}

/** Checks the progress of one loaded month: phases in order, nothing decreases, and all bytes are counted at its end. */
function checkMonth(events: readonly RunEvent[], month: string): readonly MonthProgress[] {
  const own = ofMonth(events, month);
  const loaded = events.find((event) => event.event === "month_loaded" && event.billingMonth === month);
  assert.ok(loaded?.event === "month_loaded");
  assert.deepEqual([...new Set(own.map(({ phase }) => phase))], phases);
  for (const figure of ["bytesRead", "bytesInserted", "share"] as const) {
    for (const [index, event] of own.entries()) assert.ok(event[figure] >= (own[index - 1]?.[figure] ?? 0), figure);
  }
  const last = own.at(-1);
  assert.ok(last !== undefined && last.share > 0.9 && last.share < 1);
  assert.deepEqual([last.bytesRead, last.bytesInserted], [loaded.bytes, loaded.bytes]);
  assert.ok(events.indexOf(loaded) > events.indexOf(last), "a month is counted once it is committed");
  return own;
}

describe("a run with progress", { concurrency: 2 }, () => {
  test("counts the bytes of every month through all phases, and says when it publishes", async (t) => {
    const project = await createProject(t, curSection);
    for (const month of ["2025-01", "2025-02"]) {
      const files = [curRows(month, "1"), curRows(month, "0.5", "2")];
      await deliver(project.bucket, curDelivery({ month, id: `first-${month}`, files }));
    }
    const events = await progressOf(project);
    for (const month of ["2025-01", "2025-02"]) {
      assert.ok(checkMonth(events, month).every(({ jobs }) => jobs === null));
    }
    assert.deepEqual(
      events.slice(-2).map(({ event }) => event),
      ["publishing", "run_finished"],
    );
  });

  test("ends in the phase in which a month fails", async (t) => {
    const project = await createProject(t, curSection);
    const files = [curRows("2025-01", "abc")];
    await deliver(project.bucket, curDelivery({ month: "2025-01", id: "first", files }));
    const events = await progressOf(project);
    assert.deepEqual(
      ofMonth(events, "2025-01").filter(({ phase }) => phase === "checking" || phase === "committing"),
      [],
    );
    assert.equal(events.at(-2)?.event, "publishing");
  });

  test("counts the load jobs of BigQuery, which reads the files itself", async (t) => {
    const project = await createGoogleProject(t, { aws_cur: { prefix: "cur" } });
    const files = [curRows("2025-01", "1", "2"), curRows("2025-01", "3")];
    upload(project, curDelivery({ month: "2025-01", id: "20250201T000000Z", files }));
    const own = await onGoogle(project);
    const jobs = own.map((event) => event.jobs);
    assert.deepEqual(jobs.at(0), { done: 0, total: 2 });
    assert.deepEqual(jobs.at(-1), { done: 2, total: 2 });
  });
});

async function onGoogle(project: Project): Promise<readonly MonthProgress[]> {
  const events = await progressOf(project);
  const own = ofMonth(events, "2025-01");
  assert.deepEqual([...new Set(own.map(({ phase }) => phase))], phases.slice(1));
  const bytes = events.flatMap((event) => (event.event === "month_loaded" ? [event.bytes] : []));
  assert.deepEqual([own.at(-1)?.bytesRead, own.at(-1)?.bytesInserted], [bytes[0], bytes[0]]);
  return own;
}

describe("other commands with progress", { concurrency: 2 }, () => {
  const month = "2025-01";

  async function loadedTwice(t: TestContext, settings: Readonly<Record<string, number>> = {}): Promise<Project> {
    const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], ...settings } });
    for (const id of ["20250201T000000Z", "20250202T000000Z"]) {
      const files = [curRows(month, "1"), curRows(month, id.startsWith("20250201") ? "2" : "3")];
      await deliver(project.bucket, curDelivery({ month, id, files }));
      await runWell(project);
    }
    return project;
  }

  test("verify --deep counts the files and bytes of all months that it reads again", async (t) => {
    const project = await loadedTwice(t);
    const seen: VerifyProgress[] = [];
    const { ok } = await verify(project.config, { deep: true, onProgress: (progress) => seen.push(progress) });
    assert.ok(ok);
    assert.deepEqual([...new Set(seen.map(({ phase }) => phase))], ["comparing", "reading"]);
    const reading = seen.filter(({ phase }) => phase === "reading");
    const { bytes = 0 } = (await verifiedFiles(project)) ?? {};
    assert.deepEqual(
      [reading.at(0), reading.at(-1)].map((each) => [each?.months, each?.files, each?.bytes]),
      [
        [of(0, 1), of(0, 2), of(0, bytes)],
        [of(1, 1), of(2, 2), of(bytes, bytes)],
      ],
    );
  });

  for (const from of ["storage", "warehouse"] as const) {
    test(`undo reports all phases when it restores a load from the ${from}`, async (t) => {
      const project = await loadedTwice(t, { keep_previous: 1 });
      if (from === "warehouse") await rm(project.bucket, { recursive: true });
      const seen: LoadEvent[] = [];
      const onProgress = (event: LoadEvent): void => void seen.push(event);
      const undone = await undo(project.config, { pipeline: "aws_cur", month, onProgress });
      assert.equal(undone.from, from);
      const [planned] = seen;
      assert.ok(planned?.event === "month_planned" && planned.files === 2 && planned.bytes > 0);
      const own = ofMonth(seen, month);
      const last = own.at(-1);
      assert.ok(own.length > 0 && own.every(({ phase }, index) => isAfter(phase, own[index - 1]?.phase)));
      assert.deepEqual(
        [last?.phase, last?.bytesRead, last?.bytesInserted],
        ["committing", planned.bytes, planned.bytes],
      );
      assert.deepEqual(seen.at(-1), { event: "publishing" });
    });
  }

  test("a pipe stays without a block, and a terminal gets its cursor back", async (t) => {
    const project = await loadedTwice(t);
    const commands = [
      ["verify", "--deep"],
      ["init", "bucket", "--config", "other.toml"],
      ["undo", "aws_cur", month],
      ["migrate"],
    ];
    for (const words of commands) {
      const piped = await billhouse(project.folder, [...words, ...(words[0] === "undo" ? ["--json"] : [])]);
      assert.deepEqual([words[0], piped.code, piped.stderr], [words[0], 0, ""]);
      if (words[0] === "undo") await runWell(project, { force: true });
      await rm(join(project.folder, "other.toml"), { force: true });
      const drawn = await billhouse(project.folder, words, {}, { isTerminal: true, columns: 80 });
      assert.equal(drawn.code, 0);
      assert.ok(drawn.stderr.startsWith(hideCursor) && drawn.stderr.endsWith(showCursor), words[0]);
    }
  });
});

const hideCursor = "\u001b[?25l";

const of = (done: number, total: number): { readonly done: number; readonly total: number } => ({ done, total });

function isAfter(phase: string, before: string | undefined): boolean {
  return before === undefined || phases.indexOf(phase) >= phases.indexOf(before);
}

/** The bytes of the loaded month. */
async function verifiedFiles(project: Project): Promise<{ readonly bytes: number } | undefined> {
  const { finished } = await runProject(project, { force: true });
  return onlyResult(finished).loaded[0];
}

describe("counting a month", () => {
  const file = (key: string, size: number) =>
    ({ key, size, version: "1", modified: "", format: "csv", rows: null, declaredSize: null }) as const;
  const [one, other] = [file("a", 100), file("b", 300)];
  const read = (sizes: readonly number[]) =>
    async function* (): AsyncGenerator<Uint8Array> {
      for (const size of sizes) yield await Promise.resolve(new Uint8Array(size));
    };
  const countAll = async (t: TestContext, pause: number): Promise<CountedMonth[]> => {
    let now = 0;
    t.mock.method(performance, "now", () => now);
    const reports: CountedMonth[] = [];
    const counter = countMonth(
      "2025-01",
      [
        { file: one, byWarehouse: false },
        { file: other, byWarehouse: true },
      ],
      (progress) => reports.push(progress),
    );
    // Its end was read before: what is read twice counts once.
    for await (const _ of counter.reading(one, read([10, 60, 60]))()) now += pause;
    counter.read(one);
    for (const bytes of [0, 50, 100, 400, 20]) {
      counter.inserting({ bytes });
      now += pause;
    }
    counter.checking();
    counter.committing();
    return reports;
  };

  test("a file read in part twice counts once, and one that the warehouse reads counts when it is loaded", async (t) => {
    const reports = await countAll(t, 1000);
    assert.deepEqual(
      reports.map(({ phase, bytesRead, bytesInserted }) => [phase, bytesRead, bytesInserted]),
      [
        ["reading", 10, 0],
        ["reading", 70, 0],
        ["reading", 100, 0],
        ["reading", 100, 0],
        ["inserting", 100, 0],
        ["inserting", 150, 50],
        ["inserting", 200, 100],
        ["inserting", 400, 400],
        ["inserting", 400, 400],
        ["checking", 400, 400],
        ["committing", 400, 400],
      ],
    );
  });

  test("within a quarter of a second only a new phase is reported", async (t) => {
    const reports = await countAll(t, 10);
    assert.deepEqual(
      reports.map(({ phase }) => phase),
      phases,
    );
  });
});
