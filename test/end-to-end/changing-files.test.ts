import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  closeSync,
  globSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { verify, type RunEvent } from "../../src/index.ts";
import type { Point } from "../../src/warehouses/points.ts";
import {
  azureDelivery,
  azureRows,
  curColumns,
  curDelivery,
  curRow,
  curRows,
  csvText,
  deliver,
  withFile,
  type Delivery,
} from "../support/deliveries.ts";
import {
  ask,
  azureSection,
  billhouse,
  createProject,
  curSection,
  monthsOfTable,
  onlyResult,
  outcomes,
  runByCommand,
  runProject,
  runWell,
  snapshotMonth,
  type MonthSnapshot,
  type Project,
} from "../support/projects.ts";
import { rejects } from "../support/rejects.ts";

const table = "billing_data.aws_cur_data";
const proof = { partition: "bill_billing_period_start_date", cost: "line_item_unblended_cost" };
const [february, march] = ["2025-02", "2025-03"];

/** A project whose February is loaded; then March arrives, and a February of two files. */
async function prepareRun(t: Parameters<typeof createProject>[0]): Promise<{
  readonly project: Project;
  readonly before: MonthSnapshot;
  readonly paths: readonly string[];
}> {
  const project = await createProject(t, curSection);
  await deliver(project.bucket, curDelivery({ month: february, id: "older", files: [curRows(february, "1")] }));
  await runWell(project);
  const before = await snapshotMonth(project, table, proof.partition, february);
  const files = [curRows(february, "2"), curRows(february, "3")];
  const newer = curDelivery({ month: february, id: "newer", files });
  await deliver(project.bucket, newer);
  await deliver(project.bucket, curDelivery({ month: march, id: "march", files: [curRows(march, "4")] }));
  return { project, before, paths: newer.fileKeys.map((key) => join(project.bucket, key)) };
}

/** JavaScript for the child process: does this when March is about to be committed, before February's turn. */
function beforeMarchIsCommitted(statement: string): string {
  return `import { subscribe } from "node:diagnostics_channel";
    import { rmSync, writeFileSync } from "node:fs";
    let done = false;
    subscribe("billhouse:point", ({ name }) => {
      if (name !== "before-commit" || done) return;
      done = true;
      ${statement}
    });`;
}

test("an export is listed after the one before it was loaded, which can take hours", async (t) => {
  const project = await createProject(t, {
    aws_cur: { bucket_url: "bucket", prefix: "cur", table_name: "first" },
    aws_other: { bucket_url: "other", prefix: "cur", table_name: "second", kind: "aws-cur" },
  });
  await deliver(project.bucket, curDelivery({ month: march, id: "first", files: [curRows(march, "1")] }));
  const other = curDelivery({ month: march, id: "second", files: [curRows(march, "2")] });
  const otherBucket = join(project.folder, "other");
  await deliver(otherBucket, other);
  const newer = curDelivery({ month: march, id: "second", files: [curRows(march, "2", "3")] });
  const replaceOnce = (message: unknown): void => {
    if ((message as { name: Point }).name !== "before-commit") return;
    unsubscribe("billhouse:point", replaceOnce);
    for (const [key, content] of newer.objects) writeFileSync(join(otherBucket, key), content);
  };
  subscribe("billhouse:point", replaceOnce);
  const { finished } = await runProject(project);
  assert.deepEqual(
    finished.pipelines.flatMap(({ loaded, failed }) => [
      ...loaded.map(({ rows }) => rows),
      ...failed.map(({ code }) => code),
    ]),
    [1, 2],
  );
});

