import { fork } from "node:child_process";
import { open, type FileHandle } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { CopyFailure, CopyTask } from "./copy-process.ts";

/** Smaller databases are copied sooner than a process starts. Bytes. */
export const worthProcess: number = 64 * 1024 ** 2;

/** How often a copying process is stopped if the warehouse is closing, in milliseconds. */
const lookInterval = 50;

/**
 * Copies a database to a new file, with its permissions, and waits until the disk has it. `throwIfClosing` is called again and
 * again, and stops the copying with its error. A large file is cloned where the file system can (Btrfs, XFS, APFS, ReFS), which
 * takes neither time nor space, and otherwise copied by the operating system.
 *
 * The clone needs the path, and who opens a path also closes it: that would release DuckDB's lock if it happened in this process
 * (POSIX locks belong to the process). Therefore another one does it.
 */
export async function copyDatabase(
  { source, path }: { readonly source: FileHandle; readonly path: string },
  target: string,
  throwIfClosing: () => void,
): Promise<void> {
  const { size, mode } = await source.stat();
  if (size < worthProcess) return copyBytes(source, target, mode & 0o777, throwIfClosing);
  return copyElsewhere({ path, target, size, mode: mode & 0o777 }, throwIfClosing);
}

async function copyBytes(source: FileHandle, target: string, mode: number, throwIfClosing: () => void): Promise<void> {
  const copy = await open(target, "wx", 0o600);
  try {
    await copy.chmod(mode);
    const buffer = Buffer.allocUnsafe(4 * 1024 * 1024);
    for (let position = 0; ;) {
      throwIfClosing();
      const { bytesRead } = await source.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) break;
      await copy.writeFile(buffer.subarray(0, bytesRead));
      position += bytesRead;
    }
    await copy.sync();
  } finally {
    await copy.close();
  }
}

/** Error: that of the file system, as it would be in this process. */
async function copyElsewhere(task: CopyTask, throwIfClosing: () => void): Promise<void> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const program = fileURLToPath(new URL(`./copy-process.${extension}`, import.meta.url));
  // Only its errors are of interest, and options such as `--import` are for this process.
  const child = fork(program, [], { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
  let failure: unknown;
  let isDone = false;
  const timer = setInterval(() => {
    try {
      throwIfClosing();
    } catch (error) {
      failure = error;
      child.kill("SIGKILL");
    }
  }, lookInterval);
  child.on("message", (message: CopyFailure | "copied") => {
    isDone = message === "copied";
    if (message !== "copied") failure ??= Object.assign(new Error(message.text), message.system);
  });
  child.send(task, (error) => (failure ??= error ?? undefined));
  const ended = await new Promise<string>((resolve) => {
    child.on("error", (error) => {
      failure ??= error;
      if (child.pid === undefined) resolve("did not start");
    });
    child.on("close", (code, signal) => resolve(`ended with ${signal ?? code}`));
  }).finally(() => clearInterval(timer));
  if (failure !== undefined) throw failure;
  if (!isDone) throw new Error(`The process that copies ${task.path} ${ended}.`);
}
