import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { csvText, curColumns, curDelivery, curRow, curRows, deliver, withFile } from "../support/deliveries.ts";
import { createProject, curSection, type Project } from "../support/projects.ts";
import { readBooks, type Books } from "../support/faults/books.ts";
import { runBillhouse, startBillhouse, type ChildEnd } from "../support/faults/child.ts";

const table = "billing_data.aws_cur_data";
const [earlier, large] = [`${table} 2025-03`, `${table} 2025-02`];
const rows = 400_000;

describe("a run that is stopped while it loads a large month", () => {
  test("rolls that month back, keeps the earlier ones, and the next run continues", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(
      project.bucket,
      curDelivery({ month: "2025-03", id: "march", files: [curRows("2025-03", "1", "2")] }),
    );
    await deliver(project.bucket, largeDelivery());
    const look = (): Promise<Books | undefined> => readBooks(join(project.folder, "billhouse.duckdb"));

    // The first commit is that of the small month, while the file of the large one is read.
    const reading = await stop(project, ["SIGTERM"], "after-commit", 1, 0);
    requireStopped(reading, 10_000);
    const checked = reading.points.filter((point) => point === "file-checked");
    assert.equal(checked.length, 1, "the large file was not read to its end");
    const kept = await look();
    assert.deepEqual(kept?.faults, []);
    assert.deepEqual(Object.keys(kept.months), [earlier]);
    assert.equal(kept.months[earlier]?.rows, 2);
    await requireNoLeftovers(project);

    // Now the large file is the first one to be read, and it is inserted at once.
    const inserting = await stop(project, ["SIGINT"], "file-checked", 1);
    requireStopped(inserting, 10_000);
    assert.equal(inserting.points.at(-1), "file-checked", "it was inserted when the signal came");
    assert.deepEqual((await look())?.months, kept.months);
    await requireNoLeftovers(project);

    const twice = await stop(project, ["SIGINT", "SIGINT"], "file-checked", 1);
    requireStopped(twice, 2000);
    assert.deepEqual((await look())?.months, kept.months);

    const healed = await runBillhouse(project.folder, ["run"]);
    assert.equal(healed.code, 0, healed.stderr);
    const books = await look();
    assert.deepEqual(books?.faults, []);
    assert.deepEqual(
      Object.entries(books.months).map(([month, held]) => [month, held.rows, held.receipts.length]),
      [
        [large, rows, 1],
        [earlier, 2, 1],
      ],
    );
    assert.deepEqual(await readBooks(join(project.folder, "billhouse.read.duckdb")), books);
    await requireNoLeftovers(project);
  });
});

/** A month of one file that takes seconds to read and seconds to insert. */
function largeDelivery(): ReturnType<typeof curDelivery> {
  const tags = Array.from({ length: 60 - curColumns.length }, (_, index) => `resourceTags/user:tag${index}`);
  const columns = [...curColumns, ...tags];
  const row = curRow("2025-02", Object.fromEntries(tags.map((tag) => [tag, `of ${tag.slice(-5)}`])));
  const delivery = curDelivery({ month: "2025-02", id: "february", files: [[row]], columns });
  const [head = "", line = ""] = csvText(columns, [row]).split(/(?<=\n)/);
  const part = gzipSync(line.repeat(rows / 50));
  return withFile(delivery, 0, () => Buffer.concat([gzipSync(head), ...Array.from({ length: 50 }, () => part)]));
}

interface Stopped extends ChildEnd {
  /** Milliseconds from the last signal to the end. */
  readonly took: number;
  /** The points that were reached, in order. */
  readonly points: readonly string[];
}

/** Runs until a point was reached so often, waits until the work behind it has begun, then sends signals. */
async function stop(
  project: Project,
  signals: readonly NodeJS.Signals[],
  point: string,
  times: number,
  wait = 200,
): Promise<Stopped> {
  const record = join(project.bucket, "..", "reached");
  await rm(record, { force: true });
  const child = startBillhouse(project.folder, ["run"], { record });
  const reached = async (): Promise<string[]> =>
    existsSync(record) ? (await readFile(record, "utf8")).trimEnd().split("\n") : [];
  while ((await reached()).filter((name) => name === point).length < times) {
    assert.equal(child.process.exitCode, null, "the run has not ended");
    await sleep(10);
  }
  await sleep(wait);
  let sent = 0;
  for (const signal of signals) {
    sent = performance.now();
    child.process.kill(signal);
    await sleep(50);
  }
  const ended = await child.ended;
  return { ...ended, took: performance.now() - sent, points: await reached() };
}

function requireStopped({ code, signal, stderr, took }: Stopped, limit: number): void {
  assert.equal(signal, null);
  assert.equal(code, 130, stderr);
  assert.ok(took < limit, `it took ${Math.round(took)} ms`);
  assert.match(stderr, /Stopping: the month at work is rolled back/);
}

async function requireNoLeftovers(project: Project): Promise<void> {
  const names = (await readdir(project.folder)).filter((name) => name.startsWith("billhouse.duckdb"));
  assert.deepEqual(names, ["billhouse.duckdb"]);
}
