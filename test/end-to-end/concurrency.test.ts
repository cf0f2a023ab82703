import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { BillhouseError } from "../../src/errors.ts";
import type { RunFinished } from "../../src/index.ts";
import { explainOpening, writeHolder } from "../../src/warehouses/duckdb/opening.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { requireCapability } from "../../src/warehouses/warehouse.ts";
import { curDelivery, curRows, deliver } from "../support/deliveries.ts";
import { ask, createProject, curSection, runWell, type Project } from "../support/projects.ts";
import { temporaryFolder } from "../support/folders.ts";
import { readBooks } from "../support/faults/books.ts";
import { runBillhouse, startBillhouse, type Child, type ChildEnd } from "../support/faults/child.ts";
import { parseResult } from "../support/json.ts";

const months = ["2025-01", "2025-02", "2025-03"];
const table = "billing_data.aws_cur_data";

describe("two runs at once on one database", { concurrency: 2 }, () => {
  for (const before of ["that neither has made yet", "that holds an older delivery"]) {
    test(`${before}: load each month once`, async (t) => {
      const project = await createBills(t);
      if (before !== "that neither has made yet") {
        await runWell(project);
        await deliver(project.bucket, curDelivery({ month: "2025-02", id: "new", files: [curRows("2025-02", "5")] }));
      }
      const ends = await Promise.all([0, 1].map(() => runBillhouse(project.folder, ["run", "--json"])));
      for (const { code, stdout, stderr } of ends) assert.equal(code, 0, stdout + stderr);
      const loaded = ends.flatMap((end) => loadedBy(end));
      assert.deepEqual(loaded.toSorted(), before === "that neither has made yet" ? months : ["2025-02"]);
      await requireSound(project, { months: before === "that neither has made yet" ? [1, 1, 1] : [1, 2, 1] });
    });
  }

  test("the second one waits for the first, and then finds nothing to do", async (t) => {
    const project = await createBills(t);
    const first = await standingRun(t, project, "before-commit");
    const second = startBillhouse(project.folder, ["run", "--json"]);
    await sleep(2000);
    assert.equal(second.process.exitCode, null, "it waits");
    await first.goOn();
    assert.equal((await first.child.ended).code, 0);
    const end = await second.ended;
    assert.equal(end.code, 0, end.stdout + end.stderr);
    assert.deepEqual(loadedBy(end), []);
    await requireSound(project, { months: [1, 1, 1] });
  });

  test("a command that writes fails with the process that has the database open; commands that read do not wait", async (t) => {
    const project = await createBills(t);
    await runWell(project);
    await deliver(project.bucket, curDelivery({ month: "2025-02", id: "new", files: [curRows("2025-02", "5")] }));
    const first = await standingRun(t, project, "before-commit");
    const note = await readNote(project);
    assert.deepEqual(
      { ...note, started: "" },
      { pid: first.child.process.pid, command: "billhouse run", host: hostname(), started: "" },
    );
    const since = note.started.slice(0, 19).replace("T", " ");
    const words = [["run"], ["state", "forget", "aws_cur", "--all"]];
    const reader = await runBillhouse(project.folder, ["query", `SELECT count(*) AS n FROM ${table}`, "--json"]);
    const shown = await runBillhouse(project.folder, ["status"]);
    const refused = await Promise.all(words.map((command) => runBillhouse(project.folder, command)));
    assert.deepEqual(JSON.parse(reader.stdout), [{ n: "6" }], reader.stderr);
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /2025-02 .* old-2025-02 /, "what was published");
    assert.match(
      shown.stderr,
      new RegExp(`^The process ${first.child.process.pid} \\(billhouse run\\) has .* open, since`),
    );
    for (const { duration } of [reader, shown])
      assert.ok(duration < Math.min(...refused.map((one) => one.duration)), "readers do not wait");
    for (const { code, stderr, duration } of refused) {
      assert.equal(code, 1, stderr);
      assert.match(stderr, /WAREHOUSE_LOCKED/);
      const holder = `The process ${first.child.process.pid} (billhouse run) has ${databaseOf(project)} open, since ${since} UTC.`;
      assert.ok(stderr.includes(holder), `${stderr} says ${holder}`);
      assert.ok(duration > 5000, "it waited");
    }
    assert.deepEqual(await readNote(project), note, "who was refused has changed nothing");
    await first.goOn();
    assert.equal((await first.child.ended).code, 0);
    await requireSound(project, { months: [1, 2, 1] });
  });

  test("a reader does not block a run that publishes, and keeps seeing the copy that it opened", async (t) => {
    const project = await createBills(t);
    await runWell(project);
    await deliver(project.bucket, curDelivery({ month: "2025-02", id: "new", files: [curRows("2025-02", "5")] }));
    const reader = await openWarehouse(project.config.warehouse, "reader");
    const count = async (): Promise<unknown> => {
      for await (const row of requireCapability(reader, "query")(`SELECT count(*) AS n FROM ${table}`)) return row["n"];
      return undefined;
    };
    assert.equal(await count(), "6");
    const { code, stderr } = await runBillhouse(project.folder, ["run"]);
    assert.equal(code, 0, stderr);
    assert.equal(await count(), "6");
    await reader.close();
    assert.deepEqual(await ask(project, `SELECT count(*) AS n FROM ${table}`), [{ n: "5" }]);
  });

  test("readers get what a run loads also when a clock was set back since the last one", async (t) => {
    const project = await createBills(t);
    await runWell(project);
    const later = new Date(Date.now() + 86_400_000);
    const copy = join(project.folder, "billhouse.read.duckdb");
    await utimes(copy, later, later);
    await deliver(project.bucket, curDelivery({ month: "2025-02", id: "new", files: [curRows("2025-02", "5")] }));
    await runWell(project);
    assert.deepEqual(await ask(project, `SELECT count(*) AS n FROM ${table}`), [{ n: "5" }]);
    // And what a killed run has loaded.
    await utimes(copy, later, later);
    await deliver(
      project.bucket,
      curDelivery({ month: "2025-02", id: "newer", files: [curRows("2025-02", "5", "6", "7")] }),
    );
    await runBillhouse(project.folder, ["run"], { kill: { point: "before-publish", nth: 1 } });
    await runWell(project);
    assert.deepEqual(await ask(project, `SELECT count(*) AS n FROM ${table}`), [{ n: "7" }]);
  });

  test("the note of a killed run means nothing, and the next run writes its own", async (t) => {
    const project = await createBills(t);
    const killed = await runBillhouse(project.folder, ["run"], { kill: { point: "after-delete", nth: 2 } });
    assert.equal(killed.signal, "SIGKILL");
    const stale = await readNote(project);
    // Somebody else has the database open now: not the process of which the note speaks.
    const other = await DuckDBInstance.create(databaseOf(project));
    const refused = await runBillhouse(project.folder, ["run"]);
    other.closeSync();
    assert.equal(refused.code, 1);
    assert.ok(refused.stderr.includes(`The process ${process.pid} has ${databaseOf(project)} open.`), refused.stderr);
    assert.ok(!refused.stderr.includes(String(stale.pid)), refused.stderr);

    const next = await standingRun(t, project, "opened");
    assert.equal((await readNote(project)).pid, next.child.process.pid);
    await next.goOn();
    assert.equal((await next.child.ended).code, 0);
    await requireSound(project, { months: [1, 1, 1] });
  });
});

