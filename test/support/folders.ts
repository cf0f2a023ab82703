import { chmod, mkdir, mkdtemp, rm, stat, utimes, writeFile } from "node:fs/promises";
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

/**
 * Writes the file that a key names below a folder, with the folders on the way, and gives its path. It gets a time days
 * ago, a second after the file written before it, as a delivery that arrived long ago; or (`isFresh`) that of now.
 */
export async function writeKey(
  folder: string,
  key: string,
  bytes: string | Uint8Array,
  isFresh = false,
): Promise<string> {
  const path = join(folder, key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  if (isFresh) return path;
  writes += 1;
  const seconds = daysAgo + writes;
  await utimes(path, seconds, seconds);
  return path;
}

const daysAgo = Math.floor(Date.now() / 1000) - 5 * 24 * 60 * 60;

let writes = 0;

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
