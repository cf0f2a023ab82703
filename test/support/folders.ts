import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

/** An empty folder that is removed when the test is over. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "billhouse-test-"));
  // Other users may enter it, so that what they are denied is what a test denies them.
  await chmod(folder, 0o755);
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes the file that a key names below a folder, with the folders on the way, and gives its path. */
export async function writeKey(folder: string, key: string, bytes: string | Uint8Array): Promise<string> {
  const path = join(folder, key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

/**
 * Sets the rights of a file or folder while `work` runs, and runs it as a user whom rights bind: they do not bind
 * root, so a test that root runs becomes `nobody` for that time.
 */
export async function withRights(path: string, mode: number, work: () => Promise<void>): Promise<void> {
  const { mode: before } = await stat(path);
  await chmod(path, mode);
  const nobody = 65_534;
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(nobody);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
    await chmod(path, before);
  }
}
