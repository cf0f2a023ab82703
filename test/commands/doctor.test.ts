import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { doctor } from "../../src/index.ts";
import { curDelivery, curRows, deliver } from "../support/deliveries.ts";
import { createGoogleProject, googleProject, upload } from "../support/google.ts";
import { billhouse, createProject, curSection, runWell, type Project } from "../support/projects.ts";
import { billhouse as inProcess } from "../support/in-process.ts";
import { withRights } from "../support/folders.ts";
import { parseResult } from "../support/json.ts";

interface Doctored {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly subject: string;
    readonly check: string;
    readonly ok: boolean;
    readonly found: string;
    readonly remedy: string | null;
    readonly exports: readonly string[];
    readonly origins: readonly string[];
  }[];
}

const delivery = curDelivery({ month: "2025-01", id: "20250201T000000Z", files: [curRows("2025-01", "1")] });
const sections = { aws_cur: { prefix: "cur" } };

describe("billhouse doctor", () => {
  test("finds a folder and DuckDB well, and makes nothing", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, delivery);
    const { code, stdout } = await billhouse(project, ["doctor"]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /✔ export +acme-cur \(aws-cur\), 1 billing month\n/u);
    assert.match(stdout, /✔ disk +\d/u);
    assert.match(stdout, /All checks passed\.\n$/u);
    const { ok, checks } = await doctored(project, 0);
    assert.ok(ok && checks.every((check) => check.ok && check.remedy === null));
    assert.match(checks.find(({ check }) => check === "database")?.found ?? "", /which the first run creates$/u);
  });

  test("names the fault of a folder and continues", async (t) => {
    const project = await createProject(t, {
      aws_cur: { bucket_url: "nowhere" },
      azure_billing: { bucket_url: "bucket" },
    });
    const { ok, checks } = await doctored(project, 4);
    assert.equal(ok, false);
    const failed = checks.filter((check) => !check.ok);
    assert.deepEqual(
      failed.map(({ subject, check }) => [subject.split(":")[0], check]),
      [
        ["aws_cur", "access"],
        ["azure_billing", "access"],
      ],
    );
    assert.match(failed[0]?.found ?? "", /nowhere does not exist/u);
    assert.deepEqual(failed[0]?.origins, ["bucket_url in billhouse.toml:2"]);
    assert.ok(checks.some(({ check }) => check === "disk"));
  });

  test("reports a cause that three exports share once, with the exports and where it was written", async (t) => {
    const nowhere = { bucket_url: "nowhere" };
    const project = await createProject(t, { one: nowhere, two: nowhere, three: nowhere });
    const { checks } = await doctored(project, 4);
    const failed = checks.filter((check) => !check.ok);
    assert.deepEqual(
      failed.map(({ exports, origins }) => ({ exports, origins })),
      [
        {
          exports: ["one", "two", "three"],
          origins: [
            "bucket_url in billhouse.toml:2",
            "bucket_url in billhouse.toml:4",
            "bucket_url in billhouse.toml:6",
          ],
        },
      ],
    );
    const { stdout } = await inProcess(project.folder, ["doctor"]);
    assert.match(stdout, /\none, two, three: .*nowhere\n {2}✖ access .*\n {6}\S.*\n {6}Configured: bucket_url in/u);
    assert.match(stdout, /\n1 of \d+ checks failed\.\n$/u);
  });

  test("says when the database's folder cannot be written", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, delivery);
    const locked = join(project.folder, "locked");
    await mkdir(locked);
    const { config } = project;
    assert.ok(config.warehouse.kind === "duckdb");
    const moved = { ...config, warehouse: { ...config.warehouse, path: join(locked, "bills.duckdb") } };
    await withRights(locked, 0o500, async () => {
      const { ok, checks } = await doctor(moved);
      assert.equal(ok, false);
      const [failed] = checks.filter((check) => !check.ok);
      assert.equal(failed?.check, "folder");
      assert.match(failed?.remedy ?? "", /Grant write permission to the user that runs billhouse/u);
    });
  });

  test("finds a project on Google Cloud well, before its first run and after it, and leaves nothing behind", async (t) => {
    const project = await createGoogleProject(t, sections);
    upload(project, delivery);
    for (const run of [false, true]) {
      if (run) await runWell(project);
      const before = project.bigquery.tableNames("billing_data", googleProject);
      const { ok, checks } = await doctored(project, 0);
      assert.ok(ok, JSON.stringify(checks));
      assert.deepEqual(project.bigquery.tableNames("billing_data", googleProject), before);
      for (const check of ["identity", "list", "read", "run jobs", "staging bucket"]) {
        assert.ok(
          checks.some((each) => each.check === check),
          `${check} is looked at: ${checks.map((each) => each.check).join(", ")}`,
        );
      }
    }
    assert.deepEqual(project.bigquery.refused, []);
    assert.deepEqual(project.gcs.refused, []);
  });

  test("names each permission that is missing, and the command that grants it", async (t) => {
    const project = await createGoogleProject(t, sections);
    upload(project, delivery);
    await runWell(project);
    const remedyOf = async (check: string): Promise<string> => {
      const { checks } = await doctored(project, 4);
      const failed = checks.filter((each) => !each.ok);
      assert.deepEqual(
        failed.map((each) => each.check.split(" ")[0]),
        [check.split(" ")[0]],
        JSON.stringify(failed),
      );
      return `${failed[0]?.found}\n${failed[0]?.remedy}`;
    };
    project.gcs.deny("acme-billing", true);
    assert.match(
      await remedyOf("access"),
      /storage\.objects\.list[\s\S]*gcloud storage buckets add-iam-policy-binding/u,
    );
    project.gcs.deny("acme-billing", false);
    project.bigquery.deny("bigquery.tables.create");
    assert.match(await remedyOf("dataset"), /bigquery\.tables\.create[\s\S]*roles\/bigquery\.dataEditor/u);
    project.bigquery.allow("bigquery.tables.create");
    project.bigquery.sandbox = true;
    assert.match(await remedyOf("dataset"), /sandbox[\s\S]*Enable billing/u);
    project.bigquery.sandbox = false;
    assert.equal((await doctored(project, 0)).ok, true);
  });
});

async function doctored(project: Project, expected: number): Promise<Doctored> {
  const { code, stdout, stderr } = await billhouse(project, ["doctor", "--json"]);
  assert.equal(code, expected, stdout + stderr);
  return parseResult(stdout) as Doctored;
}