describe("files that change between plan and commit", { concurrency: 2 }, () => {
  const changes: Readonly<Record<string, { readonly code: string; readonly statement: (path: string) => string }>> = {
    // It can have been read already.
    "one that vanishes": {
      code: "FILE_NOT_FOUND|OBJECT_CHANGED",
      statement: (path) => `rmSync(${JSON.stringify(path)});`,
    },
    "one that is overwritten": {
      code: "OBJECT_CHANGED",
      statement: (path) => `writeFileSync(${JSON.stringify(path)}, "another,header\\n");`,
    },
  };
  for (const [name, { code, statement }] of Object.entries(changes)) {
    test(`${name}: ${code.replace("|", " or ")}, exit code 3, the other month is loaded`, async (t) => {
      const { project, before, paths } = await prepareRun(t);
      const [, second = ""] = paths;
      const story = await runByCommand(project, ["--jobs", "1"], beforeMarchIsCommitted(statement(second)));
      const [failed, loaded] = story.finished.pipelines.flatMap(outcomes);
      assert.match(failed ?? "", new RegExp(`^2025-02 failed (${code})$`));
      assert.equal(loaded, "2025-03 new march");
      assert.equal(story.code, 3);
      assert.ok(story.finished.pipelines[0]?.failed[0]?.message.includes("acme-cur-00002.csv.gz"));
      assert.deepEqual(await snapshotMonth(project, table, proof.partition, february), before);

      await deliver(
        project.bucket,
        curDelivery({ month: february, id: "newer", files: [curRows(february, "2"), curRows(february, "3")] }),
      );
      assert.deepEqual(outcomes(await runWell(project)), ["2025-02 restated newer", "2025-03 unchanged march"]);
    });
  }

  test("the manifest, overwritten while its month is loaded: OBJECT_CHANGED, and the next run takes the new one", async (t) => {
    const { project, before } = await prepareRun(t);
    const latest = curDelivery({ month: february, id: "latest", files: [curRows(february, "9")] });
    await deliver(project.bucket, latest, "files");
    const hear = (event: RunEvent): void => {
      if (event.event !== "file_read" || event.billingMonth !== february) return;
      writeFileSync(join(project.bucket, latest.manifestKey), latest.objects.get(latest.manifestKey) ?? "");
    };
    const { finished } = await runProject(project, { jobs: 1 }, hear);
    assert.deepEqual(finished.pipelines.map(outcomes), [["2025-02 failed OBJECT_CHANGED", "2025-03 new march"]]);
    const [failure] = onlyResult(finished).failed;
    assert.match(failure?.hint ?? "", /[Rr]un again once (?:it|the delivery) is complete\.$/);
    assert.deepEqual(await snapshotMonth(project, table, proof.partition, february), before);
    assert.deepEqual(outcomes(await runWell(project)), ["2025-02 restated latest", "2025-03 unchanged march"]);
  });
});

