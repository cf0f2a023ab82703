import { appendFileSync, existsSync } from "node:fs";
import { subscribe } from "node:diagnostics_channel";

/*
 * Loaded into a process of the command line before the program itself (`--import`): does a task, which stands in the
 * environment, at the points that the run reaches.
 */

/** What a process does at the points of its run. */
export interface PointTask {
  /** A file that gets the name of every point that is reached, a line each. */
  readonly record?: string;
  /** The process kills itself with SIGKILL when the point is reached for the n-th time. */
  readonly kill?: { readonly point: string; readonly nth: number };
  /** The process stands still when the point is reached for the first time, until the file `until` is there. */
  readonly pause?: { readonly point: string; readonly until: string };
}

/** The variable that holds the task, as JSON. */
export const taskVariable = "BILLHOUSE_TEST_POINTS";

const task = JSON.parse(process.env[taskVariable] ?? "{}") as PointTask;
const reached = new Map<string, number>();

subscribe("billhouse:point", (message) => {
  const { name } = message as { readonly name: string };
  const count = (reached.get(name) ?? 0) + 1;
  reached.set(name, count);
  if (task.record !== undefined) appendFileSync(task.record, `${name}\n`);
  if (task.kill?.point === name && task.kill.nth === count) process.kill(process.pid, "SIGKILL");
  if (task.pause?.point === name && count === 1) standStill(task.pause.until);
});

function standStill(until: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(until)) Atomics.wait(cell, 0, 0, 20);
}
