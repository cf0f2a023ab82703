import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../support/folders.ts";
import { billhouse } from "../support/in-process.ts";

const now = new Date("2025-03-15T00:00:00Z");

test("commands, flags, exports and months are completed", async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(
    join(folder, "billhouse.toml"),
    '[sources.acme_cur]\nbucket_url = "b"\n[sources.focus]\nbucket_url = "b"\n',
  );
  const cases: readonly (readonly [words: readonly string[], completed: readonly string[]])[] = [
    [["ver"], ["verify"]],
    [
      ["state", ""],
      ["show", "forget"],
    ],
    [["run", "ac"], ["acme_cur"]],
    [
      ["doctor", ""],
      ["acme_cur", "focus", "aws", "azure"],
    ],
    [
      ["run", "acme_cur", "2025"],
      ["2025-03", "2025-02", "2025-01"],
    ],
    [
      ["diff", "acme_cur", "--month", "2024-1"],
      ["2024-12", "2024-11", "2024-10"],
    ],
    [["plan", "--det"], ["--detailed-exitcode"]],
    [["status", "--js"], ["--json"]],
    [
      ["run", "--log-format", ""],
      ["text", "json"],
    ],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
  ];
  for (const [words, completed] of cases) {
    const { code, stdout, stderr } = await billhouse(folder, ["completion", "complete", "--", ...words], {}, { now });
    assert.deepEqual([code, stderr], [0, ""]);
    const offered = stdout.split("\n").filter((line) => line.includes("\t"));
    assert.deepEqual(
      offered.map((line) => line.split("\t")[0]),
      completed,
      words.join(" "),
    );
  }
});

test("completion works without a configuration, and a shell is required", async (t) => {
  const folder = await temporaryFolder(t);
  const { code, stdout } = await billhouse(folder, ["completion", "complete", "--", "doctor", "a"]);
  assert.deepEqual([code, stdout], [0, "aws\t\nazure\t\n:4\n"]);
  const wrong = await billhouse(folder, ["completion", "tcsh"]);
  assert.deepEqual([wrong.code, wrong.stdout], [64, ""]);
  assert.match(wrong.stderr, /There is no completion for "tcsh"\..*\n {2}Use one of: bash, zsh, fish\./);
});

test("the scripts ask billhouse completion, and the shells that are installed can read them", async (t) => {
  const folder = await temporaryFolder(t);
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await billhouse(folder, ["completion", shell]);
    assert.equal(code, 0);
    assert.match(stdout, /billhouse completion complete --/);
    const read = spawnSync(shell, ["-n"], { input: stdout, encoding: "utf8" });
    if (read.error === undefined) assert.deepEqual([read.status, read.stderr], [0, ""], shell);
  }
});