// One after the other: every listener hears the points of every run in the process.
describe("a large file, overwritten while it is read", () => {
  const large = Array.from({ length: 20_000 }, (_, index) =>
    curRow(march, {
      "lineItem/LineItemDescription": randomBytes(150).toString("base64"),
      "identity/LineItemId": `${index}`,
    }),
  );
  const text = Buffer.from(csvText(curColumns, large));
  const packed = gzipSync(text, { level: 1 });
  const overwrites: Readonly<Record<string, { readonly bytes: Buffer; readonly change: (path: string) => void }>> = {
    "plain CSV, in place": { bytes: text, change: (path) => writeFileSync(path, Buffer.from(text).fill("x", 2000)) },
    "gzip, in place": { bytes: packed, change: (path) => writeFileSync(path, Buffer.from(packed).fill(7, 20)) },
    "gzip, in place and of the same length": {
      bytes: packed,
      change: (path) => {
        const file = openSync(path, "r+");
        writeSync(file, Buffer.from(packed).fill(7, 20));
        closeSync(file);
      },
    },
    "gzip, by another file of the same name": {
      bytes: packed,
      change: (path) => {
        writeFileSync(`${path}.new`, gzipSync("other\n"));
        renameSync(`${path}.new`, path);
      },
    },
    "gzip, and gone": { bytes: packed, change: (path) => rmSync(path) },
  };
  for (const [name, { bytes, change }] of Object.entries(overwrites)) {
    test(`${name}: it is reported as changed and not as damaged`, async (t) => {
      const project = await createProject(t, curSection);
      const delivery = withFile(
        curDelivery({ month: march, id: "large", files: [curRows(march, "1"), []] }),
        1,
        () => bytes,
      );
      await deliver(project.bucket, delivery);
      const path = join(project.bucket, delivery.fileKeys[1] ?? "");
      let changed = false;
      // Once the first bytes of the large file were decompressed, it is being read.
      const watch = setInterval(() => {
        const parts = globSync("*.tmp/*/2025-03-1.csv", { cwd: project.folder }).map((part) =>
          join(project.folder, part),
        );
        if (changed || !parts.some((part) => statSync(part).size > 0)) return;
        changed = true;
        change(path);
      }, 1);
      t.after(() => clearInterval(watch));
      const { finished } = await runProject(project, { jobs: 2 });
      assert.ok(changed);
      const code = name.endsWith("gone") ? "FILE_NOT_FOUND" : "OBJECT_CHANGED";
      assert.deepEqual(finished.pipelines.map(outcomes), [[`2025-03 failed ${code}`]]);
      assert.match(
        finished.pipelines[0]?.failed[0]?.message ?? "",
        /acme-cur-00002\.csv\.gz in .* changed while it was read|00002\.csv\.gz is no longer in/u,
      );
      // A first load that fails leaves no table behind.
      await rejects(ask(project, `SELECT * FROM ${table}`), "QUERY_INVALID", "does not exist");
    });
  }
});

describe("a run that is killed", { concurrency: 2 }, () => {
  for (const point of ["before-commit", "after-commit", "before-publish", "after-publish-copy"]) {
    test(`${point}: the next run ends as if nothing had happened`, async (t) => {
      const { project } = await prepareRun(t);
      const kill = `import { subscribe } from "node:diagnostics_channel";
        subscribe("billhouse:point", ({ name }) => { if (name === "${point}") process.kill(process.pid, "SIGKILL"); });`;
      const { code, stdout } = await billhouse(project, ["run", "--json"], kill);
      assert.equal(code, null, "the process was killed");
      assert.doesNotMatch(stdout, /run_finished/);
      const { loaded, unchanged } = await runWell(project);
      assert.equal(loaded.length + unchanged.length, 2);
      assert.deepEqual(await monthsOfTable(project, table, proof), {
        [february]: [2, "5.000000000000000000"],
        [march]: [1, "4.000000000000000000"],
      });
      const loads = await ask(
        project,
        `SELECT billing_month, assembly_id FROM ${table}_load_tracking WHERE billing_month IS NOT NULL ORDER BY 1, 2`,
      );
      assert.deepEqual(
        loads.map((row) => `${String(row["billing_month"])} ${String(row["assembly_id"])}`),
        ["2025-02 newer", "2025-02 older", "2025-03 march"],
      );
      assert.deepEqual(readdirSync(project.folder).toSorted(), [
        "billhouse.duckdb",
        "billhouse.read.duckdb",
        "billhouse.toml",
        "bucket",
      ]);
    });
  }
});