describe("a lock whose holder has an unknown process id, as in another container", () => {
  const conflict = new Error(
    'IO Error: Could not set lock on file "bills.duckdb": Conflicting lock is held in PID 0. See also https://duckdb.org',
  );

  test("is explained by the note, as the note's word", async (t) => {
    const path = join(await temporaryFolder(t), "bills.duckdb");
    await mkdir(`${path}.tmp`);
    await writeHolder(path, { pid: 7, command: "billhouse run" }, new Date("2025-11-03T09:08:07.650Z"));
    const error = await explainOpening(conflict, path);
    assert.ok(error instanceof BillhouseError);
    assert.equal(
      error.message,
      `Another process has ${path} open. The note beside it names process 7 on ${hostname()} (billhouse run), since 2025-11-03 09:08:07 UTC.`,
    );
  });

  test("is reported without a note, or with an unreadable one", async (t) => {
    const path = join(await temporaryFolder(t), "bills.duckdb");
    for (const text of [null, "", "{", "null", "7", '{"pid":"7"}']) {
      await mkdir(`${path}.tmp`, { recursive: true });
      if (text !== null) await writeFile(join(`${path}.tmp`, "holder.json"), text);
      const error = await explainOpening(conflict, path);
      assert.ok(error instanceof BillhouseError);
      assert.equal(error.message, `Another process has ${path} open.`);
    }
  });
});

async function createBills(t: TestContext): Promise<Project> {
  const project = await createProject(t, curSection);
  for (const month of months) {
    await deliver(project.bucket, curDelivery({ month, id: `old-${month}`, files: [curRows(month, "1", "2")] }));
  }
  return project;
}

function databaseOf(project: Project): string {
  return join(project.folder, "billhouse.duckdb");
}

async function readNote(project: Project): Promise<{ readonly pid: number; readonly started: string }> {
  return JSON.parse(await readFile(join(`${databaseOf(project)}.tmp`, "holder.json"), "utf8")) as {
    pid: number;
    started: string;
  };
}

/** A run that waits at a point until it may continue. */
async function standingRun(
  t: TestContext,
  project: Project,
  point: string,
): Promise<{ readonly child: Child; readonly goOn: () => Promise<void> }> {
  const [until, record] = [join(project.bucket, "..", "go-on"), join(project.bucket, "..", "reached")];
  const child = startBillhouse(project.folder, ["run"], { record, pause: { point, until } });
  t.after(() => child.process.kill("SIGKILL"));
  while (!existsSync(record) || !(await readFile(record, "utf8")).includes(`${point}\n`)) await sleep(20);
  return { child, goOn: () => writeFile(until, "") };
}

function loadedBy({ stdout }: ChildEnd): string[] {
  const finished = parseResult(stdout.trimEnd().split("\n").at(-1) ?? "") as RunFinished;
  return finished.pipelines.flatMap(({ loaded }) => loaded.map(({ billingMonth }) => billingMonth));
}

/** So many loads of each month, in books that fit together, and nothing beside the database but its read copy. */
async function requireSound(project: Project, loads: { readonly months: readonly number[] }): Promise<void> {
  const books = await readBooks(databaseOf(project));
  assert.deepEqual(books?.faults, []);
  assert.deepEqual(
    Object.values(books.months).map(({ receipts }) => receipts.length),
    loads.months,
  );
  const names = (await readdir(project.folder)).filter((name) => name.startsWith("billhouse.duckdb"));
  assert.deepEqual(names, ["billhouse.duckdb"]);
}
