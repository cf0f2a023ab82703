import assert from "node:assert/strict";
import { rename, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { billhouse } from "../support/in-process.ts";
import { obeyed } from "../support/recorded.ts";
import { deliver, type Delivery } from "../support/deliveries.ts";
import { createProject, onlyResult, outcomes, runProject } from "../support/projects.ts";
import { writeKey } from "../support/folders.ts";
import {
  type HostileCase,
  loadedProject,
  refusesEach,
  soundDelivery,
  withFields,
  withoutLooks,
} from "../support/hostile/projects.ts";

const range = "cur/acme-cur/20250201-20250301";

describe("a manifest that lists a hostile key", { timeout: 300_000 }, () => {
  const outside = [
    "../../../etc/passwd",
    `${range}/../../../../etc/passwd`,
    `${range}/./b/acme-cur-00001.csv.gz`,
    "/etc/passwd",
    "file:///etc/passwd",
    `s3://another-bucket/${range}/b/acme-cur-00001.csv.gz`,
    `${range}\\b\\acme-cur-00001.csv.gz`,
    `${range}/b/acme-cur\0-00001.csv.gz`,
    `${range}/b/\u001b]52;c;ZWNobw==\u0007/../x.csv.gz`,
  ];

  it("fails its month, and the key is never printed raw", async (t) => {
    const cases = outside.map((key) => [
      JSON.stringify(key),
      {
        code: "KEY_OUTSIDE_PREFIX" as const,
        delivery: (month: string, id: string) => soundDelivery(month, id, "3", { listedKeys: [key] }),
      },
    ]);
    const long = (month: string, id: string): Delivery =>
      soundDelivery(month, id, "3", { listedKeys: [`${range}/b/${"x".repeat(50_000)}`] });
    const { project } = await refusesEach(t, {
      ...(Object.fromEntries(cases) as Record<string, HostileCase>),
      "a key that no cloud can hold": { code: "MANIFEST_INVALID", delivery: long },
    });
    const { stdout, stderr } = await billhouse(project.folder, ["run"], {}, { isTerminal: true });
    assert.match(stdout + stderr, /\\u001b\]52/);
    assert.doesNotMatch(withoutLooks(stdout + stderr), obeyed);
  });

  it("never decodes it: %2e%2e is a folder of that name", async (t) => {
    const project = await loadedProject(t);
    const secret = soundDelivery("2025-02", "evil", "3");
    await writeKey(project.folder, "secret/x.csv.gz", secret.objects.get(secret.fileKeys[0] ?? "") ?? "");
    const key = `${range}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret/x.csv.gz`;
    await deliver(project.bucket, soundDelivery("2025-02", "evil", "3", { listedKeys: [key] }));
    assert.deepEqual(outcomes(onlyResult((await runProject(project)).finished)), [
      "2025-01 unchanged 2025-01-a",
      "2025-02 waiting evil",
    ]);
  });
});

describe("a bucket with hostile names", { timeout: 300_000 }, () => {
  it("is never read through links that lead out of it", async (t) => {
    const project = await loadedProject(t);
    const hostile = soundDelivery("2025-02", "evil", "3");
    await deliver(project.bucket, hostile);
    const [key = ""] = hostile.fileKeys;
    for (const linked of [key, dirname(key)]) {
      const path = join(project.bucket, linked);
      await rename(path, join(project.folder, `moved-${dirname(key) === linked ? "folder" : "file"}`));
      await symlink(join(project.folder, `moved-${dirname(key) === linked ? "folder" : "file"}`), path);
      const result = onlyResult((await runProject(project)).finished);
      assert.deepEqual(outcomes(result), ["2025-01 unchanged 2025-01-a", "2025-02 waiting evil"], linked);
    }
  });

  it("is loaded with keys of more than 1,024 bytes, line breaks, escapes and marks", async (t) => {
    const long = Array.from({ length: 5 }, () => "ä".repeat(110)).join("/");
    const odd = "a\u001b]8;;http:x\u0007c\u009b2J\u202e'\"`;DROP TABLE x";
    const project = await createProject(t, {
      long: { bucket_url: "bucket", prefix: `cur/${long}` },
      odd: { bucket_url: "bucket", prefix: `cur/${odd}` },
    });
    for (const name of [long, odd]) {
      const sound = soundDelivery("2025-01", "id", "1.5", { folder: `cur/${name}` });
      const broken = (key: string): string => key.replace("-00001.csv", "-\r\n00001.csv");
      const objects = new Map([...sound.objects].map(([key, bytes]) => [broken(key), bytes]));
      const fileKeys = sound.fileKeys.map(broken);
      await deliver(project.bucket, withFields({ ...sound, objects, fileKeys }, { reportKeys: fileKeys }));
    }
    const { finished } = await runProject(project);
    assert.deepEqual(finished.pipelines.map(outcomes), [["2025-01 new id"], ["2025-01 new id"]]);
    for (const words of [["plan"], ["status"], ["run", "--force", "--verbose"], ["run", "--force", "--json"]]) {
      const { stdout, stderr } = await billhouse(project.folder, words, {}, { isTerminal: true });
      assert.doesNotMatch(withoutLooks(stdout + stderr), obeyed, words.join(" "));
    }
  });
});
