import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { BillhouseError } from "../../errors.ts";
import type { Holder } from "../warehouse.ts";
import { isLockHeld, translateOpening } from "./failures.ts";

/**
 * What the note beside a database says of the process that opened it to write. DuckDB's lock is what keeps others out;
 * the note only says more about its holder, and a killed process leaves one that means nothing.
 */
export interface HolderNote extends Holder {
  readonly host: string;
  /** When the lock was taken: ISO 8601 in UTC. */
  readonly started: string;
}

/** Where scratch files of a database lie, and the note. */
export function scratchFolder(path: string): string {
  return `${path}.tmp`;
}

/** Writes the note, in place of one that a killed process left. Only who has the lock may. */
export async function writeHolder(path: string, holder: Holder, now: Date): Promise<void> {
  const note: HolderNote = { ...holder, host: hostname(), started: now.toISOString() };
  const target = join(scratchFolder(path), noteName);
  await writeFile(`${target}.new`, `${JSON.stringify(note)}\n`);
  // Whoever waits for the lock reads it at any time, and must not find half of it.
  await rename(`${target}.new`, target);
}

/** Takes the note away. Only who has the lock may. */
export async function removeHolder(path: string): Promise<void> {
  await rm(join(scratchFolder(path), noteName), { force: true });
}

/**
 * The error that a person can act on when a database cannot be opened; where another process has it open it says which,
 * and since when. The note is believed when it names the process of which DuckDB says that it has the lock. A lock that
 * is held on another machine or in another container has no such number, and then the note is quoted as what it is.
 * Errors: WAREHOUSE_LOCKED, and those of `translateOpening`.
 */
export async function explainOpening(error: unknown, path: string): Promise<unknown> {
  const told = translateOpening(error, path);
  if (!isLockHeld(error) || !(error instanceof Error) || !(told instanceof BillhouseError)) return told;
  const note = await readHolder(path);
  if (note === undefined) return told;
  const holder = Number(/\bPID (\d+)/.exec(error.message)?.[1] ?? 0);
  const since = `since ${note.started.slice(0, 19).replace("T", " ")} UTC`;
  if (holder === note.pid && note.host === hostname()) {
    const message = `The process ${note.pid} (${note.command}) has ${path} open, ${since}.`;
    return new BillhouseError("WAREHOUSE_LOCKED", message, { hint: told.hint, cause: error });
  }
  if (holder !== 0) return told;
  const message = `Another process has ${path} open. The note beside it names process ${note.pid} on ${note.host} (${note.command}), ${since}.`;
  return new BillhouseError("WAREHOUSE_LOCKED", message, { hint: told.hint, cause: error });
}

const noteName = "holder.json";

async function readHolder(path: string): Promise<HolderNote | undefined> {
  const text = await readFile(join(scratchFolder(path), noteName), "utf8").catch(() => "null");
  let note: Partial<HolderNote> | null;
  try {
    note = JSON.parse(text) as Partial<HolderNote> | null;
  } catch {
    return undefined;
  }
  const { pid, host, started, command } = note ?? {};
  const isWhole = typeof pid === "number" && [host, started, command].every((value) => typeof value === "string");
  return isWhole ? (note as HolderNote) : undefined;
}
