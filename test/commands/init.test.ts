import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { azureDelivery, azureRows, curDelivery, curRows, deliver } from "../support/deliveries.ts";
import {
  billhouse,
  configure,
  createProject,
  onlyResult,
  outcomes,
  runProject,
  type Project,
} from "../support/projects.ts";
import { temporaryFolder, writeKey } from "../support/folders.ts";
import { plan, status } from "../../src/index.ts";

/** A folder with two exports and a damaged one, and no configuration. */
async function bucketOf(t: Parameters<typeof createProject>[0]): Promise<Project> {
  const project = await createProject(t, { aws_cur: { bucket_url: "bucket" } });
  for (const month of ["2025-01", "2025-02"]) {
    await deliver(project.bucket, curDelivery({ month, id: `cur ${month}`, files: [curRows(month, "1.5")] }));
  }
  await deliver(project.bucket, azureDelivery({ month: "2025-02", id: "run", files: [azureRows("2025-02", "2")] }));
  const damaged = curDelivery({
    month: "2025-01",
    id: "x",
    files: [curRows("2025-01", "1")],
    folder: "cur/broken",
    exportName: "broken",
  });
  await deliver(project.bucket, {
    ...damaged,
    objects: new Map([...damaged.objects, [damaged.manifestKey, Buffer.from("{")]]),
  });
  return project;
}

describe("billhouse init", () => {
  test("lists the exports of a bucket, and writes a configuration that loads them", async (t) => {
    const { bucket } = await bucketOf(t);
    const folder = await temporaryFolder(t);
    const { code, stdout, stderr } = await billhouse({ folder }, ["init", bucket]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /✔ +acme-cur +aws-cur +2025-01 to 2025-02 .* cur 2025-02/u);
    assert.match(stdout, /✔ +acme-actual +azure-cost +2025-02 /u);
    assert.match(stdout, /✖ broken: .*is not valid JSON/u);
    const toml = await readFile(join(folder, "billhouse.toml"), "utf8");
    assert.match(
      toml,
      /\[sources\.aws_cur\]\nbucket_url = ".*"\nprefix = "cur\/acme-cur"\nexport_name = "acme-cur"\n/u,
    );
    assert.match(toml, /\[sources\.azure_billing\]/u);
    assert.doesNotMatch(toml, /broken/u);
    const run = await billhouse({ folder }, ["run", "--json"]);
    assert.equal(run.code, 0, run.stdout);
    const finished = JSON.parse(run.stdout.trimEnd().split("\n").at(-1) ?? "") as {
      readonly pipelines: readonly { readonly name: string; readonly loaded: readonly unknown[] }[];
    };
    assert.deepEqual(
      finished.pipelines.map(({ name, loaded }) => [name, loaded.length]),
      [
        ["aws_cur", 2],
        ["azure_billing", 1],
      ],
    );
  });

  test("never replaces a configuration without --force", async (t) => {
    const { bucket } = await bucketOf(t);
    const folder = await temporaryFolder(t);
    await writeFile(join(folder, "billhouse.toml"), "# mine\n");
    const kept = await billhouse({ folder }, ["init", bucket]);
    assert.equal(kept.code, 1);
    assert.match(kept.stderr, /CONFIG_EXISTS/u);
    assert.match(kept.stdout, /\[sources\.aws_cur\]/u, "what it would have written is shown");
    assert.equal(await readFile(join(folder, "billhouse.toml"), "utf8"), "# mine\n");
    const replaced = await billhouse({ folder }, ["init", bucket, "--force", "--json"]);
    assert.equal(replaced.code, 0, replaced.stdout);
    const found = JSON.parse(replaced.stdout) as { readonly exports: readonly { readonly kind: string }[] };
    assert.equal(found.exports.length, 3);
    assert.match(await readFile(join(folder, "billhouse.toml"), "utf8"), /\[sources\.azure_billing\]/u);
  });

  test("writes the file that --config names, from which the bucket is found again", async (t) => {
    const project = await bucketOf(t);
    await mkdir(join(project.folder, "settings"));
    const words = ["init", "bucket", "--config", "settings/bills.toml"];
    const { code, stdout, stderr } = await billhouse(project, words);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /settings\/bills\.toml\.\nTo see what would be loaded: billhouse plan --config settings\/bills\.toml\n/u,
    );
    const planned = await billhouse(project, ["plan", "--json", "--config", "settings/bills.toml"]);
    assert.equal(planned.code, 0, planned.stdout);
    assert.match(planned.stdout, /"aws_cur"/u);
    const again = await billhouse(project, words);
    assert.deepEqual([again.code, /There is a settings\/bills\.toml already/u.test(again.stderr)], [1, true]);
    const nowhere = await billhouse(project, ["init", "bucket", "--config", "none/bills.toml"]);
    assert.equal(nowhere.code, 64);
    assert.match(nowhere.stderr, /none\/bills\.toml cannot be written \(ENOENT\).*CONFIG_INVALID/u);
  });

  test("points out two exports of the same charges", async (t) => {
    const { bucket } = await bucketOf(t);
    const type = { type: "AmortizedCost", exportName: "acme-amortized" } as const;
    const other = azureDelivery({ month: "2025-02", id: "other", files: [azureRows("2025-02", "2")], ...type });
    await deliver(bucket, other);
    const folder = await temporaryFolder(t);
    const { stdout } = await billhouse({ folder }, ["init", bucket]);
    const words = "Holds the charges of /subscriptions/38f1d748 in 2025-02, as acme-amortized does";
    assert.ok(stdout.includes(`! acme-actual: ${words}`), stdout);
    assert.equal(stdout.match(/^! /gmu)?.length, 2, "each of the two, and nothing else");
    const toml = await readFile(join(folder, "billhouse.toml"), "utf8");
    assert.ok(toml.includes(`[sources.azure_billing]\n# ${words}`), toml);
    const { stdout: json } = await billhouse({ folder }, ["init", bucket, "--force", "--json"]);
    const { exports } = JSON.parse(json) as { readonly exports: readonly { readonly notes: readonly string[] }[] };
    assert.equal(exports.filter(({ notes }) => notes.length === 1).length, 2);
  });

  test("writes a configuration for two exports of one name that loads both", async (t) => {
    const project = await createProject(t, { aws_cur: { bucket_url: "bucket" } });
    for (const [payer, cost] of [
      ["payer-a", "1"],
      ["payer-b", "2"],
    ] as const) {
      const place = { folder: `${payer}/acme`, exportName: "acme" };
      await deliver(
        project.bucket,
        curDelivery({ month: "2025-01", id: payer, files: [curRows("2025-01", cost)], ...place }),
      );
    }
    const { error } = onlyResult((await runProject(project)).finished);
    assert.equal(error?.code, "EXPORT_AMBIGUOUS");
    const values = /to one of these: (.*)\.$/u.exec(error.hint)?.[1]?.split(", ") ?? [];
    assert.deepEqual(values, ['"payer-a/acme/"', '"payer-b/acme/"']);
    const sections = values.map((value, index) => [
      `aws_${index}`,
      { bucket_url: "bucket", export_name: JSON.parse(value) as string },
    ]);
    const both = await configure(project, Object.fromEntries(sections));
    const { finished } = await runProject(both);
    assert.deepEqual(finished.pipelines.map(outcomes), [["2025-01 new payer-a"], ["2025-01 new payer-b"]]);

    const { stdout } = await billhouse(project, ["init", "bucket", "--force"]);
    assert.match(stdout, /objects, 2 exports\n/u);
    assert.match(
      stdout,
      /✔ +acme in payer-a\/acme, \[sources\.aws_cur\] .*\n✔ +acme in payer-b\/acme, \[sources\.aws_acme\] /u,
    );
    const planned = await billhouse(project, ["plan", "--json"]);
    assert.match(planned.stdout, /"execution_id":\s*"payer-a"[^]*"execution_id":\s*"payer-b"/u);
  });

  test("lists bills that are not supported beside an export, and fails where it finds nothing else", async (t) => {
    const { bucket } = await bucketOf(t);
    await writeKey(bucket, "oci/0001000000012345.csv.gz", "x");
    const folder = await temporaryFolder(t);
    const { stdout } = await billhouse({ folder }, ["init", bucket]);
    assert.match(stdout, /- Oracle Cloud reports: not supported/u);
    for (const words of [
      ["init", join(bucket, "oci")],
      ["init", join(bucket, "cur/broken")],
    ]) {
      const { code, stderr } = await billhouse({ folder }, [...words, "--force"]);
      assert.equal(code, 1);
      assert.match(stderr, /looks like Oracle Cloud reports, which are not supported|can be loaded\..*not valid JSON/u);
      assert.match(stderr, /EXPORT_NOT_FOUND/u);
    }
  });

  test("describes what it finds if it is not a bill", async (t) => {
    const folder = await temporaryFolder(t);
    const bucket = await temporaryFolder(t);
    const { code, stderr } = await billhouse({ folder }, ["init", bucket]);
    assert.equal(code, 1);
    assert.match(stderr, /EXPORT_NOT_FOUND/u);
  });
});

