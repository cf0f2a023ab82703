import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { curDelivery, curRow, curRows, deliver, withFile } from "./support/deliveries.ts";
import { createProject, curSection, runWell, type Project } from "./support/projects.ts";

const page = await readFile(join(import.meta.dirname, "..", "docs", "production.md"), "utf8");
const month = "2025-01";
/** A month with an invoice and charges to its last day, which does not need attention. */
const bill = curDelivery({
  month,
  id: "20250203T000000Z",
  files: [
    [
      curRow(month, {
        "bill/InvoiceId": "900",
        "lineItem/UsageStartDate": "2025-01-31T00:00:00Z",
        "lineItem/UsageEndDate": "2025-02-01T00:00:00Z",
      }),
    ],
  ],
});

/** Why a test is skipped: a program that the page uses is not installed. */
function without(program: string): string | false {
  return spawnSync(program, ["--version"]).error === undefined ? false : `${program} is not installed`;
}

/** The block of code behind a text of the page, with the folder of the project in place of /var/lib/billhouse. */
function block(behind: string, { folder }: Pick<Project, "folder">): string {
  const [, rest = assert.fail(behind)] = page.split(behind);
  const code = /```\w*\n([^]*?)```/.exec(rest)?.[1] ?? assert.fail(behind);
  return code.replaceAll("/var/lib/billhouse", folder).replaceAll("/backup", join(folder, "backup"));
}

/** A project with a command `billhouse` on the path, and with a `mail` and a `logger` that write what they get to files. */
async function createMachine(t: TestContext): Promise<{ project: Project; shell: Shell }> {
  const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], active_to: "2025-02-28" } });
  await deliver(project.bucket, bill);
  const bin = join(project.folder, "bin");
  await mkdir(bin);
  const program = join(import.meta.dirname, "..", "src", "cli.ts");
  const commands = {
    billhouse: `exec '${process.execPath}' '${program}' "$@"`,
    mail: `{ echo "$@"; cat; } > '${project.folder}/mail.txt'`,
    logger: `echo "$@" > '${project.folder}/log.txt'`,
  };
  for (const [name, line] of Object.entries(commands)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  }
  const env = { PATH: `${bin}:${process.env["PATH"]}`, HOME: project.folder };
  const shell: Shell = (program, script) =>
    new Promise((resolve) => {
      execFile(program, ["-c", script], { env }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), shown: stdout + stderr });
      });
    });
  return { project, shell };
}

type Shell = (program: "sh" | "bash", script: string) => Promise<{ readonly code: number; readonly shown: string }>;

describe("docs/production.md, word for word", () => {
  test("systemd accepts the units", { skip: without("systemd-analyze") }, async (t) => {
    const project = await createProject(t, curSection);
    const names = ["billhouse.service", "billhouse.timer", "billhouse-alert.service"];
    for (const name of names) {
      await writeFile(join(project.folder, name), block(`\`/etc/systemd/system/${name}\``, project));
    }
    const verified = spawnSync("systemd-analyze", ["verify", ...names.map((name) => join(project.folder, name))], {
      encoding: "utf8",
    });
    assert.deepEqual([verified.status, verified.stdout + verified.stderr], [0, ""]);
  });

  test(
    "the cron line shows what it loads, and nothing after that or beside another run",
    { skip: without("flock") },
    async (t) => {
      const { project, shell } = await createMachine(t);
      const line =
        block("### cron", project)
          .trim()
          .split("\n")
          .at(-1)
          ?.replace(/^(?:\S+ ){5}/, "") ?? "";
      const first = await shell("sh", line);
      assert.match(first.shown, /✔ 2025-01 /);
      assert.deepEqual(await shell("sh", line), { code: 0, shown: "" });
      await deliver(project.bucket, curDelivery({ month: "2025-02", id: "next", files: [curRows("2025-02", "1")] }));
      const second = await shell("sh", `cd ${project.folder}; exec 9> .lock; flock 9; ${line} 9>&-`);
      assert.deepEqual(second, { code: 0, shown: "" });
      assert.match((await shell("sh", line)).shown, /✔ 2025-02 /);
      await deliver(
        project.bucket,
        withFile(bill, 0, (bytes) => bytes.subarray(9)),
      );
      assert.equal((await shell("sh", `${line} --force`)).code, 3);
    },
  );

  test("the script logs a failed run, and mails what needs attention", async (t) => {
    const { project, shell } = await createMachine(t);
    const script = block("This script checks for both, once a day:", project);
    const written = async (name: string): Promise<string> =>
      readFile(join(project.folder, name), "utf8").catch(() => "");
    assert.equal((await shell("bash", script)).code, 0);
    assert.deepEqual([await written("mail.txt"), await written("log.txt")], ["", ""]);
    const march = curDelivery({ month: "2025-03", id: "whole", files: [curRows("2025-03", "1")] });
    await deliver(project.bucket, march);
    const february = curDelivery({ month: "2025-02", id: "damaged", files: [curRows("2025-02", "1")] });
    await deliver(
      project.bucket,
      withFile(february, 0, (bytes) => bytes.subarray(9)),
    );
    assert.equal((await shell("bash", script)).code, 3);
    assert.equal(await written("log.txt"), "--priority user.err billhouse run ended with exit code 3\n");
    assert.match(
      await written("mail.txt"),
      /^-s Cloud bills need attention finops@example\.com\n1 month needs attention/,
    );
  });

  test("a backup is made and restored", async (t) => {
    const { project, shell } = await createMachine(t);
    await runWell(project);
    await mkdir(join(project.folder, "backup"));
    assert.deepEqual(await shell("sh", block("## Backups", project)), { code: 0, shown: "" });
    const [name = ""] = await readdir(join(project.folder, "backup"));
    assert.match(name, /^billhouse-\d{4}-\d\d-\d\d\.duckdb$/);
    await deliver(project.bucket, curDelivery({ month: "2025-02", id: "later", files: [curRows("2025-02", "5")] }));
    const restore = block("To restore, stop the schedule and replace the database:", project);
    const { code, shown } = await shell("sh", `set -e\n${restore.replace("billhouse-2026-11-01.duckdb", name)}`);
    assert.equal(code, 0, shown);
    assert.match(shown, /✔ 2025-02 +new [^]*all tables match their receipts and deliveries\./);
  });
});
