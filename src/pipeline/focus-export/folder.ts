import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, sep } from "node:path";
import { BillhouseError } from "../../errors.ts";
import type { Holder } from "../../warehouses/warehouse.ts";
import { isAlive } from "../../warehouses/work-folders.ts";

/** The name of the manifest while an export is not finished. */
const unfinishedManifest = "manifest.json.unfinished";

/** Everything that an export writes, by its path in the folder. */
const ownFile =
  /^(?:manifest\.json(?:\.unfinished)?|SHA256SUMS|billing_period=\d{4}-\d\d(?:\/(?:focus_1_\d-\d+\.(?:csv\.gz|snappy\.parquet(?:\.csv)?)|rows(?:\/[^/]+)?))?)$/;

/**
 * Makes the folder of an export, and marks it as unfinished. What an export that was stopped has left there is removed; files of
 * anything else stay. Errors: USAGE_INVALID for a folder with other files, of a finished export, or of one that is still running;
 * those of the file system.
 */
export async function claimFolder(folder: string, holder: Holder | undefined): Promise<void> {
  const found = await readdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const isUnfinished = found.includes(unfinishedManifest);
  const other = found.find((name) => !ownFile.test(name.replaceAll(sep, "/")));
  if (found.length > 0 && (!isUnfinished || other !== undefined)) {
    const what = isUnfinished ? `has a file that no export wrote: ${other}` : "is not empty";
    throw new BillhouseError("USAGE_INVALID", `The folder ${folder} ${what}.`, {
      hint: isUnfinished
        ? "Move it away, then run again: the export that was stopped there starts again. Or name a new folder."
        : "Name a new or an empty folder: files of two exports would be loaded together.",
    });
  }
  if (isUnfinished) {
    await requireStopped(folder);
    // The mark is the last to go: if this is stopped too, the folder is still known.
    const top = found.filter((name) => !name.includes(sep) && name !== unfinishedManifest);
    for (const name of [...top, unfinishedManifest]) await rm(join(folder, name), { recursive: true, force: true });
  }
  await mkdir(folder, { recursive: true });
  const mark = { finished: false, host: hostname(), ...holder };
  await writeFile(join(folder, unfinishedManifest), `${JSON.stringify(mark)}\n`, { flag: "wx" }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
      throw new BillhouseError("USAGE_INVALID", `Another export has just started in the folder ${folder}.`, {
        hint: "Wait until it has finished, or name another folder.",
        cause: error,
      });
    },
  );
}

/** Error: USAGE_INVALID if the process that marked the folder still runs on this machine. */
async function requireStopped(folder: string): Promise<void> {
  const text = await readFile(join(folder, unfinishedManifest), "utf8");
  const [, pid] = /"pid":(\d+)/.exec(text) ?? [];
  if (pid === undefined || !text.includes(`"host":${JSON.stringify(hostname())}`) || !isAlive(Number(pid))) return;
  throw new BillhouseError("USAGE_INVALID", `The process ${pid} exports to the folder ${folder}.`, {
    hint: `Wait until it has finished, or name another folder. If the process ${pid} is something else, remove the folder.`,
  });
}

/** Writes the manifest, which ends the export: the folder has either the whole of it, or the mark of an unfinished export. */
export async function finishFolder(folder: string, manifest: string): Promise<void> {
  await writeFile(join(folder, unfinishedManifest), manifest);
  await rename(join(folder, unfinishedManifest), join(folder, "manifest.json"));
}
