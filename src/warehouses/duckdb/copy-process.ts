import { constants } from "node:fs";
import { copyFile, open } from "node:fs/promises";

/*
 * The program of the process that copies a database: it takes one task from the process that started it, and ends with it.
 */

/** What to copy. */
export interface CopyTask {
  readonly path: string;
  /** A file that does not exist. */
  readonly target: string;
  /** Bytes. */
  readonly size: number;
  /** Permissions of the copy. */
  readonly mode: number;
}

/** Why it failed. */
export interface CopyFailure {
  readonly text: string;
  /** The properties of an error of the operating system. */
  readonly system: { readonly code?: string; readonly syscall?: string };
}

process.once("message", (task: CopyTask) => {
  copy(task).then(
    () => process.send?.("copied", end),
    (error: Error & CopyFailure["system"]) => {
      const { message: text, code, syscall } = error;
      const system = { ...(code === undefined ? {} : { code }), ...(syscall === undefined ? {} : { syscall }) };
      process.send?.({ text, system } satisfies CopyFailure, end);
    },
  );
});

// The other process ended or was killed. Copying would take until its end, and keep the disk busy for nothing.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));

// Ctrl-C in a terminal reaches both processes: the other one decides when this one stops.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

function end(): void {
  process.exit();
}

async function copy({ path, target, size, mode }: CopyTask): Promise<void> {
  await copyFile(path, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const copied = await open(target, "r+");
  try {
    const { size: written } = await copied.stat();
    if (written !== size) throw new Error(`${path} has ${size} bytes, and its copy ${written}.`);
    // A clone keeps the times of the file on some systems; that of the copy is when it was published.
    const now = new Date();
    await copied.utimes(now, now);
    await copied.chmod(mode);
    await copied.sync();
  } finally {
    await copied.close();
  }
}
