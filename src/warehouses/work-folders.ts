import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { getPriority, hostname, tmpdir } from "node:os";
import { join } from "node:path";

const prefix = "billhouse-work-";
const oldest = 24 * 60 * 60 * 1000;

/**
 * Makes an empty folder for decompressed files, and removes those that killed processes of the same user left: whose
 * process is gone, or, where that cannot be known (another machine or container with the same folder, a library without
 * a number of its process), in which nothing has changed for a day. `pid` is that of this process.
 */
export async function makeWorkFolder(pid: number | null, parent: string = tmpdir()): Promise<string> {
  const machine = hostname().replaceAll(/[^\w.]/g, "_");
  const folder = await mkdtemp(join(parent, `${prefix}${machine}-${pid ?? ""}-`));
  const { uid } = await lstat(folder);
  for (const name of await readdir(parent)) {
    const [, host, owner = ""] = /^billhouse-work-([\w.]+)-(\d*)-\w{6}$/.exec(name) ?? [];
    const path = join(parent, name);
    if (host === undefined || path === folder) continue;
    try {
      const stats = await lstat(path);
      const isLeft = host === machine && owner !== "" && Number(owner) !== pid && !isAlive(Number(owner));
      const isMine = stats.isDirectory() && stats.uid === uid;
      if (isMine && (isLeft || Date.now() - stats.mtimeMs > oldest)) await rm(path, { recursive: true, force: true });
    } catch {
      // Another run may be removing it; leftovers do not fail a load.
    }
  }
  return folder;
}

/** Whether a process of this machine runs. Reading its priority does not disturb it and works on every system. */
export function isAlive(pid: number): boolean {
  try {
    getPriority(pid);
    return true;
  } catch (error) {
    return (error as { readonly info?: { readonly code?: string } }).info?.code !== "ESRCH";
  }
}
