import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, symlink, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { makeWorkFolder } from "../../src/warehouses/work-folders.ts";
import { temporaryFolder, writeKey } from "../support/folders.ts";

/** The number of a process that has ended. */
async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "close");
  return child.pid ?? 0;
}

test("folders that killed processes left are taken away, and no others", { timeout: 30_000 }, async (t) => {
  const parent = await temporaryFolder(t);
  const gone = await endedProcess();
  const here = hostname().replaceAll(/[^\w.]/g, "_");
  const left = [
    `billhouse-work-${here}-${gone}-abcdef`,
    "billhouse-work-elsewhere-1-oldold",
    "billhouse-work-x--oldone",
  ];
  const kept = [
    `billhouse-work-${here}-${process.pid}-mine00`,
    `billhouse-work-${here}-${process.ppid}-others`,
    `billhouse-work-elsewhere-${gone}-newnew`,
    `billhouse-work-${here}--nobody`,
    `billhouse-${gone}-of-somebody`,
    "unrelated",
  ];
  for (const name of [...left, ...kept]) {
    await writeKey(parent, `${name}/2025-01-0.csv`, "1\n");
    const age = /old|unrelated|somebody/.test(name) ? 25 : 23;
    const then = Date.now() / 1000 - age * 3600;
    await utimes(join(parent, name), then, then);
  }
  // What somebody else put there under such a name leads nowhere.
  const target = await temporaryFolder(t);
  await writeKey(target, "kept", "");
  await symlink(target, join(parent, `billhouse-work-${here}-${gone}-linked`));
  const folder = await makeWorkFolder(process.pid, parent);
  const names = [...kept, basename(folder), `billhouse-work-${here}-${gone}-linked`];
  assert.deepEqual((await readdir(parent)).toSorted(), names.toSorted());
  assert.deepEqual(await readdir(target), ["kept"]);
  await mkdir(join(folder, "usable"));
});
