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
  /**
   * The process stands still when the point is reached for the n-th time (the first), until the file `until` is there;
   * the file `reached` is made when it does.
   */
  readonly pause?: { readonly point: string; readonly nth?: number; readonly until: string; readonly reached?: string };
  /** The clock of the process is so many milliseconds ahead, from its start or from a point on. */
  readonly clock?: { readonly ahead: number; readonly from?: { readonly point: string; readonly nth: number } };
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
  if (task.pause?.point === name && (task.pause.nth ?? 1) === count) {
    if (task.pause.reached !== undefined) appendFileSync(task.pause.reached, "");
    standStill(task.pause.until);
  }
  if (task.clock?.from?.point === name && task.clock.from.nth === count) setClock(task.clock.ahead);
});
if (task.clock !== undefined && task.clock.from === undefined) setClock(task.clock.ahead);

/** Sets the clock of this process as another machine's would be set: what JavaScript sees of the time is moved. */
function setClock(ahead: number): void {
  const RealDate = Date;
  const moved = class extends RealDate {
    constructor(...given: readonly unknown[]) {
      if (given.length === 0) super(RealDate.now() + ahead);
      else super(...(given as [number]));
    }
    static override now(): number {
      return RealDate.now() + ahead;
    }
  };
  globalThis.Date = moved as DateConstructor;
}

function standStill(until: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(until)) Atomics.wait(cell, 0, 0, 20);
}