describe("what may be waived, and what is not a fault", { concurrency: 2 }, () => {
  test("--accept row-count takes wrong counts for one run, and the receipt keeps it", async (t) => {
    const project = await createProject(t, azureSection);
    const wrong = azureDelivery({
      month: march,
      id: "wrong",
      files: [azureRows(march, "1", "2"), azureRows(march, "3")],
      declared: { total: 99, blobs: [2, 5] },
    });
    await deliver(project.bucket, wrong);
    const refused = await runByCommand(project);
    assert.deepEqual(
      [refused.code, ...refused.finished.pipelines.flatMap(outcomes)],
      [3, "2025-03 failed ROW_COUNT_MISMATCH"],
    );
    const accepted = await runByCommand(project, ["--accept", "row-count"]);
    assert.deepEqual([accepted.code, ...accepted.finished.pipelines.flatMap(outcomes)], [0, "2025-03 new wrong"]);
    const receipts = `SELECT row_count, waivers FROM billing_data.azure_billing_data_load_tracking WHERE billing_month IS NOT NULL`;
    assert.deepEqual(await ask(project, receipts), [{ row_count: "3", waivers: '["row-count"]' }]);
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 unchanged wrong"]);

    const unknown = await billhouse(project, ["run", "--json", "--accept", "sums"]);
    assert.equal(unknown.code, 64);
    assert.equal((JSON.parse(unknown.stdout) as { error: { code: string } }).error.code, "USAGE_INVALID");
  });

  test("blank lines, a mark of order twice, CRLF and a file that is only a header are read as they are meant", async (t) => {
    const project = await createProject(t, azureSection);
    const mark = "\uFEFF";
    const plain = azureDelivery({ month: march, id: "odd", files: [azureRows(march, "1", "2"), []], format: "csv" });
    const odd = withFile(plain, 0, (bytes) => {
      const [header, ...rows] = bytes.toString().trimEnd().split("\n");
      return Buffer.from([`${mark}${header}`, `${mark}${rows[0]}`, "", ...rows.slice(1), ""].join("\r\n"));
    });
    await deliver(project.bucket, odd);
    await runWell(project);
    assert.deepEqual(
      await monthsOfTable(project, "billing_data.azure_billing_data", {
        partition: "BillingPeriodStartDate",
        cost: "CostInBillingCurrency",
      }),
      { [march]: [2, "3.000000000000000000"] },
    );
    const subscriptions = await ask(
      project,
      `SELECT DISTINCT "SubscriptionId" AS id FROM billing_data.azure_billing_data`,
    );
    assert.deepEqual(subscriptions, [{ id: "38f1d748-3ac7-4b7f-a5ae-8b5ff16db82c" }]);
  });

  test("a delivery without rows is a month without rows", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, curDelivery({ month: march, id: "empty", files: [[]] }));
    const { loaded } = await runWell(project);
    assert.deepEqual(
      loaded.map(({ rows, cost }) => ({ rows, cost })),
      [{ rows: 0, cost: {} }],
    );
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 unchanged empty"]);
    await deliver(project.bucket, curDelivery({ month: march, id: "filled", files: [curRows(march, "1")] }));
    assert.deepEqual(outcomes(await runWell(project)), ["2025-03 restated filled"]);
  });

  test("a part of zero bytes that its manifest declares is a part without rows", async (t) => {
    const project = await createProject(t, azureSection);
    const withEmptyPart = (month: string, id: string, format: "csv" | "csv.gz"): Delivery => {
      const whole = azureDelivery({ month, id, format, files: [azureRows(month, "4"), []] });
      const emptied = withFile(whole, 1, () => Buffer.alloc(0));
      const manifest = JSON.parse(Buffer.from(whole.objects.get(whole.manifestKey) ?? "").toString()) as {
        blobs: { byteCount: number }[];
      };
      for (const blob of manifest.blobs.slice(1)) blob.byteCount = 0;
      return {
        ...emptied,
        objects: new Map([...emptied.objects, [whole.manifestKey, Buffer.from(JSON.stringify(manifest))]]),
      };
    };
    await deliver(project.bucket, withEmptyPart(february, "plain", "csv"));
    await deliver(project.bucket, withEmptyPart(march, "gzip", "csv.gz"));
    const { loaded } = await runWell(project);
    assert.deepEqual(
      loaded.map(({ billingMonth, rows, files, cost }) => ({ billing_month: billingMonth, rows, files, cost })),
      [march, february].map((month) => ({ billing_month: month, rows: 1, files: 2, cost: { EUR: "4" } })),
    );
    assert.deepEqual(outcomes(await runWell(project)), ["2025-02 unchanged plain", "2025-03 unchanged gzip"]);
    const { ok, checks } = await verify(project.config, { deep: true });
    assert.ok(ok, JSON.stringify(checks.filter((check) => !check.ok)));
  });
});
