import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BillhouseError } from "../src/errors.ts";

/** The file that marks a folder as the demo's own; without it the demo touches nothing in a folder. */
export const demoMark = ".billhouse-demo";

/**
 * Makes the folder ready: creates it, or takes away what an earlier demo left in it (its buckets, its configuration,
 * its database). Error: DEMO_FOLDER_FOREIGN when something is in it and the demo's mark is not.
 */
export async function claimFolder(folder: string): Promise<void> {
  const entries = await entriesOf(folder);
  if (entries.length > 0 && !entries.includes(demoMark)) throw foreign(folder);
  await mkdir(folder, { recursive: true });
  const text = "`billhouse demo` made this folder and writes it anew each time it runs.\n";
  await writeFile(join(folder, demoMark), text);
  for (const entry of entries.filter((name) => name === "buckets" || name.startsWith("billhouse."))) {
    await rm(join(folder, entry), { recursive: true, force: true });
  }
}

/** Error: DEMO_FOLDER_FOREIGN when the folder does not carry the demo's mark. */
export async function requireClaimed(folder: string): Promise<void> {
  if (!(await entriesOf(folder)).includes(demoMark)) throw foreign(folder);
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return [];
    if (code === "ENOTDIR") throw foreign(folder);
    throw error;
  }
}

function foreign(folder: string): BillhouseError {
  return new BillhouseError("DEMO_FOLDER_FOREIGN", `${folder} exists, and the demo did not make it.`, {
    hint: "Name another folder, or move this one away: the demo writes only into a folder of its own.",
  });
}