test("init, plan and status say nothing of two exports of one scope whose months do not overlap", async (t) => {
  const project = await bucketOf(t);
  const type = { type: "AmortizedCost", exportName: "acme-amortized" } as const;
  await deliver(
    project.bucket,
    azureDelivery({ month: "2025-03", id: "other", files: [azureRows("2025-03", "2")], ...type }),
  );
  const both = await configure(project, {
    azure_billing: { bucket_url: "bucket", export_name: "acme-actual" },
    azure_amortized: { bucket_url: "bucket", export_name: "acme-amortized" },
  });
  await runProject(both);
  const folder = await temporaryFolder(t);
  for (const [place, words] of [
    [{ folder }, ["init", project.bucket]],
    [both, ["plan"]],
    [both, ["status"]],
  ] as const) {
    const { code, stdout } = await billhouse(place, words);
    assert.equal(code, 0);
    assert.match(stdout, /acme-amortized|azure_amortized/);
    assert.doesNotMatch(stdout, /Holds the charges/);
  }
});

test("plan and status point out two exports of the same charges", async (t) => {
  const project = await bucketOf(t);
  const type = { type: "AmortizedCost", exportName: "acme-amortized" } as const;
  await deliver(
    project.bucket,
    azureDelivery({ month: "2025-02", id: "other", files: [azureRows("2025-02", "2")], ...type }),
  );
  const both = await configure(project, {
    azure_billing: { bucket_url: "bucket", export_name: "acme-actual" },
    azure_amortized: { bucket_url: "bucket", export_name: "acme-amortized" },
    aws_cur: { bucket_url: "bucket", export_name: "acme-cur" },
  });
  const expected = [1, 1, 0];
  const planned = await plan(both.config);
  assert.deepEqual(
    planned.pipelines.map(({ notes }) => notes.length),
    expected,
    JSON.stringify(planned),
  );
  assert.match(
    planned.pipelines[0]?.notes[0] ?? "",
    /as azure_amortized does: adding them up counts these costs more/u,
  );
  await runProject(both);
  assert.deepEqual(
    (await status(both.config)).pipelines.map(({ notes }) => notes.length),
    expected,
  );
  const { stdout } = await billhouse(both, ["plan"]);
  assert.match(stdout, /! Holds the charges of \/subscriptions\/38f1d748/u);
});
